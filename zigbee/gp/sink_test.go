package gp

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

func TestTranslate(t *testing.T) {
	for _, c := range []struct {
		command CommandID
		payload string
		want    string // cluster, command, payload; "" for nothing
	}{
		{Off, "", "6 0 []"},
		{On, "", "6 1 []"},
		{Toggle, "", "6 2 []"},
		{RecallScene0, "", "5 5 [7 0 0]"},
		{RecallScene0 + 7, "", "5 5 [7 0 7]"},
		{StoreScene0 + 2, "", "5 4 [7 0 2]"},
		{MoveUp, "", "8 1 [0 255]"},
		{MoveDown, "10", "8 1 [1 16]"},
		{MoveUpWithOnOff, "20", "8 5 [0 32]"},
		{MoveDownWithOnOff, "", "8 5 [1 255]"},
		{StepUp, "", "8 2 [0 32 255 255]"},
		{StepDown, "08", "8 2 [1 8 255 255]"},
		{StepUpWithOnOff, "080a00", "8 6 [0 8 10 0]"},
		{StepDownWithOnOff, "08", "8 6 [1 8 255 255]"},
		{LevelStop, "", "8 3 []"},
		{Identify, "", ""},
		{Release, "", ""},
		{VectorPress, "01", ""},
		{Press1of1, "", ""},
		{0x1f + 0x50, "", ""},
	} {
		a, ok := Translate(c.command, unhex(t, c.payload), 7)
		got := ""
		if ok {
			got = fmt.Sprintf("%d %d %v", a.Cluster, a.Command, a.Payload)
		}
		if got != c.want || ok && a.Group != 7 {
			t.Errorf("0x%02x %s: %q, want %q", c.command, c.payload, got, c.want)
		}
	}
}

func sinkEvents(s *Sink) (list []Event) {
	for e, ok := s.NextEvent(); ok; e, ok = s.NextEvent() {
		list = append(list, e)
	}
	return list
}

func drainSink(s *Sink) (list []Outgoing) {
	for o, ok := s.NextOutgoing(); ok; o, ok = s.NextOutgoing() {
		list = append(list, o)
	}
	return list
}

// pairedSink is a sink that the device was paired with at counter 5, by itself.
func pairedSink(t testing.TB) *Sink {
	t.Helper()
	s := NewSink(tcEUI, LevelEncrypted)
	if err := s.Expect(dev(), someKey(t)); err != nil {
		t.Fatal(err)
	}
	s.Open(at(0), time.Minute, false, 7)
	s.Receive(at(0), hello(t, dev(), someKey(t), 5, nil), strong)
	s.Advance(at(settle))
	if e := sinkEvents(s); len(e) != 1 || len(s.Switches()) != 1 || !s.TakeChanged() {
		t.Fatalf("%+v", e)
	}
	s.Close()
	drainSink(s)
	return s
}

