package identity_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/provider"
	"sconce/internal/issuer"
)

// withProvider is people of an installation with a provider, which makes accounts for
// addresses of example.com.
type withProvider struct {
	people
	issuer *issuer.Issuer
	log    *bytes.Buffer
}

func newWithProvider(t *testing.T, change ...func(*provider.Config, *identity.ProviderRules)) withProvider {
	t.Helper()
	w := withProvider{log: &bytes.Buffer{}}
	at := newClock()
	w.issuer = issuer.New(t, at.now)
	c := provider.Config{
		Issuer: w.issuer.URL, ClientID: issuer.ClientID, Secret: provider.NewSecret(issuer.Secret), Label: "Example account",
		Redirect: site + "sign-in/provider", Roots: w.issuer.Roots(), Now: at.now, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	rules := identity.ProviderRules{Domains: []string{"example.com"}}
	for _, fn := range change {
		fn(&c, &rules)
	}
	p, err := provider.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.people = newPeopleWith(t, at, p, rules)
	w.is("grace-1906", "grace@example.com")
	return w
}

// is says who signs in at the provider.
func (w withProvider) is(subject, email string) {
	w.issuer.Token = func(c issuer.Claims) {
		c["sub"], c["email"], c["email_verified"], c["name"] = subject, email, true, "Grace Hopper"
	}
}

// changes what else the ID token says.
func (w withProvider) says(change func(issuer.Claims)) {
	before := w.issuer.Token
	w.issuer.Token = func(c issuer.Claims) {
		before(c)
		change(c)
	}
}

func (w withProvider) leave(t *testing.T) (identity.Departure, identity.ProviderAnswer) {
	t.Helper()
	d, err := w.BeginProviderSignIn(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	return d, w.visit(d)
}

func (w withProvider) visit(d identity.Departure) identity.ProviderAnswer {
	q := w.issuer.Visit(d.URL)
	return identity.ProviderAnswer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss")}
}

func (w withProvider) enter(t *testing.T) (identity.Admission, error) {
	t.Helper()
	d, a := w.leave(t)
	return w.FinishProviderSignIn(t.Context(), d.Token, a, home)
}

// link connects Ada's account with who signs in at the provider.
func (w withProvider) link(t *testing.T) (identity.Session, error) {
	t.Helper()
	session, _, err := w.Session(t.Context(), w.signIn(t))
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.BeginProviderLink(t.Context(), session, w.ada, identity.NewPassword(password), home)
	if err != nil {
		t.Fatal(err)
	}
	return session, w.FinishProviderLink(t.Context(), session, w.ada, d.Token, w.visit(d))
}

// TestProvider signs in for the first time, which makes an account, and again.
func TestProvider(t *testing.T) {
	w := newWithProvider(t)
	first, err := w.enter(t)
	if err != nil || first.Half || first.Account.Email != "grace@example.com" || first.Account.Name != "Grace Hopper" {
		t.Fatalf("%+v, %v", first, err)
	}
	session, who, err := w.Session(t.Context(), first.Token)
	if err != nil || who != first.Account || session.By != identity.ByProvider {
		t.Errorf("the session is %+v of %+v, %v", session, who, err)
	}
	w.is("grace-1906", "admiral@example.com") // who has another address there now is the same person
	w.clock.advance(time.Minute)
	again, err := w.enter(t)
	if err != nil || again.Account != first.Account {
		t.Errorf("again: %+v, %v", again, err)
	}
	if l, err := w.ProviderLink(t.Context(), first.Account.ID); err != nil || l.Subject != "grace-1906" || !l.Used.Equal(w.clock.at) {
		t.Errorf("the link is %+v, %v", l, err)
	}
	history, err := w.History(t.Context(), first.Account.ID)
	if err != nil || len(history) != 2 || history[0].By != identity.ByProvider {
		t.Errorf("the history is %+v, %v", history, err)
	}
	has, err := w.Password(t.Context(), first.Account)
	if err != nil || has {
		t.Errorf("it has a password: %v, %v", has, err)
	}
	err = w.RemoveProviderLinks(t.Context(), session, first.Account, identity.Password{}, home)
	wantKind(t, "the only way in is taken away", err, sconce.Conflict)
	letters := w.inbox(t)
	if len(letters) != 1 || letters[0].To != "grace@example.com" || !strings.Contains(letters[0].Text, "Example account") {
		t.Errorf("letters: %+v", letters)
	}
	if text := w.log.String(); strings.Contains(text, "grace") || strings.Contains(text, "Hopper") {
		t.Errorf("the log has something of the person: %s", text)
	}
}

// TestProviderLink connects an account with who its owner is at the provider, signs in
// there, and takes it back.
func TestProviderLink(t *testing.T) {
	w := newWithProvider(t)
	w.is("ada-1815", "countess@elsewhere.example")
	w.says(func(c issuer.Claims) { delete(c, "email_verified") }) // who is signed in says who it is
	session, err := w.link(t)
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.enter(t)
	if err != nil || in.Account != w.ada {
		t.Fatalf("%+v, %v", in, err)
	}
	_, err = w.link(t)
	wantKind(t, "connecting it again", err, sconce.Conflict)
	w.is("another", "ada@example.com")
	_, err = w.link(t)
	wantKind(t, "connecting it with a second person there", err, sconce.Conflict)

	wrong := identity.NewPassword("wrong wrong wrong")
	_, err = w.BeginProviderLink(t.Context(), session, w.ada, wrong, home)
	wantKind(t, "connecting without the password", err, sconce.Forbidden)
	wantKind(t, "taking it back without the password", w.RemoveProviderLinks(t.Context(), session, w.ada, wrong, home), sconce.Forbidden)
	if err := w.RemoveProviderLinks(t.Context(), session, w.ada, identity.NewPassword(password), home); err != nil {
		t.Fatal(err)
	}
	w.is("ada-1815", "countess@elsewhere.example")
	_, err = w.enter(t)
	wantKind(t, "after it was taken back", err, sconce.Unauthenticated)
	letters := 0
	for _, l := range w.inbox(t) {
		if strings.Contains(l.Text, "one can") {
			letters++
		}
	}
	if letters != 2 {
		t.Errorf("%d letters say that it was connected and taken back", letters)
	}
}

// TestProviderTakesNoAccountOver: an address is never who somebody is. Whoever the provider
// gives it to, by mistake, by intent or because its owner before has left, comes to no account
// that is there; and that there is one, the answer does not say.
func TestProviderTakesNoAccountOver(t *testing.T) {
	w := newWithProvider(t, func(_ *provider.Config, r *identity.ProviderRules) {
		r.Domains = []string{"example.com", "example.org"}
	})
	grace, err := w.enter(t)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	for what, change := range map[string]func(c issuer.Claims){
		"the address of an account with a password": func(c issuer.Claims) { c["sub"], c["email"] = "x", w.ada.Email },
		"the address that somebody else had there":  func(c issuer.Claims) { c["sub"] = "grace-2026" },
		"the same in other letters":                 func(c issuer.Claims) { c["sub"], c["email"] = "x", " GRACE@Example.Com " },
		"an address that is not verified":           func(c issuer.Claims) { c["sub"], c["email"], c["email_verified"] = "x", "new@example.com", false },
		"an address of which it is not said": func(c issuer.Claims) {
			c["sub"], c["email"] = "x", "new@example.com"
			delete(c, "email_verified")
		},
		"an address of which something else is said":  func(c issuer.Claims) { c["sub"], c["email"], c["email_verified"] = "x", "new@example.com", 1 },
		"an address of a domain that is not its own":  func(c issuer.Claims) { c["sub"], c["email"] = "x", "new@example.net" },
		"an address of a domain below":                func(c issuer.Claims) { c["sub"], c["email"] = "x", "new@evil.example.com" },
		"an address of a domain that begins the same": func(c issuer.Claims) { c["sub"], c["email"] = "x", "new@example.com.evil" },
		"two addresses": func(c issuer.Claims) { c["sub"], c["email"] = "x", "a@example.com, b@evil.example" },
		"an address with a name that is another's": func(c issuer.Claims) { c["sub"], c["email"] = "x", "new@example.com <ada@example.org>" },
		"no address": func(c issuer.Claims) {
			c["sub"] = "x"
			delete(c, "email")
		},
		"the person of another issuer, by the same name": func(c issuer.Claims) { c["sub"] = w.issuer.URL + " grace-1906" },
	} {
		w.is("grace-1906", "grace@example.com")
		w.says(change)
		w.issuer.Info = issuer.Claims{"sub": "x"}
		_, err := w.enter(t)
		if sconce.KindOf(err) != sconce.Unauthenticated {
			t.Errorf("%s: %v", what, err)
			continue
		}
		refused[err.Error()] = true
	}
	if len(refused) != 1 {
		t.Errorf("the answers tell one from another: %v", refused)
	}
	if all, err := w.Accounts(t.Context(), []sconce.AccountID{w.ada.ID, grace.Account.ID}); err != nil || len(all) != 2 || all[w.ada.ID] != w.ada {
		t.Errorf("the accounts are %+v, %v", all, err)
	}
	none := newWithProvider(t, func(_ *provider.Config, r *identity.ProviderRules) { r.Domains = nil })
	_, err = none.enter(t)
	wantKind(t, "where no accounts are made", err, sconce.Unauthenticated)
}

// TestProviderAnswers plays what may go wrong on the way, by accident or intent. Each is
// refused, and a good sign-in after it goes on.
func TestProviderAnswers(t *testing.T) {
	const ok = sconce.Internal // no error
	type flow struct {
		d identity.Departure
		a identity.ProviderAnswer
	}
	for what, try := range map[string]struct {
		claims func(c issuer.Claims)
		with   func(w withProvider)
		flow   func(t *testing.T, w withProvider, f *flow)
		want   sconce.ErrorKind
	}{
		"all is well":                      {want: ok},
		"another nonce":                    {claims: func(c issuer.Claims) { c["nonce"] = "x" }, want: sconce.Unauthenticated},
		"no nonce":                         {claims: func(c issuer.Claims) { delete(c, "nonce") }, want: sconce.Unauthenticated},
		"another audience":                 {claims: func(c issuer.Claims) { c["aud"] = "somebody-else" }, want: sconce.Unauthenticated},
		"no audience":                      {claims: func(c issuer.Claims) { delete(c, "aud") }, want: sconce.Unauthenticated},
		"another party of two audiences":   {claims: func(c issuer.Claims) { c["aud"], c["azp"] = []string{issuer.ClientID, "x"}, "x" }, want: sconce.Unauthenticated},
		"no party of two audiences":        {claims: func(c issuer.Claims) { c["aud"] = []string{issuer.ClientID, "x"} }, want: sconce.Unauthenticated},
		"the right party":                  {claims: func(c issuer.Claims) { c["aud"], c["azp"] = []string{issuer.ClientID, "x"}, issuer.ClientID }, want: ok},
		"expired":                          {claims: func(c issuer.Claims) { c["exp"] = 1 }, want: sconce.Unauthenticated},
		"not valid yet":                    {claims: func(c issuer.Claims) { c["nbf"] = c["iat"].(int64) + 3600 }, want: sconce.Unauthenticated},
		"another issuer":                   {claims: func(c issuer.Claims) { c["iss"] = "https://evil.example" }, want: sconce.Unauthenticated},
		"nobody":                           {claims: func(c issuer.Claims) { c["sub"] = "" }, want: sconce.Unauthenticated},
		"a name without end":               {claims: func(c issuer.Claims) { c["sub"] = strings.Repeat("x", 256) }, want: sconce.Unauthenticated},
		"the access token of another":      {claims: func(c issuer.Claims) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, want: sconce.Unauthenticated},
		"claims of other types":            {claims: func(c issuer.Claims) { c["email"] = []int{1} }, want: sconce.Unauthenticated},
		"no signature":                     {with: func(w withProvider) { w.issuer.Algorithm = "none" }, want: sconce.Unauthenticated},
		"a digest by the client's secret":  {with: func(w withProvider) { w.issuer.Algorithm = "HS256" }, want: sconce.Unauthenticated},
		"an algorithm that is not its own": {with: func(w withProvider) { w.issuer.Algorithm = "RS256" }, want: sconce.Unauthenticated},
		"a key that it withdrew": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/keys", func(rw http.ResponseWriter) { _, _ = rw.Write([]byte(`{"keys":[]}`)) })
		}, want: sconce.Unauthenticated},
		"no ID token": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/token", func(rw http.ResponseWriter) {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = rw.Write([]byte(`{"access_token":"x","token_type":"Bearer"}`))
			})
		}, want: sconce.Unauthenticated},
		"the user info of another": {
			claims: func(c issuer.Claims) { delete(c, "email") },
			with: func(w withProvider) {
				w.issuer.Info = issuer.Claims{"sub": "x", "email": "grace@example.com", "email_verified": true}
			},
			want: sconce.Unauthenticated,
		},
		"the address in the user info": {
			claims: func(c issuer.Claims) { delete(c, "email") },
			with: func(w withProvider) {
				w.issuer.Info = issuer.Claims{"sub": "grace-1906", "email": "grace@example.com", "email_verified": "true"}
			},
			want: ok,
		},
		"an answer without end": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/token", func(rw http.ResponseWriter) {
				rw.Header().Set("Content-Type", "application/json")
				for range 1 << 10 {
					_, _ = rw.Write(bytes.Repeat([]byte(" "), 1<<10))
				}
			})
		}, want: sconce.Unavailable},
		"a discovery without end": {with: func(w withProvider) {
			w.clock.advance(48 * time.Hour) // it is looked for again
			w.issuer.Serve = onPath("/.well-known/openid-configuration", func(rw http.ResponseWriter) {
				_, _ = rw.Write(bytes.Repeat([]byte(" "), 1<<20))
			})
		}, want: sconce.Unauthenticated}, // the journey has ended as well
		"an error of the provider": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/token", func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusBadGateway) })
		}, want: sconce.Unavailable},
		"a redirection into this network": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/token", func(rw http.ResponseWriter) {
				rw.Header().Set("Location", w.issuer.URL+"/elsewhere")
				rw.WriteHeader(http.StatusTemporaryRedirect)
			})
		}, want: sconce.Unauthenticated},
		"a connection that breaks": {with: func(w withProvider) {
			w.issuer.Serve = onPath("/token", func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
		}, want: sconce.Unavailable},
		"a code that is not its own": {flow: func(_ *testing.T, _ withProvider, f *flow) { f.a.Code = "x" }, want: sconce.Unauthenticated},
		"the code of another browser": {flow: func(t *testing.T, w withProvider, f *flow) {
			_, other := w.leave(t) // which was bound to another verifier
			f.a.Code = other.Code
		}, want: sconce.Unauthenticated},
		"the state of another browser": {flow: func(t *testing.T, w withProvider, f *flow) {
			_, f.a = w.leave(t)
		}, want: sconce.Unauthenticated},
		"no state":  {flow: func(_ *testing.T, _ withProvider, f *flow) { f.a.State = "" }, want: sconce.Unauthenticated},
		"no cookie": {flow: func(_ *testing.T, _ withProvider, f *flow) { f.d.Token = identity.NewToken() }, want: sconce.Unauthenticated},
		"twice the same": {flow: func(t *testing.T, w withProvider, f *flow) {
			if _, err := w.FinishProviderSignIn(t.Context(), f.d.Token, f.a, home); err != nil {
				t.Fatal(err)
			}
		}, want: sconce.Unauthenticated},
		"too late": {flow: func(_ *testing.T, w withProvider, _ *flow) {
			w.clock.advance(identity.JourneyLife)
		}, want: sconce.Unauthenticated},
		"another provider is mixed in": {flow: func(_ *testing.T, _ withProvider, f *flow) { f.a.Issuer = "https://evil.example" }, want: sconce.Unauthenticated},
		"the provider is not named":    {flow: func(_ *testing.T, _ withProvider, f *flow) { f.a.Issuer = "" }, want: sconce.Unauthenticated},
		"one that was to connect": {flow: func(t *testing.T, w withProvider, f *flow) {
			session, _, _ := w.Session(t.Context(), w.signIn(t))
			d, err := w.BeginProviderLink(t.Context(), session, w.ada, identity.NewPassword(password), home)
			if err != nil {
				t.Fatal(err)
			}
			*f = flow{d, w.visit(d)}
		}, want: sconce.Unauthenticated},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWithProvider(t)
			w.issuer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			d, a := w.leave(t)
			f := flow{d, a}
			if try.claims != nil {
				w.says(try.claims)
			}
			if try.with != nil {
				try.with(w)
			}
			if try.flow != nil {
				try.flow(t, w, &f)
			}
			in, err := w.FinishProviderSignIn(t.Context(), f.d.Token, f.a, home)
			if try.want == ok {
				if err != nil || in.Account.Email != "grace@example.com" {
					t.Fatalf("%+v, %v", in, err)
				}
				return
			}
			wantKind(t, what, err, try.want)
			if w.issuer.Seen["/elsewhere"] > 0 {
				t.Error("a redirection was followed")
			}
			w.is("grace-1906", "grace@example.com")
			w.issuer.Serve, w.issuer.Algorithm = nil, ""
			w.clock.advance(time.Minute)
			if _, err := w.enter(t); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// onPath answers the requests of a path.
func onPath(path string, answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		answer(w)
		return true
	}
}

