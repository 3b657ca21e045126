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

// message returns a message of the class that its kind has most often.
func message(k wire.Kind, sequence uint64, payload []byte) Message {
	class, known := map[wire.Kind]wire.Class{
		wire.KindHello: wire.ClassGreeting, wire.KindReadings: wire.ClassMetering, wire.KindState: wire.ClassStates, wire.KindLog: wire.ClassLogs,
	}[k]
	if !known {
		class = wire.ClassVital
	}
	return Message{Kind: k, Class: class, Sequence: sequence, Made: wire.Time(1000 * sequence), Payload: payload}
}

func TestLiveGoesBeforeBacklogInOrder(t *testing.T) {
	b := New(0)
	add := func(from uint64, kinds ...wire.Kind) {
		for i, k := range kinds {
			b.Add(message(k, from+uint64(i), nil))
		}
	}
	takeAll := func() (got []uint64) {
		for m, ok := b.Take(true); ok; m, ok = b.Take(true) {
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
			b.Add(message(kinds[1+next%uint64(len(kinds)-1)], next, nil)) // no hello
		}
	}
	add(5_000)
	b.Connected()
	seen := map[uint64]bool{}
	for b.Len() > 0 {
		m, ok := b.Take(true)
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
	next := uint64(0)
	add := func(k wire.Kind, c wire.Class, n int) {
		for range n {
			next++
			b.Add(Message{Kind: k, Class: c, Sequence: next, Made: wire.Time(1000 * next), Payload: payload})
		}
	}
	add(wire.KindReadings, wire.ClassMetering, 5)      // 1 to 5
	add(wire.KindLog, wire.ClassLogs, 10)              // 6 to 15
	add(wire.KindReadings, wire.ClassSurroundings, 10) // 16 to 25
	add(wire.KindResult, wire.ClassVital, 39)          // 64 fit
	if d := b.Dropped(); d != nil || b.Lost() != 0 {
		t.Fatalf("dropped %v with room left", d)
	}
	add(wire.KindState, wire.ClassStates, 22) // pushes out the logs, the surroundings, two of the meters
	add(wire.KindLog, wire.ClassLogs, 1)      // 87: is less than anything there
	want := []wire.Dropped{
		{Kind: wire.KindLog, Class: wire.ClassLogs, Count: 11, From: 6_000, To: 87_000},
		{Kind: wire.KindReadings, Class: wire.ClassSurroundings, Count: 10, From: 16_000, To: 25_000},
		{Kind: wire.KindReadings, Class: wire.ClassMetering, Count: 2, From: 1_000, To: 2_000},
	}
	if got := b.Dropped(); !slices.Equal(got, want) || b.Lost() != 23 {
		t.Errorf("dropped %v, want %v; %d in all", got, want, b.Lost())
	}
}

// However much waits from an outage, only so much of it is on its way at a time, and
// what is live finds a place.
func TestHistoryLeavesRoomForWhatIsLive(t *testing.T) {
	b := New(0)
	payload := make([]byte, MaxHistory/4)
	for i := range uint64(20) {
		b.Add(message(wire.KindReadings, 1+i, payload))
	}
	b.Connected()
	for want := range uint64(3) { // the fourth does not fit, with what messages cost
		if m, ok := b.Take(true); !ok || m.Sequence != 1+want {
			t.Fatalf("took %d, %v", m.Sequence, ok)
		}
	}
	if m, ok := b.Take(true); ok {
		t.Fatalf("took %d: too much at a time", m.Sequence)
	}
	b.Add(message(wire.KindState, 21, payload))
	if m, ok := b.Take(true); !ok || m.Sequence != 21 {
		t.Errorf("the live message is not the next, but %d, %v", m.Sequence, ok)
	}
	b.Remove(1)
	if m, ok := b.Take(false); ok {
		t.Errorf("took %d, and no history is wanted", m.Sequence)
	}
	if m, ok := b.Take(true); !ok || m.Sequence != 4 {
		t.Errorf("then %d, %v", m.Sequence, ok)
	}
	large := New(0)
	large.Add(message(wire.KindReadings, 1, make([]byte, 2*MaxHistory)))
	large.Connected()
	if _, ok := large.Take(true); !ok {
		t.Error("one message may always go")
	}
}

func TestAMessageIsRenewedWhereverItIs(t *testing.T) {
	b := New(0)
	renew := func(n uint64, text string) {
		t.Helper()
		if !b.Renew(message(wire.KindHello, n, []byte(text))) {
			t.Errorf("%d is not held", n)
		}
	}
	for n := range uint64(3) {
		b.Add(message(wire.KindHello, 1+n, nil))
	}
	b.Take(true)
	renew(1, "on its way")
	b.Connected()
	b.Add(message(wire.KindHello, 4, nil))
	renew(2, "history")
	renew(4, "live")
	if b.Renew(message(wire.KindHello, 5, nil)) {
		t.Error("5 was never added")
	}
	if got := b.Greetings(); !slices.Equal(got, []uint64{4, 2, 3}) {
		t.Errorf("%v wait", got)
	}
	if want := 4*overhead + len("on its way"+"history"+"live"); b.Bytes() != want {
		t.Errorf("%d bytes, want %d", b.Bytes(), want)
	}
	b.Remove(1)
	for b.Len() > 0 {
		m, _ := b.Take(true)
		if want := map[uint64]string{2: "history", 4: "live"}[m.Sequence]; string(m.Payload) != want {
			t.Errorf("%d says %q, want %q", m.Sequence, m.Payload, want)
		}
		b.Remove(m.Sequence)
	}
	if b.Bytes() != 0 {
		t.Errorf("%d bytes are left", b.Bytes())
	}
}

func TestWhatIsOnItsWayIsNotDropped(t *testing.T) {
	b := New(0)
	payload := make([]byte, wire.MaxPayload)
	b.Add(message(wire.KindLog, 1, payload))
	b.Take(true)
	for i := range 100 {
		b.Add(message(wire.KindResult, uint64(i+2), payload))
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
	b.Add(message(wire.KindEvents, 1, nil))
	b.Take(true)
	if !b.Refuse(1) || b.Refuse(1) || b.Len() != 0 {
		t.Error("refusing did not remove the message once")
	}
	if want := []wire.Dropped{{Kind: wire.KindEvents, Class: wire.ClassVital, Count: 1, From: 1000, To: 1000}}; !slices.Equal(b.Dropped(), want) {
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
				b.Add(message(k, m.added, payload[:n]))
			},
			"take": func(t *rapid.T) {
				got, ok := b.Take(true)
				if !ok {
					if len(m.taken) < MaxTaken && b.Len() > len(m.taken) && b.history == 0 {
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
				if live := got.Sequence > connected; got.Class != wire.ClassGreeting {
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
				if b.history < 0 || b.history > MaxHistory+wire.MaxPayload {
					t.Fatalf("%d bytes of history are on their way", b.history)
				}
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
		buf.Add(message(wire.KindReadings, uint64(i), payload))
		m, _ := buf.Take(true)
		buf.Remove(m.Sequence)
	}
}
