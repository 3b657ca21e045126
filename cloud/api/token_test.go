package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce/cloud/access"
	"sconce/cloud/api"
	"sconce/cloud/project"
)

// token makes a token of somebody for a project, of all that they may do there unless
// actions are given, and returns its text and identifier.
func (b *bench) token(who string, e estate, actions ...string) (text, id string) {
	b.t.Helper()
	path := string(e.scope.Project())
	if len(actions) == 0 {
		actions = decode[struct{ Actions []string }](b.t, b.do(request{who: who, method: "GET", path: "/projects/" + path})).Actions
	}
	a := b.do(request{who: who, method: "POST", path: "/tokens", body: object{"name": "Panel", "project_id": path, "actions": actions}})
	if a.status != 201 {
		b.t.Fatalf("a token of %s: %d %s", who, a.status, a.text)
	}
	t := decode[struct{ Token, ID string }](b.t, a)
	return t.Token, t.ID
}

// TestToken goes through the life of a token.
func TestToken(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) { o.Access.Now = func() time.Time { return now } })
	own := "/projects/" + string(b.own.scope.Project())
	text, id := b.token("owner", b.own, "lights.control", "readings.read")
	list := func(who string) []api.Token {
		t.Helper()
		return decode[api.Tokens](t, b.do(request{who: who, method: "GET", path: "/tokens"})).Items
	}
	got := list("owner")
	if len(got) != 1 || string(got[0].ID) != id || got[0].Name != "Panel" || !strings.HasPrefix(text, got[0].Shown) || len(got[0].Shown) > 13 ||
		fmt.Sprint(got[0].Actions) != "[project.read readings.read lights.control-granted lights.control]" {
		t.Errorf("listed: %+v", got)
	}
	if len(list("expert")) != 0 {
		t.Error("somebody sees a token of somebody else")
	}
	ask := func(method, path string, body any) answer {
		t.Helper()
		return b.do(request{bearer: text, method: method, path: path, body: body})
	}
	if a := ask("GET", own+"/devices", nil); a.status != 200 {
		t.Errorf("reading: %d %s", a.status, a.text)
	}
	if a := ask("POST", own+"/commands", object{"group": b.own.group, "level": 500}); a.status != 202 {
		t.Errorf("commanding: %d %s", a.status, a.text)
	}
	if a := ask("GET", "/projects", nil); a.status != 200 || strings.Count(a.text, `"id"`) != 1 || !strings.Contains(a.text, string(b.own.scope.Project())) {
		t.Errorf("the projects of a token: %d %s", a.status, a.text)
	}
	wantProblem(t, "what the token does not have", ask("GET", own+"/members", nil), 403, "forbidden")
	if a := ask("GET", own+"/groups", nil); a.status != 200 || list("owner")[0].Used == (api.OrNull[api.Time]{}) {
		t.Errorf("its last use is not known: %d %+v", a.status, list("owner"))
	}
	wantProblem(t, "taken back by somebody else", b.do(request{who: "expert", method: "DELETE", path: "/tokens/" + id}), 404, "not-found")
	if a := b.do(request{who: "owner", method: "DELETE", path: "/tokens/" + id}); a.status != 204 {
		t.Errorf("taking it back: %d %s", a.status, a.text)
	}
	wantProblem(t, "revoked", ask("GET", own, nil), 401, "unauthenticated")

	text, _ = b.token("owner", b.own)
	now = now.Add(90*24*time.Hour - time.Second)
	if a := ask("GET", own, nil); a.status != 200 {
		t.Errorf("before it expires: %d %s", a.status, a.text)
	}
	now = now.Add(time.Second)
	wantProblem(t, "expired", ask("GET", own, nil), 401, "unauthenticated")
	if len(list("owner")) != 0 {
		t.Error("an expired token is listed")
	}
}

