package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"sconce"
)

// The tables of each database are written once, in the words of SQLite.
//
//go:embed migrations/*/sqlite/*.sql
var migrations embed.FS

// tables returns what makes the tables of a database and brings them up to date.
func tables(dialect goose.Dialect, db *sql.DB, name string) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+name+"/sqlite")
	if err != nil {
		return nil, err
	}
	if dialect == goose.DialectPostgres {
		files = translated{files}
	}
	return goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
}

// migrate brings the tables of a database up to date.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, name string) error {
	p, err := tables(dialect, db, name)
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

// isCurrent returns a [sconce.Conflict] when the tables of a database are not of
// the version that this program knows.
func isCurrent(ctx context.Context, dialect goose.Dialect, db *sql.DB, name string) error {
	p, err := tables(dialect, db, name)
	if err != nil {
		return err
	}
	all := p.ListSources()
	newest := all[len(all)-1].Version
	var current int64
	err = db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&current)
	if e := (*pgconn.PgError)(nil); err != nil && (!errors.As(err, &e) || e.Code != "42P01") { // a table that is not there
		return err
	}
	if current != newest {
		return sconce.Errorf(sconce.Conflict, "its tables are of another version of sconce (tables %d, this program knows %d)", current, newest)
	}
	return nil
}

// translated is files that make tables, in the words of PostgreSQL.
type translated struct{ fs.FS }

// Open implements [fs.FS].
func (t translated) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return translatedFile{f, strings.NewReader(inPostgres(string(text)))}, nil
}

type translatedFile struct {
	fs.File

	text io.Reader
}

// Read implements [fs.File].
func (f translatedFile) Read(p []byte) (int, error) { return f.text.Read(p) }

var sqliteWord = regexp.MustCompile(`(?s:-- \+goose StatementBegin\s+CREATE TRIGGER .*?-- \+goose StatementEnd)|--.*|` +
	`\b(INTEGER|REAL|TEXT|BLOB)\b|\) STRICT(, WITHOUT ROWID)?;`)

// inPostgres says what makes tables in SQLite in the words of PostgreSQL. Text is
// compared byte by byte, as it is there, whatever language the database is in.
// Triggers, which keep rows from being changed, are for rights there ([Prepare]).
func inPostgres(ddl string) string {
	return sqliteWord.ReplaceAllStringFunc(ddl, func(word string) string {
		switch word {
		case "INTEGER":
			return "BIGINT"
		case "REAL":
			return "DOUBLE PRECISION"
		case "TEXT":
			return `TEXT COLLATE "C"`
		case "BLOB":
			return "BYTEA"
		}
		switch {
		case strings.Contains(word, "CREATE TRIGGER"):
			return ""
		case strings.HasPrefix(word, "--"):
			return word
		}
		return ");"
	})
}
