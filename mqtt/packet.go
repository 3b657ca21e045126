package mqtt

// Packet is any MQTT packet.
type Packet interface {
	// Append appends the whole encoded packet to b. What it appends is the
	// canonical form: the shortest that the version allows.
	Append(b []byte, v Version) []byte
}

// Size returns how many bytes the packet at the front of b has in all, 0 when b
// does not tell yet, or a fault in the encoding of the length (2.1.4).
func Size(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	length, n, err := parseVarint(b[1:])
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, nil
	}
	return 1 + n + int(length), nil
}

// Parse reads one packet that fills b. Its parts may alias b. For CONNECT, which
// carries the version itself, v is not used.
func Parse(b []byte, v Version) (Packet, error) {
	size, err := Size(b)
	if err != nil {
		return nil, err
	}
	if size == 0 || size != len(b) {
		return nil, malformed("packet of %d bytes where its length says %d", len(b), size)
	}
	_, n, _ := parseVarint(b[1:])
	return parseBody(b[0], b[1+n:], v)
}

func parseBody(first byte, body []byte, v Version) (Packet, error) {
	t := Type(first >> 4)
	if err := checkFlags(first); err != nil {
		return nil, err
	}
	switch t {
	case TypeConnect:
		return packet(parseConnect(body))
	case TypeConnack:
		return packet(parseConnack(body, v))
	case TypePublish:
		p, err := parsePublish(first, body, v, "")
		return packet(&p, err)
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		return packet(parseAck(t, body, v))
	case TypeSubscribe:
		return packet(parseSubscribe(body, v))
	case TypeUnsubscribe:
		return packet(parseUnsubscribe(body, v))
	case TypeSuback, TypeUnsuback:
		return packet(parseGrants(t, body, v))
	case TypePingreq, TypePingresp:
		r := reader{b: body}
		return packet(&Ping{t}, r.end())
	case TypeDisconnect:
		return packet(parseDisconnect(body, v))
	case TypeAuth:
		return packet(parseAuth(body, v))
	default:
		return nil, malformed("packet type 0")
	}
}

