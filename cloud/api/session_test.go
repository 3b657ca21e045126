package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/identity"
)

const (
	email    = "ada@example.org"
	password = "correct horse battery"
)

func (b *bench) createAda() {
	b.t.Helper()
	_, err := b.people.CreateAccount(b.t.Context(), email, "Ada", identity.NewPassword(password))
	must(b.t, err)
}

func signIn(password string, plain bool) request {
	return request{method: "POST", path: "/sessions", body: object{"email": email, "password": password}, plain: plain}
}

// TestSession signs in, asks who it is, and signs out, over TLS and in the demo.
func TestSession(t *testing.T) {
	b := newBench(t)
	b.createAda()
	for name, plain := range map[string]bool{"TLS": false, "demo": true} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			a := b.do(signIn(password, plain))
			if a.status != http.StatusCreated {
				t.Fatalf("%d %s", a.status, a.text)
			}
			if got := decode[api.Session](t, a).Account; got.Email != email || got.Name != "Ada" || got.ID == "" {
				t.Errorf("account %+v", got)
			}
			cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
			if err != nil {
				t.Fatal(err)
			}
			want := "__Host-session"
			if plain {
				want = "session"
			}
			if cookie.Name != want || cookie.Secure == plain || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" ||
				cookie.SameSite != http.SameSiteStrictMode || cookie.MaxAge != int(identity.SessionLife.Seconds()) {
				t.Errorf("cookie %+v", cookie)
			}
			b.tokens["ada"] = cookie.Value
			current := request{who: "ada", method: "GET", path: "/sessions/current", plain: plain}
			if a := b.do(current); a.status != http.StatusOK || decode[api.Session](t, a).Account.Email != email {
				t.Errorf("who is signed in: %d %s", a.status, a.text)
			}
			a = b.do(request{who: "ada", method: "DELETE", path: "/sessions/current", plain: plain})
			if gone, err := http.ParseSetCookie(a.header.Get("Set-Cookie")); a.status != http.StatusNoContent || err != nil ||
				gone.Name != want || gone.MaxAge >= 0 || gone.Value != "" {
				t.Errorf("signing out: %d, cookie %v, %v", a.status, gone, err)
			}
			wantProblem(t, "after signing out", b.do(current), 401, "unauthenticated")
			a = b.do(request{method: "DELETE", path: "/sessions/current", plain: plain})
			if a.status != http.StatusNoContent {
				t.Errorf("signing out without a session: %d", a.status)
			}
		})
	}
	for _, secret := range []string{password, email, b.tokens["ada"]} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

// TestCookiesDoNotCross shows that neither listener takes the cookie of the other.
func TestCookiesDoNotCross(t *testing.T) {
	b := newBench(t)
	token := b.tokens["owner"]
	for name, q := range map[string]request{
		"the demo's over TLS":     {header: http.Header{"Cookie": {"session=" + token}}},
		"that of TLS in the demo": {header: http.Header{"Cookie": {"__Host-session=" + token}}, plain: true},
	} {
		q.method, q.path = "GET", "/sessions/current"
		wantProblem(t, name, b.do(q), 401, "unauthenticated")
	}
}

func TestSignInRefused(t *testing.T) {
	b := newBench(t)
	b.createAda()
	wrong := b.do(signIn(password+"x", false))
	wantProblem(t, "wrong password", wrong, 401, "unauthenticated")
	q := signIn(password, false)
	q.body = object{"email": "bob@example.org", "password": password}
	unknown := b.do(q)
	if withoutRequest(t, unknown) != withoutRequest(t, wrong) || unknown.header.Get("Set-Cookie") != "" {
		t.Errorf("the answers tell whether there is an account: %s, %s", wrong.text, unknown.text)
	}
	for range 9 {
		b.do(signIn(password+"x", false))
	}
	wantProblem(t, "too many attempts", b.do(signIn(password, false)), 429, "too-many")
}

func TestTLSIsRequiredOutsideTheDemo(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.DemoLiveURL = "" })
	for _, path := range []string{"/sessions/current", outsideAPI + "/"} {
		wantProblem(t, path, b.do(request{who: "owner", method: "GET", path: path, plain: true}), 403, "tls-required")
	}
	if a := b.do(request{who: "owner", method: "GET", path: "/sessions/current"}); a.status != 200 {
		t.Errorf("over TLS: %d", a.status)
	}
}

// TestTheDemoIsForThisMachine shows that a web site cannot reach the demo by letting
// its own name point to this machine.
func TestTheDemoIsForThisMachine(t *testing.T) {
	b := newBench(t)
	for host, ok := range map[string]bool{
		"localhost:8080": true, "LOCALHOST": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "127.3.2.1": true,
		"evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "192.0.2.1:8080": false, "0.0.0.0": false,
	} {
		a := b.do(request{who: "owner", method: "GET", path: "/sessions/current", plain: true, host: host})
		if ok && a.status != 200 {
			t.Errorf("%s: %d %s", host, a.status, a.text)
		}
		if !ok {
			wantProblem(t, host, a, 403, "tls-required")
		}
	}
}

func TestMQTTToken(t *testing.T) {
	b := newBench(t)
	for plain, url := range map[bool]string{false: liveURL, true: demoURL} {
		a := b.do(request{who: "viewer", method: "POST", path: "/mqtt-tokens", body: object{}, plain: plain})
		got := decode[map[string]string](t, a)
		expires, err := time.Parse("2006-01-02T15:04:05.000Z", got["expires_at"])
		if a.status != 201 || got["url"] != url || got["username"] == "" || got["password"] == "" || err != nil ||
			time.Until(expires) > 15*time.Minute || time.Until(expires) < 14*time.Minute {
			t.Errorf("plain %v: %d %s, %v", plain, a.status, a.text, err)
		}
		v, err := b.Live.Authenticate(t.Context(), got["username"], got["password"])
		if err != nil || v.Account != id("viewer") || len(v.Projects) != 1 || v.Projects[0] != b.own.scope.Project() {
			t.Errorf("connects as %+v, %v", v, err)
		}
	}
	// The app sends no body.
	if a := b.do(request{who: "viewer", method: "POST", path: "/mqtt-tokens"}); a.status != 201 {
		t.Errorf("without a body: %d %s", a.status, a.text)
	}
}

// TestSessionFixation shows that signing in gives a new session, whatever the browser brought along, and
// that what it brought along opens nothing more than before.
func TestSessionFixation(t *testing.T) {
	b := newBench(t)
	b.createAda()
	planted := strings.Repeat("A", 43)
	b.tokens["planted"], b.tokens["victim"] = planted, b.tokens["viewer"]
	for _, brought := range []string{"planted", "victim"} {
		q := signIn(password, false)
		q.who = brought
		a := b.do(q)
		cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if a.status != 201 || err != nil || cookie.Value == b.tokens[brought] || len(cookie.Value) != 43 {
			t.Errorf("with the session %s: %d, cookie %v, %v", brought, a.status, cookie, err)
		}
	}
	current := func(who string) answer { return b.do(request{who: who, method: "GET", path: "/sessions/current"}) }
	wantProblem(t, "the planted one", current("planted"), 401, "unauthenticated")
	if a := current("victim"); a.status != 200 || decode[api.Session](t, a).Account.ID != id("viewer") {
		t.Errorf("the session that was brought along became: %d %s", a.status, a.text)
	}
}
