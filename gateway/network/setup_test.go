package network

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
)

func told[T wire.Up](w *world) (list []T) {
	for _, m := range w.told {
		if x, ok := m.(T); ok {
			list = append(list, x)
		}
	}
	return list
}

func TestALightJoinsAndIsConfigured(t *testing.T) {
	w := newWorld(t, 1)
	if w.open != 0 {
		t.Fatal("open for joining before anything is desired")
	}
	w.net.SetDesired(w.now, desired(1, 1, 5, 7))
	w.run(time.Second)
	if s := w.stageOf(0); s.Stage != wire.StageWaiting {
		t.Errorf("stands at %+v, want waiting", s)
	}
	w.light(0).join()
	if w.open != 0 || len(w.allowed) != 0 {
		t.Error("still open for joining after the last light has joined")
	}
	w.run(10 * time.Second)
	l := w.light(0)
	if !slices.Equal(l.groups, []uint16{5, 7}) {
		t.Errorf("groups %v", l.groups)
	}
	if !slices.Equal(l.bindings, []uint16{zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterElectrical, zcl.ClusterMetering, zcl.ClusterTemperature, zcl.ClusterBallast}) {
		t.Errorf("bindings %v", l.bindings)
	}
	if n := len(l.server.Reporting()); n != 7 {
		t.Errorf("%d attributes are reported, want 7", n)
	}
	if s := w.stageOf(0); s.Stage != wire.StageConfigured || s.Reason != "" {
		t.Errorf("stands at %+v", s)
	}
	if e := told[wire.Events](w); len(e) != 1 || e[0].Events[0].Kind != wire.EventJoined {
		t.Errorf("events %+v", e)
	}
	r := w.net.Snapshot().Records[0]
	if r.Endpoint != 11 || r.Model != "Panel 40" || r.Manufacturer != "Maker" || r.Software != "1.2.3" || r.Divisor != 10 {
		t.Errorf("record %+v", r)
	}
	s := w.stateOf(0)
	if s.On == nil || *s.On || s.Level == nil || *s.Level != 1000 || !s.Reachable || s.Heard == 0 {
		t.Errorf("state %+v", s)
	}
	if p := readingsOf(w, sconce.ActivePower); len(p) == 0 || p[0] != 30 {
		t.Errorf("active power %v, want 30 W first", p)
	}
	if p := readingsOf(w, sconce.Energy); len(p) == 0 || p[0] != 2 {
		t.Errorf("energy %v, want 2 Wh first", p)
	}
	if want := (wire.Asset{Model: "Panel 40", Manufacturer: "Maker", Hardware: 3, Firmware: "1.2.3", Serial: "SN 1", RatedPower: 31.5}); w.stageOf(0).Asset == nil || *w.stageOf(0).Asset != want {
		t.Errorf("it says that it is %+v, want %+v", w.stageOf(0).Asset, want)
	}
	if s.Faults == nil || *s.Faults != sconce.FaultLamp {
		t.Errorf("faults %v, want its lamp", s.Faults)
	}
	if p := readingsOf(w, sconce.BurnHours); len(p) == 0 || p[0] != 1234 {
		t.Errorf("burnt %v, want 1234 h first", p)
	}
	if p := readingsOf(w, sconce.Temperature); len(p) == 0 || p[0] != -7 {
		t.Errorf("temperature %v, want -7 °C first", p)
	}
}

// Energy in another unit than kilowatt-hours is not told as if it were.
func TestEnergyInAnotherUnit(t *testing.T) {
	w := newWorld(t, 1)
	w.light(0).energyUnit = 1 // cubic metres
	w.net.SetDesired(w.now, desired(1, 1))
	w.light(0).join()
	w.run(10 * time.Second)
	if p := readingsOf(w, sconce.Energy); len(p) != 0 || w.stageOf(0).Stage != wire.StageConfigured {
		t.Errorf("energy %v, at %+v", p, w.stageOf(0))
	}
}

