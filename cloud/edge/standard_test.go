package edge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sconce/mqtt"
)

// Tests of what MQTT 5.0 asks of a server towards clients that may publish and subscribe
// everywhere. docs/mqtt.md says which statement each shows.

// named gives a client an identifier of its own.
func named(id string) func(*mqtt.Connect) { return func(c *mqtt.Connect) { c.ClientID = id } }

// pub publishes at QoS 1 and returns the reason of the PUBACK.
func (p *peer) pub(m mqtt.Publish) mqtt.Reason {
	p.t.Helper()
	m.QoS, m.ID = 1, 77
	p.send(&m)
	ack, ok := p.next().(*mqtt.Ack)
	if !ok || ack.Type != mqtt.TypePuback || ack.ID != 77 {
		p.t.Fatalf("expected PUBACK, got %+v", ack)
	}
	return ack.Reason
}

// gets returns what comes, as topic=payload with its QoS, and R where RETAIN is set. A
// PINGRESP may overtake what waits; what waited before one comes before the next.
func (p *peer) gets() (got []string) {
	p.t.Helper()
	p.send(&mqtt.Ping{Type: mqtt.TypePingreq})
	for pongs := 0; ; {
		switch m := p.next().(type) {
		case *mqtt.Publish:
			s := fmt.Sprintf("%s=%s/%d", m.Topic, m.Payload, m.QoS)
			if m.Retain {
				s += "R"
			}
			got = append(got, s)
			if m.QoS == 1 {
				p.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: m.ID})
			}
		case *mqtt.Ping:
			if pongs++; pongs == 2 {
				slices.Sort(got) // messages of different topics have no order
				return got
			}
			p.send(&mqtt.Ping{Type: mqtt.TypePingreq})
		}
	}
}

func (p *peer) getting(what string, want ...string) {
	p.t.Helper()
	if got := p.gets(); !slices.Equal(got, want) {
		p.t.Errorf("%s: got %v, expected %v", what, got, want)
	}
}

func TestRetainedMessages(t *testing.T) {
	f := start(t)
	from, to := f.webAs("all", named("from")), f.webAs("all", named("to"))
	sub := func(handling byte) {
		to.subscribe(mqtt.Subscription{Filter: "r/+", QoS: 1, RetainHandling: handling})
	}
	from.pub(mqtt.Publish{Topic: "r/1", Payload: []byte("old"), Retain: true})
	from.pub(mqtt.Publish{Topic: "r/1", Payload: []byte("new"), Retain: true})
	from.pub(mqtt.Publish{Topic: "r/2", Payload: []byte("two"), Retain: true})
	from.pub(mqtt.Publish{Topic: "r/2", Payload: []byte("passing")}) // leaves what is kept
	sub(1)
	to.getting("a new subscription", "r/1=new/1R", "r/2=two/1R")
	sub(1)
	to.getting("only for a new one")
	sub(2)
	to.getting("never")
	sub(0)
	to.getting("always", "r/1=new/1R", "r/2=two/1R")
	from.pub(mqtt.Publish{Topic: "r/1", Retain: true})
	to.getting("an empty one goes to who is subscribed", "r/1=/1")
	sub(0)
	to.getting("and is not kept", "r/2=two/1R")
	from.pub(mqtt.Publish{Topic: "r/3", Payload: []byte("x"), Retain: true, Properties: mqtt.Properties(nil).AppendNumber(mqtt.MessageExpiry, 0)})
	sub(0)
	to.getting("nor is what has expired", "r/2=two/1R")
	to.subscribe(mqtt.Subscription{Filter: "r/2"})
	to.getting("at the QoS that was granted", "r/2=two/0R")
	from.send(&mqtt.Publish{Topic: "r/4", Payload: []byte("quick"), Retain: true})
	from.ping()
	to.getting("live", "r/4=quick/0")
	to.subscribe(mqtt.Subscription{Filter: "+/4", QoS: 1})
	if got := to.gets(); !slices.Contains(got, "r/4=quick/0R") {
		t.Errorf("one of QoS 0 is kept, too: %v", got)
	}
}

func TestRetainAsPublished(t *testing.T) {
	f := start(t)
	from, kept, plain := f.webAs("all", named("from")), f.webAs("all", named("kept")), f.webAs("all", named("plain"))
	kept.subscribe(mqtt.Subscription{Filter: "r", RetainAsPublished: true})
	plain.subscribe(mqtt.Subscription{Filter: "r"})
	from.pub(mqtt.Publish{Topic: "r", Payload: []byte("1"), Retain: true})
	from.pub(mqtt.Publish{Topic: "r", Payload: []byte("2")})
	kept.getting("as published", "r=1/0R", "r=2/0")
	plain.getting("else without", "r=1/0", "r=2/0")
}

