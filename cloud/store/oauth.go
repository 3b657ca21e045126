package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/audit"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
)

// OAuthClients returns where the apps of projects are kept.
func (s *Store) OAuthClients() oauth.Clients { return oauthClients{s.site} }

// OAuthGrants returns where it is kept what people let apps do.
func (s *Store) OAuthGrants() oauth.Grants { return oauthGrants{s.identity, s.site} }

type oauthClients struct{ site }

func (s oauthClients) CreateClient(ctx context.Context, scope project.Scope, c oauth.StoredClient, most int) error {
	id := string(scope.Project())
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.CountOAuthClients(ctx, id)
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "this project has %d apps: remove one that is not needed any more", n)
		}
		var secret []byte
		if c.Confidential {
			secret = c.Secret[:]
		}
		err = q.CreateOAuthClient(ctx, sitedb.CreateOAuthClientParams{
			ProjectID: id, ID: string(c.ID), SecretSha256: secret, Sealed: c.Sealed, Actions: c.Actions.String(),
			AccountID: string(c.By), MadeMs: c.Made.UnixMilli(),
		})
		if err != nil {
			return err
		}
		return note(ctx, q, scope, audit.ClientMade, c.Target(), c.Actions.String())
	})
	return doing("storing an app", err)
}

func (s oauthClients) Clients(ctx context.Context, scope project.Scope) ([]oauth.StoredClient, error) {
	rows, err := s.in(scope).reading.OAuthClients(ctx, string(scope.Project()))
	if err != nil {
		return nil, doing("reading apps", err)
	}
	all := make([]oauth.StoredClient, len(rows))
	for i, r := range rows {
		if all[i], err = clientOf(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s oauthClients) Client(ctx context.Context, id oauth.ClientID) (oauth.StoredClient, error) {
	r, err := s.across().reading.OAuthClient(ctx, string(id))
	if errors.Is(err, sql.ErrNoRows) {
		return oauth.StoredClient{}, nil
	}
	if err != nil {
		return oauth.StoredClient{}, doing("reading an app", err)
	}
	return clientOf(r)
}

func (s oauthClients) RemoveClient(ctx context.Context, scope project.Scope, id oauth.ClientID) error {
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveOAuthClient(ctx, sitedb.RemoveOAuthClientParams{ProjectID: string(scope.Project()), ID: string(id)})
		if err != nil {
			return err
		}
		if n == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such app")
		}
		return note(ctx, q, scope, audit.ClientRemoved, oauth.Client{ID: id}.Target(), "")
	})
	return doing("removing an app", err)
}

func clientOf(r sitedb.OauthClient) (oauth.StoredClient, error) {
	actions, err := storedActions(r.Actions)
	c := oauth.StoredClient{Sealed: r.Sealed, Client: oauth.Client{
		ID: oauth.ClientID(r.ID), Project: sconce.ProjectID(r.ProjectID), Actions: actions, Confidential: r.SecretSha256 != nil,
		By: sconce.AccountID(r.AccountID), Made: momentOf(r.MadeMs),
	}}
	copy(c.Secret[:], r.SecretSha256)
	return c, err
}

// storedActions reads actions as they are kept. What is wrong with them is not the asker's fault.
func storedActions(names string) (project.Actions, error) {
	actions, err := project.ParseActions(strings.Fields(names)...)
	if err != nil {
		return 0, doing("reading stored actions", errors.New(err.Error()))
	}
	return actions, nil
}

// oauthGrants keeps grants with the people. Their beginnings and ends are also in the logs of
// their projects, for the owners: written after the change, in the other database.
type oauthGrants struct {
	db   *database[*identitydb.Queries]
	site site
}

// note writes what the log of people has in that of a project as well.
func (s oauthGrants) note(ctx context.Context, id sconce.ProjectID, e audit.Event) error {
	return s.site.of(id).update(ctx, func(q *sitedb.Queries) error { return record(ctx, q, audit.OfProject(id), e) })
}

