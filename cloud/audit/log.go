package audit

import (
	"context"
	"iter"
	"strconv"
	"sync"
	"time"

	"sconce/cloud/attempts"
)

// Store keeps chains. It lets no entry be changed or removed.
type Store interface {
	// Append continues a chain.
	Append(ctx context.Context, chain Chain, e Event) error
	// Entries returns up to limit entries of a chain with numbers above after, in
	// their order.
	Entries(ctx context.Context, chain Chain, after uint64, limit int) ([]Entry, error)
	// Newest returns up to limit entries of a chain with numbers below before, the
	// newest first.
	Newest(ctx context.Context, chain Chain, before uint64, limit int) ([]Entry, error)
}

// How many refusals of one chain are written in a window; what is beyond is counted,
// and the count written with the first refusal of a later window. Else whoever is
// refused could fill the database.
const (
	refusals        = 60
	refusalsWindow  = time.Minute
	refusalsCounted = 1 << 14 // chains
)

// Log writes what no change brings with it, refusals, and reads the log.
type Log struct {
	store   Store
	now     func() time.Time
	limiter *attempts.Limiter

	mu      sync.Mutex
	leftOut map[Chain]uint64
}

// NewLog returns the log that is in store.
func NewLog(store Store, now func() time.Time) *Log {
	return &Log{
		store: store, now: now, limiter: attempts.New(refusals, refusalsWindow, refusalsCounted),
		leftOut: map[Chain]uint64{},
	}
}

// Refuse writes that somebody was refused an operation; detail says about what, when that
// is known.
func (l *Log) Refuse(ctx context.Context, chain Chain, who Subject, origin Origin, operation, detail string) error {
	now := l.now()
	if !l.limiter.Take(now, string(chain)) {
		l.leave(chain, 1)
		return nil
	}
	if n := l.take(chain); n > 0 {
		err := l.store.Append(ctx, chain, Event{
			At: now, Who: Nobody, Action: RefusalsLeftOut, Detail: "count=" + strconv.FormatUint(n, 10), Result: Refused,
		})
		if err != nil {
			l.leave(chain, n)
			return err
		}
	}
	return l.store.Append(ctx, chain, Event{
		At: now, Who: who, Origin: origin, Action: AccessRefused, Target: operation, Detail: detail, Result: Refused,
	})
}

// leave counts refusals that were not written. When too many chains are counted, one is forgotten.
func (l *Log) leave(chain Chain, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.leftOut[chain]; !known && len(l.leftOut) >= refusalsCounted {
		for other := range l.leftOut {
			delete(l.leftOut, other)
			break
		}
	}
	l.leftOut[chain] += n
}

// take returns how many refusals were left out, and begins anew.
func (l *Log) take(chain Chain) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.leftOut[chain]
	delete(l.leftOut, chain)
	return n
}

// Newest returns up to limit entries of a chain before the one of that number (0: the
// last ones), the newest first.
func (l *Log) Newest(ctx context.Context, chain Chain, before uint64, limit int) ([]Entry, error) {
	return l.store.Newest(ctx, chain, before, limit)
}

// All returns the whole of a chain, for [Verify] and [Write].
func All(ctx context.Context, store Store, chain Chain) iter.Seq2[Entry, error] {
	const page = 1000
	return func(yield func(Entry, error) bool) {
		var after uint64
		for {
			some, err := store.Entries(ctx, chain, after, page)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range some {
				if !yield(e, nil) {
					return
				}
			}
			if len(some) < page {
				return
			}
			after = some[len(some)-1].Number
		}
	}
}
