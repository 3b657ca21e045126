package ingest_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/rollup"
	"sconce/cloud/store/storetest"
	"sconce/wire"
)

// TestOccupancyOfPeriods: a period counts once, however often it is told and however late, by
// corrected time; single values that came before last until they are said to be told no more,
// and what a sensor sees now is not known then; when it last changed is, by the period.
func TestOccupancyOfPeriods(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	in.projector = ingest.NewProjector(s.Journal(), s.Results(), s.Projects(), &in.told, 90*24*time.Hour, quiet)
	hour := time.Now().Truncate(time.Hour).Add(-10 * time.Hour)
	at := func(d time.Duration) wire.Time { return wire.Time(hour.Add(d).UnixMilli()) }
	single := func(d time.Duration, value float64) wire.Readings {
		return wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.Occupancy, At: at(d), Value: value}}}
	}
	period := func(d time.Duration, minutes uint8) wire.Occupancy {
		return wire.Occupancy{From: at(d), Minutes: 60, Sensors: []wire.Occupied{{Device: light, Minutes: minutes}}}
	}
	state := func() (occupied *bool, changed time.Duration) {
		t.Helper()
		in.project()
		st, err := s.Telemetry().State(t.Context(), in.site.Owner, light)
		if err != nil {
			t.Fatal(err)
		}
		return st.Occupied, st.OccupiedAt.Sub(hour)
	}
	in.send(gateway, 5, 1, single(0, 1))
	if is, changed := state(); is == nil || !*is || changed != 0 {
		t.Fatalf("occupied %v since %v", is, changed)
	}
	in.send(gateway, 5, 2, single(10*time.Minute, -1))
	if is, changed := state(); is != nil || changed != 0 {
		t.Errorf("told no more: occupied %v since %v", is, changed)
	}
	in.send(gateway, 5, 3, period(2*time.Hour, 30))
	in.send(gateway, 5, 3, period(2*time.Hour, 30)) // repeated
	if is, changed := state(); is != nil || changed != 3*time.Hour {
		t.Errorf("after a period of both: occupied %v since %v", is, changed)
	}
	in.send(gateway, 5, 5, period(4*time.Hour, 0))
	in.send(gateway, 5, 6, period(5*time.Hour, 60))
	in.send(gateway, 5, 4, period(time.Hour, 60)) // late
	if is, changed := state(); is != nil || changed != 3*time.Hour {
		t.Errorf("after periods of one: occupied %v since %v", is, changed)
	}
	in.send(gateway, 5, 7, period(-100*24*time.Hour, 60)) // too late
	in.accept(gateway, wire.UpTopic(gateway, wire.KindOccupancy), in.message(5, 8, wire.Occupancy{Minutes: 7}))
	in.send(gateway, 5, 9, single(9*time.Hour, -1)) // it starts again
	in.project()

	got := in.tables()
	var sum rollup.Sums
	for _, b := range got.Rollups {
		total := b.Total()
		sum.Add(&total)
	}
	const minute, levels = 60_000, 2
	if sum.Occupied != levels*(10+30+60+60)*minute || sum.Sensed != levels*(10+4*60)*minute {
		t.Errorf("%d of %d minutes", sum.Occupied/minute, sum.Sensed/minute)
	}
	if len(got.Runs) != 1 || got.Runs[0].Late != 1 || got.Runs[0].Duplicates != 1 || got.Runs[0].Unknown != 0 || len(got.Poison) != 1 {
		t.Errorf("%+v, %+v", got.Runs, got.Poison)
	}
}
