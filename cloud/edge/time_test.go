package edge_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sconce/cloud/edge"
	"sconce/mqtt"
)

// pipes is a listener without a network, for tests on virtual time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// onVirtualTime runs a test with a server whose clock passes as soon as nothing
// else happens.
func onVirtualTime(t *testing.T, test func(t *testing.T, f *fixture, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		f := startOn(t, p)
		test(t, f, p)
	})
}

func (f *fixture) pipe(p *pipes, cert tls.Certificate, change ...func(*mqtt.Connect)) *peer {
	f.t.Helper()
	c := newPeer(f.t, tls.Client(p.dial(), f.pipeTLS(cert)))
	c.connect(change...)
	return c
}

// pipeTLS lets a handshake pass through a pipe without a buffer: it asks for no
// session ticket, and needs no second ClientHello, for then both ends would wait
// for ever for the other to read.
func (f *fixture) pipeTLS(cert tls.Certificate) *tls.Config {
	cfg := f.tls("mq."+domain, cert)
	cfg.SessionTicketsDisabled = true
	cfg.CurvePreferences = []tls.CurveID{tls.CurveP256}
	return cfg
}

// lasts returns how long the server leaves a silent connection open.
func lasts(t *testing.T, nc net.Conn) time.Duration {
	t.Helper()
	begun := time.Now()
	_ = nc.SetReadDeadline(begun.Add(time.Hour))
	_, err := io.Copy(io.Discard, nc)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		t.Fatal("open for ever")
	}
	return time.Since(begun)
}

func within(t *testing.T, what string, got, from, to time.Duration) {
	t.Helper()
	if got < from || got > to {
		t.Errorf("%s after %v, expected %v to %v", what, got, from, to)
	}
}

func TestSilentConnectionsEnd(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
		within(t, "no handshake", lasts(t, p.dial()), 10*time.Second, 11*time.Second)
		cert := f.gateway(gw1)
		nc := tls.Client(p.dial(), f.pipeTLS(cert))
		if err := nc.Handshake(); err != nil {
			t.Fatal(err)
		}
		within(t, "no CONNECT", lasts(t, nc), 5*time.Second, 7*time.Second)
		silent := f.pipe(p, cert, func(c *mqtt.Connect) { c.KeepAlive = 10 })
		within(t, "no PINGREQ", lasts(t, silent.nc), 15*time.Second, 17*time.Second)
		silent = f.pipe(p, cert, func(c *mqtt.Connect) { c.KeepAlive = 0 })
		within(t, "no keep-alive asked for", lasts(t, silent.nc), 27*time.Second, 29*time.Second)
		if n := f.Stats().Silent; n != 3 {
			t.Errorf("%d silent", n)
		}
	})
}

func TestKeepAliveIsKept(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
		c := f.pipe(p, f.gateway(gw1), func(c *mqtt.Connect) { c.KeepAlive = 10 })
		for range 100 {
			<-time.After(14 * time.Second)
			c.ping()
		}
	})
}

// TestHeldUpIsNotSilent: while the intake takes nothing, a client's pings are not
// read, and that is no reason to end its connection.
func TestHeldUpIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		slow := &blocking{intake: intake{got: make(chan message, 100)}, may: make(chan struct{})}
		f := startOn(t, p, func(c *edge.Config, _ *fixture) { c.Intake = slow })
		c := f.pipe(p, f.gateway(gw1))
		c.send(publication(1, "x"))
		<-time.After(10 * time.Minute)
		close(slow.may)
		if ack, ok := c.next().(*mqtt.Ack); !ok || ack.ID != 1 {
			t.Fatal("expected PUBACK")
		}
		c.ping()
	})
}

// TestCommittedIsAcknowledgedWhileHeldUp: a message that is durable is
// acknowledged within a moment even if the intake takes no other.
func TestCommittedIsAcknowledgedWhileHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		slow := &blocking{intake: intake{got: make(chan message, 100), hold: true}, may: make(chan struct{}, 1)}
		f := startOn(t, p, func(c *edge.Config, _ *fixture) { c.Intake = slow })
		c := f.pipe(p, f.gateway(gw1))
		both := publication(2, "y").Append(publication(1, "x").Append(nil, mqtt.V5), mqtt.V5)
		if _, err := c.nc.Write(both); err != nil {
			t.Fatal(err)
		}
		slow.may <- struct{}{}
		first := take(t, slow.got)
		first.done(first.token, nil)
		begun := time.Now()
		if ack, ok := c.next().(*mqtt.Ack); !ok || ack.ID != 1 {
			t.Fatal("expected PUBACK")
		}
		within(t, "PUBACK", time.Since(begun), 0, time.Second)
		close(slow.may)
	})
}

func TestSessionsExpire(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
		cert := f.gateway(gw1)
		away := func(d time.Duration) bool {
			c := f.pipe(p, cert, staying)
			c.subscribe(mqtt.Subscription{Filter: down1, QoS: 1})
			c.send(&mqtt.Disconnect{})
			_ = c.nc.Close()
			<-time.After(d)
			n, err := f.Publish(down1, []byte("x"), edge.PublishOptions{QoS: 1, Expiry: time.Millisecond})
			<-time.After(time.Millisecond) // nothing is left in the session
			if err != nil {
				t.Fatal(err)
			}
			return n == 1
		}
		if !away(599 * time.Second) {
			t.Error("gone before its time")
		}
		if away(602*time.Second) || f.Stats().Sessions != 0 {
			t.Error("still there after its time")
		}
	})
}

func TestMessageExpiresWhileItWaits(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
		cert := f.gateway(gw1)
		c := f.pipe(p, cert, staying)
		c.subscribe(mqtt.Subscription{Filter: down1, QoS: 1})
		c.send(&mqtt.Disconnect{})
		_ = c.nc.Close()
		<-time.After(time.Second)
		for payload, d := range map[string]time.Duration{"late": 30 * time.Second, "good": 90 * time.Second} {
			if _, err := f.Publish(down1, []byte(payload), edge.PublishOptions{QoS: 1, Expiry: d}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Minute)
		c = f.pipe(p, cert, staying)
		m := c.message()
		if left, _ := m.Properties.Number(mqtt.MessageExpiry); string(m.Payload) != "good" || left != 30 {
			t.Errorf("got %q with %d s left", m.Payload, left)
		}
		c.ping()
	})
}
