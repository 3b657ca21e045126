package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/store/journaldb"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// Journal returns where the messages of the gateways are kept.
func (s *Store) Journal() ingest.Log {
	return &journal{s.journal, s.site}
}

type journal struct {
	db   *database[*journaldb.Queries]
	site site
}

// Pack compresses the messages (S2, a form of Snappy): what gateways say is
// repetitive, and the cost of a commit is the bytes that it writes.
func (j *journal) Pack(into, messages []byte) []byte { return s2.Encode(into[:cap(into)], messages) }

func (j *journal) Append(ctx context.Context, b ingest.Batch) error {
	return doing("appending to the journal", j.db.writing.AppendBatch(ctx, journaldb.AppendBatchParams{
		ID: b.ID, ReceivedMs: b.Received.UnixMilli(), Count: int64(b.Count), Messages: notNil(b.Messages),
	}))
}

// Last is never behind the projector: where the journal was restored from an
// older copy than the results, or has been emptied, its numbers go on after them.
func (j *journal) Last(ctx context.Context) (int64, error) {
	last, err := j.db.reading.LastBatch(ctx)
	if err != nil {
		return 0, doing("reading the end of the journal", err)
	}
	projected, err := j.site.outside().reading.Position(ctx)
	return max(last, projected), doing("reading the position of the projector", err)
}

// afterRows is how many batches are read at a time.
const afterRows = 4

func (j *journal) After(ctx context.Context, id int64, maxBytes int) ([]ingest.Batch, error) {
	var batches []ingest.Batch
	for size := 0; size <= maxBytes; {
		rows, err := j.db.reading.BatchesAfter(ctx, journaldb.BatchesAfterParams{After: id, Max: afterRows})
		if err != nil {
			return nil, doing("reading the journal", err)
		}
		for _, r := range rows {
			messages, err := s2.Decode(nil, r.Messages)
			if err != nil {
				return nil, fmt.Errorf("batch %d of the journal is damaged: %w", r.ID, err)
			}
			batches = append(batches, ingest.Batch{ID: r.ID, Received: momentOf(r.ReceivedMs), Count: int(r.Count), Messages: messages})
			size += len(messages)
			id = r.ID
		}
		if len(rows) < afterRows {
			break
		}
	}
	return batches, nil
}

func (j *journal) Count(ctx context.Context, after, until int64) (int64, error) {
	n, err := j.db.reading.CountBatches(ctx, journaldb.CountBatchesParams{After: after, Until: until})
	return n, doing("counting the batches of the journal", err)
}

func (j *journal) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	bases, err := j.site.across().reading.Bases(ctx)
	if err != nil || len(bases) == 0 {
		return 0, doing("reading the bases of the journal", err)
	}
	until := bases[len(bases)-1].JournalID
	var n int64
	err = j.db.update(ctx, func(q *journaldb.Queries) (err error) {
		n, err = q.DeleteBatches(ctx, journaldb.DeleteBatchesParams{Until: until, Before: before.UnixMilli(), Max: int64(limit)})
		return err
	})
	return int(n), doing("pruning the journal", err)
}

// Results returns where package ingest keeps what it makes from the journal.
func (s *Store) Results() ingest.Reading { return results{s.site, s.journal, &s.zones} }

type results struct {
	site

	journal *database[*journaldb.Queries]
	zones   *zones
}

func (r results) Position(ctx context.Context) (int64, error) {
	n, err := r.outside().reading.Position(ctx)
	return n, doing("reading the position of the projector", err)
}

// runsAtOnce is how many runs are read at a time.
const runsAtOnce = 500

func (r results) Runs(ctx context.Context, fn func(ingest.Run)) error {
	after := sitedb.RunsParams{Max: runsAtOnce}
	for {
		rows, err := r.outside().reading.Runs(ctx, after)
		if err != nil {
			return doing("reading the continuity", err)
		}
		for _, row := range rows {
			run, err := runOf(row)
			if err != nil {
				return err
			}
			fn(run)
			after.LastMs, after.Gateway, after.Boot = row.LastMs, row.Gateway, row.Boot
		}
		if len(rows) < runsAtOnce {
			return nil
		}
	}
}

