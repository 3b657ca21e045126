package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Invitations returns where invitations are kept.
func (s *Store) Invitations() invitation.Store { return invitations{s.site} }

type invitations struct{ site }

func (s invitations) CreateInvitation(ctx context.Context, scope project.Scope, i invitation.Invitation, most int) error {
	id := string(scope.Project())
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		err := q.DeleteExpiredInvitations(ctx, sitedb.DeleteExpiredInvitationsParams{ProjectID: id, NowMs: i.Made.UnixMilli()})
		if err != nil {
			return err
		}
		n, err := q.CountInvitations(ctx, id)
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return sconce.Errorf(sconce.TooMany, "%d invitations of this project are open: take some back first", n)
		}
		err = q.CreateInvitation(ctx, sitedb.CreateInvitationParams{
			ProjectID: id, ID: string(i.ID), TokenSha256: i.Token[:], Role: int64(i.Offer.Role), AccountID: string(i.By),
			MadeMs: i.Made.UnixMilli(), ExpiresMs: i.Expires.UnixMilli(),
		})
		if err != nil {
			return err
		}
		for _, g := range i.Offer.Groups {
			err := q.OfferGroup(ctx, sitedb.OfferGroupParams{ProjectID: id, InvitationID: string(i.ID), GroupID: string(g)})
			if violatesReference(err) {
				return sconce.Errorf(sconce.NotFound, "there is no group %q in this project", g)
			}
			if err != nil {
				return err
			}
		}
		return note(ctx, q, scope, audit.InvitationMade, "invitation:"+string(i.ID), memberDetail(i.Offer))
	})
	return doing("storing an invitation", err)
}

func (s invitations) Invitations(ctx context.Context, scope project.Scope) ([]invitation.Invitation, error) {
	return s.offers(ctx, s.in(scope), string(scope.Project()))
}

// offers returns the invitations of a project with the groups that they offer.
func (invitations) offers(ctx context.Context, in part, id string) ([]invitation.Invitation, error) {
	var all []invitation.Invitation
	err := in.view(ctx, func(q *sitedb.Queries) error {
		groups := map[string][]sconce.GroupID{}
		offered, err := q.OfferedGroups(ctx, id)
		if err != nil {
			return err
		}
		for _, o := range offered {
			groups[o.InvitationID] = append(groups[o.InvitationID], sconce.GroupID(o.GroupID))
		}
		rows, err := q.Invitations(ctx, id)
		all = mapped(rows, func(r sitedb.Invitation) invitation.Invitation {
			i := invitation.Invitation{
				ID: invitation.ID(r.ID), Project: sconce.ProjectID(r.ProjectID), By: sconce.AccountID(r.AccountID),
				Offer: project.Member{Role: sconce.Role(r.Role), Groups: groups[r.ID]}, Made: momentOf(r.MadeMs), Expires: momentOf(r.ExpiresMs),
			}
			copy(i.Token[:], r.TokenSha256)
			return i
		})
		return err
	})
	return all, doing("reading invitations", err)
}

func (s invitations) RevokeInvitation(ctx context.Context, scope project.Scope, id invitation.ID) error {
	err := s.in(scope).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveInvitation(ctx, sitedb.RemoveInvitationParams{ProjectID: string(scope.Project()), ID: string(id)})
		if err != nil {
			return err
		}
		if n == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such invitation")
		}
		return note(ctx, q, scope, audit.InvitationRevoked, "invitation:"+string(id), "")
	})
	return doing("taking back an invitation", err)
}

func (s invitations) Invitation(ctx context.Context, token [sha256.Size]byte) (invitation.Invitation, error) {
	r, err := s.across().reading.InvitationByToken(ctx, token[:])
	if errors.Is(err, sql.ErrNoRows) {
		return invitation.Invitation{}, nil
	}
	if err != nil {
		return invitation.Invitation{}, doing("reading an invitation", err)
	}
	all, err := s.offers(ctx, s.of(sconce.ProjectID(r.ProjectID)), r.ProjectID)
	for _, i := range all {
		if i.Token == token {
			return i, err
		}
	}
	return invitation.Invitation{}, err // it was taken back in between
}

func (s invitations) AcceptInvitation(ctx context.Context, i invitation.Invitation, who project.Caller, at time.Time, most int) error {
	id := string(i.Project)
	err := s.of(i.Project).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveInvitation(ctx, sitedb.RemoveInvitationParams{ProjectID: id, ID: string(i.ID)})
		if err == nil && n == 0 {
			return identity.ErrLinkEnded()
		}
		if err != nil {
			return err
		}
		_, err = q.MemberRole(ctx, sitedb.MemberRoleParams{ProjectID: id, AccountID: string(who.Account)})
		if err == nil {
			return sconce.Errorf(sconce.Conflict, "you belong to this project already")
		}
		if err := ignore(err, sql.ErrNoRows); err != nil {
			return err
		}
		m := i.Offer
		m.Account = who.Account
		if err := setMember(ctx, q, i.Project, m, most); err != nil {
			return err
		}
		return record(ctx, q, audit.OfProject(i.Project), audit.Event{
			At: at, Who: audit.Account(who.Account), Origin: who.Origin, Action: audit.InvitationAccepted,
			Target: "invitation:" + string(i.ID), Detail: memberDetail(m), Result: audit.Done,
		})
	})
	return doing("accepting an invitation", err)
}
