package edge_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
)

const (
	gw1 = 0x5ec0ce0000000001
	gw2 = 0x5ec0ce0000000002

	up1   = "g/5ec0ce0000000001/up/readings"
	down1 = "g/5ec0ce0000000001/down/command"
)

func publication(id uint16, payload string) *mqtt.Publish {
	return &mqtt.Publish{Topic: up1, QoS: 1, ID: id, Payload: []byte(payload)}
}

func v311(c *mqtt.Connect) { c.Version = mqtt.V311 }

// staying asks for a session that stays for a while.
func staying(c *mqtt.Connect) {
	c.CleanStart = false
	c.Properties = c.Properties.AppendNumber(mqtt.SessionExpiry, 600)
}

func TestGatewayPublishesAndReceives(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1))
	if got := take(t, f.presence.calls); got != "+5ec0ce0000000001" {
		t.Fatalf("presence %q", got)
	}
	p.send(publication(9, "hi"))
	if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != 9 || ack.Reason != mqtt.Success {
		t.Fatalf("acknowledged %+v", ack)
	}
	p.send(&mqtt.Publish{Topic: up1, Payload: []byte("hi")})
	for range 2 {
		if m := take(t, f.intake.got); m.from != gw1 || m.topic != up1 || m.payload != "hi" {
			t.Fatalf("intake got %+v", m)
		}
	}
	if f.Followed(down1) {
		t.Fatal("followed before anybody subscribed")
	}
	if codes := p.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000001/down/+", QoS: 2}); codes[0] != mqtt.GrantedQoS2 {
		t.Fatalf("SUBACK %v", codes)
	}
	if !f.Followed(down1) || f.Followed(up1) || f.Followed("") {
		t.Fatal("the one topic that is followed is", down1)
	}
	if n, err := f.Publish(down1, []byte("on"), edge.PublishOptions{QoS: 1}); n != 1 || err != nil {
		t.Fatalf("Publish = %d, %v", n, err)
	}
	if m := p.message(); m.Topic != down1 || string(m.Payload) != "on" || m.QoS != 1 {
		t.Fatalf("received %+v", m)
	}
	p.send(&mqtt.Disconnect{})
	if got := take(t, f.presence.calls); got != "-5ec0ce0000000001" {
		t.Fatalf("presence %q", got)
	}
}

// What a gateway sends at QoS 2 is taken once, and PUBREC says that it is durable.
func TestGatewayPublishesExactlyOnce(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1))
	for _, dup := range []bool{false, true} {
		p.send(&mqtt.Publish{Topic: up1, QoS: 2, ID: 5, Dup: dup, Payload: []byte("once")})
		if ack, ok := p.next().(*mqtt.Ack); !ok || ack.Type != mqtt.TypePubrec || ack.ID != 5 || ack.Reason != mqtt.Success {
			t.Fatalf("%+v", ack)
		}
	}
	p.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: 5})
	if ack, ok := p.next().(*mqtt.Ack); !ok || ack.Type != mqtt.TypePubcomp || ack.ID != 5 || ack.Reason != mqtt.Success {
		t.Fatalf("%+v", ack)
	}
	p.send(publication(6, "after"))
	p.next()
	for _, want := range []string{"once", "after"} {
		if m := take(t, f.intake.got); m.payload != want {
			t.Errorf("intake got %q, want %q", m.payload, want)
		}
	}
}

// TestAcknowledgementWaitsForTheCommit is the heart of it: no PUBACK before done,
// and then in the order in which the messages came.
func TestAcknowledgementWaitsForTheCommit(t *testing.T) {
	for _, version := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		f := start(t)
		f.intake.hold = true
		p := f.mqttAs(f.gateway(gw1), func(c *mqtt.Connect) { c.Version = version })
		var held []message
		for id := range uint16(3) {
			p.send(publication(id+1, "x"))
			held = append(held, take(t, f.intake.got))
		}
		p.ping() // the answer to what was sent last comes, and no PUBACK before it
		held[2].done(held[2].token, nil)
		held[1].done(held[1].token, nil)
		p.ping()
		if n := f.Stats().Acknowledged; n != 2 {
			t.Errorf("%d counted as durable", n)
		}
		held[0].done(held[0].token, nil)
		for id := range uint16(3) {
			if ack, ok := p.next().(*mqtt.Ack); !ok || ack.ID != id+1 {
				t.Fatalf("expected PUBACK %d, got %+v", id+1, ack)
			}
		}
	}
}

