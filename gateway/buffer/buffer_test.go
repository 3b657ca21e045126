package buffer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sconce/wire"
)

var kinds = []wire.Kind{
	wire.KindHello, wire.KindReadings, wire.KindEvents, wire.KindState,
	wire.KindResult, wire.KindReport, wire.KindLog,
}

func TestLiveGoesBeforeBacklogInOrder(t *testing.T) {
	b := New(0)
	add := func(from uint64, kinds ...wire.Kind) {
		for i, k := range kinds {
			b.Add(Message{Kind: k, Sequence: from + uint64(i)})
		}
	}
	takeAll := func() (got []uint64) {
		for m, ok := b.Take(); ok; m, ok = b.Take() {
			got = append(got, m.Sequence)
		}
		return got
	}
	add(1, wire.KindLog, wire.KindReadings, wire.KindState, wire.KindEvents, wire.KindReadings)
	b.Connected()
	add(6, wire.KindState, wire.KindReadings, wire.KindHello, wire.KindResult)
	if got, want := takeAll(), []uint64{8, 6, 7, 9, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("taken in the order %v, want %v", got, want)
	}
}

// However long the outage and however mixed the messages, the numbers that are
// sent after it form two spans that grow: the cloud need remember no more.
func TestBacklogIsTwoSpansForTheCloud(t *testing.T) {
	b := New(0)
	next := uint64(0)
	add := func(n int) {
		for range n {
			next++
			b.Add(Message{Kind: kinds[1+next%uint64(len(kinds)-1)], Sequence: next}) // no hello

		}
	}
	add(5_000)
	b.Connected()
	seen := map[uint64]bool{}
	for b.Len() > 0 {
		m, ok := b.Take()
		if !ok {
			t.Fatal("nothing to take")
		}
		b.Remove(m.Sequence)
		seen[m.Sequence] = true
		if m.Sequence%3 == 0 && next < 6_000 {
			add(1)
		}
		if m.Sequence%500 == 0 {
			if n := spans(seen); n > 2 {
				t.Fatalf("after %d: %d spans", m.Sequence, n)
			}
		}
	}
}

func spans(seen map[uint64]bool) (n int) {
	for s := range seen {
		if !seen[s-1] {
			n++
		}
	}
	return n
}

func TestDropsTheLeastImportantFirstAndSaysSo(t *testing.T) {
	b := New(0)
	payload := make([]byte, wire.MaxPayload)
	add := func(k wire.Kind, n int) {
		for range n {
			b.Add(Message{Kind: k, Sequence: uint64(b.Len() + 1000), Payload: payload})
		}
	}
	add(wire.KindLog, 10)
	add(wire.KindReadings, 10)
	add(wire.KindResult, 44) // 64 fit
	if d := b.Dropped(); d != nil {
		t.Fatalf("dropped %v with room left", d)
	}
	add(wire.KindState, 12) // pushes out the logs and two readings
	add(wire.KindLog, 1)    // is less than anything there
	want := []wire.Dropped{{Kind: wire.KindLog, Count: 11}, {Kind: wire.KindReadings, Count: 2}}
	if got := b.Dropped(); !slices.Equal(got, want) {
		t.Errorf("dropped %v, want %v", got, want)
	}
}

func TestWhatIsOnItsWayIsNotDropped(t *testing.T) {
	b := New(0)
	payload := make([]byte, wire.MaxPayload)
	b.Add(Message{Kind: wire.KindLog, Sequence: 1, Payload: payload})
	b.Take()
	for i := range 100 {
		b.Add(Message{Kind: wire.KindResult, Sequence: uint64(i + 2), Payload: payload})
	}
	if !b.Remove(1) {
		t.Error("the message on its way was dropped")
	}
	if b.Remove(1) {
		t.Error("the message was acknowledged twice")
	}
}

