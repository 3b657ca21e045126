package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"sconce"
)

// JourneyLife is how long a browser may be away at the provider.
const JourneyLife = 10 * time.Minute

// journeysPerPlace is how often one place may begin to sign in through the provider, within
// attemptsWindow.
const journeysPerPlace = 300

// Question is what a browser is sent to a provider with, and what its answer has to fit.
type Question struct {
	State    string // comes back with the browser
	Nonce    Token  // comes back in what the provider vouches for
	Verifier Token  // is shown to the provider with the code (RFC 7636)
}

// ProviderAnswer is what a browser comes back with.
type ProviderAnswer struct {
	State  string
	Code   string
	Issuer string // "" when the provider does not say it (RFC 9207)
}

// Vouched is what a provider says of somebody. Who it is, Issuer and Subject say together
// (OpenID Connect Core, 5.7); the address may be another one tomorrow, or somebody else's.
type Vouched struct {
	Issuer, Subject string
	Name            string // "" when not said
	Email           string // "" when not said
	EmailVerified   bool
}

// Provider is an OpenID provider. Its errors are fit for the person who signs in: a
// [sconce.Unavailable] when it does not answer, and a [sconce.Unauthenticated] when what it
// answers cannot be used.
type Provider interface {
	Label() string  // what people call it
	Issuer() string // names it
	// Where returns where to send a browser.
	Where(ctx context.Context, q Question) (string, error)
	// Redeem returns what the provider vouches for.
	Redeem(ctx context.Context, q Question, a ProviderAnswer) (Vouched, error)
}

// ProviderRules say what a provider is trusted with.
type ProviderRules struct {
	// Domains are those whose addresses the provider gives out. Somebody who comes with a
	// verified one of them for the first time gets an account; none makes no accounts.
	Domains []string
	// SecondStep says that the provider asks for a second step, so that ours is left out.
	SecondStep bool
}

// ProviderLink is that somebody at a provider is the person of an account.
type ProviderLink struct {
	Issuer, Subject string
	Account         sconce.AccountID
	Made            time.Time
	Used            time.Time // zero when it was not used yet
}

// journey is a browser that is away at the provider.
type journey struct {
	question Question
	account  sconce.AccountID // that is to be connected, "" to sign in
	session  SessionID        // that asked for it
}

// Departure is a browser that goes to the provider.
type Departure struct {
	Token   Token  // stays in this browser, and is needed to come back
	URL     string // where it goes
	Expires time.Time
}

// ProviderLabel returns what people call the provider, "" where there is none.
func (s *Service) ProviderLabel() string {
	if s.provider == nil {
		return ""
	}
	return s.provider.Label()
}

// BeginProviderSignIn sends a browser to the provider to sign in.
func (s *Service) BeginProviderSignIn(ctx context.Context, from Client) (Departure, error) {
	if s.provider == nil {
		return Departure{}, errNoProvider()
	}
	if err := take(s.journeysBegun, s.now(), from.place(), tooManySignIns); err != nil {
		return Departure{}, err
	}
	return s.depart(ctx, "sign-in", journey{})
}

// BeginProviderLink sends the browser of somebody who is signed in, and proves it once more, to
// the provider, so that they can sign in through it from then on.
func (s *Service) BeginProviderLink(ctx context.Context, in Session, a Account, p Password, from Client) (Departure, error) {
	if s.provider == nil {
		return Departure{}, errNoProvider()
	}
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return Departure{}, err
	}
	return s.depart(ctx, "link", journey{account: a.ID, session: in.ID})
}

// depart begins a journey. What it is for is in front of the state for the application to
// read: what counts is what is kept here.
func (s *Service) depart(ctx context.Context, purpose string, j journey) (Departure, error) {
	j.question = Question{State: purpose + "." + NewToken().Reveal(), Nonce: NewToken(), Verifier: NewToken()}
	where, err := s.provider.Where(ctx, j.question)
	if err != nil {
		return Departure{}, err
	}
	t, until := s.journeys.put(s.now(), j)
	return Departure{t, where, until}, nil
}

