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
	"crypto/sha256"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/sync/errgroup"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
	"sconce/cloud/mail"
	"sconce/cloud/vault"
)

// Account is one person.
type Account struct {
	ID      sconce.AccountID
	Email   string // normalised by [NormaliseEmail]
	Name    string
	Country string // two capital letters (ISO 3166-1), "" when not known
	Made    time.Time
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
	// SendLink stores a link, and the letter that it is in, and removes links that have
	// expired. It is a [sconce.TooMany] when [mail.MaxQueued] letters wait.
	SendLink(ctx context.Context, l Link, letter mail.Item, now time.Time) error
	// Link returns a link, and the zero value when there is none.
	Link(ctx context.Context, id [sha256.Size]byte) (Link, error)
	// UseRegistration uses a link up and stores the account that it makes, in one
	// transaction. It is [ErrLinkEnded] when the link is not there any more, and a
	// [sconce.Conflict] when the address has an account by now.
	UseRegistration(ctx context.Context, link [sha256.Size]byte, c Credentials, by audit.Subject) error
	// UseReset uses a link up, stores the new password of the account, ends its
	// sessions, takes back its other links, and queues a letter, in one transaction. It
	// is [ErrLinkEnded] when the link is not there any more.
	UseReset(ctx context.Context, link [sha256.Size]byte, account sconce.AccountID, passwordHash string, letter mail.Item, at time.Time) error

	// SaveInvited stores whom an invitation was sent to, and its letter. It is a
	// [sconce.TooMany] when [mail.MaxQueued] letters wait.
	SaveInvited(ctx context.Context, id, email string, letter mail.Item) error
	Invited(ctx context.Context, ids []string) (map[string]string, error)
	ForgetInvited(ctx context.Context, id string) error

	// Queue stores a letter. It is a [sconce.TooMany] when [mail.MaxQueued] wait.
	Queue(ctx context.Context, letter mail.Item) error
	// CorrectPerson stores what is known of a person. It is [ErrAccountGone] when there is
	// no such account.
	CorrectPerson(ctx context.Context, in Session, a Account, d Details, at time.Time) error
	// Details returns what a person said of how to reach them. It is [ErrAccountGone] when there is
	// no such account.
	Details(ctx context.Context, account sconce.AccountID) (Details, error)
	// UseEmailLink uses a link up, takes back the account's others but for those of kind
	// [UndoEmailLink], and stores the address, in one transaction. It is [ErrLinkEnded] when the
	// link is not there any more, and a [sconce.Conflict] when somebody has the address.
	UseEmailLink(ctx context.Context, link [sha256.Size]byte, account sconce.AccountID, email string, at time.Time) error
	// UndoEmail uses a link up, stores the address that the account had, takes its password, its
	// sessions and its links away, but for those of kind [UndoEmailLink] that are older, and
	// stores a link to a new password with its letter, in one transaction. The errors are
	// those of UseEmailLink.
	UndoEmail(ctx context.Context, l Link, email string, reset Link, letter mail.Item, at time.Time) error
	// EraseAccount removes an account with everything that belongs to it, so that nothing of
	// it can be read again, and queues a letter, if there is one. It is [ErrAccountGone]
	// when there is no such account.
	EraseAccount(ctx context.Context, in Session, a Account, letter *mail.Item, at time.Time) error

	// Accounts returns those of the given accounts that are there, in any order.
	Accounts(ctx context.Context, ids []sconce.AccountID) ([]Account, error)

	// CreateSession stores a session, with where it was opened, sealed, and the [Attempt] that
	// it was. It removes sessions that are no longer
	// [Session.Valid] and, when the account already has max, its oldest.
	CreateSession(ctx context.Context, s Session, where []byte, max int) error
	// Session returns a session with its account, and the zero value when there is
	// none of that identifier.
	Session(ctx context.Context, id SessionID) (Session, Account, error)
	// TouchSession notes that a session was used.
	TouchSession(ctx context.Context, id SessionID, used time.Time) error
	// Sessions returns those of the given sessions that are there, in any order.
	Sessions(ctx context.Context, ids []SessionID) ([]Session, error)
	// SecondStep returns what an account has for the second step of signing in, and the
	// zero value when it has none.
	SecondStep(ctx context.Context, account sconce.AccountID) (SecondStep, error)
	// CreateSecondStep stores a second step for the account of a session, with the digests of its
	// recovery codes, ends the account's other sessions, and queues a letter, if there is
	// one. It is a [sconce.Conflict] when the account has one already.
	CreateSecondStep(ctx context.Context, in Session, n SecondStep, codes [][sha256.Size]byte, letter *mail.Item) error
	// RenewRecoveryCodes replaces the recovery codes of the account of a session. It is a
	// [sconce.NotFound] when the account has no second step.
	RenewRecoveryCodes(ctx context.Context, in Session, codes [][sha256.Size]byte, letter *mail.Item, at time.Time) error
	// RemoveSecondStep removes it with its recovery codes. It is no error when there is none.
	RemoveSecondStep(ctx context.Context, account sconce.AccountID, by audit.Subject, from audit.Origin, letter *mail.Item, at time.Time) error
	// UseCode notes that the code of a time step was used. It returns false when that of this
	// or a later step was used before.
	UseCode(ctx context.Context, account sconce.AccountID, step int64) (bool, error)
	// UseRecoveryCode uses a recovery code up. It returns false when there is none of that
	// digest.
	UseRecoveryCode(ctx context.Context, account sconce.AccountID, digest [sha256.Size]byte, letter *mail.Item, at time.Time) (bool, error)

	// SessionsOf returns the sessions of an account, the one that was used last first.
	SessionsOf(ctx context.Context, account sconce.AccountID) ([]SealedSession, error)
	// EndOtherSessions ends the sessions of an account but one.
	EndOtherSessions(ctx context.Context, but Session, at time.Time) error
	// NoteAttempt stores an attempt to sign in. It removes those older than [HistoryLife], and
	// the oldest of the same result when the account has [HistorySize] of them.
	NoteAttempt(ctx context.Context, a Attempt) error
	// Attempts returns how an account was signed in to, the newest first.
	Attempts(ctx context.Context, account sconce.AccountID) ([]Attempt, error)
	// ChangePassword stores the new password of the account of a session, ends all its sessions,
	// takes back its links, stores a session in place of those, and queues a letter, if there
	// is one.
	ChangePassword(ctx context.Context, in Session, passwordHash string, n Session, where []byte, letter *mail.Item) error

	// CreatePasskey stores a passkey, made in a session, and queues a letter, if there is one. It
	// is [ErrPasskeys] when the account has max, and a [sconce.Conflict] when the passkey is there.
	CreatePasskey(ctx context.Context, in Session, p Passkey, letter *mail.Item, max int) error
	// Passkeys returns those of an account, the newest first.
	Passkeys(ctx context.Context, account sconce.AccountID) ([]Passkey, error)
	// Passkey returns a passkey and whose it is, and zero values when there is none.
	Passkey(ctx context.Context, id PasskeyID) (Passkey, Account, error)
	// UsePasskey notes a use and its signature counter. It returns false when the counter did not
	// go on, without ever having been 0, and for a passkey that is suspected.
	UsePasskey(ctx context.Context, id PasskeyID, count uint32, at time.Time) (bool, error)
	// SuspectPasskey lets a passkey be used no more, and queues a letter, if there is one.
	SuspectPasskey(ctx context.Context, id PasskeyID, account sconce.AccountID, letter *mail.Item, at time.Time) error
	// RemovePasskey removes a passkey of the account of a session, and queues a letter, if there is
	// one. It is no error when there is none.
	RemovePasskey(ctx context.Context, in Session, id PasskeyID, letter *mail.Item, at time.Time) error

	// CreateLinkedAccount stores an account that somebody at a provider has, and queues a letter,
	// if there is one. It is a [sconce.Conflict] when the address has an account, or the
	// person at the provider has.
	CreateLinkedAccount(ctx context.Context, c Credentials, l ProviderLink, letter *mail.Item) error
	// CreateProviderLink stores a link, made in a session, and queues a letter, if there is one. It
	// is [ErrLinkedElsewhere] when the person at the provider, or the account, has one there.
	CreateProviderLink(ctx context.Context, in Session, l ProviderLink, letter *mail.Item) error
	// UseProviderLink notes that somebody at a provider signed in, and returns their account, and
	// the zero value for none.
	UseProviderLink(ctx context.Context, issuer, subject string, at time.Time) (Account, error)
	// ProviderLinks returns those of an account.
	ProviderLinks(ctx context.Context, account sconce.AccountID) ([]ProviderLink, error)
	// RemoveProviderLinks removes those of the account of a session, and queues a letter, if there
	// is one. It is no error when there are none.
	RemoveProviderLinks(ctx context.Context, in Session, letter *mail.Item, at time.Time) error

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
	codes     *attempts.Limiter // wrong ones of the second step, by account
	halfways  *shelf[halfway]
	offers    *shelf[offer]

	relying    *webauthn.WebAuthn
	ceremonies *attempts.Limiter // begun with passkeys, by place
	makings    *shelf[making]
	assertions *shelf[webauthn.SessionData]

	provider      Provider // nil for none
	providerRules ProviderRules
	journeysBegun *attempts.Limiter // to the provider, by place
	journeys      *shelf[journey]

	refusals Refusals
	vault    *vault.Vault
	base     *url.URL
	post     Post
	log      *slog.Logger

	lettersTo      *attempts.Limiter
	lettersByPlace *attempts.Limiter
	background     errgroup.Group // writes after answers
}

