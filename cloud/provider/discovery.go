package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sconce"
)

// How long what a provider offers is taken as it was found, with its keys: then it is looked
// for again. When it is not found, the last one is good for a while yet, and nobody asks
// again for a moment.
const (
	offerFresh = time.Hour
	offerLife  = 24 * time.Hour
	offerPause = 5 * time.Second
)

// offer is what a provider says of itself. A new one fetches the keys anew, so that one that
// the provider withdrew is not taken for longer than offerFresh; a key that is not known yet
// is fetched when a token names it.
type offer struct {
	found      time.Time
	provider   *oidc.Provider
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	saysIssuer bool // in its answers (RFC 9207)
}

// offer returns what the provider offers, from the last time or found now.
func (p *Provider) offer(ctx context.Context) (*offer, error) {
	if o := p.known.Load(); o != nil && p.config.Now().Sub(o.found) < offerFresh {
		return o, nil
	}
	select {
	case p.turn <- struct{}{}: // even of who went away: others come
	default:
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, p.away("waiting to be told what it offers", ctx.Err())
		}
	}
	defer func() { <-p.turn }()
	now := p.config.Now()
	last := p.known.Load()
	if last != nil && now.Sub(last.found) < offerFresh {
		return last, nil // found by who was before
	}
	usable := last != nil && now.Sub(last.found) < offerLife
	if now.Sub(time.UnixMilli(p.failed.Load())) < offerPause {
		if usable {
			return last, nil
		}
		return nil, p.away("it was not found a moment ago", nil)
	}
	o, err := p.discover(context.WithoutCancel(ctx)) // for all who wait; the client has a limit of its own
	if err != nil {
		p.failed.Store(now.UnixMilli())
		if away := p.away("looking for what it offers", err); !usable {
			return nil, away
		}
		return last, nil
	}
	p.known.Store(o)
	return o, nil
}

// signatures are those that an ID token may have: asymmetric, and of FIPS 186-5 with the
// curves of NIST. None, and a digest under the client's secret, are none.
func signatures() []string {
	return []string{oidc.ES256, oidc.ES384, oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512}
}

// discover asks the provider what it offers (Discovery, 4).
func (p *Provider) discover(ctx context.Context) (*offer, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client.http), p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var says struct {
		Keys       string   `json:"jwks_uri"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		Challenges []string `json:"code_challenge_methods_supported"`
		Issuer     bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, fmt.Errorf("reading what it offers: %w", err)
	}
	end := provider.Endpoint()
	for _, address := range []string{end.AuthURL, end.TokenURL, says.Keys, provider.UserInfoEndpoint()} {
		if address == "" && address == provider.UserInfoEndpoint() {
			continue // it may have none
		}
		if err := p.client.check(address); err != nil {
			return nil, err
		}
	}
	if len(says.Challenges) > 0 && !slices.Contains(says.Challenges, "S256") {
		return nil, errors.New("it takes no PKCE with S256")
	}
	switch {
	case len(says.Methods) == 0 || slices.Contains(says.Methods, "client_secret_basic"): // Discovery, 3
		end.AuthStyle = oauth2.AuthStyleInHeader
	case slices.Contains(says.Methods, "client_secret_post"):
		end.AuthStyle = oauth2.AuthStyleInParams
	default:
		return nil, fmt.Errorf("its token endpoint takes a client's secret in none of the known ways, but %q", says.Methods)
	}
	return &offer{
		found: p.config.Now(), provider: provider, saysIssuer: says.Issuer,
		oauth: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.Secret.text, Endpoint: end, RedirectURL: p.config.Redirect,
			Scopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile},
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: signatures(), Now: p.config.Now}),
	}, nil
}

// The limits of one answer of a provider.
const (
	maxAnswer   = 256 << 10 // bytes
	maxHeader   = 32 << 10  // bytes
	answerTime  = 8 * time.Second
	connectTime = 4 * time.Second
)

// client connects to a provider and nowhere else.
type client struct {
	http  *http.Client
	plain bool // the provider is on this machine, without TLS
}

// newClient returns a client for a provider whose certificate is signed by those in a file,
// "" for those that this machine knows.
func newClient(issuer *url.URL, roots string) (*client, error) {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTime}).DialContext,
		TLSHandshakeTimeout:    connectTime,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           4,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if roots != "" {
		pem, err := os.ReadFile(roots)
		if err != nil {
			return nil, sconce.Errorf(sconce.Invalid, "the certificates of those who sign for the OpenID provider cannot be read: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, sconce.Errorf(sconce.Invalid, "%s holds no certificate in PEM", roots)
		}
	}
	c := &client{plain: issuer.Scheme == "http" && IsThisMachine(issuer.Hostname())}
	c.http = &http.Client{
		Transport:     bounded{transport},
		Timeout:       answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// check refuses an address of a provider that is not one to connect to in confidence.
func (c *client) check(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("it offers %q, which is no address", address)
	}
	if u.Scheme == "https" || c.plain && u.Scheme == "http" && IsThisMachine(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("it offers %q, which is not https", address)
}

// IsThisMachine reports whether a host name is one of this machine alone.
func IsThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// bounded ends answers that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}
