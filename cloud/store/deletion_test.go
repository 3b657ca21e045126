package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/audit"
	"sconce/cloud/deletion"
	"sconce/cloud/energy"
	"sconce/cloud/ingest"
	"sconce/cloud/invitation"
	"sconce/cloud/lighting"
	"sconce/cloud/oauth"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// deleteDir is where the process to be killed finds its store.
const deleteDir = "SCONCE_TEST_DELETE_DIR"

// due is when the deletions of the tests are due.
var due = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// lastBatch is the end of the journal that storetest.Populate makes.
const lastBatch = 600

// logs are what stays: the security logs, of the project and of people, who made tokens for it.
var logs = []string{"identity.security_log", "site.security_log"}

// columns returns the columns of every table, by database.table.
func columns(t *testing.T) map[string][]privacy.Field {
	t.Helper()
	fields, err := privacy.Fields() // which a test holds to the tables of both engines
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]privacy.Field{}
	for _, f := range fields {
		all[f.Database+"."+f.Table] = append(all[f.Database+"."+f.Table], f)
	}
	return all
}

// TestEveryTableOfProjectsIsEmptied: nobody adds a table for projects without saying that a
// deletion empties it.
func TestEveryTableOfProjectsIsEmptied(t *testing.T) {
	does := append(store.Belongings(), "site.project_deletions", "site.security_log") // with the project itself; stays
	for table, fields := range columns(t) {
		ofProjects := slices.ContainsFunc(fields, func(f privacy.Field) bool { return f.Column == "project_id" })
		if ofProjects && !slices.Contains(does, table) {
			t.Errorf("%s has rows of projects, and the deletion of a project leaves them: add it to belongings (cloud/store/deletion.go), before the tables "+
				"that it refers to, and a row of it to furnish (in this file)", table)
		}
	}
}

// furnish puts something of a project into every table that has rows of projects.
func furnish(t *testing.T, s *store.Store, site storetest.Site) {
	t.Helper()
	ctx, at := t.Context(), time.UnixMilli(5000).UTC()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	groups, err := s.Lighting().Groups(ctx, site.Owner, site.Network)
	must(err)
	offer := project.Member{Account: "somebody", Role: sconce.User, Groups: []sconce.GroupID{groups[0].ID}}
	must(s.Projects().SetMember(ctx, site.Owner, offer, 10))
	offer.Account = ""
	must(s.Invitations().CreateInvitation(ctx, site.Owner, invitation.Invitation{ID: invitation.ID(site.Project), Project: site.Project, Token: [32]byte([]byte(site.Project)), Offer: offer, By: "ada", Made: at, Expires: at.Add(time.Hour)}, 10))
	digest := oauth.Digest([]byte(site.Project)[:32])
	must(s.OAuthClients().CreateClient(ctx, site.Owner, oauth.StoredClient{Client: oauth.Client{ID: oauth.ClientID("c" + site.Project), Made: at, By: "ada"}, Sealed: []byte("x")}, 10))
	must(s.OAuthGrants().CreateGrant(ctx, oauth.StoredGrant{
		Grant: oauth.Grant{ID: access.GrantID("g" + site.Project), Account: "ada", Project: site.Project, Client: "c", Made: time.Now(), Expires: time.Now().Add(time.Hour)}, Code: digest,
	}, "", 10))
	incident := rules.Incident{ID: sconce.AlertID(site.Project), Kind: 1, Severity: rules.Info, Raised: at, Joined: at}
	must(s.Alerts().Record(ctx, project.Assignment{Project: site.Project, Network: site.Network}, alert.Outcome{
		Set: map[rules.Key]rules.Watch{{Kind: 1, Device: 7}: {}}, Alerts: []rules.Incident{incident},
		Notices: []alert.Notice{{ID: "n", Alert: incident.ID, Made: at, Due: at}},
	}))
	must(s.Alerts().AddNote(ctx, site.Owner, incident.ID, alert.Note{ID: "n", Author: "ada", At: at, Sealed: []byte("x")}, 10))
	must(s.Alerts().SetSettings(ctx, site.Owner, alert.Settings{}))
	must(s.Energy().SetSettings(ctx, site.Owner, energy.Defaults()))
	must(s.Alerts().SetReader(ctx, site.Owner, rules.Info))
	must(s.Alerts().AddHook(ctx, site.Owner, alert.Hook{ID: "h", Made: at, Least: rules.Info, Sealed: []byte("x")}, 10))
	command := sconce.CommandID("of " + site.Project)
	must(s.Lighting().CreateCommand(ctx, site.Owner, lighting.Command{ID: command, Project: site.Project, Network: site.Network, Account: "ada", Device: 7, On: new(true), Targets: 1, Made: at, Expires: at, Deadline: at, Status: lighting.Pending}))
	must(s.Results().MakeBase(ctx, ingest.Base{Made: at}))
	must(s.Results().Apply(ctx, 31, func(tx ingest.Tx) error {
		a := project.Assignment{Project: site.Project, Network: site.Network}
		if _, _, err := tx.Kept(a, 7, 0, 0); err != nil {
			return err
		}
		if err := tx.SetRollup(a, 7, rollup.Days, 1, rollup.Block{}); err != nil {
			return err
		}
		_, _, err := tx.EndCommand(a, lighting.Result{Command: command, At: at, Outcomes: []lighting.Outcome{{Device: 7, Status: 1}}})
		return err
	}))
	must(s.Access().CreateToken(ctx, access.Stored{
		Token:  access.Token{ID: access.ID("t" + site.Project), Account: "ada", Project: site.Project, Actions: 2, Shown: "x", Made: at, Expires: at.Add(time.Hour)},
		Digest: [32]byte([]byte(site.Project)[:32]), Sealed: []byte("x"), Session: "session:1",
	}, 10))
}

