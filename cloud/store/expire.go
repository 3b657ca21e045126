package store

import (
	"context"
	"database/sql"
	"time"

	"sconce/cloud/telemetry"
)

// How much one transaction removes. It ends with the series in whose turn it has removed this
// many rows, has gone through this many series or has lasted this long: on SQLite the projector
// waits for it meanwhile.
const (
	expireRows   = 500
	expireSeries = 500
	expireTime   = 20 * time.Millisecond
)

// series is the key of the readings of a series. Every one has a row in readings_open.
type series struct {
	project        string
	device, metric int64
}

// What ExpireTelemetry asks and removes. All of it goes by the primary keys: an index by time
// would cost a byte for each reading. What is in the rows of readings_open is left.
const (
	nextSeries = `SELECT project_id, device, metric FROM readings_open
		WHERE (project_id, device, metric) > (?1, ?2, ?3) ORDER BY project_id, device, metric LIMIT ?4`
	expireReadings = `DELETE FROM readings WHERE project_id = ?1 AND device = ?2 AND metric = ?3 AND (last_ms, part) IN (
		SELECT last_ms, part FROM readings WHERE project_id = ?1 AND device = ?2 AND metric = ?3 AND last_ms < ?4 ORDER BY last_ms, part LIMIT ?5)`
	expireRollups = `DELETE FROM rollups WHERE project_id = ?1 AND level = ?2 AND device = ?3 AND period IN (
		SELECT period FROM rollups WHERE project_id = ?1 AND level = ?2 AND device = ?3 AND period < ?4 ORDER BY period LIMIT ?5)`
	nextProject  = `SELECT id FROM projects WHERE id > ?1 ORDER BY id LIMIT 1`
	expireEvents = `DELETE FROM events WHERE project_id = ?1 AND (at_ms, journal_id, n) IN (
		SELECT at_ms, journal_id, n FROM events WHERE project_id = ?1 AND at_ms < ?2 ORDER BY at_ms, journal_id, n LIMIT ?3)`
)

// ExpireTelemetry implements [telemetry.Expiring].
func (s *Store) ExpireTelemetry(ctx context.Context, before telemetry.Expiry, did func(rows map[string]int) error) error {
	ctx = withReach(ctx, reach{every: true})
	if err := s.expireSeries(ctx, before, did); err != nil {
		return doing("removing readings that are over", err)
	}
	return doing("removing events that are over", s.expireEvents(ctx, before.Events, did))
}

func (s *Store) expireSeries(ctx context.Context, before telemetry.Expiry, did func(map[string]int) error) error {
	var at series
	for {
		some, err := s.seriesAfter(ctx, at)
		if err != nil || len(some) == 0 {
			return err
		}
		e := expiring{ctx: ctx, before: before}
		err = s.site.db.change(ctx, func(tx *sql.Tx) error {
			e.begin(tx, at)
			for _, one := range some {
				if more, err := e.series(one); err != nil || !more {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		at = e.at
		if err := did(e.removed); err != nil {
			return err
		}
	}
}

func (s *Store) seriesAfter(ctx context.Context, at series) (some []series, err error) {
	err = s.site.db.look(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, nextSeries, at.project, at.device, at.metric, expireSeries)
		if err != nil {
			return err
		}
		defer rows.Close()
		some = nil
		for rows.Next() {
			var one series
			if err := rows.Scan(&one.project, &one.device, &one.metric); err != nil {
				return err
			}
			some = append(some, one)
		}
		return rows.Err()
	})
	return some, err
}

// expiring is one transaction that removes what is over.
type expiring struct {
	ctx    context.Context //nolint:containedctx // of the transaction, which it does not outlive
	before telemetry.Expiry

	tx      *sql.Tx
	began   time.Time
	at      series // the last one that has nothing more that is over
	rows    int
	removed map[string]int
}

func (e *expiring) begin(tx *sql.Tx, at series) {
	e.tx, e.at, e.began, e.rows, e.removed = tx, at, time.Now(), 0, map[string]int{}
}

// series removes what is over of a series, and with the first of a device the sums of that;
// it reports whether there is time for more.
func (e *expiring) series(one series) (more bool, err error) {
	full, err := e.remove("readings", expireReadings, one.project, one.device, one.metric, e.before.Readings.UnixMilli(), expireRows)
	if err != nil || full {
		return false, err
	}
	if one.project != e.at.project || one.device != e.at.device {
		months := (e.before.Days + 11) / 12                                            // years without a month that is over: of the others the days tell
		for level, period := range []int64{e.before.Quarters, e.before.Days, months} { // [rollup.Quarters], [rollup.Days], [rollup.Months]
			full, err := e.remove("rollups", expireRollups, one.project, level, one.device, period, expireRows)
			if err != nil || full {
				return false, err
			}
		}
	}
	e.at = one
	return e.rows < expireRows && time.Since(e.began) < expireTime, nil
}

// remove runs a statement, whose last argument is how many rows it may remove, and reports
// whether it removed as many.
func (e *expiring) remove(table, statement string, args ...any) (full bool, err error) {
	r, err := e.tx.ExecContext(e.ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	e.rows += int(n)
	e.removed[table] += int(n)
	return n == expireRows, err
}

func (s *Store) expireEvents(ctx context.Context, before time.Time, did func(map[string]int) error) error {
	project := ""
	for {
		err := s.site.db.look(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, nextProject, project).Scan(&project)
		})
		if err != nil {
			return ignore(err, sql.ErrNoRows)
		}
		for full := true; full; {
			e := expiring{ctx: ctx}
			err := s.site.db.change(ctx, func(tx *sql.Tx) (err error) {
				e.begin(tx, series{})
				full, err = e.remove("events", expireEvents, project, before.UnixMilli(), expireRows)
				return err
			})
			if err != nil {
				return err
			}
			if err := did(e.removed); err != nil {
				return err
			}
		}
	}
}
