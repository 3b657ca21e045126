package mqtt

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sconce/internal/corpus"
)

func TestDeliveryWithinTheWindowOfTheClient(t *testing.T) {
	l := newLink(t)
	l.connect(nil, func(p *Connect) { p.Properties = p.Properties.AppendNumber(ReceiveMaximum, 2) })
	for i := range 5 {
		l.enqueue(fmt.Sprint(i), 1)
	}
	l.expect("0", "1")
	l.give(&Ack{Type: TypePuback, ID: 1})
	l.expect("2")
	l.give(&Ack{Type: TypePuback, ID: 77}) // for nothing that was sent
	l.expect()
	l.give(&Ack{Type: TypePuback, ID: 3})
	l.give(&Ack{Type: TypePuback, ID: 2})
	l.expect("3", "4")
}

func TestUnacknowledgedIsSentAgainFirst(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		stays := expiring(3600)
		if v == V311 {
			stays = func(p *Connect) { p.Version, p.CleanStart = V311, false }
		}
		l := newLink(t)
		l.connect(nil, stays)
		l.sub(1)
		l.enqueue("a", 1)
		l.enqueue("b", 1)
		l.enqueue("c", 1)
		l.expect("a", "b", "c")
		l.give(&Ack{Type: TypePuback, ID: 2})
		s := l.c.Detach()
		s.Enqueue(text("d", 1), Grant{QoS: 1}, nil, false)
		s.Enqueue(text("lost", 0), Grant{QoS: 1}, nil, false)

		l = l.again()
		if ack := l.connect(s, stays); !ack.SessionPresent {
			t.Fatal("session not present")
		}
		l.expect("!a", "!c", "d")
		for _, id := range []uint16{1, 3, 4} {
			l.give(&Ack{Type: TypePuback, ID: id})
		}
		if s.Waiting() != 0 {
			t.Errorf("%d messages wait", s.Waiting())
		}
		if len(s.subs) != 1 {
			t.Error("the subscription is lost")
		}
	}
}

func TestIdentifiersInUseAreNotTaken(t *testing.T) {
	s := NewSession(&Limits{}, roomy())
	s.lastID = 65534
	s.inflight = []flight{{id: 65535}, {id: 1}}
	if id := s.takeID(); id != 2 {
		t.Errorf("took %d", id)
	}
}

func TestSessionThatIsAwayKeepsTheNewest(t *testing.T) {
	l := newLink(t, func(l *Limits) { l.AwayMessages, l.AwayBytes = 3, 10_000 })
	l.connect(nil, expiring(60))
	s := l.c.Detach()
	for i := range 5 {
		if !s.Enqueue(text(fmt.Sprint(i), 1), Grant{QoS: 1}, nil, false) {
			t.Fatal("a session that is away was called slow")
		}
	}
	if s.Dropped() != 2 {
		t.Errorf("dropped %d", s.Dropped())
	}
	l = l.again()
	l.connect(s, expiring(60))
	l.expect("2", "3", "4")

	s = NewSession(&Limits{AwayMessages: 100, AwayBytes: 300}, roomy())
	for i := range 5 {
		s.Enqueue(text(fmt.Sprint(i), 1), Grant{QoS: 1}, nil, false) // 66 bytes each
	}
	if s.Waiting() != 4 {
		t.Errorf("%d wait within 300 bytes", s.Waiting())
	}
}

func TestSlowClientIsNoticed(t *testing.T) {
	l := newLink(t, func(l *Limits) { l.QueueMessages, l.QueueRetained = 3, 5 })
	l.connect(nil, expiring(60))
	for i := range 3 {
		if !l.enqueue(fmt.Sprint(i), 0) {
			t.Fatalf("message %d was too many", i)
		}
	}
	if l.enqueue("3", 0) {
		t.Fatal("a fourth message was not too many")
	}
	l.expect("1", "2", "3") // the newest are the ones that matter

	for i := range 5 {
		if !l.c.Session().Enqueue(text(fmt.Sprint(i), 1), Grant{QoS: 1}, nil, true) {
			t.Fatalf("retained message %d was too many", i)
		}
	}
	if l.c.Session().Enqueue(text("5", 1), Grant{QoS: 1}, nil, true) {
		t.Fatal("a sixth retained message was not too many")
	}

	l = newLink(t, func(l *Limits) { l.QueueBytes = 150 })
	l.connect(nil)
	if !l.enqueue("1", 0) || !l.enqueue("2", 0) || l.enqueue("3", 0) {
		t.Error("bytes are not counted")
	}
}

func TestQueueIsEncodedPieceByPiece(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	for range 100 {
		l.c.Session().Enqueue(&Message{Topic: "t", Payload: make([]byte, 4000)}, Grant{}, nil, false)
	}
	pieces := 0
	for {
		b := l.c.Take(l.now, nil)
		if len(b) == 0 {
			break
		}
		if pieces++; len(b) > outTarget+4100 {
			t.Fatalf("%d bytes at once", len(b))
		}
	}
	if pieces != 20 {
		t.Errorf("%d pieces", pieces)
	}
}

func TestForwardedProperties(t *testing.T) {
	in := &Publish{
		Topic: "t", QoS: 1, ID: 1, Payload: []byte("x"),
		Properties: Properties(nil).AppendText(ContentType, "text/plain").AppendNumber(MessageExpiry, 30),
	}
	m := NewMessage(epoch, in)
	l := newLink(t)
	l.connect(nil)
	l.c.Session().Enqueue(m, Grant{QoS: 1}, []uint32{5, 300}, false)
	l.now = epoch.Add(10 * time.Second)
	out := l.out()[0].(*Publish)
	want := Properties(nil).AppendText(ContentType, "text/plain").AppendNumber(MessageExpiry, 20).
		AppendNumber(SubscriptionID, 5).AppendNumber(SubscriptionID, 300)
	if string(out.Properties) != string(want) {
		t.Errorf("forwarded %x, expected %x", out.Properties, want)
	}
	l.c.Session().Enqueue(m, Grant{QoS: 1}, nil, false)
	l.now = epoch.Add(30 * time.Second)
	l.expect()
}

func TestPacketLargerThanTheClientTakes(t *testing.T) {
	l := newLink(t)
	l.connect(nil, expiring(60), func(p *Connect) { p.Properties = p.Properties.AppendNumber(MaximumPacketSize, 50) })
	l.c.Session().Enqueue(&Message{Topic: "t", Payload: make([]byte, 50), QoS: 1}, Grant{QoS: 1}, nil, false)
	l.enqueue("small, but not that small", 1)
	l.expect("small, but not that small")
	if l.c.Session().Waiting() != 1 {
		t.Error("the large one still waits")
	}
	s := l.c.Detach()
	l = l.again()
	l.connect(s, expiring(60), func(p *Connect) { p.Properties = p.Properties.AppendNumber(MaximumPacketSize, 20) })
	l.expect()
	if s.Waiting() != 0 {
		t.Error("one that is too large now is still under way")
	}
}

func TestSubscriptionLimitsAndRefusals(t *testing.T) {
	l := newLink(t, func(l *Limits) { l.MaxFilters, l.MaxLevels = 2, 3 })
	l.connect(nil)
	ev := l.give(&Subscribe{ID: 1, Filters: []Subscription{
		{Filter: "$share/g"}, {Filter: "a/b/c/d"}, {Filter: "a", QoS: 2}, {Filter: "no"}, {Filter: "b"}, {Filter: "c"}, {Filter: "a"},
	}})
	ev.Codes[3] = NotAuthorized
	var added []string
	l.c.Grant(ev.Subscribe, ev.Codes, func(f Subscription, g Grant, isNew bool) {
		added = append(added, fmt.Sprint(f.Filter, g.QoS, isNew))
	})
	got := l.out()[0].(*Grants).Codes
	want := []Reason{InvalidFilter, QuotaExceeded, GrantedQoS2, NotAuthorized, Success, QuotaExceeded, Success}
	if !slices.Equal(got, want) {
		t.Errorf("codes %v, expected %v", got, want)
	}
	if fmt.Sprint(added) != "[a2 true b0 true a0 false]" {
		t.Errorf("added %v", added)
	}
	ev = l.give(&Unsubscribe{ID: 2, Filters: []string{"a", "x"}})
	var removed []string
	l.c.Unsubscribed(ev.Unsubscribe, func(f string) { removed = append(removed, f) })
	if got := l.out()[0].(*Grants); !slices.Equal(got.Codes, []Reason{Success, NoSubscription}) || fmt.Sprint(removed) != "[a]" {
		t.Errorf("UNSUBACK %v, removed %v", got.Codes, removed)
	}
}

