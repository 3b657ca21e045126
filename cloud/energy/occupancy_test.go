package energy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// visit is that somebody was in a room.
type visit struct{ from, to time.Time }

// visits are those of some days, at any moment of them, apart.
func visits(r *rand.Rand, from, until time.Time) (all []visit) {
	for at := from; ; {
		at = at.Add(time.Duration(r.ExpFloat64() * float64(50*time.Minute))).Truncate(time.Millisecond)
		v := visit{at, at.Add(time.Duration(r.ExpFloat64() * float64(40*time.Minute))).Truncate(time.Millisecond)}
		if v.to.After(until) {
			return all
		}
		all = append(all, v)
		at = v.to
	}
}

// within returns for how long somebody was there between two times.
func within(all []visit, from, to time.Time) (sum time.Duration) {
	for _, v := range all {
		sum += time.Duration(max(0, min(v.to.UnixNano(), to.UnixNano())-max(v.from.UnixNano(), from.UnixNano())))
	}
	return sum
}

// TestOccupancyByPeriodsIsThatOfSingleValues: of the same days of the same people, a sensor of
// which every change is told and one of which the gateway tells periods alone say the same of
// each hour, where ever the hours begin, but for the minute to which periods are rounded.
func TestOccupancyByPeriodsIsThatOfSingleValues(t *testing.T) {
	const single, whole = sconce.EUI64(0x51), sconce.EUI64(0x52)
	for zone, period := range map[string]time.Duration{
		"Europe/Berlin": time.Hour, "Australia/Lord_Howe": 30 * time.Minute, "Asia/Kathmandu": 15 * time.Minute,
	} {
		t.Run(zone, func(t *testing.T) {
			begin := time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC) // clocks go forward in Berlin two days later
			w := newWorld(t, begin.AddDate(0, 0, 8))
			w.settings(zone, nil)
			groups := map[sconce.EUI64]sconce.GroupID{}
			for i, device := range []sconce.EUI64{single, whole} {
				g := lighting.Group{ID: sconce.MakeID[sconce.GroupID](begin, [10]byte{2, byte(i)}), Network: w.site.Network, Name: fmt.Sprint("Room of ", device), Made: begin}
				if _, err := w.store.Lighting().CreateGroup(t.Context(), w.site.Owner, g); err != nil {
					t.Fatal(err)
				}
				groups[device] = g.ID
				if err := w.store.Lighting().AddDevice(t.Context(), w.site.Owner, lighting.Device{
					Position: sconce.MakeID[sconce.PositionID](begin, [10]byte{3, byte(i)}), Network: w.site.Network, Name: fmt.Sprint("Sensor ", i),
					Device: device, Kind: sconce.Sensor, Groups: []sconce.GroupID{g.ID}, Made: begin,
				}, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			r := rand.New(rand.NewPCG(uint64(period), 9))
			end := begin.AddDate(0, 0, 7)
			people := visits(r, begin, end)
			w.senses(single, whole, people, begin, end, period)

			q := energy.Question{From: figures.Date{Year: 2026, Month: 3, Day: 28}, To: figures.Date{Year: 2026, Month: 4, Day: 2}, By: figures.Hour, Per: energy.PerGroup}
			a, err := w.service.Occupancy(t.Context(), w.site.Owner, q)
			if err != nil {
				t.Fatal(err)
			}
			rows := map[string]energy.Row{}
			for _, row := range a.Rows {
				rows[row.ID] = row
			}
			one, other := rows[string(groups[single])], rows[string(groups[whole])]
			if len(one.Cells) < 100 {
				t.Fatalf("%d hours", len(one.Cells))
			}
			rounded := time.Hour / period * time.Minute
			for i, c := range one.Cells {
				o := other.Cells[i]
				if c.Sensed != o.Sensed || c.Sensed != a.Spans[i].Milliseconds() || math.Abs(float64(c.Occupied-o.Occupied)) > float64(rounded.Milliseconds()) {
					t.Errorf("hour %v: of single values %d of %d ms, of periods %d of %d ms", a.Spans[i].From, c.Occupied, c.Sensed, o.Occupied, o.Sensed)
				}
				if want := within(people, a.Spans[i].From, a.Spans[i].To).Milliseconds(); c.Occupied != want {
					t.Errorf("hour %v: %d ms, want %d", a.Spans[i].From, c.Occupied, want)
				}
			}
			if math.Abs(float64(one.Total.Occupied-other.Total.Occupied)) > 0.01*float64(one.Total.Occupied) {
				t.Errorf("in all %d and %d ms", one.Total.Occupied, other.Total.Occupied)
			}
		})
	}
}

// senses lets one sensor tell every change, and another periods alone, of the same days.
func (w *world) senses(single, whole sconce.EUI64, people []visit, begin, end time.Time, period time.Duration) {
	w.t.Helper()
	fold := telemetry.NewFold(w.store.Results(), 0)
	from := fold.From(project.Assignment{Project: w.site.Project, Network: w.site.Network}, w.now)
	say := func(at time.Time, value float64) {
		if err := from.Reading(w.t.Context(), telemetry.Series{Device: single, Metric: sconce.Occupancy}, telemetry.Sample{At: at.UnixMilli(), Value: value}); err != nil {
			w.t.Fatal(err)
		}
	}
	last := begin
	until := func(at time.Time, value float64) { // sensors say what they see every half an hour at least
		for ; last.Before(at); last = last.Add(30 * time.Minute) {
			say(last, value)
		}
		last = at
	}
	for _, v := range people {
		until(v.from, 0)
		until(v.to, 1)
	}
	until(end, 0)
	say(end, 0)
	for at := begin; at.Before(end); at = at.Add(period) {
		minutes := time.Duration(math.Round(within(people, at, at.Add(period)).Minutes())) * time.Minute
		if err := from.Occupied(w.t.Context(), whole, at.UnixMilli(), period.Milliseconds(), minutes.Milliseconds()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.batch++
	if err := w.store.Results().Apply(w.t.Context(), w.batch, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		w.t.Fatal(err)
	}
}
