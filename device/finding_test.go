package device

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// alone is a building without a gateway: the first lamp has formed a network, the
// others joined through it by their install codes, and so did a switch.
func alone(t *testing.T, lamps int) (*building, *Switch) {
	t.Helper()
	b := newBuilding(t)
	b.deaf = true
	first := b.start(b.config(0))
	if err := first.Form(b.now); err != nil {
		t.Fatal(err)
	}
	b.run(10*time.Second, func() bool { return first.up })
	first.Open(b.now, time.Hour)
	let := func(cfg Config) Config {
		if err := first.Expect(b.now, cfg.EUI64, cfg.InstallCode); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	for i := 1; i < lamps; i++ {
		l := b.start(let(b.config(i)))
		b.run(time.Minute, func() bool { return l.up })
	}
	s, err := NewSwitch(let(b.config(100)))
	if err != nil {
		t.Fatal(err)
	}
	b.begin(s)
	return b, s
}

// finds lets a switch look until it is done, and returns what it says of that.
func (b *building) finds(s *Switch, group uint16) FindingDone {
	b.t.Helper()
	var done FindingDone
	if err := s.Find(b.now, group); err != nil {
		b.t.Fatal(err)
	}
	b.run(FindTime+time.Second, func() bool {
		for _, e := range s.events {
			if d, is := e.(FindingDone); is {
				done = d
				return true
			}
		}
		return s.find.until.IsZero()
	})
	return done
}

// A switch finds the lamps that identify themselves, by group or one by one, and
// commands them and no others, without anybody else in the building.
func TestFindingAndBinding(t *testing.T) {
	for _, group := range []uint16{0, 9} {
		b, s := alone(t, 4)
		b.lamps[1].Offer(b.now)
		b.lamps[3].Offer(b.now)
		begun := b.now
		b.finds(s, group)
		if took := b.now.Sub(begun); took > 3*findPause {
			t.Errorf("group %d: the search took %v", group, took)
		}
		for _, c := range []uint16{zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterScenes} {
			want := 2
			if group != 0 {
				want = 1
			}
			if got := s.node.Bindings(Endpoint, c); len(got) != want || group != 0 && got[0].Group != group || group == 0 && got[0].Device == 0 {
				t.Errorf("group %d: cluster 0x%04x is bound to %+v", group, c, got)
			}
		}
		for _, c := range []uint16{zcl.ClusterIdentify, zcl.ClusterGroups, zcl.ClusterBasic} {
			if got := s.node.Bindings(Endpoint, c); len(got) != 0 {
				t.Errorf("group %d: cluster 0x%04x is bound to %+v", group, c, got)
			}
		}
		b.run(FindTime, nil)
		for i, on := range []bool{false, true, false} {
			press := ButtonOff
			if on {
				press = ButtonOn
			}
			if err := s.Press(b.now, press, Short); err != nil {
				t.Fatal(err)
			}
			b.run(5*time.Second, nil)
			for j, l := range b.lamps {
				if got, want := l.Light(b.now).On, on && (j == 1 || j == 3) || j == 0 || j == 2; got != want {
					t.Errorf("group %d, press %d: lamp %d on %v, want %v", group, i, j, got, want)
				}
			}
		}
		if n := s.Unbind(b.now, zcl.ClusterOnOff); n == 0 || len(s.node.Bindings(Endpoint, zcl.ClusterOnOff)) != 0 {
			t.Errorf("group %d: %d bindings ended", group, n)
		}
	}
}

// Nobody is bound who does not identify, who is not asked, or who has nothing in common.
func TestFindingIsAskedFor(t *testing.T) {
	b, s := alone(t, 2)
	if done := b.finds(s, 0); done.Bound != 0 {
		t.Errorf("bound %+v, and nobody identified", done)
	}
	response := stack.DataIndication{
		Src: 0x1234, SrcEUI64: 77, SrcEndpoint: Endpoint, Dst: s.node.Filter().Short, DstEndpoint: Endpoint,
		Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterIdentify,
		Payload: zcl.AppendRequest(nil, 1, zcl.IdentifyQueryResponse{Remaining: 60}),
	}
	if s.learn(b.now, response) || len(s.find.targets) > 0 {
		t.Error("an answer that nobody asked for is taken")
	}
	if err := s.Find(b.now, 0); err != nil {
		t.Fatal(err)
	}
	late := response
	late.Payload = zcl.AppendRequest(nil, 1, zcl.IdentifyQueryResponse{})
	toAll := response
	toAll.Dst = zigbee.BroadcastRxOn
	if s.learn(b.now, late); len(s.find.targets) > 0 {
		t.Error("one that identifies no more is noted")
	}
	if s.learn(b.now, toAll); len(s.find.targets) > 0 {
		t.Error("an answer to everybody is taken")
	}
	for i := range 3 * MaxTargets {
		r := response
		r.Src = zigbee.ShortAddr(1 + i/2) // each answers twice
		s.learn(b.now, r)
	}
	if len(s.find.targets) != MaxTargets {
		t.Errorf("%d targets", len(s.find.targets))
	}
	if err := b.lamps[0].Find(b.now, 0); err != nil {
		t.Errorf("a lamp cannot look for whom it reports to: %v", err)
	}
	s.up = false
	if err := s.Find(b.now, 0); !errors.Is(err, stack.ErrNotUp) {
		t.Errorf("looking without a network: %v", err)
	}
}

// What is answered counts once, from the one that was asked, to what was asked.
func TestFindingPolicy(t *testing.T) {
	descriptor := lightEndpoint(White{})
	for name, change := range map[string]func(*stack.DataIndication, *zdo.SimpleDescRsp){
		"the truth":      func(*stack.DataIndication, *zdo.SimpleDescRsp) {},
		"another":        func(e *stack.DataIndication, _ *zdo.SimpleDescRsp) { e.Src++ },
		"another answer": func(_ *stack.DataIndication, m *zdo.SimpleDescRsp) { m.Seq++ },
		"no success":     func(_ *stack.DataIndication, m *zdo.SimpleDescRsp) { m.Status = zdo.NotActive },
		"other endpoint": func(_ *stack.DataIndication, m *zdo.SimpleDescRsp) { m.Descriptor.Endpoint++ },
		"other profile":  func(_ *stack.DataIndication, m *zdo.SimpleDescRsp) { m.Descriptor.Profile++ },
		"no clusters":    func(_ *stack.DataIndication, m *zdo.SimpleDescRsp) { m.Descriptor.In = nil },
		"cut off":        func(e *stack.DataIndication, _ *zdo.SimpleDescRsp) { e.Cluster = uint16(zdo.NodeDesc | zdo.Response) },
	} {
		b, s := alone(t, 1)
		if err := s.Find(b.now, 0); err != nil {
			t.Fatal(err)
		}
		s.learn(b.now, stack.DataIndication{
			Src: 0x1234, SrcEUI64: 77, SrcEndpoint: Endpoint, Dst: s.node.Filter().Short, DstEndpoint: Endpoint,
			Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterIdentify,
			Payload: zcl.AppendRequest(nil, 1, zcl.IdentifyQueryResponse{Remaining: 60}),
		})
		e := stack.DataIndication{Src: 0x1234, Dst: s.node.Filter().Short, Profile: zdo.Profile, Cluster: uint16(zdo.SimpleDesc | zdo.Response)}
		m := zdo.SimpleDescRsp{Seq: s.find.seq, Addr: 0x1234, Descriptor: descriptor}
		m.Descriptor.In = slices.Clone(descriptor.In)
		change(&e, &m)
		e.Payload = m.Append(nil)
		s.learn(b.now, e)
		s.learn(b.now, e)
		want := 0
		if name == "the truth" {
			want = 1
		}
		if got := s.node.Bindings(Endpoint, zcl.ClusterOnOff); len(got) != want || s.find.bound != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A full table refuses, and says so; nothing that was there is lost.
func TestFindingFillsTheTable(t *testing.T) {
	b, s := alone(t, 2)
	for i := range stack.MaxBindings - 1 {
		if err := s.node.AddBinding(stack.Binding{Endpoint: Endpoint, Cluster: zcl.ClusterColor, Group: uint16(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	b.lamps[1].Offer(b.now)
	if err := s.Find(b.now, 0); err != nil {
		t.Fatal(err)
	}
	b.run(time.Minute, func() bool { return s.find.refused })
	if got := s.node.Bindings(Endpoint, zcl.ClusterColor); len(got) != stack.MaxBindings-1 || s.find.bound != 1 {
		t.Errorf("%d bindings are left, %d devices bound", len(got), s.find.bound)
	}
}

// A building without a gateway comes back from a power cut as it was.
func TestStandaloneBuildingComesBack(t *testing.T) {
	b, s := alone(t, 3)
	for _, l := range b.lamps {
		l.Offer(b.now)
	}
	b.finds(s, 4)
	b.run(FindTime, nil)
	for _, l := range slices.Clone(b.lamps) {
		b.powerCycle(l)
	}
	b.run(2*time.Minute, nil)
	for _, on := range []Button{ButtonOff, ButtonOn} {
		if err := s.Press(b.now, on, Short); err != nil {
			t.Fatal(err)
		}
		b.run(5*time.Second, nil)
		for i, l := range b.lamps {
			if l.Light(b.now).On != (on == ButtonOn) {
				t.Errorf("lamp %d does not obey button %d", i, on)
			}
		}
	}
	c, err := b.lamps[0].Credentials()
	if err != nil {
		t.Fatal(err)
	}
	stranger := b.start(b.config(50))
	if err := stranger.Commission(b.now, c); err != nil || !stranger.up {
		t.Errorf("out of band: %v, up %v", err, stranger.up)
	}
	b.lamps[0].Leave(b.now)
	b.run(5*time.Second, nil)
	if _, err := b.lamps[0].Credentials(); err == nil {
		t.Error("who has left gives the key away")
	}
}
