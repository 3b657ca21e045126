package api_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
	"sconce/internal/naughty"
	"sconce/internal/securitykey"
)

// written is a field in which people write what they like, and how what they wrote is read
// again.
type written struct {
	write func(b *bench, text string) answer
	read  func(b *bench, a answer) string // of the answer to write
	every int                             // only every so many strings, when another field goes the same way; 0 for all
}

// notWritten matches the fields that take a text in which people do not write what they
// like: identifiers, addresses, codes and secrets, which are refused or looked up, and not shown.
var notWritten = regexp.MustCompile(`(^|_)(id|eui64|device|group|email|country|code|password|token|credential|challenge|state|iss|query|phone|url|currency|time_zone)$`)

// writtenFields are all of them, by "operation.field". Every other field that takes a text is
// one of those that notWritten matches.
func (b *bench) writtenFields() map[string]written {
	own := "/projects/" + string(b.own.scope.Project())
	as := func(who, method, path string, body object) answer {
		return b.do(request{who: who, method: method, path: path, body: body})
	}
	field := func(name string) func(*bench, answer) string {
		return func(b *bench, a answer) string { return fmt.Sprint(decode[object](b.t, a)[name]) }
	}
	// found reads a field of the thing of an answer in a list.
	found := func(path, name string) func(*bench, answer) string {
		return func(b *bench, a answer) string {
			made := decode[object](b.t, a)
			list := decode[struct{ Items []object }](b.t, as("owner", "GET", path, nil))
			for _, item := range list.Items {
				if item["id"] == made["id"] {
					return fmt.Sprint(item[name])
				}
			}
			return "it is not in the list"
		}
	}
	rows := b.rows()
	return map[string]written{
		"make-network.name": {func(b *bench, text string) answer { return as("owner", "POST", own+"/networks", object{"name": text}) }, field("name"), 0},
		"make-project.name": {func(b *bench, text string) answer { return as("expert", "POST", "/projects", object{"name": text}) }, field("name"), 0},
		"delete-project.name": {func(b *bench, text string) answer { // it has to be that of the project
			a := as("viewer", "POST", "/projects", object{"name": text})
			if a.status == 201 {
				return as("viewer", "PUT", "/projects/"+decode[object](b.t, a)["id"].(string)+"/deletion", object{"name": text, "password": ""})
			}
			return a
		}, nil, 20},
		"change-group.name": {func(b *bench, text string) answer {
			return as("owner", "PUT", own+"/groups/"+string(b.own.group), object{"name": text, "devices": []any{b.own.device}})
		}, found(own+"/groups", "name"), 0},
		"make-group.name": {func(b *bench, text string) answer {
			a := as("owner", "POST", own+"/groups", object{"name": text, "network_id": b.own.network, "devices": []any{}})
			if a.status == 201 { // a network has at most 255
				as("owner", "DELETE", own+"/groups/"+decode[object](b.t, a)["id"].(string), nil)
			}
			return a
		}, field("name"), 5},
		"add-device.position_name": {func(b *bench, text string) answer {
			body := rows["add-device"].body().(object)
			body["position_name"] = text
			a := as("owner", "POST", own+"/devices", body)
			if a.status == 201 {
				as("owner", "DELETE", own+"/devices/"+decode[object](b.t, a)["eui64"].(string), nil)
			}
			return a
		}, func(b *bench, a answer) string {
			return decode[struct{ Position struct{ Name string } }](b.t, a).Position.Name
		}, 0},
		"grant-support.reason": {func(b *bench, text string) answer {
			return b.endingSupport(as("owner", "POST", own+"/support-grants", object{
				"operator_email": "operator@example.org", "access": "read", "hours": 1, "reason": text,
			}))
		}, found(own+"/support-grants", "reason"), 5},
		"ask-for-support.reason": {func(b *bench, text string) answer {
			return b.endingSupport(as("operator", "POST", "/support-grants", object{
				"project_id": b.own.scope.Project(), "access": "read", "hours": 1, "reason": text,
			}))
		}, found(own+"/support-grants", "reason"), 0},
		"make-token.name": {func(b *bench, text string) answer {
			a := as("owner", "POST", "/tokens", object{"project_id": b.own.scope.Project(), "name": text, "actions": []string{"project.read"}})
			if a.status == 201 { // a person has at most a few
				as("owner", "DELETE", "/tokens/"+decode[object](b.t, a)["id"].(string), nil)
			}
			return a
		}, field("name"), 5},
		"register-app.name": {func(b *bench, text string) answer {
			body := newApp().(object)
			body["name"] = text
			a := as("owner", "POST", own+"/apps", body)
			if a.status == 201 { // a project has at most a few
				as("owner", "DELETE", own+"/apps/"+decode[object](b.t, a)["id"].(string), nil)
			}
			return a
		}, field("name"), 5},
		"note-alert.text": {func(b *bench, text string) answer {
			return b.noteAlert("notes", object{"text": text})
		}, lastNote, 0},
		"acknowledge-alert.note": {func(b *bench, text string) answer {
			return b.noteAlert("acknowledgement", object{"note": text})
		}, lastNote, 5},
		"correct-account.name": {func(b *bench, text string) answer {
			return as("expert", "PUT", "/account", object{"name": text, "country": "DE"})
		}, func(b *bench, _ answer) string {
			return fmt.Sprint(decode[object](b.t, as("expert", "GET", "/account", nil))["name"])
		}, 0},
		"correct-account.address": {func(b *bench, text string) answer {
			return as("expert", "PUT", "/account", object{"name": "E", "country": "DE", "address": text})
		}, func(b *bench, _ answer) string {
			return fmt.Sprint(decode[object](b.t, as("expert", "GET", "/account", nil))["address"])
		}, 5},
		"correct-account.contact": {func(b *bench, text string) answer {
			return as("expert", "PUT", "/account", object{"name": "E", "country": "DE", "contact": text})
		}, func(b *bench, _ answer) string {
			return fmt.Sprint(decode[object](b.t, as("expert", "GET", "/account", nil))["contact"])
		}, 5},
		"add-passkey.name": {func(b *bench, text string) answer {
			a := b.addPasskey("owner", securitykey.New(b.t, "https://sconce.example.org"), text)
			if a.status == 201 { // a person has at most a few
				as("owner", "POST", "/account/passkeys/"+decode[object](b.t, a)["id"].(string)+"/remove", object{"password": ""})
			}
			return a
		}, field("name"), 5},
		"register.name": {func(b *bench, text string) answer { // from many places, for letters are limited
			r := b.Stats().Requests
			from := identity.Client{From: netip.AddrFrom4([4]byte{10, byte(r >> 16), byte(r >> 8), byte(r)})}
			err := b.people.Register(b.t.Context(), fmt.Sprintf("naughty-%d@example.org", r), text, "DE", from)
			b.people.Close() // the letter is written
			if err == nil {
				return as("owner", "GET", "/projects", nil) // TestNaughtyNames reads what is stored
			}
			return as("nobody", "POST", "/registrations", object{"email": "naughty@example.org", "name": text, "country": "DE"})
		}, nil, 0},
	}
}

