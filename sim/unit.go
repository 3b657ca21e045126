package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// Firmware is a device of the package device.
type Firmware interface {
	Device
	NextEvent() (device.Event, bool)
	State() device.State
	Saved(device.State)
	EnergyMeasured(now time.Time, list []stack.Energy)
	Counters() stack.Counters
}

// unit is a device in its place: its radio, and its firmware while it has power.
type unit struct {
	b     *Building
	eui64 sconce.EUI64
	cfg   device.Config // but for luck and memory
	build func(device.Config) (Firmware, error)
	tell  func() // what the device does has changed
	x     *Transceiver

	boots  uint64 // moves on with the power; at least 1
	node   *Node  // nil without power
	fw     Firmware
	joined bool
	short  zigbee.ShortAddr
	dead   bool     // failed for good
	past   Refusals // of what ran here before the last power cut
}

// random returns the luck of a unit since its last power cut.
func (u *unit) random(seed uint64) *rand.Rand {
	var key [32]byte
	for i, v := range []uint64{seed, uint64(u.eui64), u.boots} {
		binary.LittleEndian.PutUint64(key[8*i:], v)
	}
	//nolint:gosec // repeatable by design; see BuildingConfig.Random
	return rand.New(rand.NewChaCha8(key))
}

// wake returns the firmware as it wakes up from a power cut.
func (u *unit) wake() (Firmware, error) {
	u.boots++
	cfg := u.cfg
	if u.b.cfg.Random != nil {
		cfg.Random = u.b.cfg.Random(u.eui64)
	} else {
		luck := u.random(^u.b.cfg.Air.Seed)
		cfg.Random = func(p []byte) {
			for i := range p {
				p[i] = byte(luck.Uint32())
			}
		}
	}
	var err error
	if cfg.Restore, err = restore(u.b.cfg.Store, u.eui64); err != nil {
		return nil, err
	}
	return u.build(cfg)
}

// restore returns the state of a device in a store, and nil when there is none.
func restore(s Store, e sconce.EUI64) (*device.State, error) {
	blob, err := s.Load(e)
	if err != nil || blob == nil {
		return nil, err
	}
	state, err := device.ParseState(blob)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", e, err)
	}
	return &state, nil
}

func (u *unit) start(fw Firmware) {
	u.fw = fw
	u.node = PowerOn(u.x, fw, u.drain)
}

// drain takes the events of the device.
func (u *unit) drain(time.Time) (retune bool) {
	for {
		e, ok := u.fw.NextEvent()
		if !ok {
			return retune
		}
		switch e := e.(type) {
		case device.RadioChanged:
			retune = true
		case device.EnergyWanted:
			u.node.measure(e, u.fw.EnergyMeasured)
		case device.SaveState:
			u.save()
		case device.LightChanged:
			u.tell()
		case device.Joined:
			u.joined, u.short = true, e.Short
			u.tell()
			u.b.log.Info("device joined", "device", u.eui64, "channel", e.Channel, "pan", e.PANID, "short", e.Short)
		case device.JoinFailed:
			u.b.log.Debug("device did not join", "device", u.eui64, "reason", e.Reason)
		}
	}
}

// saveAgain is how long a device waits after its state could not be saved.
const saveAgain = time.Second

// save makes the state of the device durable. Until that works it is tried again;
// the device falls silent rather than use counters that are not saved.
func (u *unit) save() {
	state := u.fw.State()
	if err := u.b.cfg.Store.Save(u.eui64, state.Append(nil)); err != nil {
		u.b.log.Error("state of a device not saved", "device", u.eui64, "err", err)
		boot := u.boots
		u.x.air.After(saveAgain, func() {
			if u.node != nil && u.boots == boot {
				u.node.Do(func(time.Time) { u.save() })
			}
		})
		return
	}
	u.fw.Saved(state)
}

// powerOn starts the device as its state in the store says, unless it runs.
func (u *unit) powerOn() error {
	if u.node != nil {
		return nil
	}
	fw, err := u.wake()
	if err == nil {
		u.start(fw)
	}
	return err
}

// powerOff ends the device in the middle of whatever it does.
func (u *unit) powerOff() {
	if u.node == nil {
		u.boots++ // a start that waits is void
		return
	}
	u.node.PowerOff()
	u.past.add(u.fw.Counters())
	u.node, u.fw, u.joined = nil, nil, false
	u.tell()
}

// refusals returns what the device turned away since the building stands.
func (u *unit) refusals() Refusals {
	all := u.past
	if u.fw != nil {
		all.add(u.fw.Counters())
	}
	return all
}
