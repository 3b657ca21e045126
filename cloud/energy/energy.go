// Package energy answers what people ask about the energy of a project, its occupancy and
// the use of its lights: by rooms and months, beside other times and a baseline, in money and
// carbon dioxide. It keeps what they decide for that: the time zone, rates, a budget.
//
// Figures come from the rollups of package telemetry alone, never from single readings, and
// what one question may read is bounded. Energy belongs to the place where a device hung when
// it was taken in: [Stay]. The arithmetic is that of package figures; docs/energy.md says how
// a figure comes about.
//
// It measures nothing, and commands nothing.
package energy

import (
	"context"
	"math"
	"regexp"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/telemetry"
)

// Settings is what the people of a project decided about energy.
type Settings struct {
	Zone     string         // IANA name of the time zone of the building
	Currency string         // ISO 4217
	Rates    []figures.Rate // in the order of their days
	Baseline Baseline
	Budget   float64 // Wh a month; 0 for none
	// Aggregated says that gateways tell for how long sensors saw somebody in whole periods
	// alone, and not when.
	Aggregated bool
}

// Defaults returns the settings of a project whose people decided nothing.
func Defaults() Settings { return Settings{Zone: "UTC", Currency: "EUR", Aggregated: true} }

// BaselineKind says what figures are compared with.
type BaselineKind string

// The kinds of baselines.
const (
	NoBaseline BaselineKind = ""
	PerDay     BaselineKind = "wh_per_day" // so much a day, of the whole project
	Installed  BaselineKind = "installed"  // a power and hours a day, of the whole project
	Past       BaselineKind = "period"     // what was used in a past time, on average; of every subject
)

// Baseline is what the project would use, or used, without us.
type Baseline struct {
	Kind        BaselineKind `json:"kind,omitempty"`
	PerDay      float64      `json:"wh_per_day,omitempty"`
	Power       float64      `json:"installed_w,omitempty"`
	HoursPerDay float64      `json:"hours_per_day,omitempty"`
	From        figures.Date `json:"from,omitzero"`
	To          figures.Date `json:"to,omitzero"` // not included
}

// The limits of what settings say.
const (
	maxEnergy = 1e12 // Wh
	maxPower  = 1e9  // W
)

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

func (s Settings) check() error {
	if _, err := project.Zone(s.Zone); err != nil {
		return err
	}
	if !currency.MatchString(s.Currency) {
		return sconce.FieldErrorf("currency", "expected three letters as in EUR (ISO 4217)")
	}
	if err := figures.CheckRates(s.Rates); err != nil {
		return err
	}
	if !(s.Budget >= 0 && s.Budget <= maxEnergy) {
		return sconce.FieldErrorf("monthly_budget_wh", "expected 0 to %g Wh", maxEnergy)
	}
	return s.Baseline.check()
}

func (b Baseline) check() error {
	ok := false
	switch b.Kind {
	case NoBaseline:
		ok = b == Baseline{}
	case PerDay:
		ok = b == Baseline{Kind: PerDay, PerDay: b.PerDay} && b.PerDay > 0 && b.PerDay <= maxEnergy
	case Installed:
		ok = b == Baseline{Kind: Installed, Power: b.Power, HoursPerDay: b.HoursPerDay} &&
			b.Power > 0 && b.Power <= maxPower && b.HoursPerDay > 0 && b.HoursPerDay <= 24
	case Past:
		ok = b == Baseline{Kind: Past, From: b.From, To: b.To} && !b.From.IsZero() && b.From.Before(b.To) && b.From.Until(b.To) <= maxPast
	}
	if !ok {
		return sconce.FieldErrorf("baseline", "expected either Wh per day, or watts and up to 24 hours per day, or a time of at most %d days", maxPast)
	}
	return nil
}

// maxPast is the length of a baseline's time in days: two years, one of them a leap year.
const maxPast = 731

// watts returns the mean power of a baseline that is the whole project's; NaN for others.
func (b Baseline) watts() float64 {
	switch b.Kind {
	case PerDay:
		return b.PerDay / 24
	case Installed:
		return b.Power * b.HoursPerDay / 24
	default:
		return math.NaN()
	}
}

// Stay is a device in a position, for as long as it hung there.
type Stay struct {
	Device   sconce.EUI64
	Kind     sconce.DeviceKind
	Position sconce.PositionID
	Name     string // of the position
	Network  sconce.NetworkID
	From     time.Time
	Until    time.Time // zero while it hangs there
}

// Group is what is needed to know of a group.
type Group struct {
	ID      sconce.GroupID
	Network sconce.NetworkID
	Name    string
	Members []sconce.PositionID
}

// Places is which devices belong, or belonged, to what in a project.
type Places struct {
	Project  string // its name
	Networks []project.Network
	Groups   []Group
	Stays    []Stay // in the order of the devices, and for each in the order of From
}

// Incident is something that began to be wrong with a device.
type Incident struct {
	Device  sconce.EUI64
	At      time.Time
	Offline bool // it did not answer; else it said that its lamp or its driver is broken
}

// Store keeps settings, and knows what belongs to what.
type Store interface {
	Settings(ctx context.Context, s project.Scope) (Settings, error)
	SetSettings(ctx context.Context, s project.Scope, set Settings) error
	// Gateways returns the gateways of a project.
	Gateways(ctx context.Context, s project.Scope) ([]sconce.EUI64, error)
	Places(ctx context.Context, s project.Scope) (Places, error)
	// Incidents returns those of a project that began from one time, included, to another.
	Incidents(ctx context.Context, s project.Scope, from, to time.Time) ([]Incident, error)
}

// Rollups is where the sums of devices are read; package telemetry says how.
type Rollups interface {
	OtherCalendars(ctx context.Context, s project.Scope, zone string, c rollup.Calendar) (zones, hours []sconce.EUI64, err error)
	Rollups(ctx context.Context, s project.Scope, q telemetry.RollupQuery, stored func(telemetry.Rollup), waiting func(telemetry.Series, telemetry.Open)) error
}

// Service answers.
type Service struct {
	Store   Store
	Rollups Rollups
	Now     func() time.Time
	// Tell brings to a gateway, soon, what was decided about its project; nil where there are
	// none.
	Tell func(gateway sconce.EUI64)
}

// Settings returns what the people of the project decided.
func (s *Service) Settings(ctx context.Context, scope project.Scope) (Settings, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return Settings{}, err
	}
	return s.Store.Settings(ctx, scope)
}

// SetSettings decides anew.
func (s *Service) SetSettings(ctx context.Context, scope project.Scope, set Settings) error {
	if err := scope.Require(project.ConfigureEnergy); err != nil {
		return err
	}
	if err := set.check(); err != nil {
		return err
	}
	was, err := s.Store.Settings(ctx, scope)
	if err != nil {
		return err
	}
	if err := s.Store.SetSettings(ctx, scope, set); err != nil {
		return err
	}
	periods := set.Aggregated && set.Zone != was.Zone
	if s.Tell == nil || set.Aggregated == was.Aggregated && !periods {
		return nil
	}
	gateways, err := s.Store.Gateways(ctx, scope)
	for _, g := range gateways {
		s.Tell(g)
	}
	return err
}
