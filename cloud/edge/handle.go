package edge

import (
	"crypto/rand"
	"time"

	"sconce"
	"sconce/mqtt"
)

// handle does what a packet asks for. It runs on the reader's goroutine.
func (c *conn) handle(now time.Time, ev *mqtt.Event) {
	switch ev.Kind {
	case mqtt.ConnectEvent:
		c.connect(now, ev.Connect)
	case mqtt.PublishEvent:
		c.publish(now, ev)
	case mqtt.SubscribeEvent:
		c.subscribe(now, ev)
	case mqtt.UnsubscribeEvent:
		c.srv.hub.unsubscribe(c, ev.Unsubscribe)
	}
}

// connect accepts or refuses a client.
func (c *conn) connect(now time.Time, p *mqtt.Connect) {
	s := c.srv
	key, assigned, r := c.identify(p)
	why := ""
	if r == mqtt.Success && p.Will != nil {
		r, why = c.screenWill(p)
	}
	var e *entry
	if r == mqtt.Success {
		if e = s.hub.enter(key, c.who); e == nil {
			r, why = mqtt.QuotaExceeded, "too many sessions: end one, or wait until one expires"
		}
	}
	if r != mqtt.Success {
		s.stats.refused.Add(1)
		c.mu.Lock()
		c.eng.Refuse(r, why)
		c.mu.Unlock()
		return
	}
	defer s.hub.leave(e)
	s.admit(c, e, now, p, assigned)
}

// screenWill decides on the will of a client that is known: it goes where the client's own
// messages may go, and is not to be kept where theirs are not (3.2.2.3.5). MQTT 3.1.1 has no
// way to say that nothing is kept: there the will is published without.
func (c *conn) screenWill(p *mqtt.Connect) (r mqtt.Reason, why string) {
	switch {
	case !c.who.rights.MayPublish(p.Will.Topic):
		return mqtt.NotAuthorized, "the will is for a topic that this client may not publish to"
	case p.Will.Retain && c.who.gateway != 0 && p.Version == mqtt.V5:
		return mqtt.RetainNotSupported, "messages of gateways are not retained" // [MQTT-3.2.2-13]
	default:
		return mqtt.Success, ""
	}
}

// identify returns the name of the client's session, and the client identifier
// if the server gives it one.
func (c *conn) identify(p *mqtt.Connect) (key, assigned string, r mqtt.Reason) {
	if g := c.who.gateway; g != 0 {
		switch p.ClientID {
		case g.String():
			return gatewayKey(g), "", mqtt.Success
		case "":
			return gatewayKey(g), g.String(), mqtt.Success
		}
		return "", "", mqtt.InvalidClientID
	}
	principal, err := c.srv.cfg.Accounts.Authenticate(c.srv.stop, p.Username, string(p.Password))
	switch {
	case err == nil && principal.ID != "" && principal.Rights != nil:
	case err == nil, sconce.KindOf(err) == sconce.Unauthenticated:
		return "", "", mqtt.BadCredentials
	case sconce.KindOf(err) == sconce.Forbidden:
		return "", "", mqtt.NotAuthorized
	default:
		return "", "", mqtt.ServerUnavailable
	}
	c.mu.Lock()
	c.who = &client{principal: principal, rights: principal.Rights}
	c.mu.Unlock()
	id := p.ClientID
	if id == "" {
		id = "auto-" + rand.Text()
		assigned = id
	}
	return principalKey(principal.ID, id), assigned, mqtt.Success
}

// admit makes c the connection of an entry whose turn is taken. An older
// connection of the same client is ended first [MQTT-3.1.4-3].
func (s *Server) admit(c *conn, e *entry, now time.Time, p *mqtt.Connect, assigned string) {
	var due [2]*mqtt.Will
	h := s.hub
	h.mu.Lock()
	old := e.conn
	if old != nil {
		due[0] = h.detach(e, now, mqtt.SessionTakenOver)
	}
	c.entry = e
	e.takeInbox(c.who.principal.Inbox)
	due[1] = h.attach(e, c, now, p, mqtt.Admission{
		ClientID: assigned, Retain: c.who.gateway == 0, Filters: c.who.principal.Filters, KeepAlive: c.who.principal.KeepAlive,
	})
	h.mu.Unlock()
	if old != nil {
		s.stats.takenOver.Add(1)
	} else {
		s.count(c, 1)
	}
	for _, will := range due {
		s.publishWill(now, e, will)
	}
	if c.who.gateway != 0 {
		s.cfg.Presence.Connected(c.who.gateway, now)
	}
}

