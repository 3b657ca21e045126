package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestEmail is what somebody does who has another address: say how to be reached, ask for the change, follow
// the letter to the new address, and undo it by the letter to the old one.
func TestEmail(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	const other = "other@example.org"

	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(s.Email, s.Password)
	p.do("opening the account", toAccount(), chromedp.WaitVisible(byTestID("profile-change")),
		chromedp.Click(byTestID("profile-change")), chromedp.WaitVisible(byTestID("profile-address")),
		chromedp.SendKeys(byTestID("profile-country"), "Germany"))
	p.fill("profile-phone", "call me")
	p.fill("profile-address", "12 St James's Square\nLondon")
	p.do("a number that is none", chromedp.Click(byTestID("profile-save")), chromedp.WaitVisible("#profile-phone-wrong"))
	p.gallery("profile-change")
	p.fill("profile-phone", "+44 20 7946 0958")
	p.do("a number", chromedp.Click(byTestID("profile-save")), chromedp.WaitVisible(byTestID("own-phone")))
	if p.text("own-address") != "12 St James's Square\nLondon" || p.count(byTestID("own-contact")) != 0 {
		t.Errorf("the address is %q", p.text("own-address"))
	}
	p.gallery("profile")

	p.do("asking for another address", chromedp.Click(byTestID("change-email")), chromedp.WaitVisible(byTestID("new-email")))
	p.fill("ask-password", s.Password)
	p.fill("new-email", other)
	p.gallery("change-email")
	p.do("asking for another address", chromedp.Click(byTestID("ask-act")), chromedp.WaitNotPresent(byTestID("ask")))
	p.followLetter("email", "email-link-act")
	p.gallery("confirm-email")
	p.do("confirming it", chromedp.Click(byTestID("email-link-act")), chromedp.WaitVisible(byTestID("email-link-done")))
	p.do("looking at the account", chromedp.Click(byTestID("email-link-on")), chromedp.WaitVisible(byTestID("own-email")))
	if email := p.text("own-email"); email != other {
		t.Errorf("the address is %q", email)
	}
	p.followLetter("undo-email", "email-link-act")
	p.gallery("undo-email")
	p.do("undoing it", chromedp.Click(byTestID("email-link-act")), chromedp.WaitVisible(byTestID("email-link-done")))
	p.do("being signed out", chromedp.Click(byTestID("email-link-on")), chromedp.WaitVisible(byTestID("sign-in-email")))
	p.followLetter("reset", "new-password")
	p.choosePassword("another horse battery")
}
