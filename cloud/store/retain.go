package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sconce/cloud/identity"
	"sconce/cloud/store/identitydb"
)

// expiry says when the rows of a table are over: when a column of times is older than that.
type expiry struct {
	database, table string
	key             []string
	column          string
	age             func(rule time.Duration) time.Duration // of the rule in the inventory
}

func atOnce(time.Duration) time.Duration     { return 0 } // the column says until when
func later(rule time.Duration) time.Duration { return rule }
func whenIdle(time.Duration) time.Duration   { return identity.SessionIdle }
func (e expiry) String() string              { return e.database + "." + e.table }
func (e expiry) before(now time.Time, rule time.Duration) int64 {
	return now.Add(-e.age(rule)).UnixMilli()
}

// expiries is every table whose rows do not stay for good, but for the journal, which has a
// job of its own, and invitees, which go with their invitations.
var expiries = []expiry{
	{"identity", "sessions", []string{"token_sha256"}, "made_ms", later},
	{"identity", "sessions", []string{"token_sha256"}, "used_ms", whenIdle},
	{"identity", "sign_ins", []string{"id"}, "at_ms", later},
	{"identity", "api_tokens", []string{"id"}, "expires_ms", atOnce},
	{"identity", "oauth_grants", []string{"id"}, "expires_ms", atOnce},
	{"identity", "requests_once", []string{"key_sha256"}, "made_ms", later},
	{"identity", "links", []string{"token_sha256"}, "expires_ms", atOnce},
	{"identity", "letters", []string{"id"}, "made_ms", later},
	{"site", "invitations", []string{"project_id", "id"}, "expires_ms", atOnce},
	{"site", "support_grants", []string{"project_id", "id"}, "expires_ms", later},
	{"site", "alerts", []string{"project_id", "id"}, "cleared_ms", later},
}

// Expire implements [privacy.Rows].
func (s *Store) Expire(ctx context.Context, now time.Time, rules map[string]time.Duration, limit int, did func(table string, rows int) error) error {
	ctx = withReach(ctx, reach{every: true})
	for _, e := range expiries {
		rule, ok := rules[e.String()]
		if !ok {
			return fmt.Errorf("the inventory has no time for %s", e)
		}
		before := e.before(now, rule)
		if err := s.bites(ctx, e.database, e.String(), e.remove(limit), before, limit, did); err != nil {
			return err
		}
	}
	if err := s.forgetInvitees(ctx, limit, did); err != nil {
		return err
	}
	return doing("emptying the log of the database", s.identity.settle(ctx, s.identity.write))
}

// remove is the statement that removes up to limit rows.
func (e expiry) remove(limit int) string {
	keys := strings.Join(e.key, ", ")
	return "DELETE FROM " + e.table + " WHERE (" + keys + ") IN (SELECT " + keys + " FROM " + e.table +
		" WHERE " + e.column + " <= ?1 ORDER BY " + e.column + " LIMIT " + strconv.Itoa(limit) + ")"
}

// bites runs a statement until it finds less to do than it may.
func (s *Store) bites(ctx context.Context, database, table, statement string, before int64, limit int, did func(string, int) error) error {
	for {
		var n int64
		err := s.changer(database).change(ctx, func(tx *sql.Tx) error {
			r, err := tx.ExecContext(ctx, statement, before)
			if err == nil {
				n, err = r.RowsAffected()
			}
			return err
		})
		if err != nil {
			return doing("removing what is over from "+table, err)
		}
		if n == 0 {
			return nil
		}
		if err := did(table, int(n)); err != nil {
			return err
		}
		if n < int64(limit) {
			return nil
		}
	}
}

// forgetInvitees forgets whom invitations were sent to that are not there any more: they
// are stored before it, so that one that is there is never missed.
func (s *Store) forgetInvitees(ctx context.Context, limit int, did func(string, int) error) error {
	after := ""
	for {
		ids, err := s.identity.reading.Invitees(ctx, identitydb.InviteesParams{After: after, Max: int64(limit)})
		if err != nil || len(ids) == 0 {
			return doing("reading whom invitations were sent to", err)
		}
		after = ids[len(ids)-1]
		open, err := s.site.across().reading.OpenInvitations(ctx, ids)
		if err != nil {
			return doing("reading invitations", err)
		}
		there := make(map[string]bool, len(open))
		for _, id := range open {
			there[id] = true
		}
		gone := 0
		err = s.identity.update(ctx, func(q *identitydb.Queries) error {
			gone = 0
			for _, id := range ids {
				if there[id] {
					continue
				}
				if err := q.ForgetInvited(ctx, id); err != nil {
					return err
				}
				gone++
			}
			return nil
		})
		if err != nil {
			return doing("forgetting whom invitations were sent to", err)
		}
		if gone > 0 {
			if err := did("identity.invitees", gone); err != nil {
				return err
			}
		}
	}
}
