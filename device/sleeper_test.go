package device

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// admit lets a device with a place of its own among the sleepers join.
func (b *building) admit(i int, restore []byte) Config {
	b.t.Helper()
	cfg := b.config(100 + i)
	if err := b.tc.Allow(cfg.EUI64, cfg.InstallCode); err != nil {
		b.t.Fatal(err)
	}
	if restore != nil {
		s, err := ParseState(restore)
		if err != nil {
			b.t.Fatal(err)
		}
		cfg.Restore = &s
	}
	return cfg
}

func (b *building) sensor(i int, restore []byte) *Sensor {
	b.t.Helper()
	s, err := NewSensor(b.admit(i, restore))
	if err != nil {
		b.t.Fatal(err)
	}
	b.begin(s)
	return s
}

func (b *building) button(i int) *Switch {
	b.t.Helper()
	s, err := NewSwitch(b.admit(i, nil))
	if err != nil {
		b.t.Fatal(err)
	}
	b.begin(s)
	return s
}

func (b *building) begin(d interface {
	dozer
	addressed
},
) {
	b.t.Helper()
	b.sleepers = append(b.sleepers, d)
	d.Start(b.now)
	b.drain()
	b.run(time.Minute, func() bool { return d.identity().up })
	b.run(10*time.Second, nil)
}

func TestSensor(t *testing.T) {
	b := newBuilding(t)
	s := b.sensor(0, nil)
	for _, test := range []struct {
		cluster, attribute uint16
		want               zcl.Value
	}{
		{zcl.ClusterBasic, zcl.AttrPowerSource, zcl.Enum8(zcl.PowerSourceBattery)},
		{zcl.ClusterPower, zcl.AttrBatteryPercentage, zcl.Uint8(200)},
		{zcl.ClusterPower, zcl.AttrBatteryVoltage, zcl.Uint8(32)},
		{zcl.ClusterOccupancy, zcl.AttrOccupancy, zcl.Map8(0)},
		{zcl.ClusterIlluminance, zcl.AttrIlluminance, zcl.Uint16(0)},
		{zcl.ClusterPollControl, zcl.AttrLongPollInterval, zcl.NewValue(zcl.TypeUint32, 20)},
	} {
		if got := b.read(s, test.cluster, test.attribute); got != test.want {
			t.Errorf("attribute 0x%04x of 0x%04x is %s, want %s", test.attribute, test.cluster, got, test.want)
		}
	}
	b.report(s, zcl.ClusterOccupancy, zcl.AttrOccupancy, true)
	b.report(s, zcl.ClusterIlluminance, zcl.AttrIlluminance, true)
	b.run(15*time.Second, nil)
	b.received = nil

	moved := b.now
	s.Motion(b.now)
	b.run(time.Second, nil)
	if got := b.reports(zcl.ClusterOccupancy, zcl.AttrOccupancy); len(got) != 1 || got[0].value != zcl.Map8(1) || got[0].at.Sub(moved) > 60*time.Millisecond {
		t.Errorf("motion was reported as %v after %v", got, moved)
	}
	b.run(40*time.Second, nil)
	s.Motion(b.now)
	b.run(59*time.Second, nil)
	if got := b.reports(zcl.ClusterOccupancy, zcl.AttrOccupancy); len(got) > 0 {
		t.Errorf("reported %v while occupied", got)
	}
	b.run(2*time.Second, nil)
	if got := b.reports(zcl.ClusterOccupancy, zcl.AttrOccupancy); len(got) != 1 || got[0].value != zcl.Map8(0) {
		t.Errorf("a minute after the last motion: %v", got)
	}
	s.Lux(b.now, 500)
	b.run(30*time.Second, nil)
	if got := b.reports(zcl.ClusterIlluminance, zcl.AttrIlluminance); len(got) != 1 || got[0].value != zcl.Uint16(26_991) {
		t.Errorf("500 lx were reported as %v, want 26991", got)
	}
	if c := s.battery.charge(); c >= 1 || c < 0.9999 {
		t.Errorf("%f of the battery is left", c)
	}
}