// TestProviderJourneyIsOfItsSession: what was begun in one session is finished in it, or not.
func TestProviderJourneyIsOfItsSession(t *testing.T) {
	w := newWithProvider(t)
	grace, err := w.enter(t)
	if err != nil {
		t.Fatal(err)
	}
	graces, _, _ := w.Session(t.Context(), grace.Token)
	mine, _, _ := w.Session(t.Context(), w.signIn(t))
	others, _, _ := w.Session(t.Context(), w.signIn(t))
	w.is("ada-1815", "ada@example.com")
	d, err := w.BeginProviderLink(t.Context(), mine, w.ada, identity.NewPassword(password), home)
	if err != nil {
		t.Fatal(err)
	}
	a := w.visit(d)
	wantKind(t, "in another account", w.FinishProviderLink(t.Context(), graces, grace.Account, d.Token, a), sconce.NotFound)
	wantKind(t, "in another session", w.FinishProviderLink(t.Context(), others, w.ada, d.Token, a), sconce.NotFound)
	s, sign := w.leave(t)
	wantKind(t, "one that was to sign in", w.FinishProviderLink(t.Context(), mine, w.ada, s.Token, sign), sconce.NotFound)
	if err := w.FinishProviderLink(t.Context(), mine, w.ada, d.Token, a); err != nil {
		t.Errorf("in its own: %v", err)
	}
}

