package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// rowsOver is rows of which some are always over.
type rowsOver struct{ asked chan telemetry.Expiry }

func (o rowsOver) ExpireTelemetry(_ context.Context, before telemetry.Expiry, did func(map[string]int) error) error {
	o.asked <- before
	return errors.Join(did(map[string]int{"readings": 1}), errors.New("the disk is away"))
}

// TestRetain looks at once and every hour, also after a failure, and ends when it is told to.
func TestRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		o, keep, began := rowsOver{make(chan telemetry.Expiry)}, telemetry.DefaultRetention(), time.Now()
		ended := make(chan struct{})
		go func() {
			telemetry.Retain(ctx, o, keep, time.Now, slog.New(slog.DiscardHandler))
			close(ended)
		}()
		for n := range 3 {
			before := <-o.asked
			if got := time.Since(began); got < time.Duration(n)*time.Hour || got > time.Duration(n)*time.Hour+time.Minute {
				t.Errorf("look %d after %s", n, got)
			}
			if before != keep.Before(time.Now()) {
				t.Errorf("look %d asked for %+v", n, before)
			}
		}
		stop()
		<-ended
	})
}

// TestBefore: a block of sums is over when every quarter in it is, in every time zone.
func TestBefore(t *testing.T) {
	const day = 24 * time.Hour
	keep := telemetry.Retention{Readings: 7 * day, Quarters: 10 * day, Days: 31 * day, Events: 8 * day}
	date := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	for _, test := range []struct {
		now   time.Time
		day   time.Time // the first that is kept by quarters
		month time.Month
	}{
		{date(11, 23, 12), date(11, 13, 0), 10},
		{date(11, 23, 0), date(11, 13, 0), 10},
		{date(11, 22, 23), date(11, 12, 0), 10},
		{date(12, 2, 13), date(11, 22, 0), 10}, // 1 November 13:00, when in the west it was October half a day before
		{date(12, 3, 0), date(11, 23, 0), 11},
	} {
		got := keep.Before(test.now)
		want := telemetry.Expiry{
			Readings: test.now.Add(-7 * day), Events: test.now.Add(-8 * day), Quarters: test.day.Unix() / 86400, Days: rollup.MonthOf(2026, test.month),
		}
		if got != want {
			t.Errorf("at %s: %+v, want %+v", test.now, got, want)
		}
	}
}

// TestLateReadings: what comes when readings of its time are kept no more is counted and
// changes nothing.
func TestLateReadings(t *testing.T) {
	s := storetest.Open(t)
	ctx, site := t.Context(), storetest.MakeSite(t, s, gateway)
	a := project.Assignment{Project: site.Project, Network: site.Network}
	received := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	fold := telemetry.NewFold(s.Results(), time.Hour)
	from := fold.From(a, received)
	of := telemetry.Series{Device: 7, Metric: sconce.Energy}
	edge := received.Add(-time.Hour).UnixMilli()
	for _, at := range []int64{edge, edge - 1, edge + 1, 0} {
		if err := from.Reading(ctx, of, telemetry.Sample{At: at, Value: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.State(ctx, telemetry.DeviceState{Device: 7, At: time.UnixMilli(edge - 1), On: new(true)}); err != nil { // no reading
		t.Fatal(err)
	}
	if from.Late() != 2 {
		t.Errorf("%d readings were late, want 2", from.Late())
	}
	if err := s.Results().Apply(ctx, 1, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		t.Fatal(err)
	}
	open, err := s.Telemetry().OpenChunk(ctx, site.Owner, of)
	if err != nil || len(open.Samples) != 2 || open.Samples[0].At != edge {
		t.Errorf("kept are %v, %v", open.Samples, err)
	}
	open, err = s.Telemetry().OpenChunk(ctx, site.Owner, telemetry.Series{Device: 7, Metric: sconce.Output})
	if err != nil || len(open.Samples) != 0 {
		t.Errorf("of the output are kept %v, %v", open.Samples, err)
	}
}
