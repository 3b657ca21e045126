package storetest

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
)

func (s Site) assignment() project.Assignment {
	return project.Assignment{Project: s.Project, Network: s.Network}
}

// apply runs fn in a transaction of the projector that leaves the position at 0.
func apply(t *testing.T, s *store.Store, fn func(tx ingest.Tx) error) {
	t.Helper()
	check(t, s.Results().Apply(t.Context(), 0, fn))
}

func endCommand(t *testing.T, s *store.Store, site Site, r lighting.Result) (c lighting.Command, ok bool) {
	t.Helper()
	apply(t, s, func(tx ingest.Tx) (err error) {
		c, ok, err = tx.EndCommand(site.assignment(), r)
		return err
	})
	return c, ok
}

func testJournal(t *testing.T, s *store.Store) {
	ctx, log := t.Context(), s.Journal()
	for i := int64(1); i <= 40; i++ {
		check(t, log.Append(ctx, ingest.Batch{ID: i, Received: moment(i * 1000), Count: 1, Messages: log.Pack(nil, bytes.Repeat([]byte{byte(i)}, 100))}))
	}
	if err := log.Append(ctx, ingest.Batch{ID: 40, Received: moment(1), Messages: []byte{1}}); err == nil {
		t.Error("a number was given twice")
	}
	if last, err := log.Last(ctx); err != nil || last != 40 {
		t.Errorf("Last = %d, %v; want 40", last, err)
	}
	all, err := log.After(ctx, 3, 1<<20)
	if err != nil || len(all) != 37 {
		t.Fatalf("After(3) = %d batches, %v; want 37", len(all), err)
	}
	want := ingest.Batch{ID: 4, Received: moment(4000), Count: 1, Messages: bytes.Repeat([]byte{4}, 100)}
	if !reflect.DeepEqual(all[0], want) {
		t.Errorf("the first is %+v, want %+v", all[0], want)
	}
	if few, err := log.After(ctx, 3, 1); err != nil || len(few) == 0 || len(few) == len(all) {
		t.Errorf("After with few bytes = %d batches, %v", len(few), err)
	}
	check(t, s.Results().Apply(ctx, 30, func(ingest.Tx) error { return nil }))
	if n, err := log.Prune(ctx, moment(100_000), 1000); err != nil || n != 0 {
		t.Errorf("Prune = %d, %v; want none: there is no base", n, err)
	}
	check(t, s.Results().MakeBase(ctx, ingest.Base{Made: moment(1), Keep: time.Hour}))
	check(t, s.Results().MakeBase(ctx, ingest.Base{Made: moment(2), Keep: time.Hour})) // there is one of this batch
	equal(t, "bases", []ingest.Base{{After: 30, Made: moment(1), Keep: time.Hour}})(s.Results().Bases(ctx))
	if n, err := log.Prune(ctx, moment(100_000), 1000); err != nil || n != 30 {
		t.Errorf("Prune = %d, %v; want the 30 that are in the base", n, err)
	}
	check(t, s.Results().Apply(ctx, 99, func(ingest.Tx) error { return nil }))
	if last, err := log.Last(ctx); err != nil || last != 99 {
		t.Errorf("Last = %d, %v; want 99: results were made from it", last, err)
	}
}

