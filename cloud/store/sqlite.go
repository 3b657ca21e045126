package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// busyTimeout is how long a statement waits for a lock. Writers queue for the one
// write connection of SQLite before that, so there it is reached only when a
// checkpoint or another program holds the file.
const busyTimeout = 10 * time.Second

// writeCache is how much of a database the connection that writes keeps in memory,
// at most, in KiB. The projector comes back to the open chunk of every series: with
// SQLite's own 2 MiB it read them from the file each time, for a quarter of its work.
const writeCache = "65536"

// readers is the largest number of connections that read one database.
const readers = 8

// folder is the engine of databases that are files of SQLite: for each one
// connection that writes, so that transactions that write queue, and a few that
// read.
type folder struct {
	dir    string
	beside bool // another process has them open: their tables stay as they are
}

func (f folder) connect(ctx context.Context, name string) (p pools, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening database %s in %s: %w", name, f.dir, err), p.close())
		}
	}()
	path := filepath.Join(f.dir, name+".db")
	if err := makePrivate(path); err != nil {
		return p, err
	}
	options := "_txlock=immediate&_pragma=cache_size(-" + writeCache + ")"
	if name == "identity" {
		options += "&_pragma=secure_delete(1)" // who is forgotten is overwritten
	}
	if p.write, err = openSQLite(path, 1, options); err != nil {
		return p, err
	}
	if p.read, err = openSQLite(path, readers, "_pragma=query_only(1)"); err != nil {
		return p, err
	}
	p.prepare, p.passing = true, func(error) bool { return false }
	p.wipe, p.settle = wipeFile, settleFile
	if f.beside {
		return p, isCurrent(ctx, goose.DialectSQLite3, p.read, name)
	}
	if err = migrate(ctx, goose.DialectSQLite3, p.write, name); err != nil {
		return p, err
	}
	return p, syncFolder(f.dir)
}

// syncFolder makes the names in a folder durable. The write-ahead log is made when a database is first
// used, and stays until it is closed; SQLite syncs the folder then, but does not look whether it could.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// wipeFile writes a database of SQLite anew, without its free pages, and empties the
// write-ahead log.
func wipeFile(ctx context.Context, db *sql.DB, _ ...string) error {
	if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
		return err
	}
	busy, err := emptyLog(ctx, db)
	if err == nil && busy {
		err = sconce.Errorf(sconce.Unavailable, "another program reads the database: its write-ahead log cannot be emptied")
	}
	return err
}

// settleFile empties the write-ahead log, unless somebody reads from it now.
func settleFile(ctx context.Context, db *sql.DB) error {
	_, err := emptyLog(ctx, db)
	return err
}

func emptyLog(ctx context.Context, db *sql.DB) (busy bool, err error) {
	var frames, moved int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	return busy, err
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

// hold makes the folder when it is not there, for whoever opens it first.
func (f folder) hold(ctx context.Context) (hold, error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	l, err := takeLock(ctx, filepath.Join(f.dir, "lock.db"))
	if err != nil {
		return nil, err
	}
	return l, nil
}

// lock holds a folder for one process. It is a database whose one transaction
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

// watch has nothing to watch: the operating system keeps the lock.
func (l *lock) watch(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (l *lock) release() error { return errors.Join(l.tx.Close(), l.db.Close()) }
