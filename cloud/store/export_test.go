package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// SealedColumns returns what a change of the key seals anew.
func SealedColumns() []string {
	var all []string
	for _, c := range append([]sealedColumn{people}, sealedColumns...) {
		all = append(all, c.database+"."+c.table+"."+c.column)
	}
	for _, column := range personal {
		all = append(all, "identity.people."+column)
	}
	return all
}

// OpenAll opens everything that is sealed, by table, column and row.
func (s *Store) OpenAll(ctx context.Context) (map[string]string, error) {
	ctx = withReach(ctx, reach{every: true})
	all := map[string]string{}
	for _, c := range append([]sealedColumn{people}, sealedColumns...) {
		err := s.changer(c.database).look(ctx, func(tx *sql.Tx) error { return s.openColumn(ctx, tx, c, all) })
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", c.table, c.column, err)
		}
	}
	return all, nil
}

func (s *Store) openColumn(ctx context.Context, tx *sql.Tx, c sealedColumn, all map[string]string) error {
	keys := strings.Join(c.key, ", ")
	rows, err := tx.QueryContext(ctx, "SELECT "+keys+", "+c.column+" FROM "+c.table+" WHERE length("+c.column+") > 0")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		key, into := make([]any, len(c.key)), []any{}
		for i := range key {
			into = append(into, &key[i])
		}
		var sealed []byte
		if err := rows.Scan(append(into, &sealed)...); err != nil {
			return err
		}
		at := c.at(key)
		value, err := s.vault.Open(sealed, at)
		if err != nil {
			return err
		}
		if c.table != people.table {
			all[c.table+"."+c.column+" "+at.Row] = string(value)
			continue
		}
		a, err := identities{s.identity, s.vault}.Accounts(ctx, []sconce.AccountID{sconce.AccountID(at.Row)})
		if err != nil {
			return err
		}
		all["people "+at.Row], all["people.email "+at.Row], all["people.name "+at.Row], all["people.country "+at.Row] = "", a[0].Email, a[0].Name, a[0].Country
	}
	return rows.Err()
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

// Expiring returns the tables from which rows are removed whose time is over.
func Expiring() []string {
	return mapped(expiries, expiry.String)
}

// Belongings returns the tables from which the rows of a project are removed that is deleted.
func Belongings() []string {
	return mapped(belongings, func(b belonging) string { return b.database + "." + b.table })
}

// Mentions counts the rows of a table in which a column has a text in it.
func (s *Store) Mentions(ctx context.Context, database, table, column, text string) (n int, err error) {
	ctx = withReach(ctx, reach{every: true})
	err = s.changer(database).look(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE CAST("+column+" AS TEXT) LIKE ?1", "%"+text+"%").Scan(&n)
	})
	return n, err
}

// Rows returns the rows of a table of the database of projects as they are, in an order of
// their own.
func (s *Store) Rows(ctx context.Context, name string, columns []string) (all []string, err error) {
	ctx = withReach(ctx, reach{every: true})
	err = s.site.db.look(ctx, func(tx *sql.Tx) error {
		return table{name: name, columns: columns, key: columns}.read(ctx, tx, func(row []any) error {
			all = append(all, fmt.Sprintf("%#v", row))
			return nil
		})
	})
	slices.Sort(all)
	return all, err
}

// Alter runs a statement on the database of projects, across them.
func (s *Store) Alter(ctx context.Context, statement string) error {
	ctx = withReach(ctx, reach{every: true})
	return s.site.db.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	})
}