// endingSupport ends a grant that was made, for a project has at most a few.
func (b *bench) endingSupport(a answer) answer {
	b.t.Helper()
	if a.status == 201 {
		path := "/projects/" + string(b.own.scope.Project()) + "/support-grants/" + decode[object](b.t, a)["id"].(string)
		if ended := b.do(request{who: "owner", method: "DELETE", path: path}); ended.status != 204 {
			b.t.Fatalf("%d %s", ended.status, ended.text)
		}
	}
	return a
}

// TestNaughtyStrings writes each of the big list of naughty strings into every field in which
// people write what they like: it is given back as it was written, but for space around it,
// or refused at the field. Other fields that take a text refuse what is not of their form.
func TestNaughtyStrings(t *testing.T) {
	b := newBench(t)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	strange, err := naughty.Strings()
	must(t, err)
	if len(strange) < 400 {
		t.Fatalf("only %d strings", len(strange))
	}
	fields, rows := b.writtenFields(), b.rows()
	for _, f := range b.forms() {
		for _, name := range f.body.texts() {
			key := f.id + "." + name
			if w, ok := fields[key]; ok {
				delete(fields, key)
				t.Run(key, func(t *testing.T) { b.t = t; b.writeAll(strange, name, w) })
				continue
			}
			if !notWritten.MatchString(name) {
				t.Errorf("%s is in no table of this test: how is it read again?", key)
			}
			t.Run(key, func(t *testing.T) {
				b.t = t
				for i := 0; i < len(strange); i += 7 { // an identifier, a code or a secret: never shown
					body := b.good(f, rows)
					body[name] = strange[i]
					who := "stranger"
					if !f.secured {
						who = "nobody"
					}
					a := b.do(request{who: who, method: f.method, path: b.target(f.path, absent), body: body})
					if a.status >= 500 || a.status >= 400 && !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
						t.Errorf("%q: %d %s", strange[i], a.status, a.text)
					}
				}
			})
		}
	}
	for key := range fields {
		t.Errorf("there is no field %s", key)
	}
	if n := b.Stats().Faults; n != 0 {
		t.Errorf("%d faults", n)
	}
}