func TestIntakeThatFailsEndsTheConnection(t *testing.T) {
	for err, want := range map[error]mqtt.Reason{
		sconce.Errorf(sconce.Unavailable, "store is down"): mqtt.ServerBusy,
		sconce.Errorf(sconce.TooMany, "full"):              mqtt.QuotaExceeded,
		fmt.Errorf("disk"):                                 mqtt.ImplementationError,
	} {
		f := start(t)
		f.intake.hold = true
		p := f.mqttAs(f.gateway(gw1))
		p.send(publication(1, "a"))
		p.send(publication(2, "b"))
		one, two := take(t, f.intake.got), take(t, f.intake.got)
		two.done(two.token, err)
		p.ended(want) // which would not do with a PUBACK before it
		one.done(one.token, nil)
		if n := f.Stats().NotDurable; n != 1 {
			t.Errorf("counted %d", n)
		}
	}
}

// blocking is an intake that takes nothing until it may.
type blocking struct {
	intake
	may chan struct{}
}

func (b *blocking) Accept(from sconce.EUI64, topic string, payload []byte, token uint64, done func(uint64, error)) {
	<-b.may
	b.intake.Accept(from, topic, payload, token, done)
}

func TestIntakeHoldsUpItsConnectionAlone(t *testing.T) {
	slow := &blocking{intake: intake{got: make(chan message, 100)}, may: make(chan struct{})}
	f := start(t, func(c *edge.Config, _ *fixture) { c.Intake = slow })
	one, two := f.mqttAs(f.gateway(gw1)), f.mqttAs(f.gateway(gw2))
	one.send(publication(1, "x"))
	one.send(&mqtt.Ping{Type: mqtt.TypePingreq})
	two.ping()
	close(slow.may)
	if ack, ok := one.next().(*mqtt.Ack); !ok || ack.ID != 1 {
		t.Fatal("expected PUBACK, then PINGRESP")
	}
	if _, ok := one.next().(*mqtt.Ping); !ok {
		t.Fatal("expected PINGRESP")
	}
}

func TestOldClientIsHeldToTheWindow(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.MQTT.ReceiveMaximum = 2 })
	f.intake.hold = true
	p := f.mqttAs(f.gateway(gw1), v311)
	for id := range uint16(5) {
		p.send(publication(id+1, "x"))
	}
	for id := range uint16(5) {
		m := take(t, f.intake.got)
		if len(f.intake.got) > 1 {
			t.Fatal("more under way than the window")
		}
		m.done(m.token, nil)
		if ack := p.next().(*mqtt.Ack); ack.ID != id+1 {
			t.Fatalf("PUBACK %d, expected %d", ack.ID, id+1)
		}
	}
}

func TestOutsideOnesRights(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	for _, topic := range []string{
		"g/5ec0ce0000000002/up/readings", "g/5ec0ce0000000001/down/command", "g/5ec0ce0000000001/up/", "g/5ec0ce0000000001/up/a/b",
		"g/5ec0ce0000000001/up", "g/5EC0CE0000000001/up/readings", "p/x/state", "$SYS/x", "/g/5ec0ce0000000001/up/readings",
	} {
		p := f.mqttAs(cert)
		p.send(&mqtt.Publish{Topic: topic, QoS: 1, ID: 1})
		if ack, ok := p.next().(*mqtt.Ack); !ok || ack.Reason != mqtt.NotAuthorized {
			t.Errorf("%s: %+v", topic, ack)
		}
		p.send(&mqtt.Publish{Topic: topic})
		p.ended(mqtt.NotAuthorized)
		p = f.mqttAs(cert, v311)
		p.send(&mqtt.Publish{Topic: topic, QoS: 1, ID: 1})
		p.ended(mqtt.NotAuthorized)
	}
	p := f.mqttAs(cert)
	for _, filter := range []string{
		"#", "+", "g/#", "g/+/down/command", "+/5ec0ce0000000001/down/#", "g/5ec0ce0000000001/#", "g/5ec0ce0000000001/+/command",
		"g/5ec0ce0000000001/down", "g/5ec0ce0000000002/down/+", "g/5ec0ce0000000001/up/+", "p/#", "$SYS/#",
	} {
		if codes := p.subscribe(mqtt.Subscription{Filter: filter}); codes[0] != mqtt.NotAuthorized {
			t.Errorf("%s: %v", filter, codes)
		}
	}
	for _, filter := range []string{"g/5ec0ce0000000001/down/#", "g/5ec0ce0000000001/down/+", down1} {
		if codes := p.subscribe(mqtt.Subscription{Filter: filter}); codes[0] != mqtt.Success {
			t.Errorf("%s: %v", filter, codes)
		}
	}
	nc, err := f.dial(f.tls("mq."+domain, cert))
	if err != nil {
		t.Fatal(err)
	}
	ack := newPeer(t, nc).tryConnect(func(c *mqtt.Connect) { c.Will = &mqtt.Will{Topic: "g/5ec0ce0000000002/up/log"} })
	if ack.Code != byte(mqtt.NotAuthorized) {
		t.Errorf("will outside the rights: 0x%02x", ack.Code)
	}
	if len(f.intake.got) != 0 {
		t.Error("the intake got something")
	}
}

