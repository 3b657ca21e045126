package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/vault"
)

// person returns what is stored of a person, and what opens it.
func (s identities) person(ctx context.Context, q *identitydb.Queries, account sconce.AccountID) (identitydb.Person, vault.Person, error) {
	v, err := s.sealer()
	if err != nil {
		return identitydb.Person{}, vault.Person{}, err
	}
	r, err := q.Person(ctx, string(account))
	if errors.Is(err, sql.ErrNoRows) {
		return identitydb.Person{}, vault.Person{}, identity.ErrAccountGone()
	}
	if err != nil {
		return identitydb.Person{}, vault.Person{}, doing("reading a person", err)
	}
	p, err := v.OpenPerson(r.SealedKey, personAt("sealed_key", r.AccountID))
	return r, p, err
}

func (s identities) Details(ctx context.Context, account sconce.AccountID) (identity.Details, error) {
	r, p, err := s.person(ctx, s.db.reading, account)
	if err != nil {
		return identity.Details{}, err
	}
	var d identity.Details
	for _, f := range []struct {
		column string
		sealed []byte
		into   *string
	}{{"phone", r.Phone, &d.Phone}, {"address", r.Address, &d.Address}, {"contact", r.Contact, &d.Contact}} {
		if f.sealed == nil {
			continue
		}
		value, err := p.Open(f.sealed, personAt(f.column, r.AccountID))
		if err != nil {
			return identity.Details{}, err
		}
		*f.into = string(value)
	}
	return d, nil
}

func (s identities) CorrectPerson(ctx context.Context, in identity.Session, a identity.Account, d identity.Details, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		r, p, err := s.person(ctx, q, a.ID)
		if err != nil {
			return err
		}
		seal := func(column, value string) []byte { return p.Seal([]byte(value), personAt(column, r.AccountID)) }
		given := func(column, value string) []byte {
			if value == "" {
				return nil
			}
			return seal(column, value)
		}
		err = q.CorrectPerson(ctx, identitydb.CorrectPersonParams{
			AccountID: r.AccountID, Name: seal("name", a.Name), Country: seal("country", a.Country),
			Phone: given("phone", d.Phone), Address: given("address", d.Address), Contact: given("contact", d.Contact),
		})
		if err != nil {
			return doing("correcting a person", err)
		}
		return changed(ctx, q, audit.Account(a.ID), in.Origin(), audit.AccountCorrected, nil, at)
	})
}

// setEmail gives a person another address. It is a [sconce.Conflict] when somebody has it.
func (s identities) setEmail(ctx context.Context, q *identitydb.Queries, account sconce.AccountID, email string, at time.Time) error {
	r, p, err := s.person(ctx, q, account)
	if err != nil {
		return err
	}
	err = q.SetEmail(ctx, identitydb.SetEmailParams{
		AccountID: r.AccountID, Email: p.Seal([]byte(email), personAt("email", r.AccountID)), EmailHmac: emailDigest(s.vault, email),
	})
	if violatesUnique(err) {
		return sconce.Errorf(sconce.Conflict, "this email address has another account by now")
	}
	if err != nil {
		return doing("storing an address", err)
	}
	return changed(ctx, q, audit.Account(account), "letter", audit.EmailChanged, nil, at)
}

// revokeLinks takes back the links of an account, but for those that bring a former address back and
// were made before a time: a later one takes nothing from an earlier one. Zero keeps all of those.
func revokeLinks(ctx context.Context, q *identitydb.Queries, account sconce.AccountID, before time.Time) error {
	from := int64(math.MaxInt64)
	if !before.IsZero() {
		from = before.Add(identity.UndoEmailLife).UnixMilli()
	}
	return doing("taking back links", q.RevokeLinks(ctx, identitydb.RevokeLinksParams{
		AccountID: string(account), But: int64(identity.UndoEmailLink), FromMs: from,
	}))
}

func (s identities) UseEmailLink(ctx context.Context, link [sha256.Size]byte, account sconce.AccountID, email string, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := useLink(ctx, q, link); err != nil {
			return err
		}
		if err := revokeLinks(ctx, q, account, time.Time{}); err != nil {
			return err
		}
		return s.setEmail(ctx, q, account, email, at)
	})
}

func (s identities) UndoEmail(ctx context.Context, l identity.Link, email string, reset identity.Link, letter mail.Item, at time.Time) error {
	return s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := useLink(ctx, q, l.ID); err != nil {
			return err
		}
		if err := setPassword(ctx, q, l.Account, ""); err != nil {
			return err
		}
		if err := revokeLinks(ctx, q, l.Account, l.Expires.Add(-identity.UndoEmailLife)); err != nil {
			return err
		}
		if err := s.setEmail(ctx, q, l.Account, email, at); err != nil {
			return err
		}
		return createLink(ctx, q, reset, letter)
	})
}
