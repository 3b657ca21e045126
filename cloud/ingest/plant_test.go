package ingest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// plant is a store with a running journal, and a projector that the test steps.
type plant struct {
	t         *testing.T
	store     *store.Store
	site      storetest.Site // whose results tables returns
	journal   *ingest.Journal
	projector *ingest.Projector
	told      announced
	stop      func()
}

func newPlant(t *testing.T, s *store.Store) *plant {
	t.Helper()
	in := &plant{t: t, store: s}
	in.start()
	t.Cleanup(func() { in.stop() })
	return in
}

// start begins as a new process does: with what is stored.
func (in *plant) start() {
	in.t.Helper()
	j, err := ingest.NewJournal(in.t.Context(), in.store.Journal(), in.store.Results(), quiet)
	if err != nil {
		in.t.Fatal(err)
	}
	in.journal = j
	in.projector = ingest.NewProjector(in.store.Journal(), in.store.Results(), in.store.Projects(), &in.told, 0, quiet)
	ctx, stop := context.WithCancel(context.WithoutCancel(in.t.Context()))
	var running sync.WaitGroup
	running.Go(func() { j.Run(ctx) })
	in.stop = func() {
		stop()
		running.Wait()
	}
}

// restart ends everything that is in memory and starts again.
func (in *plant) restart() {
	in.t.Helper()
	in.stop()
	in.start()
}

// rebuilder makes the results again, while nothing else runs on the store.
func rebuilder(s *store.Store) ingest.Rebuilder {
	return ingest.Rebuilder{Journal: s.Journal(), Results: s.Results(), Now: time.Now, Log: quiet, Progress: func(ingest.Rebuild, int64) {}}
}

func (in *plant) message(boot, sequence uint64, body wire.Up) []byte {
	in.t.Helper()
	payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: boot, Sequence: sequence}, body)
	if err != nil {
		in.t.Fatal(err)
	}
	return payload
}

// accept sends a message and waits for its acknowledgement.
func (in *plant) accept(from sconce.EUI64, topic string, payload []byte) {
	in.t.Helper()
	answered := make(chan error, 1)
	in.journal.Accept(from, topic, payload, 1, func(_ uint64, err error) { answered <- err })
	if err := <-answered; err != nil {
		in.t.Fatal(err)
	}
}

func (in *plant) send(from sconce.EUI64, boot, sequence uint64, body wire.Up) {
	in.t.Helper()
	in.accept(from, wire.UpTopic(from, body.UpKind()), in.message(boot, sequence, body))
}

// project steps the projector until it is at the end of the journal.
func (in *plant) project() {
	in.t.Helper()
	for {
		more, err := in.projector.Step(in.t.Context())
		if err != nil {
			in.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// tables is everything that is made from the journal for one site.
type tables struct {
	Runs     []ingest.Run
	Poison   []ingest.Poison
	States   []telemetry.DeviceState
	Stages   []telemetry.Stage
	Events   []telemetry.Event
	Gateway  telemetry.Gateway
	Readings map[telemetry.Series][]telemetry.Chunk
	Open     map[telemetry.Series]telemetry.Open
	Rollups  []telemetry.Rollup
}

func (in *plant) tables() tables {
	in.t.Helper()
	ctx, site, from := in.t.Context(), in.site, in.store.Telemetry()
	got := tables{Readings: map[telemetry.Series][]telemetry.Chunk{}, Open: map[telemetry.Series]telemetry.Open{}}
	var errs [6]error
	errs[0] = in.store.Results().Runs(ctx, func(r ingest.Run) { got.Runs = append(got.Runs, r) })
	got.Poison, errs[1] = in.store.Results().Poisoned(ctx, 1000)
	if site.Project != "" {
		got.States, errs[2] = from.States(ctx, site.Owner, site.Network)
		got.Stages, errs[3] = from.Stages(ctx, site.Owner, site.Network)
		got.Events, errs[4] = from.Events(ctx, site.Owner, time.Now().Add(time.Hour), 1000)
		got.Gateway, errs[5] = from.Gateway(ctx, site.Owner, site.Gateway)
		for _, s := range got.States {
			for _, m := range []sconce.Metric{sconce.ActivePower, sconce.LinkQuality, sconce.Output} {
				in.series(&got, telemetry.Series{Device: s.Device, Metric: m})
			}
			for _, level := range []rollup.Level{rollup.Quarters, rollup.Days} {
				q := telemetry.RollupQuery{Devices: []sconce.EUI64{s.Device}, Level: level, Until: 1 << 40}
				err := from.Rollups(ctx, site.Owner, q, func(b telemetry.Rollup) { b.Block = slices.Clone(b.Block); got.Rollups = append(got.Rollups, b) }, func(telemetry.Series, telemetry.Open) {})
				if err != nil {
					in.t.Fatal(err)
				}
			}
		}
	}
	for _, err := range errs {
		if err != nil {
			in.t.Fatal(err)
		}
	}
	slices.SortFunc(got.Runs, func(a, b ingest.Run) int { return int(a.Boot) - int(b.Boot) })
	return got
}

func (in *plant) series(got *tables, s telemetry.Series) {
	in.t.Helper()
	open, err := in.store.Telemetry().OpenChunk(in.t.Context(), in.site.Owner, s)
	if err != nil {
		in.t.Fatal(err)
	}
	chunks, err := in.store.Telemetry().Chunks(in.t.Context(), in.site.Owner, s, time.UnixMilli(0), time.UnixMilli(1<<50))
	if err != nil {
		in.t.Fatal(err)
	}
	got.Open[s], got.Readings[s] = open, chunks
}

// announced keeps what the projector told.
type announced struct {
	nobody
	states []telemetry.DeviceState
}

func (a *announced) StateChanged(_ sconce.ProjectID, s telemetry.DeviceState) {
	a.states = append(a.states, s)
}
