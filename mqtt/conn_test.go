package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// link is a Conn with an owner that accepts everything, on a clock of the test's.
type link struct {
	t    *testing.T
	c    *Conn
	lim  Limits
	now  time.Time
	v    Version
	fail error
	rest []Packet // that came with CONNACK
}

func newLink(t *testing.T, change ...func(*Limits)) *link {
	l := &link{t: t, lim: DefaultLimits(), now: epoch, v: V5}
	for _, f := range change {
		f(&l.lim)
	}
	l.c = NewConn(l.now, &l.lim)
	return l
}

// book is a ledger that grants each session an eighth of what is free.
type book struct {
	limit, held int
	lost        [LostTooLarge + 1]int
}

func (b *book) Hold(n int)  { b.held += n }
func (b *book) Room() int   { return max(b.limit-b.held, 0) / 8 }
func (b *book) Lose(w Loss) { b.lost[w]++ }

// roomy returns a ledger that nothing in a test fills.
func roomy() *book { return &book{limit: 1 << 40} }

// again is the next connection of the same client.
func (l *link) again() *link {
	n := *l
	n.c, n.fail = NewConn(l.now, &l.lim), nil
	return &n
}

// give hands a packet to the engine and returns the event that it makes.
func (l *link) give(p Packet) Event {
	l.t.Helper()
	b := p.Append(nil, l.v)
	n, ev, err := l.c.Next(l.now, b)
	if err == nil && n != len(b) {
		l.t.Fatalf("%T: took %d of %d bytes", p, n, len(b))
	}
	l.fail = err
	return ev
}

// connect gives a CONNECT and accepts it with a session, new if s is nil.
func (l *link) connect(s *Session, change ...func(*Connect)) *Connack {
	l.t.Helper()
	p := &Connect{Version: V5, CleanStart: true, KeepAlive: 10, ClientID: "c"}
	for _, f := range change {
		f(p)
	}
	l.v = p.Version
	ev := l.give(p)
	if ev.Kind != ConnectEvent {
		l.t.Fatalf("CONNECT made event %d, %v", ev.Kind, l.fail)
	}
	a := Admission{Session: s, Present: s != nil, Retain: true}
	if s == nil {
		a.Session = NewSession(&l.lim, roomy())
	}
	l.c.Accept(l.now, ev.Connect, a)
	packets := l.out()
	ack, ok := packets[0].(*Connack)
	if !ok || ack.Code != 0 {
		l.t.Fatalf("CONNACK %+v", ack)
	}
	l.rest = packets[1:]
	return ack
}

// out returns the packets that are to be written.
func (l *link) out() (packets []Packet) {
	l.t.Helper()
	packets, l.rest = l.rest, nil
	for {
		b := l.c.Take(l.now, nil)
		if len(b) == 0 {
			return packets
		}
		for len(b) > 0 {
			size, err := Size(b)
			if err != nil || size == 0 || size > len(b) {
				l.t.Fatalf("wrote %x", b)
			}
			p, err := Parse(b[:size], l.v)
			if err != nil {
				l.t.Fatalf("wrote %x: %v", b[:size], err)
			}
			packets, b = append(packets, p), b[size:]
		}
	}
}

// closed asserts that the connection has ended for a reason, which an MQTT 5.0
// client is told with DISCONNECT.
func (l *link) closed(r Reason) {
	l.t.Helper()
	var fault *Error
	if !errors.As(l.fail, &fault) || fault.Reason != r || !l.c.Closed() {
		l.t.Fatalf("got %v, expected %v", l.fail, r)
	}
	packets := l.out()
	if l.v != V5 {
		if len(packets) != 0 {
			l.t.Fatalf("wrote %+v", packets)
		}
		return
	}
	d, ok := packets[len(packets)-1].(*Disconnect)
	if !ok || d.Reason != r {
		l.t.Fatalf("wrote %+v", packets)
	}
	if _, ok := d.Properties.Number(SessionExpiry); ok {
		l.t.Fatal("a server does not change how long a session lasts") // [MQTT-3.14.2-2]
	}
}

func v311(p *Connect) { p.Version = V311 }