func TestReadings(t *testing.T) {
	r := Record{Multiplier: 1, Divisor: 10, EnergyMultiplier: 1, EnergyDivisor: 3_600_000}
	for _, test := range []struct {
		cluster, attribute uint16
		v                  zcl.Value
		metric             sconce.Metric
		want               float64
	}{
		{zcl.ClusterElectrical, zcl.AttrActivePower, zcl.Int16(255), sconce.ActivePower, 25.5},
		{zcl.ClusterMetering, zcl.AttrEnergyDelivered, zcl.NewValue(zcl.TypeUint48, 36_000), sconce.Energy, 10},
		{zcl.ClusterTemperature, zcl.AttrCurrentTemperature, zcl.Int16(41), sconce.Temperature, 41},
		{zcl.ClusterOccupancy, zcl.AttrOccupancy, zcl.Map8(0x81), sconce.Occupancy, 1},
		{zcl.ClusterIlluminance, zcl.AttrIlluminance, zcl.Uint16(20_001), sconce.Illuminance, 100},
		{zcl.ClusterIlluminance, zcl.AttrIlluminance, zcl.Uint16(0), sconce.Illuminance, 0},
		{zcl.ClusterPower, zcl.AttrBatteryPercentage, zcl.Uint8(151), sconce.Battery, 75.5},
		{zcl.ClusterBallast, zcl.AttrLampBurnHours, zcl.NewValue(zcl.TypeUint24, 70_000), sconce.BurnHours, 70_000},
		{zcl.ClusterDiagnostics, zcl.AttrLastRSSI, zcl.NewValue(zcl.TypeInt8, 0xb5), sconce.Signal, -75},
	} {
		metric, value, ok := r.reading(test.cluster, test.attribute, test.v)
		if !ok || metric != test.metric || math.Abs(value-test.want) > 1e-9 {
			t.Errorf("%s of 0x%04x: %s %g, %v; want %s %g", test.v, test.cluster, metric, value, ok, test.metric, test.want)
		}
	}
	for _, test := range []struct {
		cluster, attribute uint16
		v                  zcl.Value
	}{
		{zcl.ClusterElectrical, zcl.AttrActivePower, zcl.Int16(1)},                      // of no known scale
		{zcl.ClusterMetering, zcl.AttrEnergyDelivered, zcl.NewValue(zcl.TypeUint48, 1)}, // the same
		{zcl.ClusterTemperature, zcl.AttrCurrentTemperature, zcl.Uint16(1)},             // of another type
		{zcl.ClusterTemperature, zcl.AttrMaxTemperature, zcl.Int16(1)},                  // another attribute
		{zcl.ClusterOnOff, zcl.AttrOnOff, zcl.Bool(true)},                               // a state
		{zcl.ClusterBallast, zcl.AttrBallastStatus, zcl.Map8(zcl.BallastLampFailure)},   // a fault
		{zcl.ClusterDiagnostics, zcl.AttrLastLQI, zcl.Uint8(200)},                       // not asked for
	} {
		if metric, value, ok := (&Record{}).reading(test.cluster, test.attribute, test.v); ok {
			t.Errorf("%s of 0x%04x was read as %s %g", test.v, test.cluster, metric, value)
		}
	}
}

func readingsOf(w *world, m sconce.Metric) (values []float64) {
	for _, r := range told[wire.Readings](w) {
		for _, x := range r.Readings {
			if x.Metric == m {
				values = append(values, x.Value)
			}
		}
	}
	return values
}

func TestGroupsFollowTheDesiredState(t *testing.T) {
	w := ready(t, 1, 5, 7)
	w.net.SetDesired(w.now, desired(2, 1, 7, 9))
	w.run(time.Second)
	if g := w.light(0).groups; !slices.Equal(g, []uint16{7, 9}) {
		t.Errorf("groups %v, want 7 and 9", g)
	}
	reports := told[wire.Report](w)
	if last := reports[len(reports)-1]; last.Desired != 2 || last.Devices[0].Stage != wire.StageConfigured {
		t.Errorf("last report %+v", last)
	}
	w.net.SetDesired(w.now, desired(1, 1, 1))
	w.run(time.Second)
	if g := w.light(0).groups; !slices.Equal(g, []uint16{7, 9}) {
		t.Errorf("an older desired state was carried out: groups %v", g)
	}
}

