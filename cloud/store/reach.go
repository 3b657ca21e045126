package store

import (
	"context"
	"database/sql"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// site is the database of projects. Nothing is asked of it but through a part: who
// asks says whose rows are meant, in the statement and, on PostgreSQL, to the
// database as well, which shows and takes no others.
type site struct {
	db      *database[*sitedb.Queries]
	guarded bool // by row-level security
}

// reach is whose rows of the tables of projects are there.
type reach struct {
	project sconce.ProjectID // of this one
	every   bool             // of every one
}

// part is the database of projects within a reach.
type part struct {
	db      *database[*sitedb.Queries]
	reach   reach
	reading *sitedb.Queries // for single statements
}

// in returns the part that is the project of a scope.
func (s site) in(scope project.Scope) part { return s.of(scope.Project()) }

// of returns the part that is one project. It is for those who have no
// [project.Scope]: what decides who gets one, and what is asked for by gateways and
// operators.
func (s site) of(id sconce.ProjectID) part { return s.part(reach{project: id}) }

// outside returns the part that belongs to no project.
func (s site) outside() part { return s.part(reach{}) }

// across returns the whole, for work that is not within one project: which
// projects an account has, which project a gateway is in, ending what is overdue,
// and making the results of the journal.
func (s site) across() part { return s.part(reach{every: true}) }

func (s site) part(r reach) part {
	p := part{db: s.db, reach: r, reading: s.db.reading}
	if s.guarded && r != (reach{}) {
		p.reading = sitedb.New(reaching{s.db.read, r})
	}
	return p
}

// update is [database.update] within the reach.
func (p part) update(ctx context.Context, fn func(q *sitedb.Queries) error) error {
	return p.db.update(withReach(ctx, p.reach), fn)
}

// view is [database.view] within the reach.
func (p part) view(ctx context.Context, fn func(q *sitedb.Queries) error) error {
	return p.db.view(withReach(ctx, p.reach), fn)
}

// setting returns the setting of a PostgreSQL transaction that says the reach to
// its policies, or "": rows of no project are there then.
func (r reach) setting() (name, value string) {
	if r.every {
		return settingAcross, "on"
	}
	if id, err := sconce.ParseID[sconce.ProjectID](string(r.project)); err == nil {
		return settingProject, string(id)
	}
	return "", ""
}

// The settings that the policies of the tables of projects look at.
const (
	settingProject = "sconce.project"
	settingAcross  = "sconce.across"
)

// reaching passes the reach of single statements on to the connection, which
// package database/sql chooses.
type reaching struct {
	db    *sql.DB
	reach reach
}

func (r reaching) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.db.ExecContext(withReach(ctx, r.reach), query, args...)
}

func (r reaching) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.db.PrepareContext(ctx, query)
}

func (r reaching) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.db.QueryContext(withReach(ctx, r.reach), query, args...)
}

func (r reaching) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return r.db.QueryRowContext(withReach(ctx, r.reach), query, args...)
}

type reachKey struct{}

func withReach(ctx context.Context, r reach) context.Context {
	return context.WithValue(ctx, reachKey{}, r)
}

func reachOf(ctx context.Context) reach {
	r, _ := ctx.Value(reachKey{}).(reach)
	return r
}
