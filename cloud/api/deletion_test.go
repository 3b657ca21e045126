package api_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/deletion"
	"sconce/cloud/project"
)

// TestDeletionOverTheAPI: an owner who says the project's name and proves who they are asks for
// its end, all members see it, all owners get a letter, and another owner takes it back.
func TestDeletionOverTheAPI(t *testing.T) {
	b := newBench(t)
	b.createAda()
	b.signedInAs("ada", password)
	made := decode[object](t, b.do(request{who: "ada", method: "POST", path: "/projects", body: object{"name": "Old mill"}}))
	path := "/projects/" + made["id"].(string)
	b.account("second")
	b.account("guest")
	ada, err := b.people.AccountOf(t.Context(), email)
	must(t, err)
	scope, err := b.projects.Enter(t.Context(), project.Caller{Account: ada.ID}, sconce.ProjectID(made["id"].(string)))
	must(t, err)
	for who, role := range map[string]sconce.Role{"second": sconce.Owner, "guest": sconce.Viewer} {
		must(t, b.projects.SetMember(t.Context(), scope, project.Member{Account: id(who), Role: role}))
	}
	ask := func(who string, body object) answer {
		return b.do(request{who: who, method: "PUT", path: path + "/deletion", body: body})
	}
	wrong := wantProblem(t, "another name", ask("ada", object{"name": "old mill", "password": password}), http.StatusUnprocessableEntity, "invalid")
	if len(wrong.Errors) != 1 || wrong.Errors[0].Location != "body.name" {
		t.Errorf("another name: %+v", wrong)
	}
	wantProblem(t, "another password", ask("ada", object{"name": "Old mill", "password": "something else"}), http.StatusForbidden, "forbidden")
	wantProblem(t, "no owner", ask("guest", object{"name": "Old mill", "password": ""}), http.StatusForbidden, "forbidden")
	if got := decode[object](t, b.do(request{who: "guest", method: "GET", path: path})); got["deletion"] != nil {
		t.Errorf("nothing was done, and members see %v", got["deletion"])
	}
	a := ask("ada", object{"name": " Old mill ", "password": password})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	d := decode[object](t, b.do(request{who: "guest", method: "GET", path: path}))["deletion"].(object)
	due, err := time.Parse(time.RFC3339, d["due_at"].(string))
	if left := time.Until(due); err != nil || left > deletion.Pause || left < deletion.Pause-time.Minute {
		t.Errorf("members see %v", d)
	}
	wantProblem(t, "asked twice", ask("ada", object{"name": "Old mill", "password": password}), http.StatusConflict, "conflict")
	wantProblem(t, "kept by a viewer", b.do(request{who: "guest", method: "DELETE", path: path + "/deletion"}), http.StatusForbidden, "forbidden")
	if a := b.do(request{who: "second", method: "DELETE", path: path + "/deletion"}); a.status != http.StatusNoContent {
		t.Errorf("kept: %d %s", a.status, a.text)
	}
	wantProblem(t, "kept twice", b.do(request{who: "second", method: "DELETE", path: path + "/deletion"}), http.StatusNotFound, "not-found")

	got := map[string]int{}
	for _, l := range b.delivered() {
		if !strings.Contains(l.Text, path[1:]+"/data") || !strings.Contains(l.HTML, path[1:]+"/data") {
			t.Errorf("the letter has no link: %s", l.Text)
		}
		subject, _, _ := strings.Cut(l.Subject, " on ")
		got[l.To+": "+subject]++
	}
	want := map[string]int{
		email + ": Old mill will be deleted": 1, "second@example.org: Old mill will be deleted": 1,
		email + ": Old mill will not be deleted": 1, "second@example.org: Old mill will not be deleted": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("letters %v, want %v", got, want)
	}
}
