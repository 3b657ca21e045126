package store

import (
	"context"
	"time"

	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
)

// EraseAccount relies on foreign keys for all that refers to the account, and on the engine
// to overwrite what is removed; what it cannot reach was sealed under the key that is gone.
func (s identities) EraseAccount(ctx context.Context, in identity.Session, a identity.Account, letter *mail.Item, at time.Time) error {
	v, err := s.sealer()
	if err != nil {
		return err
	}
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RemoveAccount(ctx, string(a.ID))
		if err == nil && n == 0 {
			return identity.ErrAccountGone()
		}
		if err != nil {
			return doing("removing an account", err)
		}
		if err := q.DeleteLinksOfAccount(ctx, string(a.ID)); err != nil {
			return doing("taking back links", err)
		}
		if err := q.ForgetInvitationsTo(ctx, emailDigest(v, a.Email)); err != nil {
			return doing("forgetting whom invitations were sent to", err)
		}
		return changed(ctx, q, audit.Account(a.ID), in.Origin(), audit.AccountErased, letter, at)
	})
	if err != nil {
		return err
	}
	return doing("emptying the log of the database", s.db.settle(ctx, s.db.write))
}
