package project

import (
	"context"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/audit"
)

// Caller is a person who asks: who it is, from where, both opaque, and what they ask for,
// as the security log names it.
type Caller struct {
	Account   sconce.AccountID
	Origin    audit.Origin
	Operation string
}

// Scope is the right of one asker to one project's data: nothing reads or
// writes that data without one. It is made by [Service.Enter] for people and
// by [Service.EnterGateway] for gateways, and by nothing else. The zero Scope
// permits nothing and names no project.
//
// A scope says what was true when it was made. It is made for one request, or
// for one connected session that is ended when the right ends, and never kept.
type Scope struct {
	project sconce.ProjectID
	role    sconce.Role
	may     Actions           // what the role may do, or less
	limited bool              // it may do less
	account sconce.AccountID  // of a person
	gateway sconce.EUI64      // of a gateway
	network sconce.NetworkID  // the only one that a gateway may touch
	granted *[]sconce.GroupID // of a person who controls granted groups only
	support Support           // of an operator who is no member
	origin  audit.Origin
	at      time.Time
}

// Enter returns the scope of a person in a project: of a member, or of an operator with a
// support grant, whose use is written in the security log. When the project is not
// there, and when the person is neither, the error is the same [sconce.NotFound].
func (s *Service) Enter(ctx context.Context, who Caller, id sconce.ProjectID) (Scope, error) {
	m, err := s.store.Member(ctx, who.Account, id)
	if err != nil {
		return Scope{}, err
	}
	if m.Role == 0 {
		return s.enterAsSupport(ctx, who, id)
	}
	return s.enterAsMember(who, id, m)
}

// EnterLimited returns the scope of a member who acts by a token, for these actions only
// ([Scope.Only]). An operator's support grant is for the operator alone: it opens nothing here.
func (s *Service) EnterLimited(ctx context.Context, who Caller, id sconce.ProjectID, actions Actions) (Scope, error) {
	m, err := s.store.Member(ctx, who.Account, id)
	if err != nil {
		return Scope{}, err
	}
	scope, err := s.enterAsMember(who, id, m)
	if err != nil {
		return Scope{}, err
	}
	return scope.Only(actions), nil
}

func (s *Service) enterAsMember(who Caller, id sconce.ProjectID, m Member) (Scope, error) {
	if who.Account == "" || id == "" || !May(m.Role, ReadProject) {
		return Scope{}, errNotFound()
	}
	scope := Scope{project: id, role: m.Role, may: actionsOf(m.Role), account: who.Account, origin: who.Origin, at: s.now()}
	if m.Groups != nil {
		scope.granted = &m.Groups
	}
	return scope, nil
}

// EnterGateway returns the scope of a gateway that was authenticated by its
// certificate: the one network that it is assigned to, to report for and to
// receive from. The error of a gateway that is in no project is [sconce.NotFound].
func (s *Service) EnterGateway(ctx context.Context, gateway sconce.EUI64) (Scope, error) {
	a, err := s.store.Assignment(ctx, gateway)
	if err != nil {
		return Scope{}, err
	}
	if gateway == 0 || a.Project == "" || a.Network == "" {
		return Scope{}, sconce.Errorf(sconce.NotFound, "gateway %s is in no project", gateway)
	}
	return Scope{project: a.Project, role: gatewayRole, may: actionsOf(gatewayRole), gateway: gateway, network: a.Network, at: s.now()}, nil
}

// Require returns nil when the scope permits the action, and otherwise a
// [sconce.Forbidden] that says what may not be done.
func (s Scope) Require(a Action) error {
	switch {
	case s.may.Has(a):
		return nil
	case s.limited && actionsOf(s.role).Has(a):
		return sconce.Errorf(sconce.Forbidden, "this token does not let you %s; it would need %s", a, a.Name())
	default:
		return sconce.Errorf(sconce.Forbidden, "your role in this project does not let you %s; ask an owner of the project", a)
	}
}

// Only returns the scope with what is also in actions, and nothing else: for somebody
// who acts by a token. It gives nothing that the scope does not have. Whoever may command
// every light may command granted ones, and whoever may do anything may see the project.
func (s Scope) Only(actions Actions) Scope {
	actions |= ActionsOf(ReadProject)
	if actions.Has(ControlLights) {
		actions |= ActionsOf(ControlGranted)
	}
	s.may, s.limited = s.may.And(actions), true
	return s
}

// Limited reports whether the scope was narrowed by [Scope.Only].
func (s Scope) Limited() bool { return s.limited }

// May returns what the scope permits.
func (s Scope) May() Actions { return s.may }

// Granted returns the groups that somebody controls who controls no others; nobody
// else has any.
func (s Scope) Granted() []sconce.GroupID {
	if s.granted == nil {
		return nil
	}
	return slices.Clone(*s.granted)
}

// RequireControl returns nil when the scope permits to command a light that is in these
// groups, or the group itself, and otherwise a [sconce.Forbidden].
func (s Scope) RequireControl(groups ...sconce.GroupID) error {
	if s.may.Has(ControlLights) {
		return nil
	}
	if err := s.Require(ControlGranted); err != nil {
		return err
	}
	if s.granted != nil && slices.ContainsFunc(groups, func(g sconce.GroupID) bool { return slices.Contains(*s.granted, g) }) {
		return nil
	}
	return sconce.Errorf(sconce.Forbidden, "you may control the groups that were granted to you, and this is none of them; ask an owner of the project")
}

// Project returns the only project whose data the scope opens.
func (s Scope) Project() sconce.ProjectID { return s.project }

// Account returns the person who asks, "" for a gateway.
func (s Scope) Account() sconce.AccountID { return s.account }

// Subject returns who asks, as the security log names them.
func (s Scope) Subject() audit.Subject {
	if s.gateway != 0 {
		return audit.Gateway(s.gateway)
	}
	return audit.Account(s.account)
}

// Origin returns from where they ask.
func (s Scope) Origin() audit.Origin { return s.origin }

// Event returns what the security log says of a change that is made with the scope.
func (s Scope) Event(action audit.Action, target, detail string) audit.Event {
	return s.supportEvent(audit.Event{
		At: s.at, Who: s.Subject(), Origin: s.origin, Action: action, Target: target, Detail: detail, Result: audit.Done,
	})
}

// Role returns the role of the person who asks, 0 for a gateway. For an operator with a
// support grant it is the role of people whose rights come nearest.
func (s Scope) Role() sconce.Role {
	switch s.role {
	case gatewayRole:
		return 0
	case supportReadRole:
		return sconce.Viewer
	case supportWriteRole:
		return sconce.Expert
	}
	return s.role
}

// Gateway returns the gateway that asks and the only network that it may touch;
// both are zero for a person, who may touch every network of the project.
func (s Scope) Gateway() (sconce.EUI64, sconce.NetworkID) { return s.gateway, s.network }

func errNotFound() error {
	return sconce.Errorf(sconce.NotFound, "no such project, or you are not a member of it")
}
