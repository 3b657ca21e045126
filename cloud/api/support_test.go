package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/project"
	"sconce/cloud/support"
)

// askSupport returns a new support grant of a project that the operator of the bench
// asks for, and forgets the one before.
func (b *bench) askSupport(e estate) string {
	b.t.Helper()
	ask := func() answer {
		return b.do(request{who: "operator", method: "POST", path: "/support-grants", body: supportWish(e.scope.Project())})
	}
	a := ask()
	if a.status == 429 { // many were asked for
		all, err := b.Support.List(b.t.Context(), e.scope)
		must(b.t, err)
		for _, g := range all {
			if s := b.Support.StateOf(g); s == support.Active || s == support.Asked {
				must(b.t, b.Support.End(b.t.Context(), e.scope, g.ID))
			}
		}
		a = ask()
	}
	if a.status != 201 {
		b.t.Fatalf("asking for support: %d %s", a.status, a.text)
	}
	return fmt.Sprint(decode[object](b.t, a)["id"])
}

func supportWish(id sconce.ProjectID) object {
	return object{"project_id": id, "access": "read", "hours": 2, "reason": "lights that do not answer"}
}

func supportGrant() any {
	return object{"operator_email": "operator@example.org", "access": "read", "hours": 2, "reason": "lights that do not answer"}
}

// supportBench is a bench with two operators and the time as its test wants it.
type supportBench struct {
	*bench
	own   string        // path of the own project
	later time.Duration // how far the clock of support is ahead
}

func newSupportBench(t *testing.T) *supportBench {
	t.Helper()
	s := &supportBench{}
	s.bench = newBench(t)
	now := func() time.Time { return time.Now().Add(s.later) }
	s.projects = project.New(s.store.Projects(), now)
	s.bench = rebuild(t, s.bench, func(o *api.Options) {
		o.Projects, o.Support = s.projects, support.New(s.store.Support(), s.people, s.vault, now)
	})
	s.own = "/projects/" + string(s.bench.own.scope.Project())
	for _, who := range []string{"operator", "second"} {
		s.account(who)
		must(t, s.Support.AddOperator(t.Context(), id(who)))
	}
	return s
}

func (s *supportBench) as(who, method, path string, body any) answer {
	s.t.Helper()
	return s.do(request{who: who, method: method, path: path, body: body})
}

// grant lets the operator in, as the owner, and returns the grant's identifier.
func (s *supportBench) grant(access string, hours int) string {
	s.t.Helper()
	a := s.as("owner", "POST", s.own+"/support-grants", object{
		"operator_email": "Operator@example.org", "access": access, "hours": hours, "reason": "lights that do not answer",
	})
	if a.status != 201 {
		s.t.Fatalf("%d %s", a.status, a.text)
	}
	return decode[object](s.t, a)["id"].(string)
}

// TestSupport shows that being an operator opens nothing, and that an owner's grant opens
// the project to the operator it names, as far and as long as it says.
func TestSupport(t *testing.T) {
	s := newSupportBench(t)
	see := func(who string) answer { return s.as(who, "GET", s.own, nil) }
	change := func(who string) answer { return s.as(who, "POST", s.own+"/networks", object{"name": "Attic"}) }

	wantProblem(t, "an operator without a grant", see("operator"), 404, "not-found")
	grant := s.grant("read", 2)
	if a := see("operator"); a.status != 200 || !strings.Contains(a.text, `"support_until":"2`) || !strings.Contains(a.text, `"role":"viewer"`) {
		t.Errorf("with a grant: %d %s", a.status, a.text)
	}
	if a := see("owner"); !strings.Contains(a.text, `"support_until":null`) {
		t.Errorf("a member: %s", a.text)
	}
	wantProblem(t, "another operator", see("second"), 404, "not-found")
	token := object{"project_id": s.bench.own.scope.Project(), "name": "Panel", "actions": []string{"project.read"}}
	wantProblem(t, "a token for a program", s.as("operator", "POST", "/tokens", token), 404, "not-found")
	wantProblem(t, "changing with a grant to read", change("operator"), 403, "forbidden")
	wantProblem(t, "another project", s.as("operator", "GET", "/projects/"+string(s.other.scope.Project()), nil), 404, "not-found")

	letter := s.letterTo("owner@example.org")
	for _, part := range []string{"operator, an operator of", "Project of owner", "to look only", "lights that do not answer", s.own[1:] + "/support"} {
		if !strings.Contains(letter.Text, part) {
			t.Errorf("the letter to the owner has no %q: %s", part, letter.Text)
		}
	}

	if a := s.as("owner", "DELETE", s.own+"/support-grants/"+grant, nil); a.status != 204 {
		t.Errorf("ending it: %d %s", a.status, a.text)
	}
	wantProblem(t, "after its end", see("operator"), 404, "not-found")
	wantProblem(t, "ending it again", s.as("owner", "DELETE", s.own+"/support-grants/"+grant, nil), 409, "conflict")

	s.grant("write", 24)
	if a := change("operator"); a.status != 201 {
		t.Errorf("changing with a grant to write: %d %s", a.status, a.text)
	}
	for _, path := range []string{"/members", "/invitations", "/security-log", "/support-grants"} {
		wantProblem(t, "people: "+path, s.as("operator", "GET", s.own+path, nil), 403, "forbidden")
	}
	s.later = 24*time.Hour - time.Minute
	if a := see("operator"); a.status != 200 {
		t.Errorf("a minute before its end: %d", a.status)
	}
	s.later = 24 * time.Hour
	wantProblem(t, "after a day", see("operator"), 404, "not-found")

	list := decode[struct{ Items []struct{ State string } }](t, s.as("owner", "GET", s.own+"/support-grants", nil))
	if len(list.Items) != 2 || list.Items[0].State != "expired" || list.Items[1].State != "ended" {
		t.Errorf("the owner sees: %+v", list)
	}
}

