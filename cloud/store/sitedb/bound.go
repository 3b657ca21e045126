// Package sitedb is the queries of the database site, written by sqlc but for this
// file.
package sitedb

import (
	"context"
	"database/sql"
)

// Through returns q, which is of a transaction, with what is made of the way to it.
func (q *Queries) Through(made func(DBTX) DBTX) *Queries { return New(made(q.db)) }

// Bound returns q, which is of a transaction, with the statements that the
// projector runs for every device bound to the transaction once, and not at each
// of their thousands of runs. Statements that were not prepared stay so.
func (q *Queries) Bound(ctx context.Context) *Queries {
	if q.setRunStmt == nil {
		return q
	}
	bound := func(s *sql.Stmt) *sql.Stmt { return q.tx.StmtContext(ctx, s) }
	return &Queries{
		db:               q.tx,
		setRunStmt:       bound(q.setRunStmt),
		setStateStmt:     bound(q.setStateStmt),
		setOpenChunkStmt: bound(q.setOpenChunkStmt),
		addChunkStmt:     bound(q.addChunkStmt),
		keptRollupsStmt:  bound(q.keptRollupsStmt),
		setRollupStmt:    bound(q.setRollupStmt),
	}
}