// maxWriting is how much is written at a time after an answer: letters that were asked for, and
// attempts that were refused.
const maxWriting = 64

// Refusals is where refused attempts to sign in are written.
type Refusals interface {
	Refuse(ctx context.Context, chain audit.Chain, who audit.Subject, from audit.Origin, operation, detail string) error
}

// Parts is what a Service is made of. To make accounts, Store and Now are enough; Post and
// Log are needed for letters only.
type Parts struct {
	Store    Store
	Refusals Refusals
	Vault    *vault.Vault
	Base     *url.URL           // where the application is, for what names the site
	Passkeys *webauthn.WebAuthn // of [NewRelyingParty], nil for no passkeys
	Provider Provider           // to sign in through, nil for none
	Rules    ProviderRules      // of the Provider
	Post     Post
	Now      func() time.Time
	Log      *slog.Logger
}

// New returns a Service.
func New(p Parts) *Service { return newService(p, derive) }

func newService(p Parts, derive deriveFunc) *Service {
	s := &Service{
		store:     p.Store,
		refusals:  p.Refusals,
		vault:     p.Vault,
		base:      p.Base,
		post:      p.Post,
		log:       p.Log,
		now:       p.Now,
		hasher:    newHasher(derive),
		byAccount: attempts.New(attemptsPerAccount, attemptsWindow, attemptsKept),
		byPlace:   attempts.New(attemptsPerPlace, attemptsWindow, attemptsKept),
		codes:     attempts.New(codesPerAccount, codesWindow, attemptsKept),
		halfways:  newShelf[halfway](StepLife, shelfSize),
		offers:    newShelf[offer](OfferLife, shelfSize),

		relying:    p.Passkeys,
		ceremonies: attempts.New(ceremoniesPerPlace, attemptsWindow, attemptsKept),
		makings:    newShelf[making](CeremonyLife, shelfSize),
		assertions: newShelf[webauthn.SessionData](CeremonyLife, shelfSize),

		provider:      p.Provider,
		providerRules: p.Rules,
		journeysBegun: attempts.New(journeysPerPlace, attemptsWindow, attemptsKept),
		journeys:      newShelf[journey](JourneyLife, shelfSize),

		lettersTo:      attempts.New(lettersPerAddress, lettersWindow, attemptsKept),
		lettersByPlace: attempts.New(lettersPerPlace, lettersWindow, attemptsKept),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.background.SetLimit(maxWriting)
	return s
}

// Close waits for what is being written after answers.
func (s *Service) Close() { _ = s.background.Wait() } // they return no errors

// CreateAccount makes an account. The error is fit for the person who asked:
// [sconce.Invalid] for a field that is wrong, [sconce.Conflict] when the address
// has an account already, so that it may only be shown to an operator.
func (s *Service) CreateAccount(ctx context.Context, email, name string, p Password) (Account, error) {
	email, err := NormaliseEmail(email)
	if err != nil {
		return Account{}, err
	}
	if name, err = checkName(name); err != nil {
		return Account{}, err
	}
	hash, err := s.hashNew(ctx, p, email, name)
	if err != nil {
		return Account{}, err
	}
	a := Account{ID: s.newID(), Email: email, Name: name, Made: s.now()}
	return a, s.store.CreateAccount(ctx, Credentials{a, hash}, audit.Operator, audit.Console)
}

func (s *Service) newID() sconce.AccountID {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return sconce.MakeID[sconce.AccountID](s.now(), random)
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

// SignIn admits who knows the password of the account of an email address: to a
// session, or half the way when the account asks for a second step. from is where the
// request came from, for the limit on attempts. The answer, and the work done for it, are
// the same for a wrong password and for an address without an account: a
// [sconce.Unauthenticated]; too many attempts are a [sconce.TooMany].
func (s *Service) SignIn(ctx context.Context, email string, p Password, from Client) (Admission, error) {
	wrong := sconce.Errorf(sconce.Unauthenticated, "the email address or the password is wrong")
	address, err := NormaliseEmail(email)
	if err != nil {
		return Admission{}, wrong // a matter of form, known without any account
	}
	c, err := s.tryPassword(ctx, address, p, from)
	if err != nil {
		return Admission{}, err
	}
	if c.ID == "" {
		return Admission{}, wrong
	}
	return s.admit(ctx, c, ByPassword, from)
}

// tryPassword returns the account of a normalised address when the password is its own, and
// the zero value when it is not.
func (s *Service) tryPassword(ctx context.Context, address string, p Password, from Client) (Credentials, error) {
	place := from.place()
	key := place + " " + address
	err := take(s.byPlace, s.now(), place, tooManySignIns)
	if err == nil {
		err = take(s.byAccount, s.now(), key, tooManySignIns)
	}
	if err != nil {
		return Credentials{}, s.refuse(ctx, "", ByPassword, from, err)
	}
	c, err := s.store.Credentials(ctx, address)
	if err != nil {
		return Credentials{}, err
	}
	ok, err := s.hasher.verify(ctx, p, c.PasswordHash)
	if err != nil {
		return Credentials{}, err
	}
	if !ok {
		return Credentials{}, s.refuse(ctx, c.ID, ByPassword, from, nil)
	}
	s.byAccount.Forget(key)
	s.byPlace.Undo(place)
	return c, nil
}

// refuse writes down that an attempt to sign in to an account, "" for none, was refused, by
// what was wrong, and returns the answer to it.
func (s *Service) refuse(ctx context.Context, account sconce.AccountID, by By, from Client, answer error) error {
	s.remember(ctx, account, by, from)
	if err := s.refusals.Refuse(ctx, audit.People, audit.Nobody, from.origin(), "sign-in", string(audit.Account(account))); err != nil {
		return err
	}
	return answer
}

// host returns the name by which people know the site.
func (s *Service) host() string {
	if s.base == nil {
		return "sconce"
	}
	return s.base.Hostname()
}

// maxEmailLength is that of RFC 5321, 4.5.3.1.3, without the angle brackets.
const maxEmailLength = 254

// NormaliseEmail returns the form in which an email address is stored and
// compared: without space around it, in lower case.
func NormaliseEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > maxEmailLength || strings.ContainsFunc(s, isSpaceOrControl) {
		return "", sconce.FieldErrorf("email", "expected an email address like name@example.org")
	}
	return s, nil
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
