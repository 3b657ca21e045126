package api_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/project"
)

// TestETags: whoever has an answer already is told so, for everything that is read.
func TestETags(t *testing.T) {
	b := newBench(t)
	rows := b.rows()
	for _, o := range b.operations() {
		path, known := o.path, rows[o.id].path
		if o.method != "GET" {
			continue
		}
		if within, ok := strings.CutPrefix(o.path, "/projects/{project}"); ok {
			if known == "" {
				known = within
			}
			path = "/projects/" + string(b.own.scope.Project()) + known
		}
		if strings.Contains(path, "{") {
			continue // of another's test bench: it names something that is not there
		}
		q := request{who: "owner", method: "GET", path: path}
		first := b.do(q)
		tag := first.header.Get("ETag")
		if first.status != 200 || first.header.Get("Content-Disposition") != "" || strings.HasPrefix(first.header.Get("Content-Type"), "text/plain") {
			continue // says TestIsolation; what is written while it is sent has no tag
		}
		if len(tag) < 10 || strings.HasPrefix(tag, "W/") {
			t.Errorf("%s: the entity tag is %q", o.id, tag)
			continue
		}
		for given, want := range map[string]int{tag: 304, `"other", W/` + tag: 304, "*": 304, `"other"`: 200} {
			q.header = http.Header{"If-None-Match": {given}}
			a := b.do(q)
			if o.id == "list-security-log" || o.id == "get-project" && a.header.Get("ETag") != tag {
				continue // has grown meanwhile
			}
			if a.status != want || want == 304 && (a.text != "" || a.header.Get("ETag") != tag) {
				t.Errorf("%s with If-None-Match %s: %d %q", o.id, given, a.status, a.text)
			}
		}
	}
}

// TestLostUpdate: who changes what somebody else changed meanwhile is told, and nothing is
// lost.
func TestLostUpdate(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	for path, body := range map[string]func(n int) object{
		"/groups/" + string(b.own.group): func(n int) object {
			return object{"name": fmt.Sprint("Room ", n), "devices": []sconce.EUI64{b.own.device}}
		},
		"/members/" + string(id("viewer")): func(n int) object {
			return object{"role": []string{"expert", "user", "viewer"}[n]}
		},
	} {
		get := func() answer { return b.do(request{who: "owner", method: "GET", path: own + path}) }
		put := func(n int, tag string) answer {
			return b.do(request{who: "owner", method: "PUT", path: own + path, body: body(n), header: http.Header{"If-Match": {tag}}})
		}
		seen := get().header.Get("ETag")
		first := put(0, seen)
		if first.status != 200 || first.header.Get("ETag") == seen || first.header.Get("ETag") != get().header.Get("ETag") {
			t.Errorf("%s: %d %s, tag %s of %s", path, first.status, first.text, first.header.Get("ETag"), get().header.Get("ETag"))
		}
		wantProblem(t, path+" once more", put(1, seen), 412, "changed-meanwhile")
		if now := get(); now.text != first.text {
			t.Errorf("%s was changed: %s, %s", path, first.text, now.text)
		}
		if a := put(1, first.header.Get("ETag")+`, "other"`); a.status != 200 {
			t.Errorf("%s with what is there now: %d %s", path, a.status, a.text)
		}
		if a := put(2, "*"); a.status != 200 {
			t.Errorf("%s with anything: %d %s", path, a.status, a.text)
		}
	}
	gone := b.do(request{who: "owner", method: "PUT", path: own + "/members/" + string(id("stranger")), body: object{"role": "viewer"}, header: http.Header{"If-Match": {"*"}}})
	wantProblem(t, "who is no member", gone, 404, "not-found")
}

// TestEveryListHasPages walks through every list with every size of page, and finds the same.
func TestEveryListHasPages(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	for i := range 5 {
		must(t, b.projects.SetMember(t.Context(), b.own.scope, project.Member{Account: sconce.AccountID(fmt.Sprint("more-", i)), Role: sconce.Viewer}))
		if a := b.do(request{who: "owner", method: "POST", path: own + "/invitations", body: object{"email": fmt.Sprintf("guest-%d@example.org", i), "role": "viewer"}}); a.status != 201 {
			t.Fatal(a.text)
		}
	}
	type page struct {
		Items []any
		Next  string `json:"next_cursor"`
	}
	for _, path := range []string{"/members", "/invitations", "/devices", "/groups", "/security-log"} {
		whole := decode[page](t, b.do(request{who: "owner", method: "GET", path: own + path}))
		if len(whole.Items) == 0 || whole.Next != "" {
			t.Errorf("%s: %d items, and then %q", path, len(whole.Items), whole.Next)
		}
		for limit := 1; limit <= len(whole.Items)+1; limit++ {
			var got []any
			cursor := ""
			for range len(whole.Items) + 1 {
				p := decode[page](t, b.do(request{who: "owner", method: "GET", path: own + path + "?limit=" + strconv.Itoa(limit) + "&cursor=" + cursor}))
				if len(p.Items) > limit {
					t.Errorf("%s: %d items on a page of %d", path, len(p.Items), limit)
				}
				got = append(got, p.Items...)
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(whole.Items) {
				t.Errorf("%s by %d:\n%v\nwant\n%v", path, limit, got, whole.Items)
			}
		}
	}
}

// TestTokenRate: a program that asks too much is told when it may go on, and others are not
// held up by it.
func TestTokenRate(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	text, _ := b.token("owner", b.own)
	ask := func(bearer string) answer { return b.do(request{bearer: bearer, method: "GET", path: own + "/groups"}) }
	for left := 599; left >= 0; left-- {
		a := ask(text)
		limit := a.header.Get("RateLimit")
		if a.status != 200 || a.header.Get("RateLimit-Policy") != `"token";q=600;w=60` || !strings.HasPrefix(limit, fmt.Sprintf(`"token";r=%d;t=`, left)) {
			t.Fatalf("%d left: %d %s %v", left, a.status, a.text, a.header)
		}
	}
	a := ask(text)
	wantProblem(t, "one more", a, 429, "too-many")
	if s, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || s < 1 || s > 60 || !strings.HasPrefix(a.header.Get("RateLimit"), `"token";r=0;t=`) {
		t.Errorf("when to go on: %v", a.header)
	}
	other, _ := b.token("owner", b.own)
	if a := ask(other); a.status != 200 {
		t.Errorf("another token: %d", a.status)
	}
	if a := b.do(request{who: "owner", method: "GET", path: own + "/groups"}); a.status != 200 || a.header.Get("RateLimit") != "" {
		t.Errorf("a person: %d %v", a.status, a.header)
	}
}
