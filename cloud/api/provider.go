package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce/cloud/identity"
)

// The names of the cookie that keeps a browser's journey to the provider, as those of the
// session's.
const (
	secureJourney = "__Host-provider"
	demoJourney   = "provider"
)

// SignInWays says how one can sign in here, beside a password and a passkey.
type SignInWays struct {
	Provider OrNull[ProviderWay] `json:"provider" doc:"The installation's own OpenID provider; null for none."`
}

// ProviderWay is the OpenID provider.
type ProviderWay struct {
	Label string `json:"label" doc:"What people call it." example:"Example account"`
}

// Departure is where a browser goes to sign in.
type Departure struct {
	URL     string `json:"url" doc:"Where the browser is sent. It comes back to the page /sign-in/provider."`
	Expires Time   `json:"expires_at" doc:"Come back before this moment."`
}

// Return is what a browser came back with, in the query of the page.
type Return struct {
	State  secretText `json:"state" maxLength:"100"`
	Code   secretText `json:"code" maxLength:"4096"`
	Issuer string     `json:"iss,omitempty" maxLength:"1000" doc:"When the provider sent it (RFC 9207)."`
}

func (r Return) answer() identity.ProviderAnswer {
	return identity.ProviderAnswer{State: string(r.State), Code: string(r.Code), Issuer: r.Issuer}
}

// traveller is a browser that goes to the provider, or comes back.
type traveller struct {
	client

	journey identity.Token                                     // of the cookie; that of no journey without one
	keep    func(t identity.Token, until time.Duration) string // the cookie
}

// Resolve implements [huma.Resolver].
func (in *traveller) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	name := secureJourney
	if r.TLS == nil {
		name = demoJourney
	}
	in.journey = identity.NewToken()
	if c, err := r.Cookie(name); err == nil {
		if t, err := identity.ParseToken(c.Value); err == nil {
			in.journey = t
		}
	}
	in.keep = func(t identity.Token, life time.Duration) string {
		c := http.Cookie{ //nolint:gosec // not Secure on the demo's loopback listener alone, which has no TLS
			Name: name, Value: t.Reveal(), Path: "/", MaxAge: int(life.Seconds()),
			Secure: r.TLS != nil, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		}
		return c.String()
	}
	return in.client.Resolve(ctx)
}

type departureAnswer struct {
	Cookie string `header:"Set-Cookie"`
	Body   Departure
}

func (in *traveller) depart(d identity.Departure, err error) (*departureAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &departureAnswer{in.keep(d.Token, identity.JourneyLife), Departure{d.URL, Time(d.Expires)}}, nil
}

func (a *API) providerRoutes() {
	open(a, route{
		id: "list-sign-in-ways", method: http.MethodGet, path: "/sign-in-ways", status: http.StatusOK,
		summary: "How one can sign in here, beside a password and a passkey", tag: "sessions",
	}, func(context.Context, *struct{}) (*struct{ Body SignInWays }, error) {
		var ways SignInWays
		if label := a.Identity.ProviderLabel(); label != "" {
			ways.Provider = some(ProviderWay{label})
		}
		return &struct{ Body SignInWays }{ways}, nil
	})

	open(a, route{
		id: "begin-provider-sign-in", method: http.MethodPost, path: "/sessions/provider/begin", status: http.StatusCreated,
		summary: "Begin to sign in through the installation's OpenID provider", tag: "sessions",
	}, func(ctx context.Context, in *struct{ traveller }) (*departureAnswer, error) {
		return in.depart(a.Identity.BeginProviderSignIn(ctx, in.from))
	})

	open(a, route{
		id: "finish-provider-sign-in", method: http.MethodPost, path: "/sessions/provider", status: http.StatusCreated,
		summary: "Sign in with what the browser came back with from the provider", tag: "sessions",
	}, func(ctx context.Context, in *struct {
		traveller
		Body Return
	},
	) (*sessionAnswer, error) {
		return in.answer(a.Identity.FinishProviderSignIn(ctx, in.journey, in.Body.answer(), in.from))
	})

	signedIn(a, route{
		id: "begin-provider-link", method: http.MethodPost, path: "/account/provider/begin", status: http.StatusCreated,
		summary: "Begin to connect the account with the installation's OpenID provider", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		traveller
		Body Proof
	},
	) (*departureAnswer, error) {
		return in.depart(a.Identity.BeginProviderLink(ctx, who.session, who.account, in.Body.Password, in.from))
	})

	signedIn(a, route{
		id: "finish-provider-link", method: http.MethodPost, path: "/account/provider", status: http.StatusNoContent,
		summary: "Connect the account with what the browser came back with from the provider", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		traveller
		Body Return
	},
	) (*none, error) {
		return nil, a.Identity.FinishProviderLink(ctx, who.session, who.account, in.journey, in.Body.answer())
	})

	signedIn(a, route{
		id: "remove-provider-link", method: http.MethodPost, path: "/account/provider/remove", status: http.StatusNoContent,
		summary: "End that one can sign in to the account through an OpenID provider", tag: "account",
	}, func(ctx context.Context, who caller, in *proofRequest) (*none, error) {
		return nil, a.Identity.RemoveProviderLinks(ctx, who.session, who.account, in.Body.Password, in.from)
	})
}
