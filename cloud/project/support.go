package project

import (
	"context"
	"fmt"
	"time"

	"sconce"
	"sconce/cloud/audit"
)

// Access is how far a support grant opens a project. The values are those of the store:
// never renumbered.
type Access uint8

// How far a support grant opens a project.
const (
	ReadAccess  Access = 1 // to look
	WriteAccess Access = 2 // to look and to change
)

// String returns the name that the API uses.
func (a Access) String() string {
	switch a {
	case ReadAccess:
		return "read"
	case WriteAccess:
		return "write"
	default:
		return fmt.Sprintf("access(%d)", uint8(a))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Access) UnmarshalText(b []byte) error {
	for _, known := range []Access{ReadAccess, WriteAccess} {
		if string(b) == known.String() {
			*a = known
			return nil
		}
	}
	return sconce.Errorf(sconce.Invalid, "expected the access read or write")
}

// role returns the row of the matrix for operators with the access, 0 for none.
func (a Access) role() sconce.Role {
	switch a {
	case ReadAccess:
		return supportReadRole
	case WriteAccess:
		return supportWriteRole
	default:
		return 0
	}
}

// Support is a support grant that is in force (package support): an operator's right to a
// project that is not theirs. The zero value is none.
type Support struct {
	Grant  string // names it
	Access Access
	Until  time.Time
}

// How exactly uses of support grants are written: once in a window for each grant, origin
// and operation. Changes are written one by one besides, as everybody's are. So a day's
// grant makes at most 144 entries for each operation and session, and a screen that asks
// again and again does not hide what else was done.
const (
	usesWindow = 10 * time.Minute
	usesKept   = 1 << 14 // what is forgotten is written once more
)

// enterAsSupport is [Service.Enter] for somebody who is no member. Nobody enters whose
// use could not be written, and nobody who does not say what for: programs do not, so that a
// support grant is for its operator in person, and no token is made of it.
func (s *Service) enterAsSupport(ctx context.Context, who Caller, id sconce.ProjectID) (Scope, error) {
	now := s.now()
	g, err := s.store.Support(ctx, who.Account, id, now)
	if err != nil {
		return Scope{}, err
	}
	role := g.Access.role()
	if who.Account == "" || id == "" || who.Operation == "" || g.Grant == "" || !now.Before(g.Until) || !actionsOf(role).Has(ReadProject) {
		return Scope{}, errNotFound()
	}
	scope := Scope{project: id, role: role, may: actionsOf(role), account: who.Account, origin: who.Origin, support: g, at: now}
	return scope, s.noteUse(ctx, scope, who.Operation)
}

// noteUse writes that a support grant is used, within the bounds.
func (s *Service) noteUse(ctx context.Context, scope Scope, operation string) error {
	key := scope.support.Grant + " " + string(scope.origin) + " " + operation
	if !s.uses.Take(scope.at, key) {
		return nil
	}
	if err := s.store.UseSupport(ctx, scope, operation); err != nil {
		s.uses.Forget(key)
		return err
	}
	return nil
}

// UseLive notes for each project that somebody sees as support that they begin to receive
// its live data.
func (s *Service) UseLive(ctx context.Context, who Caller) error {
	ids, err := s.store.SupportedProjects(ctx, who.Account, s.now())
	if err != nil {
		return err
	}
	who.Operation = "receive-live-data"
	for _, id := range ids {
		if _, err := s.Enter(ctx, who, id); err != nil && sconce.KindOf(err) != sconce.NotFound {
			return err
		}
	}
	return nil
}

// Support returns the support grant by which the scope was entered, and whether it was.
func (s Scope) Support() (Support, bool) { return s.support, s.support.Grant != "" }

// supportEvent adds to an event by which support grant it was made.
func (s Scope) supportEvent(e audit.Event) audit.Event {
	if s.support.Grant == "" {
		return e
	}
	if e.Detail != "" {
		e.Detail += " "
	}
	e.Detail += "support:" + s.support.Grant
	return e
}
