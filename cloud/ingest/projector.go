package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// The projector takes what has gathered in the journal in one bite, which is one
// transaction: what is stored of a device is stored once for all of its messages
// in the bite, so that a message costs less the more of them wait. A bite ends
// where the journal ends, or when it has this many bytes of messages, or its
// results this many bytes of memory: more would keep other writers waiting for
// longer. It is read piece by piece. The first bite is a piece at most, and each may have
// four times as much as the one before: a program that is ended again and again gets on.
const (
	maxBite    = 32 << 20
	maxResults = 32 << 20
	piece      = 1 << 20
)

// Announcer is told what became known, after it was stored. It must not block.
type Announcer interface {
	StateChanged(id sconce.ProjectID, s telemetry.DeviceState)
	CommandEnded(c lighting.Command)
}

// Projector makes the results from the journal, batch after batch. It remembers
// in the transaction of the results how far it got, so that every message counts
// exactly once, whenever the program ends. There is one for a store.
type Projector struct {
	log         Log
	results     Reading
	assignments Assignments
	announce    Announcer
	keep        time.Duration
	slog        *slog.Logger

	until      int64 // the last batch to be projected, as in a rebuild; 0 for no end
	position   int64
	most       int // bytes of messages in the next bite
	placements *placements
	fold       *telemetry.Fold
	runs       map[runKey]*Run
	touched    map[runKey]*Run
	poison     []Poison
	outcomes   []outcome
	memory     []wire.Reading // to read messages into
}

// Reading is Results with what is read from them while a batch is projected.
type Reading interface {
	Results
	telemetry.Before
	// RunBefore returns the run of a gateway, and false when it is new.
	RunBefore(ctx context.Context, gateway sconce.EUI64, boot uint64) (Run, bool, error)
}

type runKey struct {
	gateway sconce.EUI64
	boot    uint64
}

// outcome is what a gateway said became of a command.
type outcome struct {
	assignment project.Assignment
	result     lighting.Result
}

// NewProjector returns a projector that continues where the results stand. It counts
// readings that are older by keep than their message, and does not keep them; 0 keeps all.
func NewProjector(log Log, results Reading, assignments Assignments, announce Announcer, keep time.Duration, logger *slog.Logger) *Projector {
	return &Projector{log: log, results: results, assignments: assignments, announce: announce, keep: keep, slog: logger, position: -1}
}

