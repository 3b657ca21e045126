package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/support"
)

func (s projects) Support(ctx context.Context, who sconce.AccountID, id sconce.ProjectID, now time.Time) (project.Support, error) {
	r, err := s.of(id).reading.Support(ctx, sitedb.SupportParams{ProjectID: string(id), OperatorID: string(who), NowMs: now.UnixMilli()})
	if errors.Is(err, sql.ErrNoRows) {
		return project.Support{}, nil
	}
	return project.Support{Grant: r.ID, Access: project.Access(r.Access), Until: momentOf(r.ExpiresMs)}, doing("reading a support grant", err)
}

func (s projects) SupportedProjects(ctx context.Context, who sconce.AccountID, now time.Time) ([]sconce.ProjectID, error) {
	ids, err := s.across().reading.SupportedProjects(ctx, sitedb.SupportedProjectsParams{OperatorID: string(who), NowMs: now.UnixMilli()})
	return mapped(ids, func(id string) sconce.ProjectID { return sconce.ProjectID(id) }), doing("reading the projects that are open to support", err)
}

func (s projects) UseSupport(ctx context.Context, scope project.Scope, operation string) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		return note(ctx, q, scope, audit.SupportUsed, operation, "")
	})
}

// Support returns where operators and support grants are kept.
func (s *Store) Support() support.Store { return supportGrants{s.site} }

type supportGrants struct{ site }

func (s supportGrants) IsOperator(ctx context.Context, who sconce.AccountID) (bool, error) {
	n, err := s.outside().reading.IsOperator(ctx, string(who))
	return n > 0, doing("reading whether somebody is an operator", err)
}

func (s supportGrants) Operators(ctx context.Context) ([]sconce.AccountID, error) {
	rows, err := s.outside().reading.Operators(ctx)
	return mapped(rows, func(o sitedb.Operator) sconce.AccountID { return sconce.AccountID(o.AccountID) }), doing("reading operators", err)
}

func (s supportGrants) AddOperator(ctx context.Context, who sconce.AccountID, e audit.Event) error {
	return s.outside().update(ctx, func(q *sitedb.Queries) error {
		n, err := q.AddOperator(ctx, sitedb.AddOperatorParams{AccountID: string(who), MadeMs: e.At.UnixMilli()})
		if err != nil || n == 0 { // one already
			return doing("storing an operator", err)
		}
		return record(ctx, q, audit.Installation, e)
	})
}

func (s supportGrants) RemoveOperator(ctx context.Context, who sconce.AccountID, e audit.Event) error {
	return s.across().update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveOperator(ctx, string(who))
		if err == nil && n == 0 {
			return sconce.Errorf(sconce.NotFound, "this account is no operator")
		}
		if err != nil {
			return doing("removing an operator", err)
		}
		open, err := q.OpenSupportGrants(ctx, sitedb.OpenSupportGrantsParams{NowMs: e.At.UnixMilli(), OperatorID: string(who), AfterMs: math.MaxInt64, Max: math.MaxInt32})
		if err != nil {
			return doing("reading the support grants of an operator", err)
		}
		for _, g := range open {
			if g.OperatorID != string(who) {
				continue
			}
			if err := endGrant(ctx, q, grantOf(g), e); err != nil {
				return err
			}
		}
		return record(ctx, q, audit.Installation, e)
	})
}

func (s supportGrants) CreateGrant(ctx context.Context, g support.Grant, by audit.Event, forget time.Time, most int) error {
	id := string(g.Project)
	err := s.of(g.Project).update(ctx, func(q *sitedb.Queries) error {
		if err := isOperator(ctx, q, g.Operator); err != nil {
			return err
		}
		if err := q.ForgetSupportGrants(ctx, sitedb.ForgetSupportGrantsParams{ProjectID: id, BeforeMs: forget.UnixMilli()}); err != nil {
			return err
		}
		n, err := q.CountOpenSupportGrants(ctx, sitedb.CountOpenSupportGrantsParams{ProjectID: id, NowMs: g.Asked.UnixMilli()})
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "%d support grants of this project are open: end some first", n)
		}
		err = q.CreateSupportGrant(ctx, sitedb.CreateSupportGrantParams{
			ProjectID: id, ID: string(g.ID), OperatorID: string(g.Operator), Access: int64(g.Access), Reason: g.Sealed, LengthMs: g.Length.Milliseconds(),
			AskedBy: string(g.AskedBy), AskedMs: g.Asked.UnixMilli(), GrantedBy: string(g.GrantedBy), GrantedMs: storedMoment(g.Granted), ExpiresMs: g.Expires.UnixMilli(),
		})
		if violatesReference(err) {
			return sconce.Errorf(sconce.NotFound, "there is no such project")
		}
		if err != nil {
			return err
		}
		return record(ctx, q, audit.OfProject(g.Project), aboutGrant(by, g))
	})
	return doing("storing a support grant", err)
}