func expiring(seconds uint32) func(*Connect) {
	return func(p *Connect) {
		p.CleanStart = false
		p.Properties = p.Properties.AppendNumber(SessionExpiry, seconds)
	}
}

// sub records a subscription to "t".
func (l *link) sub(q QoS) {
	l.t.Helper()
	ev := l.give(&Subscribe{ID: 1, Filters: []Subscription{{Filter: "t", QoS: q}}})
	l.c.Grant(ev.Subscribe, ev.Codes, func(Subscription, Grant, bool) {})
	if got := l.out()[0].(*Grants).Codes[0]; got != Reason(q) {
		l.t.Fatalf("SUBACK %v", got)
	}
}

func text(s string, q QoS) *Message { return &Message{Topic: "t", Payload: []byte(s), QoS: q} }

func (l *link) enqueue(s string, q QoS) bool {
	return l.c.Session().Enqueue(text(s, q), Grant{QoS: 1}, nil, false)
}

// payloads returns the payloads of the PUBLISH packets in the output, marked
// with "!" where DUP is set.
func (l *link) payloads() (s []string) {
	l.t.Helper()
	for _, p := range l.out() {
		m := p.(*Publish)
		if m.Dup {
			s = append(s, "!"+string(m.Payload))
		} else {
			s = append(s, string(m.Payload))
		}
	}
	return s
}

func (l *link) expect(want ...string) {
	l.t.Helper()
	if got := l.payloads(); fmt.Sprint(got) != fmt.Sprint(want) {
		l.t.Fatalf("sent %v, expected %v", got, want)
	}
}

