package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sconce"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/internal/postgres"
)

// Two projects with a row each in every table of projects.
const (
	projectA = sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f")
	projectB = sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073990")
)

// connect returns a connection of a role to the database of projects.
func connect(t *testing.T, a store.Addresses, role string) *pgx.Conn {
	t.Helper()
	return connectTo(t, a.Site, role)
}

// connectTo returns a connection of a role to a database.
func connectTo(t *testing.T, a store.Address, role string) *pgx.Conn {
	t.Helper()
	server, err := postgres.Get()
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(a.String(), "postgres://"), "/")
	c, err := pgx.Connect(t.Context(), server.URL(role, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) }) // the test is over
	return c
}

// plant puts a row of each project into every table that has a column for it, and
// returns the tables with the names of those columns.
func plant(t *testing.T, c *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := c.Query(t.Context(), `
		SELECT c.relname, array_agg(a.attname ORDER BY a.attnum), array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum)
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY c.relname`)
	if err != nil {
		t.Fatal(err)
	}
	type table struct {
		name           string
		columns, types []string
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (t table, err error) {
		return t, r.Scan(&t.name, &t.columns, &t.types)
	})
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{}
	if _, err := c.Exec(t.Context(), "SET session_replication_role = replica"); err != nil { // rows need not fit together
		t.Fatal(err)
	}
	for _, table := range all {
		column := "project_id"
		if table.name == "projects" {
			column = "id"
		}
		if !slices.Contains(table.columns, column) {
			continue
		}
		tables[table.name] = column
		for n, project := range []sconce.ProjectID{projectA, projectB} {
			values := make([]string, len(table.columns))
			for i, kind := range table.types {
				values[i] = map[string]string{
					"bigint": fmt.Sprint(n + 1), "double precision": "0.5", "text": fmt.Sprintf("'x%d'", n), "bytea": fmt.Sprintf("'x%d'", n),
				}[kind]
				if table.columns[i] == column {
					values[i] = "'" + string(project) + "'"
				}
			}
			if _, err := c.Exec(t.Context(), "INSERT INTO "+table.name+" VALUES ("+strings.Join(values, ", ")+")"); err != nil {
				t.Fatalf("%s: %v", table.name, err)
			}
		}
	}
	return tables
}

// TestRowLevelSecurity goes past the statements of the store: what forgets the
// project sees and touches the rows of the project that the transaction is of, and
// those of none outside of all projects.
func TestRowLevelSecurity(t *testing.T) {
	ctx := t.Context()
	a := storetest.Postgres(t)
	s, err := store.OpenPostgres(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tables := plant(t, connect(t, a, postgres.Superuser))
	if len(tables) < 10 {
		t.Fatalf("only %d tables of projects: %v", len(tables), slices.Sorted(maps.Keys(tables)))
	}
	for table, column := range tables {
		for project, want := range map[sconce.ProjectID]int{"": 0, projectA: 1, projectB: 1, "*": 2, "no identifier' OR '1": 0} {
			if n, err := s.Sees(ctx, project, "SELECT COUNT(*) FROM "+table); err != nil || n != want {
				t.Errorf("%s: project %q sees %d rows, %v; want %d", table, project, n, err, want)
			}
			if project == projectA || project == projectB {
				if n, err := s.Sees(ctx, project, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s = '%s'", table, column, project)); err != nil || n != 1 {
					t.Errorf("%s: project %q sees %d rows of its own, %v", table, project, n, err)
				}
			}
			for _, statement := range []string{"UPDATE " + table + " SET " + column + " = " + column, "DELETE FROM " + table} {
				n, err := s.Do(ctx, project, statement)
				if table == "security_log" {
					if err == nil || !strings.Contains(err.Error(), "permission denied") {
						t.Errorf("%s: %d, %v; want no right to it", statement, n, err)
					}
				} else if err == nil && int(n) != want || err != nil && !strings.Contains(err.Error(), "foreign key") {
					t.Errorf("project %q: %s touches %d rows, %v; want %d", project, statement, n, err, want)
				}
			}
		}
		move := fmt.Sprintf("UPDATE %s SET %s = '%s'", table, column, projectB)
		if _, err := s.Do(ctx, projectA, move); err == nil || !strings.Contains(err.Error(), "row-level security") && table != "security_log" {
			t.Errorf("%s: %v; want it refused", move, err)
		}
		steal := fmt.Sprintf("INSERT INTO %s (%s) SELECT '%s'", table, column, projectB)
		if _, err := s.Do(ctx, projectA, steal); err == nil {
			t.Errorf("%s as another project: no error", steal)
		}
	}
	steal := fmt.Sprintf("INSERT INTO networks (project_id, id, name, made_ms) VALUES ('%s', 'n', 'n', 1)", projectB)
	if _, err := s.Do(ctx, projectA, steal); err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("%s as another project: %v; want it refused", steal, err)
	}
}

// TestEveryTableOfProjectsIsGuarded takes policies away: the store does not open.
func TestEveryTableOfProjectsIsGuarded(t *testing.T) {
	ctx := t.Context()
	for _, remove := range []string{
		"ALTER TABLE positions DISABLE ROW LEVEL SECURITY", "ALTER TABLE readings NO FORCE ROW LEVEL SECURITY",
		"DROP POLICY reach ON projects", "CREATE TABLE more (project_id TEXT)",
	} {
		t.Run(remove, func(t *testing.T) {
			a := storetest.Postgres(t)
			c := connect(t, a, storetest.PostgresOwner)
			if _, err := c.Exec(ctx, remove); err != nil {
				t.Fatal(err)
			}
			s, err := store.OpenPostgres(ctx, a)
			if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "not guarded") {
				t.Errorf("it opens as %v, %v", s, err)
			}
			if err := store.Prepare(ctx, a, storetest.PostgresOwner); err != nil {
				t.Fatal(err)
			}
			if s, err = store.OpenPostgres(ctx, a); err != nil {
				t.Fatalf("prepared again: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := c.Exec(ctx, "DROP TABLE IF EXISTS more"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRolesThatAreNotBound: the owner of the tables and who passes by policies are
// refused.
func TestRolesThatAreNotBound(t *testing.T) {
	server, err := postgres.Get()
	if err != nil {
		t.Fatal(err)
	}
	a := storetest.Postgres(t)
	if err := server.Run(t.Context(), postgres.Superuser, "CREATE ROLE bypasses LOGIN BYPASSRLS IN ROLE "+storetest.PostgresWorker,
		"CREATE ROLE member LOGIN IN ROLE "+storetest.PostgresOwner); err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context(), postgres.Superuser, "CREATE ROLE reaching LOGIN IN ROLE "+storetest.PostgresWorker,
		"ALTER ROLE reaching SET sconce.across = 'on'"); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{storetest.PostgresOwner, postgres.Superuser, "bypasses", "member", "reaching"} {
		as := a
		for _, address := range []*store.Address{&as.Identity, &as.Site, &as.Journal} {
			_, name, _ := strings.Cut(strings.TrimPrefix(address.String(), "postgres://"), "/")
			if *address, err = store.ParseAddress(server.URL(role, name)); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := store.OpenPostgres(t.Context(), as); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("as %s it opens: %v, %v", role, s, err)
		}
	}
}

// TestTextIsComparedByteByByte holds for every column of every database, so that
// the order of rows is that of SQLite and no upgrade of a language breaks an index.
func TestTextIsComparedByteByByte(t *testing.T) {
	c := connect(t, storetest.Postgres(t), postgres.Superuser)
	rows, err := c.Query(t.Context(), `
		SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(wrong) > 0 {
		t.Errorf("%q, %v", wrong, err)
	}
}
