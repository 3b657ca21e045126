package store

import (
	"context"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/identity"
	"sconce/cloud/store/identitydb"
)

// Agreements returns where it is kept which texts people agreed to.
func (s *Store) Agreements() consent.Store { return agreements{s.identity} }

type agreements struct {
	db *database[*identitydb.Queries]
}

func (s agreements) Agreements(ctx context.Context, who sconce.AccountID) ([]consent.Agreement, error) {
	rows, err := s.db.reading.Agreements(ctx, string(who))
	return mapped(rows, func(r identitydb.Agreement) consent.Agreement {
		return consent.Agreement{
			Name: consent.Name{Kind: consent.Kind(r.Kind), Version: r.Version, Digest: consent.Digest(headOf(0, r.TextSha256).Digest)}, At: momentOf(r.AtMs),
		}
	}), doing("reading what somebody agreed to", err)
}

func (s agreements) Agree(ctx context.Context, who sconce.AccountID, all []consent.Agreement, origin audit.Origin) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		for _, a := range all {
			n, err := q.Agree(ctx, identitydb.AgreeParams{
				AccountID: string(who), Kind: string(a.Kind), Version: a.Version, TextSha256: a.Digest[:], AtMs: a.At.UnixMilli(),
			})
			if violatesReference(err) {
				return identity.ErrAccountGone()
			}
			if err != nil {
				return doing("storing what somebody agreed to", err)
			}
			if n == 0 {
				continue
			}
			err = recordPeople(ctx, q, audit.Event{
				At: a.At, Who: audit.Account(who), Origin: origin, Action: audit.AccountAgreed, Target: string(audit.Account(who)), Detail: a.Detail(), Result: audit.Done,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
