package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

const light = sconce.EUI64(0x00124b0000000001)

// randomBody makes a message about a handful of lights.
func randomBody(r *rand.Rand, at wire.Time) wire.Up {
	device := light + sconce.EUI64(r.IntN(3))
	switch r.IntN(8) {
	case 0:
		return wire.State{Devices: []wire.DeviceState{{
			Device: device, At: at, Reachable: r.IntN(4) > 0, Heard: at, Cause: sconce.CauseCommand,
			On: new(r.IntN(2) == 0), Level: new(sconce.Level(r.IntN(1001))),
		}}}
	case 1:
		return wire.Events{Events: []wire.Event{{Device: device, At: at, Kind: wire.EventJoined}, {Device: device, At: at, Kind: wire.EventLeft}}}
	case 2:
		return wire.Report{Desired: uint64(r.IntN(9)), Devices: []wire.DeviceReport{{Device: device, Stage: wire.StageConfigured}}}
	case 3:
		return wire.Hello{Model: "SG-1", Firmware: "1.0", BootCount: uint64(r.IntN(9)), Network: &wire.Network{PANID: 7, Channel: 15}}
	default:
		m := wire.Readings{}
		for range r.IntN(30) {
			m.Readings = append(m.Readings, wire.Reading{
				Device: device, Metric: sconce.Metric(1 + r.IntN(2)), At: at - wire.Time(r.IntN(100_000)), Value: float64(r.IntN(500)) / 10,
			})
		}
		return m
	}
}

// TestEveryMessageCountsOnce sends messages again and again, in an order that only
// tends forward, stops the process at any point, and compares with a plain run and
// with results that were made again from the beginning.
func TestEveryMessageCountsOnce(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			s := storetest.Open(t)
			in := newPlant(t, s)
			in.site = storetest.MakeSite(t, s, gateway)
			base := wire.Time(time.Now().Add(-time.Hour).UnixMilli())
			const messages = 150
			var bodies []wire.Up
			for i := range messages {
				bodies = append(bodies, randomBody(r, base+wire.Time(i*20_000)))
			}
			readings, duplicates := 0, 0
			came := map[int]bool{}
			for next := 0; next < messages; {
				i := next
				if r.IntN(3) == 0 {
					i = r.IntN(next + 1)
				} else {
					next++
				}
				if came[i] {
					duplicates++
				} else if m, ok := bodies[i].(wire.Readings); ok {
					readings += len(m.Readings)
				}
				came[i] = true
				in.send(gateway, 7, uint64(i+1), bodies[i])
				switch r.IntN(6) {
				case 0:
					in.project()
				case 1:
					in.restart()
				}
			}
			in.project()
			want := in.tables()
			checkTotals(t, want, messages, duplicates, readings)

			in.stop()
			if err := rebuilder(s).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			in.start()
			if got := in.tables(); !reflect.DeepEqual(got, want) {
				t.Errorf("made again, the results are\n%+v\nwant\n%+v", got, want)
			}
			in.send(gateway, 7, 1, bodies[0])
			in.project()
			if d := in.tables().Runs[0].Duplicates; d != uint64(duplicates+1) {
				t.Errorf("after the rebuild %d duplicates, want %d", d, duplicates+1)
			}
		})
	}
}

func checkTotals(t *testing.T, got tables, messages, duplicates, readings int) {
	t.Helper()
	if len(got.Runs) != 1 {
		t.Fatalf("%d runs, want 1", len(got.Runs))
	}
	if r := got.Runs[0]; r.Received != uint64(messages) || r.Duplicates != uint64(duplicates) || r.Missing() != 0 || r.Malformed+r.Unknown != 0 {
		t.Errorf("the account says %+v; want %d messages and %d duplicates", r, messages, duplicates)
	}
	stored := 0
	for s, chunks := range got.Readings {
		if s.Metric == sconce.Output {
			continue // made of states
		}
		for i, c := range chunks {
			stored += len(c.Samples)
			if len(c.Samples) != telemetry.ChunkSize || c.Part != int64(i) {
				t.Errorf("chunk %d of %v has part %d and %d samples", i, s, c.Part, len(c.Samples))
			}
		}
		stored += len(got.Open[s].Samples)
	}
	if stored != readings {
		t.Errorf("%d readings are stored, want %d", stored, readings)
	}
}

