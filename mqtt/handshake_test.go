package mqtt

import (
	"fmt"
	"testing"
	"time"
)

// take gives a PUBLISH of QoS 2 and returns whether it came through as a message.
func (l *link) take(id uint16, dup bool) bool {
	l.t.Helper()
	ev := l.give(&Publish{Topic: "t", QoS: 2, ID: id, Dup: dup, Payload: []byte("x")})
	if l.fail != nil {
		l.t.Fatal(l.fail)
	}
	if ev.Kind == PublishEvent {
		l.c.Ack(ev.Token, Success)
	}
	return ev.Kind == PublishEvent
}

// said renders the acknowledgements in the output.
func (l *link) said() string {
	l.t.Helper()
	s := ""
	for _, p := range l.out() {
		switch p := p.(type) {
		case *Ack:
			s += fmt.Sprintf("%s %d", map[Type]string{TypePuback: "puback", TypePubrec: "pubrec", TypePubrel: "pubrel", TypePubcomp: "pubcomp"}[p.Type], p.ID)
			if p.Reason != Success {
				s += fmt.Sprintf("!%02x", byte(p.Reason))
			}
			s += "; "
		case *Publish:
			s += fmt.Sprintf("publish %d dup %v; ", p.ID, p.Dup)
		default:
			l.t.Fatalf("%T", p)
		}
	}
	return s
}

func (l *link) says(want string) {
	l.t.Helper()
	if got := l.said(); got != want {
		l.t.Fatalf("said %q, want %q", got, want)
	}
}

// A message of QoS 2 of a client comes through once, however often it is sent until the
// client has released it, also over another connection.
func TestExactlyOnceFromAClient(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		l := newLink(t)
		stays := func(p *Connect) {
			if p.Version = v; v == V5 {
				expiring(60)(p)
			}
			p.CleanStart = false
		}
		l.connect(nil, stays)
		if !l.take(7, false) || l.take(7, true) {
			t.Fatal("not once")
		}
		l.says("pubrec 7; pubrec 7; ")
		next := l.again()
		next.connect(l.c.Detach(), stays)
		if next.take(7, true) {
			t.Fatal("again over another connection")
		}
		next.says("pubrec 7; ")
		next.give(&Ack{Type: TypePubrel, ID: 7})
		next.says("pubcomp 7; ")
		next.give(&Ack{Type: TypePubrel, ID: 7})
		next.says(map[Version]string{V311: "pubcomp 7; ", V5: "pubcomp 7!92; "}[v])
		if !next.take(7, false) {
			t.Fatal("an identifier that was released is a new message")
		}
	}
}

// What could not be taken is not held for one that was.
func TestRefusedQoS2IsNotReceived(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	ev := l.give(&Publish{Topic: "t", QoS: 2, ID: 3})
	l.c.Ack(ev.Token, QuotaExceeded)
	l.says("pubrec 3!97; ")
	if !l.take(3, false) {
		t.Error("the client may not try again")
	}
	l = newLink(t)
	l.connect(nil, v311)
	ev = l.give(&Publish{Topic: "t", QoS: 2, ID: 3})
	if l.c.Ack(ev.Token, QuotaExceeded); !l.c.Closed() {
		t.Error("a client of MQTT 3.1.1, which cannot be told, goes on")
	}
}

// A client that releases nothing has no more under way than it was allowed.
func TestReceiveMaximumCountsWhatIsNotReleased(t *testing.T) {
	for v, most := range map[Version]int{V5: 10, V311: 10 * legacyReceived} {
		l := newLink(t, func(lim *Limits) { lim.ReceiveMaximum = 10 })
		l.connect(nil, func(p *Connect) { p.Version = v })
		for i := range most {
			if !l.take(uint16(i+1), false) {
				t.Fatalf("version %d: message %d", v, i+1)
			}
		}
		l.out()
		l.give(&Publish{Topic: "t", QoS: 2, ID: 1000})
		l.closed(ReceiveMaxExceeded)
	}
}