func TestDriftOfGroupsIsMended(t *testing.T) {
	w := ready(t, 1, 5)
	w.light(0).groups = []uint16{6}
	w.run(verifyEvery + time.Minute)
	if g := w.light(0).groups; !slices.Equal(g, []uint16{5}) {
		t.Errorf("groups %v after a verification, want 5", g)
	}
}

func TestALightThatDoesNotAnswerFailsWithAReasonAndIsTriedAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.net.SetDesired(w.now, desired(1, 1))
	w.light(0).join()
	w.light(0).deaf = true
	w.run(10 * time.Second)
	if s := w.stageOf(0); s.Stage != wire.StageFailed || !strings.HasSuffix(s.Reason, ": it does not answer") {
		t.Errorf("stands at %+v", s)
	}
	w.light(0).deaf = false
	w.run(setupMaxPause)
	if s := w.stageOf(0); s.Stage != wire.StageConfigured || s.Reason != "" {
		t.Errorf("stands at %+v after it answers again", s)
	}
}

func TestABadInstallCodeFailsAndKeepsTheNetworkClosed(t *testing.T) {
	w := newWorld(t, 1)
	d := desired(1, 1)
	d.Devices[0].InstallCode = slices.Clone(goodCode)
	d.Devices[0].InstallCode[17] ^= 1
	w.net.SetDesired(w.now, d)
	w.run(time.Second)
	if s := w.stageOf(0); s.Stage != wire.StageFailed || !strings.Contains(s.Reason, "install code") {
		t.Errorf("stands at %+v", s)
	}
	if w.open != 0 || len(w.allowed) != 0 {
		t.Error("open for joining")
	}
}

func TestJoiningStaysOpenOnlyAsLongAsSomebodyIsMissing(t *testing.T) {
	w := newWorld(t, 2)
	w.net.SetDesired(w.now, desired(1, 2))
	w.light(0).join()
	w.open = 0 // as after the node's own time
	w.run(joinRenewal + time.Second)
	if w.open == 0 {
		t.Error("not opened again with a light missing")
	}
	if len(w.allowed) != 1 {
		t.Errorf("allowed: %v", w.allowed)
	}
	w.net.SetDesired(w.now, desired(2, 1))
	if w.open != 0 || len(w.allowed) != 0 {
		t.Errorf("open %v, allowed %v after the missing light is no longer desired", w.open, w.allowed)
	}
}

func TestALightThatIsNotDesiredLeaves(t *testing.T) {
	w := ready(t, 2, 5)
	gone := w.light(1).eui
	w.net.SetDesired(w.now, desired(2, 1, 5))
	w.run(time.Second)
	if !slices.Equal(w.removed, []zigbee.EUI64{gone}) {
		t.Errorf("removed %v, want %v", w.removed, gone)
	}
	if w.rotated != 1 {
		t.Errorf("the network key was changed %d times after a light was taken out", w.rotated)
	}
	if len(w.net.Snapshot().Records) != 1 {
		t.Error("its record is kept")
	}
	if e := told[wire.Events](w); len(e) != 1 || e[0].Events[0] != (wire.Event{Device: sconce.EUI64(gone), At: e[0].Events[0].At, Kind: wire.EventLeft}) {
		t.Errorf("events %+v", e)
	}
	w.run(time.Hour)
	if len(w.removed) != 1 {
		t.Errorf("told to leave %d times", len(w.removed))
	}
	if w.rotated != 1 {
		t.Errorf("the network key was changed %d times", w.rotated)
	}
}

