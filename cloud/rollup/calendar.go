package rollup

import (
	"math"
	"slices"
	"time"
)

// Level is one of the ways in which rollups are kept.
type Level uint8

// The levels. Their values are stored.
const (
	Quarters Level = 0 // a block has the quarters of 24 hours from midnight UTC on
	Days     Level = 1 // a block has the days of a month in the time zone of the project
	// Months are what the days of a month are together: a block has those of a year. A month
	// that is not there is to be taken from its days.
	Months Level = 2
)

// Key names a block of a device.
type Key struct {
	Level  Level
	Period int64 // of Quarters: days since 1970-01-01 UTC; of Days: months since January of the year 0; of Months: the year
}

// Place is where sums are kept: which block, and which entry of it.
type Place struct {
	Key

	Index int // of Quarters: quarters since midnight UTC; of Days: the day of the month, less one; of Months: the month, less one
}

// QuarterPlace returns the place of a quarter.
func QuarterPlace(quarter int64) Place {
	period := floor(quarter, QuartersPerDay)
	return Place{Key{Quarters, period}, int(quarter - period*QuartersPerDay)}
}

// DayPlace returns the place of the day that a quarter is in, in a time zone. Wherever clocks
// are changed, and whatever they show, a day begins with a quarter: every offset in use since
// 1972 is a multiple of a quarter of an hour.
func DayPlace(quarter int64, zone *time.Location) Place {
	y, m, d := time.UnixMilli(quarter * Quarter).In(zone).Date()
	return Place{Key{Days, MonthOf(y, m)}, d - 1}
}

// MonthPlace returns the place of a month, by its period.
func MonthPlace(period int64) Place {
	year := floor(period, 12)
	return Place{Key{Months, year}, int(period - year*12)}
}

// MonthOf returns the period of a month.
func MonthOf(year int, month time.Month) int64 { return int64(year)*12 + int64(month) - 1 }

// DateOf returns the moment with which the day of a place at level Days begins.
func DateOf(period int64, index int, zone *time.Location) time.Time {
	year := floor(period, 12)
	return Midnight(int(year), time.Month(period-year*12)+1, index+1, zone)
}

// Midnight returns the moment with which a day begins: where clocks go forward at midnight
// that is later than 00:00. Months and days beyond their ranges are taken as by [time.Date].
func Midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	_, _, want := time.Date(year, month, day, 12, 0, 0, 0, zone).Date()
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	for t.Day() != want {
		t = t.Add(Quarter * time.Millisecond)
	}
	return t
}

// Remade returns the days of a device by a calendar, made from its quarters, by their
// periods. days is what was kept until now, by the calendar was; both are by their periods. Days
// that lie before the quarters that are kept stay as they are, under their dates: nothing is
// known any more of when on them something was.
func Remade(quarters, days map[int64]Block, was, now Calendar) map[int64]Block {
	made := map[int64]Block{}
	oldest := int64(math.MaxInt64)
	for period, b := range quarters {
		oldest = min(oldest, period)
		for i := range b {
			p, hours := now.Place(period*QuartersPerDay + int64(b[i].Index))
			block := made[p.Period]
			block.AddIn(p.Index, hours, &b[i].Sums)
			made[p.Period] = block
		}
	}
	days = now.forgetting(was, days)
	if len(quarters) == 0 {
		return days
	}
	seam := DayPlace(oldest*QuartersPerDay, now.Zone)
	if !reachesBack(days, seam) {
		return made // all there ever was is in the quarters
	}
	// The first day of the quarters may have begun before them: it stays as well.
	if DateOf(seam.Period, seam.Index, now.Zone).UnixMilli() < oldest*QuartersPerDay*Quarter {
		seam.Index++
	}
	for period, b := range made {
		if period <= seam.Period {
			made[period] = slices.DeleteFunc(b, func(e Entry) bool { return period < seam.Period || e.Index < seam.Index })
		}
	}
	for period, b := range days {
		for i := range b {
			if period < seam.Period || period == seam.Period && b[i].Index < seam.Index {
				block := made[period]
				block.Put(b[i])
				made[period] = block
			}
		}
	}
	return made
}

// reachesBack reports whether there are days that lie before one, and not because their zone
// is another one: zones are little more than a day apart.
func reachesBack(days map[int64]Block, seam Place) bool {
	for period, b := range days {
		for i := range b {
			if DateOf(period, b[i].Index, time.UTC).AddDate(0, 0, 2).Before(DateOf(seam.Period, seam.Index, time.UTC)) {
				return true
			}
		}
	}
	return false
}
