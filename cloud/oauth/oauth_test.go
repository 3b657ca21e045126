package oauth

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/identity"
	"sconce/internal/corpus"
)

func TestCheckRedirect(t *testing.T) {
	const public, confidential, nobody = 1, 2, 0
	for address, who := range map[string]int{
		"https://example.org/callback":                            public | confidential,
		"https://example.org:8443/a/b":                            public | confidential,
		"https://example.org":                                     public | confidential,
		"http://127.0.0.1/callback":                               public,
		"http://127.0.0.1:3000/callback":                          public,
		"http://[::1]:3000/callback":                              public,
		"org.example.panel:/callback":                             public,
		"http://localhost/callback":                               nobody, // a name may be somebody else (RFC 8252, 8.3)
		"http://127.0.0.1.example.org/callback":                   nobody,
		"http://example.org/callback":                             nobody,
		"https://example.org/callback?x=1":                        nobody,
		"https://example.org/callback#x":                          nobody,
		"https://example.org/callback?":                           nobody,
		"https://user@example.org/callback":                       nobody,
		"https://*.example.org/callback":                          nobody,
		"https:///callback":                                       nobody,
		"https:callback":                                          nobody,
		"/callback":                                               nobody,
		"":                                                        nobody,
		"panel:/callback":                                         nobody, // not a name that is anybody's
		"javascript:alert(1)":                                     nobody,
		"data:text/html,x":                                        nobody,
		"org.example.panel://host/callback":                       nobody,
		"https://example.org/\nx":                                 nobody,
		"https://exämple.org/":                                    nobody,
		"HTTPS://example.org/":                                    nobody,
		"https://example.org/" + strings.Repeat("a", maxRedirect): nobody,
	} {
		for kind, keeps := range map[int]bool{public: false, confidential: true} {
			err := CheckRedirect(address, keeps)
			if (err == nil) != (who&kind != 0) || err != nil && sconce.KindOf(err) != sconce.Invalid {
				t.Errorf("%.60q, confidential %v: %v", address, keeps, err)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	c := Client{Redirects: []string{"https://example.org/callback", "http://127.0.0.1/callback", "http://[::1]:1/callback", "org.example.panel:/callback"}}
	for address, want := range map[string]bool{
		"https://example.org/callback":      true,
		"org.example.panel:/callback":       true,
		"http://127.0.0.1/callback":         true,
		"http://127.0.0.1:49152/callback":   true,
		"http://[::1]:49152/callback":       true,
		"https://example.org:8443/callback": false, // any port is for this machine alone
		"https://example.org/callback/":     false,
		"https://example.org/Callback":      false,
		"https://example.org/":              false,
		"https://evil.example.org/callback": false,
		"http://127.0.0.1:49152/other":      false,
		"http://127.0.0.1:49152/callback?x": false,
		"http://user@127.0.0.1:1/callback":  false,
		"http://127.0.0.2:49152/callback":   false,
		"https://127.0.0.1:49152/callback":  false,
		"http://[::2]:49152/callback":       false,
		"http://localhost:49152/callback":   false,
		"":                                  false,
	} {
		if c.matches(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	refresh := RefreshToken{family: identity.NewToken(), token: identity.NewToken()}
	secret := ClientSecret{token: identity.NewToken()}
	r, fault := ParseTokenRequest("", url.Values{"client_id": {"x"}, "client_secret": {secret.Reveal()}, "grant_type": {byRefresh}, "refresh_token": {refresh.Reveal()}}.Encode())
	if fault != nil {
		t.Fatal(fault)
	}
	for _, v := range []any{refresh, secret, code{token: identity.NewToken()}, r, Issued{Refresh: refresh}} {
		if printed := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(printed, refresh.token.Reveal()) || strings.Contains(printed, secret.token.Reveal()) {
			t.Errorf("%T prints %s", v, printed)
		}
	}
}

// FuzzRequest: what a browser is sent here with reads the same in its canonical form.
func FuzzRequest(f *testing.F) {
	challenge := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	f.Add("response_type=code&client_id=ABC&redirect_uri=https%3A%2F%2Fexample.org%2Fcb&scope=lights.control+readings.read&state=x&code_challenge=" + challenge + "&code_challenge_method=S256")
	f.Add("client_id=a&client_id=b&state=%00&redirect_uri=")
	corpus.Fuzz(f, func(t *testing.T, query string) {
		r, fault := ParseRequest(query)
		if fault != nil {
			if strings.ContainsFunc(fault.Text, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
				t.Errorf("RFC 6749, 4.1.2.1 has no such text: %q", fault.Text)
			}
			return
		}
		again, fault := ParseRequest(r.Query())
		if fault != nil && len(r.Query()) <= maxQuery || fault == nil && again != r {
			t.Errorf("%q reads as %+v, and its canonical form %q as %+v, %v", query, r, r.Query(), again, fault)
		}
	})
}

// FuzzTokenRequest: no message of an app panics, and what is in it is read as it is.
func FuzzTokenRequest(f *testing.F) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("id:se%2Fcret"))
	f.Add(basic, "grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fa&code_verifier="+strings.Repeat("v", 43))
	f.Add("", "client_id=id&grant_type=refresh_token&refresh_token=x&scope=lights.control")
	f.Add("Basic", "token=x&token=y")
	corpus.Fuzz(f, func(t *testing.T, authorization, body string) {
		r, fault := ParseTokenRequest(authorization, body)
		if fault == nil {
			form := url.Values{
				"grant_type": {r.Type}, "code": {string(r.Code)}, "redirect_uri": {r.Redirect}, "code_verifier": {string(r.Verifier)},
				"refresh_token": {string(r.Refresh)}, "scope": {r.Scope}, "client_id": {string(r.Client)}, "client_secret": {string(r.Secret)},
			}
			again, fault := ParseTokenRequest("", form.Encode())
			if again.Basic = r.Basic; fault != nil || again != r {
				t.Errorf("%q with %q reads as another in its canonical form: %v", body, authorization, fault)
			}
		}
		if v, fault := ParseRevocation(authorization, body); fault == nil {
			again, fault := ParseRevocation("", url.Values{"token": {string(v.Token)}, "client_id": {string(v.Client)}, "client_secret": {string(v.Secret)}}.Encode())
			if again.Basic = v.Basic; fault != nil || again != v {
				t.Errorf("%q with %q reads as another in its canonical form: %v", body, authorization, fault)
			}
		}
	})
}

// FuzzSecrets: a text that opens something has one form.
func FuzzSecrets(f *testing.F) {
	f.Add(RefreshToken{family: identity.NewToken(), token: identity.NewToken()}.Reveal())
	f.Add(code{token: identity.NewToken()}.reveal())
	f.Add(ClientSecret{token: identity.NewToken()}.Reveal())
	corpus.Fuzz(f, func(t *testing.T, text string) {
		if r, ok := parseRefreshToken(text); ok && r.Reveal() != text {
			t.Errorf("%q reads as a refresh token of another form", text)
		}
		for prefix, parse := range map[string]func(string) (Digest, bool){codePrefix: parseCode, secretPrefix: parseClientSecret} {
			if digest, ok := parse(text); ok {
				token, err := identity.ParseToken(strings.TrimPrefix(text, prefix))
				if err != nil || prefix+token.Reveal() != text || token.Digest() != digest {
					t.Errorf("%q has another form", text)
				}
			}
		}
	})
}
