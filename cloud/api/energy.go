package api

import (
	"context"
	"math"
	"net/http"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
)

// TimeSpan is a length of time.
type TimeSpan struct {
	From Time `json:"from"`
	To   Time `json:"to" doc:"Not included."`
}

// EnergySubject is what figures are about.
type EnergySubject struct {
	ID      string           `json:"id" doc:"Identifier of the project, network, group or position, or the address of the device."`
	Name    string           `json:"name" doc:"Of a device: that of its position."`
	Network sconce.NetworkID `json:"network_id" doc:"Empty for the project."`
	Devices int              `json:"devices" doc:"How many devices with a meter are there now."`
	Removed bool             `json:"removed" doc:"The position, or the device in it, is there no more. What it used counts all the same."`
}

// Energy is what is known of a subject in a span.
type Energy struct {
	Energy     float64         `json:"energy_wh" doc:"What the counters say was taken in."`
	Spread     float64         `json:"spread_wh" doc:"Of that, what is known only as a sum after a silence of more than an hour: it is spread evenly over the silence."`
	Known      OrNull[float64] `json:"known_share" doc:"Of the time so far during which lights were there, how much their counters tell of, from 0 to 1; null for the future, and where there were no lights."`
	Burn       float64         `json:"burn_h" doc:"Hours during which lights burned, of all lights together."`
	PeakDevice float64         `json:"peak_device_w" doc:"The highest power that one device measured."`
	Peak       OrNull[float64] `json:"peak_w" doc:"The highest mean power over a quarter of an hour, of all devices together; null where only whole days were looked at."`
	Cost       OrNull[float64] `json:"cost" doc:"In the currency of the project; null when not for all of the energy a price is known."`
	CO2        OrNull[float64] `json:"co2_g" doc:"Grams of carbon dioxide; null likewise."`
	Baseline   OrNull[float64] `json:"baseline_wh" doc:"What the baseline would have used in that time; null without one for this subject."`
}

// EnergyRow is the figures of one subject.
type EnergyRow struct {
	EnergySubject
	Total         Energy         `json:"total" doc:"Of all spans."`
	Values        []Energy       `json:"values" nullable:"false" doc:"One for each span."`
	ComparedTotal OrNull[Energy] `json:"compared_total"`
	Compared      []Energy       `json:"compared" nullable:"false" doc:"One for each compared span."`
}

// EnergyAnswer is what a project used.
type EnergyAnswer struct {
	Zone          string      `json:"time_zone" doc:"IANA name."`
	By            string      `json:"by"`
	Per           string      `json:"per"`
	Currency      string      `json:"currency" doc:"ISO 4217."`
	Spans         []TimeSpan  `json:"spans" nullable:"false"`
	ComparedSpans []TimeSpan  `json:"compared_spans" nullable:"false" doc:"Those that stand beside the spans, in their order; there may be one more or less."`
	Items         []EnergyRow `json:"items" nullable:"false"`
}

// OccupancyShare is how much somebody was there.
type OccupancyShare struct {
	Occupied OrNull[float64] `json:"occupied_share" doc:"Of the time of which something is known, how much a sensor saw somebody, from 0 to 1: the mean over the sensors. Null when nothing is known."`
	Known    OrNull[float64] `json:"known_share" doc:"Of the time so far, how much something is known of; null for the future, and where there are no sensors."`
}

// OccupancyRow is how much somebody was somewhere.
type OccupancyRow struct {
	ID      string           `json:"id" doc:"Identifier of the project, network or group."`
	Name    string           `json:"name"`
	Network sconce.NetworkID `json:"network_id" doc:"Empty for the project."`
	Sensors int              `json:"sensors"`
	Values  []OccupancyShare `json:"values" nullable:"false" doc:"One for each span."`
}

// OccupancyAnswer is how much of the time rooms were in use.
type OccupancyAnswer struct {
	Zone       string         `json:"time_zone" doc:"IANA name."`
	By         string         `json:"by"`
	Per        string         `json:"per"`
	Aggregated bool           `json:"aggregated" doc:"Gateways tell of whole periods alone, rounded to minutes, and single values stay in the building."`
	Spans      []TimeSpan     `json:"spans" nullable:"false"`
	Items      []OccupancyRow `json:"items" nullable:"false"`
}

// UsageRow is how lights were used.
type UsageRow struct {
	EnergySubject
	Burn      float64         `json:"burn_h" doc:"Hours during which lights burned, of all lights together."`
	Levels    []float64       `json:"levels_h" nullable:"false" doc:"Of those, the hours at up to 20, 40, 60, 80 and 100 per cent of full output."`
	Off       float64         `json:"off_h" doc:"Hours during which lights were dark and could be reached."`
	Available OrNull[float64] `json:"available_share" doc:"Of the time of which it is known, how much the lights could be reached, from 0 to 1."`
	Known     OrNull[float64] `json:"known_share" doc:"Of the time so far, how much that is known of."`
	Faults    int             `json:"fault_count" doc:"How often a lamp or a driver was said to be broken."`
	Offlines  int             `json:"offline_count" doc:"How often a light did not answer."`
}

