package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Figure is what was measured of one thing: a line of the output. With several
// rounds, Value and the floor's are medians, and Ratio is the median of the
// rounds' ratios: what else the machine does in a round does the same to both.
type Figure struct {
	Name    string   `json:"name"`
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Min     float64  `json:"min"` // of the rounds
	Max     float64  `json:"max"`
	Floor   Floor    `json:"floor"`
	Ratio   *float64 `json:"ratio"` // of the value to the floor; null when only the floor is 0
	Aim     string   `json:"aim"`
	Met     bool     `json:"met"`
	Machine string   `json:"machine"`
}

// Floor is what the value is held against: measured in the same run, in the same
// unit.
type Floor struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// round is what one round measured.
type round struct{ value, floor float64 }

// newFigure makes a figure of at least one round.
func newFigure(name, unit, floor string, rounds []round, a aim) Figure {
	var values, floors, ratios []float64
	for _, r := range rounds {
		values, floors = append(values, r.value), append(floors, r.floor)
		if ratio, ok := ratioOf(r.value, r.floor); ok {
			ratios = append(ratios, ratio)
		}
	}
	f := Figure{Name: name, Unit: unit, Floor: Floor{Name: floor, Unit: unit, Value: median(floors)}}
	f.Value, f.Min, f.Max = median(values), percentile(values, 0), percentile(values, 100)
	if len(ratios) == len(rounds) {
		f.Ratio = new(median(ratios))
	}
	f.Aim, f.Met = a.text(unit), a.met(f)
	return f
}

// ratioOf returns value / floor. Nothing beside nothing is 1.
func ratioOf(value, floor float64) (ratio float64, ok bool) {
	if floor == 0 {
		return 1, value == 0
	}
	return value / floor, true
}

// aim is what a figure should reach.
type aim struct {
	ofRatio bool // rather than of the value
	atLeast bool // rather than at most
	limit   float64
}

func valueAtMost(limit float64) aim  { return aim{limit: limit} }
func valueAtLeast(limit float64) aim { return aim{atLeast: true, limit: limit} }
func ratioAtMost(limit float64) aim  { return aim{ofRatio: true, limit: limit} }
func ratioAtLeast(limit float64) aim { return aim{ofRatio: true, atLeast: true, limit: limit} }

func (a aim) text(unit string) string {
	sign := "≤"
	if a.atLeast {
		sign = "≥"
	}
	limit := strconv.FormatFloat(a.limit, 'g', -1, 64)
	if a.ofRatio {
		return fmt.Sprintf("ratio %s %s", sign, limit)
	}
	return fmt.Sprintf("value %s %s %s", sign, limit, unit)
}

func (a aim) met(f Figure) bool {
	v := f.Value
	if a.ofRatio {
		if f.Ratio == nil {
			return false
		}
		v = *f.Ratio
	}
	if a.atLeast {
		return v >= a.limit
	}
	return v <= a.limit
}

// write writes the line of a figure, its numbers with four digits that count.
func (f Figure) write(w io.Writer) error {
	for _, v := range []*float64{&f.Value, &f.Min, &f.Max, &f.Floor.Value} {
		*v = digits(*v, 4)
	}
	if f.Ratio != nil {
		f.Ratio = new(digits(*f.Ratio, 4))
	}
	line, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding figure %s: %w", f.Name, err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
