// Package gateway is the edge daemon of a connected building: the trust centre of
// its light network, and its link to the cloud (DESIGN §6 and §8).
//
// What decides is in packages without I/O: gateway/network for the lights,
// gateway/buffer for what is to be sent. This package is the shell around them:
// one goroutine, the loop, owns the Zigbee node and the network; workers beside
// it transmit frames, open the radio, and write the sealed state. gateway/link
// speaks to the cloud. It listens on nothing.
package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sconce"
	"sconce/gateway/link"
	"sconce/gateway/sealed"
	"sconce/radio"
	"sconce/wire"
	"sconce/zigbee"
)

// Model is what a gateway says it is.
const Model = "Sconce gateway"

// Config makes a gateway. All fields are required.
type Config struct {
	Cloud       string         // host:port to connect to
	ServerName  string         // that the cloud's certificate must have
	Authorities *x509.CertPool // that may have issued it
	Certificate tls.Certificate

	OpenRadio func(context.Context) (radio.Radio, error)
	Channels  zigbee.ChannelMask // to form a network on

	StateFile    string
	StateKeyFile string

	Clock       func() time.Time // of the machine; may be wrong, and may jump
	BufferBytes int              // of messages that wait for the cloud
	Firmware    string
	Log         slog.Handler
}

// Gateway is a gateway that holds its state. It is made by [New], and ends with
// [Gateway.Close].
type Gateway struct {
	cfg   Config
	self  sconce.EUI64
	clock clock
	file  *sealed.File
	doc   document
	link  *link.Link
	log   *slog.Logger

	down chan wire.Down
}

// New opens the sealed state of a gateway, or makes it at the first start. An
// error says what to do.
func New(cfg Config) (*Gateway, error) {
	self, err := link.Identity(cfg.Certificate)
	if err != nil {
		return nil, err
	}
	initial, err := document{Version: documentVersion}.encode()
	if err != nil {
		return nil, err
	}
	file, text, err := sealed.Open(cfg.StateFile, cfg.StateKeyFile, initial)
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, self: self, clock: newClock(cfg.Clock), file: file, down: make(chan wire.Down, downQueue)}
	if err := g.load(text); err != nil {
		_ = file.Close() // only read from
		return nil, err
	}
	forward := &forwarder{now: g.clock.now}
	g.log = slog.New(teeHandler{cfg.Log, forward})
	g.link = link.New(link.Config{
		Gateway: self, Address: cfg.Cloud, TLS: link.ClientTLS(cfg.Authorities, cfg.ServerName, cfg.Certificate),
		MaxBytes: cfg.BufferBytes, Receive: func(m wire.Down) { g.down <- m }, Log: g.log,
		Now: g.clock.now, Clock: cfg.Clock,
	}, g.hello())
	forward.send = g.link.Send
	return g, nil
}

// downQueue is how many messages of the cloud wait for the loop; when it is full,
// they stay unacknowledged.
const downQueue = 16

// load reads the document, and counts this start.
func (g *Gateway) load(text []byte) error {
	doc, err := parseDocument(text)
	if err != nil {
		return err
	}
	if doc.Network != nil {
		if _, err := doc.Network.state(); err != nil {
			return err
		}
	}
	doc.BootCount++
	g.doc = doc
	return g.write(doc)
}

func (g *Gateway) write(doc document) error {
	text, err := doc.encode()
	if err != nil {
		return err
	}
	return g.file.Write(text)
}

// EUI64 returns the gateway's identity, which is that of its certificate.
func (g *Gateway) EUI64() sconce.EUI64 { return g.self }

// Close lets go of the state. It is idempotent.
func (g *Gateway) Close() error { return g.file.Close() }

// hello returns what the gateway says of itself before it runs a network.
func (g *Gateway) hello() wire.Hello {
	return wire.Hello{Model: Model, Firmware: g.cfg.Firmware, BootCount: g.doc.BootCount}
}

// farewell is how long a gateway that stops waits for the cloud to take what it
// has to say.
const farewell = 2 * time.Second

// Run runs the gateway until ctx is done or something fails that it cannot
// mend. It is called once.
func (g *Gateway) Run(ctx context.Context) error {
	l := newLoop(g)
	if err := l.begin(g.clock.now()); err != nil {
		return fmt.Errorf("running the gateway: %w", err)
	}
	linkCtx, hangUp := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	workers.Go(func() { g.link.Run(linkCtx) })
	// The link may be waiting to hand over a message while nobody takes it.
	stopped := make(chan struct{})
	workers.Go(func() { g.discard(stopped, linkCtx) })
	g.log.Info("the gateway starts", "gateway", g.self, "boot", g.doc.BootCount, "cloud", g.cfg.Cloud)
	err := l.run(ctx)
	close(stopped)
	g.sayGoodbye()
	hangUp()
	workers.Wait()
	if err != nil {
		return fmt.Errorf("running the gateway: %w", err)
	}
	return nil
}

// discard takes what the cloud says after the loop has stopped. What matters of
// it, the cloud says again at the next start.
func (g *Gateway) discard(stopped chan struct{}, ctx context.Context) {
	<-stopped
	for {
		select {
		case <-g.down:
		case <-ctx.Done():
			return
		}
	}
}

// sayGoodbye gives the link a moment to deliver the last messages.
func (g *Gateway) sayGoodbye() {
	end := time.NewTimer(farewell)
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for g.link.Connected() && g.link.Waiting() > 0 {
		select {
		case <-end.C:
			return
		case <-look.C:
		}
	}
}

// random fills p from the system's source.
func random(p []byte) { _, _ = rand.Read(p) } // never fails (crypto/rand)
