package telemetry

import (
	"context"
	"log/slog"
	"time"

	"sconce/cloud/rollup"
)

// Retention is how long what is made of the journal is kept, by the times of what was
// measured and of what happened.
type Retention struct {
	Readings time.Duration // raw; what comes when it is older is counted and not kept
	Quarters time.Duration // sums by quarters of an hour
	Days     time.Duration // sums by days
	Events   time.Duration
}

const day = 24 * time.Hour

// DefaultRetention returns how long everything is kept where an operator does not say
// otherwise: readings for 90 days, quarters and events for 2 years, days for 10.
func DefaultRetention() Retention {
	return Retention{Readings: 90 * day, Quarters: 2 * 366 * day, Days: 10 * 366 * day, Events: 2 * 366 * day}
}

// The limits of [Retention]. The least is what late messages and questions about the last days
// need.
const (
	LeastRetention = 7 * day
	MostRetention  = 100 * 366 * day
)

// Expiry is before which times rows are over.
type Expiry struct {
	Readings time.Time // of the last reading of a chunk
	Events   time.Time
	Quarters int64 // period of [rollup.Quarters]
	Days     int64 // period of [rollup.Days]
}

// Before returns what is over at a time. A block of sums is over when all of it is, in
// whichever time zone its days are.
func (r Retention) Before(now time.Time) Expiry {
	quarters := now.Add(-r.Quarters).UnixMilli() / rollup.Quarter
	days := now.Add(-r.Days - day).UTC()
	return Expiry{
		Readings: now.Add(-r.Readings), Events: now.Add(-r.Events),
		Quarters: rollup.QuarterPlace(quarters).Period, Days: rollup.MonthOf(days.Year(), days.Month()),
	}
}

// Expiring is where rows may be over.
type Expiring interface {
	// ExpireTelemetry removes the rows that are over, in transactions that are short, so that
	// what gateways say is stored meanwhile. After each it says how many rows it removed, by
	// table, and ends with the error of did. The last readings of a series, which fill no
	// chunk, stay: what comes next is measured against them.
	ExpireTelemetry(ctx context.Context, before Expiry, did func(rows map[string]int) error) error
}

const (
	expireEvery = time.Hour
	expirePause = 50 * time.Millisecond // after each transaction
)

// Retain removes what is over, at once and then every hour, until ctx ends.
func Retain(ctx context.Context, rows Expiring, keep Retention, now func() time.Time, log *slog.Logger) {
	for {
		removed := map[string]int{}
		err := rows.ExpireTelemetry(ctx, keep.Before(now()), func(some map[string]int) error {
			for table, n := range some {
				removed[table] += n
			}
			if !pause(ctx, expirePause) {
				return ctx.Err()
			}
			return nil
		})
		for table, n := range removed {
			if n > 0 {
				log.Info("removed what is over", slog.String("table", table), slog.Int("rows", n))
			}
		}
		if err != nil && ctx.Err() == nil {
			log.Error("what is over cannot be removed now", slog.Any("error", err))
		}
		if !pause(ctx, expireEvery) {
			return
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
