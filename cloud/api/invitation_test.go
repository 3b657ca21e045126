package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/invitation"
	"sconce/cloud/mail"
	"sconce/cloud/project"
)

// letterTo returns the newest letter to an address.
func (b *bench) letterTo(email string) mail.Letter {
	b.t.Helper()
	for _, l := range b.delivered() {
		if l.To == email {
			return l
		}
	}
	b.t.Fatalf("there is no letter to %s", email)
	return mail.Letter{}
}

// TestInvitation shows that an invitation gives exactly what it offers, to the one who has
// its letter and its address, once.
func TestInvitation(t *testing.T) {
	b := newBench(t)
	b.account("guest")
	own := "/projects/" + string(b.own.scope.Project())
	invite := func(body object) answer {
		return b.do(request{who: "owner", method: "POST", path: own + "/invitations", body: body})
	}
	acceptOnce := func(who, token string) answer {
		return b.do(request{
			who: who, method: "POST", path: "/invitations/accept", body: object{"token": token}, header: http.Header{"Idempotency-Key": {`"joining"`}},
		})
	}
	accept := func(who, token string) answer {
		return b.do(request{who: who, method: "POST", path: "/invitations/accept", body: object{"token": token}})
	}
	offer := object{"email": " Guest@example.org", "role": "user", "groups": []sconce.GroupID{b.own.group}}
	if a := invite(offer); a.status != 201 || !strings.Contains(a.text, "guest@example.org") {
		t.Fatalf("%d %s", a.status, a.text)
	}
	list := b.do(request{who: "owner", method: "GET", path: own + "/invitations"})
	if n := strings.Count(list.text, "guest@example.org"); n != 1 || strings.Contains(list.text, "token") {
		t.Errorf("the list: %s", list.text)
	}
	letter := b.letterTo("guest@example.org")
	token := tokenIn(letter)
	if !strings.Contains(letter.Subject, "Project of owner") || !strings.Contains(letter.Text, "/invitation#") || !strings.Contains(letter.Text, "as user") {
		t.Errorf("the letter: %+v", letter)
	}
	wantProblem(t, "who is not signed in", accept("", token), 401, "unauthenticated")
	wantProblem(t, "another person with the link", accept("stranger", token), 403, "forbidden")
	for _, wrong := range []string{"", "x", strings.Repeat("A", 43)} {
		wantProblem(t, "the token "+wrong, accept("guest", wrong), 404, "not-found")
	}
	for range 2 { // the second time by somebody who did not get the answer
		if a := acceptOnce("guest", token); a.status != 200 || !strings.Contains(a.text, string(b.own.scope.Project())) {
			t.Fatalf("accepting: %d %s", a.status, a.text)
		}
	}
	wantProblem(t, "the answer of somebody else", acceptOnce("stranger", token), 404, "not-found")
	wantProblem(t, "a second time", accept("guest", token), 404, "not-found")
	order := object{"group": b.own.group, "level": 500}
	if a := b.do(request{who: "guest", method: "POST", path: own + "/commands", body: order}); a.status != 202 {
		t.Errorf("controlling the offered group: %d %s", a.status, a.text)
	}
	wantProblem(t, "what was not offered", b.do(request{who: "guest", method: "GET", path: own + "/members"}), 403, "forbidden")
	if list := b.do(request{who: "owner", method: "GET", path: own + "/invitations"}); strings.Contains(list.text, "guest@") {
		t.Errorf("the list, after: %s", list.text)
	}

	if a := invite(offer); a.status != 201 {
		t.Fatal(a.text)
	}
	token = tokenIn(b.letterTo("guest@example.org"))
	wantProblem(t, "a member already", accept("guest", token), 409, "conflict")
}

// TestInvitationEnds shows that one that was taken back, or is a week old, opens nothing.
func TestInvitationEnds(t *testing.T) {
	b := newBench(t)
	b.account("guest")
	own := "/projects/" + string(b.own.scope.Project())
	invite := func() (id, token string) {
		t.Helper()
		a := b.do(request{who: "owner", method: "POST", path: own + "/invitations", body: object{"email": "guest@example.org", "role": "owner"}})
		if a.status != 201 {
			t.Fatal(a.text)
		}
		return decode[object](t, a)["id"].(string), tokenIn(b.letterTo("guest@example.org"))
	}
	accept := func(token string) answer {
		return b.do(request{who: "guest", method: "POST", path: "/invitations/accept", body: object{"token": token}})
	}
	id, token := invite()
	if a := b.do(request{who: "owner", method: "DELETE", path: own + "/invitations/" + id}); a.status != 204 {
		t.Fatal(a.text)
	}
	wantProblem(t, "taken back", accept(token), 404, "not-found")
	_, token = invite()
	b = rebuild(t, b, func(o *api.Options) {
		later := *o.Invitations
		later.Now = func() time.Time { return time.Now().Add(invitation.Life) }
		o.Invitations = &later
	})
	wantProblem(t, "a week later", accept(token), 404, "not-found")
	if list := b.do(request{who: "owner", method: "GET", path: own + "/invitations"}); strings.Contains(list.text, "guest@") {
		t.Errorf("the list, a week later: %s", list.text)
	}
	wantProblem(t, "who is not a member", b.do(request{who: "guest", method: "GET", path: own}), 404, "not-found")
}

// TestInvitationsAreBounded shows the limits: of open invitations, and of letters to one
// address; and that bad offers are refused.
func TestInvitationsAreBounded(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	invite := func(body object) answer {
		return b.do(request{who: "owner", method: "POST", path: own + "/invitations", body: body})
	}
	for name, bad := range map[string]object{
		"no address": {"email": "guest", "role": "viewer"}, "no role": {"email": "guest@example.org", "role": "king"},
		"groups of a viewer": {"email": "guest@example.org", "role": "viewer", "groups": []sconce.GroupID{b.own.group}},
	} {
		wantProblem(t, name, invite(bad), 422, "invalid")
	}
	for range 5 {
		if a := invite(object{"email": "guest@example.org", "role": "viewer"}); a.status != 201 {
			t.Fatal(a.text)
		}
	}
	wantProblem(t, "a sixth letter in an hour", invite(object{"email": "guest@example.org", "role": "viewer"}), 429, "too-many")
	list := decode[struct{ Items []object }](t, b.do(request{who: "owner", method: "GET", path: own + "/invitations"}))
	if len(list.Items) != 5 {
		t.Errorf("%d invitations are open, want the 5 that have letters", len(list.Items))
	}
	for i := len(list.Items); i < invitation.MaxOpen; i++ {
		now := time.Now()
		must(t, b.store.Invitations().CreateInvitation(context.Background(), b.own.scope, invitation.Invitation{
			ID: invitation.ID(rune(i)), Token: [32]byte{byte(i)}, Offer: memberOf(sconce.Viewer), Made: now, Expires: now.Add(time.Hour),
		}, invitation.MaxOpen))
	}
	wantProblem(t, "one more", invite(object{"email": "another@example.org", "role": "viewer"}), 429, "too-many")
}

func memberOf(r sconce.Role) project.Member { return project.Member{Role: r} }
