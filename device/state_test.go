package device

import (
	"bytes"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee/zcl"
)

// usedState returns the encoded state of a luminaire that has been in use.
func usedState(t testing.TB) []byte {
	t.Helper()
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterElectrical, zcl.AttrActivePower, true)
	b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, false)
	b.command(l, zcl.AddGroup{Group: 7})
	b.command(l, zcl.MoveToLevel{Level: 33, WithOnOff: true})
	b.run(time.Second, nil)
	return b.stored[l]
}

func TestStateRoundTrip(t *testing.T) {
	p := usedState(t)
	s, err := ParseState(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Append(nil); !bytes.Equal(got, p) {
		t.Errorf("encoded again: %x, want %x", got, p)
	}
	l := &Luminaire{}
	if err := l.recall(s.memory); err != nil || l.light.level != 33 || !l.light.on || len(s.reporting) != 2 {
		t.Errorf("light %+v, reporting %+v, %v", l.light, s.reporting, err)
	}
}

func TestStateRefused(t *testing.T) {
	good := usedState(t)
	memory := headSize + 2*entrySize // where the luminaire's part begins
	for name, change := range map[string]func(p []byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"cut in head":     func(p []byte) []byte { return p[:headSize-1] },
		"cut in reports":  func(p []byte) []byte { return p[:headSize+entrySize] },
		"cut in memory":   func(p []byte) []byte { return p[:memory+lampSize-1] },
		"cut in node":     func(p []byte) []byte { return p[:len(p)-1] },
		"longer":          func(p []byte) []byte { return append(p, 0) },
		"another version": func(p []byte) []byte { p[0]++; return p },
		"many reports":    func(p []byte) []byte { p[1] = 255; return p },
	} {
		if s, err := ParseState(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: read with %d reports", name, len(s.reporting))
		}
	}
	for name, change := range map[string]func(p []byte) []byte{
		"another kind":     func(p []byte) []byte { p[memory] = switchMemory; return p },
		"half on":          func(p []byte) []byte { p[memory+1] = 2; return p },
		"level 0":          func(p []byte) []byte { p[memory+2] = 0; return p },
		"level 255":        func(p []byte) []byte { p[memory+3] = 255; return p },
		"a global level":   func(p []byte) []byte { p[memory+22] = 255; return p },
		"scenes not there": func(p []byte) []byte { p[memory+lampSize-1]++; return p },
	} {
		s, err := ParseState(change(bytes.Clone(good)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cfg := newBuilding(t).config(0)
		cfg.Restore = &s
		if _, err := NewLuminaire(cfg); err == nil {
			t.Errorf("%s: a luminaire started with it", name)
		}
	}
}

// A state whose reports do not fit the luminaire is refused before it starts.
func TestStateOfAnotherDevice(t *testing.T) {
	b := newBuilding(t)
	s, err := ParseState(usedState(t))
	if err != nil {
		t.Fatal(err)
	}
	s.reporting[0].Endpoint = 2
	cfg := b.config(0)
	cfg.Restore = &s
	if _, err := NewLuminaire(cfg); err == nil {
		t.Error("a state that reports from endpoint 2 was accepted")
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(usedState(f))
	corpus.Fuzz(f, func(t *testing.T, p []byte) {
		s, err := ParseState(p)
		if err != nil {
			return
		}
		canonical := s.Append(nil)
		again, err := ParseState(canonical)
		if err != nil || !bytes.Equal(again.Append(nil), canonical) {
			t.Fatalf("%x encodes to %x, which does not encode to itself: %v", p, canonical, err)
		}
	})
}

// FuzzRecall: whatever a luminaire is made to remember, it starts or refuses, and
// what it then keeps it remembers again, but for the count of its starts.
func FuzzRecall(f *testing.F) {
	l := lone(f, nil)
	l.onOffCommand(start, zcl.OffWithEffect{})
	l.storeScene(start, sceneID(0, 7))
	f.Add(l.remember(nil))
	corpus.Fuzz(f, func(t *testing.T, p []byte) {
		first, second := Luminaire{tone: newTone(white)}, Luminaire{tone: newTone(white)}
		if first.recall(p) != nil {
			return
		}
		first.light.startUpOnOff, first.light.startUpLevel = unset, unset // once is enough
		kept := first.remember(nil)
		if err := second.recall(kept); err != nil {
			t.Fatalf("%x is kept as %x, which is refused: %v", p, kept, err)
		}
		second.resets--
		if again := second.remember(nil); !bytes.Equal(again, kept) {
			t.Fatalf("%x is kept as %x, and then as %x", p, kept, again)
		}
	})
}
