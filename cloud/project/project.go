// Package project is the unit of isolation: projects, who belongs to them in
// which role, and their light networks. It decides who may do what (the matrix
// in permissions.go) and makes the only key to a project's data, [Scope].
//
// It holds no personal data: people are opaque account identifiers. It does not
// know devices, lights or readings; their packages take a Scope.
package project

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on every machine
	"unicode/utf8"

	"sconce"
	"sconce/cloud/attempts"
)

// MaxProjectsPerAccount is the largest number of projects that one account may
// make or belong to.
const MaxProjectsPerAccount = 1000

// MaxNameLength is the largest length of a name that people give, in characters.
const MaxNameLength = 100

// Project is a building, or a part of one, with its users.
type Project struct {
	ID   sconce.ProjectID
	Name string
	Made time.Time
	// Aggregated says that its gateways tell occupancy of whole periods alone; it is known of a
	// project that is looked at by itself.
	Aggregated bool
}

// NewProject is what has to be known to make a project.
type NewProject struct {
	Name string // 1 to [MaxNameLength] characters
	Zone string // IANA name of the time zone of the building; empty is UTC
}

// Zone returns a time zone by its IANA name.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" || len(name) > 64 {
		return nil, sconce.FieldErrorf("time_zone", "expected the name of a time zone such as Europe/Berlin")
	}
	return zone, nil
}

// Membership is a project as one of its members sees it.
type Membership struct {
	Project
	Role sconce.Role
}

// Member is a person who belongs to a project.
type Member struct {
	Account sconce.AccountID
	Role    sconce.Role
	Groups  []sconce.GroupID // of a [sconce.User]: those that they may control
}

// MaxMembers is the largest number of members of a project, and of groups that are
// granted to one.
const (
	MaxMembers = 1000
	MaxGranted = 1000
)

// Network is one light network of a project.
type Network struct {
	ID      sconce.NetworkID
	Name    string
	Gateway sconce.EUI64 // assigned to it, 0 for none
	Made    time.Time
}

// Assignment says which network a gateway serves. Its zero value says none.
type Assignment struct {
	Project sconce.ProjectID
	Network sconce.NetworkID
}

// Store keeps projects. What changes something also writes it in the security log,
// in the same transaction. Its methods that take a [Scope] touch that project only
// and do not ask again what the scope permits.
type Store interface {
	// Member returns an account as a member of a project, the zero value when it is
	// none. Its groups are needed of a [sconce.User] only.
	Member(ctx context.Context, who sconce.AccountID, id sconce.ProjectID) (Member, error)
	// Support returns the furthest support grant of an operator for a project that is in
	// force, the zero value for none. An account that is no operator any more has none.
	Support(ctx context.Context, who sconce.AccountID, id sconce.ProjectID, now time.Time) (Support, error)
	// SupportedProjects returns the projects for which Support would return a grant.
	SupportedProjects(ctx context.Context, who sconce.AccountID, now time.Time) ([]sconce.ProjectID, error)
	// UseSupport writes in the security log of a project that it was entered with a
	// support grant, for an operation.
	UseSupport(ctx context.Context, s Scope, operation string) error
	// Assignment returns where a gateway is assigned, the zero value for nowhere.
	Assignment(ctx context.Context, gateway sconce.EUI64) (Assignment, error)
	// Memberships returns up to limit projects of an account with identifiers
	// after the given one, in the order of their identifiers.
	Memberships(ctx context.Context, who sconce.AccountID, after sconce.ProjectID, limit int) ([]Membership, error)
	// CreateProject stores a project in a time zone and its first owner, unless the owner already
	// belongs to max projects: then it returns a [sconce.TooMany]. Its gateways tell occupancy
	// of whole periods alone, until its people decide otherwise.
	CreateProject(ctx context.Context, p Project, zone string, owner Caller, max int) error
	// Members returns the members of the project in the order of their identifiers.
	Members(ctx context.Context, s Scope) ([]Member, error)
	// SetMember gives an account a role and groups in a project, or changes them. It is
	// a [sconce.TooMany] when the project already has max members, a
	// [sconce.NotFound] when a group is not there, and a [sconce.Conflict] when the
	// project would be left without an owner.
	SetMember(ctx context.Context, s Scope, m Member, max int) error
	// RemoveMember ends a membership. It is a [sconce.NotFound] when there is none, and
	// a [sconce.Conflict] when the project would be left without an owner.
	RemoveMember(ctx context.Context, s Scope, who sconce.AccountID) error

	Project(ctx context.Context, s Scope) (Project, error)
	// Networks returns the networks of the project in the order of their making.
	Networks(ctx context.Context, s Scope) ([]Network, error)
	// CreateNetwork stores a network, unless the project already has max: then it
	// returns a [sconce.TooMany].
	CreateNetwork(ctx context.Context, s Scope, n Network, max int) error
}

