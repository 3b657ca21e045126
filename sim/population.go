package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/gp"
)

// The addresses of a trial's first light, sensor and switch; the others follow.
const (
	TrialLights   sconce.EUI64 = 0x5ec0ce0300000001
	TrialSensors  sconce.EUI64 = 0x5ec0ce0400000001
	TrialSwitches sconce.EUI64 = 0x5ec0ce0500000001
)

// trialGP is the name of a trial's first battery-less switch.
const trialGP gp.SourceID = 0x01_00_00_01

func newTrial(cfg TrialConfig) (*trial, error) {
	t := &trial{cfg: cfg, sniffer: newSniffer(), owner: map[sconce.EUI64]*controller{}, circuits: map[int][]sconce.EUI64{}, twice: map[addressUse]time.Time{}}
	bc := BuildingConfig{
		Air: AirConfig{
			Seed: cfg.Seed, Start: cfg.Start, Loss: cfg.Loss, Tap: t.tap,
			Propagation: Propagation{Shadowing: cfg.Shadowing, Structure: cfg.Office},
		},
		Channels: cfg.Channels, Store: MemoryStore{}, Watch: t.watch, Seated: t.seated,
		Spread: cfg.Spread,
	}
	places, rooms := cfg.Office.Lights(cfg.Lights)
	for i, place := range places {
		light, err := trialLight(cfg, i)
		if err != nil {
			return nil, err
		}
		light.Position = place
		bc.Lights = append(bc.Lights, light)
	}
	for i := range cfg.Sensors + cfg.Switches {
		s, err := trialSleeper(cfg, i)
		if err != nil {
			return nil, err
		}
		bc.Sleepers = append(bc.Sleepers, s)
	}
	var err error
	if t.building, err = NewBuilding(bc); err != nil {
		return nil, err
	}
	t.building.Do(func(a *Air) {
		t.air = a
		err = t.populate(bc, rooms)
	})
	if err != nil {
		return nil, err
	}
	t.building.Inhabit(LifeConfig{Office: cfg.Office, People: cfg.People, Seed: cfg.Seed, Sun: Greenwich(cfg.Seed), Press: t.pressed, Occupied: t.occupied})
	return t, nil
}

// trialCode returns the install code of a device of a trial.
func trialCode(cfg TrialConfig, e sconce.EUI64) (zigbee.InstallCode, error) {
	var code [16]byte
	for j := range code {
		code[j] = byte(uint64(e) * (cfg.Seed | 1) >> (j % 8 * 8) >> (j / 8))
	}
	return zigbee.NewInstallCode(code[:])
}

func trialLight(cfg TrialConfig, i int) (LightConfig, error) {
	e := TrialLights + sconce.EUI64(i)
	install, err := trialCode(cfg, e)
	return LightConfig{
		EUI64: e, InstallCode: install, Model: "SL-1", Serial: fmt.Sprintf("T-%05d", i+1), Firmware: "1.0.0",
		RatedPower: device.Milliwatts(24_000), TxPower: cfg.Power,
	}, err
}

// How long it takes to set up a building: the lights join by themselves, then people go
// round and put cells into sensors and switches.
const (
	lightTakes   = time.Second
	sleeperTakes = 2 * time.Second
)

// trialSleeper returns one of the sensors, or of the switches, which come after
// them. Each kind is dealt to the rooms in turn.
func trialSleeper(cfg TrialConfig, i int) (SleeperConfig, error) {
	s := SleeperConfig{Kind: OccupancySensor, EUI64: TrialSensors + sconce.EUI64(i), Model: "SO-1", Serial: fmt.Sprintf("O-%05d", i+1)}
	nth := i
	if i >= cfg.Sensors {
		nth = i - cfg.Sensors
		s.Kind, s.EUI64, s.Model, s.Serial = WallSwitch, TrialSwitches+sconce.EUI64(nth), "SW-1", fmt.Sprintf("W-%05d", nth+1)
	}
	s.Firmware, s.TxPower = "1.0.0", cfg.Power
	s.After = cfg.Spread + time.Duration(cfg.Lights)*lightTakes + time.Duration(i)*sleeperTakes
	room := nth % cfg.Office.Rooms()
	if s.Kind == WallSwitch {
		s.Position = cfg.Office.BesideDoor(room, nth/cfg.Office.Rooms())
	} else {
		s.Position = cfg.Office.InRoom(room, 0.5, 0.5, CeilingHeight)
	}
	var err error
	s.InstallCode, err = trialCode(cfg, s.EUI64)
	return s, err
}

