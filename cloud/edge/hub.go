package edge

import (
	"sync"
	"sync/atomic"
	"time"

	"sconce"
	"sconce/mqtt"
)

// hub holds the sessions of all clients and routes messages between them. Its
// lock comes before that of a connection, and nothing is done under it that
// waits for the network or for anybody's interface.
//
// A session belongs to its connection, and is guarded by that one's lock, while
// there is one; else it belongs to the hub.
type hub struct {
	lim   Limits
	stats *counters

	mu       sync.Mutex
	entries  map[string]*entry
	owned    map[string]int // sessions of each principal
	tree     mqtt.Tree[*entry]
	shares   shares
	retained *mqtt.Retained
	ledger   ledger
	round    uint64 // counts publications, so that an entry knows whether it was found in this one
	found    []found
}

// entry is the one session of one client.
type entry struct {
	key     string
	gateway sconce.EUI64          // 0 for a principal's
	owner   string                // principal; "" for a gateway's
	inbox   atomic.Pointer[Inbox] // of the principal as it connected last; nil for none

	// turn serialises what happens to the client: connections begin and end one
	// after the other, and so do the calls of Presence.
	turn sync.Mutex

	// Guarded by hub.mu.
	users   int // goroutines that hold or wait for turn
	conn    *conn
	session *mqtt.Session // while conn is nil
	expires time.Time     // of session
	will    *mqtt.Will    // waits for its delay
	willAt  time.Time
	round   uint64
	index   int // in hub.found in this round
}

// found is a subscriber of the message that is being published.
type found struct {
	entry *entry
	grant mqtt.Grant
	ids   []uint32
}

func newHub(lim Limits, stats *counters) *hub {
	return &hub{
		lim: lim, stats: stats,
		entries: make(map[string]*entry), owned: make(map[string]int),
		retained: mqtt.NewRetained(lim.RetainedMessages, lim.RetainedBytes),
		ledger:   ledger{limit: int64(lim.QueuedBytes)},
	}
}

// gatewayKey names the session of a gateway. Those of others begin differently.
func gatewayKey(g sconce.EUI64) string { return "g" + g.String() }

func principalKey(id, clientID string) string { return "p" + id + "\x00" + clientID }

func (h *hub) size() (sessions, retained, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	retained, bytes = h.retained.Len()
	return len(h.entries), retained, bytes
}

// enter returns the entry of a client with its turn taken, or nil when there are
// too many sessions.
func (h *hub) enter(key string, who *client) *entry {
	owner := who.principal.ID
	h.mu.Lock()
	e := h.entries[key]
	if e == nil {
		if len(h.entries) >= h.lim.Sessions || owner != "" && h.owned[owner] >= h.lim.PrincipalSessions {
			h.mu.Unlock()
			return nil
		}
		e = &entry{key: key, gateway: who.gateway, owner: owner}
		h.entries[key] = e
		if owner != "" {
			h.owned[owner]++
		}
	}
	e.users++
	h.mu.Unlock()
	e.turn.Lock()
	return e
}

// takeInbox remembers where the will of the client goes.
func (e *entry) takeInbox(in Inbox) {
	if in == nil {
		e.inbox.Store(nil)
	} else {
		e.inbox.Store(&in)
	}
}

// leave gives the turn back.
func (h *hub) leave(e *entry) {
	e.turn.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	e.users--
	h.sweepOut(e)
}

// sweepOut forgets an entry that holds nothing and that nobody is about to use.
func (h *hub) sweepOut(e *entry) {
	if e.users > 0 || e.conn != nil || e.session != nil || e.will != nil || h.entries[e.key] != e {
		return
	}
	delete(h.entries, e.key)
	if e.owner == "" {
		return
	}
	if h.owned[e.owner]--; h.owned[e.owner] == 0 {
		delete(h.owned, e.owner)
	}
}

// detach takes the connection from an entry and keeps its session for as long as
// it asked for. It returns the will if it is due now. A reason that is not
// [mqtt.Success] is told to the client.
func (h *hub) detach(e *entry, now time.Time, r mqtt.Reason) *mqtt.Will {
	c := e.conn
	c.mu.Lock()
	if r != mqtt.Success {
		c.closeLocked(r)
	}
	session, will := c.eng.Detach(), c.will
	if !c.eng.WillDue() {
		will = nil
	}
	c.mu.Unlock()
	e.conn = nil
	e.session, e.expires = session, now.Add(session.Expiry())
	if session.Expiry() == 0 {
		h.drop(e)
	}
	if will == nil {
		return nil
	}
	delay := min(will.Delay(), session.Expiry()) // [MQTT-3.1.3-9]
	if delay == 0 {
		return will
	}
	e.will, e.willAt = will, now.Add(delay)
	return nil
}

// drop ends the session that an entry keeps.
func (h *hub) drop(e *entry) {
	if e.session == nil {
		return
	}
	for filter := range e.session.Filters() {
		h.remove(filter, e)
	}
	e.session.End()
	e.session = nil
}

