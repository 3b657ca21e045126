// Package identity knows people: their accounts, their passwords, their sessions
// and the tickets with which their apps receive live data.
//
// It follows NIST SP 800-63B (passwords: length, no rules of composition) and the
// OWASP cheat sheets on password storage and session management. Every personal
// field of the product is in this package's store and nowhere else; to all other
// packages a person is an opaque [sconce.AccountID]. It will not say, by an
// answer or by its timing, whether an address has an account, and it does not
// know what an account may do: that is package project's.
package identity

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
)

// Account is one person.
type Account struct {
	ID    sconce.AccountID
	Email string // normalised by [NormaliseEmail]
	Name  string
	Made  time.Time
}

// LogValue implements [slog.LogValuer]: a log knows a person by identifier only.
func (a Account) LogValue() slog.Value { return slog.StringValue(string(a.ID)) }

// Credentials are what signing in needs of an account.
type Credentials struct {
	Account
	PasswordHash string
}

// Store keeps accounts and sessions. What changes something also writes it in the
// security log, in the same transaction.
type Store interface {
	// CreateAccount stores an account, made by somebody from somewhere. It returns a
	// [sconce.Conflict] when its email address has one already.
	CreateAccount(ctx context.Context, c Credentials, by audit.Subject, from audit.Origin) error
	// Credentials returns the account of a normalised email address, and the zero
	// value when there is none.
	Credentials(ctx context.Context, email string) (Credentials, error)
	// Accounts returns those of the given accounts that are there, in any order.
	Accounts(ctx context.Context, ids []sconce.AccountID) ([]Account, error)

	// CreateSession stores a session. It removes sessions that are no longer
	// [Session.Valid] and, when the account already has max, its oldest.
	CreateSession(ctx context.Context, s Session, max int) error
	// Session returns a session with its account, and the zero value when there is
	// none of that identifier.
	Session(ctx context.Context, id SessionID) (Session, Account, error)
	// TouchSession notes that a session was used.
	TouchSession(ctx context.Context, id SessionID, used time.Time) error
	// Sessions returns those of the given sessions that are there, in any order.
	Sessions(ctx context.Context, ids []SessionID) ([]Session, error)
	// EndSession and EndSessions end what is there of a session, and of those of an
	// account.
	EndSession(ctx context.Context, id SessionID, at time.Time) error
	EndSessions(ctx context.Context, account sconce.AccountID, at time.Time) error
}

// How often a wrong password may be tried before a wait: for one account from
// one place, and for all accounts from one place.
const (
	attemptsPerAccount = 10
	attemptsPerPlace   = 100
	attemptsWindow     = 15 * time.Minute
	attemptsKept       = 1 << 16 // keys in each table
)

// Service holds the rules of accounts and sessions.
type Service struct {
	store     Store
	now       func() time.Time
	hasher    *hasher
	byAccount *attempts.Limiter
	byPlace   *attempts.Limiter
	refusals  Refusals
}

// Refusals is where refused attempts to sign in are written.
type Refusals interface {
	Refuse(ctx context.Context, chain audit.Chain, who audit.Subject, from audit.Origin, operation, detail string) error
}

// New returns a Service that keeps its data in store and reads the time from now.
func New(store Store, refusals Refusals, now func() time.Time) *Service {
	return newService(store, refusals, now, derive)
}

func newService(store Store, refusals Refusals, now func() time.Time, derive deriveFunc) *Service {
	return &Service{
		store:     store,
		refusals:  refusals,
		now:       now,
		hasher:    newHasher(derive),
		byAccount: attempts.New(attemptsPerAccount, attemptsWindow, attemptsKept),
		byPlace:   attempts.New(attemptsPerPlace, attemptsWindow, attemptsKept),
	}
}

// CreateAccount makes an account. The error is fit for the person who asked:
// [sconce.Invalid] for a field that is wrong, [sconce.Conflict] when the address
// has an account already, so that it may only be shown to an operator.
func (s *Service) CreateAccount(ctx context.Context, email, name string, p Password) (Account, error) {
	email, err := NormaliseEmail(email)
	if err != nil {
		return Account{}, err
	}
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return Account{}, sconce.Errorf(sconce.Invalid, "a person's name is 1 to 100 characters on one line")
	}
	if err := p.check(); err != nil {
		return Account{}, err
	}
	hash, err := s.hasher.hash(ctx, p)
	if err != nil {
		return Account{}, err
	}
	now := s.now()
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	a := Account{ID: sconce.MakeID[sconce.AccountID](now, random), Email: email, Name: name, Made: now}
	return a, s.store.CreateAccount(ctx, Credentials{a, hash}, audit.Operator, audit.Console)
}

// Accounts returns those of the given accounts that are there.
func (s *Service) Accounts(ctx context.Context, ids []sconce.AccountID) (map[sconce.AccountID]Account, error) {
	const batch = 500 // bound values in one statement
	found := make(map[sconce.AccountID]Account, len(ids))
	for some := range slices.Chunk(ids, batch) {
		accounts, err := s.store.Accounts(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			found[a.ID] = a
		}
	}
	return found, nil
}

// SignIn opens a session for the account of an email address when the password
// is right. from is where the request came from, for the limit on attempts. The
// answer, and the work done for it, are the same for a wrong password and for an
// address without an account: a [sconce.Unauthenticated]; too many attempts are
// a [sconce.TooMany].
func (s *Service) SignIn(ctx context.Context, email string, p Password, from netip.Addr) (Account, Token, error) {
	wrong := sconce.Errorf(sconce.Unauthenticated, "the email address or the password is wrong")
	address, err := NormaliseEmail(email)
	if err != nil {
		return Account{}, Token{}, wrong // a matter of form, known without any account
	}
	place := placeOf(from)
	key := place + " " + address
	if now := s.now(); !s.byPlace.Take(now, place) || !s.byAccount.Take(now, key) {
		return Account{}, Token{}, sconce.Errorf(sconce.TooMany,
			"too many attempts to sign in: try again in %d minutes", int(attemptsWindow.Minutes()))
	}
	c, err := s.store.Credentials(ctx, address)
	if err != nil {
		return Account{}, Token{}, err
	}
	ok, err := s.hasher.verify(ctx, p, c.PasswordHash)
	if err != nil {
		return Account{}, Token{}, err
	}
	if !ok {
		if err := s.refusals.Refuse(ctx, audit.People, audit.Nobody, "", "sign-in", string(audit.Account(c.ID))); err != nil {
			return Account{}, Token{}, err
		}
		return Account{}, Token{}, wrong
	}
	s.byAccount.Forget(key)
	s.byPlace.Undo(place)
	token, err := s.open(ctx, c.ID)
	return c.Account, token, err
}

// placeOf names where a request came from for counting: an IPv4 address, or the
// /64 of an IPv6 address, which one household has as a whole.
func placeOf(from netip.Addr) string {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			return p.String()
		}
	}
	return from.String()
}

// maxEmailLength is that of RFC 5321, 4.5.3.1.3, without the angle brackets.
const maxEmailLength = 254

// NormaliseEmail returns the form in which an email address is stored and
// compared: without space around it, in lower case.
func NormaliseEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > maxEmailLength || strings.ContainsFunc(s, isSpaceOrControl) {
		return "", sconce.Errorf(sconce.Invalid, "expected an email address like name@example.org")
	}
	return s, nil
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
