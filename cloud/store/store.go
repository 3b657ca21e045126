// Package store keeps everything that the cloud knows, and is the only place
// with SQL: the capabilities declare the narrow interfaces that they need, and
// types of this package implement them.
//
// It uses SQLite (modernc.org/sqlite; the write-ahead log, synchronous=FULL: what
// has been committed survives a loss of power). There are three databases in one
// directory:
//
//   - identity.db: people. Every personal field is here and nowhere else.
//   - site.db: projects, networks, devices, groups, commands, telemetry. It names
//     people by opaque identifiers only.
//   - journal.db: what the gateways said, as it came. It is a file of its own so
//     that acknowledging a gateway never waits for work on the results.
//
// Times are INTEGER milliseconds since 1970-01-01 UTC, device addresses INTEGER
// (the EUI-64 as 64-bit two's complement), identifiers TEXT. Every statement about
// a project's data has project_id in its WHERE or its VALUES.
//
// The statements stand in queries/, the tables in migrations/; sqlc writes the
// packages identitydb, sitedb and journaldb from them.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/journaldb"
	"sconce/cloud/store/sitedb"
)

// Store is the cloud's databases. Its methods return the parts that the
// capabilities use; all of them may be used by many goroutines at once.
type Store struct {
	lock     *lock
	identity *database[*identitydb.Queries]
	site     *database[*sitedb.Queries]
	journal  *database[*journaldb.Queries]
}

// Open opens the databases in a directory, which is made when it is not there,
// and brings their tables up to date. Only one process at a time can have a
// directory open; the error of a second one says so.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	s := &Store{}
	if err := s.open(ctx, dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, dir string) (err error) {
	if s.lock, err = takeLock(ctx, filepath.Join(dir, "lock.db")); err != nil {
		return err
	}
	if s.identity, err = openDatabase(ctx, dir, "identity", func(ctx context.Context, db *sql.DB) (*identitydb.Queries, error) {
		return identitydb.Prepare(ctx, db)
	}); err != nil {
		return err
	}
	if s.site, err = openDatabase(ctx, dir, "site", func(ctx context.Context, db *sql.DB) (*sitedb.Queries, error) {
		return sitedb.Prepare(ctx, db)
	}); err != nil {
		return err
	}
	s.journal, err = openDatabase(ctx, dir, "journal", func(ctx context.Context, db *sql.DB) (*journaldb.Queries, error) {
		return journaldb.Prepare(ctx, db)
	})
	return err
}

// Close waits for what is running and closes the databases.
func (s *Store) Close() error {
	return errors.Join(s.identity.close(), s.site.close(), s.journal.close(), s.lock.release())
}

// Check reports whether every database answers.
func (s *Store) Check(ctx context.Context) error {
	return errors.Join(s.identity.check(ctx), s.site.check(ctx), s.journal.check(ctx))
}
