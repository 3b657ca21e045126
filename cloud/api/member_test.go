package api_test

import (
	"slices"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/project"
)

// TestGrantedGroups shows that a user controls the groups that an owner granted, with
// their lights, and nothing else.
func TestGrantedGroups(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	user := own + "/members/" + string(id("user"))
	order := func(what string, target object, want int) {
		t.Helper()
		target["level"] = 500
		if a := b.do(request{who: "user", method: "POST", path: own + "/commands", body: target}); a.status != want {
			t.Errorf("%s: %d %s; want %d", what, a.status, a.text, want)
		}
	}
	sees := func(who, actions string, groups ...string) {
		t.Helper()
		p := decode[struct {
			Actions []string
			Granted []string `json:"granted_groups"`
		}](t, b.do(request{who: who, method: "GET", path: own}))
		if p.Granted == nil || strings.Join(p.Actions, " ") != actions || !slices.Equal(p.Granted, groups) {
			t.Errorf("%s is told %v %v; want %s %v", who, p.Actions, p.Granted, actions, groups)
		}
	}
	set := func(body object) {
		t.Helper()
		if a := b.do(request{who: "owner", method: "PUT", path: user, body: body}); a.status != 200 {
			t.Fatal(a.text)
		}
	}
	other := decode[object](t, b.do(request{who: "owner", method: "POST", path: own + "/groups", body: object{
		"name": "Attic", "network_id": b.own.network, "devices": []sconce.EUI64{b.own.device},
	}}))["id"]

	const controls = "project.read lights.control-granted"
	sees("owner", project.RoleActions(sconce.Owner).String())
	sees("viewer", "project.read readings.read")
	sees("user", controls)
	order("nothing is granted", object{"group": b.own.group}, 403)
	order("nothing is granted, a light", object{"device": b.own.device}, 403)
	set(object{"role": "user", "groups": []any{b.own.group}})
	sees("user", controls, string(b.own.group))
	order("the granted group", object{"group": b.own.group}, 202)
	order("a light of it", object{"device": b.own.device}, 202)
	order("another group", object{"group": other}, 403)
	order("a group of another project", object{"group": b.other.group}, 404)
	set(object{"role": "viewer"})
	sees("user", "project.read readings.read")
	order("a viewer who had groups", object{"group": b.own.group}, 403)
	set(object{"role": "user", "groups": []any{other}})
	order("the other group now", object{"group": other}, 202)
	order("the one of before", object{"group": b.own.group}, 403)
	order("its light is in the other group too", object{"device": b.own.device}, 202)
	if a := b.do(request{who: "owner", method: "DELETE", path: own + "/groups/" + other.(string)}); a.status != 204 {
		t.Fatal(a.text)
	}
	order("after the granted group is gone", object{"device": b.own.device}, 403)
}

// TestMembersAreShown shows names and addresses to owners, and that a change is what the
// answer says.
func TestMembersAreShown(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	a := b.do(request{who: "owner", method: "GET", path: own + "/members"})
	list := decode[struct {
		Items []struct{ Name, Email, Role string }
	}](t, a)
	if len(list.Items) != 4 {
		t.Fatalf("%s", a.text)
	}
	for _, m := range list.Items {
		if m.Name != m.Role || m.Email != m.Role+"@example.org" { // the people of the bench are called so
			t.Errorf("%+v", m)
		}
	}
	last := b.do(request{who: "owner", method: "PUT", path: own + "/members/" + string(id("owner")), body: object{"role": "viewer"}})
	wantProblem(t, "the last owner becomes a viewer", last, 409, "conflict")
	wantProblem(t, "the last owner leaves", b.do(request{who: "owner", method: "DELETE", path: own + "/members/" + string(id("owner"))}), 409, "conflict")
	wantProblem(t, "a role that does not exist", b.do(request{who: "owner", method: "PUT", path: own + "/members/" + string(id("user")), body: object{"role": "king"}}), 422, "invalid")
	if a := b.do(request{who: "user", method: "DELETE", path: own + "/members/" + string(id("user"))}); a.status != 204 {
		t.Errorf("leaving: %d %s", a.status, a.text)
	}
	wantProblem(t, "who left", b.do(request{who: "user", method: "GET", path: own}), 404, "not-found")
}
