package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"sconce"
	"sconce/internal/naughty"
)

// watch is what a browser did that no page of ours may do.
type watch struct {
	mu       sync.Mutex
	requests int
	faults   []string
}

func (w *watch) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// watch listens for requests to other origins, alerts, faults in scripts and what the
// content policy stopped.
func (p page) watch() *watch {
	p.t.Helper()
	w, own := &watch{}, fmt.Sprintf("localhost:%d", p.HTTPPort)
	if err := chromedp.Listen(p.ctx, func(ev any) {
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			w.mu.Lock()
			w.requests++
			w.mu.Unlock()
			if u, err := url.Parse(ev.Request.URL); err != nil || u.Host != own && u.Scheme != "data" {
				w.fault("a request to %s", ev.Request.URL)
			}
		case *network.EventWebSocketCreated:
			if u, err := url.Parse(ev.URL); err != nil || u.Host != own {
				w.fault("a connection to %s", ev.URL)
			}
		case *cdppage.EventJavascriptDialogOpening:
			w.fault("a dialog: %s", ev.Message)
			go func() { // else the page waits for ever
				_ = chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
					_, err := cdp.Call(ctx, t, cdppage.HandleJavaScriptDialog, cdppage.HandleJavaScriptDialogParams{})
					return err
				}))
			}()
		case *runtime.EventExceptionThrown:
			w.fault("a script failed: %s", ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if ev.Entry.Source == log.EntrySourceSecurity || strings.Contains(ev.Entry.Text, "Content Security Policy") {
				w.fault("stopped: %s", ev.Entry.Text)
			}
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	return w
}

// TestHygiene plants strange names wherever people name things, and walks through the pages:
// all of it shows as text, nothing runs, and nothing is asked of another origin.
func TestHygiene(t *testing.T) {
	s := install(t, 1)
	s.startCloud()
	s.setUp()
	strange, err := naughty.Strings()
	if err != nil {
		t.Fatal(err)
	}
	names := s.plant(strange)
	const reason = `<img src=x onerror=alert(1)> "><script>alert(document.cookie)</script>`
	s.operator("operator@example.org", "</title><script>alert(2)</script>", "the lamp that nobody sees")

	p := page{s, browser(t)}
	w := p.watch()
	p.do("opening the app", chromedp.Navigate(p.url("/")))
	for _, path := range []string{"/register", "/forgot", "/support", "/"} {
		p.do("looking at "+path, chromedp.Navigate(p.url(path)), chromedp.WaitVisible("h1"))
	}
	p.signIn(s.Email, s.Password)
	own := "/projects/" + string(s.project)
	p.do("seeing the projects", chromedp.WaitVisible(byTestID("sign-out")), chromedp.Navigate(p.url(own)), chromedp.WaitVisible(byTestID("project")))
	p.shows(names)
	p.harmless()

	p.do("letting support in",
		chromedp.Click(byTestID("to-support")),
		chromedp.WaitVisible(byTestID("support-subject")),
	)
	p.gallery("support-empty")
	p.do("an empty form", chromedp.Click(byTestID("support-submit")), chromedp.WaitVisible("#support-reason-wrong"))
	p.fill("support-subject", "operator@example.org")
	p.fill("support-reason", reason)
	p.do("letting support in", chromedp.Click(byTestID("support-submit")), chromedp.WaitVisible(byTestID("support-end")))
	p.shows([]string{reason, "</title><script>alert(2)</script>"})
	p.gallery("support-granted")
	for _, path := range []string{own + "/members", own + "/log", "/projects", own + "/support"} {
		p.do("looking at "+path, chromedp.Navigate(p.url(path)), chromedp.WaitVisible("main h1"))
		p.harmless()
	}

	p.signOut()
	p.signIn("operator@example.org", "the lamp that nobody sees")
	p.do("seeing what one is let into",
		chromedp.WaitVisible(byTestID("to-operator-support")),
		chromedp.Click(byTestID("to-operator-support")),
		chromedp.WaitVisible(byTestID("support-open")),
	)
	p.gallery("operator-support")
	p.do("seeing the project as support",
		chromedp.Click(byTestID("support-open")),
		chromedp.WaitVisible(byTestID("as-support")),
	)
	p.shows(names[:20])
	p.harmless()
	p.gallery("as-support")
	p.do("giving it back",
		chromedp.Navigate(p.url("/support")),
		chromedp.Click(byTestID("support-give-back")),
		chromedp.WaitNotPresent(byTestID("support-open")),
		chromedp.Navigate(p.url(own)),
		chromedp.WaitNotPresent(byTestID("project")),
	)

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Error(f)
	}
	if w.requests < 50 {
		t.Errorf("only %d requests were seen", w.requests)
	}
}

