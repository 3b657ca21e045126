package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/identity"
	"sconce/cloud/mail"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/internal/postgres"
)

// clearPeople is how many people the database of an earlier version has: more than are
// sealed with one step.
const clearPeople = 450

// openFile returns a database of SQLite as any program sees it.
func openFile(t *testing.T, dir, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, name+".db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() }) // it may be closed already
	return db
}

func run(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// clearInstallation returns the folder of an installation of a version that kept
// people in clear.
func clearInstallation(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db := openFile(t, dir, "identity")
	run(t, db, "PRAGMA journal_mode = wal")
	if err := store.MigrateTo(t.Context(), db, "identity", 4); err != nil {
		t.Fatal(err)
	}
	for i := range clearPeople {
		run(t, db, "INSERT INTO accounts (id, email, name, country, password_hash, made_ms) VALUES (?, ?, ?, 'DE', 'x', 5)",
			fmt.Sprint("account", i), fmt.Sprintf("plantedaddress%d@example.org", i), fmt.Sprint("Plantedname ", i))
	}
	run(t, db, "INSERT INTO sessions (token_sha256, account_id, made_ms, used_ms) VALUES (x'01', 'account7', 1, 2)")
	run(t, db, "INSERT INTO invited (invitation_id, email) VALUES ('i1', 'plantedguest@example.org'), ('i2', 'plantedgone@example.org')")
	run(t, db, "DELETE FROM invited WHERE invitation_id = 'i2'") // its page may be kept
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if !holds(t, dir, "plantedaddress") {
		t.Fatal("the installation holds nothing in clear")
	}
	return dir
}

// holds reports whether a file of a folder has a text in it.
func holds(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(bytes.ToLower(b), []byte(text))
	}
	return found
}

// TestClearIsSealed: an installation that kept people in clear knows them all after the
// first start, and has none of it in its files.
func TestClearIsSealed(t *testing.T) {
	dir := clearInstallation(t)
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity().Credentials(t.Context(), "plantedaddress7@example.org"); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("before it is unlocked: %v", err)
	}
	storetest.Unlock(t, s)
	if holds(t, dir, "planted") {
		t.Error("a file still holds what was in clear")
	}
	for i := range clearPeople {
		want := identity.Account{
			ID: sconce.AccountID(fmt.Sprint("account", i)), Email: fmt.Sprintf("plantedaddress%d@example.org", i),
			Name: fmt.Sprint("Plantedname ", i), Country: "DE", Made: time.UnixMilli(5).UTC(),
		}
		c, err := s.Identity().Credentials(t.Context(), want.Email)
		if err != nil || c.Account != want || c.PasswordHash != "x" {
			t.Fatalf("sealed and opened it is %+v, %v", c.ID, err)
		}
	}
	if session, a, err := s.Identity().Session(t.Context(), identity.SessionID{}); err != nil || session.Account != "" || a.ID != "" {
		t.Errorf("a session that is not there: %v, %v", session.Account, err)
	}
	if got, err := s.Identity().Invited(t.Context(), []string{"i1", "i2"}); err != nil || len(got) != 1 || got["i1"] != "plantedguest@example.org" {
		t.Errorf("%d invited, %v", len(got), err)
	}
	db := openFile(t, dir, "identity")
	var sessions int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sessions WHERE account_id = 'account7'").Scan(&sessions); err != nil || sessions != 1 {
		t.Errorf("%d sessions are left, %v", sessions, err)
	}
	if err := errors.Join(db.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if holds(t, dir, "planted") {
		t.Error("a closed file holds what was in clear")
	}
}

