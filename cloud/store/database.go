package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sconce"
)

//go:embed migrations/*/sqlite/*.sql
var migrations embed.FS

// busyTimeout is how long a statement waits for a lock of SQLite. Writers queue
// for the one write connection before that, so it is reached only when a
// checkpoint or another program holds the file.
const busyTimeout = 10 * time.Second

// writeCache is how much of a database the connection that writes keeps in memory,
// at most, in KiB. The projector comes back to the open chunk of every series: with
// SQLite's own 2 MiB it read them from the file each time, for a quarter of its work.
const writeCache = "65536"

// readers is the largest number of connections that read one database.
const readers = 8

// queries is what sqlc generates for one database.
type queries[Q any] interface {
	WithTx(*sql.Tx) Q
	Close() error
}

// database is one SQLite file: one connection that writes, a few that read, and
// the prepared statements of each.
type database[Q queries[Q]] struct {
	name        string
	write, read *sql.DB
	writing     Q // prepared on write
	reading     Q // prepared on read
}

func openDatabase[Q queries[Q]](ctx context.Context, dir, name string, prepare func(context.Context, *sql.DB) (Q, error)) (*database[Q], error) {
	fail := func(doing string, err error) (*database[Q], error) {
		return nil, fmt.Errorf("%s database %s in %s: %w", doing, name, dir, err)
	}
	path := filepath.Join(dir, name+".db")
	if err := makePrivate(path); err != nil {
		return fail("making", err)
	}
	d := &database[Q]{name: name}
	var err error
	if d.write, err = openSQLite(path, 1, "_txlock=immediate&_pragma=cache_size(-"+writeCache+")"); err != nil {
		return fail("opening", err)
	}
	if err := migrate(ctx, d.write, name); err != nil {
		return fail("updating", errors.Join(err, d.write.Close()))
	}
	if d.read, err = openSQLite(path, readers, "_pragma=query_only(1)"); err != nil {
		return fail("opening", errors.Join(err, d.write.Close()))
	}
	if d.writing, err = prepare(ctx, d.write); err == nil {
		d.reading, err = prepare(ctx, d.read)
	}
	if err != nil {
		return fail("preparing", errors.Join(err, d.write.Close(), d.read.Close()))
	}
	return d, nil
}

func openSQLite(path string, connections int, option string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: option +
		"&_pragma=busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")" +
		"&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// makePrivate makes a file that only its owner can read; SQLite gives the files
// that it puts beside it the same rights.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func migrate(ctx context.Context, db *sql.DB, name string) error {
	folder, err := fs.Sub(migrations, "migrations/"+name+"/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, newest, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return sconce.Errorf(sconce.Conflict, "it was written by a newer version of sconce (tables %d, this program knows %d); use that version", current, newest)
	}
	_, err = p.Up(ctx)
	return err
}

// update runs fn in one transaction that may write, and commits it if fn returns
// nil. Transactions that write run one after the other.
func (d *database[Q]) update(ctx context.Context, fn func(q Q) error) error {
	return d.transact(ctx, d.write, d.writing, fn)
}

// view runs fn in one transaction that reads, so that all of what it reads is of
// one moment. A single statement needs none: it uses d.reading.
func (d *database[Q]) view(ctx context.Context, fn func(q Q) error) error {
	return d.transact(ctx, d.read, d.reading, fn)
}

func (d *database[Q]) transact(ctx context.Context, db *sql.DB, prepared Q, fn func(q Q) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction of %s: %w", d.name, err)
	}
	if err := fn(prepared.WithTx(tx)); err != nil {
		return errors.Join(err, ignore(tx.Rollback(), sql.ErrTxDone))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing a transaction of %s: %w", d.name, err)
	}
	return nil
}

func (d *database[Q]) check(ctx context.Context) error {
	var one int
	if err := d.read.QueryRowContext(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1").Scan(&one); err != nil {
		return fmt.Errorf("reading database %s: %w", d.name, err)
	}
	return nil
}

func (d *database[Q]) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.reading.Close(), d.writing.Close(), d.read.Close(), d.write.Close())
}

// lock holds a directory for one process. It is a database whose one transaction
// never ends: the operating system lets go of it when the process ends, in
// whatever way.
type lock struct {
	db *sql.DB
	tx *sql.Conn
}

func takeLock(ctx context.Context, path string) (*lock, error) {
	if err := makePrivate(path); err != nil {
		return nil, fmt.Errorf("making the lock of the data directory: %w", err)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	c, err := db.Conn(ctx)
	if err == nil {
		_, err = c.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	var code *sqlite.Error
	switch {
	case errors.As(err, &code) && code.Code()&0xff == sqlite3.SQLITE_BUSY:
		err = sconce.Errorf(sconce.Conflict, "the data directory %s is in use by another sconce; stop it or choose another directory", filepath.Dir(path))
	case err != nil:
		err = fmt.Errorf("locking the data directory: %w", err)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &lock{db, c}, nil
}

func (l *lock) release() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.tx.Close(), l.db.Close())
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

// found turns an answer without a row into a [sconce.NotFound] that says which
// thing is not there.
func found(err error, thing string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return sconce.Errorf(sconce.NotFound, "there is no such %s", thing)
	}
	return err
}

// violatesUnique reports whether err is a broken UNIQUE or PRIMARY KEY constraint.
func violatesUnique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// violatesReference reports whether err is a broken foreign key.
func violatesReference(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}
