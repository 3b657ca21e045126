package ingest

import (
	"context"
	"log/slog"
	"time"
)

// Retention is how long the journal keeps what was made into results.
const Retention = 90 * 24 * time.Hour

const (
	pruneEvery = time.Hour
	pruneStep  = 500 // batches in one transaction, so that acknowledging goes on meanwhile
)

// Retain deletes, every hour until ctx ends, what is in the journal for longer
// than age and has been projected. From then on [Rebuild] refuses.
func Retain(ctx context.Context, log Log, age time.Duration, logger *slog.Logger) {
	for {
		n, err := log.Prune(ctx, time.Now().Add(-age), pruneStep)
		switch {
		case err != nil && ctx.Err() == nil:
			logger.Error("deleting old batches of the journal", "error", err)
		case err == nil && n == pruneStep:
			continue
		}
		if !sleep(ctx, pruneEvery) {
			return
		}
	}
}
