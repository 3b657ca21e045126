package api_test

import (
	"strings"
	"testing"
	"time"

	"sconce/cloud/api"
	"sconce/cloud/mail"
)

// delivered sends what is in the queue and returns it, the newest first.
func (b *bench) delivered() []mail.Letter {
	b.t.Helper()
	b.people.Close()
	composer, err := mail.NewComposer("sconce.example.org")
	must(b.t, err)
	box := mail.NewMailbox(time.Now)
	due, err := b.store.Letters().Due(b.t.Context(), time.Now(), 100)
	must(b.t, err)
	for _, item := range due {
		o := mail.Office{Store: b.store.Letters(), Vault: b.vault, Composer: composer, Sender: box, Now: time.Now}
		must(b.t, o.Deliver(b.t.Context(), item))
	}
	return box.Letters()
}

func tokenIn(l mail.Letter) string {
	_, rest, _ := strings.Cut(l.Text, "#")
	return strings.Fields(rest + " ")[0]
}

// TestRegistration goes over the API from nobody to somebody who is signed in, and to a
// new password; and shows that the answers for known and unknown addresses are the same.
func TestRegistration(t *testing.T) {
	b := newBench(t)
	post := func(path string, body object) answer {
		return b.do(request{method: "POST", path: path, body: body})
	}
	register := object{"email": "grace@example.org", "name": "Grace", "country": "DE"}
	known := object{"email": "owner@example.org", "name": "Grace", "country": "DE"}
	first, second := post("/registrations", register), post("/registrations", known)
	if first.status != 202 || second.status != 202 || first.text != second.text {
		t.Fatalf("an unknown address: %d %s; a known one: %d %s", first.status, first.text, second.status, second.text)
	}
	var token string
	for _, l := range b.delivered() {
		if l.To == "grace@example.org" {
			token = tokenIn(l)
		}
	}
	wantProblem(t, "a short password", post("/registrations/confirm", object{"token": token, "password": "short"}), 422, "invalid")
	made := post("/registrations/confirm", object{"token": token, "password": "another horse battery"})
	cookie := made.header.Get("Set-Cookie")
	if made.status != 201 || !strings.HasPrefix(cookie, "__Host-session=") || !strings.Contains(made.text, "grace@example.org") {
		t.Fatalf("%d %s, cookie %q", made.status, made.text, cookie)
	}
	b.tokens["grace"] = strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-session=")
	if a := b.do(request{who: "grace", method: "GET", path: "/sessions/current"}); a.status != 200 {
		t.Errorf("the new session: %d %s", a.status, a.text)
	}
	if a := b.do(request{who: "grace", method: "GET", path: "/projects"}); a.status != 200 || strings.Contains(a.text, "Project of") {
		t.Errorf("a new person sees: %s", a.text)
	}
	for _, bad := range []string{token, "", "x", strings.Repeat("A", 43)} {
		wantProblem(t, "the token "+bad, post("/registrations/confirm", object{"token": bad, "password": "another horse battery"}), 404, "not-found")
	}

	first, second = post("/password-resets", object{"email": "grace@example.org"}), post("/password-resets", object{"email": "nobody@example.org"})
	if first.status != 202 || second.status != 202 || first.text != second.text {
		t.Errorf("a known address: %d %s; an unknown one: %d %s", first.status, first.text, second.status, second.text)
	}
	box := b.delivered()
	if len(box) != 1 {
		t.Fatalf("letters: %+v", box)
	}
	if a := post("/password-resets/confirm", object{"token": tokenIn(box[0]), "password": "yet another horse"}); a.status != 204 {
		t.Errorf("a new password: %d %s", a.status, a.text)
	}
	wantProblem(t, "the session of before", b.do(request{who: "grace", method: "GET", path: "/sessions/current"}), 401, "unauthenticated")
	if a := post("/sessions", object{"email": "grace@example.org", "password": "yet another horse"}); a.status != 201 {
		t.Errorf("signing in: %d %s", a.status, a.text)
	}
	if log := b.log.String(); strings.Contains(log, "grace@") || strings.Contains(log, token) {
		t.Errorf("the log names people or tokens:\n%s", log)
	}
}

// TestMailboxIsTheDemos shows that the mailbox is there without TLS, where the demo is,
// and nowhere else.
func TestMailboxIsTheDemos(t *testing.T) {
	b := newBench(t)
	look := func(plain bool) string {
		return b.do(request{method: "GET", path: outsideAPI + "/mailbox", plain: plain}).text
	}
	if strings.Contains(look(true), "Mailbox") {
		t.Error("there is a mailbox where none was asked for")
	}
	box := mail.NewMailbox(time.Now)
	must(t, box.Send(t.Context(), mail.Letter{To: "a@example.org", Subject: "Hello", Text: "https://example.org/x"}))
	b = rebuild(t, b, func(o *api.Options) { o.Mailbox = box })
	if !strings.Contains(look(true), "Hello") {
		t.Error("the demo does not show its mailbox")
	}
	if strings.Contains(look(false), "Hello") {
		t.Error("the mailbox is shown over TLS")
	}
	wantProblem(t, "from elsewhere", b.do(request{method: "GET", path: outsideAPI + "/mailbox", plain: true, host: "sconce.example.org"}), 403, "tls-required")
}
