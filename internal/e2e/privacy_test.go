package e2e

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"slices"
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
	downloads := p.downloads()
	const email, password = "grace@example.org", "a bug in the relay"
	s.ctl(password+"\n", "account", "add", "--email", email, "--name", "Grace")

	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(email, password)
	p.do("opening the account", toAccount(), chromedp.WaitVisible(byTestID("profile-change")))
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

	p.do("asking for a copy", chromedp.Click(byTestID("export-account")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", password+"x")
	p.do("a wrong password", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible("#ask-password-wrong"))
	p.gallery("export")
	p.fill("ask-password", password)
	p.do("the copy", chromedp.Click(byTestID("ask-act")), chromedp.WaitNotPresent(byTestID("ask")))
	if files := p.saved(downloads, "sconce-account.zip"); len(files) < 8 {
		t.Errorf("in the copy are %v", files)
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

// downloads returns the folder in which the browser keeps what it is given.
func (p page) downloads() string {
	dir := p.t.TempDir()
	p.do("keeping files", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
			Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, //nolint:misspell // the name of the protocol
		})
		return err
	}))
	return dir
}

// saved waits until the browser has saved a ZIP file, and returns the names of the files in it.
func (p page) saved(dir, pattern string) (names []string) {
	p.t.Helper()
	var file string
	p.await(10*time.Second, pattern+" to be saved", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(found) == 0 {
			return false
		}
		file = found[0]
		info, err := os.Stat(file)
		return err == nil && info.Size() > 0
	})
	z, err := zip.OpenReader(file)
	if err != nil {
		p.t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	return names
}

// TestExport is what an owner does who wants the readings of a project as a file.
func TestExport(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	downloads := p.downloads()
	p.do("opening the app", chromedp.Navigate(p.url("/projects/"+string(s.project)+"/data")))
	p.signIn(s.Email, s.Password)
	p.do("exporting", chromedp.WaitVisible(byTestID("export-size")), chromedp.Click(byTestID("export")))
	files := p.saved(downloads, "*.zip")
	if !slices.Contains(files, "devices.csv") {
		t.Errorf("in the export are %v", files)
	}
	p.gallery("data")
}
