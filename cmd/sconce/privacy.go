package main

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/consent"
	"sconce/cloud/identity"
	"sconce/cloud/oauth"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/store"
)

// newPrivacy returns what shows people what is known of them, and forgets it.
func newPrivacy(s *store.Store, people *identity.Service, tokens *access.Service, apps *oauth.Service, projects *project.Service, texts *consent.Service) *privacy.Service {
	return privacy.New(privacy.Parts{
		People: people, Projects: projects, Operators: s.Support(), Log: s.SecurityLog(), Now: time.Now,
		Sources: privacySources(s, people, tokens, apps, projects, texts),
	})
}

// newApps returns what lets apps of others act for people.
func newApps(s *store.Store, projects *project.Service, log *audit.Log) *oauth.Service {
	return &oauth.Service{
		Clients: s.OAuthClients(), Grants: s.OAuthGrants(), Tokens: s.Access(), Projects: projects, Refusals: log, Vault: s.Vault(), Now: time.Now,
	}
}

type object = map[string]any

// mostExported is how many entries of a kind are in a copy, the newest.
const mostExported = 100_000

// privacySources returns all that is known of a person. Each table of the inventory that
// says something of people is in one of them, which a test sees to.
func privacySources(s *store.Store, people *identity.Service, tokens *access.Service, apps *oauth.Service, projects *project.Service, texts *consent.Service) []privacy.Source {
	return []privacy.Source{
		{
			File: "account", About: "Who you are here.",
			Tables: []string{"identity.accounts", "identity.people"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				a := who.Account
				d, err := people.Details(ctx, a.ID)
				return object{
					"id": a.ID, "email": a.Email, "name": a.Name, "country": a.Country, "made": a.Made,
					"phone": d.Phone, "address": d.Address, "contact": d.Contact,
				}, err
			},
		},
		{
			File: "agreements", About: "Which texts of this service you agreed to, and when: its terms of use, its notice on privacy.",
			Tables: []string{"identity.agreements"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				agreed, _, err := texts.Of(ctx, who.Account.ID)
				return each(agreed, func(a consent.Agreement) object {
					return object{"text": a.Kind, "version": a.Version, "sha256": a.Digest.String(), "agreed": a.At}
				}), err
			},
		},
		{
			File: "signing-in", About: "How you sign in: what is asked for beside your password, and how many recovery codes are left.",
			Tables: []string{"identity.second_steps", "identity.recovery_codes"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				step, err := people.SecondStep(ctx, who.Account.ID)
				o := object{"second_step": step.Asked()}
				if step.Asked() {
					o["since"], o["recovery_codes"] = step.Since, step.Recovery
				}
				return o, err
			},
		},
		{
			File: "passkeys", About: "The passkeys with which you sign in; what is on your devices is not here.",
			Tables: []string{"identity.passkeys"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				all, err := people.Passkeys(ctx, who.Account.ID)
				return each(all, func(p identity.OwnPasskey) object {
					return object{"id": p.ID.Name(), "name": p.Label, "made": p.Made, "last_used": orNil(p.Used), "synced": p.Synced, "suspect": p.Suspect}
				}), err
			},
		},
		{
			File: "provider", About: "Who you are at the OpenID provider through which you sign in.",
			Tables: []string{"identity.provider_links"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				all, err := people.ProviderLinks(ctx, who.Account.ID)
				return each(all, func(l identity.ProviderLink) object {
					return object{"issuer": l.Issuer, "subject": l.Subject, "made": l.Made, "last_used": orNil(l.Used)}
				}), err
			},
		},
		{
			File: "sessions", About: "Where you are signed in, and what was tried in the last 90 days.",
			Tables: []string{"identity.sessions", "identity.sign_ins"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				sessions, err := people.SignedIn(ctx, who.Account.ID)
				if err != nil {
					return nil, err
				}
				history, err := people.History(ctx, who.Account.ID)
				return object{
					"sessions": each(sessions, func(n identity.SignedIn) object {
						return object{"id": n.Name(), "began": n.Made, "last_used": n.Used, "by": n.By, "device": n.Device, "network": n.Network}
					}),
					"sign_ins": each(history, func(v identity.Visit) object {
						return object{"at": v.At, "by": v.By, "refused": v.Refused, "device": v.Device, "network": v.Network}
					}),
				}, err
			},
		},
		{
			File: "tokens", About: "The tokens with which programs act for you.",
			Tables: []string{"identity.api_tokens"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				all, err := tokens.List(ctx, who.Account.ID)
				return each(all, func(t access.Token) object {
					return object{"id": t.ID, "name": t.Name, "project": t.Project, "made": t.Made, "expires": t.Expires, "last_used": orNil(t.Used)}
				}), err
			},
		},
		{
			File: "apps", About: "The apps that you have let in, and what each may do.",
			Tables: []string{"identity.oauth_grants"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				all, err := apps.Given(ctx, who.Account.ID)
				return each(all, func(l oauth.LetIn) object {
					return object{"id": l.ID, "app": l.App.Name, "project": l.Project, "actions": l.Actions.Names(), "let_in": l.Made, "last_used": orNil(l.Used), "expires": l.Expires}
				}), err
			},
		},
		{
			File: "projects", About: "The projects that you belong to, your role there, and the groups that you may control.",
			Tables: []string{"site.members", "site.grants"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				return memberships(ctx, s, projects, who.Account.ID)
			},
		},
		{
			File: "invitations", About: "Invitations that were sent to your address and that you did not accept yet: their identifiers. The letters have their links.",
			Tables: []string{"identity.invitees"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				return s.InvitationsTo(ctx, who.Account.Email)
			},
		},
		{
			File: "support", About: "Whether you are an operator of this service, and the support grants that you have or asked for, open or of the last time.",
			Tables: []string{"site.operators", "site.support_grants"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				return s.SupportOf(ctx, who.Account.ID)
			},
		},
		{
			File: "commands", About: "What you asked of lights, the newest first.",
			Tables: []string{"site.commands"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				return s.CommandsOf(ctx, who.Account.ID, mostExported)
			},
		},
		{
			File: "security-log", About: "The entries of the security log that are about you, the newest first: what you did, and what was done with your account.",
			Tables: []string{"identity.security_log", "site.security_log", "site.gateway_claims", "site.invitations", "site.oauth_clients", "site.project_deletions"},
			Read: func(ctx context.Context, who privacy.Person) (any, error) {
				all, err := s.EntriesOf(ctx, audit.Account(who.Account.ID), mostExported)
				return each(all, func(e audit.Entry) object {
					return object{
						"log": e.Chain, "number": e.Number, "at": e.At, "who": e.Who, "origin": e.Origin, "action": e.Action,
						"target": e.Target, "detail": e.Detail, "result": e.Result,
					}
				}), err
			},
		},
	}
}

func memberships(ctx context.Context, s *store.Store, projects *project.Service, who sconce.AccountID) (any, error) {
	all, err := projects.List(ctx, who, "", project.MaxProjectsPerAccount)
	if err != nil {
		return nil, err
	}
	items := make([]object, len(all))
	for i, m := range all {
		member, err := s.Projects().Member(ctx, who, m.ID)
		if err != nil {
			return nil, err
		}
		items[i] = object{"id": m.ID, "name": m.Name, "role": m.Role, "groups": each(member.Groups, func(g sconce.GroupID) sconce.GroupID { return g })}
	}
	return items, nil
}

// each returns a list that is written as [] when it is empty.
func each[T, U any](all []T, of func(T) U) []U {
	out := make([]U, len(all))
	for i, v := range all {
		out[i] = of(v)
	}
	return out
}

func orNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
