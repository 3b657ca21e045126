package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// provider is an OpenID provider of somebody else's making, as a program of its own.
type provider struct {
	url     string
	process *os.Process
	log     *lockedBuffer
}

// startProvider starts the provider, and lets the installation sign in through it.
func (s *system) startProvider() *provider {
	s.t.Helper()
	if _, err := os.Stat("provider/node_modules/oidc-provider"); err != nil {
		s.t.Fatal("the OpenID provider is not here: run make internal/e2e/provider/node_modules/.package-lock.json")
	}
	free, err := (&net.ListenConfig{}).Listen(s.t.Context(), "tcp", "localhost:0")
	if err != nil {
		s.t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		s.t.Fatal(err)
	}
	p := &provider{url: fmt.Sprintf("http://localhost:%d", port), log: s.log("provider")}
	redirect := fmt.Sprintf("http://localhost:%d/sign-in/provider", s.HTTPPort)
	run := exec.CommandContext(context.WithoutCancel(s.t.Context()), "node", "server.mjs", fmt.Sprint(port), redirect)
	run.Dir, run.Stdout, run.Stderr = "provider", p.log, p.log
	if err := run.Start(); err != nil {
		s.t.Fatal(err)
	}
	p.process = run.Process
	s.t.Cleanup(func() {
		_ = run.Process.Kill() // it may have ended
		_ = run.Wait()
	})
	s.await(20*time.Second, "the provider", func() bool { return bytes.Contains(p.log.Bytes(), []byte("listening")) })

	secret := filepath.Join(s.Dir, "provider-secret")
	if err := os.WriteFile(secret, []byte("a secret of the client\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(s.CloudConfig())
	if err != nil {
		s.t.Fatal(err)
	}
	text = fmt.Appendf(text, `
single_sign_on:
  issuer: %s
  client_id: sconce
  client_secret_file: %s
  label: Example account
  make_accounts: true
  email_domains: [example.com]
`, p.url, secret)
	if err := os.WriteFile(s.CloudConfig(), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// signInThere goes through the provider's own pages: who one is, and that it may say so.
func (p page) signInThere(name string) {
	p.t.Helper()
	p.do("signing in at the provider",
		chromedp.WaitVisible(`input[name="login"]`), chromedp.SendKeys(`input[name="login"]`, name),
		chromedp.SendKeys(`input[name="password"]`, "whatever"), chromedp.Click(`button[type="submit"]`),
	)
	p.do("letting it tell us", chromedp.WaitVisible(`button[autofocus]`), chromedp.Click(`button[autofocus]`))
}

// TestProvider is what people do with the installation's own OpenID provider: sign in for the
// first time, connect an account that they have, sign in to that, disconnect it, and sign in
// otherwise while the provider is away.
func TestProvider(t *testing.T) {
	s := install(t, 2)
	there := s.startProvider()
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}

	p.do("opening the app", chromedp.Navigate(p.url("/")), chromedp.WaitVisible(byTestID("sign-in-provider")))
	p.gallery("sign-in-provider")
	p.do("going there", chromedp.Click(byTestID("sign-in-provider")))
	p.signInThere("grace")
	p.do("coming back", chromedp.WaitVisible(byTestID("to-account")))
	p.at("/projects")
	p.do("opening the account", toAccount(), chromedp.WaitVisible(byTestID("provider-connected")))
	if name := p.text("own-name"); name != "grace of Example" {
		t.Errorf("the account is of %q", name)
	}
	p.gallery("account-by-provider")
	p.do("taking the only way in away", chromedp.Click(byTestID("provider-remove")), chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("ask-error")))
	p.gallery("only-way-in")
	p.signOut()
	p.do("again, without being asked", chromedp.Click(byTestID("sign-in-provider")), chromedp.WaitVisible(byTestID("to-account")))

	p.signOut()
	p.signIn(s.Email, s.Password)
	connect := func() {
		p.do("connecting", chromedp.WaitVisible(byTestID("to-account")), toAccount(),
			chromedp.WaitVisible(byTestID("provider-connect")), chromedp.Click(byTestID("provider-connect")), chromedp.WaitVisible(byTestID("ask-password")))
		p.fill("ask-password", s.Password)
		p.do("going there", chromedp.Click(byTestID("ask-act")))
	}
	connect()
	p.do("somebody who has an account", chromedp.WaitVisible(byTestID("provider-error")))
	p.gallery("provider-refused")
	p.do("forgetting who one is there", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}), chromedp.Navigate(p.url("/")))
	p.signIn(s.Email, s.Password)
	connect()
	p.signInThere("ada")
	p.do("connected", chromedp.WaitVisible(byTestID("provider-connected")))
	p.at("/account")
	p.gallery("connected")
	p.signOut()
	p.do("signing in through it", chromedp.Click(byTestID("sign-in-provider")), chromedp.WaitVisible(byTestID("to-account")))
	p.do("disconnecting", toAccount(), chromedp.WaitVisible(byTestID("provider-remove")),
		chromedp.Click(byTestID("provider-remove")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", s.Password)
	p.do("disconnecting", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("provider-connect")))
	p.signOut()
	// The address that the provider has for ada is none of an account here, so another one is made.
	p.do("signing in through it again", chromedp.Click(byTestID("sign-in-provider")), chromedp.WaitVisible(byTestID("to-account")))
	p.do("as somebody else", toAccount(), chromedp.WaitVisible(byTestID("own-name")))
	if name := p.text("own-name"); name != "ada of Example" {
		t.Errorf("the account is of %q", name)
	}
	p.signOut()

	if err := there.process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cloud.Kill() // which knew where the provider is
	s.startCloud()
	p.do("while it is away", chromedp.Navigate(p.url("/")), chromedp.Click(byTestID("sign-in-provider")), chromedp.WaitVisible(byTestID("sign-in-error")))
	p.gallery("provider-away")
	p.signIn(s.Email, s.Password)
	p.do("signing in by the password", chromedp.WaitVisible(byTestID("to-account")))
}
