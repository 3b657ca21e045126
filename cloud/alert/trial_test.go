package alert_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
)

// TestHooksAreTried: what a test tells a webhook is signed as everything and says that it is a
// test; what comes of it is one of a few things, which tell nothing of the cloud's own network.
func TestHooksAreTried(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.service.Tester = alert.NewTester(alert.NewCaller(r.trust(true)))
	h := w.hook(r.URL)
	try := func(id alert.HookID, want alert.Trial) {
		t.Helper()
		if got, err := w.service.TestHook(t.Context(), w.site.Owner, id); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	try(h.ID, alert.Trial{})
	calls := r.got()
	if len(calls) != 1 || calls[0].signature != "v1="+h.Secret.Sign(calls[0].seconds, calls[0].body) {
		t.Fatalf("%+v", calls)
	}
	var post struct {
		News    string
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(calls[0].body, &post); err != nil || post.News != "test" || post.Project != string(w.site.Project) || bytes.Contains(calls[0].body, []byte(h.Secret.Reveal())) {
		t.Errorf("%s, %v", calls[0].body, err)
	}
	for _, status := range []int{http.StatusFound, http.StatusForbidden, http.StatusInternalServerError} {
		r.answer(status)
		try(h.ID, alert.Trial{Reason: alert.Answered, Status: status})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "https://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	try(w.hook(nobody).ID, alert.Trial{Reason: alert.NoConnection})

	w.service.Tester = alert.NewTester(alert.NewCaller(alert.CallerOptions{AllowPrivate: true})) // trusts the world's authorities alone
	try(h.ID, alert.Trial{Reason: alert.NoCertificate})

	// An address inside the cloud's own network, and a name that leads nowhere, are told alike.
	w.service.Tester = alert.NewTester(alert.NewCaller(r.trust(false)))
	before := len(r.got())
	try(h.ID, alert.Trial{Reason: alert.NoAddress})
	try(w.hook("https://[::1]/").ID, alert.Trial{Reason: alert.NoAddress})
	if len(r.got()) != before {
		t.Error("an address that is not public was called")
	}
	if _, err := w.service.TestHook(t.Context(), w.site.Owner, "another"); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("no webhook: %v", err)
	}
}

// TestTrialsAreLimited: ten in a minute, of all webhooks of a project.
func TestTrialsAreLimited(t *testing.T) {
	w := newWorld(t)
	hooks := []alert.Hook{w.hook("https://192.0.2.1/"), w.hook("https://192.0.2.2/")}
	for i := range 10 {
		if _, err := w.service.TestHook(t.Context(), w.site.Owner, hooks[i%2].ID); err != nil {
			t.Fatalf("test %d: %v", i, err)
		}
	}
	if _, err := w.service.TestHook(t.Context(), w.site.Owner, hooks[0].ID); sconce.KindOf(err) != sconce.TooMany || !strings.Contains(err.Error(), "a minute") {
		t.Errorf("one too many: %v", err)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := w.service.TestHook(t.Context(), w.site.Owner, hooks[0].ID); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}
