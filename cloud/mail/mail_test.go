package mail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/vault"
)

const to = "ada@example.org"

var values = Values{
	Name: "Ada", By: "Grace", Project: "Offices", Role: "viewer", Reason: "a fault in the attic",
	Link: "https://sconce.example.org/x#secret", Until: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
}

func composer(t *testing.T) *Composer {
	t.Helper()
	c, err := NewComposer("sconce.example.org")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompose shows that every letter has a subject and says the same as text and as HTML,
// and that what people called things can be no markup and no header.
func TestCompose(t *testing.T) {
	c := composer(t)
	for _, kind := range Kinds() {
		l, err := c.Compose(kind, to, values)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		for where, text := range map[string]string{"text": l.Text, "HTML": l.HTML} {
			for _, want := range []string{values.Link, "Dear Ada", "sconce.example.org"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s: the %s lacks %q:\n%s", kind, where, want, text)
				}
			}
			if strings.Contains(text, "{{") || strings.Contains(text, "[[") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: the %s is not finished:\n%s", kind, where, text)
			}
		}
		if l.To != to || l.Subject == "" || strings.ContainsAny(l.Subject, "\r\n") || strings.Contains(l.Text, l.Subject+"\n\n") {
			t.Errorf("%s: to %q, subject %q", kind, l.To, l.Subject)
		}
		evil := values
		evil.Name, evil.By, evil.Project = `<img src=x>`, `<b>"`, "a&b<script>"
		if l, err = c.Compose(kind, to, evil); err != nil || strings.Contains(l.HTML, "<img") || strings.Contains(l.HTML, "<script") || strings.Contains(l.HTML, "<b>") {
			t.Errorf("%s: markup in a name reached the HTML (%v):\n%s", kind, err, l.HTML)
		}
		evil.Link = "javascript:alert(1)"
		if l, err = c.Compose(kind, to, evil); err != nil || strings.Contains(l.HTML, `href="javascript`) {
			t.Errorf("%s: a link that runs a script (%v):\n%s", kind, err, l.HTML)
		}
	}
	evil := values
	evil.By = "Eve\nBcc: all@example.org\n\n"
	if l, err := c.Compose(Invitation, to, evil); err == nil && strings.ContainsAny(l.Subject, "\r\n") {
		t.Errorf("a name with line breaks made the subject %q", l.Subject)
	}
	if _, err := c.Compose("no-such", to, values); err == nil {
		t.Error("a letter that does not exist was composed")
	}
}

// queue is a [Store] in memory.
type queue map[string]Item

func (q queue) Due(_ context.Context, now time.Time, limit int) ([]Item, error) {
	due := slices.SortedFunc(maps.Values(q), func(a, b Item) int { return a.Next.Compare(b.Next) })
	due = slices.DeleteFunc(due, func(i Item) bool { return i.Next.After(now) })
	return due[:min(limit, len(due))], nil
}

func (q queue) Postpone(_ context.Context, id string, tries int, next time.Time) error {
	i := q[id]
	i.Tries, i.Next = tries, next
	q[id] = i
	return nil
}

func (q queue) Remove(_ context.Context, id string) error {
	delete(q, id)
	return nil
}

// post is a [Sender] that refuses while err is set.
type post struct {
	err   error
	tried []time.Time
	sent  []Letter
}

func (p *post) Send(_ context.Context, l Letter) error {
	p.tried = append(p.tried, time.Now())
	if p.err == nil {
		p.sent = append(p.sent, l)
	}
	return p.err
}

// keysets is a store without sealed data.
type keysets struct{ ring vault.Keyring }

func (k *keysets) Keyring(context.Context) (vault.Keyring, error) { return k.ring, nil }

func (k *keysets) ReplaceKeyring(_ context.Context, _, next vault.Keyring) error {
	k.ring = next
	return nil
}

