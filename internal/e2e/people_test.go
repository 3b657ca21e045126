package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPeople is what people do who come by themselves: make an account by a letter,
// forget its password, set another by another letter. The owner then looks at who belongs
// to the project and at what was done in it, and invites them.
func TestPeople(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	const email, first, second = "grace@example.org", "a bug in the relay", "another bug in the relay"

	p.do("asking for an account",
		chromedp.Navigate(p.url("/")),
		chromedp.Click(byTestID("to-register")),
		chromedp.WaitVisible(byTestID("register-name")),
		chromedp.Click(byTestID("register-submit")),
		chromedp.WaitVisible("#email-wrong"),
	)
	p.gallery("register")
	p.do("asking for an account",
		chromedp.SendKeys(byTestID("register-name"), "Grace"),
		chromedp.SendKeys(byTestID("register-email"), email),
		chromedp.SendKeys(byTestID("register-country"), "Germany"),
		chromedp.Click(byTestID("register-submit")),
		chromedp.WaitVisible(byTestID("letter-sent")),
	)
	p.gallery("letter-sent")
	p.followLetter("register", "new-password")
	p.do("choosing a password",
		chromedp.SendKeys(byTestID("new-password"), "short"),
		chromedp.Click(byTestID("new-password-submit")),
		chromedp.WaitVisible("#password-wrong"),
	)
	p.gallery("choose-password")
	p.passwordField("new-password", first)
	p.choosePassword(first)
	p.do("being signed in", chromedp.WaitVisible(byTestID("sign-out")), chromedp.WaitVisible("main h2"))
	p.at("/projects")
	p.gallery("no-projects")
	p.keepsNothing()

	p.followLetter("register", "new-password")
	p.choosePassword(first)
	p.do("a link a second time", chromedp.WaitVisible(byTestID("link-ended")))
	p.gallery("link-ended")
	p.do("asking for another letter", chromedp.Click(byTestID("another-letter")), chromedp.WaitVisible(byTestID("register-name")))

	p.signOut()
	p.keepsNothing()
	p.do("forgetting the password",
		chromedp.Click(byTestID("to-forgot")),
		chromedp.WaitVisible(byTestID("forgot-email")),
	)
	p.gallery("forgot")
	p.do("forgetting the password",
		chromedp.SendKeys(byTestID("forgot-email"), email+kb.Enter),
		chromedp.WaitVisible(byTestID("letter-sent")),
	)
	p.followLetter("reset", "new-password")
	p.choosePassword(second)
	p.do("the password changed", chromedp.WaitVisible(byTestID("to-sign-in")))
	p.gallery("password-changed")
	p.do("going on", chromedp.Click(byTestID("to-sign-in")))
	p.signIn(email, first)
	p.do("the password of before", chromedp.WaitVisible(byTestID("sign-in-error")))
	p.signIn(email, second)
	p.do("being signed in", chromedp.WaitVisible("main h2"))

	p.signOut()
	p.signIn(s.Email, s.Password)
	p.do("opening the members",
		chromedp.Click(fmt.Sprintf(`a[href="/projects/%s"]`, s.project)),
		chromedp.Click(byTestID("to-members")),
		chromedp.WaitVisible(`[data-testid^="member-"][data-role="owner"]`),
	)
	p.gallery("members")
	p.do("the last owner leaving",
		chromedp.Click(byTestID("leave")),
		chromedp.Click(byTestID("confirm-act")),
		chromedp.WaitVisible(byTestID("confirm-error")),
	)
	p.gallery("last-owner")
	p.do("opening the security log",
		chromedp.KeyEvent(kb.Escape),
		chromedp.WaitNotPresent(byTestID("confirm")),
		chromedp.Click(byTestID("to-log")),
		chromedp.WaitVisible(`[data-action="project.made"]`),
		chromedp.WaitVisible(`[data-action="device.added"]`),
	)
	p.at(fmt.Sprintf("/projects/%s/log", s.project))
	p.gallery("security-log")

	p.do("inviting somebody",
		chromedp.Click(byTestID("to-members")),
		chromedp.WaitVisible(byTestID("invite-email")),
		chromedp.SendKeys(byTestID("invite-email"), email),
		chromedp.Click(byTestID("invite-submit")),
		chromedp.WaitVisible(byTestID("invitation")),
	)
	p.gallery("invited")
	p.signOut()
	p.followLetter("invitation", "sign-in-email")
	p.signIn(email, second)
	p.do("coming to the invitation", chromedp.WaitVisible(byTestID("accept")))
	p.gallery("invitation")
	p.do("accepting the invitation", chromedp.Click(byTestID("accept")), chromedp.WaitVisible(byTestID("project")))
	p.at(fmt.Sprintf("/projects/%s", s.project))
	// Nothing was granted: the lights are there, their switches are not.
	p.do("looking at the lights", chromedp.WaitVisible(byTestID("read-only")), chromedp.WaitVisible(`[data-testid^="light-"]`),
		chromedp.WaitNotPresent(`[data-testid^="light-toggle-"]`), chromedp.WaitNotPresent(`[data-testid^="group-toggle-"]`))
	p.gallery("nothing-granted")
	p.do("looking at the security log", chromedp.Navigate(p.url(fmt.Sprintf("/projects/%s/log", s.project))), chromedp.WaitVisible(byTestID("log-owners-only")))
	p.gallery("log-owners-only")
	p.do("looking at one's own membership", chromedp.Click(byTestID("to-members")), chromedp.WaitVisible(byTestID("leave")))
	p.gallery("membership")
}

