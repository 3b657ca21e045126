package alert_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/audit"
	"sconce/cloud/energy"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/telemetry"
)

// uses brings what the counter of a light shows into the rollups.
func (w *world) uses(d sconce.EUI64, at time.Time, wh ...float64) {
	w.t.Helper()
	fold := telemetry.NewFold(w.store.Results(), 0)
	from := fold.From(w.at, w.clock().Add(time.Hour))
	for i, v := range wh {
		sample := telemetry.Sample{At: at.Add(time.Duration(i) * 20 * time.Minute).UnixMilli(), Value: v}
		if err := from.Reading(w.t.Context(), telemetry.Series{Device: d, Metric: sconce.Energy}, sample); err != nil {
			w.t.Fatal(err)
		}
	}
	w.batch++
	if err := w.store.Results().Apply(w.t.Context(), w.batch, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// secondNetwork adds a network with a gateway of its own to the project.
func (w *world) secondNetwork() {
	w.t.Helper()
	ctx, second := w.t.Context(), gateway+1
	n, err := project.New(w.store.Projects(), w.clock).CreateNetwork(ctx, w.site.Owner, "Second floor")
	if err != nil {
		w.t.Fatal(err)
	}
	id := registry.Identity{Device: second, Kind: sconce.Gateway, Model: "SG-1", Serial: second.String(), Issued: w.clock(), CertificateSHA256: [32]byte{1}}
	_, err = w.store.Registry().Import(ctx, []registry.Identity{id}, audit.Event{At: w.clock(), Who: audit.Operator, Action: audit.IdentitiesAdded, Result: audit.Done})
	if err == nil {
		err = w.store.Registry().Claim(ctx, w.site.Owner, second, n.ID, w.clock())
	}
	if err == nil {
		err = w.store.Presence().SetPresences(ctx, []telemetry.Presence{{Gateway: second, Online: true, Since: w.clock()}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestBudget: what is used in a month, in the time zone of the project, is held against what
// was planned; once, though there are two networks.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	w.secondNetwork()
	set := energy.Defaults()
	set.Zone, set.Budget = "Pacific/Auckland", 1000 // 13 hours ahead
	if err := w.store.Energy().SetSettings(t.Context(), w.site.Owner, set); err != nil {
		t.Fatal(err)
	}
	w.set(time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC))
	w.presence(true)
	d := w.light(1)
	w.uses(d, w.clock().Add(-10*time.Hour), 5000, 5900)
	w.pass(time.Minute)
	w.want()
	w.uses(d, w.clock().Add(-9*time.Hour), 5950, 6010)
	w.pass(10 * time.Minute)
	w.want("energy_high open")
	w.pass(2 * time.Hour) // until the first of February in Auckland
	w.want("energy_high cleared")
}

// TestRatedPower: what a light takes in is held against what it says that it is made for, from
// the first moment on.
func TestRatedPower(t *testing.T) {
	w := newWorld(t)
	d := w.light(1)
	w.batch++
	err := w.store.Results().Apply(t.Context(), w.batch, func(tx ingest.Tx) error {
		return tx.SetStage(w.at, telemetry.Stage{Device: d, Asset: &telemetry.Asset{RatedPower: 40}, At: w.clock()})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.say(telemetry.DeviceState{Device: d, Reachable: true, Power: new(51.0)}) // 127 %
	w.pass(30 * time.Minute)
	w.want()
	w.say(telemetry.DeviceState{Device: d, Reachable: true, Power: new(53.0)})
	w.pass(30 * time.Minute)
	w.want("power_high open")
}

// TestQuietHoursAreThoseOfTheProject unless they have a time zone of their own.
func TestQuietHoursAreThoseOfTheProject(t *testing.T) {
	now := time.Date(2026, 6, 1, 21, 0, 0, 0, time.UTC)
	quiet := alert.Quiet{On: true, From: 22 * 60, To: 6 * 60}
	for _, c := range []struct {
		own, project string
		want         time.Time
	}{
		{"", "", now},
		{"", "Europe/Berlin", time.Date(2026, 6, 2, 4, 0, 0, 0, time.UTC)},
		{"UTC", "Europe/Berlin", now},
	} {
		quiet.Zone = c.own
		s := alert.Settings{Quiet: quiet, Zone: c.project}
		if got := s.QuietUntil(now, rules.Warning); !got.Equal(c.want) {
			t.Errorf("own zone %q, the project's %q: %s, want %s", c.own, c.project, got, c.want)
		}
	}
	w := newWorld(t)
	set := energy.Defaults()
	set.Zone = "Asia/Kathmandu"
	if err := w.store.Energy().SetSettings(t.Context(), w.site.Owner, set); err != nil {
		t.Fatal(err)
	}
	if s, err := w.service.Settings(t.Context(), w.site.Owner); err != nil || s.Zone != set.Zone {
		t.Errorf("%+v, %v", s, err)
	}
}
