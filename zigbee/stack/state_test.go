package stack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

// Everything restarts, and nobody joins again.
func TestResume(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 3)
	for _, lamp := range lamps {
		if err := lamp.AddGroup(1, 0x22); err != nil {
			t.Fatal(err)
		}
	}
	devices := tc.Devices()
	m.run(time.Second, nil)
	for _, s := range m.nodes {
		s.events = nil
		state := s.State()
		s.restart(&state)
	}
	m.run(backPause+backSpread+time.Second, nil)
	if n := len(eventsOf[DeviceAnnounced](tc)); n != 3 {
		t.Errorf("%d lamps announced that they are back", n)
	}
	for i, d := range tc.Devices() {
		if d != devices[i] {
			t.Errorf("%+v became %+v", devices[i], d)
		}
		r := DataRequest{Dst: d.Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Cluster: 6, Payload: []byte{1}, Ack: true, LinkKey: true}
		if err := tc.send(r); err != nil {
			t.Error(err)
		}
	}
	for _, s := range m.nodes {
		if len(eventsOf[NetworkUp](s)) != 1 {
			t.Errorf("%s is not up", s.name)
		}
	}
	for _, lamp := range lamps {
		if got := lamp.Groups(1); len(got) != 1 || got[0] != 0x22 {
			t.Errorf("groups %v", got)
		}
	}
	m.checkCounters()
}

// The power fails again and again, always between the asking for a state and its
// being saved: no counter is used twice, and what is not covered is not sent.
func TestNoCounterIsUsedTwice(t *testing.T) {
	m := newMedium(t, 1)
	tc, _ := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)
	disk := tc.State()
	tc.Saved(disk)
	tc.manual = true
	for range 20 {
		sent := tc.Counters().Sent
		asked := tc.saves
		for i := range 2 * reserve {
			_, err := tc.Data(m.now, DataRequest{Dst: a, DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{byte(i)}})
			if err != nil {
				break
			}
			m.run(20*time.Millisecond, nil)
		}
		m.run(10*time.Second, nil)
		if n := tc.Counters().Sent - sent; n > reserve+8 {
			t.Fatalf("%d frames were sent with %d counters covered", n, reserve)
		}
		if tc.saves == asked || tc.Counters().NWK.HeldForState == 0 {
			t.Fatal("the node did not ask for its state to be saved, or did not wait for it")
		}
		tc.restart(&disk)
		tc.drain()
		disk = tc.State()
		tc.Saved(disk)
	}
	m.checkCounters()
}

