package nwk

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
)

// linkStatus has a node say its link status over the air, as if it had so many links.
func linkStatus(t *testing.T, l *Layer, now time.Time, links int) []byte {
	t.Helper()
	h := Header{Type: TypeCommand, Dst: zigbee.BroadcastRouters, Radius: 1, Secured: true, SrcEUI64: l.eui64}
	var b [maxFrame]byte
	if !l.enqueue(now, h, 0, AppendLinkStatus(b[:0], true, true, make([]Link, links))) {
		t.Fatal("not taken")
	}
	return next(t, l, now)
}

func keeps(l *Layer, e zigbee.EUI64) bool {
	n := l.byEUI64(e)
	return n != nil && n.isRouter(l.now)
}

// A node keeps as many routers as one link status tells of, which are the same
// whatever order they come in, and tells of them alone.
func TestNeighboursAreFew(t *testing.T) {
	const strong, feeble = 200, 40
	hear := func(l *Layer, i int, links int, lqi uint8) {
		from := newLayer(zigbee.EUI64(0x1000+i), zigbee.ShortAddr(0x100+i))
		l.Receive(start, from.net.Short, linkStatus(t, from, start, links), lqi)
	}
	up, down := newLayer(alice, 1), newLayer(alice, 1)
	for i := range 80 {
		hear(up, i, MaxNeighbours, strong)
		hear(down, 79-i, MaxNeighbours, strong)
	}
	same := 0
	for i := range 80 {
		if keeps(up, zigbee.EUI64(0x1000+i)) && keeps(down, zigbee.EUI64(0x1000+i)) {
			same++
		}
	}
	if len(up.routers) != MaxNeighbours || same != MaxNeighbours {
		t.Errorf("keeps %d routers, %d of them in either order", len(up.routers), same)
	}
	if c := up.Counters(); c.Overlooked == 0 || c.Opened+c.Overlooked != 80 {
		t.Errorf("%+v", c)
	}
	up.sendLinkStatus(start)
	if f := next(t, up, start); len(f) > maxFrame || up.busy != 0 {
		t.Errorf("a link status of %d bytes, and %d more", len(f), up.busy)
	}

	// Whoever is heard badly gives way, and who has few neighbours is kept.
	l := newLayer(alice, 1)
	for i := range MaxNeighbours {
		hear(l, i, MaxNeighbours, feeble)
	}
	for i := range MaxNeighbours {
		hear(l, 100+i, MaxNeighbours, strong)
	}
	hear(l, 200, 2, strong)
	hear(l, 201, 2, feeble)
	for i := range MaxNeighbours {
		if keeps(l, zigbee.EUI64(0x1000+i)) {
			t.Errorf("%d is kept, which is heard badly", i)
		}
	}
	if !keeps(l, 0x1000+200) || keeps(l, 0x1000+201) {
		t.Error("one with few neighbours that is heard well is not kept, or one that is not")
	}

	// One that falls silent makes room.
	l.now = start.Add(routerAge + 1)
	l.age(l.now)
	if len(l.routers) != 0 {
		t.Errorf("%d are left", len(l.routers))
	}
	from := newLayer(0x9999, 0x999)
	l.Receive(l.now, 0x999, linkStatus(t, from, l.now, MaxNeighbours), feeble)
	if !keeps(l, 0x9999) {
		t.Error("no room for a router although there is")
	}
}

// The chance that decides is the same at both ends of a link.
func TestRankIsMutual(t *testing.T) {
	for i := range zigbee.EUI64(100) {
		a, b := newLayer(0x5000+i, 1), newLayer(0x6000+7*i, 2)
		if x, y := a.rank(b.eui64, 255, false), b.rank(a.eui64, 255, false); x != y || x >= full {
			t.Fatalf("%x and %x", x, y)
		}
	}
}

// A link status that is overlooked changes nothing, and neither does one that a
// stranger made up; a real one of a neighbour is opened, replays are not.
func TestOverlookedChangesNothing(t *testing.T) {
	l := newLayer(alice, 1)
	var known []*Layer
	for i := range 60 {
		from := newLayer(zigbee.EUI64(0x1000+i), zigbee.ShortAddr(0x100+i))
		known = append(known, from)
		l.Receive(start, from.net.Short, linkStatus(t, from, start, MaxNeighbours), 200)
	}
	for _, from := range known {
		neighbour, opened := keeps(l, from.eui64), l.Counters().Opened
		frame := linkStatus(t, from, start, MaxNeighbours)
		forged := bytes.Clone(frame)
		forged[len(forged)-1] ^= 1
		l.Receive(start, from.net.Short, forged, 200)
		l.Receive(start, from.net.Short, bytes.Clone(frame), 200)
		l.Receive(start, from.net.Short, frame, 200)
		if got := l.Counters().Opened - opened; neighbour != (got == 1) || got > 1 {
			t.Fatalf("%s is a neighbour: %v; %d of its frames opened", from.eui64, neighbour, got)
		}
		if neighbour != keeps(l, from.eui64) {
			t.Fatalf("%s: %v before", from.eui64, neighbour)
		}
	}
	// What looks like a link status and is none is of no use to who sends it so; the
	// same with another radius is read.
	var other *Layer
	for _, from := range known {
		if !keeps(l, from.eui64) {
			other = from
		}
	}
	if _, ok := l.Receive(start, other.net.Short, send(t, other, 1, "data"), 200); !ok {
		t.Error("data of a router that is no neighbour is not taken")
	}
}

// Who has no room to name this node may hear it; who has, and does not, does not.
func TestFullLinkStatusSaysNothing(t *testing.T) {
	for links, near := range map[int]bool{MaxNeighbours: true, MaxNeighbours - 1: false} {
		l, from := newLayer(alice, 1), newLayer(bob, 2)
		for range maxDeaf {
			l.Receive(start, 2, linkStatus(t, from, start, links), 200)
		}
		if got := l.byEUI64(bob).near(start); got != near {
			t.Errorf("left out of %d links: near is %v", links, got)
		}
	}
}
