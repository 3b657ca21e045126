package mqtt

import (
	"slices"
	"time"
)

// Conn is the server's end of one MQTT connection. Its owner reads the network
// and gives what it read to [Conn.Next]; decides on the events that come back;
// and writes what [Conn.Take] gives it. A Conn is not safe for concurrent use.
//
// The Session of an accepted connection belongs to the Conn until [Conn.Detach].
type Conn struct {
	lim       *Limits
	session   *Session
	deadline  time.Time // for CONNECT, then for the next packet; zero for none
	silence   time.Duration
	out       []byte
	acks      acks
	lastTopic string
	aliases   []string          // topics that the client has given aliases, by alias less 1
	given     map[string]uint16 // aliases that topics were given for the client
	maxGiven  int               // the client's Topic Alias Maximum
	maxPacket int               // the client's; 0 for none
	window    int               // QoS 1 and 2 messages to the client under way
	sent      int               // how many of session.inflight were sent on this connection
	version   Version
	state     connState
	noRetain  bool
	noReasons bool // the client wants no reason strings
	willOff   bool
}

type connState byte

const (
	awaitConnect connState = iota
	awaitDecision
	open
	closed
)

// EventKind says what an [Event] asks of the owner.
type EventKind byte

// The kinds of event.
const (
	NoEvent          EventKind = iota // the packet was dealt with, or is not complete
	ConnectEvent                      // answer with Accept or Refuse
	PublishEvent                      // QoS 1 and 2: answer with Ack, now or later
	SubscribeEvent                    // answer with Grant
	UnsubscribeEvent                  // answer with Unsubscribed
	DisconnectEvent                   // the client is leaving: close the network connection
)

// Event is what a packet asks of the owner. Payload and Properties of Publish
// alias the bytes given to [Conn.Next].
type Event struct {
	Kind        EventKind
	Token       uint64 // names a QoS 1 or 2 message on this connection, from 1; 0 for QoS 0
	Publish     Publish
	Connect     *Connect
	Subscribe   *Subscribe
	Codes       []Reason // of Subscribe: failures found already; the owner fills in the others
	Unsubscribe *Unsubscribe
}

// outTarget is how many bytes of waiting messages are encoded at a time.
const outTarget = 16 << 10

// NewConn returns the engine of a connection that was opened now.
func NewConn(now time.Time, lim *Limits) *Conn {
	return &Conn{lim: lim, deadline: now.Add(lim.ConnectTimeout)}
}

// Version returns the protocol version of the client once CONNECT was received.
func (c *Conn) Version() Version { return c.version }

// Closed reports whether the connection is over: what [Conn.Take] returns is
// still to be written, then the network connection is to be closed.
func (c *Conn) Closed() bool { return c.state == closed }

// Deadline returns when [Conn.Advance] must be called at the latest; zero for never.
func (c *Conn) Deadline() time.Time { return c.deadline }

// Advance ends the connection when its client has been silent for too long: no
// CONNECT in time, or nothing within 1.5 times the keep-alive [MQTT-3.1.2-22].
func (c *Conn) Advance(now time.Time) error {
	if c.state == closed || c.deadline.IsZero() || now.Before(c.deadline) {
		return nil
	}
	if c.state == open {
		return c.fail(&Error{KeepAliveTimeout, "nothing received within 1.5 times the keep-alive"})
	}
	c.state = closed
	return &Error{KeepAliveTimeout, "no CONNECT in time"}
}

// Extend restarts the keep-alive: the owner did not read for a while, so the
// silence was not the client's.
func (c *Conn) Extend(now time.Time) {
	if c.silence > 0 {
		c.deadline = now.Add(c.silence)
	}
}

// Full reports whether the owner must read no further until messages have been
// acknowledged: the client is of MQTT 3.1.1, which knows no Receive Maximum, and
// has as many under way as are allowed.
func (c *Conn) Full() bool {
	return c.version == V311 && c.acks.n >= c.lim.ReceiveMaximum
}

// crowded reports whether a client has more messages under way than it was allowed. One of
// MQTT 3.1.1, which cannot know, is held back by [Conn.Full], but for those of QoS 2 that
// wait for it.
func (c *Conn) crowded() bool {
	if c.version == V311 {
		return len(c.session.received) >= legacyReceived*c.lim.ReceiveMaximum
	}
	return c.acks.n+len(c.session.received) >= c.lim.ReceiveMaximum
}

// legacyReceived is how many times as many QoS 2 messages of an MQTT 3.1.1 client may wait
// for its PUBREL as one of MQTT 5.0 may have under way.
const legacyReceived = 4

