package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/vault"
)

// Unlock opens the vault with the master key in the file at path. Until then nothing
// personal can be read or written. What an earlier version kept in clear it seals, and
// removes from the files.
func (s *Store) Unlock(ctx context.Context, path string) error {
	v, err := vault.Open(ctx, path, s.Keysets())
	if err != nil {
		return err
	}
	s.vault = v
	if s.held == nil {
		return nil // the running cloud did that when it started
	}
	if err := (identities{s.identity, v}).sealAll(ctx); err != nil {
		return fmt.Errorf("sealing what is personal: %w", err)
	}
	return nil
}

// Vault returns the vault, nil before [Store.Unlock].
func (s *Store) Vault() *vault.Vault { return s.vault }

// sealStep is how many rows are sealed in one transaction.
const sealStep = 200

// sealAll seals what was kept in clear, in steps, each of which removes what it has
// sealed and can read again; and then lets the engine remove what was removed. It goes on
// after an interruption.
func (s identities) sealAll(ctx context.Context) error {
	n, err := s.db.reading.Unsealed(ctx)
	if err != nil || n == 0 {
		return err
	}
	for _, step := range []func(context.Context, *identitydb.Queries) (int, error){s.sealProfiles, s.sealInvitations} {
		for sealed := -1; sealed != 0; {
			err := s.db.update(ctx, func(q *identitydb.Queries) (err error) {
				sealed, err = step(ctx, q)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	if err := s.db.wipe(ctx, s.db.write, wiped...); err != nil {
		return fmt.Errorf("removing what was in clear: %w", err)
	}
	return s.db.update(ctx, func(q *identitydb.Queries) error { return q.AllIsSealed(ctx) })
}

func (s identities) sealProfiles(ctx context.Context, q *identitydb.Queries) (int, error) {
	rows, err := q.UnsealedProfiles(ctx, sealStep)
	for _, r := range rows {
		a := identity.Account{ID: sconce.AccountID(r.AccountID), Email: r.Email, Name: r.Name, Country: r.Country}
		sealed, err := sealPerson(s.vault, a)
		if err != nil {
			return 0, err
		}
		if err := q.CreatePerson(ctx, sealed); err != nil {
			return 0, err
		}
		back, err := q.Accounts(ctx, []string{r.AccountID})
		if err != nil {
			return 0, err
		}
		if len(back) != 1 {
			return 0, fmt.Errorf("account %s is not there", a.ID)
		}
		a.Made = momentOf(back[0].MadeMs)
		if got, err := s.openPerson(back[0].Person, back[0].MadeMs); err != nil || got != a {
			return 0, errors.Join(fmt.Errorf("account %s is not the same when it is opened again", a.ID), err)
		}
		if err := q.RemoveUnsealedProfile(ctx, r.AccountID); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

func (s identities) sealInvitations(ctx context.Context, q *identitydb.Queries) (int, error) {
	rows, err := q.UnsealedInvited(ctx, sealStep)
	for _, r := range rows {
		sealed, err := sealInvited(s.vault, r.InvitationID, r.Email)
		if err != nil {
			return 0, err
		}
		if err := q.SaveInvited(ctx, sealed); err != nil {
			return 0, err
		}
		back, err := s.openInvited(ctx, q, []string{r.InvitationID})
		if err != nil || back[r.InvitationID] != r.Email {
			return 0, errors.Join(fmt.Errorf("invitation %s is not the same when it is opened again", r.InvitationID), err)
		}
		if err := q.RemoveUnsealedInvited(ctx, r.InvitationID); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

// Keysets returns where the keys of the vault are kept.
func (s *Store) Keysets() vault.Keysets { return keysets{s.site} }

type keysets struct{ site }

func (s keysets) Keyring(ctx context.Context) (vault.Keyring, error) {
	return keyring(ctx, s.outside().reading)
}

func keyring(ctx context.Context, q *sitedb.Queries) (vault.Keyring, error) {
	r, err := q.Keyring(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return vault.Keyring{}, nil
	}
	return vault.Keyring{Data: r.SealedKeyset, Index: r.SealedIndexKey, Rotated: optionalMoment(r.RotatedMs)}, doing("reading the keyring", err)
}

func (s keysets) ReplaceKeyring(ctx context.Context, was, next vault.Keyring) error {
	return s.outside().update(ctx, func(q *sitedb.Queries) error {
		now, err := keyring(ctx, q)
		if err != nil {
			return err
		}
		if !now.Equal(was) {
			return sconce.Errorf(sconce.Conflict, "the keys of the vault were changed by another process: try again")
		}
		err = q.SetKeyring(ctx, sitedb.SetKeyringParams{
			SealedKeyset: next.Data, SealedIndexKey: next.Index, RotatedMs: optionalMs(next.Rotated),
		})
		if err != nil || next.Rotated.IsZero() { // the first keys are no change
			return doing("storing the keyring", err)
		}
		return record(ctx, q, audit.Installation, audit.Event{
			At: next.Rotated, Who: audit.Operator, Origin: audit.Console, Action: audit.KeysChanged, Result: audit.Done,
		})
	})
}
