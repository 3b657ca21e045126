package energy_test

import (
	"context"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const (
	lamp   = sconce.EUI64(0x1a)
	sensor = sconce.EUI64(0x5e)
)

var march = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

// office is a lamp and a sensor in one room.
type office struct{ energy.Store }

func (office) Settings(context.Context, project.Scope) (energy.Settings, error) {
	return energy.Defaults(), nil
}

func (office) Places(context.Context, project.Scope) (energy.Places, error) {
	long := march.AddDate(-3, 0, 0)
	return energy.Places{Project: "Office", Stays: []energy.Stay{
		{Device: lamp, Kind: sconce.Luminaire, Position: "desk", Name: "Desk", From: long},
		{Device: sensor, Kind: sconce.Sensor, Position: "door", Name: "Door", From: long},
	}}, nil
}

func (office) Incidents(context.Context, project.Scope, time.Time, time.Time) ([]energy.Incident, error) {
	at := march.Add(10 * time.Hour)
	return []energy.Incident{{Device: sensor, At: at, Offline: true}, {Device: sensor, At: at, Offline: true}, {Device: lamp, At: at, Offline: true}}, nil
}

// meters are what is known of the two.
type meters struct{}

// OtherCalendars says that no days are being made again.
func (meters) OtherCalendars(context.Context, project.Scope, string, rollup.Calendar) (zones, hours []sconce.EUI64, err error) {
	return nil, nil, nil
}

// Rollups implements [energy.Rollups]: for an hour the lamp was dark, and the sensor could not
// be reached for half of it.
func (meters) Rollups(_ context.Context, _ project.Scope, q telemetry.RollupQuery, stored func(telemetry.Rollup), _ func(telemetry.Series, telemetry.Open)) error {
	const hour = 60 * 60 * 1000
	for _, d := range q.Devices {
		sums := rollup.Sums{Watched: hour, Reached: hour}
		if d == sensor {
			sums.Reached /= 2
		}
		at := rollup.QuarterPlace(rollup.QuarterOf(march.UnixMilli()))
		stored(telemetry.Rollup{Device: d, Period: at.Period, Block: rollup.Block{{Index: at.Index, Sums: sums}}})
	}
	return nil
}

// TestUseIsThatOfLights: that a sensor is dark, or sleeps, is no use of a light.
func TestUseIsThatOfLights(t *testing.T) {
	scope := storetest.MakeSite(t, storetest.Open(t), 0x42).Owner
	s := energy.Service{Store: office{}, Rollups: meters{}, Now: func() time.Time { return march.AddDate(0, 1, 0) }}
	first := figures.Date{Year: 2024, Month: time.March, Day: 1}
	_, _, uses, err := s.Usage(t.Context(), scope, energy.Question{From: first, To: first.Add(0, 0, 1), Per: energy.PerProject})
	if err != nil || len(uses) != 1 {
		t.Fatal(uses, err)
	}
	const hour = 60 * 60 * 1000
	if u := uses[0]; u.Watched != hour || u.Reached != hour || u.Offlines != 1 || u.Devices != 1 || u.Expected != 24*hour {
		t.Errorf("%+v", u)
	}
}

// TestTheYearBeforeALeapDay is compared with the last day of February.
func TestTheYearBeforeALeapDay(t *testing.T) {
	scope := storetest.MakeSite(t, storetest.Open(t), 0x42).Owner
	s := energy.Service{Store: office{}, Rollups: meters{}, Now: func() time.Time { return march.AddDate(0, 1, 0) }}
	day := func(s string) figures.Date {
		d, err := figures.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct{ from, to, begin, end string }{
		{"2024-02-29", "2024-03-01", "2023-02-28", "2023-03-01"},
		{"2024-02-01", "2024-03-01", "2023-02-01", "2023-03-01"},
		{"2024-02-01", "2024-02-29", "2023-02-01", "2023-03-01"},
		{"2024-01-31", "2024-02-01", "2023-01-31", "2023-02-01"},
	} {
		a, err := s.Energy(t.Context(), scope, energy.Question{
			From: day(c.from), To: day(c.to), By: figures.Year, Per: energy.PerProject, Compare: energy.Compare{Kind: energy.CompareYear},
		})
		if err != nil {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
			continue
		}
		if got := a.Compared[0]; !got.From.Equal(day(c.begin).In(time.UTC)) || !got.To.Equal(day(c.end).In(time.UTC)) {
			t.Errorf("%s to %s is compared with %v, want %s to %s", c.from, c.to, got, c.begin, c.end)
		}
	}
}