// writeAll writes all strings into a field and reads them again.
func (b *bench) writeAll(strange []string, name string, w written) {
	kept := 0
	w.every = max(w.every, 1)
	for i, text := range strange {
		if i%w.every != 0 {
			continue
		}
		a := w.write(b, text)
		if a.status >= 300 {
			p := b.wantRefused(fmt.Sprintf("%q", text), a)
			if !slices.ContainsFunc(p.Errors, func(e api.FieldError) bool { return e.Location == "body."+name }) {
				b.t.Errorf("%q is refused, and not at its field: %s", text, a.text)
			}
			continue
		}
		kept++
		if w.read == nil {
			continue
		}
		if got := w.read(b, a); got != strings.TrimSpace(text) {
			b.t.Errorf("%q is given back as %q", text, got)
		}
	}
	if kept < len(strange)/w.every*9/10 {
		b.t.Errorf("only %d of %d are taken", kept, len(strange))
	}
}

// texts returns the fields of a schema that take a text of any kind.
func (s *schema) texts() []string {
	var names []string
	if s == nil {
		return nil
	}
	for name, p := range s.Properties {
		if p.is("string") && len(p.Enum) == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestNaughtyNames stores people with strange names, and reads them where others see them.
func TestNaughtyNames(t *testing.T) {
	b := newBench(t)
	strange, err := naughty.Strings()
	must(t, err)
	for i := 0; i < len(strange); i += 20 {
		who := fmt.Sprint("naughty-", i)
		must(t, b.store.Identity().CreateAccount(t.Context(), identity.Credentials{
			Account: identity.Account{ID: id(who), Email: who + "@example.org", Name: strings.TrimSpace(strange[i]), Made: time.Now()},
		}, audit.Operator, audit.Console))
		must(t, b.projects.SetMember(t.Context(), b.own.scope, project.Member{Account: id(who), Role: sconce.Viewer}))
	}
	list := decode[struct {
		Items []struct{ Name, Email string }
	}](t, b.do(request{who: "owner", method: "GET", path: "/projects/" + string(b.own.scope.Project()) + "/members"}))
	seen := 0
	for _, m := range list.Items {
		var i int
		if _, err := fmt.Sscanf(m.Email, "naughty-%d@", &i); err != nil {
			continue
		}
		seen++
		if want := strings.TrimSpace(strange[i]); m.Name != want {
			t.Errorf("%q is shown as %q", want, m.Name)
		}
	}
	if seen != (len(strange)+19)/20 {
		t.Errorf("%d members", seen)
	}
}

// noteAlert writes about an alert of its own, of which there is a new one each time.
func (b *bench) noteAlert(path string, body object) answer {
	one := sconce.MakeID[sconce.AlertID](time.Now(), [10]byte{byte(b.Stats().Requests), byte(b.Stats().Requests >> 8)})
	must(b.t, b.store.Alerts().Record(b.t.Context(), project.Assignment{Project: b.own.scope.Project(), Network: b.own.network}, alert.Outcome{
		Alerts: []rules.Incident{{ID: one, Kind: rules.LampFailure, Severity: rules.Info, Times: 1, Members: []rules.Member{{Device: b.own.device}}}},
	}))
	return b.do(request{who: "owner", method: "POST", path: "/projects/" + string(b.own.scope.Project()) + "/alerts/" + string(one) + "/" + path, body: body})
}

// lastNote reads the last note of the alert of an answer.
func lastNote(b *bench, a answer) string {
	notes := decode[struct{ Notes []struct{ Text string } }](b.t, a).Notes
	if len(notes) == 0 {
		return "" // nothing was written
	}
	return notes[len(notes)-1].Text
}
