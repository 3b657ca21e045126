package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
)

// withStep is people whose Ada has a second step.
type withStep struct {
	people
	key      string
	recovery []identity.Code
	token    identity.Token
	session  identity.Session
}

func newWithStep(t *testing.T) withStep {
	t.Helper()
	p := withStep{people: newPeople(t)}
	p.token = p.signIn(t)
	p.session, _, _ = p.Session(t.Context(), p.token)
	o, err := p.OfferSecondStep(t.Context(), p.session, p.ada, identity.NewPassword(password), home)
	if err != nil {
		t.Fatal(err)
	}
	p.key = o.Key
	if p.recovery, err = p.ConfirmSecondStep(t.Context(), p.session, p.ada, o.Token, p.code()); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(30 * time.Second) // the code that confirmed it is used
	*p.costs = nil
	return p
}

// code returns what Ada's app shows now.
func (p withStep) code() identity.Code { return identity.AppCode(p.key, p.clock.at) }

func (p withStep) half(t *testing.T) identity.Token {
	t.Helper()
	in, err := p.SignIn(t.Context(), email, identity.NewPassword(password), home)
	if err != nil || !in.Half {
		t.Fatalf("SignIn = %v, %v; want half the way", in, err)
	}
	return in.Token
}

// TestSecondStep goes through both steps, with a code and with a recovery code, each of which is
// good once.
func TestSecondStep(t *testing.T) {
	p := newWithStep(t)
	ctx := t.Context()
	in, err := p.FinishSignIn(ctx, p.half(t), p.code(), home)
	if err != nil || in.Half {
		t.Fatalf("%v, %v", in, err)
	}
	session, who, err := p.Session(ctx, in.Token)
	if err != nil || who != p.ada || session.By != identity.ByCode {
		t.Fatalf("the session is %+v of %v, %v", session, who, err)
	}
	_, err = p.FinishSignIn(ctx, p.half(t), p.code(), home)
	wantKind(t, "the same code again", err, sconce.Unauthenticated)

	lower := identity.NewCode(strings.ToLower(strings.ReplaceAll(p.recovery[3].Reveal(), "-", " ")))
	in, err = p.FinishSignIn(ctx, p.half(t), lower, home)
	if err != nil {
		t.Fatalf("a recovery code: %v", err)
	}
	if session, _, err := p.Session(ctx, in.Token); err != nil || session.By != identity.ByRecoveryCode {
		t.Errorf("the session is %+v, %v", session, err)
	}
	_, err = p.FinishSignIn(ctx, p.half(t), p.recovery[3], home)
	wantKind(t, "the recovery code again", err, sconce.Unauthenticated)
	if step, err := p.SecondStep(ctx, p.ada.ID); err != nil || step.Recovery != 9 {
		t.Errorf("%d recovery codes are left, %v", step.Recovery, err)
	}
	subjects := map[string]int{}
	for _, l := range p.inbox(t) {
		subjects[l.Subject]++
		if !strings.Contains(l.Text, "second step") && !strings.Contains(l.Text, "recovery code") {
			t.Errorf("a letter: %s", l.Text)
		}
	}
	if subjects["How you sign in to sconce.example.org was changed"] != 2 {
		t.Errorf("letters %v", subjects)
	}
}

