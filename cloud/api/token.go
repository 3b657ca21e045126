package api

import (
	"context"
	"net/http"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/project"
)

// Token is what is known of an API token.
type Token struct {
	ID      access.ID        `json:"id"`
	Name    string           `json:"name"`
	Shown   string           `json:"prefix" doc:"How its text begins, to recognise it by."`
	Project sconce.ProjectID `json:"project_id"`
	Actions []string         `json:"actions" nullable:"false" doc:"What it lets a program do, as far as its maker still may."`
	Made    Time             `json:"created_at"`
	Expires Time             `json:"expires_at"`
	Used    OrNull[Time]     `json:"last_used_at" doc:"Exact to a minute; null for never."`
}

// NewToken is a token to make.
type NewToken struct {
	Name    string           `json:"name" minLength:"1" maxLength:"100" doc:"What it is for."`
	Project sconce.ProjectID `json:"project_id" maxLength:"36"`
	Actions []string         `json:"actions" maxItems:"32" nullable:"false" doc:"Some of those that you have in the project." example:"[\"lights.control\"]"`
	Days    int              `json:"expires_in_days,omitempty" minimum:"1" maximum:"366" default:"90"`
}

// MadeToken is a token with its text, which is shown once.
type MadeToken struct {
	Token
	Secret string `json:"token" doc:"The token itself. It cannot be shown again."`
}

// Tokens are the tokens of an account, at most 50.
type Tokens struct {
	Items []Token `json:"items" nullable:"false"`
}

func tokenOf(t access.Token) Token {
	return Token{t.ID, t.Name, t.Shown, t.Project, t.Actions.Names(), Time(t.Made), Time(t.Expires), momentOrNull(t.Used)}
}

func (a *API) tokenRoutes() {
	signedIn(a, route{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", status: http.StatusOK,
		summary: "Your API tokens", tag: "tokens",
	}, func(ctx context.Context, who caller, _ *struct{}) (*struct{ Body Tokens }, error) {
		all, err := a.Access.List(ctx, who.account.ID)
		items := make([]Token, len(all))
		for i, t := range all {
			items[i] = tokenOf(t)
		}
		return &struct{ Body Tokens }{Tokens{items}}, err
	})

	signedIn(a, route{
		id: "make-token", method: http.MethodPost, path: "/tokens", status: http.StatusCreated,
		summary: "Make an API token for a program, for one project and some of what you may do there", tag: "tokens",
	}, func(ctx context.Context, who caller, in *struct{ Body NewToken }) (*struct{ Body MadeToken }, error) {
		actions, err := project.ParseActions(in.Body.Actions...)
		if err != nil {
			return nil, err
		}
		t, secret, err := a.Access.Make(ctx, who.asCaller(), access.New{
			Project: in.Body.Project, Actions: actions, Name: in.Body.Name, Life: time.Duration(in.Body.Days) * 24 * time.Hour,
		})
		if err != nil {
			return nil, err
		}
		return &struct{ Body MadeToken }{MadeToken{tokenOf(t), secret.Reveal()}}, nil
	})

	signedIn(a, route{
		id: "revoke-token", method: http.MethodDelete, path: "/tokens/{token}", status: http.StatusNoContent,
		summary: "End an API token", tag: "tokens",
	}, func(ctx context.Context, who caller, in *struct {
		Token access.ID `path:"token" maxLength:"100" doc:"Identifier of the token."`
	},
	) (*none, error) {
		return nil, a.Access.Revoke(ctx, who.asCaller(), in.Token)
	})
}
