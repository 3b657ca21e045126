package device

import (
	"bytes"
	"testing"
	"time"

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
	if s.light.level != 33 || !s.light.on || len(s.reporting) != 2 {
		t.Errorf("light %+v, reporting %+v", s.light, s.reporting)
	}
}

func TestStateRefused(t *testing.T) {
	good := usedState(t)
	for name, change := range map[string]func(p []byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"cut in light":    func(p []byte) []byte { return p[:lightSize-1] },
		"cut in reports":  func(p []byte) []byte { return p[:lightSize+entrySize] },
		"cut in node":     func(p []byte) []byte { return p[:len(p)-1] },
		"longer":          func(p []byte) []byte { return append(p, 0) },
		"another version": func(p []byte) []byte { p[0]++; return p },
		"half on":         func(p []byte) []byte { p[1] = 2; return p },
		"level 0":         func(p []byte) []byte { p[2] = 0; return p },
		"level 255":       func(p []byte) []byte { p[3] = 255; return p },
		"many reports":    func(p []byte) []byte { p[15] = 255; return p },
	} {
		if s, err := ParseState(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: read as %+v", name, s.light)
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
	f.Fuzz(func(t *testing.T, p []byte) {
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
