package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"

	"sconce/cloud/ingest"
	"sconce/cloud/rollup"
	"sconce/cloud/store/sitedb"
)

// based is the tables that a base holds the rows of, in the order of their keys. Events, poison
// and full chunks never change: of those a base only has to know which came later.
var based = []table{
	{name: "continuity", key: []string{"gateway", "boot"}},
	{name: "device_states", key: []string{"project_id", "device"}},
	{name: "device_stages", key: []string{"project_id", "device"}},
	{name: "gateway_hellos", key: []string{"project_id", "gateway"}},
	{name: "readings_open", key: []string{"project_id", "device", "metric"}},
	{name: "rollups", key: []string{"project_id", "level", "device", "period"}},
	{name: "rollup_zones", key: []string{"project_id", "device"}},
}

// changing is the rows of rollups that can still change, by the first quarters, the first
// days and the first months of them.
const changing = "(level = 0 AND period >= %d OR level = 1 AND period >= %d OR level = 2 AND period >= %d)"

// spread is how far before the oldest reading that is kept the sums reach that it changes:
// what a counter shows after a silence is spread over that at most.
const spread = 33 * 24 * time.Hour

// changes returns the condition for the rows of rollups that can change after a base.
func changes(b ingest.Base) string {
	if b.Keep == 0 {
		return "level >= 0"
	}
	oldest := b.Made.Add(-b.Keep - spread).UTC()
	return fmt.Sprintf(changing, rollup.QuarterPlace(oldest.UnixMilli()/rollup.Quarter).Period, rollup.MonthOf(oldest.Year(), oldest.Month()), oldest.Year())
}

// Bases implements [ingest.Results].
func (r results) Bases(ctx context.Context) ([]ingest.Base, error) {
	rows, err := r.across().reading.Bases(ctx)
	return mapped(rows, baseOf), doing("reading the bases of the journal", err)
}

func baseOf(b sitedb.Basis) ingest.Base {
	return ingest.Base{After: b.JournalID, Made: momentOf(b.MadeMs), Keep: time.Duration(b.KeepMs) * time.Millisecond}
}

// RemoveBase implements [ingest.Results].
func (r results) RemoveBase(ctx context.Context, after int64) error {
	return doing("removing a base of the journal", r.across().update(ctx, func(q *sitedb.Queries) error {
		return errors.Join(q.RemoveBase(ctx, after), q.RemoveBaseRows(ctx))
	}))
}

// MakeBase implements [ingest.Results]. All is read in one transaction, and written in many
// small ones: nobody waits for it. It counts once its row in bases is there.
func (r results) MakeBase(ctx context.Context, b ingest.Base) error {
	ctx = withReach(ctx, r.across().reach)
	err := r.db.look(ctx, func(tx *sql.Tx) (err error) {
		if b.After, err = sitedb.New(tx).Position(ctx); err != nil {
			return err
		}
		bases, err := sitedb.New(tx).Bases(ctx)
		if err != nil || len(bases) > 0 && bases[len(bases)-1].JournalID >= b.After {
			return err
		}
		if err := r.across().update(ctx, func(q *sitedb.Queries) error { return q.RemoveBaseRows(ctx) }); err != nil { // of an attempt that was stopped
			return err
		}
		if made, err := sitedb.New(tx).AnyGenerated(ctx); err != nil || made > 0 {
			b.Keep = 0 // what a program makes up may be of any time
			if err != nil {
				return err
			}
		}
		p := packing{ctx: ctx, to: r.across(), after: b.After}
		for _, t := range based {
			if err := p.table(tx, t, b); err != nil {
				return err
			}
		}
		return r.across().update(ctx, func(q *sitedb.Queries) error {
			return q.AddBase(ctx, sitedb.AddBaseParams{JournalID: b.After, MadeMs: b.Made.UnixMilli(), KeepMs: b.Keep.Milliseconds()})
		})
	})
	return doing("making a base of the journal", err)
}

// packing is the rows of a base while they are written.
type packing struct {
	ctx   context.Context //nolint:containedctx // of the transaction, which it does not outlive
	to    part
	after int64

	n       int64
	of      string
	columns string
	project *string
	rows    []byte
}

// packBytes is how many bytes of rows are packed together at most, about.
const packBytes = 128 << 10

