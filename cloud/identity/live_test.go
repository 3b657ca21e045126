package identity_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
)

// memberships is who may see which projects.
type memberships map[sconce.AccountID][]sconce.ProjectID

func (m memberships) ProjectIDs(_ context.Context, who sconce.AccountID) ([]sconce.ProjectID, error) {
	return slices.Clone(m[who]), nil
}

type liveCase struct {
	people
	live    *identity.Live
	member  memberships
	token   identity.Token
	session identity.Session
	ticket  identity.Ticket
}

func newLiveCase(t *testing.T) liveCase {
	t.Helper()
	c := liveCase{people: newPeople(t)}
	c.member = memberships{c.ada.ID: {"one", "two"}}
	c.live = identity.NewLive(c.store, c.member, c.clock.now)
	c.token = c.signIn(t)
	c.session, _, _ = c.Session(t.Context(), c.token)
	var err error
	if c.ticket, err = c.live.Issue(t.Context(), c.session); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c liveCase) connect(t *testing.T) (identity.Viewer, error) {
	return c.live.Authenticate(t.Context(), c.ticket.Username, c.ticket.Password.Reveal())
}

func TestTicket(t *testing.T) {
	c := newLiveCase(t)
	if !c.ticket.Expires.Equal(c.clock.at.Add(15 * time.Minute)) {
		t.Errorf("expires %v", c.ticket.Expires)
	}
	v, err := c.connect(t)
	if err != nil || v.Account != c.ada.ID || v.Session != c.session.ID {
		t.Fatalf("Authenticate = %v, %v", v, err)
	}
	if !slices.Equal(v.Projects, []sconce.ProjectID{"one", "two"}) {
		t.Errorf("projects %q", v.Projects)
	}
	c.clock.advance(identity.TicketLife - time.Second)
	if _, err := c.connect(t); err != nil {
		t.Errorf("again, before it expires: %v", err)
	}
	c.clock.advance(time.Second)
	_, err = c.connect(t)
	wantKind(t, "expired", err, sconce.Unauthenticated)
}

func TestForeignTickets(t *testing.T) {
	c := newLiveCase(t)
	other, err := c.live.Issue(t.Context(), c.session)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string][2]string{
		"password of another ticket": {c.ticket.Username, other.Password.Reveal()},
		"unknown user name":          {"x", c.ticket.Password.Reveal()},
		"the session's token":        {c.ticket.Username, c.token.Reveal()},
		"nothing":                    {"", ""},
	} {
		_, err := c.live.Authenticate(t.Context(), try[0], try[1])
		wantKind(t, name, err, sconce.Unauthenticated)
	}
}

// TestRightsEnd shows each way in which a viewer's right ends, for a connection
// that is to be made and for one that is there.
func TestRightsEnd(t *testing.T) {
	for name, end := range map[string]func(*testing.T, liveCase){
		"session ended": func(t *testing.T, c liveCase) {
			if err := c.End(t.Context(), c.session.ID); err != nil {
				t.Fatal(err)
			}
		},
		"membership ended":  func(_ *testing.T, c liveCase) { c.member[c.ada.ID] = []sconce.ProjectID{"two", "three"} },
		"no project at all": func(_ *testing.T, c liveCase) { delete(c.member, c.ada.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newLiveCase(t)
			v, err := c.connect(t)
			if err != nil {
				t.Fatal(err)
			}
			if ended, err := c.live.Ended(t.Context(), []identity.Viewer{v, v}); err != nil || len(ended) != 0 {
				t.Fatalf("ended before its time: %v, %v", ended, err)
			}
			end(t, c)
			if ended, err := c.live.Ended(t.Context(), []identity.Viewer{v, v}); err != nil || !slices.Equal(ended, []int{0, 1}) {
				t.Errorf("Ended = %v, %v", ended, err)
			}
			_, err = c.connect(t)
			wantKind(t, "connecting again", err, sconce.Unauthenticated)
		})
	}
}

func TestSessionExpiryEndsViewers(t *testing.T) {
	c := newLiveCase(t)
	v, err := c.connect(t)
	if err != nil {
		t.Fatal(err)
	}
	c.clock.advance(identity.SessionIdle)
	if ended, err := c.live.Ended(t.Context(), []identity.Viewer{v}); err != nil || len(ended) != 1 {
		t.Errorf("Ended = %v, %v", ended, err)
	}
}

func TestOnlyThoseWhoseRightEndedEnd(t *testing.T) {
	c := newLiveCase(t)
	gone, err := c.connect(t)
	if err != nil {
		t.Fatal(err)
	}
	session, _, err := c.Session(t.Context(), c.signIn(t))
	if err != nil {
		t.Fatal(err)
	}
	stays := identity.Viewer{Account: c.ada.ID, Session: session.ID, Projects: []sconce.ProjectID{"one"}}
	stranger := identity.Viewer{Account: "somebody else", Session: session.ID}
	if err := c.End(t.Context(), gone.Session); err != nil {
		t.Fatal(err)
	}
	ended, err := c.live.Ended(t.Context(), []identity.Viewer{stays, gone, stays, stranger})
	if err != nil || !slices.Equal(ended, []int{1, 3}) {
		t.Errorf("Ended = %v, %v; want 1 and 3", ended, err)
	}
}

func TestTicketsOfOneSessionAreLimited(t *testing.T) {
	c := newLiveCase(t)
	for range 15 {
		if _, err := c.live.Issue(t.Context(), c.session); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.live.Issue(t.Context(), c.session)
	wantKind(t, "ticket 17", err, sconce.TooMany)
	c.clock.advance(identity.TicketLife)
	if _, err := c.live.Issue(t.Context(), c.session); err != nil {
		t.Errorf("after the others expired: %v", err)
	}
}
