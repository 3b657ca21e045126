package e2e

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// TestPrivacy is what somebody does with what is known of them: correct it, take a copy, and
// have it erased. The owner of a project hands it over first.
func TestPrivacy(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	downloads := t.TempDir()
	const email, password = "grace@example.org", "a bug in the relay"
	s.ctl(password+"\n", "account", "add", "--email", email, "--name", "Grace")

	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(email, password)
	p.do("opening the account", chromedp.Click(byTestID("to-account")), chromedp.WaitVisible(byTestID("profile-change")))
	p.do("changing the name", chromedp.Click(byTestID("profile-change")), chromedp.WaitVisible(byTestID("profile-name")))
	p.fill("profile-name", "Grace Hopper")
	p.do("without a country", chromedp.Click(byTestID("profile-save")), chromedp.WaitVisible("#profile-country-wrong"))
	p.gallery("profile")
	p.do("changing the name",
		chromedp.SendKeys(byTestID("profile-country"), "United States"),
		chromedp.Click(byTestID("profile-save")), chromedp.WaitVisible(byTestID("own-name")))
	if name := p.text("own-name"); name != "Grace Hopper" {
		t.Errorf("the name is %q", name)
	}

	p.do("asking for a copy",
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
				Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads, //nolint:misspell // the name of the protocol
			})
			return err
		}),
		chromedp.Click(byTestID("export-account")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", password+"x")
	p.do("a wrong password", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible("#ask-password-wrong"))
	p.gallery("export")
	p.fill("ask-password", password)
	p.do("the copy", chromedp.Click(byTestID("ask-act")), chromedp.WaitNotPresent(byTestID("ask")))
	file := filepath.Join(downloads, "sconce-account.zip")
	p.await(10*time.Second, "the copy to be saved", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 0
	})
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) < 8 {
		t.Errorf("there are %d files in the copy", len(z.File))
	}

	p.do("asking to be erased", chromedp.Click(byTestID("erase-account")), chromedp.WaitVisible(byTestID("ask-password")))
	p.gallery("erase")
	p.fill("ask-password", password)
	p.do("being erased", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("erased")))
	p.gallery("erased")
	p.signIn(email, password)
	p.do("coming back in vain", chromedp.WaitVisible(byTestID("sign-in-error")))

	p.signIn(s.Email, s.Password)
	p.do("the only owner of a project",
		chromedp.WaitVisible(byTestID("sign-out")), chromedp.Navigate(p.url("/account")),
		chromedp.WaitVisible(byTestID("erase-account")), chromedp.Click(byTestID("erase-account")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", s.Password)
	p.do("is refused", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("ask-error")))
	if said := p.text("ask-error"); !strings.Contains(said, "Test house") {
		t.Errorf("it says %q", said)
	}
	p.gallery("erase-refused")
}
