package project_test

import (
	"fmt"
	"slices"
	"testing"

	"sconce"
	"sconce/cloud/project"
)

// TestLastOwner shows that a project is never without an owner, and is handed over by
// having two for a moment.
func TestLastOwner(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	viewer := func(who sconce.AccountID) project.Member { return project.Member{Account: who, Role: sconce.Viewer} }
	wantKind(t, "the last owner becomes a viewer", s.SetMember(ctx, s.own, viewer("ada")), sconce.Conflict)
	wantKind(t, "the last owner leaves", s.RemoveMember(ctx, s.own, "ada"), sconce.Conflict)
	if scope, err := s.Enter(ctx, project.Caller{Account: "ada"}, s.own.Project()); err != nil || scope.Role() != sconce.Owner {
		t.Fatalf("after two refusals ada is %v, %v", scope.Role(), err)
	}
	if err := s.SetMember(ctx, s.own, project.Member{Account: "exa", Role: sconce.Owner}); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveMember(ctx, s.own, "ada"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Enter(ctx, project.Caller{Account: "ada"}, s.own.Project())
	wantKind(t, "who left", err, sconce.NotFound)
}

// TestLeaving shows that everybody may leave, that nobody but an owner may remove others,
// and that a membership of another project cannot be touched.
func TestLeaving(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	enter := func(who sconce.AccountID) project.Scope {
		t.Helper()
		scope, err := s.Enter(ctx, project.Caller{Account: who}, s.own.Project())
		if err != nil {
			t.Fatal(err)
		}
		return scope
	}
	for _, who := range []sconce.AccountID{"exa", "una", "vic"} {
		scope := enter(who)
		wantKind(t, string(who)+" removes an owner", s.RemoveMember(ctx, scope, "ada"), sconce.Forbidden)
		wantKind(t, string(who)+" removes nobody", s.RemoveMember(ctx, scope, ""), sconce.Forbidden)
		if err := s.RemoveMember(ctx, scope, who); err != nil {
			t.Errorf("%s leaves: %v", who, err)
		}
	}
	wantKind(t, "leaving twice", s.RemoveMember(ctx, s.own, "vic"), sconce.NotFound)
	wantKind(t, "a member of another project", s.RemoveMember(ctx, s.own, "eve"), sconce.NotFound)
	wantKind(t, "without a scope", s.RemoveMember(ctx, project.Scope{}, "eve"), sconce.Forbidden)
	wantKind(t, "without a scope, nobody", s.RemoveMember(ctx, project.Scope{}, ""), sconce.Forbidden)
	left, err := s.Members(ctx, s.own)
	if err != nil || len(left) != 1 || left[0].Account != "ada" {
		t.Errorf("left: %v, %v", left, err)
	}
	if others, err := s.Members(ctx, s.other); err != nil || len(others) != 1 || others[0].Account != "eve" {
		t.Errorf("the other project: %v, %v", others, err)
	}
}

func TestMembersAreLimited(t *testing.T) {
	s := newSite(t)
	for i := range project.MaxMembers - 1 - len(members) {
		if err := s.SetMember(t.Context(), s.own, project.Member{Account: sconce.AccountID(fmt.Sprint(i)), Role: sconce.Viewer}); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, "one more", s.SetMember(t.Context(), s.own, project.Member{Account: "one more", Role: sconce.Viewer}), sconce.TooMany)
	if all, err := s.Members(t.Context(), s.own); err != nil || len(all) != project.MaxMembers {
		t.Errorf("%d members, %v", len(all), err)
	}
}

// TestRequireControl says which groups each role controls.
func TestRequireControl(t *testing.T) {
	s := newSite(t)
	for who, want := range map[sconce.AccountID]bool{"exa": true, "una": false, "vic": false} {
		scope, err := s.Enter(t.Context(), project.Caller{Account: who}, s.own.Project())
		if err != nil {
			t.Fatal(err)
		}
		for _, groups := range [][]sconce.GroupID{nil, {"hall"}, {"hall", "attic"}} {
			if err := scope.RequireControl(groups...); (err == nil) != want {
				t.Errorf("%s controls %v: %v", who, groups, err)
			}
		}
	}
	wantKind(t, "without a scope", project.Scope{}.RequireControl("hall"), sconce.Forbidden)
	if !slices.Equal(project.Roles(), []sconce.Role{sconce.Owner, sconce.Expert, sconce.User, sconce.Viewer}) {
		t.Error("the roles are others")
	}
}
