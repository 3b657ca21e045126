package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/deletion"
	"sconce/cloud/project"
)

const absent = "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f"

// A row says what a route answers to whom. Every route of the OpenAPI document
// needs one.
type row struct {
	path string         // with the parameters of the path filled in, but {project}
	body func() any     // a good one, new for each call
	want map[string]int // status by role in the own project
	// foreign is the same request in the own project, by its owner, with things of
	// the other project in it, and foreignWant the status; nil when it names none.
	foreign     *row
	foreignWant int
	inPerson    bool // a program may not ask it, whatever its maker may
}

// all is a status for everybody who may see the project.
func all(status int) map[string]int {
	return map[string]int{"owner": status, "expert": status, "user": status, "viewer": status}
}

// but is a status for everybody but some roles, who are refused.
func but(status int, refused ...string) map[string]int {
	m := all(status)
	for _, r := range refused {
		m[r] = 403
	}
	return m
}

type object = map[string]any

func (b *bench) rows() map[string]row {
	device := sconce.EUI64(0x1000)
	newDevice := func(e estate) func() any {
		return func() any {
			device++
			return object{
				"network_id": e.network, "eui64": device, "install_code": installCode, "position_name": "Desk",
				"groups": []sconce.GroupID{e.group},
			}
		}
	}
	newGateway := func(network func() sconce.NetworkID) func() any {
		return func() any {
			device++
			b.issue(device, sconce.Gateway)
			return object{"eui64": device, "claim_code": claimCode, "network_id": network()}
		}
	}
	newNetwork := func() sconce.NetworkID {
		n, err := b.projects.CreateNetwork(b.t.Context(), b.own.scope, "Network")
		must(b.t, err)
		return n.ID
	}
	named := func() any { return object{"name": "Name"} }
	order := func(e estate) func() any { return func() any { return object{"group": e.group, "level": 500} } }
	group := func(e estate) func() any {
		return func() any {
			return object{"name": "Room", "network_id": e.network, "devices": []sconce.EUI64{e.device}}
		}
	}
	members := func(e estate) func() any {
		return func() any { return object{"name": "Room", "devices": []sconce.EUI64{e.device}} }
	}
	replacement := func() any {
		device++
		return object{"eui64": device, "install_code": installCode}
	}
	own, other := b.own, b.other
	period := "?from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z"
	readings := func(e estate) string { return "/readings?metric=active_power&device=" + e.device.String() }

	return map[string]row{
		"get-project":  {want: all(200)},
		"make-network": {body: named, want: but(201, "user", "viewer")},
		"claim-gateway": {
			body: newGateway(newNetwork), want: but(201, "user", "viewer"),
			foreign: &row{body: newGateway(func() sconce.NetworkID { return other.network })}, foreignWant: 404,
		},
		"get-continuity": {
			path: "/gateways/" + own.gateway.String() + "/continuity", want: but(200, "user"),
			foreign: &row{path: "/gateways/" + other.gateway.String() + "/continuity"}, foreignWant: 404,
		},
		"list-devices": {want: all(200)},
		"add-device": {
			body: newDevice(own), want: but(201, "user", "viewer"),
			foreign: &row{body: newDevice(estate{network: own.network, group: other.group})}, foreignWant: 404,
		},
		"list-groups": {want: all(200)}, "list-alerts": {want: all(200)},
		"make-group": {
			body: group(own), want: but(201, "user", "viewer"),
			foreign: &row{body: func() any { return object{"name": "Room", "network_id": other.network} }}, foreignWant: 404,
		},
		"change-group": {
			path: "/groups/" + string(own.group), body: members(own), want: but(200, "user", "viewer"),
			foreign: &row{path: "/groups/" + string(other.group), body: members(own)}, foreignWant: 404,
		},
		"list-device-events": {path: "/devices/" + own.device.String() + "/events", want: but(200, "user"), foreign: &row{path: "/devices/" + other.device.String() + "/events"}, foreignWant: 404},
		"list-readings": {
			path: readings(own), want: but(200, "user"),
			// A device of others and one that does not exist both have no readings here.
			foreign: &row{path: readings(other)}, foreignWant: 200,
		},
		"get-energy": {
			path: "/energy?per=group&group=" + string(own.group), want: but(200, "user"),
			foreign: &row{path: "/energy?per=group&group=" + string(other.group)}, foreignWant: 404,
		},
		"get-occupancy": {
			path: "/occupancy?network=" + string(own.network), want: but(200, "user"),
			foreign: &row{path: "/occupancy?network=" + string(other.network)}, foreignWant: 404,
		},
		"get-usage":           {path: "/usage?group=" + string(own.group), want: but(200, "user"), foreign: &row{path: "/usage?group=" + string(other.group)}, foreignWant: 404},
		"get-energy-settings": {want: but(200, "user")},
		"change-energy-settings": {
			body: func() any {
				return object{
					"time_zone": "Europe/Berlin", "currency": "EUR", "baseline": object{"kind": "wh_per_day", "wh_per_day": 1000}, "monthly_budget_wh": 40000,
					"rates": []any{object{
						"valid_from": "2026-01-01", "price_per_kwh": 0.3, "co2_g_per_kwh": 380,
						"times": []any{object{"days": []any{"mon"}, "from": "22:00", "to": "06:00", "price_per_kwh": 0.2}},
					}},
				}
			}, want: but(200, "user", "viewer"),
		},
		"get-home-assistant": {want: all(200)}, "change-home-assistant": {body: func() any { return object{"on": true} }, want: but(200, "user", "viewer")},
		"get-metrics": {path: "/metrics", want: but(200, "user")},
		"delete-project": {
			path: "/deletion", body: func() any { return object{"name": "Project of owner", "password": password} },
			want: but(200, "expert", "user", "viewer"), inPerson: true,
		},
		"keep-project":    {path: "/deletion{fresh deletion}", want: but(204, "expert", "user", "viewer"), inPerson: true},
		"measure-export":  {path: "/export/size" + period, want: but(200, "expert", "user", "viewer")},
		"export-readings": {path: "/export" + period + "&format=json", want: but(200, "expert", "user", "viewer")},
		"export-series": {
			path: "/export/series" + period + "&metric=active_power&device=" + own.device.String(), want: but(200, "expert", "user", "viewer"),
			// A device of others and one that does not exist both have no readings here.
			foreign: &row{path: "/export/series" + period + "&metric=active_power&device=" + other.device.String()}, foreignWant: 200,
		},
		"send-command": {
			body: order(own), want: but(202, "user", "viewer"),
			foreign: &row{body: order(other)}, foreignWant: 404,
		},
		"list-members": {want: but(200, "expert", "user", "viewer")},
		"change-member": {
			path: "/members/" + string(id("viewer")), body: func() any { return object{"role": "viewer"} }, want: but(200, "expert", "user", "viewer"),
			// Somebody who belongs to the other project cannot be drawn into this one.
			foreign:     &row{path: "/members/" + string(id("stranger")), body: func() any { return object{"role": "viewer"} }},
			foreignWant: 404,
		},
		"get-member": {
			path: "/members/" + string(id("viewer")), want: but(200, "expert", "user", "viewer"),
			foreign: &row{path: "/members/" + string(id("stranger"))}, foreignWant: 404,
		},
		"get-group": {
			path: "/groups/" + string(own.group), want: all(200),
			foreign: &row{path: "/groups/" + string(other.group)}, foreignWant: 404,
		},
		"remove-member": {
			path: "/members/{fresh member}", want: but(204, "expert", "user", "viewer"),
			foreign: &row{path: "/members/" + string(id("stranger"))}, foreignWant: 404,
		},
		"invite": {
			path: "/invitations", body: func() any {
				device++
				return object{"email": fmt.Sprintf("guest-%d-%d@example.org", device, b.Stats().Requests), "role": "user", "groups": []sconce.GroupID{own.group}}
			}, want: but(201, "expert", "user", "viewer"),
			foreign: &row{body: func() any {
				device++
				return object{"email": fmt.Sprintf("guest-%d-%d@example.org", device, b.Stats().Requests), "role": "user", "groups": []sconce.GroupID{other.group}}
			}}, foreignWant: 404,
		},
		"list-invitations": {want: but(200, "expert", "user", "viewer")},
		"revoke-invitation": {
			path: "/invitations/{fresh invitation}", want: but(204, "expert", "user", "viewer"),
			foreign: &row{path: "/invitations/" + b.invited}, foreignWant: 404,
		},
		"list-project-support": {want: but(200, "expert", "user", "viewer")},
		"grant-support": {
			path: "/support-grants", body: supportGrant, want: but(201, "expert", "user", "viewer"),
		},
		"allow-support": {
			path: "/support-grants/{fresh support request}/approval", want: but(200, "expert", "user", "viewer"),
			foreign: &row{path: "/support-grants/" + b.asked + "/approval"}, foreignWant: 404,
		},
		"end-support": {
			path: "/support-grants/{fresh support request}", want: but(204, "expert", "user", "viewer"),
			foreign: &row{path: "/support-grants/" + b.asked}, foreignWant: 404,
		},
		"register-app": {path: "/apps", body: newApp, want: but(201, "expert", "user", "viewer")},
		"list-apps":    {want: but(200, "expert", "user", "viewer")},
		"remove-app": {
			path: "/apps/{fresh app}", want: but(204, "expert", "user", "viewer"),
			foreign: &row{path: "/apps/" + b.foreignApp()}, foreignWant: 404,
		},
		"list-programs": {want: but(200, "expert", "user", "viewer")},
		"end-program": {
			path: "/programs/token/{fresh token}", want: but(204, "expert", "user", "viewer"),
			foreign: &row{path: "/programs/token/" + b.foreignToken()}, foreignWant: 404,
		},
		"list-security-log": {path: "/security-log", want: but(200, "expert", "user", "viewer")},
		"get-command": {
			path: "/commands/" + string(own.command), want: all(200),
			foreign: &row{path: "/commands/" + string(other.command)}, foreignWant: 404,
		},
		"get-alert": {
			path: "/alerts/" + string(own.alert), want: all(200),
			foreign: &row{path: "/alerts/" + string(other.alert)}, foreignWant: 404,
		},
		"acknowledge-alert": {
			path: "/alerts/" + string(own.alert) + "/acknowledgement", body: func() any { return object{} }, want: but(200, "user", "viewer"),
			foreign: &row{path: "/alerts/" + string(other.alert) + "/acknowledgement", body: func() any { return object{"note": "mine"} }}, foreignWant: 404,
		},
		"note-alert": {
			path: "/alerts/" + string(own.alert) + "/notes", body: func() any { return object{"text": "Ladder is in room 3."} }, want: but(201, "user", "viewer"),
			foreign: &row{path: "/alerts/" + string(other.alert) + "/notes", body: func() any { return object{"text": "mine"} }}, foreignWant: 404,
		},
		"get-alert-settings": {want: but(200, "user")},
		"change-alert-settings": {
			body: func() any {
				return object{"rules": []any{}, "quiet_hours": object{"on": true, "from": "22:00", "to": "06:00", "time_zone": "Europe/Berlin", "critical_passes": true}}
			},
			want: but(200, "user", "viewer"),
		},
		"get-alert-letters":    {want: but(200, "user")},
		"change-alert-letters": {body: func() any { return object{"least_severity": "critical"} }, want: but(200, "user"), inPerson: true},
		"list-webhooks":        {want: but(200, "user", "viewer")},
		"make-webhook": {
			body: func() any { return object{"url": "https://hooks.example.org/x", "least_severity": "info"} }, want: but(201, "user", "viewer"),
		},
		"test-webhook": {path: "/webhooks/" + string(own.hook) + "/test", want: but(200, "user", "viewer"), foreign: &row{path: "/webhooks/" + string(other.hook) + "/test"}, foreignWant: 404},
		"remove-webhook": {
			path: "/webhooks/{fresh webhook}", want: but(204, "user", "viewer"),
			foreign: &row{path: "/webhooks/" + string(other.hook)}, foreignWant: 404,
		},
		// Those that take something away come with something made for them; below.
		"release-gateway": {
			path: "/gateways/{fresh gateway}", want: but(204, "user", "viewer"),
			foreign: &row{path: "/gateways/" + other.gateway.String()}, foreignWant: 404,
		},
		"replace-device": {
			path: "/devices/{fresh device}/replacement", body: replacement, want: but(200, "user", "viewer"),
			foreign: &row{path: "/devices/" + other.device.String() + "/replacement", body: replacement}, foreignWant: 404,
		},
		"remove-device": {
			path: "/devices/{fresh device}", want: but(204, "user", "viewer"),
			foreign: &row{path: "/devices/" + other.device.String()}, foreignWant: 404,
		},
		"delete-group": {
			path: "/groups/{fresh group}", want: but(204, "user", "viewer"),
			foreign: &row{path: "/groups/" + string(other.group)}, foreignWant: 404,
		},
	}
}

