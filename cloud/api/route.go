package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sconce"
	"sconce/cloud/project"
)

// route says what every route says of itself.
type route struct {
	id      string // names the operation for ever
	method  string
	path    string
	status  int // of success
	summary string
	tag     string
	once    bool     // of one outside of projects: a POST whose answer is kept for who asks again
	secret  bool     // of one within a project: a POST whose answer is a secret, and so is not kept
	edits   bool     // of one within a project: waits for others that change its things
	tokens  bool     // of one outside of projects: a program with a token may ask it as well
	streams []string // of one within a project whose answer is as long as it is: the media types that it has
}

// open declares a route that everybody may ask.
func open[I, O any](a *API, r route, handle func(context.Context, *I) (*O, error)) {
	op := a.operation(r)
	if r.method == http.MethodGet {
		op.Middlewares = huma.Middlewares{tagged}
	}
	register(a, op, handle)
}

// signedIn declares a route for people who are signed in, and for programs with a token
// only if the route says so: what is about an account as a whole is its person's.
func signedIn[I, O any](a *API, r route, handle func(context.Context, caller, *I) (*O, error)) {
	op := a.operation(r)
	op.Security, op.Middlewares = sessionOnly(), huma.Middlewares{a.authenticate, a.inPerson}
	if r.tokens {
		op.Security, op.Middlewares = sessionOrToken(), huma.Middlewares{a.authenticate, a.withinRate}
	}
	if !r.ownAffairs() {
		op.Middlewares = append(op.Middlewares, a.agreed)
	}
	op.Middlewares = append(op.Middlewares, tagged)
	a.doOnce(&op, r.once)
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		who, ok := ctx.Value(callerKey).(caller)
		if !ok {
			return nil, sconce.Errorf(sconce.Unauthenticated, "sign in first")
		}
		return handle(ctx, who, in)
	})
}

// ownAffairs reports whether a route is for everybody with an account, whatever they agreed
// to: what is known of them, how they sign in, and ending what they let others do.
func (r route) ownAffairs() bool {
	return r.tag == "account" || r.tag == "sessions" || r.method == http.MethodDelete
}

// within declares a route within the project of its path: for people who are
// signed in and may see that project, and for programs with a token of it. What more an action needs, the capability
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
	op.Security, op.Middlewares = sessionOrToken(), huma.Middlewares{a.authenticate, a.withinRate, a.agreed, a.enter}
	if r.streams == nil {
		op.Middlewares = append(op.Middlewares, tagged)
	} else {
		op.Responses[strconv.Itoa(r.status)] = streamed(r.streams)
	}
	a.doOnce(&op, !r.secret)
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		scope, ok := ctx.Value(scopeKey).(project.Scope)
		if !ok {
			return nil, sconce.Errorf(sconce.Forbidden, "no project was entered")
		}
		who, _ := ctx.Value(callerKey).(caller)
		if r.edits {
			defer a.edits.hold(scope.Project())()
		}
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

// doOnce lets a POST be done once however often it is made, or refuses who thinks that it is.
func (a *API) doOnce(op *huma.Operation, once bool) {
	switch {
	case op.Method != http.MethodPost:
	case once:
		op.Parameters = append(op.Parameters, onceParameter())
		op.Middlewares = append(op.Middlewares, a.onlyOnce)
	default:
		op.Middlewares = append(op.Middlewares, a.neverOnce)
	}
}

func register[I, O any](a *API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if field := overlooked(reflect.TypeFor[I]()); field != "" {
		panic(op.OperationID + ": huma overlooks the parameters of " + field + ": export its type")
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// overlooked returns the embedded struct of an input that has parameters and is not exported, so that
// they would neither be read nor described; "" when there is none.
func overlooked(input reflect.Type) string {
	for f := range input.Fields() {
		if !f.Anonymous || f.IsExported() || f.Type.Kind() != reflect.Struct {
			continue
		}
		for inner := range f.Type.Fields() {
			if inner.Tag.Get("query")+inner.Tag.Get("path")+inner.Tag.Get("header") != "" {
				return f.Name
			}
		}
	}
	return ""
}

// Page is the part of a list that is asked for.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"How many items at most."`
	Cursor string `query:"cursor" maxLength:"200" doc:"Where to go on: next_cursor of the answer before."`
}

// pageOf returns the page of a list that is there as a whole, in the order of its keys.
func pageOf[T any](p *Page, all []T, key func(T) string) (items []T, next string, err error) {
	if strings.ContainsFunc(p.Cursor, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"'", r) }) {
		return nil, "", errCursor()
	}
	from := slices.IndexFunc(all, func(item T) bool { return key(item) > p.Cursor })
	if from < 0 {
		return nil, "", nil
	}
	items, next = cut(all[from:], p.Limit, key)
	return items, next, nil
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