// The projector is right even where the journal holds a message twice: the run was
// forgotten, or the databases are of different ages.
func TestProjectorFindsDuplicatesByItself(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	m := wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.ActivePower, At: 1000, Value: 5}}}
	in.send(gateway, 1, 1, m)
	for boot := uint64(2); boot < 12; boot++ {
		in.send(gateway, boot, 1, wire.Log{})
	}
	in.send(gateway, 1, 1, m)
	if d := in.journal.Stats().Duplicates; d != 0 {
		t.Fatalf("the journal found %d duplicates; the test is about one that it does not find", d)
	}
	in.project()
	got := in.tables()
	open := got.Open[telemetry.Series{Device: light, Metric: sconce.ActivePower}]
	if len(open.Samples) != 1 || got.Runs[0].Duplicates != 1 {
		t.Errorf("samples %v, account %+v; want one sample and one duplicate", open.Samples, got.Runs[0])
	}
}

// What is missing is told with when it began to be missing, also when a part of it comes late.
func TestGapsAreTold(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	came := map[uint64]time.Time{}
	for _, n := range []uint64{2, 3, 6, 10, 5} {
		in.send(gateway, 1, n, wire.Log{})
		in.project()
		came[n] = in.tables().Runs[0].Last
	}
	accounts, err := s.Telemetry().Accounts(t.Context(), in.site.Owner, gateway, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(accounts) != 1 || accounts[0].Received != 5 || accounts[0].Highest != 10 || accounts[0].Missing != 5 {
		t.Fatalf("accounts %+v; want 5 received and 5 missing: 1, 4, 7, 8, 9", accounts)
	}
	want := []telemetry.Gap{
		{First: 1, Last: 1, Before: came[2]},
		{First: 4, Last: 4, After: came[3], Before: came[6]},
		{First: 7, Last: 9, After: came[6], Before: came[10]},
	}
	if !reflect.DeepEqual(accounts[0].Gaps, want) || accounts[0].LeftOut != 0 {
		t.Errorf("gaps %+v and %d more, want %+v", accounts[0].Gaps, accounts[0].LeftOut, want)
	}
}

// Of many gaps the newest are told, with their times, and how many are older.
func TestManyGaps(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	const gaps = 120
	for n := range uint64(gaps) {
		in.send(gateway, 1, 2+4*n, wire.Log{})
	}
	for n := range uint64(gaps - 30) { // the oldest are half closed, the newest stay
		in.send(gateway, 1, 1+4*n, wire.Log{})
	}
	in.project()
	accounts, err := s.Telemetry().Accounts(t.Context(), in.site.Owner, gateway, 10)
	if err != nil {
		t.Fatal(err)
	}
	a := accounts[0]
	if len(a.Gaps) != telemetry.MaxGaps || a.LeftOut != gaps-1-telemetry.MaxGaps { // before the first nothing is missing any more
		t.Fatalf("%d gaps and %d more; want %d of %d", len(a.Gaps), a.LeftOut, telemetry.MaxGaps, gaps-1)
	}
	for i, g := range a.Gaps {
		if i > 0 && g.First <= a.Gaps[i-1].Last || g.After.IsZero() || g.Before.Before(g.After) {
			t.Errorf("gap %d is %+v after %+v", i, g, a.Gaps[max(i-1, 0)])
		}
	}
}

// What a gateway measured stays in the project that it was in, also when the
// results are made again after it moved.
func TestResultsStayInTheirProject(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	first := storetest.MakeSite(t, s, gateway)
	second := storetest.MakeSite(t, s, gateway+1)
	reading := func(n uint64, value float64) {
		in.send(gateway, 1, n, wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.ActivePower, At: 1000, Value: value}}})
		in.project()
	}
	reading(1, 1)
	if err := s.Registry().Release(t.Context(), first.Owner, gateway); err != nil {
		t.Fatal(err)
	}
	reading(2, 2) // belongs to nobody
	if err := s.Registry().Release(t.Context(), second.Owner, gateway+1); err != nil {
		t.Fatal(err)
	}
	if err := s.Registry().Claim(t.Context(), second.Owner, gateway, second.Network, time.Now()); err != nil {
		t.Fatal(err)
	}
	reading(3, 3)
	check := func(when string) {
		t.Helper()
		for value, scope := range map[float64]project.Scope{1: first.Owner, 3: second.Owner} {
			open, err := s.Telemetry().OpenChunk(t.Context(), scope, telemetry.Series{Device: light, Metric: sconce.ActivePower})
			if err != nil || len(open.Samples) != 1 || open.Samples[0].Value != value {
				t.Errorf("%s: project of %v has %v, %v", when, value, open.Samples, err)
			}
		}
	}
	check("at first")
	in.stop()
	if err := rebuilder(s).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.start()
	check("made again")
}