// TestSupportForAnIncident shows that it takes two different operators, and that the
// owner learns of it and can end it.
func TestSupportForAnIncident(t *testing.T) {
	s := newSupportBench(t)
	s.account("guest")
	ask := func(who string) answer {
		return s.as(who, "POST", "/support-grants", supportWish(s.bench.own.scope.Project()))
	}
	approve := func(who, grant string) answer { return s.as(who, "POST", "/support-grants/"+grant+"/approval", nil) }

	wantProblem(t, "who is no operator asks", ask("guest"), 403, "forbidden")
	a := ask("operator")
	if a.status != 201 || !strings.Contains(a.text, `"state":"asked"`) {
		t.Fatalf("%d %s", a.status, a.text)
	}
	grant := decode[object](t, a)["id"].(string)
	wantProblem(t, "what is only asked for", s.as("operator", "GET", s.own, nil), 404, "not-found")
	wantProblem(t, "who asked approves", approve("operator", grant), 403, "forbidden")
	wantProblem(t, "who is no operator approves", approve("guest", grant), 403, "forbidden")
	wantProblem(t, "the owner as an operator", approve("owner", grant), 403, "forbidden")
	wantProblem(t, "what is not there", approve("second", "none"), 404, "not-found")
	if a := approve("second", grant); a.status != 200 || !strings.Contains(a.text, `"state":"active"`) {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if letter := s.letterTo("owner@example.org"); !strings.Contains(letter.Subject, "Project of owner") {
		t.Errorf("the letter: %+v", letter)
	}
	wantProblem(t, "a second time", approve("second", grant), 409, "conflict")
	if a := s.as("operator", "GET", s.own, nil); a.status != 200 {
		t.Errorf("the operator: %d %s", a.status, a.text)
	}
	wantProblem(t, "who approved", s.as("second", "GET", s.own, nil), 404, "not-found")

	mine := s.as("operator", "GET", "/support-grants", nil)
	if !strings.Contains(mine.text, `"operator":true`) || !strings.Contains(mine.text, grant) {
		t.Errorf("the operator's list: %s", mine.text)
	}
	if a := s.as("guest", "GET", "/support-grants", nil); a.text != "{\"operator\":false,\"items\":[]}\n" {
		t.Errorf("who is no operator sees: %s", a.text)
	}
	wantProblem(t, "another gives it back", s.as("second", "DELETE", "/support-grants/"+grant, nil), 404, "not-found")
	if a := s.as("operator", "DELETE", "/support-grants/"+grant, nil); a.status != 204 {
		t.Errorf("giving it back: %d %s", a.status, a.text)
	}
	wantProblem(t, "after that", s.as("operator", "GET", s.own, nil), 404, "not-found")

	grant = decode[object](t, ask("operator"))["id"].(string)
	s.later = support.AskLife
	wantProblem(t, "what was asked for a day ago", approve("second", grant), 409, "conflict")
	s.later = 0
	if a := s.as("owner", "POST", s.own+"/support-grants/"+grant+"/approval", nil); a.status != 200 {
		t.Errorf("the owner allows it: %d %s", a.status, a.text)
	}
	must(t, s.Support.RemoveOperator(t.Context(), id("operator")))
	wantProblem(t, "who is no operator any more", s.as("operator", "GET", s.own, nil), 404, "not-found")
	wantProblem(t, "naming them", s.as("owner", "POST", s.own+"/support-grants", supportGrant()), 404, "not-found")
}

// TestSupportIsLogged shows that each use is in the security log of the project, changes
// and refusals one by one, and the rest within bounds.
func TestSupportIsLogged(t *testing.T) {
	s := newSupportBench(t)
	grant := s.grant("write", 2)
	for range 5 {
		s.as("operator", "GET", s.own, nil)
		s.as("operator", "GET", s.own+"/devices", nil)
	}
	for range 2 {
		s.as("operator", "POST", s.own+"/networks", object{"name": "Attic"})
	}
	s.as("operator", "GET", s.own+"/members", nil)
	s.as("operator", "POST", "/mqtt-tokens", nil)
	s.later = 10 * time.Minute
	s.as("operator", "GET", s.own, nil)
	var said []string
	for _, e := range s.securityLog("").Items {
		if e.Who == "account:"+string(id("operator")) {
			said = append(said, e.Action+" "+e.Target)
			if !strings.Contains(e.Detail, "support:"+grant) && e.Result == "done" || !strings.HasPrefix(e.Origin, "session:") {
				t.Errorf("it does not say by which grant, or from where: %+v", e)
			}
		}
	}
	slices.Reverse(said)
	for i := range said {
		said[i], _, _ = strings.Cut(said[i], " network:")
	}
	want := []string{
		"support.used get-project", "support.used list-devices", "support.used make-network", "network.made", "network.made",
		"support.used list-members", "access.refused list-members", "support.used receive-live-data", "support.used get-project",
	}
	if !slices.Equal(said, want) {
		t.Errorf("the log says\n%q, want\n%q", said, want)
	}
	all := fmt.Sprint(s.securityLog("").Items)
	if !strings.Contains(all, "support.granted support:"+grant) || strings.Contains(all, "do not answer") {
		t.Errorf("the log lacks the grant, or has what people wrote: %s", all)
	}
}

// TestSupportReceives shows that the live data of the project come and end with the grant.
func TestSupportReceives(t *testing.T) {
	s := newSupportBench(t)
	ids := func() []sconce.ProjectID {
		t.Helper()
		all, err := s.projects.ProjectIDs(t.Context(), id("operator"))
		must(t, err)
		return all
	}
	if got := ids(); len(got) != 0 {
		t.Errorf("without a grant: %v", got)
	}
	grant := s.grant("read", 1)
	s.grant("write", 1)
	if got := ids(); !slices.Equal(got, []sconce.ProjectID{s.bench.own.scope.Project()}) {
		t.Errorf("with two: %v", got)
	}
	s.as("owner", "DELETE", s.own+"/support-grants/"+grant, nil)
	s.later = time.Hour
	if got := ids(); len(got) != 0 {
		t.Errorf("afterwards: %v", got)
	}
}

// TestSupportIsBounded shows the limits, and that bad wishes are refused at their fields.
func TestSupportIsBounded(t *testing.T) {
	s := newSupportBench(t)
	try := func(change object) answer {
		body := supportGrant().(object)
		for k, v := range change {
			body[k] = v
		}
		return s.as("owner", "POST", s.own+"/support-grants", body)
	}
	for name, c := range map[string]object{
		"no hours": {"hours": 0}, "too long": {"hours": 25}, "no reason": {"reason": " "}, "two lines": {"reason": "a\nb"},
		"another access": {"access": "own"}, "no address": {"operator_email": "operator"}, "endless": {"reason": strings.Repeat("x", 501)},
	} {
		wantProblem(t, name, try(c), 422, "invalid")
	}
	unknown := wantProblem(t, "who has no account", try(object{"operator_email": "nobody@example.org"}), 404, "not-found")
	known := wantProblem(t, "who is no operator", try(object{"operator_email": "viewer@example.org"}), 404, "not-found")
	if unknown.Detail != known.Detail {
		t.Errorf("one can tell who has an account: %q, %q", unknown.Detail, known.Detail)
	}
	for range support.MaxOpen {
		if a := try(nil); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	wantProblem(t, "one more", try(nil), 429, "too-many")
	for range 10 {
		try(object{"operator_email": "nobody@example.org"})
	}
	wantProblem(t, "guessing", try(object{"operator_email": "nobody@example.org"}), 429, "too-many")
}

// unwritten is a store of projects in which uses of support grants cannot be written.
type unwritten struct{ project.Store }

func (unwritten) UseSupport(context.Context, project.Scope, string) error {
	return errors.New("the disk is full")
}

// TestSupportNeedsItsLog shows that nobody enters whose use cannot be written.
func TestSupportNeedsItsLog(t *testing.T) {
	s := newSupportBench(t)
	s.grant("read", 1)
	broken := rebuild(t, s.bench, func(o *api.Options) { o.Projects = project.New(unwritten{s.store.Projects()}, time.Now) })
	for range 2 {
		wantProblem(t, "without a log", broken.do(request{who: "operator", method: "GET", path: s.own}), 500, "internal")
		wantProblem(t, "live data", broken.do(request{who: "operator", method: "POST", path: "/mqtt-tokens"}), 500, "internal")
	}
}
