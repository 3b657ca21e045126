// Package mqttload loads an MQTT 5.0 server with QoS 1 publishers over mutual
// TLS, as many gateways do: for the benchmarks of the project. It writes and
// reads the few packets that it needs by itself, so that it costs little next
// to what it measures, and so that it is a stranger to the server's own codec.
//
// It follows OASIS MQTT 5.0: CONNECT (3.1), PUBLISH at QoS 1 (3.3) and PUBACK
// (3.4). It is no client for anything else: it subscribes to nothing and
// reconnects never.
package mqttload

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says what load to make.
type Config struct {
	Addr    string                       // host and port to connect to
	TLS     func(client int) *tls.Config // of each client, with its certificate; nil for plain TCP
	Clients int
	Window  int  // messages of a client that wait for their PUBACK, 1 to 65,535
	Single  bool // write each message by itself, and not as many at once as there is room for
	First   bool // publish a message as soon as a client is connected, and wait for its PUBACK
	Topic   func(client int) string
	// Payload appends the payload of a client's n-th message, from 0, to b.
	Payload func(b []byte, client int, n uint64) []byte
}

// Load is a set of connected clients.
type Load struct {
	cfg     Config
	clients []*client
}

// Result is what became of a run.
type Result struct {
	Acked   uint64        // messages acknowledged with success
	Elapsed time.Duration // from the first message to the last acknowledgement
	P50     time.Duration // time from writing a message to its acknowledgement
	P99     time.Duration
}