func TestConnackStatesTheTerms(t *testing.T) {
	ack := newLink(t).connect(nil, func(p *Connect) { p.KeepAlive = 600 }, expiring(1<<31))
	for id, want := range map[Property]uint32{
		ReceiveMaximum: 256, TopicAliasMaximum: 16, MaximumPacketSize: 66560, ServerKeepAlive: 18, SessionExpiry: 86400,
	} {
		if got, ok := ack.Properties.Number(id); !ok || got != want {
			t.Errorf("property 0x%02x is %d, expected %d", byte(id), got, want)
		}
	}
	for _, id := range []Property{MaximumQoS, SharedAvailable, WildcardAvailable, SubscriptionIDsAllowed, ResponseInfo, AuthMethod, ServerReference} {
		if _, ok := ack.Properties.Number(id); ok {
			t.Errorf("property 0x%02x takes something away, or says what we never say", byte(id))
		}
	}
	if ack := newLink(t).connect(nil, expiring(60)); true {
		for _, id := range []Property{ServerKeepAlive, SessionExpiry, AssignedClientID, RetainAvailable} {
			if _, ok := ack.Properties.Number(id); ok {
				t.Errorf("property 0x%02x where the client got what it asked for", byte(id))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Connect)
		want   Reason
		legacy byte
	}{
		{"no identifier for a session that stays", func(p *Connect) { p.Version, p.ClientID, p.CleanStart = V311, "", false }, InvalidClientID, 2},
		{"enhanced authentication", func(p *Connect) { p.Properties = p.Properties.AppendText(AuthMethod, "x") }, BadAuthMethod, 0},
	} {
		l := newLink(t)
		p := &Connect{Version: V5, CleanStart: true, ClientID: "c"}
		c.change(p)
		l.v = p.Version
		l.give(p)
		want := byte(c.want)
		if l.v == V311 {
			want = c.legacy
		}
		if ack, ok := l.out()[0].(*Connack); !ok || ack.Code != want || !l.c.Closed() {
			t.Errorf("%s: %+v", c.name, ack)
		}
	}
	for r, legacy := range map[Reason]byte{InvalidClientID: 2, ServerBusy: 3, BadCredentials: 4, NotAuthorized: 5} {
		for v, want := range map[Version]byte{V311: legacy, V5: byte(r)} {
			l := newLink(t)
			l.v = v
			l.give(&Connect{Version: v, CleanStart: true})
			l.c.Refuse(r, "because")
			if n, ev, _ := l.c.Next(l.now, (&Ping{TypePingreq}).Append(nil, v)); n != 0 || ev.Kind != NoEvent {
				t.Errorf("%v in version %d: what came after was dealt with", r, v)
			}
			if ack := l.out()[0].(*Connack); ack.Code != want || !l.c.Closed() {
				t.Errorf("%v in version %d: %+v", r, v, ack)
			}
		}
	}
}

func TestUnknownVersionIsAnswered(t *testing.T) {
	l := newLink(t)
	l.v = V311
	_, _, err := l.c.Next(epoch, unhex(t, "1010 0006 4d5149736470 03 02 003c 0002 6332"))
	if ack, ok := l.out()[0].(*Connack); err == nil || !ok || ack.Code != 1 {
		t.Fatalf("%+v, %v", ack, err)
	}
}

func TestFirstPacketMustBeConnect(t *testing.T) {
	for _, first := range []string{"c000", "GET / HTTP/1.1"[:1], "\x16"} {
		l := newLink(t)
		if _, _, err := l.c.Next(epoch, []byte(first)); err == nil || !l.c.Closed() || len(l.c.Take(epoch, nil)) != 0 {
			t.Errorf("%q: %v", first, err)
		}
	}
}

func TestClosesOnWhatAClientMayNotSend(t *testing.T) {
	pub := func(change func(*Publish)) Packet {
		p := &Publish{Topic: "t", QoS: 1, ID: 1}
		change(p)
		return p
	}
	for name, c := range map[string]struct {
		p    Packet
		want Reason
	}{
		"second CONNECT":          {&Connect{Version: V5, ClientID: "c"}, ProtocolError},
		"CONNACK":                 {&Connack{}, ProtocolError},
		"SUBACK":                  {&Grants{Type: TypeSuback, ID: 1, Codes: []Reason{0}}, ProtocolError},
		"PINGRESP":                {&Ping{TypePingresp}, ProtocolError},
		"AUTH":                    {&Auth{Reason: ContinueAuth}, ProtocolError},
		"topic alias 0":           {pub(func(p *Publish) { p.Properties = p.Properties.AppendNumber(TopicAlias, 0) }), InvalidTopicAlias},
		"high topic alias":        {pub(func(p *Publish) { p.Properties = p.Properties.AppendNumber(TopicAlias, 17) }), InvalidTopicAlias},
		"alias of nothing":        {pub(func(p *Publish) { p.Topic, p.Properties = "", p.Properties.AppendNumber(TopicAlias, 16) }), ProtocolError},
		"subscription identifier": {pub(func(p *Publish) { p.Properties = p.Properties.AppendNumber(SubscriptionID, 1) }), ProtocolError},
		"wildcard":                {pub(func(p *Publish) { p.Topic = "a/#" }), InvalidTopic},
		"expiry out of nothing":   {&Disconnect{Properties: Properties(nil).AppendNumber(SessionExpiry, 5)}, ProtocolError},
		"large packet":            {pub(func(p *Publish) { p.Payload = make([]byte, 70_000) }), PacketTooLarge},
	} {
		l := newLink(t)
		l.connect(nil)
		l.give(c.p)
		if l.fail == nil {
			t.Errorf("%s was taken", name)
			continue
		}
		l.closed(c.want)
	}
}

func TestRetainWhereItIsNotAvailable(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		l := newLink(t)
		l.v = v
		ev := l.give(&Connect{Version: v, CleanStart: true})
		l.c.Accept(l.now, ev.Connect, Admission{Session: NewSession(&l.lim, roomy())})
		ack := l.out()[0].(*Connack)
		ev = l.give(&Publish{Topic: "t", Retain: true})
		if v == V311 {
			if ev.Publish.Retain || l.fail != nil {
				t.Errorf("3.1.1: retain %v, %v", ev.Publish.Retain, l.fail)
			}
			continue
		}
		if n, ok := ack.Properties.Number(RetainAvailable); !ok || n != 0 {
			t.Error("not announced")
		}
		l.closed(RetainNotSupported)
	}
}

