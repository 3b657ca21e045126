package mqtt

import (
	"iter"
	"maps"
	"time"
)

// Session is the state of a client that may outlive its connection (4.1): its
// subscriptions and the messages on their way to it. It is kept in memory only.
type Session struct {
	lim      *Limits
	ledger   Ledger
	subs     map[string]Grant
	filters  int      // how many subs there may be
	inflight []flight // sent at QoS 1 and 2 and not acknowledged to the end, oldest first
	received []uint16 // identifiers of QoS 2 messages of the client that wait for its PUBREL
	queue    []delivery
	bytes    int // of the counted deliveries in queue
	counted  int
	lastID   uint16
	online   bool
	expiry   time.Duration
	dropped  uint64
}

// flight is a QoS 1 or 2 message that was sent.
type flight struct {
	id       uint16
	released bool // of QoS 2: the client has it, and PUBREL follows
	delivery
}

// delivery is a message that waits for one session.
type delivery struct {
	msg    *Message
	ids    []uint32 // subscription identifiers
	qos    QoS
	retain bool
	stored bool // from the retained store: not counted
}

// storedCost is what a message from the retained store counts for: the store holds the rest.
const storedCost = 64

// cost is what the delivery counts for in the ledger.
func (d *delivery) cost() int {
	if d.stored {
		return storedCost
	}
	return d.msg.size()
}

// NewSession returns an empty session.
func NewSession(lim *Limits, ledger Ledger) *Session {
	return &Session{lim: lim, ledger: ledger, filters: lim.MaxFilters}
}

// End gives back what the session counts for in its ledger. It holds nothing afterwards.
func (s *Session) End() {
	for filter := range s.subs {
		s.ungrant(filter)
	}
	for len(s.queue) > 0 {
		d := s.pop()
		s.release(&d)
	}
	for i := range s.inflight {
		s.release(&s.inflight[i].delivery)
	}
	s.inflight = nil
}

func (s *Session) release(d *delivery) { s.ledger.Hold(-d.cost()) }

// Expiry returns how long the session is kept after its connection ended.
func (s *Session) Expiry() time.Duration { return s.expiry }

// Dropped returns how many messages were dropped because the queue was full.
func (s *Session) Dropped() uint64 { return s.dropped }

// Waiting returns how many messages wait to be sent or acknowledged.
func (s *Session) Waiting() int { return len(s.queue) + len(s.inflight) }

// Filters yields the topic filters of the session with what was granted.
func (s *Session) Filters() iter.Seq2[string, Grant] { return maps.All(s.subs) }

// Enqueue adds a message for delivery under a grant; ids are the identifiers of
// all subscriptions that it matched, and stored says that it comes from the
// retained store because of a new subscription (3.3.1.3).
//
// It returns false when the session is connected and its queue was full: the
// client is too slow and its connection should be closed with [QuotaExceeded].
// A full queue loses its oldest, connected or not. While the session is not
// connected, QoS 0 is not kept.
func (s *Session) Enqueue(m *Message, g Grant, ids []uint32, stored bool) bool {
	d := delivery{msg: m, ids: ids, qos: min(m.QoS, g.QoS), retain: stored || m.Retain && g.RetainAsPublished, stored: stored}
	switch {
	case !s.online && d.qos == 0:
		return true
	case !s.online:
		d.stored = false
		s.push(d)
		s.trim(s.lim.AwayMessages, s.lim.AwayBytes)
		return true
	case stored && (len(s.queue) >= s.lim.QueueRetained || s.ledger.Room() < storedCost):
		s.lose()
		return false
	}
	s.push(d)
	return s.trim(s.lim.QueueMessages, s.lim.QueueBytes)
}

func (s *Session) lose() {
	s.dropped++
	s.ledger.Lose(LostFull)
}

func (s *Session) push(d delivery) {
	s.queue = append(s.queue, d)
	s.ledger.Hold(d.cost())
	if !d.stored {
		s.counted++
		s.bytes += d.msg.size()
	}
}

// pop takes the oldest out of the queue. What it counts for in the ledger is still held.
func (s *Session) pop() delivery {
	d := s.queue[0]
	s.queue[0] = delivery{}
	s.queue = s.queue[1:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
	if !d.stored {
		s.counted--
		s.bytes -= d.msg.size()
	}
	return d
}

// trim drops the oldest until the queue is within limits, and within its share of what all
// sessions may hold, and reports whether it was.
func (s *Session) trim(messages, bytes int) (within bool) {
	within = true
	for s.counted > messages || s.bytes > min(bytes, s.ledger.Room()) && s.bytes > 0 {
		d := s.pop()
		s.release(&d)
		s.lose()
		within = false
	}
	return within
}

// detach leaves what is kept without a connection: QoS 1 within the limits.
func (s *Session) detach() {
	s.online = false
	old := s.queue
	s.queue, s.bytes, s.counted = nil, 0, 0
	for _, d := range old {
		s.release(&d)
		if d.qos > 0 {
			d.stored = false
			s.push(d)
		}
	}
	s.trim(s.lim.AwayMessages, s.lim.AwayBytes)
}

// takeID returns a Packet Identifier that is not in use (2.2.1).
func (s *Session) takeID() uint16 {
next:
	for {
		s.lastID++
		if s.lastID == 0 {
			continue
		}
		for i := range s.inflight {
			if s.inflight[i].id == s.lastID {
				continue next
			}
		}
		return s.lastID
	}
}

// filterCost is what each subscription counts for in the ledger that is beyond
// [Limits.MaxFilters]: its filter, its grant, and the nodes of the tree, about.
const filterCost = 512

// grant records a subscription and returns its reason code.
func (s *Session) grant(filter string, g Grant) Reason {
	if _, had := s.subs[filter]; !had && len(s.subs) >= s.lim.MaxFilters {
		if len(s.subs) >= s.filters || s.ledger.Room() < filterCost {
			return QuotaExceeded
		}
		s.ledger.Hold(filterCost)
	}
	if s.subs == nil {
		s.subs = make(map[string]Grant)
	}
	s.subs[filter] = g
	return Reason(g.QoS)
}

// ungrant forgets a subscription, if there is one.
func (s *Session) ungrant(filter string) {
	if _, had := s.subs[filter]; had && len(s.subs) > s.lim.MaxFilters {
		s.ledger.Hold(-filterCost)
	}
	delete(s.subs, filter)
}