// What a publisher says of its message reaches every subscriber as it was said.
func TestPropertiesAreForwarded(t *testing.T) {
	f := start(t)
	from, to, old := f.webAs("all", named("from")), f.webAs("all", named("to")), f.webAs("all", named("old"), v311)
	to.subscribe(mqtt.Subscription{Filter: "#"})
	old.send(&mqtt.Subscribe{ID: 7, Filters: []mqtt.Subscription{{Filter: "#"}}})
	old.next()
	said := mqtt.Properties(nil).
		AppendNumber(mqtt.PayloadFormat, 1).AppendText(mqtt.ContentType, "text/plain").
		AppendText(mqtt.ResponseTopic, "answers/here").AppendText(mqtt.CorrelationData, "\x00\xff")
	for _, pair := range [][2]string{{"b", "1"}, {"a", "2"}, {"b", "3"}, {"", ""}} {
		said = append(said, byte(mqtt.UserProperty))
		for _, s := range pair {
			said = append(append(said, 0, byte(len(s))), s...)
		}
	}
	from.pub(mqtt.Publish{Topic: "\ufeffx", Payload: []byte("hello"), Dup: true, Properties: said})
	if m := to.message(); string(m.Properties) != string(said) || m.Topic != "\ufeffx" || m.Dup {
		t.Errorf("got %+v, expected the properties %x", m, said)
	}
	if m := old.message(); len(m.Properties) != 0 || string(m.Payload) != "hello" {
		t.Errorf("in 3.1.1: %+v", m)
	}
}

func TestOverlappingSubscriptions(t *testing.T) {
	f := start(t)
	from, to := f.webAs("all", named("from")), f.webAs("all", named("to"))
	for i, s := range []mqtt.Subscription{{Filter: "o/#"}, {Filter: "o/+", QoS: 1}, {Filter: "+/x"}, {Filter: "other"}} {
		p := &mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{s}}
		if i != 2 {
			p.Properties = mqtt.Properties(nil).AppendNumber(mqtt.SubscriptionID, uint32(i+1))
		}
		to.send(p)
		to.next()
	}
	from.send(&mqtt.Publish{Topic: "o/x", QoS: 2, ID: 3})
	from.next() // PUBREC
	m := to.message()
	var ids []int
	for _, b := range []byte(m.Properties) { // each is 0x0b and the identifier
		if b != byte(mqtt.SubscriptionID) {
			ids = append(ids, int(b))
		}
	}
	if slices.Sort(ids); m.QoS != 1 || !slices.Equal(ids, []int{1, 2}) {
		t.Errorf("QoS %d, identifiers %v", m.QoS, ids)
	}
	to.getting("once")
	to.send(&mqtt.Subscribe{ID: 2, Filters: []mqtt.Subscription{{Filter: "o/+"}}}) // replaces the one of QoS 1
	to.next()
	from.pub(mqtt.Publish{Topic: "o/x", Payload: []byte("y")})
	to.getting("after the replacement", "o/x=y/0")
	to.send(&mqtt.Unsubscribe{ID: 3, Filters: []string{"o/#", "o/+", "+/+", "+/x"}})
	ack := to.next().(*mqtt.Grants)
	if !slices.Equal(ack.Codes, []mqtt.Reason{0, 0, mqtt.NoSubscription, 0}) || ack.ID != 3 {
		t.Errorf("UNSUBACK %+v", ack)
	}
	if r := from.pub(mqtt.Publish{Topic: "o/x"}); r != mqtt.NoMatchingSubs {
		t.Errorf("after leaving: %v", r)
	}
	to.getting("nothing more")
}

// Messages of a client do not come back to it where it asked so, whatever its connection.
func TestNoLocal(t *testing.T) {
	f := start(t)
	p, other := f.webAs("all", named("p"), staying), f.webAs("all", named("other"))
	p.subscribe(mqtt.Subscription{Filter: "n", NoLocal: true, QoS: 1})
	p.pub(mqtt.Publish{Topic: "n", Payload: []byte("own")})
	p = f.webAs("all", named("p"), staying)
	p.pub(mqtt.Publish{Topic: "n", Payload: []byte("own")})
	other.pub(mqtt.Publish{Topic: "n", Payload: []byte("another's")})
	p.getting("another's alone", "n=another's/1")
}

