// Package edge is where the cloud meets the network: one TLS listener on which
// the host name of the ClientHello chooses between the HTTP API and portal, MQTT
// with mutual TLS for gateways, and MQTT over WebSocket for apps and integrators
// (DESIGN §5 to §7).
//
// It drives the pure engine of package mqtt: it owns connections, time, locks
// and the tables of sessions, subscriptions and retained messages. What gateways
// publish goes to the [Intake] and is acknowledged when that says that it is
// durable; what the cloud publishes with [Server.Publish] goes to subscribers, and what apps and
// integrators publish, as far as they may, to their [Inbox].
// Who a peer is and what it may do is decided by the interfaces in ports.go,
// before anything of it is believed: a gateway is known by its certificate alone.
//
// Sessions live in memory and in this process: a restart forgets them. The
// package stores nothing, serves no metrics and terminates no plain-text port
// except, for the demo, on loopback.
package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sconce"
	"sconce/mqtt"
)

// Config is what a [Server] is made of. All fields but Origins are required.
type Config struct {
	// Domain is the host name of the API and portal. The names mq.<Domain> and
	// web.mqtt.<Domain> are those of MQTT.
	Domain string
	// Certificate returns the server's certificate for one of the three names.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// DeviceCAs are the authorities that issue the certificates of gateways.
	DeviceCAs *x509.CertPool
	// HTTP serves the API and portal.
	HTTP http.Handler
	// Origins are the web origins whose pages may open a WebSocket, such as
	// "https://example.org". Clients that send no Origin are no web pages and are
	// not held to this.
	Origins []string

	Devices  Devices
	Accounts Accounts
	Intake   Intake
	Presence Presence
	Limits   Limits
	Log      *slog.Logger
}

// Server is the listener with everything behind it.
type Server struct {
	cfg    Config
	log    *slog.Logger
	hosts  map[string]*host
	tls    *tls.Config
	gate   *gate
	hub    *hub
	stats  counters
	buffer sync.Pool // of *[]byte with [busyBuffer] bytes, for connections with much to read or write

	stop    context.Context // ends with the server
	cancel  context.CancelFunc
	running sync.WaitGroup // the sweeper, listeners, and MQTT connections

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	webs      []*http.Server
}

// New returns a server that does not listen yet.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Domain == "":
		return nil, sconce.Errorf(sconce.Invalid, "edge: a domain is needed")
	case cfg.Certificate == nil, cfg.DeviceCAs == nil, cfg.HTTP == nil, cfg.Log == nil:
		return nil, sconce.Errorf(sconce.Invalid, "edge: a certificate, device authorities, an HTTP handler and a log are needed")
	case cfg.Devices == nil, cfg.Accounts == nil, cfg.Intake == nil, cfg.Presence == nil:
		return nil, sconce.Errorf(sconce.Invalid, "edge: devices, accounts, an intake and presence are needed")
	}
	if err := cfg.Limits.check(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Log,
		gate:      newGate(cfg.Limits, time.Now()),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
	}
	s.hub = newHub(cfg.Limits, &s.stats)
	s.buffer.New = func() any { b := make([]byte, busyBuffer); return &b }
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.hosts, s.tls = s.newHosts(), s.listenTLS()
	for _, h := range s.hosts {
		if h.web != nil {
			s.running.Go(func() { _ = h.web.Serve(h.queue) }) // ends with the server
		}
	}
	s.running.Go(s.sweep)
	return s, nil
}

// Serve takes TLS connections from ln until [Server.Shutdown], and then returns
// [http.ErrServerClosed]. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	if !s.track(ln) {
		return http.ErrServerClosed
	}
	defer s.untrack(ln)
	var backoff time.Duration
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			backoff = 0
			s.welcome(nc)
		case s.isClosing():
			return http.ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting connections: %w", err)
		default: // out of file descriptors, or the peer was gone already
			backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
			s.log.Error("accepting a connection", slog.Any("error", err), slog.Duration("retry_in", backoff))
			s.rest(backoff)
		}
	}
}

