package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
)

// NewApp is an app to register.
type NewApp struct {
	Name         string   `json:"name" minLength:"1" maxLength:"100" doc:"What people know it by."`
	Redirects    []string `json:"redirect_uris" minItems:"1" maxItems:"10" nullable:"false" doc:"Where it is called back, to the letter: https://…; or of an app that keeps no secret http://127.0.0.1/… at any port, or a scheme of its own." example:"[\"https://panel.example.org/callback\"]"`
	Actions      []string `json:"actions" maxItems:"32" nullable:"false" doc:"The most that it may ask for." example:"[\"lights.control\"]"`
	Confidential bool     `json:"confidential" doc:"Whether it runs where it can keep a secret: on a server, not in the hands of people."`
}

// App is an app that an owner of the project registered.
type App struct {
	ID           oauth.ClientID   `json:"id" doc:"Its client_id."`
	Name         string           `json:"name"`
	Redirects    []string         `json:"redirect_uris" nullable:"false"`
	Actions      []string         `json:"actions" nullable:"false" doc:"The most that it may ask for."`
	Confidential bool             `json:"confidential"`
	By           sconce.AccountID `json:"registered_by"`
	Made         Time             `json:"created_at"`
}

// MadeApp is an app with its secret, which is shown once.
type MadeApp struct {
	App
	Secret string `json:"client_secret,omitempty" doc:"Of one that keeps a secret. It cannot be shown again."`
}

// Apps are those of a project, at most 50.
type Apps struct {
	Items []App  `json:"items" nullable:"false"`
	Next  string `json:"next_cursor,omitempty"`
}

func appOf(c oauth.Client) App {
	return App{c.ID, c.Name, c.Redirects, c.Actions.Names(), c.Confidential, c.By, Time(c.Made)}
}

// LetIn is an app that somebody let in.
type LetIn struct {
	ID      access.GrantID   `json:"id"`
	App     string           `json:"app" doc:"What it is called; empty when it is gone."`
	Project sconce.ProjectID `json:"project_id"`
	Actions []string         `json:"actions" nullable:"false" doc:"What it may do, as far as the person still may."`
	Made    Time             `json:"created_at"`
	Used    Time             `json:"used_at" doc:"When it last got a token, which is good for an hour."`
	Expires Time             `json:"expires_at" doc:"Until when it stays in, if it is not used."`
}

func letInOf(l oauth.LetIn) LetIn {
	return LetIn{l.ID, l.App.Name, l.Project, l.Actions.Names(), Time(l.Made), Time(l.Used), Time(l.Expires)}
}

// Program is what acts for a member in the project: a token that they made, or an app that they let in.
type Program struct {
	ID      string           `json:"id"`
	Kind    string           `json:"kind" enum:"token,app"`
	Account sconce.AccountID `json:"account_id" doc:"For whom it acts."`
	Shown   string           `json:"prefix" doc:"How the text of a token begins."`
	App     string           `json:"app" doc:"What an app is called."`
	Actions []string         `json:"actions" nullable:"false" doc:"What it may do, as far as the member still may."`
	Made    Time             `json:"created_at"`
	Expires Time             `json:"expires_at"`
	Used    OrNull[Time]     `json:"last_used_at" doc:"Null for never."`
}

// Programs are those of a project.
type Programs struct {
	Items []Program `json:"items" nullable:"false"`
	Next  string    `json:"next_cursor,omitempty"`
}

// Resolve implements [huma.Resolver].
func (in *issuerOf) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