// Connect connects all clients, some at a time, and returns when each has its
// CONNACK, and the PUBACK of its first message if it is to have one.
func Connect(ctx context.Context, cfg Config) (*Load, error) {
	l := &Load{cfg: cfg, clients: make([]*client, cfg.Clients)}
	errs := make([]error, cfg.Clients)
	places := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for i := range cfg.Clients {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if l.clients[i], errs[i] = connect(ctx, &l.cfg, i); errs[i] == nil && cfg.First {
				errs[i] = l.clients[i].one(ctx)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close closes all connections.
func (l *Load) Close() {
	for _, c := range l.clients {
		if c != nil {
			_ = c.nc.Close()
		}
	}
}

// Run has every client publish, with its window always full, until the time is
// over and everything is acknowledged.
func (l *Load) Run(ctx context.Context, d time.Duration) (Result, error) {
	return l.all(func(c *client, begun time.Time) error { return c.run(ctx, begun.Add(d)) })
}

// all has every client do something at a time.
func (l *Load) all(do func(c *client, begun time.Time) error) (Result, error) {
	begun := time.Now()
	errs := make([]error, len(l.clients))
	var wg sync.WaitGroup
	for i, c := range l.clients {
		c.latencies = c.latencies[:0]
		c.acked = 0
		wg.Go(func() { errs[i] = do(c, begun) })
	}
	wg.Wait()
	r := Result{Elapsed: time.Since(begun)}
	var all []time.Duration
	for _, c := range l.clients {
		r.Acked += c.acked
		all = append(all, c.latencies...)
	}
	if slices.Sort(all); len(all) > 0 {
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r, errors.Join(errs...)
}

// RunAt has every client publish a burst of messages, of at most a window, every so often, one after
// the other in turn, until the time is over and everything is acknowledged. Times count from when
// a burst was due: one that has to wait for the burst before is late by that.
func (l *Load) RunAt(ctx context.Context, d, every time.Duration, burst int) (Result, error) {
	return l.all(func(c *client, begun time.Time) error {
		due := begun.Add(every * time.Duration(c.number) / time.Duration(len(l.clients)))
		for ; due.Before(begun.Add(d)) && ctx.Err() == nil; due = due.Add(every) {
			time.Sleep(time.Until(due))
			if err := c.fill(due, burst); err != nil {
				return err
			}
			for len(c.free) < c.cfg.Window && ctx.Err() == nil {
				if err := c.takeAcks(); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	})
}

// One has the first client publish one message, and returns when it is
// acknowledged. Everything that was acknowledged before [Load.Run] returned came
// before it.
func (l *Load) One(ctx context.Context) error { return l.clients[0].one(ctx) }

// one publishes one message, and returns when it is acknowledged.
func (c *client) one(ctx context.Context) error {
	others := slices.Clone(c.free[1:])
	c.free = c.free[:1]
	if err := c.fill(time.Now(), 1); err != nil {
		return err
	}
	for len(c.free) == 0 && ctx.Err() == nil {
		if err := c.takeAcks(); err != nil {
			return err
		}
	}
	c.free = append(c.free, others...)
	return ctx.Err()
}

// client is one publisher. Packet identifiers go from 1 to the window: one is
// free again when it has been acknowledged.
type client struct {
	cfg       *Config
	number    int
	nc        net.Conn
	head      []byte   // of every PUBLISH, up to the identifier: topic with its length
	free      []uint16 // identifiers
	sentAt    []time.Time
	n         uint64 // messages made
	acked     uint64
	latencies []time.Duration // of every 16th message
	in, out   []byte
	payload   []byte
}

func connect(ctx context.Context, cfg *Config, i int) (*client, error) {
	nc, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("client %d: %w", i, err)
	}
	if cfg.TLS != nil {
		nc = tls.Client(nc, cfg.TLS(i))
	}
	topic := cfg.Topic(i)
	c := &client{cfg: cfg, number: i, nc: nc, sentAt: make([]time.Time, cfg.Window+1), in: make([]byte, 0, 4096)}
	c.head = append(binary.BigEndian.AppendUint16(nil, uint16(len(topic))), topic...)
	for id := cfg.Window; id > 0; id-- {
		c.free = append(c.free, uint16(id))
	}
	if err := c.handshake(); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("client %d: %w", i, err)
	}
	return c, nil
}

// handshake sends a CONNECT with a clean start, no identifier and a keep-alive of
// an hour, and reads the CONNACK.
func (c *client) handshake() error {
	packet := []byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0x0e, 0x10, 0, 0, 0}
	if _, err := c.nc.Write(packet); err != nil {
		return err
	}
	var ack [4]byte
	if _, err := io.ReadFull(c.nc, ack[:]); err != nil {
		return fmt.Errorf("reading CONNACK: %w", err)
	}
	if ack[0] != 0x20 || ack[1] > 127 || ack[3] != 0 {
		return fmt.Errorf("expected CONNACK with success, got %x", ack)
	}
	_, err := io.CopyN(io.Discard, c.nc, int64(ack[1])-2)
	return err
}

func (c *client) run(ctx context.Context, until time.Time) error {
	for ctx.Err() == nil {
		now := time.Now()
		if now.Before(until) {
			if err := c.fill(now, c.cfg.Window); err != nil {
				return err
			}
		} else if len(c.free) == c.cfg.Window {
			return nil
		}
		if err := c.takeAcks(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fill writes as many messages as the window has room for, at most n, in one write.
func (c *client) fill(now time.Time, n int) error {
	c.out = c.out[:0]
	for ; n > 0 && len(c.free) > 0 && len(c.out) < 32<<10; n-- {
		id := c.free[len(c.free)-1]
		c.free = c.free[:len(c.free)-1]
		c.sentAt[id] = now
		c.payload = c.cfg.Payload(c.payload[:0], c.number, c.n)
		c.n++
		c.out = append(c.out, 0x32)
		c.out = binary.AppendUvarint(c.out, uint64(len(c.head)+3+len(c.payload)))
		c.out = append(c.out, c.head...)
		c.out = append(c.out, byte(id>>8), byte(id), 0)
		c.out = append(c.out, c.payload...)
		if c.cfg.Single {
			if _, err := c.nc.Write(c.out); err != nil {
				return err
			}
			c.out = c.out[:0]
		}
	}
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.nc.Write(c.out)
	return err
}

// takeAcks reads once, and frees the identifiers of the PUBACKs that came.
func (c *client) takeAcks() error {
	n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n == 0 && err != nil {
		return fmt.Errorf("client %d: reading acknowledgements: %w", c.number, err)
	}
	now, b := time.Now(), c.in
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if b[0] != 0x40 || b[1] < 2 || b[1] > 2 && b[4] >= 0x80 { // below it is success (2.4)
			return fmt.Errorf("client %d: expected PUBACK with success, got %x", c.number, b[:2+int(b[1])])
		}
		id := binary.BigEndian.Uint16(b[2:])
		if id == 0 || int(id) > c.cfg.Window || c.sentAt[id].IsZero() {
			return fmt.Errorf("client %d: PUBACK for %d, which is not under way", c.number, id)
		}
		if c.acked%16 == 0 {
			c.latencies = append(c.latencies, now.Sub(c.sentAt[id]))
		}
		c.sentAt[id] = time.Time{}
		c.free = append(c.free, id)
		c.acked++
		b = b[2+int(b[1]):]
	}
	c.in = c.in[:copy(c.in[:cap(c.in)], b)]
	return nil
}
