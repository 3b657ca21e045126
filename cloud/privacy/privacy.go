package privacy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// Person is somebody who is signed in and asks for what is theirs.
type Person struct {
	Session identity.Session
	Account identity.Account
}

func (p Person) caller() project.Caller {
	return project.Caller{Account: p.Account.ID, Origin: p.Session.Origin()}
}

// People is what is needed of package identity.
type People interface {
	// Prove asks for the password once more.
	Prove(ctx context.Context, in identity.Session, a identity.Account, p identity.Password, from identity.Client) error
	// Erase forgets an account.
	Erase(ctx context.Context, in identity.Session, a identity.Account) error
}

// Operators is what is needed of the store of package support.
type Operators interface {
	// RemoveOperator ends that an account is an operator's: a [sconce.NotFound] when it is none.
	RemoveOperator(ctx context.Context, who sconce.AccountID, e audit.Event) error
}

// Log is where it is written that somebody took a copy.
type Log interface {
	Append(ctx context.Context, chain audit.Chain, e audit.Event) error
}

// Parts is what a Service is made of.
type Parts struct {
	People    People
	Projects  *project.Service
	Operators Operators
	Log       Log
	Sources   []Source
	Now       func() time.Time
}

// Service shows people what is known of them, and forgets it.
type Service struct {
	Parts

	exports *attempts.Limiter
}

// How often somebody may take a copy.
const (
	exportsPerAccount = 5
	exportsWindow     = 24 * time.Hour
	exportsKept       = 1 << 16
)

// New returns a Service.
func New(p Parts) *Service {
	return &Service{Parts: p, exports: attempts.New(exportsPerAccount, exportsWindow, exportsKept)}
}

// Erase forgets somebody who proves who they are: first their part in every project, then
// their account. Who is the only owner of a project has to make somebody else its owner
// before: that is a [sconce.Conflict], which names the projects, and nothing has changed.
// An interruption leaves an account that can be erased again.
func (s *Service) Erase(ctx context.Context, who Person, p identity.Password, from identity.Client) error {
	if err := s.People.Prove(ctx, who.Session, who.Account, p, from); err != nil {
		return err
	}
	memberships, err := s.Projects.List(ctx, who.Account.ID, "", project.MaxProjectsPerAccount)
	if err != nil {
		return err
	}
	scopes := make([]project.Scope, len(memberships))
	var alone []string
	for i, m := range memberships {
		if scopes[i], err = s.Projects.Enter(ctx, who.caller(), m.ID); err != nil {
			return fmt.Errorf("entering a project to leave it: %w", err)
		}
		others, err := s.otherOwners(ctx, scopes[i], m.Role)
		if err != nil {
			return err
		}
		if others == 0 {
			alone = append(alone, fmt.Sprintf("%q", m.Name))
		}
	}
	if len(alone) > 0 {
		return sconce.Errorf(sconce.Conflict, "you are the only owner of %s: make somebody else its owner first, or delete it, on its page, which takes a week", strings.Join(alone, ", "))
	}
	for _, scope := range scopes {
		if err := s.Projects.RemoveMember(ctx, scope, who.Account.ID); err != nil {
			return err
		}
	}
	err = s.Operators.RemoveOperator(ctx, who.Account.ID, who.event(s.Now(), audit.OperatorRemoved))
	if err != nil && sconce.KindOf(err) != sconce.NotFound {
		return err
	}
	return s.People.Erase(ctx, who.Session, who.Account)
}

// otherOwners returns how many owners a project keeps without the one of the scope; who is
// none leaves it as it is.
func (s *Service) otherOwners(ctx context.Context, scope project.Scope, role sconce.Role) (int, error) {
	if role != sconce.Owner {
		return 1, nil
	}
	members, err := s.Projects.Members(ctx, scope)
	n := 0
	for _, m := range members {
		if m.Role == sconce.Owner && m.Account != scope.Account() {
			n++
		}
	}
	return n, err
}

func (p Person) event(at time.Time, action audit.Action) audit.Event {
	return audit.Event{
		At: at, Who: audit.Account(p.Account.ID), Origin: p.Session.Origin(), Action: action, Target: string(audit.Account(p.Account.ID)), Result: audit.Done,
	}
}
