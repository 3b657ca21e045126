package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sconce"
	"sconce/wire"
)

// The limits of a batch. When one is reached, [Journal.Accept] blocks until the
// batch is taken to be packed or committed: beside the batch that gathers, one at
// most is packed and one is being committed.
const (
	maxBatchBytes    = 1 << 20
	maxBatchMessages = 1 << 14
)

// packAhead is how many bytes must have gathered for the batch to be packed while
// the one before is being committed. A smaller one goes on gathering until that
// commit ends, for every commit costs the same wait.
const packAhead = 256 << 10

// How soon after a failed commit the journal tries again: at first, and at most.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// ErrStopped is given to messages that came after the journal stopped.
var ErrStopped = errors.New("the journal has stopped")

// ErrAway is given to messages that could not be committed.
var ErrAway = sconce.LaterErrorf(sconce.Unavailable, 5*time.Second, "the journal cannot be written now; later may work")

// Journal keeps what the gateways say, as it came.
//
// The messages of all connections are gathered into one batch while the batch
// before is being committed: so a single message is committed at once, and under
// load the cost of a commit is shared by many. Under much load, what has gathered
// is packed meanwhile too, so that it is ready when that commit ends. Batches are
// committed in order, and there is one writer for a log.
type Journal struct {
	log     Log
	results Results
	slog    *slog.Logger

	mu         sync.Mutex
	room       sync.Cond // there is room in next, or the journal has stopped
	next       *batch    // gathers
	seen       seen      // nil while the log is away
	stopped    bool
	stats      Stats
	failed     error     // why the log is away
	committing time.Time // when the commit that goes on began; zero while there is none

	spare []*batch // empty

	wake   chan struct{} // something is in next
	heavy  chan struct{} // much is in next
	commit chan struct{} // something was committed
	last   int64         // newest batch; of Run
}

// batch is messages that will be committed together.
type batch struct {
	messages []byte
	packed   []byte
	count    int
	waiting  []waiting
}

// waiting is a message whose sender waits for an answer.
type waiting struct {
	done  func(token uint64, err error)
	token uint64
}

func (b *batch) full() bool {
	return len(b.waiting) >= maxBatchMessages || len(b.messages) > maxBatchBytes-maxEntry
}

func (b *batch) reset() {
	clear(b.waiting) // lets go of the connections
	b.messages, b.packed, b.count, b.waiting = b.messages[:0], b.packed[:0], 0, b.waiting[:0]
}

// Stats counts what the journal did since it was made.
type Stats struct {
	Messages   uint64 // accepted, duplicates and malformed ones included
	Bytes      uint64 // of payload
	Duplicates uint64
	Unknown    uint64 // of a kind that is not known
	Malformed  uint64 // without a readable header
	Batches    uint64 // committed
	Refused    uint64 // messages that could not be committed
	Failures   uint64 // commits that failed, and attempts to continue after them
	Away       bool   // whether the log cannot be written, and nothing is acknowledged
}

// NewJournal returns the journal of a log. It reads what the log and the results
// say about messages that have come.
func NewJournal(ctx context.Context, log Log, results Results, logger *slog.Logger) (*Journal, error) {
	j := &Journal{
		log: log, results: results, slog: logger,
		next: &batch{}, spare: []*batch{{}, {}},
		wake: make(chan struct{}, 1), heavy: make(chan struct{}, 1), commit: make(chan struct{}, 1),
	}
	j.room.L = &j.mu
	var err error
	j.seen, j.last, err = j.load(ctx)
	return j, err
}

// Accept takes a message that a gateway published to a topic. It copies the
// payload. done is called exactly once, with the token: with nil after the
// transaction that holds the message has committed, or with the reason why it is
// not held. It is called by the goroutine of [Journal.Run], possibly before Accept
// returns; after that has ended, by Accept itself. It must not block.
//
// Accept blocks while too much waits for the commit. from is who the certificate
// says; a topic of another gateway is malformed.
func (j *Journal) Accept(from sconce.EUI64, topic string, payload []byte, token uint64, done func(token uint64, err error)) {
	e := read(from, topic, payload)
	j.mu.Lock()
	for j.next.full() && !j.stopped {
		j.room.Wait()
	}
	if j.stopped {
		j.mu.Unlock()
		done(token, ErrStopped)
		return
	}
	b, heavy := j.next, false
	if j.seen != nil {
		j.stats.Messages++
		j.stats.Bytes += uint64(len(payload))
		switch {
		case e.Malformed:
			j.stats.Malformed++
		case !j.seen.add(e.Gateway, e.Boot, e.Sequence):
			j.stats.Duplicates++
			e.Duplicate = true
		case formOf(e.Kind) == formUnknown:
			j.stats.Unknown++
		}
		before := len(b.messages)
		b.messages = e.Append(b.messages)
		b.count++
		heavy = before < packAhead && len(b.messages) >= packAhead
	}
	b.waiting = append(b.waiting, waiting{done, token})
	first := len(b.waiting) == 1
	j.mu.Unlock()
	if first {
		signal(j.wake)
	}
	if heavy {
		signal(j.heavy)
	}
}

