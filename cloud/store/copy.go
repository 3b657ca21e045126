package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"strings"

	"sconce"
)

// Copied is how far the copy of a table has come.
type Copied struct {
	Database, Table string
	Rows            int64
	Verified        bool              // it is the same in both places
	SHA256          [sha256.Size]byte // then: of its rows in the order of their keys
}

// Copy copies the databases of a folder, whose cloud must not be running, to
// prepared databases of PostgreSQL, and tells report of each table that is copied,
// and again when it is verified.
//
// Each database is copied in one transaction, which is committed when what can be
// read from it in the end has the checksums of what was to be copied. A database
// that is there already, from a run that was interrupted, is left as it is; one
// with anything else in it is refused with a [sconce.Conflict].
func Copy(ctx context.Context, dir string, to Addresses, report func(Copied)) (err error) {
	for _, name := range []string{"identity", "site", "journal"} {
		if _, err := os.Stat(filepath.Join(dir, name+".db")); err != nil {
			return sconce.Errorf(sconce.Invalid, "%s holds no databases of sconce: %w", dir, err)
		}
	}
	source, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := OpenPostgres(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	for _, c := range []copying{
		{"identity", source.identity.read, target.identity.write, report},
		{"site", source.site.db.read, target.site.db.write, report},
		{"journal", source.journal.read, target.journal.write, report},
	} {
		if err := c.run(withReach(ctx, reach{every: true})); err != nil {
			return fmt.Errorf("copying database %s: %w", c.name, err)
		}
	}
	return nil
}

// copying is the copying of one database.
type copying struct {
	name   string
	source *sql.DB
	target *sql.DB
	report func(Copied)
}

// table is a table of a database, as both engines have it.
type table struct {
	name    string
	columns []string
	key     []string
	where   string // which rows are read; "" for all
}

// seeded is the tables that have a row from their making.
var seeded = map[string]bool{"registry_version": true, "projector": true, "unsealed": true}

func (c copying) run(ctx context.Context) error {
	from, err := c.source.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = from.Rollback() }() // it only reads
	to, err := c.target.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = to.Rollback() }() // after a commit it does nothing
	all, err := tablesOf(ctx, from)
	if err != nil {
		return err
	}
	empty := true
	for _, t := range all {
		if !seeded[t.name] {
			var some bool
			if err := to.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM "+quoted(t.name)+")").Scan(&some); err != nil {
				return err
			}
			empty = empty && !some
		}
	}
	for _, t := range all {
		if empty {
			n, err := t.copy(ctx, from, to)
			if err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			c.report(Copied{Database: c.name, Table: t.name, Rows: n})
		}
	}
	for _, t := range all {
		was, err := t.checksum(ctx, from)
		if err != nil {
			return fmt.Errorf("reading table %s again: %w", t.name, err)
		}
		is, err := t.checksum(ctx, to)
		if err != nil {
			return fmt.Errorf("reading the copy of table %s: %w", t.name, err)
		}
		switch {
		case was == is:
		case empty:
			return fmt.Errorf("the copy of table %s is not like it: %d rows of %d, SHA-256 %x and %x", t.name, is.rows, was.rows, is.sum, was.sum)
		default:
			return sconce.Errorf(sconce.Conflict, "the database is not empty, and its table %s (%d rows) is not that of the folder (%d rows): use databases that are new and prepared", t.name, is.rows, was.rows)
		}
		c.report(Copied{c.name, t.name, is.rows, true, is.sum})
	}
	return to.Commit()
}

// tablesOf returns the tables of a database of SQLite in the order of their making,
// so that a row comes after those that it refers to.
func tablesOf(ctx context.Context, db *sql.Tx) ([]table, error) {
	rows, err := db.QueryContext(ctx, `
		SELECT s.name, c.name, c.pk FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
		WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%' AND s.name <> 'goose_db_version'
		ORDER BY s.rowid, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []table
	for rows.Next() {
		var name, column string
		var key int
		if err := rows.Scan(&name, &column, &key); err != nil {
			return nil, err
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name})
		}
		t := &all[len(all)-1]
		t.columns = append(t.columns, quoted(column))
		if key > 0 {
			t.key = append(t.key, quoted(column))
		}
	}
	return all, rows.Err()
}

// read calls fn for each row in the order of the keys. The values are those of the
// row until fn returns.
func (t table) read(ctx context.Context, db *sql.Tx, fn func(row []any) error) error {
	query := "SELECT " + strings.Join(t.columns, ", ") + " FROM " + quoted(t.name) //nolint:gosec // names of ours
	if t.where != "" {
		query += " WHERE " + t.where
	}
	query += " ORDER BY " + strings.Join(t.key, ", ")
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok { // SQLite's driver has nil for no bytes, which is not NULL
				row[i] = notNil(b)
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// How much is inserted with one statement.
const (
	copyRows  = 250
	copyBytes = 1 << 20
)

// copy puts all rows into the table of the target, and returns how many.
func (t table) copy(ctx context.Context, from, to *sql.Tx) (n int64, err error) {
	if seeded[t.name] {
		if _, err := to.ExecContext(ctx, "DELETE FROM "+quoted(t.name)); err != nil { //nolint:gosec // a table of ours
			return 0, err
		}
	}
	var values []any
	size := 0
	insert := func() error {
		if len(values) == 0 {
			return nil
		}
		_, err := to.ExecContext(ctx, t.insert(len(values)/len(t.columns)), values...)
		values, size = values[:0], 0
		return err
	}
	err = t.read(ctx, from, func(row []any) error {
		n++
		for _, v := range row {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		values = append(values, row...)
		if len(values) >= copyRows*len(t.columns) || size >= copyBytes {
			return insert()
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	return n, insert()
}

// insert returns the statement that inserts a number of rows.
func (t table) insert(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + quoted(t.name) + " (" + strings.Join(t.columns, ", ") + ") VALUES ")
	for n := range rows * len(t.columns) {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%len(t.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteByte('?')
	}
	b.WriteByte(')')
	return b.String()
}

// checksum is what all rows of a table come to.
type checksum struct {
	rows int64
	sum  [sha256.Size]byte
}

func (t table) checksum(ctx context.Context, db *sql.Tx) (c checksum, err error) {
	h := sha256.New()
	err = t.read(ctx, db, func(row []any) error {
		c.rows++
		for _, v := range row {
			if err := addValue(h, v); err != nil {
				return err
			}
		}
		return nil
	})
	h.Sum(c.sum[:0])
	return c, err
}

// addValue adds a value to a checksum in a form that is its own: one byte for its
// type, and for text and bytes their length before them.
func addValue(h hash.Hash, v any) error {
	var head [9]byte
	var body []byte
	switch v := v.(type) {
	case nil:
		head[0] = 'n'
	case int64:
		head[0] = 'i'
		binary.BigEndian.PutUint64(head[1:], uint64(v))
	case float64:
		head[0] = 'f'
		binary.BigEndian.PutUint64(head[1:], math.Float64bits(v))
	case string:
		head[0] = 't'
		body = []byte(storable(v))
		binary.BigEndian.PutUint64(head[1:], uint64(len(body)))
	case []byte:
		head[0] = 'b'
		body = v
		binary.BigEndian.PutUint64(head[1:], uint64(len(body)))
	default:
		return fmt.Errorf("a value of type %T", v)
	}
	h.Write(head[:])
	h.Write(body)
	return nil
}
