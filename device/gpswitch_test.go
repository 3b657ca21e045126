package device

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
)

func gpConfig() GPSwitchConfig {
	return GPSwitchConfig{
		Source: 0x01020304, Key: gp.NewKey([zigbee.KeySize]byte([]byte("a key on a label"))), Buttons: DimmerButtons(), Channel: 15,
	}
}

func newGPSwitch(t *testing.T, cfg GPSwitchConfig) *GPSwitch {
	t.Helper()
	s, err := NewGPSwitch(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// radiate has everybody hear what a switch sends.
func (b *building) radiate(list []Transmission) {
	b.t.Helper()
	for _, x := range list {
		b.run(x.At.Sub(b.now), nil)
		for _, l := range b.lamps {
			l.Receive(b.now, x.Frame, 200)
		}
		b.drain()
	}
	b.run(3*time.Second, nil)
}

func TestGPSwitchLights(t *testing.T) {
	b := newBuilding(t)
	lamps := []*Luminaire{b.join(), b.join()}
	const group = 5
	for _, l := range lamps {
		if err := l.node.AddGroup(1, group); err != nil {
			t.Fatal(err)
		}
	}
	s := newGPSwitch(t, gpConfig())
	if err := b.tc.ExpectSwitch(s.ID(), gpConfig().Key); err != nil {
		t.Fatal(err)
	}
	if err := b.tc.OpenSwitchWindow(b.now, time.Minute, false, group); err != nil {
		t.Fatal(err)
	}
	b.run(time.Second, nil)
	b.radiate(s.Commission(b.now))
	if w := b.tc.Switches(); len(w) != 1 || len(w[0].Proxies) != 2 {
		t.Fatalf("%+v", w)
	}
	shine := func() (on [2]bool, level [2]uint8) {
		for i, l := range lamps {
			now := l.Light(b.now)
			on[i], level[i] = now.On, now.Level
		}
		return on, level
	}
	b.radiate(s.Press(b.now, 0))
	if on, _ := shine(); on != [2]bool{true, true} {
		t.Fatalf("%v after on", on)
	}
	_, before := shine()
	b.radiate(s.Press(b.now, 3))
	b.radiate(s.Release(b.now, 3))
	_, after := shine()
	if after[0] >= before[0] || after[0] != after[1] {
		t.Errorf("dimmed from %v to %v", before, after)
	}
	b.run(time.Minute, nil)
	if _, still := shine(); still != after {
		t.Errorf("%v after the button was let go at %v", still, after)
	}
	b.radiate(s.Press(b.now, 1))
	if on, _ := shine(); on != [2]bool{} {
		t.Fatalf("%v after off", on)
	}
	b.radiate(s.Decommission(b.now))
	b.radiate(s.Press(b.now, 0))
	if on, _ := shine(); on != [2]bool{} || len(b.tc.Switches()) != 0 {
		t.Error("a switch that left still works")
	}
}

func TestGPSwitchFrames(t *testing.T) {
	s := newGPSwitch(t, gpConfig())
	list := s.Press(start, 0)
	if len(list) != gpTransmissions || !list[0].At.Equal(start) || list[0].Channel != 15 || s.Counter() != 1 {
		t.Fatalf("%+v", list)
	}
	for i, x := range list[1:] {
		if !slices.Equal(x.Frame, list[0].Frame) || !x.At.After(list[i].At) || x.At.Sub(start) > 30*time.Millisecond {
			t.Errorf("repetition %d: %+v", i, x)
		}
	}
	h, payload, err := mac.Parse(list[0].Frame)
	if err != nil || h.Ack || h.Src.Mode != mac.NoAddress || h.Dst != mac.Short(zigbee.BroadcastPAN, zigbee.Broadcast) {
		t.Fatalf("%+v, %v", h, err)
	}
	f, err := gp.Parse(0, payload)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := gp.Open(gpConfig().Key, f); err != nil || !slices.Equal(body, []byte{byte(gp.On)}) || f.Counter != 1 || !f.IndividualKey {
		t.Errorf("%x, %+v, %v", body, f, err)
	}
	if s.Press(start, -1) != nil || s.Press(start, 4) != nil || s.Release(start, 0) != nil || s.Release(start, 9) != nil || s.Counter() != 1 {
		t.Error("a button that is not there sends")
	}
	s.SetChannel(20)
	if x := s.Commission(start); x[0].Channel != 20 || s.Counter() != 2 {
		t.Errorf("%+v", x)
	}
}

// The counter never comes twice, and ends.
func TestGPSwitchCounter(t *testing.T) {
	cfg := gpConfig()
	cfg.Counter = 1<<32 - 2
	s := newGPSwitch(t, cfg)
	if len(s.Press(start, 0)) == 0 || s.Press(start, 0) != nil || s.Commission(start) != nil || s.Decommission(start) != nil {
		t.Error("a counter was used twice")
	}
	cfg.Counter = 41
	if s = newGPSwitch(t, cfg); len(s.Press(start, 0)) == 0 || s.Counter() != 42 {
		t.Error("the counter does not go on")
	}
}

func TestGPSwitchConfig(t *testing.T) {
	for name, change := range map[string]func(*GPSwitchConfig){
		"source":       func(c *GPSwitchConfig) { c.Source = 0 },
		"key":          func(c *GPSwitchConfig) { c.Key = gp.Key{} },
		"no button":    func(c *GPSwitchConfig) { c.Buttons = nil },
		"many buttons": func(c *GPSwitchConfig) { c.Buttons = make([]GPButton, MaxGPButtons+1) },
		"channel":      func(c *GPSwitchConfig) { c.Channel = 10 },
	} {
		cfg := gpConfig()
		change(&cfg)
		if _, err := NewGPSwitch(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