// Service holds the rules of projects.
type Service struct {
	store Store
	now   func() time.Time
	uses  *attempts.Limiter // of support grants
}

// New returns a Service that keeps its data in store and reads the time from now.
func New(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now, uses: attempts.New(1, usesWindow, usesKept)}
}

// Create makes a project with its first owner.
func (s *Service) Create(ctx context.Context, owner Caller, n NewProject) (Membership, error) {
	name, err := CheckName("project", n.Name)
	if err != nil {
		return Membership{}, err
	}
	n.Zone = cmp.Or(n.Zone, "UTC")
	if _, err := Zone(n.Zone); err != nil {
		return Membership{}, err
	}
	if owner.Account == "" {
		return Membership{}, sconce.Errorf(sconce.Unauthenticated, "sign in to make a project")
	}
	now := s.now()
	p := Project{ID: newID[sconce.ProjectID](now), Name: name, Made: now}
	if err := s.store.CreateProject(ctx, p, n.Zone, owner, MaxProjectsPerAccount); err != nil {
		return Membership{}, err
	}
	return Membership{Project: p, Role: sconce.Owner}, nil
}

// List returns up to limit projects that an account belongs to, in the order of
// their making, after the given identifier ("" for the first).
func (s *Service) List(ctx context.Context, who sconce.AccountID, after sconce.ProjectID, limit int) ([]Membership, error) {
	return s.store.Memberships(ctx, who, after, limit)
}

// ProjectIDs returns all projects whose data an account may see, as a member or by a
// support grant.
func (s *Service) ProjectIDs(ctx context.Context, who sconce.AccountID) ([]sconce.ProjectID, error) {
	all, err := s.store.Memberships(ctx, who, "", MaxProjectsPerAccount)
	if err != nil {
		return nil, err
	}
	var ids []sconce.ProjectID
	for _, m := range all {
		if May(m.Role, ReadProject) {
			ids = append(ids, m.ID)
		}
	}
	supported, err := s.store.SupportedProjects(ctx, who, s.now())
	return append(ids, supported...), err
}

// Get returns the project of a scope.
func (s *Service) Get(ctx context.Context, scope Scope) (Project, error) {
	if err := scope.Require(ReadProject); err != nil {
		return Project{}, err
	}
	return s.store.Project(ctx, scope)
}

// Networks returns the networks of the project, at most
// [sconce.MaxNetworksPerProject], in the order of their making.
func (s *Service) Networks(ctx context.Context, scope Scope) ([]Network, error) {
	if err := scope.Require(ReadProject); err != nil {
		return nil, err
	}
	return s.store.Networks(ctx, scope)
}

// CreateNetwork makes a light network without a gateway.
func (s *Service) CreateNetwork(ctx context.Context, scope Scope, name string) (Network, error) {
	if err := scope.Require(ManageNetworks); err != nil {
		return Network{}, err
	}
	name, err := CheckName("network", name)
	if err != nil {
		return Network{}, err
	}
	now := s.now()
	n := Network{ID: newID[sconce.NetworkID](now), Name: name, Made: now}
	return n, s.store.CreateNetwork(ctx, scope, n, sconce.MaxNetworksPerProject)
}

// CheckName returns a name that a person gave to a thing, without the space
// around it. The error names the thing and says what is expected.
func CheckName(thing, name string) (string, error) {
	name = strings.TrimSpace(name)
	n := utf8.RuneCountInString(name)
	if n == 0 || n > MaxNameLength || !utf8.ValidString(name) || strings.ContainsFunc(name, isControl) {
		return "", sconce.FieldErrorf("name", "the name of a %s is 1 to %d characters on one line", thing, MaxNameLength)
	}
	return name, nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func newID[T sconce.ID](now time.Time) T {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return sconce.MakeID[T](now, random)
}
