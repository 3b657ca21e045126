package edge_test

import (
	"bytes"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sconce/cloud/edge"
	"sconce/mqtt"
)

func TestLimitsAtTheDoor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*edge.Limits)
		let    int // connections
		count  func(edge.Stats) int64
	}{
		"an address connects too often": {
			func(l *edge.Limits) { l.AddressBurst, l.AddressRate = 3, 1e-9 }, 3, func(s edge.Stats) int64 { return s.TooFast },
		},
		"an address has too many open": {
			func(l *edge.Limits) { l.AddressConnections = 2 }, 2, func(s edge.Stats) int64 { return s.Full },
		},
		"too many are open in all": {
			func(l *edge.Limits) { l.Connections = 1 }, 1, func(s edge.Stats) int64 { return s.Full },
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(cfg *edge.Config, _ *fixture) { c.change(&cfg.Limits) })
			cert := f.gateway(gw1)
			for range c.let {
				f.mqttAs(cert).ping()
			}
			if _, err := f.dial(f.tls("mq."+domain, cert)); err == nil {
				t.Errorf("connection %d was let in", c.let+1)
			}
			if n := c.count(f.Stats()); n != 1 {
				t.Errorf("counted %d: %+v", n, f.Stats())
			}
		})
	}
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.Connections = 1 })
	p := f.mqttAs(f.gateway(gw1))
	_ = p.nc.Close()
	eventually(t, "the place is free again", func() bool { return f.Stats().Connections == 0 })
	f.mqttAs(f.gateway(gw1)).ping()
}

// Peers that begin no handshake hold places of their own address.
func TestHandshakesOfAnAddress(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.AddressHandshakes = 2 })
	for range 2 {
		nc, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	eventually(t, "both are in", func() bool { return f.Stats().Connections == 2 })
	if _, err := f.dial(f.tls("mq."+domain, f.gateway(gw1))); err == nil {
		t.Error("a third handshake began")
	}
	if n := f.Stats().Unready; n != 1 {
		t.Errorf("counted %d", n)
	}
}

// withLimits runs a test on virtual time with some limits changed.
func withLimits(t *testing.T, change func(*edge.Limits), test func(*testing.T, *fixture, *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		test(t, startOn(t, p, func(c *edge.Config, _ *fixture) { change(&c.Limits) }), p)
	})
}

// Who connects when too many do waits for a turn, and is served then.
func TestConnectRate(t *testing.T) {
	withLimits(t, func(l *edge.Limits) { l.ConnectRate, l.ConnectBurst = 0.5, 2 }, func(t *testing.T, f *fixture, p *pipes) {
		begun := time.Now()
		for _, at := range []time.Duration{0, 0, 2 * time.Second, 4 * time.Second} {
			f.pipe(p, f.gateway(gw1)).ping()
			within(t, "served", time.Since(begun), at, at)
		}
		if n := f.Stats().HeldUp; n != 2 {
			t.Errorf("%d were held up", n)
		}
	})
}

// Who sends too many packets is read as fast as is allowed, loses nothing, and is not taken
// for silent meanwhile.
func TestPacketRate(t *testing.T) {
	withLimits(t, func(l *edge.Limits) { l.PacketRate, l.PacketBurst = 10, 20 }, func(t *testing.T, f *fixture, p *pipes) {
		c := f.pipe(p, f.gateway(gw1), func(c *mqtt.Connect) { c.KeepAlive = 2 })
		begun := time.Now()
		c.nc = patient{c.nc}
		flood := bytes.Repeat((&mqtt.Ping{Type: mqtt.TypePingreq}).Append(nil, mqtt.V5), 60)
		pongs := make(chan struct{})
		go func() {
			defer close(pongs)
			for range 60 {
				c.next()
			}
		}()
		if _, err := c.nc.Write(flood); err != nil {
			t.Fatal(err)
		}
		<-pongs
		c.ping()
		within(t, "answered", time.Since(begun), 4*time.Second, 5*time.Second) // 20 at once, then 10 a second
		if s := f.Stats(); s.Paced == 0 || s.Silent != 0 {
			t.Errorf("%+v", s)
		}
		<-time.After(3 * time.Second) // silence is silence again
		eventually(t, "silent", func() bool { return f.Stats().Silent == 1 })
	})
}

// patient is a connection without deadlines of its reader.
type patient struct{ net.Conn }

func (patient) SetReadDeadline(time.Time) error { return nil }

