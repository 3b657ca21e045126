package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"sconce"
)

// Prepare makes the tables of databases on PostgreSQL or brings them up to date,
// and gives the roles of the addresses their rights: to work with the rows, and
// nothing else. It works as the role owner, to whom the databases have to belong,
// and whom the cloud never uses. No cloud may be running on them.
func Prepare(ctx context.Context, a Addresses, owner string) error {
	for _, name := range []string{"identity", "site", "journal"} {
		if err := prepare(ctx, a.of(name), name, owner); err != nil {
			return fmt.Errorf("preparing database %s: %w", a.of(name), err)
		}
	}
	return nil
}

func prepare(ctx context.Context, a Address, name, owner string) (err error) {
	worker := a.url.User.Username()
	if worker == owner {
		return sconce.Errorf(sconce.Invalid, "the cloud works as role %s, so that role cannot own the tables: choose another owner", worker)
	}
	a = a.as(owner)
	lock, err := takeAdvisoryLock(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close(ctx)) }()
	config, err := a.config()
	if err != nil {
		return err
	}
	config.RuntimeParams[settingAcross] = "on" // the owner's own work on rows is bound by the policies too
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate(ctx, goose.DialectPostgres, db, name); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(grant(ctx, tx, a.database(), worker), guard(ctx, tx, name)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// appendOnly is the tables whose rows stay as they are. Their triggers of SQLite
// say the same there.
var appendOnly = []string{"security_log"}

// wiped is the tables in which an earlier version kept in clear what is personal. They are
// emptied with all that is left of their rows.
var wiped = []string{"profiles", "invited"}

// grant lets a role work with the rows of all tables, and nobody else.
func grant(ctx context.Context, tx *sql.Tx, database, worker string) error {
	database, worker = quoted(database), quoted(worker)
	err := execute(
		ctx, tx,
		"REVOKE ALL ON DATABASE "+database+" FROM PUBLIC",
		"REVOKE ALL ON SCHEMA public FROM PUBLIC",
		"GRANT CONNECT ON DATABASE "+database+" TO "+worker,
		"GRANT USAGE ON SCHEMA public TO CURRENT_USER, "+worker, // foreign keys are checked as the owner
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+worker,
		"REVOKE INSERT, UPDATE, DELETE ON goose_db_version FROM "+worker,
	)
	if err != nil {
		return err
	}
	for _, table := range appendOnly {
		if err := executeIfThere(ctx, tx, table, "REVOKE UPDATE, DELETE ON "+quoted(table)+" FROM "+worker); err != nil {
			return err
		}
	}
	for _, table := range wiped {
		if err := executeIfThere(ctx, tx, table, "GRANT TRUNCATE ON "+quoted(table)+" TO "+worker); err != nil {
			return err
		}
	}
	return nil
}

// executeIfThere runs a statement about a table that only some databases have.
func executeIfThere(ctx context.Context, tx *sql.Tx, table, statement string) error {
	var there bool
	if err := tx.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", "public."+table).Scan(&there); err != nil || !there {
		return err
	}
	return execute(ctx, tx, statement)
}

// projectTables asks for the tables that hold rows of projects: their names, the
// column with the project, and whether a policy guards them, also from their owner.
const projectTables = `
	SELECT c.relname, a.attname,
	  c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid)
	FROM pg_class AS c
	JOIN pg_attribute AS a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
	  AND (a.attname = 'project_id' OR c.relname = 'projects' AND a.attname = 'id')
	ORDER BY c.relname`

// guard puts a policy on every table of projects: without the settings that say
// whose rows are meant, there are only those of no project, ”.
func guard(ctx context.Context, tx *sql.Tx, name string) error {
	if name != "site" { // the journal is read by the projector alone, for all projects
		return nil
	}
	rows, err := tx.QueryContext(ctx, projectTables)
	if err != nil {
		return err
	}
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var table, column string
		var guarded bool
		if err := rows.Scan(&table, &column, &guarded); err != nil {
			return err
		}
		table, column = quoted(table), quoted(column)
		statements = append(statements,
			"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
			"DROP POLICY IF EXISTS reach ON "+table,
			"CREATE POLICY reach ON "+table+" USING ("+column+" = COALESCE(current_setting('"+settingProject+"', true), '')"+
				" OR current_setting('"+settingAcross+"', true) = 'on')",
		)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return execute(ctx, tx, statements...)
}

// unguarded returns the tables of projects without a policy.
func unguarded(ctx context.Context, db *sql.DB) (open []string, err error) {
	rows, err := db.QueryContext(ctx, projectTables)
	if err != nil {
		return nil, fmt.Errorf("looking at the policies: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		var guarded bool
		if err := rows.Scan(&table, &column, &guarded); err != nil {
			return nil, err
		}
		if !guarded {
			open = append(open, table)
		}
	}
	return open, rows.Err()
}

// quoted returns a name as it stands in a statement, whatever is in it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func execute(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
