package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"sconce/cloud/api"
	"sconce/internal/issuer"
)

// visit goes to the provider and comes back: with what the page has in its query, and the
// cookie of the journey.
func (b *bench) visit(a answer) (back object, cookie http.Header) {
	b.t.Helper()
	if a.status != 201 {
		b.t.Fatalf("%d %s", a.status, a.text)
	}
	set := a.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-provider=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict", "; Max-Age=600"} {
		if !strings.Contains(set, part) {
			b.t.Errorf("the cookie %q has no %q", set, part)
		}
	}
	q := b.issuer.Visit(decode[api.Departure](b.t, a).URL)
	return object{"state": q.Get("state"), "code": q.Get("code"), "iss": q.Get("iss")}, http.Header{"Cookie": {strings.SplitN(set, ";", 2)[0]}}
}

// TestProviderOverTheAPI signs in through the provider for the first time, and connects an
// account that is there.
func TestProviderOverTheAPI(t *testing.T) {
	b := newBench(t)
	if ways := b.do(request{method: "GET", path: "/sign-in-ways"}).text; !strings.Contains(ways, `{"provider":{"label":"Example account"}`) {
		t.Error(ways)
	}
	is := func(subject, email string) {
		b.issuer.Token = func(c issuer.Claims) { c["sub"], c["email"], c["email_verified"] = subject, email, true }
	}
	is("grace-1906", "grace@example.com")
	back, cookie := b.visit(b.do(request{method: "POST", path: "/sessions/provider/begin"}))
	finish := request{method: "POST", path: "/sessions/provider", body: back}
	wantProblem(t, "without the cookie", b.do(finish), 401, "unauthenticated")
	finish.header = http.Header{"Cookie": {"__Host-provider=nonsense"}}
	wantProblem(t, "with a cookie that is none", b.do(finish), 401, "unauthenticated")
	finish.header = http.Header{"Cookie": cookie["Cookie"], "Sec-Fetch-Site": {"cross-site"}}
	wantProblem(t, "from another site", b.do(finish), 403, "cross-origin")
	finish.header = cookie
	in := b.do(finish)
	if in.status != 201 || !strings.HasPrefix(in.header.Get("Set-Cookie"), "__Host-session=") || decode[api.Admitted](t, in).Account.Email != "grace@example.com" {
		t.Fatalf("%d %s", in.status, in.text)
	}
	wantProblem(t, "again", b.do(finish), 401, "unauthenticated")
	b.tokens["grace"] = strings.TrimPrefix(strings.SplitN(in.header.Get("Set-Cookie"), ";", 2)[0], "__Host-session=")
	own := b.do(request{who: "grace", method: "GET", path: "/account"}).text
	if !strings.Contains(own, `"password":false`) || !strings.Contains(own, `"provider":{"since":`) || strings.Contains(own, `"used_at":null`) {
		t.Errorf("the account is %s", own)
	}
	wantProblem(t, "the only way in", b.do(request{who: "grace", method: "POST", path: "/account/provider/remove", body: object{"password": ""}}), 409, "conflict")

	is("viewer-1", "somebody@else.example")
	back, cookie = b.visit(b.do(request{who: "viewer", method: "POST", path: "/account/provider/begin", body: object{"password": ""}}))
	link := request{who: "owner", method: "POST", path: "/account/provider", body: back, header: cookie}
	wantProblem(t, "by somebody else", b.do(link), 404, "not-found")
	link.who = "viewer"
	if a := b.do(link); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if own := b.do(request{who: "viewer", method: "GET", path: "/account"}).text; !strings.Contains(own, `"provider":{"since":`) || !strings.Contains(own, `"used_at":null`) {
		t.Errorf("the account is %s", own)
	}
}

// TestRetryAfter: who is refused for having tried too often is told when to come back.
func TestRetryAfter(t *testing.T) {
	b := newBench(t)
	var a answer
	for range 20 {
		a = b.do(request{method: "POST", path: "/sessions", body: object{"email": "x@example.org", "password": "wrong wrong wrong"}})
		if a.status == 429 {
			break
		}
		if a.header.Get("Retry-After") != "" {
			t.Errorf("%d says Retry-After: %s", a.status, a.header.Get("Retry-After"))
		}
	}
	wantProblem(t, "too many tries", a, 429, "too-many")
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 600 || n > 900 {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
	if !strings.Contains(a.text, "try again in 1") {
		t.Error(a.text)
	}
}
