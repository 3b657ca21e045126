package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/ingest"
	"sconce/cloud/store/sitedb"
)

// takenBack is how the tables are emptied that are made from the journal alone, as far as a base
// does not have them: ?1 is its batch. What the projector writes elsewhere, the end of a command,
// belongs to what people did and stays.
var takenBack = []string{
	"DELETE FROM continuity", "DELETE FROM device_states", "DELETE FROM device_stages", "DELETE FROM gateway_hellos", "DELETE FROM readings_open", "DELETE FROM rollup_zones",
	"DELETE FROM poison WHERE journal_id > ?1", "DELETE FROM events WHERE journal_id > ?1",
}

// laterChunks removes the chunks that were filled after a base, once the open ones are those
// of the base.
const laterChunks = `DELETE FROM readings WHERE part >= COALESCE((
	SELECT o.part FROM readings_open AS o WHERE o.project_id = readings.project_id AND o.device = readings.device AND o.metric = readings.metric), 0)`

// earlierCalendars lets those days be made again that are by a calendar that was their project's
// when the base was made, and is not now.
func earlierCalendars(ctx context.Context, q *sitedb.Queries) error {
	used, err := q.CalendarsInUse(ctx)
	if err != nil {
		return err
	}
	for _, one := range used {
		now, err := calendarOf(ctx, q, one.ProjectID)
		if sconce.KindOf(err) == sconce.NotFound || err == nil && now == one.Zone {
			continue
		}
		if err == nil {
			err = q.UnsettleZone(ctx, one.ProjectID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Rebuilding implements [ingest.Results].
func (r results) Rebuilding(ctx context.Context) (ingest.Rebuild, error) {
	row, err := r.outside().reading.Rebuilding(ctx)
	if err != nil || row.RebuildAfter == nil || row.RebuildUntil == nil {
		return ingest.Rebuild{}, doing("reading whether a rebuild is under way", err)
	}
	return ingest.Rebuild{After: *row.RebuildAfter, Until: *row.RebuildUntil}, nil
}

// TakeBack implements [ingest.Results].
func (r results) TakeBack(ctx context.Context, b ingest.Rebuild, e audit.Event) error {
	return doing("taking the results of the journal back", r.db.change(withReach(ctx, r.across().reach), func(tx *sql.Tx) error {
		if err := r.takeBack(ctx, tx, b.After); err != nil {
			return err
		}
		q := sitedb.New(tx)
		if err := q.SetPosition(ctx, b.After); err != nil {
			return err
		}
		if err := q.SetRebuilding(ctx, sitedb.SetRebuildingParams{RebuildAfter: &b.After, RebuildUntil: &b.Until}); err != nil {
			return err
		}
		return record(ctx, q, audit.Installation, e)
	}))
}

// takeBack makes the tables as they were when a batch had been projected.
func (r results) takeBack(ctx context.Context, tx *sql.Tx, after int64) error {
	sums := "level >= 0"
	if after > 0 {
		bases, err := sitedb.New(tx).Bases(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(bases, func(b sitedb.Basis) bool { return b.JournalID == after })
		if i < 0 {
			return sconce.Errorf(sconce.NotFound, "there is no base after batch %d", after)
		}
		sums = changes(baseOf(bases[i]))
	}
	for _, statement := range append(takenBack, "DELETE FROM rollups WHERE "+sums) {
		var args []any
		if strings.Contains(statement, "?1") {
			args = append(args, after)
		}
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	if err := putBack(ctx, tx, after); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, laterChunks); err != nil {
		return err
	}
	return earlierCalendars(ctx, sitedb.New(tx))
}

// Rebuilt implements [ingest.Results].
func (r results) Rebuilt(ctx context.Context) error {
	return doing("ending a rebuild", r.outside().update(ctx, func(q *sitedb.Queries) error {
		return q.SetRebuilding(ctx, sitedb.SetRebuildingParams{})
	}))
}
