package ingest

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Base is the results as they were when a batch had been projected: states, the account of
// every run, the sums that can still change, readings that fill no chunk. With the full chunks,
// which never change, it stands for the journal up to that batch. So the journal loses its
// oldest batches and what came after a base can still be made again; what came before stays
// as it was made.
type Base struct {
	After int64 // the batch
	Made  time.Time
	Keep  time.Duration // how old readings could be to be kept, see [NewProjector]
}

// Retention is how long the journal keeps what was made into results.
const Retention = 90 * 24 * time.Hour

// baseEvery is how far bases are apart, and so how much less than [Retention] a rebuild may
// reach back.
const baseEvery = 30 * 24 * time.Hour

// Keeper keeps what is needed of the journal, and no more.
type Keeper struct {
	Journal Log
	Results Results
	Age     time.Duration // of batches, as in [Retention]
	Keep    time.Duration // of readings, see [NewProjector]
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	pruneEvery = time.Hour
	pruneStep  = 500 // batches in one transaction, so that acknowledging goes on meanwhile
)

// Run makes a base when it is time, and deletes what is in the journal for longer than Age
// and in a base, every hour until ctx ends.
func (k Keeper) Run(ctx context.Context) {
	for {
		if err := k.base(ctx); err != nil && ctx.Err() == nil {
			k.Log.Error("keeping the results of the journal as a base", "error", err)
		}
		n, err := k.Journal.Prune(ctx, k.Now().Add(-k.Age), pruneStep)
		switch {
		case err != nil && ctx.Err() == nil:
			k.Log.Error("deleting old batches of the journal", "error", err)
		case err == nil && n == pruneStep:
			continue
		}
		if !sleep(ctx, pruneEvery) {
			return
		}
	}
}

// base makes a base when the newest one, or the journal without one, is old, and removes
// those that the journal does not reach back to.
func (k Keeper) base(ctx context.Context) error {
	floor, began, err := beginOf(ctx, k.Journal)
	if err != nil || began.IsZero() {
		return err
	}
	bases, err := k.Results.Bases(ctx)
	if err != nil {
		return err
	}
	if n := len(bases); n > 0 {
		began = bases[n-1].Made
	}
	if k.Now().Sub(began) >= baseEvery {
		if err := k.Results.MakeBase(ctx, Base{Made: k.Now(), Keep: k.Keep}); err != nil {
			return err
		}
	}
	for i, b := range bases {
		if b.After < floor && i < len(bases)-1 {
			if err := k.Results.RemoveBase(ctx, b.After); err != nil {
				return err
			}
		}
	}
	return nil
}

// beginOf returns which batch the journal begins after, and when its first one was received;
// a zero time is that of an empty journal.
func beginOf(ctx context.Context, log Log) (after int64, received time.Time, err error) {
	first, err := log.After(ctx, 0, 1)
	if err != nil || len(first) == 0 {
		return 0, time.Time{}, err
	}
	return first[0].ID - 1, first[0].Received, nil
}

// settled is how much younger than the oldest readings a base is that a rebuild begins with,
// where there is a choice: late readings are put between others, which must still be there.
const settled = 2 * 24 * time.Hour

// startOf returns the base that a rebuild begins with: the oldest to which the journal reaches
// back, or the zero Base when it holds everything. It returns false when there is none.
func startOf(floor int64, bases []Base, now time.Time, keep time.Duration) (Base, bool) {
	if floor == 0 {
		return Base{Keep: keep}, true
	}
	bases = slices.DeleteFunc(slices.Clone(bases), func(b Base) bool { return b.After < floor })
	for len(bases) > 1 && keep > 0 && bases[0].Made.Before(now.Add(settled-keep)) {
		bases = bases[1:]
	}
	if len(bases) == 0 {
		return Base{}, false
	}
	return bases[0], true
}
