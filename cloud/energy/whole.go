package energy

import (
	"slices"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/rollup"
	"sconce/cloud/telemetry"
)

// whole adds up a time of which whole days tell all that is asked: from months where these do, else
// from days, and from the quarters of those days on which a device came to another place.
//
// Months, days and what waits for them are read one after the other, while more comes in. So
// everything has one source: the months of a device that was read as such, with what waits for
// it, is not looked at again.
type whole struct {
	*reader

	book       *figures.Book
	devices    []sconce.EUI64
	index      map[sconce.EUI64]int
	from, to   figures.Date
	first, end int64  // the months, by their periods; end is not among them
	months     []bool // by device and month: it was read as such
}

func newWhole(r *reader, book *figures.Book, devices []sconce.EUI64, from, to figures.Date) *whole {
	last := to.Add(0, 0, -1)
	w := &whole{
		reader: r, book: book, devices: devices, from: from, to: to, index: make(map[sconce.EUI64]int, len(devices)),
		first: rollup.MonthOf(from.Year, from.Month), end: rollup.MonthOf(last.Year, last.Month) + 1,
	}
	w.months = make([]bool, len(devices)*int(w.end-w.first))
	for i, d := range devices {
		w.index[d] = i
	}
	return w
}

func (w *whole) add() error {
	if err := w.addMonths(); err != nil {
		return err
	}
	for from := w.first; from < w.end; from++ {
		until := from
		for until < w.end && slices.ContainsFunc(w.devices, func(d sconce.EUI64) bool { return !*w.month(d, until) }) {
			until++
		}
		if from == until {
			continue
		}
		if err := w.addDays(from, until); err != nil {
			return err
		}
		from = until
	}
	return w.addMoves()
}

// month returns whether a month of a device was read as such.
func (w *whole) month(d sconce.EUI64, period int64) *bool {
	return &w.months[w.index[d]*int(w.end-w.first)+int(period-w.first)]
}

// within reports whether a month is among those that are asked for.
func (w *whole) within(period int64) bool { return w.first <= period && period < w.end }

// addMonths adds the months of devices that stay where they are, as far as they tell all.
func (w *whole) addMonths() error {
	any := false
	for period := w.first; period < w.end; period++ {
		any = any || w.book.IsWhole(period)
	}
	begin, end := quarterOf(w.from.In(w.zone)), quarterOf(w.to.In(w.zone))
	still := slices.DeleteFunc(slices.Clone(w.devices), func(d sconce.EUI64) bool { return w.lay.moved(d, begin, end) })
	if !any || len(still) == 0 {
		return nil
	}
	ask := telemetry.RollupQuery{Devices: still, Level: rollup.Months, From: rollup.MonthPlace(w.first).Period, Until: rollup.MonthPlace(w.end - 1).Period}
	return w.Rollups.Rollups(w.ctx, w.scope, ask, func(stored telemetry.Rollup) {
		subjects := w.lay.at(stored.Device, begin).subjects
		for i := range stored.Block {
			e := &stored.Block[i]
			if period := stored.Period*12 + int64(e.Index); w.within(period) && w.book.IsWhole(period) {
				w.book.Month(subjects, period, e, !w.unpriced[stored.Device])
				*w.month(stored.Device, period) = true
			}
		}
	}, eachWaiting(func(device sconce.EUI64, quarter int64, sums *rollup.Sums) {
		if period := rollup.DayPlace(quarter, w.zone).Period; w.within(period) && *w.month(device, period) {
			w.book.Part(w.lay.at(device, quarter).subjects, quarter, sums)
		}
	}))
}

// addDays adds the days of some months, of devices of which these were not read as such.
func (w *whole) addDays(from, until int64) error {
	devices := slices.DeleteFunc(slices.Clone(w.devices), func(d sconce.EUI64) bool {
		for period := from; period < until; period++ {
			if !*w.month(d, period) {
				return false
			}
		}
		return true
	})
	begin, end := quarterOf(w.from.In(w.zone)), quarterOf(w.to.In(w.zone))
	ask := telemetry.RollupQuery{Devices: devices, Level: rollup.Days, From: from, Until: until - 1}
	return w.Rollups.Rollups(w.ctx, w.scope, ask, func(stored telemetry.Rollup) {
		hours := !w.unpriced[stored.Device]
		switch {
		case *w.month(stored.Device, stored.Period):
		case !w.lay.moved(stored.Device, begin, end):
			w.book.Days(w.lay.at(stored.Device, begin).subjects, stored.Period, stored.Block, hours)
		default:
			for i := range stored.Block {
				day := dayOf(stored.Period, stored.Block[i].Index)
				if place := w.on(stored.Device, day); place != nil {
					w.book.Days(place.subjects, stored.Period, stored.Block[i:i+1], hours)
				}
			}
		}
	}, eachWaiting(func(device sconce.EUI64, quarter int64, sums *rollup.Sums) {
		p := rollup.DayPlace(quarter, w.zone)
		if p.Period < from || p.Period >= until || *w.month(device, p.Period) {
			return
		}
		if place := w.on(device, dayOf(p.Period, p.Index)); place != nil {
			w.book.Part(place.subjects, quarter, sums)
		}
	}))
}

func dayOf(period int64, index int) figures.Date {
	p := rollup.MonthPlace(period)
	return figures.Date{Year: int(p.Period), Month: time.Month(p.Index + 1), Day: index + 1}
}

// on returns where a device was on a day; nil when it came to another place on it.
func (w *whole) on(device sconce.EUI64, day figures.Date) *place {
	begin, end := quarterOf(day.In(w.zone)), quarterOf(day.Add(0, 0, 1).In(w.zone))
	if w.lay.moved(device, begin, end) {
		return nil
	}
	return w.lay.at(device, begin)
}

// addMoves adds the quarters of the days on which devices came to another place.
func (w *whole) addMoves() error {
	moves := map[figures.Date][]sconce.EUI64{}
	n := 0
	for _, d := range w.devices {
		for _, p := range w.lay.places[d][1:] {
			day := figures.DateOf(time.UnixMilli(p.from*quarterMs), w.zone)
			if day.Before(w.from) || !day.Before(w.to) || w.on(d, day) != nil || slices.Contains(moves[day], d) {
				continue
			}
			moves[day] = append(moves[day], d)
			n++
		}
	}
	if n > maxQuarterDays {
		return errTooLarge(n, "days", maxQuarterDays)
	}
	for day, devices := range moves {
		begin, end := quarterOf(day.In(w.zone)), quarterOf(day.Add(0, 0, 1).In(w.zone))
		err := w.quarters(w.book, devices, begin, end)
		if err != nil {
			return err
		}
	}
	return nil
}