func TestAcknowledgementsComeInOrderAndInOneWrite(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		l := newLink(t)
		l.connect(nil, func(p *Connect) { p.Version = v })
		var tokens []uint64
		for i := range 100 {
			ev := l.give(&Publish{Topic: "t", QoS: 1, ID: uint16(1000 + i)})
			if ev.Kind != PublishEvent || ev.Publish.Topic != "t" {
				t.Fatalf("event %+v", ev)
			}
			tokens = append(tokens, ev.Token)
		}
		if got := l.out(); len(got) != 0 {
			t.Fatalf("acknowledged before anybody said so: %+v", got)
		}
		order := rand.New(rand.NewPCG(1, 2)).Perm(99)
		for _, i := range order {
			if l.c.Ack(tokens[i+1], Success) {
				t.Fatal("something to write while the first is missing")
			}
		}
		if !l.c.Ack(tokens[0], Success) || l.c.Ack(tokens[0], Success) || l.c.Ack(9999, Success) || l.c.Ack(0, Success) {
			t.Fatal("settling the first one, and what is not there")
		}
		b := l.c.Take(l.now, nil)
		for i := range 100 {
			want := (&Ack{Type: TypePuback, ID: uint16(1000 + i)}).Append(nil, v)
			if !bytes.HasPrefix(b, want) {
				t.Fatalf("acknowledgement %d: %x", i, b)
			}
			b = b[len(want):]
		}
		if len(b) != 0 {
			t.Fatalf("too much: %x", b)
		}
	}
}

func TestNegativeAcknowledgement(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	ev := l.give(&Publish{Topic: "t", QoS: 1, ID: 1})
	l.c.Ack(ev.Token, NotAuthorized)
	if ack := l.out()[0].(*Ack); ack.Reason != NotAuthorized || l.c.Closed() {
		t.Errorf("5.0: %+v", ack)
	}
	l = newLink(t)
	l.connect(nil, v311)
	ev = l.give(&Publish{Topic: "t", QoS: 1, ID: 1})
	l.c.Ack(ev.Token, NotAuthorized)
	if got := l.out(); len(got) != 0 || !l.c.Closed() {
		t.Errorf("3.1.1 was told %+v", got)
	}
}

func TestReceiveMaximum(t *testing.T) {
	few := func(l *Limits) { l.ReceiveMaximum = 2 }
	l := newLink(t, few)
	l.connect(nil)
	for i := range 3 {
		l.give(&Publish{Topic: "t", QoS: 1, ID: uint16(i + 1)})
	}
	l.closed(ReceiveMaxExceeded)

	l = newLink(t, few)
	l.connect(nil, v311)
	l.give(&Publish{Topic: "t", QoS: 1, ID: 1})
	first := l.c.Full()
	ev := l.give(&Publish{Topic: "t", QoS: 1, ID: 2})
	if first || !l.c.Full() {
		t.Fatal("full before the limit, or not at it")
	}
	l.c.Ack(ev.Token-1, Success)
	if l.c.Full() {
		t.Fatal("full after an acknowledgement")
	}
}

