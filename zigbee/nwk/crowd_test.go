package nwk

import (
	"bytes"
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

// What others said is repeated for a router that is nearby and has not passed it on, though its
// link status has not come yet: one that was heard to broadcast, and the one through which
// this node has just come in. It is not for a child, whose parent is this node.
func TestBroadcastIsRepeatedForNewNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		meet   func(l, other *Layer)
		passes bool // the other passes it on
		sent   int
	}{
		"nobody":                   {func(_, _ *Layer) {}, false, 1},
		"heard to broadcast":       {func(l, other *Layer) { l.receiveFrom(other, "here I am") }, false, 1 + maxBroadcastRetries},
		"... and passes it on":     {func(l, other *Layer) { l.receiveFrom(other, "here I am") }, true, 1},
		"a child":                  {func(l, other *Layer) { l.AddChild(start, Child{EUI64: 0xc, Short: 3}); l.receiveFrom(other, "on") }, false, 1},
		"came through it":          {func(l, _ *Layer) { l.RouteThrough(start, 3) }, false, 1 + maxBroadcastRetries},
		"... and it passes it on":  {func(l, _ *Layer) { l.Learn(0xc, 3); l.RouteThrough(start, 3) }, true, 1},
		"... and knows its name":   {func(l, _ *Layer) { l.Learn(0xc, 3); l.RouteThrough(start, 3) }, false, 1 + maxBroadcastRetries},
		"came through who said it": {func(l, _ *Layer) { l.Learn(bob, 2); l.RouteThrough(start, 2) }, false, 1},
	} {
		l, known, other := newLayer(alice, 1), newLayer(bob, 2), newLayer(0xc, 3)
		acquaint(l, known, other)
		c.meet(l, other)
		f := send(t, known, zigbee.BroadcastRxOn, "all on")
		if c.passes {
			other.Receive(start, 2, bytes.Clone(f), 255)
		}
		l.queue, l.busy = nil, 0 // what the other said before is not the matter
		l.Receive(start, 2, f, 255)
		sent, passed := 0, false
		for at, ok := l.Deadline(); ok; at, ok = l.Deadline() {
			l.Advance(at)
			if _, _, ok := l.Next(); ok {
				sent++
				l.Done(at, true)
			}
			if c.passes && !passed {
				passed = true
				later, _ := other.Deadline()
				other.Advance(later)
				l.Receive(at, 3, next(t, other, later), 255)
			}
		}
		if sent != c.sent {
			t.Errorf("%s: sent %d times, want %d", name, sent, c.sent)
		}
	}
}

// receiveFrom receives a broadcast of another.
func (l *Layer) receiveFrom(other *Layer, payload string) {
	other.Send(start, Request{Dst: zigbee.BroadcastRxOn, Payload: []byte(payload)})
	_, f, _ := other.Next()
	l.Receive(start, other.net.Short, bytes.Clone(f), 255)
	other.Done(start, true)
	other.queue, other.busy = nil, 0
}
