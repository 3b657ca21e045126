package figures_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"sconce/cloud/energy/figures"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t *testing.T, s string) figures.Date {
	t.Helper()
	d, err := figures.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSpans: where clocks are changed a day is longer or shorter and no time is lost.
func TestSpans(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		by             figures.Step
		hours          []float64 // of the spans that are not as the first
		spans          int
	}{
		{"Europe/Berlin", "2026-03-28", "2026-03-31", figures.Day, []float64{24, 23, 24}, 3},
		{"Europe/Berlin", "2026-10-24", "2026-10-27", figures.Day, []float64{24, 25, 24}, 3},
		{"Europe/Berlin", "2026-03-29", "2026-03-30", figures.Hour, nil, 23},
		{"Europe/Berlin", "2026-10-25", "2026-10-26", figures.Hour, nil, 25},
		{"America/Santiago", "2026-04-04", "2026-04-06", figures.Day, []float64{25, 24}, 2}, // back at midnight
		{"America/Santiago", "2026-09-05", "2026-09-07", figures.Day, []float64{24, 23}, 2}, // on at midnight
		{"Asia/Kathmandu", "2026-03-29", "2026-03-31", figures.Day, []float64{24, 24}, 2},
		{"Asia/Kathmandu", "2026-03-29", "2026-03-30", figures.Hour, nil, 24},
		{"Australia/Lord_Howe", "2026-04-04", "2026-04-06", figures.Day, []float64{24, 24.5}, 2},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-05", figures.Day, []float64{23.5}, 1},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-05", figures.Hour, nil, 23},
		{"Europe/Berlin", "2026-03-01", "2026-05-01", figures.Month, []float64{31*24 - 1, 30 * 24}, 2},
		{"Europe/Berlin", "2026-11-18", "2026-12-03", figures.Week, []float64{5 * 24, 7 * 24, 3 * 24}, 3},
		{"Europe/Berlin", "2025-12-01", "2027-01-01", figures.Year, []float64{31 * 24, 365 * 24}, 2},
	} {
		z := zone(t, c.zone)
		spans := figures.Spans(date(t, c.from), date(t, c.to), c.by, z, 1000)
		if len(spans) != c.spans {
			t.Errorf("%s from %s by %s: %d spans, want %d", c.zone, c.from, c.by, len(spans), c.spans)
			continue
		}
		at := date(t, c.from).In(z)
		for i, s := range spans {
			if !s.From.Equal(at) || !s.To.After(s.From) {
				t.Errorf("%s from %s by %s: span %d is from %s to %s, want it to begin at %s", c.zone, c.from, c.by, i, s.From, s.To, at)
			}
			at = s.To
			if c.hours != nil && s.To.Sub(s.From).Hours() != c.hours[i] {
				t.Errorf("%s from %s by %s: span %d has %g hours, want %g", c.zone, c.from, c.by, i, s.To.Sub(s.From).Hours(), c.hours[i])
			}
		}
		if !at.Equal(date(t, c.to).In(z)) {
			t.Errorf("%s from %s by %s: the last ends at %s", c.zone, c.from, c.by, at)
		}
	}
	if n := len(figures.Spans(date(t, "2020-01-01"), date(t, "2030-01-01"), figures.Hour, time.UTC, 100)); n <= 100 || n > 200 {
		t.Errorf("a limit of 100 gave %d spans", n)
	}
}

// TestCompared: which time stands beside another.
func TestCompared(t *testing.T) {
	for _, c := range []struct{ from, to, wantFrom, wantTo string }{
		{"2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"},
		{"2026-01-01", "2027-01-01", "2025-01-01", "2026-01-01"},
		{"2026-03-02", "2026-03-09", "2026-02-23", "2026-03-02"},
	} {
		from, to := figures.Earlier(date(t, c.from), date(t, c.to))
		if from.String() != c.wantFrom || to.String() != c.wantTo {
			t.Errorf("before %s to %s: %s to %s", c.from, c.to, from, to)
		}
	}
	from, to := figures.FromOn(date(t, "2026-03-01"), date(t, "2026-04-01"), date(t, "2025-02-01"))
	if from.String() != "2025-02-01" || to.String() != "2025-03-01" {
		t.Errorf("a month from February on: %s to %s", from, to)
	}
	from, to = figures.FromOn(date(t, "2026-03-01"), date(t, "2026-04-01"), date(t, "2025-02-02"))
	if from.String() != "2025-02-02" || to.String() != "2025-03-05" {
		t.Errorf("31 days from 2 February on: %s to %s", from, to)
	}
	if d := date(t, "2026-11-23").Weekday(); d != time.Monday {
		t.Errorf("2026-11-23 is a %s", d)
	}
}
