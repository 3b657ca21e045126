package store

import (
	"context"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/vault"
)

// personAt returns the place of a value of a person.
func personAt(column, account string) vault.Field {
	return vault.Field{Table: "people", Column: column, Row: account}
}

// sealer returns what seals and opens what is personal.
func (s identities) sealer() (*vault.Vault, error) {
	if s.vault == nil {
		return nil, sconce.Errorf(sconce.Unavailable, "what is known of people is locked: the master key opens it")
	}
	return s.vault, nil
}

// emailDigest returns what a normalised address is found by. It is the same in every table.
func emailDigest(v *vault.Vault, email string) []byte { return v.Digest(email, "people", "email") }

// sealPerson seals what is known of a person under a new key of theirs.
func sealPerson(v *vault.Vault, a identity.Account) (identitydb.CreatePersonParams, error) {
	id := string(a.ID)
	p, key, err := v.NewPerson(personAt("sealed_key", id))
	if err != nil {
		return identitydb.CreatePersonParams{}, err
	}
	return identitydb.CreatePersonParams{
		AccountID: id, SealedKey: key, EmailHmac: emailDigest(v, a.Email),
		Email:   p.Seal([]byte(a.Email), personAt("email", id)),
		Name:    p.Seal([]byte(a.Name), personAt("name", id)),
		Country: p.Seal([]byte(a.Country), personAt("country", id)),
	}, nil
}

// openPerson opens what is known of a person who has an account since some time.
func (s identities) openPerson(r identitydb.Person, madeMs int64) (identity.Account, error) {
	v, err := s.sealer()
	if err != nil {
		return identity.Account{}, err
	}
	p, err := v.OpenPerson(r.SealedKey, personAt("sealed_key", r.AccountID))
	if err != nil {
		return identity.Account{}, err
	}
	a := identity.Account{ID: sconce.AccountID(r.AccountID), Made: momentOf(madeMs)}
	for _, f := range []struct {
		column string
		sealed []byte
		into   *string
	}{{"email", r.Email, &a.Email}, {"name", r.Name, &a.Name}, {"country", r.Country, &a.Country}} {
		value, err := p.Open(f.sealed, personAt(f.column, r.AccountID))
		if err != nil {
			return identity.Account{}, err
		}
		*f.into = string(value)
	}
	return a, nil
}

// sealInvited seals whom an invitation was sent to.
func sealInvited(v *vault.Vault, id, email string) (identitydb.SaveInvitedParams, error) {
	sealed, err := v.Seal([]byte(email), invitedAt(id))
	return identitydb.SaveInvitedParams{InvitationID: id, EmailHmac: emailDigest(v, email), Email: sealed}, err
}

func invitedAt(id string) vault.Field {
	return vault.Field{Table: "invitees", Column: "email", Row: id}
}

// openInvited is the opposite of sealInvited.
func (s identities) openInvited(ctx context.Context, q *identitydb.Queries, ids []string) (map[string]string, error) {
	v, err := s.sealer()
	if err != nil {
		return nil, err
	}
	rows, err := q.Invited(ctx, ids)
	emails := make(map[string]string, len(rows))
	for _, r := range rows {
		email, err := v.Open(r.Email, invitedAt(r.InvitationID))
		if err != nil {
			return nil, err
		}
		emails[r.InvitationID] = string(email)
	}
	return emails, err
}
