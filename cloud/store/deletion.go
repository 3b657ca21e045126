package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/deletion"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Deletions returns where the deletions of projects are kept, and what carries them out.
func (s *Store) Deletions() deletion.Store { return deletions{supportGrants{s.site}, s} }

type deletions struct {
	supportGrants // for the owners of a project

	whole *Store
}

func deletionOf(r sitedb.ProjectDeletion) deletion.Deletion {
	return deletion.Deletion{
		Project: sconce.ProjectID(r.ProjectID), By: sconce.AccountID(r.AccountID), Asked: momentOf(r.AskedMs), Due: momentOf(r.DueMs),
		Begun: optionalMoment(r.BegunMs),
	}
}

func (s deletions) Deletion(ctx context.Context, scope project.Scope) (deletion.Deletion, error) {
	r, err := s.in(scope).reading.Deletion(ctx, string(scope.Project()))
	if none(err) {
		return deletion.Deletion{}, nil
	}
	return deletionOf(r), doing("reading a deletion", err)
}

func (s deletions) AskDeletion(ctx context.Context, scope project.Scope, d deletion.Deletion) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		err := q.AskDeletion(ctx, sitedb.AskDeletionParams{
			ProjectID: string(d.Project), AccountID: string(d.By), AskedMs: d.Asked.UnixMilli(), DueMs: d.Due.UnixMilli(),
		})
		if violatesUnique(err) {
			return sconce.Errorf(sconce.Conflict, "this project is going to be deleted already")
		}
		if err != nil {
			return doing("storing a deletion", err)
		}
		return note(ctx, q, scope, audit.DeletionAsked, "", "due="+d.Due.UTC().Format(time.RFC3339))
	})
}

func (s deletions) TakeDeletionBack(ctx context.Context, scope project.Scope) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.TakeDeletionBack(ctx, string(scope.Project()))
		if err != nil {
			return doing("taking a deletion back", err)
		}
		if n == 0 {
			if _, err := q.Deletion(ctx, string(scope.Project())); !none(err) {
				return sconce.Errorf(sconce.Conflict, "the deletion of this project has begun: it cannot be taken back any more")
			}
			return sconce.Errorf(sconce.NotFound, "this project is not going to be deleted")
		}
		return note(ctx, q, scope, audit.DeletionTakenBack, "", "")
	})
}

func (s deletions) DueDeletions(ctx context.Context, now time.Time, after deletion.Deletion, limit int) ([]deletion.Deletion, error) {
	rows, err := s.across().reading.DueDeletions(ctx, sitedb.DueDeletionsParams{
		Now: now.UnixMilli(), AfterMs: after.Due.UnixMilli(), After: string(after.Project), Max: int64(limit),
	})
	return mapped(rows, deletionOf), doing("reading which deletions are due", err)
}

func (s deletions) Close(ctx context.Context, d deletion.Deletion, now time.Time) (gateways []sconce.EUI64, err error) {
	id := string(d.Project)
	err = s.of(d.Project).update(ctx, func(q *sitedb.Queries) error {
		begun, err := q.BeginDeletion(ctx, sitedb.BeginDeletionParams{ProjectID: id, BegunMs: new(now.UnixMilli())})
		if err == nil && begun == 0 {
			return sconce.Errorf(sconce.NotFound, "this deletion was taken back, or has begun")
		}
		if err != nil {
			return doing("beginning a deletion", err)
		}
		released, err := q.ReleaseGateways(ctx, id)
		if err != nil {
			return doing("releasing the gateways of a project", err)
		}
		gateways = mapped(released, func(g int64) sconce.EUI64 { return sconce.EUI64(g) })
		if err := q.RemoveMembers(ctx, id); err != nil {
			return doing("ending the memberships of a project", err)
		}
		if err := q.RemoveInvitations(ctx, id); err != nil {
			return doing("ending the invitations to a project", err)
		}
		return record(ctx, q, audit.OfProject(d.Project), d.Event(now, audit.DeletionBegun, "gateways="+strconv.Itoa(len(gateways))))
	})
	return gateways, err
}

// Settled keeps, the first time, up to where the journal may hold what belongs to the project:
// its end after the gateways were released. A step of the projector that began before has
// been stored when the projector is there.
func (s deletions) Settled(ctx context.Context, d deletion.Deletion) (bool, error) {
	id := string(d.Project)
	r, err := s.of(d.Project).reading.Deletion(ctx, id)
	if err != nil {
		return false, doing("reading a deletion", err)
	}
	if r.JournalID == nil {
		last, err := s.whole.journal.reading.LastBatch(ctx)
		if err != nil {
			return false, doing("reading the end of the journal", err)
		}
		r.JournalID = new(last)
		err = s.of(d.Project).update(ctx, func(q *sitedb.Queries) error {
			return q.FenceDeletion(ctx, sitedb.FenceDeletionParams{ProjectID: id, JournalID: r.JournalID})
		})
		if err != nil {
			return false, doing("storing the end of the journal", err)
		}
	}
	position, err := s.outside().reading.Position(ctx)
	return position >= *r.JournalID, doing("reading the position of the projector", err)
}

