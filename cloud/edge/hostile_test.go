package edge_test

import (
	"crypto/tls"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
	"sconce/wire"
)

// hostilePackets is how many packets TestBadPacketsLive sends:
// go test ./cloud/edge -run TestBadPacketsLive -timeout 1h -args -hostile 1000000.
var hostilePackets = flag.Int64("hostile", 10_000, "mutated packets to send in TestBadPacketsLive")

// seeds are packets of every type, of which some are a server's, as a gateway sends them.
func seeds(g sconce.EUI64) []mqtt.Packet {
	p := mqtt.Properties(nil)
	up, down := wire.UpTopic(g, wire.KindReadings), wire.DownTopic(g, "+")
	will := &mqtt.Will{Topic: up, Payload: []byte("w"), QoS: 1, Properties: p.AppendNumber(mqtt.WillDelay, 3)}
	return []mqtt.Packet{
		&mqtt.Connect{Version: mqtt.V5, KeepAlive: 10, Properties: p.AppendNumber(mqtt.SessionExpiry, 5).AppendNumber(mqtt.ReceiveMaximum, 3), Will: will},
		&mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 10, HasUsername: true, Username: "all", HasPassword: true, Password: mqtt.Secret("right")},
		&mqtt.Publish{Topic: up, QoS: 1, ID: 1, Payload: []byte("21 W"), Properties: p.AppendText(mqtt.ContentType, "n").AppendNumber(mqtt.TopicAlias, 3)},
		&mqtt.Publish{Topic: up, QoS: 2, ID: 2, Payload: []byte("x"), Properties: p.AppendNumber(mqtt.MessageExpiry, 9)},
		&mqtt.Publish{Topic: "a/b", Retain: true, Payload: []byte("y"), Properties: p.AppendText(mqtt.ResponseTopic, "r").AppendText(mqtt.CorrelationData, "c")},
		&mqtt.Subscribe{ID: 3, Filters: []mqtt.Subscription{{Filter: down, QoS: 2}, {Filter: "$share/g/a/+", QoS: 1}}, Properties: p.AppendNumber(mqtt.SubscriptionID, 7)},
		&mqtt.Subscribe{ID: 4, Filters: []mqtt.Subscription{{Filter: "#", QoS: 2, RetainAsPublished: true}}},
		&mqtt.Unsubscribe{ID: 5, Filters: []string{down, "#"}},
		&mqtt.Ack{Type: mqtt.TypePuback, ID: 1},
		&mqtt.Ack{Type: mqtt.TypePubrec, ID: 1, Reason: mqtt.NoMatchingSubs},
		&mqtt.Ack{Type: mqtt.TypePubrel, ID: 2},
		&mqtt.Ack{Type: mqtt.TypePubcomp, ID: 2, Reason: mqtt.PacketIDNotFound, Properties: p.AppendText(mqtt.ReasonString, "r")},
		&mqtt.Ping{Type: mqtt.TypePingreq},
		&mqtt.Disconnect{Reason: mqtt.DisconnectWithWill, Properties: p.AppendNumber(mqtt.SessionExpiry, 0)},
		&mqtt.Auth{Reason: mqtt.Reauthenticate, Properties: p.AppendText(mqtt.AuthMethod, "m")},
		&mqtt.Connack{Properties: p.AppendNumber(mqtt.ReceiveMaximum, 3)},
		&mqtt.Grants{Type: mqtt.TypeSuback, ID: 1, Codes: []mqtt.Reason{1}},
	}
}

// mutate changes a packet a little: bytes, its length, its end, or all of these.
func mutate(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(2) {
		i := r.IntN(len(b))
		switch r.IntN(6) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b[i] = byte(r.Uint32())
		case 2:
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, '#', '+', '/', '$'}[r.IntN(9)]
		case 3:
			b = append(b[:i:i], append([]byte{byte(r.Uint32())}, b[i:]...)...)
		case 4:
			b = append(b[:i:i], b[min(i+1+r.IntN(4), len(b)):]...)
		case 5:
			b = append(b, b[i:]...)
		}
		if len(b) < 2 {
			b = append(b, 0, 0)
		}
	}
	if r.IntN(6) > 0 { // with a length that is right, so that what is inside is looked at
		return lengthened(b)
	}
	return b
}

func lengthened(b []byte) []byte {
	body, at := b[1:], 0
	for at < min(4, len(body)) && body[at] >= 0x80 {
		at++
	}
	body = body[min(at+1, len(body)):]
	n, length := len(body), []byte(nil)
	for ; n >= 0x80; n >>= 7 {
		length = append(length, byte(n)|0x80)
	}
	return append(append([]byte{b[0]}, append(length, byte(n))...), body...)
}

// hostile makes what one connection sends: a good CONNECT, mostly, and mutated packets, of
// which most can be parsed, so that those after them are looked at as well.
func hostile(r *rand.Rand, all []mqtt.Packet) (stream []byte) {
	v := []mqtt.Version{mqtt.V311, mqtt.V5}[r.IntN(2)]
	if r.IntN(8) > 0 {
		c := &mqtt.Connect{Version: v, CleanStart: v == mqtt.V311 || r.IntN(2) == 0, KeepAlive: 10, HasUsername: true, Username: "all", HasPassword: true, Password: mqtt.Secret("right")}
		stream = c.Append(stream, v)
	}
	for range 40 {
		b := mutate(r, all[r.IntN(len(all))].Append(nil, v))
		for tries := 20 * r.IntN(20); tries > 0; tries-- { // one in twenty is as it is
			if p, err := mqtt.Parse(b, v); err == nil && repeatable(p) {
				break
			}
			b = mutate(r, all[r.IntN(len(all))].Append(nil, v))
		}
		stream = append(stream, b...)
	}
	return stream
}