func testResults(t *testing.T, s *store.Store) {
	ctx, site, r := t.Context(), MakeSite(t, s, gateway), s.Results()
	a := site.assignment()
	run := ingest.Run{
		Gateway: gateway, Boot: 1<<63 - 1, First: moment(1), Last: time.Now().UTC().Truncate(time.Millisecond), Received: 3, Duplicates: 2, Unknown: 1, Malformed: 1,
		Clock:   ingest.Clock{Known: true, Ahead: -10 * 365 * 24 * time.Hour},
		Dropped: []telemetry.Drop{{Kind: "readings", Class: 2, Count: 7, From: moment(1), To: moment(5)}, {Kind: "log", Count: 1}},
	}
	for _, n := range []uint64{1, 2, 5} {
		run.Seen.Add(n)
	}
	poison := ingest.Poison{Batch: 1, N: 2, Gateway: gateway, Kind: "state", Received: moment(5), Reason: "no CBOR", Payload: []byte{0xff}}
	state := telemetry.DeviceState{
		Device: light, At: moment(7000), Reachable: true, Heard: moment(8000), On: new(true), Level: new(sconce.Level(0)),
		Cause: sconce.CauseCommand, Power: new(12.3), PowerAt: moment(8000),
		Faults: new(sconce.FaultDriver), Temperature: new(-3.5), Battery: new(0.0), Occupied: new(false), OccupiedAt: moment(6000),
		Kelvin: new(uint16(2700)), Signal: new(-71.0), LinkQuality: new(200.0), BurnHours: new(12.25), Illuminance: new(0.0), Energy: new(1234.5),
	}
	bare := telemetry.DeviceState{Device: light + 1}
	stage := telemetry.Stage{Device: light, Desired: 4, Stage: 4, Reason: "no answer", At: moment(9), Asset: &telemetry.Asset{
		Model: "SL-1", Manufacturer: "Sconce", Hardware: 3, Firmware: "1.2", Serial: "SN 1", RatedPower: 31.5,
	}}
	silent := stage // an older gateway, or before the interview: what was said stays
	silent.Asset = nil
	hello := telemetry.Gateway{Gateway: gateway, Model: "SG-1", Firmware: "1.2", BootCount: 3, OnAir: true, ExtendedPANID: 1 << 63, PANID: 0xffee, Channel: 26, Desired: 4, Dropped: 5, At: moment(10)}
	event := telemetry.Event{Device: light, At: moment(11), Kind: 1}
	for range 2 { // what is there already is replaced
		apply(t, s, func(tx ingest.Tx) error {
			return errors.Join(tx.SetRun(run), tx.SetState(a, state), tx.SetState(a, bare), tx.SetStage(a, stage), tx.SetStage(a, silent), tx.SetGateway(a, hello))
		})
	}
	apply(t, s, func(tx ingest.Tx) error {
		return errors.Join(tx.SetAside(poison), tx.AddEvent(a, 1, 0, event), tx.AddEvent(a, 1, 1, event))
	})

	got, ok, err := r.RunBefore(ctx, gateway, run.Boot)
	if err != nil || !ok || !reflect.DeepEqual(got, run) || got.Missing() != 2 {
		t.Errorf("RunBefore = %+v, %v, %v; want %+v", got, ok, err, run)
	}
	if _, ok, err := r.RunBefore(ctx, gateway, 1); ok || err != nil {
		t.Errorf("RunBefore of an unknown run = %v, %v", ok, err)
	}
	equal(t, "poison", []ingest.Poison{poison})(r.Poisoned(ctx, 10))
	equal(t, "states", []telemetry.DeviceState{state, bare})(s.Telemetry().States(ctx, site.Owner, site.Network))
	equal(t, "state", state)(s.Telemetry().State(ctx, site.Owner, light))
	equal(t, "state before", state)(r.StateBefore(ctx, site.Project, light))
	equal(t, "stages", []telemetry.Stage{stage})(s.Telemetry().Stages(ctx, site.Owner, site.Network))
	equal(t, "events", []telemetry.Event{event, event})(s.Telemetry().Events(ctx, site.Owner, moment(12), 10))
	equal(t, "earlier events", []telemetry.Event{})(s.Telemetry().Events(ctx, site.Owner, moment(11), 10))
	equal(t, "gateway", hello)(s.Telemetry().Gateway(ctx, site.Owner, gateway))
	accounts, err := s.Telemetry().Accounts(ctx, site.Owner, gateway, 10)
	if err != nil || len(accounts) != 1 || accounts[0].Missing != 2 || accounts[0].Highest != 5 {
		t.Errorf("accounts %+v, %v", accounts, err)
	}

	if a := accounts[0]; a.Ahead == nil || *a.Ahead != run.Clock.Ahead || !a.Corrected || !reflect.DeepEqual(a.Dropped, run.Dropped) {
		t.Errorf("account %+v of a clock that is wrong", a)
	}

	failure := errors.New("a failure of the caller")
	err = r.Apply(ctx, 5, func(tx ingest.Tx) error { return errors.Join(tx.SetState(a, bare), failure) })
	if position, _ := r.Position(ctx); !errors.Is(err, failure) || position != 0 {
		t.Errorf("a transaction that failed with %v left the position at %d", err, position)
	}
	check(t, r.TakeBack(ctx, ingest.Rebuild{Until: 7}, audit.Event{At: moment(1), Who: audit.Operator, Action: audit.JournalRebuilt, Result: audit.Done}))
	equal(t, "rebuild", ingest.Rebuild{Until: 7})(r.Rebuilding(ctx))
	equal(t, "position", int64(0))(r.Position(ctx))
	check(t, r.Rebuilt(ctx))
	equal(t, "no rebuild", ingest.Rebuild{})(r.Rebuilding(ctx))
	equal(t, "states after TakeBack", []telemetry.DeviceState{})(s.Telemetry().States(ctx, site.Owner, site.Network))

	placement := ingest.Placement{Gateway: light, Since: 3, Assignment: a}
	check(t, r.Place(ctx, placement))
	check(t, r.Place(ctx, placement))
	equal(t, "placements", []ingest.Placement{placement})(r.Placements(ctx))
}

