package device

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// status returns the status of a default response.
func status(t *testing.T, p []byte) zcl.Status {
	t.Helper()
	d, err := zcl.ParseDefaultResponse(p)
	if err != nil {
		t.Fatal(err)
	}
	return d.Status
}

func last(samples []sample) zcl.Value {
	if len(samples) == 0 {
		return zcl.Value{}
	}
	return samples[len(samples)-1].value
}

func TestJoinDimAndReadBack(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	for _, test := range []struct {
		cluster, attribute uint16
		want               zcl.Value
	}{
		{zcl.ClusterBasic, zcl.AttrAppVersion, zcl.Uint8(1)},
		{zcl.ClusterBasic, zcl.AttrStackVersion, zcl.Uint8(22)},
		{zcl.ClusterBasic, zcl.AttrHWVersion, zcl.Uint8(1)},
		{zcl.ClusterBasic, zcl.AttrManufacturer, zcl.Text("Sconce")},
		{zcl.ClusterBasic, zcl.AttrModel, zcl.Text("Panel 60")},
		{zcl.ClusterBasic, zcl.AttrSerialNumber, zcl.Text("S-0001")},
		{zcl.ClusterBasic, zcl.AttrSWBuild, zcl.Text("1.2.3")},
		{zcl.ClusterBasic, zcl.AttrPowerSource, zcl.Enum8(1)},
		{zcl.ClusterLevel, zcl.AttrMinLevel, zcl.Uint8(1)},
		{zcl.ClusterLevel, zcl.AttrMaxLevel, zcl.Uint8(254)},
		{zcl.ClusterElectrical, zcl.AttrACPowerDivisor, zcl.Uint16(10)},
		{zcl.ClusterElectrical, zcl.AttrActivePower, zcl.Int16(400)},
		{zcl.ClusterElectrical, zcl.AttrRMSVoltage, zcl.Uint16(2300)},
		{zcl.ClusterElectrical, zcl.AttrRMSCurrent, zcl.Uint16(174)}, // 40 W / 230 V
		{zcl.ClusterElectrical, zcl.AttrACVoltageDivisor, zcl.Uint16(10)},
		{zcl.ClusterElectrical, zcl.AttrACCurrentDivisor, zcl.Uint16(1000)},
	} {
		if got := b.read(l, test.cluster, test.attribute); got != test.want {
			t.Errorf("attribute 0x%04x of 0x%04x is %s, want %s", test.attribute, test.cluster, got, test.want)
		}
	}
	if s := status(t, b.command(l, zcl.MoveToLevel{Level: 127, WithOnOff: true})); s != zcl.Success {
		t.Fatalf("dimming: %v", s)
	}
	want := Light{On: true, Level: 127, Output: 500, Power: 20944}
	if got := l.Light(b.now); got != want {
		t.Errorf("the lamp does %+v, want %+v", got, want)
	}
	if got := b.read(l, zcl.ClusterLevel, zcl.AttrCurrentLevel); got != zcl.Uint8(127) {
		t.Errorf("level read back: %s, want 127", got)
	}
	if got := b.read(l, zcl.ClusterElectrical, zcl.AttrActivePower); got != zcl.Int16(209) {
		t.Errorf("power read back: %s, want 209 tenths of a watt", got)
	}
	b.command(l, zcl.Off{})
	if got := l.Light(b.now); got.On || got.Output != 0 || got.Power != standbyPower {
		t.Errorf("switched off, the lamp does %+v", got)
	}
	if got := b.read(l, zcl.ClusterOnOff, zcl.AttrOnOff); got != zcl.Bool(false) {
		t.Errorf("on/off read back: %s, want false", got)
	}
}

