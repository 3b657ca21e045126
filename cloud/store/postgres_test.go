package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/internal/postgres"
)

func TestPostgresIsExclusive(t *testing.T) {
	ctx, a := t.Context(), storetest.Postgres(t)
	s, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.OpenPostgres(ctx, a)
	if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), a.Identity.String()) {
		t.Errorf("second Open = %v, %v; want a conflict that names the database", second, err)
	}
	if err := store.Prepare(ctx, a, storetest.PostgresOwner); sconce.KindOf(err) != sconce.Conflict {
		t.Errorf("Prepare beside it: %v; want a conflict", err)
	}
	beside, err := store.OpenPostgresBeside(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	storetest.MakeSite(t, beside, 0x10)
	if err := errors.Join(beside.Check(ctx), beside.Close(), s.Check(ctx), s.Close()); err != nil {
		t.Error(err)
	}
	if s, err = store.OpenPostgres(ctx, a); err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// disconnect ends all connections of stores, as a restart of the server does.
func disconnect(t *testing.T, a store.Addresses) {
	t.Helper()
	end := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sconce'"
	if _, err := connect(t, a, postgres.Superuser).Exec(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

// TestPostgresConnectsAnew goes on after all connections were lost.
func TestPostgresConnectsAnew(t *testing.T) {
	ctx, a := t.Context(), storetest.Postgres(t)
	s, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	site := storetest.MakeSite(t, s, 0x10)
	for i := range 3 {
		disconnect(t, a)
		if _, err := s.Lighting().Devices(ctx, site.Owner, site.Network); err != nil {
			t.Error(err)
		}
		if _, err := s.Projects().Networks(ctx, site.Owner); err != nil {
			t.Error(err)
		}
		if _, err := s.Registry().Version(ctx); err != nil {
			t.Error(err)
		}
		n := project.Network{ID: sconce.NetworkID(fmt.Sprint("n", i)), Name: "Floor"}
		if err := s.Projects().CreateNetwork(ctx, site.Owner, n, 10); err != nil {
			t.Error(err)
		}
	}
}

// TestPostgresIsAway: what cannot be done because the server is away is told apart
// from faults of ours.
func TestPostgresIsAway(t *testing.T) {
	ctx, a := t.Context(), storetest.Postgres(t)
	s, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	site := storetest.MakeSite(t, s, 0x10)
	c := connect(t, a, postgres.Superuser)
	if _, err := c.Exec(ctx, "ALTER ROLE "+storetest.PostgresWorker+" CONNECTION LIMIT 0"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.Exec(ctx, "ALTER ROLE "+storetest.PostgresWorker+" CONNECTION LIMIT -1"); err != nil {
			t.Error(err)
		}
	}()
	disconnect(t, a)
	_, reading := s.Projects().Networks(ctx, site.Owner)
	changing := s.Projects().CreateNetwork(ctx, site.Owner, project.Network{ID: "n", Name: "Floor"}, 10)
	if sconce.KindOf(reading) != sconce.Unavailable || sconce.KindOf(changing) != sconce.Unavailable {
		t.Errorf("reading: %v; changing: %v; want both unavailable", reading, changing)
	}
	if err := s.Check(ctx); err == nil {
		t.Error("it says that it answers")
	}
}

// TestPostgresIsLost: a store that may be another process's writes no more.
func TestPostgresIsLost(t *testing.T) {
	a := storetest.Postgres(t)
	s, err := store.OpenPostgres(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	site := storetest.MakeSite(t, s, 0x10)
	watched := make(chan error)
	go func() { watched <- s.Watch(t.Context()) }()
	disconnect(t, a)
	if err := <-watched; err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("watching: %v", err)
	}
	if err := s.Projects().CreateNetwork(t.Context(), site.Owner, project.Network{ID: "n", Name: "Floor"}, 10); err == nil {
		t.Error("it writes after that")
	}
}

// TestWatchEnds with its context, on both engines.
func TestWatchEnds(t *testing.T) {
	for _, s := range []*store.Store{storetest.OpenSQLite(t), storetest.OpenPostgres(t)} {
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan error)
		go func() { watched <- s.Watch(ctx) }()
		cancel()
		if err := <-watched; err != nil {
			t.Error(err)
		}
		storetest.MakeSite(t, s, 0x10) // as before
	}
}

// TestPostgresThatIsNotPrepared says what to do.
func TestPostgresThatIsNotPrepared(t *testing.T) {
	ctx, a := t.Context(), storetest.Postgres(t)
	c := connect(t, a, storetest.PostgresOwner)
	for _, change := range []string{
		"DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)",
		"ALTER TABLE goose_db_version RENAME TO other",
	} {
		if _, err := c.Exec(ctx, "CREATE TABLE kept AS SELECT * FROM goose_db_version"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(ctx, change); err != nil {
			t.Fatal(err)
		}
		s, err := store.OpenPostgres(ctx, a)
		if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "store prepare") {
			t.Errorf("%s: it opens as %v, %v; want what to do", change, s, err)
		}
		undo := "ALTER TABLE IF EXISTS other RENAME TO goose_db_version; DELETE FROM goose_db_version; " +
			"INSERT INTO goose_db_version SELECT * FROM kept; DROP TABLE kept"
		if _, err := c.Exec(ctx, undo); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, good := range []string{
		"postgres://sconce@/sconce_site?host=/run/postgresql",
		"postgresql://sconce:secret@localhost:5432/sconce_site",
		"postgres://sconce:secret@127.0.0.1/sconce_site",
		"postgres://sconce:secret@db.example.org/sconce_site?sslmode=verify-full",
	} {
		a, err := store.ParseAddress(good)
		if err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", a, a, a, a.LogValue()); strings.Contains(text, "secret") || !strings.Contains(text, "sconce_site") {
			t.Errorf("%s prints as %s", good, text)
		}
	}
	for bad, want := range map[string]string{
		"":                                     "not the URL",
		"sconce_site":                          "not the URL",
		"mysql://sconce:secret@localhost/site": "not the URL",
		"postgres://sconce:secret@local host/site":                       "not the URL",
		"postgres://localhost/site":                                      "the role",
		"postgres://sconce:secret@localhost":                             "the database",
		"postgres://sconce:secret@localhost/site?sslmode=nonsense":       "cannot be used",
		"postgres://sconce:secret@localhost/site?connect_timeout=x":      "cannot be used",
		"postgres://sconce:secret@db.example.org/site":                   "verify-full",
		"postgres://sconce:secret@db.example.org/site?sslmode=disable":   "verify-full",
		"postgres://sconce:secret@db.example.org/site?sslmode=require":   "verify-full",
		"postgres://sconce:secret@db.example.org/site?sslmode=verify-ca": "verify-full",
		"postgres://sconce:secret@localhost,db.example.org/site":         "verify-full",
	} {
		a, err := store.ParseAddress(bad)
		if sconce.KindOf(err) != sconce.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", bad, a, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", bad, err)
		}
	}
}

