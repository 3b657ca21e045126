package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sconce/cloud/access"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
)

const (
	callback  = "https://panel.example.org/callback"
	ourIssuer = "https://sconce.example.org"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
)

func newApp() any {
	return object{"name": "Panel", "redirect_uris": []string{callback}, "actions": []string{"lights.control", "readings.read"}, "confidential": false}
}

// foreignApp returns an app of the other project.
func (b *bench) foreignApp() string {
	b.t.Helper()
	if b.apps == "" {
		c, _, err := b.OAuth.Register(b.t.Context(), b.other.scope, oauth.NewClient{Name: "Panel", Redirects: []string{callback}})
		must(b.t, err)
		b.apps = string(c.ID)
	}
	return b.apps
}

// foreignToken returns a token that a member of the other project made for it.
func (b *bench) foreignToken() string {
	b.t.Helper()
	if b.foreign == "" {
		t, _, err := b.Access.Make(b.t.Context(), project.Caller{Account: id("stranger")}, access.New{Project: b.other.scope.Project(), Name: "Panel", Life: time.Hour})
		must(b.t, err)
		b.foreign = string(t.ID)
	}
	return b.foreign
}

// panel is an app of the own project, with what it has in its hands.
type panel struct {
	*bench

	id, secret      string
	code            string
	access, refresh string
	scope           string
}

func (b *bench) panel(change object) *panel {
	b.t.Helper()
	body := newApp().(object)
	for k, v := range change {
		body[k] = v
	}
	a := b.do(request{who: "owner", method: "POST", path: "/projects/" + string(b.own.scope.Project()) + "/apps", body: body})
	if a.status != 201 {
		b.t.Fatalf("registering an app: %d %s", a.status, a.text)
	}
	made := decode[api.MadeApp](b.t, a)
	return &panel{bench: b, id: string(made.ID), secret: made.Secret}
}

// query is what the app sends a browser with; v changes some of it, "" takes it away.
func (p *panel) query(v map[string]string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.id}, "redirect_uri": {callback}, "scope": {"lights.control"}, "state": {"a state"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for k, value := range v {
		if q.Set(k, value); value == "" {
			q.Del(k)
		}
	}
	return q.Encode()
}

func (p *panel) ask(who, query string) answer {
	return p.do(request{who: who, method: "GET", path: "/oauth/authorization?" + url.Values{"query": {query}}.Encode()})
}

func (p *panel) consent(who, query string, allow bool, actions ...string) answer {
	if actions == nil {
		actions = []string{"lights.control"}
	}
	return p.do(request{who: who, method: "POST", path: "/oauth/authorization", body: object{"query": query, "allow": allow, "actions": actions}})
}

// onward returns the parameters that the browser carries to the app.
func (p *panel) onward(a answer) url.Values {
	p.t.Helper()
	if a.status != 200 {
		p.t.Fatalf("the answer of a person: %d %s", a.status, a.text)
	}
	to, err := url.Parse(decode[api.Onward](p.t, a).URL)
	must(p.t, err)
	query := to.Query()
	if to.RawQuery = ""; to.String() != callback && to.Scheme == "https" {
		p.t.Errorf("the browser goes to %s", to)
	}
	return query
}

// letIn lets somebody let the app in, and keeps the code.
func (p *panel) letIn(who string) *panel {
	p.t.Helper()
	v := p.onward(p.consent(who, p.query(nil), true))
	if p.code = v.Get("code"); p.code == "" || v.Get("state") != "a state" || v.Get("iss") != ourIssuer {
		p.t.Fatalf("the app is told %v", v)
	}
	return p
}

// send sends the app's form to one of its addresses.
func (p *panel) send(path string, form url.Values, header http.Header) answer {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for k, v := range header {
		h[k] = v
	}
	return p.do(request{method: "POST", path: outsideAPI + path, body: form.Encode(), header: h})
}

// exchangeForm is that of the code; v changes some of it.
func (p *panel) exchangeForm(v map[string]string) url.Values {
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {p.id}, "code": {p.code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}
	if p.secret != "" {
		form.Set("client_secret", p.secret)
	}
	for k, value := range v {
		if form.Set(k, value); value == "" {
			form.Del(k)
		}
	}
	return form
}

func (p *panel) refreshForm(scope string) url.Values {
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {p.id}, "refresh_token": {p.refresh}}
	if p.secret != "" {
		form.Set("client_secret", p.secret)
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	return form
}

