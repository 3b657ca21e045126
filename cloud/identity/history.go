package identity

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"sconce"
	"sconce/cloud/vault"
)

// HistoryLife is how long somebody can look back at how their account was signed in to.
const HistoryLife = 90 * 24 * time.Hour

// HistorySize is how many sign-ins, and how many refused ones, are kept of an account. They are
// counted apart: who tries many passwords does not push out what succeeded.
const HistorySize = 100

// Attempt is one try to sign in to an account, as it is stored.
type Attempt struct {
	ID      string // one that succeeded has the name of its session
	Account sconce.AccountID
	At      time.Time
	By      By // what was right, or of a refused one what was wrong
	Refused bool
	Sealed  []byte // a [Where], for [vault.Vault]
}

// Visit is an Attempt as its owner sees it.
type Visit struct {
	Attempt
	Where
}

// SignedIn is a session as its owner sees it.
type SignedIn struct {
	Session
	Where
}

// SealedSession is a session with where it was opened, sealed.
type SealedSession struct {
	Session
	Sealed []byte
}

// attemptPlace is the place of where somebody was, in an attempt and in the session that it
// opened.
func attemptPlace(id string) vault.Field {
	return vault.Field{Table: "sign_ins", Column: "sealed", Row: id}
}

// remember keeps a refused attempt for the account's owner. It is done after the answer, as
// there is nothing to keep where there is no account: the time of the answer does not tell.
// When too much is being done, it is left out.
func (s *Service) remember(ctx context.Context, account sconce.AccountID, by By, from Client) {
	if account == "" {
		return
	}
	at := s.now()
	s.background.TryGo(func() error {
		a := Attempt{ID: rand.Text(), Account: account, At: at, By: by, Refused: true}
		var err error
		if a.Sealed, err = s.sealWhere(from.where(), attemptPlace(a.ID)); err == nil {
			err = s.store.NoteAttempt(context.WithoutCancel(ctx), a)
		}
		if err != nil {
			s.log.Error("a refused attempt to sign in was not kept", slog.Any("error", err))
		}
		return nil
	})
}

// History returns how an account was signed in to, the newest first.
func (s *Service) History(ctx context.Context, account sconce.AccountID) ([]Visit, error) {
	attempts, err := s.store.Attempts(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []Visit
	for _, a := range attempts {
		if s.now().Sub(a.At) > HistoryLife {
			continue // not removed yet
		}
		w, err := s.openWhere(a.Sealed, attemptPlace(a.ID))
		if err != nil {
			return nil, err
		}
		all = append(all, Visit{a, w})
	}
	return all, nil
}

// SignedIn returns where an account is signed in, the one that was used last first.
func (s *Service) SignedIn(ctx context.Context, account sconce.AccountID) ([]SignedIn, error) {
	sessions, err := s.store.SessionsOf(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []SignedIn
	for _, n := range sessions {
		if !n.Valid(s.now()) {
			continue // not removed yet
		}
		w, err := s.openWhere(n.Sealed, attemptPlace(n.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, SignedIn{n.Session, w})
	}
	return all, nil
}

// EndNamed ends the session of an account that has a name, and is a [sconce.NotFound] when
// there is none.
func (s *Service) EndNamed(ctx context.Context, account sconce.AccountID, name string) error {
	sessions, err := s.store.SessionsOf(ctx, account)
	if err != nil {
		return err
	}
	for _, n := range sessions {
		if n.Name() == name && n.Valid(s.now()) {
			return s.End(ctx, n.ID)
		}
	}
	return sconce.Errorf(sconce.NotFound, "this session has ended already")
}

// EndOthers ends every session of an account but one.
func (s *Service) EndOthers(ctx context.Context, in Session) error {
	return s.store.EndOtherSessions(ctx, in, s.now())
}

// ChangePassword gives somebody who is signed in, and knows the password, another one. Every
// session of the account ends, and so does what is half the way or offered; a new one takes
// the place of the one that asked, so that who had stolen that is out as well.
func (s *Service) ChangePassword(ctx context.Context, in Session, a Account, old, p Password, from Client) (Admission, error) {
	if err := s.prove(ctx, in, a, old, from); err != nil {
		return Admission{}, err
	}
	hash, err := s.hashNew(ctx, p, a.Email, a.Name)
	if err != nil {
		return Admission{}, sconce.InField("new_password", err)
	}
	letter, err := s.notice(a, "the password was changed, and every other session was signed out")
	if err != nil {
		return Admission{}, err
	}
	token, n, where, err := s.newSession(a, in.By, from)
	if err != nil {
		return Admission{}, err
	}
	if err := s.store.ChangePassword(ctx, in, hash, n, where, letter); err != nil {
		return Admission{}, err
	}
	s.noticed(letter)
	return Admission{Account: a, Token: token}, nil
}

// Password reports whether an account has a password to sign in with.
func (s *Service) Password(ctx context.Context, a Account) (bool, error) {
	c, err := s.store.Credentials(ctx, a.Email)
	return c.PasswordHash != "", err
}
