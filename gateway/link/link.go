// Package link is a gateway's connection to the cloud: MQTT 5 over TLS with a
// certificate on both sides (DESIGN §5 and §6). The gateway is always the one
// that connects; nothing here listens.
//
// A message is numbered when it is made and stays in the buffer until the cloud
// has acknowledged it. After a loss of the connection, what was on its way is
// sent again first, in the order in which it was first sent, with the numbers
// it first had. A connection opens with a hello.
package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"sconce"
	"sconce/gateway/buffer"
	"sconce/wire"
)

// The timing of the connection.
const (
	keepAlive       = 15 * time.Second // the cloud misses a gateway after 1.5 of these (MQTT 5, 3.1.2.10)
	connectPatience = 10 * time.Second
	minPause        = 1 * time.Second // before the second attempt to connect
	maxPause        = 30 * time.Second
	sessionExpiry   = 10 * time.Minute // how long the cloud keeps commands for a gateway that is away
)

// Config makes a link. All fields are required.
type Config struct {
	Gateway  sconce.EUI64
	Address  string      // host:port to connect to
	TLS      *tls.Config // as made by [ClientTLS]
	MaxBytes int         // of the buffer

	// Receive is given every valid message from the cloud, in order, on a
	// goroutine of the link. The message is acknowledged when it returns.
	Receive func(wire.Down)

	Log *slog.Logger
	// Now is the scale of all times of messages: it never jumps (see [wire.Clock]).
	Now func() time.Time
	// Clock is what the machine's clock shows: it may jump, and only the hello has it.
	Clock func() time.Time
}

// Link is the connection to the cloud, and the messages that wait for it.
type Link struct {
	cfg   Config
	boot  uint64
	pause time.Duration // the shortest between two attempts to connect
	wake  chan struct{} // holds one token when there may be something to send
	dial  func(context.Context) (net.Conn, error)
	begun time.Time // on the scale of Now

	mu       sync.Mutex
	buffer   *buffer.Buffer
	sequence uint64
	hello    wire.Hello
	greeted  time.Time // when the last hello was made
	lost     uint64    // what it said of [buffer.Buffer.Lost]
	cloud    cloudTime
	counters Counters
	session  session
}

// Counters counts what a link did since it was made.
type Counters struct {
	Connects  uint64 // connections that were accepted
	Sent      uint64 // messages written, repetitions included
	Acked     uint64 // messages that the cloud has committed
	Refused   uint64 // messages that the cloud will never take
	Malformed uint64 // messages from the cloud that could not be read
	Unknown   uint64 // messages from the cloud of a kind that this version does not know
}

// New returns a link that is not connected. It takes messages at once.
func New(cfg Config, hello wire.Hello) *Link {
	l := &Link{
		cfg:    cfg,
		boot:   newBoot(),
		pause:  minPause,
		wake:   make(chan struct{}, 1),
		begun:  cfg.Now(),
		buffer: buffer.New(cfg.MaxBytes),
		hello:  hello,
	}
	l.dial = l.dialTLS
	return l
}

// newBoot draws the number of this start, 1 to 2^63-1.
func newBoot() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return max(1, binary.BigEndian.Uint64(b[:])>>1)
}

// Send numbers a message and keeps it until the cloud has acknowledged it. It
// never blocks; what happens when there is no room is said by [buffer.Buffer.Add].
func (l *Link) Send(body wire.Up) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send(body)
	if l.session.conn != nil && l.buffer.Lost() != l.lost && l.cfg.Now().Sub(l.greeted) >= lossPause {
		l.greet() // what is lost is said also when the connection lasts
	}
}

// lossPause is the time between two hellos that say what the buffer had to drop.
const lossPause = time.Minute

func (l *Link) send(body wire.Up) {
	if m, ok := l.encode(l.sequence+1, body); ok {
		l.sequence++
		l.buffer.Add(m)
		l.poke()
	}
}

// encode makes the message of a number.
func (l *Link) encode(sequence uint64, body wire.Up) (buffer.Message, bool) {
	h := wire.UpHeader{Version: wire.Version, Boot: l.boot, Sequence: sequence, Sent: wire.Time(l.cfg.Now().UnixMilli())}
	payload, err := wire.AppendUp(nil, h, body)
	if err != nil {
		// Makers of messages keep to the limits; this is a fault of ours, and
		// nobody can do anything with the message. It stays below the level that
		// is sent to the cloud, because that sending needs the mutex held here.
		l.cfg.Log.Debug("a message could not be encoded", "kind", body.UpKind(), "err", err)
		return buffer.Message{}, false
	}
	return buffer.Message{
		Kind: body.UpKind(), Class: wire.ClassOf(body), Sequence: sequence, Made: h.Sent, Payload: slices.Clip(payload),
	}, true
}

