package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce"
	"sconce/cloud/identity"
)

// The names of the session's cookie. A browser takes a name with __Host- only
// over TLS, for this host alone and for all paths (RFC 6265bis, 4.1.3.2).
const (
	secureCookie = "__Host-session"
	demoCookie   = "session"
)

// Account is a person as that person sees it.
type Account struct {
	ID    sconce.AccountID `json:"id"`
	Name  string           `json:"name"`
	Email string           `json:"email"`
}

func accountOf(a identity.Account) Account { return Account{a.ID, a.Name, a.Email} }

// Session says who is signed in.
type Session struct {
	Account Account `json:"account"`
}

// Admitted says how far somebody came who signs in: they are signed in, or a second step is
// asked for.
type Admitted struct {
	Account    *Account    `json:"account,omitempty"`
	SecondStep *SecondStep `json:"second_step,omitempty" doc:"In place of the account: what is asked for yet."`
}

// SecondStep is asked for when the password was right.
type SecondStep struct {
	Token   string `json:"token" doc:"For POST /sessions/second-step, and nothing else."`
	Expires Time   `json:"expires_at"`
}

// SignIn is what a person signs in with.
type SignIn struct {
	Email    string            `json:"email" maxLength:"254" doc:"The email address of the account."`
	Password identity.Password `json:"password" maxLength:"1024"`
}

// SecondProof is what a person finishes signing in with.
type SecondProof struct {
	Token secretText    `json:"token" maxLength:"64"`
	Code  identity.Code `json:"code" maxLength:"64" doc:"That of the authenticator app, or a recovery code."`
}

// client is where a request comes from, and how it is given a session.
type client struct {
	from   identity.Client
	cookie func(identity.Token) string
}

// Resolve implements [huma.Resolver]: it takes along what the request's
// connection says.
func (in *client) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	if p, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		in.from.From = p.Addr()
	}
	in.from.Agent = r.UserAgent()
	in.cookie = func(t identity.Token) string { return sessionCookie(r, t.Reveal(), identity.SessionLife) }
	return nil
}

type sessionAnswer struct {
	Status int
	Cookie string `header:"Set-Cookie"`
	Body   Admitted
}

// answer tells somebody how far they came, and gives them their session.
func (in *client) answer(a identity.Admission, err error) (*sessionAnswer, error) {
	switch {
	case err != nil:
		return nil, err
	case a.Half:
		return &sessionAnswer{Status: http.StatusAccepted, Body: Admitted{SecondStep: &SecondStep{a.Token.Reveal(), Time(a.Until)}}}, nil
	default:
		account := accountOf(a.Account)
		return &sessionAnswer{Status: http.StatusCreated, Cookie: in.cookie(a.Token), Body: Admitted{Account: &account}}, nil
	}
}

type signOutRequest struct {
	token  identity.Token
	known  bool
	cookie string
}

// Resolve implements [huma.Resolver].
func (in *signOutRequest) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	token, err := sessionToken(r)
	in.token, in.known = token, err == nil
	in.cookie = sessionCookie(r, "", -time.Second)
	return nil
}

type signOutAnswer struct {
	Cookie string `header:"Set-Cookie"`
}

func (a *API) sessionRoutes() {
	open(a, route{
		id: "sign-in", method: http.MethodPost, path: "/sessions", status: http.StatusCreated,
		summary: "Sign in", tag: "sessions",
	}, func(ctx context.Context, in *struct {
		client
		Body SignIn
	},
	) (*sessionAnswer, error) {
		return in.answer(a.Identity.SignIn(ctx, in.Body.Email, in.Body.Password, in.from))
	})

	open(a, route{
		id: "finish-sign-in", method: http.MethodPost, path: "/sessions/second-step", status: http.StatusCreated,
		summary: "Do the second step of signing in", tag: "sessions",
	}, func(ctx context.Context, in *struct {
		client
		Body SecondProof
	},
	) (*sessionAnswer, error) {
		half, err := identity.ParseToken(string(in.Body.Token))
		if err != nil {
			return nil, err
		}
		return in.answer(a.Identity.FinishSignIn(ctx, half, in.Body.Code, in.from))
	})

	signedIn(a, route{
		id: "get-session", method: http.MethodGet, path: "/sessions/current", status: http.StatusOK,
		summary: "Who is signed in", tag: "sessions",
	}, func(_ context.Context, who caller, _ *struct{}) (*struct{ Body Session }, error) {
		return &struct{ Body Session }{Session{accountOf(who.account)}}, nil
	})

	// Signing out succeeds whether or not the session was still valid, so that the
	// cookie goes in any case.
	open(a, route{
		id: "sign-out", method: http.MethodDelete, path: "/sessions/current", status: http.StatusNoContent,
		summary: "Sign out", tag: "sessions",
	}, func(ctx context.Context, in *signOutRequest) (*signOutAnswer, error) {
		if in.known {
			if err := a.Identity.EndToken(ctx, in.token); err != nil {
				return nil, err
			}
		}
		return &signOutAnswer{in.cookie}, nil
	})

	signedIn(a, route{
		id: "make-mqtt-token", method: http.MethodPost, path: "/mqtt-tokens", status: http.StatusCreated,
		summary: "Make a user name and password to receive live data with, by MQTT over WebSocket", tag: "live",
	}, a.makeTicket)
}

// Ticket is what an app connects with for live data.
type Ticket struct {
	URL      string `json:"url" doc:"Where to connect, by WebSocket with the subprotocol mqtt."`
	Username string `json:"username"`
	Password string `json:"password"`
	Expires  Time   `json:"expires_at" doc:"Connect before this moment; the connection may last longer."`
}

type ticketRequest struct{ plain bool }

// Resolve implements [huma.Resolver].
func (in *ticketRequest) Resolve(ctx huma.Context) []error {
	in.plain = ctx.TLS() == nil
	return nil
}

func (a *API) makeTicket(ctx context.Context, who caller, in *ticketRequest) (*struct{ Body Ticket }, error) {
	if err := a.Projects.UseLive(ctx, who.asCaller()); err != nil {
		return nil, err
	}
	t, err := a.Live.Issue(ctx, who.session)
	if err != nil {
		return nil, err
	}
	url := a.LiveURL
	if in.plain {
		url = a.DemoLiveURL
	}
	return &struct{ Body Ticket }{Ticket{url, t.Username, t.Password.Reveal(), Time(t.Expires)}}, nil
}

// cookieName returns the name of the session's cookie on this connection. That a
// request without TLS comes from the demo's listener, guard has made sure of.
func cookieName(r *http.Request) string {
	if r.TLS == nil {
		return demoCookie
	}
	return secureCookie
}

func sessionCookie(r *http.Request, value string, life time.Duration) string {
	c := http.Cookie{ //nolint:gosec // not Secure on the demo's loopback listener alone, which has no TLS
		Name: cookieName(r), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		Secure: r.TLS != nil, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	return c.String()
}

func sessionToken(r *http.Request) (identity.Token, error) {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return identity.ParseToken("")
	}
	return identity.ParseToken(c.Value)
}