func TestSinkObeys(t *testing.T) {
	s := pairedSink(t)
	bad := press(t, 6, On)
	bad.MIC[3] ^= 1
	s.Receive(at(0), bad, strong)
	s.Receive(at(0), press(t, 5, On), strong)
	s.Receive(at(0), Frame{ID: dev(), Body: []byte{byte(On)}}, strong)
	stranger := press(t, 6, On)
	stranger.ID.Source++
	s.Receive(at(0), stranger, strong)
	back := press(t, 6, On)
	back.ToDevice = true
	s.Receive(at(0), back, strong)
	if c := s.Counters(); c.Forged != 1 || c.Replayed != 1 || c.Unsecured != 1 || c.Unknown != 1 || c.Accepted != 0 || len(sinkEvents(s)) != 0 || s.TakeChanged() {
		t.Fatalf("%+v", c)
	}
	s.Receive(at(0), press(t, 6, On), strong)
	s.Receive(at(0), press(t, 6, On), strong)
	e := sinkEvents(s)
	if len(e) != 1 || !s.TakeChanged() {
		t.Fatalf("%+v", e)
	}
	if p, ok := e[0].(Pressed); !ok || p.Command != On || len(p.Actions) != 1 || p.Actions[0].Group != 7 {
		t.Errorf("%+v", e)
	}
	s.Receive(at(0), press(t, 9, Decommissioning), strong)
	if e := sinkEvents(s); len(e) != 1 || e[0] != (Unpaired{dev()}) || len(s.Switches()) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestSinkRules(t *testing.T) {
	s := pairedSink(t)
	r := Rule{Command: VectorPress, Contacts: 2, Action: Action{Group: 9, Cluster: clusterScenes, Command: scenesRecall, Payload: []byte{9, 0, 1}}}
	for _, bad := range [][]Rule{make([]Rule, MaxRules+1), {{Command: On}}, {{Command: On, Action: Action{Group: 1, Payload: make([]byte, maxActionPayload+1)}}}} {
		if s.SetRules(dev(), bad) == nil {
			t.Errorf("%+v is allowed", bad)
		}
	}
	if err := s.SetRules(dev(), []Rule{r}); err != nil {
		t.Fatal(err)
	}
	if s.SetRules(ID{Source: 1}, nil) == nil || s.Assign(ID{Source: 1}, 1) == nil {
		t.Error("set for a switch that is not there")
	}
	s.Receive(at(0), press(t, 6, VectorPress, 1), strong)
	s.Receive(at(0), press(t, 7, VectorPress, 2), strong)
	s.Receive(at(0), press(t, 8, On), strong)
	var groups []uint16
	for _, e := range sinkEvents(s) {
		for _, a := range e.(Pressed).Actions {
			groups = append(groups, a.Group)
		}
	}
	if !slices.Equal(groups, []uint16{9, 7}) {
		t.Errorf("%v", groups)
	}
}

func TestSinkChoosesProxies(t *testing.T) {
	s := NewSink(tcEUI, LevelEncrypted)
	if err := s.Expect(dev(), someKey(t)); err != nil {
		t.Fatal(err)
	}
	s.Open(at(0), time.Minute, false, 0)
	drainSink(s)
	f := hello(t, dev(), someKey(t), 5, nil)
	for p, l := range map[zigbee.EUI64]Link{proxyA: 0x40, proxyB: 0xc0, proxyC: 0x01, proxyD: 0x80} {
		n := CommissioningNotification{ID: dev(), Command: CommissioningGPDF, Payload: f.Body[1:], Info: &ProxyInfo{Link: l}}
		for range 2 {
			if err := s.Command(at(0), Sender{EUI64: p, LinkKey: true}, CommandCommissioningNotification, n.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Advance(at(settle))
	if got := s.Switches()[0].Proxies; !slices.Equal(got, []zigbee.EUI64{proxyB, proxyD, proxyA}) {
		t.Errorf("%v", got)
	}
	out := drainSink(s)
	if len(out) != 3 || out[0].Peer != proxyB || !out[0].LinkKey || !out[0].FromServer {
		t.Fatalf("%+v", out)
	}
	p, err := ParsePairing(out[0].Payload)
	if err != nil || !p.AddSink || p.Sink != tcEUI || !p.Key.Equal(someKey(t)) || *p.Counter != 5 || p.Level != LevelEncrypted {
		t.Errorf("%+v, %v", p, err)
	}
	s.Remove(dev())
	if out := drainSink(s); len(out) != 3 || s.Remove(dev()) {
		t.Errorf("%+v", out)
	}
}

func TestSinkNotification(t *testing.T) {
	good := Notification{ID: dev(), Level: LevelEncrypted, KeyType: KeyIndividual, Counter: 6, Command: On}
	with := func(f func(*Notification)) Notification {
		n := good
		f(&n)
		return n
	}
	proxy := Sender{EUI64: proxyA, LinkKey: true}
	for _, c := range []struct {
		name  string
		from  Sender
		n     Notification
		count func(Counters) uint64
	}{
		{"good", proxy, good, func(c Counters) uint64 { return c.Accepted }},
		{"without link key", Sender{EUI64: proxyA}, good, func(c Counters) uint64 { return c.Refused }},
		{"not a proxy of the switch", Sender{EUI64: proxyB, LinkKey: true}, good, func(c Counters) uint64 { return c.Refused }},
		{"less security", proxy, with(func(n *Notification) { n.Level = LevelMIC }), func(c Counters) uint64 { return c.Unsecured }},
		{"replay", proxy, with(func(n *Notification) { n.Counter = 5 }), func(c Counters) uint64 { return c.Replayed }},
		{"unknown", proxy, with(func(n *Notification) { n.ID.Source++ }), func(c Counters) uint64 { return c.Unknown }},
	} {
		s := pairedSink(t)
		s.entries[0].proxies = []zigbee.EUI64{proxyA}
		if err := s.Command(at(0), c.from, CommandNotification, c.n.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if c.count(s.Counters()) != 1 || len(sinkEvents(s)) == 1 != (c.name == "good") {
			t.Errorf("%s: %+v", c.name, s.Counters())
		}
	}
	s := pairedSink(t)
	_ = s.Command(at(0), proxy, CommandSinkCommissioningMode, SinkCommissioningMode{Enter: true}.Append(nil))
	if _, open := s.Deadline(); open || s.Counters().Refused != 1 {
		t.Error("a window was opened from the network")
	}
	if s.Command(at(0), proxy, CommandNotification, []byte{0}) == nil {
		t.Error("a malformed notification is taken")
	}
}

func TestSinkPairing(t *testing.T) {
	other := keyOf(t, "ffeeddccbbaa99887766554433221100")
	for _, c := range []struct {
		name       string
		label      Key
		labelled   bool
		unlabelled bool
		frame      Frame
		want       bool
	}{
		{"with its label", someKey(t), true, false, hello(t, dev(), someKey(t), 9, nil), true},
		{"without label", Key{}, false, false, hello(t, dev(), someKey(t), 9, nil), false},
		{"without label, allowed", Key{}, false, true, hello(t, dev(), someKey(t), 9, nil), true},
		{"another key than on the label", other, true, true, hello(t, dev(), someKey(t), 9, nil), false},
		{"label, no key in the frame", someKey(t), true, false, hello(t, dev(), someKey(t), 9, func(c *Commissioning) {
			c.Security.HasKey, c.Security.Encrypted = false, false
		}), true},
		{"no key at all", Key{}, false, true, hello(t, dev(), someKey(t), 9, func(c *Commissioning) {
			c.Security.HasKey, c.Security.Encrypted = false, false
		}), false},
		{"public key", Key{}, false, true, hello(t, dev(), Key{}, 9, nil), false},
		{"damaged key", Key{}, false, true, hello(t, dev(), someKey(t), 9, func(c *Commissioning) { c.Security.KeyMIC[0] ^= 1 }), false},
		{"no security", someKey(t), true, true, hello(t, dev(), someKey(t), 9, func(c *Commissioning) { c.Security = nil }), false},
		{"less security", someKey(t), true, true, hello(t, dev(), someKey(t), 9, func(c *Commissioning) { c.Security.Level = LevelMIC }), false},
		{"a shared key", someKey(t), true, true, hello(t, dev(), someKey(t), 9, func(c *Commissioning) { c.Security.KeyType = KeyNetwork }), false},
		{"secured with the label's key", someKey(t), true, false, Seal(someKey(t), withLevel(hello(t, dev(), someKey(t), 9, nil))), true},
		{"secured with another key", other, true, true, Seal(someKey(t), withLevel(hello(t, dev(), someKey(t), 9, nil))), false},
		{"not about commissioning", someKey(t), true, true, Frame{ID: dev(), Body: []byte{byte(Success)}}, false},
		{"cut short", someKey(t), true, true, Frame{ID: dev(), Body: []byte{byte(CommissioningGPDF), 2}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSink(tcEUI, LevelEncrypted)
			if c.labelled {
				if err := s.Expect(dev(), c.label); err != nil {
					t.Fatal(err)
				}
			}
			s.Open(at(0), time.Minute, c.unlabelled, 7)
			s.Receive(at(0), c.frame, strong)
			s.Advance(at(settle))
			if got := len(s.Switches()) == 1; got != c.want {
				t.Fatalf("%+v", sinkEvents(s))
			}
			if c.want && s.Switches()[0].Counter != 9 {
				t.Errorf("%+v", s.Switches()[0])
			}
		})
	}
	s := NewSink(tcEUI, LevelEncrypted)
	if s.Expect(ID{}, someKey(t)) == nil || s.Expect(dev(), Key{}) == nil {
		t.Error("a bad label is taken")
	}
	for i := range MaxLabels {
		if err := s.Expect(ID{Source: SourceID(1 + i)}, someKey(t)); err != nil {
			t.Fatal(err)
		}
	}
	if s.Expect(dev(), someKey(t)) == nil || s.Expect(ID{Source: 1}, someKey(t)) != nil {
		t.Error("the limit of labels")
	}
}

// withLevel makes a plain frame one that is to be sealed.
func withLevel(f Frame) Frame {
	f.Level, f.IndividualKey, f.Counter = LevelEncrypted, true, 9
	return f
}

func TestSinkPairsAgain(t *testing.T) {
	s := pairedSink(t)
	s.Receive(at(0), press(t, 50, On), strong)
	sinkEvents(s)
	s.Open(at(time.Minute), time.Hour, true, 9)
	old := hello(t, dev(), someKey(t), 6, nil) // an old frame, recorded, or late from a proxy
	s.Receive(at(time.Minute), old, strong)
	s.Advance(at(time.Minute + settle))
	if w := s.Switches()[0]; w.Counter != 50 || w.Group != 7 || len(sinkEvents(s)) != 0 || s.Counters().Replayed != 1 {
		t.Errorf("paired by an old frame: %+v", w)
	}
	s.Receive(at(time.Minute), hello(t, dev(), keyOf(t, specKey[:30]+"00"), 60, nil), strong)
	s.Advance(at(time.Minute + 2*settle))
	if e := sinkEvents(s); len(e) != 1 || s.Switches()[0].Counter != 50 {
		t.Errorf("a known switch got another key: %+v", e)
	}
	s.Receive(at(time.Minute), press(t, 51, On), strong)
	if len(sinkEvents(s)) != 1 {
		t.Error("the true key no longer opens")
	}
	s.Receive(at(time.Minute), hello(t, dev(), someKey(t), 52, nil), strong)
	s.Advance(at(time.Minute + 3*settle))
	if w := s.Switches()[0]; w.Counter != 52 || w.Group != 9 || len(sinkEvents(s)) != 1 {
		t.Errorf("not paired again: %+v", w)
	}
	if s.Advance(at(time.Minute + CommissioningWindow)); !s.window.until.IsZero() {
		t.Error("open for more than three minutes")
	}
	s.Receive(at(time.Hour), hello(t, ID{Source: 8}, someKey(t), 6, nil), strong)
	if s.Counters().Closed != 1 {
		t.Error("a frame after the window")
	}
}

func TestSinkCandidates(t *testing.T) {
	s := NewSink(tcEUI, LevelEncrypted)
	s.Open(at(0), time.Minute, true, 0)
	for i := range maxCandidates + 1 {
		s.Receive(at(0), hello(t, ID{Source: SourceID(1 + i)}, someKey(t), 1, nil), strong)
	}
	if s.Counters().Full != 1 {
		t.Errorf("%+v", s.Counters())
	}
	s.Receive(at(0), hello(t, ID{Source: 1}, someKey(t), 2, nil), strong) // another frame of a candidate
	s.Advance(at(settle))
	if len(s.Switches()) != maxCandidates || s.Switches()[0].Counter != 1 || s.Counters().Refused != 1 {
		t.Errorf("%+v", s.Counters())
	}
}

func TestState(t *testing.T) {
	s := pairedSink(t)
	s.entries[0].proxies = []zigbee.EUI64{proxyB, proxyA}
	if err := s.SetRules(dev(), []Rule{{Command: On, Contacts: 3, Action: Action{Group: 4, Cluster: 5, Command: 6, Payload: []byte{7}}}}); err != nil {
		t.Fatal(err)
	}
	b := s.State().Append(nil)
	state, err := ParseState(b)
	if err != nil {
		t.Fatal(err)
	}
	again := NewSink(tcEUI, LevelEncrypted)
	again.Restore(state)
	if fmt.Sprint(again.Switches()) != fmt.Sprint(s.Switches()) {
		t.Errorf("%v, want %v", again.Switches(), s.Switches())
	}
	again.Receive(at(0), press(t, 5, On), strong)
	again.Receive(at(0), press(t, 6, On), strong)
	if c := again.Counters(); c.Replayed != 1 || c.Accepted != 1 {
		t.Errorf("%+v", c)
	}
	p := newProxy(t, pairing(t))
	pb := p.State().Append(nil)
	if state, err = ParseState(pb); err != nil {
		t.Fatal(err)
	}
	restored := newProxy(t)
	restored.Restore(state)
	if restored.Pairings() != 1 || !bytes.Equal(restored.State().Append(nil), pb) {
		t.Error("the proxy's table is lost")
	}
	if got := fmt.Sprintf("%v %+v %#v", state, state, state); got != redacted+" "+redacted+" "+redacted {
		t.Error(got)
	}
}

func FuzzState(f *testing.F) {
	f.Add(pairedSink(f).State().Append(nil))
	f.Add(newProxy(f, pairing(f)).State().Append(nil))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		if s, err := ParseState(b); err == nil && !bytes.Equal(s.Append(nil), b) {
			t.Fatalf("%x became %x", b, s.Append(nil))
		}
	})
}
