// Package issuer is an OpenID provider for tests, which misbehaves when it is told to. It
// asks nobody for anything: whoever a test names is who signs in.
//
// It follows OpenID Connect Core 1.0 and Discovery 1.0 as far as a client with a secret and
// PKCE needs them, and checks what a provider has to check of such a client.
package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the client of the provider proves itself with.
const (
	ClientID = "sconce"
	Secret   = "a secret of the client"
)

// Claims are those of an ID token, or of a user info.
type Claims map[string]any

// Issuer is a provider. Its fields are changed between sign-ins only.
type Issuer struct {
	*httptest.Server
	Now func() time.Time

	// Token, when set, changes what an ID token says.
	Token func(Claims)
	// Info, when set, is what the user info says.
	Info Claims
	// Algorithm is what the ID token is signed with, "none" and "HS256" among them; "" for ES256.
	Algorithm string
	// Discovery, when set, changes what the provider says of itself.
	Discovery func(Claims)
	// Serve, when set, may answer a request in the place of the provider, and reports whether it did.
	Serve func(w http.ResponseWriter, r *http.Request) bool

	t   testing.TB
	mu  sync.Mutex
	key *ecdsa.PrivateKey
	kid int
	// asked are the codes that were given out, with what the browser came with.
	asked map[string]url.Values
	// Seen counts requests by path.
	Seen map[string]int
}

// New starts a provider, which ends with the test.
func New(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	i := &Issuer{t: t, Now: now, asked: map[string]url.Values{}, Seen: map[string]int{}}
	i.NewKey()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discover)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { i.answer(w, i.Info) })
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.Seen[r.URL.Path]++
		i.mu.Unlock()
		if i.Serve == nil || !i.Serve(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

// Roots returns a file with the certificate of the provider.
func (i *Issuer) Roots() string {
	path := filepath.Join(i.t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		i.t.Fatal(err)
	}
	return path
}

// NewKey lets the provider sign with another key from now on.
func (i *Issuer) NewKey() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.kid = key, i.kid+1
}

// Visit is a browser that was sent to where, and that somebody signs in with: it returns
// with what query it comes back.
func (i *Issuer) Visit(where string) url.Values {
	i.t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		i.t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != ClientID || q.Get("code_challenge_method") != "S256" ||
		len(q.Get("code_challenge")) != 43 || len(q.Get("nonce")) < 43 || len(q.Get("state")) < 43 || !strings.Contains(q.Get("scope"), "openid") {
		i.t.Fatalf("a browser is sent to %s", where)
	}
	code := rand.Text()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[code] = q
	return url.Values{"code": {code}, "state": q["state"], "iss": {i.URL}}
}

func (i *Issuer) discover(w http.ResponseWriter, _ *http.Request) {
	says := Claims{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"userinfo_endpoint": i.URL + "/info", "id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if i.Discovery != nil {
		i.Discovery(says)
	}
	i.answer(w, says)
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		i.t.Error(err)
	}
	i.answer(w, Claims{"keys": []Claims{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": fmt.Sprint(i.kid), "x": encode(point[1:33]), "y": encode(point[33:]),
	}}})
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if unescaped, err := url.QueryUnescape(secret); err == nil {
		secret = unescaped // RFC 6749, 2.3.1
	}
	i.mu.Lock()
	asked, ok := i.asked[r.PostFormValue("code")]
	delete(i.asked, r.PostFormValue("code"))
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != ClientID || secret != Secret:
		i.refuse(w, http.StatusUnauthorized, "invalid_client")
	case !ok, encode(sum[:]) != asked.Get("code_challenge"), r.PostFormValue("redirect_uri") != asked.Get("redirect_uri"):
		i.refuse(w, http.StatusBadRequest, "invalid_grant")
	default:
		access := rand.Text()
		i.answer(w, Claims{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": i.idToken(asked, access)})
	}
}

// idToken returns an ID token in the compact form (RFC 7515).
func (i *Issuer) idToken(asked url.Values, access string) string {
	now := i.Now()
	sum := sha256.Sum256([]byte(access))
	c := Claims{
		"iss": i.URL, "sub": "somebody", "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": asked.Get("nonce"),
		"auth_time": now.Unix(), "at_hash": encode(sum[:16]),
	}
	if i.Token != nil {
		i.Token(c)
	}
	header := Claims{"alg": i.Algorithm, "kid": fmt.Sprint(i.kid), "typ": "JWT"}
	if i.Algorithm == "" {
		header["alg"] = "ES256"
	}
	text := encode(i.marshal(header)) + "." + encode(i.marshal(c))
	return text + "." + encode(i.sign(text))
}

func (i *Issuer) sign(text string) []byte {
	digest := sha256.Sum256([]byte(text))
	switch i.Algorithm {
	case "none":
		return nil
	case "HS256":
		mac := hmac.New(sha256.New, []byte(Secret))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		i.t.Error(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...) // RFC 7518, 3.4
}

func (i *Issuer) refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	i.answer(w, Claims{"error": why})
}

func (i *Issuer) answer(w http.ResponseWriter, c Claims) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(i.marshal(c)); err != nil {
		i.t.Log(err)
	}
}

func (i *Issuer) marshal(c Claims) []byte {
	b, err := json.Marshal(c)
	if err != nil {
		i.t.Error(err)
	}
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
