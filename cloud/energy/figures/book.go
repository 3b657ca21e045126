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
	costs    []Cost // by quarter since first[0], as far as they were needed
	known    []bool
	cells    []Cell
	quarters [][]int64 // by subject: mWh by quarter since first[0]; nil where nothing was added
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

// NewBook returns an empty book. The spans follow each other without gaps; there is at least one.
func NewBook(subjects int, spans []Span, tariff Tariff) *Book {
	b := &Book{spans: spans, first: make([]int64, len(spans)), tariff: tariff, cells: make([]Cell, subjects*len(spans)), quarters: make([][]int64, subjects)}
	for i, s := range spans {
		b.first[i] = rollup.QuarterOf(s.From.UnixMilli())
	}
	b.end = rollup.QuarterOf(spans[len(spans)-1].To.UnixMilli())
	b.costs = make([]Cost, b.end-b.first[0])
	b.known = make([]bool, len(b.costs))
	return b
}

// Quarter adds the sums of a device in a quarter. One outside of the spans is left out.
func (b *Book) Quarter(subject int, quarter int64, s *rollup.Sums) {
	c := b.add(subject, quarter, s)
	if c == nil || s.Energy == 0 {
		return
	}
	if b.quarters[subject] == nil {
		b.quarters[subject] = make([]int64, len(b.costs))
	}
	b.quarters[subject][quarter-b.first[0]] += s.Energy
}

// Day adds the sums of a device on a day. Where the price depends on the time of that day, what
// it cost is not known.
func (b *Book) Day(subject int, day Date, s *rollup.Sums) {
	c := b.add(subject, rollup.QuarterOf(day.In(b.tariff.zone).UnixMilli()), s)
	if c == nil {
		return
	}
	c.Days = true
	if s.Energy != 0 && b.tariff.ByTime(day, day.Add(0, 0, 1)) {
		c.Cost = math.NaN()
	}
}

func (b *Book) add(subject int, quarter int64, s *rollup.Sums) *Cell {
	if quarter < b.first[0] || quarter >= b.end {
		return nil
	}
	c := &b.cells[subject*len(b.spans)+b.spanOf(quarter)]
	c.Add(s)
	if s.Energy != 0 {
		cost, kWh := b.costAt(quarter), float64(s.Energy)/1e6
		c.Cost += kWh * cost.Price
		c.CO2 += kWh * cost.CO2
	}
	return c
}

func (b *Book) spanOf(quarter int64) int {
	i, found := slices.BinarySearch(b.first, quarter)
	if !found {
		i--
	}
	return i
}

func (b *Book) costAt(quarter int64) Cost {
	i := quarter - b.first[0]
	if !b.known[i] {
		b.costs[i], b.known[i] = b.tariff.At(quarter), true
	}
	return b.costs[i]
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
