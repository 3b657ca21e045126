package device

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// defaultHold is how long a room counts as occupied after the last motion.
const defaultHold = 60 // seconds

// The range of the light sensor, as MeasuredValue has it.
const (
	darkest   uint16 = 1      // 1 lx
	brightest uint16 = 50_001 // 100,000 lx
)

// Sensor is the firmware of an occupancy and light sensor: a sleepy end device on
// batteries. It is made by [NewSensor], and not safe for concurrent use.
//
// The owner drives it as a [Luminaire], and tells it what is there to be sensed,
// with [Sensor.Motion] and [Sensor.Lux].
type Sensor struct {
	sleeper
	hold     uint16    // seconds, PIROccupiedToUnoccupiedDelay
	occupied time.Time // until then; zero: nobody is there
	lux      uint16    // as MeasuredValue
}

// NewSensor returns a sensor that does nothing until it is started.
func NewSensor(cfg Config) (*Sensor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Sensor{sleeper: newSleeper(), hold: defaultHold, lux: 0}
	if cfg.Restore != nil {
		if err := s.recall(cfg.Restore.memory); err != nil {
			return nil, fmt.Errorf("sensor %s: %w", cfg.EUI64, err)
		}
	}
	endpoint := zdo.SimpleDescriptor{
		Endpoint: Endpoint, Profile: zcl.ProfileHomeAutomation, Device: zcl.DeviceOccupancySensor, Version: 1,
		In: []uint16{
			zcl.ClusterBasic, zcl.ClusterPower, zcl.ClusterIdentify, zcl.ClusterPollControl,
			zcl.ClusterIlluminance, zcl.ClusterOccupancy,
		},
	}
	if err := s.equip("sensor", cfg, sensorApplication{s}, endpoint); err != nil {
		return nil, err
	}
	return s, nil
}

// Motion tells the sensor that somebody moves.
func (s *Sensor) Motion(now time.Time) {
	s.occupied = now.Add(time.Duration(s.hold) * time.Second)
	s.settle(now)
}

// Lux tells the sensor how much light falls on it.
func (s *Sensor) Lux(now time.Time, lux float64) {
	s.lux = measuredLux(lux)
	s.settle(now)
}

// measuredLux returns the value of an illuminance (07-5123-08, 4.2.2.2.1): 0 below
// one lux.
func measuredLux(lux float64) uint16 {
	if !(lux >= 1) {
		return 0
	}
	return uint16(min(math.Round(10_000*math.Log10(lux))+1, float64(brightest)))
}

// Occupied reports whether the sensor takes its room for occupied.
func (s *Sensor) Occupied(now time.Time) bool { return now.Before(s.occupied) }

func (s *Sensor) advance(now time.Time) {
	s.sleeper.advance(now)
	if !s.Occupied(now) {
		s.occupied = time.Time{}
	}
}

func (s *Sensor) next() (time.Time, bool) {
	at, ok := s.sleeper.next()
	if !s.occupied.IsZero() && (!ok || s.occupied.Before(at)) {
		at, ok = s.occupied, true
	}
	return at, ok
}

func (s *Sensor) remember(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, sensorMemory), s.hold)
	return s.sleeper.remember(b)
}

func (s *Sensor) recall(b []byte) error {
	if len(b) != 3+sleeperSize || b[0] != sensorMemory {
		return errMemory
	}
	s.hold = binary.BigEndian.Uint16(b[1:])
	return s.sleeper.recall(b[3:])
}

// sensorApplication is what a sensor shows to its ZCL server.
type sensorApplication struct{ *Sensor }

// Attribute implements [zcl.Application].
func (s sensorApplication) Attribute(now time.Time, _ uint8, cluster, attribute uint16) (zcl.Reading, bool) {
	var v zcl.Value
	switch cluster {
	case zcl.ClusterIlluminance:
		v = s.illuminance(attribute)
	case zcl.ClusterOccupancy:
		v = s.occupancy(now, attribute)
	default:
		v = s.common(now, cluster, attribute)
	}
	return zcl.Reading{Value: v}, v != zcl.Value{}
}

func (s *Sensor) illuminance(attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrIlluminance:
		return zcl.Uint16(s.lux)
	case zcl.AttrIlluminanceMin:
		return zcl.Uint16(darkest)
	case zcl.AttrIlluminanceMax:
		return zcl.Uint16(brightest)
	}
	return zcl.Value{}
}

// passiveInfrared is the kind of sensor (07-5123-08, 4.8.2.2.2).
const passiveInfrared = 0

func (s *Sensor) occupancy(now time.Time, attribute uint16) zcl.Value {
	switch attribute {
	case zcl.AttrOccupancy:
		return zcl.Map8(bit(s.Occupied(now)))
	case zcl.AttrOccupancyType:
		return zcl.Enum8(passiveInfrared)
	case zcl.AttrOccupancyTypes:
		return zcl.Map8(1 << passiveInfrared)
	case zcl.AttrOccupancyPIRDelay:
		return zcl.Uint16(s.hold)
	}
	return zcl.Value{}
}

// Write implements [zcl.Application].
func (s sensorApplication) Write(now time.Time, _ uint8, cluster uint16, a zcl.Attribute) {
	if cluster == zcl.ClusterOccupancy {
		s.hold = uint16(a.Value.Uint())
		s.revision++
		return
	}
	s.write(now, cluster, a)
}

// Command implements [zcl.Application].
func (s sensorApplication) Command(now time.Time, _ zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	return s.command(now, c)
}