// depart takes the connection from its entry, if it has one, unless a newer
// connection has done so.
func (c *conn) depart() {
	s, e, now := c.srv, c.entry, time.Now()
	if e == nil {
		return
	}
	c.entry = nil
	h := s.hub
	h.mu.Lock()
	e.users++
	h.mu.Unlock()
	e.turn.Lock()
	defer h.leave(e)
	h.mu.Lock()
	if e.conn != c {
		h.mu.Unlock()
		return
	}
	due := h.detach(e, now, mqtt.Success)
	h.mu.Unlock()
	s.count(c, -1)
	if !s.isClosing() {
		s.publishWill(now, e, due)
	}
	if c.who.gateway != 0 {
		s.cfg.Presence.Disconnected(c.who.gateway, now)
	}
}

func (s *Server) count(c *conn, by int64) {
	if c.who.gateway != 0 {
		s.stats.gateways.Add(by)
	} else {
		s.stats.principals.Add(by)
	}
}

// publishWill sends a will, if there is one, where messages of its client go.
func (s *Server) publishWill(now time.Time, e *entry, will *mqtt.Will) {
	switch {
	case will == nil:
	case e.gateway != 0:
		s.cfg.Intake.Accept(e.gateway, will.Topic, will.Payload, 0, ignore)
	case e.inbox.Load() != nil: // which may wait, as nobody here can
		s.running.Go(func() { _ = (*e.inbox.Load()).Take(s.stop, will.Topic, will.Payload) })
	default:
		s.hub.publish(now, mqtt.NewWill(now, will), e)
	}
}

// ignore is the done of messages that nobody waits for.
func ignore(uint64, error) {}

// publish takes a message from the client.
func (c *conn) publish(now time.Time, ev *mqtt.Event) {
	s, p := c.srv, &ev.Publish
	s.stats.received.Add(1)
	switch {
	case !c.who.rights.MayPublish(p.Topic):
		c.forbid(ev.Token)
	case c.who.principal.Inbox != nil:
		c.hand(ev)
	case c.who.gateway == 0:
		n, ok := s.hub.publish(now, mqtt.NewMessage(now, p), c.entry)
		r := mqtt.Success
		if !ok {
			r = mqtt.QuotaExceeded
		} else if n == 0 && c.eng.Version() == mqtt.V5 {
			r = mqtt.NoMatchingSubs
		}
		c.mu.Lock()
		c.eng.Ack(ev.Token, r)
		c.mu.Unlock()
	case ev.Token == 0:
		s.cfg.Intake.Accept(c.who.gateway, p.Topic, p.Payload, 0, ignore)
	default:
		s.cfg.Intake.Accept(c.who.gateway, p.Topic, p.Payload, ev.Token, c.done)
	}
}

// hand gives a message to the inbox of the principal, and answers with what that says of it.
func (c *conn) hand(ev *mqtt.Event) {
	err := c.who.principal.Inbox.Take(c.srv.stop, ev.Publish.Topic, ev.Publish.Payload)
	if sconce.KindOf(err) == sconce.Forbidden {
		c.forbid(ev.Token)
		return
	}
	r := mqtt.Success
	if err != nil {
		c.srv.stats.declined.Add(1)
		if c.eng.Version() == mqtt.V5 {
			r = declineFor(err)
		}
	}
	c.mu.Lock()
	c.eng.Ack(ev.Token, r)
	c.mu.Unlock()
}

// declineFor returns the reason of an acknowledgement that says why a message was not dealt
// with (3.4.2.1).
func declineFor(err error) mqtt.Reason {
	switch sconce.KindOf(err) {
	case sconce.Invalid:
		return mqtt.InvalidPayloadFormat
	case sconce.NotFound:
		return mqtt.InvalidTopic
	case sconce.TooMany:
		return mqtt.QuotaExceeded
	default:
		return mqtt.ImplementationError
	}
}

// forbid answers a message to a topic that the client has no right to. Only an
// acknowledgement of MQTT 5.0 can say so; otherwise the connection ends, for to
// drop the message silently would be to lie.
func (c *conn) forbid(token uint64) {
	c.srv.stats.unauthorised.Add(1)
	c.srv.log.Info("MQTT client published outside its rights", c.attr())
	c.mu.Lock()
	defer c.mu.Unlock()
	if token != 0 && c.eng.Version() == mqtt.V5 {
		c.eng.Ack(token, mqtt.NotAuthorized)
		return
	}
	c.closeLocked(mqtt.NotAuthorized)
}

func (c *conn) subscribe(now time.Time, ev *mqtt.Event) {
	for i, f := range ev.Subscribe.Filters {
		_, topics, _ := mqtt.Shared(f.Filter)
		if !ev.Codes[i].Failed() && !c.who.rights.MaySubscribe(topics) {
			c.srv.stats.unauthorised.Add(1)
			ev.Codes[i] = mqtt.NotAuthorized
		}
	}
	c.srv.hub.subscribe(c, now, ev.Subscribe, ev.Codes)
}