func openVault(t *testing.T) *vault.Vault {
	t.Helper()
	path, k := filepath.Join(t.TempDir(), "master.key"), &keysets{}
	if err := vault.CreateMasterKey(t.Context(), path, k); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), path, k)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// office runs fn while an office with one letter in its queue is open, on virtual time.
func office(t *testing.T, p *post, fn func(q queue, log *bytes.Buffer)) {
	t.Helper()
	v, c := openVault(t), composer(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q := queue{}
		item, err := Seal(v, time.Now(), VerifyAddress, to, values)
		if err != nil {
			t.Fatal(err)
		}
		q[item.ID] = item
		o := &Office{Store: q, Vault: v, Composer: c, Sender: p, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx, nil)
		synctest.Wait()
		fn(q, &log)
		stop()
		synctest.Wait()
		for _, secret := range []string{to, "Ada", "secret"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, log.String())
			}
			if bytes.Contains(item.Sealed, []byte(secret)) {
				t.Errorf("the queue holds %q in clear", secret)
			}
		}
	})
}

func TestSent(t *testing.T) {
	p := &post{}
	office(t, p, func(q queue, _ *bytes.Buffer) {
		if len(q) != 0 || len(p.sent) != 1 || p.sent[0].To != to || !strings.Contains(p.sent[0].Text, values.Link) {
			t.Errorf("%d letters wait, sent: %+v", len(q), p.sent)
		}
	})
}

// TestRetry shows that a letter is tried again, ever less often, and sent once.
func TestRetry(t *testing.T) {
	p := &post{err: errors.New("the server sleeps")}
	office(t, p, func(q queue, _ *bytes.Buffer) {
		<-time.After(4 * time.Hour)
		if n := len(p.tried); len(q) != 1 || n < 8 || n > 12 {
			t.Errorf("%d tries in 4 hours, %d letters wait", n, len(q))
		}
		for i := 1; i < len(p.tried); i++ {
			if gap := p.tried[i].Sub(p.tried[i-1]); gap < firstRetry || gap > lastRetry+pace {
				t.Errorf("%s between tries %d and %d", gap, i, i+1)
			}
		}
		p.err = nil
		<-time.After(lastRetry + pace)
		if len(q) != 0 || len(p.sent) != 1 {
			t.Errorf("%d letters wait, %d were sent", len(q), len(p.sent))
		}
	})
}

// TestGivenUp shows that a letter is given up after a day, and at once when it can never
// be taken.
func TestGivenUp(t *testing.T) {
	p := &post{err: errors.New("the server sleeps")}
	office(t, p, func(q queue, log *bytes.Buffer) {
		<-time.After(GiveUpAfter + lastRetry + pace)
		if len(q) != 0 || !strings.Contains(log.String(), "given up") {
			t.Errorf("%d letters wait after a day: %s", len(q), log.String())
		}
	})
	p = &post{err: sconce.Errorf(sconce.Invalid, "no such mailbox")}
	office(t, p, func(q queue, _ *bytes.Buffer) {
		if len(q) != 0 || len(p.tried) != 1 {
			t.Errorf("%d letters wait after %d tries", len(q), len(p.tried))
		}
	})
}

// TestMailbox shows a letter as a page, its link as a link and its markup as text.
func TestMailbox(t *testing.T) {
	m := NewMailbox(time.Now)
	for range maxLetters + 5 {
		if err := m.Send(t.Context(), Letter{To: to, Subject: "<b>Hi</b>", Text: "Dear\n\nhttps://example.org/x?a=1\nnot a https://link\n"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.Letters()); n != maxLetters {
		t.Errorf("%d letters kept, want %d", n, maxLetters)
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/mailbox?letter=205", nil))
	page := w.Body.String()
	if strings.Count(page, "<article>") != 1 || !strings.Contains(page, `<a href="https://example.org/x?a=1">`) ||
		strings.Contains(page, "<b>") || strings.Count(page, "<a ") != 1 {
		t.Errorf("the page of one letter:\n%s", page)
	}
}
