package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/privacy"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// onBoth runs a test on a new store of each engine.
func onBoth(t *testing.T, test func(t *testing.T, s *store.Store)) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.OpenSQLite, "PostgreSQL": storetest.OpenPostgres} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// works is gateways that say all that gateways say, to a journal with a projector.
type works struct {
	t        *testing.T
	store    *store.Store
	luck     *rand.Rand
	log      *slog.Logger
	sites    [2]storetest.Site
	gateways []*saying
	commands []sconce.CommandID
	told     int // announcements

	journal   *ingest.Journal
	projector *ingest.Projector
	stop      func()
}

// saying is one gateway.
type saying struct {
	id       sconce.EUI64
	boot     uint64
	sequence uint64
	behind   time.Duration
	said     []said
}

type said struct {
	topic   string
	payload []byte
}

// keepReadings is for how long readings are kept there.
const keepReadings = 90 * 24 * time.Hour

func newWorks(t *testing.T, s *store.Store, seed uint64) *works {
	t.Helper()
	w := &works{t: t, store: s, luck: rand.New(rand.NewPCG(seed, 1)), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for n := range w.sites {
		id := sconce.EUI64(0x10 + n)
		w.sites[n] = storetest.MakeSite(t, s, id)
		w.gateways = append(w.gateways, &saying{id: id, boot: 1})
	}
	for n := range 6 {
		c := sconce.CommandID(fmt.Sprintf("0190a6e2-8f0e-7cc3-98c4-dc0c0c07%04d", n))
		site, at := w.sites[n%2], time.Now()
		w.must(s.Lighting().CreateCommand(t.Context(), site.Owner, lighting.Command{
			ID: c, Project: site.Project, Network: site.Network, Account: "ada", Device: 7, On: new(true), Targets: 1, Made: at,
			Expires: at.Add(time.Hour), Deadline: at.Add(time.Hour), Status: lighting.Pending,
		}))
		w.commands = append(w.commands, c)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *works) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// StateChanged and CommandEnded implement [ingest.Announcer].
func (w *works) StateChanged(sconce.ProjectID, telemetry.DeviceState) { w.told++ }
func (w *works) CommandEnded(lighting.Command)                        { w.told++ }

func (w *works) start() {
	w.t.Helper()
	var err error
	w.journal, err = ingest.NewJournal(w.t.Context(), w.store.Journal(), w.store.Results(), w.log)
	w.must(err)
	w.projector = ingest.NewProjector(w.store.Journal(), w.store.Results(), w.store.Presence(), w, keepReadings, w.log)
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var running sync.WaitGroup
	running.Go(func() { w.journal.Run(ctx) })
	w.stop = func() { stop(); running.Wait() }
}

func (w *works) accept(g *saying, s said) {
	w.t.Helper()
	answered := make(chan error, 1)
	w.journal.Accept(g.id, s.topic, s.payload, 1, func(_ uint64, err error) { answered <- err })
	w.must(<-answered)
}

// project makes of the journal what can be made.
func (w *works) project() {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.projector.Step(w.t.Context())
		w.must(err)
	}
}

// live lets everything happen that happens to gateways and the cloud, in an order of luck.
func (w *works) live(steps int) {
	w.t.Helper()
	for range steps {
		g := w.gateways[w.luck.IntN(2)]
		switch w.luck.IntN(30) {
		case 0:
			w.stop()
			w.start()
		case 1, 2:
			w.project()
		case 3: // it starts anew, with another clock
			g.boot, g.sequence = g.boot+1, 0
			g.behind = time.Duration(w.luck.IntN(3)-1) * 9000 * time.Hour
		case 4:
			w.swap()
		case 5:
			w.accept(g, said{topic: "g/nobody", payload: []byte{1}})
		case 6:
			g.sequence += uint64(w.luck.IntN(4)) // lost on the way
		case 7, 8, 9: // it comes again
			if len(g.said) > 0 {
				w.accept(g, g.said[w.luck.IntN(len(g.said))])
			}
		default:
			w.say(g)
		}
	}
}

// swap lets the gateways serve each other's networks, or one of them none.
func (w *works) swap() {
	w.t.Helper()
	w.project() // what was said belongs to whom it was said to
	ctx, r := w.t.Context(), w.store.Registry()
	for n, site := range w.sites {
		_ = r.Release(ctx, site.Owner, w.gateways[n].id) // it may be released
		_ = r.Release(ctx, site.Owner, w.gateways[1-n].id)
	}
	turned := w.luck.IntN(2)
	for n, site := range w.sites {
		if w.luck.IntN(4) > 0 {
			w.must(r.Claim(ctx, site.Owner, w.gateways[(n+turned)%2].id, site.Network, time.Now()))
		}
	}
}

// say lets a gateway say something, of now or of before, as its clock shows it.
func (w *works) say(g *saying) {
	w.t.Helper()
	r := w.luck
	shows := time.Now().Add(-g.behind)
	at := func() wire.Time {
		return wire.Time(shows.Add(-time.Duration(r.IntN(5*3600)) * time.Second).UnixMilli())
	}
	device := sconce.EUI64(0x100 + r.IntN(3))
	var body wire.Up
	switch r.IntN(10) {
	case 0:
		body = wire.State{Devices: []wire.DeviceState{{
			Device: device, At: at(), Reachable: r.IntN(4) > 0, Heard: at(), On: new(r.IntN(2) == 0), Level: new(sconce.Level(r.IntN(1001))), Kelvin: new(uint16(2700)),
		}}}
	case 1:
		body = wire.Events{Events: []wire.Event{{Device: device, At: at(), Kind: wire.EventJoined}, {Device: device, At: at(), Kind: wire.EventLeft}}}
	case 2:
		body = wire.Report{Desired: uint64(r.IntN(9)), Devices: []wire.DeviceReport{{Device: device, Stage: wire.StageConfigured, Asset: &wire.Asset{Model: "SL-1"}}}}
	case 3:
		body = wire.Hello{
			Model: "SG-1", Firmware: "1.0", BootCount: g.boot, Clock: &wire.Clock{Uptime: 1, Shows: 1}, Network: &wire.Network{PANID: 7, Channel: 15},
			Dropped: []wire.Dropped{{Kind: wire.KindLog, Class: wire.ClassLogs, Count: 3, From: at(), To: at()}},
		}
	case 4:
		body = wire.Result{Command: w.commands[r.IntN(len(w.commands))], Outcomes: []wire.Outcome{{Device: 7, Status: wire.Confirmed}}}
	case 5:
		body = wire.Occupancy{From: at(), Minutes: 60, Sensors: []wire.Occupied{{Device: device, Minutes: uint8(r.IntN(61))}, {Device: device + 1, Minutes: 60}}}
	default:
		m := wire.Readings{}
		for range r.IntN(2 * telemetry.ChunkSize) {
			m.Readings = append(m.Readings, wire.Reading{
				Device: device, Metric: []sconce.Metric{sconce.Energy, sconce.ActivePower, sconce.Occupancy, sconce.Temperature}[r.IntN(4)],
				At: at(), Value: float64(r.IntN(5000)-10) / 10,
			})
		}
		body = m
	}
	g.sequence++
	h := wire.UpHeader{Version: wire.Version, Boot: g.boot, Sequence: g.sequence, Sent: wire.Time(shows.UnixMilli())}
	payload, err := wire.AppendUp(nil, h, body)
	w.must(err)
	one := said{wire.UpTopic(g.id, body.UpKind()), payload}
	switch r.IntN(25) {
	case 0: // its body is damaged
		one.payload = append(payload[:len(payload)-1], 0xff)
	case 1: // a later version says it
		one.topic = wire.UpTopic(g.id, "song")
	}
	g.said = append(g.said, one)
	w.accept(g, one)
}

// tables returns all rows of the database of projects, by table.
func (w *works) tables() map[string][]string {
	w.t.Helper()
	fields, err := privacy.Fields() // which a test holds to the tables
	w.must(err)
	of := map[string][]string{}
	for _, f := range fields {
		if f.Database == "site" {
			of[f.Table] = append(of[f.Table], f.Column)
		}
	}
	all := map[string][]string{}
	for name, columns := range of {
		all[name], err = w.store.Rows(w.t.Context(), name, columns)
		w.must(err)
	}
	delete(all, "security_log") // says that there was a rebuild
	return all
}

// rebuilder makes the results of a journal again.
func (w *works) rebuilder() ingest.Rebuilder {
	return ingest.Rebuilder{
		Journal: w.store.Journal(), Results: w.store.Results(), Keep: keepReadings, Now: time.Now, Log: w.log, Progress: func(ingest.Rebuild, int64) {},
	}
}

// same fails for each table that is not as it was.
func (w *works) same(was map[string][]string) {
	w.t.Helper()
	is := w.tables()
	for name, rows := range was {
		if slices.Equal(is[name], rows) {
			continue
		}
		for n := range max(len(rows), len(is[name])) {
			if n >= len(rows) || n >= len(is[name]) || rows[n] != is[name][n] {
				w.t.Errorf("%s has %d rows and had %d; from the %d-th on they differ:\n%.600s\n%.600s", name, len(is[name]), len(rows), n,
					strings.Join(is[name][min(n, len(is[name])):], "\n"), strings.Join(rows[n:], "\n"))
				break
			}
		}
	}
}

// notMadeAgain is what the projector changes of what it does not make, and what moving a
// gateway does.
var notMadeAgain = []string{"projector", "commands", "command_outcomes", "gateway_claims"}

// TestRebuildIsTheSame: whatever happened to gateways and the cloud, the tables that the
// projector writes are made again from the journal byte by byte, whatever is in them. Which
// tables these are is found out by looking.
func TestRebuildIsTheSame(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) { rebuildIsTheSame(t, s, 0) })
	t.Run("another seed", func(t *testing.T) { rebuildIsTheSame(t, storetest.OpenSQLite(t), 1) })
}

