package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"sconce"
	"sconce/gateway/buffer"
	"sconce/gateway/link/linktest"
	"sconce/wire"
)

// rig is a link that runs against a scripted server.
type rig struct {
	*linktest.Server
	link     *Link
	received chan wire.Down
	log      *lines
}

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const gatewayID sconce.EUI64 = 0x00124b0001020304

func (r *rig) accept(present bool, quota uint16) (*linktest.Peer, *packets.Connect) {
	return r.Accept(wire.DownFilter(gatewayID), present, quota)
}

func newRig(t *testing.T) *rig {
	a := linktest.NewAuthority(t)
	r := &rig{Server: linktest.NewServer(t, a), received: make(chan wire.Down, 16), log: &lines{}}
	r.link = newLink(r, ClientTLS(a.Pool(), "mq.test", a.Issue(gatewayID.String(), x509.ExtKeyUsageClientAuth)))
	r.run(t)
	return r
}

func newLink(r *rig, config *tls.Config) *Link {
	l := New(Config{
		Gateway: gatewayID, Address: r.Address(), TLS: config,
		Receive: func(m wire.Down) { r.received <- m },
		Log:     slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     time.Now, Clock: time.Now,
	}, wire.Hello{Model: "test", BootCount: 1})
	l.pause = time.Millisecond
	return l
}

func (r *rig) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.link.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// events returns a message that can be told from others by its number.
func event(n int) wire.Events {
	return wire.Events{Events: []wire.Event{{Device: 1, At: wire.Time(n), Kind: wire.EventJoined}}}
}

