// Package figures is the arithmetic of what people ask about a building's energy: which
// spans of time a year or a day has in a time zone, which price holds when, and how the sums
// of devices (package rollup) become figures of rooms, months and money.
//
// Whoever adds the same sums to a [Book] gets the same figures, in whichever order. It is
// pure: no clock, no I/O; time zones are arguments. It does not know where sums are kept, nor
// which devices belong to what: package energy does.
package figures

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/rollup"
)

// Step is how long the spans of an answer are.
type Step uint8

// The steps, from the shortest.
const (
	Hour  Step = 1 + iota // of the clock on the wall
	Day                   // from midnight to midnight: 23 to 25 hours, or 23.5 and 24.5
	Week                  // from Monday on (ISO 8601)
	Month                 // of the calendar
	Year                  // of the calendar
)

var stepNames = [...]string{Hour: "hour", Day: "day", Week: "week", Month: "month", Year: "year"}

// String returns the name that the API uses.
func (s Step) String() string {
	if s == 0 || int(s) >= len(stepNames) {
		return fmt.Sprintf("step(%d)", uint8(s))
	}
	return stepNames[s]
}

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (s *Step) UnmarshalText(b []byte) error {
	i := slices.Index(stepNames[1:], string(b))
	if i < 0 {
		return sconce.Errorf(sconce.Invalid, "expected one of %s", strings.Join(stepNames[1:], ", "))
	}
	*s = Step(i + 1)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Date is a day of the calendar, in whichever zone is spoken of. The zero value is no day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// The years that dates are of: what is earlier was not measured, and what is later is not
// going to be asked for.
const (
	firstYear = 2000
	lastYear  = 2199
)

// DateOf returns the day that a moment is in.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads a day as in 2026-03-29 (RFC 3339, full-date) from the year 2000 to 2199.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return Date{}, sconce.Errorf(sconce.Invalid, "expected a day as in 2026-03-29, from %d to %d", firstYear, lastYear)
	}
	return DateOf(t, time.UTC), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

// MarshalText implements [encoding.TextMarshaler].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the day as in 2026-03-29.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// IsZero reports whether it is no day.
func (d Date) IsZero() bool { return d == Date{} }

// In returns the moment with which the day begins.
func (d Date) In(zone *time.Location) time.Time {
	return rollup.Midnight(d.Year, d.Month, d.Day, zone)
}

// Before reports whether d is earlier.
func (d Date) Before(e Date) bool { return d.number() < e.number() }

// Add returns the day so many years, months and days later. A day that a month does not have
// is counted into the next, as [time.Date] does.
func (d Date) Add(years, months, days int) Date {
	return DateOf(time.Date(d.Year+years, d.Month+time.Month(months), d.Day+days, 12, 0, 0, 0, time.UTC), time.UTC)
}

// Until returns how many days it is until e.
func (d Date) Until(e Date) int { return e.number() - d.number() }

// Weekday returns which day of the week it is.
func (d Date) Weekday() time.Weekday { return time.Weekday((d.number() + 4) % 7) } // 1970-01-01 was a Thursday

// number counts days since 1970-01-01.
func (d Date) number() int {
	return int(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// Span is a length of time. It begins and ends with quarters of an hour.
type Span struct {
	From, To time.Time // To is not in it
}

// Milliseconds returns how long it is.
func (s Span) Milliseconds() int64 { return s.To.Sub(s.From).Milliseconds() }

// Spans returns the time from the beginning of a day to the beginning of another, cut into
// steps; the first and the last are shorter where the days are within one. It returns at most
// limit and one more.
func Spans(from, to Date, step Step, zone *time.Location, limit int) []Span {
	var all []Span
	for at, end := from, to; at.Before(end) && len(all) <= limit; {
		next := at.next(step)
		if end.Before(next) {
			next = end
		}
		if step == Hour {
			all = appendHours(all, at.In(zone), next.In(zone), zone)
		} else {
			all = append(all, Span{at.In(zone), next.In(zone)})
		}
		at = next
	}
	return all
}

// next returns the first day of the next step; of hours, the next day.
func (d Date) next(step Step) Date {
	switch step {
	case Week:
		return d.Add(0, 0, 7-int(d.Weekday()+6)%7)
	case Month:
		return Date{d.Year, d.Month, 1}.Add(0, 1, 0)
	case Year:
		return Date{d.Year + 1, time.January, 1}
	default:
		return d.Add(0, 0, 1)
	}
}

const quarter = rollup.Quarter * time.Millisecond

// appendHours cuts a day into hours: a span ends when the clock on the wall shows a full hour.
// Where clocks are changed by half an hour, one span has half an hour more or less.
func appendHours(all []Span, from, to time.Time, zone *time.Location) []Span {
	begin := from
	for at := from.Add(quarter); at.Before(to); at = at.Add(quarter) {
		if at.In(zone).Minute() == 0 {
			all = append(all, Span{begin, at})
			begin = at
		}
	}
	return append(all, Span{begin, to})
}

// Earlier returns the time before a time that is compared with it: as many months, if both
// days are the first of months, else as many days.
func Earlier(from, to Date) (Date, Date) {
	if from.Day == 1 && to.Day == 1 {
		months := (to.Year-from.Year)*12 + int(to.Month) - int(from.Month)
		return from.Add(0, -months, 0), from
	}
	return from.Add(0, 0, -from.Until(to)), from
}

// FromOn returns as long a time as that from one day to another, from a third on: as many
// months, if all days are the first of months, else as many days.
func FromOn(from, to, begin Date) (Date, Date) {
	if from.Day == 1 && to.Day == 1 && begin.Day == 1 {
		months := (to.Year-from.Year)*12 + int(to.Month) - int(from.Month)
		return begin, begin.Add(0, months, 0)
	}
	return begin, begin.Add(0, 0, from.Until(to))
}
