package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/lighting"
	"sconce/cloud/telemetry"
)

// Rebuild is what is being made again: the results of the batches after one, up to
// another. It is kept with the results while it is under way, so that it goes on where it
// was when it was stopped, in whatever way.
type Rebuild struct{ After, Until int64 }

// UnderWay reports whether there is a rebuild.
func (r Rebuild) UnderWay() bool { return r.Until > 0 }

// Rebuilder makes the results again from the journal: when a version made them wrong, or
// when their tables were damaged. All of its fields are needed, but for Keep. No [Projector] may run on
// the store meanwhile, and no cloud on results that are half made ([Whole]).
//
// What it makes is what the projector had made, row by row. It tells nobody of it: states
// are announced and commands ended when they come, once. What people were told of a
// command stays as it is. It begins with the oldest [Base] to which the journal reaches back, or
// with nothing when the journal holds everything; what was made before stays. Batches that
// were not projected yet are left to the projector.
type Rebuilder struct {
	Journal  Log
	Results  Reading
	Keep     time.Duration // of readings, see [NewProjector]
	Now      func() time.Time
	Log      *slog.Logger
	Progress func(r Rebuild, position int64) // after every bite
}

// Run begins a rebuild, or goes on with the one that is under way, and ends it. It refuses
// when the journal does not hold what would have to be made again.
func (b Rebuilder) Run(ctx context.Context) error {
	r, err := b.Results.Rebuilding(ctx)
	if err == nil && !r.UnderWay() {
		r, err = b.begin(ctx)
	}
	if err != nil || !r.UnderWay() {
		return err
	}
	keep, err := b.keep(ctx, r)
	if err != nil {
		return err
	}
	p := NewProjector(b.Journal, b.Results, nil, silence{}, keep, b.Log)
	p.until = r.Until
	if err := p.begin(ctx); err != nil {
		return err
	}
	for p.position < r.Until {
		b.Progress(r, p.position)
		before := p.position
		if _, err := p.Step(ctx); err != nil {
			return fmt.Errorf("making the results of the batches after %d again: %w", before, err)
		}
		if p.position == before {
			return sconce.Errorf(sconce.Conflict, "the journal ends with batch %d, and results had been made up to batch %d", before, r.Until)
		}
	}
	b.Progress(r, p.position)
	return b.Results.Rebuilt(ctx)
}

// begin decides what is made again, and takes back what had been made of it.
func (b Rebuilder) begin(ctx context.Context) (Rebuild, error) {
	position, err := b.Results.Position(ctx)
	if err != nil || position == 0 {
		return Rebuild{}, err
	}
	floor, _, err := beginOf(ctx, b.Journal)
	if err != nil {
		return Rebuild{}, err
	}
	bases, err := b.Results.Bases(ctx)
	if err != nil {
		return Rebuild{}, err
	}
	start, ok := startOf(floor, bases, b.Now(), b.Keep)
	if !ok {
		return Rebuild{}, sconce.Errorf(sconce.Conflict, "the beginning of the journal is gone, and there is no base of results to begin with: nothing can be made again")
	}
	r := Rebuild{After: start.After, Until: position}
	if r.After == r.Until {
		return Rebuild{}, nil
	}
	n, err := b.Journal.Count(ctx, r.After, r.Until)
	if err != nil {
		return Rebuild{}, err
	}
	if n != r.Until-r.After {
		return Rebuild{}, sconce.Errorf(sconce.Conflict, "the journal holds %d of the %d batches after %d: their results cannot be made again", n, r.Until-r.After, r.After)
	}
	return r, b.Results.TakeBack(ctx, r, audit.Event{
		At: b.Now(), Who: audit.Operator, Origin: audit.Console, Action: audit.JournalRebuilt, Result: audit.Done,
		Detail: fmt.Sprintf("after=%d until=%d", r.After, r.Until),
	})
}

// keep returns how old readings may be to be kept: no older than where the sums of the base
// begin.
func (b Rebuilder) keep(ctx context.Context, r Rebuild) (time.Duration, error) {
	if r.After == 0 {
		return b.Keep, nil
	}
	bases, err := b.Results.Bases(ctx)
	if err != nil {
		return 0, err
	}
	for _, base := range bases {
		if base.After == r.After && base.Keep > 0 && (b.Keep == 0 || base.Keep < b.Keep) {
			return base.Keep, nil
		}
	}
	return b.Keep, nil
}

// Whole returns a [sconce.Conflict] while a rebuild is under way: what the results say then
// is of a day long ago, for which alerts would be raised and lights be told to change.
func Whole(ctx context.Context, results Results) error {
	r, err := results.Rebuilding(ctx)
	if err != nil || !r.UnderWay() {
		return err
	}
	position, err := results.Position(ctx)
	if err != nil {
		return err
	}
	return sconce.Errorf(sconce.Conflict, "a rebuild of the results of the journal is under way until batch %d, and was stopped at batch %d; end it with `sconce ctl journal rebuild`",
		r.Until, position)
}

type silence struct{}

func (silence) StateChanged(sconce.ProjectID, telemetry.DeviceState) {}
func (silence) CommandEnded(lighting.Command)                        {}
