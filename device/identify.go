package device

import (
	"time"

	"sconce"
)

// identify is the Identify cluster of a luminaire: the lamp blinks, half a second
// full and half a second dark, so that a person finds it (07-5123-08, 3.5). The
// meter's value is not touched by the blinking.
type identify struct{ since, until time.Time }

const blinkHalf = 500 * time.Millisecond

func (i *identify) set(now time.Time, seconds uint16) {
	*i = identify{}
	if seconds > 0 {
		i.since, i.until = now, now.Add(time.Duration(seconds)*time.Second)
	}
}

// remaining returns the rest in seconds, rounded up.
func (i *identify) remaining(now time.Time) uint16 {
	if !i.activeAt(now) {
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