// A will falls due when its delay is over or its session ends, unless its client takes it
// back or is there again.
func TestWhenWillsFallDue(t *testing.T) {
	with := func(delay, expiry uint32) func(*mqtt.Connect) {
		return func(c *mqtt.Connect) {
			c.CleanStart, c.Properties = false, c.Properties.AppendNumber(mqtt.SessionExpiry, expiry)
			c.Will = &mqtt.Will{Topic: up1, Payload: []byte("gone")}
			c.Will.Properties = c.Will.Properties.AppendNumber(mqtt.WillDelay, delay)
		}
	}
	clean := func(c *mqtt.Connect) { c.CleanStart = true }
	for name, c := range map[string]struct {
		will func(*mqtt.Connect)
		bye  *mqtt.Disconnect
		back func(*mqtt.Connect) // after 10 s
		due  time.Duration       // 0 for never
	}{
		"at once":                      {with(0, 300), nil, nil, time.Millisecond},
		"after its delay":              {with(60, 300), nil, nil, time.Minute},
		"when the session ends before": {with(60, 20), nil, nil, 20 * time.Second},
		"without a session":            {with(60, 0), nil, nil, time.Millisecond},
		"taken back":                   {with(0, 300), &mqtt.Disconnect{}, nil, 0},
		"asked for":                    {with(0, 300), &mqtt.Disconnect{Reason: mqtt.DisconnectWithWill}, nil, time.Millisecond},
		"the session ended by its client": {
			with(60, 300), &mqtt.Disconnect{
				Reason: mqtt.DisconnectWithWill, Properties: mqtt.Properties(nil).AppendNumber(mqtt.SessionExpiry, 5),
			}, nil, 5 * time.Second,
		},
		"back in time":            {with(60, 300), nil, staying, 0},
		"back with a clean start": {with(60, 300), nil, clean, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
				cert := f.gateway(gw1)
				w := f.pipe(p, cert, c.will)
				if c.bye != nil {
					w.send(c.bye)
				}
				_ = w.nc.Close()
				begun := time.Now()
				if c.back != nil {
					<-time.After(10 * time.Second)
					defer f.pipe(p, cert, c.back).nc.Close()
				}
				if c.due == 0 {
					<-time.After(10 * time.Minute)
					if n := len(f.intake.got); n != 0 {
						t.Errorf("%d wills", n)
					}
					return
				}
				m := <-f.intake.got
				within(t, "the will", time.Since(begun), c.due-time.Millisecond, c.due+2*time.Second)
				<-time.After(10 * time.Minute)
				if m.payload != "gone" || len(f.intake.got) != 0 {
					t.Errorf("will %+v, and %d more", m, len(f.intake.got))
				}
			})
		})
	}
}

// A will is a message as any other: kept or not, at its QoS, with what it says of itself.
func TestWillsAreMessages(t *testing.T) {
	f := start(t)
	to := f.webAs("all", named("to"))
	to.subscribe(mqtt.Subscription{Filter: "will/+", QoS: 1, RetainAsPublished: true})
	said := mqtt.Properties(nil).AppendText(mqtt.ContentType, "n").AppendText(mqtt.ResponseTopic, "r")
	for _, name := range []string{"z", "a", "z"} {
		said = append(append(said, byte(mqtt.UserProperty), 0, 1, name[0]), 0, 1, 'v')
	}
	for _, retain := range []bool{true, false} {
		w := f.webAs("all", named("w"), func(c *mqtt.Connect) {
			c.Will = &mqtt.Will{Topic: fmt.Sprint("will/", retain), Payload: []byte("gone"), QoS: 1, Retain: retain, Properties: said}
		})
		_ = w.nc.Close()
		if m := to.message(); m.QoS != 1 || m.Retain != retain || string(m.Payload) != "gone" || string(m.Properties) != string(said) {
			t.Errorf("will %+v", m)
		}
	}
	to.subscribe(mqtt.Subscription{Filter: "will/+"})
	to.getting("what is kept", "will/true=gone/0R")
	f.webAs("all", named("no will")).nc.Close()
	eventually(t, "gone", func() bool { return f.Stats().Principals == 1 })
	to.getting("where there is none")
}

