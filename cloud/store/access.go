package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
)

// Access returns where API tokens are kept.
func (s *Store) Access() access.Store { return accesses{s.identity, s.site} }

type accesses struct {
	db   *database[*identitydb.Queries]
	site site
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
		if err := createToken(ctx, q, t); err != nil {
			return err
		}
		return recordPeople(ctx, q, audit.Event{
			At: t.Made, Who: audit.Account(t.Account), Origin: t.Session, Action: audit.TokenMade, Target: string(t.Origin()),
			Detail: "project:" + string(t.Project) + " " + t.Actions.String(), Result: audit.Done,
		})
	})
	return doing("storing an API token", err)
}

func createToken(ctx context.Context, q *identitydb.Queries, t access.Stored) error {
	var grant *string
	if t.Grant != "" {
		grant = (*string)(&t.Grant)
	}
	return q.CreateAPIToken(ctx, identitydb.CreateAPITokenParams{
		ID: string(t.ID), TokenSha256: t.Digest[:], AccountID: string(t.Account), ProjectID: string(t.Project), Actions: t.Actions.String(),
		Shown: t.Shown, NameSealed: t.Sealed, MadeMs: t.Made.UnixMilli(), ExpiresMs: t.Expires.UnixMilli(), GrantID: grant,
	})
}

func (s accesses) TokensIn(ctx context.Context, id sconce.ProjectID) ([]access.Stored, error) {
	rows, err := s.db.reading.APITokensIn(ctx, string(id))
	if err != nil {
		return nil, doing("reading the API tokens of a project", err)
	}
	return storedTokens(rows)
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
		return tokenRevoked(ctx, q, audit.Account(who.Account), who.Origin, string(id), "", at)
	})
	return doing("revoking an API token", err)
}

func (s accesses) RevokeTokens(ctx context.Context, who project.Caller, at time.Time) error {
	err := s.db.update(ctx, func(q *identitydb.Queries) error {
		ids, err := q.RevokeAPITokensOf(ctx, string(who.Account))
		for _, id := range ids {
			if err := tokenRevoked(ctx, q, audit.Account(who.Account), who.Origin, id, "", at); err != nil {
				return err
			}
		}
		return err
	})
	return doing("revoking all API tokens of an account", err)
}

// RevokeTokenIn writes in the log of the project what was done in another database, where it
// is in the log of people already: neither can be lost without the other telling.
func (s accesses) RevokeTokenIn(ctx context.Context, by project.Scope, id access.ID, at time.Time) error {
	whose := ""
	err := s.db.update(ctx, func(q *identitydb.Queries) (err error) {
		whose, err = q.RevokeAPITokenIn(ctx, identitydb.RevokeAPITokenInParams{ID: string(id), ProjectID: string(by.Project())})
		if errors.Is(err, sql.ErrNoRows) {
			return sconce.Errorf(sconce.NotFound, "there is no such token in this project")
		}
		if err != nil {
			return err
		}
		return tokenRevoked(ctx, q, by.Subject(), by.Origin(), string(id), string(audit.Account(sconce.AccountID(whose))), at)
	})
	if err == nil {
		err = s.site.in(by).update(ctx, func(q *sitedb.Queries) error {
			return note(ctx, q, by, audit.TokenRevoked, string(access.Token{ID: id}.Origin()), string(audit.Account(sconce.AccountID(whose))))
		})
	}
	return doing("revoking an API token of a project", err)
}

// tokenRevoked writes in the security log that a token was ended; whose says of whom, when
// that is not who ended it.
func tokenRevoked(ctx context.Context, q *identitydb.Queries, by audit.Subject, origin audit.Origin, id, whose string, at time.Time) error {
	return recordPeople(ctx, q, audit.Event{
		At: at, Who: by, Origin: origin, Action: audit.TokenRevoked, Target: string(access.Token{ID: access.ID(id)}.Origin()), Detail: whose, Result: audit.Done,
	})
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
	actions, err := storedActions(r.Actions)
	if err != nil {
		return access.Stored{}, err
	}
	t := access.Stored{Sealed: r.NameSealed, Token: access.Token{
		ID: access.ID(r.ID), Account: sconce.AccountID(r.AccountID), Project: sconce.ProjectID(r.ProjectID), Actions: actions,
		Shown: r.Shown, Made: momentOf(r.MadeMs), Expires: momentOf(r.ExpiresMs),
	}}
	if r.GrantID != nil {
		t.Grant = access.GrantID(*r.GrantID)
	}
	if r.UsedMs != 0 {
		t.Used = momentOf(r.UsedMs)
	}
	copy(t.Digest[:], r.TokenSha256)
	return t, nil
}
