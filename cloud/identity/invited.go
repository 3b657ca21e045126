package identity

import (
	"context"

	"sconce"
	"sconce/cloud/mail"
)

// Invite sends the letter of an invitation to an address, with a link that holds the
// token, and remembers the address under the invitation's identifier.
func (s *Service) Invite(ctx context.Context, id, email string, t Token, v mail.Values) error {
	if s.post.Page == nil {
		return sconce.Errorf(sconce.Unavailable, "this installation sends no letters: ask its operator to set up mail")
	}
	now := s.now()
	if err := take(s.lettersTo, now, email, "this address had several letters in the last hour"); err != nil {
		return err
	}
	v.Link = s.post.Page("invitation#" + t.Reveal())
	letter, err := mail.Seal(s.vault, now, mail.Invitation, email, v)
	if err != nil {
		return err
	}
	if err := s.store.SaveInvited(ctx, id, email, letter); err != nil {
		return err
	}
	s.post.Came()
	return nil
}

// Invited returns the addresses that invitations were sent to, by their identifiers.
func (s *Service) Invited(ctx context.Context, ids []string) (map[string]string, error) {
	return s.store.Invited(ctx, ids)
}

// ForgetInvited forgets the address of an invitation.
func (s *Service) ForgetInvited(ctx context.Context, id string) error {
	return s.store.ForgetInvited(ctx, id)
}