func TestExpiryOfSessions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Connect)
		leave  *Disconnect
		want   time.Duration
	}{
		"5 without":                   {func(p *Connect) { p.CleanStart = false }, nil, 0},
		"5 with":                      {expiring(60), nil, time.Minute},
		"5 for ever":                  {expiring(1<<32 - 1), nil, 24 * time.Hour},
		"5 changed at the end":        {expiring(60), &Disconnect{Properties: Properties(nil).AppendNumber(SessionExpiry, 0)}, 0},
		"3.1.1 clean":                 {v311, nil, 0},
		"3.1.1 not clean":             {func(p *Connect) { p.Version, p.CleanStart = V311, false }, nil, 24 * time.Hour},
		"5 clean start with a future": {func(p *Connect) { expiring(60)(p); p.CleanStart = true }, nil, time.Minute},
	} {
		l := newLink(t)
		l.connect(nil, c.change)
		if c.leave != nil {
			l.give(c.leave)
		}
		if got := l.c.Detach().Expiry(); got != c.want {
			t.Errorf("%s: %v, expected %v", name, got, c.want)
		}
	}
}

func TestAcceptAfterTheEnd(t *testing.T) {
	l := newLink(t)
	ev := l.give(&Connect{Version: V5, CleanStart: true})
	l.c.Close(ServerShuttingDown)
	l.out()
	l.c.Accept(l.now, ev.Connect, Admission{Session: NewSession(&l.lim, roomy())})
	if !l.c.Closed() || l.c.WillDue() || len(l.out()) != 0 || l.c.Detach() == nil {
		t.Error("a closed connection came to life")
	}
}

// FuzzConn feeds the engine with whatever comes: it must take it in pieces as it
// takes it whole, end with a fault or go on, and write only packets that parse.
func FuzzConn(f *testing.F) {
	for _, five := range []bool{false, true} {
		v := V311
		if five {
			v = V5
		}
		stream := (&Connect{Version: v, CleanStart: true, ClientID: "c", KeepAlive: 1}).Append(nil, v)
		for _, vec := range vectors {
			if vec.v == v {
				stream = vec.want.Append(stream, v)
				f.Add(append([]byte(nil), stream...), uint8(3))
			}
		}
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte, piece uint8) {
		whole, pieces := drive(t, b, len(b)+1), drive(t, b, int(piece)+1)
		if whole != pieces {
			t.Fatalf("whole: %s\nin pieces: %s", whole, pieces)
		}
	})
}

// drive runs an engine over b, given so many bytes more at a time, and returns
// what it did as text.
func drive(t *testing.T, b []byte, piece int) (did string) {
	lim := DefaultLimits()
	lim.ReceiveMaximum = 4
	c := NewConn(epoch, &lim)
	ledger := roomy()
	s := NewSession(&lim, ledger)
	at := 0
	for end := min(piece, len(b)); ; end = min(end+piece, len(b)) {
		for !c.Closed() && !c.Full() {
			n, ev, err := c.Next(epoch, b[at:end])
			at += n
			did += fmt.Sprint(ev.Kind, " ")
			if err != nil {
				var fault *Error
				if !errors.As(err, &fault) {
					t.Fatalf("%v is no fault", err)
				}
				did += err.Error()
			}
			answer(c, s, ev)
			if n == 0 {
				did = did[:len(did)-2]
				break
			}
		}
		if end == len(b) {
			break
		}
	}
	out := c.Take(epoch, nil)
	c.Detach()
	s.End()
	if ledger.held != 0 {
		t.Fatalf("%d bytes are held by nobody", ledger.held)
	}
	for len(out) > 0 {
		size, err := Size(out)
		if err != nil || size == 0 || size > len(out) {
			t.Fatalf("wrote %x", out)
		}
		if _, err := Parse(out[:size], max(c.Version(), V311)); err != nil {
			t.Fatalf("wrote %x: %v", out[:size], err)
		}
		did += fmt.Sprintf("%x ", out[:size])
		out = out[size:]
	}
	return did
}

// answer accepts everything, and acknowledges every second message.
func answer(c *Conn, s *Session, ev Event) {
	switch ev.Kind {
	case ConnectEvent:
		c.Accept(epoch, ev.Connect, Admission{Session: s, Retain: true})
	case PublishEvent:
		if ev.Token%2 == 0 {
			c.Ack(ev.Token, Success)
			c.Ack(ev.Token-1, Success)
		}
		s.Enqueue(NewMessage(epoch, &ev.Publish), Grant{QoS: 1}, nil, false)
	case SubscribeEvent:
		c.Grant(ev.Subscribe, ev.Codes, func(Subscription, Grant, bool) {})
	case UnsubscribeEvent:
		c.Unsubscribed(ev.Unsubscribe, func(string) {})
	}
}
