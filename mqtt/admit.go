package mqtt

import (
	"math"
	"time"
)

// connect reads what CONNECT says about the connection, and asks the owner.
func (c *Conn) connect(p *Connect) (Event, error) {
	c.version = p.Version
	c.state = awaitDecision
	c.window = c.lim.MaxInflight
	if v, ok := p.Properties.Number(ReceiveMaximum); ok {
		c.window = min(c.window, int(v))
	}
	if v, ok := p.Properties.Number(MaximumPacketSize); ok {
		c.maxPacket = int(v)
	}
	if v, ok := p.Properties.Number(TopicAliasMaximum); ok {
		c.maxGiven = min(c.lim.TopicAliases, int(v))
	}
	if v, ok := p.Properties.Number(RequestProblemInfo); ok {
		c.noReasons = v == 0
	}
	switch {
	case p.Version == V311 && p.ClientID == "" && !p.CleanStart:
		return Event{}, &Error{InvalidClientID, "an empty client identifier needs a clean session"} // 3.1.1: [MQTT-3.1.3-8]
	}
	if _, ok := p.Properties.Text(AuthMethod); ok {
		return Event{}, &Error{BadAuthMethod, "enhanced authentication is not available"} // [MQTT-4.12.0-1]
	}
	return Event{Kind: ConnectEvent, Connect: p}, nil
}

// Admission is the answer of the owner to a CONNECT that it accepts.
type Admission struct {
	Session  *Session // new, or the one that the client left
	Present  bool     // it is the one that the client left
	ClientID string   // the identifier that the server gave to a client without one
	Retain   bool     // retained messages are available to this client
	// Filters is how many subscriptions the client may have, when that is more than
	// [Limits.MaxFilters]. Those beyond count in the ledger, and need room there.
	Filters int
	// KeepAlive is the longest keep-alive that an MQTT 5.0 client may ask for, when that is more
	// than [Limits.MaxKeepAlive].
	KeepAlive time.Duration
}

// Accept answers the CONNECT p of the last [ConnectEvent], and sends again what
// the session holds unacknowledged [MQTT-4.4.0-1]. A connection that was closed
// meanwhile takes the session all the same, until [Conn.Detach].
func (c *Conn) Accept(now time.Time, p *Connect, a Admission) {
	c.session = a.Session
	c.session.online = true
	c.session.filters = max(c.lim.MaxFilters, a.Filters)
	c.noRetain = !a.Retain
	asked, expires := p.Properties.Number(SessionExpiry)
	switch {
	case p.Version == V5 && expires:
		a.Session.setExpiry(asked)
	case p.Version == V5 || p.CleanStart:
		a.Session.expiry = 0
	default:
		a.Session.setExpiry(math.MaxUint32)
	}
	keepAlive := time.Duration(p.KeepAlive) * time.Second
	longest := max(c.lim.MaxKeepAlive, a.KeepAlive)
	imposed := p.Version == V5 && (keepAlive == 0 || keepAlive > longest)
	if imposed {
		keepAlive = longest
	}
	c.silence = keepAlive * 3 / 2
	c.deadline = time.Time{}
	c.Extend(now)
	if c.state != awaitDecision {
		c.willOff = true
		return
	}
	c.state = open
	ack := Connack{SessionPresent: a.Present}
	if p.Version == V5 {
		ack.Properties = c.terms(a, imposed)
		if expires && c.session.expiry != forever(asked) {
			ack.Properties = ack.Properties.AppendNumber(SessionExpiry, uint32(c.session.expiry/time.Second))
		}
	}
	if !c.write(&ack) { // a client that takes so little cannot be served
		c.state, c.willOff = closed, true
	}
}

// terms are the properties of CONNACK: where this server does less than the
// protocol's defaults (3.2.2.3).
func (c *Conn) terms(a Admission, imposed bool) Properties {
	p := Properties(nil).
		AppendNumber(ReceiveMaximum, uint32(c.lim.ReceiveMaximum)).
		AppendNumber(MaximumPacketSize, uint32(c.lim.MaxPacket)).
		AppendNumber(TopicAliasMaximum, uint32(c.lim.TopicAliases))
	if !a.Retain {
		p = p.AppendNumber(RetainAvailable, 0)
	}
	if a.ClientID != "" {
		p = p.AppendText(AssignedClientID, a.ClientID)
	}
	if imposed {
		p = p.AppendNumber(ServerKeepAlive, uint32(max(c.lim.MaxKeepAlive, a.KeepAlive)/time.Second))
	}
	return p
}

// Refuse answers the CONNECT of the last [ConnectEvent] with a failure and ends
// the connection. An MQTT 5.0 client is told why in the words of text, if there are any.
func (c *Conn) Refuse(r Reason, text string) {
	if c.state == awaitDecision {
		c.connack(r, text)
	}
	c.state = closed
}

func (c *Conn) connack(r Reason, text string) {
	if reasons[r].in&inConnack == 0 {
		r = ServerUnavailable
	}
	p := Connack{Code: byte(r), Properties: c.reasonString(text)}
	if c.version != V5 {
		p.Code, p.Properties = r.legacy(), nil
	}
	c.write(&p)
}

// write appends a packet, unless it is larger than the client takes [MQTT-3.1.2-24]: then
// it reports false, and the connection cannot go on.
func (c *Conn) write(p Packet) bool {
	before := len(c.out)
	c.out = p.Append(c.out, c.version)
	if c.maxPacket != 0 && len(c.out)-before > c.maxPacket {
		c.out = c.out[:before]
		return false
	}
	return true
}

// forever is a Session Expiry Interval as a duration: 0xFFFFFFFF never ends (3.1.2.11.2).
func forever(seconds uint32) time.Duration {
	if seconds == math.MaxUint32 {
		return math.MaxInt64
	}
	return time.Duration(seconds) * time.Second
}

func (s *Session) setExpiry(seconds uint32) {
	s.expiry = min(forever(seconds), s.lim.MaxSessionExpiry)
}