// TestHalfSignedInIsWorthNothing shows that the token of the first step opens nothing but the second,
// once, for five minutes, and only as long as the password is the same.
func TestHalfSignedInIsWorthNothing(t *testing.T) {
	p := newWithStep(t)
	ctx := t.Context()
	half := p.half(t)
	_, _, err := p.Session(ctx, half)
	wantKind(t, "as a session", err, sconce.Unauthenticated)
	wantKind(t, "as a link", p.ResetPassword(ctx, half, identity.NewPassword(newPassword)), sconce.NotFound)
	_, err = p.ConfirmSecondStep(ctx, p.session, p.ada, half, p.code())
	wantKind(t, "as the offer of a key", err, sconce.NotFound)
	_, err = identity.NewLive(p.store, memberships{}, p.clock.now).Authenticate(ctx, "x", half.Reveal())
	wantKind(t, "as a ticket", err, sconce.Unauthenticated)
	_, err = p.FinishSignIn(ctx, p.token, p.code(), home)
	wantKind(t, "a session's token as the first step", err, sconce.Unauthenticated)

	if _, err := p.FinishSignIn(ctx, half, p.code(), home); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(time.Minute)
	_, err = p.FinishSignIn(ctx, half, p.code(), home)
	wantKind(t, "a second time", err, sconce.Unauthenticated)

	half = p.half(t)
	p.clock.advance(identity.StepLife)
	_, err = p.FinishSignIn(ctx, half, p.code(), home)
	wantKind(t, "after five minutes", err, sconce.Unauthenticated)

	half = p.half(t)
	if err := p.ForgotPassword(ctx, email, home); err != nil {
		t.Fatal(err)
	}
	for _, l := range p.inbox(t) {
		if linkInText.MatchString(l.Text) && strings.Contains(l.Text, "reset#") {
			_, link := linkIn(t, l)
			if err := p.ResetPassword(ctx, link, identity.NewPassword(newPassword)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err = p.FinishSignIn(ctx, half, p.code(), home)
	wantKind(t, "after the password was changed", err, sconce.Unauthenticated)
	in, err := p.SignIn(ctx, email, identity.NewPassword(newPassword), home)
	if err != nil || !in.Half {
		t.Errorf("a new password goes around the second step: %v, %v", in, err)
	}
}

// TestCodesAreLimited shows that codes cannot be tried out, neither in one sign-in nor in many nor
// from many places, and that the owner has a way in all the same.
func TestCodesAreLimited(t *testing.T) {
	p := newWithStep(t)
	ctx := t.Context()
	wrong := identity.NewCode("000000")
	half := p.half(t)
	for range 5 {
		_, err := p.FinishSignIn(ctx, half, wrong, home)
		wantKind(t, "a wrong code", err, sconce.Unauthenticated)
	}
	_, err := p.FinishSignIn(ctx, half, p.code(), home)
	wantKind(t, "the right code after five wrong ones", err, sconce.Unauthenticated)

	tried, limited := 0, 0
	for i := range 100 {
		from := at(fmt.Sprintf("198.51.100.%d", i))
		in, err := p.SignIn(ctx, email, identity.NewPassword(password), from)
		if err != nil {
			t.Fatal(err)
		}
		switch _, err := p.FinishSignIn(ctx, in.Token, wrong, from); sconce.KindOf(err) {
		case sconce.TooMany:
			limited++
		default:
			tried++
		}
	}
	if tried != 5 || limited != 95 {
		t.Errorf("%d more codes were tried and %d refused, want 5 and 95", tried, limited)
	}
	if _, err := p.FinishSignIn(ctx, p.half(t), p.recovery[0], home); err != nil {
		t.Errorf("the owner, by a recovery code: %v", err)
	}
	p.clock.advance(time.Hour)
	if _, err := p.FinishSignIn(ctx, p.half(t), p.code(), home); err != nil {
		t.Errorf("the owner, an hour later: %v", err)
	}
}

// TestSecondStepNeedsThePassword shows that who finds a browser open changes nothing, and cannot
// try passwords there without limit.
func TestSecondStepNeedsThePassword(t *testing.T) {
	p := newWithStep(t)
	ctx := t.Context()
	wrong := identity.NewPassword("wrong wrong wrong")
	_, err := p.OfferSecondStep(ctx, p.session, p.ada, wrong, home)
	wantKind(t, "setting it up", err, sconce.Forbidden)
	_, err = p.RenewRecoveryCodes(ctx, p.session, p.ada, wrong, home)
	wantKind(t, "new recovery codes", err, sconce.Forbidden)
	wantKind(t, "removing it", p.RemoveSecondStep(ctx, p.session, p.ada, wrong, home), sconce.Forbidden)
	if len(*p.costs) != 3 {
		t.Errorf("%d passwords were checked, want 3", len(*p.costs))
	}
	for range 7 {
		wantKind(t, "trying on", p.RemoveSecondStep(ctx, p.session, p.ada, wrong, home), sconce.Forbidden)
	}
	wantKind(t, "the right one after ten wrong ones", p.RemoveSecondStep(ctx, p.session, p.ada, identity.NewPassword(password), home), sconce.TooMany)
	p.clock.advance(time.Hour)

	_, err = p.OfferSecondStep(ctx, p.session, p.ada, identity.NewPassword(password), home)
	wantKind(t, "a second one", err, sconce.Conflict)
	codes, err := p.RenewRecoveryCodes(ctx, p.session, p.ada, identity.NewPassword(password), home)
	if err != nil || len(codes) != 10 {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	_, err = p.FinishSignIn(ctx, p.half(t), p.recovery[0], home)
	wantKind(t, "a recovery code of before", err, sconce.Unauthenticated)
	if _, err := p.FinishSignIn(ctx, p.half(t), codes[0], home); err != nil {
		t.Errorf("a new recovery code: %v", err)
	}
	half := p.half(t)
	if err := p.RemoveSecondStep(ctx, p.session, p.ada, identity.NewPassword(password), home); err != nil {
		t.Fatal(err)
	}
	_, err = p.FinishSignIn(ctx, half, codes[1], home)
	wantKind(t, "a step that was taken away meanwhile", err, sconce.Unauthenticated)
	p.signIn(t)
	_, err = p.RenewRecoveryCodes(ctx, p.session, p.ada, identity.NewPassword(password), home)
	wantKind(t, "recovery codes without a second step", err, sconce.NotFound)

	var done []audit.Action
	for e, err := range audit.All(ctx, p.log, audit.People) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(e.Action), "account.") {
			done = append(done, e.Action)
		}
	}
	want := []audit.Action{audit.AccountMade, audit.SecondStepSet, audit.RecoveryCodesMade, audit.RecoveryCodeUsed, audit.SecondStepRemoved}
	if !slices.Equal(done, want) {
		t.Errorf("the security log has %v", done)
	}
}

// TestConfirmSecondStep shows that a key counts only when its code was shown, to the session that
// it was offered to, and that sessions from before end.
func TestConfirmSecondStep(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	tokens := []identity.Token{p.signIn(t), p.signIn(t)}
	session, _, _ := p.Session(ctx, tokens[0])
	other, _, _ := p.Session(ctx, tokens[1])
	offer := func() identity.KeyOffer {
		t.Helper()
		o, err := p.OfferSecondStep(ctx, session, p.ada, identity.NewPassword(password), home)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := offer()
	for range 4 {
		_, err := p.ConfirmSecondStep(ctx, session, p.ada, o.Token, identity.NewCode("000000"))
		wantKind(t, "a wrong code", err, sconce.Invalid)
	}
	_, err := p.ConfirmSecondStep(ctx, other, p.ada, o.Token, identity.AppCode(o.Key, p.clock.at))
	wantKind(t, "in another session", err, sconce.NotFound)
	_, err = p.ConfirmSecondStep(ctx, session, p.ada, o.Token, identity.AppCode(o.Key, p.clock.at))
	wantKind(t, "after five tries", err, sconce.NotFound)
	o = offer()
	p.clock.advance(identity.OfferLife)
	_, err = p.ConfirmSecondStep(ctx, session, p.ada, o.Token, identity.AppCode(o.Key, p.clock.at))
	wantKind(t, "too late", err, sconce.NotFound)
	p.signIn(t) // nothing was set up so far
	o, second := offer(), offer()
	if _, err := p.ConfirmSecondStep(ctx, session, p.ada, o.Token, identity.AppCode(o.Key, p.clock.at)); err != nil {
		t.Fatal(err)
	}
	_, err = p.ConfirmSecondStep(ctx, session, p.ada, second.Token, identity.AppCode(second.Key, p.clock.at))
	wantKind(t, "a second key", err, sconce.Conflict)
	if _, _, err := p.Session(ctx, tokens[0]); err != nil {
		t.Errorf("the session that set it up: %v", err)
	}
	_, _, err = p.Session(ctx, tokens[1])
	wantKind(t, "another session", err, sconce.Unauthenticated)
}

// TestProofWithoutPassword shows that who has no password has to have signed in just now.
func TestProofWithoutPassword(t *testing.T) {
	p := newPeople(t)
	ctx := t.Context()
	bob := identity.Account{ID: "bob", Email: "bob@example.org", Name: "Bob", Made: p.clock.at}
	if err := p.store.CreateAccount(ctx, identity.Credentials{Account: bob}, audit.Operator, audit.Console); err != nil {
		t.Fatal(err)
	}
	session := identity.Session{ID: identity.NewToken().Digest(), Account: bob.ID, Made: p.clock.at, Used: p.clock.at}
	if _, err := p.OfferSecondStep(ctx, session, bob, identity.NewPassword(""), home); err != nil {
		t.Errorf("just signed in: %v", err)
	}
	p.clock.advance(identity.ProofLife + time.Second)
	_, err := p.OfferSecondStep(ctx, session, bob, identity.NewPassword(""), home)
	wantKind(t, "ten minutes later", err, sconce.Forbidden)
	_, err = p.SignIn(ctx, bob.Email, identity.NewPassword(""), home)
	wantKind(t, "signing in with no password", err, sconce.Unauthenticated)
}

// TestRecover shows that an operator can turn a second step off for who lost it, and that this is in the
// security log as theirs, is told to the owner, and ends every session.
func TestRecover(t *testing.T) {
	p := newWithStep(t)
	ctx := t.Context()
	wantKind(t, "no account", p.Recover(ctx, "nobody@example.org"), sconce.NotFound)
	if err := p.Recover(ctx, " Ada@example.org"); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Session(ctx, p.token)
	wantKind(t, "the session of before", err, sconce.Unauthenticated)
	p.signIn(t) // in one step
	told, logged := false, false
	for _, l := range p.inbox(t) {
		told = told || strings.Contains(l.Text, "an operator turned the second step off")
	}
	for e, err := range audit.All(ctx, p.log, audit.People) {
		logged = logged || err == nil && e.Action == audit.SecondStepRemoved && e.Who == audit.Operator && e.Target == string(audit.Account(p.ada.ID))
	}
	if !told || !logged {
		t.Errorf("told %v, in the log %v", told, logged)
	}
}
