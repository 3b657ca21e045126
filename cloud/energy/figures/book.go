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
	days     []slot // by day since firstDay; likewise
	firstDay int    // a number of [Date]
	cells    []Cell
	quarters [][]int64 // by subject: mWh by quarter since first[0]; nil where nothing was added
}

// slot is what holds for the energy of a quarter or of a day.
type slot struct {
	span   int // where it is counted
	known  bool
	byTime bool // the price depends on the time of the day
	cost   Cost
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
	b.firstDay = DateOf(spans[0].From, tariff.zone).number()
	return b
}

// Quarters adds the sums of a device in some quarters, of which the first is the one with
// the index 0, to subjects. Those outside of the spans are left out.
func (b *Book) Quarters(subjects []int, first int64, block rollup.Block) {
	for i := range block {
		e := &block[i]
		b.Quarter(subjects, first+int64(e.Index), &e.Sums)
	}
}

// Quarter adds the sums of a device in a quarter to subjects. One outside of the spans is left out.
func (b *Book) Quarter(subjects []int, quarter int64, s *rollup.Sums) {
	at := b.quarter(quarter)
	if at == nil {
		return
	}
	for _, subject := range subjects {
		b.cells[subject*len(b.spans)+at.span].add(s, at.cost)
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
		c.add(s, at.cost)
		c.Days = true
	}
}

// Days adds the sums of a device on days of a month to subjects. Days outside of the spans are
// left out. Where the price depends on the time of a day, what it cost is not known.
func (b *Book) Days(subjects []int, year int, month time.Month, block rollup.Block) {
	if b.days == nil {
		b.layDays()
	}
	first := Date{year, month, 1}.number() - b.firstDay
	for i := range block {
		e := &block[i]
		n := first + e.Index
		if n < 0 || n >= len(b.days) {
			continue
		}
		at := &b.days[n]
		for _, subject := range subjects {
			c := &b.cells[subject*len(b.spans)+at.span]
			c.add(&e.Sums, at.cost)
			c.Days = true
			if at.byTime && e.Energy != 0 {
				c.Cost = math.NaN()
			}
		}
	}
}

// add adds sums of a time in which a kWh costs something.
func (c *Cell) add(s *rollup.Sums, cost Cost) {
	c.Add(s)
	if s.Energy != 0 {
		kWh := float64(s.Energy) / 1e6
		c.Cost += kWh * cost.Price
		c.CO2 += kWh * cost.CO2
	}
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
	end := DateOf(b.spans[len(b.spans)-1].To, b.tariff.zone).number()
	b.days = make([]slot, end-b.firstDay)
	for i := range b.days {
		day := Date{Year: 1970, Month: time.January, Day: 1}.Add(0, 0, b.firstDay+i)
		quarter := rollup.QuarterOf(day.In(b.tariff.zone).UnixMilli())
		b.days[i] = slot{span: b.spanOf(quarter), known: true, byTime: b.tariff.ByTime(day, day.Add(0, 0, 1)), cost: b.tariff.At(quarter)}
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
