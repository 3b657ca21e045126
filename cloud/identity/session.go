package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"sconce"
	"sconce/cloud/audit"
)

// How long a session lasts: at most SessionLife, and no longer than SessionIdle
// after it was last used.
const (
	SessionLife = 30 * 24 * time.Hour
	SessionIdle = 7 * 24 * time.Hour
)

// maxSessions is how many sessions an account may have; one more ends the oldest.
const maxSessions = 100

// touchEvery is how exactly the last use of a session is known: a use is stored
// when the one stored before is older than this.
const touchEvery = time.Minute

// SessionID is the SHA-256 of a session's token: it names the session and does
// not open it.
type SessionID [sha256.Size]byte

// By is how somebody proved who they are. The values are those of the store and the
// security log: never renamed.
type By string

// The proofs.
const (
	ByPassword     By = "password"
	ByCode         By = "code"          // a password, and the code of an authenticator app
	ByRecoveryCode By = "recovery-code" // a password, and a recovery code
	ByPasskey      By = "passkey"
	ByProvider     By = "provider" // the installation's own OpenID provider
)

// Session is one place where an account is signed in.
type Session struct {
	ID      SessionID
	Account sconce.AccountID
	Made    time.Time
	Used    time.Time // last use, exact to a minute
	By      By        // "" of sessions from before it was kept
}

// Origin returns the session as the security log names it.
func (s Session) Origin() audit.Origin { return audit.Origin("session:" + s.Name()) }

// Name names the session among those of its account, and in the security log: the first 8
// bytes of its identifier, which open nothing.
func (s Session) Name() string { return hex.EncodeToString(s.ID[:8]) }

// Valid reports whether the session has neither expired nor been idle too long.
func (s Session) Valid(now time.Time) bool {
	return s.Account != "" && now.Before(s.Made.Add(SessionLife)) && now.Before(s.Used.Add(SessionIdle))
}

// open opens a session. Its token is always a new one: none that a browser had before gains
// anything by signing in.
func (s *Service) open(ctx context.Context, a Account, by By, from Client) (Admission, error) {
	token, n, where, err := s.newSession(a, by, from)
	if err != nil {
		return Admission{}, err
	}
	err = s.store.CreateSession(ctx, n, where, maxSessions)
	return Admission{Account: a, Token: token}, err
}

// newSession returns a session, and where it is opened, to be stored.
func (s *Service) newSession(a Account, by By, from Client) (t Token, n Session, where []byte, err error) {
	t, now := NewToken(), s.now()
	n = Session{ID: t.Digest(), Account: a.ID, Made: now, Used: now, By: by}
	where, err = s.sealWhere(from.where(), attemptPlace(n.Name()))
	return t, n, where, err
}

// Session returns the session of a token and whose it is. For a token that opens
// no valid session the error is a [sconce.Unauthenticated].
func (s *Service) Session(ctx context.Context, token Token) (Session, Account, error) {
	session, account, err := s.store.Session(ctx, token.Digest())
	if err != nil {
		return Session{}, Account{}, err
	}
	now := s.now()
	if !session.Valid(now) {
		return Session{}, Account{}, errNotSignedIn()
	}
	if now.Sub(session.Used) >= touchEvery {
		if err := s.store.TouchSession(ctx, session.ID, now); err != nil {
			return Session{}, Account{}, err
		}
		session.Used = now
	}
	return session, account, nil
}

// End ends one session. It is no error when it has ended before.
func (s *Service) End(ctx context.Context, id SessionID) error {
	return s.store.EndSession(ctx, id, s.now())
}

// EndToken ends the session of a token. It is no error when there is none.
func (s *Service) EndToken(ctx context.Context, token Token) error {
	return s.store.EndSession(ctx, token.Digest(), s.now())
}

// EndAll ends every session of an account.
func (s *Service) EndAll(ctx context.Context, account sconce.AccountID) error {
	return s.store.EndSessions(ctx, account, s.now())
}
