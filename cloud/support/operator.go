package support

import (
	"context"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
)

// AddOperator makes an account that of an operator. It is done with a shell on the
// machine of the cloud.
func (s *Service) AddOperator(ctx context.Context, who sconce.AccountID) error {
	return s.store.AddOperator(ctx, who, s.byShell(audit.OperatorMade, who))
}

// RemoveOperator ends that, and all support grants of the account, at once.
func (s *Service) RemoveOperator(ctx context.Context, who sconce.AccountID) error {
	return s.store.RemoveOperator(ctx, who, s.byShell(audit.OperatorRemoved, who))
}

func (s *Service) byShell(action audit.Action, who sconce.AccountID) audit.Event {
	return audit.Event{
		At: s.now(), Who: audit.Operator, Origin: audit.Console, Action: action, Target: string(audit.Account(who)), Result: audit.Done,
	}
}

// Operators returns the accounts of the operators.
func (s *Service) Operators(ctx context.Context) ([]sconce.AccountID, error) {
	return s.store.Operators(ctx)
}

// Ask asks, as an operator, for a grant to a project that oneself is to have. An owner
// can allow it, or, for an incident, another operator.
func (s *Service) Ask(ctx context.Context, who project.Caller, id sconce.ProjectID, w Wish) (Grant, error) {
	if err := s.require(ctx, who); err != nil {
		return Grant{}, err
	}
	g, err := s.make(id, who.Account, who.Account, w)
	if err != nil {
		return Grant{}, err
	}
	return g, s.store.CreateGrant(ctx, g, s.event(who, audit.SupportAsked), g.Asked.Add(-Kept), MaxOpen)
}

// Approve grants, as an operator, what another operator asked for: for an incident, when
// no owner can be asked. The owners get a letter; where none are sent, it is refused.
func (s *Service) Approve(ctx context.Context, who project.Caller, id ID) (Grant, error) {
	if err := s.require(ctx, who); err != nil {
		return Grant{}, err
	}
	g, err := s.store.Grant(ctx, id)
	if err != nil {
		return Grant{}, err
	}
	if g.ID == "" {
		return Grant{}, errNotFound()
	}
	if who.Account == g.AskedBy || who.Account == g.Operator {
		return Grant{}, sconce.Errorf(sconce.Forbidden, "another operator has to approve this, or an owner of the project")
	}
	all, err := s.opened([]Grant{g}, nil)
	if err != nil {
		return Grant{}, err
	}
	now := s.now()
	if g = all[0]; g.State(now) != Asked {
		return Grant{}, sconce.Errorf(sconce.Conflict, "this is not asked for any more: it was granted, ended, or is too old")
	}
	g.GrantedBy, g.Granted, g.Expires = who.Account, now, now.Add(g.Length)
	if err := s.tell(ctx, g); err != nil {
		return Grant{}, err
	}
	return g, s.store.Allow(ctx, g, s.event(who, audit.SupportGranted), true)
}

// Mine returns, to an operator, the grants that they have, and what all operators ask
// for; to others nothing, and false.
func (s *Service) Mine(ctx context.Context, who project.Caller, after Place, limit int) ([]Grant, bool, error) {
	if is, err := s.store.IsOperator(ctx, who.Account); err != nil || !is {
		return nil, false, err
	}
	all, err := s.opened(s.store.OpenGrants(ctx, who.Account, s.now(), after, limit))
	return all, true, err
}

// GiveBack ends, as an operator, a grant that one has, or takes back what one asked for.
func (s *Service) GiveBack(ctx context.Context, who project.Caller, id ID) error {
	g, err := s.store.Grant(ctx, id)
	if err != nil {
		return err
	}
	if g.ID == "" || who.Account == "" || g.Operator != who.Account {
		return errNotFound()
	}
	return s.store.EndGrant(ctx, g, s.event(who, audit.SupportEnded))
}

// require is [ErrNoOperator] for who is none.
func (s *Service) require(ctx context.Context, who project.Caller) error {
	is, err := s.store.IsOperator(ctx, who.Account)
	if err == nil && (!is || who.Account == "") {
		return ErrNoOperator()
	}
	return err
}

func (s *Service) event(who project.Caller, action audit.Action) audit.Event {
	return audit.Event{At: s.now(), Who: audit.Account(who.Account), Origin: who.Origin, Action: action, Result: audit.Done}
}
