package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"sconce"
	"sconce/cloud/store/identitydb"
	"sconce/cloud/store/sitedb"
)

// OpenBeside opens the databases of a cloud for a tool of its operator, whether
// the cloud is running or not. Beside a running one the journal is left alone,
// which has one writer, and tables are not brought up to date, which would be
// done under its feet: a tool of another version is refused.
func OpenBeside(ctx context.Context, dir string) (*Store, error) {
	s, err := Open(ctx, dir)
	if sconce.KindOf(err) != sconce.Conflict {
		return s, err
	}
	for _, name := range []string{"identity", "site"} {
		if err := isCurrent(ctx, dir, name); err != nil {
			return nil, err
		}
	}
	s = &Store{}
	if s.identity, err = openDatabase(ctx, dir, "identity", func(ctx context.Context, db *sql.DB) (*identitydb.Queries, error) {
		return identitydb.Prepare(ctx, db)
	}); err == nil {
		s.site, err = openDatabase(ctx, dir, "site", func(ctx context.Context, db *sql.DB) (*sitedb.Queries, error) {
			return sitedb.Prepare(ctx, db)
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// isCurrent returns an error when a database was written by another version.
func isCurrent(ctx context.Context, dir, name string) (err error) {
	db, err := openSQLite(filepath.Join(dir, name+".db"), 1, "_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
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
	if current != newest {
		return sconce.Errorf(sconce.Conflict, "the running cloud is another version of sconce (tables %d, this program knows %d): use the program that runs it", current, newest)
	}
	return nil
}
