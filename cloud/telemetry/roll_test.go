package telemetry_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
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

// rolledMetrics are the metrics of which there are rollups.
var rolledMetrics = []sconce.Metric{sconce.Energy, sconce.ActivePower, sconce.Occupancy, sconce.Output}

// quarters is what is known of one device by the number of the quarter.
type quarters map[int64]rollup.Sums

// TestRollupsAreThoseOfTheReadings: whatever order readings come in, and however often, and
// whatever the counter of a device does, what is kept for years is what one gets who takes all
// readings, puts them in order and reckons quarter by quarter.
func TestRollupsAreThoseOfTheReadings(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			s := storetest.Open(t)
			site := storetest.MakeSite(t, s, gateway)
			all := randomLife(r)
			arrive(t, r, s, site, all)
			got := storedQuarters(t, s, site)
			want := naive(all)
			for q := range want {
				if got[q] != want[q] {
					t.Errorf("quarter %d is %+v, want %+v", q, got[q], want[q])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d quarters, want %d", len(got), len(want))
			}
		})
	}
}

// start is when the lives of these tests begin: the night in which clocks went forward in
// Berlin in 2026.
var start = time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC).UnixMilli()

// randomLife makes the samples of one device over some days, with silences, restarts of
// its counter, and samples of one moment.
func randomLife(r *rand.Rand) map[sconce.Metric][]telemetry.Sample {
	all := map[sconce.Metric][]telemetry.Sample{}
	for _, m := range rolledMetrics {
		at, counter := start, r.Float64()*5000
		for range 150 + r.IntN(250) {
			switch r.IntN(40) {
			case 0:
				at += int64(r.IntN(30 * 3600_000)) // a silence
			case 1:
				counter = r.Float64() // a restart of the counter
			case 2: // another sample of the same moment
			case 3:
				counter = max(0, counter-r.Float64()*1000) // cannot be
			default:
				at += int64(r.IntN(600_000))
			}
			counter += r.Float64() * 10
			var value float64
			switch m {
			case sconce.Energy:
				value = math.Round(counter*1000) / 1000
			case sconce.ActivePower:
				value = float64(r.IntN(500))/10 - 1
			case sconce.Occupancy:
				value = float64(r.IntN(3) - 1)
			case sconce.Output:
				value = float64(r.IntN(1300) - 250)
				value = min(max(value, -1), 1000)
			}
			all[m] = append(all[m], telemetry.Sample{At: at, Value: value})
		}
		all[m] = append(all[m], telemetry.Sample{At: 1000, Value: 1}) // of a clock that was never set
	}
	return all
}

// arrive brings samples into a store: mostly in order, some late, some far too late, some
// twice, in transactions of any size, and now and then by a program that has just started.
func arrive(t *testing.T, r *rand.Rand, s *store.Store, site storetest.Site, all map[sconce.Metric][]telemetry.Sample) {
	t.Helper()
	type arriving struct {
		metric sconce.Metric
		telemetry.Sample
		after int64
	}
	var queue []arriving
	for _, m := range rolledMetrics {
		for _, sample := range all[m] {
			delay := int64(0)
			switch r.IntN(8) {
			case 0:
				delay = int64(r.IntN(1_000_000))
			case 1:
				delay = int64(r.IntN(200_000_000))
			}
			queue = append(queue, arriving{m, sample, sample.At + delay})
			if r.IntN(20) == 0 {
				queue = append(queue, arriving{m, sample, sample.At + delay + int64(r.IntN(50_000_000))})
			}
		}
	}
	slices.SortStableFunc(queue, func(a, b arriving) int { return cmp.Compare(a.after, b.after) })
	a := project.Assignment{Project: site.Project, Network: site.Network}
	fold := telemetry.NewFold(s.Results(), 0)
	position := int64(0)
	flush := func() {
		position++
		if err := s.Results().Apply(t.Context(), position, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
			t.Fatal(err)
		}
		fold.Stored(func(sconce.ProjectID, telemetry.DeviceState) {})
	}
	received := time.UnixMilli(start).Add(1000 * time.Hour)
	for _, one := range queue {
		from := fold.From(a, received)
		var err error
		if one.metric == sconce.Output {
			state := telemetry.DeviceState{Device: light, At: one.Time(), Reachable: one.Value >= 0, On: new(one.Value > 0)}
			if one.Value > 0 {
				state.Level = new(sconce.Level(one.Value))
			}
			err = from.State(t.Context(), state)
		} else {
			err = from.Reading(t.Context(), telemetry.Series{Device: light, Metric: one.metric}, one.Sample)
		}
		if err != nil {
			t.Fatal(err)
		}
		switch r.IntN(60) {
		case 0:
			flush()
			fold = telemetry.NewFold(s.Results(), 0)
		case 1, 2:
			flush()
		}
	}
	flush()
}

// storedQuarters returns what a store knows of the light, with what waits.
func storedQuarters(t *testing.T, s *store.Store, site storetest.Site) quarters {
	t.Helper()
	got, waiting := quarters{}, rollup.Parts{}
	q := telemetry.RollupQuery{Devices: []sconce.EUI64{light}, Level: rollup.Quarters, Until: 1 << 40}
	err := s.Telemetry().Rollups(t.Context(), site.Owner, q, func(b telemetry.Rollup) {
		for _, e := range b.Block {
			got[b.Period*rollup.QuartersPerDay+int64(e.Index)] = e.Sums
		}
	}, func(series telemetry.Series, open telemetry.Open) { open.Waiting(series.Metric, waiting) })
	if err != nil {
		t.Fatal(err)
	}
	for q, sums := range waiting {
		whole := got[q]
		whole.Add(sums)
		got[q] = whole
	}
	return got
}