// repeatable reports whether a packet is one that a client may send again and again.
func repeatable(p mqtt.Packet) bool {
	switch p := p.(type) {
	case *mqtt.Publish:
		alias, aliased := p.Properties.Number(mqtt.TopicAlias)
		_, matched := p.Properties.Number(mqtt.SubscriptionID)
		return strings.HasSuffix(p.Topic, "/up/readings") && !p.Retain && !matched && (!aliased || alias > 0 && alias <= 16)
	case *mqtt.Subscribe, *mqtt.Unsubscribe, *mqtt.Ack:
		return true
	case *mqtt.Ping:
		return p.Type == mqtt.TypePingreq
	default:
		return false
	}
}

// sendAll sends a stream over a connection and reads until the server ends it.
func sendAll(nc net.Conn, stream []byte) {
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = nc.Write(stream) // the server may have ended the connection before it has read everything
	if half, ok := nc.(*tls.Conn); ok {
		_ = half.CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
	}
	_ = nc.Close()
}

// Mutated packets come over TLS and over WebSocket, while a client that keeps to the protocol
// is served: nothing panics, and nothing is left behind.
func TestBadPacketsLive(t *testing.T) {
	f := start(t, unlimited, func(c *edge.Config, _ *fixture) {
		c.Limits.MQTT.MaxSessionExpiry = 2 * time.Second
		c.Limits.PrincipalSessions = 1000
		c.Limits.RetainedMessages = 1000
	})
	const most = 4 << 20 // bytes that memory in use may grow by
	h := &hostility{f: f, witness: f.mqttAs(f.gateway(gw2))}
	for worker := range 4 {
		h.gateways = append(h.gateways, f.gateway(sconce.EUI64(gw1+0x100+uint64(worker))))
	}
	h.send(t, *hostilePackets/4)
	goroutines, memory := h.settled(t)
	h.send(t, *hostilePackets)
	more, grown := h.settled(t)
	for tries := 60; tries > 0 && grown-memory > most; tries-- { // timers of what has ended hold it for up to 10 s
		<-time.After(200 * time.Millisecond)
		more, grown = h.settled(t)
	}
	if more > goroutines+2 || grown-memory > most {
		t.Errorf("after a quarter %d goroutines and %d KiB, at the end %d and %d", goroutines, memory>>10, more, grown>>10)
	}
	s := f.Stats()
	if s.Faults < h.looked()/100 || s.Received < h.looked()/20 || s.QueuedBytes != 0 {
		t.Errorf("hardly anything was looked at: %+v", s)
	}
	t.Logf("%d packets over %d connections: %d broke the protocol, %d were refused, %d messages received, %d outside rights; %d and %d KiB",
		h.looked(), s.Accepted, s.Faults, s.Refused, s.Received, s.Unauthorised, memory>>10, grown>>10)
	h.witness.ping()
}

// hostility is clients that send what they should not, and one that does not.
type hostility struct {
	f        *fixture
	gateways []tls.Certificate
	witness  *peer
	round    uint64
}

// looked returns how many packets were looked at, without the first of each connection.
func (h *hostility) looked() int64 {
	s := h.f.Stats()
	return s.Packets - s.Accepted
}

// send sends packets until so many were looked at in all, while the witness is served.
func (h *hostility) send(t *testing.T, until int64) {
	t.Helper()
	h.round++
	var wg sync.WaitGroup
	for worker, cert := range h.gateways {
		r := rand.New(rand.NewPCG(h.round, uint64(worker)))
		all := seeds(sconce.EUI64(gw1 + 0x100 + uint64(worker)))
		cfg := h.f.tls("mq."+domain, cert)
		cfg.ClientSessionCache = tlsCache()
		wg.Go(func() {
			for h.looked() < until {
				nc, err := h.dial(t, worker, cfg)
				if err != nil {
					t.Errorf("the server does not let anybody in any more: %v", err)
					return
				}
				sendAll(nc, hostile(r, all))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			h.witness.ping()
		}
	}
}

// dial connects a gateway, or, every fourth time, a program over WebSocket.
func (h *hostility) dial(t *testing.T, worker int, cfg *tls.Config) (net.Conn, error) {
	if worker%4 != 3 {
		return h.f.dial(cfg)
	}
	ws, _, err := h.f.browse("", "mqtt")
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(t.Context(), ws, websocket.MessageBinary), nil
}

// settled returns how many goroutines there are, and how much memory is in use, when
// everything that was sent has been dealt with.
func (h *hostility) settled(t *testing.T) (goroutines int, memory int64) {
	t.Helper()
	eventually(t, "all but the witness are gone", func() bool { s := h.f.Stats(); return s.Connections == 1 && s.Sessions == 1 })
	memory = liveMemory()
	return runtime.NumGoroutine(), memory
}
