package api_test

import (
	"slices"
	"strings"
	"testing"

	"sconce/cloud/project"
)

// needs is what a program of an owner has to be allowed beside seeing the project, to be answered
// as its owner is, by route: all of it, and nothing else. Every route within a project is here or
// among those of the isolation test that a program may not ask at all.
var needs = map[string][]string{
	"get-project": {}, "list-devices": {}, "list-groups": {}, "get-group": {}, "get-command": {}, "list-alerts": {}, "get-alert": {}, "get-home-assistant": {},

	"list-readings": {"readings.read"}, "list-device-events": {"readings.read"}, "get-continuity": {"readings.read"}, "get-metrics": {"readings.read"},
	"get-energy": {"readings.read"}, "get-occupancy": {"readings.read"}, "get-usage": {"readings.read"},
	"get-energy-settings": {"readings.read"}, "get-alert-settings": {"readings.read"}, "get-alert-letters": {"readings.read"},

	"send-command": {"lights.control"},
	"add-device":   {"lights.configure"}, "remove-device": {"lights.configure"}, "replace-device": {"lights.configure"},
	"make-group": {"lights.configure"}, "change-group": {"lights.configure"}, "delete-group": {"lights.configure"},
	"make-network": {"networks.manage"}, "claim-gateway": {"networks.manage"}, "release-gateway": {"networks.manage"},

	"acknowledge-alert": {"alerts.handle"}, "note-alert": {"alerts.handle"},
	"list-webhooks": {"alerts.configure"}, "make-webhook": {"alerts.configure"}, "remove-webhook": {"alerts.configure"}, "test-webhook": {"alerts.configure"},
	"change-alert-settings":  {"readings.read", "alerts.configure"}, // what is changed is what was read
	"change-energy-settings": {"readings.read", "energy.configure"},
	"change-home-assistant":  {"integrations.configure"},
	"export-readings":        {"readings.read", "readings.export"},
	"export-series":          {"readings.read", "readings.export"},
	"measure-export":         {"readings.read", "readings.export"},

	"list-members": {"members.manage"}, "get-member": {"members.manage"}, "change-member": {"members.manage"}, "remove-member": {"members.manage"},
	"list-invitations": {"members.manage"}, "invite": {"members.manage"}, "revoke-invitation": {"members.manage"},
	"list-programs": {"members.manage"}, "end-program": {"members.manage"},
	"list-apps": {"members.manage"}, "register-app": {"members.manage"}, "remove-app": {"members.manage"},
	"list-security-log":    {"security-log.read"},
	"list-project-support": {"support.manage"}, "grant-support": {"support.manage"}, "allow-support": {"support.manage"}, "end-support": {"support.manage"},
}

// TestPrograms: what a token may do is what it was given, route by route: with what a route needs
// a program is answered, and with all but one of that it is refused.
func TestPrograms(t *testing.T) {
	b := newBench(t)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	own := string(b.own.scope.Project())
	all := decode[struct{ Actions []string }](t, b.do(request{who: "owner", method: "GET", path: "/projects/" + own})).Actions
	see := project.ReadProject.Name()
	program := func(actions ...string) string {
		who := programOf + strings.Join(actions, ", ")
		if b.tokens[who] == "" {
			b.tokens[who], _ = b.token("owner", b.own, actions...)
		}
		return who
	}
	// What somebody with granted groups does by the same route, and what is for people alone.
	used := map[string]bool{see: true, "lights.control-granted": true, "project.delete": true}
	rows, routes := b.rows(), 0
	for _, o := range b.operations() {
		path, within := strings.CutPrefix(o.path, "/projects/{project}")
		if !within {
			continue
		}
		r := rows[o.id]
		if r.path == "" {
			r.path = path
		}
		what, ok := needs[o.id]
		if ok == r.inPerson {
			t.Errorf("%s has no row, or is for people alone", o.id)
			continue
		}
		if ok {
			routes++
		}
		t.Run(o.id, func(t *testing.T) {
			b.t = t
			ask := func(who string) answer {
				var body any
				if r.body != nil {
					body = r.body()
				}
				return b.do(request{who: who, method: o.method, path: "/projects/" + own + b.fresh(r.path), body: body})
			}
			if r.inPerson {
				wantProblem(t, "with everything", ask(program(all...)), 403, "forbidden")
				return
			}
			if a := ask(program(append([]string{see}, what...)...)); a.status != r.want["owner"] {
				t.Errorf("with %q: %d %s", what, a.status, a.text)
			}
			for _, missing := range what {
				used[missing] = true
				but := slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == missing })
				wantProblem(t, "without "+missing, ask(program(but...)), 403, "forbidden")
			}
		})
	}
	if routes != len(needs) {
		t.Errorf("%d routes, and %d rows", routes, len(needs))
	}
	for _, a := range all {
		if !used[a] {
			t.Errorf("%s is needed by no route", a)
		}
	}
}
