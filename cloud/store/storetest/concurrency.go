package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/registry"
	"sconce/cloud/store"
)

// atOnce is how many do the same thing at the same time.
const atOnce = 16

// together runs fn for 0 to atOnce-1 at the same time, and returns its errors.
func together(fn func(i int) error) []error {
	errs := make([]error, atOnce)
	var begin, done sync.WaitGroup
	begin.Add(1)
	for i := range errs {
		done.Go(func() {
			begin.Wait()
			errs[i] = fn(i)
		})
	}
	begin.Done()
	done.Wait()
	return errs
}

// wantEach fails the test unless want of the errors are nil, and the others of a kind.
func wantEach(t *testing.T, what string, errs []error, want int, other sconce.ErrorKind) {
	t.Helper()
	done := 0
	for _, err := range errs {
		switch {
		case err == nil:
			done++
		case sconce.KindOf(err) != other:
			t.Errorf("%s: %v; want %s", what, err, other)
		}
	}
	if done != want {
		t.Errorf("%s: %d were done, want %d", what, done, want)
	}
}

// testConcurrency does what relies on the state that it finds, many times at once:
// it has to come out as if done one after the other.
func testConcurrency(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.UnixMilli(1_000_000)
	site := MakeSite(t, s, 0x10)
	scope, lights := site.Owner, s.Lighting()

	numbers := make([]int, atOnce)
	groups := make([]lighting.Group, atOnce)
	wantEach(t, "making groups", together(func(i int) (err error) {
		groups[i], err = lights.CreateGroup(ctx, scope, lighting.Group{ID: sconce.GroupID(fmt.Sprint("g", i)), Network: site.Network, Name: "Room", Made: now})
		numbers[i] = int(groups[i].Number)
		return err
	}), atOnce, 0)
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != i+1 {
			t.Errorf("the numbers of the groups are %v", numbers)
			break
		}
	}
	wantEach(t, "making networks", together(func(i int) error {
		return s.Projects().CreateNetwork(ctx, scope, project.Network{ID: sconce.NetworkID(fmt.Sprint("n", i)), Name: "Floor", Made: now}, 6)
	}), 5, sconce.TooMany) // there is one
	owner := project.Caller{Account: "ada", Origin: audit.Console}
	wantEach(t, "making projects", together(func(i int) error {
		p := project.Project{ID: id[sconce.ProjectID](100 + i), Name: "Home", Made: now}
		return s.Projects().CreateProject(ctx, p, "UTC", owner, 3)
	}), 3, sconce.TooMany)
	wantEach(t, "adding devices", together(func(i int) error {
		d := lighting.Device{Position: sconce.PositionID(fmt.Sprint("p", i)), Network: site.Network, Name: "Desk", Device: 0x30, Kind: sconce.Luminaire, Made: now}
		return lights.AddDevice(ctx, scope, d, []byte{1})
	}), 1, sconce.Conflict)
	wantEach(t, "changing groups", together(func(i int) error {
		_, err := lights.SetMembers(ctx, scope, groups[i].ID, nil)
		return err
	}), atOnce, 0)
	if version, _, err := lights.Desired(ctx, scope, site.Network); err != nil || version != 1+atOnce {
		t.Errorf("the desired state is of version %d, %v; want a version for each of %d changes", version, err, 1+atOnce)
	}

	ids := make([]registry.Identity, atOnce)
	for i := range ids {
		ids[i] = registry.Identity{Device: sconce.EUI64(0x100 + i), Kind: sconce.Gateway, Model: "SG-1", Serial: fmt.Sprint(i), Issued: now}
		ids[i].CertificateSHA256[0] = byte(i)
	}
	var mu sync.Mutex
	added := 0
	event := audit.Event{At: now, Who: audit.Operator, Action: audit.IdentitiesAdded, Result: audit.Done}
	wantEach(t, "importing identities", together(func(i int) error {
		n, err := s.Registry().Import(ctx, slices.Concat(ids[i:], ids[:i]), event)
		mu.Lock()
		defer mu.Unlock()
		added += n
		return err
	}), atOnce, 0)
	if added != len(ids) {
		t.Errorf("%d identities were added, want %d", added, len(ids))
	}
	wantEach(t, "claiming a gateway", together(func(i int) error {
		network := site.Network
		networks, err := s.Projects().Networks(ctx, scope)
		if len(networks) > i%5+1 {
			network = networks[i%5+1].ID
		}
		if err != nil {
			return err
		}
		return s.Registry().Claim(ctx, scope, 0x100, network, now)
	}), 1, sconce.Conflict)

	people := s.Identity()
	credentials := identity.Credentials{Account: identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada", Made: now}, PasswordHash: "x"}
	wantEach(t, "making an account", together(func(int) error {
		return people.CreateAccount(ctx, credentials, audit.Operator, audit.Console)
	}), 1, sconce.Conflict)
	sessions := make([]identity.SessionID, atOnce)
	wantEach(t, "signing in", together(func(i int) error {
		sessions[i] = identity.SessionID{byte(i)}
		return people.CreateSession(ctx, identity.Session{ID: sessions[i], Account: "ada", Made: now, Used: now}, nil, 4)
	}), atOnce, 0)
	if live, err := people.Sessions(ctx, sessions); err != nil || len(live) != 4 {
		t.Errorf("%d sessions, %v; want the 4 that an account may have", len(live), err)
	}
	chains, err := s.SecurityLogs(ctx)
	check(t, err)
	for _, chain := range chains {
		if _, err := audit.Verify(chain, audit.All(ctx, s.SecurityLog(), chain), nil); err != nil {
			t.Errorf("the security log %s: %v", chain, err)
		}
	}
}
