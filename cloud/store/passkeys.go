package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
)

func (s identities) CreatePasskey(ctx context.Context, in identity.Session, p identity.Passkey, letter *mail.Item, most int) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.CountPasskeys(ctx, string(p.Account))
		if err != nil {
			return doing("counting passkeys", err)
		}
		if n >= int64(most) {
			return identity.ErrPasskeys()
		}
		err = q.CreatePasskey(ctx, identitydb.CreatePasskeyParams{
			CredentialSha256: p.ID[:], AccountID: string(p.Account), Sealed: p.Sealed, MadeMs: p.Made.UnixMilli(), SignCount: int64(p.Count),
		})
		if violatesUnique(err) {
			return sconce.Errorf(sconce.Conflict, "this passkey belongs to an account already")
		}
		if err != nil {
			return doing("storing a passkey", err)
		}
		return changed(ctx, q, audit.Account(p.Account), in.Origin(), audit.PasskeyAdded, letter, p.Made)
	})
}

func passkeyOf(r identitydb.Passkey) identity.Passkey {
	p := identity.Passkey{
		Account: sconce.AccountID(r.AccountID), Sealed: r.Sealed, Made: momentOf(r.MadeMs), Count: uint32(r.SignCount), Suspect: r.Suspect == 1,
	}
	if r.UsedMs != 0 {
		p.Used = momentOf(r.UsedMs)
	}
	copy(p.ID[:], r.CredentialSha256)
	return p
}

func (s identities) Passkeys(ctx context.Context, account sconce.AccountID) ([]identity.Passkey, error) {
	rows, err := s.db.reading.Passkeys(ctx, string(account))
	return mapped(rows, passkeyOf), doing("reading passkeys", err)
}

func (s identities) Passkey(ctx context.Context, id identity.PasskeyID) (identity.Passkey, identity.Account, error) {
	r, err := s.db.reading.Passkey(ctx, id[:])
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Passkey{}, identity.Account{}, nil
	}
	if err != nil {
		return identity.Passkey{}, identity.Account{}, doing("reading a passkey", err)
	}
	owners, err := s.Accounts(ctx, []sconce.AccountID{sconce.AccountID(r.AccountID)})
	if err != nil || len(owners) == 0 {
		return identity.Passkey{}, identity.Account{}, err
	}
	return passkeyOf(r), owners[0], nil
}

func (s identities) UsePasskey(ctx context.Context, id identity.PasskeyID, count uint32, at time.Time) (used bool, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.UsePasskey(ctx, identitydb.UsePasskeyParams{CredentialSha256: id[:], SignCount: int64(count), UsedMs: at.UnixMilli()})
		used = n > 0
		return doing("noting the use of a passkey", err)
	})
	return used && err == nil, err
}

func (s identities) SuspectPasskey(ctx context.Context, id identity.PasskeyID, account sconce.AccountID, letter *mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.SuspectPasskey(ctx, id[:])
		if err != nil || n == 0 {
			return doing("suspecting a passkey", err)
		}
		return changed(ctx, q, audit.Account(account), "", audit.PasskeySuspected, letter, at)
	})
}

func (s identities) RemovePasskey(ctx context.Context, in identity.Session, id identity.PasskeyID, letter *mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RemovePasskey(ctx, identitydb.RemovePasskeyParams{CredentialSha256: id[:], AccountID: string(in.Account)})
		if err != nil || n == 0 {
			return doing("removing a passkey", err)
		}
		return changed(ctx, q, audit.Account(in.Account), in.Origin(), audit.PasskeyRemoved, letter, at)
	})
}