func TestClientIdentifierIsBound(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	for id, want := range map[string]mqtt.Reason{
		"": mqtt.Success, "5ec0ce0000000001": mqtt.Success, "5ec0ce0000000002": mqtt.InvalidClientID, "x": mqtt.InvalidClientID,
	} {
		nc, err := f.dial(f.tls("mq."+domain, cert))
		if err != nil {
			t.Fatal(err)
		}
		ack := newPeer(t, nc).tryConnect(func(c *mqtt.Connect) { c.ClientID = id })
		if ack.Code != byte(want) {
			t.Errorf("%q: 0x%02x", id, ack.Code)
		}
		assigned, ok := ack.Properties.Text(mqtt.AssignedClientID)
		if ok != (id == "") || ok && string(assigned) != "5ec0ce0000000001" {
			t.Errorf("%q: assigned %q", id, assigned)
		}
	}
}

func TestTakeover(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	old := f.mqttAs(cert, staying)
	old.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000001/down/+", QoS: 1})
	now := f.mqttAs(cert, staying)
	old.ended(mqtt.SessionTakenOver)
	if n, _ := f.Publish(down1, []byte("x"), edge.PublishOptions{QoS: 1}); n != 1 {
		t.Errorf("%d subscribers", n)
	}
	if string(now.message().Payload) != "x" {
		t.Error("the new connection is deaf")
	}
	now.send(&mqtt.Disconnect{})
	for _, want := range []string{"+", "+", "-"} {
		if got := take(t, f.presence.calls); got[:1] != want {
			t.Errorf("presence %s, expected %s", got, want)
		}
	}
	if s := f.Stats(); s.TakenOver != 1 || s.Sessions != 1 || s.Gateways != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRapidReconnects has one gateway connect 3,000 times, several at once, as
// fast as it can. Then whoever is connected last must not be deaf, and presence
// must have ended with the truth.
func TestRapidReconnects(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.AddressBurst = 10_000 })
	cfg := f.tls("mq."+domain, f.gateway(gw1))
	cfg.ClientSessionCache = tlsCache()
	const workers, each = 6, 500
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				nc, err := f.dial(cfg)
				if err != nil {
					t.Error(err)
					return
				}
				b := (&mqtt.Connect{Version: mqtt.V5, KeepAlive: 10, Properties: mqtt.Properties(nil).AppendNumber(mqtt.SessionExpiry, 600)}).Append(nil, mqtt.V5)
				b = (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: "g/5ec0ce0000000001/down/+", QoS: 1}}}).Append(b, mqtt.V5)
				_, _ = nc.Write(b)
				_, _ = nc.Read(make([]byte, 16))
				_ = nc.Close()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	last := f.mqttAs(f.gateway(gw1), staying)
	for last.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000001/down/+", QoS: 1})[0].Failed() {
		t.Fatal("not subscribed")
	}
	if n, _ := f.Publish(down1, []byte("heard"), edge.PublishOptions{QoS: 1}); n != 1 {
		t.Fatalf("%d subscribers", n)
	}
	if string(last.message().Payload) != "heard" {
		t.Error("deaf")
	}
	eventually(t, "one connection and one session are left", func() bool {
		s := f.Stats()
		return s.Gateways == 1 && s.Sessions == 1 && s.Connections == 1
	})
	online := 0
	for len(f.presence.calls) > 0 {
		if (<-f.presence.calls)[0] == '+' {
			online = 1
		} else if online--; online < 0 {
			t.Fatal("disconnected twice")
		}
	}
	if online != 1 {
		t.Error("presence ended with a gateway that is away")
	}
}

func TestMessagesForAGatewayThatIsAway(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	p := f.mqttAs(cert, staying)
	p.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000001/down/+", QoS: 1})
	p.send(&mqtt.Disconnect{})
	take(t, f.presence.calls)
	take(t, f.presence.calls)
	if n, err := f.Publish(down1, []byte("now or never"), edge.PublishOptions{}); n != 0 || err != nil {
		t.Fatalf("QoS 0: Publish = %d, %v", n, err)
	}
	for i := range 150 {
		n, err := f.Publish(down1, fmt.Appendf(nil, "%d", i), edge.PublishOptions{QoS: 1})
		if n != 1 || err != nil {
			t.Fatalf("Publish = %d, %v", n, err)
		}
	}
	nc, err := f.dial(f.tls("mq."+domain, cert))
	if err != nil {
		t.Fatal(err)
	}
	p = newPeer(t, nc)
	if !p.connect(staying).SessionPresent {
		t.Fatal("session not present")
	}
	for i := 50; i < 150; i++ { // the newest hundred
		if got := string(p.message().Payload); got != fmt.Sprint(i) {
			t.Fatalf("got %s, expected %d", got, i)
		}
	}
	p.ping()
}