// arrive returns the journey that a browser comes back from, once: a token without its state
// is that of a page that another site has opened in this browser, and ends nothing.
func (s *Service) arrive(t Token, state string, mine func(journey) bool) (j journey, ok bool) {
	s.journeys.use(s.now(), t, func(kept *journey) bool {
		ok = sameText(kept.question.State, state) && mine(*kept)
		j = *kept
		return ok
	})
	return j, ok
}

func sameText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// FinishProviderSignIn admits who comes back from the provider to the account that is
// connected with them there, or makes one, if the rules say so. That an address is the same is
// no connection: whoever has it at the provider now need not be who had it when an account was
// made here. An answer that is not good, or is for nobody here, is a
// [sconce.Unauthenticated].
func (s *Service) FinishProviderSignIn(ctx context.Context, t Token, a ProviderAnswer, from Client) (Admission, error) {
	if s.provider == nil {
		return Admission{}, errNoProvider()
	}
	place := from.place()
	if err := take(s.byPlace, s.now(), place, tooManySignIns); err != nil {
		return Admission{}, s.refuse(ctx, "", ByProvider, from, err)
	}
	j, ok := s.arrive(t, a.State, func(j journey) bool { return j.account == "" })
	if !ok {
		return Admission{}, errJourneyEnded()
	}
	v, err := s.provider.Redeem(ctx, j.question, a)
	if err != nil {
		if sconce.KindOf(err) == sconce.Unauthenticated {
			err = s.refuse(ctx, "", ByProvider, from, err)
		}
		return Admission{}, err
	}
	c, err := s.linked(ctx, v)
	if err != nil {
		return Admission{}, err
	}
	if c.ID == "" {
		if c, err = s.makeLinked(ctx, v, from); err != nil {
			return Admission{}, err
		}
	}
	s.byPlace.Undo(place)
	if s.providerRules.SecondStep {
		return s.open(ctx, c.Account, ByProvider, from)
	}
	return s.admit(ctx, c, ByProvider, from)
}

// linked returns the account of somebody at the provider, and the zero value for none.
func (s *Service) linked(ctx context.Context, v Vouched) (Credentials, error) {
	a, err := s.store.UseProviderLink(ctx, v.Issuer, v.Subject, s.now())
	if err != nil || a.ID == "" {
		return Credentials{}, err
	}
	return s.store.Credentials(ctx, a.Email)
}

// makeLinked makes the account of somebody who comes from the provider for the first time.
func (s *Service) makeLinked(ctx context.Context, v Vouched, from Client) (Credentials, error) {
	stranger := errStranger(s.provider.Label())
	email, err := NormaliseEmail(v.Email)
	_, domain, _ := strings.Cut(email, "@")
	if err != nil || !v.EmailVerified || !slices.Contains(s.providerRules.Domains, domain) {
		return Credentials{}, s.refuse(ctx, "", ByProvider, from, stranger)
	}
	name, err := checkName(v.Name)
	if err != nil {
		name, _, _ = strings.Cut(email, "@")
	}
	now := s.now()
	c := Credentials{Account: Account{ID: s.newID(), Email: email, Name: name, Made: now}}
	letter, err := s.notice(c.Account, "it was made just now, when you signed in through "+s.provider.Label())
	if err != nil {
		return Credentials{}, err
	}
	err = s.store.CreateLinkedAccount(ctx, c, ProviderLink{Issuer: v.Issuer, Subject: v.Subject, Account: c.ID, Made: now, Used: now}, letter)
	if sconce.KindOf(err) == sconce.Conflict { // the address has an account: the same answer as without
		return Credentials{}, s.refuse(ctx, "", ByProvider, from, stranger)
	}
	if err != nil {
		return Credentials{}, err
	}
	s.noticed(letter)
	return c, nil
}

