package nwk

import (
	"slices"
	"time"

	"sconce/zigbee"
)

// The limits and times of route discovery (3.5.1 and 3.5.2, tables 3-57 and 3-58).
const (
	// maxDiscoveries is how many requests are remembered; when full, further ones are
	// dropped and counted. They are few on purpose: each is said by every router, and
	// when links fail in many places the searches would take the air that the frames
	// need. The last entries are for the coordinator, whose requests mend the routes of
	// all, and whom most frames are from.
	maxDiscoveries = 24
	maxOthers      = 16

	maxSearches = 8 // of this node's own at a time; what needs more waits

	discoveryLife  = 10 * time.Second       // nwkcRouteDiscoveryTime
	initialRetries = 3                      // nwkcInitialRREQRetries
	relayRetries   = 2                      // nwkcRREQRetries
	requestRetry   = 254 * time.Millisecond // nwkcRREQRetryInterval
	minJitter      = 2 * time.Millisecond   // nwkcMinRREQJitter
	maxJitter      = 128 * time.Millisecond // nwkcMaxRREQJitter

	searchTime  = 4 * time.Second // for a reply; as long as 15 hops with all their retries take
	searchRest  = 2 * time.Second // after success: at most maxSearches start in this time
	searchPause = 5 * time.Second // before a node that was not found is looked for again

	maxBetter = 1 // times that a request is relayed again because it came a better way
	noCost    = 0xff

	// costDelay is how much longer a request waits for each step of the cost of the
	// link that it came over. So the best way is mostly the first, and few relay a
	// request again because a better one came.
	costDelay = 20 * time.Millisecond
)

// discovery is an entry of the route discovery table (3.6.1.8, table 3-68).
type discovery struct {
	src      zigbee.ShortAddr // who asks
	id, seq  uint8            // of the request, and of its frames
	sender   zigbee.ShortAddr // the neighbour over which src is reached
	forward  uint8            // cost from src to here
	residual uint8            // cost from here to whom it looks for; noCost: no reply yet
	better   uint8            // times that a better way was found and told
	expires  time.Time        // zero: free
	relayed  relayers         // who was heard to relay it
}

func (l *Layer) findDiscovery(src zigbee.ShortAddr, id uint8, now time.Time) *discovery {
	for i, d := range l.discoveries {
		if d.src == src && d.id == id && d.expires.After(now) {
			l.discoveries[0], l.discoveries[i] = d, l.discoveries[0] // its other copies come soon
			return d
		}
	}
	return nil
}

func (l *Layer) newDiscovery(now time.Time, src zigbee.ShortAddr, id, seq uint8) *discovery {
	var entry *discovery
	all, others := 0, 0
	for _, d := range l.discoveries {
		if !d.expires.After(now) && !l.isAsked(d) {
			entry = d
			continue
		}
		if all++; d.src != zigbee.Coordinator {
			others++
		}
	}
	if all == maxDiscoveries || src != zigbee.Coordinator && others == maxOthers {
		l.counters.DiscoveryFull++
		return nil
	}
	if entry == nil {
		entry = &discovery{}
		l.discoveries = append(l.discoveries, entry)
	}
	*entry = discovery{src: src, id: id, seq: seq, forward: noCost, residual: noCost, expires: now.Add(discoveryLife)}
	return entry
}

// isAsked reports whether a queued request still refers to an entry.
func (l *Layer) isAsked(d *discovery) bool { return l.request(d) != nil }

// request returns the queued request of a discovery.
func (l *Layer) request(d *discovery) *item {
	for _, q := range l.queue {
		if q.state != free && q.discovery == d {
			return q
		}
	}
	return nil
}

// search is a node that this one looks for, or did a moment ago.
type search struct {
	dst   zigbee.ShortAddr
	id    uint8
	state searchState
	until time.Time // zero: free
}

type searchState uint8

const (
	looking searchState = iota
	found               // and the entry keeps another search from following at once
	missing             // no use to look for it so soon again; makes room for others
)

