// Package provider lets people sign in through an installation's own OpenID provider: it
// finds out where the provider takes requests, says where to send a browser, and turns the
// code with which that comes back into what the provider vouches for.
//
// It follows OpenID Connect Core 1.0 and Discovery 1.0 (with errata set 2): the authorisation
// code flow, with PKCE (RFC 7636, S256), the issuer in the answer (RFC 9207) and the advice of
// RFC 9700. It talks to the one provider of the configuration and follows no redirect, so that
// nobody chooses by a request where this cloud connects to. It keeps no token, asks for none
// that outlives the sign-in, and does not know who has an account: that is package identity's.
package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sconce"
	"sconce/cloud/identity"
)

// Secret is what an installation proves itself with to its provider. It prints as [redacted].
type Secret struct{ text string }

// NewSecret returns the secret of a text.
func NewSecret(text string) Secret { return Secret{text} }

// Format implements [fmt.Formatter] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Config says which provider it is. All fields but Roots and MaxAge are needed.
type Config struct {
	Issuer   string // its identifier, as in its discovery document
	ClientID string
	Secret   Secret
	Redirect string // where it sends browsers back to
	Label    string // what people call it
	// Roots is the file of those who sign for the provider's certificate, in PEM; "" for
	// those that this machine knows.
	Roots string
	// MaxAge is how long ago somebody may have proved to the provider who they are; 0 leaves
	// that to the provider.
	MaxAge time.Duration
	Now    func() time.Time
	Log    *slog.Logger
}

// Provider is the provider of an installation. It is safe for concurrent use.
type Provider struct {
	config Config
	client *client
	turn   chan struct{} // whose turn it is to look for what the provider offers
	known  atomic.Pointer[offer]
	failed atomic.Int64 // when it was last not found, in milliseconds
}

// New returns the provider of a configuration. It connects to nothing yet: a provider that is
// away keeps nobody from signing in another way.
func New(c Config) (*Provider, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, sconce.Errorf(sconce.Invalid, "the issuer %q is no URL", c.Issuer)
	}
	http, err := newClient(issuer, c.Roots)
	if err != nil {
		return nil, err
	}
	return &Provider{config: c, client: http, turn: make(chan struct{}, 1)}, nil
}

// Label implements [identity.Provider].
func (p *Provider) Label() string { return p.config.Label }

// Issuer implements [identity.Provider].
func (p *Provider) Issuer() string { return p.config.Issuer }

// redeemTime is how long a provider has for all that is asked of it in one sign-in.
const redeemTime = 20 * time.Second

// clockSkew is by how much the provider's clock may be wrong.
const clockSkew = time.Minute

// Where implements [identity.Provider].
func (p *Provider) Where(ctx context.Context, q identity.Question) (string, error) {
	o, err := p.offer(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(q.Nonce.Reveal()), oauth2.S256ChallengeOption(q.Verifier.Reveal())}
	if p.config.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(p.config.MaxAge.Seconds()))))
	}
	return o.oauth.AuthCodeURL(q.State, options...), nil
}

// Redeem implements [identity.Provider].
func (p *Provider) Redeem(ctx context.Context, q identity.Question, a identity.ProviderAnswer) (identity.Vouched, error) {
	ctx, cancel := context.WithTimeout(ctx, redeemTime)
	defer cancel()
	o, err := p.offer(ctx)
	if err != nil {
		return identity.Vouched{}, err
	}
	if a.Issuer != p.config.Issuer && (a.Issuer != "" || o.saysIssuer) { // RFC 9207, 2.4
		return identity.Vouched{}, p.refused("the answer names another issuer, or none", nil)
	}
	ctx = oidc.ClientContext(ctx, p.client.http)
	token, err := o.oauth.Exchange(ctx, a.Code, oauth2.VerifierOption(q.Verifier.Reveal()))
	if err != nil {
		return identity.Vouched{}, p.notExchanged(err)
	}
	text, _ := token.Extra("id_token").(string)
	id, err := o.verifier.Verify(ctx, text)
	if err != nil {
		return identity.Vouched{}, p.refused("the ID token is not a good one", err)
	}
	var said claims
	if err := id.Claims(&said); err != nil {
		return identity.Vouched{}, p.refused("the ID token says nothing that can be read", err)
	}
	if why := p.fault(q, id, said); why != "" {
		return identity.Vouched{}, p.refused(why, nil)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return identity.Vouched{}, p.refused("the access token is not that of the ID token", err)
		}
	}
	if said.Email == "" && o.provider.UserInfoEndpoint() != "" {
		if said, err = p.userInfo(ctx, o, token, id.Subject); err != nil {
			return identity.Vouched{}, err
		}
	}
	return identity.Vouched{
		Issuer: p.config.Issuer, Subject: id.Subject, Name: said.Name, Email: said.Email, EmailVerified: bool(said.EmailVerified),
	}, nil
}

