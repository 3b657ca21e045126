package store_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/lighting"
	"sconce/cloud/mail"
	"sconce/cloud/privacy"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/support"
	"sconce/cloud/vault"
)

// Where the process to be killed finds its store.
const (
	resealDir = "SCONCE_TEST_RESEAL_DIR"
	resealKey = "SCONCE_TEST_RESEAL_KEY"
)

// TestMain runs the tests, or is the process that they kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv(resealDir); dir != "" {
		if err := resealAll(dir, os.Getenv(resealKey)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(deleteDir); dir != "" {
		if err := deleteAll(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// resealAll brings a change of the key of a store to its end, in bites of 3 rows, and
// prints a line after each.
func resealAll(dir, key string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	if err := s.Unlock(ctx, key); err != nil {
		return err
	}
	if err := s.Vault().Advance(ctx, time.Now()); err != nil {
		return err
	}
	if err := s.Reseal(ctx, s.Vault(), 3, func(rows int) error {
		_, err := fmt.Println("bite", rows)
		return err
	}); err != nil {
		return err
	}
	if err := s.Vault().Retire(ctx, time.Now()); err != nil {
		return err
	}
	return s.Close()
}

// sealedThings fills a store with n rows of everything that the vault seals.
func sealedThings(t *testing.T, s *store.Store, n int) {
	t.Helper()
	ctx, now := t.Context(), time.UnixMilli(1000).UTC()
	seal := func(table, column, row string) []byte {
		t.Helper()
		b, err := s.Vault().Seal([]byte(table+" "+row), vault.Field{Table: table, Column: column, Row: row})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	letter := func(id string) mail.Item {
		return mail.Item{ID: id, Sealed: seal("letters", "sealed", id), Made: now, Next: now}
	}
	site := storetest.MakeSite(t, s, 0x30)
	event := audit.Event{At: now, Who: audit.Operator, Result: audit.Done}
	for i := range n {
		a := identity.Account{ID: sconce.AccountID(fmt.Sprint("a", i)), Email: fmt.Sprintf("p%d@example.org", i), Name: fmt.Sprint("P", i), Country: "DE", Made: now}
		token := sha256.Sum256(fmt.Append(nil, i))
		row := hex.EncodeToString(token[:])
		session := identity.Session{ID: token, Account: a.ID, Made: now, Used: now}
		d := lighting.Device{Position: sconce.PositionID(fmt.Sprint("p", i)), Device: sconce.EUI64(0x1000 + i), Name: "L", Kind: sconce.Luminaire, Network: site.Network, Made: now}
		step := identity.SecondStep{Sealed: seal("second_steps", "sealed", string(a.ID)), Since: now}
		grant := support.Grant{
			ID: support.ID(fmt.Sprint("g", i)), Project: site.Project, Operator: a.ID, Access: project.ReadAccess, AskedBy: a.ID, Asked: now, Expires: now.Add(time.Hour),
			Length: time.Hour, Sealed: seal("support_grants", "reason", fmt.Sprint("g", i)),
		}
		if err := errors.Join(
			s.Identity().CreateAccount(ctx, identity.Credentials{Account: a}, audit.Operator, audit.Console),
			s.Identity().CreateSession(ctx, session, seal("sign_ins", "sealed", session.Name()), 10),
			s.Identity().CreateSecondStep(ctx, session, step, nil, nil),
			s.Identity().CreatePasskey(ctx, session, identity.Passkey{ID: token, Account: a.ID, Sealed: seal("passkeys", "sealed", row), Made: now}, nil, 1),
			s.Identity().CreateProviderLink(ctx, session, identity.ProviderLink{Issuer: "https://login.example.org", Subject: fmt.Sprint("s", i), Account: a.ID, Made: now}, nil),
			s.Identity().SendLink(ctx, identity.Link{ID: token, Kind: identity.RegistrationLink, Sealed: seal("links", "sealed", row), Expires: now.Add(time.Hour)}, letter(fmt.Sprint("l", i)), now),
			s.Identity().SaveInvited(ctx, fmt.Sprint("i", i), a.Email, letter(fmt.Sprint("m", i))),
			s.Lighting().AddDevice(ctx, site.Owner, d, seal("positions", "install_code", string(d.Position))),
			s.Support().AddOperator(ctx, a.ID, event),
			s.Support().CreateGrant(ctx, grant, event, now, 1000),
		); err != nil {
			t.Fatal(err)
		}
	}
	// A reset has nothing to seal.
	if err := s.Identity().SendLink(ctx, identity.Link{ID: sha256.Sum256([]byte("reset")), Kind: identity.ResetLink, Expires: now.Add(time.Hour)}, letter("reset"), now); err != nil {
		t.Fatal(err)
	}
}

// opened returns everything that is sealed in a store, opened.
func opened(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	all, err := s.OpenAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSealedColumnsAreThoseOfTheInventory: whoever seals a column with the vault says so in
// both places, or a change of the key would lose it.
func TestSealedColumnsAreThoseOfTheInventory(t *testing.T) {
	fields, err := privacy.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range fields {
		switch {
		case f.Kept == privacy.UnderVault:
			want = append(want, f.String())
		case f.Kept == privacy.UnderPerson && f.Table != "people":
			t.Errorf("%s is said to be under the key of a person; only columns of people can be: use the vault", f)
		case f.Kept == privacy.UnderPerson:
			want = append(want, f.String())
		}
	}
	got := store.SealedColumns()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("cloud/privacy/fields.txt has as kept by vault or person\n%q\nand cloud/store/reseal.go has\n%q\nAdd to sealedColumns there: "+
			"{database, table, column, primary key, nil}; what is sealed must be so for vault.Field{Table, Column, Row: that last column, "+
			"bytes in hexadecimal digits}", want, got)
	}
}

// TestReseal changes the key on both engines, and finds everything as it was.
func TestReseal(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.Store{"SQLite": storetest.OpenSQLite, "PostgreSQL": storetest.OpenPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx, key := t.Context(), storetest.MasterKey(t)
			sealedThings(t, s, 7)
			before := opened(t, s)
			if len(before) != 7*(4+11)+1 { // a key and three values of each person, eleven other rows, and one more letter
				t.Fatalf("%d values are sealed", len(before))
			}
			if _, err := vault.Rotate(ctx, key, s.Keysets(), time.Now()); err != nil {
				t.Fatal(err)
			}
			if left, err := s.Former(ctx, s.Vault()); err != nil || len(left) != 0 {
				t.Errorf("before the new key is used: %v, %v", left, err)
			}
			if err := errors.Join(s.Vault().Refresh(ctx), s.Vault().Advance(ctx, time.Now())); err != nil {
				t.Fatal(err)
			}
			left, err := s.Former(ctx, s.Vault())
			if err != nil || len(left) != 11 || left["identity.people"] != 7 || left["identity.letters"] != 15 || left["site.positions"] != 7 {
				t.Errorf("left to do: %v, %v", left, err)
			}
			bites, rows := 0, 0
			if err := s.Reseal(ctx, s.Vault(), 3, func(n int) error {
				bites, rows = bites+1, rows+n
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if rows != 10*7+15 || bites != 10*3+5 {
				t.Errorf("sealed %d rows in %d bites", rows, bites)
			}
			if left, err := s.Former(ctx, s.Vault()); err != nil || len(left) != 0 {
				t.Errorf("left after that: %v, %v", left, err)
			}
			if err := s.Vault().Retire(ctx, time.Now()); err != nil {
				t.Fatal(err)
			}
			if after := opened(t, s); !maps.Equal(after, before) {
				t.Errorf("it is\n%q\nand was\n%q", after, before)
			}
			if c, err := s.Identity().Credentials(ctx, "p3@example.org"); err != nil || c.Name != "P3" {
				t.Errorf("found by the address: %v, %v", c.ID, err)
			}
			log, err := s.SecurityLog().Newest(ctx, audit.Installation, 1<<62, 10)
			if err != nil || len(log) < 3 || log[0].Action != audit.KeysChanged {
				t.Errorf("the security log has %d entries, %v", len(log), err)
			}
		})
	}
}

// TestResealSurvivesKill kills the process that seals everything anew again and again.
func TestResealSurvivesKill(t *testing.T) {
	const rows = 20
	dir, key := t.TempDir(), storetest.MasterKey(t)
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
	sealedThings(t, s, rows)
	before := opened(t, s)
	if _, err := vault.Rotate(t.Context(), key, s.Keysets(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kills, ended := 0, false
	for bites := 1; !ended; bites++ {
		ended = runAndKill(t, bites, resealDir+"="+dir, resealKey+"="+key)
		s := open()
		if after := opened(t, s); !maps.Equal(after, before) {
			t.Fatalf("after %d kills it is\n%q\nand was\n%q", kills, after, before)
		}
		if keys := s.Vault().Keys(); !ended && len(keys) != 2 || ended && len(keys) != 1 {
			t.Errorf("after %d kills there are keys %v; it has ended: %v", kills, keys, ended)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !ended {
			kills++
		}
	}
	if kills < 5 {
		t.Errorf("only %d kills", kills)
	}
}

// runAndKill runs the process that the environment says until it has done some bites, and
// kills it. It returns true when the process came to its end before.
func runAndKill(t *testing.T, bites int, env ...string) bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), env...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < bites && lines.Scan(); n++ {
		if !strings.HasPrefix(lines.Text(), "bite ") {
			t.Errorf("it says %q", lines.Text())
		}
	}
	killed := c.Process.Kill() // SIGKILL
	_, _ = io.Copy(io.Discard, out)
	err = c.Wait()
	if killed != nil || err == nil {
		return err == nil
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return false
}

// TestResealer does it all by itself, and removes the former key an hour later.
func TestResealer(t *testing.T) {
	s := storetest.OpenSQLite(t)
	ctx, key := t.Context(), storetest.MasterKey(t)
	sealedThings(t, s, 2)
	before := opened(t, s)
	tool, err := vault.Open(ctx, key, s.Keysets())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var log bytes.Buffer
	r := vault.Resealer{Vault: s.Vault(), Rows: s, Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))}
	step := func() []vault.Key {
		t.Helper()
		if err := r.Step(ctx); err != nil {
			t.Fatal(err)
		}
		return s.Vault().Keys()
	}
	if keys := step(); len(keys) != 1 || log.Len() > 0 {
		t.Errorf("with nothing to do: %v, %s", keys, &log)
	}
	if _, err := vault.Rotate(ctx, key, s.Keysets(), now); err != nil {
		t.Fatal(err)
	}
	if keys := step(); len(keys) != 2 || keys[1].State != vault.Sealing {
		t.Errorf("keys %v", keys)
	}
	if left, err := s.Former(ctx, s.Vault()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	now = now.Add(vault.Settle - time.Second)
	if keys := step(); len(keys) != 2 {
		t.Errorf("removed too early: %v", keys)
	}
	// A tool that was started before still seals with the former key.
	late := vault.Field{Table: "letters", Column: "sealed", Row: "late"}
	sealed, err := tool.Seal([]byte("late"), late)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Identity().SaveInvited(ctx, "late", "late@example.org", mail.Item{ID: "late", Sealed: sealed}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if keys := step(); len(keys) != 1 || keys[0].State != vault.Sealing {
		t.Errorf("keys %v", keys)
	}
	after := opened(t, s)
	if after["letters.sealed late"] != "late" {
		t.Errorf("a late letter: %q", after["letters.sealed late"])
	}
	delete(after, "letters.sealed late")
	delete(after, "invitees.email late")
	if !maps.Equal(after, before) {
		t.Errorf("it is\n%q\nand was\n%q", after, before)
	}
}

// TestResealKeepsWhatItCannotOpen, and the key that it may need, and says so.
func TestResealKeepsWhatItCannotOpen(t *testing.T) {
	s := storetest.OpenSQLite(t)
	ctx := t.Context()
	sealedThings(t, s, 2)
	bad := append(s.Vault().Mark(), "something else"...)
	if err := s.Identity().SaveInvited(ctx, "bad", "bad@example.org", mail.Item{ID: "bad", Sealed: bad}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if _, err := vault.Rotate(ctx, storetest.MasterKey(t), s.Keysets(), now); err != nil {
		t.Fatal(err)
	}
	r := vault.Resealer{Vault: s.Vault(), Rows: s, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if err := r.Step(ctx); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * vault.Settle)
	if err := r.Step(ctx); err == nil || !strings.Contains(err.Error(), "identity.letters:1") || len(s.Vault().Keys()) != 2 {
		t.Errorf("%v, keys %v", err, s.Vault().Keys())
	}
}
