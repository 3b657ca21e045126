package store_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sconce/cloud/access"
	"sconce/cloud/alert"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/invitation"
	"sconce/cloud/mail"
	"sconce/cloud/oauth"
	"sconce/cloud/once"
	"sconce/cloud/privacy"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/support"
	"sconce/cloud/telemetry"
	"sconce/internal/postgres"
)

// TestEveryColumnIsInTheInventory: nobody adds a column without saying what it is for,
// whether it is personal, how it is kept, and for how long.
func TestEveryColumnIsInTheInventory(t *testing.T) {
	fields, err := privacy.Fields()
	if err != nil {
		t.Fatal(err)
	}
	for engine, columns := range map[string]map[string]bool{"SQLite": columnsOfSQLite(t), "PostgreSQL": columnsOfPostgres(t)} {
		if len(columns) < 150 {
			t.Fatalf("%s has only %d columns", engine, len(columns))
		}
		for _, f := range fields {
			if !columns[f.String()] {
				t.Errorf("%s has no column %s; take its line out of cloud/privacy/fields.txt", engine, f)
			}
			delete(columns, f.String())
		}
		for c := range columns {
			t.Errorf(`%s has a column %s that the inventory does not know. Below the line "table DATABASE.TABLE | RETENTION | what a row is" in `+
				`cloud/privacy/fields.txt, add: column | personal, secret, opaque or plain | clear, person, vault, master or digest | what it is for. `+
				`Then run: go test ./cloud/privacy -run TestDocument -update. What is personal belongs into the identity database, sealed`, engine, c)
		}
	}
}

// TestNobodyIsThereAtFirst: a new installation has no account, no operator and no token, and so no
// password that everybody knows.
func TestNobodyIsThereAtFirst(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tables := range map[string][]string{
		"identity": {"accounts", "people", "sessions", "passkeys", "api_tokens"},
		"site":     {"operators", "members", "support_grants"},
	} {
		db, err := sql.Open("sqlite", filepath.Join(dir, name+".db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, table := range tables {
			var n int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows, %v; want none", table, n, err)
			}
		}
	}
}

// columnsOfSQLite returns database.table.column of every column.
func columnsOfSQLite(t *testing.T) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range []string{"identity", "site", "journal"} {
		for _, c := range columnsOfFile(t, filepath.Join(dir, name+".db")) {
			all[name+"."+c] = true
		}
	}
	return all
}

// columnsOfFile returns table.column of every column of a database of SQLite.
func columnsOfFile(t *testing.T, path string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `
		SELECT s.name || '.' || c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
		WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%' AND s.name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			t.Fatal(err)
		}
		all = append(all, column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// columnsOfPostgres returns database.table.column of every column.
func columnsOfPostgres(t *testing.T) map[string]bool {
	t.Helper()
	a := storetest.Postgres(t)
	all := map[string]bool{}
	for name, address := range map[string]store.Address{"identity": a.Identity, "site": a.Site, "journal": a.Journal} {
		rows, err := connectTo(t, address, postgres.Superuser).Query(t.Context(), `
			SELECT table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> 'goose_db_version'`)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			all[name+"."+c] = true
		}
	}
	return all
}

// TestRetentionIsWhatThePackagesDo holds the times in the inventory to those that the
// rows have.
func TestRetentionIsWhatThePackagesDo(t *testing.T) {
	does := map[string]time.Duration{
		"session": identity.SessionLife,
		"sign-in": identity.HistoryLife,
		"link":    max(identity.RegistrationLife, identity.ResetLife, identity.EmailLife, identity.UndoEmailLife),
		"letter":  mail.GiveUpAfter,
		"token":   access.MaxLife, "let-in": oauth.MaxLife, "once": once.Life, "invitation": invitation.Life,
		"support": support.Kept,
		"alert":   alert.Kept,
		"journal": ingest.Retention,
		"reading": telemetry.DefaultRetention().Readings, "event": telemetry.DefaultRetention().Events, "sum": telemetry.DefaultRetention().Days,
	}
	for _, r := range privacy.Rules() {
		if r.After != does[r.Name] {
			t.Errorf("%s: the inventory says %s, and the package does %s", r.Name, r.After, does[r.Name])
		}
	}
}
