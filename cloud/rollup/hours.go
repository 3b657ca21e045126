package rollup

import (
	"slices"
	"time"
)

// Calendar is what the days of a device are made by: when they begin, and which of their
// hours have prices of their own. What the prices are it does not know, so that a change of them
// changes no day.
type Calendar struct {
	Zone   *time.Location
	Tables []Table // in the order of their days
}

// Table is which hours have prices of their own, from a day on until the next table's.
type Table struct {
	From  int     `json:"from"` // a day as in 20260329
	Hours []Hours `json:"hours,omitempty"`
}

// Hours is hours of some days of the week; the first that fits counts.
type Hours struct {
	Days Weekdays `json:"days"` // those on which it begins
	From int      `json:"from"` // quarters of an hour since midnight, 0 to 95
	To   int      `json:"to"`   // 1 to 96; not after From: on the next day
}

// Weekdays is a set of days of the week: bit n for [time.Weekday] n.
type Weekdays uint8

// EveryDay is all days of the week.
const EveryDay Weekdays = 1<<7 - 1

// Has reports whether a day is in the set.
func (w Weekdays) Has(d time.Weekday) bool { return w>>d&1 != 0 }

// MaxHours is how many hours a table has at most.
const MaxHours = 10

// NoHours is said of what is in a day without hours that have prices of their own.
const NoHours = -1

// Dated returns a day as in 20260329.
func Dated(year int, month time.Month, day int) int { return (year*100+int(month))*100 + day }

// Place returns the day that a quarter is in, and the hours: 0 when it is in none of the table's,
// n when it is in the n-th, and [NoHours] when that day there are none.
func (c Calendar) Place(quarter int64) (Place, int) {
	local := time.UnixMilli(quarter * Quarter).In(c.Zone)
	y, m, d := local.Date()
	place := Place{Key{Days, MonthOf(y, m)}, d - 1}
	table := c.on(Dated(y, m, d))
	if len(table) == 0 {
		return place, NoHours
	}
	return place, Which(table, local)
}

// Which returns which hours a moment is in, by the clock that it has: n for the n-th, 0 for none.
func Which(table []Hours, local time.Time) int {
	now := local.Hour()*4 + local.Minute()/15
	return 1 + slices.IndexFunc(table, func(h Hours) bool { return h.holds(local.Weekday(), now) })
}

// on returns the hours of a day.
func (c Calendar) on(day int) []Hours {
	for _, t := range slices.Backward(c.Tables) {
		if t.From <= day {
			return t.Hours
		}
	}
	return nil
}

// holds reports whether it is one of the hours in a quarter of a day of the week.
func (h Hours) holds(day time.Weekday, quarter int) bool {
	if h.From < h.To {
		return h.Days.Has(day) && h.From <= quarter && quarter < h.To
	}
	return h.Days.Has(day) && quarter >= h.From || h.Days.Has((day+6)%7) && quarter < h.To
}

// forgetting returns days that were made by another calendar, without the hours of those days
// that had others then.
func (c Calendar) forgetting(was Calendar, days map[int64]Block) map[int64]Block {
	kept := make(map[int64]Block, len(days))
	for period, b := range days {
		month := MonthPlace(period)
		b = slices.Clone(b)
		for i := range b {
			day := Dated(int(month.Period), time.Month(month.Index+1), b[i].Index+1)
			if !slices.Equal(c.on(day), was.on(day)) {
				b[i].Hours = [MaxHours + 1]int64{}
			}
		}
		kept[period] = b
	}
	return kept
}
