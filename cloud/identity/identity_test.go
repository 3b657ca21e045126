package identity_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store/storetest"
	"sconce/cloud/vault"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

const (
	email    = "ada@example.org"
	password = "correct horse battery"
)

// at is a client at an address.
func at(address string) identity.Client { return identity.Client{From: netip.MustParseAddr(address)} }

var home = identity.Client{From: netip.MustParseAddr("192.0.2.7"), Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}

type people struct {
	*identity.Service
	clock *clock
	costs *[]int
	store identity.Store
	log   audit.Store

	letters mail.Store
	vault   *vault.Vault

	ada identity.Account
}

// newPeople returns a service with one account, whose passwords cost nothing.
func newPeople(t *testing.T) people {
	t.Helper()
	return newPeopleWith(t, newClock(), nil, identity.ProviderRules{})
}

// newPeopleWith is newPeople with a provider to sign in through.
func newPeopleWith(t *testing.T, at *clock, provider identity.Provider, rules identity.ProviderRules) people {
	t.Helper()
	s := storetest.Open(t)
	p := people{clock: at, store: s.Identity()}
	p.log = s.SecurityLog()
	p.letters, p.vault = s.Letters(), s.Vault()
	base := &url.URL{Scheme: "https", Host: "sconce.example.org"}
	relying, err := identity.NewRelyingParty(base)
	if err != nil {
		t.Fatal(err)
	}
	p.Service, p.costs = identity.NewCheap(identity.Parts{
		Store: p.store, Refusals: audit.NewLog(p.log, p.clock.now), Now: p.clock.now, Log: slog.New(slog.DiscardHandler), Vault: p.vault, Base: base, Passkeys: relying, Provider: provider, Rules: rules,
		Post: identity.Post{Page: func(path string) string { return site + path }, Came: func() {}},
	})
	ada, err := p.CreateAccount(t.Context(), " Ada@Example.org ", " Ada ", identity.NewPassword(password))
	if err != nil {
		t.Fatal(err)
	}
	p.ada, *p.costs = ada, nil
	return p
}

func (p people) signIn(t *testing.T) identity.Token {
	t.Helper()
	in, err := p.SignIn(t.Context(), email, identity.NewPassword(password), home)
	if err != nil || in.Half {
		t.Fatal(in, err)
	}
	return in.Token
}

// sconceField returns the field that an error is about.
func sconceField(err error) string {
	var e *sconce.Error
	errors.As(err, &e)
	return e.Field
}

// wantLater checks that an error says when to try again.
func wantLater(t *testing.T, err error) {
	t.Helper()
	var e *sconce.Error
	if !errors.As(err, &e) || e.After <= 0 || !strings.Contains(e.Message, "try again in ") {
		t.Errorf("%v does not say when to try again", err)
	}
}

func wantKind(t *testing.T, what string, err error, kind sconce.ErrorKind) {
	t.Helper()
	if err == nil || sconce.KindOf(err) != kind {
		t.Errorf("%s: error %v, want one that is %s", what, err, kind)
	}
}

