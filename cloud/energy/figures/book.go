package figures

import (
	"math"
	"slices"
	"time"

	"sconce/cloud/rollup"
)

// Book adds up what is known of devices, by subjects (rooms, networks, ...) and spans of time.
type Book struct {
	spans    []Span
	first    []int64 // the first quarter of each span
	end      int64   // the quarter after the last
	tariff   Tariff
	slots    []slot // by quarter since first[0]; nil as long as none was added
	days     []day  // those of the spans
	firstDay int    // the number of the first, see [Date]
	cells    []Cell
	quarters [][]int64 // by subject: mWh by quarter since first[0]; nil where nothing was added
}

// slot is what holds for the energy of a quarter.
type slot struct {
	span  int // where it is counted
	known bool
	cost  Cost
}

// day is what holds for the energy of a day.
type day struct {
	span   int
	prices *prices // the same for all days on which a rate holds
}

// Cell is what is known of a subject in a span.
type Cell struct {
	rollup.Sums

	Cost        float64 // in the currency of the project; NaN when not for all of the energy it is known
	CO2         float64 // grams; NaN likewise
	PeakQuarter int64   // mW: the highest mean over a quarter of an hour; 0 when there are days without quarters
	Days        bool    // sums of whole days were added, so that PeakQuarter is not known
	Expected    int64   // ms for which devices with a meter were there
}

// NewBook returns an empty book. The spans follow each other without gaps, from the beginning of a
// day to that of another; there is at least one.
func NewBook(subjects int, spans []Span, tariff Tariff) *Book {
	b := &Book{spans: spans, first: make([]int64, len(spans)), tariff: tariff, cells: make([]Cell, subjects*len(spans)), quarters: make([][]int64, subjects)}
	for i, s := range spans {
		b.first[i] = rollup.QuarterOf(s.From.UnixMilli())
	}
	b.end = rollup.QuarterOf(spans[len(spans)-1].To.UnixMilli())
	b.layDays()
	return b
}

// Quarter adds the sums of a device in a quarter to subjects. One outside of the spans is left out.
func (b *Book) Quarter(subjects []int, quarter int64, s *rollup.Sums) {
	at := b.quarter(quarter)
	if at == nil {
		return
	}
	for _, subject := range subjects {
		b.cells[subject*len(b.spans)+at.span].add(s, at.cost.of(s))
		if s.Energy == 0 {
			continue
		}
		if b.quarters[subject] == nil {
			b.quarters[subject] = make([]int64, b.end-b.first[0])
		}
		b.quarters[subject][quarter-b.first[0]] += s.Energy
	}
}

// Part adds what is to be added to the day that a quarter is in: its cost is known, but the
// peak of the day is not.
func (b *Book) Part(subjects []int, quarter int64, s *rollup.Sums) {
	at := b.quarter(quarter)
	if at == nil {
		return
	}
	for _, subject := range subjects {
		c := &b.cells[subject*len(b.spans)+at.span]
		c.add(s, at.cost.of(s))
		c.Days = true
	}
}

// Days adds the sums of a device on days of a month to subjects. Days outside of the spans are
// left out. hours says that the hours of the entries are those of the tariff's calendar; else what
// was taken in on a day on which the price depends on the time has a cost that is not known.
func (b *Book) Days(subjects []int, period int64, block rollup.Block, hours bool) {
	first := b.dayOf(period)
	for i := range block {
		e := &block[i]
		if n := first + e.Index; n >= 0 && n < len(b.days) {
			b.whole(subjects, &b.days[n], e, hours)
		}
	}
}

// Month adds the sums of a device in a month that [Book.IsWhole] to subjects, as [Book.Days] does.
func (b *Book) Month(subjects []int, period int64, e *rollup.Entry, hours bool) {
	b.whole(subjects, &b.days[b.dayOf(period)], e, hours)
}

// IsWhole reports whether the sums of a month, given by its period, tell as much as those of its
// days: all of it is within one span, and while one rate holds.
func (b *Book) IsWhole(period int64) bool {
	first, next := b.dayOf(period), b.dayOf(period+1)
	return first >= 0 && next <= len(b.days) && b.days[first] == b.days[next-1]
}