// mentions returns where a project or its network is spoken of.
func mentions(t *testing.T, s *store.Store, site storetest.Site) map[string]int {
	t.Helper()
	all := map[string]int{}
	for table, fields := range columns(t) {
		for _, f := range fields {
			for _, id := range []string{string(site.Project), string(site.Network)} {
				n, err := s.Mentions(t.Context(), f.Database, f.Table, f.Column, id)
				if err != nil {
					t.Fatalf("%s: %v", f, err)
				}
				all[table] += n
			}
		}
	}
	maps.DeleteFunc(all, func(_ string, n int) bool { return n == 0 })
	return all
}

// ask lets the owner of a site ask for its deletion.
func ask(t *testing.T, s *store.Store, site storetest.Site) {
	t.Helper()
	d := deletion.Deletion{Project: site.Project, By: site.Owner.Account(), Asked: due.Add(-deletion.Pause), Due: due}
	if err := s.Deletions().AskDeletion(t.Context(), site.Owner, d); err != nil {
		t.Fatal(err)
	}
}

// work lets the projector be at the end of the journal.
func work(t *testing.T, s *store.Store, fn func(tx ingest.Tx) error) {
	t.Helper()
	if err := s.Results().Apply(t.Context(), lastBatch, fn); err != nil {
		t.Fatal(err)
	}
}

func nothing(ingest.Tx) error { return nil }

// TestDeletion deletes one of two projects on both engines: nothing of it is left in any
// column of any table but its security log, and nothing of the other one is touched.
func TestDeletion(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.OpenSQLite, "PostgreSQL": storetest.OpenPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx := t.Context()
			sites := storetest.Populate(t, s)
			gone, stays := sites[0], sites[1]
			furnish(t, s, gone)
			furnish(t, s, stays)
			ask(t, s, gone)
			before, there := mentions(t, s, stays), mentions(t, s, gone)
			for _, table := range append(store.Belongings(), "site.projects", "site.project_deletions", "site.security_log") {
				if there[table] == 0 {
					t.Errorf("the test puts nothing into %s", table)
				}
			}
			now := due.Add(-time.Second)
			var released []sconce.EUI64
			service := deletion.Service{
				Store: s.Deletions(), Released: func(g sconce.EUI64) { released = append(released, g) }, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
			}
			step := func() map[string]int {
				t.Helper()
				if err := service.Step(ctx); err != nil {
					t.Fatal(err)
				}
				return mentions(t, s, gone)
			}
			if left := step(); left["site.members"] == 0 || len(released) > 0 {
				t.Errorf("before it is due there is %v; released %v", left, released)
			}
			remains := []string{"identity.security_log", "site.project_deletions", "site.projects", "site.security_log"}
			now = due
			if left := step(); !slices.Equal(slices.Sorted(maps.Keys(left)), remains) || !slices.Equal(released, []sconce.EUI64{gone.Gateway}) {
				t.Errorf("once it was due there is %v; released %v", left, released)
			}
			now = due.Add(deletion.Settle)
			if left := step(); left["site.projects"] == 0 {
				t.Errorf("it ended before the journal was worked through: %v", left)
			}
			// A step of the projector that had begun before is stored.
			work(t, s, func(tx ingest.Tx) error {
				return tx.SetState(project.Assignment{Project: gone.Project, Network: gone.Network}, telemetry.DeviceState{Device: 1})
			})
			now = due.Add(deletion.Settle - 1)
			if left := step(); left["site.projects"] == 0 {
				t.Errorf("it ended before those who had been let in were answered: %v", left)
			}
			now = due.Add(deletion.Settle)
			if left := step(); !slices.Equal(slices.Sorted(maps.Keys(left)), logs) {
				t.Errorf("at the end there is %v", left)
			}
			if after := mentions(t, s, stays); !maps.Equal(after, before) {
				t.Errorf("of the other project there is %v; there was %v", after, before)
			}
			if due, err := s.Deletions().DueDeletions(ctx, now, deletion.Deletion{}, 10); err != nil || len(due) != 0 {
				t.Errorf("still due: %v, %v", due, err)
			}
			wantItsLog(t, s, gone)
		})
	}
}

