package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// connector makes connections of pgx for statements that were written for SQLite
// too, and which tell PostgreSQL the reach of each transaction.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return conn{made.(*stdlib.Conn)}, nil
}

type conn struct{ *stdlib.Conn }

// PrepareContext implements [driver.ConnPrepareContext]. The connection prepares
// statements by itself and remembers them, so nothing is gained by it.
func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, numbered(query))
}

// ExecContext implements [driver.ExecerContext].
func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query == sendQueued && len(args) == 1 {
		if q, ok := args[0].Value.(queued); ok {
			return q.send(ctx, c.Conn.Conn())
		}
	}
	return c.Conn.ExecContext(ctx, numbered(query), args)
}

// QueryContext implements [driver.QueryerContext]. What is asked outside of a
// transaction only reads, so it may be asked again when the connection was dead.
func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	query = numbered(query)
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	if c.Conn.Conn().PgConn().TxStatus() != 'I' {
		return c.Conn.QueryContext(ctx, query, args)
	}
	if name, value := reachOf(ctx).setting(); name != "" {
		rows, err := c.queryWith(ctx, name, value, query, args)
		return rows, c.orDead(err)
	}
	rows, err := c.Conn.QueryContext(ctx, query, args)
	return rows, c.orDead(err)
}

// queryWith makes a setting and asks in one go, which PostgreSQL runs as one
// transaction.
func (c conn) queryWith(ctx context.Context, name, value, query string, args []driver.NamedValue) (driver.Rows, error) {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	var b pgx.Batch
	b.Queue("SELECT set_config($1, $2, true)", name, value)
	b.Queue(query, values...)
	results := c.Conn.Conn().SendBatch(ctx, &b)
	if _, err := results.Exec(); err != nil {
		_ = results.Close() // says the same
		return nil, err
	}
	found, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, err
	}
	return &rows{found, results}, nil
}

// BeginTx implements [driver.ConnBeginTx]. How transactions are isolated is a
// setting of the connection.
func (c conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN"
	if name, value := reachOf(ctx).setting(); name != "" { // neither holds a quote
		begin += fmt.Sprintf("; SELECT set_config('%s', '%s', true)", name, value)
	}
	tx, err := c.Conn.Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return nil, c.orDead(err)
	}
	return transaction{ctx, tx}, nil
}

// orDead lets package database/sql try another connection when this one has died
// before anything was changed.
func (c conn) orDead(err error) error {
	if err != nil && c.Conn.Conn().IsClosed() {
		return driver.ErrBadConn
	}
	return err
}

type transaction struct {
	ctx context.Context //nolint:containedctx // of the transaction, which it does not outlive
	tx  pgx.Tx
}

func (t transaction) Commit() error   { return t.tx.Commit(t.ctx) }
func (t transaction) Rollback() error { return t.tx.Rollback(t.ctx) }

// rows is the answer to the second statement of two.
type rows struct {
	rows    pgx.Rows
	results pgx.BatchResults
}

// Columns implements [driver.Rows].
func (r *rows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Next implements [driver.Rows].
func (r *rows) Next(into []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values, err := r.rows.Values()
	if err != nil {
		return err
	}
	for i, v := range values {
		into[i] = v
	}
	return nil
}

// Close implements [driver.Rows].
func (r *rows) Close() error {
	r.rows.Close()
	return r.results.Close()
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c conn) CheckNamedValue(v *driver.NamedValue) error {
	if _, ok := v.Value.(queued); ok {
		return nil
	}
	v.Value = storableArg(v.Value)
	return c.Conn.CheckNamedValue(v)
}

// storableArg returns a value as PostgreSQL can keep it.
func storableArg(v any) any {
	switch text := v.(type) {
	case string:
		return storable(text)
	case *string:
		if text != nil {
			return storable(*text)
		}
	}
	return v
}

// storable returns text without what PostgreSQL cannot keep in one: U+0000 and
// bytes that are not UTF-8 become U+FFFD. What people type never has it; what
// devices say of themselves may.
func storable(text string) string {
	if !strings.Contains(text, "\x00") && utf8.ValidString(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// numbered returns a statement with PostgreSQL's form of the parameters that
// SQLite writes as ?1, or as ? for the one after the greatest so far. No statement
// of ours has a question mark elsewhere.
func numbered(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 8)
	greatest := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		n := greatest + 1
		if digits > 0 {
			n, _ = strconv.Atoi(after[:digits]) // digits
		}
		greatest = max(greatest, n)
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after[digits:]
	}
}
