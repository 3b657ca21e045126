package sim

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
)

// BuildingConfig makes a [Building].
type BuildingConfig struct {
	Air      AirConfig
	Channels zigbee.ChannelMask // that the devices search for a network
	Lights   []LightConfig
	Sleepers []SleeperConfig
	Store    Store // of the devices' states

	// Random, optional, returns what fills buffers with random bytes for a
	// device: the system's, where the keys of the devices have to be good. By
	// default they are drawn from the seed, as a repeatable simulation needs.
	Random func(e sconce.EUI64) func(p []byte)

	// Spread, optional, is the time within which the devices first start; by
	// default a second.
	Spread time.Duration

	// Watch, optional, is told what a light does whenever that changes, and when
	// it has power again or none. It is called while the air is held.
	Watch func(now time.Time, e sconce.EUI64, s LightState)

	// Seated, optional, is told when a sleeper has found its network. It is called
	// while the air is held.
	Seated func(now time.Time, e sconce.EUI64, short zigbee.ShortAddr)

	Log *slog.Logger // optional
}

// LightConfig is a luminaire of a building.
type LightConfig struct {
	EUI64                   sconce.EUI64
	InstallCode             zigbee.InstallCode
	Model, Serial, Firmware string
	RatedPower              device.Milliwatts
	White                   device.White // optional: makes it a tunable-white luminaire
	Position                Position
	TxPower                 float64 // of its radio, dBm
}

// LightState is what one sees who stands below a luminaire with a meter.
type LightState struct {
	device.Light
	Powered bool // has mains power; without, all else is zero
	Joined  bool // has been on its network since power came
	Short   zigbee.ShortAddr
}

// Building is an air with devices that live on it. Its clock is that of [Paced]:
// by the wall in [Paced.Run], else by [Paced.RunFor].
type Building struct {
	*Paced
	cfg      BuildingConfig
	log      *slog.Logger
	order    []sconce.EUI64
	lights   map[sconce.EUI64]*light
	sleepers map[sconce.EUI64]*sleeper
}

// MaxLights is how many lights a building may have, and how many sleepers.
const MaxLights = 10_000

// defaultSpread is the time within which devices start after power comes.
const defaultSpread = time.Second

// NewBuilding returns a building with power on all lights and cells in all
// sleepers: each starts within the first second, as its state in the store says.
func NewBuilding(cfg BuildingConfig) (*Building, error) {
	b := &Building{
		Paced: Pace(NewAir(cfg.Air)), cfg: cfg, log: cfg.Log,
		lights: make(map[sconce.EUI64]*light, len(cfg.Lights)), sleepers: make(map[sconce.EUI64]*sleeper, len(cfg.Sleepers)),
	}
	if b.cfg.Spread <= 0 {
		b.cfg.Spread = defaultSpread
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Lights) > MaxLights || len(cfg.Sleepers) > MaxLights {
		return nil, fmt.Errorf("building: %d lights and %d sleepers; expected at most %d of each", len(cfg.Lights), len(cfg.Sleepers), MaxLights)
	}
	var err error
	b.Do(func(a *Air) {
		for _, c := range cfg.Lights {
			if err = b.addLight(a, c); err != nil {
				return
			}
		}
		for _, c := range cfg.Sleepers {
			if err = b.addSleeper(a, c); err != nil {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Building) addLight(a *Air, cfg LightConfig) error {
	l := &light{cfg: cfg}
	l.unit = unit{
		b: b, eui64: cfg.EUI64, tell: l.watch,
		cfg: device.Config{
			MeasuresEnergy: true,
			EUI64:          zigbee.EUI64(cfg.EUI64), InstallCode: cfg.InstallCode,
			Model: cfg.Model, Serial: cfg.Serial, Firmware: cfg.Firmware,
			RatedPower: cfg.RatedPower, White: cfg.White, Channels: b.cfg.Channels,
		},
		build: func(c device.Config) (Firmware, error) { return device.NewLuminaire(c) },
	}
	if err := b.install(a, &l.unit, cfg.Position, cfg.TxPower, 0); err != nil {
		return err
	}
	b.lights[cfg.EUI64] = l
	b.order = append(b.order, cfg.EUI64)
	return nil
}

// install puts a unit into its place, to start after some time; 0 for a little.
func (b *Building) install(a *Air, u *unit, at Position, power float64, after time.Duration) error {
	if b.lights[u.eui64] != nil || b.sleepers[u.eui64] != nil {
		return fmt.Errorf("building: device %s is there twice", u.eui64)
	}
	u.x = a.Attach(TransceiverConfig{EUI64: uint64(u.eui64), Position: at, Power: power})
	fw, err := u.wake() // now, so that what is wrong with it is known now
	if err != nil {
		return err
	}
	if after == 0 {
		// A delay of the unit's own, so that one more does not move the others.
		after = time.Duration(u.random(b.cfg.Air.Seed).Uint64N(uint64(b.cfg.Spread)))
	}
	a.After(after, func() {
		if u.node == nil && u.boots == 1 {
			u.start(fw)
		}
	})
	return nil
}

// unit returns a device of whatever kind.
func (b *Building) unit(e sconce.EUI64) *unit {
	if l := b.lights[e]; l != nil {
		return &l.unit
	}
	return &b.sleepers[e].unit
}

// Lights returns the lights in the order in which they were configured.
func (b *Building) Lights() []sconce.EUI64 { return slices.Clone(b.order) }

// Light returns what a light does now, and false when there is no such light.
func (b *Building) Light(e sconce.EUI64) (s LightState, ok bool) {
	b.Do(func(a *Air) {
		l := b.lights[e]
		if ok = l != nil; ok {
			s = l.state(a.Now())
		}
	})
	return s, ok
}

// SetPower cuts or restores the mains power of a light. It wakes up as its state
// in the store says.
func (b *Building) SetPower(e sconce.EUI64, on bool) error {
	err := sconce.Errorf(sconce.NotFound, "there is no light %s in the building", e)
	b.Do(func(*Air) {
		if l := b.lights[e]; l != nil {
			err = l.setPower(on)
		}
	})
	return err
}