// keep keeps the tokens of an answer.
func (p *panel) keep(a answer) *panel {
	p.t.Helper()
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		p.t.Fatalf("tokens: %d %s", a.status, a.text)
	}
	got := decode[struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Type    string `json:"token_type"`
		Life    int    `json:"expires_in"`
		Scope   string
	}](p.t, a)
	if got.Type != "Bearer" || got.Life != 3600 {
		p.t.Errorf("tokens: %s for %d s", got.Type, got.Life)
	}
	p.access, p.refresh, p.scope = got.Access, got.Refresh, got.Scope
	return p
}

func (p *panel) exchanged(who string) *panel {
	p.t.Helper()
	return p.letIn(who).keep(p.send("/oauth/token", p.exchangeForm(nil), nil))
}

// calls asks the API for the devices of a project with the app's token.
func (p *panel) calls(e estate) int {
	return p.do(request{bearer: p.access, method: "GET", path: "/projects/" + string(e.scope.Project()) + "/devices"}).status
}

func (p *panel) wantOAuth(what string, a answer, status int, code string) {
	p.t.Helper()
	got := decode[struct {
		Error string
		Text  string `json:"error_description"`
	}](p.t, a)
	if a.status != status || got.Error != code || got.Text == "" || a.header.Get("Cache-Control") != "no-store" || strings.Contains(a.text, "access_token") {
		p.t.Errorf("%s: %d %s; want %d %s", what, a.status, a.text, status, code)
	}
}

// logged counts the entries of a chain of the security log.
func (b *bench) logged(chain audit.Chain, action audit.Action, detail string) int {
	b.t.Helper()
	n := 0
	for e, err := range audit.All(b.t.Context(), b.store.SecurityLog(), chain) {
		must(b.t, err)
		if e.Action == action && strings.Contains(e.Detail, detail) {
			n++
		}
	}
	return n
}

// TestApp goes through the life of an app that somebody lets in.
func TestApp(t *testing.T) {
	b := newBench(t)
	p := b.panel(nil)
	own := audit.OfProject(b.own.scope.Project())
	asked := decode[api.Authorization](t, p.ask("expert", p.query(nil)))
	if asked.App.Name != "Panel" || asked.App.By != "owner" || asked.App.Returns != callback || asked.Project.Name != "Project of owner" ||
		strings.Join(asked.Offered, " ") != "project.read lights.control-granted lights.control" {
		t.Errorf("a person is asked %+v", asked)
	}
	p.exchanged("expert")
	if p.scope != "project.read lights.control" || p.calls(b.own) != 200 || p.calls(b.other) != 404 {
		t.Errorf("the app has %q, and reads: %d in its project, %d in another", p.scope, p.calls(b.own), p.calls(b.other))
	}
	command := request{bearer: p.access, method: "POST", path: "/projects/" + string(b.own.scope.Project()) + "/commands", body: object{"group": b.own.group, "on": true}}
	if a := b.do(command); a.status != 202 {
		t.Errorf("the app commands: %d %s", a.status, a.text)
	}
	wantProblem(t, "what was not granted", b.do(request{bearer: p.access, method: "GET", path: "/projects/" + string(b.own.scope.Project()) + "/readings?metric=active_power&device=" + b.own.device.String()}), 403, "forbidden")

	list := decode[api.List[api.LetIn]](t, b.do(request{who: "expert", method: "GET", path: "/account/apps"})).Items
	if len(list) != 1 || list[0].App != "Panel" {
		t.Fatalf("let in: %+v", list)
	}
	if tokens := decode[api.Tokens](t, b.do(request{who: "expert", method: "GET", path: "/tokens"})).Items; len(tokens) != 0 {
		t.Errorf("an app's token is among those that the person made: %+v", tokens)
	}
	before := p.access
	p.keep(p.send("/oauth/token", p.refreshForm(""), nil))
	if p.access == before || p.calls(b.own) != 200 {
		t.Errorf("after a refresh: %d", p.calls(b.own))
	}
	p.keep(p.send("/oauth/token", p.refreshForm("project.read"), nil))
	wantProblem(t, "with less", b.do(request{bearer: p.access, method: "POST", path: command.path, body: command.body}), 403, "forbidden")
	if p.keep(p.send("/oauth/token", p.refreshForm(""), nil)); p.scope != "project.read lights.control" {
		t.Errorf("after a token with less, one has %q", p.scope)
	}
	wantProblem(t, "ended by somebody else", b.do(request{who: "owner", method: "DELETE", path: "/account/apps/" + string(list[0].ID)}), 404, "not-found")
	if a := b.do(request{who: "expert", method: "DELETE", path: "/account/apps/" + string(list[0].ID)}); a.status != 204 {
		t.Errorf("ending it: %d %s", a.status, a.text)
	}
	if p.calls(b.own) != 401 {
		t.Errorf("the app reads after it was ended: %d", p.calls(b.own))
	}
	p.wantOAuth("a refresh after the end", p.send("/oauth/token", p.refreshForm(""), nil), 400, "invalid_grant")

	if v := p.onward(p.consent("expert", p.query(nil), false)); v.Get("error") != "access_denied" || v.Get("state") != "a state" || v.Get("iss") != ourIssuer || v.Has("code") {
		t.Errorf("the app is told of a refusal: %v", v)
	}
	for action, n := range map[audit.Action]int{audit.GrantMade: 1, audit.GrantRedeemed: 1, audit.GrantEnded: 1, audit.AccessRefused: 1} {
		if got := b.logged(audit.People, action, ""); got != n {
			t.Errorf("%d entries of %s, want %d", got, action, n)
		}
	}
	if b.logged(own, audit.ClientMade, "") != 1 {
		t.Error("the registration is not in the log of the project")
	}
}