func TestMeasuredLux(t *testing.T) {
	for lux, want := range map[float64]uint16{0: 0, 0.9: 0, 1: 1, 10: 10_001, 100: 20_001, 1e5: 50_001, 1e9: 50_001, -1: 0, math.NaN(): 0} {
		if got := measuredLux(lux); got != want {
			t.Errorf("%g lx: %d, want %d", lux, got, want)
		}
	}
}

func TestSensorSettings(t *testing.T) {
	b := newBuilding(t)
	s := b.sensor(0, nil)
	b.ask(s, zcl.ClusterOccupancy, func(seq uint8) []byte {
		return zcl.AppendWriteAttributes(nil, seq, zcl.Attribute{ID: zcl.AttrOccupancyPIRDelay, Value: zcl.Uint16(5)})
	})
	b.ask(s, zcl.ClusterPollControl, func(seq uint8) []byte {
		return zcl.AppendWriteAttributes(nil, seq, zcl.Attribute{ID: zcl.AttrCheckInInterval, Value: zcl.NewValue(zcl.TypeUint32, 1)})
	})
	for _, test := range []struct {
		c    zcl.Command
		want zcl.Status
	}{
		{zcl.SetLongPollInterval{Interval: 20}, zcl.Success},
		{zcl.SetLongPollInterval{Interval: 1}, zcl.InvalidValue},
		{zcl.SetLongPollInterval{Interval: 1 << 31}, zcl.InvalidValue},
		{zcl.SetShortPollInterval{Interval: 2}, zcl.Success},
		{zcl.SetShortPollInterval{}, zcl.InvalidValue},
		{zcl.SetShortPollInterval{Interval: 2000}, zcl.InvalidValue},
		{zcl.CheckInResponse{StartFastPolling: true, FastPollTimeout: maxFastPoll + 1}, zcl.InvalidValue},
		{zcl.CheckInResponse{}, zcl.Success},
		{zcl.FastPollStop{}, zcl.Success},
		{zcl.TriggerEffect{Effect: 0x77}, zcl.InvalidField},
	} {
		if got := status(t, b.command(s, test.c)); got != test.want {
			t.Errorf("%+v: %v, want %v", test.c, got, test.want)
		}
	}
	s.SetCharge(b.now, 0.5)
	b.run(time.Second, nil)
	blob := b.durable[s]
	b.sleepers = nil
	again := b.sensor(0, blob)
	if long, short := again.node.Polling(); again.hold != 5 || again.poll.checkIn != minCheckIn || long != 5*time.Second || short != 500*time.Millisecond {
		t.Errorf("after a restart: %d s, %+v, polls at %v and %v", again.hold, again.poll, long, short)
	}
	if c := again.battery.charge(); math.Abs(c-0.5) > 0.001 {
		t.Errorf("%f of the battery is left, want half", c)
	}
	if again.SetCharge(b.now, 0); !again.dead {
		t.Error("works without a charge")
	}
	if again.SetCharge(b.now, 1); again.dead {
		t.Error("does not work with new cells")
	}
}

func TestSleeperRefusesAStateThatIsNotItsOwn(t *testing.T) {
	b := newBuilding(t)
	s := b.sensor(0, nil)
	good := s.remember(nil)
	for name, change := range map[string]func(p []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"short":        func(p []byte) []byte { return p[1:] },
		"of a switch":  func(p []byte) []byte { p[0] = switchMemory; return p },
		"no long poll": func(p []byte) []byte { clear(p[7:11]); return p },
		"no short":     func(p []byte) []byte { clear(p[11:13]); return p },
		"no fast poll": func(p []byte) []byte { clear(p[13:15]); return p },
	} {
		cfg := b.config(100)
		cfg.Restore = &State{node: s.node.State(), memory: change(bytes.Clone(good))}
		if _, err := NewSensor(cfg); err == nil {
			t.Errorf("%s: a sensor started with it", name)
		}
		cfg.Restore.memory = change(bytes.Clone(good))
		if _, err := NewLuminaire(cfg); err == nil {
			t.Errorf("%s: a luminaire started with it", name)
		}
	}
}

