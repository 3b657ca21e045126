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

// maxQuarterDays is how many days times devices a question reads quarters of an hour of.
const maxQuarterDays = 20_000

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

// read adds up a time.
func (r *reader) read(from, to figures.Date, spans []figures.Span) (*figures.Book, error) {
	book := figures.NewBook(len(r.lay.subjects), spans, figures.NewTariff(r.settings.Rates, r.zone))
	r.lay.expects(r.counts, r.now, book.Expect)
	if days := from.Until(to) * len(r.lay.devices); days > maxQuarterDays {
		return nil, sconce.Errorf(sconce.Invalid, "this would read %d days of devices, and a question reads at most %d: ask for a shorter time, or for one group", days, maxQuarterDays)
	}
	first, end := quarterOf(from.In(r.zone)), quarterOf(to.In(r.zone))
	return book, r.quarters(book, r.lay.devices, first, end)
}

// quarters adds the quarters of devices, from one to another that is not included.
func (r *reader) quarters(book *figures.Book, devices []sconce.EUI64, first, end int64) error {
	add := func(device sconce.EUI64, quarter int64, sums *rollup.Sums) {
		if quarter < first || quarter >= end {
			return
		}
		for _, subject := range r.lay.at(device, quarter).subjects {
			book.Quarter(subject, quarter, sums)
		}
	}
	ask := telemetry.RollupQuery{Devices: devices, Level: rollup.Quarters, From: rollup.QuarterPlace(first).Period, Until: rollup.QuarterPlace(end - 1).Period}
	return r.Rollups.Rollups(r.ctx, r.scope, ask, func(stored telemetry.Rollup) {
		for i := range stored.Block {
			e := &stored.Block[i]
			add(stored.Device, stored.Period*rollup.QuartersPerDay+int64(e.Index), &e.Sums)
		}
	}, func(s telemetry.Series, open telemetry.Open) {
		parts := rollup.Parts{}
		open.Waiting(s.Metric, parts)
		for quarter, sums := range parts {
			add(s.Device, quarter, sums)
		}
	})
}
