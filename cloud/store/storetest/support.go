package storetest

import (
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/support"
)

// testSupport keeps operators and support grants.
func testSupport(t *testing.T, s *store.Store) {
	ctx := t.Context()
	site, other := MakeSite(t, s, 0x10), MakeSite(t, s, 0x20)
	db, now := s.Support(), moment(1_000_000)
	by := func(action audit.Action) audit.Event {
		return audit.Event{At: now, Who: audit.Operator, Action: action, Result: audit.Done}
	}
	for range 2 {
		check(t, db.AddOperator(ctx, "otto", by(audit.OperatorMade)))
	}
	check(t, db.AddOperator(ctx, "olga", by(audit.OperatorMade)))
	if all, err := db.Operators(ctx); err != nil || !slices.Equal(all, []sconce.AccountID{"olga", "otto"}) {
		t.Errorf("operators: %q, %v", all, err)
	}
	wantKind(t, "removing who is none", db.RemoveOperator(ctx, "eve", by(audit.OperatorRemoved)), sconce.NotFound)

	grant := func(id support.ID, p sconce.ProjectID, who sconce.AccountID, access project.Access) support.Grant {
		return support.Grant{
			ID: id, Project: p, Operator: who, Access: access, Sealed: []byte{0, 1}, Length: 2 * time.Hour,
			AskedBy: who, Asked: now, Expires: now.Add(support.AskLife),
		}
	}
	create := func(g support.Grant) error {
		return db.CreateGrant(ctx, g, by(audit.SupportAsked), now.Add(-time.Hour), 2)
	}
	asked := grant("g1", site.Project, "otto", project.ReadAccess)
	check(t, create(asked))
	wantKind(t, "for who is no operator", create(grant("g2", site.Project, "eve", project.ReadAccess)), sconce.Forbidden)
	wantKind(t, "in no project", create(grant("g2", "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", "otto", project.ReadAccess)), sconce.NotFound)
	if g, err := db.Grant(ctx, "g1"); err != nil || g.State(now) != support.Asked || !g.Asked.Equal(now) || g.Length != 2*time.Hour || len(g.Sealed) != 2 {
		t.Errorf("what is asked for: %+v, %v", g, err)
	}
	in := func(who sconce.AccountID, id sconce.ProjectID, at time.Time) project.Support {
		t.Helper()
		g, err := s.Projects().Support(ctx, who, id, at)
		check(t, err)
		return g
	}
	if g := in("otto", site.Project, now); g.Grant != "" {
		t.Errorf("what is only asked for opens: %+v", g)
	}
	asked.GrantedBy, asked.Granted = "olga", now
	check(t, db.Allow(ctx, asked, by(audit.SupportGranted), true))
	wantKind(t, "twice", db.Allow(ctx, asked, by(audit.SupportGranted), true), sconce.Conflict)
	second := grant("g2", site.Project, "otto", project.WriteAccess)
	second.GrantedBy, second.Granted, second.Expires = "ada", now, now.Add(time.Hour)
	check(t, create(second))
	wantKind(t, "more than may be open", create(grant("g3", site.Project, "otto", project.ReadAccess)), sconce.TooMany)
	if g := in("otto", site.Project, now); g.Grant != "g2" || g.Access != project.WriteAccess || !g.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("the furthest of two: %+v", g)
	}
	for name, g := range map[string]project.Support{
		"another operator": in("olga", site.Project, now), "another project": in("otto", other.Project, now), "nobody": in("", site.Project, now),
		"too late": in("otto", site.Project, now.Add(2*time.Hour)),
	} {
		if g.Grant != "" {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if g := in("otto", site.Project, now.Add(2*time.Hour-time.Millisecond)); g.Grant != "g1" {
		t.Errorf("what is left after an hour: %+v", g)
	}
	check(t, db.EndGrant(ctx, second, by(audit.SupportEnded)))
	wantKind(t, "ending twice", db.EndGrant(ctx, second, by(audit.SupportEnded)), sconce.Conflict)
	if g := in("otto", site.Project, now); g.Grant != "g1" {
		t.Errorf("after the end of the other: %+v", g)
	}
	check(t, create(grant("g4", other.Project, "olga", project.ReadAccess)))
	open, err := db.OpenGrants(ctx, "otto", now, support.Place{}, 10)
	check(t, err)
	if len(open) != 2 || open[0].ID != "g1" || open[1].ID != "g4" {
		t.Errorf("what an operator sees: %+v", open)
	}
	for i, want := range open { // a page of one after the other
		after := support.Place{}
		if i > 0 {
			after = open[i-1].Place()
		}
		if page, err := db.OpenGrants(ctx, "otto", now, after, 1); err != nil || len(page) != 1 || page[0].ID != want.ID {
			t.Errorf("page %d of what an operator sees: %+v, %v", i, page, err)
		}
	}
	if page, err := db.OpenGrants(ctx, "otto", now, open[len(open)-1].Place(), 1); err != nil || len(page) != 0 {
		t.Errorf("after the last page: %+v, %v", page, err)
	}
	if all, err := db.Grants(ctx, site.Owner, 10); err != nil || len(all) != 2 {
		t.Errorf("the grants of a project: %+v, %v", all, err)
	}
	if name, owners, err := db.Owners(ctx, site.Project, 10); err != nil || name != "Office" || len(owners) != 1 || owners[0] != site.Owner.Account() {
		t.Errorf("owners: %q, %q, %v", name, owners, err)
	}
	_, _, err = db.Owners(ctx, "none", 10)
	wantKind(t, "owners of nothing", err, sconce.NotFound)
	check(t, s.Projects().UseSupport(ctx, site.Owner, "get-project"))

	check(t, db.RemoveOperator(ctx, "otto", by(audit.OperatorRemoved)))
	if g := in("otto", site.Project, now); g.Grant != "" {
		t.Errorf("who is no operator any more: %+v", g)
	}
	if ids, err := s.Projects().SupportedProjects(ctx, "otto", now); err != nil || len(ids) != 0 {
		t.Errorf("and sees: %v, %v", ids, err)
	}
	olga := grant("g5", other.Project, "olga", project.ReadAccess)
	olga.GrantedBy = "otto"
	check(t, create(olga))
	wantKind(t, "approved by who is none any more", db.Allow(ctx, grant("g4", other.Project, "olga", project.ReadAccess), by(audit.SupportGranted), true), sconce.Forbidden)
	now = now.Add(support.Kept)
	late := grant("g4", other.Project, "olga", project.ReadAccess)
	late.Granted = now
	wantKind(t, "too late to grant", db.Allow(ctx, late, by(audit.SupportGranted), false), sconce.Conflict)
	check(t, create(grant("g6", other.Project, "olga", project.ReadAccess)))
	if all, err := db.Grants(ctx, other.Owner, 10); err != nil || len(all) != 1 || all[0].ID != "g6" {
		t.Errorf("old grants are kept: %+v, %v", all, err)
	}
	wantLog(t, s.SecurityLog(), audit.OfProject(site.Project), "", []audit.Action{
		audit.ProjectMade, audit.NetworkMade, audit.GatewayClaimed, audit.SupportAsked, audit.SupportGranted, audit.SupportAsked,
		audit.SupportEnded, audit.SupportUsed, audit.SupportEnded,
	})
	wantLog(t, s.SecurityLog(), audit.Installation, audit.Operator, []audit.Action{
		audit.IdentitiesAdded, audit.IdentitiesAdded, audit.OperatorMade, audit.OperatorMade, audit.OperatorRemoved,
	})
}