func TestReportsOfChanges(t *testing.T) {
	for _, bound := range []bool{true, false} {
		b := newBuilding(t)
		l := b.join()
		b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, bound)
		b.report(l, zcl.ClusterLevel, zcl.AttrCurrentLevel, bound)
		b.report(l, zcl.ClusterElectrical, zcl.AttrActivePower, bound)
		b.run(2*time.Second, nil)
		for _, first := range []struct {
			cluster, attribute uint16
			want               zcl.Value
		}{
			{zcl.ClusterOnOff, zcl.AttrOnOff, zcl.Bool(true)},
			{zcl.ClusterLevel, zcl.AttrCurrentLevel, zcl.Uint8(254)},
			{zcl.ClusterElectrical, zcl.AttrActivePower, zcl.Int16(400)},
		} {
			if got := b.reports(first.cluster, first.attribute); len(got) != 1 || got[0].value != first.want {
				t.Errorf("first reports of 0x%04x: %v, want one of %s", first.cluster, got, first.want)
			}
		}
		sent := b.now
		b.command(l, zcl.Off{})
		b.run(100*time.Millisecond, nil)
		got := b.reports(zcl.ClusterOnOff, zcl.AttrOnOff)
		if len(got) != 1 || got[0].value != zcl.Bool(false) || got[0].at.Sub(sent) > 60*time.Millisecond {
			t.Errorf("bound %v: switching off was reported %v after %v", bound, got, sent)
		}
		b.run(time.Second, nil)
		if got := last(b.reports(zcl.ClusterElectrical, zcl.AttrActivePower)); got != zcl.Int16(3) {
			t.Errorf("power reported after switching off: %s, want 3 tenths of a watt", got)
		}
		b.run(10*time.Minute, nil)
		if got := b.reports(zcl.ClusterOnOff, zcl.AttrOnOff); len(got) != 2 || last(got) != zcl.Bool(false) {
			t.Errorf("in ten minutes without a change: %v, want two reports", got)
		}
	}
}

func TestReportsOfAFade(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterLevel, zcl.AttrCurrentLevel, true)
	b.run(5*time.Second, nil)
	b.reports(zcl.ClusterLevel, zcl.AttrCurrentLevel)
	b.command(l, zcl.MoveToLevel{Level: 54, Transition: 100, WithOnOff: true})
	begun := l.light.fade.start
	var checked int
	for b.now.Before(begun.Add(12 * time.Second)) {
		b.run(37*time.Millisecond, nil)
		for _, s := range b.reports(zcl.ClusterLevel, zcl.AttrCurrentLevel) {
			// What was reported is what the lamp did at most a look and a frame ago.
			now := l.levelOf(begun, s.at)
			if d := abs(int(s.value.Uint()) - now); d > 8 {
				t.Errorf("%v after the beginning, %s was reported at level %d", s.at.Sub(begun), s.value, now)
			}
			if checked++; s.value == zcl.Uint8(54) && s.at.Sub(begun.Add(10*time.Second)).Abs() > 60*time.Millisecond {
				t.Errorf("the end was reported after %v", s.at.Sub(begun))
			}
		}
	}
	if checked < 9 || checked > 12 {
		t.Errorf("a fade of 10 s was reported %d times, want about once a second and at the end", checked)
	}
	if got := l.Light(b.now); got.Level != 54 {
		t.Errorf("the lamp does %+v", got)
	}
}

// levelOf returns where a fade from 254 to 54 in 10 s is at a time.
func (l *Luminaire) levelOf(begun, at time.Time) int {
	return 254 - int(200*min(at.Sub(begun), 10*time.Second)/(10*time.Second))
}

func TestPowerCycle(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, true)
	b.report(l, zcl.ClusterLevel, zcl.AttrCurrentLevel, false)
	b.command(l, zcl.AddGroup{Group: 7})
	b.ask(l, zcl.ClusterLevel, func(seq uint8) []byte {
		return zcl.AppendWriteAttributes(nil, seq, zcl.Attribute{ID: zcl.AttrOnLevel, Value: zcl.Uint8(99)})
	})
	b.command(l, zcl.MoveToLevel{Level: 33, WithOnOff: true})
	b.command(l, zcl.MoveToLevel{Level: 44, Transition: 3000, WithOnOff: true}) // not over when the power fails
	b.run(time.Second, nil)
	before := l.server.Reporting()
	b.received = nil

	b.run(time.Second, nil)
	l = b.powerCycle(l)
	b.run(5*time.Second, func() bool { return l.up })
	if got := l.Light(b.now); !got.On || got.Level != 44 {
		t.Errorf("after the power cut, the lamp does %+v, want level 44", got)
	}
	if got := l.server.Reporting(); !reflect.DeepEqual(got, before) {
		t.Errorf("reporting %+v, want %+v", got, before)
	}
	b.run(backSpread, nil)
	if got := b.reports(zcl.ClusterOnOff, zcl.AttrOnOff); len(got) != 1 || got[0].value != zcl.Bool(true) {
		t.Errorf("after the power cut, on/off was reported as %v, want once true", got)
	}
	if got := b.reports(zcl.ClusterLevel, zcl.AttrCurrentLevel); len(got) != 1 || got[0].value != zcl.Uint8(44) {
		t.Errorf("after the power cut, the level was reported as %v, want once 44", got)
	}
	if got := l.node.Groups(Endpoint); !slices.Equal(got, []uint16{7}) {
		t.Errorf("groups %v, want 7", got)
	}
	if got := b.read(l, zcl.ClusterLevel, zcl.AttrOnLevel); got != zcl.Uint8(99) {
		t.Errorf("on level %s, want 99", got)
	}
}