// A light that was reset without a word is let in again with its install code, for a
// while, and the network is open no longer than that.
func TestALightThatIsLostMayJoinAgainForAWhile(t *testing.T) {
	w := ready(t, 2, 5)
	l := w.light(1)
	if w.open != 0 || len(w.allowed) != 0 {
		t.Fatal("the network is open")
	}
	l.deaf = true
	w.run(quietAfter + 15*time.Second)
	if w.open == 0 || len(w.allowed) != 1 || !w.allowed[l.eui] {
		t.Errorf("open %v, allowed %v after a light was lost", w.open, w.allowed)
	}
	w.run(comeback)
	if w.open != 0 || len(w.allowed) != 0 {
		t.Errorf("open %v, allowed %v long after a light was lost", w.open, w.allowed)
	}
	l.powerUp()
	w.run(10 * time.Second)
	l.deaf = true
	w.run(quietAfter + 15*time.Second)
	if w.open == 0 || !w.allowed[l.eui] {
		t.Error("a light that is lost again may not join again")
	}
	l.powerUp()
	w.run(10 * time.Second)
	if w.open != 0 || len(w.allowed) != 0 {
		t.Errorf("open %v, allowed %v with everybody there", w.open, w.allowed)
	}
}

func TestNothingIsRemovedBeforeThereIsADesiredState(t *testing.T) {
	w := newWorld(t, 1)
	w.members = []zigbee.EUI64{w.light(0).eui}
	w.restart(Snapshot{})
	w.run(time.Hour)
	if len(w.removed) != 0 {
		t.Error("a device was removed by a gateway that knows nothing yet")
	}
}

func TestAfterARestartOfTheGatewayNothingIsAskedTwice(t *testing.T) {
	w := ready(t, 1, 5)
	if !w.net.Unsaved() {
		t.Error("there is nothing to save after a light was configured")
	}
	saved := w.net.Snapshot()
	w.restart(saved)
	if w.net.Unsaved() {
		t.Error("what was just loaded is unsaved")
	}
	w.run(10 * time.Second)
	if s := w.stageOf(0); s.Stage != wire.StageConfigured {
		t.Errorf("stands at %+v", s)
	}
	if w.net.Version() != 1 || len(w.light(0).bindings) != 6 {
		t.Errorf("version %d, %d bindings", w.net.Version(), len(w.light(0).bindings))
	}
	// Its groups and its state may have changed meanwhile: these are read.
	for _, r := range w.sent {
		if r.Profile == 0 || r.Cluster == zcl.ClusterBasic {
			t.Errorf("asked again: profile 0x%04x cluster 0x%04x", r.Profile, r.Cluster)
		}
	}
	if e := told[wire.Events](w); len(e) != 0 {
		t.Errorf("events %+v", e)
	}
}

func TestALightWithoutPowerIsUnreachableAndComesBack(t *testing.T) {
	w := ready(t, 1, 5)
	l := w.light(0)
	l.on = true
	l.changed()
	w.run(time.Second)
	l.deaf = true
	w.run(quietAfter + 15*time.Second)
	if s := w.stateOf(0); s.Reachable || s.On == nil || !*s.On {
		t.Errorf("state %+v, want unreachable, and its last confirmed state", s)
	}
	heard := w.stateOf(0).Heard
	l.on = false
	w.run(time.Hour)
	if s := w.stateOf(0); s.Heard != heard {
		t.Errorf("heard at %d without saying anything", s.Heard)
	}
	l.powerUp()
	w.run(10 * time.Second)
	s := w.stateOf(0)
	if !s.Reachable || s.On == nil || *s.On || s.Cause != sconce.CausePowerUp {
		t.Errorf("state %+v after its power came back", s)
	}
	if e := told[wire.Events](w); len(e) != 1 || e[0].Events[0].Kind != wire.EventRestarted {
		t.Errorf("events %+v", e)
	}
	if n := len(l.server.Reporting()); n != 7 {
		t.Errorf("%d attributes are reported after it has forgotten, want 5", n)
	}
}

func TestALightThatComesBackWithoutAnAnnouncementIsNoticed(t *testing.T) {
	w := ready(t, 1)
	w.light(0).deaf = true
	w.run(time.Hour)
	w.light(0).deaf = false
	w.run(probeMaxPause + time.Second)
	if !w.stateOf(0).Reachable {
		t.Error("not noticed")
	}
}

