package store

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
)

func (s identities) NoteAttempt(ctx context.Context, a identity.Attempt) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error { return noteAttempt(ctx, q, a) })
}

// noteAttempt stores an attempt to sign in, and removes those that are too old or too many.
func noteAttempt(ctx context.Context, q *identitydb.Queries, a identity.Attempt) error {
	if err := q.DeleteOldSignIns(ctx, a.At.Add(-identity.HistoryLife).UnixMilli()); err != nil {
		return doing("removing old sign-ins", err)
	}
	refused := int64(0)
	if a.Refused {
		refused = 1
	}
	err := q.DeleteOldestSignIns(ctx, identitydb.DeleteOldestSignInsParams{AccountID: string(a.Account), Refused: refused, Keep: identity.HistorySize - 1})
	if err != nil {
		return doing("removing the oldest sign-in", err)
	}
	return doing("storing a sign-in", q.CreateSignIn(ctx, identitydb.CreateSignInParams{
		ID: a.ID, AccountID: string(a.Account), AtMs: a.At.UnixMilli(), Proof: string(a.By), Refused: refused, Sealed: a.Sealed,
	}))
}

func (s identities) Attempts(ctx context.Context, account sconce.AccountID) ([]identity.Attempt, error) {
	rows, err := s.db.reading.SignIns(ctx, string(account))
	return mapped(rows, func(r identitydb.SignIn) identity.Attempt {
		return identity.Attempt{
			ID: r.ID, Account: sconce.AccountID(r.AccountID), At: momentOf(r.AtMs), By: identity.By(r.Proof), Refused: r.Refused == 1, Sealed: r.Sealed,
		}
	}), doing("reading sign-ins", err)
}

func (s identities) SessionsOf(ctx context.Context, account sconce.AccountID) ([]identity.SealedSession, error) {
	rows, err := s.db.reading.SessionsOf(ctx, string(account))
	return mapped(rows, func(r identitydb.Session) identity.SealedSession {
		return identity.SealedSession{Session: sessionOf(r), Sealed: r.Sealed}
	}), doing("reading the sessions of an account", err)
}

func sessionOf(r identitydb.Session) identity.Session {
	n := identity.Session{
		Account: sconce.AccountID(r.AccountID), Made: momentOf(r.MadeMs), Used: momentOf(r.UsedMs), By: identity.By(r.Proof),
	}
	copy(n.ID[:], r.TokenSha256)
	return n
}

func (s identities) EndOtherSessions(ctx context.Context, but identity.Session, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := endOtherSessions(ctx, q, but); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(but.Account), but.Origin(), audit.OtherSessionsEnded, nil, at)
	})
}

func (s identities) ChangePassword(ctx context.Context, in identity.Session, hash string, n identity.Session, where []byte, letter *mail.Item) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := setPassword(ctx, q, in.Account, hash); err != nil {
			return err
		}
		if err := createSession(ctx, q, n, where); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(in.Account), in.Origin(), audit.PasswordChanged, letter, n.Made)
	})
}

// setPassword stores a password, and ends what the one before it opened, or could: every session, and
// every link to another password.
func setPassword(ctx context.Context, q *identitydb.Queries, account sconce.AccountID, hash string) error {
	if err := revokeLinks(ctx, q, account, time.Time{}); err != nil {
		return err
	}
	n, err := q.SetPassword(ctx, identitydb.SetPasswordParams{ID: string(account), PasswordHash: hash})
	if err == nil && n == 0 {
		return identity.ErrLinkEnded() // the account is gone
	}
	if err != nil {
		return doing("storing a password", err)
	}
	return doing("ending sessions", q.EndSessions(ctx, string(account)))
}

func createSession(ctx context.Context, q *identitydb.Queries, n identity.Session, where []byte) error {
	return doing("storing a session", q.CreateSession(ctx, identitydb.CreateSessionParams{
		TokenSha256: n.ID[:], AccountID: string(n.Account), MadeMs: n.Made.UnixMilli(), UsedMs: n.Used.UnixMilli(),
		Proof: string(n.By), Sealed: where,
	}))
}
