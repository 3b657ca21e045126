package telemetry

import (
	"context"
	"log/slog"
	"time"

	"sconce"
)

// The days of the rollups begin at midnight where the building is, and say of which hours with
// prices of their own their energy is. When its people say that it is in another time zone, or
// that prices change at other hours, its days are made again from the quarters, device by device: what comes meanwhile is added to the days that a device has, and questions take the quarters
// of those whose turn has not come.

// Days is where the days of rollups are made again.
type Days interface {
	// Unsettled returns some projects with days that may be made by another calendar than theirs, in the order
	// of their identifiers, from the one that follows after; "" is before all.
	Unsettled(ctx context.Context, after sconce.ProjectID) ([]sconce.ProjectID, error)
	// Settle makes the days of up to limit devices of a project again, each in a transaction.
	// When there are none left, the project is unsettled no more.
	Settle(ctx context.Context, id sconce.ProjectID, limit int) error
}

// How days are made again.
const (
	// settlePace is how often it is looked whether there is anything to do.
	settlePace = 10 * time.Second
	// devicesAtOnce is how many devices of one project come before those of others.
	devicesAtOnce = 20
)

// Settler makes the days of rollups again when time zones or the hours of tariffs change. All of its fields are needed.
type Settler struct {
	Store Days
	Log   *slog.Logger
}

// Run works until ctx ends. When the store is away it tries again.
func (s Settler) Run(ctx context.Context) {
	tick := time.NewTicker(settlePace)
	defer tick.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("days cannot be made again by another calendar", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round makes all days again that there are to make. A project whose days cannot be made
// keeps no other: its turn comes again in the next round.
func (s Settler) Round(ctx context.Context) error {
	failed := map[sconce.ProjectID]bool{}
	for {
		worked, err := s.pass(ctx, failed)
		if err != nil || !worked {
			return err
		}
	}
}

// pass goes once through what there is to make, but for projects that have failed, and reports
// whether it made anything.
func (s Settler) pass(ctx context.Context, failed map[sconce.ProjectID]bool) (worked bool, err error) {
	for after := sconce.ProjectID(""); ; {
		all, err := s.Store.Unsettled(ctx, after)
		if err != nil || len(all) == 0 {
			return worked, err
		}
		for _, id := range all {
			after = id
			if failed[id] {
				continue
			}
			err := s.Store.Settle(ctx, id, devicesAtOnce)
			switch {
			case ctx.Err() != nil:
				return worked, ctx.Err()
			case err != nil:
				s.Log.Error("the days of a project cannot be made again by its calendar", slog.String("project", string(id)), slog.Any("error", err))
				failed[id] = true
			default:
				worked = true
			}
		}
	}
}
