package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/identitydb"
)

// Access returns where API tokens are kept.
func (s *Store) Access() access.Store { return accesses{s.identity} }

type accesses struct {
	db *database[*identitydb.Queries]
}

func (s accesses) CreateToken(ctx context.Context, t access.Stored, most int) error {
	err := s.db.update(ctx, func(q *identitydb.Queries) error {
		account := string(t.Account)
		if err := q.DeleteExpiredAPITokens(ctx, t.Made.UnixMilli()); err != nil {
			return err
		}
		n, err := q.CountAPITokens(ctx, account)
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "you have %d tokens: revoke one that is not needed any more", n)
		}
		err = q.CreateAPIToken(ctx, identitydb.CreateAPITokenParams{
			ID: string(t.ID), TokenSha256: t.Digest[:], AccountID: account, ProjectID: string(t.Project), Actions: t.Actions.String(),
			Shown: t.Shown, NameSealed: t.Sealed, MadeMs: t.Made.UnixMilli(), ExpiresMs: t.Expires.UnixMilli(),
		})
		if err != nil {
			return err
		}
		return recordPeople(ctx, q, audit.Event{
			At: t.Made, Who: audit.Account(t.Account), Origin: t.Session, Action: audit.TokenMade, Target: string(t.Origin()),
			Detail: "project:" + string(t.Project) + " " + t.Actions.String(), Result: audit.Done,
		})
	})
	return doing("storing an API token", err)
}

func (s accesses) Tokens(ctx context.Context, who sconce.AccountID) ([]access.Stored, error) {
	rows, err := s.db.reading.APITokens(ctx, string(who))
	if err != nil {
		return nil, doing("reading API tokens", err)
	}
	return storedTokens(rows)
}

func (s accesses) TokensNamed(ctx context.Context, ids []access.ID) ([]access.Stored, error) {
	rows, err := s.db.reading.APITokensNamed(ctx, mapped(ids, func(id access.ID) string { return string(id) }))
	if err != nil {
		return nil, doing("reading API tokens", err)
	}
	return storedTokens(rows)
}

func (s accesses) Token(ctx context.Context, digest [sha256.Size]byte) (access.Stored, error) {
	row, err := s.db.reading.APIToken(ctx, digest[:])
	if errors.Is(err, sql.ErrNoRows) {
		return access.Stored{}, nil
	}
	if err != nil {
		return access.Stored{}, doing("reading an API token", err)
	}
	return storedToken(row)
}

func (s accesses) TouchToken(ctx context.Context, id access.ID, used time.Time) error {
	return doing("noting the use of an API token", s.db.update(ctx, func(q *identitydb.Queries) error {
		return q.TouchAPIToken(ctx, identitydb.TouchAPITokenParams{ID: string(id), UsedMs: used.UnixMilli()})
	}))
}

func (s accesses) RevokeToken(ctx context.Context, who project.Caller, id access.ID, at time.Time) error {
	err := s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RevokeAPIToken(ctx, identitydb.RevokeAPITokenParams{ID: string(id), AccountID: string(who.Account)})
		if err != nil {
			return err
		}
		if n == 0 {
			return sconce.Errorf(sconce.NotFound, "you have no such token")
		}
		return recordPeople(ctx, q, audit.Event{
			At: at, Who: audit.Account(who.Account), Origin: who.Origin, Action: audit.TokenRevoked,
			Target: string(access.Token{ID: id}.Origin()), Result: audit.Done,
		})
	})
	return doing("revoking an API token", err)
}

func storedTokens(rows []identitydb.ApiToken) ([]access.Stored, error) {
	all := make([]access.Stored, len(rows))
	for i, r := range rows {
		var err error
		if all[i], err = storedToken(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func storedToken(r identitydb.ApiToken) (access.Stored, error) {
	actions, err := project.ParseActions(strings.Fields(r.Actions)...)
	if err != nil {
		return access.Stored{}, doing("reading the actions of an API token", errors.New(err.Error())) // not the asker's fault
	}
	t := access.Stored{Sealed: r.NameSealed, Token: access.Token{
		ID: access.ID(r.ID), Account: sconce.AccountID(r.AccountID), Project: sconce.ProjectID(r.ProjectID), Actions: actions,
		Shown: r.Shown, Made: momentOf(r.MadeMs), Expires: momentOf(r.ExpiresMs),
	}}
	if r.UsedMs != 0 {
		t.Used = momentOf(r.UsedMs)
	}
	copy(t.Digest[:], r.TokenSha256)
	return t, nil
}
