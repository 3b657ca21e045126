package edge_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/edge"
	"sconce/mqtt"
)

const domain = "lights.test"

// authority issues certificates for the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key := newKey(t, elliptic.P256())
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a certificate like that of a gateway, changed by some functions.
func (a *authority) issue(t testing.TB, name string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return a.issueOn(t, elliptic.P256(), name, change...)
}

func (a *authority) issueOn(t testing.TB, curve elliptic.Curve, name string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := newKey(t, curve)
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// registry is an edge.Devices that knows what it was told.
type registry struct {
	mu    sync.Mutex
	known map[sconce.EUI64]bool
}

func (r *registry) set(g sconce.EUI64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[sconce.EUI64]bool{}
	}
	r.known[g] = known
}

func (r *registry) Authenticate(_ context.Context, cert *x509.Certificate) (sconce.EUI64, error) {
	g, err := sconce.ParseEUI64(cert.Subject.CommonName)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || !r.known[g] {
		return 0, sconce.Errorf(sconce.Unauthenticated, "not in the registry")
	}
	return g, nil
}

// people is an edge.Accounts: a user name maps to rights, the password is "right".
type people struct {
	mu    sync.Mutex
	users map[string]edge.Rights
	ended map[string]bool

	inbox   edge.Inbox // of the user "program"
	filters int
}

func (p *people) Authenticate(_ context.Context, username, password string) (edge.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.users[username]
	if !ok || password != "right" {
		return edge.Principal{}, sconce.Errorf(sconce.Unauthenticated, "not signed in")
	}
	who := edge.Principal{ID: username, Rights: r, Subject: username}
	if username == "program" {
		who.Inbox, who.Filters, who.KeepAlive = p.inbox, p.filters, 5*time.Minute
	}
	return who, nil
}

func (p *people) Ended(_ context.Context, connected []edge.Principal) ([]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ended []int
	for i, c := range connected {
		if p.ended[c.Subject.(string)] {
			ended = append(ended, i)
		}
	}
	return ended, nil
}

func (p *people) end(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = map[string]bool{who: true}
}

// everything is the rights to publish and subscribe everywhere.
type everything struct{}

func (everything) MaySubscribe(string) bool { return true }
func (everything) MayPublish(string) bool   { return true }

// message is what an intake took.
type message struct {
	from    sconce.EUI64
	topic   string
	payload string
	token   uint64
	done    func(uint64, error)
}

// intake hands messages to the test, and settles them itself unless told not to.
type intake struct {
	hold bool // leave done to the test
	got  chan message
}

func (in *intake) Accept(from sconce.EUI64, topic string, payload []byte, token uint64, done func(uint64, error)) {
	in.got <- message{from, topic, string(payload), token, done}
	if !in.hold {
		done(token, nil)
	}
}

// presence records the calls as text.
type presence struct{ calls chan string }

func (p *presence) Connected(g sconce.EUI64, _ time.Time)    { p.calls <- "+" + g.String() }
func (p *presence) Disconnected(g sconce.EUI64, _ time.Time) { p.calls <- "-" + g.String() }

// fixture is a running server with everything around it.
type fixture struct {
	*edge.Server
	t        testing.TB
	devices  *authority
	web      *authority
	registry *registry
	people   *people
	intake   *intake
	presence *presence
	addr     string
}

type option func(*edge.Config, *fixture)

// start runs a server on loopback until the test ends.
func start(t testing.TB, options ...option) *fixture {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, ln, options...)
}

func startOn(t testing.TB, ln net.Listener, options ...option) *fixture {
	t.Helper()
	f := &fixture{
		t: t, devices: newAuthority(t, "devices"), web: newAuthority(t, "web"),
		registry: &registry{}, people: &people{users: map[string]edge.Rights{"all": everything{}}},
		intake:   &intake{got: make(chan message, 10_000)},
		presence: &presence{calls: make(chan string, 10_000)},
	}
	server := f.web.issue(t, "server", func(c *x509.Certificate) {
		c.DNSNames = []string{domain, "mq." + domain, "web.mqtt." + domain}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	cfg := edge.Config{
		Domain:      domain,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil },
		DeviceCAs:   f.devices.pool(),
		HTTP:        http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "portal over %s", r.Proto) }),
		Origins:     []string{"https://app.test"},
		Devices:     f.registry, Accounts: f.people, Intake: f.intake, Presence: f.presence,
		Limits: edge.DefaultLimits(),
		Log:    slog.New(slog.DiscardHandler),
	}
	for _, o := range options {
		o(&cfg, f)
	}
	s, err := edge.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	f.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return f
}

// gateway issues a certificate to a gateway and tells the registry.
func (f *fixture) gateway(g sconce.EUI64) tls.Certificate {
	f.t.Helper()
	f.registry.set(g, true)
	return f.devices.issue(f.t, g.String())
}

