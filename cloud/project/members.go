package project

import (
	"context"
	"slices"

	"sconce"
)

// Members returns who belongs to the project, in the order of their identifiers.
func (s *Service) Members(ctx context.Context, scope Scope) ([]Member, error) {
	if err := scope.Require(ManageMembers); err != nil {
		return nil, err
	}
	return s.store.Members(ctx, scope)
}

// SetMember gives an account a role in the project, and to a [sconce.User] the groups
// that they may control. The account is taken as it is: that it exists is the caller's
// to know. An owner hands a project over by making somebody else its owner, and then
// leaving or taking another role; a project is never without an owner.
func (s *Service) SetMember(ctx context.Context, scope Scope, m Member) error {
	if err := scope.Require(ManageMembers); err != nil {
		return err
	}
	m, err := CheckOffer(m)
	if err != nil {
		return err
	}
	if m.Account == "" {
		return sconce.Errorf(sconce.Invalid, "expected an account")
	}
	return s.store.SetMember(ctx, scope, m, MaxMembers)
}

// CheckOffer returns what is offered to a member, the groups in order and once each. The
// error says what is wrong with it.
func CheckOffer(m Member) (Member, error) {
	switch {
	case !slices.Contains(Roles(), m.Role):
		return Member{}, sconce.FieldErrorf("role", "expected one of the roles owner, expert, user, viewer")
	case len(m.Groups) > 0 && m.Role != sconce.User:
		return Member{}, sconce.FieldErrorf("groups", "groups are granted to the role user only: an owner and an expert control every light, a viewer none")
	case len(m.Groups) > MaxGranted:
		return Member{}, sconce.Errorf(sconce.TooMany, "at most %d groups can be granted to one person", MaxGranted)
	}
	m.Groups = slices.Compact(slices.Sorted(slices.Values(m.Groups)))
	return m, nil
}

// ChangeMember is SetMember for somebody who is a member already.
func (s *Service) ChangeMember(ctx context.Context, scope Scope, m Member) error {
	if err := scope.Require(ManageMembers); err != nil {
		return err
	}
	was, err := s.store.Member(ctx, m.Account, scope.Project())
	if err != nil {
		return err
	}
	if was.Role == 0 {
		return sconce.Errorf(sconce.NotFound, "there is no such member of this project: invite them first")
	}
	return s.SetMember(ctx, scope, m)
}

// RemoveMember ends somebody's membership: an owner ends anybody's, everybody their own,
// though not by a token, which was made to read or to control.
func (s *Service) RemoveMember(ctx context.Context, scope Scope, who sconce.AccountID) error {
	if who == "" || who != scope.Account() || scope.Limited() {
		if err := scope.Require(ManageMembers); err != nil {
			return err
		}
	} else if err := scope.Require(ReadProject); err != nil {
		return err
	}
	return s.store.RemoveMember(ctx, scope, who)
}
