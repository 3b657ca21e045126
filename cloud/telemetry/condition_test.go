package telemetry_test

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// TestConditionIsTheLatest: what a device says of its own condition is what it said last; a
// backlog, which comes after what is live, changes none of it.
func TestConditionIsTheLatest(t *testing.T) {
	const device = sconce.EUI64(0x5e)
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, 0x00124b0000000099)
	fold := telemetry.NewFold(s.Results(), 0)
	start := time.UnixMilli(1_800_000_000_000).UTC()
	from := fold.From(project.Assignment{Project: site.Project, Network: site.Network}, start.Add(time.Hour))
	reading := func(m sconce.Metric, at time.Duration, value float64) {
		t.Helper()
		err := from.Reading(t.Context(), telemetry.Series{Device: device, Metric: m}, telemetry.Sample{At: start.Add(at).UnixMilli(), Value: value})
		if err != nil {
			t.Fatal(err)
		}
	}
	now := 30 * time.Minute
	if err := from.State(t.Context(), telemetry.DeviceState{Device: device, At: start.Add(now), Reachable: true, Heard: start.Add(now), Faults: new(sconce.FaultLamp)}); err != nil {
		t.Fatal(err)
	}
	reading(sconce.Temperature, now-time.Second, 61) // was gathered while the state was told at once
	reading(sconce.Temperature, 0, 20)               // of a backlog
	reading(sconce.Battery, now, 40)
	reading(sconce.Battery, time.Minute, 90)
	reading(sconce.Signal, now, -71)
	reading(sconce.LinkQuality, now, 180)
	reading(sconce.BurnHours, now, 1234.5)
	reading(sconce.Illuminance, now, 320)
	reading(sconce.Illuminance, time.Minute, 5)
	reading(sconce.Energy, now, 5000.5)
	reading(sconce.Energy, now-time.Second, 5000) // a counter never goes back
	reading(sconce.Occupancy, now, 1)
	reading(sconce.Occupancy, now+time.Second, 1) // still: no change
	if err := s.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		t.Fatal(err)
	}
	got, err := s.Telemetry().State(t.Context(), site.Owner, device)
	switch {
	case err != nil:
		t.Fatal(err)
	case got.Faults == nil || *got.Faults != sconce.FaultLamp:
		t.Error("faults", got.Faults)
	case got.Temperature == nil || *got.Temperature != 61:
		t.Error("temperature", got.Temperature)
	case got.Battery == nil || *got.Battery != 40:
		t.Error("battery", got.Battery)
	case got.Signal == nil || *got.Signal != -71:
		t.Error("signal", got.Signal)
	case got.LinkQuality == nil || *got.LinkQuality != 180:
		t.Error("link quality", got.LinkQuality)
	case got.BurnHours == nil || *got.BurnHours != 1234.5:
		t.Error("burn hours", got.BurnHours)
	case got.Illuminance == nil || *got.Illuminance != 320:
		t.Error("illuminance", got.Illuminance)
	case got.Energy == nil || *got.Energy != 5000.5:
		t.Error("energy", got.Energy)
	case got.Occupied == nil || !*got.Occupied || !got.OccupiedAt.Equal(start.Add(now)):
		t.Error("occupancy", got.Occupied, got.OccupiedAt)
	}
}
