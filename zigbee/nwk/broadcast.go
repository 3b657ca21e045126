package nwk

import (
	"slices"
	"time"

	"sconce/zigbee"
)

// The limits and times of broadcasts (3.5.1 and 3.5.2, tables 3-57 and 3-58).
const (
	maxBroadcasts       = 48                     // transactions; when full, further broadcasts are dropped and counted
	broadcastLife       = 9 * time.Second        // nwkNetworkBroadcastDeliveryTime
	passiveAckTimeout   = 500 * time.Millisecond // nwkPassiveAckTimeout
	maxBroadcastRetries = 2                      // nwkMaxBroadcastRetries
	maxHomewardRetries  = 5                      // the most that it may be: of what has not gone towards the coordinator
	broadcastJitter     = 32 * time.Millisecond  // half of nwkcMaxBroadcastJitter: so a command is everywhere within 200 ms over several hops
	maxRefusals         = 3                      // times that the channel may be busy before a broadcast counts as sent

	// enoughRelays is how many routers nearby one must have heard passing something on
	// to say it no more. The standard waits for every neighbour, of which small nodes
	// know 16 or so: among a hundred, some are always missed, and everybody would
	// repeat everything to the end. Four others cover little that a fifth would not
	// (Ni and others, The Broadcast Storm Problem in a Mobile Ad Hoc Network, 1999).
	enoughRelays = 5

	// maxOwnBroadcasts is how many broadcasts a node originates in broadcastLife:
	// more would crowd out others' in the tables of small nodes. Further ones wait; of
	// those that wait, beyond maxHeldBroadcasts, Send refuses.
	maxOwnBroadcasts  = 8
	airSlack          = time.Second // so long at most one of them waits for the air
	maxHeldBroadcasts = 12
)

// broadcast is an entry of the broadcast transaction table (3.6.5).
type broadcast struct {
	src     zigbee.ShortAddr
	seq     uint8
	expires time.Time // zero: free
	relayed relayers  // who was heard to relay it

	homeward bool // of this node's own: it was relayed by the neighbour on the way to the coordinator
}

func (l *Layer) findBroadcast(src zigbee.ShortAddr, seq uint8, now time.Time) *broadcast {
	for i, b := range l.broadcasts {
		if b.src == src && b.seq == seq && b.expires.After(now) {
			l.broadcasts[0], l.broadcasts[i] = b, l.broadcasts[0] // its other copies come soon
			return b
		}
	}
	return nil
}

// track makes an entry for a broadcast, and returns nil when the table is full.
func (l *Layer) track(now time.Time, h Header) *broadcast {
	i := slices.IndexFunc(l.broadcasts, func(b *broadcast) bool { return !b.expires.After(now) && !l.tracked(b) })
	if i < 0 {
		if i = len(l.broadcasts); i == maxBroadcasts {
			return nil
		}
		l.broadcasts = append(l.broadcasts, &broadcast{})
	}
	*l.broadcasts[i] = broadcast{src: h.Src, seq: h.Seq, expires: now.Add(broadcastLife)}
	return l.broadcasts[i]
}

// tracked reports whether a queued frame still refers to an entry.
func (l *Layer) tracked(b *broadcast) bool {
	return slices.ContainsFunc(l.queue, func(q *item) bool { return q.broadcast == b })
}

// receiveBroadcast reports whether a broadcast, heard from a neighbour, is new
// and for this node, and queues it to be relayed.
func (l *Layer) receiveBroadcast(now time.Time, from zigbee.ShortAddr, h Header, payload []byte) bool {
	l.meet(now, from)
	if b := l.findBroadcast(h.Src, h.Seq, now); b != nil {
		l.counters.Duplicates++
		l.mark(&b.relayed, from)
		l.quiet = true
		return false
	}
	if h.Radius <= 1 {
		return true // nobody relays it, so nobody hears it twice but by a retry, which MAC and APS reject
	}
	b := l.track(now, h)
	if b == nil {
		l.counters.BroadcastFull++
		return false
	}
	l.mark(&b.relayed, from)
	l.mark(&b.relayed, h.Src)
	if h.Src != from {
		l.movedAway(h.Src)
	}
	if l.isEndDevice() {
		return true
	}
	h.Radius--
	l.holdBroadcast(h, payload)
	if q := l.freeItem(); q != nil {
		l.fill(q, h, 0, payload)
		q.broadcast = b
		q.state, q.at = waiting, now.Add(l.jitter(broadcastJitter))
	}
	return true
}

// meet makes a node that was heard to broadcast a neighbour, when there is room. It is a
// router, though its link status has not come yet: end devices have their parent broadcast
// for them (3.6.5). A broadcast that it misses is repeated for it from now on.
func (l *Layer) meet(now time.Time, from zigbee.ShortAddr) {
	if n := l.byShort(from); n != nil && n.router == 0 && len(l.routers) < MaxNeighbours && !l.isEndDevice() && l.child(n.eui64) == nil {
		l.keep(now, n)
	}
}