func header(t *testing.T, m *packets.Publish) wire.UpHeader {
	t.Helper()
	h, _, err := wire.ParseUpHeader(m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hello(t *testing.T, m *packets.Publish) wire.Hello {
	t.Helper()
	if m.Topic != wire.UpTopic(gatewayID, wire.KindHello) {
		t.Fatalf("received %s, want a hello", m.Topic)
	}
	_, body, err := wire.ParseUpHeader(m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	h, err := wire.ParseBody[wire.Hello](body)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestConnectsAsItselfAndSaysHelloFirst(t *testing.T) {
	r := newRig(t)
	r.link.Send(event(1)) // before the connection is there
	p, c := r.accept(false, 100)
	if c.ClientID != gatewayID.String() || c.CleanStart || c.KeepAlive != 15 || c.UsernameFlag || c.PasswordFlag {
		t.Errorf("connected with %+v", c)
	}
	if c.Properties.SessionExpiryInterval == nil || *c.Properties.SessionExpiryInterval != 600 {
		t.Error("the session does not outlive the connection")
	}
	m := p.Publish()
	if h := hello(t, m); h.Model != "test" || h.BootCount != 1 {
		t.Errorf("said %+v", h)
	}
	if m.QoS != 1 || m.Duplicate {
		t.Errorf("sent with QoS %d, dup %v", m.QoS, m.Duplicate)
	}
	next := p.Publish()
	if next.Topic != wire.UpTopic(gatewayID, wire.KindEvents) || header(t, next).Sequence != 1 {
		t.Errorf("then %s, %+v", next.Topic, header(t, next))
	}
}

// What was not acknowledged is sent again on the next connection: hello first,
// then the same messages with the same numbers in the same order, marked as
// repeated when and only when the server has kept the session.
func TestWhatWasNotAcknowledgedIsSentAgain(t *testing.T) {
	for name, present := range map[string]bool{"session kept": true, "session lost": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, _ := r.accept(false, 100)
			p.Ack(p.Publish(), 0)
			var first []*packets.Publish
			for i := range 5 {
				r.link.Send(event(i + 1))
				first = append(first, p.Publish())
			}
			p.Ack(first[1], 0)
			await(t, func() bool { return r.link.Counters().Acked == 2 })
			p.Conn.Close()

			p, _ = r.accept(present, 100)
			if m := p.Publish(); m.Duplicate {
				t.Errorf("the new hello is marked as repeated")
			} else {
				hello(t, m)
			}
			for _, want := range slices.Delete(first, 1, 2) {
				got := p.Publish()
				if got.Topic != want.Topic || string(got.Payload) != string(want.Payload) {
					t.Fatalf("sent %+v, want %+v again", header(t, got), header(t, want))
				}
				if present && got.PacketID != want.PacketID {
					t.Errorf("packet identifier %d, was %d (MQTT 5, 4.4)", got.PacketID, want.PacketID)
				}
				if got.Duplicate != present {
					t.Errorf("dup %v with session present %v", got.Duplicate, present)
				}
				p.Ack(got, 0)
			}
			await(t, func() bool { return r.link.Waiting() == 1 }) // the hello
		})
	}
}

func TestNoMoreOnTheWayThanTheServerAllows(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.link.Send(event(i + 1))
	}
	p, _ := r.accept(false, 3)
	got := []*packets.Publish{p.Publish(), p.Publish(), p.Publish()}
	p.Conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if cp, err := packets.ReadPacket(p.Conn); err == nil && cp.Type != packets.PINGREQ {
		t.Fatalf("a fourth packet: %v", cp)
	}
	p.Ack(got[0], 0)
	if h := header(t, p.Publish()); h.Sequence != 3 {
		t.Errorf("sequence %d, want 3", h.Sequence)
	}
}

func TestNothingIsLostAcrossManyConnections(t *testing.T) {
	r := newRig(t)
	const messages = 200
	for i := range messages {
		r.link.Send(event(i + 1))
	}
	known, acked := map[uint64]bool{}, map[uint64]bool{}
	last := uint64(0)
	for connection := 0; len(acked) < messages; connection++ {
		p, _ := r.accept(connection%2 == 1, 20)
		for i := range 25 {
			m := p.Publish()
			h := header(t, m)
			if strings.HasSuffix(m.Topic, "/events") && !known[h.Sequence] {
				if h.Sequence < last {
					t.Fatalf("sequence %d first seen after %d", h.Sequence, last)
				}
				last, known[h.Sequence] = h.Sequence, true
			}
			if i%3 == 0 && len(acked) < messages/2 {
				continue // stays unacknowledged
			}
			p.Ack(m, 0)
			if strings.HasSuffix(m.Topic, "/events") {
				acked[h.Sequence] = true
			}
			if len(acked) == messages || i == 23 {
				break
			}
		}
		p.Conn.Close()
	}
}

func TestARefusedMessageIsNotSentForEver(t *testing.T) {
	r := newRig(t)
	p, _ := r.accept(false, 100)
	p.Ack(p.Publish(), 0)
	r.link.Send(event(1))
	p.Ack(p.Publish(), 0x99) // payload format invalid
	await(t, func() bool { return r.link.Counters().Refused == 1 })
	if r.link.Waiting() != 0 {
		t.Error("the refused message is still there")
	}
	await(t, func() bool { return strings.Contains(r.log.String(), "refused a message") }) // a moment after it is counted
	p.Conn.Close()
	p, _ = r.accept(true, 100)
	if h := hello(t, p.Publish()); len(h.Dropped) != 1 || h.Dropped[0].Kind != wire.KindEvents || h.Dropped[0].Count != 1 || h.Dropped[0].From == 0 {
		t.Errorf("hello accounts for %v", h.Dropped)
	}
}

func TestMessagesFromTheCloud(t *testing.T) {
	r := newRig(t)
	p, _ := r.accept(false, 100)
	down := func(topic string, payload []byte) {
		p.Write(&packets.Publish{Topic: topic, QoS: 1, PacketID: 7, Payload: payload, Properties: &packets.Properties{}})
	}
	adopt, err := wire.AppendDown(nil, wire.DownHeader{Version: 1}, wire.Adopt{Project: "p", Network: "n"})
	if err != nil {
		t.Fatal(err)
	}
	own := wire.DownTopic(gatewayID, wire.KindAdopt)
	down(wire.DownTopic(2, wire.KindAdopt), adopt)           // another gateway's
	down(own, []byte("nonsense"))                            // not CBOR
	down(wire.DownTopic(gatewayID, "sing"), adopt)           // of a later version
	down(wire.DownTopic(gatewayID, wire.KindCommand), adopt) // not a command
	down(own, adopt)
	if got := <-r.received; got != (wire.Adopt{Project: "p", Network: "n"}) {
		t.Errorf("received %+v", got)
	}
	for acks := 0; acks < 5; {
		if cp := p.Read(); cp.Type == packets.PUBACK {
			acks++
		}
	}
	if c := r.link.Counters(); c.Malformed != 3 || c.Unknown != 1 {
		t.Errorf("counted %+v, want 3 malformed and 1 unknown", c)
	}
}

// A hello says when it was made, so none is older than its connection: one that may
// have come already is said anew, with its number, and another when that is
// acknowledged, in case the cloud did not look at it a second time.
func TestAHelloIsNoOlderThanItsConnection(t *testing.T) {
	r := newRig(t)
	p, _ := r.accept(false, 100)
	first := p.Publish()
	p.Conn.Close()
	p, _ = r.accept(true, 100)
	again := p.Publish()
	if h, was := header(t, again), header(t, first); h.Sequence != was.Sequence || h.Sent <= was.Sent {
		t.Errorf("said %+v again as %+v", was, h)
	}
	if a, b := hello(t, first).Clock, hello(t, again).Clock; a == nil || b == nil || b.Uptime <= a.Uptime || b.Shows <= a.Shows {
		t.Errorf("its clock was %+v and is %+v", a, b)
	}
	p.Ack(again, 0)
	last := p.Publish()
	hello(t, last)
	if h := header(t, last); h.Sequence != header(t, again).Sequence+1 {
		t.Errorf("then %+v", h)
	}
	p.Ack(last, 0)
	await(t, func() bool { return r.link.Waiting() == 0 })
}

// A gateway whose clock is wrong, by whatever, is not locked out by the dates of the
// cloud's certificate; but one that had ended when the gateway was made is refused, and
// nothing but dates is ever forgiven.
func TestAWrongClockDoesNotLockOut(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, off := range []time.Duration{-10 * year, -24 * time.Hour, 0, 24 * time.Hour, 10 * year} {
		a := linktest.NewAuthority(t)
		r := &rig{Server: linktest.NewServer(t, a), received: make(chan wire.Down, 16), log: &lines{}}
		r.link = newLink(r, ClientTLS(a.Pool(), "mq.test", a.Issue(gatewayID.String(), x509.ExtKeyUsageClientAuth)))
		r.link.cfg.Clock = func() time.Time { return time.Now().Add(off) }
		r.run(t)
		if off != 0 {
			r.Next().Conn.(*tls.Conn).Handshake() // which the gateway breaks off
		}
		p, _ := r.accept(false, 100)
		c := hello(t, p.Publish()).Clock
		if got := time.UnixMilli(int64(c.Shows)).Sub(time.Now().Add(off)).Abs(); got > time.Minute {
			t.Errorf("clock wrong by %v: the hello is off by %v", off, got)
		}
		if said := strings.Contains(r.log.String(), "does not fit the dates"); said != (off != 0) {
			t.Errorf("clock wrong by %v: said %v", off, said)
		}
	}
}

func TestOnlyDatesAreForgiven(t *testing.T) {
	a, other := linktest.NewAuthority(t), linktest.NewAuthority(t)
	now := time.Now()
	refusal := func(pool *x509.CertPool, name string, at time.Time) error {
		c, err := x509.ParseCertificate(a.Issue("mq.test", x509.ExtKeyUsageServerAuth).Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: at})
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{c}, Err: err}
	}
	late := now.Add(100 * time.Hour)
	if at, ok := validAt(refusal(a.Pool(), "mq.test", late), now); !ok || at.After(now) || at.Before(now.Add(-2*time.Hour)) {
		t.Errorf("dates alone: %v, %v", at, ok)
	}
	for name, err := range map[string]error{
		"another authority": refusal(other.Pool(), "mq.test", now),
		"another name":      refusal(a.Pool(), "mq.other", now),
		"no certificate":    net.ErrClosed,
		"nothing":           nil,
	} {
		if at, ok := validAt(err, now); ok {
			t.Errorf("%s: is forgiven at %v", name, at)
		}
	}
	if at, ok := validAt(refusal(a.Pool(), "mq.test", late), late); ok {
		t.Errorf("one that has certainly ended is taken at %v", at)
	}
}