// signal sends to a channel unless something is waiting there.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read makes an entry of a message. The entry refers to the payload.
func read(from sconce.EUI64, topic string, payload []byte) Entry {
	e := Entry{Gateway: from, Payload: payload}
	kind, ok := kindOf(from, topic)
	if !ok {
		e.Malformed = true
		e.Kind = wire.Kind(topic[:min(len(topic), maxKind)])
		return e
	}
	e.Kind = kind
	h, body, err := wire.ParseUpHeader(payload)
	if err != nil {
		e.Malformed = true
		return e
	}
	e.Boot, e.Sequence, e.Body = h.Boot, h.Sequence, body
	return e
}

// kindOf returns the kind of a topic of a gateway. It says what [wire.ParseUpTopic]
// says, without allocating.
func kindOf(gateway sconce.EUI64, topic string) (wire.Kind, bool) {
	const before, between, digits = "g/", "/up/", 16
	const kind = len(before) + digits + len(between)
	if len(topic) <= kind || topic[:len(before)] != before || topic[kind-len(between):kind] != between {
		return "", false
	}
	for i := range digits {
		if topic[len(before)+i] != "0123456789abcdef"[gateway>>(60-4*i)&0xf] {
			return "", false
		}
	}
	return wire.Kind(topic[kind:]), strings.IndexByte(topic[kind:], '/') < 0
}

// Stats returns a snapshot of the counters.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Away = j.seen == nil
	return s
}

// slow is how long a commit may take before the journal says that something is wrong.
const slow = 10 * time.Second

// Check returns nil while messages are committed, or would be, and else why not.
func (j *Journal) Check() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.seen == nil:
		return fmt.Errorf("the journal cannot be written; gateways keep their messages: %w", j.failed)
	case !j.committing.IsZero() && time.Since(j.committing) > slow:
		return fmt.Errorf("a commit of the journal takes %s already; gateways wait", time.Since(j.committing).Round(time.Second))
	}
	return nil
}

// Committed receives after commits; several commits may be one receipt. It has
// one reader, the projector.
func (j *Journal) Committed() <-chan struct{} { return j.commit }

// Run commits what is accepted until ctx ends. What waits then is refused.
func (j *Journal) Run(ctx context.Context) {
	defer j.stop()
	w := j.startWriter(ctx)
	defer w.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		}
		if ctx.Err() != nil {
			return
		}
		for b := j.pack(j.take(0)); b != nil; {
			next, err := j.write(w, b)
			if err != nil {
				j.away(err)
			}
			j.answer(b, err)
			if err != nil {
				if next != nil {
					j.answer(next, ErrAway) // relies on what has been forgotten
				}
				if !j.comeBack(ctx) {
					return
				}
				break
			}
			b = next
		}
	}
}

// take returns what has gathered and lets the next batch gather. It returns nil
// where that is less than least bytes.
func (j *Journal) take(least int) *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.next.messages) < least {
		return nil
	}
	return j.swap()
}

// swap is take with mu held.
func (j *Journal) swap() *batch {
	b, last := j.next, len(j.spare)-1
	j.next, j.spare = j.spare[last], j.spare[:last]
	j.room.Broadcast()
	return b
}

// pack packs a batch, if there is one.
func (j *Journal) pack(b *batch) *batch {
	if b != nil && b.count > 0 {
		b.packed = j.log.Pack(b.packed, b.messages)
	}
	return b
}

// writer commits one batch at a time on a goroutine of its own.
type writer struct {
	todo  chan Batch
	done  chan error
	ended chan struct{}
}

// startWriter starts the writer. What it has begun it ends, also when ctx ends.
func (j *Journal) startWriter(ctx context.Context) *writer {
	w := &writer{make(chan Batch), make(chan error), make(chan struct{})}
	ctx = context.WithoutCancel(ctx)
	go func() {
		for b := range w.todo {
			w.done <- j.log.Append(ctx, b)
		}
		close(w.ended)
	}()
	return w
}

