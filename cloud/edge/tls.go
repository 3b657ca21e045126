package edge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// host is what stands behind one host name of the listener.
type host struct {
	tls   *tls.Config
	web   *http.Server // nil for the MQTT of gateways
	queue *queue       // of web
}

func (s *Server) newHosts() map[string]*host {
	gateways := s.baseTLS("mqtt")
	// The handshake itself accepts any certificate and proves that the peer has
	// its key; all the rest is checked in one place, which runs on resumption too.
	gateways.ClientAuth = tls.RequireAnyClientCert
	gateways.VerifyConnection = s.verifyGateway
	gateways.ClientCAs = s.cfg.DeviceCAs // named to the client, which may have several certificates
	return map[string]*host{
		s.cfg.Domain:               s.newWebHost(s.baseTLS("h2", "http/1.1"), s.cfg.HTTP),
		"mq." + s.cfg.Domain:       {tls: gateways},
		"web.mqtt." + s.cfg.Domain: s.newWebHost(s.baseTLS("http/1.1"), http.HandlerFunc(s.serveWebSocket)),
	}
}

// baseTLS returns what all host names share (DESIGN §5). TLS 1.2 is held to
// ECDHE and AEAD by name, because Go's own list has CBC suites; the key exchange is
// P-256, alone or in a hybrid with ML-KEM-768.
func (s *Server) baseTLS(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		CurvePreferences: []tls.CurveID{tls.SecP256r1MLKEM768, tls.CurveP256},
		GetCertificate:   s.cfg.Certificate,
		NextProtos:       protocols,
	}
}

// listenTLS chooses the configuration by host name. Its own ticket keys serve all
// of them; a ticket of one host opens no other: the gateways' host checks the
// certificate in the ticket, and the others give no rights by TLS.
func (s *Server) listenTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if h := s.hosts[strings.ToLower(hello.ServerName)]; h != nil {
				return h.tls, nil
			}
			return nil, errors.New("no such host name here")
		},
	}
}

// verifyGateway decides in every handshake, resumed ones included, whether the
// peer is a gateway that may connect.
func (s *Server) verifyGateway(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("a device certificate is needed")
	}
	leaf := cs.PeerCertificates[0]
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return errors.New("the key of a device certificate is on P-256")
	}
	intermediates := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.cfg.DeviceCAs, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("verifying device certificate: %w", err)
	}
	_, err = s.cfg.Devices.Authenticate(s.stop, leaf)
	return err
}

// welcome lets a connection in and starts its handshake. It waits while as many
// handshakes as are allowed are under way, for each ends within its time limit, and while
// more connect than are allowed: then they wait where they cost the kernel little.
func (s *Server) welcome(nc net.Conn) {
	s.stats.accepted.Add(1)
	if wait := s.gate.turn(time.Now()); wait > 0 {
		s.stats.heldUp.Add(1)
		s.rest(wait)
	}
	p, why := s.gate.enter(nc, time.Now())
	if p == nil {
		s.stats.turnedAway[why].Add(1)
		_ = nc.Close()
		return
	}
	s.tune(nc)
	select {
	case s.gate.handshakes <- struct{}{}:
		// A handshake needs a deep stack. Its goroutine ends with it, so that the
		// connection goes on with a small one.
		go s.handshake(p)
	case <-s.stop.Done():
		_ = p.Close()
	}
}

func (s *Server) handshake(p *pass) {
	defer func() { <-s.gate.handshakes }()
	defer p.handshakeDone()
	ctx, cancel := context.WithTimeout(s.stop, s.cfg.Limits.HandshakeTimeout)
	defer cancel()
	tc := tls.Server(p, s.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		s.stats.handshakeFails.Add(1)
		s.log.Debug("TLS handshake failed", slog.Any("error", err))
		_ = p.Close()
		return
	}
	cs := tc.ConnectionState()
	h := s.hosts[strings.ToLower(cs.ServerName)]
	if h.web != nil {
		h.queue.put(tc)
		return
	}
	// Asked again, because the answer is not handed on by the handshake.
	gateway, err := s.cfg.Devices.Authenticate(s.stop, cs.PeerCertificates[0])
	if err != nil {
		s.stats.handshakeFails.Add(1)
		_ = tc.Close()
		return
	}
	s.start(tc, &client{gateway: gateway, rights: rightsOf(gateway)})
}

// queue is a listener of connections whose handshake is done.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), done: make(chan struct{})} }

func (q *queue) put(nc net.Conn) {
	select {
	case q.conns <- nc:
	case <-q.done:
		_ = nc.Close()
	}
}

// Accept implements [net.Listener].
func (q *queue) Accept() (net.Conn, error) {
	select {
	case nc := <-q.conns:
		return nc, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It is called once, by the [http.Server].
func (q *queue) Close() error {
	close(q.done)
	return nil
}

// Addr implements [net.Listener].
func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