// search looks for a route, unless that is under way or has just failed. It
// reports whether there is reason to wait: when too many are looked for, for one of them
// to end.
func (l *Layer) search(now time.Time, dst zigbee.ShortAddr) bool {
	var slot *search
	for i := range l.searches {
		s := &l.searches[i]
		switch active := s.until.After(now); {
		case active && s.dst == dst && s.state == looking:
			return true
		case active && s.dst == dst && s.state == missing:
			return false
		case !active, s.state == missing && slot == nil:
			slot = s
		}
	}
	if dst >= 0xfff8 {
		return false
	}
	if slot == nil && len(l.searches) < maxSearches {
		l.searches = append(l.searches, search{})
		slot = &l.searches[len(l.searches)-1]
	}
	if slot == nil {
		l.counters.SearchesFull++
		return true
	}
	e, _ := l.EUI64Of(dst)
	if id, ok := l.requestRoute(now, RouteRequestCommand{Dst: dst, DstEUI64: e}); ok {
		*slot = search{dst: dst, id: id, until: now.Add(searchTime)}
		return true
	}
	if dst != zigbee.Coordinator && !l.isConcentrator() {
		return false
	}
	// Too many search: the coordinator itself will ask, and hear from everybody.
	*slot = search{dst: dst, until: now.Add(searchTime)}
	l.refresh(now)
	return true
}

// endSearch notes that a node was found.
func (l *Layer) endSearch(now time.Time, dst zigbee.ShortAddr, id uint8) {
	for i := range l.searches {
		if s := &l.searches[i]; s.dst == dst && s.id == id && s.state == looking && !s.until.IsZero() {
			s.state, s.until = found, now.Add(searchRest)
		}
	}
}

// advanceSearches gives up what was not found in time, and looks for what waits
// for a search to end.
func (l *Layer) advanceSearches(now time.Time) {
	ended := false
	for i := range l.searches {
		s := &l.searches[i]
		if !due(s.until, now) {
			continue
		}
		ended = true
		if s.state == looking {
			s.state, s.until = missing, now.Add(searchPause)
			l.giveUp(now, s.dst)
		} else {
			*s = search{}
		}
	}
	if !ended {
		return
	}
	l.searches = slices.DeleteFunc(l.searches, func(s search) bool { return s.until.IsZero() })
	for _, q := range l.queue {
		if q.state == searching && !l.search(now, q.header.Dst) {
			l.giveUp(now, q.header.Dst)
		}
	}
}

// requestRoute broadcasts a route request of this node (3.6.3.5.1).
func (l *Layer) requestRoute(now time.Time, c RouteRequestCommand) (id uint8, ok bool) {
	q := l.freeItem()
	if q == nil {
		return 0, false
	}
	l.requestID++
	l.broadcastSeq++
	c.ID = l.requestID
	d := l.newDiscovery(now, l.net.Short, c.ID, l.broadcastSeq)
	if d == nil {
		return 0, false
	}
	d.forward = 0
	h := Header{
		Type: TypeCommand, Dst: zigbee.BroadcastRouters, Src: l.net.Short, SrcEUI64: l.eui64,
		Radius: DefaultRadius, Seq: l.broadcastSeq, Secured: true,
	}
	var b [maxFrame]byte
	l.fill(q, h, 0, AppendRouteRequest(b[:0], c))
	q.discovery = d
	l.counters.Searches++
	return c.ID, true
}

// receiveRouteRequest takes a route request, answers it or passes it on
// (3.6.3.5.2).
func (l *Layer) receiveRouteRequest(now time.Time, sender *node, h Header, payload []byte) {
	c, err := ParseRouteRequest(payload)
	if err != nil || !h.Dst.IsBroadcast() || h.SrcEUI64 == 0 {
		l.counters.Malformed++
		return
	}
	if l.isEndDevice() || !sender.near(now) || sender.short == zigbee.Unassigned {
		return // a reply would have to take a link that is none, or only goes one way
	}
	told := c.Cost
	c.Cost = addCost(c.Cost, sender.linkCost())
	d := l.findDiscovery(h.Src, c.ID, now)
	if d == nil {
		d = l.newDiscovery(now, h.Src, c.ID, h.Seq)
	}
	if d == nil {
		return
	}
	l.mark(&d.relayed, sender.short)
	if c.Cost >= d.forward || d.better > maxBetter {
		if c.ManyToOne != OneToOne {
			l.noteSpare(now, d, sender, told)
		}
		l.quiet = true
		return
	}
	d.sender, d.forward = sender.short, c.Cost
	d.better++
	switch {
	case c.ManyToOne != OneToOne:
		l.setRoute(now, h.Src, d.sender, true, c.ManyToOne == ManyToOneRecord)
		l.resume(now, h.Src)
	case l.answersFor(c.Dst):
		if c.Dst == l.net.Short {
			l.refresh(now) // who asks for a concentrator is seldom the only one that lost it
		}
		l.setRoute(now, h.Src, d.sender, false, false)
		l.sendReply(now, d, RouteReplyCommand{
			ID: c.ID, Originator: h.Src, Responder: c.Dst, OriginatorEUI64: h.SrcEUI64, ResponderEUI64: l.eui64Of(c.Dst),
		})
		return
	}
	l.relayRequest(now, d, h, c, sender.linkCost())
}

