package device

import (
	"fmt"
	"time"

	"sconce"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// Luminaire is the firmware of a dimmable or tunable-white luminaire: a Zigbee
// router with a light on [Endpoint]. It is made by [NewLuminaire], and not safe
// for concurrent use.
//
// The owner passes frames between it and a radio as with a [stack.Node], drains
// NextEvent after every call, and calls Advance at Deadline. What it reports is
// always what its light does: nothing is reported in advance.
type Luminaire struct {
	body
	light  light
	tone   tone
	scenes scenes
	meter  meter
	faults Faults
	global global
	resets uint16

	kept  lamp // what the owner was last asked to save
	shown shown
}

// lamp is what of a luminaire changes with every command, at rest.
type lamp struct {
	light  memory
	tone   toneMemory
	global global
}

// NewLuminaire returns a luminaire that does nothing until it is started.
func NewLuminaire(cfg Config) (*Luminaire, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	switch {
	case cfg.RatedPower < 1000 || cfg.RatedPower > MaxRatedPower:
		return nil, fmt.Errorf("luminaire %s: rated power of %.1f W: expected 1 W to %.1f W", cfg.EUI64, cfg.RatedPower.Watts(), MaxRatedPower.Watts())
	case !cfg.White.valid():
		return nil, fmt.Errorf("luminaire %s: white from %d to %d mireds: expected the coolest first, from 1 to %d", cfg.EUI64, cfg.White.Coolest, cfg.White.Warmest, zcl.MaxMireds)
	}
	l := &Luminaire{light: newLight(), tone: newTone(cfg.White), meter: newMeter(cfg.RatedPower)}
	if cfg.Restore != nil {
		if err := l.recall(cfg.Restore.memory); err != nil {
			return nil, fmt.Errorf("luminaire %s: %w", cfg.EUI64, err)
		}
	}
	node := stack.Config{Role: stack.Router, Descriptor: nodeDescriptor(zdo.Router, zigbee.RouterCapability)}
	if err := l.assemble("luminaire", cfg, application{l}, lightEndpoint(cfg.White), node); err != nil {
		return nil, err
	}
	l.kept = l.lamp()
	return l, nil
}

// lightEndpoint returns what the endpoint of a luminaire says of itself.
func lightEndpoint(w White) zdo.SimpleDescriptor {
	d := zdo.SimpleDescriptor{
		Endpoint: Endpoint, Profile: zcl.ProfileHomeAutomation, Device: zcl.DeviceDimmableLight, Version: 1,
		In: []uint16{
			zcl.ClusterBasic, zcl.ClusterTemperature, zcl.ClusterIdentify, zcl.ClusterGroups, zcl.ClusterScenes,
			zcl.ClusterOnOff, zcl.ClusterLevel,
		},
	}
	if w.tunable() {
		d.Device = zcl.DeviceColorTemperatureLight
		d.In = append(d.In, zcl.ClusterColor)
	}
	d.In = append(d.In, zcl.ClusterBallast, zcl.ClusterMetering, zcl.ClusterElectrical, zcl.ClusterDiagnostics, zcl.ClusterBehaviour)
	return d
}

func nodeDescriptor(kind zdo.LogicalType, c zigbee.Capability) zdo.NodeDescriptor {
	return zdo.NodeDescriptor{
		Logical: kind, Bands: zdo.Band2400MHz, Capability: c,
		Manufacturer: ManufacturerCode, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82,
		ServerMask: 22 << zdo.StackRevisionShift,
	}
}

// advance brings the light, its colour and its meter up to now, by way of all
// moments at which one of them takes another course.
func (l *Luminaire) advance(now time.Time) {
	for at, ok := l.light.next(); ok && !at.After(now); at, ok = l.light.next() {
		l.measure(at)
		l.light.advance(at)
	}
	l.measure(now)
	l.tone.advance(now)
}

func (l *Luminaire) measure(now time.Time) {
	if l.meter.measure(now, &l.light, l.faults) {
		l.revision++
	}
}

// next returns when the luminaire is to look at itself.
func (l *Luminaire) next() (at time.Time, ok bool) {
	at, ok = l.shown.deadline(&l.light, &l.tone)
	for _, other := range []func() (time.Time, bool){l.light.timed.deadline, l.meter.deadline} {
		if t, due := other(); due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// changed tells the owner when the lamp has something else to do.
func (l *Luminaire) changed(now time.Time) {
	if l.light.on && !l.light.fade.off {
		l.global.kept = false // whatever switched it on (07-5123-08, 3.8.2.2.2)
	}
	if k := l.lamp(); k != l.kept {
		l.kept = k
		l.revision++
	}
	l.save()
	if l.shown.update(now, l) {
		l.emit(LightChanged{})
	}
}

func (l *Luminaire) lamp() lamp {
	return lamp{light: l.light.settled(), tone: l.tone.settled(), global: l.global}
}

// left forgets the scenes with the groups that they belong to.
func (l *Luminaire) left() { l.scenes.clear(&l.revision) }

// PowerFailing is to be called when mains power fails, while the driver still has
// the charge to write once: it returns what is to be made durable. Without it, the
// energy since the last state, at most 0.1 kWh, is not counted.
func (l *Luminaire) PowerFailing(now time.Time) State {
	if !l.dead {
		l.advance(now)
	}
	return l.State()
}

// Light is what a lamp does at a moment.
type Light struct {
	On          bool
	Level       uint8        // CurrentLevel of the Zigbee cluster, 1 to 254; what On would return to or is at
	Mireds      uint16       // colour temperature; 0 of a lamp with only one
	Output      sconce.Level // light output; 0 when off
	Power       Milliwatts   // electrical input
	Identifying bool         // blinking to be found
}

// Light returns what the lamp does now: the physical output, between the steps of
// the Zigbee level during a fade, and blinking while it identifies itself.
func (l *Luminaire) Light(now time.Time) Light {
	if l.dead {
		return Light{}
	}
	at := l.light
	at.advance(now)
	s := Light{On: at.on, Level: at.levelAt(now), Mireds: l.tone.at(now), Identifying: l.identify.activeAt(now)}
	if at.on {
		s.Output = l.limit(output(&at, now))
	}
	s.Power = InputPower(l.cfg.RatedPower, s.On, s.Output)
	if s.Identifying {
		s.Output = l.limit(l.identify.blink(now))
	}
	return s
}

// limit returns the output that comes of what the light is to give.
func (l *Luminaire) limit(out sconce.Level) sconce.Level {
	return sconce.Level(int64(out) * l.meter.share(l.faults) / 100)
}

// output returns the light output of a light that is on. It is proportional to
// the level, in finer steps.
func output(l *light, now time.Time) sconce.Level {
	return sconce.Level((l.scaled(now, int64(sconce.MaxLevel)) + int64(maxLevel)/2) / int64(maxLevel))
}

// Energy returns the energy that the luminaire has taken in since it left the
// factory, in watt-seconds.
func (l *Luminaire) Energy(now time.Time) uint64 {
	m, at := l.meter, l.light
	if !l.dead {
		m.through(now, &at, l.faults)
	}
	return m.energy.joules()
}

// BurnTime returns how long the lamp has been lit since the luminaire left the factory.
func (l *Luminaire) BurnTime(now time.Time) time.Duration {
	m, at := l.meter, l.light
	if !l.dead {
		m.through(now, &at, l.faults)
	}
	return m.burnt
}

// Faults are what can be broken of a luminaire. The zero value is a sound one.
type Faults struct {
	Lamp    bool // no light comes, and no load is on the driver
	Heat    bool // the driver cannot get rid of its heat: 60 K more
	Dead    bool // does nothing at all; the lamp is dark
	Reports bool // obeys and answers, and reports nothing
}

// SetFaults breaks a luminaire, or mends it.
func (l *Luminaire) SetFaults(now time.Time, f Faults) {
	if !l.dead {
		l.advance(now)
	}
	if l.dead && !f.Dead {
		l.meter.at = now // nothing flowed meanwhile
	}
	l.faults, l.dead, l.stuck = f, f.Dead, f.Reports
	if l.settle(now); !l.dead {
		l.emit(LightChanged{})
	}
}
