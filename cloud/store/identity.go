package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/vault"
)

// Identity returns where accounts and sessions are kept. It needs [Store.Unlock] before.
func (s *Store) Identity() identity.Store { return identities{s.identity, s.vault} }

type identities struct {
	db    *database[*identitydb.Queries]
	vault *vault.Vault // nil while the store is locked
}

func (s identities) CreateAccount(ctx context.Context, c identity.Credentials, by audit.Subject, from audit.Origin) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		return s.createAccount(ctx, q, c, by, from)
	})
}

func (s identities) createAccount(ctx context.Context, q *identitydb.Queries, c identity.Credentials, by audit.Subject, from audit.Origin) error {
	v, err := s.sealer()
	if err != nil {
		return err
	}
	person, err := sealPerson(v, c.Account)
	if err != nil {
		return err
	}
	err = q.CreateAccount(ctx, identitydb.CreateAccountParams{
		ID: string(c.ID), PasswordHash: c.PasswordHash, MadeMs: c.Made.UnixMilli(),
	})
	if err == nil {
		err = q.CreatePerson(ctx, person)
	}
	if violatesUnique(err) {
		return sconce.Errorf(sconce.Conflict, "this email address has an account already")
	}
	if err != nil {
		return doing("storing an account", err)
	}
	return recordPeople(ctx, q, audit.Event{
		At: c.Made, Who: by, Origin: from, Action: audit.AccountMade, Target: string(audit.Account(c.ID)), Result: audit.Done,
	})
}

func (s identities) Credentials(ctx context.Context, email string) (identity.Credentials, error) {
	v, err := s.sealer()
	if err != nil {
		return identity.Credentials{}, err
	}
	r, err := s.db.reading.AccountByEmail(ctx, emailDigest(v, email))
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Credentials{}, nil
	}
	if err != nil {
		return identity.Credentials{}, doing("reading an account", err)
	}
	a, err := s.openPerson(r.Person, r.MadeMs)
	return identity.Credentials{Account: a, PasswordHash: r.PasswordHash}, doing("reading an account", err)
}

func (s identities) Accounts(ctx context.Context, ids []sconce.AccountID) ([]identity.Account, error) {
	rows, err := s.db.reading.Accounts(ctx, mapped(ids, func(id sconce.AccountID) string { return string(id) }))
	if err != nil {
		return nil, doing("reading accounts", err)
	}
	all := make([]identity.Account, len(rows))
	for i, r := range rows {
		if all[i], err = s.openPerson(r.Person, r.MadeMs); err != nil {
			return nil, doing("reading accounts", err)
		}
	}
	return all, nil
}

func (s identities) CreateSession(ctx context.Context, n identity.Session, sealed []byte, most int) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		err := q.DeleteExpiredSessions(ctx, identitydb.DeleteExpiredSessionsParams{
			MadeBefore: n.Made.Add(-identity.SessionLife).UnixMilli(),
			UsedBefore: n.Made.Add(-identity.SessionIdle).UnixMilli(),
		})
		if err != nil {
			return doing("removing expired sessions", err)
		}
		err = q.DeleteOldestSessions(ctx, identitydb.DeleteOldestSessionsParams{AccountID: string(n.Account), Keep: int64(most - 1)})
		if err != nil {
			return doing("removing the oldest session", err)
		}
		if err := createSession(ctx, q, n, sealed); err != nil {
			return err
		}
		if sealed != nil {
			err := noteAttempt(ctx, q, identity.Attempt{ID: n.Name(), Account: n.Account, At: n.Made, By: n.By, Sealed: sealed})
			if err != nil {
				return err
			}
		}
		return recordPeople(ctx, q, audit.Event{
			At: n.Made, Who: audit.Account(n.Account), Origin: n.Origin(), Action: audit.SignedIn, Detail: "by=" + string(n.By), Result: audit.Done,
		})
	})
}

func (s identities) Session(ctx context.Context, id identity.SessionID) (identity.Session, identity.Account, error) {
	r, err := s.db.reading.Session(ctx, id[:])
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Session{}, identity.Account{}, nil
	}
	if err != nil {
		return identity.Session{}, identity.Account{}, doing("reading a session", err)
	}
	a, err := s.openPerson(r.Person, r.AccountMadeMs)
	return identity.Session{ID: id, Account: a.ID, Made: momentOf(r.MadeMs), Used: momentOf(r.UsedMs), By: identity.By(r.Proof)}, a, doing("reading a session", err)
}

func (s identities) TouchSession(ctx context.Context, id identity.SessionID, used time.Time) error {
	return doing("noting the use of a session", s.db.update(ctx, func(q *identitydb.Queries) error {
		return q.TouchSession(ctx, identitydb.TouchSessionParams{TokenSha256: id[:], UsedMs: used.UnixMilli()})
	}))
}

func (s identities) Sessions(ctx context.Context, ids []identity.SessionID) ([]identity.Session, error) {
	tokens := make([][]byte, len(ids))
	for i := range ids {
		tokens[i] = ids[i][:]
	}
	rows, err := s.db.reading.Sessions(ctx, tokens)
	if err != nil {
		return nil, doing("reading sessions", err)
	}
	return mapped(rows, sessionOf), nil
}

func (s identities) EndSession(ctx context.Context, id identity.SessionID, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		account, err := q.EndSession(ctx, id[:])
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return doing("ending a session", err)
		}
		return recordPeople(ctx, q, audit.Event{
			At: at, Who: audit.Account(sconce.AccountID(account)), Origin: identity.Session{ID: id}.Origin(),
			Action: audit.SessionEnded, Result: audit.Done,
		})
	})
}

func (s identities) EndSessions(ctx context.Context, account sconce.AccountID, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := q.EndSessions(ctx, string(account)); err != nil {
			return doing("ending the sessions of an account", err)
		}
		return recordPeople(ctx, q, audit.Event{
			At: at, Who: audit.Account(account), Action: audit.AllSessionsEnded, Result: audit.Done,
		})
	})
}

// momentOf returns the time of a stored number of milliseconds.
func momentOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
