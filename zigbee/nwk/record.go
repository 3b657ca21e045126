package nwk

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of a concentrator: the coordinator is one.
const (
	MaxRecords = 512 // route records; when full, the oldest makes room

	firstManyToOne  = 5 * time.Second  // after the start: the neighbours' link states have come
	manyToOnePeriod = time.Minute      // nwkConcentratorDiscoveryTime (3.5.2, table 3-58)
	manyToOnePause  = 10 * time.Second // at least, between two requests: nwkcRouteDiscoveryTime
	recordLife      = 10 * time.Minute // without another record
)

// routeRecord is an entry of the route record table (3.6.1.8.1): how a
// concentrator reaches a node.
type routeRecord struct {
	dst     zigbee.ShortAddr
	n       uint8 // relays
	relays  [2 * MaxRelays]byte
	expires time.Time
}

func (l *Layer) isConcentrator() bool { return l.net.Short == zigbee.Coordinator }

func (l *Layer) findRecord(dst zigbee.ShortAddr) *routeRecord {
	for i := range l.records {
		if l.records[i].dst == dst {
			return &l.records[i]
		}
	}
	return nil
}

func (l *Layer) dropRecord(dst zigbee.ShortAddr) {
	if r := l.findRecord(dst); r != nil {
		r.expires = time.Time{}
	}
}

// receiveRecord keeps the way that a record took (3.6.3.5.4), which ended with
// the neighbour that it came from.
func (l *Layer) receiveRecord(now time.Time, from zigbee.ShortAddr, h Header, payload []byte) {
	relays, err := ParseRouteRecord(payload)
	if err != nil || relays.Len() > MaxRelays {
		l.counters.Malformed++
		return
	}
	last := h.Src
	if n := relays.Len(); n > 0 {
		last = relays.At(n - 1)
	}
	if !l.isConcentrator() || last != from {
		l.counters.Refused++
		return
	}
	r := l.findRecord(h.Src)
	if r == nil {
		r = l.recordSlot()
	}
	*r = routeRecord{dst: h.Src, n: uint8(relays.Len()), expires: now.Add(recordLife)}
	copy(r.relays[:], relays)
	l.resume(now, h.Src)
}

func (l *Layer) recordSlot() *routeRecord {
	if len(l.records) < MaxRecords {
		l.records = append(l.records, routeRecord{})
		return &l.records[len(l.records)-1]
	}
	oldest := &l.records[0]
	for i := range l.records {
		if r := &l.records[i]; r.expires.Before(oldest.expires) {
			oldest = r
		}
	}
	return oldest
}

// sourceRoute puts the way to its destination into a frame, when it is known and
// the frame has room for it (3.6.3.3.1).
func (l *Layer) sourceRoute(now time.Time, q *item) bool {
	r := l.findRecord(q.header.Dst)
	if r == nil || !r.expires.After(now) || r.n == 0 {
		return false
	}
	relays := Relays(q.relays[:copy(q.relays[:], r.relays[:2*r.n])])
	first := l.byShort(relays.At(relays.Len() - 1))
	h := q.header
	h.SourceRoute, h.Relays, h.RelayIndex = true, relays, r.n-1
	if first == nil || !first.near(now) || q.size > l.room(h) {
		return false
	}
	q.header, q.hop = h, first.short
	return true
}

// sendRecord has a route record go before a frame to a concentrator that wants
// one (3.6.3.5.4): once after each of its requests, of this node's own way and of each child's,
// which begins here. When there is no room the next frame brings it.
func (l *Layer) sendRecord(r *route, q *item) {
	h := Header{Type: TypeCommand, Dst: r.dst, Src: q.header.Src, Radius: DefaultRadius, Secured: true}
	var own [2]byte
	var relays Relays
	c := l.childAt(h.Src)
	switch {
	case h.Src == l.net.Short:
		if !r.record {
			return
		}
		h.SrcEUI64 = l.eui64
	case c != nil && !c.stray && r.wants && c.recorded.Before(r.asked):
		h.SrcEUI64, relays = c.EUI64, Relays(own[:0]).Append(l.net.Short)
	default:
		return
	}
	record := l.freeItem()
	if record == nil {
		return
	}
	if h.Src == l.net.Short {
		r.record = false
	} else {
		c.recorded = r.asked
	}
	l.seq++
	h.Seq = l.seq
	var b [4]byte
	l.fill(record, h, 0, AppendRouteRecord(b[:0], relays))
	record.hop = r.hop
	record.order, q.order = q.order, record.order
}

// refresh has the concentrator ask for routes to itself soon.
func (l *Layer) refresh(now time.Time) {
	if !l.isConcentrator() || l.manyToOneAt.IsZero() {
		return
	}
	soon := l.manyToOneLast.Add(manyToOnePause)
	if soon.Before(now) {
		soon = now
	}
	l.manyToOneAt = earlier(l.manyToOneAt, soon)
}

// sendManyToOne asks all routers for a route to this node (3.6.3.5.1).
func (l *Layer) sendManyToOne(now time.Time) {
	l.manyToOneLast = now
	l.manyToOneAt = now.Add(manyToOnePeriod - time.Second + l.jitter(2*time.Second))
	l.requestRoute(now, RouteRequestCommand{ManyToOne: ManyToOneRecord, Dst: zigbee.BroadcastRouters})
}
