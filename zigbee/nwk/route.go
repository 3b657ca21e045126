package nwk

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of routes.
const (
	MaxRoutes = 96 // when full, the one that was used longest ago makes room; one to a concentrator last

	routeLife     = 5 * time.Minute                    // without use
	manyToOneLife = 3*manyToOnePeriod + 10*time.Second // without another request of the concentrator
	forwardedLife = time.Second                        // longer than a neighbour's retries
	maxForwarded  = 32                                 // relayed frames that are remembered; the oldest is forgotten
	maxWaiting    = MaxQueue / 3                       // frames that wait for routes; further ones are refused
	farCost       = 5                                  // a neighbour heard no better is a last resort: when many talk at once, it does not hear
	maxDeaf       = 2                                  // link states in a row that leave this node out
	heardLife     = routerAge                          // since the last frame of a neighbour
)

// route is an entry of the routing table (3.6.1.8, table 3-67): the neighbour
// over which a node is reached. An entry that is not free is active; what is being
// looked for is in [Layer.searches].
type route struct {
	dst, hop  zigbee.ShortAddr
	manyToOne bool             // dst is a concentrator, which asks for routes to itself
	asked     time.Time        // when it last did
	wants     bool             // it keeps route records
	record    bool             // this node's own is due before the next frame
	spare     zigbee.ShortAddr // another neighbour that is nearer to the concentrator; Unassigned: none
	expires   time.Time        // zero: free
}

func (l *Layer) findRoute(dst zigbee.ShortAddr, now time.Time) *route {
	for i := range l.routes {
		if r := &l.routes[i]; r.dst == dst && r.expires.After(now) {
			return r
		}
	}
	return nil
}

// setRoute makes or changes a route.
func (l *Layer) setRoute(now time.Time, dst, hop zigbee.ShortAddr, manyToOne, record bool) {
	if dst == l.net.Short {
		return
	}
	r := l.findRoute(dst, now)
	if r == nil {
		r = l.routeSlot(now)
	}
	life := routeLife
	if manyToOne {
		life = manyToOneLife
	}
	*r = route{
		dst: dst, hop: hop, manyToOne: manyToOne, asked: now, wants: record, record: record, spare: zigbee.Unassigned, expires: now.Add(life),
	}
}

// routeSlot returns a free entry, or makes one.
func (l *Layer) routeSlot(now time.Time) *route {
	var victim *route
	for i := range l.routes {
		r := &l.routes[i]
		if !r.expires.After(now) {
			return r
		}
		if victim == nil || r.manyToOne == victim.manyToOne && r.expires.Before(victim.expires) || !r.manyToOne && victim.manyToOne {
			victim = r
		}
	}
	if len(l.routes) < MaxRoutes {
		l.routes = append(l.routes, route{})
		return &l.routes[len(l.routes)-1]
	}
	l.counters.RoutesFull++
	return victim
}

// noteSpare keeps a neighbour over which a request of a concentrator came too, for the
// case that the best one fails: to look for another is a broadcast over the whole network, and when
// the air is full everybody would. The neighbour must be nearer to the concentrator than
// this node is by its best way: then no circle can form.
func (l *Layer) noteSpare(now time.Time, d *discovery, sender *node, told uint8) {
	r := l.findRoute(d.src, now)
	if r != nil && r.manyToOne && r.spare == zigbee.Unassigned && sender.short != r.hop && told < d.forward && sender.linkCost() < farCost {
		r.spare = sender.short
	}
}

// takeSpare changes a route to a concentrator over to its spare neighbour, if there is
// one.
func (l *Layer) takeSpare(r *route, now time.Time) bool {
	n := l.byShort(r.spare)
	if n == nil || !n.near(now) {
		return false
	}
	r.hop, r.spare, r.record = r.spare, zigbee.Unassigned, r.wants
	return true
}

// dropRoutesVia forgets all routes over a neighbour that have no spare, and reports
// whether there was a many-to-one route to dst among them.
func (l *Layer) dropRoutesVia(hop, dst zigbee.ShortAddr, now time.Time) (manyToOne bool) {
	for i := range l.routes {
		r := &l.routes[i]
		if r.hop != hop || !r.expires.After(now) || r.manyToOne && l.takeSpare(r, now) {
			continue
		}
		manyToOne = manyToOne || r.manyToOne && r.dst == dst
		r.expires = time.Time{}
	}
	return manyToOne
}

// RouteThrough says that a neighbour is a way to the coordinator: the parent through
// which this node has just come into the network.
func (l *Layer) RouteThrough(now time.Time, parent zigbee.ShortAddr) {
	l.sponsor = parent
	l.setRoute(now, zigbee.Coordinator, parent, true, parent != zigbee.Coordinator)
}

// HopTo returns the neighbour over which the route to a node leads, and Unassigned
// when there is none.
func (l *Layer) HopTo(now time.Time, dst zigbee.ShortAddr) zigbee.ShortAddr {
	if r := l.findRoute(dst, now); r != nil {
		return r.hop
	}
	return zigbee.Unassigned
}

func (l *Layer) dropRoute(dst zigbee.ShortAddr, now time.Time) {
	if r := l.findRoute(dst, now); r != nil {
		r.expires = time.Time{}
	}
}

// near reports whether a node is a neighbour that both hears and is heard, as
// far as is known.
func (n *node) near(now time.Time) bool {
	return n.heard != 0 && n.heard.since(now) <= heardLife && !n.lost && n.deaf < maxDeaf
}

