package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sconce/cloud/store"
	"sconce/internal/mqttload"
	"sconce/internal/postgres"
)

const (
	durableGateways = 1000
	fewGateways     = 10
	manyGateways    = 10_000
	calmTime        = 3 * time.Second
	calmBurst       = 4      // messages that a gateway publishes at once
	growthRate      = 20_000 // messages a second, of all gateways together
)

// durableSQLite measures how fast readings become durable on SQLite.
func (b *bench) durableSQLite(ctx context.Context) ([]Figure, error) {
	return b.durable(ctx, "", ServeJournal)
}

// durablePostgres measures it on a PostgreSQL that syncs.
func (b *bench) durablePostgres(ctx context.Context) (_ []Figure, err error) {
	server, err := postgres.StartDurable()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	a, urls, err := databases(ctx, server, "ingest")
	if err != nil {
		return nil, err
	}
	if err := store.Prepare(ctx, a, "bench_owner"); err != nil {
		return nil, err
	}
	var more []string
	for _, u := range urls {
		more = append(more, "--address", u)
	}
	return b.durable(ctx, "_postgres", ServePostgres, more...)
}

// durable measures our MQTT server with the journal behind it, under the readings of many
// gateways: as many as it takes, and then half as many, for how long an acknowledgement
// takes then. Beside it is the same server with nothing behind it.
func (b *bench) durable(ctx context.Context, engine, kind string, more ...string) ([]Figure, error) {
	inst, err := b.install(ctx, "durable"+engine, 1)
	if err != nil {
		return nil, err
	}
	f, err := newFleet(inst, durableGateways)
	if err != nil {
		return nil, err
	}
	var rate, p99 []round
	for n := range b.Rounds {
		var kept, dropped taken
		for _, i := range b.luck.Perm(2) {
			if i == 0 {
				kept, err = b.calm(ctx, f, kind, more...)
			} else {
				dropped, err = b.calm(ctx, f, ServeEdge)
			}
			if err != nil {
				return nil, err
			}
		}
		b.say("  round %d: %.0f readings/s, p99 at half of that %s; nothing kept: %.0f, %s", n+1,
			readingsAMessage*kept.rate, kept.p99.Round(100*time.Microsecond), readingsAMessage*dropped.rate, dropped.p99.Round(100*time.Microsecond))
		rate = append(rate, round{readingsAMessage * kept.rate, readingsAMessage * dropped.rate})
		p99 = append(p99, round{milliseconds(kept.p99), milliseconds(dropped.p99)})
	}
	return []Figure{
		newFigure("ingest_readings"+engine+"_per_s", "readings/s", "without_journal_readings_per_s", rate, valueAtLeast(1e6)),
		newFigure("ingest_ack"+engine+"_ms_p99", "ms", "without_journal_ack_ms_p99", p99, valueAtMost(100)),
	}, nil
}

// calm loads a server with all that it takes, and then with half of that.
func (b *bench) calm(ctx context.Context, f *fleet, kind string, more ...string) (t taken, err error) {
	loads, err := newLoads(f)
	if err != nil {
		return t, err
	}
	s, addr, err := b.hire(f.inst, kind, more...)
	if err != nil {
		return t, err
	}
	defer s.stop()
	load, err := f.connect(ctx, addr, ingestWindow, func(p []byte, client int, _ uint64) []byte { return loads[client].append(p) })
	if err != nil {
		return t, err
	}
	defer load.Close()
	if _, err := load.Run(ctx, ingestWarmUp); err != nil {
		return t, err
	}
	full, err := load.Run(ctx, ingestTime)
	if err != nil {
		return t, err
	}
	t.rate = float64(full.Acked) / full.Elapsed.Seconds()
	every := time.Duration(2 * calmBurst * float64(len(f.gateways)) / t.rate * float64(time.Second))
	half, err := load.RunAt(ctx, calmTime, every, calmBurst)
	t.p99 = half.P99
	return t, err
}

// ingestGrowth measures what a message costs that is kept when 10,000 gateways publish as
// much together as 10 do.
func (b *bench) ingestGrowth(ctx context.Context) ([]Figure, error) {
	inst, err := b.install(ctx, "growth", 1)
	if err != nil {
		return nil, err
	}
	all, err := newFleet(inst, manyGateways)
	if err != nil {
		return nil, err
	}
	few := &fleet{inst: inst, roots: all.roots, gateways: all.gateways[:fewGateways]}
	var rounds []round
	for n := range b.Rounds {
		var cost [2]float64
		for _, i := range b.luck.Perm(2) {
			f, burst := few, ingestWindow
			if i == 1 {
				f, burst = all, 1
			}
			if cost[i], err = b.costOf(ctx, f, burst); err != nil {
				return nil, err
			}
		}
		b.say("  round %d: %.2f µs of CPU a message of %d gateways, %.2f µs of %d", n+1, cost[0], fewGateways, cost[1], manyGateways)
		rounds = append(rounds, round{cost[1], cost[0]})
	}
	return []Figure{newFigure("ingest_growth_10000", "µs", "cpu_us_per_msg_of_10", rounds, ratioAtMost(3))}, nil
}

// costOf returns the CPU time of the server with the journal for each message, in µs, when gateways
// publish in bursts.
func (b *bench) costOf(ctx context.Context, f *fleet, burst int) (float64, error) {
	loads, err := newLoads(f)
	if err != nil {
		return 0, err
	}
	s, addr, err := b.hire(f.inst, ServeJournal)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	load, err := f.connect(ctx, addr, ingestWindow, func(p []byte, client int, _ uint64) []byte { return loads[client].append(p) })
	if err != nil {
		return 0, err
	}
	defer load.Close()
	each := func(d time.Duration) (mqttload.Result, error) {
		return load.RunAt(ctx, d, time.Duration(burst*len(f.gateways))*time.Second/growthRate, burst)
	}
	if _, err := each(ingestTime); err != nil {
		return 0, err
	}
	before, err := cpuOf(s.pid())
	if err != nil {
		return 0, err
	}
	r, err := each(2 * calmTime)
	if err != nil {
		return 0, err
	}
	after, err := cpuOf(s.pid())
	if err != nil || r.Acked == 0 {
		return 0, errors.Join(err, fmt.Errorf("%d messages were acknowledged", r.Acked))
	}
	return 1000 * milliseconds(after-before) / float64(r.Acked), nil
}

// databaseOf returns the name of one of the databases of an installation.
func databaseOf(name, which string) string { return "bench_" + name + "_" + which }

// databases makes the three databases of an installation on a PostgreSQL server.
func databases(ctx context.Context, server *postgres.Server, name string) (a store.Addresses, urls []string, err error) {
	err = server.Run(ctx, postgres.Superuser,
		"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench') THEN CREATE ROLE bench_owner LOGIN; CREATE ROLE bench LOGIN; END IF; END $$")
	if err != nil {
		return a, nil, err
	}
	for i, address := range []*store.Address{&a.Identity, &a.Site, &a.Journal} {
		database := databaseOf(name, []string{"identity", "site", "journal"}[i])
		if err := server.Run(ctx, postgres.Superuser, "CREATE DATABASE "+database+" OWNER bench_owner"); err != nil {
			return a, nil, err
		}
		url := server.URL("bench", database)
		if *address, err = store.ParseAddress(url); err != nil {
			return a, nil, err
		}
		urls = append(urls, url)
	}
	return a, urls, nil
}