// TestProviderAndSecondStep: the second step of an account is asked for, unless the rules
// say that the provider asks.
func TestProviderAndSecondStep(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		w := newWithProvider(t, func(_ *provider.Config, r *identity.ProviderRules) { r.SecondStep = trusted })
		session, err := w.link(t)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := w.OfferSecondStep(t.Context(), session, w.ada, identity.NewPassword(password), home)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ConfirmSecondStep(t.Context(), session, w.ada, offer.Token, identity.AppCode(offer.Key, w.clock.at)); err != nil {
			t.Fatal(err)
		}
		in, err := w.enter(t)
		if err != nil || in.Half == trusted {
			t.Fatalf("trusted %v: %+v, %v", trusted, in, err)
		}
		if trusted {
			continue
		}
		_, _, err = w.Session(t.Context(), in.Token)
		wantKind(t, "half the way", err, sconce.Unauthenticated)
		w.clock.advance(time.Minute)
		in, err = w.FinishSignIn(t.Context(), in.Token, identity.AppCode(offer.Key, w.clock.at), home)
		if err != nil {
			t.Fatal(err)
		}
		if s, _, err := w.Session(t.Context(), in.Token); err != nil || s.By != identity.ByProvider {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// TestProviderIsAway: who would sign in through it is told so at once, the others do not
// notice, and it is found again when it is back.
func TestProviderIsAway(t *testing.T) {
	w := newWithProvider(t)
	w.issuer.Serve = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	for range 3 {
		_, err := w.BeginProviderSignIn(t.Context(), home)
		wantKind(t, "while it is away", err, sconce.Unavailable)
	}
	if n := w.issuer.Seen["/.well-known/openid-configuration"]; n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	w.signIn(t)
	w.issuer.Serve = nil
	w.clock.advance(10 * time.Second)
	if _, err := w.enter(t); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	found := w.issuer.Seen["/.well-known/openid-configuration"]
	w.issuer.NewKey()
	if _, err := w.enter(t); err != nil || w.issuer.Seen["/.well-known/openid-configuration"] != found {
		t.Errorf("with a new key: %v", err)
	}
	w.issuer.Serve = onPath("/.well-known/openid-configuration", func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusBadGateway) })
	w.clock.advance(2 * time.Hour)
	if _, err := w.enter(t); err != nil {
		t.Errorf("with what it offered two hours ago: %v", err)
	}
	w.clock.advance(24 * time.Hour)
	_, err := w.BeginProviderSignIn(t.Context(), home)
	wantKind(t, "with what it offered yesterday", err, sconce.Unavailable)
}

// TestProviderAttemptsAreLimited: one place does not begin, or finish, without end.
func TestProviderAttemptsAreLimited(t *testing.T) {
	w := newWithProvider(t)
	var err error
	for range 400 {
		if _, err = w.BeginProviderSignIn(t.Context(), home); err != nil {
			break
		}
	}
	wantKind(t, "beginning", err, sconce.TooMany)
	for range 400 {
		if _, err = w.FinishProviderSignIn(t.Context(), identity.NewToken(), identity.ProviderAnswer{}, home); sconce.KindOf(err) == sconce.TooMany {
			break
		}
	}
	wantKind(t, "finishing", err, sconce.TooMany)
	wantLater(t, err)
	if _, err := w.BeginProviderSignIn(t.Context(), at("198.51.100.1")); err != nil {
		t.Errorf("from another place: %v", err)
	}
	none := newPeople(t)
	_, err = none.BeginProviderSignIn(context.Background(), home)
	wantKind(t, "without a provider", err, sconce.NotFound)
}
