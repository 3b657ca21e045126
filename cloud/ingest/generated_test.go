package ingest_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// TestGenerated: what a program made up is kept however old, and stays marked, however often its run
// says hello; what was measured is not kept that comes too late.
func TestGenerated(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	in.projector = ingest.NewProjector(s.Journal(), s.Results(), s.Projects(), &in.told, 90*24*time.Hour, quiet)
	until := func() time.Time {
		t.Helper()
		in.project()
		at, err := s.Telemetry().GeneratedUntil(t.Context(), in.site.Owner)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	series := telemetry.Series{Device: light, Metric: sconce.Energy}
	past := wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.Energy, At: 1_700_000_000_000, Value: 1}}}
	kept := func() int {
		t.Helper()
		got := in.tables()
		in.series(&got, series)
		return len(got.Open[series].Samples)
	}
	measured := clockRun{in: in, boot: 5}
	measured.say(wire.Hello{})
	measured.say(past)
	if at := until(); !at.IsZero() {
		t.Fatalf("what was measured is taken for made up, until %v", at)
	}
	if n := kept(); n != 0 {
		t.Errorf("%d readings are kept that came years late", n)
	}
	made := clockRun{in: in, boot: 6}
	made.say(wire.Hello{Generated: true})
	made.say(past)
	made.say(wire.Hello{})
	if at := until(); time.Since(at).Abs() > time.Minute {
		t.Errorf("what was made up is marked until %v", at)
	}
	if n := kept(); n != 1 {
		t.Errorf("%d readings of a past that was made up are kept, want 1", n)
	}
	accounts, err := s.Telemetry().Accounts(t.Context(), in.site.Owner, gateway, 10)
	if err != nil || len(accounts) != 2 {
		t.Fatal(accounts, err)
	}
	for _, a := range accounts {
		if a.Generated != (a.Boot == made.boot) {
			t.Errorf("boot %d is marked %v", a.Boot, a.Generated)
		}
	}
}
