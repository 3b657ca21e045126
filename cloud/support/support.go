// Package support lets the people who run an installation into a project, for a time:
// operators have no right to any project, and a support grant gives one of them the right
// to one, to look or also to change, for at most a day.
//
// An owner of the project makes a grant, or, for an incident, two different operators do:
// one asks, another approves. A grant ends by itself, and can be ended before by an owner
// and by who has it. Its owners get a letter before it is in force, each use of it is in
// the security log of the project (package project, which makes the scopes), and it never
// decides about people: the permission matrix says so.
//
// Whether the other operator is another person, it cannot know: accounts of operators are
// made with a shell on the machine.
package support

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/attempts"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/project"
	"sconce/cloud/vault"
)

// The limits of support grants.
const (
	// MaxLength is how long a grant lasts at most.
	MaxLength = 24 * time.Hour
	// AskLife is how long what is asked for can be granted.
	AskLife = 24 * time.Hour
	// MaxOpen is how many grants of a project may be in force or asked for.
	MaxOpen = 20
	// MaxReason is the largest length of a reason, in characters.
	MaxReason = 500
	// Kept is for how long a grant is shown after it ended; the security log keeps it.
	Kept = 90 * 24 * time.Hour

	maxShown  = 100
	maxOwners = 20 // who get a letter
)

// How often one owner may name an operator by an address that is none's: more would be a
// way to find out whose they are.
const (
	guesses       = 10
	guessesWindow = time.Hour
	guessesKept   = 1 << 14
)

// ID names a support grant.
type ID string

// Grant is the right of one operator to one project. It is only asked for until GrantedBy
// is set.
type Grant struct {
	ID        ID
	Project   sconce.ProjectID
	Operator  sconce.AccountID
	Access    project.Access
	Reason    string
	Sealed    []byte // the reason, as it is stored
	Length    time.Duration
	AskedBy   sconce.AccountID
	Asked     time.Time
	GrantedBy sconce.AccountID
	Granted   time.Time
	Expires   time.Time // of the right; while it is only asked for, of that
	Ended     time.Time // zero unless it was ended early
}

// State says how it stands with a grant.
type State string

// The states of a grant.
const (
	Asked   State = "asked"   // nobody has granted it yet
	Active  State = "active"  // it is in force
	Ended   State = "ended"   // it was ended early
	Expired State = "expired" // its time is over
)

// State returns how it stands with the grant.
func (g Grant) State(now time.Time) State {
	switch {
	case !g.Ended.IsZero():
		return Ended
	case !now.Before(g.Expires):
		return Expired
	case g.GrantedBy == "":
		return Asked
	default:
		return Active
	}
}

// StateOf returns how it stands with a grant now.
func (s *Service) StateOf(g Grant) State { return g.State(s.now()) }

func (g Grant) place() vault.Field {
	return vault.Field{Table: "support_grants", Column: "reason", Row: string(g.ID)}
}

// Place is a place in a list of grants, the newest first; the zero value is before all.
type Place struct {
	Asked time.Time
	ID    ID
}

// Place returns where a grant stands in a list.
func (g Grant) Place() Place { return Place{g.Asked, g.ID} }

// Store keeps operators and grants. What changes something also writes it in the security
// log, in the same transaction: of the project, with what the event says of who and when.
type Store interface {
	IsOperator(ctx context.Context, who sconce.AccountID) (bool, error)
	// Operators returns all of them, in the order of their making.
	Operators(ctx context.Context) ([]sconce.AccountID, error)
	// AddOperator makes an account an operator; it is no error when it is one.
	AddOperator(ctx context.Context, who sconce.AccountID, e audit.Event) error
	// RemoveOperator ends that, and the grants of the account. It is a
	// [sconce.NotFound] when it is none.
	RemoveOperator(ctx context.Context, who sconce.AccountID, e audit.Event) error
	// CreateGrant stores a grant, and removes those of the project that expired before
	// forget. It is a [sconce.TooMany] when max are open, a [sconce.NotFound] when the
	// project is not there, and [ErrNoOperator] when it is for nobody who is one.
	CreateGrant(ctx context.Context, g Grant, by audit.Event, forget time.Time, max int) error
	// Allow puts what was asked for in force. It is a [sconce.Conflict] when it is
	// not asked for any more, and [ErrNoOperator] when it is for nobody who is one, or
	// is granted by nobody who is one and has to be.
	Allow(ctx context.Context, g Grant, by audit.Event, secondOperator bool) error
	// EndGrant ends a grant: a [sconce.Conflict] when it has ended already.
	EndGrant(ctx context.Context, g Grant, by audit.Event) error
	// Grant returns a grant, the zero value for none.
	Grant(ctx context.Context, id ID) (Grant, error)
	// Grants returns up to limit grants of the project, the newest first.
	Grants(ctx context.Context, s project.Scope, limit int) ([]Grant, error)
	// OpenGrants returns up to limit grants that are an operator's, or are asked for by
	// anybody, and have not ended; the newest first, after a place in that order.
	OpenGrants(ctx context.Context, operator sconce.AccountID, now time.Time, after Place, limit int) ([]Grant, error)
	// Owners returns the name of a project and up to limit of its owners.
	Owners(ctx context.Context, id sconce.ProjectID, limit int) (name string, owners []sconce.AccountID, err error)
}