// populate adds what is in the building beside the devices, and begins what happens
// there.
func (t *trial) populate(bc BuildingConfig, rooms []int) error {
	if err := t.control(); err != nil {
		return err
	}
	for i, l := range bc.Lights {
		c := t.wing(int(t.cfg.Office.nearestRoom(l.Position)))
		c.addLight(l, rooms[i])
		t.owner[l.EUI64] = c
		t.circuits[rooms[i]] = append(t.circuits[rooms[i]], l.EUI64)
	}
	for _, s := range bc.Sleepers {
		room := int(t.cfg.Office.PlaceOf(s.Position))
		c := t.wing(room)
		if s.Kind == OccupancySensor {
			c.addSensor(s, room)
		} else {
			c.addSwitch(s, room)
		}
		t.owner[s.EUI64] = c
	}
	if err := t.harvest(); err != nil {
		return err
	}
	if t.cfg.ReplayEvery > 0 {
		t.attacker = newAttacker(t.air, t.cfg.Office.InCorridor(0, 0.25, 1), t.cfg.ReplayEvery)
	}
	t.every(t.cfg.CommandEvery, func(c *controller, now time.Time) { c.unicast(now) })
	t.every(t.cfg.GroupEvery, func(c *controller, now time.Time) { c.command(now) })
	t.every(time.Second, func(c *controller, now time.Time) { c.auditReports(now) })
	t.audit()
	for _, f := range t.cfg.Faults {
		if err := f.schedule(t); err != nil {
			return err
		}
	}
	return nil
}

// control adds a controller for each network, in the corridor before the middle of
// its rooms.
func (t *trial) control() error {
	o := t.cfg.Office
	for i := range t.cfg.Networks {
		middle := (2*i + 1) * o.Rooms() / (2 * t.cfg.Networks)
		at := o.InRoom(middle, 0.5, 0.5, 2)
		at.Y = RoomDepth + CorridorWidth/2
		c, err := newController(t, i, at)
		if err != nil {
			return err
		}
		t.controllers = append(t.controllers, c)
	}
	return nil
}

// wing returns the controller of a room's network: each has an equal share of the
// rooms, side by side.
func (t *trial) wing(room int) *controller {
	return t.controllers[room*t.cfg.Networks/t.cfg.Office.Rooms()]
}

// trialGPKeys returns the keys on the labels of the battery-less switches.
func trialGPKeys(cfg TrialConfig) [][zigbee.KeySize]byte {
	//nolint:gosec // keys of a simulation
	luck := rand.New(rand.NewPCG(cfg.Seed, 0x67702d6b657973))
	keys := make([][zigbee.KeySize]byte, cfg.GPSwitches)
	for i := range keys {
		for j := range keys[i] {
			keys[i][j] = byte(luck.Uint32())
		}
	}
	return keys
}

// harvest deals the battery-less switches to the networks in turn, and to the rooms of
// each.
func (t *trial) harvest() error {
	o := t.cfg.Office
	for i, key := range trialGPKeys(t.cfg) {
		network, nth := i%t.cfg.Networks, i/t.cfg.Networks
		first := (network*o.Rooms() + t.cfg.Networks - 1) / t.cfg.Networks
		next := ((network+1)*o.Rooms() + t.cfg.Networks - 1) / t.cfg.Networks
		room := first + nth%(next-first)
		s, err := t.air.AddGPSwitch(GPSwitchConfig{
			Source: trialGP + gp.SourceID(i), Key: gp.NewKey(key), Position: o.BesideDoor(room, 2+nth/(next-first)), TxPower: t.cfg.Power,
		})
		if err != nil {
			return err
		}
		c := t.controllers[network]
		c.harvests = append(c.harvests, &harvester{GPSwitch: s, room: room})
	}
	return nil
}
