package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/vault"
)

// subjectDigest returns what somebody at a provider is found by. An issuer is a URL, in which
// there is no space.
func subjectDigest(v *vault.Vault, issuer, subject string) []byte {
	return v.Digest(issuer+" "+subject, "provider_links", "subject")
}

func subjectAt(digest []byte) vault.Field {
	return vault.Field{Table: "provider_links", Column: "sealed", Row: hex.EncodeToString(digest)}
}

// connect stores a link. It is a [sconce.Conflict] when its person, or its account, has one.
func (s identities) connect(ctx context.Context, q *identitydb.Queries, l identity.ProviderLink) error {
	v, err := s.sealer()
	if err != nil {
		return err
	}
	p := identitydb.CreateProviderLinkParams{
		SubjectHmac: subjectDigest(v, l.Issuer, l.Subject), AccountID: string(l.Account), Issuer: l.Issuer, MadeMs: l.Made.UnixMilli(),
	}
	if !l.Used.IsZero() {
		p.UsedMs = l.Used.UnixMilli()
	}
	if p.Sealed, err = v.Seal([]byte(l.Subject), subjectAt(p.SubjectHmac)); err != nil {
		return err
	}
	err = q.CreateProviderLink(ctx, p)
	if violatesUnique(err) {
		return identity.ErrLinkedElsewhere()
	}
	return doing("storing who somebody is at a provider", err)
}

func (s identities) CreateLinkedAccount(ctx context.Context, c identity.Credentials, l identity.ProviderLink, letter *mail.Item) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := s.createAccount(ctx, q, c, audit.Account(c.ID), "provider"); err != nil {
			return err
		}
		if err := s.connect(ctx, q, l); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(c.ID), "provider", audit.ProviderLinked, letter, l.Made)
	})
}

func (s identities) CreateProviderLink(ctx context.Context, in identity.Session, l identity.ProviderLink, letter *mail.Item) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := s.connect(ctx, q, l); err != nil {
			return err
		}
		return changed(ctx, q, audit.Account(l.Account), in.Origin(), audit.ProviderLinked, letter, l.Made)
	})
}

func (s identities) UseProviderLink(ctx context.Context, issuer, subject string, at time.Time) (identity.Account, error) {
	v, err := s.sealer()
	if err != nil {
		return identity.Account{}, err
	}
	var id string
	err = s.db.update(ctx, func(q *identitydb.Queries) (err error) {
		id, err = q.UseProviderLink(ctx, identitydb.UseProviderLinkParams{SubjectHmac: subjectDigest(v, issuer, subject), UsedMs: at.UnixMilli()})
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Account{}, nil
	}
	if err != nil {
		return identity.Account{}, doing("noting that somebody signed in through a provider", err)
	}
	owners, err := s.Accounts(ctx, []sconce.AccountID{sconce.AccountID(id)})
	if err != nil || len(owners) == 0 {
		return identity.Account{}, err
	}
	return owners[0], nil
}

func (s identities) ProviderLinks(ctx context.Context, account sconce.AccountID) ([]identity.ProviderLink, error) {
	v, err := s.sealer()
	if err != nil {
		return nil, err
	}
	rows, err := s.db.reading.ProviderLinks(ctx, string(account))
	if err != nil {
		return nil, doing("reading who somebody is at providers", err)
	}
	all := make([]identity.ProviderLink, len(rows))
	for i, r := range rows {
		subject, err := v.Open(r.Sealed, subjectAt(r.SubjectHmac))
		if err != nil {
			return nil, err
		}
		all[i] = identity.ProviderLink{Issuer: r.Issuer, Subject: string(subject), Account: account, Made: momentOf(r.MadeMs)}
		if r.UsedMs != 0 {
			all[i].Used = momentOf(r.UsedMs)
		}
	}
	return all, nil
}

func (s identities) RemoveProviderLinks(ctx context.Context, in identity.Session, letter *mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RemoveProviderLinks(ctx, string(in.Account))
		if err != nil || n == 0 {
			return doing("removing who somebody is at providers", err)
		}
		return changed(ctx, q, audit.Account(in.Account), in.Origin(), audit.ProviderUnlinked, letter, at)
	})
}
