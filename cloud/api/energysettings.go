package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
)

// EnergySettings is what a project decided about energy.
type EnergySettings struct {
	Zone       string          `json:"time_zone" minLength:"1" maxLength:"64" example:"Europe/Berlin" doc:"IANA name: days begin at midnight there."`
	Currency   string          `json:"currency" minLength:"3" maxLength:"3" example:"EUR" doc:"ISO 4217."`
	Rates      []EnergyRate    `json:"rates" maxItems:"10" nullable:"false" doc:"In the order of their days."`
	Baseline   *EnergyBaseline `json:"baseline,omitempty" doc:"What figures are compared with; left out for nothing."`
	Aggregated *bool           `json:"occupancy_aggregated,omitempty" doc:"Gateways tell for how long sensors saw somebody in whole periods of at most an hour alone, and neither when nor whether somebody is there now. Left out of a change: as it was."`
	Budget     *float64        `json:"monthly_budget_wh" required:"false" doc:"More in a calendar month is an alert, when the rule energy_high is on."`
}

// EnergyRate is what energy costs from a day on, until the next rate begins.
type EnergyRate struct {
	From  string       `json:"valid_from" maxLength:"10" example:"2026-01-01"`
	Price *float64     `json:"price_per_kwh" required:"false" doc:"In the currency of the project."`
	CO2   *float64     `json:"co2_g_per_kwh" required:"false" doc:"Grams of carbon dioxide."`
	Times []EnergyTime `json:"times,omitempty" maxItems:"10" nullable:"false" doc:"Hours with a price of their own: the first that fits counts."`
}

// EnergyTime is hours with a price of their own.
type EnergyTime struct {
	Days  []string `json:"days" minItems:"1" maxItems:"7" nullable:"false" enum:"mon,tue,wed,thu,fri,sat,sun" doc:"The days on which it begins."`
	From  string   `json:"from" pattern:"^([01][0-9]|2[0-3]):(00|15|30|45)$" example:"22:00"`
	To    string   `json:"to" pattern:"^([01][0-9]|2[0-3]):(00|15|30|45)$" example:"06:00" doc:"00:00 is midnight; what is not after from is on the next day."`
	Price float64  `json:"price_per_kwh" minimum:"0"`
}

// EnergyBaseline is what would be, or was, used otherwise.
type EnergyBaseline struct {
	Kind        string  `json:"kind" enum:"wh_per_day,installed,period"`
	PerDay      float64 `json:"wh_per_day,omitempty" doc:"Of the whole project; with wh_per_day."`
	Power       float64 `json:"installed_w,omitempty" doc:"Of the whole project; with installed."`
	HoursPerDay float64 `json:"hours_per_day,omitempty" doc:"With installed."`
	From        string  `json:"from,omitempty" maxLength:"10" example:"2025-01-01" doc:"With period: its mean power is the baseline of each subject."`
	To          string  `json:"to,omitempty" maxLength:"10" example:"2026-01-01" doc:"Not included."`
}

type energySettingsAnswer struct {
	ETag string `header:"ETag"`
	Body EnergySettings
}

func (a *API) energySettingsRoutes() {
	within(a, route{
		id: "get-energy-settings", method: http.MethodGet, path: "/energy-settings", status: http.StatusOK,
		summary: "The time zone of a project, what energy costs, and what it is compared with", tag: "energy",
	}, func(ctx context.Context, scope project.Scope, _ *struct{}) (*energySettingsAnswer, error) {
		return a.energySettings(ctx, scope)
	})

	within(a, route{
		id: "change-energy-settings", method: http.MethodPut, path: "/energy-settings", status: http.StatusOK,
		summary: "Set the time zone of a project, what energy costs, and what it is compared with", tag: "energy", edits: true,
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Unchanged
		Body EnergySettings
	},
	) (*energySettingsAnswer, error) {
		was, err := a.energySettings(ctx, scope)
		if err != nil {
			return nil, err
		}
		if err := in.check(ctx, was.Body); err != nil {
			return nil, err
		}
		if in.Body.Aggregated == nil {
			in.Body.Aggregated = was.Body.Aggregated
		}
		set, err := in.Body.settings()
		if err != nil {
			return nil, err
		}
		if err := a.Energy.SetSettings(ctx, scope, set); err != nil {
			return nil, err
		}
		return a.energySettings(ctx, scope)
	})
}