// Run projects whatever is in the journal, and then again each time that
// committed receives, until ctx ends. A failure is tried again every second. While
// messages come, it rests so that they are acknowledged first.
func (p *Projector) Run(ctx context.Context, committed <-chan struct{}) {
	pace := pace{committed: committed}
	for {
		pace.begin()
		more, err := p.bite(ctx, &pace)
		pace.worked()
		switch {
		case err != nil:
			if ctx.Err() == nil {
				p.slog.Error("projecting the journal", "error", err)
			}
			if !sleep(ctx, time.Second) {
				return
			}
		case more:
			pace.rest(ctx)
		default:
			select {
			case <-committed:
			case <-ctx.Done():
			}
			pace.sleep(ctx)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// Step projects the batches that follow, in one transaction, and reports whether
// there may be more.
func (p *Projector) Step(ctx context.Context) (more bool, err error) { return p.bite(ctx, nil) }

// bite is Step at a pace, nil for none.
func (p *Projector) bite(ctx context.Context, pace *pace) (more bool, err error) {
	defer func() {
		if err != nil {
			p.position = -1 // forget what is remembered: it may not be stored
		}
	}()
	if p.position < 0 {
		if err := p.begin(ctx); err != nil {
			return false, err
		}
	}
	p.placements.refresh()
	last, err := p.gather(ctx, pace)
	if err != nil || last == p.position {
		return false, err
	}
	var ended []lighting.Command
	err = p.results.Apply(ctx, last, func(tx Tx) error {
		ended, err = p.store(tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing results up to batch %d: %w", last, err)
	}
	p.position, p.most = last, min(4*p.most, maxBite)
	p.stored(ended)
	return true, nil
}

// gather makes the results of a bite in memory, and returns its last batch.
func (p *Projector) gather(ctx context.Context, pace *pace) (last int64, err error) {
	last = p.position
	for size := 0; size < p.most && p.fold.Weight() < maxResults; {
		batches, err := p.log.After(ctx, last, piece)
		if err != nil {
			return last, err
		}
		before := size
		for _, b := range batches {
			if p.until > 0 && b.ID > p.until {
				return last, nil
			}
			if err := p.batch(ctx, b); err != nil {
				return last, fmt.Errorf("batch %d: %w", b.ID, err)
			}
			last, size = b.ID, size+len(b.Messages)
		}
		if size-before < piece {
			break // the end of the journal, as it was
		}
		pace.worked()
		pace.rest(ctx)
	}
	return last, nil
}

// begin takes up from what is stored.
func (p *Projector) begin(ctx context.Context) error {
	position, err := p.results.Position(ctx)
	if err != nil {
		return err
	}
	if p.placements, err = loadPlacements(ctx, p.results, p.assignments); err != nil {
		return err
	}
	p.fold = telemetry.NewFold(p.results, p.keep)
	p.runs, p.touched = map[runKey]*Run{}, map[runKey]*Run{}
	p.poison, p.outcomes = nil, nil
	p.position, p.most = position, piece
	return nil
}

// batch makes the results of a batch in memory.
func (p *Projector) batch(ctx context.Context, b Batch) error {
	m := message{received: b.Received, batch: b.ID}
	for rest := b.Messages; len(rest) > 0; m.n++ {
		var err error
		if m.Entry, rest, err = ParseEntry(rest); err != nil {
			return err
		}
		if err := p.message(ctx, &m); err != nil {
			return err
		}
	}
	return nil
}

// message makes the results of one message. Its error is one of the store: what
// is wrong with the message goes into the results.
func (p *Projector) message(ctx context.Context, m *message) error {
	if m.Malformed {
		p.setAside(m, explain(&m.Entry))
		return nil
	}
	run, err := p.run(ctx, m)
	if err != nil {
		return err
	}
	highest := run.Seen.Highest()
	if m.Duplicate || !run.Seen.Add(m.Sequence) {
		run.Duplicates++
		return nil
	}
	last := run.Last
	if run.Received == 0 {
		last = time.Time{}
	}
	run.skipped(highest, m.Sequence, last, m.received)
	run.Received++
	run.Last = m.received
	a, err := p.placements.of(ctx, m.Gateway, m.batch)
	if err != nil {
		return err
	}
	m.run = run
	known, err := p.body(ctx, a, m)
	var bad *badBody
	switch {
	case errors.As(err, &bad):
		run.Malformed++
		p.setAside(m, bad.Error())
		return nil
	case err == nil && !known:
		run.Unknown++
	}
	return err
}

// run returns the run that a message belongs to, and marks it for storing.
func (p *Projector) run(ctx context.Context, m *message) (*Run, error) {
	key := runKey{m.Gateway, m.Boot}
	r := p.runs[key]
	if r == nil {
		before, ok, err := p.results.RunBefore(ctx, m.Gateway, m.Boot)
		if err != nil {
			return nil, err
		}
		if !ok {
			before = Run{Gateway: m.Gateway, Boot: m.Boot, First: m.received, Last: m.received}
		}
		r = &before
		p.runs[key] = r
	}
	p.touched[key] = r
	return r, nil
}

func (p *Projector) setAside(m *message, reason string) {
	p.poison = append(p.poison, Poison{
		Batch: m.batch, N: m.n, Gateway: m.Gateway, Kind: string(m.Kind),
		Received: m.received, Reason: reason, Payload: m.Payload,
	})
}

// store stores what has been made in memory.
func (p *Projector) store(tx Tx) (ended []lighting.Command, err error) {
	for _, r := range p.touched {
		if err := tx.SetRun(*r); err != nil {
			return nil, err
		}
	}
	for _, bad := range p.poison {
		if err := tx.SetAside(bad); err != nil {
			return nil, err
		}
	}
	for _, o := range p.outcomes {
		c, ok, err := tx.EndCommand(o.assignment, o.result)
		if err != nil {
			return nil, err
		}
		if ok {
			ended = append(ended, c)
		}
	}
	return ended, p.fold.Store(tx)
}

// maxRuns is how many runs are remembered; beyond that all are forgotten.
const maxRuns = 100_000

// stored says what became known, and makes ready for the next batches.
func (p *Projector) stored(ended []lighting.Command) {
	p.fold.Stored(p.announce.StateChanged)
	for _, c := range ended {
		p.announce.CommandEnded(c)
	}
	clear(p.touched)
	p.poison, p.outcomes = p.poison[:0], p.outcomes[:0]
	if len(p.runs) > maxRuns {
		clear(p.runs)
	}
}