func rebuildIsTheSame(t *testing.T, s *store.Store, seed uint64) {
	w := newWorks(t, s, seed)
	empty := w.tables()
	w.live(250)
	w.project()
	want, told := w.tables(), w.told
	written := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(name string) bool {
		return slices.Equal(want[name], empty[name]) || slices.Contains(notMadeAgain, name)
	})
	if len(written) < 9 || len(want["readings"]) == 0 || len(want["poison"]) == 0 || len(want["command_outcomes"]) == 0 {
		t.Fatalf("the projector wrote only %q", written)
	}
	for _, name := range written { // what is there is wrong, and what is right is not there
		column := "device"
		if slices.Contains([]string{"continuity", "gateway_hellos", "poison"}, name) {
			column = "gateway"
		}
		w.must(s.Alter(t.Context(), "UPDATE "+name+" SET "+column+" = "+column+" + 1000000"))
	}
	w.stop()
	w.must(w.rebuilder().Run(t.Context()))
	w.same(want)
	if w.told != told {
		t.Errorf("%d announcements were made again", w.told-told)
	}
	w.start() // and it goes on
	w.live(30)
	w.project()
	w.stop()
	want = w.tables()
	w.must(w.rebuilder().Run(t.Context()))
	w.same(want)
	w.start()
}