func TestReportsWaitForTheCoordinator(t *testing.T) {
	for _, bound := range []bool{true, false} {
		for _, away := range []func(*building) *bool{
			func(b *building) *bool { return &b.deaf },
			func(b *building) *bool { return &b.hung },
		} {
			b := newBuilding(t)
			l := b.join()
			b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, bound)
			b.run(time.Second, nil)
			b.received = nil
			*away(b) = true
			l.light.switchOff(b.now) // as a wall switch or a behaviour would
			l.Advance(b.now)
			b.run(time.Minute, nil)
			*away(b) = false
			b.run(2*time.Minute, func() bool { return len(b.received) > 0 })
			if got := b.reports(zcl.ClusterOnOff, zcl.AttrOnOff); last(got) != zcl.Bool(false) {
				t.Errorf("reported %v when the coordinator was back, want false", got)
			}
			if l.server.Counters().Failed == 0 {
				t.Error("no report failed while the coordinator was away")
			}
		}
	}
}

// Reports begin when there is a network to report to.
func TestNoReportsWithoutANetwork(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, false)
	entries := l.server.Reporting()
	if err := b.tc.Remove(b.now, l.cfg.EUI64); err != nil {
		t.Fatal(err)
	}
	b.run(5*time.Second, func() bool { return !l.up })
	s := l.State()
	s.reporting = entries
	b.stored[l] = s.Append(nil)
	b.deaf = true
	l = b.powerCycle(l)
	b.run(time.Minute, nil)
	if c := l.server.Counters(); l.up || c.Reports > 0 {
		t.Errorf("up %v, %+v; want no reports before there is a network", l.up, c)
	}
}

// What changes while a state is being saved is saved after it.
func TestChangesWhileSaving(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	l.light.moveToLevel(b.now, zcl.MoveToLevel{Level: 50})
	l.Advance(b.now)
	if e, ok := l.NextEvent(); !ok || e != (SaveState{}) {
		t.Fatalf("event %v, want SaveState", e)
	}
	taken := l.State()
	l.light.moveToLevel(b.now, zcl.MoveToLevel{Level: 60})
	l.Advance(b.now)
	l.Saved(taken)
	b.drain()
	if got := b.powerCycle(l).Light(b.now).Level; got != 60 {
		t.Errorf("saved level %d; want 60", got)
	}
}

