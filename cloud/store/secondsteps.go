package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
)

func (s identities) SecondStep(ctx context.Context, account sconce.AccountID) (identity.SecondStep, error) {
	r, err := s.db.reading.SecondStep(ctx, string(account))
	if errors.Is(err, sql.ErrNoRows) {
		return identity.SecondStep{}, nil
	}
	return identity.SecondStep{
		Sealed: r.Sealed, Since: momentOf(r.SinceMs), LastStep: r.LastStep, Recovery: int(r.Recovery),
	}, doing("reading a second step", err)
}

func (s identities) CreateSecondStep(ctx context.Context, in identity.Session, n identity.SecondStep, codes [][sha256.Size]byte, letter *mail.Item) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		made, err := q.CreateSecondStep(ctx, identitydb.CreateSecondStepParams{
			AccountID: string(in.Account), Sealed: n.Sealed, SinceMs: n.Since.UnixMilli(), LastStep: n.LastStep,
		})
		if err == nil && made == 0 {
			return identity.ErrHasSecondStep()
		}
		if err != nil {
			return doing("storing a second step", err)
		}
		if err := createRecoveryCodes(ctx, q, in.Account, codes); err != nil {
			return err
		}
		if err := endOtherSessions(ctx, q, in); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(in.Account), in.Origin(), audit.SecondStepSet, letter, n.Since)
	})
}

func (s identities) RenewRecoveryCodes(ctx context.Context, in identity.Session, codes [][sha256.Size]byte, letter *mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		_, err := q.SecondStep(ctx, string(in.Account))
		if errors.Is(err, sql.ErrNoRows) {
			return sconce.Errorf(sconce.NotFound, "recovery codes go with a second step: set one up first")
		}
		if err != nil {
			return doing("reading a second step", err)
		}
		if err := q.RemoveRecoveryCodes(ctx, string(in.Account)); err != nil {
			return doing("removing recovery codes", err)
		}
		if err := createRecoveryCodes(ctx, q, in.Account, codes); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(in.Account), in.Origin(), audit.RecoveryCodesMade, letter, at)
	})
}

func createRecoveryCodes(ctx context.Context, q *identitydb.Queries, account sconce.AccountID, codes [][sha256.Size]byte) error {
	for _, c := range codes {
		err := q.CreateRecoveryCode(ctx, identitydb.CreateRecoveryCodeParams{AccountID: string(account), CodeSha256: c[:]})
		if err != nil {
			return doing("storing a recovery code", err)
		}
	}
	return nil
}

func (s identities) RemoveSecondStep(ctx context.Context, account sconce.AccountID, by audit.Subject, from audit.Origin, letter *mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := q.RemoveRecoveryCodes(ctx, string(account)); err != nil {
			return doing("removing recovery codes", err)
		}
		n, err := q.RemoveSecondStep(ctx, string(account))
		if err != nil || n == 0 {
			return doing("removing a second step", err)
		}
		err = recordPeople(ctx, q, audit.Event{
			At: at, Who: by, Origin: from, Action: audit.SecondStepRemoved, Target: string(audit.Account(account)), Result: audit.Done,
		})
		if err != nil || letter == nil {
			return err
		}
		return queueLetter(ctx, q, *letter)
	})
}

func (s identities) UseCode(ctx context.Context, account sconce.AccountID, step int64) (used bool, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.UseCode(ctx, identitydb.UseCodeParams{AccountID: string(account), Step: step})
		used = n > 0
		return doing("using a code up", err)
	})
	return used && err == nil, err
}

func (s identities) UseRecoveryCode(ctx context.Context, account sconce.AccountID, digest [sha256.Size]byte, letter *mail.Item, at time.Time) (used bool, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.UseRecoveryCode(ctx, identitydb.UseRecoveryCodeParams{AccountID: string(account), CodeSha256: digest[:]})
		used = n > 0
		if err != nil || !used {
			return doing("using a recovery code up", err)
		}
		return changed(ctx, q, audit.Account(account), "", audit.RecoveryCodeUsed, letter, at)
	})
	return used && err == nil, err
}

// changed records that somebody changed how they sign in, and queues the letter that tells
// them, if there is one.
func changed(ctx context.Context, q *identitydb.Queries, who audit.Subject, from audit.Origin, what audit.Action, letter *mail.Item, at time.Time) error {
	err := recordPeople(ctx, q, audit.Event{At: at, Who: who, Origin: from, Action: what, Result: audit.Done})
	if err != nil || letter == nil {
		return err
	}
	return queueLetter(ctx, q, *letter)
}

// endOtherSessions ends every session of an account but one.
func endOtherSessions(ctx context.Context, q *identitydb.Queries, but identity.Session) error {
	return doing("ending sessions", q.EndOtherSessions(ctx, identitydb.EndOtherSessionsParams{
		AccountID: string(but.Account), TokenSha256: but.ID[:],
	}))
}
