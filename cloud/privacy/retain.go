package privacy

import (
	"context"
	"log/slog"
	"time"
)

// Rows is what may be over.
type Rows interface {
	// Expire removes the rows whose time is over, by the times that rules have for
	// database.table, up to limit in one transaction. After each it says how many, and ends
	// with the error of did.
	Expire(ctx context.Context, now time.Time, rules map[string]time.Duration, limit int, did func(table string, rows int) error) error
}

const (
	expireEvery = time.Hour
	expireBite  = 200                    // rows in one transaction, so that others are not kept waiting
	expirePause = 100 * time.Millisecond // between two of them
)

// Times returns the time of each table of the inventory that has one, by database.table.
func Times() (map[string]time.Duration, error) {
	fields, err := Fields()
	times := map[string]time.Duration{}
	for _, f := range fields {
		if f.Retention.After > 0 {
			times[f.Database+"."+f.Table] = f.Retention.After
		}
	}
	return times, err
}

// Retain removes what is over, at once and then every hour, until ctx ends.
func Retain(ctx context.Context, rows Rows, now func() time.Time, log *slog.Logger) {
	for {
		if err := expire(ctx, rows, now(), log); err != nil && ctx.Err() == nil {
			log.Error("what is over cannot be removed now", slog.Any("error", err))
		}
		if !pause(ctx, expireEvery) {
			return
		}
	}
}

func expire(ctx context.Context, rows Rows, now time.Time, log *slog.Logger) error {
	times, err := Times()
	if err != nil {
		return err
	}
	removed := map[string]int{}
	err = rows.Expire(ctx, now, times, expireBite, func(table string, n int) error {
		if removed[table] += n; !pause(ctx, expirePause) {
			return ctx.Err()
		}
		return nil
	})
	for table, n := range removed {
		log.Info("removed what is over", slog.String("table", table), slog.Int("rows", n))
	}
	return err
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