func TestAQuietLightIsAskedOnlyWhenItIsQuiet(t *testing.T) {
	w := ready(t, 1)
	w.run(time.Hour)
	if n := len(w.sent); n > int(time.Hour/quietAfter)+1 {
		t.Errorf("%d requests in an hour", n)
	}
	if s := w.stateOf(0); !s.Reachable {
		t.Errorf("state %+v", s)
	}
}

func TestALightThatIsSwitchedByHandIsTold(t *testing.T) {
	w := ready(t, 1)
	w.light(0).on = true
	w.light(0).changed()
	w.run(time.Second)
	s := w.stateOf(0)
	if s.On == nil || !*s.On || s.Cause != sconce.CauseUnknown {
		t.Errorf("state %+v", s)
	}
	if got := time.UnixMilli(int64(s.At)); w.now.Sub(got) > time.Second {
		t.Errorf("confirmed at %v", got)
	}
}

func TestALightThatResetsAndJoinsAgainIsSetUpAnew(t *testing.T) {
	w := ready(t, 1, 5)
	l := w.light(0)
	l.groups, l.bindings = nil, nil
	w.members = nil
	l.boot()
	w.allowed[l.eui], w.open = true, time.Second
	l.join()
	w.run(10 * time.Second)
	if !slices.Equal(l.groups, []uint16{5}) || len(l.bindings) != 6 {
		t.Errorf("groups %v, bindings %v", l.groups, l.bindings)
	}
}

func TestLevelsAreMappedThereAndBack(t *testing.T) {
	for z := minOn; z < 255; z++ {
		if got := toZCL(fromZCL(uint8(z))); got != uint8(z) {
			t.Errorf("level %d becomes %d", z, got)
		}
	}
	for p, want := range map[sconce.Level]uint8{0: 0, 1: 2, 4: 2, 10: 3, 500: 127, 750: 191, 998: 253, 999: 254, 1000: 254} {
		if got := toZCL(p); got != want {
			t.Errorf("level of %d per mille becomes %d, want %d", p, got, want)
		}
	}
}

// A gateway without a radio does not call its lights unreachable.
func TestALostRadioIsNotTheLightsFault(t *testing.T) {
	w := ready(t, 1)
	w.net.SetAir(w.now, false)
	w.light(0).deaf = true
	w.run(time.Hour)
	if s := told[wire.State](w); len(s) != 0 {
		t.Errorf("told %+v", s)
	}
	w.net.SetAir(w.now, true)
	w.run(time.Hour)
	if s := w.stateOf(0); s.Device == 0 || s.Reachable {
		t.Errorf("state %+v with a radio, and no answer", s)
	}
}

// Trouble of our own is no sign of a device's absence either.
func TestAFullQueueIsNotTheLightsFault(t *testing.T) {
	w := ready(t, 1)
	w.refuse = true
	w.wantOutcome(w.switchTo(0, true), time.Second, wire.Unconfirmed)
	w.refuse, w.told = false, nil
	c := w.switchTo(0, true)
	c.ID = commandID(1)
	w.wantOutcome(c, time.Second, wire.Confirmed)
	if s := w.stateOf(0); !s.Reachable {
		t.Errorf("state %+v", s)
	}
}

func TestARepeatedDesiredStateIsAnsweredWithAReportAlone(t *testing.T) {
	w := ready(t, 1, 5)
	w.net.Unsaved()
	w.net.SetDesired(w.now, desired(1, 1, 5))
	w.run(time.Second)
	if r := told[wire.Report](w); len(r) != 1 || len(r[0].Devices) != 1 || r[0].Devices[0].Stage != wire.StageConfigured {
		t.Errorf("reports %+v", r)
	}
	if len(w.sent) != 0 || w.net.Unsaved() {
		t.Errorf("%d frames were sent", len(w.sent))
	}
}

