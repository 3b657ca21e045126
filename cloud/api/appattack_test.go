package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/audit"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
)

// TestAppAttacks: what people try with codes, tokens and requests, each refused, with nothing
// given, and what was given before ended where it may be in wrong hands.
func TestAppAttacks(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) {
		clock := func() time.Time { return now }
		o.OAuth.Now, o.Access.Now = clock, clock
	})
	other := b.panel(nil)
	token := func(p *panel, v map[string]string) answer { return p.send("/oauth/token", p.exchangeForm(v), nil) }
	exchange := func(p *panel) answer { return token(p, nil) }
	for name, c := range map[string]struct {
		attack func(p *panel) answer // with a code that was given
		code   string
		after  func(p *panel) answer // what the true app then does, refused as well; nil for nothing
		why    string                // what the log says of the end
	}{
		"a code twice": {func(p *panel) answer { p.keep(exchange(p)); return exchange(p) }, "invalid_grant", func(p *panel) answer { return p.send("/oauth/token", p.refreshForm(""), nil) }, "reason=code-again"},
		"a wrong verifier": {func(p *panel) answer {
			return token(p, map[string]string{"code_verifier": strings.Repeat("a", 43)})
		}, "invalid_grant", exchange, "reason=code-wrong"},
		"the challenge as the verifier": {func(p *panel) answer {
			sum := sha256.Sum256([]byte(verifier))
			return token(p, map[string]string{"code_verifier": base64.RawURLEncoding.EncodeToString(sum[:])})
		}, "invalid_grant", exchange, "reason=code-wrong"},
		"no verifier":     {func(p *panel) answer { return token(p, map[string]string{"code_verifier": ""}) }, "invalid_request", nil, ""},
		"another address": {func(p *panel) answer { return token(p, map[string]string{"redirect_uri": callback + "/"}) }, "invalid_grant", exchange, "reason=code-wrong"},
		"no address":      {func(p *panel) answer { return token(p, map[string]string{"redirect_uri": ""}) }, "invalid_request", nil, ""},
		"another app":     {func(p *panel) answer { return token(p, map[string]string{"client_id": other.id}) }, "invalid_grant", exchange, "reason=code-wrong"},
		"after a minute":  {func(p *panel) answer { now = now.Add(oauth.CodeLife); return exchange(p) }, "invalid_grant", nil, ""},
		"a made-up code": {func(p *panel) answer {
			return token(p, map[string]string{"code": "sconce_code_" + strings.Repeat("A", 43)})
		}, "invalid_grant", nil, ""},
		"a session as code": {func(p *panel) answer { return token(p, map[string]string{"code": b.tokens["expert"]}) }, "invalid_grant", nil, ""},
		"a password grant":  {func(p *panel) answer { return token(p, map[string]string{"grant_type": "password"}) }, "unsupported_grant_type", nil, ""},
		"client credentials": {func(p *panel) answer {
			return token(p, map[string]string{"grant_type": "client_credentials"})
		}, "unsupported_grant_type", nil, ""},
		"a parameter twice": {func(p *panel) answer {
			form := p.exchangeForm(nil)
			form.Add("code", p.code)
			return p.send("/oauth/token", form, nil)
		}, "invalid_request", nil, ""},
		"a code in the query": {func(p *panel) answer {
			return p.send("/oauth/token?code="+p.code, p.exchangeForm(nil), nil)
		}, "invalid_request", nil, ""},
		"as JSON": {func(p *panel) answer {
			return p.send("/oauth/token", p.exchangeForm(nil), http.Header{"Content-Type": {"application/json"}})
		}, "invalid_request", nil, ""},
		"a refresh token twice": {func(p *panel) answer {
			p.keep(exchange(p))
			stolen := p.refreshForm("")
			p.keep(p.send("/oauth/token", stolen, nil))
			return p.send("/oauth/token", stolen, nil)
		}, "invalid_grant", func(p *panel) answer { return p.send("/oauth/token", p.refreshForm(""), nil) }, "reason=refresh-again"},
		"a refresh token of another app": {func(p *panel) answer {
			p.keep(exchange(p))
			form := p.refreshForm("")
			form.Set("client_id", other.id)
			return p.send("/oauth/token", form, nil)
		}, "invalid_grant", func(p *panel) answer { return p.send("/oauth/token", p.refreshForm(""), nil) }, "reason=of-another-app"},
		"more at a refresh": {func(p *panel) answer {
			p.keep(exchange(p))
			return p.send("/oauth/token", p.refreshForm("lights.control lights.configure"), nil)
		}, "invalid_scope", nil, ""},
		"a refresh after 30 days": {func(p *panel) answer {
			p.keep(exchange(p))
			now = now.Add(oauth.Idle)
			return p.send("/oauth/token", p.refreshForm(""), nil)
		}, "invalid_grant", nil, ""},
		"refreshing for ever": {func(p *panel) answer {
			p.keep(exchange(p))
			for range int(oauth.MaxLife / (oauth.Idle / 2)) {
				now = now.Add(oauth.Idle / 2)
				p.keep(p.send("/oauth/token", p.refreshForm(""), nil))
			}
			now = now.Add(oauth.Idle / 2)
			return p.send("/oauth/token", p.refreshForm(""), nil)
		}, "invalid_grant", nil, ""},
		"a refresh after the person left": {func(p *panel) answer {
			p.keep(exchange(p))
			if err := b.projects.RemoveMember(t.Context(), b.own.scope, id("expert")); err != nil {
				t.Error(err)
			}
			return p.send("/oauth/token", p.refreshForm(""), nil)
		}, "invalid_grant", exchange, "reason=no-member"},
		"a code after the person left": {func(p *panel) answer {
			if err := b.projects.RemoveMember(t.Context(), b.own.scope, id("expert")); err != nil {
				t.Error(err)
			}
			return exchange(p)
		}, "invalid_grant", exchange, "reason=no-member"},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, b.projects.SetMember(t.Context(), b.own.scope, project.Member{Account: id("expert"), Role: sconce.Expert}))
			p := b.panel(nil).letIn("expert")
			p.t = t
			before := b.logged(audit.People, audit.GrantEnded, c.why)
			p.wantOAuth("the attack", c.attack(p), 400, c.code)
			if c.after != nil {
				p.wantOAuth("the app after it", c.after(p), 400, "invalid_grant")
				if p.access != "" && p.calls(b.own) < 400 {
					t.Error("what was given before is still good")
				}
			}
			if c.why != "" && b.logged(audit.People, audit.GrantEnded, c.why) != before+1 {
				t.Errorf("the end is not in the log as %s", c.why)
			}
			now = time.Now()
			a := b.do(request{who: "owner", method: "DELETE", path: "/projects/" + string(b.own.scope.Project()) + "/apps/" + p.id})
			if a.status != 204 {
				t.Error(a.text)
			}
		})
	}
}

