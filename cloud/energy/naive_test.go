package energy_test

import (
	"cmp"
	"math"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/telemetry"
)

// life is the energy samples of the devices of a project, and where they hung.
type life struct {
	samples map[sconce.EUI64][]telemetry.Sample
	stays   []energy.Stay
	members map[sconce.PositionID]bool // of the group
}

const quarter = 15 * 60 * 1000

// naive is what is said of a subject in a span by somebody who takes every pair of readings and
// every quarter of an hour by itself.
type naive struct {
	mwh, metered int64
	cost         float64
	peak         int64 // mW over a quarter
}

// reckon goes through all readings, quarter by quarter. in says whether a stay belongs to the
// subject, price what a kWh costs at a time.
func (l *life) reckon(in func(energy.Stay) bool, from, to time.Time, price func(time.Time) float64) naive {
	var n naive
	byQuarter := map[int64]int64{}
	for device, samples := range l.samples {
		sorted := slices.Clone(samples)
		slices.SortFunc(sorted, func(a, b telemetry.Sample) int {
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value))
		})
		for i := 1; i < len(sorted); i++ {
			a, b := sorted[i-1], sorted[i]
			for q := a.At / quarter * quarter; q <= b.At; q += quarter {
				at := time.UnixMilli(q)
				if at.Before(from) || !at.Before(to) || !in(l.at(device, at)) {
					continue
				}
				mwh, ms := between(a, b, q)
				n.mwh += mwh
				n.metered += ms
				n.cost += float64(mwh) / 1e6 * price(at)
				byQuarter[q] += mwh
			}
		}
	}
	for _, mwh := range byQuarter {
		n.peak = max(n.peak, 4*mwh)
	}
	return n
}

// at returns where a device was at a time; before it was anywhere, where it came first.
func (l *life) at(device sconce.EUI64, at time.Time) (found energy.Stay) {
	for _, s := range l.stays {
		if s.Device == device && (found.Device == 0 || !s.From.After(at)) {
			found = s
		}
	}
	return found
}

// between returns what a counter counted between two readings in the quarter that begins at q.
func between(a, b telemetry.Sample, q int64) (mwh, ms int64) {
	before, after := int64(math.Round(a.Value*1000)), int64(math.Round(b.Value*1000))
	whole := after - before
	if whole < 0 {
		if whole = after; float64(after) > 4e6*(float64(b.At-a.At)/3600_000+1) {
			whole = 0
		}
	}
	if a.At == b.At {
		if q == b.At/quarter*quarter {
			return whole, 0
		}
		return 0, 0
	}
	until := func(t int64) int64 { return whole * (min(max(t, a.At), b.At) - a.At) / (b.At - a.At) }
	return until(q+quarter) - until(q), max(0, min(b.At, q+quarter)-max(a.At, q))
}

// nightly is 0.20 from 22:00 to 06:00 from Monday to Friday evening, and 0.30 else, by the clock
// on the wall; from a day on it is 0.5 before noon and 0.6 after it.
func nightly(zone *time.Location, dear figures.Date) ([]figures.Rate, func(time.Time) float64) {
	day, noon := 0.3, 0.5
	rates := []figures.Rate{
		{From: figures.Date{Year: 2020, Month: 1, Day: 1}, Price: &day, Times: []figures.Time{
			{Days: 0b0111110, From: 22 * 4, To: 6 * 4, Price: 0.2},
		}},
		{From: dear, Price: &noon, Times: []figures.Time{{Days: figures.EveryDay, From: 12 * 4, To: 24 * 4, Price: 0.6}}},
	}
	return rates, func(t time.Time) float64 {
		local := t.In(zone)
		if !figures.DateOf(t, zone).Before(dear) {
			if local.Hour() < 12 {
				return 0.5
			}
			return 0.6
		}
		evening := local
		if local.Hour() < 6 {
			evening = time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, time.UTC)
		}
		weekday := evening.Weekday() >= time.Monday && evening.Weekday() <= time.Friday
		if weekday && (local.Hour() >= 22 || local.Hour() < 6) {
			return 0.2
		}
		return 0.3
	}
}
