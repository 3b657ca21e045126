package nwk

import (
	"testing"
	"time"

	"sconce/zigbee"
)

// crowd is nodes that all hear each other.
func crowd(from, to int) uint8 { return 255 }

// Forty routers in one room, of whose frames many are lost: everybody hears a
// broadcast and a route request, though almost nobody says it more than once.
func TestFloodInACrowd(t *testing.T) {
	const n, seed = 40, 12
	m := newMesh(t, seed, n, crowd)
	m.loss = 0.3
	m.run(45*time.Second, nil)
	for round := range 10 {
		m.sent, m.got = nil, nil
		if !m.layers[1+round].Send(m.now, Request{Dst: zigbee.BroadcastRxOn, Payload: []byte("all")}) {
			t.Fatal("the broadcast was refused")
		}
		m.run(3*time.Second, nil)
		said := m.count(func(s onAir) bool { return s.command == 0 && s.header.Dst.IsBroadcast() })
		if len(m.got) != n-1 || said > n+n/4 {
			t.Errorf("seed %d: %d of %d heard a broadcast, which was said %d times", seed, len(m.got), n-1, said)
		}
		m.sent = nil
		m.layers[1+round].Send(m.now, Request{Dst: 0x7777, Payload: []byte("nobody")})
		m.run(3*time.Second, nil)
		asked := m.count(func(s onAir) bool { return s.command == RouteRequest && s.header.Src == short(1+round) })
		if asked < n*9/10 || asked > n+n/4 {
			t.Errorf("seed %d: a request was said %d times by %d routers", seed, asked, n)
		}
	}
}

// A frame whose neighbour does not answer is said again after a moment, and for
// the last time when a flood of other frames would be over.
func TestTriesOutlastAFlood(t *testing.T) {
	a := newLayer(alice, 1)
	a.random = func(p []byte) {
		for i := range p {
			p[i] = 0xff
		}
	}
	a.Send(start, Request{Dst: 2, Radius: 1, Payload: []byte("x")})
	now := start
	for _, want := range []time.Duration{unicastPause, 4 * unicastPause} {
		if _, _, ok := a.Next(); !ok {
			t.Fatal("nothing is sent")
		}
		a.Done(now, false)
		at, ok := a.Deadline()
		if pause := at.Sub(now); !ok || pause < want || pause > 2*want {
			t.Errorf("said again after %v, want %v to %v", pause, want, 2*want)
		}
		now = at
		a.Advance(now)
	}
}

// A link that is just good enough costs more than two good ones: frames take the
// route, and the request that came over the good links is the first.
func TestWeakNeighbourIsTheLastResort(t *testing.T) {
	const weak = 100 // cost 5
	m := newMesh(t, 3, 3, func(from, to int) uint8 {
		if from+to == 2 && from != to { // 0 and 2
			return weak
		}
		return 255
	})
	m.run(70*time.Second, nil) // the coordinator has asked for routes to itself
	m.sent = nil
	if !m.deliver(2, 0, time.Second) {
		t.Fatal("not delivered")
	}
	if direct := m.count(func(s onAir) bool { return s.from == 2 && s.hop == 0 && s.command == 0 }); direct != 0 {
		t.Errorf("%d frames over a weak link beside a good way", direct)
	}
	m.dead[1] = true
	if !m.deliver(2, 0, 10*time.Second) {
		t.Error("the weak link is not used when there is no other")
	}
}
