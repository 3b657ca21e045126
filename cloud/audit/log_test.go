package audit

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"
)

// memory is a store of one chain.
type memory struct {
	entries []Entry
	fails   bool
}

func (m *memory) Append(_ context.Context, chain Chain, e Event) error {
	if m.fails {
		return errors.New("the disk is full")
	}
	var h Head
	if n := len(m.entries); n > 0 {
		h = m.entries[n-1].Head()
	}
	m.entries = append(m.entries, h.Next(chain, e))
	return nil
}

func (m *memory) Entries(_ context.Context, _ Chain, after uint64, limit int) ([]Entry, error) {
	rest := m.entries[min(int(after), len(m.entries)):]
	return rest[:min(limit, len(rest))], nil
}

func (m *memory) Newest(context.Context, Chain, uint64, int) ([]Entry, error) { return nil, nil }

// TestRefusalsAreBounded shows that who is refused ten thousand times cannot fill the
// log, and that the log says how much it left out.
func TestRefusalsAreBounded(t *testing.T) {
	now := noon
	m := &memory{}
	l := NewLog(m, func() time.Time { return now })
	refuse := func(n int) {
		for range n {
			if err := l.Refuse(t.Context(), house, Account("eve"), "session:1", "make-network", "attic"); err != nil {
				t.Fatal(err)
			}
		}
	}
	refuse(10_000)
	if len(m.entries) != refusals {
		t.Fatalf("%d entries, want %d", len(m.entries), refusals)
	}
	first := m.entries[0]
	if first.Who != Account("eve") || first.Origin != "session:1" || first.Action != AccessRefused ||
		first.Target != "make-network" || first.Detail != "attic" || first.Result != Refused || !first.At.Equal(noon) {
		t.Errorf("the entry says %+v", first.Event)
	}
	now = now.Add(refusalsWindow)
	m.fails = true
	if err := l.Refuse(t.Context(), house, Account("eve"), "", "x", ""); err == nil {
		t.Error("a refusal that could not be written: no error")
	}
	m.fails = false
	refuse(1)
	rest := m.entries[refusals:]
	if len(rest) != 2 || rest[0].Action != RefusalsLeftOut || rest[0].Detail != "count="+strconv.Itoa(10_000-refusals) || rest[1].Action != AccessRefused {
		t.Errorf("in the next window: %+v", rest)
	}
	now = now.Add(refusalsWindow)
	refuse(1)
	if n := len(m.entries); m.entries[n-1].Action != AccessRefused || m.entries[n-2].Action != AccessRefused {
		t.Error("what was left out is said twice")
	}
	if _, err := Verify(house, All(t.Context(), m, house), nil); err != nil {
		t.Error(err)
	}
}

// TestAllPages reads a chain that is longer than one page.
func TestAllPages(t *testing.T) {
	for _, n := range []int{0, 1, 999, 1000, 1001, 2500} {
		m := &memory{chain(n), false}
		h, err := Verify(house, All(t.Context(), m, house), nil)
		if err != nil || h.Number != uint64(n) {
			t.Errorf("%d entries: read %d, %v", n, h.Number, err)
		}
	}
}

// TestCountedChainsAreBounded shows that the counts of what was left out have a limit.
func TestCountedChainsAreBounded(t *testing.T) {
	l := NewLog(&memory{}, func() time.Time { return noon })
	for i := range refusalsCounted + 100 {
		l.leave(Chain(strconv.Itoa(i)), 1)
	}
	if len(l.leftOut) != refusalsCounted {
		t.Errorf("%d chains are counted, want at most %d", len(l.leftOut), refusalsCounted)
	}
}
