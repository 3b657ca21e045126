package device

import (
	"time"

	"sconce/zigbee/zcl"
)

// The range of CurrentLevel. As the library demands of lights, 0 is not a level
// (07-5123-08, 3.10.2.2).
const (
	minLevel uint8 = 1
	maxLevel uint8 = zcl.MaxLevel
)

// unset is the value of OnLevel, of the start-up attributes and of
// DefaultMoveRate that stands for none.
const unset uint8 = 0xff

// defaultMoveRate is how fast a Move without a rate goes, in levels a second.
const defaultMoveRate = 64

// settings are the attributes of On/Off and Level Control that a client may
// write.
type settings struct {
	options      uint8
	onOffTime    uint16 // tenths of a second
	onTime       uint16 // as onOffTime, or zcl.AsFastAsPossible for that one
	offTime      uint16
	onLevel      uint8 // level after On, or unset for the last one
	moveRate     uint8 // levels a second, or unset
	startUpOnOff uint8 // 0 off, 1 on, 2 the other state, unset the last state
	startUpLevel uint8 // 0 the minimum, unset the last level, else the level
}

func defaultSettings() settings {
	return settings{
		onTime: zcl.AsFastAsPossible, offTime: zcl.AsFastAsPossible,
		onLevel: unset, moveRate: unset, startUpOnOff: unset, startUpLevel: unset,
	}
}

// memory is what a light keeps through a power cut.
type memory struct {
	on     bool
	level  uint8 // CurrentLevel
	resume uint8 // where On goes without an OnLevel
	settings
}

// A light is the On/Off and Level Control clusters of one lamp, and the levels it
// passes through (07-5123-08, 3.8 and 3.10). The zero value is not usable.
type light struct {
	memory
	fade  fade
	timed timed
}

// A fade is a level on its way, linear in time. The zero value is none.
type fade struct {
	from, to uint8
	start    time.Time
	length   time.Duration

	off     bool          // it ends with the light off
	restore bool          // and then with the level from before
	then    time.Duration // with off: first to the level, then in this time to off
}

// newLight returns the light of a luminaire as it leaves the factory: on, so
// that it is of use before it is commissioned.
func newLight() light {
	return light{memory: memory{on: true, level: maxLevel, resume: maxLevel, settings: defaultSettings()}}
}

// restoredLight returns the light after a power cut (07-5123-08, 3.8.2.2.5 and
// 3.10.2.2.14).
func restoredLight(m memory) light {
	wasOn := m.on
	switch m.startUpOnOff {
	case 0, 1:
		m.on = m.startUpOnOff == 1
	case 2:
		m.on = !m.on
	}
	if m.startUpLevel != unset {
		m.level = clamp(int(m.startUpLevel))
		m.resume = m.level
	} else if m.on && !wasOn {
		m.level = m.resume
	}
	return light{memory: m}
}

func clamp(level int) uint8 { return uint8(min(max(level, int(minLevel)), int(maxLevel))) }

func (f fade) active() bool { return !f.start.IsZero() }

func (f fade) end() time.Time { return f.start.Add(f.length) }

// progress returns how much of the fade is over, as a fraction.
func (f fade) progress(now time.Time) (done, whole int64) {
	return int64(min(max(now.Sub(f.start), 0), f.length)), max(int64(f.length), 1)
}

// levelAt returns CurrentLevel at a time before the end of the fade.
func (l *light) levelAt(now time.Time) uint8 {
	if !l.fade.active() {
		return l.level
	}
	return uint8(l.scaled(now, 1))
}

// scaled returns the level at a time, in units of 1/scale levels.
func (l *light) scaled(now time.Time, scale int64) int64 {
	if !l.fade.active() {
		return int64(l.level) * scale
	}
	done, whole := l.fade.progress(now)
	// In units small enough for the product of 254 levels, the scale and 6554 s
	// to stay within 64 bits.
	done, whole = done/int64(time.Microsecond), max(whole/int64(time.Microsecond), 1)
	from, to := int64(l.fade.from)*scale, int64(l.fade.to)*scale
	if from <= to {
		return from + ((to-from)*done+whole/2)/whole
	}
	return from - ((from-to)*done+whole/2)/whole
}

// moving reports whether the level is on its way.
func (l *light) moving() bool { return l.fade.active() && l.fade.from != l.fade.to }

// remaining returns the rest of the fade in tenths of a second, rounded up.
func (l *light) remaining(now time.Time) uint16 {
	if !l.fade.active() {
		return 0
	}
	return uint16((max(l.fade.end().Sub(now), 0) + l.fade.then + tenth - 1) / tenth)
}

// next returns when the light changes its course by itself.
func (l *light) next() (time.Time, bool) {
	at, ok := l.timed.deadline()
	if l.fade.active() && (!ok || !l.fade.end().After(at)) {
		at, ok = l.fade.end(), true
	}
	return at, ok
}

// advance ends what is over, in its order.
func (l *light) advance(now time.Time) {
	for at, ok := l.next(); ok && !now.Before(at); at, ok = l.next() {
		switch f := l.fade; {
		case !f.active() || f.end().After(at):
			l.timedOut(at)
		case f.then > 0:
			l.fade = fade{from: f.to, to: minLevel, start: f.end(), length: f.then, off: true, restore: f.restore}
		default:
			l.memory = l.settled()
			l.fade = fade{}
		}
	}
}

// settled returns what the light will be when it has come to rest: what it keeps
// through a power cut.
func (l *light) settled() memory {
	m := l.memory
	switch {
	case !l.fade.active():
	case l.fade.off && l.fade.restore:
		m.on, m.level = false, m.resume
	case l.fade.off:
		m.on, m.level = false, minLevel
	default:
		m.level, m.resume = l.fade.to, l.fade.to
	}
	return m
}

