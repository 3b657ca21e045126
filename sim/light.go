package sim

import (
	"time"

	"sconce/device"
)

// light is a luminaire in its socket.
type light struct {
	unit
	cfg LightConfig
}

// lamp returns the luminaire, and nil without power.
func (l *light) lamp() *device.Luminaire {
	d, _ := l.fw.(*device.Luminaire)
	return d
}

// watch tells what the light does.
func (l *light) watch() {
	if w := l.b.cfg.Watch; w != nil {
		now := l.x.air.Now()
		w(now, l.eui64, l.state(now))
	}
}

func (l *light) state(now time.Time) LightState {
	lamp := l.lamp()
	if lamp == nil { // not node: a device may tell before its start has returned
		return LightState{}
	}
	return LightState{Light: lamp.Light(now), Powered: true, Joined: l.joined, Short: l.short}
}

// setPower cuts or restores the mains power; the air is held.
func (l *light) setPower(on bool) error {
	if on {
		return l.powerOn()
	}
	if lamp := l.lamp(); lamp != nil {
		l.lastWrite(lamp)
	}
	l.powerOff()
	return nil
}

// lastWrite saves what a luminaire can still save when its power fails: its energy
// counter.
func (l *light) lastWrite(lamp *device.Luminaire) {
	if err := l.b.cfg.Store.Save(l.eui64, lamp.PowerFailing(l.x.air.Now()).Append(nil)); err != nil {
		l.b.log.Error("state of a light not saved when its power failed", "device", l.eui64, "err", err)
	}
}