// A message of QoS 2 for a client is sent until the client has it, and released until the client
// knows that, also over another connection.
func TestExactlyOnceToAClient(t *testing.T) {
	l := newLink(t)
	l.connect(nil, expiring(60))
	l.sub(2)
	send := func(s string) { l.c.Session().Enqueue(text(s, 2), Grant{QoS: 2}, nil, false) }
	send("one")
	l.says("publish 1 dup false; ")
	next := l.again()
	next.connect(l.c.Detach(), expiring(60))
	next.says("publish 1 dup true; ")
	next.give(&Ack{Type: TypePuback, ID: 1})  // of another quality of service: means nothing
	next.give(&Ack{Type: TypePubcomp, ID: 1}) // too early
	next.give(&Ack{Type: TypePubrec, ID: 1})
	next.says("pubrel 1; ")
	last := next.again()
	last.connect(next.c.Detach(), expiring(60))
	last.says("pubrel 1; ") // not the message
	last.give(&Ack{Type: TypePubcomp, ID: 1})
	last.says("")
	if n := last.c.Session().Waiting(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	last.give(&Ack{Type: TypePubrec, ID: 9})
	last.says("pubrel 9!92; ")
	l = last
	send("two")
	last.says("publish 2 dup false; ")
	last.give(&Ack{Type: TypePubrec, ID: 2, Reason: QuotaExceeded}) // it does not want it
	if last.says(""); last.c.Session().Waiting() != 0 {
		t.Error("a message that is not wanted waits")
	}
}

// Messages of QoS 2 take room until they are done with: a client's Receive Maximum holds.
func TestWindowCountsWhatIsReleased(t *testing.T) {
	l := newLink(t)
	l.connect(nil, func(p *Connect) { p.Properties = p.Properties.AppendNumber(ReceiveMaximum, 1) })
	for range 2 {
		l.c.Session().Enqueue(text("x", 2), Grant{QoS: 2}, nil, false)
	}
	l.says("publish 1 dup false; ")
	l.give(&Ping{TypePingreq}) // only PUBLISH has to wait
	if pong, ok := l.out()[0].(*Ping); !ok || pong.Type != TypePingresp {
		t.Error("no PINGRESP")
	}
	l.give(&Ack{Type: TypePubrec, ID: 1})
	l.says("pubrel 1; ")
	l.give(&Ack{Type: TypePubcomp, ID: 1})
	l.says("publish 2 dup false; ")
}

// What was sent is delivered to the end, though it has expired or its subscription is gone.
func TestWhatWasBegunIsDelivered(t *testing.T) {
	l := newLink(t)
	l.connect(nil, expiring(600))
	l.sub(2)
	m := text("x", 2)
	m.Expires = l.now.Add(time.Minute)
	l.c.Session().Enqueue(m, Grant{QoS: 2}, nil, false)
	l.says("publish 1 dup false; ")
	ev := l.give(&Unsubscribe{ID: 2, Filters: []string{"t"}})
	l.c.Unsubscribed(ev.Unsubscribe, func(string) {})
	l.out()
	next := l.again()
	next.now = l.now.Add(2 * time.Minute)
	next.c = NewConn(next.now, &next.lim)
	next.connect(l.c.Detach(), expiring(600))
	next.says("publish 1 dup true; ")
	ev = next.give(&Publish{Topic: "t", QoS: 2, ID: 9, Properties: Properties(nil).AppendNumber(MessageExpiry, 0)})
	next.c.Ack(ev.Token, Success)
	next.give(&Ack{Type: TypePubrel, ID: 9})
	next.says("pubrec 9; pubcomp 9; ") // also of what is of no use to anybody
}

// A client gives topics aliases, and may change what one stands for.
func TestAliasesOfAClient(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	for i, c := range []struct {
		topic string
		alias uint32
		want  string
	}{{"a", 1, "a"}, {"", 1, "a"}, {"b", 16, "b"}, {"", 16, "b"}, {"c", 1, "c"}, {"", 1, "c"}, {"c", 0, "c"}, {"", 16, "b"}} {
		p := &Publish{Topic: c.topic, Payload: []byte("x")}
		if c.alias != 0 {
			p.Properties = p.Properties.AppendNumber(TopicAlias, c.alias)
		}
		if ev := l.give(p); l.fail != nil || ev.Publish.Topic != c.want {
			t.Fatalf("%d: %q, %v", i, ev.Publish.Topic, l.fail)
		}
	}
	next := l.again()
	next.connect(nil)
	next.give(&Publish{Properties: Properties(nil).AppendNumber(TopicAlias, 1)})
	next.closed(ProtocolError) // aliases end with the connection
}

// Topics get aliases for a client that takes them, as many as it takes, and never where
// a packet would grow beyond what it takes.
func TestAliasesForAClient(t *testing.T) {
	l := newLink(t)
	l.connect(nil, func(p *Connect) {
		p.Properties = p.Properties.AppendNumber(TopicAliasMaximum, 1).AppendNumber(MaximumPacketSize, 200)
	})
	got := ""
	for _, m := range []*Message{
		{Topic: "long", Payload: make([]byte, 188)},
		{Topic: "t", Payload: []byte("1")},
		{Topic: "t", Payload: []byte("2")},
		{Topic: "u", Payload: []byte("3")},
		{Topic: "t", Payload: []byte("4")},
	} {
		l.c.Session().Enqueue(m, Grant{}, nil, false)
		for _, p := range l.out() {
			p := p.(*Publish)
			alias, _ := p.Properties.Number(TopicAlias)
			got += fmt.Sprintf("%q=%d ", p.Topic, alias)
		}
	}
	if want := `"long"=0 "t"=1 ""=1 "u"=0 ""=1 `; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestShared(t *testing.T) {
	for s, want := range map[string]bool{
		"$share/g/t": true, "$share/g/a/#": true, "$share/g/+/b": true,
		"$share/g": false, "$share/g/": false, "$share//t": false, "$share/+/t": false, "$share/g#/t": false, "$share/g/#/t": false, "t": false,
	} {
		if got := validShared(s); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if name, filter, ok := Shared("$share/cleaners/a/+"); name != "cleaners" || filter != "a/+" || !ok {
		t.Error(name, filter, ok)
	}
}