// TestTokenNeverGivesMore: not when it is made, and not when its maker loses a right.
func TestTokenNeverGivesMore(t *testing.T) {
	b := newBench(t)
	id := string(b.own.scope.Project())
	make := func(who, project string, actions ...string) answer {
		return b.do(request{who: who, method: "POST", path: "/tokens", body: object{"name": "Panel", "project_id": project, "actions": actions}})
	}
	wantProblem(t, "a right that its maker does not have", make("viewer", id, "lights.control"), 403, "forbidden")
	wantProblem(t, "an owner's right", make("expert", id, "members.manage"), 403, "forbidden")
	wantProblem(t, "another project", make("owner", string(b.other.scope.Project()), "project.read"), 404, "not-found")
	wantProblem(t, "an absent project", make("owner", absent, "project.read"), 404, "not-found")
	wantProblem(t, "a gateway's action", make("owner", id, "gateway.report"), 422, "invalid")
	wantProblem(t, "for too long", b.do(request{who: "owner", method: "POST", path: "/tokens", body: object{
		"name": "Panel", "project_id": id, "actions": []string{}, "expires_in_days": 367,
	}}), 422, "invalid")

	text, _ := b.token("expert", b.own)
	command := func() answer {
		return b.do(request{bearer: text, method: "POST", path: "/projects/" + id + "/commands", body: object{"group": b.own.group, "on": true}})
	}
	if a := command(); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	set := func(body object) {
		t.Helper()
		if a := b.do(request{who: "owner", method: "PUT", path: "/projects/" + id + "/members/account-of-expert", body: body}); a.status != 200 {
			t.Fatal(a.text)
		}
	}
	set(object{"role": "viewer"})
	wantProblem(t, "its maker became a viewer", command(), 403, "forbidden")
	set(object{"role": "user", "groups": []any{b.own.group}})
	if a := command(); a.status != 202 {
		t.Errorf("its maker was granted the group: %d %s", a.status, a.text)
	}
	if a := b.do(request{who: "owner", method: "DELETE", path: "/projects/" + id + "/members/account-of-expert"}); a.status != 204 {
		t.Fatal(a.text)
	}
	wantProblem(t, "its maker was removed", command(), 404, "not-found")
	if a := b.do(request{bearer: text, method: "GET", path: "/projects"}); a.status != 200 || strings.Contains(a.text, id) {
		t.Errorf("the projects of a token without one: %d %s", a.status, a.text)
	}
}

// TestTokenIsNoSession: what is about an account is its person's, and whoever bears a token
// is not helped by a cookie that comes along.
func TestTokenIsNoSession(t *testing.T) {
	b := newBench(t)
	text, _ := b.token("owner", b.own)
	for _, o := range b.operations() {
		if !o.secured || strings.HasPrefix(o.path, "/projects") && (o.path != "/projects" || o.method == "GET") {
			continue
		}
		for _, cookie := range []string{"nobody", "owner"} {
			a := b.do(request{who: cookie, bearer: text, method: o.method, path: o.path, body: object{}})
			wantProblem(t, o.id+" with a token", a, 403, "forbidden")
		}
	}
	for name, header := range map[string]string{
		"wrong": "Bearer " + access.Prefix + strings.Repeat("A", 43), "of a session": "Bearer " + b.tokens["owner"], "without prefix": "Bearer " + strings.TrimPrefix(text, access.Prefix),
		"another scheme": "Basic b3duZXI6b3duZXI=", "empty": "Bearer ", "no scheme": text, "longer": "Bearer " + text + "A",
	} {
		for _, cookie := range []string{"nobody", "owner"} {
			a := b.do(request{who: cookie, method: "GET", path: "/projects", header: http.Header{"Authorization": {header}}})
			wantProblem(t, name+", with the cookie of "+cookie, a, 401, "unauthenticated")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: no challenge", name)
			}
		}
	}
	if a := b.do(request{method: "GET", path: "/projects", header: http.Header{"Authorization": {"bearer " + text}}}); a.status != 200 {
		t.Errorf("the scheme in small letters: %d", a.status)
	}
	two := b.do(request{method: "GET", path: "/projects", header: http.Header{"Authorization": {"Bearer " + text, "Bearer " + text}}})
	wantProblem(t, "two tokens", two, 401, "unauthenticated")
}

func TestTokensAreBounded(t *testing.T) {
	b := newBench(t)
	for range access.MaxTokens {
		b.token("viewer", b.own, "project.read")
	}
	a := b.do(request{who: "viewer", method: "POST", path: "/tokens", body: object{
		"name": "Panel", "project_id": b.own.scope.Project(), "actions": []string{},
	}})
	wantProblem(t, "one more", a, 429, "too-many")
	b.token("owner", b.own)
}

// TestTokensDoNotPrint: neither the log nor the databases have the text of a token.
func TestTokensDoNotPrint(t *testing.T) {
	b := newBench(t)
	_, secret, err := b.Access.Make(t.Context(), project.Caller{Account: id("owner")}, access.New{Project: b.own.scope.Project(), Name: "Panel", Life: time.Hour})
	must(t, err)
	text, err := secret.MarshalText()
	for _, printed := range []string{fmt.Sprint(secret), fmt.Sprintf("%+v %#v %s %x", secret, secret, secret, secret), secret.LogValue().String(), string(text)} {
		if strings.Contains(printed, secret.Reveal()[len(access.Prefix):]) {
			t.Errorf("printed: %s", printed)
		}
	}
	if err == nil {
		t.Error("a secret was encoded")
	}
	b.do(request{bearer: secret.Reveal(), method: "GET", path: "/tokens"})
	if strings.Contains(b.log.String(), secret.Reveal()[len(access.Prefix):]) {
		t.Error("a token is in the log")
	}
}
