package ingest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// oneAtATime is a log in memory that returns as little at a time as it may.
type oneAtATime struct {
	ingest.Log
	batches []ingest.Batch
}

func (l *oneAtATime) add(count int, messages []byte) {
	l.batches = append(l.batches, ingest.Batch{ID: int64(len(l.batches) + 1), Received: time.Now(), Count: count, Messages: messages})
}

func (l *oneAtATime) After(_ context.Context, id int64, _ int) ([]ingest.Batch, error) {
	return l.batches[id:min(int(id)+1, len(l.batches))], nil
}

// bites is results that remember where each transaction ended.
type bites struct {
	ingest.Reading
	ends []int64
}

func (b *bites) Apply(ctx context.Context, position int64, fn func(tx ingest.Tx) error) error {
	b.ends = append(b.ends, position)
	return b.Reading.Apply(ctx, position, fn)
}

// storedEntries returns messages of one gateway as they are stored, until there are size
// bytes of them, and how many they are.
func storedEntries(t *testing.T, sequence *uint64, size int, body wire.Up) (messages []byte, count int) {
	t.Helper()
	for ; len(messages) < size; count++ {
		*sequence++
		h := wire.UpHeader{Version: wire.Version, Boot: 1, Sequence: *sequence}
		payload, err := wire.AppendUp(nil, h, body)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, err := wire.ParseUpHeader(payload)
		if err != nil {
			t.Fatal(err)
		}
		e := ingest.Entry{Gateway: gateway, Boot: 1, Sequence: *sequence, Kind: body.UpKind(), Payload: payload, Body: rest}
		messages = e.Append(messages)
	}
	return messages, count
}

// A bite takes everything that has gathered, so that a series is stored once for
// all its messages, and ends when it has 32 MiB of messages or of results. The first ones are smaller.
func TestBiteIsBounded(t *testing.T) {
	text := wire.Log{Lines: []wire.LogLine{{Message: string(make([]byte, 60<<10))}}}
	readings := wire.Readings{Readings: make([]wire.Reading, wire.MaxItems)}
	for i := range readings.Readings {
		readings.Readings[i] = wire.Reading{Device: 1, Metric: sconce.ActivePower, At: 1, Value: 1}
	}
	for _, test := range []struct {
		name    string
		body    wire.Up
		batches int
		size    int // of each, a little exceeded
		want    []int64
	}{
		{"to the end of the journal", text, 5, 1 << 20, []int64{1, 5}},
		{"the end is where less than a piece is left", readings, 3, 100, []int64{1, 2, 3}},
		{"bytes of messages", text, 60, 1 << 20, []int64{1, 5, 21, 52, 60}},
		{"bytes of results", readings, 22, 1 << 20, []int64{1, 5, 20, 22}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storetest.Open(t)
			site := storetest.MakeSite(t, s, gateway)
			l := &oneAtATime{}
			var sequence uint64
			for range test.batches {
				messages, count := storedEntries(t, &sequence, test.size, test.body)
				l.add(count, messages)
			}
			results := &bites{Reading: s.Results()}
			p := ingest.NewProjector(l, results, s.Projects(), nobody{}, 0, quiet)
			for more := true; more; {
				var err error
				if more, err = p.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(results.ends, test.want) {
				t.Errorf("the bites ended at %v, want %v", results.ends, test.want)
			}
			accounts, err := s.Telemetry().Accounts(t.Context(), site.Owner, gateway, 1)
			if err != nil || len(accounts) != 1 || accounts[0].Received != sequence {
				t.Errorf("the account is %+v, %v; want %d messages", accounts, err, sequence)
			}
			open, err := s.Telemetry().OpenChunk(t.Context(), site.Owner, telemetry.Series{Device: 1, Metric: sconce.ActivePower})
			if _, ok := test.body.(wire.Readings); ok && (err != nil || open.Part != int64(sequence)*wire.MaxItems/telemetry.ChunkSize) {
				t.Errorf("the series is at chunk %d, %v", open.Part, err)
			}
		})
	}
}