// People is what is needed of package identity.
type People interface {
	// AccountOf returns the account of an email address, the zero value for none.
	AccountOf(ctx context.Context, email string) (identity.Account, error)
	Accounts(ctx context.Context, ids []sconce.AccountID) (map[sconce.AccountID]identity.Account, error)
	// Write sends a letter to people, with a link to a page. Where no letters are
	// sent it is a [sconce.Unavailable].
	Write(ctx context.Context, to []sconce.AccountID, kind mail.Kind, page string, v mail.Values) error
}

// Service holds the rules of support grants.
type Service struct {
	store   Store
	people  People
	vault   *vault.Vault
	now     func() time.Time
	guesses *attempts.Limiter
}

// New returns a Service.
func New(store Store, people People, v *vault.Vault, now func() time.Time) *Service {
	return &Service{store, people, v, now, attempts.New(guesses, guessesWindow, guessesKept)}
}

// Wish is what a grant is to be: how far it opens the project, for how long, and why.
type Wish struct {
	Access project.Access
	Length time.Duration
	Reason string
}

func (w *Wish) check() error {
	w.Reason = strings.TrimSpace(w.Reason)
	n := utf8.RuneCountInString(w.Reason)
	switch {
	case w.Access != project.ReadAccess && w.Access != project.WriteAccess:
		return sconce.FieldErrorf("access", "expected the access read or write")
	case w.Length < time.Hour || w.Length > MaxLength:
		return sconce.FieldErrorf("hours", "support lasts from 1 to %d hours", int(MaxLength.Hours()))
	case n == 0 || n > MaxReason || !utf8.ValidString(w.Reason) || strings.ContainsFunc(w.Reason, unicode.IsControl):
		return sconce.FieldErrorf("reason", "say why, in 1 to %d characters on one line", MaxReason)
	}
	return nil
}

// make returns what is asked for by a wish.
func (s *Service) make(id sconce.ProjectID, operator, by sconce.AccountID, w Wish) (Grant, error) {
	if err := w.check(); err != nil {
		return Grant{}, err
	}
	now := s.now()
	g := Grant{
		ID: ID(rand.Text()), Project: id, Operator: operator, Access: w.Access, Reason: w.Reason, Length: w.Length,
		AskedBy: by, Asked: now, Expires: now.Add(AskLife),
	}
	var err error
	g.Sealed, err = s.vault.Seal([]byte(g.Reason), g.place())
	return g, err
}

// ErrNoOperator is the answer when something is for operators, or about one.
func ErrNoOperator() error {
	return sconce.Errorf(sconce.Forbidden, "this is for operators of this installation")
}

// opened reads the reasons of grants.
func (s *Service) opened(grants []Grant, err error) ([]Grant, error) {
	for i := range grants {
		if err != nil {
			return nil, err
		}
		var plain []byte
		plain, err = s.vault.Open(grants[i].Sealed, grants[i].place())
		grants[i].Reason = string(plain)
	}
	return grants, err
}

// tell writes to the owners of a project that a grant is about to be in force: who has
// no letter on its way is not let in upon.
func (s *Service) tell(ctx context.Context, g Grant) error {
	name, owners, err := s.store.Owners(ctx, g.Project, maxOwners)
	if err != nil {
		return err
	}
	accounts, err := s.people.Accounts(ctx, []sconce.AccountID{g.Operator})
	if err != nil {
		return err
	}
	access := "to look only"
	if g.Access == project.WriteAccess {
		access = "to look and to change"
	}
	return s.people.Write(ctx, owners, mail.SupportGranted, "projects/"+string(g.Project)+"/support", mail.Values{
		By: accounts[g.Operator].Name, Project: name, Role: access, Reason: g.Reason, Until: g.Expires,
	})
}
