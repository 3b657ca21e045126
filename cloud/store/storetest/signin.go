package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
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

// testSignIns lists sessions and attempts, ends sessions, and changes a password.
func testSignIns(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	people := s.Identity()
	first := makeAccount(t, s, "ada", now)
	second, third := makeSession(t, s, "ada", now.Add(time.Second)), makeSession(t, s, "ada", now.Add(2*time.Second))
	bob := makeAccount(t, s, "bob", now)
	names := func() (all []string) {
		t.Helper()
		sessions, err := people.SessionsOf(ctx, "ada")
		check(t, err)
		for _, n := range sessions {
			if string(n.Sealed) != "sealed" || n.Account != "ada" {
				t.Errorf("a session of ada: %+v", n)
			}
			all = append(all, n.Name())
		}
		return all
	}
	check(t, people.TouchSession(ctx, first.ID, now.Add(time.Minute)))
	if got := names(); !slices.Equal(got, []string{first.Name(), third.Name(), second.Name()}) {
		t.Errorf("sessions %v", got)
	}
	check(t, people.EndOtherSessions(ctx, second, now))
	if got := names(); !slices.Equal(got, []string{second.Name()}) {
		t.Errorf("sessions that are left: %v", got)
	}

	for i := range identity.HistorySize + 5 {
		check(t, people.NoteAttempt(ctx, identity.Attempt{
			ID: fmt.Sprint(i), Account: "ada", At: now.Add(time.Duration(i) * time.Second), By: identity.ByCode, Refused: true, Sealed: []byte{1},
		}))
	}
	all, err := people.Attempts(ctx, "ada")
	check(t, err)
	newest := identity.Attempt{
		ID: "104", Account: "ada", At: now.Add(104 * time.Second), By: identity.ByCode, Refused: true, Sealed: []byte{1},
	}
	if len(all) != identity.HistorySize+3 || fmt.Sprint(all[0]) != fmt.Sprint(newest) {
		t.Fatalf("%d attempts, the newest %+v", len(all), all[0])
	}
	if last := all[len(all)-1]; last.Refused || last.ID != first.Name() || string(last.Sealed) != "sealed" || last.By != identity.ByPassword {
		t.Errorf("the oldest attempt: %+v", last)
	}
	check(t, people.NoteAttempt(ctx, identity.Attempt{ID: "late", Account: "bob", At: now.Add(identity.HistoryLife + time.Second), Sealed: []byte{1}}))
	if all, err := people.Attempts(ctx, "ada"); err != nil || len(all) != identity.HistorySize+1 {
		t.Errorf("%d attempts are left after the first ones are too old, %v", len(all), err)
	}

	n := identity.Session{ID: identity.NewToken().Digest(), Account: "ada", Made: now, Used: now, By: identity.ByPassword}
	check(t, people.ChangePassword(ctx, second, "new", n, []byte("sealed"), nil))
	if got := names(); !slices.Equal(got, []string{n.Name()}) {
		t.Errorf("sessions after the password was changed: %v", got)
	}
	if c, err := people.Credentials(ctx, "ada@example.org"); err != nil || c.PasswordHash != "new" {
		t.Errorf("the password is %q, %v", c.PasswordHash, err)
	}
	if of, _, err := people.Session(ctx, bob.ID); err != nil || of.Account != "bob" {
		t.Errorf("the session of somebody else: %+v, %v", of, err)
	}
}

// testPasskeys goes through the life of passkeys.
func testPasskeys(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	people := s.Identity()
	ada, bob := makeAccount(t, s, "ada", now), makeAccount(t, s, "bob", now)
	made := func(b byte, count uint32) identity.Passkey {
		return identity.Passkey{ID: identity.PasskeyID{b}, Account: "ada", Sealed: []byte{b}, Made: now.Add(time.Duration(b) * time.Second), Count: count}
	}
	check(t, people.CreatePasskey(ctx, ada, made(1, 5), nil, 2))
	if err := people.CreatePasskey(ctx, ada, made(1, 5), nil, 2); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("the same again: %v", err)
	}
	check(t, people.CreatePasskey(ctx, ada, made(2, 0), &mail.Item{ID: "a", Sealed: []byte{1}, Made: now, Next: now}, 2))
	if err := people.CreatePasskey(ctx, ada, made(3, 0), nil, 2); sconce.KindOf(err) != sconce.TooMany {
		t.Errorf("one too many: %v", err)
	}
	all, err := people.Passkeys(ctx, "ada")
	check(t, err)
	if want := []identity.Passkey{made(2, 0), made(1, 5)}; fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("passkeys %+v, want %+v", all, want)
	}
	for _, try := range []struct {
		id    byte
		count uint32
		want  bool
	}{{1, 5, false}, {1, 0, false}, {1, 6, true}, {1, 6, false}, {2, 0, true}, {2, 0, true}, {2, 1, true}, {2, 0, false}, {9, 1, false}} {
		if used, err := people.UsePasskey(ctx, identity.PasskeyID{try.id}, try.count, now); err != nil || used != try.want {
			t.Errorf("passkey %d with counter %d: %v, want %v, %v", try.id, try.count, used, try.want, err)
		}
	}
	check(t, people.SuspectPasskey(ctx, identity.PasskeyID{1}, "ada", nil, now))
	if used, err := people.UsePasskey(ctx, identity.PasskeyID{1}, 100, now); err != nil || used {
		t.Errorf("one that is suspected was used: %v", err)
	}
	p, owner, err := people.Passkey(ctx, identity.PasskeyID{1})
	if err != nil || !p.Suspect || p.Count != 6 || !p.Used.Equal(now) || owner.ID != "ada" || owner.Email != "ada@example.org" {
		t.Errorf("%+v of %+v, %v", p, owner, err)
	}
	if none, _, err := people.Passkey(ctx, identity.PasskeyID{9}); err != nil || none.Account != "" {
		t.Errorf("one that is not there: %+v, %v", none, err)
	}
	check(t, people.RemovePasskey(ctx, bob, identity.PasskeyID{1}, nil, now)) // it is not bob's
	check(t, people.RemovePasskey(ctx, ada, identity.PasskeyID{2}, nil, now))
	if all, err := people.Passkeys(ctx, "ada"); err != nil || len(all) != 1 || all[0].ID != (identity.PasskeyID{1}) {
		t.Errorf("passkeys that are left: %+v, %v", all, err)
	}
}