func (l *light) begin(now time.Time, f fade) {
	f.start = now
	l.fade = f
	l.advance(now)
}

// raise goes to a level with the light on; a dark light begins at the minimum.
func (l *light) raise(now time.Time, to uint8, length time.Duration) {
	from := l.base(now, true)
	l.on = true
	l.begin(now, fade{from: from, to: to, length: length})
}

// lower goes to the minimum and then off. The light counts as on until it is
// dark. On returns to the level of before, however the light came to be off.
func (l *light) lower(now time.Time, length time.Duration, restore bool) {
	from := l.levelAt(now)
	if !l.fade.off {
		l.resume = from
	}
	l.begin(now, fade{from: from, to: minLevel, length: length, off: true, restore: restore})
}

// base returns the level that a command starts from: for one that lights a dark
// light, the minimum.
func (l *light) base(now time.Time, withOnOff bool) uint8 {
	if withOnOff && !l.on {
		return minLevel
	}
	return l.levelAt(now)
}

// switchOn does what On does (07-5123-08, 3.8.2.3.2 and 3.10.2.1.1).
func (l *light) switchOn(now time.Time) {
	l.advance(now)
	l.timed.lit(now)
	if l.on && !l.fade.off {
		return
	}
	to := l.resume
	if l.onLevel != unset {
		to = clamp(int(l.onLevel))
	}
	l.raise(now, to, l.time(l.onTime))
}

// switchOff does what Off does (07-5123-08, 3.8.2.3.1 and 3.10.2.1.1).
func (l *light) switchOff(now time.Time) {
	l.advance(now)
	l.timed.darkened(now)
	if l.on {
		l.lower(now, l.time(l.offTime), l.onLevel == unset)
	}
}

func (l *light) toggle(now time.Time) {
	if l.advance(now); l.on && !l.fade.off {
		l.switchOff(now)
	} else {
		l.switchOn(now)
	}
}

// time returns a transition time; the value for none stands for
// OnOffTransitionTime, and there for no time at all.
func (l *light) time(tenths uint16) time.Duration {
	if tenths == zcl.AsFastAsPossible {
		tenths = l.onOffTime
	}
	if tenths == zcl.AsFastAsPossible {
		tenths = 0
	}
	return time.Duration(tenths) * tenth
}

// ignores reports whether a command without on/off has no effect, as the light
// is off or on its way there (07-5123-08, 3.10.2.2.8).
func (l *light) ignores(withOnOff bool, o zcl.Options) bool {
	return !withOnOff && (!l.on || l.fade.off) && o.Apply(l.options)&zcl.ExecuteIfOff == 0
}

// goTo goes to a level within the range. With on/off, the minimum is off
// (07-5123-08, 3.10.2.1.2); without, a light that is off stays off.
func (l *light) goTo(now time.Time, to uint8, length time.Duration, withOnOff bool) {
	switch {
	case withOnOff && to > minLevel:
		l.raise(now, to, length)
	case withOnOff && l.on:
		l.lower(now, length, false)
	case withOnOff:
	default:
		if l.fade.off {
			l.memory, l.fade = l.settled(), fade{}
		}
		l.begin(now, fade{from: l.levelAt(now), to: to, length: length})
	}
}

func (l *light) moveToLevel(now time.Time, c zcl.MoveToLevel) zcl.Status {
	l.advance(now)
	if c.Level > maxLevel {
		return zcl.InvalidValue
	}
	if !l.ignores(c.WithOnOff, c.Options) {
		l.goTo(now, clamp(int(c.Level)), l.time(c.Transition), c.WithOnOff)
	}
	return zcl.Success
}

func (l *light) move(now time.Time, c zcl.Move) zcl.Status {
	l.advance(now)
	rate := int(c.Rate)
	switch {
	case c.Rate == 0:
		return zcl.InvalidField
	case c.Rate != zcl.DefaultRate:
	case l.moveRate != unset && l.moveRate != 0:
		rate = int(l.moveRate)
	default:
		rate = defaultMoveRate
	}
	if l.ignores(c.WithOnOff, c.Options) {
		return zcl.Success
	}
	to := maxLevel
	if c.Down {
		to = minLevel
	}
	way := abs(int(to) - int(l.base(now, c.WithOnOff)))
	l.goTo(now, to, time.Duration(way)*time.Second/time.Duration(rate), c.WithOnOff)
	return zcl.Success
}

// step goes by a number of levels; when the range ends earlier, the time is
// shorter in proportion (07-5123-08, 3.10.2.3.3.4).
func (l *light) step(now time.Time, c zcl.Step) zcl.Status {
	l.advance(now)
	if c.Size == 0 {
		return zcl.InvalidField
	}
	if l.ignores(c.WithOnOff, c.Options) {
		return zcl.Success
	}
	from, by := int(l.base(now, c.WithOnOff)), int(c.Size)
	if c.Down {
		by = -by
	}
	to := clamp(from + by)
	var length time.Duration
	if c.Transition != zcl.AsFastAsPossible {
		length = l.time(c.Transition) * time.Duration(abs(int(to)-from)) / time.Duration(c.Size)
	}
	l.goTo(now, to, length, c.WithOnOff)
	return zcl.Success
}

// stop stays where the light is.
func (l *light) stop(now time.Time, c zcl.Stop) {
	if l.advance(now); l.fade.active() && !l.ignores(c.WithOnOff, c.Options) {
		l.level = l.levelAt(now)
		l.resume, l.fade = l.level, fade{}
	}
}

func abs(n int) int { return max(n, -n) }
