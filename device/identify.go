package device

import (
	"time"

	"sconce"
	"sconce/zigbee/zcl"
)

// identify is the Identify cluster of a device: it blinks, half a second full and
// half a second dark, so that a person finds it (07-5123-08, 3.5). The meter's
// value is not touched by the blinking.
type identify struct {
	since, until time.Time
	effect       bool // of a TriggerEffect, which does not count as identifying
}

const blinkHalf = 500 * time.Millisecond

func (i *identify) set(now time.Time, seconds uint16) {
	*i = identify{}
	if seconds > 0 {
		i.since, i.until = now, now.Add(time.Duration(seconds)*time.Second)
	}
}

// effectTime returns how long an effect is shown, in seconds (07-5123-08, table 3-37).
// All look alike: they blink.
func effectTime(effect uint8) (uint16, bool) {
	switch effect {
	case zcl.EffectBlink, zcl.EffectOkay:
		return 1, true
	case zcl.EffectBreathe:
		return 15, true
	case zcl.EffectChannelChange:
		return 8, true
	}
	return 0, false
}

// trigger shows or ends an effect. It does not disturb who identifies.
func (i *identify) trigger(now time.Time, c zcl.TriggerEffect) zcl.Status {
	i.advance(now)
	seconds, known := effectTime(c.Effect)
	switch {
	case known && (i.effect || !i.active()):
		i.set(now, seconds)
		i.effect = true
	case known:
	case c.Effect == zcl.EffectStop:
		*i = identify{}
	case c.Effect == zcl.EffectFinish:
		if cycle := now.Sub(i.since)/(2*blinkHalf) + 1; i.active() {
			i.until = i.since.Add(min(cycle*2*blinkHalf, i.until.Sub(i.since)))
		}
	default:
		return zcl.InvalidField
	}
	return zcl.Success
}

// remaining returns the rest of identifying in seconds, rounded up.
func (i *identify) remaining(now time.Time) uint16 {
	if !i.activeAt(now) || i.effect {
		return 0
	}
	return uint16((i.until.Sub(now) + time.Second - 1) / time.Second)
}

func (i *identify) active() bool { return !i.until.IsZero() }

func (i *identify) activeAt(now time.Time) bool { return i.active() && now.Before(i.until) }

func (i *identify) advance(now time.Time) {
	if i.active() && !now.Before(i.until) {
		*i = identify{}
	}
}

func (i *identify) deadline() (time.Time, bool) { return i.until, i.active() }

func (i *identify) blink(now time.Time) sconce.Level {
	if now.Sub(i.since)/blinkHalf%2 == 0 {
		return sconce.MaxLevel
	}
	return 0
}
