package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// TestPasskey is what somebody does with a passkey, on Chromium's virtual authenticator: make one, sign in
// with it without typing anything, and remove it.
func TestPasskey(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	p.do("opening the app", chromedp.Navigate(p.url("/")), chromedp.WaitVisible(byTestID("sign-in-email")))
	p.gallery("sign-in")
	p.do("a phone that knows its owner's finger", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return err
	}))
	p.do("signing in with a passkey that is not there",
		chromedp.Click(byTestID("sign-in-passkey")), chromedp.WaitVisible(byTestID("sign-in-error")))

	p.signIn(s.Email, s.Password)
	p.do("opening the account",
		chromedp.WaitVisible(byTestID("to-account")), toAccount(), chromedp.WaitVisible(byTestID("add-passkey")),
		chromedp.Click(byTestID("add-passkey")), chromedp.WaitVisible(byTestID("passkey-name")),
	)
	p.gallery("add-passkey")
	p.fill("passkey-name", "Ada's phone")
	p.fill("ask-password", s.Password)
	p.do("making a passkey", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("passkey")))
	p.gallery("passkeys")

	p.signOut()
	p.do("signing in by the passkey alone", chromedp.Click(byTestID("sign-in-passkey")), chromedp.WaitVisible(byTestID("to-account")))
	p.do("looking at how one signed in", toAccount(), chromedp.WaitVisible(byTestID("account-history")))
	if n := p.count(`[data-testid="passkey"]`); n != 1 {
		t.Errorf("%d passkeys are listed", n)
	}
	p.do("removing it", chromedp.Click(byTestID("remove-passkey")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", s.Password)
	p.do("removing it", chromedp.Click(byTestID("ask-act")), chromedp.WaitNotPresent(byTestID("passkey")))
	p.signOut()
	p.do("signing in with it again", chromedp.Click(byTestID("sign-in-passkey")), chromedp.WaitVisible(byTestID("sign-in-error")))
}
