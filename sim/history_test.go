package sim

import (
	"math"
	"testing"
	"time"

	"sconce"
)

// thirteenMonths is a history of an office with a light and a sensor in each of two rooms
// and in the corridor.
func thirteenMonths() (h History, until time.Time) {
	until = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	h = History{Office: Office{Floors: 1, RoomsOnFloor: 2}, People: 5, Seed: 7, Sun: Greenwich(7), From: until.AddDate(0, -13, 0)}
	for place := range Place(3) {
		for i := range 4 {
			h.Lights = append(h.Lights, HistoricLight{sconce.EUI64(16*(place+1)) + sconce.EUI64(i), place, 24_000})
		}
		h.Sensors = append(h.Sensors, HistoricSensor{sconce.EUI64(256 + place), place})
	}
	return h, until
}

// TestHistory: what is told adds up, and is what people expect of an office: nothing at night and on
// Sundays, less in June than in December, and never more than the lights can take in.
func TestHistory(t *testing.T) {
	h, until := thirteenMonths()
	type meter struct {
		at     time.Time
		watts  float64
		energy float64 // Wh, of power times time
		shown  float64
		hours  float64
		output float64
	}
	meters := map[sconce.EUI64]*meter{}
	for _, l := range h.Lights {
		meters[l.EUI64] = &meter{at: h.From, watts: 0.3}
	}
	last, samples := time.Time{}, 0
	months := map[time.Month]float64{}
	occupied := map[time.Weekday]int{}
	for s := range h.Samples(until) {
		samples++
		if s.At.Before(last) || s.At.Before(h.From) || !s.At.Before(until) {
			t.Fatalf("%v at %v, after %v", s, s.At, last)
		}
		last = s.At
		m := meters[s.Device]
		switch s.Metric {
		case sconce.ActivePower:
			m.energy += m.watts * s.At.Sub(m.at).Hours()
			if m.output > 0 {
				m.hours += s.At.Sub(m.at).Hours()
			}
			m.at, m.watts = s.At, s.Value
			if s.Value < 0.3 || s.Value > 24 {
				t.Fatalf("%v W", s.Value)
			}
		case sconce.Output:
			if (s.Value > 0) != (m.output > 0) || s.Value != m.output {
				m.energy += m.watts * s.At.Sub(m.at).Hours() // up to the change
				if m.output > 0 {
					m.hours += s.At.Sub(m.at).Hours()
				}
				m.at, m.output = s.At, s.Value
			}
			if hour := s.At.Hour(); s.Value > 0 && (hour < 5 || hour > 21) {
				t.Fatalf("lit at %v", s.At)
			}
		case sconce.Energy:
			if want := m.energy + m.watts*s.At.Sub(m.at).Hours(); math.Abs(s.Value-want) > 0.001+want*1e-6 || s.Value < m.shown {
				t.Fatalf("%v shows %v Wh at %v, before %v; by its power it is %v", s.Device, s.Value, s.At, m.shown, want)
			}
			months[s.At.Month()] += s.Value - m.shown
			m.shown = s.Value
		case sconce.BurnHours:
			if want := m.hours; math.Abs(s.Value-want) > 0.1 {
				t.Fatalf("%v has burnt %v h at %v, by what it said %v", s.Device, s.Value, s.At, want)
			}
		case sconce.Occupancy:
			occupied[s.At.Weekday()] += int(s.Value)
		case sconce.Illuminance:
			if s.Value < 0 || s.Value > 20_000 {
				t.Fatalf("%v lx", s.Value)
			}
		case sconce.Battery:
			if s.Value < 80 || s.Value > 100 {
				t.Fatalf("%v %% of a battery", s.Value)
			}
		default:
			t.Fatalf("a sample of %v", s.Metric)
		}
	}
	if samples < 300_000 || last.Before(until.Add(-2*time.Hour)) {
		t.Errorf("%d samples, the last at %v", samples, last)
	}
	if occupied[time.Sunday]+occupied[time.Saturday] > 0 || occupied[time.Wednesday] < 100 {
		t.Errorf("somebody was there %v", occupied)
	}
	if december, june := months[time.December], months[time.June]; december < 1.2*june || june <= 0 {
		t.Errorf("%.0f Wh in December, and %.0f in June", december, june)
	}
}

// TestHistoryIsOne: a part of a history is the same as in the whole.
func TestHistoryIsOne(t *testing.T) {
	h, _ := thirteenMonths()
	middle, n := h.From.AddDate(0, 0, 20).Add(9*time.Hour), 0
	var short []HistoricSample
	for s := range h.Samples(middle) {
		short = append(short, s)
	}
	for s := range h.Samples(middle.AddDate(0, 0, 1)) {
		if n < len(short) && s != short[n] {
			t.Fatalf("sample %d is %v, and %v in the longer one", n, short[n], s)
		}
		n++
	}
	if n <= len(short) || len(short) < 1000 {
		t.Errorf("%d samples, and a day later %d", len(short), n)
	}
}
