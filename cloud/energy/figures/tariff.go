package figures

import (
	"math"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/rollup"
)

// Limits of rates.
const (
	MaxRates = 10
	MaxTimes = 10
	maxPrice = 1e6
	maxCO2   = 5000 // brown coal is at some 1,200
)

// Rate is what energy costs, in money and in carbon dioxide, from a day on until the next
// rate begins.
type Rate struct {
	From  Date     `json:"from"`
	Price *float64 `json:"price,omitempty"` // per kWh, in the currency of the project; nil for not known
	CO2   *float64 `json:"co2,omitempty"`   // grams per kWh; nil for not known
	Times []Time   `json:"times,omitempty"` // with prices of their own; the first that fits counts
}

// Time is hours of some days of the week.
type Time struct {
	Days  Weekdays `json:"days"` // those on which it begins
	From  int      `json:"from"` // quarters of an hour since midnight, 0 to 95
	To    int      `json:"to"`   // 1 to 96; not after From: on the next day
	Price float64  `json:"price"`
}

// Weekdays is a set of days of the week: bit n for [time.Weekday] n.
type Weekdays uint8

// EveryDay is all days of the week.
const EveryDay Weekdays = 1<<7 - 1

// Has reports whether a day is in the set.
func (w Weekdays) Has(d time.Weekday) bool { return w>>d&1 != 0 }

// CheckRates says what is wrong with rates.
func CheckRates(rates []Rate) error {
	if len(rates) > MaxRates {
		return sconce.FieldErrorf("rates", "a project has at most %d rates", MaxRates)
	}
	for i, r := range rates {
		switch {
		case r.From.IsZero():
			return sconce.FieldErrorf("rates", "a rate holds from a day on")
		case i > 0 && !rates[i-1].From.Before(r.From):
			return sconce.FieldErrorf("rates", "the rates are in the order of their days, one for each day")
		case r.Price == nil && (r.CO2 == nil || len(r.Times) > 0):
			return sconce.FieldErrorf("rates", "expected a price, or grams of carbon dioxide, and times only with a price")
		case r.Price != nil && !within(*r.Price, maxPrice):
			return errPrice()
		case r.CO2 != nil && !within(*r.CO2, maxCO2):
			return sconce.FieldErrorf("rates", "carbon dioxide is from 0 to %d g per kWh", maxCO2)
		case len(r.Times) > MaxTimes:
			return sconce.FieldErrorf("rates", "a rate has at most %d times", MaxTimes)
		}
		for _, t := range r.Times {
			if t.Days == 0 || t.Days > EveryDay || t.From < 0 || t.From >= rollup.QuartersPerDay || t.To < 1 || t.To > rollup.QuartersPerDay || t.From == t.To {
				return sconce.FieldErrorf("rates", "times are on days of the week and from one quarter of an hour to another")
			}
			if !within(t.Price, maxPrice) {
				return errPrice()
			}
		}
	}
	return nil
}

func errPrice() error {
	return sconce.FieldErrorf("rates", "a price is from 0 to %d per kWh", int(maxPrice))
}

// within reports whether v is from 0 to most; NaN is not.
func within(v, most float64) bool { return v >= 0 && v <= most }

// Tariff is rates in a time zone.
type Tariff struct {
	rates []Rate
	zone  *time.Location
}

// NewTariff returns the tariff of rates that [CheckRates] takes.
func NewTariff(rates []Rate, zone *time.Location) Tariff { return Tariff{slices.Clone(rates), zone} }

// ByTime reports whether a price depends on the time of day, for any day from one to another,
// the last not included.
func (t Tariff) ByTime(from, to Date) bool {
	for i, r := range t.rates {
		over := i+1 < len(t.rates) && !from.Before(t.rates[i+1].From)
		if len(r.Times) > 0 && r.From.Before(to) && !over {
			return true
		}
	}
	return false
}

// Cost is what a kWh costs at a time. NaN says that it is not known.
type Cost struct {
	Price float64 // in the currency of the project
	CO2   float64 // grams
}

// At returns what a kWh costs in a quarter.
func (t Tariff) At(quarter int64) Cost {
	cost := Cost{math.NaN(), math.NaN()}
	local := time.UnixMilli(quarter * rollup.Quarter).In(t.zone)
	day := DateOf(local, t.zone)
	i := len(t.rates) - 1
	for i >= 0 && day.Before(t.rates[i].From) {
		i--
	}
	if i < 0 {
		return cost
	}
	r := &t.rates[i]
	if r.CO2 != nil {
		cost.CO2 = *r.CO2
	}
	if r.Price == nil {
		return cost
	}
	cost.Price = *r.Price
	now := local.Hour()*4 + local.Minute()/15
	for _, one := range r.Times {
		if one.holds(day.Weekday(), now) {
			cost.Price = one.Price
			break
		}
	}
	return cost
}

// holds reports whether a time holds in a quarter of a day of the week.
func (t Time) holds(day time.Weekday, quarter int) bool {
	if t.From < t.To {
		return t.Days.Has(day) && t.From <= quarter && quarter < t.To
	}
	return t.Days.Has(day) && quarter >= t.From || t.Days.Has((day+6)%7) && quarter < t.To
}