func (s supportGrants) Allow(ctx context.Context, g support.Grant, by audit.Event, secondOperator bool) error {
	err := s.of(g.Project).update(ctx, func(q *sitedb.Queries) error {
		if err := isOperator(ctx, q, g.Operator); err != nil {
			return err
		}
		if secondOperator {
			if err := isOperator(ctx, q, g.GrantedBy); err != nil {
				return err
			}
		}
		n, err := q.GrantSupport(ctx, sitedb.GrantSupportParams{
			ProjectID: string(g.Project), ID: string(g.ID), GrantedBy: string(g.GrantedBy), GrantedMs: g.Granted.UnixMilli(),
		})
		if err == nil && n == 0 {
			return sconce.Errorf(sconce.Conflict, "this is not asked for any more: it was granted, ended, or is too old")
		}
		if err != nil {
			return err
		}
		return record(ctx, q, audit.OfProject(g.Project), aboutGrant(by, g))
	})
	return doing("granting support", err)
}

func (s supportGrants) EndGrant(ctx context.Context, g support.Grant, by audit.Event) error {
	return s.of(g.Project).update(ctx, func(q *sitedb.Queries) error { return endGrant(ctx, q, g, by) })
}

// endGrant ends a grant, or what is asked for.
func endGrant(ctx context.Context, q *sitedb.Queries, g support.Grant, by audit.Event) error {
	n, err := q.EndSupportGrant(ctx, sitedb.EndSupportGrantParams{ProjectID: string(g.Project), ID: string(g.ID), EndedMs: by.At.UnixMilli()})
	if err == nil && n == 0 {
		return sconce.Errorf(sconce.Conflict, "this support grant has ended already")
	}
	if err != nil {
		return doing("ending a support grant", err)
	}
	by.Action = audit.SupportEnded
	return record(ctx, q, audit.OfProject(g.Project), aboutGrant(by, g))
}

// aboutGrant makes an event speak of a grant.
func aboutGrant(e audit.Event, g support.Grant) audit.Event {
	e.Target = "support:" + string(g.ID)
	e.Detail = fmt.Sprintf("%s access=%s hours=%d", audit.Account(g.Operator), g.Access, int(g.Length.Hours()))
	e.Result = audit.Done
	return e
}

// isOperator is a [sconce.Forbidden] when an account is no operator.
func isOperator(ctx context.Context, q *sitedb.Queries, who sconce.AccountID) error {
	n, err := q.IsOperator(ctx, string(who))
	if err == nil && n == 0 {
		return support.ErrNoOperator()
	}
	return doing("reading whether somebody is an operator", err)
}

func (s supportGrants) Grant(ctx context.Context, id support.ID) (support.Grant, error) {
	r, err := s.across().reading.SupportGrantByID(ctx, string(id))
	if errors.Is(err, sql.ErrNoRows) {
		return support.Grant{}, nil
	}
	return grantOf(r), doing("reading a support grant", err)
}

func (s supportGrants) Grants(ctx context.Context, scope project.Scope, limit int) ([]support.Grant, error) {
	rows, err := s.in(scope).reading.SupportGrants(ctx, sitedb.SupportGrantsParams{ProjectID: string(scope.Project()), Max: int64(limit)})
	return mapped(rows, grantOf), doing("reading support grants", err)
}

func (s supportGrants) OpenGrants(ctx context.Context, operator sconce.AccountID, now time.Time, after support.Place, limit int) ([]support.Grant, error) {
	from := int64(math.MaxInt64)
	if after != (support.Place{}) {
		from = after.Asked.UnixMilli()
	}
	rows, err := s.across().reading.OpenSupportGrants(ctx, sitedb.OpenSupportGrantsParams{
		NowMs: now.UnixMilli(), OperatorID: string(operator), AfterMs: from, AfterID: string(after.ID), Max: int64(limit),
	})
	return mapped(rows, grantOf), doing("reading support grants", err)
}

func (s supportGrants) Owners(ctx context.Context, id sconce.ProjectID, limit int) (name string, owners []sconce.AccountID, err error) {
	err = s.of(id).view(ctx, func(q *sitedb.Queries) error {
		p, err := q.Project(ctx, string(id))
		if err != nil {
			return found(err, "project")
		}
		ids, err := q.Owners(ctx, sitedb.OwnersParams{ProjectID: string(id), Max: int64(limit)})
		name, owners = p.Name, mapped(ids, func(a string) sconce.AccountID { return sconce.AccountID(a) })
		return doing("reading the owners of a project", err)
	})
	return name, owners, err
}

func grantOf(r sitedb.SupportGrant) support.Grant {
	return support.Grant{
		ID: support.ID(r.ID), Project: sconce.ProjectID(r.ProjectID), Operator: sconce.AccountID(r.OperatorID), Access: project.Access(r.Access),
		Sealed: r.Reason, Length: time.Duration(r.LengthMs) * time.Millisecond, AskedBy: sconce.AccountID(r.AskedBy), Asked: momentOf(r.AskedMs),
		GrantedBy: sconce.AccountID(r.GrantedBy), Granted: storedMomentOf(r.GrantedMs), Expires: momentOf(r.ExpiresMs), Ended: storedMomentOf(r.EndedMs),
	}
}

// storedMoment is a time in milliseconds, 0 for none.
func storedMoment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func storedMomentOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return momentOf(ms)
}
