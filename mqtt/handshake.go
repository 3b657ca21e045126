package mqtt

import "slices"

// handshake takes one of the packets by which the two ends agree on what has arrived
// (3.4 to 3.7, 4.3). One about a message that is not under way is answered where the
// protocol has an answer, and otherwise does no harm.
func (c *Conn) handshake(p *Ack) {
	switch p.Type {
	case TypePuback:
		if i := c.flight(p.ID, 1); i >= 0 {
			c.land(i)
		}
	case TypePubrec:
		i := c.flight(p.ID, 2)
		switch {
		case i < 0:
			c.answer(TypePubrel, p.ID, PacketIDNotFound)
		case p.Reason.Failed():
			c.land(i)
		default:
			c.session.inflight[i].released = true
			c.answer(TypePubrel, p.ID, Success)
		}
	case TypePubrel:
		i := slices.Index(c.session.received, p.ID)
		if i < 0 {
			c.answer(TypePubcomp, p.ID, PacketIDNotFound)
			return
		}
		c.session.received = slices.Delete(c.session.received, i, i+1)
		c.answer(TypePubcomp, p.ID, Success)
	case TypePubcomp:
		if i := c.flight(p.ID, 2); i >= 0 && c.session.inflight[i].released {
			c.land(i)
		}
	}
}

// flight returns where a message to the client is among those under way, less than 0
// for none.
func (c *Conn) flight(id uint16, q QoS) int {
	return slices.IndexFunc(c.session.inflight, func(f flight) bool { return f.id == id && f.qos == q })
}

// land ends the flight of a message: it has arrived, or is not wanted.
func (c *Conn) land(i int) {
	s := c.session
	s.release(&s.inflight[i].delivery)
	s.inflight = slices.Delete(s.inflight, i, i+1)
	if i < c.sent {
		c.sent--
	}
	if len(s.inflight) == 0 {
		s.inflight = nil
	}
}

// answer appends PUBACK, PUBREC, PUBREL or PUBCOMP. MQTT 3.1.1 has no reasons.
func (c *Conn) answer(t Type, id uint16, r Reason) {
	if c.version != V5 {
		r = Success
	}
	flags := byte(0)
	if t == TypePubrel {
		flags = 2
	}
	if r == Success {
		c.out = append(c.out, byte(t)<<4|flags, 2, byte(id>>8), byte(id))
		return
	}
	c.out = append(c.out, byte(t)<<4|flags, 3, byte(id>>8), byte(id), byte(r))
}
