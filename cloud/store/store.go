// Package store keeps everything that the cloud knows, and is the only place
// with SQL: the capabilities declare the narrow interfaces that they need, and
// types of this package implement them.
//
// It keeps it in SQLite (modernc.org/sqlite; the write-ahead log,
// synchronous=FULL), in the files of one folder, or in PostgreSQL 15 or later
// (pgx). On both, what has been committed survives a loss of power, and
// transactions that write are as if they had run one after the other. There are
// three databases:
//
//   - identity: people. Every personal field is here and nowhere else, sealed: the master
//     key opens it ([Store.Unlock]).
//   - site: projects, networks, devices, groups, commands, telemetry. It names
//     people by opaque identifiers only.
//   - journal: what the gateways said, as it came. It is apart so that
//     acknowledging a gateway never waits for work on the results.
//
// Times are INTEGER milliseconds since 1970-01-01 UTC, device addresses INTEGER
// (the EUI-64 as 64-bit two's complement), identifiers TEXT. Every statement about
// a project's data has project_id in its WHERE or its VALUES. On PostgreSQL
// row-level security stands behind that: a transaction says whose rows it means,
// and there are no others ([Prepare]).
//
// The statements stand in queries/, the tables in migrations/, once, in the SQL
// that both understand; sqlc writes the packages identitydb, sitedb and journaldb
// from them. What differs: the words for types (migrate.go), the form of parameters
// (pgdriver.go), what is a lock, a conflict and a right (sqlite.go, postgres.go,
// prepare.go).
package store

import (
	"context"
	"database/sql"
	"errors"

	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/journaldb"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/vault"
)

// Store is the cloud's databases. Its methods return the parts that the
// capabilities use; all of them may be used by many goroutines at once.
type Store struct {
	held     hold // nil beside another process
	identity *database[*identitydb.Queries]
	site     site
	zones    zones
	vault    *vault.Vault                  // nil until it is unlocked
	journal  *database[*journaldb.Queries] // nil beside another process
}

// Open opens the databases in a folder, which is made when it is not there, and
// brings their tables up to date. Only one process at a time can have a folder
// open; the error of a second one says so.
func Open(ctx context.Context, dir string) (*Store, error) {
	return openHeld(ctx, folder{dir: dir})
}

// OpenPostgres opens databases of PostgreSQL that [Prepare] has prepared. Only one
// process at a time can have them open; the error of a second one says so.
func OpenPostgres(ctx context.Context, a Addresses) (*Store, error) {
	return openHeld(ctx, a)
}

func openHeld(ctx context.Context, e engine) (*Store, error) {
	held, err := e.hold(ctx)
	if err != nil {
		return nil, err
	}
	s, err := opened(ctx, e, (*Store).openIdentity, (*Store).openSite, (*Store).openJournal)
	if err != nil {
		return nil, errors.Join(err, held.release())
	}
	s.held = held
	return s, nil
}

func opened(ctx context.Context, e engine, open ...func(*Store, context.Context, engine) error) (*Store, error) {
	s := &Store{}
	for _, part := range open {
		if err := part(s, ctx, e); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Store) openIdentity(ctx context.Context, e engine) (err error) {
	s.identity, err = openDatabase(ctx, e, "identity", func(ctx context.Context, db *sql.DB, prepare bool) (*identitydb.Queries, error) {
		if !prepare {
			return identitydb.New(db), nil
		}
		return identitydb.Prepare(ctx, db)
	})
	return err
}

func (s *Store) openSite(ctx context.Context, e engine) (err error) {
	s.site.db, err = openDatabase(ctx, e, "site", func(ctx context.Context, db *sql.DB, prepare bool) (*sitedb.Queries, error) {
		if !prepare {
			return sitedb.New(db), nil
		}
		return sitedb.Prepare(ctx, db)
	})
	_, s.site.guarded = e.(Addresses)
	return err
}

func (s *Store) openJournal(ctx context.Context, e engine) (err error) {
	s.journal, err = openDatabase(ctx, e, "journal", func(ctx context.Context, db *sql.DB, prepare bool) (*journaldb.Queries, error) {
		if !prepare {
			return journaldb.New(db), nil
		}
		return journaldb.Prepare(ctx, db)
	})
	return err
}

// Watch returns nil when ctx has ended, and an error when another process may
// have the store: from then on nothing more is written, and the process has to end.
func (s *Store) Watch(ctx context.Context) error {
	if err := s.held.watch(ctx); err != nil {
		return errors.Join(err, s.identity.write.Close(), s.site.db.write.Close(), s.journal.write.Close())
	}
	return nil
}

// Close waits for what is running and closes the databases.
func (s *Store) Close() error {
	err := errors.Join(s.identity.close(), s.site.db.close(), s.journal.close())
	if s.held != nil {
		err = errors.Join(err, s.held.release())
	}
	return err
}

// Check reports whether every database answers.
func (s *Store) Check(ctx context.Context) error {
	return errors.Join(s.identity.check(ctx), s.site.db.check(ctx), s.journal.check(ctx))
}
