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
	for i := range maxDiscoveries {
		if l.newDiscovery(start, 5, uint8(i), 0) == nil {
			t.Fatal("no room")
		}
	}
	if l.newDiscovery(start, 6, 0, 0) != nil || l.Counters().DiscoveryFull != 1 {
		t.Error("no limit")
	}
	if l.newDiscovery(start.Add(discoveryLife), 6, 0, 0) == nil {
		t.Error("never forgotten")
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