// Whether a command is too late depends on the cloud's time alone.
func TestExpiryIsOnTheScaleOfTheGateway(t *testing.T) {
	const off = -20 * 365 * 24 * time.Hour
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	got := make(chan wire.Down, 1)
	l := New(Config{
		Gateway: gatewayID, Log: slog.New(slog.DiscardHandler), Receive: func(m wire.Down) { got <- m },
		Now: func() time.Time { return now.Add(off) }, Clock: time.Now,
	}, wire.Hello{})
	say := func(sent time.Time, m wire.Down) wire.Down {
		payload, err := wire.AppendDown(nil, wire.DownHeader{Version: wire.Version, Sent: wire.Time(sent.UnixMilli())}, m)
		if err != nil {
			t.Fatal(err)
		}
		l.receive(wire.DownTopic(gatewayID, m.DownKind()), payload)
		return <-got
	}
	command := func(sent time.Time) time.Duration {
		c := say(sent, wire.Command{ID: "0196f0a0-0000-7000-8000-000000000001", Expires: wire.Time(sent.Add(time.Minute).UnixMilli()), Device: 1, On: new(true)})
		return time.UnixMilli(int64(c.(wire.Command).Expires)).Sub(l.cfg.Now())
	}
	if left := command(now); left != time.Minute {
		t.Errorf("a fresh command has %v left", left)
	}
	if left := command(now.Add(-5 * time.Minute)); left != -4*time.Minute {
		t.Errorf("a command that has waited five minutes has %v left", left)
	}
	now = now.Add(10 * time.Hour) // in which the scale may have run away by 7 s
	if left := command(now.Add(-5 * time.Second)); left != time.Minute {
		t.Errorf("after hours, the newest is right: %v left", left)
	}
	if left := command(now.Add(-time.Minute)); left != 5*time.Second {
		t.Errorf("an old one after that has %v left, by the newest known", left)
	}
}

