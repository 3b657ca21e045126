package link

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

	"sconce"
)

const gatewayID sconce.EUI64 = 0x00124b0001020304

// authority issues certificates for both sides of a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(template, parent *x509.Certificate, subject *ecdsa.PrivateKey) *x509.Certificate {
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

func (a *authority) issue(name string, usage x509.ExtKeyUsage) tls.Certificate {
	key := newKey(a.t)
	c := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server is an MQTT server of one client, over TLS with a certificate on both
// sides, that does exactly what the test tells it to.
type server struct {
	t        *testing.T
	listener net.Listener
	accepted chan *peer
	wg       sync.WaitGroup
}

func newServer(t *testing.T, a *authority) *server {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{a.issue("mq.test", x509.ExtKeyUsageServerAuth)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: l, accepted: make(chan *peer, 8)}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted <- &peer{t: t, conn: c}
		}
	})
	t.Cleanup(func() { l.Close(); s.wg.Wait() })
	return s
}

func (s *server) address() string { return s.listener.Addr().String() }

// peer is one connection seen from the server.
type peer struct {
	t    *testing.T
	conn net.Conn
}

// accept waits for a connection, and opens it as a server does.
func (s *server) accept(present bool, quota uint16) (*peer, *packets.Connect) {
	s.t.Helper()
	p := <-s.accepted
	c := p.read().Content.(*packets.Connect)
	p.write(&packets.Connack{SessionPresent: present, Properties: &packets.Properties{ReceiveMaximum: &quota}})
	sub := p.read().Content.(*packets.Subscribe)
	if len(sub.Subscriptions) != 1 || sub.Subscriptions[0].Topic != "g/"+gatewayID.String()+"/down/+" {
		s.t.Errorf("subscribed to %v", sub.Subscriptions)
	}
	p.write(&packets.Suback{PacketID: sub.PacketID, Reasons: []byte{1}, Properties: &packets.Properties{}})
	return p, c
}

// read returns the next packet that is not a ping.
func (p *peer) read() *packets.ControlPacket {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		cp, err := packets.ReadPacket(p.conn)
		if err != nil {
			p.t.Fatalf("reading as the server: %v", err)
		}
		if cp.Type != packets.PINGREQ {
			return cp
		}
		p.write(&packets.Pingresp{})
	}
}

func (p *peer) publish() *packets.Publish {
	p.t.Helper()
	cp := p.read()
	m, ok := cp.Content.(*packets.Publish)
	if !ok {
		p.t.Fatalf("received %s, want a PUBLISH", cp.PacketType())
	}
	return m
}

func (p *peer) write(c io.WriterTo) {
	p.t.Helper()
	if _, err := c.WriteTo(p.conn); err != nil {
		p.t.Fatalf("writing as the server: %v", err)
	}
}

func (p *peer) ack(m *packets.Publish, reason byte) {
	p.t.Helper()
	p.write(&packets.Puback{PacketID: m.PacketID, ReasonCode: reason, Properties: &packets.Properties{}})
}
