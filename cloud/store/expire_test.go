package store_test

import (
	"errors"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// TestExpireTelemetry removes what is over to the millisecond, in transactions that are
// short, and nothing else: the sums of a day outlive its readings.
func TestExpireTelemetry(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		keep := telemetry.DefaultRetention()
		sites := [2]storetest.Site{storetest.MakeSite(t, s, 0x10), storetest.MakeSite(t, s, 0x11)}
		end := now.Add(-keep.Readings).UnixMilli()
		const devices, over = 3, 700 // more than one transaction removes
		sum := rollup.Block{{Index: 1, Sums: rollup.Sums{Energy: 7}}}
		midnight := now.Truncate(24 * time.Hour)
		for _, site := range sites {
			a := project.Assignment{Project: site.Project, Network: site.Network}
			err := s.Results().Apply(ctx, 1, func(tx ingest.Tx) error {
				var errs []error
				for d := range sconce.EUI64(devices) {
					of := telemetry.Series{Device: 0x100 + d, Metric: sconce.ActivePower}
					for n := range int64(over + 2) { // the last but one is just over, the last is not
						last := telemetry.Sample{At: end - 1 - (over - n), Value: 1}
						errs = append(errs, tx.AddChunk(a, of, telemetry.Chunk{Part: n, Samples: []telemetry.Sample{{At: end - 1e9}, last}}))
					}
					errs = append(errs, tx.SetOpen(a, of, telemetry.Open{Part: over + 2, Samples: []telemetry.Sample{{At: 1, Value: 1}}}))
					for back := range int64(735) {
						period := rollup.QuarterPlace(midnight.UnixMilli()/rollup.Quarter).Period - back
						errs = append(errs, tx.SetRollup(a, of.Device, rollup.Quarters, period, sum))
					}
					for back := range int64(125) {
						errs = append(errs, tx.SetRollup(a, of.Device, rollup.Days, rollup.MonthOf(2026, 11)-back, sum))
					}
					for back := range int64(12) {
						errs = append(errs, tx.SetRollup(a, of.Device, rollup.Months, 2026-back, sum))
					}
				}
				for n := range 1200 {
					at := now.Add(-keep.Events).Add(time.Duration(n-1100) * time.Millisecond)
					errs = append(errs, tx.AddEvent(a, 1, n, telemetry.Event{Device: 7, At: at, Kind: 1}))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		before := keep.Before(now)
		removed := map[string]int{}
		did := func(rows map[string]int) error {
			n := 0
			for table, some := range rows {
				removed[table] += some
				n += some
			}
			if n > 3*500 {
				t.Errorf("%v are removed in one transaction", rows)
			}
			return nil
		}
		for range 2 { // the second time nothing is over
			if err := s.ExpireTelemetry(ctx, before, did); err != nil {
				t.Fatal(err)
			}
		}
		// Of 735 days, and of 125 months, those stay of which anything is not over: 733 and 121. Of 12 years
		// those of which nothing is: 10.
		want := map[string]int{"readings": 2 * devices * (over + 1), "rollups": 2 * devices * (735 - 733 + 125 - 121 + 12 - 10), "events": 2 * 1100}
		for table, n := range want {
			if removed[table] != n {
				t.Errorf("%d rows of %s are removed, want %d", removed[table], table, n)
			}
		}
		for _, site := range sites {
			of := telemetry.Series{Device: 0x100, Metric: sconce.ActivePower}
			chunks, err := s.Telemetry().Chunks(ctx, site.Owner, of, time.UnixMilli(0), now)
			if err != nil || len(chunks) != 1 || chunks[0].Last() != end {
				t.Errorf("chunks that are left: %v, %v; want the one that ends at %d", chunks, err, end)
			}
			if open, err := s.Telemetry().OpenChunk(ctx, site.Owner, of); err != nil || len(open.Samples) != 1 {
				t.Errorf("the open chunk is %v, %v", open, err)
			}
			events, err := s.Telemetry().Events(ctx, site.Owner, now, 1000)
			if err != nil || len(events) != 100 || events[99].At.UnixMilli() != before.Events.UnixMilli() {
				t.Errorf("%d events are left, %v; want 100", len(events), err)
			}
			q := telemetry.RollupQuery{Devices: []sconce.EUI64{0x100}, Level: rollup.Quarters, Until: 1 << 40}
			first := int64(0)
			err = s.Telemetry().Rollups(ctx, site.Owner, q, func(r telemetry.Rollup) {
				if first == 0 {
					first = r.Period
				}
			}, func(telemetry.Series, telemetry.Open) {})
			if err != nil || first != before.Quarters {
				t.Errorf("the first day with quarters is %d, %v; want %d", first, err, before.Quarters)
			}
		}
	})
}