func TestANewInstallCodeIsUsed(t *testing.T) {
	w := newWorld(t, 1)
	w.net.SetDesired(w.now, desired(1, 1))
	first := w.codes[w.light(0).eui]
	d := desired(2, 1)
	code, err := zigbee.NewInstallCode([]byte("another code 016"))
	if err != nil {
		t.Fatal(err)
	}
	d.Devices[0].InstallCode, err = hex.DecodeString(strings.ReplaceAll(code.Label(), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	w.net.SetDesired(w.now, d)
	if second := w.codes[w.light(0).eui]; second.Equal(first) || !second.Equal(code) {
		t.Error("the device is let in with the old code")
	}
}

// A device that is taken out while it is being asked leaves nothing behind.
func TestADeviceThatIsTakenOutWhileItIsAsked(t *testing.T) {
	w := newWorld(t, 3)
	w.net.SetDesired(w.now, desired(1, 3, 5))
	for i := range 3 {
		w.light(i).join()
	}
	for steps := range 40 {
		w.run(3 * time.Millisecond)
		w.net.SetDesired(w.now, desired(uint64(2*steps+2), 1, 5))
		w.run(time.Millisecond)
		w.net.SetDesired(w.now, desired(uint64(2*steps+3), 3, 5))
		for i := 1; i < 3; i++ {
			w.light(i).join()
		}
	}
	w.run(time.Minute)
	for i := range 3 {
		if s := w.stageOf(i); s.Stage != wire.StageConfigured {
			t.Errorf("light %d stands at %+v", i, s)
		}
	}
	x := &w.net.exchange
	if len(x.active) != 0 || x.ordinary != 0 || x.urgent != 0 || len(x.busy) != 0 || len(x.pending) != 0 || len(x.waiting) != 0 {
		t.Errorf("left over: %d active, %d ordinary, %d urgent, %d busy, %d pending", len(x.active), x.ordinary, x.urgent, len(x.busy), len(x.pending))
	}
}

// While the cloud is away, more is told at a time, and nothing is left out: a light that
// changes twice is told of twice. When it is back, all is told at once.
func TestMoreIsToldAtATimeWhileTheCloudIsAway(t *testing.T) {
	w := ready(t, 1)
	w.net.SetCloud(false)
	w.run(time.Minute)
	w.told = nil
	for i := range 4 {
		w.light(0).on = i%2 == 0
		w.light(0).changed()
		w.run(time.Second)
	}
	if n := len(w.told); n > 1 {
		t.Errorf("%d messages in four seconds", n)
	}
	w.run(gatherApart)
	var on []bool
	messages := told[wire.State](w)
	for _, m := range messages {
		for _, d := range m.Devices {
			on = append(on, *d.On)
		}
	}
	if len(messages) > 2 || !slices.Equal(on[max(0, len(on)-4):], []bool{true, false, true, false}) {
		t.Errorf("told %v in %d messages", on, len(messages))
	}
	w.told = nil
	w.light(0).on = true
	w.light(0).changed()
	w.net.SetCloud(true)
	w.run(10 * time.Millisecond)
	if s := w.stateOf(0); s.On == nil || !*s.On {
		t.Errorf("then %+v", s)
	}
}

// What devices write into their texts is not what people should see.
func TestTextsOfDevices(t *testing.T) {
	for said, want := range map[string]string{
		"Panel 40": "Panel 40", "  Panel\x00\x00\x00": "Panel", "\xffLamp\x1b[31m": "Lamp[31m",
		strings.Repeat("é", 40): strings.Repeat("é", 16), "": "",
	} {
		if got := printed(said); got != want {
			t.Errorf("%q is shown as %q, want %q", said, got, want)
		}
	}
}

// A gateway whose program asks for other reports than the one before sets devices up anew.
func TestAnotherTableOfReportsIsSetUp(t *testing.T) {
	w := ready(t, 1)
	s := w.net.Snapshot()
	s.Records[0].Reports--
	w.light(0).server.ForgetReporting()
	w.restart(s)
	w.run(30 * time.Second)
	if n := len(w.light(0).server.Reporting()); n != 7 || w.net.Snapshot().Records[0].Reports != reportsVersion {
		t.Errorf("%d attributes are reported, record %+v", n, w.net.Snapshot().Records[0])
	}
}