// An owner that saves in time never holds a frame up.
func TestSavingAheadHoldsNothingUp(t *testing.T) {
	m := newMedium(t, 1)
	tc, _ := joinAll(m, 1)
	a := addressOf(t, tc, lampAddress)
	saves := tc.saves
	for range 2 * reserve {
		if err := tc.send(DataRequest{Dst: a, DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := tc.saves - saves; n < 3 || n > 8 {
		t.Errorf("%d states were saved for %d frames", n, 2*reserve)
	}
	if tc.Counters().NWK.HeldForState > 1 { // the very first state of all
		t.Error("frames were held up")
	}
}

// Nothing is sent with security before the first state is saved.
func TestNothingBeforeTheFirstSave(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	tc.manual = true
	state := tc.State()
	tc.restart(&state)
	before := len(m.sent)
	lamps[0].dead = true
	if _, err := tc.Data(m.now, DataRequest{Dst: zigbee.Broadcast, DstEndpoint: 1, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	m.run(time.Minute, nil)
	if len(m.sent) != before {
		t.Error("a frame was sent")
	}
	tc.Saved(tc.State())
	m.run(time.Second, nil)
	if len(m.sent) == before {
		t.Error("no frame was sent")
	}
}

// Either side of a join falls over at each of its savings, and comes back with
// what was saved before or after: in the end the lamp is in.
func TestCrashesDuringAJoin(t *testing.T) {
	for who, savings := range map[string]int{"tc": 2, "lamp": 3} {
		for nth := 1; nth <= savings; nth++ {
			for _, written := range []bool{false, true} {
				t.Run(fmt.Sprint(who, nth, written), func(t *testing.T) { crashJoin(t, who, nth, written) })
			}
		}
	}
}

func crashJoin(t *testing.T, who string, nth int, written bool) {
	m := newMedium(t, 2)
	tc := m.coordinator()
	invite := func() {
		tc.PermitJoin(m.now, time.Hour)
		if err := tc.Allow(lampAddress, code(t, 0)); err != nil {
			t.Fatal(err)
		}
	}
	invite()
	lamp := m.lamp(0)
	victim := tc
	if who == "lamp" {
		victim = lamp
	}
	victim.manual = true
	var disk *State // nil: nothing was ever written
	done := 0
	m.run(10*time.Minute, func() bool {
		if victim.manual && victim.saves > done {
			done++
			if done < nth || written {
				s := victim.State()
				disk = &s
			}
			if done < nth {
				victim.Saved(*disk)
				return false
			}
			victim.manual = false
			victim.restart(disk)
			invite()
		}
		return lamp.isUp() && len(tc.Devices()) == 1 && tc.Devices()[0].Authorised && done == nth
	})
	r := DataRequest{Dst: addressOf(t, tc, lampAddress), DstEndpoint: 1, SrcEndpoint: 1, Profile: 0x0104, Payload: []byte{1}, Ack: true, LinkKey: true}
	if err := tc.send(r); err != nil {
		t.Error(err)
	}
	m.checkCounters()
}

func TestStateSurvivesItsForm(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 2)
	for _, s := range []*station{tc, lamps[0], m.lamp(5)} {
		b := s.State().Append(nil)
		again, err := ParseState(b)
		if err != nil || !bytes.Equal(again.Append(nil), b) {
			t.Errorf("%s: %v", s.name, err)
		}
		for n := range b {
			if _, err := ParseState(b[:n]); err == nil {
				t.Fatalf("%d of %d bytes are a state", n, len(b))
			}
		}
		if _, err := ParseState(append(b, 0)); err == nil {
			t.Error("a state with a byte too many is one")
		}
	}
	lamp := lamps[0].State()
	cfg := tc.cfg
	cfg.Restore = &lamp
	if _, err := New(cfg); err == nil {
		t.Error("a coordinator takes the state of a lamp")
	}
}

// A lamp that left keeps no key of the network, and yet no old frame counts when
// it comes back to the same key.
func TestLeavingForgetsTheKey(t *testing.T) {
	m := newMedium(t, 1)
	tc, lamps := joinAll(m, 1)
	_, key, _ := tc.nwk.Key()
	tc.PermitJoin(m.now, 0)
	m.run(5*time.Second, nil)
	sent := len(m.sent)
	if err := tc.send(DataRequest{Dst: zigbee.BroadcastRxOn, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Payload: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	old := m.sent[sent].frame
	lamps[0].Leave(m.now)
	m.run(time.Second, nil)
	state := lamps[0].State()
	raw := key.Bytes()
	if bytes.Contains(state.Append(nil), raw[:]) {
		t.Error("the state of a lamp without a network holds the key")
	}
	lamps[0].restart(&state)
	tc.PermitJoin(m.now, time.Hour)
	lamps[0].events = nil
	m.run(5*time.Minute, func() bool { return lamps[0].phase == joined })
	lamps[0].Receive(m.now, old, 200)
	lamps[0].drain()
	if len(eventsOf[DataIndication](lamps[0])) != 0 || lamps[0].Counters().NWK.Replayed != 1 {
		t.Error("a frame from before is accepted")
	}
	m.run(5*time.Minute, lamps[0].isUp)
	m.checkCounters()
}

func TestStatePrintsRedacted(t *testing.T) {
	m := newMedium(t, 1)
	tc, _ := joinAll(m, 1)
	s := tc.State()
	key := s.key.Bytes()
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range []any{s, &s, []State{s}, struct{ S State }{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		log.Info("state", "v", v)
	}
	if strings.Contains(out.String(), hex.EncodeToString(key[:4])) || strings.Contains(out.String(), fmt.Sprint(key[0], key[1], key[2])) {
		t.Error("a state printed its key")
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was printed")
	}
}

func FuzzParseState(f *testing.F) {
	m := newMedium(f, 1)
	tc, lamps := joinAll(m, 2)
	f.Add(tc.State().Append(nil))
	f.Add(lamps[0].State().Append(nil))
	alone := newMedium(f, 2)
	founder := formed(alone)
	founder.letIn(lampAddress+1, code(f, 1))
	f.Add(founder.State().Append(nil))
	if c, err := founder.Credentials(); err == nil {
		orphan := alone.sensor(0)
		_ = orphan.Commission(alone.now, c)
		f.Add(orphan.State().Append(nil))
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		s, err := ParseState(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Append(nil), b) {
			t.Fatal("it does not come back the same")
		}
		cfg := newMedium(t, 1).config(s.role, tcAddress, code(t, 0))
		cfg.Restore = &s
		n, err := New(cfg)
		if err != nil {
			return
		}
		n.Start(time.Unix(1, 0))
		n.Saved(n.State())
	})
}
