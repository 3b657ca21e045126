package nwk

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
)

func TestRouteTableIsBounded(t *testing.T) {
	l := newLayer(alice, 1)
	l.setRoute(start, 0, 9, true, true)
	for i := range 2 * MaxRoutes {
		l.setRoute(start.Add(time.Duration(i)), zigbee.ShortAddr(100+i), 9, false, false)
	}
	if r := l.findRoute(0, start); r == nil || !r.manyToOne {
		t.Error("the route to the concentrator made room for others")
	}
	if l.findRoute(100, start) != nil || l.findRoute(100+2*MaxRoutes-1, start) == nil {
		t.Error("the oldest did not make room for the newest")
	}
	if l.Counters().RoutesFull != MaxRoutes+1 {
		t.Errorf("%+v", l.Counters())
	}
	if l.findRoute(100+2*MaxRoutes-1, start.Add(routeLife+time.Hour)) != nil {
		t.Error("a route that nobody uses stays")
	}
}

func TestDiscoveryTableIsBounded(t *testing.T) {
	l := newLayer(alice, 1)
	for i := range maxOthers {
		if l.newDiscovery(start, zigbee.ShortAddr(i+2), uint8(i), 0) == nil {
			t.Fatalf("entry %d found no room", i)
		}
	}
	if l.newDiscovery(start, 0x999, 1, 0) != nil || l.Counters().DiscoveryFull != 1 {
		t.Error("one entry too many")
	}
	for i := range maxDiscoveries - maxOthers {
		if l.newDiscovery(start, zigbee.Coordinator, uint8(i), 0) == nil {
			t.Error("the coordinator finds no room to ask for routes to itself")
		}
	}
	if l.newDiscovery(start, zigbee.Coordinator, 99, 0) != nil {
		t.Error("one entry too many")
	}
	if l.newDiscovery(start.Add(discoveryLife), 0x999, 1, 0) == nil {
		t.Error("an entry lives for ever")
	}
}

// A node that may not ask, as too many do, waits for the coordinator's own request.
func TestTooManySearch(t *testing.T) {
	l := newLayer(alice, 5)
	l.Start(start)
	for i := range maxOthers {
		l.newDiscovery(start, zigbee.ShortAddr(i+20), uint8(i), 0)
	}
	if l.Send(start, Request{Dst: 0x777, Payload: []byte("x")}) {
		t.Error("a search that nobody will answer has begun")
	}
	if !l.Send(start, Request{Dst: zigbee.Coordinator, Payload: []byte("x")}) {
		t.Fatal("what is for the coordinator is refused")
	}
	l.Advance(start.Add(time.Second / 2))
	if l.first() != nil && l.first().header.Type == TypeData {
		t.Fatal("sent without a route")
	}
	l.setRoute(start, zigbee.Coordinator, 9, true, false)
	l.resume(start, zigbee.Coordinator)
	if q := l.first(); q == nil || q.hop != 9 {
		t.Errorf("%+v: not sent when the coordinator has asked", q)
	}
	if l.Counters().Searches != 0 {
		t.Error("it asked all the same")
	}
}

func TestRecordTableIsBounded(t *testing.T) {
	l := newLayer(alice, 0)
	for i := range MaxRecords + 1 {
		l.receiveRecord(start.Add(time.Duration(i)), 9, Header{Src: zigbee.ShortAddr(100 + i)}, AppendRouteRecord(nil, Relays{9, 0}))
	}
	if len(l.records) != MaxRecords || l.findRecord(100) != nil || l.findRecord(100+MaxRecords) == nil {
		t.Errorf("%d records", len(l.records))
	}
	// One that did not come from whom it names last, or is too long, is refused.
	l.receiveRecord(start, 8, Header{Src: 7}, AppendRouteRecord(nil, Relays{9, 0}))
	l.receiveRecord(start, 9, Header{Src: 7}, AppendRouteRecord(nil, bytes.Repeat(Relays{9, 0}, MaxRelays+1)))
	if l.findRecord(7) != nil || l.Counters().Refused != 1 || l.Counters().Malformed != 1 {
		t.Errorf("%+v", l.Counters())
	}
}

// A neighbour that leaves this node out of its link status twice does not hear it.
// A frame that says nothing of this node's address, for there are others, does not count.
func TestDeafNeighbour(t *testing.T) {
	l := newLayer(alice, 0x500)
	n := l.add(bob)
	n.hear(start, 255)
	status := func(first, last bool, links ...Link) {
		c, err := ParseLinkStatus(AppendLinkStatus(nil, first, last, links))
		if err != nil {
			t.Fatal(err)
		}
		l.receiveLinkStatus(start, n, c)
	}
	for range 3 {
		status(true, false, Link{Short: 0x100, Incoming: 1}, Link{Short: 0x4ff, Incoming: 1})
		status(false, true, Link{Short: 0x501, Incoming: 1})
	}
	if !n.near(start) {
		t.Error("a frame about others counts")
	}
	for range maxDeaf {
		status(true, true, Link{Short: 0x100, Incoming: 1})
	}
	if n.near(start) {
		t.Error("a link that goes one way is used")
	}
	status(false, true, Link{Short: 0x500, Incoming: 3})
	if !n.near(start) || n.linkCost() != 3 {
		t.Errorf("heard again: %+v", n)
	}
}

func TestTheCoordinatorKeepsItsAddress(t *testing.T) {
	l := newLayer(alice, zigbee.Coordinator)
	l.conflictReported(start, zigbee.Coordinator)
	l.Conflict(start.Add(broadcastLife), zigbee.Coordinator)
	if o, ok := l.NextOutput(); ok {
		t.Errorf("%+v", o)
	}
}

