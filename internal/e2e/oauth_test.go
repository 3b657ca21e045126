package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/oauth2"
)

// A stranger is an app of somebody else on this machine (RFC 8252), that uses a client of
// OAuth 2.0 which is not ours.
type stranger struct {
	oauth2.Config

	callback *httptest.Server
	answers  chan url.Values
	revoke   string
}

// newStranger finds out from the server where to ask.
func (s *system) newStranger(issuer string) *stranger {
	s.t.Helper()
	var metadata struct {
		Issuer string
		Asks   string `json:"authorization_endpoint"`
		Gives  string `json:"token_endpoint"`
		Takes  string `json:"revocation_endpoint"`
	}
	text := s.get(issuer + "/.well-known/oauth-authorization-server")
	if err := json.Unmarshal(text, &metadata); err != nil || metadata.Issuer != issuer {
		s.t.Fatalf("%s: %v", text, err)
	}
	a := &stranger{answers: make(chan url.Values, 1), revoke: metadata.Takes}
	a.callback = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("<!doctype html><title>Panel</title><p data-testid=done>You can close this page."))
		a.answers <- r.URL.Query()
	}))
	s.t.Cleanup(a.callback.Close)
	a.Config = oauth2.Config{
		Endpoint:    oauth2.Endpoint{AuthURL: metadata.Asks, TokenURL: metadata.Gives, AuthStyle: oauth2.AuthStyleInParams},
		RedirectURL: a.callback.URL + "/callback", Scopes: []string{"lights.control", "readings.read"},
	}
	return a
}

// answer returns what the browser brought to the app.
func (a *stranger) answer(ctx context.Context, t *testing.T) url.Values {
	t.Helper()
	select {
	case v := <-a.answers:
		return v
	case <-ctx.Done():
		t.Fatal("the browser did not come back to the app")
		return nil
	}
}