func TestWill(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1), func(c *mqtt.Connect) {
		c.Will = &mqtt.Will{Topic: up1, Payload: []byte("gone"), QoS: 1}
	})
	p.ping()
	_ = p.nc.Close()
	if m := take(t, f.intake.got); m.from != gw1 || m.payload != "gone" || m.topic != up1 {
		t.Errorf("will %+v", m)
	}
}

func TestBrokenProtocolEndsTheConnection(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1))
	p.send(&mqtt.Publish{Topic: up1, Retain: true})
	p.ended(mqtt.RetainNotSupported)
	p = f.mqttAs(f.gateway(gw1))
	p.send(&mqtt.Publish{Topic: up1, Payload: make([]byte, 70<<10)})
	p.ended(mqtt.PacketTooLarge)
	p = f.mqttAs(f.gateway(gw1))
	p.send(&mqtt.Publish{Topic: up1, QoS: 1, ID: 1, Payload: []byte(strings.Repeat("x", 64<<10))})
	if _, ok := p.next().(*mqtt.Ack); !ok || len(take(t, f.intake.got).payload) != 64<<10 {
		t.Error("a payload of 64 KiB was not taken")
	}
	if n := f.Stats().Faults; n != 2 {
		t.Errorf("%d faults", n)
	}
}

// TestSlowConsumerIsDropped: a client that reads nothing is ended, and others get
// everything meanwhile.
func TestSlowConsumerIsDropped(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.MQTT.QueueMessages = 100 })
	stalled, good := f.mqttAs(f.gateway(gw1)), f.mqttAs(f.gateway(gw2))
	stalled.subscribe(mqtt.Subscription{Filter: down1})
	good.subscribe(mqtt.Subscription{Filter: "g/5ec0ce0000000002/down/command"})
	big := make([]byte, 32<<10)
	n := 0
	for f.Stats().Slow == 0 {
		if n++; n > 2000 {
			t.Fatal("64 MiB are waiting for a client that does not read")
		}
		if _, err := f.Publish(down1, big, edge.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Publish("g/5ec0ce0000000002/down/command", []byte("x"), edge.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
		if string(good.message().Payload) != "x" {
			t.Fatal("others are hurt")
		}
	}
	eventually(t, "the slow client is gone", func() bool { return f.Stats().Gateways == 1 })
	good.ping()
}

func TestShutdownSaysSo(t *testing.T) {
	f := start(t)
	p := f.mqttAs(f.gateway(gw1))
	done := make(chan error)
	go func() { done <- f.Shutdown(t.Context()) }()
	p.ended(mqtt.ServerShuttingDown)
	_ = p.nc.Close()
	if err := take(t, done); err != nil {
		t.Error(err)
	}
	if _, err := f.dial(f.tls(domain)); err == nil {
		t.Error("still listening")
	}
}

func TestPublishIsChecked(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.RetainedMessages = 1 })
	for _, topic := range []string{"", "a/+", "#"} {
		if _, err := f.Publish(topic, nil, edge.PublishOptions{}); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%q: %v", topic, err)
		}
	}
	if _, err := f.Publish("a", nil, edge.PublishOptions{QoS: 2}); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("QoS 2: %v", err)
	}
	if _, err := f.Publish("a", []byte("x"), edge.PublishOptions{Retain: true}); err != nil {
		t.Error(err)
	}
	if _, err := f.Publish("b", []byte("x"), edge.PublishOptions{Retain: true}); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("full: %v", err)
	}
	if n, err := f.Publish("b", []byte("x"), edge.PublishOptions{Expiry: time.Second}); n != 0 || err != nil {
		t.Errorf("to nobody: %d, %v", n, err)
	}
}

func TestCleanStartForgetsTheSession(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	p := f.mqttAs(cert, staying)
	p.subscribe(mqtt.Subscription{Filter: down1, QoS: 1})
	nc, err := f.dial(f.tls("mq."+domain, cert))
	if err != nil {
		t.Fatal(err)
	}
	p = newPeer(t, nc)
	if ack := p.connect(staying, func(c *mqtt.Connect) { c.CleanStart = true }); ack.SessionPresent {
		t.Error("session present after a clean start")
	}
	if n, _ := f.Publish(down1, []byte("x"), edge.PublishOptions{QoS: 1}); n != 0 {
		t.Errorf("%d subscribers after a clean start", n)
	}
	p.ping()
}
