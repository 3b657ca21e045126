// Package invitation brings people into projects: an owner invites an email address, and
// who signs in with that address and holds the link of the letter becomes a member, with
// exactly the role and the groups that were offered.
//
// An invitation is good once, for a limited time, and can be taken back. What it offers is
// kept with the project; whom it was sent to is personal, and kept with the people. It does
// not tell who has an account.
package invitation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/project"
)

const (
	// Life is how long an invitation is good for.
	Life = 7 * 24 * time.Hour
	// MaxOpen is how many invitations of a project may be open.
	MaxOpen = 100
)

// ID names an invitation.
type ID string

// Invitation is an offer to become a member.
type Invitation struct {
	ID      ID
	Project sconce.ProjectID
	Token   [sha256.Size]byte // digest of what is in the link
	Offer   project.Member    // without its account
	By      sconce.AccountID
	Made    time.Time
	Expires time.Time
	Email   string // whom it was sent to; the store of projects does not have it
}

// Store keeps invitations with their projects. What changes something also writes it in
// the security log, in the same transaction.
type Store interface {
	// CreateInvitation stores an invitation, and removes those of the project that have
	// expired. It is a [sconce.TooMany] when max are open, and a [sconce.NotFound]
	// when a group is not there.
	CreateInvitation(ctx context.Context, s project.Scope, i Invitation, max int) error
	// Invitations returns those of the project, in the order of their making.
	Invitations(ctx context.Context, s project.Scope) ([]Invitation, error)
	// RevokeInvitation removes one: a [sconce.NotFound] when it is not there.
	RevokeInvitation(ctx context.Context, s project.Scope, id ID) error
	// Invitation returns the one with the digest of a token, the zero value for none.
	Invitation(ctx context.Context, token [sha256.Size]byte) (Invitation, error)
	// AcceptInvitation removes an invitation and makes the account a member, in one
	// transaction. It is a [sconce.NotFound] when the invitation is not there any
	// more, and a [sconce.Conflict] when the account is a member already.
	AcceptInvitation(ctx context.Context, i Invitation, who project.Caller, at time.Time, max int) error
}

// People is what is needed of package identity.
type People interface {
	// Invite sends a letter with a link to an address, and remembers the address.
	Invite(ctx context.Context, id, email string, t identity.Token, v mail.Values) error
	// Invited returns the addresses that invitations were sent to.
	Invited(ctx context.Context, ids []string) (map[string]string, error)
	// ForgetInvited forgets the address of an invitation.
	ForgetInvited(ctx context.Context, id string) error
}

// Service holds the rules of invitations.
type Service struct {
	Store    Store
	People   People
	Projects *project.Service
	Now      func() time.Time
}

// Invite sends an invitation to an email address. by is who invites, for the letter.
func (s *Service) Invite(ctx context.Context, scope project.Scope, by identity.Account, email string, offer project.Member) (Invitation, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return Invitation{}, err
	}
	email, err := identity.NormaliseEmail(email)
	if err != nil {
		return Invitation{}, err
	}
	offer.Account = ""
	if offer, err = project.CheckOffer(offer); err != nil {
		return Invitation{}, err
	}
	p, err := s.Projects.Get(ctx, scope)
	if err != nil {
		return Invitation{}, err
	}
	now, token := s.Now(), identity.NewToken()
	i := Invitation{
		ID: ID(rand.Text()), Project: scope.Project(), Token: token.Digest(), Offer: offer, By: scope.Account(),
		Made: now, Expires: now.Add(Life), Email: email,
	}
	if err := s.Store.CreateInvitation(ctx, scope, i, MaxOpen); err != nil {
		return Invitation{}, err
	}
	v := mail.Values{By: by.Name, Project: p.Name, Role: offer.Role.String(), Until: i.Expires}
	if err := s.People.Invite(ctx, string(i.ID), email, token, v); err != nil {
		// Without its letter nobody has the link: what is left of it expires, if it cannot
		// be taken back now.
		_ = s.Store.RevokeInvitation(context.WithoutCancel(ctx), scope, i.ID)
		return Invitation{}, err
	}
	return i, nil
}

// List returns the open invitations of the project, with their addresses.
func (s *Service) List(ctx context.Context, scope project.Scope) ([]Invitation, error) {
	if err := scope.Require(project.ManageMembers); err != nil {
		return nil, err
	}
	all, err := s.Store.Invitations(ctx, scope)
	if err != nil {
		return nil, err
	}
	var open []Invitation
	var ids []string
	for _, i := range all {
		if s.Now().Before(i.Expires) {
			open, ids = append(open, i), append(ids, string(i.ID))
		}
	}
	emails, err := s.People.Invited(ctx, ids)
	for n := range open {
		open[n].Email = emails[string(open[n].ID)]
	}
	return open, err
}

// Revoke takes an invitation back.
func (s *Service) Revoke(ctx context.Context, scope project.Scope, id ID) error {
	if err := scope.Require(project.ManageMembers); err != nil {
		return err
	}
	if err := s.Store.RevokeInvitation(ctx, scope, id); err != nil {
		return err
	}
	return s.People.ForgetInvited(ctx, string(id))
}

// Accept makes a person a member of the project that the token of a letter invites to, and
// returns it. Only who signed in with the address that the letter was sent to can accept:
// to others it is a [sconce.Forbidden]. A token that is wrong, used, taken back or too old is
// [identity.ErrLinkEnded].
func (s *Service) Accept(ctx context.Context, who project.Caller, account identity.Account, t identity.Token) (sconce.ProjectID, error) {
	i, err := s.Store.Invitation(ctx, t.Digest())
	if err != nil {
		return "", err
	}
	now := s.Now()
	if i.ID == "" || !now.Before(i.Expires) {
		return "", identity.ErrLinkEnded()
	}
	emails, err := s.People.Invited(ctx, []string{string(i.ID)})
	if err != nil {
		return "", err
	}
	if who.Account == "" || who.Account != account.ID || emails[string(i.ID)] != account.Email {
		return "", sconce.Errorf(sconce.Forbidden, "this invitation was sent to another email address: sign in with that one")
	}
	if err := s.Store.AcceptInvitation(ctx, i, who, now, project.MaxMembers); err != nil {
		return "", err
	}
	return i.Project, s.People.ForgetInvited(ctx, string(i.ID))
}
