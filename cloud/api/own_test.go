package api_test

import (
	"strings"
	"testing"

	"sconce/cloud/api"
)

// signedInAs signs Ada in with a password, and keeps the session under a name.
func (b *bench) signedInAs(name, password string) {
	b.t.Helper()
	b.keep(name, b.do(signIn(password, false)))
}

// keep keeps the session that an answer gives.
func (b *bench) keep(name string, a answer) {
	b.t.Helper()
	cookie := a.header.Get("Set-Cookie")
	if a.status != 201 || !strings.HasPrefix(cookie, "__Host-session=") || decode[api.Admitted](b.t, a).Account.Email != email {
		b.t.Fatalf("%d %s, cookie %q", a.status, a.text, cookie)
	}
	b.tokens[name] = strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-session=")
}

// TestOwnSessions lists sessions and ends them, one and all others.
func TestOwnSessions(t *testing.T) {
	b := newBench(t)
	b.createAda()
	for _, name := range []string{"one", "two", "three"} {
		b.signedInAs(name, password)
	}
	wantProblem(t, "a wrong password", b.do(signIn(password+"x", false)), 401, "unauthenticated")
	b.people.Close() // it is kept after the answer
	list := func(who string) []api.OwnSession {
		t.Helper()
		return decode[api.List[api.OwnSession]](t, b.do(request{who: who, method: "GET", path: "/account/sessions"})).Items
	}
	all, current := list("one"), ""
	for _, n := range all {
		if n.Current {
			current += n.ID
		}
		if n.By != "password" || n.Device != "Another program" {
			t.Errorf("%+v", n)
		}
	}
	if len(all) != 3 || len(current) != 16 {
		t.Fatalf("sessions %+v", all)
	}
	wantProblem(t, "a session of somebody else", b.do(request{who: "owner", method: "DELETE", path: "/account/sessions/" + current}), 404, "not-found")
	if a := b.do(request{who: "two", method: "DELETE", path: "/account/sessions/" + current}); a.status != 204 {
		t.Errorf("ending one: %d %s", a.status, a.text)
	}
	wantProblem(t, "the one that was ended", b.do(request{who: "one", method: "GET", path: "/account"}), 401, "unauthenticated")
	if a := b.do(request{who: "two", method: "DELETE", path: "/account/sessions"}); a.status != 204 {
		t.Errorf("ending the others: %d %s", a.status, a.text)
	}
	wantProblem(t, "another one", b.do(request{who: "three", method: "GET", path: "/account"}), 401, "unauthenticated")
	if all := list("two"); len(all) != 1 || !all[0].Current {
		t.Errorf("sessions that are left: %+v", all)
	}
	history := decode[api.List[api.SignInEntry]](t, b.do(request{who: "two", method: "GET", path: "/account/sign-ins"})).Items
	if len(history) != 4 || !history[0].Refused || history[1].Refused || history[0].By != "password" {
		t.Errorf("history %+v", history)
	}
}

// TestChangePasswordOverTheAPI shows that it gives a new session in place of all others.
func TestChangePasswordOverTheAPI(t *testing.T) {
	b := newBench(t)
	b.createAda()
	b.signedInAs("one", password)
	b.signedInAs("two", password)
	change := func(old, p string) answer {
		return b.do(request{who: "one", method: "POST", path: "/account/password", body: object{"password": old, "new_password": p}})
	}
	wantProblem(t, "a wrong password", change(password+"x", "another horse battery"), 403, "forbidden")
	wantProblem(t, "a leaked one", change(password, "manchesterunited"), 422, "invalid")
	b.keep("new", change(password, "another horse battery"))
	for _, who := range []string{"one", "two"} {
		wantProblem(t, "session "+who, b.do(request{who: who, method: "GET", path: "/account"}), 401, "unauthenticated")
	}
	own := decode[api.OwnAccount](t, b.do(request{who: "new", method: "GET", path: "/account"}))
	if own.Email != email || !own.Password {
		t.Errorf("the account is %+v", own)
	}
}
