package deletion

import (
	"context"
	"log/slog"
	"time"
)

// maxDue is how many deletions are read at a time.
const maxDue = 20

// Run deletes what is due, at once and then every minute, until ctx ends. It goes on where
// it was, whenever the program ends: what is done is what is gone.
func (s *Service) Run(ctx context.Context) {
	for {
		if err := s.Step(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("projects cannot be deleted now", slog.Any("error", err))
		}
		if !wait(ctx, every) {
			return
		}
	}
}

// Step goes once through what is due. A project that cannot be removed keeps no other.
func (s *Service) Step(ctx context.Context) error {
	now := s.Now()
	for after := (Deletion{}); ctx.Err() == nil; {
		due, err := s.Store.DueDeletions(ctx, now, after, maxDue)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, d := range due {
			if err := s.advance(ctx, d); err != nil && ctx.Err() == nil {
				s.Log.Error("a project cannot be deleted now", slog.String("project", string(d.Project)), slog.Any("error", err))
			}
		}
		after = due[len(due)-1]
	}
	return ctx.Err()
}

// advance removes what there is of a project; and the project itself, when nothing can have
// come since the removal began.
func (s *Service) advance(ctx context.Context, d Deletion) error {
	if d.Begun.IsZero() {
		gateways, err := s.Store.Close(ctx, d, s.Now())
		if err != nil {
			return err
		}
		for _, g := range gateways {
			s.Released(g)
		}
		d.Begun = s.Now()
	}
	settled, err := s.Store.Settled(ctx, d)
	if err != nil {
		return err
	}
	settled = settled && !s.Now().Before(d.Begun.Add(Settle))
	removed := 0
	err = s.Store.Remove(ctx, d.Project, bite, func(_ string, rows int) error {
		if removed += rows; !wait(ctx, rest) {
			return ctx.Err()
		}
		return nil
	})
	if removed > 0 {
		s.Log.Info("removed rows of a project that is deleted", slog.String("project", string(d.Project)), slog.Int("rows", removed))
	}
	if err != nil || !settled {
		return err
	}
	if err := s.Store.End(ctx, d, s.Now()); err != nil {
		return err
	}
	s.Log.Info("a project is deleted", slog.String("project", string(d.Project)))
	return nil
}

// wait waits, and reports whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