// Next takes at most one packet from the front of b and returns how many bytes
// it took: 0 when the packet is not complete. An error means that the connection
// is over because of what the peer did.
func (c *Conn) Next(now time.Time, b []byte) (int, Event, error) {
	if c.state == closed || c.state == awaitDecision || len(b) == 0 {
		return 0, Event{}, nil
	}
	if c.state == awaitConnect && b[0] != byte(TypeConnect)<<4 {
		return 0, Event{}, c.fail(violation("first byte is 0x%02x, expected CONNECT", b[0])) // [MQTT-3.1.0-1]
	}
	length, n, bad := parseVarint(b[1:])
	if bad != nil {
		return 0, Event{}, c.fail(bad)
	}
	if n == 0 {
		return 0, Event{}, nil
	}
	size, most := 1+n+int(length), c.lim.MaxPacket
	if c.state == awaitConnect {
		most = c.lim.MaxConnect
	}
	if size > most {
		return 0, Event{}, c.fail(&Error{PacketTooLarge, "packet is larger than this server takes"})
	}
	if len(b) < size {
		return 0, Event{}, nil
	}
	ev, err := c.packet(now, b[0], b[1+n:size])
	if err != nil {
		return size, Event{}, c.fail(err)
	}
	return size, ev, nil
}

// fail ends the connection because of err: with DISCONNECT when the client knows
// that packet, else without a word (4.13).
func (c *Conn) fail(err error) error {
	fault, ok := err.(*Error) //nolint:errorlint // every fault of this package is one, unwrapped
	if !ok {
		fault = &Error{Unspecified, err.Error()}
	}
	switch {
	case c.state == awaitDecision || c.state == awaitConnect && fault.Reason == UnsupportedVersion:
		c.connack(fault.Reason, fault.Text)
	case c.state == open:
		c.disconnect(fault.Reason, fault.Text)
	}
	c.state = closed
	return fault
}

// Close ends the connection on the server's side, with DISCONNECT where the
// version has it.
func (c *Conn) Close(r Reason) {
	switch c.state {
	case open:
		c.disconnect(r, "")
	case awaitDecision:
		c.connack(r, "")
	}
	c.state = closed
}

func (c *Conn) disconnect(r Reason, text string) {
	if reasons[r].in&inDisconnect == 0 {
		r = Unspecified
	}
	if c.version == V5 {
		c.write(&Disconnect{Reason: r, Properties: c.reasonString(text)})
	}
}

// reasonString is left out where the client asked so, or where the packet would
// be larger than it takes [MQTT-3.14.2-3].
func (c *Conn) reasonString(text string) Properties {
	if text == "" || c.noReasons || c.maxPacket != 0 && len(text)+16 > c.maxPacket {
		return nil
	}
	return Properties(nil).AppendText(ReasonString, text)
}

// packet deals with one packet that is complete.
func (c *Conn) packet(now time.Time, first byte, body []byte) (Event, error) {
	c.Extend(now)
	if first>>4 == byte(TypePublish) {
		return c.publish(first, body)
	}
	if first>>4 == byte(TypeConnect) && c.state == open {
		return Event{}, violation("second CONNECT") // [MQTT-3.1.0-2]
	}
	p, err := parseBody(first, body, c.version)
	if err != nil {
		return Event{}, err
	}
	if c.state == awaitConnect {
		return c.connect(p.(*Connect))
	}
	switch p := p.(type) {
	case *Ping:
		if p.Type == TypePingreq {
			c.out = append(c.out, byte(TypePingresp)<<4, 0)
			return Event{}, nil
		}
	case *Ack:
		c.handshake(p)
		return Event{}, nil
	case *Subscribe:
		return Event{Kind: SubscribeEvent, Subscribe: p, Codes: c.screen(p)}, nil
	case *Unsubscribe:
		return Event{Kind: UnsubscribeEvent, Unsubscribe: p}, nil
	case *Disconnect:
		return c.leave(p)
	}
	// AUTH without a method, or a packet that only a server sends.
	return Event{}, violation("packet type %d is not expected here", first>>4)
}