// A session is there for who asks for it, for as long as it was asked for, under any name
// that the standard allows.
func TestSessionPresent(t *testing.T) {
	f := start(t)
	const id = "0123456789abcdefghijXYZ" // 23 bytes, as many as every server has to take
	for i, c := range []struct {
		clean bool
		want  bool
	}{{false, false}, {false, true}, {true, false}, {false, true}} {
		p := f.web5()
		ack := p.connect(as("all", "right"), staying, func(c2 *mqtt.Connect) { c2.ClientID, c2.CleanStart = id, c.clean })
		if ack.SessionPresent != c.want {
			t.Errorf("connection %d: present %v", i+1, ack.SessionPresent)
		}
		p.send(&mqtt.Disconnect{})
	}
}

// What a client publishes reaches each subscriber in its order, whatever happens meanwhile.
func TestOrder(t *testing.T) {
	f := start(t)
	from, to := f.webAs("all", named("from")), f.webAs("all", named("to"), staying)
	to.subscribe(mqtt.Subscription{Filter: "order", QoS: 1})
	next := 0
	receive := func(n int) {
		for range n {
			m, ok := to.next().(*mqtt.Publish)
			if !ok || string(m.Payload) != fmt.Sprint(next) {
				t.Fatalf("got %+v, expected %d", m, next)
			}
			next++
			to.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: m.ID})
		}
	}
	for n := range 300 {
		from.pub(mqtt.Publish{Topic: "order", Payload: fmt.Append(nil, n)})
		if n%10 == 9 {
			receive(8)
		}
		if n%100 == 99 {
			_ = to.nc.Close() // with some that it has not acknowledged
			to = f.webAs("all", named("to"), staying)
		}
	}
	receive(300 - next)
}

// A shared subscription and one of its own bring a session a copy each, at the QoS and with
// the identifier of each; what goes to one who shares goes to no other.
func TestSharedAndOwn(t *testing.T) {
	f := start(t)
	from, a := f.webAs("all", named("from")), f.webAs("all", named("a"))
	for i, filter := range []string{"s", "$share/g/s"} {
		a.send(&mqtt.Subscribe{
			ID: 1, Filters: []mqtt.Subscription{{Filter: filter, QoS: mqtt.QoS(i)}},
			Properties: mqtt.Properties(nil).AppendNumber(mqtt.SubscriptionID, uint32(i+1)),
		})
		a.next()
	}
	from.pub(mqtt.Publish{Topic: "s"})
	for range 2 {
		m := a.message()
		if id, _ := m.Properties.Number(mqtt.SubscriptionID); id != uint32(m.QoS)+1 {
			t.Errorf("QoS %d with identifier %d", m.QoS, id)
		}
	}
	a.send(&mqtt.Unsubscribe{ID: 1, Filters: []string{"s"}})
	a.next()
	b := f.webAs("all", named("b"))
	b.subscribe(mqtt.Subscription{Filter: "$share/g/s", QoS: 1})
	for range 2 { // one for each
		from.pub(mqtt.Publish{Topic: "s"})
	}
	refused := a.next().(*mqtt.Publish)
	a.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: refused.ID, Reason: mqtt.QuotaExceeded})
	a.getting("it is not sent again")
	b.getting("nor to another", "s=/1")
	for range 2 {
		from.pub(mqtt.Publish{Topic: "s"})
	}
	a.next() // and goes, with its session
	_ = a.nc.Close()
	eventually(t, "gone", func() bool { return f.Stats().Sessions == 2 })
	b.getting("what another had begun to get", "s=/1")
}

// Packets and WebSocket frames have nothing to do with each other: a frame holds several, or
// a part of one, and may be larger than any packet.
func TestFramesAreNoPackets(t *testing.T) {
	f := start(t)
	ws, _, err := f.browse("", "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, websocket.NetConn(t.Context(), ws, websocket.MessageBinary))
	c := &mqtt.Connect{Version: mqtt.V5, CleanStart: true, KeepAlive: 10}
	as("all", "right")(c)
	stream := c.Append(nil, mqtt.V5)
	for i := range 5 {
		stream = (&mqtt.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1), Payload: make([]byte, 30<<10)}).Append(stream, mqtt.V5)
	}
	for _, frame := range [][]byte{stream[:1], stream[1:20], stream[20 : len(stream)-1], stream[len(stream)-1:]} {
		if err := ws.Write(t.Context(), websocket.MessageBinary, frame); err != nil {
			t.Fatal(err)
		}
	}
	if ack, ok := p.next().(*mqtt.Connack); !ok || ack.Code != 0 {
		t.Fatalf("CONNACK %+v", ack)
	}
	for i := range 5 {
		if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != uint16(i+1) {
			t.Fatalf("PUBACK %d: %+v", i+1, ack)
		}
	}
}