func TestGroups(t *testing.T) {
	b := newBuilding(t)
	l, other := b.join(), b.join()
	answers := func(c zcl.Command, want zcl.Command) {
		t.Helper()
		if got := b.command(l, c); !bytes.Equal(got, want.Append(nil)) {
			t.Errorf("%+v: answered %x, want %+v", c, got, want)
		}
	}
	answers(zcl.AddGroup{Group: 5, Name: "Office"}, zcl.AddGroupResponse{Group: 5})
	answers(zcl.AddGroup{Group: 5}, zcl.AddGroupResponse{Group: 5})
	answers(zcl.AddGroup{Group: 9}, zcl.AddGroupResponse{Group: 9})
	answers(zcl.AddGroup{}, zcl.AddGroupResponse{Status: zcl.InvalidValue})
	answers(zcl.AddGroup{Group: 0xfff8}, zcl.AddGroupResponse{Status: zcl.InvalidValue, Group: 0xfff8})
	answers(zcl.ViewGroup{Group: 5}, zcl.ViewGroupResponse{Group: 5})
	answers(zcl.ViewGroup{Group: 6}, zcl.ViewGroupResponse{Status: zcl.NotFound, Group: 6})
	answers(zcl.GetGroupMembership{}, zcl.GroupMembership{Capacity: zcl.CapacityUnknown, Groups: []uint16{5, 9}})
	answers(zcl.GetGroupMembership{Groups: []uint16{9, 10}}, zcl.GroupMembership{Capacity: zcl.CapacityUnknown, Groups: []uint16{9}})
	answers(zcl.RemoveGroup{Group: 9}, zcl.RemoveGroupResponse{Group: 9})
	answers(zcl.RemoveGroup{Group: 9}, zcl.RemoveGroupResponse{Status: zcl.NotFound, Group: 9})

	b.data(stack.DataRequest{Group: 5, Cluster: zcl.ClusterOnOff, Payload: zcl.AppendRequest(nil, 200, zcl.Off{})})
	b.run(time.Second, nil)
	if l.Light(b.now).On || !other.Light(b.now).On {
		t.Errorf("a command for group 5: %+v, and %+v that is not in it", l.Light(b.now), other.Light(b.now))
	}
	b.data(stack.DataRequest{Group: 5, Cluster: zcl.ClusterGroups, Payload: zcl.AppendRequest(nil, 201, zcl.ViewGroup{Group: 5})})
	b.run(time.Second, nil)
	if len(b.received) > 0 {
		t.Errorf("a groupcast was answered: %+v", b.received)
	}

	if s := status(t, b.command(l, zcl.AddGroupIfIdentifying{Group: 11})); s != zcl.Success || len(l.node.Groups(Endpoint)) != 1 {
		t.Errorf("added to a group while not identifying: %v, %v", s, l.node.Groups(Endpoint))
	}
	b.command(l, zcl.Identify{Time: 5})
	b.command(l, zcl.AddGroupIfIdentifying{Group: 11})
	if got := l.node.Groups(Endpoint); !slices.Equal(got, []uint16{5, 11}) {
		t.Errorf("groups %v, want 5 and 11", got)
	}
	b.command(l, zcl.RemoveAllGroups{})
	if got := l.node.Groups(Endpoint); len(got) > 0 {
		t.Errorf("groups %v, want none", got)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	for g := uint16(1); ; g++ {
		answer := b.command(l, zcl.AddGroup{Group: g})
		if zcl.Status(answer[0]) == zcl.InsufficientSpace {
			break
		}
		if g > 1000 {
			t.Fatal("a thousand groups were accepted")
		}
	}
	if got := len(b.command(l, zcl.GetGroupMembership{})); got > maxFrame {
		t.Errorf("an answer of %d bytes", got)
	}
}

func TestIdentify(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.command(l, zcl.MoveToLevel{Level: 127, WithOnOff: true})
	changes := b.changes[l]
	b.command(l, zcl.Identify{Time: 3})
	if b.changes[l] != changes+1 {
		t.Errorf("%d changes of the lamp, want one more than %d", b.changes[l], changes)
	}
	outputs := map[int]bool{}
	for range 20 {
		b.run(100*time.Millisecond, nil)
		s := l.Light(b.now)
		outputs[int(s.Output)] = true
		if !s.Identifying || s.Power != 20944 {
			t.Errorf("while identifying: %+v", s)
		}
	}
	if len(outputs) != 2 || !outputs[0] || !outputs[1000] {
		t.Errorf("blinks between %v, want 0 and 1000", outputs)
	}
	if got := b.read(l, zcl.ClusterIdentify, zcl.AttrIdentifyTime); got.Uint() != 1 {
		t.Errorf("%s s remain, want 1", got)
	}
	b.data(stack.DataRequest{Dst: 0xfffd, DstEndpoint: 0xff, Cluster: zcl.ClusterIdentify, Payload: zcl.AppendRequest(nil, 77, zcl.IdentifyQuery{})})
	b.run(300*time.Millisecond, nil)
	if len(b.received) != 1 {
		t.Errorf("%d answers to a query while identifying, want 1", len(b.received))
	}
	b.run(2*time.Second, nil)
	if s := l.Light(b.now); s.Identifying || s.Output != 500 || b.changes[l] != changes+2 {
		t.Errorf("after identifying: %+v, %d changes", s, b.changes[l])
	}
	b.received = nil
	b.command(l, zcl.IdentifyQuery{}) // answered with a default response
	if got := b.read(l, zcl.ClusterIdentify, zcl.AttrIdentifyTime); got.Uint() != 0 {
		t.Errorf("%s s remain, want none", got)
	}
}

func TestWriteSettings(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	for _, test := range []struct {
		cluster uint16
		a       zcl.Attribute
	}{
		{zcl.ClusterIdentify, zcl.Attribute{ID: zcl.AttrIdentifyTime, Value: zcl.Uint16(0)}},
		{zcl.ClusterOnOff, zcl.Attribute{ID: zcl.AttrStartUpOnOff, Value: zcl.Enum8(1)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrLevelOptions, Value: zcl.Map8(1)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrOnOffTransitionTime, Value: zcl.Uint16(7)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrOnLevel, Value: zcl.Uint8(100)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrOnTransitionTime, Value: zcl.Uint16(8)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrOffTransitionTime, Value: zcl.Uint16(9)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrDefaultMoveRate, Value: zcl.Uint8(20)}},
		{zcl.ClusterLevel, zcl.Attribute{ID: zcl.AttrStartUpLevel, Value: zcl.Uint8(30)}},
	} {
		p := b.ask(l, test.cluster, func(seq uint8) []byte { return zcl.AppendWriteAttributes(nil, seq, test.a) })
		if !bytes.Equal(p, []byte{0}) {
			t.Errorf("writing 0x%04x of 0x%04x: %x", test.a.ID, test.cluster, p)
		}
		if got := b.read(l, test.cluster, test.a.ID); got != test.a.Value {
			t.Errorf("wrote %s to 0x%04x of 0x%04x, read %s", test.a.Value, test.a.ID, test.cluster, got)
		}
	}
	want := settings{1, 7, 8, 9, 100, 20, 1, 30}
	if got := l.light.settings; got != want {
		t.Errorf("kept %+v, want %+v", got, want)
	}
}

// TestEveryAttributeOfTheTable: a luminaire has every attribute of its clusters
// that the table has, or refuses it; none is of another type than the table says.
func TestEveryAttributeOfTheTable(t *testing.T) {
	b := newBuilding(t)
	b.white = white
	l := b.join()
	for _, cluster := range zcl.Clusters() {
		for _, info := range cluster.Attributes {
			r, ok := application{l}.Attribute(b.now, Endpoint, cluster.ID, info.ID)
			if ok && r.Value.Type() != info.Type {
				t.Errorf("%s/%s is of type 0x%02x, want 0x%02x", cluster.Name, info.Name, r.Value.Type(), info.Type)
			}
			if !ok && cluster.ID != zcl.ClusterBasic && slices.Contains(lightEndpoint(l.cfg.White).In, cluster.ID) {
				t.Errorf("%s/%s is missing", cluster.Name, info.Name)
			}
		}
	}
}

func TestLeavingForgetsTheNetwork(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, true)
	b.command(l, zcl.AddGroup{Group: 5})
	b.command(l, zcl.MoveToLevel{Level: 60, WithOnOff: true})
	if err := b.tc.Remove(b.now, l.cfg.EUI64); err != nil {
		t.Fatal(err)
	}
	b.run(5*time.Second, func() bool { return !l.up })
	if len(l.server.Reporting()) > 0 || len(l.node.Groups(Endpoint)) > 0 {
		t.Errorf("still reports %+v, in groups %v", l.server.Reporting(), l.node.Groups(Endpoint))
	}
	if got := l.Light(b.now); !got.On || got.Level != 60 {
		t.Errorf("the lamp does %+v", got)
	}
}

func TestNewLuminaireRefuses(t *testing.T) {
	b := newBuilding(t)
	for name, change := range map[string]func(*Config){
		"a long model":      func(c *Config) { c.Model = string(make([]byte, 33)) },
		"a long serial":     func(c *Config) { c.Serial = string(make([]byte, 33)) },
		"a long firmware":   func(c *Config) { c.Firmware = string(make([]byte, 17)) },
		"no power":          func(c *Config) { c.RatedPower = 999 },
		"too much power":    func(c *Config) { c.RatedPower = MaxRatedPower + 1 },
		"no address":        func(c *Config) { c.EUI64 = 0 },
		"no source of luck": func(c *Config) { c.Random = nil },
		"no channel":        func(c *Config) { c.Channels = 0 },
	} {
		cfg := b.config(0)
		change(&cfg)
		if l, err := NewLuminaire(cfg); err == nil {
			t.Errorf("%s: %+v, want an error", name, l)
		}
	}
}