func (a *API) appRoutes() {
	within(a, route{
		id: "register-app", method: http.MethodPost, path: "/apps", status: http.StatusCreated,
		summary: "Register an app that members of the project can let in (OAuth 2.0)", tag: "apps", secret: true,
	}, func(ctx context.Context, scope project.Scope, in *struct{ Body NewApp }) (*struct{ Body MadeApp }, error) {
		actions, err := project.ParseActions(in.Body.Actions...)
		if err != nil {
			return nil, err
		}
		c, secret, err := a.OAuth.Register(ctx, scope, oauth.NewClient{
			Name: in.Body.Name, Redirects: in.Body.Redirects, Actions: actions, Confidential: in.Body.Confidential,
		})
		if err != nil {
			return nil, err
		}
		made := MadeApp{App: appOf(c)}
		if c.Confidential {
			made.Secret = secret.Reveal()
		}
		return &struct{ Body MadeApp }{made}, nil
	})

	within(a, route{
		id: "list-apps", method: http.MethodGet, path: "/apps", status: http.StatusOK,
		summary: "The apps that are registered for the project", tag: "apps",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Apps }, error) {
		all, err := a.OAuth.List(ctx, scope)
		if err != nil {
			return nil, err
		}
		some, next, err := pageOf(in, all, func(c oauth.Client) string { return fmt.Sprintf("%015d.%s", c.Made.UnixMilli(), c.ID) })
		items := make([]App, len(some))
		for i, c := range some {
			items[i] = appOf(c)
		}
		return &struct{ Body Apps }{Apps{items, next}}, err
	})

	within(a, route{
		id: "remove-app", method: http.MethodDelete, path: "/apps/{app}", status: http.StatusNoContent,
		summary: "Remove an app; nobody's access that it had goes on", tag: "apps",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		App oauth.ClientID `path:"app" maxLength:"100" doc:"Identifier of the app."`
	},
	) (*none, error) {
		return nil, a.OAuth.Remove(ctx, scope, in.App)
	})

	signedIn(a, route{
		id: "list-let-in", method: http.MethodGet, path: "/account/apps", status: http.StatusOK,
		summary: "The apps that you have let in", tag: "apps",
	}, func(ctx context.Context, who caller, _ *struct{}) (*struct{ Body List[LetIn] }, error) {
		all, err := a.OAuth.Given(ctx, who.account.ID)
		return listOf(all, letInOf), err
	})

	signedIn(a, route{
		id: "end-let-in", method: http.MethodDelete, path: "/account/apps/{grant}", status: http.StatusNoContent,
		summary: "End what you let an app do", tag: "apps",
	}, func(ctx context.Context, who caller, in *struct {
		Grant access.GrantID `path:"grant" maxLength:"100"`
	},
	) (*none, error) {
		return nil, a.OAuth.End(ctx, who.asCaller(), in.Grant)
	})
	a.programRoutes()
}

// programRoutes are about everything that acts for people: tokens, and apps.
func (a *API) programRoutes() {
	signedIn(a, route{
		id: "end-programs", method: http.MethodDelete, path: "/account/programs", status: http.StatusNoContent,
		summary: "End every API token that you made, and every app that you let in", tag: "tokens",
	}, func(ctx context.Context, who caller, _ *struct{}) (*none, error) {
		if err := a.Access.RevokeAll(ctx, who.asCaller()); err != nil {
			return nil, err
		}
		return nil, a.OAuth.EndAll(ctx, who.asCaller())
	})

	within(a, route{
		id: "list-programs", method: http.MethodGet, path: "/programs", status: http.StatusOK,
		summary: "What acts for members of the project: tokens that they made, and apps that they let in", tag: "tokens",
	}, func(ctx context.Context, scope project.Scope, in *Page) (*struct{ Body Programs }, error) {
		all, err := a.programs(ctx, scope)
		if err != nil {
			return nil, err
		}
		some, next, err := pageOf(in, all, func(p Program) string { return p.Kind + "." + p.ID })
		if some == nil {
			some = []Program{}
		}
		return &struct{ Body Programs }{Programs{some, next}}, err
	})

	within(a, route{
		id: "end-program", method: http.MethodDelete, path: "/programs/{kind}/{program}", status: http.StatusNoContent,
		summary: "End a token or the access of an app of a member", tag: "tokens",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Kind    string `path:"kind" enum:"token,app"`
		Program string `path:"program" maxLength:"100"`
	},
	) (*none, error) {
		if in.Kind == "app" {
			return nil, a.OAuth.EndIn(ctx, scope, access.GrantID(in.Program))
		}
		return nil, a.Access.RevokeIn(ctx, scope, access.ID(in.Program))
	})
}

// programs returns what acts for members of a project, in the order of its identifiers.
func (a *API) programs(ctx context.Context, scope project.Scope) ([]Program, error) {
	tokens, err := a.Access.In(ctx, scope)
	if err != nil {
		return nil, err
	}
	apps, err := a.OAuth.GivenIn(ctx, scope)
	if err != nil {
		return nil, err
	}
	all := make([]Program, 0, len(tokens)+len(apps))
	for _, l := range apps {
		all = append(all, Program{
			string(l.ID), "app", l.Account, "", l.App.Name, l.Actions.Names(), Time(l.Made), Time(l.Expires), momentOrNull(l.Used),
		})
	}
	for _, t := range tokens {
		all = append(all, Program{
			string(t.ID), "token", t.Account, t.Shown, "", t.Actions.Names(), Time(t.Made), Time(t.Expires), momentOrNull(t.Used),
		})
	}
	slices.SortFunc(all, func(x, y Program) int { return strings.Compare(x.Kind+"."+x.ID, y.Kind+"."+y.ID) })
	return all, nil
}