// maxSubject is the longest name that a provider may have for somebody (Core, 2).
const maxSubject = 255

// fault says what is wrong with an ID token whose signature, issuer, audience and time are
// right, "" when nothing is (Core, 3.1.3.7).
func (p *Provider) fault(q identity.Question, id *oidc.IDToken, said claims) string {
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(q.Nonce.Reveal())) != 1:
		return "the ID token is not the one for this browser: its nonce is another one"
	case said.Party != "" && said.Party != p.config.ClientID, said.Party == "" && len(id.Audience) > 1:
		return "the ID token was made for another client"
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return "the ID token does not say of whom it is"
	case p.config.MaxAge > 0 && p.config.Now().Sub(time.Unix(said.AuthTime, 0)) > p.config.MaxAge+clockSkew:
		return "it is too long ago that the provider asked who it is"
	}
	return ""
}

// userInfo asks for what the ID token does not say (Core, 5.3).
func (p *Provider) userInfo(ctx context.Context, o *offer, token *oauth2.Token, subject string) (claims, error) {
	info, err := o.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return claims{}, p.away("asking the provider for the email address", err)
	}
	var said claims
	if err := info.Claims(&said); err != nil || info.Subject != subject { // Core, 5.3.2
		return claims{}, p.refused("the user info is of somebody else, or cannot be read", err)
	}
	return said, nil
}

// claims is what is read of an ID token, or of the user info.
type claims struct {
	Email         string `json:"email"`
	EmailVerified truth  `json:"email_verified"`
	Name          string `json:"name"`
	Party         string `json:"azp"`
	AuthTime      int64  `json:"auth_time"`
}

// truth is true, which some providers say as a text. Whatever else is there is not.
type truth bool

// UnmarshalJSON implements [json.Unmarshaler].
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = string(b) == "true" || string(b) == `"true"`
	return nil
}

// notExchanged returns the answer when a provider gave nothing for a code.
func (p *Provider) notExchanged(err error) error {
	var told *oauth2.RetrieveError
	if errors.As(err, &told) && told.Response != nil && told.Response.StatusCode < 500 {
		if told.ErrorCode == "invalid_client" || told.ErrorCode == "unauthorized_client" { //nolint:misspell // the name of RFC 6749, 5.2
			return p.away("the provider does not know this installation's client id and secret", nil)
		}
		return p.refused("the provider does not take the code", errors.New(told.ErrorCode))
	}
	return p.away("giving the provider its code", err)
}

// refused writes why an answer was not taken to the log, which has nothing that the answer
// says of the person, and returns what that person is told.
func (p *Provider) refused(why string, err error) error {
	p.config.Log.Warn("an answer of the OpenID provider was refused", slog.String("why", why), slog.String("error", shortened(err)))
	return sconce.Errorf(sconce.Unauthenticated, "what %s answered cannot be used: try again, or sign in another way", p.config.Label)
}

// away is the same for a provider that does not answer.
func (p *Provider) away(what string, err error) error {
	p.config.Log.Warn("the OpenID provider is not available", slog.String("what", what), slog.String("error", shortened(err)))
	return sconce.Errorf(sconce.Unavailable, "%s does not answer: try again later, or sign in another way", p.config.Label)
}

// shortened returns what an error says, without a page that a server may have sent.
func shortened(err error) string {
	const most = 200
	if err == nil {
		return ""
	}
	if s := err.Error(); len(s) > most {
		return s[:most] + "…"
	}
	return err.Error()
}