// naive reckons the quarters from all samples, each quarter by itself.
func naive(all map[sconce.Metric][]telemetry.Sample) quarters {
	want := quarters{}
	for m, samples := range all {
		samples = slices.DeleteFunc(slices.Clone(samples), func(s telemetry.Sample) bool { return s.At < start })
		slices.SortFunc(samples, func(a, b telemetry.Sample) int {
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value))
		})
		last := samples[len(samples)-1].At
		for q := start / rollup.Quarter; q <= last/rollup.Quarter; q++ {
			sums := want[q]
			for i, s := range samples {
				if m == sconce.ActivePower && s.At/rollup.Quarter == q {
					sums.Peak = max(sums.Peak, int64(math.Round(s.Value*1000)))
				}
				if i > 0 {
					naivePair(&sums, m, samples[i-1], s, q*rollup.Quarter)
				}
			}
			if sums != (rollup.Sums{}) {
				want[q] = sums
			}
		}
	}
	return want
}

// naivePair adds what lies between two samples in the quarter that begins at from.
func naivePair(sums *rollup.Sums, m sconce.Metric, a, b telemetry.Sample, from int64) {
	to := from + rollup.Quarter
	within := func(end int64) int64 { return max(0, min(end, to)-max(a.At, from)) }
	switch m {
	case sconce.Energy:
		naiveEnergy(sums, a, b, from)
	case sconce.ActivePower:
		ms := within(min(b.At, a.At+2*3600_000))
		sums.Powered += ms
		sums.Power += ms * max(0, int64(math.Round(a.Value*1000)))
	case sconce.Occupancy:
		if a.Value < 0 {
			return
		}
		ms := within(min(b.At, a.At+2*3600_000))
		sums.Sensed += ms
		sums.Occupied += ms * int64(a.Value)
	case sconce.Output:
		if a.Value < 0 {
			sums.Watched += within(b.At)
			return
		}
		ms := within(min(b.At, a.At+2*3600_000))
		sums.Watched += ms
		sums.Reached += ms
		for band, least := range []float64{1, 201, 401, 601, 801} {
			if a.Value >= least && a.Value < least+200 {
				sums.Band[band] += ms
			}
		}
	}
}

func naiveEnergy(sums *rollup.Sums, a, b telemetry.Sample, from int64) {
	before, after := int64(math.Round(a.Value*1000)), int64(math.Round(b.Value*1000))
	mwh := after - before
	if mwh < 0 {
		mwh = 0
		if hours := float64(b.At-a.At)/3600_000 + 1; float64(after) <= 4000*1000*hours {
			mwh = after // the counter began again
		}
	}
	if a.At == b.At {
		if b.At/rollup.Quarter*rollup.Quarter == from {
			sums.Energy += mwh
		}
		return
	}
	until := func(t int64) int64 { return mwh * (min(max(t, a.At), b.At) - a.At) / (b.At - a.At) }
	part := until(from+rollup.Quarter) - until(from)
	sums.Energy += part
	if b.At-a.At > 3600_000 {
		sums.Spread += part
	}
	sums.Metered += max(0, min(b.At, from+rollup.Quarter)-max(a.At, from))
}

// TestMonthsOfWhatIsFarApart: what is stored in one go may be of times weeks apart, which are not
// read together: all of it is in the quarters, and each month is what its days are together.
func TestMonthsOfWhatIsFarApart(t *testing.T) {
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, gateway)
	a := project.Assignment{Project: site.Project, Network: site.Network}
	fold := telemetry.NewFold(s.Results(), 0)
	days := []int64{0, 20, 45, 46}
	for bite := range int64(2) {
		for _, day := range days {
			at := start + day*24*3600_000 + bite*3600_000
			from := fold.From(a, time.UnixMilli(at).Add(time.Minute))
			if err := from.Reading(t.Context(), telemetry.Series{Device: light, Metric: sconce.ActivePower}, telemetry.Sample{At: at, Value: 10}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Results().Apply(t.Context(), bite+1, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
			t.Fatal(err)
		}
		fold.Stored(func(sconce.ProjectID, telemetry.DeviceState) {})
	}
	powered := func(level rollup.Level) map[int64]int64 {
		all := map[int64]int64{}
		err := s.Telemetry().Rollups(t.Context(), site.Owner, telemetry.RollupQuery{Devices: []sconce.EUI64{light}, Level: level, Until: 1 << 40}, func(b telemetry.Rollup) {
			for _, e := range b.Block {
				month := b.Period
				switch level {
				case rollup.Quarters:
					month = 0
				case rollup.Months:
					month = b.Period*12 + int64(e.Index)
				}
				all[month] += e.Powered
			}
		}, func(telemetry.Series, telemetry.Open) {})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	byDays, byMonths := powered(rollup.Days), powered(rollup.Months)
	if len(byMonths) < 2 || !maps.Equal(byDays, byMonths) {
		t.Errorf("months have %v, and their days %v", byMonths, byDays)
	}
	total := int64(0)
	for _, ms := range byDays {
		total += ms
	}
	// A value lasts for two hours. The last one waits.
	if want := int64(len(days)*3-2) * 3600_000; total != want || powered(rollup.Quarters)[0] != want {
		t.Errorf("known of %d ms by days and %d by quarters, want %d", total, powered(rollup.Quarters)[0], want)
	}
}
