// Package storetest is what tests of other packages need of the store.
package storetest

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"

	"sconce/cloud/store"
)

// engine is the environment variable that chooses what the stores of tests are on.
const engine = "SCONCE_TEST_STORE"

// Open returns a new, empty store that ends with the test. It is on SQLite, and with
// SCONCE_TEST_STORE=postgres in the environment on PostgreSQL.
func Open(t testing.TB) *store.Store {
	t.Helper()
	switch e := os.Getenv(engine); e {
	case "", "sqlite":
		return OpenSQLite(t)
	case "postgres":
		return OpenPostgres(t)
	default:
		t.Fatalf("%s is %q; expected sqlite or postgres", engine, e)
		return nil
	}
}

// OpenSQLite returns a new, empty store on SQLite that ends with the test.
func OpenSQLite(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	Unlock(t, s)
	return s
}

// masterKey is that of every store of the tests.
//
//go:embed testdata/master.key
var masterKey []byte

// MasterKey returns a file with the master key of the stores of tests.
func MasterKey(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, masterKey, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Unlock opens the vault of a store of a test, however often.
func Unlock(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Unlock(t.Context(), MasterKey(t)); err != nil {
		t.Fatal(err)
	}
}
