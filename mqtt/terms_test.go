package mqtt

import (
	"fmt"
	"testing"
)

func taking(most uint32) func(*Connect) {
	return func(p *Connect) { p.Properties = p.Properties.AppendNumber(MaximumPacketSize, most) }
}

// Whatever the server has to say, it is not larger than the client takes.
func TestNoPacketIsLargerThanTheClientTakes(t *testing.T) {
	l := newLink(t)
	ack := l.connect(nil)
	size := uint32(len(ack.Append(nil, V5)))
	for most, want := range map[uint32]bool{size: true, size - 1: false} {
		l := newLink(t)
		p := &Connect{Version: V5, CleanStart: true, KeepAlive: 10, ClientID: "c", Will: &Will{Topic: "t"}}
		taking(most)(p)
		ev := l.give(p)
		l.c.Accept(l.now, ev.Connect, Admission{Session: NewSession(&l.lim, roomy()), Retain: true})
		if got := len(l.out()) == 1; got != want || l.c.Closed() == want || l.c.WillDue() != want {
			t.Errorf("CONNACK of %d bytes where %d are taken: sent %v, closed %v, will %v", size, most, got, l.c.Closed(), l.c.WillDue())
		}
	}
	filters := make([]string, 40)
	for i := range filters {
		filters[i] = fmt.Sprint(i)
	}
	asks := map[string]func(*link, int){
		"SUBSCRIBE": func(l *link, n int) {
			p := &Subscribe{ID: 1}
			for _, f := range filters[:n] {
				p.Filters = append(p.Filters, Subscription{Filter: f})
			}
			ev := l.give(p)
			l.c.Grant(ev.Subscribe, ev.Codes, func(Subscription, Grant, bool) {
				if n == 40 {
					t.Error("a subscription came to be that nobody hears of")
				}
			})
		},
		"UNSUBSCRIBE": func(l *link, n int) {
			ev := l.give(&Unsubscribe{ID: 1, Filters: filters[:n]})
			l.c.Unsubscribed(ev.Unsubscribe, func(string) {})
		},
	}
	for name, ask := range asks {
		for n, want := range map[int]bool{15: true, 40: false} { // 5 bytes and one for each filter
			l := newLink(t)
			l.connect(nil, taking(20))
			ask(l, n)
			packets := l.out()
			if _, ok := packets[0].(*Grants); ok != want || l.c.Closed() == want {
				t.Errorf("%s with %d filters: %T, closed %v", name, n, packets[0], l.c.Closed())
			}
			if d, ok := packets[0].(*Disconnect); !want && (!ok || d.Reason != PacketTooLarge || len(d.Append(nil, V5)) > 20) {
				t.Errorf("%s: %+v", name, packets[0])
			}
		}
	}
}

// A client that sends a QoS 2 message again before it had an answer has sent one message.
func TestRepeatedBeforeItIsReceived(t *testing.T) {
	l := newLink(t)
	l.connect(nil)
	p := &Publish{Topic: "t", QoS: 2, ID: 5}
	ev := l.give(p)
	p.Dup = true
	if again := l.give(p); again.Kind != NoEvent || l.fail != nil {
		t.Fatalf("event %d, %v", again.Kind, l.fail)
	}
	if other := l.give(&Publish{Topic: "t", QoS: 1, ID: 5}); other.Kind != PublishEvent {
		t.Error("a QoS 1 message is no repetition of one of QoS 2")
	}
	l.c.Ack(ev.Token, Success)
	l.says("pubrec 5; ")
}

// What a client may not say in DISCONNECT leaves its will standing.
func TestDisconnectOfAClient(t *testing.T) {
	for _, c := range []struct {
		p  Disconnect
		ok bool
	}{
		{Disconnect{}, true},
		{Disconnect{Reason: DisconnectWithWill}, true},
		{Disconnect{Reason: QuotaExceeded}, true},
		{Disconnect{Reason: ServerShuttingDown}, false},
		{Disconnect{Reason: SessionTakenOver}, false},
		{Disconnect{Reason: UseAnotherServer}, false},
		{Disconnect{Properties: Properties(nil).AppendText(ServerReference, "elsewhere")}, false},
	} {
		l := newLink(t)
		l.connect(nil, func(p *Connect) { p.Will = &Will{Topic: "t"} })
		ev := l.give(&c.p)
		switch {
		case c.ok && (l.fail != nil || ev.Kind != DisconnectEvent):
			t.Errorf("%v: event %d, %v", c.p.Reason, ev.Kind, l.fail)
		case !c.ok:
			l.closed(ProtocolError)
			if !l.c.WillDue() {
				t.Errorf("%v took the will back", c.p.Reason)
			}
		}
	}
}

// Reasons are told in words to who wants them.
func TestReasonStrings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Connect)
		want   string
	}{
		{"wants", func(*Connect) {}, "not here"},
		{"wants none", func(p *Connect) { p.Properties = p.Properties.AppendNumber(RequestProblemInfo, 0) }, ""},
		{"takes little", taking(12), ""},
		{"3.1.1", v311, ""},
	} {
		l := newLink(t)
		p := &Connect{Version: V5, CleanStart: true, ClientID: "c"}
		c.change(p)
		l.v = p.Version
		l.give(p)
		l.c.Refuse(NotAuthorized, "not here")
		ack := l.out()[0].(*Connack)
		if got, _ := ack.Properties.Text(ReasonString); string(got) != c.want || ack.Code == 0 {
			t.Errorf("%s: CONNACK %+v", c.name, ack)
		}
	}
}

// Together sessions hold no more than they may, however many take nothing; who takes what
// it gets has room all the same.
func TestLedgerIsShared(t *testing.T) {
	const limit = 64 << 10
	lim := DefaultLimits()
	ledger := &book{limit: limit}
	var stalled []*Session
	lost := 0
	for range 100 {
		s := NewSession(&lim, ledger)
		s.online = true
		for range 20 {
			if !s.Enqueue(&Message{Topic: "t", Payload: make([]byte, 1000)}, Grant{}, nil, false) {
				lost++
			}
		}
		stalled = append(stalled, s)
	}
	if lost == 0 || ledger.lost[LostFull] != lost || ledger.held > limit {
		t.Errorf("%d were too slow, %d dropped, %d bytes held", lost, ledger.lost[LostFull], ledger.held)
	}
	l := newLink(t)
	l.connect(NewSession(&lim, ledger))
	for i := range 50 {
		if !l.enqueue("m", 1) {
			t.Fatalf("message %d was too much for who takes everything", i)
		}
		p := l.out()[0].(*Publish)
		l.give(&Ack{Type: TypePuback, ID: p.ID})
	}
	l.c.Detach().End()
	for _, s := range stalled {
		s.End()
	}
	if ledger.held != 0 {
		t.Errorf("%d bytes are held by nobody", ledger.held)
	}
}
