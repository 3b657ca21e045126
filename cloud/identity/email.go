package identity

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/mail"
)

// How long the links of a change of the address are good for.
const (
	EmailLife     = 24 * time.Hour
	UndoEmailLife = 7 * 24 * time.Hour
)

// AskEmail asks, for somebody who proves once more who they are, that their account has another
// address from when its owner has followed a link there. The address of now gets a letter
// with a link that undoes it. Whether the new one has an account, the answer does not tell: the
// work is done after it, and what is written to the old one is the same.
func (s *Service) AskEmail(ctx context.Context, in Session, a Account, email string, p Password, from Client) error {
	email, err := NormaliseEmail(email)
	if err != nil {
		return err
	}
	if email == a.Email {
		return sconce.FieldErrorf("email", "this is your address already")
	}
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return err
	}
	if s.post.Page != nil { // so that nobody is written to without end of what an attacker asks for
		if err := take(s.lettersTo, s.now(), a.Email, "too many letters were sent to you"); err != nil {
			return err
		}
	}
	return s.write(ctx, email, from, func(ctx context.Context) error {
		t, undo, err := s.sealLink(UndoEmailLink, a.ID, a.Email, UndoEmailLife)
		if err != nil {
			return err
		}
		// This one first: nobody can follow the other before it is in the queue.
		err = s.send(ctx, undo, mail.AddressChanging, a.Email, mail.Values{Name: a.Name, Reason: email, Link: s.post.Page("undo-email#" + t.Reveal()), Until: undo.Expires})
		if err != nil {
			return err
		}
		c, err := s.store.Credentials(ctx, email)
		if err != nil {
			return err
		}
		if c.ID != "" {
			letter, err := mail.Seal(s.vault, s.now(), mail.AddressTaken, email, mail.Values{Name: c.Name, Link: s.post.Page("account")})
			if err != nil {
				return err
			}
			err = s.store.Queue(ctx, letter)
			s.post.Came()
			return err
		}
		t, l, err := s.sealLink(EmailLink, a.ID, email, EmailLife)
		if err != nil {
			return err
		}
		return s.send(ctx, l, mail.ConfirmAddress, email, mail.Values{Link: s.post.Page("email#" + t.Reveal()), Until: l.Expires})
	})
}

// ConfirmEmail gives an account the address that a link was sent to. Its sessions and passkeys
// stay; a link that waits for a new password does not. A link that is wrong, was used or is too
// old is a [sconce.NotFound]; an address that has an account by now is a [sconce.Conflict].
func (s *Service) ConfirmEmail(ctx context.Context, t Token) error {
	l, err := s.link(ctx, t, EmailLink)
	if err != nil {
		return err
	}
	email, err := s.vault.Open(l.Sealed, l.place())
	if err != nil {
		return err
	}
	return s.store.UseEmailLink(ctx, l.ID, l.Account, string(email), s.now())
}

// UndoEmail gives an account the address back that it had when a link was sent there, whether
// the change was confirmed or only asked for. Whoever asked for it knew the password, so that is
// void, every session ends, and the address gets a letter with a link to a new one. The errors
// are those of [Service.ConfirmEmail].
func (s *Service) UndoEmail(ctx context.Context, t Token) error {
	l, err := s.link(ctx, t, UndoEmailLink)
	if err != nil {
		return err
	}
	email, err := s.vault.Open(l.Sealed, l.place())
	if err != nil {
		return err
	}
	reset := NewToken()
	r := Link{ID: reset.Digest(), Kind: ResetLink, Account: l.Account, Expires: s.now().Add(ResetLife)}
	letter, err := mail.Seal(s.vault, s.now(), mail.ResetPassword, string(email), mail.Values{Link: s.post.Page("reset#" + reset.Reveal()), Until: r.Expires})
	if err != nil {
		return err
	}
	if err := s.store.UndoEmail(ctx, l, string(email), r, letter, s.now()); err != nil {
		return err
	}
	s.post.Came()
	return nil
}