// linkCost is the cost of the link with a neighbour: that of its worse direction
// (3.6.3.1; nwkSymLink is TRUE, table 3-58).
func (n *node) linkCost() uint8 { return max(cost(n.lqi), n.cost) }

// way finds the next hop of a unicast: a neighbour that is heard well, a route,
// a route record, or a neighbour that is heard badly.
func (l *Layer) way(now time.Time, q *item) bool {
	dst, own := q.header.Dst, q.header.Src == l.net.Short
	q.header.SourceRoute, q.header.Relays, q.header.RelayIndex = false, nil, 0
	if l.isEndDevice() {
		q.hop = l.parent
		return true
	}
	if l.childAt(dst) != nil {
		q.hop = dst
		return true
	}
	n := l.byShort(dst)
	if n != nil && !n.near(now) {
		n = nil
	}
	if n != nil && n.linkCost() < farCost {
		if r := l.findRoute(dst, now); !own && r != nil && r.manyToOne {
			l.sendRecord(r, q)
		}
		q.hop = dst
		return true
	}
	if own && l.sourceRoute(now, q) {
		return true
	}
	if r := l.findRoute(dst, now); r != nil {
		if r.manyToOne {
			l.sendRecord(r, q)
		} else {
			r.expires = now.Add(routeLife)
		}
		q.hop = r.hop
		return true
	}
	q.hop = dst
	return n != nil
}

// dispatch makes a unicast ready, or has it wait until a route is found. It
// reports false when neither is possible.
func (l *Layer) dispatch(now time.Time, q *item) bool {
	if l.way(now, q) {
		q.state = ready
		return true
	}
	waits := 0
	for _, q := range l.queue {
		if q.state == searching {
			waits++
		}
	}
	asked := q.header.Src == l.net.Short || q.header.DiscoverRoute
	if !asked || waits >= maxWaiting || !l.search(now, q.header.Dst) {
		return false
	}
	q.state = searching
	return true
}

// resume sends what waited for a route.
func (l *Layer) resume(now time.Time, dst zigbee.ShortAddr) {
	for _, q := range l.queue {
		if q.state == searching && q.header.Dst == dst && l.way(now, q) {
			q.state = ready
		}
	}
}

// forwarded is a frame that was relayed.
type forwarded struct {
	src  zigbee.ShortAddr
	seq  uint8
	from zigbee.ShortAddr
	at   time.Time
}

// wasForwarded reports whether a unicast was relayed just now, and notes it. One
// that comes again from another neighbour goes in a circle: its route is forgotten.
func (l *Layer) wasForwarded(now time.Time, from zigbee.ShortAddr, h Header) bool {
	for i := range l.forwarded {
		f := &l.forwarded[i]
		if f.src != h.Src || f.seq != h.Seq || f.at.IsZero() || now.Sub(f.at) >= forwardedLife {
			continue
		}
		if f.from == from {
			l.counters.Duplicates++
			return true
		}
		l.counters.Loops++
		l.dropRoute(h.Dst, now)
		return true
	}
	l.forwarded[l.oldest] = forwarded{src: h.Src, seq: h.Seq, from: from, at: now}
	l.oldest = (l.oldest + 1) % maxForwarded
	return false
}

// isRouted reports whether a command may go over more than one hop.
func isRouted(payload []byte) bool {
	switch CommandID(payload[0]) {
	case RouteReply, LinkStatus, RouteRequest:
		return false
	default:
		return true
	}
}

// relay passes on a unicast for another node (3.6.3.3).
func (l *Layer) relay(now time.Time, from zigbee.ShortAddr, h Header, payload []byte) {
	if h.Radius <= 1 || l.isEndDevice() || h.Type == TypeCommand && !isRouted(payload) {
		l.counters.NotForUs++
		return
	}
	h.Radius--
	var record [2 + 2*MaxRelays]byte
	if h.Type == TypeCommand && CommandID(payload[0]) == RouteRecord {
		relays, err := ParseRouteRecord(payload)
		switch {
		case err != nil:
			l.counters.Malformed++
			return
		case relays.Has(l.net.Short):
			l.counters.Loops++
			return
		case relays.Len() >= MaxRelays: // the concentrator looks for a route instead
			l.counters.RelaysFull++
			return
		}
		payload = Relays(AppendRouteRecord(record[:0], relays)).Append(l.net.Short)
		payload[1]++
	}
	if l.wasForwarded(now, from, h) {
		return
	}
	hop, sourced := h.Dst, h.SourceRoute
	if sourced {
		i := int(h.RelayIndex)
		if i >= h.Relays.Len() || h.Relays.Len() > MaxRelays || h.Relays.At(i) != l.net.Short {
			l.counters.NotForUs++
			return
		}
		if i > 0 {
			h.RelayIndex--
			hop = h.Relays.At(i - 1)
		}
	}
	q := l.freeItem()
	if q == nil || len(payload) > l.room(h) {
		l.counters.RelaysFull++
		return
	}
	l.fill(q, h, 0, payload)
	l.counters.Relayed++
	if sourced {
		q.hop = hop
		return
	}
	if !l.dispatch(now, q) {
		l.counters.NoRoute++
		l.finish(q, false)
		l.reportRelayed(now, StatusNoRoute, h)
	}
}
