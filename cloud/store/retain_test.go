package store_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/invitation"
	"sconce/cloud/mail"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
)

// TestEveryTimeOfTheInventoryIsKept: what the inventory says is removed after a time has a
// job that does it.
func TestEveryTimeOfTheInventoryIsKept(t *testing.T) {
	times, err := privacy.Times()
	if err != nil {
		t.Fatal(err)
	}
	does := store.Expiring()
	for table := range times {
		switch table {
		case "site.readings", "site.events", "site.rollups": // [telemetry.Retain]
		case "journal.journal", "identity.invitees", "site.invitation_groups", "site.alert_notes": // [ingest.Retain]; with their invitations and alerts
		default:
			if !slices.Contains(does, table) {
				t.Errorf("the inventory says that rows of %s are removed after %s, and nothing does it: add it to expiries (cloud/store/retain.go)", table, times[table])
			}
		}
	}
}

// TestExpire removes what is over on both engines, and nothing else.
func TestExpire(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.OpenSQLite, "PostgreSQL": storetest.OpenPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx, people := t.Context(), s.Identity()
			start := time.UnixMilli(1_700_000_000_000).UTC()
			ada := identity.Account{ID: "ada", Email: "ada@example.org", Name: "Ada", Country: "GB", Made: start}
			if err := people.CreateAccount(ctx, identity.Credentials{Account: ada}, audit.Operator, audit.Console); err != nil {
				t.Fatal(err)
			}
			site := storetest.MakeSite(t, s, 0x40)
			letter := func(id string, at time.Time) mail.Item {
				return mail.Item{ID: id, Sealed: []byte{1}, Made: at, Next: at}
			}
			// Five of everything: the first three are over, of which more than are removed at once.
			for n := range 5 {
				at := start.Add(time.Duration(n) * time.Hour)
				id := string(rune('a' + n))
				i := invitation.Invitation{
					ID: invitation.ID(id), Project: site.Project, Token: [32]byte{byte(n)}, By: "ada", Offer: project.Member{Role: sconce.Viewer},
					Made: start, Expires: at.Add(invitation.Life),
				}
				if err := errors.Join(
					people.CreateSession(ctx, identity.Session{ID: identity.SessionID{byte(n)}, Account: "ada", Made: at, Used: at.Add(identity.SessionLife)}, []byte{1}, 10),
					people.SendLink(ctx, identity.Link{ID: [32]byte{byte(n)}, Kind: identity.RegistrationLink, Sealed: []byte{1}, Expires: at.Add(identity.RegistrationLife)}, letter(id, at), start),
					s.Invitations().CreateInvitation(ctx, site.Owner, i, 100),
					people.SaveInvited(ctx, id, "guest@example.org", letter("of "+id, at.Add(90*24*time.Hour))),
				); err != nil {
					t.Fatal(err)
				}
			}
			left := func() (sessions, links, letters, invitations, invited int) {
				t.Helper()
				all, err := people.SessionsOf(ctx, "ada")
				open, err2 := s.Invitations().Invitations(ctx, site.Owner)
				to, err3 := s.InvitationsTo(ctx, "guest@example.org")
				due, err4 := s.Letters().Due(ctx, start.Add(1000*24*time.Hour), 100)
				for n := range 5 {
					l, err := people.Link(ctx, [32]byte{byte(n)})
					if err != nil {
						t.Fatal(err)
					}
					links += int(min(l.Kind, 1))
				}
				if err := errors.Join(err, err2, err3, err4); err != nil {
					t.Fatal(err)
				}
				return len(all), links, len(due), len(open), len(to)
			}
			times, err := privacy.Times()
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []struct {
				after time.Duration // two hours after the life of one thing
				want  [5]int
			}{
				{identity.RegistrationLife, [5]int{5, 2, 7, 5, 5}},
				{invitation.Life, [5]int{5, 0, 5, 2, 2}},
				{identity.SessionLife, [5]int{2, 0, 5, 0, 0}},
			} {
				bites := map[string]int{}
				err := s.Expire(ctx, start.Add(step.after+2*time.Hour), times, 2, func(table string, rows int) error {
					if rows > 2 {
						t.Errorf("%d rows of %s at once", rows, table)
					}
					bites[table]++
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				a, b, c, d, e := left()
				if got := [5]int{a, b, c, d, e}; got != step.want {
					t.Errorf("after %s there are %v, want %v; bites %v", step.after, got, step.want, bites)
				}
			}
			if c, err := people.Credentials(ctx, ada.Email); err != nil || c.ID != "ada" {
				t.Errorf("the account: %v, %v", c.ID, err)
			}
		})
	}
}

// over is rows of which there are always some over.
type over struct{ asked chan map[string]time.Duration }

func (o over) Expire(ctx context.Context, _ time.Time, rules map[string]time.Duration, limit int, did func(string, int) error) error {
	o.asked <- rules
	return did("identity.links", limit)
}

// TestRetain looks every hour, and ends when it is told to.
func TestRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := over{make(chan map[string]time.Duration)}
		done := make(chan struct{})
		go func() {
			privacy.Retain(ctx, o, time.Now, slog.New(slog.DiscardHandler))
			close(done)
		}()
		start := time.Now()
		for range 3 {
			if rules := <-o.asked; rules["identity.links"] != identity.UndoEmailLife {
				t.Errorf("the rules are %v", rules)
			}
		}
		if since := time.Since(start); since < 2*time.Hour || since > 3*time.Hour {
			t.Errorf("three times in %s", since)
		}
		cancel()
		<-done
	})
}
