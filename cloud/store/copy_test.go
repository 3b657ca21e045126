package store_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/internal/postgres"
)

// populated returns a folder with a store that has some of everything, and its sites.
func populated(t *testing.T) (string, [2]storetest.Site) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	sites := storetest.Populate(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, sites
}

// answers is what a store says to some questions.
func answers(t *testing.T, s *store.Store, site storetest.Site) (all []any) {
	t.Helper()
	storetest.Unlock(t, s)
	ctx := t.Context()
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		all = append(all, v)
	}
	add(s.Lighting().Devices(ctx, site.Owner, site.Network))
	add(s.Lighting().Groups(ctx, site.Owner, site.Network))
	add(s.Projects().Networks(ctx, site.Owner))
	add(s.Telemetry().States(ctx, site.Owner, site.Network))
	add(s.Telemetry().Events(ctx, site.Owner, time.Now(), 10))
	add(s.Identity().Credentials(ctx, "ada@example.org"))
	add(s.Keysets().Keyring(ctx))
	add(s.Journal().After(ctx, 0, 1<<20))
	add(s.Results().Placements(ctx))
	add(s.Results().Position(ctx))
	add(s.Registry().Version(ctx))
	return all
}

func TestCopy(t *testing.T) {
	ctx := t.Context()
	dir, sites := populated(t)
	a := storetest.Postgres(t)
	var before []store.Copied
	rows := map[string]int64{}
	for range 2 { // the second time it is there
		var now []store.Copied
		err := store.Copy(ctx, dir, a, func(c store.Copied) {
			if c.Verified {
				now = append(now, c)
				rows[c.Table] = c.Rows
			} else if before != nil {
				t.Errorf("%+v is copied again", c)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !reflect.DeepEqual(now, before) {
			t.Errorf("copied again, it is %+v, and was %+v", now, before)
		}
		before = now
	}
	filled := 0
	for _, n := range rows {
		filled += int(min(n, 1))
	}
	if rows["journal"] != 600 || rows["positions"] != 6 || rows["security_log"] == 0 || filled < 20 {
		t.Errorf("rows: %v", rows)
	}
	from, err := store.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for _, site := range sites {
		if was, is := answers(t, from, site), answers(t, to, site); !reflect.DeepEqual(was, is) {
			t.Errorf("it answers %+v\nand answered %+v", is, was)
		}
	}
	storetest.MakeSite(t, to, 0x99) // it goes on there
	chains, err := to.SecurityLogs(ctx)
	if err != nil || len(chains) != 5 {
		t.Errorf("security logs %q, %v", chains, err)
	}
	for _, chain := range chains {
		if _, err := audit.Verify(chain, audit.All(ctx, to.SecurityLog(), chain), nil); err != nil {
			t.Errorf("the security log %s: %v", chain, err)
		}
	}
}

// TestCopyContinues after it was interrupted, and leaves nothing half.
func TestCopyContinues(t *testing.T) {
	dir, _ := populated(t)
	a := storetest.Postgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := store.Copy(ctx, dir, a, func(c store.Copied) {
		if c.Table == "positions" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	var n int
	if err := connect(t, a, postgres.Superuser).QueryRow(t.Context(), "SELECT COUNT(*) FROM projects").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d projects are there, %v; want none", n, err)
	}
	copied := map[string]bool{}
	if err := store.Copy(t.Context(), dir, a, func(c store.Copied) { copied[c.Table] = copied[c.Table] || !c.Verified }); err != nil {
		t.Fatal(err)
	}
	if copied["accounts"] || !copied["projects"] || !copied["journal"] {
		t.Errorf("copied were %v; want what was not there before", copied)
	}
}

func TestCopyRefuses(t *testing.T) {
	ctx := t.Context()
	dir, _ := populated(t)
	a := storetest.Postgres(t)
	silent := func(store.Copied) {}

	if err := store.Copy(ctx, t.TempDir(), a, silent); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("from an empty folder: %v", err)
	}
	from, err := store.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(ctx, dir, a, silent); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "in use") {
		t.Errorf("from a folder in use: %v", err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	to, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(ctx, dir, a, silent); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "in use") {
		t.Errorf("to databases in use: %v", err)
	}
	storetest.MakeSite(t, to, 0x77)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(ctx, dir, a, silent); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("to databases with something in them: %v", err)
	}
}

// TestCopyFindsWhatIsNotTheSame lets the target change a value on its way.
func TestCopyFindsWhatIsNotTheSame(t *testing.T) {
	ctx := t.Context()
	dir, _ := populated(t)
	a := storetest.Postgres(t)
	c := connect(t, a, storetest.PostgresOwner)
	if _, err := c.Exec(ctx, `
		CREATE FUNCTION round() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.minimum := 0; RETURN NEW; END $$;
		CREATE TRIGGER round BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION round()`); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.Exec(ctx, "DROP TRIGGER round ON readings; DROP FUNCTION round()"); err != nil {
			t.Error(err)
		}
	}()
	err := store.Copy(ctx, dir, a, func(store.Copied) {})
	if err == nil || !strings.Contains(err.Error(), "readings is not like it") {
		t.Errorf("a value of 1e-300 that is stored as 0: %v", err)
	}
	var n int
	if err := connect(t, a, postgres.Superuser).QueryRow(ctx, "SELECT COUNT(*) FROM readings").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d readings are there, %v; want none", n, err)
	}
}