// TestPasswordsAreNotTold fails to connect in all ways.
func TestPasswordsAreNotTold(t *testing.T) {
	a, err := store.ParseAddress("postgres://sconce:topsecret@127.0.0.1:1/sconce_site")
	if err != nil {
		t.Fatal(err)
	}
	all := store.Addresses{Identity: a, Site: a, Journal: a}
	_, err = store.OpenPostgres(t.Context(), all)
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("opening: %v", err)
	}
	if err = store.Prepare(t.Context(), all, "owner"); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("preparing: %v", err)
	}
}

func TestNumbered(t *testing.T) {
	for of, want := range map[string]string{
		"SELECT 1":                     "SELECT 1",
		"a = ?1 AND b = ?2 AND c = ?1": "a = $1 AND b = $2 AND c = $1",
		"a IN (?,?,?)":                 "a IN ($1,$2,$3)",
		"a = ?2 AND b IN (/*SLICE:x*/?,?) LIMIT ?1": "a = $2 AND b IN (/*SLICE:x*/$3,$4) LIMIT $1",
		"?12": "$12",
	} {
		if got := store.Numbered(of); got != want {
			t.Errorf("%s: %s, want %s", of, got, want)
		}
	}
}

func TestInPostgres(t *testing.T) {
	const of = `-- +goose Up

-- TEXT of an INTEGER.
CREATE TABLE a (
  id   INTEGER PRIMARY KEY, -- an INTEGER
  text TEXT    NOT NULL,
  b    BLOB,
  r    REAL    NOT NULL
) STRICT;

CREATE TABLE c (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER a_stays BEFORE UPDATE ON a
BEGIN SELECT RAISE(ABORT, 'no'); END;
-- +goose StatementEnd

-- +goose Down

DROP TABLE a;
`
	const want = `-- +goose Up

-- TEXT of an INTEGER.
CREATE TABLE a (
  id   BIGINT PRIMARY KEY, -- an INTEGER
  text TEXT COLLATE "C"    NOT NULL,
  b    BYTEA,
  r    DOUBLE PRECISION    NOT NULL
);

CREATE TABLE c (id TEXT COLLATE "C" PRIMARY KEY);



-- +goose Down

DROP TABLE a;
`
	if got := store.InPostgres(of); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