func (f *fixture) tls(host string, certs ...tls.Certificate) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: f.web.pool(), Certificates: certs, MinVersion: tls.VersionTLS12}
}

// dial opens a TLS connection to one of the host names.
func (f *fixture) dial(cfg *tls.Config) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", f.addr, cfg)
}

// mqttAs opens the MQTT connection of a gateway, with a CONNECT that was accepted.
func (f *fixture) mqttAs(cert tls.Certificate, change ...func(*mqtt.Connect)) *peer {
	f.t.Helper()
	nc, err := f.dial(f.tls("mq."+domain, cert))
	if err != nil {
		f.t.Fatal(err)
	}
	p := newPeer(f.t, nc)
	p.connect(change...)
	return p
}

// peer is a client that speaks packets.
type peer struct {
	t   testing.TB
	nc  net.Conn
	v   mqtt.Version
	buf []byte
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	p := &peer{t: t, nc: nc, v: mqtt.V5}
	t.Cleanup(func() { _ = nc.Close() })
	return p
}

func (p *peer) connect(change ...func(*mqtt.Connect)) *mqtt.Connack {
	p.t.Helper()
	ack := p.tryConnect(change...)
	if ack.Code != 0 {
		p.t.Fatalf("CONNECT was refused: 0x%02x", ack.Code)
	}
	return ack
}

func (p *peer) tryConnect(change ...func(*mqtt.Connect)) *mqtt.Connack {
	p.t.Helper()
	c := &mqtt.Connect{Version: mqtt.V5, CleanStart: true, KeepAlive: 10}
	for _, f := range change {
		f(c)
	}
	p.v = c.Version
	p.send(c)
	ack, ok := p.next().(*mqtt.Connack)
	if !ok {
		p.t.Fatal("expected CONNACK")
	}
	return ack
}

func (p *peer) send(packet mqtt.Packet) {
	p.t.Helper()
	if _, err := p.nc.Write(packet.Append(nil, p.v)); err != nil {
		p.t.Fatalf("sending %T: %v", packet, err)
	}
}

// read returns the next packet, or the error that ended the connection.
func (p *peer) read() (mqtt.Packet, error) {
	_ = p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		size, err := mqtt.Size(p.buf)
		if err != nil {
			return nil, err
		}
		if size > 0 && len(p.buf) >= size {
			packet, err := mqtt.Parse(append([]byte(nil), p.buf[:size]...), p.v)
			p.buf = p.buf[size:]
			return packet, err
		}
		chunk := make([]byte, 4096)
		n, err := p.nc.Read(chunk)
		p.buf = append(p.buf, chunk[:n]...)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func (p *peer) next() mqtt.Packet {
	p.t.Helper()
	packet, err := p.read()
	if err != nil {
		p.t.Fatalf("reading a packet: %v", err)
	}
	return packet
}

// ended asserts that the server ends the connection: with a DISCONNECT of this
// reason when the version is 5.0.
func (p *peer) ended(r mqtt.Reason) {
	p.t.Helper()
	for {
		packet, err := p.read()
		if d, ok := packet.(*mqtt.Disconnect); ok {
			if p.v != mqtt.V5 || d.Reason != r {
				p.t.Fatalf("DISCONNECT with %v, expected %v", d.Reason, r)
			}
			_, err = p.read()
			if err == nil {
				p.t.Fatal("packet after DISCONNECT")
			}
			return
		}
		if err == nil {
			continue
		}
		if p.v == mqtt.V5 {
			p.t.Fatalf("connection ended without DISCONNECT: %v", err)
		}
		if errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
			p.t.Fatal("connection was not ended")
		}
		return
	}
}

func (p *peer) subscribe(filters ...mqtt.Subscription) []mqtt.Reason {
	p.t.Helper()
	p.send(&mqtt.Subscribe{ID: 7, Filters: filters})
	ack, ok := p.next().(*mqtt.Grants)
	if !ok || ack.ID != 7 {
		p.t.Fatal("expected SUBACK")
	}
	return ack.Codes
}

// message returns the next PUBLISH and acknowledges it.
func (p *peer) message() *mqtt.Publish {
	p.t.Helper()
	m, ok := p.next().(*mqtt.Publish)
	if !ok {
		p.t.Fatal("expected PUBLISH")
	}
	if m.QoS == 1 {
		p.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: m.ID})
	}
	return m
}

// ping sees to it that everything sent before has been dealt with.
func (p *peer) ping() {
	p.t.Helper()
	p.send(&mqtt.Ping{Type: mqtt.TypePingreq})
	if pong, ok := p.next().(*mqtt.Ping); !ok || pong.Type != mqtt.TypePingresp {
		p.t.Fatal("expected PINGRESP")
	}
}

func take[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in 10 s")
		panic("unreachable")
	}
}

// eventually waits for something that the server does on its own.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not in 10 s: %s", what)
		}
	}
}

func tlsCache() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(8) }