// plant names groups and a network with all strings that are taken as names, and returns
// them as they are to be shown.
func (s *system) plant(strange []string) (names []string) {
	s.t.Helper()
	project := "/projects/" + string(s.project)
	var networks []sconce.NetworkID
	for _, name := range []string{`<script>alert(3)</script>`, `"><img src=x onerror=alert(4)>`} {
		var n struct {
			ID sconce.NetworkID `json:"id"`
		}
		if err := s.client.Do(s.t.Context(), http.MethodPost, project+"/networks", map[string]any{"name": name}, &n); err != nil {
			s.t.Fatal(err)
		}
		networks = append(networks, n.ID)
	}
	for i, text := range strange {
		var g struct{ Name string }
		body := map[string]any{"name": text, "network_id": networks[i%2], "devices": []string{}}
		if err := s.client.Do(s.t.Context(), http.MethodPost, project+"/groups", body, &g); err == nil {
			names = append(names, g.Name)
		}
	}
	if len(names) < 400 {
		s.t.Fatalf("only %d of %d strings are names", len(names), len(strange))
	}
	return names
}

// operator makes an account and makes it that of an operator.
func (s *system) operator(email, name, password string) {
	s.t.Helper()
	for _, args := range [][]string{{"account", "add", "--email", email, "--name", name}, {"operator", "add", "--email", email}} {
		c := exec.Command(s.programs.Sconce, append([]string{"ctl", "--config", s.CloudConfig()}, args...)...)
		c.Stdin = strings.NewReader(password + "\n")
		if out, err := c.CombinedOutput(); err != nil {
			s.t.Fatalf("sconce ctl %v: %v: %s", args, err, out)
		}
	}
}

// shows waits until each text is, as a whole, the text of something on the page.
func (p page) shows(texts []string) {
	p.t.Helper()
	list, err := json.Marshal(texts)
	if err != nil {
		p.t.Fatal(err)
	}
	const missing = `(() => { const seen = new Set([...document.querySelectorAll("body *")].map((e) => e.textContent.trim()));
		return JSON.stringify(%s.filter((text) => !seen.has(text.trim()))) })()`
	var left string
	deadline := time.Now().Add(10 * time.Second)
	for left != "[]" {
		if left, err = chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(missing, list))); err != nil {
			p.t.Fatal(err)
		}
		if left != "[]" && time.Now().After(deadline) {
			p.picture("failure")
			p.t.Errorf("not on the page: %.2000s", left)
			return
		}
	}
}

// harmless fails the test when something on the page came from a name.
func (p page) harmless() {
	p.t.Helper()
	const found = `[...document.querySelectorAll("script:not([src]), iframe, frame, object, embed, base, marquee, img, video, audio, form[action], " +
		"a[href^=javascript], [onerror], [onload], [onclick], [onfocus], [onmouseover], [style*=expression]")].map((e) => e.outerHTML.slice(0, 100)).join("\n")`
	if there, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](found)); err != nil || there != "" {
		p.t.Errorf("on the page is %s, %v", there, err)
	}
}
