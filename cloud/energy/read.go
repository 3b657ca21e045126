package energy

import (
	"context"
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
	unpriced map[sconce.EUI64]bool // devices whose days are by other hours than the tariff's
}

// read adds up a time, from the months and days of the rollups where they tell all that is asked,
// and else from the quarters.
func (r *reader) read(by figures.Step, from, to figures.Date, spans []figures.Span) (*figures.Book, error) {
	book := figures.NewBook(len(r.lay.subjects), spans, figures.NewTariff(r.settings.Rates, r.zone))
	r.lay.expects(r.counts, r.now, book.Expect)
	first, end := quarterOf(from.In(r.zone)), quarterOf(to.In(r.zone))
	days := from.Until(to) * len(r.lay.devices)
	if by == figures.Hour || days <= fewDays {
		if days > maxQuarterDays {
			return nil, errTooLarge(days, "days", maxQuarterDays)
		}
		return book, r.quarters(book, r.lay.devices, first, end)
	}
	if months := (from.Until(to)/28 + 2) * len(r.lay.devices); months > maxMonths {
		return nil, errTooLarge(months, "months", maxMonths)
	}
	byQuarters, byDays, err := r.part()
	if err != nil {
		return nil, err
	}
	if n := from.Until(to) * len(byQuarters); n > maxQuarterDays {
		return nil, sconce.LaterErrorf(sconce.Unavailable, time.Minute, "the days of this project are being made again for its new time zone: ask for a shorter time, or try again in a while")
	}
	if err := r.quarters(book, byQuarters, first, end); err != nil {
		return nil, err
	}
	return book, newWhole(r, book, byDays, from, to).add()
}

func errTooLarge(n int, what string, most int) error {
	return sconce.Errorf(sconce.Invalid, "this would read %d %s of devices, and a question reads at most %d: ask for a shorter time or for one group, or by day", n, what, most)
}

// part parts the devices: those whose days begin at other times than the project's, and the
// others. Of some of these the days do not tell what they cost yet: r.unpriced.
func (r *reader) part() (byQuarters, byDays []sconce.EUI64, err error) {
	zones, hours, err := r.Rollups.OtherCalendars(r.ctx, r.scope, r.settings.Zone, figures.Calendar(r.settings.Rates, r.zone))
	if err != nil {
		return nil, nil, err
	}
	other := map[sconce.EUI64]bool{}
	for _, d := range zones {
		other[d] = true
	}
	r.unpriced = map[sconce.EUI64]bool{}
	for _, d := range hours {
		r.unpriced[d] = true
	}
	for _, d := range r.lay.devices {
		if other[d] {
			byQuarters = append(byQuarters, d)
		} else {
			byDays = append(byDays, d)
		}
	}
	return byQuarters, byDays, nil
}

// quarters adds the quarters of devices, from one to another that is not included.
func (r *reader) quarters(book *figures.Book, devices []sconce.EUI64, first, end int64) error {
	ask := telemetry.RollupQuery{Devices: devices, Level: rollup.Quarters, From: rollup.QuarterPlace(first).Period, Until: rollup.QuarterPlace(end - 1).Period}
	return r.Rollups.Rollups(r.ctx, r.scope, ask, func(stored telemetry.Rollup) {
		begin := stored.Period * rollup.QuartersPerDay
		moved := r.lay.moved(stored.Device, begin, begin+rollup.QuartersPerDay)
		subjects := r.lay.at(stored.Device, begin).subjects
		for i := range stored.Block {
			e := &stored.Block[i]
			quarter := begin + int64(e.Index)
			if moved {
				subjects = r.lay.at(stored.Device, quarter).subjects
			}
			if first <= quarter && quarter < end {
				book.Quarter(subjects, quarter, &e.Sums)
			}
		}
	}, eachWaiting(func(device sconce.EUI64, quarter int64, sums *rollup.Sums) {
		if first <= quarter && quarter < end {
			book.Quarter(r.lay.at(device, quarter).subjects, quarter, sums)
		}
	}))
}

// eachWaiting returns what calls do for the quarters of samples that are not in the rollups yet.
func eachWaiting(do func(device sconce.EUI64, quarter int64, sums *rollup.Sums)) func(telemetry.Series, telemetry.Open) {
	return func(s telemetry.Series, open telemetry.Open) {
		parts := rollup.Parts{}
		open.Waiting(s.Metric, parts)
		for quarter, sums := range parts {
			do(s.Device, quarter, sums)
		}
	}
}
