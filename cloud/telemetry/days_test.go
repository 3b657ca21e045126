package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// damaged is days of which those of one project cannot be made again.
type damaged struct {
	telemetry.Days

	project sconce.ProjectID
	tried   int
}

func (d *damaged) Settle(ctx context.Context, id sconce.ProjectID, limit int) error {
	if id == d.project {
		d.tried++
		return errors.New("a damaged row")
	}
	return d.Days.Settle(ctx, id, limit)
}

// TestDamagedDaysKeepNoOther: when the days of one project cannot be made again for its new
// time zone, those of all others are, however many there are, and it is tried once a round.
func TestDamagedDaysKeepNoOther(t *testing.T) {
	s := storetest.Open(t)
	var projects []sconce.ProjectID
	for i := range 105 { // more than are asked for at a time
		site := storetest.MakeSite(t, s, sconce.EUI64(0x1000+i))
		set := energy.Defaults()
		set.Zone = fmt.Sprintf("Etc/GMT-%d", 1+i%12)
		if err := s.Energy().SetSettings(t.Context(), site.Owner, set); err != nil {
			t.Fatal(err)
		}
		projects = append(projects, site.Project)
	}
	d := &damaged{Days: s.Days(), project: slices.Min(projects)}
	if err := (telemetry.Settler{Store: d, Log: slog.New(slog.DiscardHandler)}).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := s.Days().Unsettled(t.Context(), "")
	if err != nil || len(left) != 1 || left[0] != d.project || d.tried != 1 {
		t.Errorf("%v are left after it was tried %d times, %v", left, d.tried, err)
	}
}