// UsageAnswer is how the lights of a project were used.
type UsageAnswer struct {
	Zone  string     `json:"time_zone" doc:"IANA name."`
	From  Time       `json:"from"`
	To    Time       `json:"to" doc:"Not included."`
	Per   string     `json:"per"`
	Items []UsageRow `json:"items" nullable:"false"`
}

// EnergyPeriod is the time that is asked for, in days of the project's time zone.
type EnergyPeriod struct {
	From text[figures.Date] `query:"from" doc:"The first day, in the time zone of the project, as in 2026-03-29; without from and to, the current month."`
	To   text[figures.Date] `query:"to" doc:"The day after the last."`
}

// EnergyPlace is the part of the project that is asked for.
type EnergyPlace struct {
	Network sconce.NetworkID `query:"network" maxLength:"100" doc:"Only what is, or was, in this network."`
	Group   sconce.GroupID   `query:"group" maxLength:"100" doc:"Only what is in this group."`
}

// EnergyPosition is a place that is asked for.
type EnergyPosition struct {
	Position sconce.PositionID `query:"position" maxLength:"100" doc:"Only what is, or was, in this position."`
}

func (a *API) energyRoutes() {
	within(a, route{
		id: "get-energy", method: http.MethodGet, path: "/energy", status: http.StatusOK,
		summary: "What was used, by spans of time, with its cost, beside another time and a baseline", tag: "energy",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		EnergyPeriod
		By  string `query:"by" enum:"hour,day,week,month,year" default:"day" doc:"How long the spans are. Weeks begin on Monday."`
		Per string `query:"per" enum:"project,network,group,position,device" default:"project" doc:"What there is a row for."`
		EnergyPlace
		EnergyPosition
		Compare text[energy.Compare] `query:"compare" doc:"What stands beside it: previous, year, or the first day of a time that is as long."`
	},
	) (*struct{ Body EnergyAnswer }, error) {
		q, err := questionOf(in.EnergyPeriod, in.By, in.Per, in.EnergyPlace)
		if err != nil {
			return nil, err
		}
		q.Position, q.Compare = in.Position, in.Compare.value
		answer, err := a.Energy.Energy(ctx, scope, q)
		if err != nil {
			return nil, err
		}
		return &struct{ Body EnergyAnswer }{energyOf(in.By, in.Per, answer)}, nil
	})

	within(a, route{
		id: "get-occupancy", method: http.MethodGet, path: "/occupancy", status: http.StatusOK,
		summary: "How much of the time somebody was there, of groups and larger parts", tag: "energy",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		EnergyPeriod
		By  string `query:"by" enum:"hour,day" default:"hour" doc:"How long the spans are."`
		Per string `query:"per" enum:"project,network,group" default:"group" doc:"What there is a row for: never one sensor."`
		EnergyPlace
	},
	) (*struct{ Body OccupancyAnswer }, error) {
		q, err := questionOf(in.EnergyPeriod, in.By, in.Per, in.EnergyPlace)
		if err != nil {
			return nil, err
		}
		answer, err := a.Energy.Occupancy(ctx, scope, q)
		if err != nil {
			return nil, err
		}
		return &struct{ Body OccupancyAnswer }{occupancyOf(in.By, in.Per, answer)}, nil
	})

	within(a, route{
		id: "get-usage", method: http.MethodGet, path: "/usage", status: http.StatusOK,
		summary: "How lights were used: hours, levels, availability, faults", tag: "energy",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		EnergyPeriod
		Per string `query:"per" enum:"project,network,group,position,device" default:"position" doc:"What there is a row for."`
		EnergyPlace
		EnergyPosition
	},
	) (*struct{ Body UsageAnswer }, error) {
		q, err := questionOf(in.EnergyPeriod, "year", in.Per, in.EnergyPlace)
		if err != nil {
			return nil, err
		}
		q.Position = in.Position
		span, settings, uses, err := a.Energy.Usage(ctx, scope, q)
		if err != nil {
			return nil, err
		}
		out := UsageAnswer{Zone: settings.Zone, From: Time(span.From), To: Time(span.To), Per: in.Per, Items: make([]UsageRow, len(uses))}
		for i := range uses {
			out.Items[i] = usageOf(&uses[i])
		}
		return &struct{ Body UsageAnswer }{out}, nil
	})
}

