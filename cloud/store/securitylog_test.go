package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce/cloud/audit"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
)

// TestSecurityLogIsAppendOnly goes past the store to the databases: they refuse to
// change or remove an entry, and what is done to the files all the same is found.
func TestSecurityLogIsAppendOnly(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, err := store.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	chain := audit.OfProject(storetest.MakeSite(t, s, 0x10).Project)
	event := audit.Event{At: time.Now(), Who: audit.Operator, Action: audit.AccountMade, Result: audit.Done}
	for range 3 {
		if err := s.SecurityLog().Append(ctx, audit.People, event); err != nil {
			t.Fatal(err)
		}
	}
	for name, chain := range map[string]audit.Chain{"site": chain, "identity": audit.People} {
		db, err := sql.Open("sqlite", filepath.Join(dir, name+".db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, try := range []string{"UPDATE security_log SET who = 'eve'", "DELETE FROM security_log"} {
			if _, err := db.ExecContext(ctx, try); err == nil || !strings.Contains(err.Error(), "never") {
				t.Errorf("%s: %s: %v", name, try, err)
			}
		}
		if _, err := audit.Verify(chain, audit.All(ctx, s.SecurityLog(), chain), nil); err != nil {
			t.Error(err)
		}
		for _, force := range []string{"DROP TRIGGER security_log_stays", "UPDATE security_log SET detail = 'x' WHERE number = 2"} {
			if _, err := db.ExecContext(ctx, force); err != nil {
				t.Fatal(err)
			}
		}
		_, err = audit.Verify(chain, audit.All(ctx, s.SecurityLog(), chain), nil)
		var broken *audit.BrokenError
		if !errors.As(err, &broken) || broken.Number != 2 {
			t.Errorf("%s: an altered entry 2: %v", name, err)
		}
	}
}

// TestSecurityLogIsAppendOnlyOnPostgres shows that the cloud's role has no right to
// change, remove or empty what is written, nor to give itself one.
func TestSecurityLogIsAppendOnlyOnPostgres(t *testing.T) {
	ctx := t.Context()
	a := storetest.Postgres(t)
	s, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	event := audit.Event{At: time.Now(), Who: audit.Operator, Action: audit.AccountMade, Result: audit.Done}
	for _, chain := range []audit.Chain{audit.People, audit.Installation} {
		if err := s.SecurityLog().Append(ctx, chain, event); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]store.Address{"identity": a.Identity, "site": a.Site} {
		c := connectTo(t, address, storetest.PostgresWorker)
		for _, try := range []string{
			"UPDATE security_log SET who = 'eve'", "DELETE FROM security_log", "TRUNCATE security_log", "DROP TABLE security_log",
			"ALTER TABLE security_log DISABLE ROW LEVEL SECURITY", "GRANT UPDATE ON security_log TO " + storetest.PostgresWorker,
			"INSERT INTO security_log SELECT * FROM security_log ON CONFLICT ON CONSTRAINT security_log_pkey DO UPDATE SET who = 'eve'",
		} {
			_, err := c.Exec(ctx, try)
			if try[:5] == "GRANT" { // without the right to give, it gives nothing and says so in a notice
				_, err = c.Exec(ctx, "UPDATE security_log SET who = 'eve'")
			}
			if err == nil || !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
				t.Errorf("%s: %s: %v", name, try, err)
			}
		}
	}
}