// answersFor reports whether route requests for an address end here: for this
// node's, and its children's.
func (l *Layer) answersFor(a zigbee.ShortAddr) bool {
	c := l.childAt(a)
	return a == l.net.Short || c != nil && !c.stray
}

func (l *Layer) eui64Of(a zigbee.ShortAddr) zigbee.EUI64 {
	e, _ := l.EUI64Of(a)
	return e
}

// relayRequest queues a route request to be passed on that came over a link of some
// cost. One of the same discovery that has not gone out yet takes the better cost
// with it.
func (l *Layer) relayRequest(now time.Time, d *discovery, h Header, c RouteRequestCommand, link uint8) {
	if h.Radius <= 1 {
		return
	}
	h.Radius--
	q := l.request(d)
	if q != nil && q.state == sending {
		q.discovery, q = nil, nil // this one is gone; another follows
	}
	if q == nil {
		q = l.freeItem()
	}
	if q == nil {
		l.counters.RelaysFull++
		return
	}
	var b [maxFrame]byte
	l.fill(q, h, 0, AppendRouteRequest(b[:0], c))
	q.discovery = d
	q.state, q.at = waiting, now.Add(minJitter+l.jitter(maxJitter-minJitter)+time.Duration(link-1)*costDelay)
}

// requestSent has a route request sent again later.
func (l *Layer) requestSent(q *item, now time.Time) {
	if q.discovery == nil {
		l.finish(q, true)
		return
	}
	q.state, q.at = listening, now.Add(requestRetry)
}

// repeatRequest sends a route request again that few routers nearby were heard to
// relay: what the standard repeats in any case is then of use.
func (l *Layer) repeatRequest(q *item, now time.Time) {
	d, limit := q.discovery, uint8(relayRetries)
	if q.header.Src == l.net.Short {
		limit = initialRetries
	}
	if q.tries == limit || d.residual != noCost || l.isKnown(&d.relayed, d.src, now) {
		l.finish(q, true)
		return
	}
	q.tries++
	q.state = ready
}

// sendReply sends a route reply to the neighbour that the request came from.
func (l *Layer) sendReply(now time.Time, d *discovery, c RouteReplyCommand) {
	h := Header{
		Type: TypeCommand, Dst: d.sender, Radius: 1, Secured: true,
		SrcEUI64: l.eui64, DstEUI64: l.eui64Of(d.sender),
	}
	var b [maxFrame]byte
	l.enqueue(now, h, 0, AppendRouteReply(b[:0], c))
}

// receiveRouteReply takes a route reply, and passes it on towards who asked
// (3.6.3.5.3). Along the way costs only fall, towards both ends: no circle can form.
func (l *Layer) receiveRouteReply(now time.Time, sender *node, h Header, payload []byte) {
	c, err := ParseRouteReply(payload)
	if err != nil {
		l.counters.Malformed++
		return
	}
	d := l.findDiscovery(c.Originator, c.ID, now)
	if h.Dst != l.net.Short || h.Src != sender.short || d == nil || c.Responder == l.net.Short {
		l.counters.Refused++
		return
	}
	c.Cost = addCost(c.Cost, sender.linkCost())
	if c.Cost >= d.residual {
		return
	}
	d.residual = c.Cost
	l.setRoute(now, c.Responder, sender.short, false, false)
	if c.Originator == l.net.Short {
		l.endSearch(now, c.Responder, c.ID)
	} else {
		if r := l.findRoute(c.Originator, now); r == nil || !r.manyToOne {
			l.setRoute(now, c.Originator, d.sender, false, false)
		}
		l.sendReply(now, d, c)
	}
	l.resume(now, c.Responder)
}

func addCost(a, b uint8) uint8 { return uint8(min(uint16(a)+uint16(b), noCost-1)) }
