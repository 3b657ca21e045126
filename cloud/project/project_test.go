package project_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
)

// actions are all of them: a new one needs a row in the table below.
var actions = []project.Action{
	project.ReadProject, project.ReadTelemetry, project.ControlLights, project.ControlGranted, project.ConfigureLights,
	project.ManageNetworks, project.ManageMembers, project.ReadSecurityLog, project.ManageSupport, project.ExportTelemetry,
	project.DeleteProject, project.HandleAlerts, project.ConfigureAlerts, project.ConfigureEnergy, project.ConfigureIntegrations, project.GatewayReport, project.GatewayReceive,
}

// TestPermissionMatrix says the whole matrix once more, for people to read: who may
// do what, and that everything else is denied.
func TestPermissionMatrix(t *testing.T) {
	const table = `
		                            owner expert user viewer
		see this project              x     x     x     x
		see readings                  x     x     -     x
		control every light           x     x     -     -
		control granted groups        x     x     x     -
		change devices and groups     x     x     -     -
		change networks and gateways  x     x     -     -
		change members                x     -     -     -
		see the security log          x     -     -     -
		let operators in              x     -     -     -
		export readings as files      x     -     -     -
		delete this project           x     -     -     -
		acknowledge alerts            x     x     -     -
		change the rules of alerts    x     x     -     -
		change the time zone and tariffs x  x     -     -
		change which other systems are told x x    -     -
		report for a network          -     -     -     -
		receive a network's configuration - -     -     -
	`
	roles := []sconce.Role{sconce.Owner, sconce.Expert, sconce.User, sconce.Viewer}
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Fields(line); len(cells) > len(roles) {
			cut := len(cells) - len(roles)
			rows[strings.Join(cells[:cut], " ")] = cells[cut:]
		}
	}
	for _, a := range actions {
		row, ok := rows[a.String()]
		if !ok {
			t.Errorf("the table has no row for: %s", a)
			continue
		}
		for i, r := range roles {
			if want := row[i] == "x"; project.May(r, a) != want {
				t.Errorf("%s may %s: %v, want %v", r, a, !want, want)
			}
		}
	}
	for a := range project.Action(255) {
		if known := slices.Contains(actions, a); known == strings.HasPrefix(a.String(), "action(") {
			t.Errorf("action %d (%s) is not in the list of this test, or has no name", a, a)
		}
		for r := range 256 {
			role := sconce.Role(r)
			if (!slices.Contains(roles, role) || !slices.Contains(actions, a)) && project.May(role, a) {
				t.Errorf("%s may %s", role, a)
			}
		}
	}
}

// site is two projects: one of ada, with a member in each role, and one of eve.
type site struct {
	*project.Service
	own, other project.Scope
	network    project.Network
}

var members = map[sconce.AccountID]sconce.Role{"exa": sconce.Expert, "una": sconce.User, "vic": sconce.Viewer}

