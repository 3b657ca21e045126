package nwk

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of what failed.
const (
	statusInterval = broadcastLife / maxOwnBroadcasts // between network states that this node sends, on average
	statusBurst    = maxOwnBroadcasts

	// presentLife is how long a neighbour that was heard is taken to be there: it says
	// something every linkStatusPeriod. Frames for it are tried again after strikePause, to
	// twice that, until it has not taken maxStrikes in a row, each with all its tries.
	presentLife = linkStatusPeriod + 2*time.Second
	strikePause = 400 * time.Millisecond
	maxStrikes  = 3

	// patientQueue is how many frames may wait here for one of them to be tried again so.
	patientQueue = 4
)

// giveUp ends what waited for a route that was not found.
func (l *Layer) giveUp(now time.Time, dst zigbee.ShortAddr) {
	for _, q := range l.queue {
		if q.state != searching || q.header.Dst != dst {
			continue
		}
		l.counters.NoRoute++
		h := q.header
		l.finish(q, false)
		l.reportRelayed(now, StatusNoRoute, h)
	}
}

// linkFailed is called when a neighbour did not take a unicast after all tries. One that
// was heard a moment ago is there, and it is the air that is full: to forget the routes
// over it, and to look for others, would fill it altogether. So a frame for a
// concentrator goes to the spare neighbour, and any other waits for the flood to pass, until
// the neighbour has not taken several in a row.
func (l *Layer) linkFailed(now time.Time, q *item) {
	n := l.byShort(q.hop)
	if n == nil {
		l.linkBroken(now, q)
		return
	}
	if n.strikes = min(n.strikes+1, maxStrikes); !n.present(now) {
		n.lost = true
		l.linkBroken(now, q)
		return
	}
	l.counters.Congested++
	q.tries = 0
	if spare := l.detour(now, q); spare != nil {
		q.repaired, q.hop, q.state = true, spare.short, ready
		return
	}
	if l.busy > patientQueue {
		l.counters.Failed++
		l.finish(q, false) // whoever needs it says it again, when the others are gone
		return
	}
	q.state, q.at = waiting, now.Add(strikePause+l.jitter(strikePause))
}

// present reports whether a neighbour that did not take a frame may take it yet: it
// was heard of late.
func (n *node) present(now time.Time) bool {
	return n.heard != 0 && n.heard.since(now) <= presentLife && n.strikes < maxStrikes
}

// detour returns the spare neighbour for a frame that the route to a concentrator was
// tried for, and nil when there is none.
func (l *Layer) detour(now time.Time, q *item) *node {
	r := l.findRoute(q.header.Dst, now)
	if q.repaired || q.direct || q.header.SourceRoute || r == nil || !r.manyToOne || r.hop != q.hop {
		return nil
	}
	if n := l.byShort(r.spare); n != nil && n.near(now) {
		return n
	}
	return nil
}

// linkBroken forgets the routes over a neighbour that is not there any more. The
// originator looks for another way once; a relay takes the spare one to a concentrator, and
// else tells the originator (3.6.3.7.1).
func (l *Layer) linkBroken(now time.Time, q *item) {
	h, sourced := q.header, q.header.SourceRoute
	manyToOne := l.dropRoutesVia(q.hop, h.Dst, now)
	if q.direct || h.Dst.IsBroadcast() || l.isEndDevice() || l.childAt(q.hop) != nil {
		l.counters.Failed++
		l.finish(q, false)
		return
	}
	switch r := l.findRoute(h.Dst, now); {
	case q.repaired:
	case h.Src == l.net.Short:
		if sourced {
			l.dropRecord(h.Dst)
		}
		// Under another number: a relay that has the frame after all must not take
		// the new way for a circle.
		l.seq++
		q.repaired, q.tries, q.header.Seq = true, 0, l.seq
		if l.dispatch(now, q) {
			return
		}
	case !sourced && r != nil && r.manyToOne && r.hop != q.hop:
		q.repaired, q.tries = true, 0
		if l.dispatch(now, q) {
			return
		}
	}
	l.counters.Failed++
	l.finish(q, false)
	if sourced {
		l.reportRelayed(now, StatusSourceRoute, h)
		return
	}
	if manyToOne {
		// Looking for a way for this one mends this node's own route too.
		l.report(now, StatusManyToOne, h.Dst, h.Dst)
	}
	l.reportRelayed(now, StatusLinkFailure, h)
}

// reportRelayed tells the originator of a data frame why it was not relayed.
func (l *Layer) reportRelayed(now time.Time, code uint8, h Header) {
	if h.Src != l.net.Short && h.Type == TypeData {
		l.report(now, code, h.Src, h.Dst)
	}
}

// report sends a network status about dst (3.4.3). They are few: of a storm of
// failures the rest is counted.
func (l *Layer) report(now time.Time, code uint8, to, dst zigbee.ShortAddr) {
	floor := now.Add(-statusBurst * statusInterval)
	if l.statusAt.Before(floor) {
		l.statusAt = floor
	}
	if l.statusAt = l.statusAt.Add(statusInterval); l.statusAt.After(now) {
		l.statusAt = l.statusAt.Add(-statusInterval)
		l.counters.Muted++
		return
	}
	h := Header{Type: TypeCommand, Dst: to, Radius: DefaultRadius, Secured: true, SrcEUI64: l.eui64}
	var b [4]byte
	l.enqueue(now, h, 0, AppendStatus(b[:0], Status{Code: code, Dst: dst}))
}

// receiveStatus obeys a network status for this node, or for all.
func (l *Layer) receiveStatus(now time.Time, h Header, s Status) {
	switch s.Code {
	case StatusNoRoute, StatusLinkFailure:
		if r := l.findRoute(s.Dst, now); r != nil && !h.Dst.IsBroadcast() {
			r.expires = time.Time{}
		}
	case StatusSourceRoute:
		l.dropRecord(s.Dst)
	case StatusManyToOne:
		l.refresh(now)
	case StatusAddressConflict:
		l.conflictReported(now, s.Dst)
	}
}
