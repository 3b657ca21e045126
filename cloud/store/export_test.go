package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pressly/goose/v3"

	"sconce"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/journaldb"
	"sconce/cloud/store/sitedb"
)

// Numbered and InPostgres are what is said to PostgreSQL.
var (
	Numbered   = numbered
	InPostgres = inPostgres
)

// Rehearse makes every transaction that writes run twice from now on, of which the
// first is undone, as when others change what it relied on.
func (s *Store) Rehearse() {
	s.identity.rehearse, s.site.db.rehearse, s.journal.rehearse = true, true, true
}

// MigrateTo makes the tables of a database of SQLite as they were in an earlier version.
func MigrateTo(ctx context.Context, db *sql.DB, name string, version int64) error {
	p, err := tables(goose.DialectSQLite3, db, name)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// Prepare prepares every statement.
func (s *Store) Prepare(ctx context.Context) error {
	people, err := identitydb.Prepare(ctx, s.identity.read)
	if err != nil {
		return err
	}
	site, err := sitedb.Prepare(ctx, s.site.db.read)
	if err != nil {
		return err
	}
	journal, err := journaldb.Prepare(ctx, s.journal.read)
	if err != nil {
		return err
	}
	return errors.Join(people.Close(), site.Close(), journal.Close())
}

// Sees asks for a number, with a statement that forgets the project, where a
// project's data is asked for with single statements; "" is outside of all
// projects, and "*" across them.
func (s *Store) Sees(ctx context.Context, project sconce.ProjectID, query string) (n int, err error) {
	p := s.part(project)
	db := sitedb.DBTX(s.site.db.read)
	if p.reach != (reach{}) {
		db = reaching{s.site.db.read, p.reach}
	}
	return n, db.QueryRowContext(ctx, query).Scan(&n)
}

// Do runs a statement that forgets the project in a transaction of a project.
func (s *Store) Do(ctx context.Context, project sconce.ProjectID, statement string) (int64, error) {
	tx, err := s.site.db.write.BeginTx(withReach(ctx, s.part(project).reach), nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // whatever it did is undone
	r, err := tx.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *Store) part(project sconce.ProjectID) part {
	if project == "*" {
		return s.site.across()
	}
	return s.site.of(project)
}
