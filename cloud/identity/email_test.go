package identity_test

import (
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
)

// asking asks for another address of Ada's, and returns the letters that came, by address.
func (p people) asking(t *testing.T, in identity.Session, email string) map[string]mail.Letter {
	t.Helper()
	if err := p.AskEmail(t.Context(), in, p.ada, email, identity.NewPassword(password), home); err != nil {
		t.Fatal(err)
	}
	letters := map[string]mail.Letter{}
	for _, l := range p.inbox(t) {
		letters[l.To] = l
	}
	return letters
}

// TestChangeOfEmail gives an account another address: it has it when the link there was
// followed, and the old one was told before. Sessions and passkeys stay.
func TestChangeOfEmail(t *testing.T) {
	w := newWithPasskey(t)
	ctx := t.Context()
	if err := w.ForgotPassword(ctx, email, home); err != nil {
		t.Fatal(err)
	}
	var reset identity.Token
	for _, l := range w.inbox(t) {
		if strings.Contains(l.Text, "reset#") { // the other says that a passkey was made
			_, reset = linkIn(t, l)
		}
	}
	wantKind(t, "without the password", w.AskEmail(ctx, w.session, w.ada, "new@example.org", identity.NewPassword("wrong wrong wrong"), home), sconce.Forbidden)
	wantKind(t, "the same address", w.AskEmail(ctx, w.session, w.ada, " ADA@example.org", identity.NewPassword(password), home), sconce.Invalid)
	wantKind(t, "no address", w.AskEmail(ctx, w.session, w.ada, "new", identity.NewPassword(password), home), sconce.Invalid)
	letters := w.asking(t, w.session, " New@Example.org ")
	if len(letters) != 2 || !strings.Contains(letters[email].Text, "new@example.org") || strings.Contains(letters["new@example.org"].Text, "Ada") {
		t.Fatalf("letters: %+v", letters)
	}
	page, token := linkIn(t, letters["new@example.org"])
	if page != "email" {
		t.Errorf("the link leads to %s", page)
	}
	if a, err := w.AccountOf(ctx, email); err != nil || a != w.ada {
		t.Errorf("before it is confirmed: %+v, %v", a, err)
	}
	undoPage, undo := linkIn(t, letters[email])
	if undoPage != "undo-email" {
		t.Errorf("the other link leads to %s", undoPage)
	}
	wantKind(t, "the old address confirms it", w.ConfirmEmail(ctx, undo), sconce.NotFound)
	wantKind(t, "the new address undoes it", w.UndoEmail(ctx, token), sconce.NotFound)
	if err := w.ConfirmEmail(ctx, token); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "again", w.ConfirmEmail(ctx, token), sconce.NotFound)
	wantKind(t, "a new password by a letter to the old address", w.ResetPassword(ctx, reset, identity.NewPassword(newPassword)), sconce.NotFound)
	if _, a, err := w.Session(ctx, w.signInAs(t, "new@example.org")); err != nil || a.ID != w.ada.ID || a.Email != "new@example.org" || a.Name != "Ada" {
		t.Errorf("with the new address: %+v, %v", a, err)
	}
	if _, err := w.SignIn(ctx, email, identity.NewPassword(password), home); sconce.KindOf(err) != sconce.Unauthenticated {
		t.Errorf("with the old address: %v", err)
	}
	if all, err := w.SignedIn(ctx, w.ada.ID); err != nil || len(all) < 2 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
	if _, err := w.enter(t, w.device); err != nil {
		t.Errorf("with the passkey: %v", err)
	}
	w.wantEntry(t, audit.EmailChanged)
}

func (p people) signInAs(t *testing.T, email string) identity.Token {
	t.Helper()
	in, err := p.SignIn(t.Context(), email, identity.NewPassword(password), home)
	if err != nil {
		t.Fatal(err)
	}
	return in.Token
}

// wantEntry checks that the security log of people has an action.
func (p people) wantEntry(t *testing.T, action audit.Action) {
	t.Helper()
	entries, err := p.log.Entries(t.Context(), audit.People, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Action == action {
			return
		}
	}
	t.Errorf("the log has no %s", action)
}

// TestUndoEmail: whoever took the session and the password of somebody over cannot take the account:
// its former address brings it back, whatever was done meanwhile, and nobody who came
// after it can undo that.
func TestUndoEmail(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	session, _, _ := p.Session(ctx, p.signIn(t))
	_, back := linkIn(t, p.asking(t, session, "thief@example.net")[email])
	letters := p.asking(t, session, "thief@example.net")
	_, confirm := linkIn(t, letters["thief@example.net"])
	if err := p.ConfirmEmail(ctx, confirm); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(time.Hour)
	thief, err := p.AccountOf(ctx, "thief@example.net")
	if err != nil || thief.ID != p.ada.ID {
		t.Fatal(thief, err)
	}
	changed, err := p.ChangePassword(ctx, session, thief, identity.NewPassword(password), identity.NewPassword(newPassword), home)
	if err != nil {
		t.Fatal(err)
	}
	session, _, _ = p.Session(ctx, changed.Token)
	if err := p.AskEmail(ctx, session, thief, "second@example.net", identity.NewPassword(newPassword), home); err != nil {
		t.Fatal(err)
	}
	var later identity.Token
	for _, l := range p.inbox(t) {
		if l.To == "thief@example.net" && strings.Contains(l.Text, "second@example.net") {
			_, later = linkIn(t, l)
		}
	}

	if err := p.UndoEmail(ctx, back); err != nil {
		t.Fatal(err)
	}
	if a, err := p.AccountOf(ctx, email); err != nil || a != p.ada {
		t.Errorf("the account is %+v, %v", a, err)
	}
	wantKind(t, "the link to the address between", p.UndoEmail(ctx, later), sconce.NotFound)
	wantKind(t, "the same again", p.UndoEmail(ctx, back), sconce.NotFound)
	_, _, err = p.Session(ctx, changed.Token)
	wantKind(t, "the session of the thief", err, sconce.Unauthenticated)
	_, err = p.SignIn(ctx, email, identity.NewPassword(newPassword), home)
	wantKind(t, "the password of the thief", err, sconce.Unauthenticated)
	box := p.inbox(t)
	page, token := linkIn(t, box[len(box)-1])
	if box[len(box)-1].To != email || page != "reset" {
		t.Fatalf("the last letter is %+v", box[len(box)-1])
	}
	if err := p.ResetPassword(ctx, token, identity.NewPassword("a third horse battery")); err != nil {
		t.Error(err)
	}
}

