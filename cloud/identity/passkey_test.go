package identity_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/internal/securitykey"
)

// withPasskey is people whose Ada has a passkey.
type withPasskey struct {
	people
	session identity.Session
	device  *securitykey.Key
}

func newWithPasskey(t *testing.T) withPasskey {
	t.Helper()
	p := withPasskey{people: newPeople(t), device: securitykey.New(t, "https://sconce.example.org")}
	p.session, _, _ = p.Session(t.Context(), p.signIn(t))
	if _, err := p.add(t, p.device, "Laptop"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p withPasskey) begin(t *testing.T) identity.Ceremony {
	t.Helper()
	c, err := p.BeginPasskey(t.Context(), p.session, p.ada, identity.NewPassword(password), home)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p withPasskey) add(t *testing.T, d *securitykey.Key, label string) (identity.OwnPasskey, error) {
	t.Helper()
	c := p.begin(t)
	return p.FinishPasskey(t.Context(), p.session, p.ada, c.Token, label, d.Create(c.Options))
}

func (p withPasskey) asked(t *testing.T) identity.Ceremony {
	t.Helper()
	c, err := p.BeginPasskeySignIn(home)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enter signs in with a passkey.
func (p withPasskey) enter(t *testing.T, d *securitykey.Key) (identity.Admission, error) {
	t.Helper()
	c := p.asked(t)
	d.Count++
	return p.FinishPasskeySignIn(t.Context(), c.Token, d.Get(c.Options), home)
}

// TestPasskey makes a passkey, signs in with it without an address, and removes it.
func TestPasskey(t *testing.T) {
	p := newWithPasskey(t)
	ctx := t.Context()
	asked := p.device.Read(p.begin(t).Options)
	if asked.AuthenticatorSelection.ResidentKey != "required" || asked.AuthenticatorSelection.UserVerification != "required" || asked.Attestation == "direct" ||
		len(asked.ExcludeCredentials) != 1 || asked.ExcludeCredentials[0].ID != base64.RawURLEncoding.EncodeToString(p.device.ID) || fmt.Sprint(asked.PubKeyCredParams) != "[{-7} {-35} {-257}]" {
		t.Errorf("a browser is asked to make %+v", asked)
	}
	if asked := p.device.Read(p.asked(t).Options); len(asked.AllowCredentials) != 0 || asked.UserVerification != "required" {
		t.Errorf("a browser is asked for %+v", asked)
	}
	*p.costs = nil
	in, err := p.enter(t, p.device)
	if err != nil || in.Half || in.Account != p.ada {
		t.Fatalf("%+v, %v", in, err)
	}
	session, who, err := p.Session(ctx, in.Token)
	if err != nil || who != p.ada || session.By != identity.ByPasskey || len(*p.costs) != 0 {
		t.Errorf("the session is %+v of %v, %v", session, who, err)
	}
	second := securitykey.New(t, "https://sconce.example.org")
	second.Count = 0 // as those that are synced: it never counts
	if _, err := p.add(t, second, "Phone"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		second.Count = ^uint32(0)
		if _, err := p.enter(t, second); err != nil { // which counts on, to 0
			t.Errorf("one without a counter: %v", err)
		}
	}
	all, err := p.Passkeys(ctx, p.ada.ID)
	if err != nil || len(all) != 2 || all[0].Used.IsZero() {
		t.Fatalf("%+v, %v", all, err)
	}
	labels := []string{all[0].Label, all[1].Label}
	if strings.Join(labels, " ") != "Phone Laptop" && strings.Join(labels, " ") != "Laptop Phone" {
		t.Errorf("passkeys %v", labels)
	}
	wrong := identity.NewPassword("wrong wrong wrong")
	_, err = p.BeginPasskey(ctx, p.session, p.ada, wrong, home)
	wantKind(t, "making one without the password", err, sconce.Forbidden)
	wantKind(t, "removing one without the password", p.RemovePasskey(ctx, p.session, p.ada, wrong, all[0].ID.Name(), home), sconce.Forbidden)
	for _, k := range all {
		if err := p.RemovePasskey(ctx, p.session, p.ada, identity.NewPassword(password), k.ID.Name(), home); err != nil {
			t.Error(err)
		}
	}
	wantKind(t, "removing it again", p.RemovePasskey(ctx, p.session, p.ada, identity.NewPassword(password), all[0].ID.Name(), home), sconce.NotFound)
	_, err = p.enter(t, p.device)
	wantKind(t, "one that was removed", err, sconce.Unauthenticated)
	letters := 0
	for _, l := range p.inbox(t) {
		if strings.Contains(l.Text, "a passkey was") {
			letters++
		}
	}
	if letters != 4 {
		t.Errorf("%d letters about passkeys, want 4", letters)
	}
}

// TestPasskeyRefused shows each answer that opens nothing: of another site, of another ceremony, of a
// device that did not recognise its owner, signed by another key, for somebody else.
func TestPasskeyRefused(t *testing.T) {
	p := newWithPasskey(t)
	ctx := t.Context()
	eve := securitykey.New(t, "https://sconce.example.org")
	for name, change := range map[string]func(d *securitykey.Key){
		"another site":                  func(d *securitykey.Key) { d.Origin = "https://sconce.example.com" },
		"another site without TLS":      func(d *securitykey.Key) { d.Origin = "http://sconce.example.org" },
		"another relying party":         func(d *securitykey.Key) { d.RP = "example.org" },
		"nobody present":                func(d *securitykey.Key) { d.Flags = securitykey.UserVerified },
		"nobody recognised":             func(d *securitykey.Key) { d.Flags = securitykey.UserPresent },
		"another key":                   func(d *securitykey.Key) { d.Key = eve.Key },
		"an unknown passkey":            func(d *securitykey.Key) { d.ID = eve.ID },
		"the handle of somebody else":   func(d *securitykey.Key) { d.Handle = []byte("bob") },
		"no handle":                     func(d *securitykey.Key) { d.Handle = nil },
		"one that says it is backed up": func(d *securitykey.Key) { d.Flags |= securitykey.BackedUp },
	} {
		d := *p.device
		d.Count += 10
		change(&d)
		_, err := p.enter(t, &d)
		wantKind(t, name, err, sconce.Unauthenticated)
	}
	first, second := p.asked(t), p.asked(t)
	p.device.Count++
	answer := p.device.Get(first.Options)
	_, err := p.FinishPasskeySignIn(ctx, second.Token, answer, home)
	wantKind(t, "the answer to another question", err, sconce.Unauthenticated)
	if _, err := p.FinishPasskeySignIn(ctx, first.Token, answer, home); err != nil {
		t.Errorf("a good answer: %v", err)
	}
	_, err = p.FinishPasskeySignIn(ctx, first.Token, answer, home)
	wantKind(t, "the same answer again", err, sconce.Unauthenticated)
	late := p.asked(t)
	p.device.Count++
	answer = p.device.Get(late.Options)
	p.clock.advance(identity.CeremonyLife)
	_, err = p.FinishPasskeySignIn(ctx, late.Token, answer, home)
	wantKind(t, "too late", err, sconce.Unauthenticated)
	for _, text := range []string{"", "{}", "null", `{"id":"x"}`, strings.Repeat("[", 1000)} {
		_, err = p.FinishPasskeySignIn(ctx, p.asked(t).Token, []byte(text), home)
		wantKind(t, text, err, sconce.Unauthenticated)
	}
	if _, err := p.enter(t, p.device); err != nil {
		t.Errorf("after all this, the right one: %v", err)
	}
}

// TestPasskeyNotMade shows what is not stored as a passkey.
func TestPasskeyNotMade(t *testing.T) {
	p := newWithPasskey(t)
	ctx := t.Context()
	for name, change := range map[string]func(d *securitykey.Key){
		"nobody recognised":            func(d *securitykey.Key) { d.Flags = securitykey.UserPresent },
		"another site":                 func(d *securitykey.Key) { d.Origin = "https://sconce.example.com" },
		"a kind of key that is not in": func(d *securitykey.Key) { d.Algorithm = -8 },
	} {
		d := securitykey.New(t, "https://sconce.example.org")
		change(d)
		_, err := p.add(t, d, "Laptop")
		wantKind(t, name, err, sconce.Invalid)
	}
	for _, label := range []string{"", " ", "two\nlines", strings.Repeat("x", 101)} {
		_, err := p.add(t, securitykey.New(t, "https://sconce.example.org"), label)
		wantKind(t, label, err, sconce.Invalid)
	}
	_, err := p.add(t, p.device, "Again")
	wantKind(t, "one that is there", err, sconce.Conflict)
	c := p.begin(t)
	other, _, _ := p.Session(ctx, p.signIn(t))
	_, err = p.FinishPasskey(ctx, other, p.ada, c.Token, "Laptop", securitykey.New(t, "https://sconce.example.org").Create(c.Options))
	wantKind(t, "in another session", err, sconce.NotFound)
	c = p.begin(t)
	p.clock.advance(identity.CeremonyLife)
	_, err = p.FinishPasskey(ctx, p.session, p.ada, c.Token, "Laptop", securitykey.New(t, "https://sconce.example.org").Create(c.Options))
	wantKind(t, "too late", err, sconce.NotFound)
	for i := 1; i < identity.MaxPasskeys; i++ {
		if _, err := p.add(t, securitykey.New(t, "https://sconce.example.org"), "Laptop"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = p.BeginPasskey(ctx, p.session, p.ada, identity.NewPassword(password), home)
	wantKind(t, "one too many", err, sconce.TooMany)
	s := identity.New(identity.Parts{Store: p.store, Now: p.clock.now})
	_, err = s.BeginPasskeySignIn(home)
	wantKind(t, "where none are taken", err, sconce.Unavailable)
}

// TestCopiedPasskey shows that a counter that goes back ends a passkey, whoever of the two came first,
// and that its owner is told.
func TestCopiedPasskey(t *testing.T) {
	p := newWithPasskey(t)
	copied := *p.device
	for range 2 {
		if _, err := p.enter(t, p.device); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.enter(t, &copied)
	wantKind(t, "a copy", err, sconce.Unauthenticated)
	_, err = p.enter(t, p.device)
	wantKind(t, "the true one, after a copy was seen", err, sconce.Unauthenticated)
	all, err := p.Passkeys(t.Context(), p.ada.ID)
	if err != nil || len(all) != 1 || !all[0].Suspect {
		t.Errorf("%+v, %v", all, err)
	}
	told := false
	for _, l := range p.inbox(t) {
		told = told || strings.Contains(l.Text, "there may be a copy")
	}
	if !told {
		t.Error("its owner was not told")
	}
	var logged bool
	for e, err := range audit.All(t.Context(), p.log, audit.People) {
		logged = logged || err == nil && e.Action == audit.PasskeySuspected && e.Who == audit.Account(p.ada.ID)
	}
	if !logged {
		t.Error("it is not in the security log")
	}
}

// TestPasskeyTriesAreLimited shows that one place cannot ask, or answer, for ever.
func TestPasskeyTriesAreLimited(t *testing.T) {
	p := newWithPasskey(t)
	c := p.asked(t)
	var asked, answered error
	for i := 0; answered == nil || sconce.KindOf(answered) != sconce.TooMany; i++ {
		if i > 200 {
			t.Fatal("answers are not limited")
		}
		_, answered = p.FinishPasskeySignIn(t.Context(), c.Token, []byte("{}"), home)
	}
	for i := 0; asked == nil; i++ {
		if i > 400 {
			t.Fatal("questions are not limited")
		}
		_, asked = p.BeginPasskeySignIn(home)
	}
	wantKind(t, "asking", asked, sconce.TooMany)
	if _, err := p.BeginPasskeySignIn(at("198.51.100.1")); err != nil {
		t.Errorf("from another place: %v", err)
	}
}
