package store

import (
	"context"
	"database/sql"

	"sconce/cloud/audit"
	"sconce/cloud/ingest"
	"sconce/cloud/store/sitedb"
)

// made is the tables that are made from the journal alone. What the projector writes
// elsewhere, the end of a command, belongs to what people did and stays.
var made = []string{
	"continuity", "poison", "device_states", "device_stages", "gateway_hellos", "events", "readings", "readings_open", "rollups",
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
		for _, table := range made {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+quoted(table)); err != nil { //nolint:gosec // a table of ours
				return err
			}
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

// Rebuilt implements [ingest.Results].
func (r results) Rebuilt(ctx context.Context) error {
	return doing("ending a rebuild", r.outside().update(ctx, func(q *sitedb.Queries) error {
		return q.SetRebuilding(ctx, sitedb.SetRebuildingParams{})
	}))
}