func TestTimeLimits(t *testing.T) {
	l := newLink(t)
	if err := l.c.Advance(epoch.Add(4999 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := l.c.Advance(l.c.Deadline()); err == nil || !l.c.Closed() {
		t.Fatal("a client without CONNECT stays")
	}

	l = newLink(t)
	l.connect(nil) // keep-alive of 10 s
	l.now = epoch.Add(14 * time.Second)
	l.give(&Ping{TypePingreq})
	if _, ok := l.out()[0].(*Ping); !ok {
		t.Fatal("no PINGRESP")
	}
	if err := l.c.Advance(epoch.Add(28 * time.Second)); err != nil {
		t.Fatal(err)
	}
	l.fail = l.c.Advance(epoch.Add(29 * time.Second))
	l.closed(KeepAliveTimeout)
	if !l.c.WillDue() {
		t.Error("no will for a client that fell silent")
	}

	for v, silent := range map[Version]bool{V311: false, V5: true} {
		l = newLink(t)
		l.connect(nil, func(p *Connect) { p.Version, p.KeepAlive = v, 0 })
		if err := l.c.Advance(epoch.Add(time.Hour)); (err != nil) != silent {
			t.Errorf("version %d without keep-alive: %v", v, err)
		}
	}

	l = newLink(t)
	l.connect(nil)
	l.c.Extend(epoch.Add(time.Hour))
	if err := l.c.Advance(epoch.Add(time.Hour + 14*time.Second)); err != nil {
		t.Error("silence that was not the client's ended the connection")
	}
}

func TestWillIsTakenBackByDisconnect(t *testing.T) {
	for _, c := range []struct {
		v    Version
		r    Reason
		want bool
	}{{V311, Success, false}, {V5, Success, false}, {V5, DisconnectWithWill, true}, {V5, Unspecified, false}} {
		l := newLink(t)
		l.connect(nil, func(p *Connect) { p.Version = c.v })
		if ev := l.give(&Disconnect{Reason: c.r}); ev.Kind != DisconnectEvent || l.c.WillDue() != c.want || !l.c.Closed() {
			t.Errorf("version %d, %v: will due %v", c.v, c.r, l.c.WillDue())
		}
	}
	l := newLink(t)
	l.connect(nil)
	l.c.Close(SessionTakenOver)
	if !l.c.WillDue() {
		t.Error("no will after a takeover")
	}
}

func TestPacketsInPieces(t *testing.T) {
	l := newLink(t)
	var stream []byte
	stream = (&Connect{Version: V5, CleanStart: true, ClientID: "c"}).Append(stream, V5)
	first := len(stream)
	stream = (&Publish{Topic: "t", QoS: 1, ID: 1, Payload: make([]byte, 300)}).Append(stream, V5)
	for i := range first {
		if n, ev, err := l.c.Next(epoch, stream[:i]); n != 0 || ev.Kind != NoEvent || err != nil {
			t.Fatalf("%d bytes: %d, %d, %v", i, n, ev.Kind, err)
		}
	}
	n, ev, err := l.c.Next(epoch, stream)
	if n != first || ev.Kind != ConnectEvent || err != nil {
		t.Fatalf("%d, %d, %v", n, ev.Kind, err)
	}
	if n, _, _ := l.c.Next(epoch, stream[first:]); n != 0 {
		t.Fatal("took a packet before the owner has decided")
	}
	l.c.Accept(epoch, ev.Connect, Admission{Session: NewSession(&l.lim, roomy())})
	for i := first; i < len(stream); i++ {
		if n, _, err := l.c.Next(epoch, stream[first:i]); n != 0 || err != nil {
			t.Fatalf("%d bytes: %d, %v", i, n, err)
		}
	}
	if n, ev, _ := l.c.Next(epoch, stream[first:]); n != len(stream)-first || ev.Kind != PublishEvent {
		t.Fatalf("%d, %d", n, ev.Kind)
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	b := (&Publish{Topic: "g/5ec0ce0000000001/up/readings", QoS: 1, ID: 1, Payload: make([]byte, 200)}).Append(nil, V5)
	out := make([]byte, 0, 64)
	receive := func() {
		_, ev, err := l.c.Next(epoch, b)
		if err != nil || !l.c.Ack(ev.Token, Success) {
			t.Fatal(err)
		}
		out = l.c.Take(epoch, out)
	}
	receive()
	receive()
	if n := testing.AllocsPerRun(100, receive); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func BenchmarkReceiveQoS1(b *testing.B) {
	lim := DefaultLimits()
	c := NewConn(epoch, &lim)
	_, ev, _ := c.Next(epoch, (&Connect{Version: V5, CleanStart: true}).Append(nil, V5))
	c.Accept(epoch, ev.Connect, Admission{Session: NewSession(&lim, roomy())})
	packet := (&Publish{Topic: "g/5ec0ce0000000001/up/readings", QoS: 1, ID: 1, Payload: make([]byte, 200)}).Append(nil, V5)
	out := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		_, ev, err := c.Next(epoch, packet)
		if err != nil {
			b.Fatal(err)
		}
		c.Ack(ev.Token, Success)
		out = c.Take(epoch, out)
	}
}