func questionOf(p EnergyPeriod, by, per string, in EnergyPlace) (energy.Question, error) {
	q := energy.Question{From: p.From.value, To: p.To.value, Per: energy.Per(per), Filter: energy.Filter{Network: in.Network, Group: in.Group}}
	return q, q.By.UnmarshalText([]byte(by))
}

func energyOf(by, per string, answer energy.Answer) EnergyAnswer {
	out := EnergyAnswer{
		Zone: answer.Settings.Zone, By: by, Per: per, Currency: answer.Settings.Currency,
		Spans: spansOf(answer.Spans), ComparedSpans: spansOf(answer.Compared), Items: make([]EnergyRow, len(answer.Rows)),
	}
	for i, r := range answer.Rows {
		row := EnergyRow{
			EnergySubject: subjectOf(r.Subject), Total: energyCell(r.Total, r.Baseline*hoursOf(answer.Spans...)),
			Values: make([]Energy, len(r.Cells)), Compared: make([]Energy, len(r.Compared)),
		}
		for n, c := range r.Cells {
			row.Values[n] = energyCell(c, r.Baseline*hoursOf(answer.Spans[n]))
		}
		for n, c := range r.Compared {
			row.Compared[n] = energyCell(c, r.Baseline*hoursOf(answer.Compared[n]))
		}
		if answer.Compared != nil {
			row.ComparedTotal = some(energyCell(r.ComparedTotal, r.Baseline*hoursOf(answer.Compared...)))
		}
		out.Items[i] = row
	}
	return out
}

func energyCell(c figures.Cell, baseline float64) Energy {
	e := Energy{
		Energy: thousandth(c.Energy), Spread: thousandth(c.Spread), Known: knownShare(c.Metered, c.Expected), Burn: hours(c.Lit()), PeakDevice: thousandth(c.Peak),
		Cost: known(c.Cost), CO2: known(c.CO2), Baseline: known(baseline),
	}
	if !c.Days {
		e.Peak = some(thousandth(c.PeakQuarter))
	}
	return e
}

func occupancyOf(by, per string, answer energy.Answer) OccupancyAnswer {
	out := OccupancyAnswer{Zone: answer.Settings.Zone, By: by, Per: per, Aggregated: answer.Settings.Aggregated, Spans: spansOf(answer.Spans), Items: make([]OccupancyRow, len(answer.Rows))}
	for i, r := range answer.Rows {
		row := OccupancyRow{ID: r.ID, Name: r.Name, Network: r.Network, Sensors: r.Devices, Values: make([]OccupancyShare, len(r.Cells))}
		for n, c := range r.Cells {
			row.Values[n] = OccupancyShare{share(c.Occupied, c.Sensed), knownShare(c.Sensed, c.Expected)}
		}
		out.Items[i] = row
	}
	return out
}

func usageOf(u *energy.Use) UsageRow {
	row := UsageRow{
		EnergySubject: subjectOf(u.Subject), Burn: hours(u.Lit()), Levels: make([]float64, len(u.Band)), Off: hours(u.Reached - u.Lit()),
		Available: share(u.Reached, u.Watched), Known: knownShare(u.Watched, u.Expected), Faults: u.Faults, Offlines: u.Offlines,
	}
	for i, ms := range u.Band {
		row.Levels[i] = hours(ms)
	}
	return row
}

func subjectOf(s energy.Subject) EnergySubject {
	return EnergySubject{ID: s.ID, Name: s.Name, Network: s.Network, Devices: s.Devices, Removed: s.Removed}
}

func spansOf(all []figures.Span) []TimeSpan {
	out := make([]TimeSpan, len(all))
	for i, s := range all {
		out[i] = TimeSpan{Time(s.From), Time(s.To)}
	}
	return out
}

// hoursOf returns how many hours spans are together.
func hoursOf(spans ...figures.Span) float64 {
	ms := int64(0)
	for _, s := range spans {
		ms += s.Milliseconds()
	}
	return hours(ms)
}

func hours(ms int64) float64     { return float64(ms) / (60 * 60 * 1000) }
func thousandth(v int64) float64 { return float64(v) / 1000 }

// share returns part of whole, at most 1; null of nothing.
func share(part, whole int64) OrNull[float64] {
	if whole <= 0 {
		return OrNull[float64]{}
	}
	return some(min(max(float64(part)/float64(whole), 0), 1))
}

// knownShare returns how much is known of what is expected to be. What devices told before they
// were said to hang anywhere is known as well, though nobody could expect it.
func knownShare(known, expected int64) OrNull[float64] { return share(known, max(known, expected)) }

// known returns null for NaN, which JSON does not have.
func known(v float64) OrNull[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return OrNull[float64]{}
	}
	return some(v)
}