// wantItsLog checks that the security log of a project is whole, and says its end.
func wantItsLog(t *testing.T, s *store.Store, site storetest.Site) {
	t.Helper()
	chain := audit.OfProject(site.Project)
	if _, err := audit.Verify(chain, audit.All(t.Context(), s.SecurityLog(), chain), nil); err != nil {
		t.Error(err)
	}
	log, err := s.SecurityLog().Newest(t.Context(), chain, 1<<62, 3)
	if err != nil || len(log) != 3 || log[0].Action != audit.ProjectDeleted || log[0].Detail != deletion.Detail || log[0].Who != site.Owner.Subject() ||
		log[1].Action != audit.DeletionBegun || log[2].Action != audit.DeletionAsked {
		t.Errorf("the security log ends with %+v, %v", log, err)
	}
	log, err = s.SecurityLog().Newest(t.Context(), audit.Installation, 1<<62, 1)
	if err != nil || len(log) != 1 || log[0].Action != audit.ProjectDeleted || !strings.Contains(log[0].Target, string(site.Project)) {
		t.Errorf("the security log of the installation ends with %+v, %v", log, err)
	}
}

// TestDeletionTakenBack: it can be while it has not begun, and then nothing happens.
func TestDeletionTakenBack(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.OpenSQLite, "PostgreSQL": storetest.OpenPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx, site := t.Context(), storetest.MakeSite(t, s, 0x50)
			d := s.Deletions()
			want := func(what string, err error, kind sconce.ErrorKind) {
				t.Helper()
				if sconce.KindOf(err) != kind {
					t.Errorf("%s: %v", what, err)
				}
			}
			want("without one", d.TakeDeletionBack(ctx, site.Owner), sconce.NotFound)
			ask(t, s, site)
			want("asked twice", d.AskDeletion(ctx, site.Owner, deletion.Deletion{Project: site.Project}), sconce.Conflict)
			all, err := d.DueDeletions(ctx, due, deletion.Deletion{}, 10)
			if err != nil || len(all) != 1 || all[0].By != site.Owner.Account() {
				t.Fatalf("due: %+v, %v", all, err)
			}
			if err := d.TakeDeletionBack(ctx, site.Owner); err != nil {
				t.Error(err)
			}
			_, err = d.Close(ctx, all[0], due) // by a job that had seen it
			want("begun after that", err, sconce.NotFound)
			if m, err := s.Projects().Member(ctx, site.Owner.Account(), site.Project); err != nil || m.Role != sconce.Owner {
				t.Errorf("the owner is %v, %v", m.Role, err)
			}
			ask(t, s, site)
			if g, err := d.Close(ctx, all[0], due); err != nil || !slices.Equal(g, []sconce.EUI64{site.Gateway}) {
				t.Errorf("closed: %v, %v", g, err)
			}
			want("too late", d.TakeDeletionBack(ctx, site.Owner), sconce.Conflict)
			_, err = project.New(s.Projects(), time.Now).Enter(ctx, project.Caller{Account: site.Owner.Account()}, site.Project)
			want("entered once it has begun", err, sconce.NotFound)
			_, err = project.New(s.Projects(), time.Now).EnterGateway(ctx, site.Gateway)
			want("its gateway", err, sconce.NotFound)
		})
	}
}

// inSmallBites is a store that removes a few rows in one transaction, and prints a line after
// each.
type inSmallBites struct{ deletion.Store }

func (s inSmallBites) Remove(ctx context.Context, id sconce.ProjectID, _ int, did func(string, int) error) error {
	return s.Store.Remove(ctx, id, 2, func(table string, rows int) error {
		if _, err := fmt.Println("bite", rows, table); err != nil {
			return err
		}
		return did(table, rows)
	})
}

// deleteAll deletes what is due in a store, as the cloud does.
func deleteAll(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	now := due
	service := deletion.Service{
		Store: inSmallBites{s.Deletions()}, Released: func(sconce.EUI64) { _, _ = fmt.Println("bite of gateways") },
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}
	for range 2 {
		if err := service.Step(ctx); err != nil {
			return err
		}
		now = now.Add(deletion.Settle)
	}
	return s.Close()
}

// TestDeletionSurvivesKill kills the process that deletes a project, after one step more each
// time: it goes on, and comes to its end.
func TestDeletionSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Unlock(t, s)
		return s
	}
	s := open()
	sites := storetest.Populate(t, s)
	furnish(t, s, sites[0])
	furnish(t, s, sites[1])
	work(t, s, nothing)
	ask(t, s, sites[0])
	before := mentions(t, s, sites[1])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for !runAndKill(t, 1+kills%2, deleteDir+"="+dir) {
		kills++
	}
	s = open()
	defer s.Close()
	if left := mentions(t, s, sites[0]); !slices.Equal(slices.Sorted(maps.Keys(left)), logs) {
		t.Errorf("after %d kills there is %v", kills, left)
	}
	if after := mentions(t, s, sites[1]); !maps.Equal(after, before) {
		t.Errorf("of the other project there is %v; there was %v", after, before)
	}
	wantItsLog(t, s, sites[0])
	if kills < 5 {
		t.Errorf("only %d kills", kills)
	}
	t.Logf("%d kills", kills)
}