func (a *API) energySettings(ctx context.Context, scope project.Scope) (*energySettingsAnswer, error) {
	s, err := a.Energy.Settings(ctx, scope)
	if err != nil {
		return nil, err
	}
	body := energySettingsOf(s)
	return &energySettingsAnswer{etagOf(body), body}, nil
}

// weekdays are the names of days of the week, by [time.Weekday].
var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func energySettingsOf(s energy.Settings) EnergySettings {
	out := EnergySettings{Zone: s.Zone, Currency: s.Currency, Rates: []EnergyRate{}, Aggregated: &s.Aggregated}
	for _, r := range s.Rates {
		rate := EnergyRate{From: r.From.String(), Price: r.Price, CO2: r.CO2}
		for _, t := range r.Times {
			one := EnergyTime{From: quarterClock(t.From), To: quarterClock(t.To), Price: t.Price}
			for day := time.Monday; day <= time.Monday+6; day++ {
				if t.Days.Has(day % 7) {
					one.Days = append(one.Days, weekdays[day%7])
				}
			}
			rate.Times = append(rate.Times, one)
		}
		out.Rates = append(out.Rates, rate)
	}
	if b := s.Baseline; b.Kind != energy.NoBaseline {
		base := EnergyBaseline{Kind: string(b.Kind), PerDay: b.PerDay, Power: b.Power, HoursPerDay: b.HoursPerDay}
		if b.Kind == energy.Past {
			base.From, base.To = b.From.String(), b.To.String()
		}
		out.Baseline = &base
	}
	if s.Budget > 0 {
		out.Budget = &s.Budget
	}
	return out
}

func (in EnergySettings) settings() (energy.Settings, error) {
	s := energy.Settings{Zone: in.Zone, Currency: in.Currency, Aggregated: in.Aggregated != nil && *in.Aggregated}
	for _, r := range in.Rates {
		rate, err := r.rate()
		if err != nil {
			return s, err
		}
		s.Rates = append(s.Rates, rate)
	}
	if in.Budget != nil {
		s.Budget = *in.Budget
	}
	if b := in.Baseline; b != nil {
		s.Baseline = energy.Baseline{Kind: energy.BaselineKind(b.Kind), PerDay: b.PerDay, Power: b.Power, HoursPerDay: b.HoursPerDay}
		for _, d := range []struct {
			text string
			into *figures.Date
		}{{b.From, &s.Baseline.From}, {b.To, &s.Baseline.To}} {
			if d.text == "" {
				continue
			}
			if err := d.into.UnmarshalText([]byte(d.text)); err != nil {
				return s, sconce.InField("baseline", err)
			}
		}
	}
	return s, nil
}

func (r EnergyRate) rate() (figures.Rate, error) {
	out := figures.Rate{Price: r.Price, CO2: r.CO2}
	if err := out.From.UnmarshalText([]byte(r.From)); err != nil {
		return out, sconce.InField("rates", err)
	}
	for _, t := range r.Times {
		one := figures.Time{From: clockQuarter(t.From), To: clockQuarter(t.To), Price: t.Price}
		if one.To == 0 {
			one.To = quartersPerDay
		}
		for _, name := range t.Days {
			one.Days |= 1 << slices.Index(weekdays[:], name)
		}
		out.Times = append(out.Times, one)
	}
	return out, nil
}

const quartersPerDay = 24 * 4

// quarterClock writes quarters since midnight as 22:15, and clockQuarter reads that, which
// the pattern of the field has checked.
func quarterClock(quarter int) string { return clock(quarter % quartersPerDay * 15) }

func clockQuarter(text string) int {
	h, m, _ := strings.Cut(text, ":")
	hour, _ := strconv.Atoi(h)
	minute, _ := strconv.Atoi(m)
	return hour*4 + minute/15
}
