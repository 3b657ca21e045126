package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"

	"github.com/jackc/pgx/v5"

	"sconce/cloud/store/sitedb"
)

// pipeline sends what is written in a transaction on PostgreSQL without waiting for each
// answer: the projector stores rows of every device, and most of the time of each would be the
// way to the server and back. COPY, which is faster still, is refused where there is row-level
// security. What is asked for does not see what waits; an error comes with a later statement.
type pipeline struct {
	sitedb.DBTX

	waiting queued
}

// queued is statements with their arguments: the one argument of sendQueued, by which they
// come through package database/sql to the connection.
type queued struct {
	statements []string
	args       [][]any
}

// mostQueued is how many statements wait at most.
const mostQueued = 500

// sendQueued stands for the statements in its argument.
const sendQueued = "send what is queued"

// ExecContext implements [sitedb.DBTX]. It has no result.
func (p *pipeline) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	kept := make([]any, len(args))
	for i, a := range args {
		if b, ok := a.([]byte); ok {
			a = slices.Clone(b) // its memory is used again
		}
		kept[i] = a
	}
	p.waiting.statements, p.waiting.args = append(p.waiting.statements, query), append(p.waiting.args, kept)
	if len(p.waiting.statements) < mostQueued {
		return nil, nil //nolint:nilnil // nobody looks at the results of what is queued
	}
	return nil, p.flush(ctx)
}

// flush sends what waits.
func (p *pipeline) flush(ctx context.Context) error {
	if len(p.waiting.statements) == 0 {
		return nil
	}
	_, err := p.DBTX.ExecContext(ctx, sendQueued, p.waiting)
	p.waiting = queued{}
	return err
}

// send runs the statements on a connection that is in a transaction.
func (q queued) send(ctx context.Context, c *pgx.Conn) (driver.Result, error) {
	var b pgx.Batch
	for i, statement := range q.statements {
		for n, a := range q.args[i] {
			q.args[i][n] = storableArg(a)
		}
		b.Queue(numbered(statement), q.args[i]...)
	}
	return driver.ResultNoRows, c.SendBatch(ctx, &b).Close()
}