func newSite(t *testing.T) site {
	t.Helper()
	ctx := t.Context()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := site{Service: project.New(storetest.Open(t).Projects(), func() time.Time { return now })}
	enter := func(who sconce.AccountID) project.Scope {
		m, err := s.Create(ctx, project.Caller{Account: who}, project.NewProject{Name: " Offices of " + string(who) + " "})
		if err != nil {
			t.Fatal(err)
		}
		scope, err := s.Enter(ctx, project.Caller{Account: who}, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		return scope
	}
	s.own, s.other = enter("ada"), enter("eve")
	for who, role := range members {
		if err := s.SetMember(ctx, s.own, project.Member{Account: who, Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.network, err = s.CreateNetwork(ctx, s.own, "Ground floor"); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantKind(t *testing.T, what string, err error, kind sconce.ErrorKind) {
	t.Helper()
	if err == nil || sconce.KindOf(err) != kind {
		t.Errorf("%s: error %v, want one that is %s", what, err, kind)
	}
}

func TestEnter(t *testing.T) {
	s := newSite(t)
	id := s.own.Project()
	for who, role := range members {
		scope, err := s.Enter(t.Context(), project.Caller{Account: who}, id)
		if err != nil || scope.Role() != role || scope.Account() != who || scope.Project() != id {
			t.Errorf("%s enters as %v, %v", who, scope.Role(), err)
		}
		for _, a := range actions {
			if err := scope.Require(a); (err == nil) != project.May(role, a) {
				t.Errorf("%s requires %s: %v", role, a, err)
			} else if err != nil {
				wantKind(t, a.String(), err, sconce.Forbidden)
			}
		}
	}
	var texts []string
	for name, try := range map[string]struct {
		who sconce.AccountID
		id  sconce.ProjectID
	}{
		"a stranger": {"eve", id}, "nobody": {"", id}, "an absent project": {"ada", "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f"},
		"no project": {"ada", ""}, "not an identifier": {"ada", "' OR 1=1 --"},
	} {
		scope, err := s.Enter(t.Context(), project.Caller{Account: try.who}, try.id)
		wantKind(t, name, err, sconce.NotFound)
		if scope != (project.Scope{}) {
			t.Errorf("%s has a scope", name)
		}
		texts = append(texts, fmt.Sprint(err))
	}
	if len(slices.Compact(texts)) != 1 {
		t.Errorf("the answers tell a project that is not there from one of others: %q", texts)
	}
}

func TestTheZeroScopeOpensNothing(t *testing.T) {
	s := newSite(t)
	var none project.Scope
	for _, a := range actions {
		wantKind(t, a.String(), none.Require(a), sconce.Forbidden)
	}
	_, err := s.Get(t.Context(), none)
	wantKind(t, "Get", err, sconce.Forbidden)
	_, err = s.Networks(t.Context(), none)
	wantKind(t, "Networks", err, sconce.Forbidden)
	_, err = s.CreateNetwork(t.Context(), none, "Network")
	wantKind(t, "CreateNetwork", err, sconce.Forbidden)
	wantKind(t, "SetMember", s.SetMember(t.Context(), none, project.Member{Account: "eve", Role: sconce.Owner}), sconce.Forbidden)
}

// TestEveryMethodAsks calls every method that changes something as the members who
// may not.
func TestEveryMethodAsks(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	for _, who := range []sconce.AccountID{"una", "vic", "exa"} {
		scope, err := s.Enter(ctx, project.Caller{Account: who}, s.own.Project())
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, string(who)+" sets a member", s.SetMember(ctx, scope, project.Member{Account: "eve", Role: sconce.Viewer}), sconce.Forbidden)
		if who == "exa" {
			continue
		}
		_, err = s.CreateNetwork(ctx, scope, "Network")
		wantKind(t, string(who)+" makes a network", err, sconce.Forbidden)
	}
}

func TestProjectsAreApart(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	if p, err := s.Get(ctx, s.own); err != nil || p.Name != "Offices of ada" {
		t.Errorf("Get = %v, %v", p, err)
	}
	if n, err := s.Networks(ctx, s.own); err != nil || len(n) != 1 || n[0] != s.network {
		t.Errorf("Networks = %v, %v", n, err)
	}
	if n, err := s.Networks(ctx, s.other); err != nil || len(n) != 0 {
		t.Errorf("the networks of another project: %v, %v", n, err)
	}
	for who, want := range map[sconce.AccountID][]sconce.ProjectID{
		"ada": {s.own.Project()}, "vic": {s.own.Project()}, "eve": {s.other.Project()}, "nobody": nil,
	} {
		if got, err := s.ProjectIDs(ctx, who); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s sees %v, %v; want %v", who, got, err, want)
		}
	}
}

func TestListPages(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	for i := range 4 {
		if _, err := s.Create(ctx, project.Caller{Account: "ada"}, project.NewProject{Name: fmt.Sprint("Project ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	var all []sconce.ProjectID
	after := sconce.ProjectID("")
	for {
		part, err := s.List(ctx, "ada", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range part {
			all, after = append(all, m.ID), m.ID
		}
		if len(part) < 2 {
			break
		}
	}
	if len(all) != 5 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != 5 {
		t.Errorf("pages hold %v", all)
	}
}

func TestGatewayScope(t *testing.T) {
	s := newSite(t)
	_, err := s.EnterGateway(t.Context(), 0x5ec0ce0000000001)
	wantKind(t, "a gateway that nobody claimed", err, sconce.NotFound)
	_, err = s.EnterGateway(t.Context(), 0)
	wantKind(t, "no gateway", err, sconce.NotFound)
}

func TestBadInput(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	for name, text := range map[string]string{
		"empty": "", "blank": " \t ", "endless": strings.Repeat("x", 101), "two lines": "a\nb", "a control": "a\x00b",
		"not UTF-8": "a\xff", "a C1 control": "a\u0085b",
	} {
		_, err := s.Create(ctx, project.Caller{Account: "ada"}, project.NewProject{Name: text})
		wantKind(t, "project: "+name, err, sconce.Invalid)
		_, err = s.CreateNetwork(ctx, s.own, text)
		wantKind(t, "network: "+name, err, sconce.Invalid)
	}
	if _, err := s.CreateNetwork(ctx, s.own, strings.Repeat("ü", 100)); err != nil {
		t.Errorf("100 characters: %v", err)
	}
	_, err := s.Create(ctx, project.Caller{}, project.NewProject{Name: "Project"})
	wantKind(t, "a project of nobody", err, sconce.Unauthenticated)
	for _, role := range []sconce.Role{0, 5, 255} {
		wantKind(t, role.String(), s.SetMember(ctx, s.own, project.Member{Account: "bob", Role: role}), sconce.Invalid)
	}
	wantKind(t, "nobody as a member", s.SetMember(ctx, s.own, project.Member{Role: sconce.Viewer}), sconce.Invalid)
	granted := []sconce.GroupID{"g"}
	wantKind(t, "groups of a viewer", s.SetMember(ctx, s.own, project.Member{Account: "vic", Role: sconce.Viewer, Groups: granted}), sconce.Invalid)
	wantKind(t, "a group that is not there", s.SetMember(ctx, s.own, project.Member{Account: "una", Role: sconce.User, Groups: granted}), sconce.NotFound)
	many := make([]sconce.GroupID, project.MaxGranted+1)
	wantKind(t, "too many groups", s.SetMember(ctx, s.own, project.Member{Account: "una", Role: sconce.User, Groups: many}), sconce.TooMany)
}

func TestNetworksAreLimited(t *testing.T) {
	s := newSite(t)
	for range sconce.MaxNetworksPerProject - 1 {
		if _, err := s.CreateNetwork(t.Context(), s.own, "Network"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.CreateNetwork(t.Context(), s.own, "Network")
	wantKind(t, "one more", err, sconce.TooMany)
}

// TestOnly: a token takes away, and never gives.
func TestOnly(t *testing.T) {
	s := newSite(t)
	for who, role := range members {
		scope, err := s.Enter(t.Context(), project.Caller{Account: who}, s.own.Project())
		if err != nil {
			t.Fatal(err)
		}
		if scope.Limited() || scope.May() != project.RoleActions(role) {
			t.Errorf("%s may %s", role, scope.May())
		}
		for _, a := range actions {
			only := scope.Only(project.ActionsOf(a))
			for _, other := range actions {
				carried := other == a || other == project.ReadProject || a == project.ControlLights && other == project.ControlGranted
				want := carried && project.May(role, other)
				if err := only.Require(other); (err == nil) != want {
					t.Errorf("%s, limited to %s, requires %s: %v", role, a, other, err)
				}
			}
			if !only.Limited() || only.Project() != scope.Project() || only.Account() != who {
				t.Errorf("%s, limited to %s, is %+v", role, a, only)
			}
			if err := only.RequireControl("hall"); (err == nil) != (a == project.ControlLights && role == sconce.Expert) {
				t.Errorf("%s, limited to %s, controls: %v", role, a, err)
			}
		}
		wantKind(t, string(who)+" leaves by a token", s.RemoveMember(t.Context(), scope.Only(project.RoleActions(sconce.Owner)), who), sconce.Forbidden)
	}
	if (project.Scope{}).Only(project.RoleActions(sconce.Owner)).Require(project.ReadProject) == nil {
		t.Error("the zero scope, limited, opens something")
	}
}
