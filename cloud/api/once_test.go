package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/once"
)

// TestOnce makes requests again, with the same key and with others.
func TestOnce(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) { o.Once.Now = func() time.Time { return now } })
	own := "/projects/" + string(b.own.scope.Project())
	groups := func() int {
		return strings.Count(b.do(request{who: "owner", method: "GET", path: own + "/groups"}).text, `"number"`)
	}
	post := func(who, key, name string) answer {
		return b.do(request{
			who: who, method: "POST", path: own + "/groups", body: object{"name": name, "network_id": b.own.network},
			header: http.Header{"Idempotency-Key": {key}},
		})
	}
	before := groups()
	first := post("owner", `"one"`, "Hall")
	for range 3 {
		again := post("owner", `"one"`, "Hall")
		if again.status != 201 || again.text != first.text || again.header.Get("Content-Type") != first.header.Get("Content-Type") ||
			again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("again: %d %s %v, first %s", again.status, again.text, again.header, first.text)
		}
	}
	if a := post("owner", "one", "Hall"); a.text != first.text {
		t.Errorf("the same key without quotation marks: %s", a.text)
	}
	if n := groups(); n != before+1 {
		t.Errorf("%d groups made by one request", n-before)
	}
	wantProblem(t, "another request", post("owner", `"one"`, "Attic"), 422, "invalid")
	if a := post("expert", `"one"`, "Hall"); a.status != 201 || a.text == first.text {
		t.Errorf("the same key of somebody else: %d %s", a.status, a.text)
	}
	wantProblem(t, "somebody who may not", post("viewer", `"one"`, "Hall"), 403, "forbidden")
	if a := post("viewer", `"one"`, "Hall"); a.header.Get("Idempotency-Replayed") != "true" || a.status != 403 {
		t.Errorf("a refusal, again: %d %v", a.status, a.header)
	}
	now = now.Add(once.Life)
	if a := post("owner", `"one"`, "Hall"); a.status != 201 || a.text == first.text {
		t.Errorf("a day later: %d %s", a.status, a.text)
	}
	for _, key := range []string{`""`, `"`, "a b", "ä", strings.Repeat("x", 101), `a"b`} {
		wantProblem(t, "the key "+key, post("owner", key, "Hall"), 422, "invalid")
	}
}

// TestOnceWhenItWasCutOff: what was begun and never answered is not done again.
func TestOnceWhenItWasCutOff(t *testing.T) {
	b := newBench(t)
	o := once.Service{Store: b.store.Once(), Vault: b.vault, Now: time.Now}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = o.Do(t.Context(), id("owner"), "k", once.Digest{1}, func() once.Answer { panic("cut off") }, nil)
	}()
	_, again, err := o.Do(t.Context(), id("owner"), "k", once.Digest{1}, func() once.Answer {
		t.Error("done twice")
		return once.Answer{}
	}, nil)
	if !again || err == nil {
		t.Errorf("again: %v, %v", again, err)
	}

	// What was refused for now is done when it is asked again.
	for _, status := range []int{503, 201} {
		a, again, err := o.Do(t.Context(), id("owner"), "l", once.Digest{1}, func() once.Answer { return once.Answer{Status: status} },
			func(a once.Answer) bool { return a.Status == 503 })
		if err != nil || again || a.Status != status {
			t.Errorf("%d: %+v, again %v, %v", status, a, again, err)
		}
	}
}

// TestOnceOrNever: every POST either keeps its answer or says that it does not.
func TestOnceOrNever(t *testing.T) {
	b := newBench(t)
	kept := 0
	for _, o := range b.operations() {
		if o.method != "POST" || !o.secured {
			continue
		}
		if o.takes("Idempotency-Key") {
			kept++
			continue
		}
		if strings.HasPrefix(o.path, "/projects") && o.id != "register-app" { // which answers with a secret
			t.Errorf("%s does not keep its answer", o.id)
		}
		a := b.do(request{who: "owner", method: "POST", path: b.target(o.path, absent), body: object{}, header: http.Header{"Idempotency-Key": {`"k"`}}})
		p := wantProblem(t, o.id, a, 422, "invalid")
		if !strings.Contains(p.Detail, "Idempotency-Key") {
			t.Errorf("%s: %s", o.id, fmt.Sprint(p))
		}
	}
	if kept < 8 {
		t.Errorf("%d routes keep their answers", kept)
	}
}
