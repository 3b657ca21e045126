package ingest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce/cloud/ingest"
)

// yearly is a journal and its results that are as old as virtual time makes them.
type yearly struct {
	ingest.Log
	ingest.Results

	mu      sync.Mutex
	batches []ingest.Batch
	last    int64
	bases   []ingest.Base
}

func (y *yearly) After(context.Context, int64, int) ([]ingest.Batch, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.batches[:min(1, len(y.batches))], nil
}

func (y *yearly) Bases(context.Context) ([]ingest.Base, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.bases), nil
}

func (y *yearly) MakeBase(_ context.Context, b ingest.Base) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	b.After = y.last
	y.bases = append(y.bases, b)
	return nil
}

func (y *yearly) RemoveBase(_ context.Context, after int64) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.bases = slices.DeleteFunc(y.bases, func(b ingest.Base) bool { return b.After == after })
	return nil
}

func (y *yearly) Prune(_ context.Context, before time.Time, limit int) (n int, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for len(y.batches) > 0 && len(y.bases) > 0 && y.batches[0].ID <= y.bases[len(y.bases)-1].After && y.batches[0].Received.Before(before) && n < limit {
		y.batches, n = y.batches[1:], n+1
	}
	return n, nil
}

func (y *yearly) say(now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.last++
	y.batches = append(y.batches, ingest.Batch{ID: y.last, Received: now})
}

// check fails when the journal is too old, or nothing could be made again after it.
func (y *yearly) check(t *testing.T, age time.Duration) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	first := y.batches[0]
	if old := time.Since(first.Received); old > ingest.Retention+2*time.Hour {
		t.Fatalf("after %s the journal has a batch that is %s old", age, old)
	}
	if first.ID == 1 {
		return
	}
	i := slices.IndexFunc(y.bases, func(b ingest.Base) bool { return b.After >= first.ID-1 })
	if i < 0 || len(y.bases) > 5 || time.Since(y.bases[i].Made) < 59*24*time.Hour {
		t.Fatalf("after %s the journal begins with batch %d, and there are %d bases: %+v", age, first.ID, len(y.bases), y.bases)
	}
}

// TestKeeper lives a year: the journal is as old as it may be, a rebuild can always begin with
// a base, of which there are few, and reaches back two months at least.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		y, began := &yearly{}, time.Now()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			ingest.Keeper{Journal: y, Results: y, Age: ingest.Retention, Keep: 90 * day, Now: time.Now, Log: quiet}.Run(ctx)
			close(ended)
		}()
		for time.Since(began) < 365*day {
			y.say(time.Now())
			<-time.After(6 * time.Hour)
			synctest.Wait()
			y.check(t, time.Since(began))
		}
		stop()
		<-ended
	})
}
