package mail

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxLetters is how many letters a mailbox keeps; one more drops the oldest.
const maxLetters = 200

// Mailbox is a [Sender] for the demo: it keeps letters in memory and shows them to
// whoever asks. It is for a listener on loopback only.
type Mailbox struct {
	now func() time.Time

	mu      sync.Mutex
	letters []received
	count   int
}

type received struct {
	Number int
	At     time.Time
	Letter
}

// NewMailbox returns an empty mailbox.
func NewMailbox(now func() time.Time) *Mailbox { return &Mailbox{now: now} }

// Send implements [Sender].
func (m *Mailbox) Send(_ context.Context, l Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	m.letters = append(m.letters, received{m.count, m.now(), l})
	if len(m.letters) > maxLetters {
		m.letters = slices.Delete(m.letters, 0, len(m.letters)-maxLetters)
	}
	return nil
}

// Letters returns what is in the mailbox, the newest first.
func (m *Mailbox) Letters() []Letter {
	var all []Letter
	for _, r := range m.newest() {
		all = append(all, r.Letter)
	}
	return all
}

func (m *Mailbox) newest() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.letters)
	slices.Reverse(all)
	return all
}

// line is a line of a letter's text, which our letters give to links as a whole.
type line struct {
	Text string
	Link bool
}

func lines(text string) []line {
	var all []line
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		isLink := strings.HasPrefix(l, "https://") || strings.HasPrefix(l, "http://localhost")
		all = append(all, line{l, isLink && !strings.ContainsAny(l, " \t")})
	}
	return all
}

//go:embed templates/mailbox.page
var mailboxPage string

var mailboxTemplate = template.Must(template.New("mailbox").Funcs(template.FuncMap{"moment": moment, "lines": lines}).Parse(mailboxPage))

// ServeHTTP shows the letters: their text, and the links in it as links.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	all := m.newest()
	if n, err := strconv.Atoi(r.URL.Query().Get("letter")); err == nil {
		all = slices.DeleteFunc(all, func(l received) bool { return l.Number != n })
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = mailboxTemplate.Execute(w, all) // the client went away
}
