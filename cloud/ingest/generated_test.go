package ingest_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/store/storetest"
	"sconce/wire"
)

// TestGenerated: what a program made up stays marked, however often its run says hello, and only
// for the project that the gateway told it to.
func TestGenerated(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	until := func() time.Time {
		t.Helper()
		in.project()
		at, err := s.Telemetry().GeneratedUntil(t.Context(), in.site.Owner)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	measured := clockRun{in: in, boot: 5}
	measured.say(wire.Hello{})
	if at := until(); !at.IsZero() {
		t.Fatalf("what was measured is taken for made up, until %v", at)
	}
	made := clockRun{in: in, boot: 6}
	made.say(wire.Hello{Generated: true})
	made.say(wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.Energy, At: 1_700_000_000_000, Value: 1}}})
	made.say(wire.Hello{})
	if at := until(); time.Since(at).Abs() > time.Minute {
		t.Errorf("what was made up is marked until %v", at)
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