func (s oauthGrants) CreateGrant(ctx context.Context, g oauth.StoredGrant, origin audit.Origin, most int) error {
	made := audit.Event{
		At: g.Made, Who: audit.Account(g.Account), Origin: origin, Action: audit.GrantMade, Target: string(g.ID.Origin()),
		Detail: oauth.Client{ID: g.Client}.Target() + " " + g.Actions.String(), Result: audit.Done,
	}
	err := s.db.update(ctx, func(q *identitydb.Queries) error {
		if err := q.DeleteExpiredOAuthGrants(ctx, g.Made.UnixMilli()); err != nil {
			return err
		}
		n, err := q.CountOAuthGrants(ctx, string(g.Account))
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "you have let %d apps in: end one that is not needed any more, in your account", n)
		}
		err = q.CreateOAuthGrant(ctx, identitydb.CreateOAuthGrantParams{
			ID: string(g.ID), AccountID: string(g.Account), ProjectID: string(g.Project), ClientID: string(g.Client), Actions: g.Actions.String(),
			CodeSha256: g.Code[:], Challenge: g.Challenge[:], RedirectSha256: g.Redirect[:],
			MadeMs: g.Made.UnixMilli(), ExpiresMs: g.Expires.UnixMilli(),
		})
		if err != nil {
			return err
		}
		return recordPeople(ctx, q, made)
	})
	if err == nil {
		err = s.note(ctx, g.Project, made)
	}
	return doing("storing what an app may do", err)
}

func (s oauthGrants) GrantOfCode(ctx context.Context, code oauth.Digest) (oauth.StoredGrant, error) {
	return letIn(s.db.reading.OAuthGrantOfCode(ctx, code[:]))
}

func (s oauthGrants) GrantOfFamily(ctx context.Context, family oauth.Digest) (oauth.StoredGrant, error) {
	return letIn(s.db.reading.OAuthGrantOfFamily(ctx, family[:]))
}

func (s oauthGrants) Grant(ctx context.Context, id access.GrantID) (oauth.StoredGrant, error) {
	return letIn(s.db.reading.OAuthGrant(ctx, string(id)))
}

func (s oauthGrants) Redeem(ctx context.Context, r oauth.Renewal) (done bool, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RedeemOAuthGrant(ctx, identitydb.RedeemOAuthGrantParams{
			ID: string(r.Grant), FamilySha256: r.Family[:], RefreshSha256: r.Refresh[:], UsedMs: r.At.UnixMilli(), ExpiresMs: r.Expires.UnixMilli(),
		})
		if done = n > 0; err != nil || !done {
			return err
		}
		if err := createToken(ctx, q, r.Access); err != nil {
			return err
		}
		return recordPeople(ctx, q, audit.Event{
			At: r.At, Who: audit.Account(r.Access.Account), Origin: r.Grant.Origin(), Action: audit.GrantRedeemed,
			Target: string(r.Grant.Origin()), Result: audit.Done,
		})
	})
	return done, doing("admitting an app", err)
}

func (s oauthGrants) Renew(ctx context.Context, was oauth.Digest, r oauth.Renewal) (done bool, err error) {
	err = s.db.update(ctx, func(q *identitydb.Queries) error {
		n, err := q.RenewOAuthGrant(ctx, identitydb.RenewOAuthGrantParams{
			ID: string(r.Grant), WasSha256: was[:], RefreshSha256: r.Refresh[:], UsedMs: r.At.UnixMilli(), ExpiresMs: r.Expires.UnixMilli(),
		})
		if done = n > 0; err != nil || !done {
			return err
		}
		if err := q.LeaveNewestAPITokenOfGrant(ctx, (*string)(&r.Grant)); err != nil {
			return err
		}
		return createToken(ctx, q, r.Access)
	})
	return done, doing("renewing the tokens of an app", err)
}

func (s oauthGrants) Grants(ctx context.Context, who sconce.AccountID) ([]oauth.Grant, error) {
	return allLetIn(s.db.reading.OAuthGrants(ctx, string(who)))
}