// killed is results that fail after a number of transactions.
type killed struct {
	ingest.Reading
	after int
}

var errKilled = errors.New("killed")

func (k *killed) Apply(ctx context.Context, position int64, fn func(tx ingest.Tx) error) error {
	if k.after--; k.after < 0 {
		return errKilled
	}
	return k.Reading.Apply(ctx, position, fn)
}

// sip is a log that returns one batch at a time, so that each is a bite.
type sip struct{ ingest.Log }

func (l sip) After(ctx context.Context, id int64, maxBytes int) ([]ingest.Batch, error) {
	all, err := l.Log.After(ctx, id, maxBytes)
	return all[:min(1, len(all))], err
}

// TestRebuildGoesOn: a rebuild that was stopped anywhere goes on from there, no cloud works
// with what is half made, and what came meanwhile is left to the projector.
func TestRebuildGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx, w := t.Context(), newWorks(t, s, 7)
		w.live(60)
		w.project()
		position, err := s.Results().Position(ctx)
		w.must(err)
		w.must(ingest.Whole(ctx, s.Results()))
		want := w.tables()
		for range 3 {
			w.say(w.gateways[0]) // in the journal, and not projected yet
		}
		w.stop()
		b := w.rebuilder()
		b.Journal = sip{b.Journal}
		for range 1000 {
			b.Results = &killed{s.Results(), 1 + w.luck.IntN(30)}
			if err = b.Run(ctx); err == nil {
				break
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if err := ingest.Whole(ctx, s.Results()); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), fmt.Sprint("until batch ", position)) {
				t.Fatalf("a half of the results is taken for the whole: %v", err)
			}
		}
		w.must(err)
		w.must(ingest.Whole(ctx, s.Results()))
		w.same(want)
		if now, err := s.Results().Position(ctx); err != nil || now != position {
			t.Errorf("what was not projected before was made up to batch %d, want %d", now, position)
		}
		w.start()
	})
}

// TestRebuildAfterABase: when the journal has lost its beginning, what came after a base is made
// again, what was made before it stays, and the whole is the same.
func TestRebuildAfterABase(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx, w := t.Context(), newWorks(t, s, 3)
		w.live(150)
		w.project()
		base := ingest.Base{Made: time.Now(), Keep: keepReadings}
		w.must(s.Results().MakeBase(ctx, base))
		made, err := s.Results().Bases(ctx)
		w.must(err)
		before := w.tables()
		w.live(150)
		w.project()
		w.stop()
		want := w.tables()
		all, err := s.Journal().Last(ctx)
		w.must(err)
		if n, err := s.Journal().Prune(ctx, time.Now().Add(time.Hour), 10_000); err != nil || int64(n) != made[0].After || made[0].After == all {
			t.Fatalf("the journal lost %d of %d batches, %v; want %d", n, all, err, made[0].After)
		}
		for _, damage := range []string{ // of what the base has, or what came after it
			"UPDATE continuity SET gateway = gateway + 1000", "UPDATE device_states SET device = device + 1000", "UPDATE device_stages SET device = device + 1000",
			"UPDATE gateway_hellos SET gateway = gateway + 1000", "UPDATE readings_open SET device = device + 1000", "UPDATE rollups SET sums = samples FROM readings_open",
			fmt.Sprintf("UPDATE events SET device = 1 WHERE journal_id > %d", made[0].After), fmt.Sprintf("DELETE FROM poison WHERE journal_id > %d", made[0].After),
		} {
			w.must(s.Alter(ctx, damage))
		}
		b, from := w.rebuilder(), int64(-1)
		b.Progress = func(r ingest.Rebuild, _ int64) { from = r.After }
		w.must(b.Run(ctx))
		if from != made[0].After {
			t.Errorf("made again is what came after batch %d, want %d", from, made[0].After)
		}
		w.same(want)
		if len(before["readings"]) == 0 || len(before["readings"]) == len(want["readings"]) {
			t.Errorf("%d chunks before the base and %d in all; want some on either side", len(before["readings"]), len(want["readings"]))
		}
		w.start()
	})
}