// TestSealingIsContinued after it was interrupted: what was sealed stays, what was not is
// sealed with the next start.
func TestSealingIsContinued(t *testing.T) {
	dir := clearInstallation(t)
	for _, stop := range []string{
		"profiles WHEN old.account_id = 'account300'", // in the second step
		"invited", "unsealed",
	} {
		s, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		db := openFile(t, dir, "identity")
		run(t, db, "CREATE TRIGGER stop BEFORE DELETE ON "+stop+" BEGIN SELECT RAISE(ABORT, 'interrupted'); END")
		if err := s.Unlock(t.Context(), storetest.MasterKey(t)); err == nil {
			t.Errorf("%s: an interruption went by unnoticed", stop)
		}
		run(t, db, "DROP TRIGGER stop")
		if err := errors.Join(db.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.Unlock(t, s)
	for i := range clearPeople {
		if c, err := s.Identity().Credentials(t.Context(), fmt.Sprintf("plantedaddress%d@example.org", i)); err != nil || c.ID == "" {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	if holds(t, dir, "planted") {
		t.Error("a file still holds what was in clear")
	}
}

// TestClearIsSealedOnPostgres seals what an upgrade has left there.
func TestClearIsSealedOnPostgres(t *testing.T) {
	a := storetest.Postgres(t)
	c := connectTo(t, a.Identity, postgres.Superuser)
	for _, statement := range []string{
		"INSERT INTO accounts (id, password_hash, made_ms) SELECT 'account' || n, 'x', 5 FROM generate_series(0, 449) AS n",
		"INSERT INTO profiles (account_id, email, name, country) SELECT 'account' || n, 'planted' || n || '@example.org', 'Planted', 'DE' FROM generate_series(0, 449) AS n",
		"INSERT INTO invited (invitation_id, email) VALUES ('i1', 'plantedguest@example.org')",
	} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var before, after uint32
	const file = "SELECT pg_relation_filenode('profiles')"
	if err := c.QueryRow(t.Context(), file).Scan(&before); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenPostgres(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.Unlock(t, s)
	for i := range clearPeople {
		if c, err := s.Identity().Credentials(t.Context(), fmt.Sprintf("planted%d@example.org", i)); err != nil || c.Name != "Planted" {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	if got, err := s.Identity().Invited(t.Context(), []string{"i1"}); err != nil || got["i1"] != "plantedguest@example.org" {
		t.Errorf("%d invited, %v", len(got), err)
	}
	var left int
	if err := c.QueryRow(t.Context(), "SELECT (SELECT COUNT(*) FROM profiles) + (SELECT COUNT(*) FROM invited) + (SELECT COUNT(*) FROM unsealed)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows in clear are left, %v", left, err)
	}
	if err := c.QueryRow(t.Context(), file).Scan(&after); err != nil || after == before {
		t.Errorf("the table has its file %d as before, %v", after, err)
	}
}

// TestSealedStaysInItsPlace: what is known of one person cannot be put into another's row, or
// into another column, by who can write the database.
func TestSealedStaysInItsPlace(t *testing.T) {
	for name, change := range map[string]string{
		"another's name":     "UPDATE people SET name = (SELECT name FROM people WHERE account_id = 'bob') WHERE account_id = 'ada'",
		"another column":     "UPDATE people SET name = email WHERE account_id = 'ada'",
		"another's key":      "UPDATE people SET sealed_key = (SELECT sealed_key FROM people WHERE account_id = 'bob') WHERE account_id = 'ada'",
		"another's row":      "DELETE FROM people WHERE account_id = 'ada'; UPDATE people SET account_id = 'ada' WHERE account_id = 'bob'",
		"another invitation": "UPDATE invitees SET email = (SELECT email FROM invitees WHERE invitation_id = 'i2') WHERE invitation_id = 'i1'",
	} {
		dir := t.TempDir()
		s, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Unlock(t, s)
		people := s.Identity()
		for i, who := range []sconce.AccountID{"ada", "bob"} {
			a := identity.Account{ID: who, Email: string(who) + "@example.org", Name: string(who), Country: "DE", Made: time.Now()}
			letter := mail.Item{ID: string(who), Sealed: []byte{1}, Made: time.Now(), Next: time.Now()}
			if err := errors.Join(
				people.CreateAccount(t.Context(), identity.Credentials{Account: a}, "account:x", ""),
				people.SaveInvited(t.Context(), fmt.Sprint("i", i+1), a.Email, letter),
			); err != nil {
				t.Fatal(err)
			}
		}
		read := func() error {
			_, err := people.Accounts(t.Context(), []sconce.AccountID{"ada"})
			_, err2 := people.Invited(t.Context(), []string{"i1"})
			return errors.Join(err, err2)
		}
		if err := read(); err != nil {
			t.Fatal(err)
		}
		run(t, openFile(t, dir, "identity"), change)
		if read() == nil {
			t.Errorf("%s is believed", name)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWrongMasterKey opens nothing, and leaves what is there.
func TestWrongMasterKey(t *testing.T) {
	dir, _ := populated(t)
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Unlock(t.Context(), filepath.Join(t.TempDir(), "none")); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("without the master key: %v", err)
	}
	if _, err := s.Identity().Credentials(t.Context(), "ada@example.org"); sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("a locked store: %v", err)
	}
	storetest.Unlock(t, s)
	if c, err := s.Identity().Credentials(t.Context(), "ada@example.org"); err != nil || c.ID != "ada" {
		t.Errorf("unlocked: %v, %v", c.ID, err)
	}
}
