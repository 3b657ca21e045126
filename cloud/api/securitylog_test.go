package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sconce/cloud/audit"
)

type securityLog struct {
	Items []struct {
		Number              uint64
		Who, Origin, Action string
		Target, Result      string
		Detail              string
	}
	Next string `json:"next_cursor"`
}

func (b *bench) securityLog(query string) securityLog {
	b.t.Helper()
	a := b.do(request{who: "owner", method: "GET", path: "/projects/" + string(b.own.scope.Project()) + "/security-log" + query})
	var l securityLog
	if err := json.Unmarshal([]byte(a.text), &l); err != nil || a.status != 200 {
		b.t.Fatalf("status %d: %s", a.status, a.text)
	}
	return l
}

// TestSecurityLog shows that a change is in the log with who made it and from where, that
// a refusal is there as well, and that pages join.
func TestSecurityLog(t *testing.T) {
	b := newBench(t)
	path := "/projects/" + string(b.own.scope.Project())
	before := b.securityLog("").Items
	if a := b.do(request{who: "expert", method: "POST", path: path + "/networks", body: object{"name": "Attic"}}); a.status != 201 {
		t.Fatal(a.text)
	}
	if a := b.do(request{who: "viewer", method: "POST", path: path + "/networks", body: object{"name": "Cellar"}}); a.status != 403 {
		t.Fatal(a.text)
	}
	after := b.securityLog("").Items
	if len(after) != len(before)+2 {
		t.Fatalf("%d entries more, want 2: %+v", len(after)-len(before), after)
	}
	made, refused := after[1], after[0] // the newest first
	if made.Action != string(audit.NetworkMade) || made.Who != "account:"+string(id("expert")) || made.Result != "done" || !strings.HasPrefix(made.Origin, "session:") {
		t.Errorf("a network that was made: %+v", made)
	}
	if refused.Action != string(audit.AccessRefused) || refused.Who != "account:"+string(id("viewer")) || refused.Target != "make-network" || refused.Result != "refused" {
		t.Errorf("a refusal: %+v", refused)
	}
	if made.Origin == refused.Origin {
		t.Error("two people came from one session")
	}

	var joined []uint64
	page := b.securityLog("?limit=3")
	for joined = numbers(page); page.Next != ""; joined = append(joined, numbers(page)...) {
		page = b.securityLog("?limit=3&cursor=" + page.Next)
	}
	if got, want := fmt.Sprint(joined), fmt.Sprint(numbers(securityLog{Items: after})); got != want {
		t.Errorf("in pages: %s, want %s", got, want)
	}
	for _, cursor := range []string{"x", "-1", "9223372036854775808"} {
		wantProblem(t, cursor, b.do(request{who: "owner", method: "GET", path: path + "/security-log?cursor=" + cursor}), 422, "invalid")
	}
	if text := fmt.Sprint(after); strings.Contains(text, "example.org") || strings.Contains(text, "Attic") {
		t.Errorf("the log names people or what they called things: %s", text)
	}
}

func numbers(l securityLog) []uint64 {
	var n []uint64
	for _, e := range l.Items {
		n = append(n, e.Number)
	}
	return n
}

// notLogged are the routes within a project that change something which is no matter of
// the security log, and why.
var notLogged = map[string]string{
	"send-command":         "it is kept with its person among the commands; a building's switches would bury everything else",
	"change-alert-letters": "it is what its person wants to get letters about, and changes nobody's rights",
	"test-webhook":         "changes nothing, and tells a receiver nothing of the project but that it works",
}

// TestEveryChangeIsLogged makes each change of a project that there is a route for, and
// finds it in the security log with who made it and from where.
func TestEveryChangeIsLogged(t *testing.T) {
	b := newBench(t)
	b.account("operator")
	must(t, b.Support.AddOperator(t.Context(), id("operator")))
	rows, own := b.rows(), "/projects/"+string(b.own.scope.Project())
	tried := 0
	for _, o := range b.operations() {
		if !strings.HasPrefix(o.path, "/projects/{project}") || o.method == "GET" {
			continue
		}
		r := rows[o.id]
		if r.path == "" {
			r.path = strings.TrimPrefix(o.path, "/projects/{project}")
		}
		path := own + b.fresh(r.path)
		var body any
		if r.body != nil {
			body = r.body()
		}
		before := b.securityLog("?limit=1").Items[0].Number
		if a := b.do(request{who: "owner", method: o.method, path: path, body: body}); a.status >= 300 {
			t.Errorf("%s: %d %s", o.id, a.status, a.text)
			continue
		}
		tried++
		last := b.securityLog("?limit=1").Items[0]
		logged := last.Number > before && last.Who == "account:"+string(id("owner")) && strings.HasPrefix(last.Origin, "session:") && last.Result == "done"
		if reason := notLogged[o.id]; logged == (reason != "") {
			t.Errorf("%s: logged %v (%s): %+v", o.id, logged, reason, last)
		}
	}
	if tried < 15 {
		t.Errorf("only %d changes were made", tried)
	}
}
