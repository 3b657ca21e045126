package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// Kept implements [telemetry.Rollups]. All of it is one statement: on PostgreSQL most of the
// time of each is the way to the server and back.
func (t *resultsTx) Kept(a project.Assignment, device sconce.EUI64, from, to int64) (rollup.Calendar, map[rollup.Key]rollup.Block, error) {
	// In a time zone the day, and with it the month, may be the one before or the one after.
	first, last := rollup.DayPlace(from-rollup.QuartersPerDay, time.UTC).Period, rollup.DayPlace(to+rollup.QuartersPerDay, time.UTC).Period
	p := sitedb.KeptRollupsParams{
		ProjectID: string(a.Project), Device: int64(device),
		FirstDay: rollup.QuarterPlace(from).Period, LastDay: rollup.QuarterPlace(to).Period,
		FirstMonth: first, LastMonth: last, FirstYear: rollup.MonthPlace(first).Period, LastYear: rollup.MonthPlace(last).Period,
	}
	rows, name, err := t.kept(p)
	if err == nil && name == "" { // there was nothing of the device yet
		if err = t.setCalendar(a, device); err == nil {
			rows, name, err = t.kept(p)
		}
	}
	if err != nil {
		return rollup.Calendar{}, nil, doing("reading rollups", err)
	}
	kept := make(map[rollup.Key]rollup.Block, len(rows))
	for _, r := range rows {
		if r.Level == nil || r.Period == nil {
			continue // there are no quarters
		}
		b, err := rollup.Parse(r.Sums)
		if err != nil {
			return rollup.Calendar{}, nil, doing("reading rollups", err)
		}
		kept[rollup.Key{Level: rollup.Level(*r.Level), Period: *r.Period}] = b
	}
	c, err := t.zones.calendar(name)
	return c, kept, doing("reading the calendar of rollups", err)
}

// kept returns rows of rollups, and the name of the calendar of their days.
func (t *resultsTx) kept(p sitedb.KeptRollupsParams) (rows []sitedb.KeptRollupsRow, calendar string, err error) {
	rows, err = t.bound.KeptRollups(t.ctx, p)
	for _, r := range rows {
		calendar = cmp.Or(calendar, r.Zone)
	}
	return rows, calendar, err
}

// SetRollup implements [telemetry.Rollups].
func (t *resultsTx) SetRollup(a project.Assignment, device sconce.EUI64, level rollup.Level, period int64, b rollup.Block) error {
	t.samples = b.Append(t.samples[:0])
	return doing("storing rollups", t.bound.SetRollup(t.ctx, sitedb.SetRollupParams{
		ProjectID: string(a.Project), Level: int64(level), Period: period, Device: int64(device), Sums: notNil(t.samples),
	}))
}

// ChunksAround implements [telemetry.Before].
func (r results) ChunksAround(ctx context.Context, id sconce.ProjectID, s telemetry.Series, at int64) ([]telemetry.Chunk, error) {
	db := r.of(id).reading
	across, err := db.ChunksAcross(ctx, sitedb.ChunksAcrossParams{ProjectID: string(id), Device: int64(s.Device), Metric: int64(s.Metric), At: at})
	if err != nil {
		return nil, doing("reading readings", err)
	}
	until, err := db.ChunksUntil(ctx, sitedb.ChunksUntilParams{ProjectID: string(id), Device: int64(s.Device), Metric: int64(s.Metric), At: at})
	if err != nil {
		return nil, doing("reading readings", err)
	}
	from, err := db.ChunksFrom(ctx, sitedb.ChunksFromParams{ProjectID: string(id), Device: int64(s.Device), Metric: int64(s.Metric), At: at})
	if err != nil {
		return nil, doing("reading readings", err)
	}
	var chunks []telemetry.Chunk
	for _, some := range [][][]byte{across, until, from} {
		for _, stored := range some {
			samples, err := telemetry.ParseSamples(stored)
			if err != nil {
				return nil, doing("reading readings", err)
			}
			chunks = append(chunks, telemetry.Chunk{Samples: samples})
		}
	}
	return chunks, nil
}

// devicesAtOnce is how many devices one statement asks for.
const devicesAtOnce = 500

// rowsAtOnce is about how many blocks are in memory at a time, some 8 MB.
const rowsAtOnce = 4000

// Rollups implements [telemetry.Store].
func (m measurements) Rollups(ctx context.Context, s project.Scope, ask telemetry.RollupQuery, stored func(telemetry.Rollup), waiting func(telemetry.Series, telemetry.Open)) error {
	return m.in(s).view(ctx, func(q *sitedb.Queries) error {
		var b rollup.Block
		var samples []telemetry.Sample
		since, until := ask.Times()
		for some := range slices.Chunk(ask.Devices, int(min(devicesAtOnce, max(1, rowsAtOnce/(ask.Until-ask.From+1))))) {
			devices := mapped(some, func(d sconce.EUI64) int64 { return int64(d) })
			rows, err := q.Rollups(ctx, sitedb.RollupsParams{
				ProjectID: string(s.Project()), Level: int64(ask.Level), Since: ask.From, Until: ask.Until, Devices: devices,
			})
			if err != nil {
				return doing("reading rollups", err)
			}
			for _, r := range rows {
				if b, err = b.Parse(r.Sums); err != nil {
					return doing("reading rollups", err)
				}
				stored(telemetry.Rollup{Device: sconce.EUI64(r.Device), Period: r.Period, Block: b})
			}
			open, err := q.WaitingForRollups(ctx, sitedb.WaitingForRollupsParams{ProjectID: string(s.Project()), Since: since, Until: until, Devices: devices})
			if err != nil {
				return doing("reading what waits for the rollups", err)
			}
			for _, r := range open {
				o, err := openInto(samples, sitedb.OpenChunkRow{Samples: r.Samples, BeganMs: r.BeganMs, HeadMs: r.HeadMs, HeadValue: r.HeadValue, Waiting: r.Waiting})
				if err != nil {
					return doing("reading what waits for the rollups", err)
				}
				samples = o.Samples
				waiting(telemetry.Series{Device: sconce.EUI64(r.Device), Metric: sconce.Metric(r.Metric)}, o)
			}
		}
		return nil
	})
}
