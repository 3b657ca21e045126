package provider

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
	"sconce/internal/issuer"
)

// start returns a client of a provider.
func start(t *testing.T, change func(c *Config)) (*Provider, *issuer.Issuer, *bytes.Buffer) {
	t.Helper()
	i, log := issuer.New(t, time.Now), &bytes.Buffer{}
	i.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c := Config{
		Issuer: i.URL, ClientID: issuer.ClientID, Secret: NewSecret(issuer.Secret), Redirect: "https://sconce.example.org/sign-in/provider",
		Label: "Example account", Roots: i.Roots(), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p, i, log
}

func question() identity.Question {
	return identity.Question{State: identity.NewToken().Reveal(), Nonce: identity.NewToken(), Verifier: identity.NewToken()}
}

// enter asks, signs in at the provider, and redeems.
func enter(t *testing.T, p *Provider, i *issuer.Issuer) (identity.Vouched, error) {
	t.Helper()
	q := question()
	where, err := p.Where(t.Context(), q)
	if err != nil {
		return identity.Vouched{}, err
	}
	a := i.Visit(where)
	return p.Redeem(t.Context(), q, identity.ProviderAnswer{State: a.Get("state"), Code: a.Get("code"), Issuer: a.Get("iss")})
}

// TestDiscovery: what a provider says of itself is held against what it may say.
func TestDiscovery(t *testing.T) {
	type claims = issuer.Claims
	for what, try := range map[string]struct {
		says func(c claims)
		want string // in the log, "" when it is taken
	}{
		"as it is":           {func(claims) {}, ""},
		"nothing of methods": {func(c claims) { delete(c, "code_challenge_methods_supported") }, ""},
		"the secret in the header": {func(c claims) {
			c["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt", "client_secret_basic"}
		}, ""},
		"no way for a secret":              {func(c claims) { c["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"} }, "none of the known ways"},
		"no PKCE but in clear":             {func(c claims) { c["code_challenge_methods_supported"] = []string{"plain"} }, "no PKCE with S256"},
		"another issuer":                   {func(c claims) { c["issuer"] = "https://evil.example" }, "did not match"},
		"browsers in clear":                {func(c claims) { c["authorization_endpoint"] = "http://login.example.org/authorize" }, "not https"},
		"tokens in clear":                  {func(c claims) { c["token_endpoint"] = "http://127.0.0.1/token" }, "not https"},
		"keys from a file":                 {func(c claims) { c["jwks_uri"] = "file:///etc/passwd" }, "no address"},
		"user info with a password":        {func(c claims) { c["userinfo_endpoint"] = "https://a:b@example.org/" }, "no address"},
		"no place to send browsers":        {func(c claims) { delete(c, "authorization_endpoint") }, "no address"},
		"no user info":                     {func(c claims) { delete(c, "userinfo_endpoint") }, ""},
		"something of another type":        {func(c claims) { c["token_endpoint"] = 1 }, "looking for what it offers"},
		"methods of another type":          {func(c claims) { c["code_challenge_methods_supported"] = "S256" }, "reading what it offers"},
		"more than anybody would read":     {func(c claims) { c["x"] = strings.Repeat("x", maxAnswer) }, "too large"},
		"a page that is not worth keeping": {func(c claims) { c["issuer"] = strings.Repeat("secret ", 1000) }, "…"},
	} {
		t.Run(what, func(t *testing.T) {
			p, i, log := start(t, nil)
			i.Discovery = try.says
			i.Token = func(c claims) { c["email"], c["email_verified"] = "a@example.org", true }
			_, err := enter(t, p, i)
			switch {
			case try.want == "" && err != nil:
				t.Error(err, log)
			case try.want != "" && (sconce.KindOf(err) != sconce.Unavailable || !strings.Contains(log.String(), try.want) || log.Len() > 1000):
				t.Errorf("%v, the log: %s", err, log)
			}
		})
	}
}

// TestSlow: nobody waits for a provider for longer than its limits, and what is begun by
// somebody who went away is for those who wait.
func TestSlow(t *testing.T) {
	p, i, log := start(t, nil)
	p.client.http.Timeout = 50 * time.Millisecond
	slow := func(path string) func(http.ResponseWriter, *http.Request) bool {
		return func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				_ = r.ParseForm() // whose end tells a server that a client went away
				<-r.Context().Done()
			}
			return false
		}
	}
	i.Serve = slow("/.well-known/openid-configuration")
	if _, err := enter(t, p, i); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("a slow discovery: %v", err)
	}
	p.failed.Store(0)
	p.client.http.Timeout = time.Minute
	i.Serve = nil
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Where(gone, question()); err != nil {
		t.Errorf("for who went away, the next finds it: %v", err)
	}
	p.client.http.Timeout = 50 * time.Millisecond
	i.Serve = slow("/token")
	if _, err := enter(t, p, i); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("a slow token: %v, %s", err, log)
	}
	if redeemTime > 25*time.Second || answerTime > redeemTime {
		t.Error("an answer of the API has 30 seconds")
	}
}

// TestMaxAge: who proved it to the provider too long ago is asked again, and a provider that
// does not say when is not believed.
func TestMaxAge(t *testing.T) {
	p, i, _ := start(t, func(c *Config) { c.MaxAge = time.Hour })
	where, err := p.Where(t.Context(), question())
	if err != nil || !strings.Contains(where, "&max_age=3600") {
		t.Errorf("%s, %v", where, err)
	}
	for ago, ok := range map[any]bool{time.Minute: true, time.Hour: true, 2 * time.Hour: false, nil: false} {
		i.Token = func(c issuer.Claims) {
			c["email"] = "a@example.org"
			delete(c, "auth_time")
			if d, said := ago.(time.Duration); said {
				c["auth_time"] = time.Now().Add(-d).Unix()
			}
		}
		if _, err := enter(t, p, i); (err == nil) != ok || err != nil && sconce.KindOf(err) != sconce.Unauthenticated {
			t.Errorf("%v ago: %v", ago, err)
		}
	}
}

// TestSecret: it is told to the provider alone, and one that is wrong is the operator's to mend.
func TestSecret(t *testing.T) {
	p, i, log := start(t, func(c *Config) { c.Secret = NewSecret("topsecret") })
	_, err := enter(t, p, i)
	if sconce.KindOf(err) != sconce.Unavailable || !strings.Contains(log.String(), "client id and secret") {
		t.Errorf("%v, the log: %s", err, log)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", p.config.Secret, p.config, p.config.Secret, p.config.Secret), log.String(), err.Error()} {
		if strings.Contains(text, "topsecret") {
			t.Errorf("the secret is in %s", text)
		}
	}
}

// TestCertificate: a provider proves that it is the one of the configuration.
func TestCertificate(t *testing.T) {
	other := filepath.Join(t.TempDir(), "none.crt")
	if err := os.WriteFile(other, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, roots := range []string{other, other + ".missing"} {
		if _, err := New(Config{Issuer: "https://login.example.org", Roots: roots}); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%s: %v", roots, err)
		}
	}
	p, i, log := start(t, func(c *Config) { c.Roots = "" })
	if _, err := enter(t, p, i); sconce.KindOf(err) != sconce.Unavailable || !strings.Contains(log.String(), "certificate") {
		t.Errorf("%v, the log: %s", err, log)
	}
}