func (w *writer) end() {
	close(w.todo)
	<-w.ended
}

// write commits a batch, also when ctx ends meanwhile. One that came while the log
// was away has no messages. When much has gathered before the commit ends, write
// returns that, packed.
func (j *Journal) write(w *writer, b *batch) (next *batch, err error) {
	if b.count == 0 {
		return nil, nil
	}
	now := time.Now()
	j.begin(now)
	w.todo <- Batch{ID: j.last + 1, Received: now, Count: b.count, Messages: b.packed}
	heavy := j.heavy
	for committing := true; committing; {
		select {
		case err = <-w.done:
			committing = false
		case <-heavy:
			if next = j.pack(j.take(packAhead)); next != nil {
				heavy = nil // one is enough
			}
		}
	}
	j.begin(time.Time{})
	if err != nil {
		return next, err
	}
	j.last++
	j.mu.Lock()
	j.stats.Batches++
	j.mu.Unlock()
	signal(j.commit)
	return next, nil
}

// begin notes when a commit began; zero that it has ended.
func (j *Journal) begin(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.committing = now
}

// answer tells the senders of a batch what became of it, and empties it.
func (j *Journal) answer(b *batch, err error) {
	if err != nil {
		err = ErrAway
		j.mu.Lock()
		j.stats.Refused += uint64(len(b.waiting))
		j.mu.Unlock()
	}
	for _, w := range b.waiting {
		w.done(w.token, err)
	}
	b.reset()
	j.mu.Lock()
	j.spare = append(j.spare, b)
	j.mu.Unlock()
}

// away forgets what has been seen: a message of the failed batch, or of the one
// that gathers, may or may not be in the log.
func (j *Journal) away(err error) {
	j.slog.Error("the journal cannot be written; gateways keep their messages", "error", err)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Failures++
	j.seen, j.failed = nil, err
}

// comeBack refuses what comes until the log can be written again, which a batch without
// messages shows. It returns false when ctx ended before that.
func (j *Journal) comeBack(ctx context.Context) bool {
	pause := firstRetry
	for {
		j.answer(j.take(0), ErrAway) // what gathered relies on what has been forgotten
		again := time.NewTimer(pause)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				again.Stop()
				return false
			case <-j.wake:
				j.answer(j.take(0), ErrAway)
			case <-again.C:
				waiting = false
			}
		}
		seen, last, err := j.load(ctx)
		if err == nil {
			err = j.log.Append(context.WithoutCancel(ctx), Batch{ID: last + 1, Received: time.Now(), Messages: j.log.Pack(nil, nil)})
		}
		if err == nil {
			last++
			j.mu.Lock()
			j.seen, j.last = seen, last
			b := j.swap() // came before: nothing of it is in the batch
			j.mu.Unlock()
			j.answer(b, ErrAway)
			j.slog.Info("the journal can be written again")
			return true
		}
		j.away(err)
		pause = min(2*pause, lastRetry)
	}
}

// load finds out what the log holds: which is the newest batch, and which
// messages have come.
func (j *Journal) load(ctx context.Context) (s seen, last int64, err error) {
	last, err = j.log.Last(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the journal: %w", err)
	}
	s = seen{}
	position, err := j.results.Position(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the journal: %w", err)
	}
	err = j.results.Runs(ctx, func(r Run) { *s.run(r.Gateway, r.Boot) = r.Seen })
	if err != nil {
		return nil, 0, fmt.Errorf("reading the continuity of the journal: %w", err)
	}
	for position < last {
		batches, err := j.log.After(ctx, position, maxBatchBytes)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the journal: %w", err)
		}
		if len(batches) == 0 {
			break // what follows was restored from an older copy; see Log.Last
		}
		for _, b := range batches {
			if err := s.addBatch(b.Messages); err != nil {
				return nil, 0, fmt.Errorf("reading batch %d of the journal: %w", b.ID, err)
			}
			position = b.ID
		}
	}
	return s, last, nil
}

func (s seen) addBatch(messages []byte) error {
	for len(messages) > 0 {
		e, rest, err := ParseEntry(messages)
		if err != nil {
			return err
		}
		if !e.Malformed {
			s.add(e.Gateway, e.Boot, e.Sequence)
		}
		messages = rest
	}
	return nil
}

func (j *Journal) stop() {
	j.mu.Lock()
	b := j.next
	j.stopped = true
	j.room.Broadcast()
	j.mu.Unlock()
	for _, w := range b.waiting {
		w.done(w.token, ErrStopped)
	}
}