// fresh puts a new thing of the own project in the place of a {fresh …} in a path.
func (b *bench) fresh(path string) string {
	at := strings.Index(path, "{fresh ")
	if at < 0 {
		return path
	}
	end := at + strings.Index(path[at:], "}") + 1
	path, rest := path[:end], path[end:]
	owner := func(method, path string, body any) object {
		a := b.do(request{who: "owner", method: method, path: "/projects/" + string(b.own.scope.Project()) + path, body: body})
		if a.status != 201 {
			b.t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
		}
		return decode[object](b.t, a)
	}
	rows := b.rows()
	var made any
	switch thing := path[at:]; thing {
	case "{fresh invitation}":
		made = owner("POST", "/invitations", rows["invite"].body())["id"]
	case "{fresh app}":
		made = owner("POST", "/apps", newApp())["id"]
	case "{fresh token}":
		_, made = b.token("viewer", b.own, "project.read")
	case "{fresh member}":
		who := fmt.Sprint("member-", b.Stats().Requests)
		must(b.t, b.projects.SetMember(b.t.Context(), b.own.scope, project.Member{Account: id(who), Role: sconce.Viewer}))
		made = id(who)
	case "{fresh gateway}":
		device := sconce.EUI64(0x2000 + len(b.sent) + len(b.tokens) + int(b.Stats().Requests))
		b.issue(device, sconce.Gateway)
		n, err := b.projects.CreateNetwork(b.t.Context(), b.own.scope, "Network")
		must(b.t, err)
		made = owner("POST", "/gateways", object{"eui64": device, "claim_code": claimCode, "network_id": n.ID})["eui64"]
	case "{fresh support request}":
		made = b.askSupport(b.own)
	case "{fresh device}":
		body := rows["add-device"].body().(object)
		body["eui64"] = sconce.EUI64(0x3000 + b.Stats().Requests)
		made = owner("POST", "/devices", body)["eui64"]
	case "{fresh deletion}":
		d := deletion.Deletion{Project: b.own.scope.Project(), By: b.own.scope.Account(), Asked: time.Now(), Due: time.Now().Add(time.Hour)}
		if err := b.store.Deletions().AskDeletion(b.t.Context(), b.own.scope, d); sconce.KindOf(err) != sconce.Conflict {
			must(b.t, err)
		}
		made = ""
	case "{fresh webhook}":
		hooks, err := b.alerts.Hooks(b.t.Context(), b.own.scope)
		must(b.t, err)
		for _, h := range hooks { // there are at most a few
			if h.ID != b.own.hook {
				must(b.t, b.alerts.RemoveHook(b.t.Context(), b.own.scope, h.ID))
			}
		}
		made = owner("POST", "/webhooks", rows["make-webhook"].body())["id"]
	case "{fresh group}":
		made = owner("POST", "/groups", object{"name": "Room", "network_id": b.own.network})["id"]
	default:
		b.t.Fatalf("path %s", path)
	}
	return path[:at] + fmt.Sprint(made) + rest
}

