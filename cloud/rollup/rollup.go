// Package rollup is the arithmetic of what is kept of readings for years: what a
// device took in, how long it burned and at which level, whether it could be reached
// and whether somebody was there, by quarters of an hour.
//
// Every figure but the peak is a sum over neighbouring samples, in whole numbers:
// what lies between two samples is [Between] them and depends on nothing else. So a
// sample that comes late, between two others, takes away what was between these and
// adds what is now between the three, and the figures are those that the same samples
// in order would have given, to the last digit.
//
// The package follows DESIGN §7. It is pure: no clock, no I/O. It does not know where
// samples come from, and it converts nothing to money.
package rollup

import (
	"math"

	"sconce"
)

// The lengths of time, in milliseconds. Days here are 24 hours.
const (
	Quarter = 15 * 60 * 1000
	day     = 24 * 60 * 60 * 1000
	// QuartersPerDay is how many quarters of an hour 24 hours have.
	QuartersPerDay = day / Quarter
)

// Limits of what is between two samples.
const (
	// LongHole is from when on energy that a counter shows after a silence is marked as
	// spread: when in that time it was taken in is not known.
	LongHole = 60 * 60 * 1000
	// longestSpread is the longest silence over which energy is spread. After a longer one
	// all of it counts in the quarter in which the counter speaks again.
	longestSpread = 31 * day
	// hold is how long a value is taken to last that nothing was heard of since: well above the
	// longest interval at which devices are told to report.
	hold = 2 * 60 * 60 * 1000
	// holdUnreachable is the same for that a device cannot be reached, which is told once.
	holdUnreachable = longestSpread
)

// earliest is 2000-01-01: what is said to be earlier comes of a clock that was never set.
const earliest = 946_684_800_000

// Bands is how many bands of light output there are: each is as wide as the others,
// the last includes full output, and the first does not include off.
const Bands = 5

// Point is one sample of a series.
type Point struct {
	At    int64 // milliseconds since 1970-01-01 UTC
	Value float64
}

// Before reports whether p is before q in a series: by time, then by value.
func (p Point) Before(q Point) bool {
	return p.At < q.At || p.At == q.At && p.Value < q.Value
}

// Sums is what is known of one device in one span of time.
type Sums struct {
	Energy   int64        // mWh that its counter says it took in
	Spread   int64        // of Energy: mWh that came in during a silence longer than LongHole
	Metered  int64        // ms of which the counter tells
	Power    int64        // mW times ms
	Powered  int64        // ms during which its power was known
	Peak     int64        // mW, the highest that was measured
	Band     [Bands]int64 // ms during which it gave light, by output
	Reached  int64        // ms during which it was reachable
	Watched  int64        // ms during which it was known whether it was reachable
	Occupied int64        // ms during which it saw somebody
	Sensed   int64        // ms during which it was known whether it saw somebody
}

// Lit returns the milliseconds during which it gave light.
func (s *Sums) Lit() (ms int64) {
	for _, b := range s.Band {
		ms += b
	}
	return ms
}

// Add adds what is known of another span of time.
func (s *Sums) Add(t *Sums) {
	s.Peak = max(s.Peak, t.Peak)
	s.Energy += t.Energy
	s.Spread += t.Spread
	s.Metered += t.Metered
	s.Power += t.Power
	s.Powered += t.Powered
	for i, ms := range &t.Band {
		s.Band[i] += ms
	}
	s.Reached += t.Reached
	s.Watched += t.Watched
	s.Occupied += t.Occupied
	s.Sensed += t.Sensed
}

// fieldCount is how many sums there are that add up.
const fieldCount = 10 + Bands - 1

// field returns the field that a bit of the stored form is for: first Peak, and then those that
// add up. The order is never changed; new ones come last.
func (s *Sums) field(bit int) *int64 {
	switch bit {
	case 0:
		return &s.Peak
	case 1:
		return &s.Energy
	case 2:
		return &s.Spread
	case 3:
		return &s.Metered
	case 4:
		return &s.Power
	case 5:
		return &s.Powered
	case 6, 7, 8, 9, 10:
		return &s.Band[bit-6]
	case 11:
		return &s.Reached
	case 12:
		return &s.Watched
	case 13:
		return &s.Occupied
	default:
		return &s.Sensed
	}
}

// Parts is what is known of one device, or what is to be added to that, by the number
// of the quarter: quarters since 1970-01-01 UTC.
type Parts map[int64]*Sums

func (p Parts) at(quarter int64) *Sums {
	s := p[quarter]
	if s == nil {
		s = &Sums{}
		p[quarter] = s
	}
	return s
}

// Counts reports whether samples of a metric are rolled up.
func Counts(m sconce.Metric) bool {
	switch m {
	case sconce.Energy, sconce.ActivePower, sconce.Occupancy, sconce.Output:
		return true
	default:
		return false
	}
}

// Usable reports whether a sample counts: its time is not that of a clock that was never
// set, and its value is one that a device may have.
func Usable(p Point) bool {
	return p.At >= earliest && math.Abs(p.Value) <= largest
}

// largest is the largest value that counts, in the unit of the metric: 10^9 W or Wh.
const largest = 1e9

// QuarterOf returns the number of the quarter that a time is in.
func QuarterOf(ms int64) int64 { return floor(ms, Quarter) }

func floor(n, by int64) int64 {
	q := n / by
	if n < 0 && q*by != n {
		q--
	}
	return q
}

// thousandths returns a value in thousandths of its unit.
func thousandths(v float64) int64 { return int64(math.Round(v * 1000)) }