// The vectors are those of RFC 7914, section 11.
func TestPBKDF2Vectors(t *testing.T) {
	for _, v := range []struct {
		password, salt string
		iterations     int
		want           string // the first 32 of its 64 octets
	}{
		{"passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"},
		{"Password", "NaCl", 80000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"},
	} {
		got, err := identity.Derive(v.password, []byte(v.salt), v.iterations)
		if err != nil || hex.EncodeToString(got) != v.want {
			t.Errorf("%s, %d iterations: %x, %v; want %s", v.password, v.iterations, got, err, v.want)
		}
	}
}

func TestSignIn(t *testing.T) {
	p := newPeople(t)
	if p.ada.Email != email || p.ada.Name != "Ada" {
		t.Errorf("account %q, %q; want it normalised", p.ada.Email, p.ada.Name)
	}
	in, err := p.SignIn(t.Context(), "ADA@example.org", identity.NewPassword(password), home)
	if err != nil || in.Account != p.ada || in.Half {
		t.Fatalf("SignIn = %v, %v", in, err)
	}
	session, who, err := p.Session(t.Context(), in.Token)
	if err != nil || who.ID != p.ada.ID || session.Account != p.ada.ID {
		t.Fatalf("Session = %v, %v, %v", session, who, err)
	}
}

func TestStoredPasswordAtFullCost(t *testing.T) {
	s, now := storetest.Open(t), newClock().now
	p := identity.New(identity.Parts{Store: s.Identity(), Vault: s.Vault(), Refusals: audit.NewLog(s.SecurityLog(), now), Now: now})
	if _, err := p.CreateAccount(t.Context(), email, "Ada", identity.NewPassword(password)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SignIn(t.Context(), email, identity.NewPassword(password), home); err != nil {
		t.Error(err)
	}
	_, err := p.SignIn(t.Context(), email, identity.NewPassword(password+"x"), home)
	wantKind(t, "wrong password", err, sconce.Unauthenticated)
}

// TestSignInCostsTheSame shows that an answer takes the same work whether or not
// the address has an account, so that its time does not tell.
func TestSignInCostsTheSame(t *testing.T) {
	p := newPeople(t)
	long := strings.Repeat("x", identity.MaxPasswordLength+1)
	var texts []string
	for _, try := range []struct{ name, email, password string }{
		{"wrong password", email, "wrong wrong wrong"},
		{"no account", "bob@example.org", "wrong wrong wrong"},
		{"no account, right password of another", "bob@example.org", password},
		{"empty password", email, ""},
		{"endless password", email, long},
		{"endless password, no account", "bob@example.org", long},
	} {
		*p.costs = nil
		_, err := p.SignIn(t.Context(), try.email, identity.NewPassword(try.password), home)
		wantKind(t, try.name, err, sconce.Unauthenticated)
		if len(*p.costs) != 1 || (*p.costs)[0] != identity.Iterations {
			t.Errorf("%s: derived with %v, want once with %d iterations", try.name, *p.costs, identity.Iterations)
		}
		texts = append(texts, fmt.Sprint(err))
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("answers differ: %q and %q", texts[0], text)
		}
	}
}

// TestEndlessPasswordIsNotAnEmptyOne shows that a password which is too long to be
// looked at is wrong, whatever is stored.
func TestEndlessPasswordIsNotAnEmptyOne(t *testing.T) {
	p := newPeople(t)
	bob := identity.Credentials{
		Account:      identity.Account{ID: "bob", Email: "bob@example.org", Name: "Bob", Made: p.clock.at},
		PasswordHash: identity.EmptyPasswordHash(),
	}
	if err := p.store.CreateAccount(t.Context(), bob, audit.Operator, audit.Console); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SignIn(t.Context(), bob.Email, identity.NewPassword(""), home); err != nil {
		t.Fatalf("the premise of this test: %v", err)
	}
	long := strings.Repeat("x", identity.MaxPasswordLength+1)
	_, err := p.SignIn(t.Context(), bob.Email, identity.NewPassword(long), home)
	wantKind(t, "an endless password", err, sconce.Unauthenticated)
}

func TestIterationsAreThoseOfToday(t *testing.T) {
	if identity.Iterations < 600_000 {
		t.Errorf("%d iterations: the OWASP cheat sheet asks for 600,000", identity.Iterations)
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	p := newPeople(t)
	wrong := func(email string, from identity.Client) error {
		_, err := p.SignIn(t.Context(), email, identity.NewPassword("wrong wrong wrong"), from)
		return err
	}
	for range 10 {
		wantKind(t, "an early attempt", wrong(email, home), sconce.Unauthenticated)
	}
	*p.costs = nil
	_, err := p.SignIn(t.Context(), email, identity.NewPassword(password), home)
	wantKind(t, "the right password after too many wrong ones", err, sconce.TooMany)
	wantKind(t, "an address without account, tried as often", func() (err error) {
		for range 11 {
			err = wrong("bob@example.org", home)
		}
		return err
	}(), sconce.TooMany)

	elsewhere := at("198.51.100.9")
	if _, err := p.SignIn(t.Context(), email, identity.NewPassword(password), elsewhere); err != nil {
		t.Errorf("the owner, from another place, is locked out: %v", err)
	}
	p.clock.advance(15 * time.Minute)
	p.signIn(t)
}

func TestOnePlaceCannotTryManyAccounts(t *testing.T) {
	p := newPeople(t)
	refused := 0
	for i := range 150 {
		// Addresses of one /64 are one place.
		from := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i)})
		_, err := p.SignIn(t.Context(), fmt.Sprintf("person%d@example.org", i), identity.NewPassword("wrong wrong wrong"), identity.Client{From: from})
		if sconce.KindOf(err) == sconce.TooMany {
			refused++
		}
	}
	if refused != 50 {
		t.Errorf("%d of 150 attempts refused, want 50", refused)
	}
}

