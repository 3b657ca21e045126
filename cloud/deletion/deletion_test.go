package deletion_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/deletion"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// TestEveryMethodAsks: whoever has no right to a project learns nothing of its end, and
// does nothing about it: there is no store to ask here.
func TestEveryMethodAsks(t *testing.T) {
	var s deletion.Service
	var none project.Scope
	_, get := s.Get(t.Context(), none)
	_, ask := s.Ask(t.Context(), none, deletion.Asker{}, "")
	for what, err := range map[string]error{"get": get, "ask": ask, "take back": s.TakeBack(t.Context(), none, identity.Account{})} {
		if sconce.KindOf(err) != sconce.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// stuck is a store of which no project but the last can be removed.
type stuck struct {
	deletion.Store

	due   []deletion.Deletion
	ended []sconce.ProjectID
}

func (s *stuck) DueDeletions(_ context.Context, _ time.Time, after deletion.Deletion, limit int) ([]deletion.Deletion, error) {
	i := slices.IndexFunc(s.due, func(d deletion.Deletion) bool { return d.Project > after.Project })
	if i < 0 {
		return nil, nil
	}
	return s.due[i:min(i+limit, len(s.due))], nil
}

func (s *stuck) Settled(context.Context, deletion.Deletion) (bool, error) { return true, nil }

func (s *stuck) Remove(_ context.Context, id sconce.ProjectID, _ int, _ func(string, int) error) error {
	if id != s.due[len(s.due)-1].Project {
		return errors.New("a damaged row")
	}
	return nil
}

func (s *stuck) End(_ context.Context, d deletion.Deletion, _ time.Time) error {
	s.ended = append(s.ended, d.Project)
	return nil
}

// TestStuckDeletionsKeepNoOther: however many projects cannot be removed, those that are due
// after them are.
func TestStuckDeletionsKeepNoOther(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var s stuck
	for i := range 50 {
		s.due = append(s.due, deletion.Deletion{Project: sconce.ProjectID(fmt.Sprintf("p%02d", i)), Due: now.Add(-deletion.Pause), Begun: now.Add(-deletion.Pause)})
	}
	service := deletion.Service{Store: &s, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if err := service.Step(t.Context()); err != nil || !slices.Equal(s.ended, []sconce.ProjectID{"p49"}) {
		t.Errorf("ended %v, %v", s.ended, err)
	}
}
