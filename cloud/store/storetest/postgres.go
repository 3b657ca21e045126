package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sconce/cloud/store"
	"sconce/internal/postgres"
)

// The roles of the stores on PostgreSQL.
const (
	PostgresOwner  = "sconce_owner" // of the tables
	PostgresWorker = "sconce"       // of the cloud
)

// OpenPostgres returns a new, empty store on PostgreSQL that ends with the test.
func OpenPostgres(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.OpenPostgres(t.Context(), Postgres(t))
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

// Postgres returns databases, prepared and empty, for a test.
func Postgres(t testing.TB) store.Addresses {
	t.Helper()
	all, err := databases()
	if err != nil {
		t.Fatal(err)
	}
	set, err := all.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := all.giveBack(context.WithoutCancel(t.Context()), set); err != nil {
			t.Error(err)
		}
	})
	a, err := all.addresses(set)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// names are the databases of a store.
var names = []string{"identity", "site", "journal"}

// databases returns those of this process.
var databases = sync.OnceValues(func() (*pool, error) {
	server, err := postgres.Get()
	if err != nil {
		return nil, err
	}
	return &pool{server: server}, server.Run(context.Background(), postgres.Superuser,
		"CREATE ROLE "+PostgresOwner+" LOGIN", "CREATE ROLE "+PostgresWorker+" LOGIN")
})

// pool is sets of databases that tests use one after the other: emptying them is
// much faster than making them.
type pool struct {
	server *postgres.Server

	mu   sync.Mutex
	made int
	free []string
}

// take returns an empty set that no test uses.
func (p *pool) take(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		set := p.free[n-1]
		p.free = p.free[:n-1]
		return set, nil
	}
	p.made++
	set := fmt.Sprintf("set%d", p.made)
	for _, name := range names {
		if err := p.server.Run(ctx, postgres.Superuser, fmt.Sprintf("CREATE DATABASE %s_%s OWNER %s", set, name, PostgresOwner)); err != nil {
			return "", err
		}
	}
	a, err := p.addresses(set)
	if err != nil {
		return "", err
	}
	if err := store.Prepare(ctx, a, PostgresOwner); err != nil {
		return "", err
	}
	for _, name := range names {
		if err := p.server.Run(ctx, set+"_"+name, remember); err != nil {
			return "", err
		}
	}
	return set, nil
}

// giveBack empties a set for the next test.
func (p *pool) giveBack(ctx context.Context, set string) error {
	for _, name := range names {
		if err := p.server.Run(ctx, set+"_"+name, empty); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, set)
	return nil
}

func (p *pool) addresses(set string) (a store.Addresses, err error) {
	for i, address := range []*store.Address{&a.Identity, &a.Site, &a.Journal} {
		if *address, err = store.ParseAddress(p.server.URL(PostgresWorker, set+"_"+names[i])); err != nil {
			return a, err
		}
	}
	return a, nil
}

// What brings a database back to how it was made: remember keeps the rows that its
// tables had, and empty puts those rows in the place of what is there.
const (
	remember = `
CREATE SCHEMA aside;
DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TABLE aside.%1$I AS SELECT * FROM public.%1$I', t);
  END LOOP;
END $$`
	empty = `
SET lock_timeout = '10s';
SET session_replication_role = replica; -- nothing refers to anything in the end
DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM public.%1$I; INSERT INTO public.%1$I SELECT * FROM aside.%1$I', t);
  END LOOP;
END $$`
)