func TestRebuildRefusesWithoutTheBeginningOrABase(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	storetest.MakeSite(t, s, gateway)
	in.send(gateway, 1, 1, wire.Log{})
	in.send(gateway, 1, 2, wire.Log{})
	if n, err := s.Journal().Prune(t.Context(), time.Now().Add(time.Hour), 10); n != 0 || err != nil {
		t.Errorf("Prune deleted %d batches that were not projected, %v", n, err)
	}
	in.project()
	base := ingest.Base{Made: time.Now()}
	if err := s.Results().MakeBase(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Journal().Prune(t.Context(), time.Now().Add(time.Hour), 1); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v; want 1", n, err)
	}
	if err := s.Results().RemoveBase(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := rebuilder(s).Run(t.Context()); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("Rebuild = %v; want a conflict", err)
	}
	if err := s.Results().MakeBase(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Journal().Prune(t.Context(), time.Now().Add(time.Hour), 10); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v; want 1", n, err)
	}
	in.restart() // with an empty journal its numbers go on
	in.send(gateway, 1, 2, wire.Log{})
	in.send(gateway, 1, 3, wire.Log{})
	in.project()
	if r := in.tables().Runs[0]; r.Received != 3 || r.Duplicates != 1 {
		t.Errorf("the account says %+v; want 3 messages and 1 duplicate", r)
	}
}

// failing lets a number of transactions fail after all was written.
type failing struct {
	ingest.Reading
	times int
}

func (f *failing) Apply(ctx context.Context, position int64, fn func(tx ingest.Tx) error) error {
	return f.Reading.Apply(ctx, position, func(tx ingest.Tx) error {
		if err := fn(tx); err != nil || f.times == 0 {
			return err
		}
		f.times--
		return errors.New("the disk is full")
	})
}

func TestFailedTransactionLeavesNothing(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	in.projector = ingest.NewProjector(s.Journal(), &failing{s.Results(), 1}, s.Projects(), &in.told, 0, quiet)
	in.send(gateway, 1, 1, wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.ActivePower, At: 1000, Value: 5}}})
	if _, err := in.projector.Step(t.Context()); err == nil {
		t.Fatal("Step did not return the failure of the store")
	}
	if got := in.tables(); len(got.Runs) != 0 || len(got.States) != 0 || len(in.told.states) != 0 {
		t.Errorf("after the failure there is %+v, announced %v", got, in.told.states)
	}
	in.project()
	got := in.tables()
	if len(got.Runs) != 1 || got.Runs[0].Received != 1 || got.Runs[0].Duplicates != 0 || len(in.told.states) != 1 || len(got.Open[telemetry.Series{Device: light, Metric: sconce.ActivePower}].Samples) != 1 {
		t.Errorf("after the second attempt there is %+v, announced %v", got, in.told.states)
	}
}

// oneByOne is a log that returns as little at a time as it may.
type oneByOne struct{ ingest.Log }

func (l oneByOne) After(ctx context.Context, id int64, maxBytes int) ([]ingest.Batch, error) {
	batches, err := l.Log.After(ctx, id, maxBytes)
	return batches[:min(1, len(batches))], err
}

// A projector that has fallen behind comes to the end by itself: nothing need be
// committed for it to go on.
func TestProjectorCatchesUpWithoutAnotherCommit(t *testing.T) {
	in := newPlant(t, storetest.Open(t))
	for n := range uint64(5) {
		in.send(1, 1, n+1, wire.Events{})
	}
	last, err := in.store.Journal().Last(t.Context())
	if err != nil || last < 2 {
		t.Fatal(last, err)
	}
	p := ingest.NewProjector(oneByOne{in.store.Journal()}, in.store.Results(), in.store.Projects(), &in.told, 0, quiet)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx, make(chan struct{})); close(done) }()
	defer func() { stop(); <-done }()
	deadline := time.After(20 * time.Second)
	for {
		position, err := in.store.Results().Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if position == last {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("it stands at %d of %d", position, last)
		case <-time.After(time.Millisecond):
		}
	}
}
