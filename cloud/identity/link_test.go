package identity_test

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
)

const (
	site        = "https://sconce.example.org/"
	newPassword = "another horse battery"
)

// inbox sends what is in the queue, and returns it.
func (p people) inbox(t *testing.T) []mail.Letter {
	t.Helper()
	p.Close() // waits for what is being written
	composer, err := mail.NewComposer("sconce.example.org")
	if err != nil {
		t.Fatal(err)
	}
	box := mail.NewMailbox(p.clock.now)
	due, err := p.letters.Due(t.Context(), p.clock.at, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range due {
		o := mail.Office{Store: p.letters, Vault: p.vault, Composer: composer, Sender: box, Now: p.clock.now}
		if err := o.Deliver(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	return box.Letters()
}

var linkInText = regexp.MustCompile(regexp.QuoteMeta(site) + `(\S+)#(\S+)`)

// linkIn returns the page and the token of the link in a letter.
func linkIn(t *testing.T, l mail.Letter) (page string, token identity.Token) {
	t.Helper()
	m := linkInText.FindStringSubmatch(l.Text)
	if m == nil {
		t.Fatalf("no link in the letter:\n%s", l.Text)
	}
	token, err := identity.ParseToken(m[2])
	if err != nil {
		t.Fatal(err)
	}
	return m[1], token
}

// TestRegister goes from a request to an account that can sign in: the account is there
// only when the link was used, and with the password that was chosen there.
func TestRegister(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	if err := p.Register(ctx, " Grace@Example.org", " Grace ", "DE", home); err != nil {
		t.Fatal(err)
	}
	box := p.inbox(t)
	if len(box) != 1 || box[0].To != "grace@example.org" || !strings.Contains(box[0].Text, "Dear Grace") {
		t.Fatalf("letters: %+v", box)
	}
	page, token := linkIn(t, box[0])
	if page != "register" {
		t.Errorf("the link leads to %s", page)
	}
	if c, err := p.store.Credentials(ctx, "grace@example.org"); err != nil || c.ID != "" {
		t.Errorf("before the link is used there is %v, %v", c.Account, err)
	}
	_, err := p.ConfirmRegistration(ctx, token, identity.NewPassword("short"), home)
	wantKind(t, "a short password", err, sconce.Invalid)
	in, err := p.ConfirmRegistration(ctx, token, identity.NewPassword(newPassword), home)
	grace := in.Account
	if err != nil || grace.Email != "grace@example.org" || grace.Name != "Grace" || grace.Country != "DE" {
		t.Fatalf("%+v, %v", grace, err)
	}
	if _, who, err := p.Session(ctx, in.Token); err != nil || who != grace {
		t.Errorf("the session is of %+v, %v", who, err)
	}
	_, err = p.ConfirmRegistration(ctx, token, identity.NewPassword(newPassword), home)
	wantKind(t, "the link a second time", err, sconce.NotFound)
	if _, err := p.SignIn(ctx, "grace@example.org", identity.NewPassword(newPassword), home); err != nil {
		t.Errorf("signing in: %v", err)
	}
}

// TestRegisterKnownAddress shows that who has an account gets a link to a new password,
// and that who asks cannot tell.
func TestRegisterKnownAddress(t *testing.T) {
	p := newPeople(t)
	if err := p.Register(t.Context(), email, "Eve", "DE", home); err != nil {
		t.Errorf("the answer tells that there is an account: %v", err)
	}
	box := p.inbox(t)
	if len(box) != 1 || !strings.Contains(box[0].Text, "There is one already") || strings.Contains(box[0].Text, "Eve") {
		t.Fatalf("letters: %+v", box)
	}
	if page, token := linkIn(t, box[0]); page != "reset" {
		t.Errorf("the link leads to %s", page)
	} else if _, err := p.ConfirmRegistration(t.Context(), token, identity.NewPassword(newPassword), home); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a link for a new password makes an account: %v", err)
	}
}

// TestTwoRegistrations shows that of two requests for one address the first link used wins.
func TestTwoRegistrations(t *testing.T) {
	p := newPeople(t)
	for _, name := range []string{"Grace", "Eve"} {
		if err := p.Register(t.Context(), "grace@example.org", name, "DE", home); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range p.inbox(t) {
		_, token := linkIn(t, l)
		_, err := p.ConfirmRegistration(t.Context(), token, identity.NewPassword(newPassword), home)
		if i == 0 && err != nil {
			t.Error(err)
		}
		if i == 1 {
			wantKind(t, "the second link", err, sconce.Conflict)
		}
	}
}

// TestResetPassword shows that a new password takes the place of the old one, ends every
// session, and is told to the owner of the address.
func TestResetPassword(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	session := p.signIn(t)
	for range 2 { // two letters: when one link is used the other one opens nothing any more
		if err := p.ForgotPassword(ctx, email, home); err != nil {
			t.Fatal(err)
		}
	}
	box := p.inbox(t)
	if len(box) != 2 {
		t.Fatalf("letters: %+v", box)
	}
	page, token := linkIn(t, box[0])
	_, other := linkIn(t, box[1])
	if page != "reset" {
		t.Errorf("the link leads to %s", page)
	}
	wantKind(t, "a short password", p.ResetPassword(ctx, token, identity.NewPassword("short")), sconce.Invalid)
	if _, _, err := p.Session(ctx, session); err != nil {
		t.Fatal(err)
	}
	if err := p.ResetPassword(ctx, token, identity.NewPassword(newPassword)); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Session(ctx, session)
	wantKind(t, "the session of before", err, sconce.Unauthenticated)
	_, err = p.SignIn(ctx, email, identity.NewPassword(password), home)
	wantKind(t, "the password of before", err, sconce.Unauthenticated)
	if _, err := p.SignIn(ctx, email, identity.NewPassword(newPassword), home); err != nil {
		t.Errorf("the new password: %v", err)
	}
	for name, used := range map[string]identity.Token{"the link a second time": token, "the other link": other} {
		wantKind(t, name, p.ResetPassword(ctx, used, identity.NewPassword(password)), sconce.NotFound)
	}
	if box := p.inbox(t); len(box) != 1 || box[0].To != email || !strings.Contains(box[0].Subject, "was changed") {
		t.Errorf("letters after the change: %+v", box)
	}
}

func TestLinksExpire(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	if err := p.Register(ctx, "grace@example.org", "Grace", "DE", home); err != nil {
		t.Fatal(err)
	}
	if err := p.ForgotPassword(ctx, email, home); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]identity.Token{}
	for _, l := range p.inbox(t) {
		page, token := linkIn(t, l)
		tokens[page] = token
	}
	p.clock.advance(identity.ResetLife)
	wantKind(t, "a reset after an hour", p.ResetPassword(ctx, tokens["reset"], identity.NewPassword(newPassword)), sconce.NotFound)
	p.clock.advance(identity.RegistrationLife - identity.ResetLife)
	_, err := p.ConfirmRegistration(ctx, tokens["register"], identity.NewPassword(newPassword), home)
	wantKind(t, "a registration after a day", err, sconce.NotFound)
}

// TestLettersAreLimited shows that nobody can flood an address, nor from one place many, and
// that asking for an unknown address writes nothing.
func TestLettersAreLimited(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	for i := range 20 { // from many places
		if err := p.ForgotPassword(ctx, email, identity.Client{From: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if err := p.ForgotPassword(ctx, "nobody@example.org", home); err != nil {
		t.Errorf("an unknown address: %v", err)
	}
	if box := p.inbox(t); len(box) != 5 {
		t.Errorf("%d letters to one address, want 5", len(box))
	}
	var err error
	asked := 0
	for ; err == nil && asked < 1000; asked++ {
		err = p.Register(ctx, fmt.Sprintf("p%d@example.org", asked), "P", "DE", at("198.51.100.1"))
		p.Close()
	}
	wantKind(t, "many letters from one place", err, sconce.TooMany)
	if asked != 51 {
		t.Errorf("refused at request %d, want 51", asked)
	}
}

func TestRegisterRefuses(t *testing.T) {
	p := newPeople(t)
	for name, try := range map[string][3]string{
		"no address": {"grace", "Grace", "DE"}, "no name": {"g@example.org", " ", "DE"}, "two lines": {"g@example.org", "G\nrace", "DE"},
		"no country": {"g@example.org", "Grace", ""}, "a long country": {"g@example.org", "Grace", "GERMANY"}, "small letters": {"g@example.org", "Grace", "de"},
	} {
		wantKind(t, name, p.Register(t.Context(), try[0], try[1], try[2], home), sconce.Invalid)
	}
	wantKind(t, "no address, forgotten", p.ForgotPassword(t.Context(), "grace", home), sconce.Invalid)
	if box := p.inbox(t); len(box) != 0 {
		t.Errorf("letters: %+v", box)
	}
	s := identity.New(identity.Parts{Store: p.store, Now: p.clock.now})
	wantKind(t, "where no letters are sent", s.ForgotPassword(context.Background(), email, home), sconce.Unavailable)
}

// TestLinkIsUsedWithItsEffect shows that a link is not lost when what it was for fails.
func TestLinkIsUsedWithItsEffect(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	if err := p.Register(ctx, "grace@example.org", "Grace", "DE", home); err != nil {
		t.Fatal(err)
	}
	_, token := linkIn(t, p.inbox(t)[0])
	taken := identity.Credentials{Account: identity.Account{ID: "g", Email: "grace@example.org", Name: "G", Made: time.Now()}, PasswordHash: "x"}
	if err := p.store.CreateAccount(ctx, taken, "operator", "console"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := p.ConfirmRegistration(ctx, token, identity.NewPassword(newPassword), home)
		wantKind(t, "an address that was taken meanwhile", err, sconce.Conflict)
	}
}

// TestPasswordsAreCheckedEverywhere shows that no way to a password leads around the list of leaked
// ones, and that the link stays good for a better one.
func TestPasswordsAreCheckedEverywhere(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	leaked := identity.NewPassword("Manchesterunited")
	_, err := p.CreateAccount(ctx, "grace@example.org", "Grace", leaked)
	wantKind(t, "made by an operator", err, sconce.Invalid)
	if err := p.Register(ctx, "grace@example.org", "Grace", "DE", home); err != nil {
		t.Fatal(err)
	}
	if err := p.ForgotPassword(ctx, email, home); err != nil {
		t.Fatal(err)
	}
	for _, l := range p.inbox(t) {
		switch page, token := linkIn(t, l); page {
		case "register":
			_, err := p.ConfirmRegistration(ctx, token, leaked, home)
			wantKind(t, "at registration", err, sconce.Invalid)
			_, err = p.ConfirmRegistration(ctx, token, identity.NewPassword("grace@example.org"), home)
			wantKind(t, "the address as password", err, sconce.Invalid)
			if _, err := p.ConfirmRegistration(ctx, token, identity.NewPassword(newPassword), home); err != nil {
				t.Error(err)
			}
		case "reset":
			wantKind(t, "at a reset", p.ResetPassword(ctx, token, leaked), sconce.Invalid)
			wantKind(t, "the name as password", p.ResetPassword(ctx, token, identity.NewPassword("adaadaadaada")), sconce.Invalid)
			if err := p.ResetPassword(ctx, token, identity.NewPassword(newPassword)); err != nil {
				t.Error(err)
			}
		}
	}
}
