package energy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/telemetry"
)

const quarterMs = rollup.Quarter

// What one question reads at most. Figures of long times come from the days of the rollups.
const (
	// fewDays is for how many days times devices quarters of an hour are read though days would
	// do: they tell the peak of all devices together.
	fewDays = 2_000
	// maxQuarterDays is how many days times devices quarters are read of, where they are needed.
	maxQuarterDays = 20_000
	// maxMonths is how many months times devices days are read of.
	maxMonths = 150_000
)

// reader is one question on its way.
type reader struct {
	*Service
	ctx      context.Context //nolint:containedctx // of one question
	scope    project.Scope
	settings Settings
	zone     *time.Location
	now      time.Time
	lay      *layout
	spans    []figures.Span
	counts   func(sconce.DeviceKind) bool
}

// read adds up a time, from the days of the rollups where they tell all that is asked, and
// else from the quarters.
func (r *reader) read(by figures.Step, from, to figures.Date, spans []figures.Span) (*figures.Book, error) {
	tariff := figures.NewTariff(r.settings.Rates, r.zone)
	book := figures.NewBook(len(r.lay.subjects), spans, tariff)
	r.lay.expects(r.counts, r.now, book.Expect)
	first, end := quarterOf(from.In(r.zone)), quarterOf(to.In(r.zone))
	days := from.Until(to) * len(r.lay.devices)
	if by == figures.Hour || days <= fewDays || days <= maxQuarterDays && tariff.ByTime(from, to) {
		if days > maxQuarterDays {
			return nil, errTooLarge(days, "days", maxQuarterDays)
		}
		return book, r.quarters(book, r.lay.devices, first, end)
	}
	if months := (from.Until(to)/28 + 2) * len(r.lay.devices); months > maxMonths {
		return nil, errTooLarge(months, "months", maxMonths)
	}
	byQuarters, byDays, err := r.part(first, end)
	if err != nil {
		return nil, err
	}
	if n := from.Until(to) * len(byQuarters); n > maxQuarterDays {
		return nil, sconce.LaterErrorf(sconce.Unavailable, time.Minute, "the days of this project are being made again for its new time zone: ask for a shorter time, or try again in a while")
	}
	if err := r.quarters(book, byQuarters, first, end); err != nil {
		return nil, err
	}
	return book, r.days(book, byDays, from, to)
}

func errTooLarge(n int, what string, most int) error {
	return sconce.Errorf(sconce.Invalid, "this would read %d %s of devices, and a question reads at most %d: ask for a shorter time or for one group, or by day", n, what, most)
}

// part parts the devices: those of which a day tells less than its quarters, and the others.
func (r *reader) part(first, end int64) (byQuarters, byDays []sconce.EUI64, err error) {
	others, err := r.Rollups.InOtherZones(r.ctx, r.scope, r.settings.Zone)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range r.lay.devices {
		if _, other := slices.BinarySearchFunc(others, d, func(a, b sconce.EUI64) int { return cmp.Compare(int64(a), int64(b)) }); other || r.lay.moved(d, first, end) {
			byQuarters = append(byQuarters, d)
		} else {
			byDays = append(byDays, d)
		}
	}
	return byQuarters, byDays, nil
}

// days adds the days of devices that hang where they hung, from one to another that is not
// included.
func (r *reader) days(book *figures.Book, devices []sconce.EUI64, from, to figures.Date) error {
	last := to.Add(0, 0, -1)
	ask := telemetry.RollupQuery{
		Devices: devices, Level: rollup.Days,
		From: rollup.MonthOf(from.Year, from.Month), Until: rollup.MonthOf(last.Year, last.Month),
	}
	first := quarterOf(from.In(r.zone))
	return r.Rollups.Rollups(r.ctx, r.scope, ask, func(stored telemetry.Rollup) {
		book.Days(r.lay.at(stored.Device, first).subjects, int(stored.Period/12), time.Month(stored.Period%12+1), stored.Block)
	}, r.waiting(book.Part))
}

// quarters adds the quarters of devices, from one to another that is not included.
func (r *reader) quarters(book *figures.Book, devices []sconce.EUI64, first, end int64) error {
	ask := telemetry.RollupQuery{Devices: devices, Level: rollup.Quarters, From: rollup.QuarterPlace(first).Period, Until: rollup.QuarterPlace(end - 1).Period}
	return r.Rollups.Rollups(r.ctx, r.scope, ask, func(stored telemetry.Rollup) {
		begin := stored.Period * rollup.QuartersPerDay
		if !r.lay.moved(stored.Device, begin, begin+rollup.QuartersPerDay) {
			book.Quarters(r.lay.at(stored.Device, begin).subjects, begin, stored.Block)
			return
		}
		for i := range stored.Block {
			e := &stored.Block[i]
			quarter := begin + int64(e.Index)
			book.Quarter(r.lay.at(stored.Device, quarter).subjects, quarter, &e.Sums)
		}
	}, r.waiting(book.Quarter))
}

// waiting returns what adds the samples that are not in the rollups yet.
func (r *reader) waiting(add func(subjects []int, quarter int64, sums *rollup.Sums)) func(telemetry.Series, telemetry.Open) {
	return func(s telemetry.Series, open telemetry.Open) {
		parts := rollup.Parts{}
		open.Waiting(s.Metric, parts)
		for quarter, sums := range parts {
			add(r.lay.at(s.Device, quarter).subjects, quarter, sums)
		}
	}
}
