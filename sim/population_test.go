package sim

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/gp"
)

// inhabited is a trial on a Monday morning, in which people come and switch.
func inhabited() TrialConfig {
	return TrialConfig{
		Seed: 11, Lights: 24, Sensors: 6, Switches: 4, GPSwitches: 8, People: 16, Networks: 2,
		Office: Office{Floors: 2, RoomsOnFloor: 4}, Duration: 40 * time.Minute, Shadowing: 3,
		CommandEvery: time.Minute, GroupEvery: 7 * time.Minute, ReplayEvery: 10 * time.Second, Channels: zigbee.Channels(15),
		Start: monday.Add(4*time.Hour + 20*time.Minute), Faults: []Fault{{At: 10 * time.Minute, For: 5 * time.Minute, Kind: Lift}},
	}
}

// Two networks share a building and a channel. People come to work: sensors see them, and
// their switches, with and without batteries, switch the lights of the room that
// they are in. One seed gives the same frames, byte for byte.
func TestInhabitedTrial(t *testing.T) {
	record := func() (*Summary, []byte) {
		var air bytes.Buffer
		p := NewPcap(&air)
		cfg := inhabited()
		cfg.Tap = p.Tap
		return runTrial(t, cfg), air.Bytes()
	}
	s, one := record()
	if _, two := record(); !bytes.Equal(one, two) {
		t.Error("two trials from one seed differ")
	}
	want := Population{Lights: 24, Sensors: 6, Switches: 4, GPSwitches: 8, Joined: 24, SleepersJoined: 10, Configured: 34, GPPaired: 8}
	if s.Population != want || len(s.PerNetwork) != 2 {
		t.Errorf("%+v, want %+v; %d networks", s.Population, want, len(s.PerNetwork))
	}
	for _, n := range s.PerNetwork {
		if n.Lights == 0 || n.Sensors == 0 || n.GPSwitches != 4 || n.Channel != 15 || n.PAN == "" {
			t.Errorf("a network of %+v", n)
		}
	}
	if s.PerNetwork[0].PAN == s.PerNetwork[1].PAN {
		t.Error("two networks with one identifier")
	}
	for name, c := range map[string]struct {
		Delivery
		least uint64
		ratio float64
	}{
		"reports":       {s.Delivery.Reports, 800, 0.99},
		"sensorReports": {s.Delivery.SensorReports, 10, 0.9},
		"occupancy":     {s.Delivery.Occupancy, 3, 0.9},
		"unicasts":      {s.Delivery.Unicasts, 20, 0.95},
		"switches":      {s.Delivery.Switches, 3, 0.9},
		"gpCommands":    {s.Delivery.GPCommands, 3, 0.8},
		"gpPresses":     {s.Delivery.GPPresses, 3, 0.8},
	} {
		if c.Sent < c.least || c.Ratio < c.ratio {
			t.Errorf("%s: %+v; want at least %d, and %v of them delivered", name, c.Delivery, c.least, c.ratio)
		}
	}
	if r := judge(t, inhabited().withDefaults(), one); r.Green < 3*int(s.Delivery.GPPresses.Sent) {
		t.Errorf("of %d presses of switches without batteries, %d frames were verified", s.Delivery.GPPresses.Sent, r.Green)
	}
	if s.PressP50 == 0 || s.PressP50 > Millis(500*time.Millisecond) {
		t.Errorf("half of the lights act within %v after a press", time.Duration(s.PressP50))
	}
}

// A frame of a switch in the clear is seen by the sniffer, and so is a switch that
// is obeyed more often than pressed.
func TestWatchersOfSwitches(t *testing.T) {
	s := newSniffer()
	for _, f := range []gp.Frame{
		{ID: gp.ID{Source: 5}, Body: []byte{byte(gp.On)}},
		{ID: gp.ID{Source: 5}, Body: []byte{byte(gp.CommissioningGPDF), 2, 0}},
	} {
		s.greenPower(epoch, f.Append(nil))
	}
	s.greenPower(epoch, []byte{0x8c})
	if s.plaintext.count != 2 {
		t.Errorf("%d frames in the clear or damaged, want 2; first %s", s.plaintext.count, s.plaintext.first)
	}
	tr := &trial{}
	a := NewAir(AirConfig{Seed: 1, Start: epoch})
	sw, err := a.AddGPSwitch(GPSwitchConfig{Source: 5, Key: gp.NewKey([16]byte{1})})
	if err != nil {
		t.Fatal(err)
	}
	c := &controller{trial: tr, harvests: []*harvester{{GPSwitch: sw, presses: 1}}}
	for range 2 {
		c.harvested(epoch, gp.Pressed{ID: sw.ID()})
	}
	c.harvested(epoch, gp.Pressed{ID: gp.ID{Source: 6}})
	if tr.pressedTwice.count != 1 || c.delivery.GPPresses.Delivered != 1 {
		t.Errorf("%d presses were obeyed twice, %d once; want one of each", tr.pressedTwice.count, c.delivery.GPPresses.Delivered)
	}
}