func (r results) RunBefore(ctx context.Context, gateway sconce.EUI64, boot uint64) (ingest.Run, bool, error) {
	row, err := r.outside().reading.Run(ctx, sitedb.RunParams{Gateway: int64(gateway), Boot: int64(boot)})
	if none(err) {
		return ingest.Run{}, false, nil
	}
	if err != nil {
		return ingest.Run{}, false, doing("reading the continuity", err)
	}
	run, err := runOf(row)
	return run, err == nil, err
}

func runOf(r sitedb.Continuity) (ingest.Run, error) {
	seen, err := ingest.ParseSequences(r.Ranges)
	return ingest.Run{
		Gateway: sconce.EUI64(r.Gateway), Boot: uint64(r.Boot),
		First: momentOf(r.FirstMs), Last: momentOf(r.LastMs),
		Received: uint64(r.Received), Duplicates: uint64(r.Duplicates), Unknown: uint64(r.Unknown), Malformed: uint64(r.Malformed), Late: uint64(r.Late),
		Seen: seen, Clock: clockOf(r.AheadMs), Dropped: listOf[telemetry.Drop](r.Dropped), Skips: listOf[telemetry.Gap](r.Gaps), Generated: r.Generated == 1,
	}, err
}

func clockOf(ahead *int64) ingest.Clock {
	if ahead == nil {
		return ingest.Clock{}
	}
	return ingest.Clock{Known: true, Ahead: time.Duration(*ahead) * time.Millisecond}
}

func optionalAhead(c ingest.Clock) *int64 {
	if !c.Known {
		return nil
	}
	return new(c.Ahead.Milliseconds())
}

// listOf reads what optionalList wrote; what is damaged is not known.
func listOf[T any](text *string) (list []T) {
	if text == nil || json.Unmarshal([]byte(*text), &list) != nil {
		return nil
	}
	return list
}

func optionalList[T any](list []T) *string {
	if len(list) == 0 {
		return nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil // times far out of the calendar
	}
	return new(string(b))
}

func (r results) Placements(ctx context.Context) ([]ingest.Placement, error) {
	rows, err := r.journal.reading.Placements(ctx)
	if err != nil {
		return nil, doing("reading placements", err)
	}
	all := make([]ingest.Placement, len(rows))
	for i, row := range rows {
		all[i] = ingest.Placement{
			Gateway: sconce.EUI64(row.Gateway), Since: row.JournalID,
			Assignment: project.Assignment{Project: sconce.ProjectID(row.ProjectID), Network: sconce.NetworkID(row.NetworkID)},
		}
	}
	return all, nil
}

func (r results) Place(ctx context.Context, p ingest.Placement) error {
	return doing("storing a placement", r.journal.update(ctx, func(q *journaldb.Queries) error {
		return q.AddPlacement(ctx, journaldb.AddPlacementParams{
			Gateway: int64(p.Gateway), JournalID: p.Since, ProjectID: string(p.Project), NetworkID: string(p.Network),
		})
	}))
}

// Apply is not ended by ctx once it has begun: to watch a context costs as much as
// a statement, and there are thousands.
func (r results) Apply(ctx context.Context, position int64, fn func(tx ingest.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	return r.across().update(ctx, func(q *sitedb.Queries) error {
		tx, sent := &resultsTx{ctx: ctx, q: q, zones: r.zones}, func(context.Context) error { return nil }
		if r.guarded {
			tx.bound = q.Through(func(db sitedb.DBTX) sitedb.DBTX {
				p := &pipeline{DBTX: db}
				sent = p.flush
				return p
			})
		} else {
			tx.bound = q.Bound(ctx)
		}
		if err := fn(tx); err != nil {
			return err
		}
		if err := sent(ctx); err != nil {
			return doing("storing results", err)
		}
		if tx.poisoned {
			if err := q.PrunePoison(ctx, ingest.MaxPoison); err != nil {
				return doing("deleting old poison messages", err)
			}
		}
		return doing("storing the position of the projector", q.SetPosition(ctx, position))
	})
}

func (r results) Poisoned(ctx context.Context, limit int) ([]ingest.Poison, error) {
	rows, err := r.outside().reading.Poisons(ctx, int64(limit))
	return mapped(rows, func(p sitedb.Poison) ingest.Poison {
		return ingest.Poison{
			Batch: p.JournalID, N: int(p.N), Gateway: sconce.EUI64(p.Gateway), Kind: p.Kind,
			Received: momentOf(p.ReceivedMs), Reason: p.Reason, Payload: p.Payload,
		}
	}), doing("reading poison messages", err)
}
