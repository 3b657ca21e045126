// Package linktest is the other end of a gateway's link, for tests: an authority
// that issues certificates to both sides, and an MQTT 5 server for one client,
// over TLS with a certificate on both sides, that does exactly what a test tells
// it to. It is no MQTT server for anything else.
package linktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// Authority issues certificates for both sides of a test.
type Authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority returns an authority of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, a.key)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *Authority) sign(template, parent *x509.Certificate, subject *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, subject.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// Issue returns a certificate with a key of its own, for a name and a use.
func (a *Authority) Issue(name string, usage x509.ExtKeyUsage) tls.Certificate {
	key := newKey(a.t)
	c := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

// Certificate returns the authority's own, in DER.
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// Pool returns what a peer needs to trust the authority.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// ServerName is the name in the server's certificate.
const ServerName = "mq.test"

// Server accepts connections for a test.
type Server struct {
	t        testing.TB
	listener net.Listener
	accepted chan *Peer
	wg       sync.WaitGroup
}

// NewServer listens on a free port of the loopback until the test ends.
func NewServer(t testing.TB, a *Authority) *Server {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{a.Issue(ServerName, x509.ExtKeyUsageServerAuth)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, listener: l, accepted: make(chan *Peer, 8)}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted <- &Peer{t: t, Conn: c}
		}
	})
	t.Cleanup(func() { l.Close(); s.wg.Wait() })
	return s
}

// Address returns host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Peer is one connection seen from the server.
type Peer struct {
	t    testing.TB
	Conn net.Conn
}

// Next waits for a connection, on which nothing has been read yet.
func (s *Server) Next() *Peer { return <-s.accepted }

// Accept waits for a connection and opens it: it says whether the session was
// kept and how many messages it takes unacknowledged, and takes the subscription
// to the given filter.
func (s *Server) Accept(filter string, present bool, quota uint16) (*Peer, *packets.Connect) {
	s.t.Helper()
	p := s.Next()
	c := p.Read().Content.(*packets.Connect)
	p.Write(&packets.Connack{SessionPresent: present, Properties: &packets.Properties{ReceiveMaximum: &quota}})
	sub := p.Read().Content.(*packets.Subscribe)
	if len(sub.Subscriptions) != 1 || sub.Subscriptions[0].Topic != filter {
		s.t.Errorf("subscribed to %v", sub.Subscriptions)
	}
	p.Write(&packets.Suback{PacketID: sub.PacketID, Reasons: []byte{1}, Properties: &packets.Properties{}})
	return p, c
}

// patience is how long a test waits for a packet before it fails.
const patience = 60 * time.Second

// Read returns the next packet that is not a ping.
func (p *Peer) Read() *packets.ControlPacket {
	p.t.Helper()
	if err := p.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatalf("reading as the server: %v", err)
	}
	for {
		cp, err := packets.ReadPacket(p.Conn)
		if err != nil {
			p.t.Fatalf("reading as the server: %v", err)
		}
		if cp.Type != packets.PINGREQ {
			return cp
		}
		p.Write(&packets.Pingresp{})
	}
}

// Publish returns the next packet, which must be a PUBLISH.
func (p *Peer) Publish() *packets.Publish {
	p.t.Helper()
	cp := p.Read()
	m, ok := cp.Content.(*packets.Publish)
	if !ok {
		p.t.Fatalf("received %s, want a PUBLISH", cp.PacketType())
	}
	return m
}

// Write sends a packet.
func (p *Peer) Write(c io.WriterTo) {
	p.t.Helper()
	if _, err := c.WriteTo(p.Conn); err != nil {
		p.t.Fatalf("writing as the server: %v", err)
	}
}

// Ack acknowledges a message with a reason code.
func (p *Peer) Ack(m *packets.Publish, reason byte) {
	p.t.Helper()
	p.Write(&packets.Puback{PacketID: m.PacketID, ReasonCode: reason, Properties: &packets.Properties{}})
}