func (p page) url(path string) string { return fmt.Sprintf("http://localhost:%d%s", p.HTTPPort, path) }

// at fails the test when the browser is not at an address, with nothing behind it.
func (p page) at(path string) {
	p.t.Helper()
	if now, err := chromedp.Run(p.ctx, chromedp.Location()); err != nil || now != p.url(path) {
		p.t.Errorf("the browser is at %s, %v; expected %s", now, err, p.url(path))
	}
}

func (p page) signIn(email, password string) {
	p.t.Helper()
	p.do("coming to sign in", chromedp.WaitVisible(byTestID("sign-in-email")))
	p.fill("sign-in-email", email)
	p.fill("sign-in-password", password)
	p.do("signing in", chromedp.Click(byTestID("sign-in-submit")))
}

func (p page) signOut() {
	p.t.Helper()
	p.do("signing out",
		chromedp.Navigate(p.url("/projects")),
		chromedp.Click(byTestID("sign-out")),
		chromedp.WaitVisible(byTestID("sign-in-email")),
	)
}

// followLetter waits for the letter in the demo's mailbox that has a link to a page, and
// follows it until an element is there. The link's token does not stay in the address.
func (p page) followLetter(to, until string) {
	p.t.Helper()
	link := fmt.Sprintf(`a[href*="/%s#"]`, to)
	p.await(10*time.Second, "a letter that leads to "+to, func() bool {
		p.do("opening the mailbox", chromedp.Navigate(p.url("/mailbox")))
		n, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", link)))
		return err == nil && n == 1
	})
	p.do("following the letter", chromedp.Click(link), chromedp.WaitVisible(byTestID(until)))
	p.at("/" + to)
}

// passwordField shows that a password is typed unseen, can be shown, and may be pasted and
// filled in by a password manager.
func (p page) passwordField(id, text string) {
	p.t.Helper()
	field := byTestID(id)
	p.evaluate(fmt.Sprintf("document.querySelector(%q).select() ?? ''", field))
	p.do("pasting a password",
		chromedp.Focus(field),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { // without keys, as pasting and password managers do
			_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
			return err
		}),
	)
	hidden := p.attribute(id, "type")
	p.do("showing it", chromedp.Click(field+" + button"))
	shown := p.attribute(id, "type")
	value := p.evaluate(fmt.Sprintf("document.querySelector(%q).value", field))
	p.do("hiding it", chromedp.Click(field+" + button"))
	if completes := p.attribute(id, "autocomplete"); hidden != "password" || shown != "text" || completes != "new-password" || value != text {
		p.t.Errorf("the field of a password is of type %q, %q when it is shown, completes %q, and took %q of what was pasted", hidden, shown, completes, value)
	}
}

// keepsNothing shows that the browser keeps nothing of who is or was signed in: no storage, no
// database, no cache, no worker, and no cookie that a script could read.
func (p page) keepsNothing() {
	p.t.Helper()
	kept := p.evaluate(`(async () => [
		...Object.keys(localStorage).filter((k) => k !== 'sconce.theme'), ...Object.keys(sessionStorage),
		...(await indexedDB.databases()).map((d) => d.name), ...(await caches.keys()), document.cookie,
		...(await navigator.serviceWorker.getRegistrations()).map((r) => r.scope),
	].join(' ').trim())()`)
	if kept != "" {
		p.t.Errorf("the browser keeps %q", kept)
	}
}

// evaluate returns the text that an expression comes to.
func (p page) evaluate(expression string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p page) choosePassword(password string) {
	p.t.Helper()
	p.fill("new-password", password)
	p.do("choosing a password", chromedp.Click(byTestID("new-password-submit")))
}

// fill types text into a field in the place of what is in it.
func (p page) fill(id, text string) {
	p.t.Helper()
	field := byTestID(id)
	p.do("coming to "+id, chromedp.Focus(field))
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).select() ?? true", field))); err != nil {
		p.t.Fatal(err)
	}
	p.do("filling in "+id, chromedp.SendKeys(field, text))
}

// painted waits until the page has been drawn with what was changed of the screen, and
// colours that change by and by have changed.
const painted = `new Promise(drawn => requestAnimationFrame(() => Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))
	.then(() => requestAnimationFrame(drawn))))`

// screen is one of a width, light or dark.
func (p page) screen(scheme string, width int64) {
	p.t.Helper()
	p.do("changing the screen",
		chromedp.EmulateViewport(width, 1000),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			wanted := []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: wanted})
			return err
		}),
	)
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[float64](painted, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatal(err)
	}
}

// gallery is picture on a phone and on a wide screen, in light and in dark.
func (p page) gallery(name string) {
	p.t.Helper()
	if os.Getenv("SCONCE_E2E_PICTURES") == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1920} {
			p.screen(scheme, width)
			p.picture(strings.Join([]string{name, scheme, fmt.Sprint(width)}, "-"))
		}
	}
	p.do("changing the screen back", chromedp.EmulateReset())
}