func (s oauthGrants) GrantsIn(ctx context.Context, id sconce.ProjectID) ([]oauth.Grant, error) {
	return allLetIn(s.db.reading.OAuthGrantsIn(ctx, string(id)))
}

func (s oauthGrants) EndGrant(ctx context.Context, id access.GrantID, by oauth.Ender, why string, at time.Time) error {
	return s.end(ctx, by, why, at, func(q *identitydb.Queries) ([]identitydb.OauthGrant, error) { return q.EndOAuthGrant(ctx, string(id)) })
}

func (s oauthGrants) EndGrants(ctx context.Context, by oauth.Ender, who sconce.AccountID, at time.Time) error {
	return s.end(ctx, by, "", at, func(q *identitydb.Queries) ([]identitydb.OauthGrant, error) {
		return q.EndOAuthGrantsOf(ctx, string(who))
	})
}

func (s oauthGrants) EndGrantsTo(ctx context.Context, by oauth.Ender, id oauth.ClientID, at time.Time) error {
	return s.end(ctx, by, "reason=app-removed", at, func(q *identitydb.Queries) ([]identitydb.OauthGrant, error) {
		return q.EndOAuthGrantsTo(ctx, string(id))
	})
}

// end ends grants, and writes of each whose it was, when that is not who ended it, and why.
func (s oauthGrants) end(ctx context.Context, by oauth.Ender, why string, at time.Time, remove func(*identitydb.Queries) ([]identitydb.OauthGrant, error)) error {
	var ended []identitydb.OauthGrant
	event := func(g identitydb.OauthGrant) audit.Event {
		detail := why
		if of := audit.Account(sconce.AccountID(g.AccountID)); of != by.Who {
			detail = strings.TrimSpace(string(of) + " " + why)
		}
		return audit.Event{
			At: at, Who: by.Who, Origin: by.Origin, Action: audit.GrantEnded, Target: string(access.GrantID(g.ID).Origin()), Detail: detail, Result: audit.Done,
		}
	}
	err := s.db.update(ctx, func(q *identitydb.Queries) (err error) {
		if ended, err = remove(q); err != nil {
			return err
		}
		for _, g := range ended {
			if err := recordPeople(ctx, q, event(g)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return doing("ending what an app may do", err)
	}
	for _, g := range ended {
		if err := s.note(ctx, sconce.ProjectID(g.ProjectID), event(g)); err != nil {
			return doing("writing that an app was ended", err)
		}
	}
	return nil
}

func allLetIn(rows []identitydb.OauthGrant, err error) ([]oauth.Grant, error) {
	if err != nil {
		return nil, doing("reading what apps may do", err)
	}
	all := make([]oauth.Grant, len(rows))
	for i, r := range rows {
		g, err := letIn(r, nil)
		if err != nil {
			return nil, err
		}
		all[i] = g.Grant
	}
	return all, nil
}

func letIn(r identitydb.OauthGrant, err error) (oauth.StoredGrant, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return oauth.StoredGrant{}, nil
	}
	if err != nil {
		return oauth.StoredGrant{}, doing("reading what an app may do", err)
	}
	actions, err := storedActions(r.Actions)
	g := oauth.StoredGrant{Grant: oauth.Grant{
		ID: access.GrantID(r.ID), Account: sconce.AccountID(r.AccountID), Project: sconce.ProjectID(r.ProjectID), Client: oauth.ClientID(r.ClientID),
		Actions: actions, Made: momentOf(r.MadeMs), Expires: momentOf(r.ExpiresMs),
	}}
	if r.UsedMs != 0 {
		g.Used = momentOf(r.UsedMs)
	}
	copy(g.Code[:], r.CodeSha256)
	copy(g.Challenge[:], r.Challenge)
	copy(g.Redirect[:], r.RedirectSha256)
	copy(g.Refresh[:], r.RefreshSha256)
	return g, err
}