func TestARefusedMessageCountsAsDropped(t *testing.T) {
	b := New(0)
	b.Add(Message{Kind: wire.KindEvents, Sequence: 1})
	b.Take()
	if !b.Refuse(1) || b.Refuse(1) || b.Len() != 0 {
		t.Error("refusing did not remove the message once")
	}
	if want := []wire.Dropped{{Kind: wire.KindEvents, Count: 1}}; !slices.Equal(b.Dropped(), want) {
		t.Errorf("dropped %v, want %v", b.Dropped(), want)
	}
}

// model says in the plainest way what the buffer must hold.
type model struct {
	sizes   map[uint64]int
	kinds   map[uint64]wire.Kind
	taken   []uint64
	added   uint64
	removed uint64
}

// Whatever is done to a buffer: it keeps within its bytes, gives live messages and
// backlog each in the order they were made, never the same twice, and every
// message ever added is held, acknowledged or counted as dropped.
func TestBufferProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(0)
		m := model{sizes: map[uint64]int{}, kinds: map[uint64]wire.Kind{}}
		connected := uint64(0)    // messages up to here are backlog
		last := map[bool]uint64{} // taken of the live, and of the backlog
		payload := make([]byte, wire.MaxPayload)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				m.added++
				k := rapid.SampledFrom(kinds).Draw(t, "kind")
				n := rapid.IntRange(wire.MaxPayload/2, wire.MaxPayload).Draw(t, "size")
				m.kinds[m.added] = k
				m.sizes[m.added] = n
				b.Add(Message{Kind: k, Sequence: m.added, Payload: payload[:n]})
			},
			"take": func(t *rapid.T) {
				got, ok := b.Take()
				if !ok {
					if len(m.taken) < MaxTaken && b.Len() > len(m.taken) {
						t.Fatalf("nothing to take with %d held, %d on their way", b.Len(), len(m.taken))
					}
					return
				}
				if len(m.taken) == MaxTaken {
					t.Fatalf("more than %d on their way", MaxTaken)
				}
				if got.Kind != m.kinds[got.Sequence] || len(got.Payload) != m.sizes[got.Sequence] {
					t.Fatalf("message %d came back changed", got.Sequence)
				}
				if live := got.Sequence > connected; ClassOf(got.Kind) != Greeting {
					if got.Sequence <= last[live] {
						t.Fatalf("live %v: %d after %d", live, got.Sequence, last[live])
					}
					last[live] = got.Sequence
				}
				m.taken = append(m.taken, got.Sequence)
			},
			"connected": func(*rapid.T) {
				b.Connected()
				connected = m.added
				clear(last)
			},
			"remove": func(t *rapid.T) {
				if len(m.taken) == 0 {
					return
				}
				i := rapid.IntRange(0, len(m.taken)-1).Draw(t, "which")
				if !b.Remove(m.taken[i]) {
					t.Fatalf("message %d was on its way and is gone", m.taken[i])
				}
				m.taken = slices.Delete(m.taken, i, i+1)
				m.removed++
			},
			"": func(t *rapid.T) {
				if b.Bytes() > MinMaxBytes || b.Bytes() < 0 {
					t.Fatalf("%d bytes held, at most %d allowed", b.Bytes(), MinMaxBytes)
				}
				var dropped uint64
				for _, d := range b.Dropped() {
					dropped += d.Count
				}
				if held := uint64(b.Len()); held+dropped+m.removed != m.added {
					t.Fatalf("%d held + %d dropped + %d acknowledged is not %d added", held, dropped, m.removed, m.added)
				}
				if b.Len() == 0 && b.Bytes() != 0 {
					t.Fatalf("an empty buffer holds %d bytes", b.Bytes())
				}
			},
		})
	})
}

func BenchmarkAddTakeRemove(b *testing.B) {
	buf := New(0)
	payload := make([]byte, 200)
	b.ReportAllocs()
	for i := range b.N {
		buf.Add(Message{Kind: wire.KindReadings, Sequence: uint64(i), Payload: payload})
		m, _ := buf.Take()
		buf.Remove(m.Sequence)
	}
}
