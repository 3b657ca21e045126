package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
)

const onPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"

// TestSessionsAreListed shows where somebody is signed in, and ends what they choose, and nothing of
// others.
func TestSessionsAreListed(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	first := p.signIn(t)
	p.clock.advance(time.Hour)
	phone := at("203.0.113.77")
	phone.Agent = onPhone
	in, err := p.SignIn(ctx, email, identity.NewPassword(password), phone)
	if err != nil {
		t.Fatal(err)
	}
	list := func() []identity.SignedIn {
		t.Helper()
		all, err := p.SignedIn(ctx, p.ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list()
	if len(all) != 2 || all[0].Device != "Safari on iPhone" || all[0].Network != "203.0.113.0/24" || all[0].By != identity.ByPassword ||
		all[1].Device != "Firefox on Linux" || !all[1].Used.Equal(p.clock.at.Add(-time.Hour)) {
		t.Fatalf("sessions %+v", all)
	}
	if _, err := p.CreateAccount(ctx, "bob@example.org", "Bob", identity.NewPassword(newPassword)); err != nil {
		t.Fatal(err)
	}
	bob, err := p.SignIn(ctx, "bob@example.org", identity.NewPassword(newPassword), home)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "a session of somebody else", p.EndNamed(ctx, bob.Account.ID, all[0].Name()), sconce.NotFound)
	if err := p.EndNamed(ctx, p.ada.ID, all[0].Name()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "a session that has ended", p.EndNamed(ctx, p.ada.ID, all[0].Name()), sconce.NotFound)
	_, _, err = p.Session(ctx, in.Token)
	wantKind(t, "the session that was ended", err, sconce.Unauthenticated)

	for range 3 {
		p.signIn(t)
	}
	session, _, err := p.Session(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.EndOthers(ctx, session); err != nil {
		t.Fatal(err)
	}
	if all := list(); len(all) != 1 || all[0].ID != session.ID {
		t.Errorf("sessions that are left: %+v", all)
	}
	if _, _, err := p.Session(ctx, bob.Token); err != nil {
		t.Errorf("the session of somebody else: %v", err)
	}
	p.clock.advance(identity.SessionIdle)
	if all := list(); len(all) != 0 {
		t.Errorf("sessions that are over are listed: %+v", all)
	}
}

// TestHistory shows what somebody sees of how their account was signed in to, that it is bounded, that
// a flood of refused tries pushes out none that succeeded, and that it is forgotten.
func TestHistory(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	p.signIn(t)
	for i := range 130 {
		from := at(fmt.Sprintf("198.51.%d.7", i))
		from.Agent = "curl/8.14.1"
		_, err := p.SignIn(ctx, email, identity.NewPassword("wrong wrong wrong"), from)
		wantKind(t, "a wrong password", err, sconce.Unauthenticated)
		p.Close() // it is written after the answer
		p.clock.advance(time.Second)
	}
	_, err := p.SignIn(ctx, "nobody@example.org", identity.NewPassword("wrong wrong wrong"), home)
	wantKind(t, "no account", err, sconce.Unauthenticated)
	p.Close()
	all, err := p.History(ctx, p.ada.ID)
	if err != nil || len(all) != identity.HistorySize+1 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	if v := all[0]; !v.Refused || v.By != identity.ByPassword || v.Device != "curl" || v.Network != "198.51.129.0/24" {
		t.Errorf("the newest is %+v", v)
	}
	if v := all[len(all)-1]; v.Refused || v.Device != "Firefox on Linux" || v.Network != "192.0.2.0/24" {
		t.Errorf("the oldest is %+v", v)
	}
	p.clock.advance(identity.HistoryLife)
	if all, err := p.History(ctx, p.ada.ID); err != nil || len(all) > 1 {
		t.Errorf("after 90 days: %d entries, %v", len(all), err)
	}
	p.signIn(t)
	if left, err := p.store.Attempts(ctx, p.ada.ID); err != nil || len(left) != 1 {
		t.Errorf("after 90 days and a sign-in %d are stored, %v", len(left), err)
	}
}

// TestChangePassword shows that it takes the password of now, that every session ends, also for who
// receives live data, and that the one who asked goes on with another.
func TestChangePassword(t *testing.T) {
	c := newLiveCase(t)
	ctx := t.Context()
	viewer, err := c.connect(t)
	if err != nil {
		t.Fatal(err)
	}
	other := c.signIn(t)
	if err := c.ForgotPassword(ctx, email, home); err != nil {
		t.Fatal(err)
	}
	_, link := linkIn(t, c.inbox(t)[0])
	change := func(old, p string) (identity.Admission, error) {
		return c.ChangePassword(ctx, c.session, c.ada, identity.NewPassword(old), identity.NewPassword(p), home)
	}
	_, err = change("wrong wrong wrong", newPassword)
	wantKind(t, "a wrong password", err, sconce.Forbidden)
	_, err = change(password, "Manchesterunited")
	wantKind(t, "to a leaked one", err, sconce.Invalid)
	if _, _, err := c.Session(ctx, other); err != nil {
		t.Fatal(err)
	}
	in, err := change(password, newPassword)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]identity.Token{"another session": other, "the session that asked": c.token} {
		_, _, err := c.Session(ctx, token)
		wantKind(t, name, err, sconce.Unauthenticated)
	}
	if ended, err := c.live.Ended(ctx, []identity.Viewer{viewer}); err != nil || len(ended) != 1 {
		t.Errorf("live data goes on: %v, %v", ended, err)
	}
	if session, who, err := c.Session(ctx, in.Token); err != nil || who.ID != c.ada.ID || session.By != identity.ByPassword {
		t.Errorf("the new session: %+v, %v", session, err)
	}
	wantKind(t, "a link of before", c.ResetPassword(ctx, link, identity.NewPassword("yet another horse")), sconce.NotFound)
	_, err = c.SignIn(ctx, email, identity.NewPassword(password), home)
	wantKind(t, "the password of before", err, sconce.Unauthenticated)
	if _, err := c.SignIn(ctx, email, identity.NewPassword(newPassword), home); err != nil {
		t.Error(err)
	}
	if box := c.inbox(t); len(box) != 1 || !strings.Contains(box[0].Text, "the password was changed") {
		t.Errorf("letters %+v", box)
	}
}
