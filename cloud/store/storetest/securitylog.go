package storetest

import (
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store"
)

// testSecurityLog makes every change that is to be found in the security log, and some
// that fail and are not.
func testSecurityLog(t *testing.T, s *store.Store) {
	ctx := t.Context()
	site := MakeSite(t, s, 0x10)
	other := MakeSite(t, s, 0x20)
	scope := site.Owner
	lights := s.Lighting()
	device := lighting.Device{Position: "p1", Network: site.Network, Name: "Desk", Device: 0x30, Kind: sconce.Luminaire, Made: time.Now()}
	check(t, lights.AddDevice(ctx, scope, device, []byte{1}))
	if err := lights.AddDevice(ctx, scope, device, []byte{1}); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("a device twice: %v", err)
	}
	group, err := lights.CreateGroup(ctx, scope, lighting.Group{ID: "g1", Network: site.Network, Name: "Room", Made: time.Now()})
	check(t, err)
	_, err = lights.ChangeGroup(ctx, scope, group.ID, "Hall", []sconce.PositionID{"p1"})
	check(t, err)
	if _, err := lights.SetMembers(ctx, scope, group.ID, []sconce.PositionID{"p2"}); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a member that is not there: %v", err)
	}
	_, err = lights.DeleteGroup(ctx, scope, group.ID)
	check(t, err)
	_, err = lights.RemoveDevice(ctx, scope, device.Device)
	check(t, err)
	check(t, s.Projects().SetMember(ctx, scope, project.Member{Account: "vic", Role: sconce.Viewer}, 10))
	check(t, s.Registry().Release(ctx, scope, site.Gateway))
	if err := s.Registry().Release(ctx, scope, site.Gateway); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("releasing twice: %v", err)
	}
	check(t, s.Registry().Revoke(ctx, site.Gateway, audit.Event{At: time.Now(), Who: audit.Operator, Action: audit.IdentityRevoked, Result: audit.Done}))

	now := time.Now()
	ada := identity.Credentials{Account: identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada", Made: now}, PasswordHash: "x"}
	people := s.Identity()
	check(t, people.CreateAccount(ctx, ada, audit.Operator, audit.Console))
	if err := people.CreateAccount(ctx, ada, audit.Operator, audit.Console); err == nil {
		t.Error("an account twice")
	}
	session := identity.Session{ID: identity.SessionID{1}, Account: "ada", Made: now, Used: now}
	check(t, people.CreateSession(ctx, session, nil, 10))
	check(t, people.EndSession(ctx, session.ID, now))
	check(t, people.EndSession(ctx, session.ID, now)) // ended before: nothing to say
	check(t, people.EndSessions(ctx, "ada", now))

	log := s.SecurityLog()
	owner := audit.Account(scope.Account())
	wantLog(t, log, audit.OfProject(site.Project), owner, []audit.Action{
		audit.ProjectMade, audit.NetworkMade, audit.GatewayClaimed, audit.DeviceAdded, audit.GroupMade, audit.GroupRenamed,
		audit.GroupChanged, audit.GroupDeleted, audit.DeviceRemoved, audit.MemberSet, audit.GatewayReleased,
	})
	wantLog(t, log, audit.OfProject(other.Project), audit.Account(other.Owner.Account()), []audit.Action{
		audit.ProjectMade, audit.NetworkMade, audit.GatewayClaimed,
	})
	wantLog(t, log, audit.Installation, audit.Operator, []audit.Action{audit.IdentitiesAdded, audit.IdentitiesAdded, audit.IdentityRevoked})
	wantLog(t, log, audit.People, "", []audit.Action{audit.AccountMade, audit.SignedIn, audit.SessionEnded, audit.AllSessionsEnded})

	chains, err := s.SecurityLogs(ctx)
	check(t, err)
	if len(chains) != 4 {
		t.Errorf("%d logs, want those of 2 projects, the installation and people: %q", len(chains), chains)
	}
	newest, err := log.Newest(ctx, audit.People, 4, 2)
	check(t, err)
	if len(newest) != 2 || newest[0].Number != 3 || newest[1].Number != 2 {
		t.Errorf("the 2 entries before number 4: %v", newest)
	}
}

// wantLog verifies a chain and compares what it says was done, and by whom ("" for
// anybody).
func wantLog(t *testing.T, log audit.Store, chain audit.Chain, who audit.Subject, want []audit.Action) {
	t.Helper()
	head, err := audit.Verify(chain, audit.All(t.Context(), log, chain), nil)
	check(t, err)
	entries, err := log.Entries(t.Context(), chain, 0, 100)
	check(t, err)
	if len(entries) != len(want) || head.Number != uint64(len(want)) {
		t.Errorf("%s: %d entries, want %d: %v", chain, len(entries), len(want), entries)
		return
	}
	for i, e := range entries {
		if e.Action != want[i] || who != "" && e.Who != who || e.At.IsZero() {
			t.Errorf("%s: entry %d is %s by %s at %s, want %s by %s", chain, e.Number, e.Action, e.Who, e.At, want[i], who)
		}
	}
}
