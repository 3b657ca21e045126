package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// toAccount clicks on the way to one's account, and once more when the page was drawn anew
// between finding it and clicking, as after signing in.
func toAccount() chromedp.Action[chromedp.Void] {
	click := chromedp.Click(byTestID("to-account"))
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		done, err := click(ctx, t)
		if err != nil && ctx.Err() == nil {
			return click(ctx, t)
		}
		return done, err
	}
}

// TestAccount is what somebody does with their own account: look at where they are signed in, change
// the password, set up an authenticator app, and sign in with it and with a recovery code.
func TestAccount(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	const second = "a bug in the relay"

	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(s.Email, s.Password+"x")
	p.do("a wrong password", chromedp.WaitVisible(byTestID("sign-in-error")))
	p.signIn(s.Email, s.Password)
	p.do("opening the account", toAccount(), chromedp.WaitVisible(byTestID("account-history")))
	p.at("/account")
	p.await(5*time.Second, "the refused try in the history", func() bool {
		p.do("looking again", chromedp.Navigate(p.url("/account")), chromedp.WaitVisible(byTestID("account-history")))
		return p.count(`[data-testid="sign-in-entry"][data-refused="true"]`) == 1
	})
	p.gallery("account")
	if n := p.count(`[data-testid="session"]`); n < 2 {
		t.Errorf("%d sessions are listed; the set-up has one, and this browser", n)
	}
	p.do("signing out elsewhere",
		chromedp.Click(byTestID("end-others")), chromedp.Click(byTestID("confirm-act")),
		chromedp.WaitNotPresent(byTestID("end-others")),
	)

	p.do("changing the password", chromedp.Click(byTestID("change-password")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", s.Password)
	p.fill("next-password", "Manchesterunited")
	p.do("a leaked password", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible("#next-password-wrong"))
	p.gallery("leaked-password")
	p.fill("next-password", second)
	p.fill("ask-password", s.Password+"x")
	p.do("a wrong password", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible("#ask-password-wrong"))
	p.fill("ask-password", s.Password)
	p.do("a good password", chromedp.Click(byTestID("ask-act")), chromedp.WaitNotPresent(byTestID("ask")))

	p.do("setting up an app", chromedp.Click(byTestID("step-set-up")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", second)
	p.do("the key", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("qr-code")))
	p.gallery("second-step-key")
	key := strings.ReplaceAll(p.text("step-key"), " ", "")
	p.fill("step-code", "000000")
	p.do("a wrong code", chromedp.Click(byTestID("step-confirm")), chromedp.WaitVisible("#step-code-wrong"))
	p.fill("step-code", appCode(t, key, -1))
	p.do("the right code", chromedp.Click(byTestID("step-confirm")), chromedp.WaitVisible(byTestID("recovery-codes")))
	p.gallery("recovery-codes")
	recovery := strings.Fields(p.text("recovery-codes"))
	p.do("keeping them", chromedp.Click(byTestID("codes-kept")), chromedp.WaitVisible(byTestID("codes-left")))

	p.signOut()
	p.signIn(s.Email, second)
	p.do("the second step", chromedp.WaitVisible(byTestID("second-step-code")))
	p.gallery("second-step")
	p.fill("second-step-code", "123456")
	p.do("a wrong code", chromedp.Click(byTestID("second-step-submit")), chromedp.WaitVisible(byTestID("second-step-error")))
	p.fill("second-step-code", appCode(t, key, 1))
	p.do("the app's code", chromedp.Click(byTestID("second-step-submit")), chromedp.WaitVisible(byTestID("sign-out")))
	p.signOut()
	p.signIn(s.Email, second)
	p.do("the second step", chromedp.WaitVisible(byTestID("second-step-code")))
	p.fill("second-step-code", recovery[0])
	p.do("a recovery code", chromedp.Click(byTestID("second-step-submit")), chromedp.WaitVisible(byTestID("to-account")))
	p.do("looking at what is left", toAccount(), chromedp.WaitVisible(byTestID("codes-left")))
	if left := p.text("codes-left"); !strings.Contains(left, "9") {
		t.Errorf("%s; expected 9", left)
	}
	p.gallery("account-with-step")
	p.do("turning it off", chromedp.Click(byTestID("step-remove")), chromedp.WaitVisible(byTestID("ask-password")))
	p.fill("ask-password", second)
	p.do("turning it off", chromedp.Click(byTestID("ask-act")), chromedp.WaitVisible(byTestID("step-set-up")))
}

// appCode is what an authenticator app shows, some half minutes from now (RFC 6238).
func appCode(t *testing.T, key string, steps int64) string {
	t.Helper()
	secret, err := base32.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatalf("the key %q: %v", key, err)
	}
	mac := hmac.New(sha1.New, secret)
	if err := binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps); err != nil {
		t.Fatal(err)
	}
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// text returns what an element says.
func (p page) text(id string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, byTestID(id))))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// count returns how many elements there are.
func (p page) count(selector string) int {
	p.t.Helper()
	n, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}