// equal returns a function that compares an answer of the store.
func equal[T any](t *testing.T, what string, want T) func(got T, err error) {
	return func(got T, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
}

func testReadings(t *testing.T, s *store.Store) {
	ctx, site := t.Context(), MakeSite(t, s, gateway)
	series := telemetry.Series{Device: light, Metric: sconce.ActivePower}
	chunk := func(part, first int64) telemetry.Chunk {
		return telemetry.Chunk{Part: part, Samples: []telemetry.Sample{{At: first, Value: 1.5}, {At: first + 100, Value: 2}}, Min: 1.5, Max: 2, Sum: 3.5}
	}
	chunks := []telemetry.Chunk{chunk(0, 1000), chunk(1, 1100), chunk(2, 5000)}
	open := telemetry.Open{Part: 3, Samples: []telemetry.Sample{{At: 9000, Value: 3}}}
	apply(t, s, func(tx ingest.Tx) error {
		var errs []error
		for _, c := range chunks {
			errs = append(errs, tx.AddChunk(site.assignment(), series, c))
		}
		return errors.Join(append(errs, tx.SetOpen(site.assignment(), series, telemetry.Open{}), tx.SetOpen(site.assignment(), series, open))...)
	})
	from := s.Telemetry()
	equal(t, "open chunk", open)(from.OpenChunk(ctx, site.Owner, series))
	equal(t, "open chunk before", open)(s.Results().OpenBefore(ctx, site.Project, series))
	equal(t, "all chunks", chunks)(from.Chunks(ctx, site.Owner, series, moment(0), moment(1<<40)))
	equal(t, "chunks at 1100", chunks[:2])(from.Chunks(ctx, site.Owner, series, moment(1100), moment(1100)))
	equal(t, "chunks after 1101", chunks[1:2])(from.Chunks(ctx, site.Owner, series, moment(1101), moment(4999)))
	equal(t, "another series", telemetry.Open{})(from.OpenChunk(ctx, site.Owner, telemetry.Series{Device: light, Metric: sconce.LinkQuality}))
	if at, ok, err := from.Horizon(ctx, site.Owner, series, moment(1101), 2); err != nil || !ok || !at.Equal(moment(5100)) {
		t.Errorf("Horizon = %s, %v, %v; want the end of the last chunk", at, ok, err)
	}
	if _, ok, err := from.Horizon(ctx, site.Owner, series, moment(1101), 3); err != nil || ok {
		t.Errorf("Horizon beyond the last chunk = %v, %v", ok, err)
	}
}

func testPresence(t *testing.T, s *store.Store) {
	ctx, p := t.Context(), s.Presence()
	site := MakeSite(t, s, gateway)
	first := []telemetry.Presence{{Gateway: gateway, Online: true, Since: moment(1)}, {Gateway: gateway + 1, Since: moment(2)}}
	check(t, p.SetPresences(ctx, first))
	first[0].Online, first[0].Since = false, moment(3)
	check(t, p.SetPresences(ctx, first[:1]))
	equal(t, "presences", first)(p.Presences(ctx))
	equal(t, "assignment", site.assignment())(p.Assignment(ctx, gateway))
}
