package identity

import (
	"context"

	"sconce"
	"sconce/cloud/mail"
)

// AccountOf returns the account of an email address, the zero value for none. Whether
// there is one is not for everybody to know: it is the caller's not to tell.
func (s *Service) AccountOf(ctx context.Context, email string) (Account, error) {
	email, err := NormaliseEmail(email)
	if err != nil {
		return Account{}, err
	}
	c, err := s.store.Credentials(ctx, email)
	return c.Account, err
}

// Write sends a letter to people, with a link to a page of the application. Accounts that
// are gone get none. Where no letters are sent it is a [sconce.Unavailable].
func (s *Service) Write(ctx context.Context, to []sconce.AccountID, kind mail.Kind, page string, v mail.Values) error {
	if s.post.Page == nil {
		return sconce.Errorf(sconce.Unavailable, "this installation sends no letters: ask its operator to set up mail")
	}
	accounts, err := s.Accounts(ctx, to)
	if err != nil {
		return err
	}
	v.Link = s.post.Page(page)
	for _, a := range accounts {
		v.Name = a.Name
		letter, err := mail.Seal(s.vault, s.now(), kind, a.Email, v)
		if err != nil {
			return err
		}
		if err := s.store.Queue(ctx, letter); err != nil {
			return err
		}
	}
	s.post.Came()
	return nil
}