// TestAppGivesBack: an app ends what it has (RFC 7009), with either token, and nothing else.
func TestAppGivesBack(t *testing.T) {
	b := newBench(t)
	p, other := b.panel(nil), b.panel(nil)
	revoke := func(who *panel, token string) answer {
		return who.send("/oauth/revoke", url.Values{"client_id": {who.id}, "token": {token}, "token_type_hint": {"nonsense"}}, nil)
	}
	for name, token := range map[string]func() string{"access": func() string { return p.access }, "refresh": func() string { return p.refresh }} {
		p.exchanged("expert")
		p.wantOAuth("the token of another app", revoke(other, token()), 400, "invalid_grant")
		if p.calls(b.own) != 200 {
			t.Errorf("another app ended it by the %s token", name)
		}
		if a := revoke(p, token()); a.status != 200 || a.text != "" {
			t.Errorf("giving the %s token back: %d %s", name, a.status, a.text)
		}
		if p.calls(b.own) != 401 {
			t.Errorf("the app reads after it gave the %s token back", name)
		}
		p.wantOAuth("a refresh after it", p.send("/oauth/token", p.refreshForm(""), nil), 400, "invalid_grant")
		if a := revoke(p, token()); a.status != 200 {
			t.Errorf("a second time: %d", a.status)
		}
	}
	text, _ := b.token("expert", b.own)
	if a := revoke(p, text); a.status != 200 {
		t.Errorf("a token that a person made: %d", a.status)
	}
	if a := b.do(request{bearer: text, method: "GET", path: "/projects"}); a.status != 200 {
		t.Error("an app ended a token that a person made")
	}
}

// TestAppIsRemoved: with an app goes what everybody let it do.
func TestAppIsRemoved(t *testing.T) {
	b := newBench(t)
	p := b.panel(nil).exchanged("expert")
	path := "/projects/" + string(b.own.scope.Project()) + "/apps/" + p.id
	if a := b.do(request{who: "owner", method: "DELETE", path: path}); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if p.calls(b.own) != 401 {
		t.Error("the app reads after it was removed")
	}
	p.wantOAuth("a refresh", p.send("/oauth/token", p.refreshForm(""), nil), 401, "invalid_client")
	wantProblem(t, "asking a person", p.ask("expert", p.query(nil)), 404, "not-found")
	if b.logged(audit.People, audit.GrantEnded, "account:account-of-expert reason=app-removed") != 1 || b.logged(audit.OfProject(b.own.scope.Project()), audit.ClientRemoved, "") != 1 {
		t.Error("it is not in the log")
	}
}

// TestConfidentialApp: an app that keeps a secret has to show it, in the header or in the form.
func TestConfidentialApp(t *testing.T) {
	b := newBench(t)
	p := b.panel(object{"confidential": true}).letIn("owner")
	basic := func(id, secret string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}}
	}
	inHeader := p.exchangeForm(map[string]string{"client_id": "", "client_secret": ""})
	wrong := strings.Repeat("A", 43)
	for name, a := range map[string]answer{
		"no secret":           p.send("/oauth/token", p.exchangeForm(map[string]string{"client_secret": ""}), nil),
		"a wrong secret":      p.send("/oauth/token", p.exchangeForm(map[string]string{"client_secret": "sconce_secret_" + wrong}), nil),
		"wrong in the header": p.send("/oauth/token", inHeader, basic(p.id, "sconce_secret_"+wrong)),
		"nobody":              p.send("/oauth/token", inHeader, nil),
		"an unknown app":      p.send("/oauth/token", inHeader, basic("nobody", p.secret)),
		"no Basic":            p.send("/oauth/token", inHeader, http.Header{"Authorization": {"Bearer " + p.secret}}),
	} {
		p.wantOAuth(name, a, 401, "invalid_client")
	}
	p.wantOAuth("in both places", p.send("/oauth/token", p.exchangeForm(nil), basic(p.id, p.secret)), 400, "invalid_request")
	p.keep(p.send("/oauth/token", inHeader, basic(p.id, p.secret)))
	if p.calls(b.own) != 200 {
		t.Error("the app reads nothing")
	}
	if n := b.logged(audit.OfProject(b.own.scope.Project()), audit.AccessRefused, "app:"+p.id); n != 3 {
		t.Errorf("%d refusals of the app in the log of its project", n)
	}
	if strings.Contains(b.log.String(), p.secret) || strings.Contains(b.log.String(), p.refresh) {
		t.Error("a secret is in the technical log")
	}
	public := b.panel(nil).letIn("owner")
	public.wantOAuth("a secret of one that has none", public.send("/oauth/token", public.exchangeForm(map[string]string{"client_secret": p.secret}), nil), 401, "invalid_client")
}

