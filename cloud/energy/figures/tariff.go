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
	MaxTimes = rollup.MaxHours
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

// Weekdays is a set of days of the week.
type Weekdays = rollup.Weekdays

// EveryDay is all days of the week.
const EveryDay = rollup.EveryDay

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

// Calendar returns what days are made by, so that they tell what energy costs by such rates.
func Calendar(rates []Rate, zone *time.Location) rollup.Calendar {
	c := rollup.Calendar{Zone: zone}
	var last []rollup.Hours
	for _, r := range rates {
		if hours := r.hours(); !slices.Equal(hours, last) {
			c.Tables = append(c.Tables, rollup.Table{From: rollup.Dated(r.From.Year, r.From.Month, r.From.Day), Hours: hours})
			last = hours
		}
	}
	return c
}

func (r *Rate) hours() []rollup.Hours {
	var all []rollup.Hours
	for _, t := range r.Times {
		all = append(all, rollup.Hours{Days: t.Days, From: t.From, To: t.To})
	}
	return all
}

// Cost is what a kWh costs at a time. NaN says that it is not known.
type Cost struct {
	Price float64 // in the currency of the project
	CO2   float64 // grams
}

// rate returns what holds on a day; -1 for nothing.
func (t Tariff) rate(day Date) int {
	i := len(t.rates) - 1
	for i >= 0 && day.Before(t.rates[i].From) {
		i--
	}
	return i
}

// At returns what a kWh costs in a quarter.
func (t Tariff) At(quarter int64) Cost {
	local := time.UnixMilli(quarter * rollup.Quarter).In(t.zone)
	i := t.rate(DateOf(local, t.zone))
	if i < 0 {
		return Cost{math.NaN(), math.NaN()}
	}
	return t.rates[i].in(rollup.Which(t.rates[i].hours(), local))
}

// in returns what a kWh costs in some of its hours, those of [rollup.Which].
func (r *Rate) in(hours int) Cost {
	cost := Cost{math.NaN(), math.NaN()}
	if r.CO2 != nil {
		cost.CO2 = *r.CO2
	}
	if hours > 0 {
		cost.Price = r.Times[hours-1].Price
	} else if r.Price != nil {
		cost.Price = *r.Price
	}
	return cost
}

// prices are what a kWh costs on a day, by the hours of [rollup.Entry].
type prices struct {
	byTime bool
	hours  [rollup.MaxHours + 1]float64
	co2    float64
}

// of returns what a kWh costs while a rate holds.
func (t Tariff) of(rate int) *prices {
	p := &prices{co2: math.NaN()}
	p.hours[0] = math.NaN()
	if rate >= 0 {
		r := &t.rates[rate]
		p.byTime = len(r.Times) > 0
		for i := range 1 + len(r.Times) {
			cost := r.in(i)
			p.hours[i], p.co2 = cost.Price, cost.CO2
		}
	}
	return p
}

// cost is what some energy costs.
type cost struct {
	money float64 // in the currency of the project
	grams float64 // of carbon dioxide
}

// of returns what was taken in costs.
func (c Cost) of(s *rollup.Sums) cost {
	if s.Energy == 0 {
		return cost{}
	}
	kWh := float64(s.Energy) / 1e6
	return cost{kWh * c.Price, kWh * c.CO2}
}

// cost returns what costs that was taken in on a day, or on days with the same prices; hours says
// that it is known of which hours it is, if the entry does.
func (p *prices) cost(e *rollup.Entry, hours bool) cost {
	c := Cost{p.hours[0], p.co2}.of(&e.Sums)
	if !p.byTime || e.Energy == 0 {
		return c
	}
	if !hours || !e.InHours() {
		c.money = math.NaN()
		return c
	}
	c.money = 0
	for i, mwh := range &e.Hours {
		if mwh != 0 {
			c.money += float64(mwh) / 1e6 * p.hours[i]
		}
	}
	return c
}
