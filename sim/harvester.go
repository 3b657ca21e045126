package sim

import (
	"slices"
	"time"

	"sconce/device"
	"sconce/radio"
	"sconce/zigbee/gp"
)

// GPSwitchConfig is a switch of a building that lives on the energy of a press.
type GPSwitchConfig struct {
	Source   gp.SourceID // on its label
	Key      gp.Key      // on its label
	Position Position
	TxPower  float64 // of its radio, dBm
}

// GPSwitch is a switch without a battery on the air: it sends, and never listens.
type GPSwitch struct {
	cfg GPSwitchConfig
	dev *device.GPSwitch
	x   *Transceiver
}

// AddGPSwitch puts a switch of two buttons, on and off, on the air. Until it is tuned it
// sends on channel 11.
func (a *Air) AddGPSwitch(cfg GPSwitchConfig) (*GPSwitch, error) {
	dev, err := device.NewGPSwitch(device.GPSwitchConfig{Source: cfg.Source, Key: cfg.Key, Buttons: device.OnOffButtons(), Channel: minChannel})
	if err != nil {
		return nil, err
	}
	s := &GPSwitch{cfg: cfg, dev: dev}
	s.x = a.Attach(TransceiverConfig{EUI64: gpEUI64 | uint64(cfg.Source), Position: cfg.Position, Power: cfg.TxPower})
	s.x.Handle(s)
	s.x.Sleep(true)
	return s, nil
}

// gpEUI64 names switches without an address of their own to the luck of their
// links.
const gpEUI64 = 0x5ec0ce0600000000

// ID returns the name on the label.
func (s *GPSwitch) ID() gp.ID { return s.dev.ID() }

// Tune sets the channel, as people do with the buttons.
func (s *GPSwitch) Tune(channel uint8) error {
	if err := s.x.Configure(radio.Filter{Channel: channel}); err != nil {
		return err
	}
	s.dev.SetChannel(channel)
	return nil
}

// Press presses the button for on, or for off, and reports whether it sends.
func (s *GPSwitch) Press(on bool) bool {
	button := 1
	if on {
		button = 0
	}
	return s.send(s.dev.Press(s.x.air.Now(), button))
}

// Commission presses the buttons that ask to be paired.
func (s *GPSwitch) Commission() bool { return s.send(s.dev.Commission(s.x.air.Now())) }

// send sends what a press harvests energy for, whoever else is on the air.
func (s *GPSwitch) send(list []device.Transmission) bool {
	for _, f := range list {
		s.x.air.After(f.At.Sub(s.x.air.Now()), func() {
			_ = s.x.Transmit(f.Frame, TxOptions{Channel: f.Channel}) // who presses twice at once sends once
		})
	}
	return len(list) > 0
}

// Received implements [Handler]. The switch cannot listen.
func (s *GPSwitch) Received(time.Time, Received) {}

// Sent implements [Handler].
func (s *GPSwitch) Sent(time.Time, Sent) {}

// Scanned implements [Handler].
func (s *GPSwitch) Scanned(time.Time, uint8, int8) {}

// harvester is a switch without a battery in a controller's network.
type harvester struct {
	*GPSwitch
	room     int
	expected bool // the coordinator knows the label
	paired   bool
	presses  uint64
	obeyed   uint64
}

// pairEvery is how long a person takes to pair a switch, and pairWindow how long the
// network takes switches in at a time.
const (
	pairEvery  = 10 * time.Second
	pairWindow = gp.CommissioningWindow
)

// pair has a person pair the next switch of a room that has been set up, in turn, until
// all are.
func (c *controller) pair() {
	left := slices.ContainsFunc(c.harvests, func(h *harvester) bool { return !h.paired })
	if !left {
		c.node.Do(c.stack.CloseSwitchWindow)
		return
	}
	c.trial.air.After(pairEvery, c.pair)
	for range c.harvests {
		h := c.harvests[c.turn%len(c.harvests)]
		c.turn++
		if !h.paired && c.roomReady(h.room) {
			c.node.Do(func(now time.Time) { c.pairOne(now, h) })
			return
		}
	}
}

// roomReady reports whether all lights of a room are set up.
func (c *controller) roomReady(room int) bool {
	return !slices.ContainsFunc(c.lights, func(m *member) bool { return m.room == room && !m.configured() })
}

// pairOne opens the window, unless it is open, and presses the buttons of a switch.
func (c *controller) pairOne(now time.Time, h *harvester) {
	if !now.Before(c.window) {
		if err := c.stack.OpenSwitchWindow(now, pairWindow, false, 0); err != nil {
			return // the network is not up; the next turn comes
		}
		c.window = now.Add(pairWindow)
	}
	err := h.Tune(c.tuned)
	if err == nil && !h.expected {
		err = c.stack.ExpectSwitch(h.ID(), h.cfg.Key)
		h.expected = true
	}
	if err != nil {
		c.trial.failed(err)
		return
	}
	c.trial.air.After(pairEvery/2, func() { h.Commission() }) // the proxies have heard of the window by then
}

// harvested takes what the sink says.
func (c *controller) harvested(now time.Time, e gp.Event) {
	switch e := e.(type) {
	case gp.Paired:
		if h := c.harvester(e.Switch.ID); h != nil {
			h.paired = true
			if err := c.stack.SetSwitch(h.ID(), groupOf(h.room), nil); err != nil {
				c.trial.failed(err)
			}
		}
	case gp.Pressed:
		h := c.harvester(e.ID)
		if h == nil {
			return
		}
		if h.obeyed++; h.obeyed > h.presses {
			c.trial.pressedTwice.add(now, "%s was pressed %d times, and obeyed %d times", h.ID(), h.presses, h.obeyed)
		} else {
			c.delivery.GPPresses.Delivered++
		}
	}
}

func (c *controller) harvester(id gp.ID) *harvester {
	for _, h := range c.harvests {
		if h.ID() == id {
			return h
		}
	}
	return nil
}

// presser is a switch, of whatever kind, that a person can press in a room.
type presser struct {
	counted *Delivery
	press   func(on bool)
}

// pressers returns the switches of a room that are set up.
func (c *controller) pressers(room int) []presser {
	var all []presser
	for _, m := range c.members {
		if s := c.trial.building.sleepers[m.eui64]; m.room == room && s != nil && s.cfg.Kind == WallSwitch && m.configured() && m.joined {
			all = append(all, presser{&c.delivery.Switches, func(on bool) { s.press(buttonFor(on)) }})
		}
	}
	for _, h := range c.harvests {
		if h.room == room && h.paired {
			all = append(all, presser{&c.delivery.GPCommands, func(on bool) {
				h.presses++
				c.delivery.GPPresses.Sent++
				h.Press(on)
			}})
		}
	}
	return all
}

func buttonFor(on bool) device.Button {
	if on {
		return device.ButtonOn
	}
	return device.ButtonOff
}

// pressed has a person press one of the switches of a room.
func (c *controller) pressed(now time.Time, room int, on bool) {
	all := c.pressers(room)
	if len(all) == 0 {
		return
	}
	p := all[c.luck.IntN(len(all))]
	c.begin(now, &round{
		group: groupOf(room), on: on, counted: p.counted, pressed: true, say: func(time.Time) { p.press(on) },
	})
}