func (s deletions) End(ctx context.Context, d deletion.Deletion, now time.Time) error {
	return s.across().update(ctx, func(q *sitedb.Queries) error {
		if err := q.DeleteProject(ctx, string(d.Project)); err != nil {
			return doing("deleting a project", err)
		}
		e := d.Event(now, audit.ProjectDeleted, deletion.Detail)
		if err := record(ctx, q, audit.OfProject(d.Project), e); err != nil {
			return err
		}
		return record(ctx, q, audit.Installation, e)
	})
}

// belonging is a table in which rows belong to a project, by its column project_id.
type belonging struct {
	database, table string
	key             []string // beside project_id
}

// belongings is every such table, those that refer to others before them. What is not here is
// removed with the project itself, or stays: a test says which.
var belongings = []belonging{
	{"identity", "api_tokens", []string{"id"}},
	{"identity", "oauth_grants", []string{"id"}},
	{"site", "oauth_clients", []string{"id"}},
	{"site", "alert_notices", []string{"id"}},
	{"site", "alert_notes", []string{"id"}},
	{"site", "alert_watches", []string{"network_id", "rule", "device"}},
	{"site", "alert_hooks", []string{"id"}},
	{"site", "alert_readers", []string{"account_id"}},
	{"site", "alert_settings", []string{"settings"}},
	{"site", "alerts", []string{"id"}},
	{"site", "support_grants", []string{"id"}},
	{"site", "invitation_groups", []string{"invitation_id", "group_id"}},
	{"site", "invitations", []string{"id"}},
	{"site", "grants", []string{"account_id", "group_id"}},
	{"site", "members", []string{"account_id"}},
	{"site", "command_outcomes", []string{"command_id", "device"}},
	{"site", "commands", []string{"id"}},
	{"site", "events", []string{"at_ms", "journal_id", "n"}},
	{"site", "base_rows", []string{"journal_id", "n"}},
	{"site", "readings", []string{"device", "metric", "last_ms", "part"}},
	{"site", "readings_open", []string{"device", "metric"}},
	{"site", "rollups", []string{"level", "device", "period"}},
	{"site", "rollup_zones", []string{"device"}},
	{"site", "device_states", []string{"device"}},
	{"site", "device_stages", []string{"device"}},
	{"site", "gateway_hellos", []string{"gateway"}},
	{"site", "gateway_claims", []string{"gateway"}},
	{"site", "group_members", []string{"group_id", "position_id"}},
	{"site", "groups", []string{"id"}},
	{"site", "positions", []string{"id"}},
	{"site", "stays", []string{"device", "from_ms"}},
	{"site", "energy_settings", []string{"settings"}},
	{"site", "desired_versions", []string{"network_id"}},
	{"site", "networks", []string{"id"}},
	{"journal", "placements", []string{"gateway", "journal_id"}},
}

// Remove implements [deletion.Store].
func (s deletions) Remove(ctx context.Context, id sconce.ProjectID, limit int, did func(table string, rows int) error) error {
	ctx = withReach(ctx, reach{project: id})
	for _, b := range belongings {
		if err := s.whole.removeAll(ctx, b, id, limit, did); err != nil {
			return doing("removing "+b.table+" of a project", err)
		}
	}
	return nil
}

// removeAll removes the rows of a project, bite after bite.
func (s *Store) removeAll(ctx context.Context, b belonging, id sconce.ProjectID, limit int, did func(table string, rows int) error) error {
	for {
		var n int64
		err := s.changer(b.database).change(ctx, func(tx *sql.Tx) error {
			r, err := tx.ExecContext(ctx, b.statement(limit), string(id))
			if err == nil {
				n, err = r.RowsAffected()
			}
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		if err := did(b.table, int(n)); err != nil {
			return err
		}
	}
}

// statement removes up to limit rows of a project. Which network a gateway served is not
// removed but said to be none: else what stands in the journal would be taken for an
// earlier network's when the results are made anew.
func (b belonging) statement(limit int) string {
	keys := strings.Join(b.key, ", ")
	do := "DELETE FROM " + b.table
	if b.table == "placements" {
		do = "UPDATE placements SET project_id = '', network_id = ''"
	}
	return do + " WHERE project_id = ?1 AND (" + keys + ") IN (SELECT " + keys + " FROM " + b.table +
		" WHERE project_id = ?1 ORDER BY " + keys + " LIMIT " + strconv.Itoa(limit) + ")"
}
