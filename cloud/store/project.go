package store

import (
	"context"
	"database/sql"
	"errors"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Projects returns where projects, their members and networks are kept.
func (s *Store) Projects() project.Store { return projects{s.site} }

type projects struct{ site }

func (s projects) Assignment(ctx context.Context, gateway sconce.EUI64) (project.Assignment, error) {
	c, err := s.across().reading.ClaimOfGateway(ctx, int64(gateway))
	if errors.Is(err, sql.ErrNoRows) {
		return project.Assignment{}, nil
	}
	return project.Assignment{Project: sconce.ProjectID(c.ProjectID), Network: sconce.NetworkID(c.NetworkID)},
		doing("reading the assignment of a gateway", err)
}

func (s projects) Memberships(ctx context.Context, who sconce.AccountID, after sconce.ProjectID, limit int) ([]project.Membership, error) {
	rows, err := s.across().reading.Memberships(ctx, sitedb.MembershipsParams{AccountID: string(who), After: string(after), Max: int64(limit)})
	if err != nil {
		return nil, doing("reading memberships", err)
	}
	all := make([]project.Membership, len(rows))
	for i, r := range rows {
		all[i] = project.Membership{
			Project: project.Project{ID: sconce.ProjectID(r.ID), Name: r.Name, Made: momentOf(r.MadeMs)},
			Role:    sconce.Role(r.Role),
		}
	}
	return all, nil
}

func (s projects) CreateProject(ctx context.Context, p project.Project, zone string, owner project.Caller, most int) error {
	return s.across().update(ctx, func(q *sitedb.Queries) error {
		n, err := q.CountMemberships(ctx, string(owner.Account))
		if err != nil {
			return doing("counting projects", err)
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "an account belongs to at most %d projects", most)
		}
		err = q.CreateProject(ctx, sitedb.CreateProjectParams{ProjectID: string(p.ID), Name: p.Name, MadeMs: p.Made.UnixMilli(), TimeZone: zone, OccupancyAggregated: 1})
		if err != nil {
			return doing("storing a project", err)
		}
		err = q.SetMember(ctx, sitedb.SetMemberParams{
			ProjectID: string(p.ID), AccountID: string(owner.Account), Role: int64(sconce.Owner),
		})
		if err != nil {
			return doing("storing the owner of a project", err)
		}
		return record(ctx, q, audit.OfProject(p.ID), audit.Event{
			At: p.Made, Who: audit.Account(owner.Account), Origin: owner.Origin, Action: audit.ProjectMade, Result: audit.Done,
		})
	})
}

func (s projects) Project(ctx context.Context, scope project.Scope) (project.Project, error) {
	p, err := s.in(scope).reading.Project(ctx, string(scope.Project()))
	return project.Project{
		ID: sconce.ProjectID(p.ID), Name: p.Name, Made: momentOf(p.MadeMs), Aggregated: p.OccupancyAggregated != 0,
	}, found(err, "project")
}

func (s projects) Networks(ctx context.Context, scope project.Scope) ([]project.Network, error) {
	rows, err := s.in(scope).reading.Networks(ctx, string(scope.Project()))
	return mapped(rows, networkOf), doing("reading networks", err)
}

func networkOf(r sitedb.NetworksRow) project.Network {
	n := project.Network{ID: sconce.NetworkID(r.ID), Name: r.Name, Made: momentOf(r.MadeMs)}
	if r.Gateway != nil {
		n.Gateway = sconce.EUI64(*r.Gateway)
	}
	return n
}

func (s projects) CreateNetwork(ctx context.Context, scope project.Scope, n project.Network, most int) error {
	return s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		count, err := q.CountNetworks(ctx, string(scope.Project()))
		if err != nil {
			return doing("counting networks", err)
		}
		if count >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "a project has at most %d networks", most)
		}
		err = q.CreateNetwork(ctx, sitedb.CreateNetworkParams{
			ProjectID: string(scope.Project()), ID: string(n.ID), Name: n.Name, MadeMs: n.Made.UnixMilli(),
		})
		if err != nil {
			return doing("storing a network", err)
		}
		return note(ctx, q, scope, audit.NetworkMade, "network:"+string(n.ID), "")
	})
}
