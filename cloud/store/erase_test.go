package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/identity"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
)

// TestEraseOverwrites: of who was erased not even what was sealed, nor its key, is left in the
// files of the running cloud.
func TestEraseOverwrites(t *testing.T) {
	ctx, dir, now := t.Context(), t.TempDir(), time.Now()
	s, err := store.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.Unlock(t, s)
	people := s.Identity()
	for _, who := range []sconce.AccountID{"ada", "bob"} {
		a := identity.Account{ID: who, Email: string(who) + "@example.org", Name: string(who), Country: "DE", Made: now}
		if err := people.CreateAccount(ctx, identity.Credentials{Account: a, PasswordHash: "x"}, audit.Operator, audit.Console); err != nil {
			t.Fatal(err)
		}
	}
	var key, name []byte
	if err := openFile(t, dir, "identity").QueryRowContext(ctx, "SELECT sealed_key, name FROM people WHERE account_id = 'ada'").Scan(&key, &name); err != nil {
		t.Fatal(err)
	}
	stands := func(what []byte) bool {
		t.Helper()
		for _, file := range []string{"identity.db", "identity.db-wal"} {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, what) {
				return true
			}
		}
		return false
	}
	if !stands(key) || !stands(name) {
		t.Fatal("what is sealed is not where it is looked for")
	}
	accounts, err := people.Accounts(ctx, []sconce.AccountID{"ada"})
	if err != nil {
		t.Fatal(err)
	}
	if err := people.EraseAccount(ctx, identity.Session{Account: "ada"}, accounts[0], nil, now); err != nil {
		t.Fatal(err)
	}
	if stands(key) || stands(name) {
		t.Error("what was sealed, or its key, is still in the files")
	}
	if c, err := people.Credentials(ctx, "bob@example.org"); err != nil || c.Name != "bob" {
		t.Errorf("the other one: %+v, %v", c.ID, err)
	}
	if err := people.EraseAccount(ctx, identity.Session{Account: "ada"}, accounts[0], nil, now); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a second time: %v", err)
	}
}