// FinishProviderLink connects an account with who its owner is at the provider.
func (s *Service) FinishProviderLink(ctx context.Context, in Session, a Account, t Token, answer ProviderAnswer) error {
	if s.provider == nil {
		return errNoProvider()
	}
	j, ok := s.arrive(t, answer.State, func(j journey) bool { return j.account == a.ID && j.session == in.ID })
	if !ok {
		return errLinkingEnded()
	}
	v, err := s.provider.Redeem(ctx, j.question, answer)
	if err != nil {
		if sconce.KindOf(err) == sconce.Unauthenticated { // they are signed in all the same
			err = sconce.Errorf(sconce.Forbidden, "%w", err)
		}
		return err
	}
	letter, err := s.notice(a, "one can sign in to it through "+s.provider.Label())
	if err != nil {
		return err
	}
	l := ProviderLink{Issuer: v.Issuer, Subject: v.Subject, Account: a.ID, Made: s.now()}
	if err := s.store.CreateProviderLink(ctx, in, l, letter); err != nil {
		return err
	}
	s.noticed(letter)
	return nil
}

// ProviderLinks returns who an account is at providers, at most one person at each.
func (s *Service) ProviderLinks(ctx context.Context, account sconce.AccountID) ([]ProviderLink, error) {
	return s.store.ProviderLinks(ctx, account)
}

// ProviderLink returns who an account is at the provider of now, and the zero value when it is
// not connected.
func (s *Service) ProviderLink(ctx context.Context, account sconce.AccountID) (ProviderLink, error) {
	if s.provider == nil {
		return ProviderLink{}, nil
	}
	all, err := s.store.ProviderLinks(ctx, account)
	i := slices.IndexFunc(all, func(l ProviderLink) bool { return l.Issuer == s.provider.Issuer() })
	if i < 0 {
		return ProviderLink{}, err
	}
	return all[i], err
}

// RemoveProviderLinks ends that one can sign in to an account through a provider, for somebody
// who proves once more who they are. Who has no other way in is a [sconce.Conflict].
func (s *Service) RemoveProviderLinks(ctx context.Context, in Session, a Account, p Password, from Client) error {
	if err := s.prove(ctx, in, a, p, from); err != nil {
		return err
	}
	has, err := s.Password(ctx, a)
	if err != nil {
		return err
	}
	passkeys, err := s.store.Passkeys(ctx, a.ID)
	if err != nil {
		return err
	}
	if !has && !slices.ContainsFunc(passkeys, func(k Passkey) bool { return !k.Suspect }) {
		return sconce.Errorf(sconce.Conflict, "this is the only way in to your account: set a password before, by a letter, or add a passkey")
	}
	letter, err := s.notice(a, "one cannot sign in to it through another service any more")
	if err != nil {
		return err
	}
	if err := s.store.RemoveProviderLinks(ctx, in, letter, s.now()); err != nil {
		return err
	}
	s.noticed(letter)
	return nil
}

func errNoProvider() error {
	return sconce.Errorf(sconce.NotFound, "this installation has no other service to sign in through")
}

// errJourneyEnded is the answer to a browser that comes back and was not sent, or too late.
func errJourneyEnded() error {
	return sconce.Errorf(sconce.Unauthenticated, "this sign-in took too long, was finished already, or began in another browser: sign in from the beginning")
}

func errLinkingEnded() error {
	return sconce.Errorf(sconce.NotFound, "this took too long, was finished already, or began in another browser: begin again")
}

// errStranger is the answer to who comes from the provider and has no account that is
// connected: the same whether the address has one or not.
func errStranger(label string) error {
	return sconce.Errorf(sconce.Unauthenticated, "no account here is connected with this one at %s: "+
		"sign in another way, and connect it on your account's page", label)
}

// ErrLinkedElsewhere is the answer to a connection with somebody who has one.
func ErrLinkedElsewhere() error {
	return sconce.Errorf(sconce.Conflict, "this is connected with an account here already")
}
