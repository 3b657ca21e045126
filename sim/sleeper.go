package sim

import (
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
)

// SleeperKind says what a sleeper is.
type SleeperKind uint8

// The kinds of sleeper.
const (
	OccupancySensor SleeperKind = iota + 1 // with a light sensor
	WallSwitch                             // of four buttons
)

// SleeperConfig is a device of a building that runs on batteries and sleeps.
type SleeperConfig struct {
	Kind                    SleeperKind
	EUI64                   sconce.EUI64
	InstallCode             zigbee.InstallCode
	Model, Serial, Firmware string
	Position                Position
	TxPower                 float64 // of its radio, dBm

	After time.Duration // optional: since the building's start, before somebody puts the cells in
}

// sleeper is a sensor or a switch in its place.
type sleeper struct {
	unit
	cfg SleeperConfig
}

func (b *Building) addSleeper(a *Air, cfg SleeperConfig) error {
	s := &sleeper{cfg: cfg}
	s.unit = unit{
		b: b, eui64: cfg.EUI64, tell: s.seated, build: cfg.firmware,
		cfg: device.Config{
			MeasuresEnergy: true,
			EUI64:          zigbee.EUI64(cfg.EUI64), InstallCode: cfg.InstallCode,
			Model: cfg.Model, Serial: cfg.Serial, Firmware: cfg.Firmware, Channels: b.cfg.Channels,
		},
	}
	if err := b.install(a, &s.unit, cfg.Position, cfg.TxPower, cfg.After); err != nil {
		return err
	}
	b.sleepers[cfg.EUI64] = s
	return nil
}

func (c *SleeperConfig) firmware(cfg device.Config) (Firmware, error) {
	switch c.Kind {
	case OccupancySensor:
		return device.NewSensor(cfg)
	case WallSwitch:
		return device.NewSwitch(cfg)
	}
	return nil, sconce.Errorf(sconce.Invalid, "device %s: kind %d is neither a sensor nor a switch", c.EUI64, c.Kind)
}

// seated tells that the device has found its network.
func (s *sleeper) seated() {
	if w := s.b.cfg.Seated; w != nil && s.joined {
		w(s.x.air.Now(), s.eui64, s.short)
	}
}

// sense lets a sensor that has power sense something.
func (s *sleeper) sense(f func(now time.Time, d *device.Sensor)) {
	if d, ok := s.fw.(*device.Sensor); ok && s.node != nil {
		s.node.Do(func(now time.Time) { f(now, d) })
	}
}

// press presses a button of a switch for a moment, and reports whether that was
// sent.
func (s *sleeper) press(b device.Button) (sent bool) {
	if d, ok := s.fw.(*device.Switch); ok && s.node != nil {
		s.node.Do(func(now time.Time) { sent = d.Press(now, b, device.Short) == nil })
	}
	return sent
}
