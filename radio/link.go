package radio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sconce/radio/spinel"
)

// answerWithin is how long a co-processor may take to answer. One that is
// silent for longer is lost.
const answerWithin = 3 * time.Second

// link carries Spinel commands and their answers over a byte stream. At most
// [spinel.MaxTID] commands are under way at once; further ones wait.
type link struct {
	conn   io.ReadWriteCloser
	notify func(spinel.Property, []byte) // what nobody asked for; called by the reader

	free chan uint8  // transaction identifiers that are not in use
	out  chan []byte // framed commands for the writer; room for all that can be under way
	done chan struct{}

	mu      sync.Mutex
	waiting [spinel.MaxTID + 1]*exchange
	ended   bool
	err     error // why it ended; nil when it was closed

	workers sync.WaitGroup
	frames  spinel.Deframer // the reader's
}

// exchange is a command that waits for its answer. Its end is told exactly once.
type exchange struct {
	end   func(spinel.Property, []byte, error)
	timer *time.Timer
}

func newLink(conn io.ReadWriteCloser, notify func(spinel.Property, []byte)) *link {
	l := &link{
		conn:   conn,
		notify: notify,
		free:   make(chan uint8, spinel.MaxTID),
		out:    make(chan []byte, spinel.MaxTID+resets+1),
		done:   make(chan struct{}),
	}
	for tid := uint8(1); tid <= spinel.MaxTID; tid++ {
		l.free <- tid
	}
	return l
}

// start begins to read and write. atEnd is called when nothing is read any more.
func (l *link) start(atEnd func()) {
	l.workers.Go(func() {
		l.read()
		atEnd()
	})
	l.workers.Go(l.write)
}

func (l *link) read() {
	buf := make([]byte, 4096)
	for {
		n, err := l.conn.Read(buf)
		for frame := range l.frames.Frames(buf[:n]) {
			l.receive(frame)
		}
		if n == 0 && err == nil {
			err = io.ErrNoProgress
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("the other side hung up")
		}
		if err != nil {
			l.fail(fmt.Errorf("radio lost: %w", err))
			return
		}
	}
}

func (l *link) write() {
	for {
		select {
		case <-l.done:
			return
		case b := <-l.out:
			if _, err := l.conn.Write(b); err != nil {
				l.fail(fmt.Errorf("radio lost: %w", err))
				return
			}
		}
	}
}

// receive takes one frame from the co-processor. What is not an answer to a
// command, nor a property, means nothing to this host and is left aside.
func (l *link) receive(b []byte) {
	f, err := spinel.ParseFrame(b)
	if err != nil || f.Command != spinel.PropIs || f.IID != 0 {
		return
	}
	p, value, err := spinel.ParseProperty(f.Payload)
	if err != nil {
		return
	}
	if f.TID == 0 {
		l.notify(p, value)
		return
	}
	if x := l.take(f.TID); x != nil {
		x.end(p, value, nil)
	}
}

// take ends the wait for an answer and frees its identifier.
func (l *link) take(tid uint8) *exchange {
	if tid > spinel.MaxTID {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.waiting[tid]
	if x != nil {
		l.waiting[tid] = nil
		x.timer.Stop()
		l.free <- tid // never blocks: there is room for each
	}
	return x
}

// send queues a command. end is called once: with the answer, or with the error
// for which there is none. The answer is valid during the call. An error of send
// itself means that the command was not sent and that end is not called.
func (l *link) send(ctx context.Context, c spinel.Command, p spinel.Property, value []byte, within time.Duration,
	end func(spinel.Property, []byte, error),
) error {
	var tid uint8
	select {
	case tid = <-l.free:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return l.closed()
	}
	x := &exchange{end: end}
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return l.closed()
	}
	x.timer = time.AfterFunc(within, func() {
		if l.waits(tid, x) {
			l.fail(fmt.Errorf("radio lost: no answer about %v within %v", p, within))
		}
	})
	l.waiting[tid] = x
	l.mu.Unlock()
	select {
	case l.out <- spinel.AppendProperty(nil, tid, c, p, value):
	case <-l.done: // and end was called
	}
	return nil
}

func (l *link) waits(tid uint8, x *exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[tid] == x
}

// do sends a command and waits for its answer. A status that is not OK is a
// [statusError].
func (l *link) do(ctx context.Context, c spinel.Command, p spinel.Property, value []byte) ([]byte, error) {
	type answer struct {
		value []byte
		err   error
	}
	got := make(chan answer, 1)
	err := l.send(ctx, c, p, value, answerWithin, func(is spinel.Property, v []byte, err error) {
		if err == nil {
			v, err = check(p, is, v)
		}
		got <- answer{append([]byte(nil), v...), err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-got:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *link) get(ctx context.Context, p spinel.Property) (*spinel.Reader, error) {
	v, err := l.do(ctx, spinel.PropGet, p, nil)
	if err != nil {
		return nil, err
	}
	return spinel.NewReader(v), nil
}

func (l *link) set(ctx context.Context, p spinel.Property, value ...byte) error {
	_, err := l.do(ctx, spinel.PropSet, p, value)
	return err
}

// check reads the answer to a command on a property: the property's value, or a
// status.
func check(asked, is spinel.Property, value []byte) ([]byte, error) {
	switch is {
	case asked:
		return value, nil
	case spinel.LastStatus:
		r := spinel.NewReader(value)
		s := spinel.Status(r.Packed())
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("radio answered about %v with a damaged status: %w", asked, err)
		}
		if s != spinel.OK {
			return nil, &statusError{asked, s}
		}
		return nil, nil
	default:
		return nil, fmt.Errorf("radio answered about %v with %v", asked, is)
	}
}

// statusError is a command that the co-processor refused.
type statusError struct {
	property spinel.Property
	status   spinel.Status
}

func (e *statusError) Error() string {
	return fmt.Sprintf("radio refused %v: %v", e.property, e.status)
}

// fail ends the link for a reason; nil is the owner's wish. Only the first counts.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.ended, l.err = true, err
	waiting := l.waiting
	clear(l.waiting[:])
	l.mu.Unlock()

	close(l.done)
	l.conn.Close()
	for _, x := range waiting {
		if x != nil {
			x.timer.Stop()
			x.end(0, nil, l.closed())
		}
	}
}

// close ends the link and waits until its workers have stopped.
func (l *link) close() {
	l.fail(nil)
	l.workers.Wait()
}

// closed returns the error of a call on a link that has ended.
func (l *link) closed() error {
	if err := l.reason(); err != nil {
		return err
	}
	return ErrClosed
}

// reason returns why the link ended: nil while it has not, and after close.
func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
