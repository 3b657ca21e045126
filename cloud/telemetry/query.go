package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// Query asks for the readings of one series from one time, included, to another,
// excluded.
type Query struct {
	Series
	From, To time.Time
	Limit    int    // 1 to [MaxReadings]
	After    string // a [Page.Next], or "" for the first page
}

// Page is readings in the order of their times.
type Page struct {
	Samples []Sample
	Next    string // continues after this page; "" when nothing follows
}

// Readings returns readings of a device of the project.
func (s *Service) Readings(ctx context.Context, scope project.Scope, q Query) (Page, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return Page{}, err
	}
	if q.Limit < 1 || q.Limit > MaxReadings {
		return Page{}, sconce.Errorf(sconce.Invalid, "limit %d: expected 1 to %d", q.Limit, MaxReadings)
	}
	from := cursor{at: q.From.UnixMilli()}
	if q.After != "" {
		var err error
		if from, err = parseCursor(q.After); err != nil {
			return Page{}, err
		}
		if from.at < q.From.UnixMilli() {
			from = cursor{at: q.From.UnixMilli()}
		}
	}
	until := q.To.UnixMilli() - 1
	if from.at > until {
		return Page{}, nil
	}
	need := from.skip + q.Limit + 1
	for chunks := need/ChunkSize + 2; ; chunks *= 2 {
		samples, more, err := s.samples(ctx, scope, q.Series, from.at, until, chunks)
		if err != nil {
			return Page{}, err
		}
		if !more || len(samples) >= need {
			return from.page(samples, q.Limit), nil
		}
	}
}

// samples returns, in order, the samples of a series between two times, both
// included: those that were taken until the n-th chunk ends; more says that
// there are further ones.
func (s *Service) samples(ctx context.Context, scope project.Scope, series Series, from, until int64, n int) (all []Sample, more bool, err error) {
	// The open chunk is read first: one that is closed meanwhile is found twice,
	// once open and once closed, and never missed.
	open, err := s.store.OpenChunk(ctx, scope, series)
	if err != nil {
		return nil, false, err
	}
	// Chunks overlap where readings came late. All that begin before the end of
	// the last one that is needed are read, so that none is left out.
	horizon, more, err := s.store.Horizon(ctx, scope, series, time.UnixMilli(from), n)
	if err != nil {
		return nil, false, err
	}
	if more = more && horizon.UnixMilli() < until; more {
		until = horizon.UnixMilli()
	}
	chunks, err := s.store.Chunks(ctx, scope, series, time.UnixMilli(from), time.UnixMilli(until))
	if err != nil {
		return nil, false, err
	}
	for _, c := range chunks {
		all = append(all, c.Samples...)
	}
	if !slices.ContainsFunc(chunks, func(c Chunk) bool { return c.Part == open.Part }) {
		all = append(all, open.Samples...)
	}
	all = slices.DeleteFunc(all, func(s Sample) bool { return s.At < from || s.At > until })
	slices.SortStableFunc(all, byTime)
	return all, more, nil
}

func byTime(a, b Sample) int {
	switch {
	case a.At < b.At:
		return -1
	case a.At > b.At:
		return 1
	default:
		return 0
	}
}

// cursor is a place between samples: after the first skip of those taken at a time.
type cursor struct {
	at   int64
	skip int
}

func (c cursor) String() string { return fmt.Sprintf("%d.%d", c.at, c.skip) }

func parseCursor(s string) (cursor, error) {
	at, skip, _ := strings.Cut(s, ".")
	a, err := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.Atoi(skip)
	c := cursor{a, n}
	if err != nil || err2 != nil || n < 0 || n > 1<<20 || c.String() != s {
		return cursor{}, sconce.Errorf(sconce.Invalid, "cursor %q: expected the one that came with the page before", s)
	}
	return c, nil
}

// page cuts a page out of samples that begin at c.at.
func (c cursor) page(samples []Sample, limit int) Page {
	skip := 0
	for skip < len(samples) && skip < c.skip && samples[skip].At == c.at {
		skip++
	}
	samples = samples[skip:]
	if len(samples) <= limit {
		return Page{Samples: samples}
	}
	samples = samples[:limit]
	next := cursor{at: samples[limit-1].At}
	for i := limit - 1; i >= 0 && samples[i].At == next.at; i-- {
		next.skip++
	}
	if next.skip == limit && c.at == next.at {
		next.skip += c.skip
	}
	return Page{Samples: samples, Next: next.String()}
}
