package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"sconce/radio/spinel"
)

// toHost is how many frames wait for a host that reads slowly. When they are
// too many, received frames are dropped, as a chip short of memory does; a host
// that does not even read its answers is cut off.
const toHost = 256

// RCP is a virtual radio co-processor: a transceiver on a simulated air, and
// Spinel over any byte stream. It serves one host at a time, and the newest wins:
// a host that was restarted is not locked out by the remains of its predecessor.
type RCP struct {
	paced   *Paced
	x       *Transceiver
	bad     atomic.Uint64
	dropped atomic.Uint64

	mu   sync.Mutex
	host *host
}

// host is a connection, and what waits to be written to it.
type host struct {
	conn io.ReadWriteCloser
	out  chan []byte
	done chan struct{} // closed when the connection is to end
	gone chan struct{} // closed when nothing of it is left
	once sync.Once
}

func (h *host) hangUp() {
	h.once.Do(func() {
		close(h.done)
		h.conn.Close()
	})
}

// NewRCP puts a co-processor on the air. It is silent until a host configures it.
func NewRCP(p *Paced, cfg TransceiverConfig) *RCP {
	r := &RCP{paced: p}
	p.Do(func(a *Air) {
		r.x = a.Attach(cfg)
		newCoprocessor(a, r.x, func([]byte, bool) {}) // no host yet
	})
	return r
}

// Bad returns how many frames from hosts were damaged or meant nothing.
func (r *RCP) Bad() uint64 { return r.bad.Load() }

// Dropped returns how many received frames no host took in time.
func (r *RCP) Dropped() uint64 { return r.dropped.Load() }

// Serve attends to the hosts that connect, until ctx ends. It closes l.
func (r *RCP) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var hosts sync.WaitGroup
	defer hosts.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			return fmt.Errorf("waiting for a host: %w", err)
		}
		hosts.Go(func() { r.Attend(ctx, conn) })
	}
}

// Attend serves one host until it hangs up, another takes its place, or ctx
// ends. It closes conn. The transceiver is off afterwards.
func (r *RCP) Attend(ctx context.Context, conn io.ReadWriteCloser) {
	h := &host{conn: conn, out: make(chan []byte, toHost), done: make(chan struct{}), gone: make(chan struct{})}
	defer close(h.gone)
	defer h.hangUp()
	stop := context.AfterFunc(ctx, h.hangUp)
	defer stop()

	r.mu.Lock()
	before := r.host
	r.host = h
	r.mu.Unlock()
	if before != nil {
		before.hangUp()
		<-before.gone
	}

	var firmware *coprocessor
	r.paced.Do(func(a *Air) {
		firmware = newCoprocessor(a, r.x, func(b []byte, mayDrop bool) { r.queue(h, b, mayDrop) })
	})
	var writer sync.WaitGroup
	writer.Go(h.write)
	r.read(h, firmware)
	h.hangUp()
	writer.Wait()
	r.paced.Do(func(*Air) { firmware.reset() })
}

// read takes frames from the host until it hangs up.
func (r *RCP) read(h *host, firmware *coprocessor) {
	var frames spinel.Deframer
	buf := make([]byte, 4096)
	for {
		n, err := h.conn.Read(buf)
		before := frames.Dropped()
		for f := range frames.Frames(buf[:n]) {
			r.paced.Do(func(*Air) {
				was := firmware.bad
				firmware.receive(f)
				r.bad.Add(firmware.bad - was)
			})
		}
		r.bad.Add(frames.Dropped() - before)
		if err != nil || n == 0 {
			return
		}
	}
}

func (r *RCP) queue(h *host, b []byte, mayDrop bool) {
	select {
	case h.out <- b:
	default:
		if mayDrop {
			r.dropped.Add(1)
			return
		}
		h.hangUp()
	}
}

func (h *host) write() {
	for {
		select {
		case <-h.done:
			return
		case b := <-h.out:
			if _, err := h.conn.Write(b); err != nil {
				h.hangUp()
				return
			}
		}
	}
}