// attach gives an entry a new connection, which is accepted by this. It returns
// the will of the session before if the new connection makes it due.
func (h *hub) attach(e *entry, c *conn, now time.Time, p *mqtt.Connect, a mqtt.Admission) (due *mqtt.Will) {
	if e.session != nil && (p.CleanStart || !now.Before(e.expires)) {
		h.drop(e)
		due = e.will // the session has ended, so its delay has too (3.1.3.2.2)
	}
	e.will = nil
	a.Session, a.Present = e.session, e.session != nil
	if a.Session == nil {
		a.Session = mqtt.NewSession(&h.lim.MQTT, &h.ledger)
	}
	e.session, e.conn = nil, c
	c.mu.Lock()
	c.will = p.Will
	c.eng.Accept(now, p, a)
	c.mu.Unlock()
	return due
}

// forget ends the connection and the session of a client.
func (h *hub) forget(now time.Time, key string, r mqtt.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.entries[key]
	if e == nil {
		return
	}
	if c := e.conn; c != nil {
		c.mu.Lock()
		c.eng.ForgetSession()
		c.closeLocked(r)
		c.mu.Unlock()
		return // its reader departs, and what the session held goes with it
	}
	h.drop(e)
	e.will = nil
	h.sweepOut(e)
}

// subscribe answers a SUBSCRIBE. Nothing can be published between a subscription
// and the retained messages that it brings.
func (h *hub) subscribe(c *conn, now time.Time, p *mqtt.Subscribe, codes []mqtt.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	slow := false
	c.eng.Grant(p, codes, func(f mqtt.Subscription, g mqtt.Grant, isNew bool) {
		if _, _, shared := mqtt.Shared(f.Filter); shared {
			h.shares.add(f.Filter, c.entry, g)
			return // what is retained is for each, not for one of them
		}
		h.tree.Add(f.Filter, c.entry, g)
		if f.RetainHandling == 2 || f.RetainHandling == 1 && !isNew {
			return
		}
		var ids []uint32
		if g.ID != 0 {
			ids = []uint32{g.ID}
		}
		h.retained.Match(now, f.Filter, func(m *mqtt.Message) {
			slow = !c.eng.Session().Enqueue(m, g, ids, true) || slow
		})
	})
	if slow {
		h.tooSlow(c)
	}
}

func (h *hub) unsubscribe(c *conn, p *mqtt.Unsubscribe) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eng.Unsubscribed(p, func(filter string) { h.remove(filter, c.entry) })
}

// remove takes a subscription of a client away.
func (h *hub) remove(filter string, e *entry) {
	if _, _, shared := mqtt.Shared(filter); shared {
		h.shares.remove(filter, e)
	} else {
		h.tree.Remove(filter, e)
	}
}

// publish routes a message, and returns how many sessions took it; false when
// it is to be retained and there is no room. from is the client that published
// it, nil for the cloud.
func (h *hub) publish(now time.Time, m *mqtt.Message, from *entry) (int, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Retain && !h.retained.Put(m) {
		return 0, false
	}
	h.stats.published.Add(1)
	h.round++
	h.found = h.found[:0]
	h.tree.Match(m.Topic, func(e *entry, g mqtt.Grant) {
		if !g.NoLocal || e != from {
			h.find(e, g)
		}
	})
	h.shares.match(m.Topic, func(f found) { h.found = append(h.found, f) })
	n := 0
	for i := range h.found {
		if h.deliver(&h.found[i], m) {
			n++
		}
		h.found[i] = found{}
	}
	return n, true
}

func (h *hub) forgetRetained(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retained.Put(&mqtt.Message{Topic: topic})
}

// followed reports whether any subscription matches a topic.
func (h *hub) followed(topic string) (found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tree.Match(topic, func(*entry, mqtt.Grant) { found = true })
	return found || h.shares.followed(topic)
}

// find notes a subscriber. One that has several subscriptions that match gets the
// message once, at the highest QoS, with the identifiers of all (3.3.4).
func (h *hub) find(e *entry, g mqtt.Grant) {
	if e.round != h.round {
		e.round, e.index = h.round, len(h.found)
		h.found = append(h.found, found{entry: e, grant: g})
	} else {
		old := &h.found[e.index].grant
		old.QoS = max(old.QoS, g.QoS)
		old.RetainAsPublished = old.RetainAsPublished || g.RetainAsPublished
	}
	if g.ID != 0 {
		f := &h.found[e.index]
		f.ids = append(f.ids, g.ID)
	}
}

// deliver reports whether the subscriber has the message or will have it later.
func (h *hub) deliver(f *found, m *mqtt.Message) bool {
	c := f.entry.conn
	if c == nil {
		f.entry.session.Enqueue(m, f.grant, f.ids, false)
		return min(m.QoS, f.grant.QoS) > 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.eng.Session().Enqueue(m, f.grant, f.ids, false) {
		h.tooSlow(c)
		return true
	}
	if !c.batch {
		c.wakeLocked()
	}
	return true
}

// tooSlow ends a connection whose queue is full; its lock is held.
func (h *hub) tooSlow(c *conn) {
	if !c.eng.Closed() {
		h.stats.slow.Add(1)
		c.closeLocked(mqtt.QuotaExceeded)
	}
}
