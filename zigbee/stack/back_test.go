package stack

import (
	"testing"
	"time"

	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// The power of four lamps comes back at once: none broadcasts a word but route
// requests and link states, none looks for a network, and the trust centre hears of
// each within seconds.
func TestPowerCutIsSilent(t *testing.T) {
	const lampCount = 4
	m := newMedium(t, 31)
	tc, lamps := joinAll(m, lampCount)
	m.run(30*time.Second, nil)
	from := len(m.sent)
	tc.events = nil
	for _, l := range lamps {
		state := l.State()
		l.restart(&state)
	}
	m.run(backPause+backSpread+5*time.Second, nil)
	for _, s := range m.sent[from:] {
		f := s.frame
		h, payload, err := mac.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		if h.Type == mac.TypeCommand || h.Type == mac.TypeBeacon {
			t.Errorf("a lamp looks for a network: %x", f)
		}
		if h.Type != mac.TypeData {
			continue
		}
		n, _, err := nwk.ParseHeader(payload)
		if err != nil {
			t.Fatal(err)
		}
		if n.Type == nwk.TypeData && n.Dst.IsBroadcast() {
			t.Errorf("a lamp tells everybody: %x", f)
		}
	}
	if n := len(eventsOf[DeviceAnnounced](tc)); n != lampCount {
		t.Errorf("%d of %d lamps told the trust centre that they are back", n, lampCount)
	}
	for _, l := range lamps {
		if !l.isUp() {
			t.Error("a lamp is not back")
		}
	}
}

// A router that had no power while the network is open is told that it is: who
// hears only it can join.
func TestRouterThatWasAwayOpensAgain(t *testing.T) {
	m, tc, router, lamp := throughRouter(t, 3)
	if err := tc.Allow(lampAddress+1, code(t, 1)); err != nil {
		t.Fatal(err)
	}
	state := router.State()
	router.restart(&state)
	if router.open() {
		t.Fatal("a router that starts is open")
	}
	lamp.Start(m.now)
	m.run(permitPeriod/4, lamp.isUp)
	if !lamp.isUp() || lamp.nwk.Network().Depth != 2 {
		t.Errorf("nobody can join through a router that was away: up %v, depth %d", lamp.isUp(), lamp.nwk.Network().Depth)
	}
}
