package api_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
)

// TestAgreements: where the operator has texts, who is signed in agrees to them before anything
// but their own affairs, and again when a text has changed.
func TestAgreements(t *testing.T) {
	folder := fstest.MapFS{
		"terms-2026-01-01.txt":   {Data: []byte("Terms of January")},
		"privacy-2026-01-01.txt": {Data: []byte("<b>Notice</b>")},
	}
	b := newBench(t)
	start := func() {
		t.Helper()
		texts, err := consent.Read(folder)
		must(t, err)
		b = rebuild(t, b, func(o *api.Options) { o.Consent = consent.New(texts, b.store.Agreements(), time.Now) })
	}
	program, _ := b.token("owner", b.own, "project.read")
	b.tokens[programOf+"owner"] = program
	start()
	own := "/projects/" + string(b.own.scope.Project())
	get := func(who, path string) answer { return b.do(request{who: who, method: "GET", path: path}) }
	agree := func(digests ...string) answer {
		return b.do(request{who: "owner", method: "POST", path: "/account/agreements", body: object{"agree": digests}})
	}
	refusedEverywhere := func(what string) {
		t.Helper()
		for _, q := range []request{
			{method: "GET", path: own},
			{method: "GET", path: "/projects"},
			{method: "POST", path: "/projects", body: object{"name": "Mill"}},
			{method: "POST", path: "/mqtt-tokens"},
			{method: "POST", path: "/invitations/accept", body: object{"token": "none"}},
			{method: "POST", path: "/tokens", body: object{"name": "x", "project_id": b.own.scope.Project(), "actions": []string{}}},
		} {
			q.who = "owner"
			wantProblem(t, what+" "+q.path, b.do(q), http.StatusForbidden, "forbidden")
		}
	}
	if listed := decode[api.List[api.OperatorText]](t, get("nobody", "/texts")).Items; len(listed) != 2 || listed[0].Kind != consent.Terms || listed[1].Text != "<b>Notice</b>" {
		t.Errorf("texts %+v", listed)
	}
	refusedEverywhere("before")
	for _, path := range []string{"/account", "/sessions/current", "/account/sessions"} {
		if a := get("owner", path); a.status != http.StatusOK {
			t.Errorf("%s before: %d %s", path, a.status, a.text)
		}
	}
	if a := get(programOf+"owner", own); a.status != http.StatusOK {
		t.Errorf("a program: %d %s", a.status, a.text)
	}
	state := decode[api.Agreements](t, get("owner", "/account/agreements"))
	if len(state.Agreed) != 0 || len(state.Open) != 2 || state.Open[0].Version != "2026-01-01" {
		t.Fatalf("%+v", state)
	}
	wantProblem(t, "to nothing", agree(), http.StatusUnprocessableEntity, "invalid")
	wantProblem(t, "to what is none", agree(state.Open[0].Digest, strings.Repeat("0", 64)), http.StatusConflict, "conflict")
	if now := decode[api.Agreements](t, agree(state.Open[0].Digest)); len(now.Agreed) != 1 || len(now.Open) != 1 {
		t.Errorf("half: %+v", now)
	}
	refusedEverywhere("half")
	if now := decode[api.Agreements](t, agree(state.Open[1].Digest, state.Open[0].Digest)); len(now.Agreed) != 2 || len(now.Open) != 0 {
		t.Errorf("all: %+v", now)
	}
	if a := get("owner", own); a.status != http.StatusOK {
		t.Errorf("then: %d %s", a.status, a.text)
	}
	wantProblem(t, "somebody else", get("expert", own), http.StatusForbidden, "forbidden")

	folder["terms-2026-06-01.txt"] = &fstest.MapFile{Data: []byte("Terms of June")}
	start()
	refusedEverywhere("changed")
	now := decode[api.Agreements](t, get("owner", "/account/agreements"))
	if len(now.Agreed) != 2 || len(now.Open) != 1 || now.Open[0].Text != "Terms of June" {
		t.Errorf("changed: %+v", now)
	}
	wantProblem(t, "to what was", agree(state.Open[0].Digest), http.StatusConflict, "conflict")
	if a := agree(now.Open[0].Digest); a.status != http.StatusOK || get("owner", own).status != http.StatusOK {
		t.Errorf("to what is: %d %s", a.status, a.text)
	}
	log, err := b.store.SecurityLog().Newest(t.Context(), audit.People, 1<<62, 100)
	must(t, err)
	var noted []string
	for _, e := range log {
		if e.Action == audit.AccountAgreed && e.Who == b.own.scope.Subject() {
			noted = append(noted, strings.Join(strings.Fields(e.Detail)[:2], " "))
		}
	}
	if got := strings.Join(noted, ", "); got != "terms 2026-06-01, privacy 2026-01-01, terms 2026-01-01" {
		t.Errorf("the security log has %s", got)
	}
}