// TestConsentAttacks: requests that a browser is sent here with. Those whose app or address is
// not known go nowhere; the others can be declined only, and the app is told why.
func TestConsentAttacks(t *testing.T) {
	b := newBench(t)
	p := b.panel(nil)
	plain := map[string]string{"code_challenge_method": "plain", "code_challenge": verifier}
	for name, c := range map[string]struct {
		change map[string]string
		code   string
	}{
		"plain":                      {plain, "invalid_request"},
		"no method, which is plain":  {map[string]string{"code_challenge_method": ""}, "invalid_request"},
		"no challenge":               {map[string]string{"code_challenge": ""}, "invalid_request"},
		"a token at once (implicit)": {map[string]string{"response_type": "token"}, "unsupported_response_type"},
		"in the fragment":            {map[string]string{"response_mode": "fragment"}, "invalid_request"},
		"no action":                  {map[string]string{"scope": "openid"}, "invalid_scope"},
		"more than it is for":        {map[string]string{"scope": "members.manage"}, "invalid_scope"},
	} {
		asked := decode[api.Authorization](t, p.ask("owner", p.query(c.change)))
		if fault, err := asked.Fault.MarshalJSON(); err != nil || !strings.Contains(string(fault), c.code) {
			t.Errorf("%s: the person is told %s, %v", name, fault, err)
		}
		wantProblem(t, name, p.consent("owner", p.query(c.change), true), 422, "invalid")
		if v := p.onward(p.consent("owner", p.query(c.change), false)); v.Get("error") != c.code || v.Has("code") || v.Get("iss") != ourIssuer {
			t.Errorf("%s: the app is told %v", name, v)
		}
	}
	for name, c := range map[string]struct {
		change map[string]string
		status int
	}{
		"another address":          {map[string]string{"redirect_uri": "https://evil.example.org/callback"}, 422},
		"the same and more":        {map[string]string{"redirect_uri": callback + "/../x"}, 422},
		"with a query":             {map[string]string{"redirect_uri": callback + "?x=1"}, 422},
		"in capitals":              {map[string]string{"redirect_uri": strings.ToUpper(callback)}, 422},
		"below the host":           {map[string]string{"redirect_uri": "https://panel.example.org.evil.example/callback"}, 422},
		"without an address":       {map[string]string{"redirect_uri": ""}, 422},
		"an unknown app":           {map[string]string{"client_id": "nobody"}, 404},
		"an app of other projects": {map[string]string{"client_id": b.foreignApp()}, 404},
	} {
		kind := map[int]string{404: "not-found", 422: "invalid"}[c.status]
		wantProblem(t, name, p.ask("owner", p.query(c.change)), c.status, kind)
		for _, allow := range []bool{true, false} {
			wantProblem(t, name, p.consent("owner", p.query(c.change), allow), c.status, kind)
		}
	}
	unknown, foreign := p.ask("owner", p.query(map[string]string{"client_id": "nobody"})), p.ask("stranger", p.query(nil))
	if withoutRequest(t, unknown) != withoutRequest(t, foreign) {
		t.Errorf("a stranger can tell an app of others from none: %s, %s", unknown.text, foreign.text)
	}
	twice := p.query(nil) + "&client_id=" + b.foreignApp()
	wantProblem(t, "two apps", p.ask("owner", twice), 404, "not-found")

	wantProblem(t, "more than one may", p.consent("viewer", p.query(nil), true), 403, "forbidden")
	wantProblem(t, "more than was asked", p.consent("owner", p.query(nil), true, "members.manage"), 403, "forbidden")
	wantProblem(t, "by nobody", p.consent("nobody", p.query(nil), true), 401, "unauthenticated")
	text, _ := b.token("owner", b.own)
	wantProblem(t, "by a program", b.do(request{bearer: text, method: "POST", path: "/oauth/authorization", body: object{"query": p.query(nil), "allow": true}}), 403, "forbidden")
	for name, header := range map[string]http.Header{
		"by another site's page": {"Sec-Fetch-Site": {"cross-site"}},
		"by another origin":      {"Origin": {"https://evil.example.org"}},
	} {
		a := b.do(request{who: "owner", method: "POST", path: "/oauth/authorization", body: object{"query": p.query(nil), "allow": true}, header: header})
		wantProblem(t, name, a, 403, "cross-origin")
	}
	if n := b.logged(audit.People, audit.GrantMade, ""); n != 0 {
		t.Errorf("%d apps were let in", n)
	}
	page := b.do(request{who: "owner", method: "GET", path: outsideAPI + "/oauth/authorize?" + p.query(nil)})
	if policy := page.header.Get("Content-Security-Policy"); page.status != 200 || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("the page that asks can be framed: %d %s", page.status, policy)
	}
}