func (p *packing) table(tx *sql.Tx, t table, b ingest.Base) (err error) {
	if t.columns, err = columnsOf(p.ctx, tx, t.name); err != nil {
		return err
	}
	if t.name == "rollups" {
		t.where = changes(b)
	}
	p.of, p.columns = t.name, strings.Join(t.columns, ", ")
	err = t.read(p.ctx, tx, func(row []any) error {
		var project *string
		if t.key[0] == "project_id" {
			project = new(row[0].(string))
		}
		if len(p.rows) > packBytes || project != nil && p.project != nil && *project != *p.project {
			if err := p.flush(); err != nil {
				return err
			}
		}
		p.project = project
		for _, v := range row {
			if p.rows, err = appendValue(p.rows, v); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, p.flush())
}

// flush writes what is gathered, unless its project is gone: then it is nobody's.
func (p *packing) flush() error {
	if len(p.rows) == 0 {
		return nil
	}
	p.n++
	row := sitedb.AddBaseRowsParams{
		JournalID: p.after, N: p.n, ProjectID: p.project, OfTable: p.of, OfColumns: p.columns, Packed: s2.Encode(nil, p.rows),
	}
	p.rows = p.rows[:0]
	return p.to.update(p.ctx, func(q *sitedb.Queries) error {
		if p.project != nil {
			if there, err := q.ProjectExists(p.ctx, *p.project); err != nil || there == 0 {
				return err
			}
		}
		return q.AddBaseRows(p.ctx, row)
	})
}

// columnsOf returns the columns of a table.
func columnsOf(ctx context.Context, tx *sql.Tx, name string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+quoted(name)+" LIMIT 0") //nolint:gosec // a table of ours
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}

// putBack puts the rows of a base into their tables, which are empty of them.
func putBack(ctx context.Context, tx *sql.Tx, after int64) error {
	q, at := sitedb.New(tx), int64(0)
	for {
		packs, err := q.BaseRows(ctx, sitedb.BaseRowsParams{JournalID: after, After: at})
		if err != nil || len(packs) == 0 {
			return err
		}
		for _, p := range packs {
			at = p.N
			t := table{name: p.OfTable, columns: strings.Split(p.OfColumns, ", ")}
			rows, err := s2.Decode(nil, p.Packed)
			if err == nil {
				err = t.insertPacked(ctx, tx, rows)
			}
			if err != nil {
				return fmt.Errorf("rows %d of the base after batch %d: %w", p.N, after, err)
			}
		}
	}
}

// insertPacked inserts rows in the form that packing gave them.
func (t table) insertPacked(ctx context.Context, tx *sql.Tx, rows []byte) error {
	var values []any
	for len(rows) > 0 {
		v, rest, err := cutValue(rows)
		if err != nil {
			return err
		}
		values, rows = append(values, v), rest
		if len(values) == copyRows*len(t.columns) || len(rows) == 0 {
			if len(values)%len(t.columns) != 0 {
				return errPacked
			}
			if _, err := tx.ExecContext(ctx, t.insert(len(values)/len(t.columns)), values...); err != nil {
				return err
			}
			values = values[:0]
		}
	}
	return nil
}

// appendValue appends a value of a row: a byte for its type, and then a zigzag varint, eight
// bytes of a binary64, or the bytes of text or a blob after their number as an unsigned varint.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 'n'), nil
	case int64:
		return binary.AppendVarint(append(b, 'i'), v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v)), nil
	case string:
		return append(binary.AppendUvarint(append(b, 't'), uint64(len(v))), v...), nil
	case []byte:
		return append(binary.AppendUvarint(append(b, 'b'), uint64(len(v))), v...), nil
	default:
		return b, fmt.Errorf("a value of type %T", v)
	}
}

var errPacked = errors.New("stored rows are damaged")

// cutValue reads what appendValue wrote, and returns what follows.
func cutValue(b []byte) (v any, rest []byte, err error) {
	kind, b := b[0], b[1:]
	switch kind {
	case 'n':
		return nil, b, nil
	case 'i':
		if i, n := binary.Varint(b); n > 0 {
			return i, b[n:], nil
		}
	case 'f':
		if len(b) >= 8 {
			return math.Float64frombits(binary.BigEndian.Uint64(b)), b[8:], nil
		}
	case 't', 'b':
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			break
		}
		b, rest := b[n:n+int(size)], b[n+int(size):]
		if kind == 't' {
			return string(b), rest, nil
		}
		return b, rest, nil
	}
	return nil, nil, errPacked
}
