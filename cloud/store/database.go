package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sconce"
)

// engine is what databases are kept by: SQLite or PostgreSQL.
type engine interface {
	// connect opens a database whose tables are those that this program knows.
	connect(ctx context.Context, name string) (pools, error)
	// hold takes the store for this process; the error of a second one is a
	// [sconce.Conflict].
	hold(ctx context.Context) (hold, error)
}

// pools are the connections to one database.
type pools struct {
	write, read *sql.DB
	// prepare says that statements are to be prepared once for all connections:
	// SQLite's driver does not remember those that it has seen.
	prepare bool
	// passing reports whether a transaction failed because of another one that ran at
	// the same time, so that it may succeed when it is run again.
	passing func(error) bool
	// wipe makes that nothing is left in the files of what was removed from tables that
	// are empty by now.
	wipe func(ctx context.Context, db *sql.DB, tables ...string) error
	// settle makes, as far as it can now, that nothing is left beside the files of what was
	// removed.
	settle func(ctx context.Context, db *sql.DB) error
}

func (p pools) close() error { return errors.Join(closed(p.read), closed(p.write)) }

func closed(db *sql.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}

// hold is the right of this process to a store.
type hold interface {
	// watch returns nil when ctx has ended, and an error when the right is lost.
	watch(ctx context.Context) error
	release() error
}

// queries is what sqlc generates for one database.
type queries[Q any] interface {
	WithTx(*sql.Tx) Q
	Close() error
}

// database is one of the databases of a store, with its statements.
//
// Transactions that write are as if they had run one after the other, whatever the
// engine: on SQLite they do, on PostgreSQL they are serializable, and one that
// would not fit in is run again.
type database[Q queries[Q]] struct {
	pools

	name     string
	writing  Q            // on write
	reading  Q            // on read
	alone    sync.RWMutex // held by a transaction that is run again
	rehearse bool         // run each transaction twice, of which the first is undone
}

func openDatabase[Q queries[Q]](ctx context.Context, e engine, name string, statements func(ctx context.Context, db *sql.DB, prepare bool) (Q, error)) (*database[Q], error) {
	p, err := e.connect(ctx, name)
	if err != nil {
		return nil, err
	}
	d := &database[Q]{pools: p, name: name}
	if d.writing, err = statements(ctx, p.write, p.prepare); err == nil {
		d.reading, err = statements(ctx, p.read, p.prepare)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the statements of database %s: %w", name, err), p.close())
	}
	return d, nil
}

// How often a transaction that writes is run, and how long it waits at most before
// it is run again.
const (
	mostRuns = 8
	pause    = 20 * time.Millisecond
)

// update runs fn in one transaction that may write, and commits it if fn returns
// nil. fn may be run several times, as [database.change] says.
func (d *database[Q]) update(ctx context.Context, fn func(q Q) error) error {
	return d.change(ctx, func(tx *sql.Tx) error { return fn(d.writing.WithTx(tx)) })
}

// change is update for statements that are not prepared. fn may be run several times,
// when others changed what it relied on: what it leaves outside of the transaction it
// sets anew each time. From the second time on nothing else of this process is changed at
// the same time.
func (d *database[Q]) change(ctx context.Context, fn func(*sql.Tx) error) error {
	if d.rehearse {
		if err := d.transact(ctx, d.write, func(tx *sql.Tx) error { return errors.Join(fn(tx), errRehearsed) }); !errors.Is(err, errRehearsed) {
			return err
		}
	}
	d.alone.RLock()
	err := d.transact(ctx, d.write, fn)
	d.alone.RUnlock()
	if err == nil || !d.passing(err) {
		return err
	}
	d.alone.Lock()
	defer d.alone.Unlock()
	for range mostRuns - 1 {
		err = d.transact(ctx, d.write, fn)
		if err == nil || !d.passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(pause)): //nolint:gosec // a pause, not a secret
		}
	}
	return errors.Join(sconce.LaterErrorf(sconce.Unavailable, time.Second, "too much is being changed at the same time; try again later"), err)
}

// errRehearsed ends the first run of a transaction in tests that run each twice.
var errRehearsed = errors.New("a rehearsal")

// view runs fn in one transaction that reads, so that all of what it reads is of
// one moment. A single statement needs none: it uses d.reading.
func (d *database[Q]) view(ctx context.Context, fn func(q Q) error) error {
	return d.look(ctx, func(tx *sql.Tx) error { return fn(d.reading.WithTx(tx)) })
}

// look is view for statements that are not prepared.
func (d *database[Q]) look(ctx context.Context, fn func(*sql.Tx) error) error {
	return d.transact(ctx, d.read, fn)
}

func (d *database[Q]) transact(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return doing("beginning a transaction of "+d.name, err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignore(tx.Rollback(), sql.ErrTxDone))
	}
	if err := tx.Commit(); err != nil {
		return doing("committing a transaction of "+d.name, err)
	}
	return nil
}

func (d *database[Q]) check(ctx context.Context) error {
	if d == nil {
		return nil
	}
	var version int64
	if err := d.read.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return fmt.Errorf("reading database %s: %w", d.name, err)
	}
	return nil
}

func (d *database[Q]) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.reading.Close(), d.writing.Close(), d.pools.close())
}

// doing says what was being done when err happened; nil stays nil. That the
// database is away is a [sconce.Unavailable].
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	if isAway(err) && sconce.KindOf(err) == sconce.Internal {
		err = errors.Join(sconce.LaterErrorf(sconce.Unavailable, 10*time.Second, "the database cannot be reached now; try again later"), err)
	}
	return fmt.Errorf("%s: %w", what, err)
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
