package support

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
)

// Grant lets an operator into the project of a scope. The operator is named by the email
// address that they gave to the owner.
func (s *Service) Grant(ctx context.Context, scope project.Scope, email string, w Wish) (Grant, error) {
	if err := scope.Require(project.ManageSupport); err != nil {
		return Grant{}, err
	}
	operator, err := s.operator(ctx, scope, email)
	if err != nil {
		return Grant{}, err
	}
	g, err := s.make(scope.Project(), operator, scope.Account(), w)
	if err != nil {
		return Grant{}, err
	}
	g.GrantedBy, g.Granted, g.Expires = scope.Account(), g.Asked, g.Asked.Add(g.Length)
	if err := s.tellIfPossible(ctx, g); err != nil {
		return Grant{}, err
	}
	return g, s.store.CreateGrant(ctx, g, scope.Event(audit.SupportGranted, "", ""), g.Asked.Add(-Kept), MaxOpen)
}

// operator returns the account of an operator. Whoever is none, and who has no account,
// get the same answer.
func (s *Service) operator(ctx context.Context, scope project.Scope, email string) (sconce.AccountID, error) {
	key := string(scope.Account())
	if !s.guesses.Take(s.now(), key) {
		return "", sconce.LaterErrorf(sconce.TooMany, time.Hour, "too many addresses were tried: try again in an hour")
	}
	account, err := s.people.AccountOf(ctx, email)
	if err != nil {
		return "", sconce.InField("operator_email", err)
	}
	if is, err := s.store.IsOperator(ctx, account.ID); err != nil || !is {
		if err == nil {
			err = sconce.Errorf(sconce.NotFound, "no operator of this installation has this email address: ask them which one they use")
		}
		return "", err
	}
	s.guesses.Undo(key)
	return account.ID, nil
}

// tellIfPossible is tell for a grant of an owner, who knows of it where no letters are
// sent.
func (s *Service) tellIfPossible(ctx context.Context, g Grant) error {
	if err := s.tell(ctx, g); sconce.KindOf(err) != sconce.Unavailable {
		return err
	}
	return nil
}

// Allow grants what an operator asked for.
func (s *Service) Allow(ctx context.Context, scope project.Scope, id ID) (Grant, error) {
	if err := scope.Require(project.ManageSupport); err != nil {
		return Grant{}, err
	}
	g, err := s.of(ctx, scope, id)
	if err != nil {
		return Grant{}, err
	}
	now := s.now()
	g.GrantedBy, g.Granted, g.Expires = scope.Account(), now, now.Add(g.Length)
	if err := s.tellIfPossible(ctx, g); err != nil {
		return Grant{}, err
	}
	return g, s.store.Allow(ctx, g, scope.Event(audit.SupportGranted, "", ""), false)
}

// List returns the newest grants of the project, whatever became of them.
func (s *Service) List(ctx context.Context, scope project.Scope) ([]Grant, error) {
	if err := scope.Require(project.ManageSupport); err != nil {
		return nil, err
	}
	return s.opened(s.store.Grants(ctx, scope, maxShown))
}

// End ends a grant of the project, or declines what is asked for.
func (s *Service) End(ctx context.Context, scope project.Scope, id ID) error {
	if err := scope.Require(project.ManageSupport); err != nil {
		return err
	}
	g, err := s.of(ctx, scope, id)
	if err != nil {
		return err
	}
	return s.store.EndGrant(ctx, g, scope.Event(audit.SupportEnded, "", ""))
}

// of returns a grant of the project of a scope: a [sconce.NotFound] for another's.
func (s *Service) of(ctx context.Context, scope project.Scope, id ID) (Grant, error) {
	g, err := s.store.Grant(ctx, id)
	if err != nil {
		return Grant{}, err
	}
	if g.ID == "" || g.Project != scope.Project() {
		return Grant{}, errNotFound()
	}
	all, err := s.opened([]Grant{g}, nil)
	if err != nil {
		return Grant{}, err
	}
	return all[0], nil
}

func errNotFound() error { return sconce.Errorf(sconce.NotFound, "there is no such support grant") }