// ServePlain serves the HTTP handler, and MQTT over WebSocket at /mqtt, without
// TLS until [Server.Shutdown], and then returns [http.ErrServerClosed]. It is for
// the demo: a listener that is not on a loopback address is refused.
func (s *Server) ServePlain(ln net.Listener) error {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		_ = ln.Close()
		return sconce.Errorf(sconce.Invalid, "plain HTTP is only served on a loopback address such as 127.0.0.1, not on %s", ln.Addr())
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.cfg.HTTP)
	mux.HandleFunc("/mqtt", s.serveWebSocket)
	web := s.newWeb(mux)
	if !s.track(ln) {
		return http.ErrServerClosed
	}
	defer s.untrack(ln)
	if err := web.Serve(ln); !s.isClosing() {
		return fmt.Errorf("accepting connections: %w", err)
	}
	return http.ErrServerClosed
}

// Disconnect ends the connections of gateways, if they have one, with a reason
// that MQTT 5.0 clients are told, and forgets their sessions. It does not block,
// and does no harm when repeated: the wiring calls it with every gateway that the
// registry says is revoked, at least every two seconds, so that a connection that
// was just being made when its gateway was revoked ends at the next call.
func (s *Server) Disconnect(gateways []sconce.EUI64, r mqtt.Reason) {
	now := time.Now()
	for _, g := range gateways {
		s.hub.forget(now, gatewayKey(g), r)
	}
}

// PublishOptions says how a message of the cloud is published.
type PublishOptions struct {
	QoS    mqtt.QoS      // 0 or 1
	Retain bool          // keep it for those who subscribe later; an empty payload forgets
	Expiry time.Duration // how long it is of use; 0 for ever
}

// Publish sends a message to all subscribers of a topic, and returns how many
// there are: a session that is away counts when it will get the message later,
// which needs QoS 1. It does not block. The payload is copied. An error is a
// [sconce.Invalid] for a topic that is none, and a [sconce.TooMany] when the
// retained store is full; then nothing was sent.
func (s *Server) Publish(topic string, payload []byte, o PublishOptions) (subscribers int, err error) {
	if !mqtt.ValidTopic(topic) || o.QoS > 1 {
		return 0, sconce.Errorf(sconce.Invalid, "publishing to %q at QoS %d: expected a topic name without wildcards, and QoS 0 or 1", topic, o.QoS)
	}
	now := time.Now()
	m := &mqtt.Message{Topic: topic, Payload: append([]byte(nil), payload...), QoS: o.QoS, Retain: o.Retain}
	if o.Expiry > 0 {
		m.Expires = now.Add(o.Expiry)
	}
	n, ok := s.hub.publish(now, m, nil)
	if !ok {
		return 0, sconce.Errorf(sconce.TooMany, "the store of retained messages is full")
	}
	return n, nil
}

// Forget lets no message of a topic be retained. Nobody is told.
func (s *Server) Forget(topic string) { s.hub.forgetRetained(topic) }

// Followed reports whether anybody is subscribed to a topic now.
func (s *Server) Followed(topic string) bool { return mqtt.ValidTopic(topic) && s.hub.followed(topic) }

// Shutdown stops listening, tells every MQTT 5.0 client that the server is
// shutting down, and waits until all connections have ended. When ctx ends
// first, it closes those that remain and returns the error of ctx. Wills are not
// published: the clients did not fail.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for c := range s.conns {
		c.close(mqtt.ServerShuttingDown)
	}
	webs := s.webs
	s.mu.Unlock()
	s.cancel()

	var errs []error
	for _, web := range webs {
		if err := web.Shutdown(ctx); !errors.Is(err, net.ErrClosed) { // what it was to close may be closed by now
			errs = append(errs, err)
		}
	}
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return errors.Join(errs...)
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	for _, web := range webs {
		_ = web.Close()
	}
	return ctx.Err()
}

// rest waits, or until the server ends.
func (s *Server) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop.Done():
	}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) track(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = ln.Close()
		return false
	}
	s.listeners[ln] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) untrack(ln net.Listener) {
	_ = ln.Close()
	s.mu.Lock()
	delete(s.listeners, ln)
	s.mu.Unlock()
	s.running.Done()
}
