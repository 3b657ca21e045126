package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// caller is who asks: a person who is signed in.
type caller struct {
	session identity.Session
	account identity.Account
}

// asCaller returns the person as projects know them.
func (c caller) asCaller() project.Caller {
	return project.Caller{Account: c.account.ID, Origin: c.session.Origin()}
}

const sessionScheme = "session"

// route says what every route says of itself.
type route struct {
	id      string // names the operation for ever
	method  string
	path    string
	status  int // of success
	summary string
	tag     string
}

// open declares a route that everybody may ask.
func open[I, O any](a *API, r route, handle func(context.Context, *I) (*O, error)) {
	register(a, a.operation(r), handle)
}

// signedIn declares a route for people who are signed in.
func signedIn[I, O any](a *API, r route, handle func(context.Context, caller, *I) (*O, error)) {
	op := a.operation(r)
	op.Security = []map[string][]string{{sessionScheme: {}}}
	op.Middlewares = huma.Middlewares{a.authenticate}
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		who, ok := ctx.Value(callerKey).(caller)
		if !ok {
			return nil, sconce.Errorf(sconce.Unauthenticated, "sign in first")
		}
		return handle(ctx, who, in)
	})
}

// within declares a route within the project of its path: for people who are
// signed in and may see that project. What more an action needs, the capability
// asks of the scope.
func within[I, O any](a *API, r route, handle func(context.Context, project.Scope, *I) (*O, error)) {
	withinAs(a, r, func(ctx context.Context, _ caller, scope project.Scope, in *I) (*O, error) {
		return handle(ctx, scope, in)
	})
}

// withinAs is within for handlers that need to know the person's name.
func withinAs[I, O any](a *API, r route, handle func(context.Context, caller, project.Scope, *I) (*O, error)) {
	r.path = "/projects/{project}" + r.path
	op := a.operation(r)
	op.Parameters = []*huma.Param{{
		Name: "project", In: "path", Required: true, Description: "Identifier of the project.", Schema: &huma.Schema{Type: huma.TypeString},
	}}
	op.Security = []map[string][]string{{sessionScheme: {}}}
	op.Middlewares = huma.Middlewares{a.authenticate, a.enter}
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		scope, ok := ctx.Value(scopeKey).(project.Scope)
		if !ok {
			return nil, sconce.Errorf(sconce.Forbidden, "no project was entered")
		}
		who, _ := ctx.Value(callerKey).(caller)
		out, err := handle(ctx, who, scope, in)
		a.refused(ctx, scope, r.id, err)
		return out, err
	})
}

func (a *API) operation(r route) huma.Operation {
	problems := a.huma.OpenAPI().Components.Schemas.Schema(problemReflected, true, "Problem")
	return huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, DefaultStatus: r.status,
		Summary: r.summary, Tags: []string{r.tag},
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTime,
		Responses: map[string]*huma.Response{"default": {
			Description: "It did not succeed.",
			Content:     map[string]*huma.MediaType{problemMedia: {Schema: problems}},
		}},
	}
}

func register[I, O any](a *API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// authenticate admits a request whose cookie opens a session. It runs before the
// request is read any further.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	who, err := a.caller(ctx)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, callerKey, who))
}

func (a *API) caller(ctx huma.Context) (caller, error) {
	r, _ := humago.Unwrap(ctx)
	token, err := sessionToken(r)
	if err != nil {
		return caller{}, err
	}
	session, account, err := a.Identity.Session(ctx.Context(), token)
	return caller{session, account}, err
}

// enter admits a request of somebody who may see the project of the path. It runs
// behind authenticate.
func (a *API) enter(ctx huma.Context, next func(huma.Context)) {
	who, _ := ctx.Context().Value(callerKey).(caller)
	asker := who.asCaller()
	asker.Operation = ctx.Operation().OperationID
	scope, err := a.Projects.Enter(ctx.Context(), asker, sconce.ProjectID(ctx.Param("project")))
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, scopeKey, scope))
}

func (a *API) refuse(ctx huma.Context, err error) {
	_, w := humago.Unwrap(ctx)
	writeProblem(w, a.problem(ctx.Context(), err))
}

// Page is the part of a list that is asked for.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"How many items at most."`
	Cursor string `query:"cursor" maxLength:"200" doc:"Where to go on: next_cursor of the answer before."`
}

// cut returns the first limit items of a list that was asked for one more, and
// the cursor of the rest: the key of the last item kept.
func cut[T any](items []T, limit int, key func(T) string) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	return items[:limit], key(items[limit-1])
}

// none is the answer without a body.
type none struct{}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }
