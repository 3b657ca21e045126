package alert_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/mail"
	"sconce/cloud/telemetry"
)

// receiver is a webhook on HTTPS.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	calls  []call
	during func() // what happens while it is called
}

type call struct {
	body      []byte
	signature string
	seconds   int64
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // what came is checked below
		seconds, _ := strconv.ParseInt(q.Header.Get("Sconce-Timestamp"), 10, 64)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.during != nil {
			r.during()
		}
		r.calls = append(r.calls, call{body, q.Header.Get("Sconce-Signature"), seconds})
		w.Header().Set("Location", "https://example.org/elsewhere")
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// trust returns the options of a caller that trusts the receiver.
func (r *receiver) trust(private bool) alert.CallerOptions {
	pool := x509.NewCertPool()
	pool.AddCert(r.Certificate())
	return alert.CallerOptions{AllowPrivate: private, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
}

func (w *world) courier(p *post, o alert.CallerOptions) *alert.Courier {
	c := &alert.Courier{Store: w.store.Alerts(), Vault: w.store.Vault(), Caller: alert.NewCaller(o), Now: w.clock, Log: slog.New(slog.DiscardHandler)}
	if p != nil {
		c.People = p
	}
	return c
}

// deliver lets time pass in steps, with the courier at work.
func (w *world) deliver(c *alert.Courier, d, step time.Duration) {
	w.t.Helper()
	for end := w.clock().Add(d); w.clock().Before(end); {
		w.set(w.clock().Add(min(step, end.Sub(w.clock()))))
		w.watcher.Round(w.t.Context())
		c.Round(w.t.Context())
	}
}

// TestWebhook: a webhook is told at once, signed; what it does not take is told again until
// it does, for a day.
func TestWebhook(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	h := w.hook(r.URL + "/alerts?key=1")
	c := w.courier(nil, r.trust(true))
	light := w.light(1)
	w.say(telemetry.DeviceState{Device: light})
	w.deliver(c, 3*time.Second, time.Second)
	if len(r.got()) != 1 {
		t.Fatalf("%d calls", len(r.got()))
	}
	got := r.got()[0]
	if got.signature != "v1="+h.Secret.Sign(got.seconds, got.body) || got.seconds != w.clock().Unix() && w.clock().Unix()-got.seconds > 3 {
		t.Error("the signature is not right")
	}
	var p struct {
		News  string
		Alert struct {
			Rule, Severity string
			Wrong          int
			Cleared        any `json:"cleared_at"`
		}
	}
	if err := json.Unmarshal(got.body, &p); err != nil || p.News != "began" || p.Alert.Rule != "device_offline" || p.Alert.Wrong != 1 || p.Alert.Cleared != nil {
		t.Errorf("%s, %v", got.body, err)
	}
	for _, status := range []int{http.StatusFound, http.StatusInternalServerError} { // neither follows a redirect
		r.answer(status)
		before := len(r.got())
		w.say(telemetry.DeviceState{Device: light, Reachable: status != http.StatusFound})
		w.say(telemetry.DeviceState{Device: light, Reachable: true})
		w.deliver(c, 10*time.Minute, time.Minute)
		if n := len(r.got()) - before; n < 1 || n > 6 {
			t.Errorf("status %d: called %d times within ten minutes", status, n)
		}
	}
	if hooks, err := w.service.Hooks(t.Context(), w.site.Owner); err != nil || len(hooks) != 1 || hooks[0].Failing.IsZero() || hooks[0].Secret.Reveal() != "" {
		t.Errorf("%+v, %v", hooks, err)
	}
	r.answer(http.StatusOK)
	w.deliver(c, 2*time.Hour, 10*time.Minute)
	if hooks, err := w.service.Hooks(t.Context(), w.site.Owner); err != nil || !hooks[0].Failing.IsZero() {
		t.Errorf("it is said to fail still: %+v, %v", hooks, err)
	}
	n := len(r.got())
	w.deliver(c, time.Hour, 10*time.Minute)
	if len(r.got()) != n {
		t.Error("told twice")
	}
}

// TestWebhookIsGivenUp after a day.
func TestWebhookIsGivenUp(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.hook(r.URL)
	c := w.courier(nil, r.trust(true))
	r.answer(http.StatusServiceUnavailable)
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.deliver(c, 26*time.Hour, 30*time.Minute)
	n := len(r.got())
	if n < 20 || n > 60 {
		t.Errorf("called %d times in a day", n)
	}
	due, err := w.store.Alerts().Due(t.Context(), w.clock().Add(100*time.Hour), 10)
	if err != nil || len(due) != 0 {
		t.Error(due, err)
	}
}

// TestForbiddenAddresses: no address that is not public is connected to, by whatever name.
func TestForbiddenAddresses(t *testing.T) {
	r := newReceiver(t)
	port := r.URL[strings.LastIndex(r.URL, ":"):]
	caller := alert.NewCaller(r.trust(false))
	post := alert.Post{Alert: alert.Message{Rule: rules.LampFailure, Severity: rules.Info}}
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0.0.0.0", "[::]", "169.254.169.254", "[fe80::1]", "10.0.0.1", "172.16.0.1",
		"192.168.1.1", "100.64.0.1", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "[2001:db8::1]",
		"[::7f00:1]", "[::ffff:0:7f00:1]", "[fec0::1]", "[5f00::1]",
	} {
		err := caller.Call(t.Context(), alert.Hook{Address: "https://" + host + port}, post, time.Now())
		if err == nil || !strings.Contains(err.Error(), "not a public one") && !strings.Contains(err.Error(), "lookup") && !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := len(r.got()); n != 0 {
		t.Fatalf("%d calls arrived", n)
	}
	// The same receiver, in an installation that allows it.
	if err := alert.NewCaller(r.trust(true)).Call(t.Context(), alert.Hook{Address: r.URL}, post, time.Now()); err != nil {
		t.Error(err)
	}
	if len(r.got()) != 1 {
		t.Error("it was not called")
	}
}

func TestAddressesOfWebhooks(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{
		"", "http://example.org", "https://", "https:///x", "https://a:b@example.org", "https://example.org/#x", "ftp://example.org", "https:example.org", "://",
		"https://example.org/" + strings.Repeat("x", 500),
	} {
		if _, err := w.service.AddHook(t.Context(), w.site.Owner, bad, rules.Info); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for i := range alert.MaxHooks {
		w.hook(fmt.Sprint("https://example.org/", i))
	}
	if _, err := w.service.AddHook(t.Context(), w.site.Owner, "https://example.org/more", rules.Info); sconce.KindOf(err) != sconce.TooMany {
		t.Error(err)
	}
}

// TestLetters: one letter for a floor without power, which waits for the others and for the
// end of the quiet hours; and none of what was over before it was told.
func TestLetters(t *testing.T) {
	w, p := newWorld(t), &post{}
	c := w.courier(p, alert.CallerOptions{})
	var lights []sconce.EUI64
	for i := range 12 {
		lights = append(lights, w.light(i))
	}
	all := func(reachable bool) {
		for _, l := range lights {
			w.say(telemetry.DeviceState{Device: l, Reachable: reachable})
			w.pass(time.Second)
		}
	}
	w.deliver(c, time.Minute, time.Minute)
	all(false)
	w.deliver(c, 10*time.Minute, 10*time.Second)
	if len(p.letters) != 1 || p.kinds[0] != mail.AlertBegan || len(p.letters[0].Lines) != 11 || p.letters[0].Lines[10] != "and 2 more" || p.to[0][0] != w.site.Owner.Account() {
		t.Fatalf("%v %+v", p.kinds, p.letters)
	}
	all(true)
	w.deliver(c, 10*time.Minute, 10*time.Second)
	if len(p.letters) != 2 || p.kinds[1] != mail.AlertEnded {
		t.Fatalf("%v", p.kinds)
	}
	w.deliver(c, 2*time.Hour, time.Hour)

	if _, err := w.service.SetSettings(t.Context(), w.site.Owner, alert.Settings{Quiet: alert.Quiet{On: true, From: 0, To: 23*60 + 59, Critical: true}}); err != nil {
		t.Fatal(err)
	}
	w.say(telemetry.DeviceState{Device: lights[0]})
	w.deliver(c, 5*time.Minute, 30*time.Second)
	w.say(telemetry.DeviceState{Device: lights[0], Reachable: true})
	w.deliver(c, 30*time.Hour, 30*time.Minute)
	if len(p.letters) != 2 {
		t.Fatalf("%v: told of what was over", p.kinds)
	}
	w.presence(false) // critical: passes
	w.deliver(c, 5*time.Minute, 5*time.Second)
	if len(p.letters) != 3 || p.letters[2].What != "Gateway offline" {
		t.Fatalf("%v", p.kinds)
	}
	if err := w.service.SetReader(t.Context(), w.site.Owner, alert.Never); err != nil {
		t.Fatal(err)
	}
	w.presence(true)
	w.deliver(c, time.Hour, time.Minute)
	if len(p.letters) != 3 {
		t.Error("somebody who wants none got a letter")
	}
}

// TestLettersAreTriedAgain when they cannot be queued.
func TestLettersAreTriedAgain(t *testing.T) {
	w, p := newWorld(t), &post{err: errors.New("the database is away")}
	c := w.courier(p, alert.CallerOptions{})
	w.say(telemetry.DeviceState{Device: w.light(1)})
	w.deliver(c, 10*time.Minute, time.Minute)
	p.err = nil
	w.deliver(c, 30*time.Minute, time.Minute)
	if len(p.letters) != 1 {
		t.Errorf("%d letters", len(p.letters))
	}
}
