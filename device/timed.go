package device

import (
	"time"

	"sconce/zigbee/zcl"
)

const tenth = 100 * time.Millisecond

// endless is a time of [zcl.OnWithTimedOff] that does not end.
const endless uint16 = 0xffff

// timed is the timer of [zcl.OnWithTimedOff] (07-5123-08, 3.8.2.3.6): the light is
// on for a time; if it is switched off earlier, it cannot be switched on so for
// another time. The zero value is at rest. It does not survive a power cut.
type timed struct {
	on, wait uint16    // tenths of a second at since
	since    time.Time // zero: not counting
}

// at returns the attributes OnTime and OffWaitTime. Only one of them counts: the
// second when the first has come to 0.
func (t *timed) at(now time.Time) (on, wait uint16) {
	if t.since.IsZero() {
		return t.on, t.wait
	}
	passed := uint16(min(max(now.Sub(t.since), 0)/tenth, time.Duration(endless)))
	if t.on > 0 {
		return t.on - min(t.on, passed), t.wait
	}
	return 0, t.wait - min(t.wait, passed)
}

// set begins to count.
func (t *timed) set(now time.Time, on, wait uint16) {
	*t = timed{on: on, wait: wait}
	if on != endless && wait != endless && (on > 0 || wait > 0) {
		t.since = now
	}
}

// lit notes that the light is switched on otherwise: nothing has to wait.
func (t *timed) lit(now time.Time) {
	if on, _ := t.at(now); on == 0 {
		*t = timed{}
	}
}

// darkened notes that the light is switched off otherwise: now it has to wait.
func (t *timed) darkened(now time.Time) {
	if on, wait := t.at(now); on > 0 {
		t.set(now, 0, wait)
	}
}

func (t *timed) deadline() (time.Time, bool) {
	if t.since.IsZero() {
		return time.Time{}, false
	}
	count := t.on
	if count == 0 {
		count = t.wait
	}
	return t.since.Add(time.Duration(count) * tenth), true
}

// timedOut ends what the timer counted.
func (l *light) timedOut(now time.Time) {
	off := l.timed.on > 0
	l.timed = timed{}
	if off {
		l.switchOff(now)
	}
}

// onWithTimedOff does what [zcl.OnWithTimedOff] says.
func (l *light) onWithTimedOff(now time.Time, c zcl.OnWithTimedOff) {
	l.advance(now)
	on, wait := l.timed.at(now)
	switch {
	case c.OnlyWhenOn && !l.on:
	case wait > 0 && !l.on:
		l.timed.set(now, 0, min(wait, c.OffWaitTime))
	default:
		l.switchOn(now)
		l.timed.set(now, max(on, c.OnTime), c.OffWaitTime)
	}
}

// The times of the effects of [zcl.OffWithEffect] (07-5123-08, tables 3-48 and 3-49).
const (
	quickFade = 800 * time.Millisecond
	slowFade  = 12 * time.Second
	flareTime = 500 * time.Millisecond
	dieTime   = time.Second
)

// offWithEffect switches off in one of the ways of [zcl.OffWithEffect]; one that is
// not known is the usual one of its effect.
func (l *light) offWithEffect(now time.Time, c zcl.OffWithEffect) {
	l.advance(now)
	l.timed.darkened(now)
	if !l.on {
		return
	}
	from, restore := int(l.levelAt(now)), l.onLevel == unset
	switch {
	case c.Effect == zcl.DyingLight:
		l.lowerBy(now, clamp(from+int(maxLevel)/5), flareTime, dieTime, restore)
	case c.Variant == 1:
		l.lower(now, 0, restore)
	case c.Variant == 2:
		l.lowerBy(now, clamp(from/2), quickFade, slowFade, restore)
	default:
		l.lower(now, quickFade, restore)
	}
}

// lowerBy goes off by way of a level.
func (l *light) lowerBy(now time.Time, by uint8, first, then time.Duration, restore bool) {
	from := l.levelAt(now)
	if !l.fade.off {
		l.resume = from
	}
	l.begin(now, fade{from: from, to: by, length: first, off: true, restore: restore, then: then})
}