// TestOAuth: an owner registers an app in the app, the app sends a browser, the person signs
// in and lets it in, and it calls the API, listens to live data, gets a new token, and is
// shut out when it gives its token back, or the person ends it.
func TestOAuth(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	p := page{s, browser(t)}
	issuer := strings.TrimSuffix(p.url("/"), "/")
	app := s.newStranger(issuer)

	p.do("opening the app", chromedp.Navigate(p.url("/")))
	p.signIn(s.Email, s.Password)
	p.do("opening the apps", chromedp.Click(fmt.Sprintf(`a[href="/projects/%s"]`, s.project)), chromedp.Click(byTestID("to-apps")), chromedp.WaitVisible(byTestID("app-submit")))
	p.do("without anything", chromedp.Click(byTestID("app-submit")), chromedp.WaitVisible("#app-name-wrong"))
	p.fill("app-name", "Panel at the entrance")
	p.fill("app-redirects", "http://localhost/callback")
	p.do("an address that may be somebody else's", chromedp.Click(byTestID("app-submit")), chromedp.WaitVisible("#app-redirects-wrong"))
	p.fill("app-redirects", "http://127.0.0.1/callback")
	p.do("registering", chromedp.Click(byTestID("app-lights.control")), chromedp.Click(byTestID("app-readings.read")),
		chromedp.Click(byTestID("app-submit")), chromedp.WaitVisible(byTestID("app-id")))
	p.gallery("app-registered")
	app.ClientID = p.text("app-id")
	p.signOut()

	verifier := oauth2.GenerateVerifier()
	ask := app.AuthCodeURL("the state", oauth2.S256ChallengeOption(verifier))
	p.do("coming from the app", chromedp.Navigate(ask))
	p.signIn(s.Email, s.Password)
	p.do("being asked", chromedp.WaitVisible(byTestID("allow")), chromedp.WaitVisible(byTestID("authorize-readings.read")))
	p.gallery("authorize")
	p.do("letting it do less", chromedp.Click(byTestID("authorize-readings.read")), chromedp.Click(byTestID("allow")), chromedp.WaitVisible(byTestID("done")))
	got := app.answer(p.ctx, t)
	if got.Get("state") != "the state" || got.Get("iss") != issuer {
		t.Errorf("the app is told %v", got)
	}
	token, err := app.Exchange(p.ctx, got.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if scope := token.Extra("scope"); scope != "project.read lights.control" {
		t.Errorf("the app may %v", scope)
	}
	call := func(source oauth2.TokenSource, path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(p.ctx, http.MethodGet, issuer+"/api/v1/projects/"+string(s.project)+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := oauth2.NewClient(p.ctx, source).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for path, want := range map[string]int{"/devices": 200, "/members": 403, "/readings?metric=active_power&device=" + s.Lights[0].EUI64.String(): 403} {
		if status := call(oauth2.StaticTokenSource(token), path); status != want {
			t.Errorf("the app asks for %s: %d, want %d", path, status, want)
		}
	}

	token.Expiry = time.Now().Add(-time.Minute) // so that the client gets another by itself
	source := app.TokenSource(p.ctx, token)
	if status := call(source, "/devices"); status != 200 {
		t.Errorf("after a refresh: %d", status)
	}
	next, err := source.Token()
	if err != nil || next.AccessToken == token.AccessToken || next.RefreshToken == token.RefreshToken {
		t.Fatalf("nothing was refreshed: %v", err)
	}
	ended := s.listen(next.AccessToken)
	form := url.Values{"client_id": {app.ClientID}, "token": {next.RefreshToken}}
	answer, err := http.PostForm(app.revoke, form)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if status := call(oauth2.StaticTokenSource(next), "/devices"); answer.StatusCode != http.StatusOK || status != 401 {
		t.Errorf("giving it back: %d, and after it %d", answer.StatusCode, status)
	}
	select {
	case <-ended:
	case <-time.After(6 * time.Second):
		t.Error("the live connection of a token that was given back goes on")
	}
	refused := (*oauth2.RetrieveError)(nil)
	if _, err := app.TokenSource(p.ctx, &oauth2.Token{RefreshToken: next.RefreshToken}).Token(); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("a refresh after it: %v", err)
	}
	p.declines(app)
	p.endsIt(app, call)
}

// declines says no to the app, and to a request that no server should take.
func (p page) declines(app *stranger) {
	p.t.Helper()
	p.do("coming from the app", chromedp.Navigate(app.AuthCodeURL("x", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))), chromedp.WaitVisible(byTestID("decline")),
		chromedp.Click(byTestID("decline")), chromedp.WaitVisible(byTestID("done")))
	if got := app.answer(p.ctx, p.t); got.Get("error") != "access_denied" || got.Has("code") {
		p.t.Errorf("the app is told %v", got)
	}
	p.do("coming from an app without PKCE", chromedp.Navigate(app.AuthCodeURL("x")), chromedp.WaitVisible(byTestID("authorize-fault")))
	p.gallery("authorize-fault")
	p.do("going back", chromedp.Click(byTestID("authorize-back")), chromedp.WaitVisible(byTestID("done")))
	if got := app.answer(p.ctx, p.t); got.Get("error") != "invalid_request" {
		p.t.Errorf("the app is told %v", got)
	}
	p.do("coming from nobody", chromedp.Navigate(p.url("/oauth/authorize?client_id=nobody")), chromedp.WaitVisible(byTestID("authorize-error")))
	p.gallery("authorize-unknown")
}

// endsIt lets the app in once more, and ends it on the page of the account.
func (p page) endsIt(app *stranger, call func(oauth2.TokenSource, string) int) {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	p.do("coming from the app", chromedp.Navigate(app.AuthCodeURL("x", oauth2.S256ChallengeOption(verifier))), chromedp.WaitVisible(byTestID("allow")),
		chromedp.Click(byTestID("allow")), chromedp.WaitVisible(byTestID("done")))
	token, err := app.Exchange(p.ctx, app.answer(p.ctx, p.t).Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		p.t.Fatal(err)
	}
	p.do("looking at what acts for members", chromedp.Navigate(p.url(fmt.Sprintf("/projects/%s/apps", p.project))), chromedp.WaitVisible(byTestID("program")))
	p.gallery("apps")
	p.do("looking at the account", chromedp.Navigate(p.url("/account")), chromedp.WaitVisible(byTestID("let-in")), chromedp.ScrollIntoView(byTestID("account-apps")))
	p.gallery("let-in")
	p.do("ending it", chromedp.Click(byTestID("end-let-in")), chromedp.Click(byTestID("confirm-act")), chromedp.WaitNotPresent(byTestID("let-in")))
	if status := call(oauth2.StaticTokenSource(token), "/devices"); status != 401 {
		p.t.Errorf("after it was ended: %d", status)
	}
}

// listen connects for live data with a token, over the true WebSocket and with somebody
// else's client of MQTT, and sees that it may hear its project and no other. It returns what is closed
// when the server ends it.
func (s *system) listen(token string) (ended <-chan struct{}) {
	s.t.Helper()
	ctx := s.t.Context()
	socket, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d/mqtt", s.HTTPPort), &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		s.t.Fatal(err)
	}
	done, heard := make(chan struct{}), make(chan string, 1000)
	client := paho.NewClient(paho.ClientConfig{
		Conn:               packets.NewThreadSafeConn(websocket.NetConn(ctx, socket, websocket.MessageBinary)), // paho pings in a goroutine of its own
		OnServerDisconnect: func(*paho.Disconnect) { close(done) },
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
			select {
			case heard <- m.Packet.Topic:
			default:
			}
			return true, nil
		}},
	})
	if _, err := client.Connect(ctx, &paho.Connect{
		ClientID: "panel", CleanStart: true, KeepAlive: 30, UsernameFlag: true, Username: "panel", PasswordFlag: true, Password: []byte(token),
	}); err != nil {
		s.t.Fatal(err)
	}
	own := fmt.Sprintf("p/%s/", s.project)
	if _, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: own + "#"}}}); err != nil {
		s.t.Fatalf("subscribing to the project of the token: %v", err)
	}
	if _, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "p/0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f/#"}}}); err == nil {
		s.t.Error("the token opens the topics of another project")
	}
	s.startBuilding()
	s.startGateway()
	select {
	case topic := <-heard:
		if !strings.HasPrefix(topic, own) {
			s.t.Errorf("heard %s", topic)
		}
	case <-time.After(30 * time.Second):
		s.t.Error("nothing was heard of the gateway")
	}
	return done
}
