package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// The ways to say who asks.
const (
	sessionScheme = "session"
	tokenScheme   = "token"
)

func sessionOnly() []map[string][]string { return []map[string][]string{{sessionScheme: {}}} }

func sessionOrToken() []map[string][]string {
	return append(sessionOnly(), map[string][]string{tokenScheme: {}})
}

// caller is who asks: a person who is signed in, or a program that acts for one by a token.
type caller struct {
	session identity.Session // zero of a program
	token   access.Token     // zero of a person
	account identity.Account
}

// asCaller returns the person as projects know them.
func (c caller) asCaller() project.Caller {
	return project.Caller{Account: c.account.ID, Origin: c.session.Origin()}
}

// program reports whether it is a program that asks.
func (c caller) program() bool { return c.token.ID != "" }

// authenticate admits a request whose cookie opens a session, or that bears a token. It
// runs before the request is read any further.
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
	if text, borne, err := bearer(r); borne || err != nil { // who bears a token means it, whatever cookie comes along
		return a.bearerOf(ctx, text, err)
	}
	token, err := sessionToken(r)
	if err != nil {
		return caller{}, err
	}
	session, account, err := a.Identity.Session(ctx.Context(), token)
	return caller{session: session, account: account}, err
}

// bearer returns the token that a request bears (RFC 6750, 2.1), and whether it bears one.
func bearer(r *http.Request) (text string, borne bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false, sconce.Errorf(sconce.Unauthenticated, "expected one header Authorization: Bearer, with a token")
	}
	return strings.TrimSpace(text), true, nil
}

// bearerOf returns the program that bears a token.
func (a *API) bearerOf(ctx huma.Context, text string, err error) (caller, error) {
	if err != nil {
		return caller{}, err
	}
	token, err := a.Access.Authenticate(ctx.Context(), text)
	if err != nil {
		return caller{}, err
	}
	accounts, err := a.Identity.Accounts(ctx.Context(), []sconce.AccountID{token.Account})
	if err != nil {
		return caller{}, err
	}
	account, ok := accounts[token.Account]
	if !ok {
		return caller{}, sconce.Errorf(sconce.Unauthenticated, "the account of this token is gone")
	}
	return caller{token: token, account: account}, nil
}

// inPerson admits people who are signed in, and no programs. It runs behind authenticate.
func (a *API) inPerson(ctx huma.Context, next func(huma.Context)) {
	if who, _ := ctx.Context().Value(callerKey).(caller); who.program() {
		a.refuse(ctx, sconce.Errorf(sconce.Forbidden, "a token is for one project: this is for a person who is signed in"))
		return
	}
	next(ctx)
}

// enter admits a request of somebody who may see the project of the path. It runs
// behind authenticate.
func (a *API) enter(ctx huma.Context, next func(huma.Context)) {
	who, _ := ctx.Context().Value(callerKey).(caller)
	scope, err := a.scope(ctx, who, sconce.ProjectID(ctx.Param("project")))
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, scopeKey, scope))
}

func (a *API) scope(ctx huma.Context, who caller, id sconce.ProjectID) (project.Scope, error) {
	if who.program() {
		return a.Access.Enter(ctx.Context(), who.token, id)
	}
	asker := who.asCaller()
	asker.Operation = ctx.Operation().OperationID
	return a.Projects.Enter(ctx.Context(), asker, id)
}

func (a *API) refuse(ctx huma.Context, err error) {
	_, w := humago.Unwrap(ctx)
	writeProblem(w, a.problem(ctx.Context(), err))
}