// A client that takes nothing is ended when the time for a write is over, and that is not
// taken for slowness.
func TestStalledClient(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, f *fixture, p *pipes) {
		c := f.pipe(p, f.gateway(gw1))
		c.subscribe(mqtt.Subscription{Filter: down1})
		if _, err := f.Publish(down1, []byte("x"), edge.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for f.Stats().Gateways > 0 {
			<-time.After(time.Second)
		}
		within(t, "ended", time.Since(begun), 10*time.Second, 12*time.Second)
		if s := f.Stats(); s.Stalled != 1 || s.Slow != 0 || s.QueuedBytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// What all clients together do not take is bounded, and who takes what it gets is served.
func TestQueuedBytesOfAll(t *testing.T) {
	const limit = 1 << 20
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.QueuedBytes = limit })
	cert := f.gateway(gw1)
	p := f.mqttAs(cert, staying)
	p.subscribe(mqtt.Subscription{Filter: down1, QoS: 1})
	p.send(&mqtt.Disconnect{})
	p.nc.Close()
	eventually(t, "it is away", func() bool { return f.Stats().Gateways == 0 })
	for range 20 {
		if _, err := f.Publish(down1, make([]byte, 16<<10), edge.PublishOptions{QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Stats(); s.QueuedBytes == 0 || s.QueuedBytes > limit/8 || s.Dropped == 0 {
		t.Errorf("%d bytes wait, %d messages were dropped", s.QueuedBytes, s.Dropped)
	}
	p = f.mqttAs(cert, func(c *mqtt.Connect) { c.CleanStart = true })
	if n := f.Stats().QueuedBytes; n != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
	p.ping()
}

// recording is a listener that keeps the server's ends.
type recording struct {
	net.Listener
	conns chan net.Conn
}

func (r *recording) Accept() (net.Conn, error) {
	nc, err := r.Listener.Accept()
	if err == nil {
		r.conns <- nc
	}
	return nc, err
}

// A peer whose network is gone says nothing: TCP has to find out, within 30 seconds.
func TestHalfOpenConnectionsAreProbed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{ln, make(chan net.Conn, 1)}
	f := startOn(t, r)
	f.mqttAs(f.gateway(gw1)).ping()
	raw, err := take(t, r.conns).(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		const notSentLowat = 25
		for option, want := range map[int]int{syscall.TCP_KEEPIDLE: 15, syscall.TCP_KEEPINTVL: 5, syscall.TCP_KEEPCNT: 3, notSentLowat: 64 << 10} {
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option); got != want || err != nil {
				t.Errorf("TCP option %d is %d, %v; expected %d", option, got, err, want)
			}
		}
		if on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); on == 0 || err != nil {
			t.Errorf("keep-alive %d, %v", on, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// What waits for a client that takes nothing waits where it is counted, not in the kernel.
func TestKernelHoldsLittle(t *testing.T) {
	f := start(t, func(c *edge.Config, _ *fixture) { c.Limits.MQTT.QueueBytes = 16 << 20 })
	stalled := f.mqttAs(f.gateway(gw1))
	stalled.subscribe(mqtt.Subscription{Filter: down1})
	const sent = 200 * 32 << 10
	for range 200 {
		if _, err := f.Publish(down1, make([]byte, 32<<10), edge.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	quiet, last := 0, int64(0)
	eventually(t, "nothing is written any more", func() bool {
		if now := f.Stats().QueuedBytes; now == last {
			quiet++
		} else {
			quiet, last = 0, now
		}
		return quiet == 100
	})
	if last < sent-1<<20 {
		t.Errorf("%d KiB wait of %d KiB: the kernel holds the rest", last>>10, sent>>10)
	}
	for range 200 {
		stalled.message() // it has everything in the end
	}
}

// A gateway's will is not to be kept where its messages are not, and goes only where they go.
func TestWillsThatAreRefused(t *testing.T) {
	f := start(t)
	cert := f.gateway(gw1)
	for _, c := range []struct {
		will mqtt.Will
		v    mqtt.Version
		want byte
	}{
		{mqtt.Will{Topic: up1, Retain: true}, mqtt.V5, byte(mqtt.RetainNotSupported)},
		{mqtt.Will{Topic: up1, Retain: true}, mqtt.V311, 0},
		{mqtt.Will{Topic: up1, QoS: 2}, mqtt.V5, 0},
		{mqtt.Will{Topic: down1}, mqtt.V5, byte(mqtt.NotAuthorized)},
		{mqtt.Will{Topic: down1}, mqtt.V311, 5},
	} {
		nc, err := f.dial(f.tls("mq."+domain, cert))
		if err != nil {
			t.Fatal(err)
		}
		ack := newPeer(t, nc).tryConnect(func(p *mqtt.Connect) { p.Version, p.Will = c.v, &c.will })
		_, told := ack.Properties.Text(mqtt.ReasonString)
		if ack.Code != c.want || told != (c.want != 0 && c.v == mqtt.V5) {
			t.Errorf("will for %s, retain %v, version %d: CONNACK %+v", c.will.Topic, c.will.Retain, c.v, ack)
		}
		nc.Close()
	}
}