// TestAppMetadata holds what apps are told to where things are (RFC 8414).
func TestAppMetadata(t *testing.T) {
	b := newBench(t)
	got := decode[object](t, b.do(request{method: "GET", path: outsideAPI + "/.well-known/oauth-authorization-server"}))
	if got["issuer"] != ourIssuer || got["token_endpoint"] != ourIssuer+"/oauth/token" || got["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("%v", got)
	}
	demo := decode[object](t, b.do(request{method: "GET", path: outsideAPI + "/.well-known/oauth-authorization-server", plain: true, host: "localhost:8080"}))
	if demo["issuer"] != "http://localhost:8080" {
		t.Errorf("in the demo: %v", demo["issuer"])
	}
	for _, method := range []string{"GET", "PUT"} {
		if a := b.do(request{method: method, path: outsideAPI + "/oauth/token"}); a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d", method, a.status)
		}
	}
}

// TestProgramsOfMembers: an owner sees what acts for members in the project, without the names
// that they gave to it, and ends it; and everybody ends all of their own at once.
func TestProgramsOfMembers(t *testing.T) {
	b := newBench(t)
	own := "/projects/" + string(b.own.scope.Project())
	text, tokenID := b.token("viewer", b.own, "project.read")
	p := b.panel(nil).exchanged("expert")
	a := b.do(request{who: "owner", method: "GET", path: own + "/programs"})
	list := decode[api.Programs](t, a).Items
	if len(list) != 2 || list[0].Kind != "app" || list[0].App != "Panel" || list[0].Account != id("expert") || list[1].ID != tokenID || list[1].Account != id("viewer") || !strings.HasPrefix(text, list[1].Shown) || list[1].App != "" {
		t.Fatalf("an owner sees %s", a.text)
	}
	for _, one := range list {
		if a := b.do(request{who: "owner", method: "DELETE", path: own + "/programs/" + one.Kind + "/" + one.ID}); a.status != 204 {
			t.Errorf("ending the %s: %d %s", one.Kind, a.status, a.text)
		}
	}
	if a := b.do(request{bearer: text, method: "GET", path: own}); a.status != 401 || p.calls(b.own) != 401 {
		t.Errorf("after the end: the token %d, the app %d", a.status, p.calls(b.own))
	}

	text, _ = b.token("expert", b.own)
	others, _ := b.token("viewer", b.own)
	p.exchanged("expert")
	if a := b.do(request{who: "expert", method: "DELETE", path: "/account/programs"}); a.status != 204 {
		t.Errorf("ending all: %d %s", a.status, a.text)
	}
	if a := b.do(request{bearer: text, method: "GET", path: own}); a.status != 401 || p.calls(b.own) != 401 {
		t.Errorf("after ending all: the token %d, the app %d", a.status, p.calls(b.own))
	}
	if a := b.do(request{bearer: others, method: "GET", path: own}); a.status != 200 {
		t.Errorf("the token of somebody else: %d", a.status)
	}
}

// TestTokensOutliveThePassword: a new password ends sessions, and neither tokens nor apps: the
// panels of a building go on. Who fears for those ends them all (TestProgramsOfMembers).
func TestTokensOutliveThePassword(t *testing.T) {
	b := newBench(t)
	text, _ := b.token("expert", b.own)
	p := b.panel(nil).exchanged("expert")
	must(t, b.store.Identity().EndSessions(t.Context(), id("expert"), time.Now())) // as a new password does: TestChangePassword
	if a := b.do(request{who: "expert", method: "GET", path: "/account"}); a.status != 401 {
		t.Errorf("the session goes on: %d", a.status)
	}
	if a := b.do(request{bearer: text, method: "GET", path: "/projects"}); a.status != 200 || p.calls(b.own) != 200 {
		t.Errorf("the token: %d, the app: %d", a.status, p.calls(b.own))
	}
	p.keep(p.send("/oauth/token", p.refreshForm(""), nil))
}
