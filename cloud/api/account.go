package api

import (
	"context"
	"net/http"

	"sconce/cloud/identity"
)

// Registration is who wants an account.
type Registration struct {
	Email   string `json:"email" maxLength:"254"`
	Name    string `json:"name" minLength:"1" maxLength:"100"`
	Country string `json:"country" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1, two capital letters."`
}

// Address is an email address that may have an account.
type Address struct {
	Email string `json:"email" maxLength:"254"`
}

// NewPassword is a password behind a link that was sent by email.
type NewPassword struct {
	Token    secretText        `json:"token" maxLength:"64" doc:"What is behind the # of the link."`
	Password identity.Password `json:"password" maxLength:"1024"`
}

// linkToken reads the token of a link: one that is none opens nothing.
func linkToken(s secretText) (identity.Token, error) {
	t, err := identity.ParseToken(string(s))
	if err != nil {
		return identity.Token{}, identity.ErrLinkEnded()
	}
	return t, nil
}

func (a *API) accountRoutes() {
	open(a, route{
		id: "register", method: http.MethodPost, path: "/registrations", status: http.StatusAccepted,
		summary: "Ask for an account: a letter with a link is sent to the address", tag: "accounts",
	}, func(ctx context.Context, in *struct {
		client
		Body Registration
	},
	) (*none, error) {
		return nil, a.Identity.Register(ctx, in.Body.Email, in.Body.Name, in.Body.Country, in.from)
	})

	open(a, route{
		id: "confirm-registration", method: http.MethodPost, path: "/registrations/confirm", status: http.StatusCreated,
		summary: "Make the account behind the link of a letter, and sign in", tag: "accounts",
	}, func(ctx context.Context, in *struct {
		client
		Body NewPassword
	},
	) (*sessionAnswer, error) {
		t, err := linkToken(in.Body.Token)
		if err != nil {
			return nil, err
		}
		admitted, err := a.Identity.ConfirmRegistration(ctx, t, in.Body.Password, in.from)
		return in.answer(admitted, err)
	})

	open(a, route{
		id: "forgot-password", method: http.MethodPost, path: "/password-resets", status: http.StatusAccepted,
		summary: "Ask for a letter with a link to a new password", tag: "accounts",
	}, func(ctx context.Context, in *struct {
		client
		Body Address
	},
	) (*none, error) {
		return nil, a.Identity.ForgotPassword(ctx, in.Body.Email, in.from)
	})

	open(a, route{
		id: "reset-password", method: http.MethodPost, path: "/password-resets/confirm", status: http.StatusNoContent,
		summary: "Set a new password behind the link of a letter; every session ends", tag: "accounts",
	}, func(ctx context.Context, in *struct {
		client
		Body NewPassword
	},
	) (*none, error) {
		t, err := linkToken(in.Body.Token)
		if err != nil {
			return nil, err
		}
		return nil, a.Identity.ResetPassword(ctx, t, in.Body.Password)
	})
}
