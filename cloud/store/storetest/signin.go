package storetest

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store"
)

// makeAccount stores an account with a session.
func makeAccount(t *testing.T, s *store.Store, id sconce.AccountID, now time.Time) identity.Session {
	t.Helper()
	check(t, s.Identity().CreateAccount(t.Context(), identity.Credentials{
		Account: identity.Account{ID: id, Email: string(id) + "@example.org", Name: string(id), Made: now}, PasswordHash: "x",
	}, audit.Operator, audit.Console))
	return makeSession(t, s, id, now)
}

func makeSession(t *testing.T, s *store.Store, id sconce.AccountID, now time.Time) identity.Session {
	t.Helper()
	n := identity.Session{
		ID: identity.NewToken().Digest(), Account: id, Made: now, Used: now, By: identity.ByPassword,
	}
	check(t, s.Identity().CreateSession(t.Context(), n, []byte("sealed"), 10))
	got, _, err := s.Identity().Session(t.Context(), n.ID)
	check(t, err)
	if got != n {
		t.Errorf("the session is %+v, want %+v", got, n)
	}
	return n
}

// testSecondSteps goes through the life of a second step of signing in.
func testSecondSteps(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	people := s.Identity()
	ada, bob := makeAccount(t, s, "ada", now), makeAccount(t, s, "bob", now)
	other := makeSession(t, s, "ada", now)
	digest := func(b byte) [sha256.Size]byte { return [sha256.Size]byte{b} }
	letters := 0
	letter := func() *mail.Item {
		letters++
		return &mail.Item{ID: string(rune('a' + letters)), Sealed: []byte{1}, Made: now, Next: now}
	}
	if none, err := people.SecondStep(ctx, "ada"); err != nil || none.Asked() {
		t.Errorf("before it is set: %+v, %v", none, err)
	}
	if err := people.RenewRecoveryCodes(ctx, ada, nil, nil, now); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("recovery codes of nothing: %v", err)
	}
	step := identity.SecondStep{Sealed: []byte("sealed"), Since: now, LastStep: 7}
	check(t, people.CreateSecondStep(ctx, ada, step, [][sha256.Size]byte{digest(1), digest(2)}, letter()))
	if err := people.CreateSecondStep(ctx, ada, step, nil, letter()); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("a second one: %v", err)
	}
	letters-- // that one was not queued
	check(t, people.CreateSecondStep(ctx, bob, step, [][sha256.Size]byte{digest(1)}, nil))
	got, err := people.SecondStep(ctx, "ada")
	if err != nil || !bytes.Equal(got.Sealed, step.Sealed) || !got.Since.Equal(now) || got.LastStep != 7 || got.Recovery != 2 || !got.Asked() {
		t.Errorf("stored: %+v, %v", got, err)
	}
	for id, there := range map[identity.SessionID]bool{ada.ID: true, other.ID: false, bob.ID: true} {
		if n, _, err := people.Session(ctx, id); err != nil || (n.Account != "") != there {
			t.Errorf("a session of %q is there: %v, want %v, %v", n.Account, n.Account != "", there, err)
		}
	}
	for _, try := range []struct {
		step int64
		want bool
	}{{7, false}, {6, false}, {8, true}, {8, false}, {10, true}, {9, false}} {
		if used, err := people.UseCode(ctx, "ada", try.step); err != nil || used != try.want {
			t.Errorf("the code of step %d: %v, want %v, %v", try.step, used, try.want, err)
		}
	}
	for i, want := range []bool{true, false} {
		if used, err := people.UseRecoveryCode(ctx, "ada", digest(1), letter(), now); err != nil || used != want {
			t.Errorf("recovery code, time %d: %v, want %v, %v", i, used, want, err)
		}
	}
	letters--
	check(t, people.RenewRecoveryCodes(ctx, ada, [][sha256.Size]byte{digest(3)}, letter(), now))
	for code, want := range map[byte]bool{2: false, 3: true} {
		if used, err := people.UseRecoveryCode(ctx, "ada", digest(code), nil, now); err != nil || used != want {
			t.Errorf("recovery code %d after there are new ones: %v, want %v, %v", code, used, want, err)
		}
	}
	check(t, people.RemoveSecondStep(ctx, "ada", audit.Account("ada"), ada.Origin(), letter(), now))
	check(t, people.RemoveSecondStep(ctx, "ada", audit.Operator, audit.Console, letter(), now)) // none is there
	letters--
	for who, there := range map[sconce.AccountID]bool{"ada": false, "bob": true} {
		if left, err := people.SecondStep(ctx, who); err != nil || left.Asked() != there || left.Recovery > 1 {
			t.Errorf("%s in the end: %+v, %v", who, left, err)
		}
	}
	if due, err := s.Letters().Due(ctx, now, 100); err != nil || len(due) != letters {
		t.Errorf("%d letters wait, want %d, %v", len(due), letters, err)
	}
}
