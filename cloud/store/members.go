package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

func (s projects) Member(ctx context.Context, who sconce.AccountID, id sconce.ProjectID) (project.Member, error) {
	role, err := s.of(id).reading.MemberRole(ctx, sitedb.MemberRoleParams{ProjectID: string(id), AccountID: string(who)})
	if errors.Is(err, sql.ErrNoRows) {
		return project.Member{}, nil
	}
	m := project.Member{Account: who, Role: sconce.Role(role)}
	if err != nil || m.Role != sconce.User {
		return m, doing("reading a role", err)
	}
	groups, err := s.of(id).reading.MemberGrants(ctx, sitedb.MemberGrantsParams{ProjectID: string(id), AccountID: string(who)})
	m.Groups = mapped(groups, func(g string) sconce.GroupID { return sconce.GroupID(g) })
	return m, doing("reading granted groups", err)
}

func (s projects) Members(ctx context.Context, scope project.Scope) ([]project.Member, error) {
	var all []project.Member
	err := s.in(scope).view(ctx, func(q *sitedb.Queries) error {
		rows, err := q.Grants(ctx, string(scope.Project()))
		if err != nil {
			return err
		}
		groups := map[string][]sconce.GroupID{}
		for _, r := range rows {
			groups[r.AccountID] = append(groups[r.AccountID], sconce.GroupID(r.GroupID))
		}
		members, err := q.Members(ctx, string(scope.Project()))
		all = mapped(members, func(r sitedb.MembersRow) project.Member {
			return project.Member{Account: sconce.AccountID(r.AccountID), Role: sconce.Role(r.Role), Groups: groups[r.AccountID]}
		})
		return err
	})
	return all, doing("reading the members of a project", err)
}

func (s projects) SetMember(ctx context.Context, scope project.Scope, m project.Member, most int) error {
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		if err := setMember(ctx, q, scope.Project(), m, most); err != nil {
			return err
		}
		if err := hasOwner(ctx, q, scope); err != nil {
			return err
		}
		return note(ctx, q, scope, audit.MemberSet, string(audit.Account(m.Account)), memberDetail(m))
	})
	return doing("storing a member", err)
}

// setMember stores a member with the groups that they may control.
func setMember(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID, m project.Member, most int) error {
	err := q.SetMember(ctx, sitedb.SetMemberParams{ProjectID: string(id), AccountID: string(m.Account), Role: int64(m.Role)})
	if err != nil {
		return err
	}
	n, err := q.CountMembers(ctx, string(id))
	if err != nil {
		return err
	}
	if n > int64(most) {
		return sconce.Errorf(sconce.TooMany, "a project has at most %d members", most)
	}
	return grantGroups(ctx, q, id, m)
}

// memberDetail says what a member may do, for the security log.
func memberDetail(m project.Member) string {
	if m.Role == sconce.User {
		return fmt.Sprintf("role=%s groups=%d", m.Role, len(m.Groups))
	}
	return "role=" + m.Role.String()
}

// grantGroups makes the groups that a member may control those of m.
func grantGroups(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID, m project.Member) error {
	err := q.RevokeGrants(ctx, sitedb.RevokeGrantsParams{ProjectID: string(id), AccountID: string(m.Account)})
	if err != nil {
		return err
	}
	for _, g := range m.Groups {
		err := q.Grant(ctx, sitedb.GrantParams{ProjectID: string(id), AccountID: string(m.Account), GroupID: string(g)})
		if violatesReference(err) {
			return sconce.Errorf(sconce.NotFound, "there is no group %q in this project", g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasOwner is a [sconce.Conflict] when the transaction leaves a project without an owner.
func hasOwner(ctx context.Context, q *sitedb.Queries, scope project.Scope) error {
	n, err := q.CountOwners(ctx, string(scope.Project()))
	if err == nil && n == 0 {
		return sconce.Errorf(sconce.Conflict, "a project needs an owner: make somebody else its owner first")
	}
	return err
}

func (s projects) RemoveMember(ctx context.Context, scope project.Scope, who sconce.AccountID) error {
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveMember(ctx, sitedb.RemoveMemberParams{ProjectID: string(scope.Project()), AccountID: string(who)})
		if err != nil {
			return err
		}
		if n == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such member of this project")
		}
		if err := hasOwner(ctx, q, scope); err != nil {
			return err
		}
		return note(ctx, q, scope, audit.MemberRemoved, string(audit.Account(who)), "")
	})
	return doing("removing a member", err)
}
