// Package deletion is the end of a project: an owner asks for it, any owner can take it
// back for a week, and then everything that belongs to the project goes, in small steps.
//
// It follows the General Data Protection Regulation (EU 2016/679), article 17, for what a
// project says of people, and the promise of PRODUCT.md that a building is its owner's. What
// stays is the security log of the project, so that nothing can be denied; it names people
// and things by identifiers that mean nothing by then. What gateways said stays in the journal
// for its time (package ingest), belonging to no project any more. It does not decide who is
// asking: that is package identity's; and which tables a project is in, package store knows.
package deletion

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/project"
)

const (
	// Pause is for how long a deletion can be taken back.
	Pause = 7 * 24 * time.Hour
	// Settle is how long after the project was closed the last look for what is left of it
	// begins: whoever was let in before has been answered by then.
	Settle = 2 * time.Minute

	every     = time.Minute
	bite      = 300                   // rows in one transaction, so that others are not kept waiting
	rest      = 20 * time.Millisecond // between two of them
	maxOwners = 20                    // who get a letter
)

// Deletion is that a project will be deleted. The zero value says that it will not.
type Deletion struct {
	Project sconce.ProjectID
	By      sconce.AccountID // who asked
	Asked   time.Time
	Due     time.Time // until when it can be taken back
	Begun   time.Time // zero until then
}

// Store keeps deletions, and removes projects. What changes something also writes it in the
// security log, in the same transaction.
type Store interface {
	// Deletion returns the deletion of a project, the zero value for none.
	Deletion(ctx context.Context, s project.Scope) (Deletion, error)
	// AskDeletion stores one: a [sconce.Conflict] when there is one already.
	AskDeletion(ctx context.Context, s project.Scope, d Deletion) error
	// TakeDeletionBack removes one: a [sconce.NotFound] when there is none, and a
	// [sconce.Conflict] when it has begun.
	TakeDeletionBack(ctx context.Context, s project.Scope) error
	// Owners returns the name of a project and up to limit of its owners.
	Owners(ctx context.Context, id sconce.ProjectID, limit int) (name string, owners []sconce.AccountID, err error)

	// DueDeletions returns up to limit deletions that are due, the longest due first, from the
	// one that follows after; the zero value is before all.
	DueDeletions(ctx context.Context, now time.Time, after Deletion, limit int) ([]Deletion, error)
	// Close ends every membership and invitation and releases every gateway of a project, in one
	// transaction, so that nobody is let in any more and nothing new comes; it returns the
	// gateways. A deletion that was taken back is a [sconce.NotFound].
	Close(ctx context.Context, d Deletion, now time.Time) (gateways []sconce.EUI64, err error)
	// Settled reports whether what came from the project's gateways before it was closed
	// has all been worked through.
	Settled(ctx context.Context, d Deletion) (bool, error)
	// Remove removes what there is of a project, up to limit rows in one transaction. After
	// each it says how many, and ends with the error of did.
	Remove(ctx context.Context, id sconce.ProjectID, limit int, did func(table string, rows int) error) error
	// End removes the project itself.
	End(ctx context.Context, d Deletion, now time.Time) error
}

// People is what is needed of package identity.
type People interface {
	// Prove asks for the password once more.
	Prove(ctx context.Context, in identity.Session, a identity.Account, p identity.Password, from identity.Client) error
	// Write sends a letter to people, with a link to a page. Where no letters are sent it is
	// a [sconce.Unavailable].
	Write(ctx context.Context, to []sconce.AccountID, kind mail.Kind, page string, v mail.Values) error
}

// Service holds the rules of deletions.
type Service struct {
	Store    Store
	People   People
	Released func(gateway sconce.EUI64) // is told of gateways that are in no project any more
	Now      func() time.Time
	Log      *slog.Logger
}

// Asker is an owner who is signed in and proves who they are.
type Asker struct {
	Session  identity.Session
	Account  identity.Account
	Password identity.Password
	From     identity.Client
}

// Get returns the deletion of a project, the zero value for none.
func (s *Service) Get(ctx context.Context, scope project.Scope) (Deletion, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Deletion{}, err
	}
	return s.Store.Deletion(ctx, scope)
}

// Ask asks that a project be deleted, which an owner does who says its name and proves who
// they are. All owners get a letter, and a week in which any of them can take it back.
func (s *Service) Ask(ctx context.Context, scope project.Scope, who Asker, name string) (Deletion, error) {
	if err := s.may(scope); err != nil {
		return Deletion{}, err
	}
	is, owners, err := s.Store.Owners(ctx, scope.Project(), maxOwners)
	if err != nil {
		return Deletion{}, err
	}
	if strings.TrimSpace(name) != is {
		return Deletion{}, sconce.FieldErrorf("name", "expected the name of this project, as it is written on its page")
	}
	if err := s.People.Prove(ctx, who.Session, who.Account, who.Password, who.From); err != nil {
		return Deletion{}, err
	}
	now := s.Now()
	d := Deletion{Project: scope.Project(), By: scope.Account(), Asked: now, Due: now.Add(Pause)}
	if err := s.Store.AskDeletion(ctx, scope, d); err != nil {
		return Deletion{}, err
	}
	s.tell(ctx, owners, mail.DeletionAsked, mail.Values{By: who.Account.Name, Project: is, Until: d.Due}, d.Project)
	return d, nil
}

// TakeBack ends that a project will be deleted, and tells its owners.
func (s *Service) TakeBack(ctx context.Context, scope project.Scope, who identity.Account) error {
	if err := s.may(scope); err != nil {
		return err
	}
	if err := s.Store.TakeDeletionBack(ctx, scope); err != nil {
		return err
	}
	name, owners, err := s.Store.Owners(ctx, scope.Project(), maxOwners)
	if err != nil {
		return err
	}
	s.tell(ctx, owners, mail.DeletionTakenBack, mail.Values{By: who.Name, Project: name}, scope.Project())
	return nil
}

// may returns nil for an owner in person.
func (s *Service) may(scope project.Scope) error {
	if err := scope.Require(project.DeleteProject); err != nil {
		return err
	}
	if scope.Limited() {
		return sconce.Errorf(sconce.Forbidden, "a project is deleted by a person who is signed in, and by no program")
	}
	return nil
}

// tell writes to owners of what has been done. That they cannot be told by letter changes
// nothing: the project's page says it to all its members.
func (s *Service) tell(ctx context.Context, owners []sconce.AccountID, kind mail.Kind, v mail.Values, id sconce.ProjectID) {
	err := s.People.Write(context.WithoutCancel(ctx), owners, kind, "projects/"+string(id)+"/data", v)
	if err != nil && sconce.KindOf(err) != sconce.Unavailable {
		s.Log.Error("owners are not told by letter of the deletion of their project", slog.String("project", string(id)), slog.Any("error", err))
	}
}

// Detail is what the security log says at the end of a project.
const Detail = "kept: this log, for ever, so that nothing can be denied; what gateways said, in the journal, for 90 days"

// Event returns what the security log says of a step of the deletion, which nobody takes in
// person: it was asked for by an owner.
func (d Deletion) Event(at time.Time, action audit.Action, detail string) audit.Event {
	return audit.Event{At: at, Who: audit.Account(d.By), Action: action, Target: "project:" + string(d.Project), Detail: detail, Result: audit.Done}
}