type operation struct {
	id, method, path string
	secured          bool
	parameters       []string
}

// takes reports whether a route has a parameter of a name.
func (o operation) takes(name string) bool { return slices.Contains(o.parameters, name) }

// operations returns all routes of the OpenAPI document.
func (b *bench) operations() []operation {
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
			Parameters  []struct{ Name string }
		}
	}
	must(b.t, json.Unmarshal([]byte(b.do(request{method: "GET", path: "/openapi.json"}).text), &document))
	var all []operation
	for path, methods := range document.Paths {
		for method, o := range methods {
			op := operation{o.OperationID, strings.ToUpper(method), path, len(o.Security) > 0, nil}
			for _, p := range o.Parameters {
				op.parameters = append(op.parameters, p.Name)
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return all
}

// TestIsolation crosses every route within a project with every role and with the
// own, another and an absent project.
func TestIsolation(t *testing.T) {
	b := newBench(t)
	invited := b.do(request{who: "stranger", method: "POST", path: "/projects/" + string(b.other.scope.Project()) + "/invitations", body: object{"email": "guest@example.org", "role": "owner"}})
	b.invited, _ = decode[object](t, invited)["id"].(string)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	b.asked = b.askSupport(b.other)
	for _, who := range roles[:4] {
		b.tokens[programOf+who], _ = b.token(who, b.own)
	}
	b.tokens[programOf+"owner who only looks"], _ = b.token("owner", b.own, "project.read")
	rows, before := b.rows(), b.everythingOfTheOther()
	for _, o := range b.operations() {
		if !strings.HasPrefix(o.path, "/projects/{project}") {
			continue
		}
		r, ok := rows[o.id]
		if !ok {
			t.Errorf("%s has no row in the table of this test", o.id)
			continue
		}
		delete(rows, o.id)
		if r.path == "" { // it names nothing but the project
			r.path = strings.TrimPrefix(o.path, "/projects/{project}")
		}
		t.Run(o.id, func(t *testing.T) { b.isolate(t, o, r) })
	}
	for id := range rows {
		t.Errorf("the row %s is of no route", id)
	}
	b.t = t
	for path, was := range before {
		if now := b.everythingOfTheOther()[path]; now != was {
			t.Errorf("%s of the other project was changed:\n%s\n%s", path, was, now)
		}
	}
}

// everythingOfTheOther returns what the owner of the other project sees of it, by path.
func (b *bench) everythingOfTheOther() map[string]string {
	b.t.Helper()
	seen := map[string]string{}
	for _, path := range []string{"", "/devices", "/groups", "/members", "/invitations", "/alerts", "/webhooks", "/security-log", "/commands/" + string(b.other.command)} {
		a := b.do(request{who: "stranger", method: "GET", path: "/projects/" + string(b.other.scope.Project()) + path})
		if a.status != 200 {
			b.t.Errorf("%s of the other project: %d %s", path, a.status, a.text)
		}
		seen[path] = a.text
	}
	return seen
}

func (b *bench) isolate(t *testing.T, o operation, r row) {
	b.t = t
	call := func(who, project string, r row) answer {
		t.Helper()
		var body any
		if r.body != nil {
			body = r.body()
		}
		return b.do(request{who: who, method: o.method, path: "/projects/" + project + b.fresh(r.path), body: body})
	}
	own, other := string(b.own.scope.Project()), string(b.other.scope.Project())
	for _, who := range roles {
		want, member := r.want[who]
		for _, project := range []string{own, other, absent} {
			if who == "stranger" && project == other {
				continue // which is the stranger's own: what is asked of it with things of another is below
			}
			a, cell := call(who, project, r), who+" in "+project
			switch {
			case who == "nobody":
				wantProblem(t, cell, a, 401, "unauthenticated")
			case !member || project != own:
				wantProblem(t, cell, a, 404, "not-found")
			case want == 403:
				wantProblem(t, cell, a, 403, "forbidden")
			case a.status != want:
				t.Errorf("%s: %d %s; want %d", cell, a.status, a.text, want)
			}
			if project == other {
				if inAbsent := call(who, absent, r); withoutRequest(t, a) != withoutRequest(t, inAbsent) {
					t.Errorf("%s can tell another project from an absent one: %s, %s", who, a.text, inAbsent.text)
				}
			}
		}
	}
	b.isolatePrograms(t, o, r, call)
	if r.foreign == nil {
		return
	}
	if r.foreign.path == "" {
		r.foreign.path = r.path
	}
	if a := call("owner", own, *r.foreign); a.status != r.foreignWant {
		t.Errorf("with things of another project: %d %s; want %d", a.status, a.text, r.foreignWant)
	} else if strings.Contains(a.text, other) {
		t.Errorf("the answer names another project: %s", a.text)
	}
}

// isolatePrograms crosses a route with the tokens of everybody, which let them do all that
// their makers may, and with one that lets an owner's program see the project only.
func (b *bench) isolatePrograms(t *testing.T, o operation, r row, call func(who, project string, r row) answer) {
	t.Helper()
	for _, who := range []string{"owner", "expert", "user", "viewer", "owner who only looks"} {
		want := r.want[who]
		if r.inPerson {
			want = 403
		} else if who == "owner who only looks" {
			if want = r.want["user"]; o.method != "GET" {
				want = 403
			}
		}
		for _, project := range []string{string(b.own.scope.Project()), string(b.other.scope.Project()), absent} {
			a, cell := call(programOf+who, project, r), "a program of "+who+" in "+project
			switch {
			case project != string(b.own.scope.Project()):
				wantProblem(t, cell, a, 404, "not-found")
			case want == 403:
				wantProblem(t, cell, a, 403, "forbidden")
			case a.status != want:
				t.Errorf("%s: %d %s; want %d", cell, a.status, a.text, want)
			}
		}
	}
}

// withoutRequest returns a problem without the name of its request.
func withoutRequest(t *testing.T, a answer) string {
	t.Helper()
	p := decode[object](t, a)
	delete(p, "request_id")
	return fmt.Sprint(slices.Sorted(maps.Keys(p)), p)
}

// TestRoutesOutsideProjects says of every other route whether nobody may ask it.
func TestRoutesOutsideProjects(t *testing.T) {
	b := newBench(t)
	open := map[string]bool{
		"sign-in": true, "sign-out": true,
		"finish-sign-in": true, "begin-passkey-sign-in": true, "finish-passkey-sign-in": true,
		"confirm-email": true, "undo-email": true, // TestChangeOfEmail
		"list-texts": true, "list-sign-in-ways": true, "begin-provider-sign-in": true, "finish-provider-sign-in": true,
		"register": true, "confirm-registration": true, "forgot-password": true, "reset-password": true,
	}
	secured := map[string]any{
		"list-let-in": nil, "end-let-in": nil, "end-programs": nil,
		"get-authorization": nil, "answer-authorization": object{"query": "client_id=none", "allow": true},
		"list-tokens": nil, "make-token": object{"name": "Panel", "project_id": absent, "actions": []string{}}, "revoke-token": nil,
		"accept-invitation": object{"token": "none"}, "get-session": nil, "make-mqtt-token": nil, "list-support": nil,
		"ask-for-support": supportWish(absent), "approve-support": nil, "give-back-support": nil, "list-projects": nil, "make-project": object{"name": "Project"},
		"get-agreements": nil, "agree": object{"agree": []string{"none"}}, "get-account": nil, "list-sessions": nil, "list-sign-ins": nil, "end-session": nil, "end-other-sessions": nil,
		"change-password": object{"password": "", "new_password": "unbelievable"},
		"list-passkeys":   nil, "begin-passkey": object{"password": ""}, "remove-passkey": object{"password": ""},
		"add-passkey":         object{"token": "none", "credential": object{}, "name": "Laptop"},
		"begin-provider-link": object{"password": ""}, "finish-provider-link": object{"state": "x", "code": "x"}, "remove-provider-link": object{"password": ""},
		"offer-second-step": object{"password": ""}, "confirm-second-step": object{"token": "none", "code": "000000"},
		"change-email":    object{"email": "none", "password": ""},
		"correct-account": object{"name": "Grace", "country": "US"}, "export-account": object{"password": ""}, "erase-account": object{},
		"remove-second-step": object{"password": ""}, "renew-recovery-codes": object{"password": ""},
	}
	refused := map[string]int{
		"ask-for-support": 403, "approve-support": 403, // for operators: TestSupport
		"give-back-support": 404,                      // of who has one
		"make-token":        404, "revoke-token": 404, // name a project, and a token: TestToken
		"end-let-in": 404, "answer-authorization": 404, "get-authorization": 422, // name what an app was given, and an app: TestApp
		"accept-invitation": 404, // takes the token of a letter: TestInvitation
		// Take a key or codes that were made for one person: TestSecondStepOverTheAPI.
		"confirm-second-step": 404, "renew-recovery-codes": 404, "end-session": 404,
		"agree":         409,                        // it is no text: TestAgreements
		"erase-account": 422,                        // it would: TestErasure
		"add-passkey":   404, "remove-passkey": 404, // TestPasskeyOverTheAPI
		"change-email":         422,
		"finish-provider-link": 404, "remove-provider-link": 409, // TestProviderOverTheAPI
		"change-password": 422, // it would end the session: TestChangePasswordOverTheAPI
	}
	for _, o := range b.operations() {
		if strings.HasPrefix(o.path, "/projects/{project}") {
			if !o.secured {
				t.Errorf("%s is within a project and declared open", o.id)
			}
			continue
		}
		body, known := secured[o.id]
		if !known && !open[o.id] {
			t.Errorf("%s has no row in the tables of this test", o.id)
			continue
		}
		if o.secured != known {
			t.Errorf("%s: secured %v", o.id, o.secured)
		}
		if known {
			for _, who := range roles {
				a := b.do(request{who: who, method: o.method, path: o.path, body: body})
				switch {
				case who == "nobody":
					wantProblem(t, o.id, a, 401, "unauthenticated")
				case refused[o.id] != 0:
					wantProblem(t, o.id, a, refused[o.id], map[int]string{403: "forbidden", 404: "not-found", 409: "conflict", 422: "invalid"}[refused[o.id]])
				case a.status >= 300:
					t.Errorf("%s, signed in as %s: %s", o.id, who, a.text)
				}
			}
		}
	}
}

// TestListsHoldOneProject plants names in the other project and looks for them in
// everything that the own project's people can read.
func TestListsHoldOneProject(t *testing.T) {
	b := newBench(t)
	planted := []string{
		string(b.other.scope.Project()), string(b.other.network), b.other.gateway.String(), b.other.device.String(),
		string(b.other.group), string(b.other.command), string(b.other.alert), string(b.other.hook), "Project of stranger",
	}
	own := "/projects/" + string(b.own.scope.Project())
	for _, who := range roles[:4] {
		for _, path := range []string{"/projects", own, own + "/devices", own + "/groups", own + "/alerts", "/sessions/current"} {
			a := b.do(request{who: who, method: "GET", path: path})
			if a.status != 200 {
				t.Errorf("%s reads %s: %d", who, path, a.status)
			}
			for _, p := range planted {
				if strings.Contains(a.text, p) {
					t.Errorf("%s reads %s in %s: %s", who, p, path, a.text)
				}
			}
		}
	}
}
