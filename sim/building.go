package sim

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
)

// BuildingConfig makes a [Building].
type BuildingConfig struct {
	Air      AirConfig
	Channels zigbee.ChannelMask // that the lights search for a network
	Lights   []LightConfig
	Store    Store // of the lights' states

	// Random, optional, returns what fills buffers with random bytes for a
	// light: the system's, where the keys of the lights have to be good. By
	// default they are drawn from the seed, as a repeatable simulation needs.
	Random func(e sconce.EUI64) func(p []byte)

	// Spread, optional, is the time within which the lights first start; by
	// default a second.
	Spread time.Duration

	// Watch, optional, is told what a light does whenever that changes, and when
	// it has power again or none. It is called while the air is held.
	Watch func(now time.Time, e sconce.EUI64, s LightState)

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

// Building is an air with luminaires that live on it. Its clock is that of
// [Paced]: by the wall in [Paced.Run], else by [Paced.RunFor].
type Building struct {
	*Paced
	cfg    BuildingConfig
	log    *slog.Logger
	order  []sconce.EUI64
	lights map[sconce.EUI64]*light
}

// light is a luminaire in its socket.
type light struct {
	b   *Building
	cfg LightConfig
	x   *Transceiver

	boots  uint64 // moves on with the power; at least 1
	node   *Node  // nil without power
	dev    *device.Luminaire
	joined bool
	short  zigbee.ShortAddr
	dead   bool     // failed for good
	past   Refusals // of what ran here before the last power cut
}

// MaxLights is how many lights a building may have.
const MaxLights = 10_000

// defaultSpread is the time within which lights start after power comes.
const defaultSpread = time.Second

// NewBuilding returns a building with power on all lights: each starts within
// the first second, as its state in the store says.
func NewBuilding(cfg BuildingConfig) (*Building, error) {
	b := &Building{
		Paced: Pace(NewAir(cfg.Air)), cfg: cfg, log: cfg.Log,
		lights: make(map[sconce.EUI64]*light, len(cfg.Lights)),
	}
	if b.cfg.Spread <= 0 {
		b.cfg.Spread = defaultSpread
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Lights) > MaxLights {
		return nil, fmt.Errorf("building: %d lights; expected at most %d", len(cfg.Lights), MaxLights)
	}
	var err error
	b.Do(func(a *Air) {
		for _, lc := range cfg.Lights {
			if err = b.add(a, lc); err != nil {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Building) add(a *Air, cfg LightConfig) error {
	if _, twice := b.lights[cfg.EUI64]; twice {
		return fmt.Errorf("building: light %s is there twice", cfg.EUI64)
	}
	l := &light{b: b, cfg: cfg}
	l.x = a.Attach(TransceiverConfig{EUI64: uint64(cfg.EUI64), Position: cfg.Position, Power: cfg.TxPower})
	b.lights[cfg.EUI64] = l
	b.order = append(b.order, cfg.EUI64)
	dev, err := l.make() // now, so that what is wrong with it is known now
	if err != nil {
		return err
	}
	// A delay of the light's own, so that one more light does not move the others.
	delay := time.Duration(l.random(b.cfg.Air.Seed).Uint64N(uint64(b.cfg.Spread)))
	a.After(delay, func() {
		if l.node == nil && l.boots == 1 {
			l.start(dev)
		}
	})
	return nil
}

// random returns the luck of a light since its last power cut.
func (l *light) random(seed uint64) *rand.Rand {
	var key [32]byte
	for i, v := range []uint64{seed, uint64(l.cfg.EUI64), l.boots} {
		binary.LittleEndian.PutUint64(key[8*i:], v)
	}
	//nolint:gosec // repeatable by design; see BuildingConfig.Random
	return rand.New(rand.NewChaCha8(key))
}

// make returns the luminaire as it wakes up from a power cut.
func (l *light) make() (*device.Luminaire, error) {
	l.boots++
	cfg := device.Config{
		EUI64: zigbee.EUI64(l.cfg.EUI64), InstallCode: l.cfg.InstallCode,
		Model: l.cfg.Model, Serial: l.cfg.Serial, Firmware: l.cfg.Firmware,
		RatedPower: l.cfg.RatedPower, White: l.cfg.White, Channels: l.b.cfg.Channels,
	}
	if l.b.cfg.Random != nil {
		cfg.Random = l.b.cfg.Random(l.cfg.EUI64)
	} else {
		luck := l.random(^l.b.cfg.Air.Seed)
		cfg.Random = func(p []byte) {
			for i := range p {
				p[i] = byte(luck.Uint32())
			}
		}
	}
	blob, err := l.b.cfg.Store.Load(l.cfg.EUI64)
	if err != nil {
		return nil, err
	}
	if blob != nil {
		state, err := device.ParseState(blob)
		if err != nil {
			return nil, fmt.Errorf("light %s: %w", l.cfg.EUI64, err)
		}
		cfg.Restore = &state
	}
	return device.NewLuminaire(cfg)
}

func (l *light) start(dev *device.Luminaire) {
	l.dev = dev
	l.node = PowerOn(l.x, dev, l.drain)
}

// drain takes the events of the luminaire.
func (l *light) drain(time.Time) (retune bool) {
	for {
		e, ok := l.dev.NextEvent()
		if !ok {
			return retune
		}
		switch e := e.(type) {
		case device.RadioChanged:
			retune = true
		case device.SaveState:
			l.save()
		case device.LightChanged:
			l.watch()
		case device.Joined:
			l.joined, l.short = true, e.Short
			l.watch()
			l.b.log.Info("light joined", "device", l.cfg.EUI64, "channel", e.Channel, "pan", e.PANID, "short", e.Short)
		case device.JoinFailed:
			l.b.log.Debug("light did not join", "device", l.cfg.EUI64, "reason", e.Reason)
		}
	}
}

// watch tells what the light does.
func (l *light) watch() {
	if w := l.b.cfg.Watch; w != nil {
		now := l.x.air.Now()
		w(now, l.cfg.EUI64, l.state(now))
	}
}

func (l *light) state(now time.Time) LightState {
	if l.dev == nil { // not node: a device may tell before its start has returned
		return LightState{}
	}
	return LightState{Light: l.dev.Light(now), Powered: true, Joined: l.joined, Short: l.short}
}

// saveAgain is how long a light waits after its state could not be saved.
const saveAgain = time.Second

// save makes the state of the luminaire durable. Until that works it is tried
// again; the luminaire falls silent rather than use counters that are not saved.
func (l *light) save() {
	state := l.dev.State()
	if err := l.b.cfg.Store.Save(l.cfg.EUI64, state.Append(nil)); err != nil {
		l.b.log.Error("state of a light not saved", "device", l.cfg.EUI64, "err", err)
		boot := l.boots
		l.x.air.After(saveAgain, func() {
			if l.node != nil && l.boots == boot {
				l.node.Do(func(time.Time) { l.save() })
			}
		})
		return
	}
	l.dev.Saved(state)
}

// lastWrite saves what a luminaire can still save when its power fails: its energy
// counter.
func (l *light) lastWrite(now time.Time) {
	if err := l.b.cfg.Store.Save(l.cfg.EUI64, l.dev.PowerFailing(now).Append(nil)); err != nil {
		l.b.log.Error("state of a light not saved when its power failed", "device", l.cfg.EUI64, "err", err)
	}
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

// setPower cuts or restores the mains power; the air is held.
func (l *light) setPower(on bool) error {
	switch {
	case on && l.node == nil:
		dev, err := l.make()
		if err != nil {
			return err
		}
		l.start(dev)
	case !on && l.node != nil:
		l.lastWrite(l.x.air.Now())
		l.node.PowerOff()
		l.past.add(l.dev.Counters())
		l.node, l.dev, l.joined = nil, nil, false
		l.watch()
	case !on:
		l.boots++ // a start that waits is void
	}
	return nil
}
