package network_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sconce"
	"sconce/device"
	"sconce/sim"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/gp"
)

// TestADayTellsNoMoments lets people live for a day in a simulated building with true
// firmware, whose occupancy is told by the hour, and reads every byte that goes to the cloud:
// whatever names a sensor or a switch goes out as an hour ends and has no time but that of
// the end of an hour, and no value of occupancy is in it. The lights obey as ever.
func TestADayTellsNoMoments(t *testing.T) {
	s := newSite(t)
	lamp := s.lamp(1)
	const sensorAt, switchAt, source = otherBase, otherBase + 1, 0x01234567
	sensor, err := device.NewSensor(s.config(sensorAt))
	if err != nil {
		t.Fatal(err)
	}
	wall, err := device.NewSwitch(s.config(switchAt))
	if err != nil {
		t.Fatal(err)
	}
	key := label(t, code(t, source))
	green, err := s.air.AddGPSwitch(sim.GPSwitchConfig{Source: source, Key: gp.NewKey([16]byte(key)), Position: sim.Position{X: 3, Y: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if err := green.Tune(s.channel); err != nil {
		t.Fatal(err)
	}
	s.node.Do(func(now time.Time) { s.hub.net.SetDiscretion(now, time.Hour) })
	onSensor, onWall := s.place(sensorAt, sensor), s.place(switchAt, wall)
	s.want(sensorAt, sconce.Sensor, label(t, code(t, sensorAt)))
	s.want(switchAt, sconce.Switch, label(t, code(t, switchAt)), 1)
	s.want(source, sconce.Switch, key, 1)
	s.air.RunFor(2 * time.Second)
	green.Commission()
	for _, e := range []zigbee.EUI64{sensorAt, switchAt, source} {
		s.until(5*time.Minute, "all are configured", func() bool { return s.stage(e) == wire.StageConfigured })
	}
	s.air.RunFor(time.Minute)

	s.hub.told = nil
	said := &scanner{t: t, begin: s.air.Now(), private: map[uint64]bool{uint64(sensorAt): true, uint64(switchAt): true, source: true}}
	s.hub.sent = said.message
	r := rand.New(rand.NewPCG(4, 4))
	moved, pressed, switched := 0, 0, 0
	for end := s.air.Now().Add(24 * time.Hour); s.air.Now().Before(end); {
		s.air.RunFor(time.Duration(r.ExpFloat64() * float64(12*time.Minute)))
		switch on := lamp.Light(s.air.Now()).On; r.IntN(4) {
		case 0:
			green.Press(!on)
			s.air.RunFor(2 * time.Second)
			pressed++
			if lamp.Light(s.air.Now()).On == !on {
				switched++
			}
		case 1:
			onWall.Do(func(now time.Time) { _ = wall.Press(now, device.ButtonOn, device.Short) })
			s.air.RunFor(2 * time.Second)
			pressed++
			if lamp.Light(s.air.Now()).On {
				switched++
			}
		case 2:
			onSensor.Do(func(now time.Time) { sensor.Lux(now, 100+500*r.Float64()) })
		default:
			onSensor.Do(sensor.Motion)
			moved++
		}
	}
	s.air.RunFor(time.Hour)
	if moved < 15 || pressed < 30 || switched < pressed-2 {
		t.Errorf("%d motions; %d presses, of which the light obeyed %d", moved, pressed, switched)
	}
	if said.spans < 23 || said.occupied < 15 || said.messages < 100 {
		t.Errorf("%d hours were told, %d minutes of them occupied, in %d messages", said.spans, said.occupied, said.messages)
	}
	if s.hub.log.Len() > 0 {
		t.Errorf("the cloud is sent the log\n%s", &s.hub.log)
	}
}

// scanner reads what goes to the cloud.
type scanner struct {
	t        *testing.T
	begin    time.Time
	private  map[uint64]bool // addresses of sensors and switches
	sequence uint64

	messages, spans, occupied int
}

// message takes a message as the link sends it.
func (s *scanner) message(now time.Time, m wire.Up) {
	s.sequence++
	b, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 1, Sequence: s.sequence, Sent: wire.Time(now.UnixMilli())}, m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.messages++
	var header, body any
	rest, err := cbor.UnmarshalFirst(b, &header)
	if err == nil {
		err = cbor.Unmarshal(rest, &body)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if s.read(body) && now.Sub(now.Truncate(time.Hour)) > 1500*time.Millisecond {
		s.t.Errorf("at %v something is told of a sensor or a switch: %+v", now, m)
	}
	if o, ok := m.(wire.Occupancy); ok {
		s.spans++
		for _, one := range o.Sensors {
			s.occupied += int(one.Minutes)
		}
	}
}

// read reports whether a sensor or a switch is named in a part of a message. A part that
// names one has no time but the end of an hour, and no value of occupancy.
func (s *scanner) read(v any) (named bool) {
	var parts []any
	switch v := v.(type) {
	case map[any]any:
		for _, part := range v {
			parts = append(parts, part)
		}
	case []any:
		parts = v
		if len(v) == 4 && v[1] == uint64(sconce.Occupancy) {
			s.t.Errorf("a single value: %v", v)
		}
	}
	own := false
	for _, part := range parts {
		n, ok := part.(uint64)
		own = own || ok && s.private[n]
		named = s.read(part) || named
	}
	for _, part := range parts {
		n, ok := part.(uint64)
		at := time.UnixMilli(int64(n))
		if own && ok && at.After(s.begin.Add(-time.Hour)) && at.Before(s.begin.Add(48*time.Hour)) && !at.Truncate(time.Hour).Equal(at) {
			s.t.Errorf("%v is told: %v", at, parts)
		}
	}
	return named || own
}
