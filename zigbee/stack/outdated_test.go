package stack

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
)

// Whoever records a command to a group in one part of a building has it obeyed and
// passed on in no other: neither at once nor later, nor with all that was said before it.
func TestOldCommandIsNotPassedOn(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := row(m, 5)
	for _, s := range lamps {
		if err := s.AddGroup(1, 7); err != nil {
			t.Fatal(err)
		}
	}
	m.run(15*time.Minute, nil) // when they joined they all heard one another
	far := lamps[4]
	deaf := true // nothing of this command gets so far by itself
	m.drop = func(from *station, _ []byte) bool { return deaf && from == lamps[1] }
	m.sent = nil
	if n := press(m, tc, 7, lamps); n == 0 || n == len(lamps) {
		t.Fatalf("%d lamps obeyed", n)
	}
	m.run(10*time.Second, nil)
	recorded := slices.DeleteFunc(slices.Clone(m.sent), func(f sniffed) bool {
		h, _, err := mac.Parse(f.frame)
		return err != nil || h.Type != mac.TypeData || h.Dst.Short != zigbee.Broadcast || h.Src.Short != lamps[0].nwk.Network().Short
	})
	if len(recorded) < 2 {
		t.Fatalf("%d frames were recorded", len(recorded))
	}
	deaf = false
	m.run(time.Hour, nil)
	for _, s := range lamps {
		s.events = nil
	}
	before := far.Counters().NWK.Outdated
	for _, f := range recorded {
		far.Receive(m.now, f.frame, 200)
		m.run(time.Second, nil)
	}
	for i, s := range lamps {
		if n := len(eventsOf[DataIndication](s)); n > 0 {
			t.Errorf("lamp %d obeyed an old command", i)
		}
	}
	if far.Counters().NWK.Outdated == before {
		t.Error("nothing was refused")
	}
	if n := press(m, tc, 7, lamps); n != len(lamps) {
		t.Errorf("%d lamps obeyed a new command", n)
	}
	for _, p := range far.nwk.Peers() {
		if p.EUI64 == lamps[0].cfg.EUI64 && p.Current {
			t.Errorf("a stranger became known by what was recorded of it: %+v", p)
		}
	}
}
