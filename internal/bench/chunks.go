package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/internal/postgres"
)

// What is stored to see how much it takes: lights that tell of five things once a minute, in
// the life of an office.
const (
	chunkLights  = 20
	chunkDays    = 10
	chunkMinutes = 24 * 60
)

var chunkMetrics = []sconce.Metric{sconce.ActivePower, sconce.Energy, sconce.Temperature, sconce.Signal, sconce.Illuminance}

// archive is a store whose chunks are measured.
type archive struct {
	open func() (*store.Store, error)
	size func() (int64, error) // of the database of projects, in bytes; the store is closed
}

// chunksSQLite measures what readings take in a file of SQLite.
func (b *bench) chunksSQLite(ctx context.Context) ([]Figure, error) {
	dir := filepath.Join(b.dir, "chunks")
	return b.chunks(ctx, "", dir, func() (archive, error) {
		return archive{
			open: func() (*store.Store, error) { return store.Open(ctx, dir) },
			size: func() (int64, error) {
				info, err := os.Stat(filepath.Join(dir, "site.db"))
				if err != nil {
					return 0, err
				}
				return info.Size(), nil
			},
		}, nil
	})
}

// chunksPostgres measures what they take in a database of PostgreSQL, indices included.
func (b *bench) chunksPostgres(ctx context.Context) ([]Figure, error) {
	server, err := postgres.Get()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "chunks_postgres")
	return b.chunks(ctx, "_postgres", dir, func() (archive, error) {
		a, urls, err := databases(ctx, server, "chunks")
		if err == nil {
			err = store.Prepare(ctx, a, "bench_owner")
		}
		if err == nil {
			err = store.Copy(ctx, dir, a, func(store.Copied) {})
		}
		return archive{
			open: func() (*store.Store, error) { return store.OpenPostgres(ctx, a) },
			size: func() (n int64, err error) {
				c, err := pgx.Connect(ctx, urls[1])
				if err != nil {
					return 0, err
				}
				err = c.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
				return n, errors.Join(err, c.Close(ctx))
			},
		}, err
	})
}

// chunks fills a store with readings and reads them.
func (b *bench) chunks(ctx context.Context, engine, dir string, make func() (archive, error)) ([]Figure, error) {
	made, err := fill(ctx, dir, dir+".key", 1)
	if err != nil {
		return nil, err
	}
	a, err := make()
	if err != nil {
		return nil, err
	}
	before, err := a.size()
	if err != nil {
		return nil, err
	}
	var stored int
	if err := a.with(func(s *store.Store) (err error) { stored, err = b.office(ctx, s, made); return err }); err != nil {
		return nil, err
	}
	after, err := a.size()
	if err != nil {
		return nil, err
	}
	var scans []round
	var packed int
	for range b.Rounds {
		err := a.with(func(s *store.Store) error {
			r, size, err := scan(ctx, s, made.scope)
			scans, packed = append(scans, r), size
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	bytes := round{float64(after-before) / float64(stored), float64(packed) / float64(stored)}
	return []Figure{
		newFigure("bytes_per_reading"+engine, "B", "its_samples_alone", []round{bytes}, valueAtMost(8)),
		newFigure("chunk_scan_readings"+engine+"_per_s", "readings/s", "decoding_them", scans, ratioAtLeast(0.1)),
	}, nil
}

func (a archive) with(fn func(*store.Store) error) error {
	s, err := a.open()
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// chunksBegin is when the office begins to be measured.
var chunksBegin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// office stores what the lights tell, a day in a transaction, and returns how many readings
// that are.
func (b *bench) office(ctx context.Context, s *store.Store, of *site) (stored int, err error) {
	fold := telemetry.NewFold(s.Results(), 0)
	at := project.Assignment{Project: of.scope.Project(), Network: of.network}
	energy := [chunkLights]float64{}
	for day := range chunkDays {
		for minute := range chunkMinutes {
			now := chunksBegin.Add(time.Duration(day*chunkMinutes+minute) * time.Minute)
			from := fold.From(at, now.Add(time.Minute))
			for light := range chunkLights {
				for _, m := range chunkMetrics {
					value := b.tells(m, minute, &energy[light])
					sample := telemetry.Sample{At: now.UnixMilli() + int64(b.luck.IntN(2000)), Value: value}
					if err := from.Reading(ctx, telemetry.Series{Device: sconce.EUI64(1 + light), Metric: m}, sample); err != nil {
						return 0, err
					}
					stored++
				}
			}
		}
		if err := s.Results().Apply(ctx, int64(day+1), func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
			return 0, err
		}
		fold.Stored(func(sconce.ProjectID, telemetry.DeviceState) {})
	}
	return stored, nil
}

// tells returns what a light tells in a minute of a day: people are there from 7 to 19, and
// what is measured has the noise and the steps of what measures.
func (b *bench) tells(m sconce.Metric, minute int, energy *float64) float64 {
	there := minute >= 7*60 && minute < 19*60
	noon := math.Max(0, math.Sin(math.Pi*float64(minute-6*60)/(14*60)))
	switch m {
	case sconce.ActivePower:
		if !there {
			return 0.4
		}
		return math.Round((31-12*noon+b.luck.Float64())*10) / 10
	case sconce.Energy:
		if there {
			*energy += 0.4
		}
		return math.Round(*energy*10) / 10
	case sconce.Temperature:
		return math.Round((22+20*noon+b.luck.Float64()/2)*10) / 10
	case sconce.Signal:
		return float64(-60 - b.luck.IntN(5))
	default:
		return math.Round(800*noon + 20*b.luck.Float64())
	}
}

// scan reads every chunk of every series, and then decodes the same samples in memory. It
// returns readings in a second of both, and how many bytes the samples take.
func scan(ctx context.Context, s *store.Store, scope project.Scope) (r round, size int, err error) {
	var kept [][]byte
	n, begun := 0, time.Now()
	var all []telemetry.Chunk
	for light := range chunkLights {
		for _, m := range chunkMetrics {
			series := telemetry.Series{Device: sconce.EUI64(1 + light), Metric: m}
			chunks, err := s.Telemetry().Chunks(ctx, scope, series, chunksBegin, chunksBegin.AddDate(1, 0, 0))
			if err != nil {
				return r, 0, err
			}
			all = append(all, chunks...)
		}
	}
	took := time.Since(begun)
	for _, c := range all {
		n += len(c.Samples)
		kept = append(kept, telemetry.AppendSamples(nil, c.Samples))
		size += len(kept[len(kept)-1])
	}
	if n < chunkLights*len(chunkMetrics)*(chunkDays*chunkMinutes-telemetry.ChunkSize) {
		return r, 0, fmt.Errorf("only %d readings are in chunks", n)
	}
	begun = time.Now()
	for _, packed := range kept {
		if _, err := telemetry.ParseSamples(packed); err != nil {
			return r, 0, err
		}
	}
	return round{float64(n) / took.Seconds(), float64(n) / time.Since(begun).Seconds()}, size, nil
}