func TestAChangedHelloIsSaidAtOnce(t *testing.T) {
	r := newRig(t)
	p, _ := r.accept(false, 100)
	p.Ack(p.Publish(), 0)
	await(t, func() bool { return r.link.Waiting() == 0 })
	r.link.SetHello(wire.Hello{Model: "test", Network: &wire.Network{Channel: 15}})
	if h := hello(t, p.Publish()); h.Network == nil || h.Network.Channel != 15 {
		t.Errorf("said %+v", h)
	}
}

// A server that accepts and drops again and again does not fill the buffer with
// hellos.
func TestHellosDoNotPileUp(t *testing.T) {
	r := newRig(t)
	for range 10 {
		p, _ := r.accept(true, 100)
		hello(t, p.Publish())
		p.Conn.Close()
	}
	r.accept(true, 100)
	if n := r.link.Waiting(); n != 1 {
		t.Errorf("%d messages wait, want the one hello", n)
	}
}

func TestTLSRefusesTheWrongServer(t *testing.T) {
	good, other := linktest.NewAuthority(t), linktest.NewAuthority(t)
	own := good.Issue(gatewayID.String(), x509.ExtKeyUsageClientAuth)
	for name, config := range map[string]*tls.Config{
		"another name":      ClientTLS(good.Pool(), "mq.other", own),
		"another authority": ClientTLS(other.Pool(), "mq.test", own),
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{Server: linktest.NewServer(t, good), log: &lines{}}
			r.link = newLink(r, config)
			go func() { r.Next().Conn.(*tls.Conn).Handshake() }()
			if _, err := r.link.connection(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestIdentityComesFromTheCertificate(t *testing.T) {
	a := linktest.NewAuthority(t)
	e, err := Identity(a.Issue(gatewayID.String(), x509.ExtKeyUsageClientAuth))
	if err != nil || e != gatewayID {
		t.Errorf("identity %s, %v", e, err)
	}
	if _, err := Identity(a.Issue("mq.test", x509.ExtKeyUsageServerAuth)); err == nil || !strings.Contains(err.Error(), "mq.test") {
		t.Errorf("error %v", err)
	}
	if _, err := Identity(tls.Certificate{}); err == nil {
		t.Error("no certificate has an identity")
	}
}

func TestSendWithoutConnectionKeepsWithinTheBuffer(t *testing.T) {
	l := New(Config{Gateway: gatewayID, Log: slog.New(slog.DiscardHandler), Now: time.Now, Clock: time.Now}, wire.Hello{})
	long := wire.Log{Lines: []wire.LogLine{{Message: strings.Repeat("x", wire.MaxPayload/2)}}}
	for range 1000 {
		l.Send(long)
	}
	l.Send(wire.Log{Lines: []wire.LogLine{{Message: strings.Repeat("x", wire.MaxPayload)}}}) // cannot be encoded
	if l.buffer.Bytes() > buffer.MinMaxBytes {
		t.Errorf("%d bytes held, at most %d allowed", l.buffer.Bytes(), buffer.MinMaxBytes)
	}
	if d := l.buffer.Dropped(); len(d) != 1 || int(d[0].Count)+l.Waiting() != 1000 {
		t.Errorf("dropped %v with %d waiting of 1000", d, l.Waiting())
	}
}

// await waits for something that another goroutine does.
func await(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatal("it did not happen within 5 s")
}
