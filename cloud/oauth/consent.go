package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/url"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// Question is what somebody is asked before an app is let in.
type Question struct {
	Client  Client
	Project string // its name
	Request Request
	Offered project.Actions // what the app asks for, as far as the person may do it
	Fault   *Error          // why there is nothing to ask; the person can only go back
}

// Ask returns what somebody is asked whose browser an app sent with a query. An app that is
// not there, and one of a project that they do not belong to, is a [sconce.NotFound]; one
// that wants to be called back where it was not registered is a [sconce.Invalid]. Neither is told to
// anybody else: the browser goes nowhere.
func (s *Service) Ask(ctx context.Context, who project.Caller, query string) (Question, error) {
	r, fault := ParseRequest(query)
	c, err := s.client(ctx, r.Client)
	if err != nil {
		return Question{}, err
	}
	if c.ID == "" {
		return Question{}, errNoClient()
	}
	scope, err := s.Projects.EnterLimited(ctx, who, c.Project, c.Actions.And(r.Actions))
	if sconce.KindOf(err) == sconce.NotFound {
		return Question{}, errNoClient()
	}
	if err != nil {
		return Question{}, err
	}
	if !c.matches(r.Redirect) {
		return Question{}, sconce.Errorf(sconce.Invalid, "this app asks to be called back at an address that it is not registered with: tell its maker")
	}
	p, err := s.Projects.Get(ctx, scope)
	if fault == nil && r.Actions.And(c.Actions) != r.Actions {
		fault = &Error{InvalidScope, "scope: expected no more than the app is registered with"}
	}
	return Question{Client: c, Project: p.Name, Request: r, Offered: scope.May(), Fault: fault}, err
}

// Allow lets an app do some of what was offered, and returns the address that the browser goes to,
// with a code (RFC 6749, 4.1.2). More than was offered is a [sconce.Forbidden]. issuer is
// who answers (RFC 9207).
func (s *Service) Allow(ctx context.Context, who project.Caller, query string, actions project.Actions, issuer string) (string, error) {
	q, err := s.Ask(ctx, who, query)
	if err != nil {
		return "", err
	}
	if q.Fault != nil {
		return "", sconce.Errorf(sconce.Invalid, "this request of the app is wrong: %s", q.Fault.Text)
	}
	actions |= project.ActionsOf(project.ReadProject)
	if q.Offered.And(actions) != actions {
		return "", sconce.Errorf(sconce.Forbidden, "you can let an app do what it asks for and you may do yourself, and no more")
	}
	made := code{token: identity.NewToken()}
	now := s.Now()
	g := StoredGrant{
		Grant: Grant{
			ID: access.GrantID(rand.Text()), Account: who.Account, Project: q.Client.Project, Client: q.Client.ID, Actions: actions,
			Made: now, Expires: now.Add(CodeLife),
		},
		Code: made.token.Digest(), Challenge: q.Request.Challenge, Redirect: sha256.Sum256([]byte(q.Request.Redirect)),
	}
	if err := s.Grants.CreateGrant(ctx, g, who.Origin, MaxGrants); err != nil {
		return "", err
	}
	return q.answer(url.Values{"code": {made.reveal()}}, issuer), nil
}

// Decline does not let an app in, and returns the address that the browser goes to. When
// there was nothing to ask, the app is told why.
func (s *Service) Decline(ctx context.Context, who project.Caller, query, issuer string) (string, error) {
	q, err := s.Ask(ctx, who, query)
	if err != nil {
		return "", err
	}
	if q.Fault == nil {
		q.Fault = &Error{AccessDenied, "the person did not let the app in"}
	}
	err = s.Refusals.Refuse(ctx, audit.People, audit.Account(who.Account), who.Origin, "authorise-app", q.Client.Target())
	return q.answer(url.Values{"error": {string(q.Fault.Code)}, "error_description": {q.Fault.Text}}, issuer), err
}

// answer returns where the browser goes with an answer.
func (q Question) answer(v url.Values, issuer string) string {
	if q.Request.State != "" {
		v.Set("state", q.Request.State)
	}
	v.Set("iss", issuer)
	return answer(q.Request.Redirect, v)
}

// LetIn is a grant with the app that it was given to.
type LetIn struct {
	Grant

	App Client // without a name when it is gone
}

// Given returns what somebody lets apps do, in the order of its making.
func (s *Service) Given(ctx context.Context, who sconce.AccountID) ([]LetIn, error) {
	all, err := s.Grants.Grants(ctx, who)
	if err != nil {
		return nil, err
	}
	return s.named(ctx, all)
}

// GivenIn returns what members of a project let apps do there.
func (s *Service) GivenIn(ctx context.Context, scope project.Scope) ([]LetIn, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return nil, err
	}
	all, err := s.Grants.GrantsIn(ctx, scope.Project())
	if err != nil {
		return nil, err
	}
	return s.named(ctx, all)
}

// named returns the grants that are good with their apps.
func (s *Service) named(ctx context.Context, all []Grant) ([]LetIn, error) {
	apps := map[ClientID]Client{}
	var good []LetIn
	for _, g := range all {
		if !g.valid(s.Now()) || g.Used.IsZero() {
			continue
		}
		app, known := apps[g.Client]
		if !known {
			var err error
			if app, err = s.client(ctx, g.Client); err != nil {
				return nil, err
			}
			apps[g.Client] = app
		}
		good = append(good, LetIn{g, app})
	}
	return good, nil
}

// End ends what somebody let an app do. Connections of the app end within five seconds.
func (s *Service) End(ctx context.Context, who project.Caller, id access.GrantID) error {
	g, err := s.Grants.Grant(ctx, id)
	if err != nil {
		return err
	}
	if g.ID == "" || g.Account != who.Account {
		return sconce.Errorf(sconce.NotFound, "you have let no such app in")
	}
	return s.Grants.EndGrant(ctx, id, Ender{audit.Account(who.Account), who.Origin}, "", s.Now())
}

// EndAll ends everything that somebody let apps do.
func (s *Service) EndAll(ctx context.Context, who project.Caller) error {
	return s.Grants.EndGrants(ctx, Ender{audit.Account(who.Account), who.Origin}, who.Account, s.Now())
}

// EndIn ends what a member let an app do in a project.
func (s *Service) EndIn(ctx context.Context, scope project.Scope, id access.GrantID) error {
	if err := scope.Require(project.ManageMembers); err != nil {
		return err
	}
	g, err := s.Grants.Grant(ctx, id)
	if err != nil {
		return err
	}
	if g.ID == "" || g.Project != scope.Project() {
		return sconce.Errorf(sconce.NotFound, "nobody let such an app into this project")
	}
	return s.Grants.EndGrant(ctx, id, Ender{scope.Subject(), scope.Origin()}, "", s.Now())
}
