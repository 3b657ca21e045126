package api

import (
	"context"
	"net/http"

	"sconce/cloud/identity"
)

// OwnAccount is what somebody's own account has.
type OwnAccount struct {
	Account
	Country    string                `json:"country" doc:"ISO 3166-1, two capital letters; empty when not known."`
	Phone      string                `json:"phone" doc:"Empty when not given, as the two below."`
	Address    string                `json:"address" doc:"Of letters on paper, in lines."`
	Contact    string                `json:"contact" doc:"Who else can be asked."`
	Password   bool                  `json:"password" doc:"Whether there is one to sign in with."`
	SecondStep OrNull[OwnSecondStep] `json:"second_step" doc:"What is asked for beside the password; null for nothing."`
	Provider   OrNull[OwnProvider]   `json:"provider" doc:"How the account is connected with the OpenID provider; null when it is not."`
}

// OwnProvider is that somebody can sign in through the OpenID provider.
type OwnProvider struct {
	Since Time         `json:"since"`
	Used  OrNull[Time] `json:"used_at" doc:"When it was last used; null when it was not."`
}

// OwnSecondStep is the second step of signing in with a password.
type OwnSecondStep struct {
	Since         Time `json:"since"`
	RecoveryCodes int  `json:"recovery_codes" doc:"How many are left."`
}

// OwnSession is where somebody is signed in.
type OwnSession struct {
	ID      string      `json:"id"`
	Current bool        `json:"current" doc:"Whether it is the one that asks."`
	Made    Time        `json:"created_at"`
	Used    Time        `json:"used_at" doc:"When it was last used, exact to a minute."`
	By      identity.By `json:"by" doc:"How it was signed in, as in password; empty when not known."`
	Device  string      `json:"device" doc:"Browser and system, as the browser named them." example:"Firefox on Linux"`
	Network string      `json:"network" doc:"Where from: the /24 or /48 of the address; empty when not known." example:"203.0.113.0/24"`
}

// SignInEntry is how an account was signed in to, or was not.
type SignInEntry struct {
	ID      string      `json:"id" doc:"That of the session, when it was opened."`
	At      Time        `json:"at"`
	By      identity.By `json:"by" doc:"What was right; when refused, what was wrong."`
	Refused bool        `json:"refused"`
	Device  string      `json:"device"`
	Network string      `json:"network"`
}

// List is everything there is of something.
type List[T any] struct {
	Items []T `json:"items" nullable:"false"`
}

func listOf[T, U any](all []T, of func(T) U) *struct{ Body List[U] } {
	items := make([]U, len(all))
	for i, v := range all {
		items[i] = of(v)
	}
	return &struct{ Body List[U] }{List[U]{items}}
}

// NewOwnPassword is a password in place of another one.
type NewOwnPassword struct {
	Password identity.Password `json:"password" maxLength:"1024" doc:"The one of now."`
	New      identity.Password `json:"new_password" maxLength:"1024"`
}

func (a *API) ownRoutes() {
	signedIn(a, route{
		id: "get-account", method: http.MethodGet, path: "/account", status: http.StatusOK,
		summary: "The account of who asks, and how they sign in", tag: "account",
	}, a.ownAccount)

	signedIn(a, route{
		id: "change-password", method: http.MethodPost, path: "/account/password", status: http.StatusCreated,
		summary: "Change the password; every session ends, and this one goes on as a new one", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		client
		Body NewOwnPassword
	},
	) (*sessionAnswer, error) {
		return in.answer(a.Identity.ChangePassword(ctx, who.session, who.account, in.Body.Password, in.Body.New, in.from))
	})

	signedIn(a, route{
		id: "list-sessions", method: http.MethodGet, path: "/account/sessions", status: http.StatusOK,
		summary: "Where the account is signed in, the one that was used last first", tag: "account",
	}, func(ctx context.Context, who caller, _ *struct{}) (*struct{ Body List[OwnSession] }, error) {
		all, err := a.Identity.SignedIn(ctx, who.account.ID)
		if err != nil {
			return nil, err
		}
		return listOf(all, func(n identity.SignedIn) OwnSession {
			return OwnSession{n.Name(), n.ID == who.session.ID, Time(n.Made), Time(n.Used), n.By, n.Device, n.Network}
		}), nil
	})

	signedIn(a, route{
		id: "end-session", method: http.MethodDelete, path: "/account/sessions/{session}", status: http.StatusNoContent,
		summary: "End a session of the account", tag: "account",
	}, func(ctx context.Context, who caller, in *struct {
		Session string `path:"session" maxLength:"64"`
	},
	) (*none, error) {
		return nil, a.Identity.EndNamed(ctx, who.account.ID, in.Session)
	})

	signedIn(a, route{
		id: "end-other-sessions", method: http.MethodDelete, path: "/account/sessions", status: http.StatusNoContent,
		summary: "End every session of the account but this one", tag: "account",
	}, func(ctx context.Context, who caller, _ *struct{}) (*none, error) {
		return nil, a.Identity.EndOthers(ctx, who.session)
	})

	signedIn(a, route{
		id: "list-sign-ins", method: http.MethodGet, path: "/account/sign-ins", status: http.StatusOK,
		summary: "How the account was signed in to in the last 90 days, the newest first", tag: "account",
	}, func(ctx context.Context, who caller, _ *struct{}) (*struct{ Body List[SignInEntry] }, error) {
		all, err := a.Identity.History(ctx, who.account.ID)
		if err != nil {
			return nil, err
		}
		return listOf(all, func(v identity.Visit) SignInEntry {
			return SignInEntry{v.ID, Time(v.At), v.By, v.Refused, v.Device, v.Network}
		}), nil
	})
}

func (a *API) ownAccount(ctx context.Context, who caller, _ *struct{}) (*struct{ Body OwnAccount }, error) {
	has, err := a.Identity.Password(ctx, who.account)
	if err != nil {
		return nil, err
	}
	step, err := a.Identity.SecondStep(ctx, who.account.ID)
	if err != nil {
		return nil, err
	}
	link, err := a.Identity.ProviderLink(ctx, who.account.ID)
	if err != nil {
		return nil, err
	}
	d, err := a.Identity.Details(ctx, who.account.ID)
	if err != nil {
		return nil, err
	}
	own := OwnAccount{
		Account: accountOf(who.account), Country: who.account.Country, Password: has, Phone: d.Phone, Address: d.Address, Contact: d.Contact,
	}
	if step.Asked() {
		own.SecondStep = some(OwnSecondStep{Time(step.Since), step.Recovery})
	}
	if link.Account != "" {
		own.Provider = some(OwnProvider{Time(link.Made), momentOrNull(link.Used)})
	}
	return &struct{ Body OwnAccount }{own}, nil
}