// A later command for a light takes it over from an earlier one.
func TestRoundsOvertake(t *testing.T) {
	tr := &trial{air: NewAir(AirConfig{Seed: 1, Start: epoch})}
	c := &controller{trial: tr}
	m := &member{authorised: true, groups: []uint16{everyLight}, state: LightState{Joined: true}}
	c.lights = []*member{m}
	var counted Delivery
	said := 0
	round := func(on bool) *round {
		return &round{group: everyLight, on: on, counted: &counted, say: func(time.Time) { said++ }}
	}
	off, on := round(true), round(false)
	c.begin(epoch, off)
	c.begin(epoch, on)
	c.look(epoch, off)
	if said != 2 || counted.Sent != 0 || m.round != on {
		t.Errorf("said %d times, %+v", said, counted)
	}
	last := round(true)
	c.begin(epoch, last)
	for range groupRounds {
		c.look(epoch, last)
	}
	if said != 2+groupRounds || tr.unreached.count != 1 || counted != (Delivery{Sent: 1}) || m.round != nil {
		t.Errorf("said %d times, %d lights not reached, %+v", said, tr.unreached.count, counted)
	}
}

func TestPlaces(t *testing.T) {
	o := Office{Floors: 2, RoomsOnFloor: 5}
	for i := range o.Rooms() {
		for _, p := range []Position{o.InRoom(i, 0.01, 0.01, 0), o.InRoom(i, 0.99, 0.99, 2.8), o.BesideDoor(i, 0), o.BesideDoor(i, 19)} {
			if o.PlaceOf(p) != Place(i) || o.nearestRoom(p) != Place(i) {
				t.Errorf("%v is in %d, want %d", p, o.PlaceOf(p), i)
			}
		}
	}
	for f := range o.Floors {
		p := o.InCorridor(f, 0.5, 1)
		if o.PlaceOf(p) != o.Corridor(f) || o.Floor(o.Corridor(f)) != f || o.Floor(o.nearestRoom(p)) != f {
			t.Errorf("the corridor of floor %d is %d", f, o.PlaceOf(p))
		}
	}
	if o.PlaceOf(Position{X: -5, Y: -5, Z: -5}) != 0 || o.PlaceOf(Position{X: 99, Y: 99, Z: 99}) != 9 {
		t.Error("places outside belong to no room")
	}
}

func TestTrialRefusesAPopulation(t *testing.T) {
	for name, change := range map[string]func(*TrialConfig){
		"sensors":  func(c *TrialConfig) { c.Sensors = -1 },
		"switches": func(c *TrialConfig) { c.Switches = MaxLights + 1 },
		"people":   func(c *TrialConfig) { c.People = -1 },
		"gp":       func(c *TrialConfig) { c.GPSwitches = 2*gp.MaxSwitches + 1 },
		"networks": func(c *TrialConfig) { c.Networks = 9 },
	} {
		cfg := inhabited()
		change(&cfg)
		if _, err := Trial(t.Context(), cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A lift stands in the way of whoever talks past its shaft, on the floor where it is,
// until it is taken out of service.
func TestLift(t *testing.T) {
	b := newBench(t, AirConfig{Seed: 1})
	o := Office{Floors: 3, RoomsOnFloor: 4}
	x, y := b.place(1, o.InCorridor(0, 0.1, 1.2)), b.place(2, o.InCorridor(0, 0.9, 1.2))
	clear := x.x.link(y.x).gain
	tr := &trial{cfg: TrialConfig{Office: o}, air: b.Air}
	end := tr.lift()
	there, away := 0, 0
	for range 600 {
		switch got := x.x.link(y.x).gain; got {
		case clear:
			away++
		case clear - 20:
			there++
		default:
			t.Fatalf("a gain of %v dB; want %v, or 20 less", got, clear)
		}
		b.RunFor(time.Second)
	}
	if there < 60 || away < 60 {
		t.Errorf("the lift was there for %d s, and elsewhere for %d s", there, away)
	}
	end()
	b.RunFor(10 * time.Minute)
	if got := x.x.link(y.x).gain; got != clear || len(b.obstacles) > 0 {
		t.Errorf("%v dB when the lift is gone, want %v", got, clear)
	}
}
