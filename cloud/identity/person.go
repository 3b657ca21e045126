package identity

import (
	"context"
	"strings"

	"sconce"
	"sconce/cloud/mail"
)

// Prove asks somebody who is signed in once more who they are, by their password; who has
// none must have signed in just now. What does not prove it is a [sconce.Forbidden].
func (s *Service) Prove(ctx context.Context, in Session, a Account, p Password, from Client) error {
	return s.prove(ctx, in, a, p, from)
}

// Correct changes what is known of somebody who is signed in: name and country. The
// address is that to which links were sent, so it is not changed here.
func (s *Service) Correct(ctx context.Context, in Session, a Account, name, country string) (Account, error) {
	name, err := checkName(name)
	if err != nil {
		return Account{}, err
	}
	if err := checkCountry(country); err != nil {
		return Account{}, err
	}
	a.Name, a.Country = name, country
	return a, s.store.CorrectPerson(ctx, in, a, s.now())
}

// Erase forgets an account: what is known of the person, with the key that it was sealed
// under, their sessions, tokens, second steps and history, and the invitations that were
// sent to them. The security log keeps the identifier, which names nobody from then on. A
// letter says that it was done. Which projects the account belongs to is not known here.
func (s *Service) Erase(ctx context.Context, in Session, a Account) error {
	var letter *mail.Item
	if s.post.Page != nil {
		l, err := mail.Seal(s.vault, s.now(), mail.AccountErased, a.Email, mail.Values{Name: a.Name, Link: s.post.Page("register")})
		if err != nil {
			return err
		}
		letter = &l
	}
	if err := s.store.EraseAccount(ctx, in, a, letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return nil
}

// ErrAccountGone is the answer to a change of an account that is not there any more.
func ErrAccountGone() error {
	return sconce.Errorf(sconce.NotFound, "this account is not there any more")
}

func checkCountry(country string) error {
	if len(country) != 2 || strings.ContainsFunc(country, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return sconce.FieldErrorf("country", "expected a country as two capital letters, such as DE (ISO 3166-1)")
	}
	return nil
}
