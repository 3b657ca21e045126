package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTokens: somebody makes a token in the app, a program acts with it, and is shut out
// when it is revoked.
func TestTokens(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(s.Email, s.Password)
	p.do("opening the account", toAccount(), chromedp.Click(byTestID("make-token")), chromedp.WaitVisible(byTestID("token-readings.read")))
	p.do("without a name", chromedp.Click(byTestID("token-submit")), chromedp.WaitVisible("#token-name-wrong"))
	p.fill("token-name", "Panel at the entrance")
	p.do("choosing", chromedp.Click(byTestID("token-readings.read")))
	p.gallery("token-form")
	p.do("making it", chromedp.Click(byTestID("token-submit")), chromedp.WaitVisible(byTestID("token-secret")))
	p.gallery("token-made")
	token := p.text("token-secret")
	ask := func(method, path string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, p.url("/api/v1/projects/"+string(s.project)+path), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{{"GET", "/devices", 200}, {"GET", "/members", 403}, {"POST", "/commands", 400}, {"DELETE", "/members/x", 403}} {
		if got := ask(c.method, c.path); got != c.want {
			t.Errorf("the program asks %s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
	p.do("having it", chromedp.Click(byTestID("token-kept")), chromedp.WaitNotPresent(byTestID("token-secret")))
	p.gallery("tokens")
	p.do("revoking it", chromedp.Click(byTestID("revoke-token")), chromedp.Click(byTestID("confirm-act")), chromedp.WaitNotPresent(byTestID("token")))
	if got := ask("GET", "/devices"); got != 401 {
		t.Errorf("after it was revoked: %s", fmt.Sprint(got))
	}
}
