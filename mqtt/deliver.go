package mqtt

import (
	"slices"
	"strings"
	"time"
)

// screen returns a code for each filter of a SUBSCRIBE: the failures that need
// no knowledge of rights, and else the QoS that can be granted.
func (c *Conn) screen(p *Subscribe) []Reason {
	codes := make([]Reason, len(p.Filters))
	for i, f := range p.Filters {
		switch {
		case strings.HasPrefix(f.Filter, sharePrefix) && !validShared(f.Filter):
			codes[i] = InvalidFilter
		case Levels(f.Filter) > c.lim.MaxLevels:
			codes[i] = QuotaExceeded
		default:
			codes[i] = Reason(f.QoS)
		}
	}
	return codes
}

// Grant answers a [SubscribeEvent]. It records those subscriptions whose codes
// are no failures, calls add for each one with whether the session had none with
// that filter before, and sends SUBACK. A session with too many subscriptions
// gets [QuotaExceeded] for the rest.
//
// What add enqueues in the session is sent after the SUBACK.
func (c *Conn) Grant(p *Subscribe, codes []Reason, add func(filter Subscription, g Grant, isNew bool)) {
	if c.state != open {
		return
	}
	if !c.answerable(len(p.Filters)) {
		return
	}
	id, _ := p.Properties.Number(SubscriptionID)
	for i, f := range p.Filters {
		if codes[i].Failed() {
			continue
		}
		_, had := c.session.subs[f.Filter]
		g := Grant{QoS: QoS(codes[i]), NoLocal: f.NoLocal, RetainAsPublished: f.RetainAsPublished, ID: id}
		if codes[i] = c.session.grant(f.Filter, g); !codes[i].Failed() {
			add(f, g, !had)
		}
	}
	c.write(&Grants{Type: TypeSuback, ID: p.ID, Codes: codes})
}

// answerable ends the connection of a client that asks about more filters than its own
// Maximum Packet Size lets it be answered for, and reports whether it did not.
func (c *Conn) answerable(filters int) bool {
	body := 2 + 1 + filters // identifier, no properties, a code each
	if c.maxPacket == 0 || 1+varintSize(body)+body <= c.maxPacket {
		return true
	}
	_ = c.fail(&Error{PacketTooLarge, "the answer would be larger than this client takes"})
	return false
}

// Unsubscribed answers an [UnsubscribeEvent]: it calls remove for each filter that
// the session had, and sends UNSUBACK.
func (c *Conn) Unsubscribed(p *Unsubscribe, remove func(filter string)) {
	if c.state != open {
		return
	}
	if !c.answerable(len(p.Filters)) {
		return
	}
	codes := make([]Reason, len(p.Filters))
	for i, f := range p.Filters {
		if _, had := c.session.subs[f]; !had {
			codes[i] = NoSubscription
			continue
		}
		c.session.ungrant(f)
		remove(f)
	}
	c.write(&Grants{Type: TypeUnsuback, ID: p.ID, Codes: codes})
}

// Session returns the session of an accepted connection, nil before and after.
func (c *Conn) Session() *Session { return c.session }

// Take returns what is to be written, and keeps buf, which may be nil, to gather
// what comes next. When there is nothing to write now, the result is empty and
// buf is not kept: then the connection holds no buffer at all.
func (c *Conn) Take(now time.Time, buf []byte) []byte {
	if c.state == open {
		c.fill(now)
	}
	out := c.out
	c.out = nil
	if len(out) > 0 && buf != nil {
		c.out = buf[:0]
	}
	return out
}

// fill encodes messages that wait, up to a bounded amount and as far as the
// client's Receive Maximum allows [MQTT-3.3.4-9].
func (c *Conn) fill(now time.Time) {
	s := c.session
	for c.sent < min(len(s.inflight), c.window) && len(c.out) < outTarget {
		f := s.inflight[c.sent]
		switch {
		case f.released:
			c.answer(TypePubrel, f.id, Success)
			c.sent++
		case c.encode(now, f.delivery, f.id, true):
			c.sent++
		default:
			s.release(&f.delivery)
			s.inflight = slices.Delete(s.inflight, c.sent, c.sent+1)
		}
	}
	for len(s.queue) > 0 && len(c.out) < outTarget {
		if s.queue[0].qos > 0 && len(s.inflight) >= c.window {
			return
		}
		d := s.pop()
		switch {
		case d.msg.Expired(now):
			s.ledger.Lose(LostExpired)
		case d.qos == 0:
			c.encode(now, d, 0, false)
		default:
			if id := s.takeID(); c.encode(now, d, id, false) {
				s.inflight = append(s.inflight, flight{id: id, delivery: d})
				c.sent++
				continue // held until it is acknowledged
			}
		}
		s.release(&d)
	}
}

// encode appends a PUBLISH. It returns false for a message that is larger than
// the client takes, which counts as delivered [MQTT-3.1.2-25].
func (c *Conn) encode(now time.Time, d delivery, id uint16, dup bool) bool {
	m, props := d.msg, d.msg.Properties
	if c.version == V5 {
		props = d.properties(now)
	}
	size := publishSize(c.version, m.Topic, m.Payload, d.qos, props)
	if c.maxPacket != 0 && 1+varintSize(size)+size > c.maxPacket {
		c.session.ledger.Lose(LostTooLarge)
		return false
	}
	topic := m.Topic
	if c.maxGiven > 0 && (c.maxPacket == 0 || size+aliasSize+maxHeader <= c.maxPacket) {
		topic, props = c.abbreviate(topic, props)
	}
	c.out = appendPublish(c.out, c.version, topic, m.Payload, id, d.qos, d.retain, dup, props)
	return true
}

const (
	aliasSize = 3     // bytes of the property
	maxHeader = 1 + 4 // bytes of a packet before what its length counts
)

// abbreviate gives a topic an alias, as long as the client takes more of them, or puts the
// one that it has in its place (3.3.2.3.4).
func (c *Conn) abbreviate(topic string, p Properties) (string, Properties) {
	alias, had := c.given[topic]
	if !had {
		if len(c.given) == c.maxGiven {
			return topic, p
		}
		if c.given == nil {
			c.given = make(map[string]uint16)
		}
		alias = uint16(len(c.given) + 1)
		c.given[topic] = alias
	}
	p = append(Properties(nil), p...).AppendNumber(TopicAlias, uint32(alias))
	if had {
		topic = ""
	}
	return topic, p
}

// properties are those of the message, with what is left of its expiry
// [MQTT-3.3.2-6] and the identifiers of the subscriptions that it matched
// [MQTT-3.3.4-3].
func (d *delivery) properties(now time.Time) Properties {
	p := d.msg.Properties
	if d.msg.Expires.IsZero() && len(d.ids) == 0 {
		return p
	}
	p = append(Properties(nil), p...)
	if !d.msg.Expires.IsZero() {
		left := max(d.msg.Expires.Sub(now), 0)
		p = p.AppendNumber(MessageExpiry, uint32((left+time.Second-1)/time.Second))
	}
	for _, id := range d.ids {
		p = p.AppendNumber(SubscriptionID, id)
	}
	return p
}
