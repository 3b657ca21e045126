package api_test

import (
	"archive/zip"
	"io"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/project"
)

// ada makes Ada's account, who belongs to the own project in a role, and signs her in.
func (b *bench) ada(role sconce.Role) sconce.AccountID {
	b.t.Helper()
	b.createAda()
	a, err := b.people.AccountOf(b.t.Context(), email)
	must(b.t, err)
	must(b.t, b.projects.SetMember(b.t.Context(), b.own.scope, project.Member{Account: a.ID, Role: role}))
	b.signedInAs("ada", password)
	return a.ID
}

// TestCorrection changes what somebody is called.
func TestCorrection(t *testing.T) {
	b := newBench(t)
	id := b.ada(sconce.Viewer)
	put := func(who, name, country string) answer {
		return b.do(request{who: who, method: "PUT", path: "/account", body: object{"name": name, "country": country}})
	}
	if got := decode[api.OwnAccount](t, put("ada", " Ada Lovelace ", "GB")); got.Name != "Ada Lovelace" || got.Country != "GB" || got.Email != email {
		t.Errorf("corrected: %+v", got)
	}
	if got := decode[api.OwnAccount](t, b.do(request{who: "ada", method: "GET", path: "/account"})); got.Name != "Ada Lovelace" || got.Country != "GB" {
		t.Errorf("read again: %+v", got)
	}
	wantProblem(t, "a country of three letters", put("ada", "Ada", "GBR"), 422, "invalid")
	wantProblem(t, "a name on two lines", put("ada", "Ada\nLovelace", "GB"), 422, "invalid")
	wantProblem(t, "somebody who is not signed in", put("nobody", "Ada", "GB"), 401, "unauthenticated")
	b.wantLogged(audit.AccountCorrected, id)
}

// wantLogged fails the test unless the newest entry of people is of an action of somebody.
func (b *bench) wantLogged(action audit.Action, who sconce.AccountID) {
	b.t.Helper()
	all, err := b.store.SecurityLog().Newest(b.t.Context(), audit.People, 1<<62, 1)
	if err != nil || len(all) != 1 || all[0].Action != action || all[0].Who != audit.Account(who) {
		b.t.Errorf("the newest entry is %+v, %v; want %s", all, err, action)
	}
}

// TestExport takes a copy, which needs the password, is recorded and limited.
func TestExport(t *testing.T) {
	b := newBench(t)
	id := b.ada(sconce.Viewer)
	post := func(password string) answer {
		return b.do(request{who: "ada", method: "POST", path: "/account/export", body: object{"password": password}})
	}
	wantProblem(t, "a wrong password", post(password+"x"), 403, "forbidden")
	a := post(password)
	if a.status != 200 || a.header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	z, err := zip.NewReader(strings.NewReader(a.text), int64(len(a.text)))
	must(t, err)
	texts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		texts[f.Name] = string(text)
	}
	if len(texts) != 2 || !strings.Contains(texts["README.txt"], "account.json") || texts["account.json"] != "{\n  \"email\": \""+email+"\"\n}\n" {
		t.Errorf("files %q", texts)
	}
	b.wantLogged(audit.AccountExported, id)
	for range 4 {
		if a := post(password); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	wantProblem(t, "a sixth copy in a day", post(password), 429, "too-many")
}

// TestErasure forgets somebody, who then is nowhere but as a number in the log.
func TestErasure(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	id := b.ada(sconce.Owner)
	invite := b.asOwner("POST", "/invitations", object{"email": email, "role": "viewer", "groups": []string{}}) // waits for her
	if invite.status != 201 {
		t.Fatalf("%d %s", invite.status, invite.text)
	}
	must(t, b.store.Support().AddOperator(ctx, id, audit.Event{Who: audit.Operator, Action: audit.OperatorMade, Result: audit.Done}))
	must(t, b.projects.SetMember(ctx, b.other.scope, project.Member{Account: id, Role: sconce.Viewer}))
	own, err := b.projects.Create(ctx, project.Caller{Account: id}, project.NewProject{Name: "Engine room"})
	must(t, err)
	erase := func(password string) answer {
		return b.do(request{who: "ada", method: "POST", path: "/account/erasure", body: object{"password": password}})
	}
	wantProblem(t, "a wrong password", erase(password+"x"), 403, "forbidden")
	p := wantProblem(t, "the only owner of a project", erase(password), 409, "conflict")
	if !strings.Contains(p.Detail, `"Engine room"`) || strings.Contains(p.Detail, "Office") {
		t.Errorf("it says %q", p.Detail)
	}
	if all, err := b.projects.List(ctx, id, "", 10); err != nil || len(all) != 3 {
		t.Errorf("after it was refused she has %d projects, %v", len(all), err)
	}
	scope, err := b.projects.Enter(ctx, project.Caller{Account: id}, own.ID)
	must(t, err)
	must(t, b.projects.SetMember(ctx, scope, project.Member{Account: sconce.AccountID("account-of-expert"), Role: sconce.Owner}))

	a := erase(password)
	if a.status != 204 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Fatalf("%d %s %v", a.status, a.text, a.header)
	}
	b.wantLogged(audit.AccountErased, id)
	wantProblem(t, "her session", b.do(request{who: "ada", method: "GET", path: "/account"}), 401, "unauthenticated")
	wantProblem(t, "signing in", b.do(signIn(password, false)), 401, "unauthenticated")
	if found, err := b.people.Accounts(ctx, []sconce.AccountID{id}); err != nil || len(found) != 0 {
		t.Errorf("her account is %v, %v", found, err)
	}
	if all, err := b.projects.List(ctx, id, "", 10); err != nil || len(all) != 0 {
		t.Errorf("she has %d projects, %v", len(all), err)
	}
	if is, err := b.store.Support().IsOperator(ctx, id); err != nil || is {
		t.Errorf("she is an operator: %v, %v", is, err)
	}
	if waiting, err := b.store.InvitationsTo(ctx, email); err != nil || len(waiting) != 0 {
		t.Errorf("invitations %v, %v", waiting, err)
	}
	entries, err := b.store.EntriesOf(ctx, audit.Account(id), 100)
	must(t, err)
	for _, e := range entries {
		if text := string(e.Who) + e.Target + e.Detail + string(e.Origin); strings.Contains(text, "example.org") || strings.Contains(text, "Ada") {
			t.Errorf("an entry names her: %+v", e)
		}
	}
	if len(entries) < 6 {
		t.Errorf("%d entries", len(entries))
	}
	if l := b.letterTo(email); !strings.Contains(l.Subject, "erased") {
		t.Errorf("the last letter to her is %q", l.Subject)
	}
	b.createAda() // she can come back, as somebody else
	if again, err := b.people.AccountOf(ctx, email); err != nil || again.ID == id {
		t.Errorf("back she is %s, %v", again.ID, err)
	}
}