// TestEarlierAddressComesFirst: an address that an account had later takes it from none that it had
// before.
func TestEarlierAddressComesFirst(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	session, _, _ := p.Session(ctx, p.signIn(t))
	letters := p.asking(t, session, "thief@example.net")
	_, first := linkIn(t, letters[email])
	_, confirm := linkIn(t, letters["thief@example.net"])
	if err := p.ConfirmEmail(ctx, confirm); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(time.Minute)
	p.ada.Email = "thief@example.net"
	_, second := linkIn(t, p.asking(t, session, "second@example.net")["thief@example.net"])
	if err := p.UndoEmail(ctx, second); err != nil {
		t.Fatal(err)
	}
	if err := p.UndoEmail(ctx, first); err != nil {
		t.Errorf("the first address: %v", err)
	}
	if a, err := p.AccountOf(ctx, email); err != nil || a.ID != p.ada.ID {
		t.Errorf("the account is %+v, %v", a, err)
	}
}

// TestEmailOfSomebodyElse: the answer, and what the asker's own address is told, are the same for
// an address that has an account, whose owner is told, and nothing changes.
func TestEmailOfSomebodyElse(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	if _, err := p.CreateAccount(ctx, "bob@example.org", "Bob", identity.NewPassword(password)); err != nil {
		t.Fatal(err)
	}
	session, _, _ := p.Session(ctx, p.signIn(t))
	taken := p.asking(t, session, "bob@example.org")
	if !strings.Contains(taken["bob@example.org"].Text, "Dear Bob") || strings.Contains(taken["bob@example.org"].Text, "#") {
		t.Errorf("the letter to its owner: %s", taken["bob@example.org"].Text)
	}
	free := p.asking(t, session, "abc@example.org")
	plain := func(l mail.Letter, email string) string {
		text := strings.ReplaceAll(l.Text, email, "X")
		return linkInText.ReplaceAllString(text, "LINK")
	}
	if a, b := plain(taken[email], "bob@example.org"), plain(free[email], "abc@example.org"); a != b {
		t.Errorf("the letters to the old address differ:\n%s\n%s", a, b)
	}
	_, token := linkIn(t, free["abc@example.org"])
	if _, err := p.CreateAccount(ctx, "abc@example.org", "Abc", identity.NewPassword(password)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "an address that was taken meanwhile", p.ConfirmEmail(ctx, token), sconce.Conflict)
	p.clock.advance(2 * time.Hour)
	_, late := linkIn(t, p.asking(t, session, "late@example.org")["late@example.org"])
	p.clock.advance(identity.EmailLife)
	wantKind(t, "a day later", p.ConfirmEmail(ctx, late), sconce.NotFound)
	if a, err := p.AccountOf(ctx, email); err != nil || a != p.ada {
		t.Errorf("the account is %+v, %v", a, err)
	}
	var refused error
	for range 10 {
		if refused = p.AskEmail(ctx, session, p.ada, "x@example.org", identity.NewPassword(password), home); refused != nil {
			break
		}
	}
	wantKind(t, "without end", refused, sconce.TooMany)
	wantLater(t, refused)
}

// TestDetails: what somebody says of how to reach them is kept as it was written, or refused at its
// field, and forgotten when they say so.
func TestDetails(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	session, _, _ := p.Session(ctx, p.signIn(t))
	for field, d := range map[string]identity.Details{
		"phone":    {Phone: "call me"},
		"address":  {Address: strings.Repeat("x", 301)},
		"contact":  {Contact: "a\nb"},
		"phone ":   {Phone: strings.Repeat("1", 41)},
		"address ": {Address: "a\x00b"},
		"phone  ":  {Phone: "++1"},
	} {
		_, err := p.Correct(ctx, session, p.ada, "Ada", "GB", d)
		wantKind(t, field, err, sconce.Invalid)
		if !strings.Contains(sconceField(err), strings.TrimSpace(field)) {
			t.Errorf("%s: the field is %q", field, sconceField(err))
		}
	}
	want := identity.Details{Phone: "+44 (0)20 7946-0958", Address: "12 St James's Square\nLondon", Contact: "Mary Somerville"}
	if _, err := p.Correct(ctx, session, p.ada, "Ada", "GB", identity.Details{Phone: " " + want.Phone, Address: "12 St James's Square\r\nLondon\n", Contact: want.Contact}); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Details(ctx, p.ada.ID); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := p.Correct(ctx, session, p.ada, "Ada", "GB", identity.Details{}); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Details(ctx, p.ada.ID); err != nil || got != (identity.Details{}) {
		t.Errorf("%+v, %v", got, err)
	}
}