// packet keeps a nil pointer from becoming a Packet that is not nil.
func packet[P Packet](p P, err error) (Packet, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// checkFlags checks the lower half of the first byte (table 2-2) [MQTT-2.1.3-1].
// The flags of PUBLISH are read with its body.
func checkFlags(first byte) error {
	want := byte(0)
	switch Type(first >> 4) {
	case TypePublish:
		return nil
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		want = 2
	}
	if first&0x0f != want {
		return malformed("flags %#x of packet type %d", first&0x0f, first>>4)
	}
	return nil
}

// Publish is a PUBLISH packet (3.3).
type Publish struct {
	Topic      string
	Payload    []byte
	ID         uint16 // Packet Identifier; 0 for QoS 0
	QoS        QoS
	Retain     bool
	Dup        bool
	Properties Properties
}

// parsePublish reads a PUBLISH. When its topic equals the valid topic last, it
// takes that string and allocates nothing.
func parsePublish(first byte, body []byte, v Version, last string) (Publish, error) {
	p := Publish{QoS: QoS(first >> 1 & 3), Retain: first&1 != 0, Dup: first&8 != 0}
	switch {
	case p.QoS == 3:
		return p, malformed("QoS 3") // [MQTT-3.3.1-4]
	case p.QoS == 0 && p.Dup:
		return p, malformed("DUP with QoS 0") // [MQTT-3.3.1-2]
	}
	r := reader{b: body}
	topic := r.binary()
	if last != "" && string(topic) == last {
		p.Topic = last
	} else if p.Topic = string(topic); r.err == nil && !validText(topic) {
		r.fail(malformed("topic is not UTF-8 or holds U+0000"))
	}
	if p.QoS > 0 {
		p.ID = r.packetID()
	}
	if v == V5 {
		p.Properties = r.properties(inPublish)
	}
	if r.err != nil {
		return p, r.err
	}
	if p.Topic != last && p.Topic != "" && !validTopicBytes(topic) {
		return p, &Error{InvalidTopic, "topic name with a wildcard"} // [MQTT-3.3.2-2]
	}
	if p.Topic == "" {
		if _, aliased := p.Properties.Number(TopicAlias); !aliased {
			return p, violation("PUBLISH without a topic") // [MQTT-4.7.3-1], 3.3.2.1
		}
	}
	p.Payload = r.b
	return p, nil
}

// Append implements [Packet].
func (p *Publish) Append(b []byte, v Version) []byte {
	return appendPublish(b, v, p.Topic, p.Payload, p.ID, p.QoS, p.Retain, p.Dup, p.Properties)
}

// publishSize returns the length of an encoded PUBLISH without its first byte
// and remaining length.
func publishSize(v Version, topic string, payload []byte, q QoS, p Properties) int {
	n := 2 + len(topic) + len(payload)
	if q > 0 {
		n += 2
	}
	if v == V5 {
		n += varintSize(len(p)) + len(p)
	}
	return n
}

func appendPublish(b []byte, v Version, topic string, payload []byte, id uint16, q QoS, retain, dup bool, p Properties) []byte {
	first := byte(TypePublish)<<4 | byte(q)<<1
	if retain {
		first |= 1
	}
	if dup {
		first |= 8
	}
	b = appendVarint(append(b, first), uint32(publishSize(v, topic, payload, q, p)))
	b = appendText(b, topic)
	if q > 0 {
		b = append(b, byte(id>>8), byte(id))
	}
	if v == V5 {
		b = appendProperties(b, p)
	}
	return append(b, payload...)
}

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP packet (3.4 to 3.7). MQTT 3.1.1
// carries the identifier alone.
type Ack struct {
	Type       Type
	ID         uint16
	Reason     Reason
	Properties Properties
}

func parseAck(t Type, body []byte, v Version) (*Ack, error) {
	r := reader{b: body}
	p := &Ack{Type: t, ID: r.packetID()}
	in := inAcks
	if t == TypePubrel || t == TypePubcomp {
		in = inReleases
	}
	if v == V5 {
		r.reasonAndProperties(&p.Reason, &p.Properties, in)
	}
	return p, r.end()
}

// reasonAndProperties reads the end of a packet that may leave out its
// properties, or both, when they say nothing (3.4.2.1).
func (r *reader) reasonAndProperties(reason *Reason, p *Properties, in packets) {
	if len(r.b) > 0 {
		*reason = r.reason(in)
	}
	if len(r.b) > 0 {
		*p = r.properties(in)
	}
}

// reason reads a reason code that may stand in one of the given packets (2.4).
func (r *reader) reason(in packets) Reason {
	code := Reason(r.byte())
	if r.err == nil && reasons[code].in&in == 0 {
		r.fail(violation("reason code 0x%02x is not allowed here", byte(code)))
	}
	return code
}

func appendReasonAndProperties(b []byte, reason Reason, p Properties) []byte {
	if reason == Success && len(p) == 0 {
		return b
	}
	b = append(b, byte(reason))
	if len(p) == 0 {
		return b
	}
	return appendProperties(b, p)
}

// Append implements [Packet].
func (p *Ack) Append(b []byte, v Version) []byte {
	flags := byte(0)
	if p.Type == TypePubrel {
		flags = 2
	}
	b, start := begin(b, p.Type, flags)
	b = append(b, byte(p.ID>>8), byte(p.ID))
	if v == V5 {
		b = appendReasonAndProperties(b, p.Reason, p.Properties)
	}
	return finish(b, start)
}

// Ping is a PINGREQ or PINGRESP packet (3.12, 3.13).
type Ping struct{ Type Type }

// Append implements [Packet].
func (p *Ping) Append(b []byte, _ Version) []byte { return append(b, byte(p.Type)<<4, 0) }

// Disconnect is a DISCONNECT packet (3.14). In MQTT 3.1.1 it is empty.
type Disconnect struct {
	Reason     Reason
	Properties Properties
}

func parseDisconnect(body []byte, v Version) (*Disconnect, error) {
	r := reader{b: body}
	p := new(Disconnect)
	if v == V5 {
		r.reasonAndProperties(&p.Reason, &p.Properties, inDisconnect)
	}
	return p, r.end()
}

// Append implements [Packet].
func (p *Disconnect) Append(b []byte, v Version) []byte {
	b, start := begin(b, TypeDisconnect, 0)
	if v == V5 {
		b = appendReasonAndProperties(b, p.Reason, p.Properties)
	}
	return finish(b, start)
}

// Auth is an AUTH packet (3.15), which only MQTT 5.0 has.
type Auth struct {
	Reason     Reason
	Properties Properties
}

func parseAuth(body []byte, v Version) (*Auth, error) {
	if v != V5 {
		return nil, malformed("packet type 15 in MQTT 3.1.1")
	}
	r := reader{b: body}
	p := new(Auth)
	r.reasonAndProperties(&p.Reason, &p.Properties, inAuth)
	return p, r.end()
}

// Append implements [Packet].
func (p *Auth) Append(b []byte, _ Version) []byte {
	b, start := begin(b, TypeAuth, 0)
	return finish(appendReasonAndProperties(b, p.Reason, p.Properties), start)
}