func (c *Conn) publish(first byte, body []byte) (Event, error) {
	p, err := parsePublish(first, body, c.version, c.lastTopic)
	if err != nil {
		return Event{}, err
	}
	if len(p.Properties) > 0 {
		if a, ok := p.Properties.Number(TopicAlias); ok {
			if err := c.resolve(&p, int(a)); err != nil {
				return Event{}, err
			}
		}
		if _, ok := p.Properties.Number(SubscriptionID); ok {
			return Event{}, violation("subscription identifier from a client") // [MQTT-3.3.4-6]
		}
	}
	if p.Retain && c.noRetain && c.version == V5 {
		return Event{}, &Error{RetainNotSupported, "retained messages are not available"} // [MQTT-3.2.2-14]
	}
	p.Retain = p.Retain && !c.noRetain
	c.lastTopic = p.Topic
	ev := Event{Kind: PublishEvent, Publish: p}
	if p.QoS > 0 {
		if p.QoS == 2 && slices.Contains(c.session.received, p.ID) {
			c.answer(TypePubrec, p.ID, Success) // it was received before [MQTT-4.3.3-10]
			return Event{}, nil
		}
		if p.QoS == 2 && c.acks.waits(p.ID) {
			return Event{}, nil // it is being received: its PUBREC comes
		}
		if c.crowded() {
			return Event{}, &Error{ReceiveMaxExceeded, "more messages under way than were allowed"} // [MQTT-3.3.4-7]
		}
		ev.Token = c.acks.add(p.ID, p.QoS)
	}
	return ev, nil
}

// resolve puts the topic of an alias into a message, or notes the alias of its topic
// (3.3.2.3.4).
func (c *Conn) resolve(p *Publish, alias int) error {
	if alias == 0 || alias > c.lim.TopicAliases {
		return &Error{InvalidTopicAlias, "topic alias 0, or above what was announced"} // [MQTT-3.3.2-8], [MQTT-3.3.2-9]
	}
	switch {
	case p.Topic != "":
		if len(c.aliases) < alias {
			c.aliases = append(c.aliases, make([]string, alias-len(c.aliases))...)
		}
		c.aliases[alias-1] = p.Topic
	case alias > len(c.aliases) || c.aliases[alias-1] == "":
		return violation("topic alias %d was not given a topic", alias)
	default:
		p.Topic = c.aliases[alias-1]
	}
	return nil
}

// Ack says what became of the QoS 1 or 2 message with a token: PUBACK or PUBREC
// goes out as soon as those of all earlier messages have [MQTT-4.6.0-2]. It
// reports whether there is something to write. A token that is not waiting is
// ignored. MQTT 3.1.1 cannot say no: there a failure ends the connection.
func (c *Conn) Ack(token uint64, r Reason) bool {
	if c.state != open || !c.acks.settle(token, r) {
		return false
	}
	wrote := false
	for {
		p, ok := c.acks.next()
		if !ok {
			return wrote
		}
		if c.out == nil {
			c.out = make([]byte, 0, 64) // acknowledgements come in bursts
		}
		wrote = true
		if p.reason.Failed() && c.version != V5 {
			c.state = closed
			return true
		}
		if p.qos == 2 {
			if !p.reason.Failed() {
				c.session.received = append(c.session.received, p.id)
			}
			c.answer(TypePubrec, p.id, p.reason)
		} else {
			c.answer(TypePuback, p.id, p.reason)
		}
	}
}

func (c *Conn) leave(p *Disconnect) (Event, error) {
	if reasons[p.Reason].in&inLeave == 0 {
		return Event{}, violation("reason code 0x%02x is a server's", byte(p.Reason)) // 3.14.2.1
	}
	if _, redirects := p.Properties.Text(ServerReference); redirects {
		return Event{}, violation("server reference from a client") // 3.14.2.2.5
	}
	if expiry, ok := p.Properties.Number(SessionExpiry); ok {
		if c.session.expiry == 0 && expiry != 0 {
			return Event{}, violation("session expiry set at the end where there was none") // 3.14.2.2.2
		}
		c.session.setExpiry(expiry)
	}
	c.willOff = p.Reason != DisconnectWithWill // [MQTT-3.14.4-3]
	c.state = closed
	return Event{Kind: DisconnectEvent}, nil
}

// WillDue reports whether the will is to be published now that the connection is
// over: there was no DISCONNECT that took it back.
func (c *Conn) WillDue() bool { return !c.willOff }

// Detach takes the session out of the connection, which is closed by this, and
// returns it, or nil when there was none.
func (c *Conn) Detach() *Session {
	s := c.session
	c.session = nil
	c.state = closed
	if s != nil {
		s.detach()
	}
	return s
}

// ForgetSession makes the session end with the connection, whatever the client
// asked for, and takes back its will.
func (c *Conn) ForgetSession() {
	c.willOff = true
	if c.session != nil {
		c.session.expiry = 0
	}
}