// A sensor that is bound checks in; who has something for it keeps it awake.
func TestCheckIn(t *testing.T) {
	b := newBuilding(t)
	s := b.sensor(0, nil)
	b.bindTo(s, zdo.BindReq{Cluster: zcl.ClusterPollControl, Device: 1 << 60, DstEndpoint: 1})
	b.received = nil
	b.run(time.Hour+10*time.Second, func() bool {
		return slices.ContainsFunc(b.received, func(d stack.DataIndication) bool {
			h, _, err := zcl.ParseHeader(d.Payload)
			return err == nil && d.Cluster == zcl.ClusterPollControl && h.Specific && h.FromServer && h.Command == 0
		})
	})
	b.command(s, zcl.CheckInResponse{StartFastPolling: true, FastPollTimeout: 40})
	b.run(5*time.Second, nil)
	if at, ok := s.node.Deadline(); !ok || at.Sub(b.now) > stack.DefaultPollShort {
		t.Errorf("polls next at %v, want fast", at.Sub(b.now))
	}
	b.run(20*time.Second, nil)
	fast := 0
	for range 4 {
		at, _ := s.node.Deadline()
		if at.Sub(b.now) <= stack.DefaultPollShort {
			fast++
		}
		b.run(time.Second, nil)
	}
	if fast == 4 {
		t.Error("does not stop to poll fast")
	}
}

// bindTo binds a cluster of a device.
func (b *building) bindTo(d addressed, r zdo.BindReq) {
	b.t.Helper()
	r.Seq, r.Source, r.SrcEndpoint = 1, d.identity().cfg.EUI64, Endpoint
	b.data(stack.DataRequest{Dst: b.short(d), Cluster: uint16(zdo.Bind), Payload: r.Append(nil)})
	b.run(20*time.Second, func() bool { return len(d.identity().node.Bindings(Endpoint, r.Cluster)) > 0 })
}

func TestSwitch(t *testing.T) {
	b := newBuilding(t)
	in, out := b.join(), b.join()
	s := b.button(0)
	b.command(in, zcl.AddGroup{Group: 5})
	b.command(in, zcl.MoveToLevel{Level: 100})
	b.command(in, zcl.StoreScene{Scene: sceneID(5, 2)})
	for _, cluster := range []uint16{zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterScenes} {
		b.bindTo(s, zdo.BindReq{Cluster: cluster, ToGroup: true, Group: 5})
	}
	for _, test := range []struct {
		button Button
		press  Press
		after  time.Duration
		on     bool
		level  uint8
	}{
		{ButtonOff, Short, time.Second, false, 100},
		{ButtonOn, Short, time.Second, true, 100},
		{ButtonOn, Double, time.Second, true, 132},
		{ButtonOff, Double, time.Second, true, 100},
		{ButtonOff, Hold, 9 * time.Second, true, 1},
		{ButtonOn, Hold, 9 * time.Second, true, 254},
		{ButtonScene2, Short, time.Second, true, 100},
		{ButtonScene1, Short, time.Second, true, 100}, // there is none
		{ButtonScene2, Double, time.Second, true, 100},
	} {
		if err := s.Press(b.now, test.button, test.press); err != nil {
			t.Fatal(err)
		}
		b.run(test.after, nil)
		if got := in.Light(b.now); got.On != test.on || got.Level != test.level {
			t.Errorf("button %d, press %d: %+v, want on %v at %d", test.button, test.press, got, test.on, test.level)
		}
	}
	// Held for a second and released.
	_ = s.Press(b.now, ButtonOn, Hold)
	b.run(time.Second, nil)
	_ = s.Press(b.now, ButtonOn, Release)
	b.run(5*time.Second, nil)
	if got := in.Light(b.now).Level; got < 155 || got > 175 {
		t.Errorf("held for a second: level %d, want about 164", got)
	}
	if got := out.Light(b.now); !got.On || got.Level != 254 {
		t.Errorf("a light that is not in the group: %+v", got)
	}
}

func TestSwitchWithoutANetwork(t *testing.T) {
	b := newBuilding(t)
	s, err := NewSwitch(b.config(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Press(b.now, ButtonOn, Short); err == nil {
		t.Error("a press without a network was not refused")
	}
}
