package gp

import (
	"bytes"
	"testing"
	"time"
)

// A removed switch stays removed: recorded frames bring it back in no window, and its label
// does not make its old presses new, over a restart of the sink too.
func TestRemovedSwitchStaysRemoved(t *testing.T) {
	s := pairedSink(t)
	s.Receive(at(0), press(t, 50, On), strong)
	recorded := hello(t, dev(), someKey(t), 51, nil)
	if !s.Remove(dev()) {
		t.Fatal("was not paired")
	}
	state, err := ParseState(s.State().Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	s = NewSink(tcEUI, LevelEncrypted)
	s.Restore(state)

	s.Open(at(time.Minute), time.Minute, true, 7)
	s.Receive(at(time.Minute), recorded, strong)
	s.Advance(at(time.Minute + settle))
	if e := sinkEvents(s); len(s.Switches()) != 0 || len(e) != 1 {
		t.Errorf("a recording brought it back: %+v", e)
	}
	if err := s.Expect(dev(), someKey(t)); err != nil {
		t.Fatal(err)
	}
	s.Receive(at(time.Minute), hello(t, dev(), someKey(t), 5, nil), strong)
	s.Advance(at(time.Minute + 2*settle))
	sinkEvents(s)
	if w := s.Switches(); len(w) != 0 {
		t.Fatalf("with its label, a recording brought it back: %+v", w)
	}
	s.Receive(at(time.Minute), hello(t, dev(), someKey(t), 51, nil), strong)
	s.Advance(at(time.Minute + 4*settle))
	sinkEvents(s)
	if w := s.Switches(); len(w) != 1 || w[0].Counter != 51 {
		t.Fatalf("with its label: %+v", w)
	}
	s.Receive(at(time.Minute), press(t, 50, On), strong)
	if len(sinkEvents(s)) != 0 {
		t.Error("an old press counts again")
	}
	s.Receive(at(time.Minute), press(t, 52, On), strong)
	if len(sinkEvents(s)) != 1 {
		t.Error("a new press does not count")
	}
	if len(s.removed) != 0 {
		t.Error("it is paired and removed")
	}
}

func TestRemovedAreBounded(t *testing.T) {
	s := NewSink(tcEUI, LevelEncrypted)
	for i := range MaxRemoved + 5 {
		s.bury(ID{Source: SourceID(1 + i)}, uint32(i))
		s.bury(ID{Source: SourceID(1 + i)}, uint32(i+1))
	}
	if len(s.removed) != MaxRemoved || s.wasRemoved(ID{Source: 1}) || s.exhume(ID{Source: MaxRemoved}) != MaxRemoved {
		t.Errorf("%d remembered", len(s.removed))
	}
	b := s.State().Append(nil)
	if state, err := ParseState(b); err != nil || !bytes.Equal(state.Append(nil), b) {
		t.Errorf("%v", err)
	}
	twice := s.State()
	twice.removed = append(twice.removed, twice.removed[0])
	if _, err := ParseState(twice.Append(nil)); err == nil {
		t.Error("one that was removed twice is read")
	}
}

// A proxy that missed that a switch was removed, or that others were chosen for it, is
// told when it passes something on; and stops.
func TestStrayProxyIsTold(t *testing.T) {
	for _, gone := range []bool{true, false} {
		s := pairedSink(t)
		if gone {
			s.Remove(dev())
		}
		drainSink(s)
		n := Notification{ID: dev(), Level: LevelEncrypted, KeyType: KeyIndividual, Counter: 6, Command: On}
		if err := s.Command(at(0), Sender{EUI64: proxyA}, CommandNotification, n.Append(nil)); err != nil || len(drainSink(s)) != 0 {
			t.Errorf("one without its link key is answered: %v", err)
		}
		if err := s.Command(at(0), Sender{EUI64: proxyA, LinkKey: true}, CommandNotification, n.Append(nil)); err != nil {
			t.Fatal(err)
		}
		out := drainSink(s)
		if len(out) != 1 || out[0].Peer != proxyA || !out[0].LinkKey || out[0].Command != CommandPairing {
			t.Fatalf("told %+v", out)
		}
		p := newProxy(t, pairing(t))
		if err := p.Command(at(0), Sender{EUI64: tcEUI, LinkKey: true, TrustCentre: true}, out[0].Command, out[0].Payload); err != nil || p.Pairings() != 0 {
			t.Errorf("it goes on: %v", err)
		}
	}
}