// ownEcho takes a relayed copy of an own broadcast as a passive acknowledgement.
// It is not decrypted: a forged copy could save a retry at most.
func (l *Layer) ownEcho(from zigbee.ShortAddr, h Header) {
	for _, b := range l.broadcasts {
		if b.src == h.Src && b.seq == h.Seq && !b.expires.IsZero() {
			l.mark(&b.relayed, from)
			if r := l.findRoute(zigbee.Coordinator, l.now); r != nil && r.hop == from {
				b.homeward = true
			}
			return
		}
	}
	for _, d := range l.discoveries {
		if d.src == h.Src && d.seq == h.Seq && !d.expires.IsZero() {
			l.mark(&d.relayed, from)
			return
		}
	}
}

func (l *Layer) mark(s *relayers, a zigbee.ShortAddr) {
	if n := l.byShort(a); n != nil {
		s.add(n.slot)
	}
}

// relayedByAll reports whether every router nearby that hears this node has
// passed something on. A router that knows of none, as after a restart, says so only of
// what others have sent: with its own it takes no chances.
func (l *Layer) relayedByAll(s *relayers, src zigbee.ShortAddr, now time.Time) bool {
	known := false
	if l.sponsor != zigbee.Unassigned {
		n := l.byShort(l.sponsor)
		told := n != nil && s.has(n.slot)
		if !told && (n == nil || n.heard == 0 || n.router == 0 && n.near(now)) {
			return false // it is a router even before its link status came
		}
		known = told || n.near(now)
	}
	for _, r := range l.routers {
		n := r.node
		if !n.isRouter(now) || !n.near(now) {
			continue
		}
		if !s.has(n.slot) {
			return false
		}
		known = true
	}
	return known || src != l.net.Short || l.isConcentrator()
}

// isKnown reports whether something need not be said again: all routers nearby have
// passed it on, or enough of them.
func (l *Layer) isKnown(s *relayers, src zigbee.ShortAddr, now time.Time) bool {
	return s.enough() || l.relayedByAll(s, src, now)
}

// budget notes that this node originates a broadcast, and returns when it may.
func (l *Layer) budget(now time.Time) time.Time {
	at := &l.ownBroadcasts[l.nextOwn]
	l.nextOwn = (l.nextOwn + 1) % maxOwnBroadcasts
	if free := at.Add(broadcastLife + airSlack); !at.IsZero() && free.After(now) {
		now = free
	}
	*at = now
	return now
}

// heldBroadcasts returns how many own broadcasts wait for the budget.
func (l *Layer) heldBroadcasts() int {
	n := 0
	for _, q := range l.queue {
		if q.state == waiting && q.broadcast != nil && q.header.Src == l.net.Short {
			n++
		}
	}
	return n
}

// broadcastSent waits for others to relay a broadcast. One that found the channel
// busy has been heard by nobody, and is soon tried again. What repeats has jitter, like what is relayed: else two
// nodes that do not hear each other drown each other out again every time.
func (l *Layer) broadcastSent(q *item, now time.Time, sent bool) {
	if !sent && q.refusals < maxRefusals {
		q.refusals++
		q.state, q.at = waiting, now.Add(l.jitter(broadcastJitter))
		return
	}
	if q.handle != 0 {
		l.emit(Output{Kind: SendDone, Handle: q.handle, OK: sent})
		q.handle = 0
	}
	if q.broadcast == nil {
		l.requestSent(q, now)
		return
	}
	q.state, q.at = listening, now.Add(passiveAckTimeout+l.jitter(broadcastJitter))
}

// staysAway reports whether an own broadcast has not gone towards the coordinator as far as
// this node heard, whoever else has relayed it. Most are for the coordinator too: a
// device whose announcement it misses is unknown there.
func (l *Layer) staysAway(q *item, now time.Time) bool {
	r := l.findRoute(zigbee.Coordinator, now)
	return q.header.Src == l.net.Short && !l.net.Leaderless && r != nil && r.hop != zigbee.Coordinator && !q.broadcast.homeward
}

// repeat sends a broadcast again that few routers nearby have relayed (3.6.5).
func (l *Layer) repeat(q *item, now time.Time) {
	if q.discovery != nil {
		l.repeatRequest(q, now)
		return
	}
	limit, known := uint8(maxBroadcastRetries), l.isKnown(&q.broadcast.relayed, q.header.Src, now)
	if l.staysAway(q, now) {
		limit, known = maxHomewardRetries, false
	}
	if q.tries == limit || known {
		l.finish(q, true)
		return
	}
	q.tries++
	q.state = ready
}
