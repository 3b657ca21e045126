package ingest_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"sconce/cloud/ingest"
	"sconce/internal/corpus"
	"sconce/wire"
)

func entries(t testing.TB) []ingest.Entry {
	t.Helper()
	payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 7, Sequence: 9}, wire.Log{})
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := wire.ParseUpHeader(payload)
	if err != nil {
		t.Fatal(err)
	}
	return []ingest.Entry{
		{Gateway: 1, Boot: 7, Sequence: 9, Kind: wire.KindLog, Payload: payload, Body: body},
		{Gateway: 1 << 63, Boot: 1<<63 - 1, Sequence: 1<<63 - 1, Duplicate: true},
		{Gateway: 2, Kind: "state", Malformed: true, Payload: []byte("no CBOR")},
		{Gateway: 3, Boot: 1, Sequence: 1, Kind: "later", Payload: payload, Body: body},
		{Gateway: 3, Malformed: true},
	}
}

func TestEntriesFollowOneAnother(t *testing.T) {
	var stored []byte
	for _, e := range entries(t) {
		stored = e.Append(stored)
	}
	for i, want := range entries(t) {
		got, rest, err := ingest.ParseEntry(stored)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if got.Gateway != want.Gateway || got.Boot != want.Boot || got.Sequence != want.Sequence || got.Kind != want.Kind ||
			got.Duplicate != want.Duplicate || got.Malformed != want.Malformed ||
			!bytes.Equal(got.Payload, want.Payload) || !want.Malformed && !bytes.Equal(got.Body, want.Body) {
			t.Errorf("entry %d came back as %+v, want %+v", i, got, want)
		}
		stored = rest
	}
	if len(stored) != 0 {
		t.Errorf("%d bytes follow the last entry", len(stored))
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, e := range entries(f) {
		f.Add(e.Append(nil))
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		e, rest, err := ingest.ParseEntry(b)
		if err != nil {
			return
		}
		if again := e.Append(nil); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Errorf("%x came back as %x", b[:len(b)-len(rest)], again)
		}
	})
}

// TestSequencesAgainstASet compares with the plainest set, on numbers that come
// mostly in order.
func TestSequencesAgainstASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s ingest.Sequences
	set, highest := map[uint64]bool{}, uint64(0)
	for range 20_000 {
		n := highest + 1 + uint64(r.IntN(2))*uint64(r.IntN(3))
		if r.IntN(3) == 0 && highest > 20 {
			n = highest - uint64(r.IntN(20))
		}
		if got, want := s.Add(n), !set[n]; got != want {
			t.Fatalf("Add(%d) = %v, want %v", n, got, want)
		}
		set[n], highest = true, max(highest, n)
		again, err := ingest.ParseSequences(s.Append(nil))
		if err != nil || again.Highest() != highest || !again.Has(n) {
			t.Fatalf("after %d: highest %d, %v; want %d", n, again.Highest(), err, highest)
		}
		if len(set) > 1000 { // the number of spans stays far from its limit
			s, set, highest = ingest.Sequences{}, map[uint64]bool{}, 0
		}
	}
}

func TestSequencesCloseTheOldestGap(t *testing.T) {
	var s ingest.Sequences
	const spans = 4096
	for i := range uint64(spans) {
		s.Add(2*i + 1)
	}
	if s.Has(2) {
		t.Fatal("2 is there before it came")
	}
	if !s.Add(2*spans + 1) {
		t.Fatal("a new number was refused")
	}
	if s.Add(2) || !s.Add(4) {
		t.Error("the oldest gap, and only that, should be closed")
	}
}

func FuzzParseSequences(f *testing.F) {
	var s ingest.Sequences
	for _, n := range []uint64{1, 2, 3, 5, 1<<63 - 1} {
		s.Add(n)
	}
	f.Add(s.Append(nil))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		s, err := ingest.ParseSequences(b)
		if err != nil {
			return
		}
		if again := s.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}
