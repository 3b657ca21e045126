package mqtt

// Subscription is one line of a SUBSCRIBE packet (3.8.3). In MQTT 3.1.1 only
// Filter and QoS are carried.
type Subscription struct {
	Filter            string
	QoS               QoS  // the highest that the client wants to receive
	NoLocal           bool // do not send back what this client published
	RetainAsPublished bool // keep the RETAIN flag of forwarded messages
	RetainHandling    byte // retained messages: 0 send, 1 only if new, 2 do not send
}

// Subscribe is a SUBSCRIBE packet (3.8).
type Subscribe struct {
	ID         uint16
	Filters    []Subscription
	Properties Properties
}

func parseSubscribe(body []byte, v Version) (*Subscribe, error) {
	r := reader{b: body}
	p := &Subscribe{ID: r.packetID()}
	if v == V5 {
		p.Properties = Properties(string(r.properties(inSubscribe)))
	}
	for r.err == nil && len(r.b) > 0 {
		p.Filters = append(p.Filters, r.subscription(v))
	}
	if r.err == nil && len(p.Filters) == 0 {
		return nil, violation("SUBSCRIBE without a filter") // [MQTT-3.8.3-2]
	}
	return p, r.end()
}

func (r *reader) subscription(v Version) Subscription {
	s := Subscription{Filter: string(r.text())}
	if r.err == nil && !ValidFilter(s.Filter) {
		r.fail(&Error{InvalidFilter, "topic filter is not valid"}) // [MQTT-4.7.1-1], [MQTT-4.7.1-2]
	}
	options := r.byte()
	s.QoS = QoS(options & 3)
	s.NoLocal = options&4 != 0
	s.RetainAsPublished = options&8 != 0
	s.RetainHandling = options >> 4 & 3
	reserved := byte(0xc0)
	if v != V5 {
		reserved = 0xfc
	}
	switch {
	case options&reserved != 0:
		r.fail(malformed("reserved subscription option is set")) // [MQTT-3.8.3-5]
	case s.QoS == 3:
		r.fail(malformed("subscription with QoS 3"))
	case s.RetainHandling == 3:
		r.fail(violation("retain handling 3"))
	case s.NoLocal && len(s.Filter) >= len(sharePrefix) && s.Filter[:len(sharePrefix)] == sharePrefix:
		r.fail(violation("no local on a shared subscription")) // [MQTT-3.8.3-4]
	}
	return s
}

func (s *Subscription) options() byte {
	o := byte(s.QoS) | s.RetainHandling<<4
	if s.NoLocal {
		o |= 4
	}
	if s.RetainAsPublished {
		o |= 8
	}
	return o
}

// Append implements [Packet].
func (p *Subscribe) Append(b []byte, v Version) []byte {
	b, start := begin(b, TypeSubscribe, 2)
	b = append(b, byte(p.ID>>8), byte(p.ID))
	if v == V5 {
		b = appendProperties(b, p.Properties)
	}
	for i := range p.Filters {
		s := &p.Filters[i]
		o := s.options()
		if v != V5 {
			o &= 3
		}
		b = append(appendText(b, s.Filter), o)
	}
	return finish(b, start)
}

// Unsubscribe is an UNSUBSCRIBE packet (3.10).
type Unsubscribe struct {
	ID         uint16
	Filters    []string
	Properties Properties
}

func parseUnsubscribe(body []byte, v Version) (*Unsubscribe, error) {
	r := reader{b: body}
	p := &Unsubscribe{ID: r.packetID()}
	if v == V5 {
		p.Properties = Properties(string(r.properties(inUnsubscribe)))
	}
	for r.err == nil && len(r.b) > 0 {
		f := string(r.text())
		if r.err == nil && !ValidFilter(f) {
			r.fail(&Error{InvalidFilter, "topic filter is not valid"})
		}
		p.Filters = append(p.Filters, f)
	}
	if r.err == nil && len(p.Filters) == 0 {
		return nil, violation("UNSUBSCRIBE without a filter") // [MQTT-3.10.3-2]
	}
	return p, r.end()
}

// Append implements [Packet].
func (p *Unsubscribe) Append(b []byte, v Version) []byte {
	b, start := begin(b, TypeUnsubscribe, 2)
	b = append(b, byte(p.ID>>8), byte(p.ID))
	if v == V5 {
		b = appendProperties(b, p.Properties)
	}
	for _, f := range p.Filters {
		b = appendText(b, f)
	}
	return finish(b, start)
}

// Grants is a SUBACK or UNSUBACK packet (3.9, 3.11): one code for each filter. An
// UNSUBACK of MQTT 3.1.1 carries no codes.
type Grants struct {
	Type       Type
	ID         uint16
	Codes      []Reason
	Properties Properties
}

func parseGrants(t Type, body []byte, v Version) (*Grants, error) {
	r := reader{b: body}
	p := &Grants{Type: t, ID: r.packetID()}
	in := inSuback
	if t == TypeUnsuback {
		in = inUnsuback
	}
	if v == V5 {
		p.Properties = r.properties(in)
	} else if t == TypeUnsuback {
		return p, r.end()
	}
	for r.err == nil && len(r.b) > 0 {
		code := r.reason(in)
		if r.err == nil && v != V5 && code > GrantedQoS2 && code != Unspecified {
			r.fail(violation("return code 0x%02x in SUBACK", byte(code))) // 3.1.1: [MQTT-3.9.3-2]
		}
		p.Codes = append(p.Codes, code)
	}
	if r.err == nil && len(p.Codes) == 0 {
		return nil, violation("acknowledgement without a code")
	}
	return p, r.end()
}

// Append implements [Packet].
func (p *Grants) Append(b []byte, v Version) []byte {
	b, start := begin(b, p.Type, 0)
	b = append(b, byte(p.ID>>8), byte(p.ID))
	if v == V5 {
		b = appendProperties(b, p.Properties)
	} else if p.Type == TypeUnsuback {
		return finish(b, start)
	}
	for _, c := range p.Codes {
		if v != V5 && c.Failed() {
			c = Unspecified // the one failure of MQTT 3.1.1
		}
		b = append(b, byte(c))
	}
	return finish(b, start)
}