func TestNetworkStatesAreFew(t *testing.T) {
	l := newLayer(alice, 1)
	for range 20 {
		l.report(start, StatusAddressConflict, zigbee.BroadcastRxOn, 7)
	}
	if c := l.Counters(); c.Muted != 20-statusBurst {
		t.Errorf("%d of 20 were not sent", c.Muted)
	}
	l.report(start.Add(broadcastLife), StatusAddressConflict, zigbee.BroadcastRxOn, 7)
	if c := l.Counters(); c.Muted != 20-statusBurst {
		t.Error("never again")
	}
}

// When the best way to a concentrator fails, a node takes the spare one, for its own
// frames and for others', and looks for none; a neighbour that is no nearer to the concentrator is no
// spare.
func TestSpareWay(t *testing.T) {
	for name, c := range map[string]struct {
		told  uint8 // the cost from the concentrator to the other neighbour
		relay bool
		spare bool
	}{
		"own":            {2, false, true},
		"relayed":        {2, true, true},
		"no nearer":      {4, false, false},
		"none to relay":  {4, true, false},
		"as far as this": {3, false, false},
	} {
		l := newLayer(alice, 0x500)
		near := func(e zigbee.EUI64, a zigbee.ShortAddr) *node {
			l.Learn(e, a)
			n := l.byEUI64(e)
			n.hear(start, 255)
			n.hear(start, 255)
			return n
		}
		best, other := near(bob, 0x600), near(0xc, 0x700)
		near(0xd, 0x800)
		ask := func(n *node, told uint8) {
			h := Header{Type: TypeCommand, Src: zigbee.Coordinator, Dst: zigbee.BroadcastRouters, Radius: 9, Seq: 1, SrcEUI64: 0xcc}
			l.receiveRouteRequest(start, n, h, AppendRouteRequest(nil, RouteRequestCommand{ManyToOne: ManyToOneRecord, ID: 1, Dst: zigbee.BroadcastRouters, Cost: told}))
		}
		ask(best, 2) // so that this node is at 3
		ask(other, c.told)
		for _, q := range l.queue {
			l.finish(q, true)
		}
		if c.relay {
			l.relay(start, 0x800, Header{Type: TypeData, Src: 0x900, Dst: zigbee.Coordinator, Radius: 9, Seq: 7, Secured: true}, []byte("x"))
		} else {
			l.Send(start, Request{Dst: zigbee.Coordinator, Payload: []byte("x")})
		}
		var hops []zigbee.ShortAddr
		for now := start; now.Before(start.Add(2 * time.Second)); now = now.Add(10 * time.Millisecond) {
			l.Advance(now)
			hop, f, ok := l.Next()
			if !ok {
				continue
			}
			h, _, _ := ParseHeader(f)
			if h.Dst == zigbee.Coordinator && h.Type == TypeData && (len(hops) == 0 || hops[len(hops)-1] != hop) {
				hops = append(hops, hop)
			}
			l.Done(now, hop != best.short)
		}
		if want := c.spare; (len(hops) == 2 && hops[1] == other.short) != want || hops[0] != best.short {
			t.Errorf("%s: over %v", name, hops)
		}
		if searched := l.Counters().Searches > 0; searched == c.spare {
			t.Errorf("%s: searched %v", name, searched) // without a spare, for the way or for whom to tell
		}
	}
}

// A neighbour that does not take a frame and was heard a moment ago is busy: the frame is
// tried again, and nobody is asked for another way. One that has not taken several in a row,
// or has not been heard since its last link status was due, is gone.
func TestBusyNeighbourIsNoBrokenLink(t *testing.T) {
	for name, c := range map[string]struct {
		heard time.Duration // before the frame
		takes int           // the transmission that is acknowledged; 0: none
		wait  int           // frames that wait here
		sent  int           // transmissions until it is, or the neighbour counts as gone, or the frame is given up
		gone  bool
	}{
		"takes the second":            {0, 2, 0, 2, false},
		"takes it after a pause":      {0, unicastTries + 1, 0, unicastTries + 1, false},
		"takes it after another":      {0, 2*unicastTries + 1, 0, 2*unicastTries + 1, false},
		"takes none":                  {0, 0, 0, maxStrikes * unicastTries, true},
		"not heard for long":          {presentLife + time.Second, 0, 0, unicastTries, true},
		"heard as long ago as it may": {presentLife - 10*time.Second, unicastTries + 1, 0, unicastTries + 1, false},
		"some wait":                   {0, 0, patientQueue - 1, maxStrikes * unicastTries, true},
		"too many wait":               {0, 0, patientQueue, unicastTries, false},
	} {
		l := newLayer(alice, 0x500)
		l.Learn(bob, 0x600)
		n := l.byEUI64(bob)
		n.hear(start, 255)
		n.hear(start, 255)
		from := start.Add(c.heard)
		for range c.wait {
			l.fill(l.freeItem(), Header{Dst: 0x700}, 0, nil)
			l.queue[len(l.queue)-1].state = searching
		}
		l.setRoute(from, 0x900, 0x600, false, false)
		l.Send(from, Request{Dst: 0x900, Payload: []byte("x")})
		sent := 0
		for now := from; now.Before(from.Add(5 * time.Second)); now = now.Add(10 * time.Millisecond) {
			l.Advance(now)
			hop, _, ok := l.Next()
			if !ok {
				continue
			}
			if hop == 0x600 {
				sent++
			}
			l.Done(now, hop.IsBroadcast() || sent == c.takes)
		}
		if gone := l.findRoute(0x900, from) == nil && l.Counters().Searches == 1; sent != c.sent || gone != c.gone {
			t.Errorf("%s: %d transmissions, gone %v; want %d, %v", name, sent, gone, c.sent, c.gone)
		}
	}
}