// poke makes the sender look again.
func (l *Link) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // the token is already there
	}
}

// SetHello changes what the gateway says of itself at the next connection, and
// now when it is connected and runs another network than it said.
func (l *Link) SetHello(h wire.Hello) {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := !reflect.DeepEqual(h.Network, l.hello.Network)
	l.hello = h
	if news && l.session.conn != nil {
		l.greet()
	}
}

// greet makes a hello. Those that were not written on this connection are renewed
// instead, with their numbers: the cloud takes the time of what is older from when a
// hello was made, so none may be older than the connection that it goes by. Should the
// cloud have committed one before, it does not look at what it says now; so another
// follows when it is acknowledged.
func (l *Link) greet() {
	now := l.cfg.Now()
	h := l.hello
	h.Dropped = l.buffer.Dropped()
	h.Clock = &wire.Clock{Uptime: uint64(now.Sub(l.begun).Milliseconds()), Shows: wire.Time(l.cfg.Clock().UnixMilli())}
	l.greeted, l.lost = now, l.buffer.Lost()
	old := append(l.session.unsaid(), l.buffer.Greetings()...)
	for _, sequence := range old {
		if m, ok := l.encode(sequence, h); ok {
			l.buffer.Renew(m)
			l.session.renew(m)
		}
	}
	if len(old) == 0 {
		l.send(h)
	}
	l.poke()
}

// Counters returns what the link has counted.
func (l *Link) Counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counters
}

// Connected reports whether there is a connection.
func (l *Link) Connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session.conn != nil
}

// Waiting returns how many messages wait for their acknowledgement.
func (l *Link) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Len()
}

// Run connects, and connects again whenever the connection is lost, until ctx
// is done.
func (l *Link) Run(ctx context.Context) {
	pause := l.pause
	for {
		stable, err := l.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if stable {
			pause = l.pause
		}
		wait := l.pause + mathrand.N(pause) //nolint:gosec // spreads the load; nothing secret about it
		pause = min(2*pause, maxPause-l.pause)
		l.cfg.Log.Warn("no connection to the cloud", "address", l.cfg.Address, "err", err, "again_in", wait.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Flowing reports whether what is sent now goes out at once, but for what is older.
func (l *Link) Flowing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session.conn != nil && l.buffer.Live() < buffer.MaxTaken
}

// receive reads a message from the cloud and hands it on. The expiry of a command is
// put on the gateway's scale: whether it is too late is not to depend on a clock that
// may be wrong.
func (l *Link) receive(topic string, payload []byte) {
	sent, body, err := parseDown(l.cfg.Gateway, topic, payload)
	if err == nil && body != nil {
		ahead := l.learn(sent)
		if c, ok := body.(wire.Command); ok {
			c.Expires -= wire.Time(ahead.Milliseconds())
			body = c
		}
	}
	switch {
	case err != nil:
		l.count(func(c *Counters) { c.Malformed++ })
		l.cfg.Log.Warn("a message from the cloud could not be read", "topic", topic, "err", err)
	case body == nil:
		l.count(func(c *Counters) { c.Unknown++ })
		l.cfg.Log.Info("a message from the cloud is of an unknown kind", "topic", topic)
	default:
		l.cfg.Receive(body)
	}
}

func (l *Link) count(f func(*Counters)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counters)
}

// parseDown reads a message for gateway g, and when the cloud made it; the message is
// nil when its kind is not known.
func parseDown(g sconce.EUI64, topic string, payload []byte) (sent wire.Time, m wire.Down, err error) {
	to, kind, err := wire.ParseDownTopic(topic)
	if err != nil {
		return 0, nil, err
	}
	if to != g {
		return 0, nil, fmt.Errorf("it is for gateway %s", to)
	}
	h, body, err := wire.ParseDownHeader(payload)
	if err != nil {
		return 0, nil, err
	}
	switch kind {
	case wire.KindAdopt:
		m, err = wire.ParseBody[wire.Adopt](body)
	case wire.KindDesired:
		m, err = wire.ParseBody[wire.Desired](body)
	case wire.KindCommand:
		m, err = wire.ParseBody[wire.Command](body)
	}
	return h.Sent, m, err
}