func TestSuccessCountsForNothing(t *testing.T) {
	p := newPeople(t)
	for range 150 {
		p.signIn(t)
	}
}

func TestSessionExpiry(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()

	idle := p.signIn(t)
	p.clock.advance(identity.SessionIdle - time.Minute)
	if _, _, err := p.Session(ctx, idle); err != nil {
		t.Errorf("before it was idle too long: %v", err)
	}
	p.clock.advance(identity.SessionIdle)
	_, _, err := p.Session(ctx, idle)
	wantKind(t, "idle too long", err, sconce.Unauthenticated)

	busy := p.signIn(t)
	began := p.clock.at
	for p.clock.at.Before(began.Add(identity.SessionLife - time.Hour)) {
		if _, _, err := p.Session(ctx, busy); err != nil {
			t.Fatalf("after %v of use: %v", p.clock.at.Sub(began), err)
		}
		p.clock.advance(24 * time.Hour)
	}
	p.clock.at = began.Add(identity.SessionLife)
	_, _, err = p.Session(ctx, busy)
	wantKind(t, "at the end of its life, however busy", err, sconce.Unauthenticated)
}

func TestEndingSessions(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	one, two, three := p.signIn(t), p.signIn(t), p.signIn(t)
	session, _, err := p.Session(ctx, one)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.End(ctx, session.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Session(ctx, one)
	wantKind(t, "ended", err, sconce.Unauthenticated)
	if _, _, err := p.Session(ctx, two); err != nil {
		t.Errorf("another session ended too: %v", err)
	}
	if err := p.EndToken(ctx, two); err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Session(ctx, two)
	wantKind(t, "ended by its token", err, sconce.Unauthenticated)
	if err := p.EndAll(ctx, p.ada.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Session(ctx, three)
	wantKind(t, "all ended", err, sconce.Unauthenticated)
}

func TestOldestSessionMakesRoom(t *testing.T) {
	p := newPeople(t)
	first := p.signIn(t)
	p.clock.advance(time.Second)
	second := p.signIn(t)
	for range 99 {
		p.clock.advance(time.Second)
		p.signIn(t)
	}
	_, _, err := p.Session(t.Context(), first)
	wantKind(t, "the oldest of 101 sessions", err, sconce.Unauthenticated)
	if _, _, err := p.Session(t.Context(), second); err != nil {
		t.Errorf("the second oldest: %v", err)
	}
}

func TestForeignTokens(t *testing.T) {
	p := newPeople(t)
	good := p.signIn(t).Reveal()
	for name, text := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "A", "not base64": strings.Repeat("!", len(good)),
		"another": strings.Repeat("A", len(good)),
	} {
		token, err := identity.ParseToken(text)
		if err == nil {
			_, _, err = p.Session(t.Context(), token)
		}
		wantKind(t, name, err, sconce.Unauthenticated)
	}
}

func TestBadAccounts(t *testing.T) {
	p := newPeople(t)
	for name, try := range map[string]struct {
		email, name, password string
		kind                  sconce.ErrorKind
	}{
		"taken":               {"ADA@EXAMPLE.ORG", "Ada", password, sconce.Conflict},
		"no address":          {"", "Ada", password, sconce.Invalid},
		"with a name":         {"Bob <bob@example.org>", "Bob", password, sconce.Invalid},
		"two addresses":       {"a@example.org, b@example.org", "Bob", password, sconce.Invalid},
		"a line break":        {"bob@example.org\r\nBcc: x@example.org", "Bob", password, sconce.Invalid},
		"too long":            {strings.Repeat("a", 250) + "@example.org", "Bob", password, sconce.Invalid},
		"no name":             {"bob@example.org", " ", password, sconce.Invalid},
		"name of two lines":   {"bob@example.org", "Bob\nEve", password, sconce.Invalid},
		"short password":      {"bob@example.org", "Bob", "elevenchars", sconce.Invalid},
		"short in characters": {"bob@example.org", "Bob", "éééééééé", sconce.Invalid},
		"endless password":    {"bob@example.org", "Bob", strings.Repeat("x", 1025), sconce.Invalid},
	} {
		_, err := p.CreateAccount(t.Context(), try.email, try.name, identity.NewPassword(try.password))
		wantKind(t, name, err, try.kind)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	p := newPeople(t)
	token := p.signIn(t)
	secret := identity.NewPassword(password)
	raw := fmt.Sprintf("%d", []byte(password)[:4])
	for _, v := range []any{secret, &secret, token, &token, struct{ P identity.Password }{secret}, []identity.Token{token}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, password) || strings.Contains(out, hex.EncodeToString([]byte(password))) ||
				strings.Contains(out, raw[1:len(raw)-1]) || strings.Contains(out, token.Reveal()) {
				t.Errorf("%T prints with %s as %s", v, verb, out)
			}
		}
		if out, err := json.Marshal(v); err == nil {
			t.Errorf("%T encodes as %s", v, out)
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "password", secret, "token", token, "account", p.ada)
	for _, personal := range []string{password, token.Reveal(), email, "Ada"} {
		if strings.Contains(log.String(), personal) {
			t.Errorf("the log shows %q: %s", personal, log.String())
		}
	}
}

func TestSignInEndsWithItsRequest(t *testing.T) {
	p := newPeople(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.SignIn(ctx, email, identity.NewPassword(password), home); err == nil {
		t.Error("signed in although nobody waits for the answer")
	}
}

// TestSignInsAreLogged shows that the security log has who signed in, who was refused and
// who signed out, and no address.
func TestSignInsAreLogged(t *testing.T) {
	p := newPeople(t)
	for _, wrong := range []string{email, "bob@example.org"} {
		_, err := p.SignIn(t.Context(), wrong, identity.NewPassword("wrong wrong wrong"), home)
		wantKind(t, wrong, err, sconce.Unauthenticated)
	}
	token := p.signIn(t)
	session, _, err := p.Session(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.EndToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	ada := audit.Account(p.ada.ID)
	const origin = "network:192.0.2.0/24 Firefox on Linux" // of home, and of no person
	want := []audit.Event{
		{Who: audit.Operator, Origin: audit.Console, Action: audit.AccountMade, Target: string(ada), Result: audit.Done},
		{Who: audit.Nobody, Origin: origin, Action: audit.AccessRefused, Target: "sign-in", Detail: string(ada), Result: audit.Refused},
		{Who: audit.Nobody, Origin: origin, Action: audit.AccessRefused, Target: "sign-in", Detail: string(audit.Nobody), Result: audit.Refused},
		{Who: ada, Origin: session.Origin(), Action: audit.SignedIn, Detail: "by=password", Result: audit.Done},
		{Who: ada, Origin: session.Origin(), Action: audit.SessionEnded, Result: audit.Done},
	}
	i := 0
	for e, err := range audit.All(t.Context(), p.log, audit.People) {
		if err != nil {
			t.Fatal(err)
		}
		got := e.Event
		if got.At.IsZero() {
			t.Errorf("entry %d has no time", e.Number)
		}
		got.At = time.Time{}
		if i >= len(want) || got != want[i] {
			t.Errorf("entry %d: %+v", e.Number, got)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d entries, want %d", i, len(want))
	}
}

// TestTooManyAttemptsAreLogged shows that who is refused for trying too often is in the
// security log, with where they come from.
func TestTooManyAttemptsAreLogged(t *testing.T) {
	p := newPeople(t)
	const tries = 12 // two more than may be made
	for range tries {
		_, _ = p.SignIn(t.Context(), email, identity.NewPassword("wrong wrong wrong"), home)
	}
	refused := 0
	for e, err := range audit.All(t.Context(), p.log, audit.People) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == audit.AccessRefused {
			refused++
			if e.Origin != "network:192.0.2.0/24 Firefox on Linux" {
				t.Errorf("an attempt came from %q", e.Origin)
			}
		}
	}
	if refused != tries {
		t.Errorf("%d attempts are in the log, want %d", refused, tries)
	}
}