// dayOf returns the index of the first day of a month.
func (b *Book) dayOf(period int64) int {
	p := rollup.MonthPlace(period)
	return Date{int(p.Period), time.Month(p.Index + 1), 1}.number() - b.firstDay
}

// whole adds sums of whole days that are alike.
func (b *Book) whole(subjects []int, at *day, e *rollup.Entry, hours bool) {
	cost := at.prices.cost(e, hours)
	for _, subject := range subjects {
		c := &b.cells[subject*len(b.spans)+at.span]
		c.Days = true
		c.add(&e.Sums, cost)
	}
}

// add adds sums and what they cost.
func (c *Cell) add(s *rollup.Sums, cost cost) {
	c.Add(s)
	c.Cost += cost.money
	c.CO2 += cost.grams
}

// quarter returns what holds in a quarter; nil when it is outside of the spans.
func (b *Book) quarter(quarter int64) *slot {
	if quarter < b.first[0] || quarter >= b.end {
		return nil
	}
	if b.slots == nil {
		b.slots = make([]slot, b.end-b.first[0])
	}
	at := &b.slots[quarter-b.first[0]]
	if !at.known {
		*at = slot{span: b.spanOf(quarter), known: true, cost: b.tariff.At(quarter)}
	}
	return at
}

// layDays finds out what holds on each day.
func (b *Book) layDays() {
	from, zone := DateOf(b.spans[0].From, b.tariff.zone), b.tariff.zone
	b.firstDay = from.number()
	b.days = make([]day, DateOf(b.spans[len(b.spans)-1].To, zone).number()-b.firstDay)
	known := map[int]*prices{}
	span, at := 0, from
	for i := range b.days {
		for begin := at.In(zone); span+1 < len(b.spans) && !begin.Before(b.spans[span+1].From); {
			span++
		}
		rate := b.tariff.rate(at)
		if known[rate] == nil {
			known[rate] = b.tariff.of(rate)
		}
		b.days[i] = day{span, known[rate]}
		at = at.Add(0, 0, 1)
	}
}

func (b *Book) spanOf(quarter int64) int {
	i, found := slices.BinarySearch(b.first, quarter)
	if !found {
		i--
	}
	return i
}

// Expect says that a device with a meter was there for a subject, from one moment to another.
func (b *Book) Expect(subject int, from, to time.Time) {
	for i, s := range b.spans {
		begin, end := s.From, s.To
		if from.After(begin) {
			begin = from
		}
		if to.Before(end) {
			end = to
		}
		if end.After(begin) {
			b.cells[subject*len(b.spans)+i].Expected += end.Sub(begin).Milliseconds()
		}
	}
}

// Cells returns what is known of a subject: one cell for each span, and all of them together.
func (b *Book) Cells(subject int) (spans []Cell, total Cell) {
	spans = slices.Clone(b.cells[subject*len(b.spans) : (subject+1)*len(b.spans)])
	for i := range spans {
		c := &spans[i]
		if b.quarters[subject] != nil {
			until := b.end
			if i+1 < len(b.first) {
				until = b.first[i+1]
			}
			c.PeakQuarter = 4 * slices.Max(b.quarters[subject][b.first[i]-b.first[0]:until-b.first[0]])
		}
		total.Add(&c.Sums)
		total.Cost += c.Cost
		total.CO2 += c.CO2
		total.PeakQuarter = max(total.PeakQuarter, c.PeakQuarter)
		total.Days = total.Days || c.Days
		total.Expected += c.Expected
		b.settle(c, b.first[i])
	}
	b.settle(&total, b.first[len(b.first)-1])
	return spans, total
}

// settle makes the cost of a cell without energy that of its time: nothing, or not known.
func (b *Book) settle(c *Cell, quarter int64) {
	if c.Energy != 0 {
		return
	}
	cost := b.tariff.At(quarter)
	if math.IsNaN(cost.Price) {
		c.Cost = math.NaN()
	}
	if math.IsNaN(cost.CO2) {
		c.CO2 = math.NaN()
	}
}
