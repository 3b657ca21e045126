package device

import (
	"time"

	"sconce/zigbee/zcl"
)

// White is the range of colour temperatures that a luminaire can give, in mireds
// (a million divided by kelvins): 153 is 6500 K and 370 is 2700 K. The zero value
// is a luminaire with only one.
type White struct{ Coolest, Warmest uint16 }

func (w White) tunable() bool { return w.Coolest != 0 }

func (w White) valid() bool {
	return w == White{} || w.Coolest >= 1 && w.Coolest < w.Warmest && w.Warmest <= zcl.MaxMireds
}

func (w White) clamp(mireds int) uint16 {
	return uint16(min(max(mireds, int(w.Coolest)), int(w.Warmest)))
}

// lastTone as the start-up colour temperature stands for the last one.
const lastTone uint16 = 0xffff

// toneMemory is what a tone keeps through a power cut.
type toneMemory struct {
	mireds  uint16
	startUp uint16 // mireds, or lastTone
	options uint8
}

// tone is the colour temperature of one lamp and those that it passes through
// (07-5123-08, 5.2). Of a lamp with only one, it stays zero.
type tone struct {
	toneMemory
	white  White
	from   uint16 // of the way to mireds
	start  time.Time
	length time.Duration // 0: there
}

// newTone returns the tone as it leaves the factory: in the middle.
func newTone(w White) tone {
	return tone{white: w, toneMemory: toneMemory{mireds: (w.Coolest + w.Warmest) / 2, startUp: lastTone}}
}

// restore returns the tone after a power cut.
func (t *tone) restore(m toneMemory) {
	if m.startUp != lastTone {
		m.mireds = m.startUp
	}
	m.mireds = t.white.clamp(int(m.mireds))
	t.toneMemory = m
}

// settled returns what the tone will be when it has come to rest.
func (t *tone) settled() toneMemory { return t.toneMemory }

// at returns the colour temperature at a time.
func (t *tone) at(now time.Time) uint16 {
	if t.length == 0 {
		return t.mireds
	}
	done := int64(min(max(now.Sub(t.start), 0), t.length) / time.Microsecond)
	whole := max(int64(t.length/time.Microsecond), 1)
	from, to := int64(t.from), int64(t.mireds)
	if from <= to {
		return uint16(from + ((to-from)*done+whole/2)/whole)
	}
	return uint16(from - ((from-to)*done+whole/2)/whole)
}

func (t *tone) moving() bool { return t.length > 0 && t.from != t.mireds }

// remaining returns the rest of the way in tenths of a second, rounded up.
func (t *tone) remaining(now time.Time) uint16 {
	if t.length == 0 {
		return 0
	}
	return uint16(min((max(t.start.Add(t.length).Sub(now), 0)+tenth-1)/tenth, 0xffff))
}

func (t *tone) advance(now time.Time) {
	if t.length > 0 && !now.Before(t.start.Add(t.length)) {
		t.length = 0
	}
}

func (t *tone) goTo(now time.Time, to uint16, length time.Duration) {
	t.from = t.at(now)
	t.mireds, t.start, t.length = t.white.clamp(int(to)), now, length
	t.advance(now)
}

// ignores reports whether a command has no effect, as the light is off
// (07-5123-08, 5.2.2.2.1.10).
func (t *tone) ignores(on bool, o zcl.Options) bool {
	return !on && o.Apply(t.options)&zcl.ExecuteIfOff == 0
}

// command carries out a command of Colour Control.
func (t *tone) command(now time.Time, on bool, c zcl.Command) zcl.Status {
	if !t.white.tunable() {
		return zcl.UnsupCommand
	}
	t.advance(now)
	switch c := c.(type) {
	case zcl.MoveToColorTemperature:
		if c.Mireds > zcl.MaxMireds {
			return zcl.InvalidValue
		}
		if !t.ignores(on, c.Options) {
			t.goTo(now, c.Mireds, tenths(c.Transition))
		}
	case zcl.MoveColorTemperature:
		return t.move(now, on, c)
	case zcl.StepColorTemperature:
		return t.step(now, on, c)
	case zcl.StopMoveStep:
		if !t.ignores(on, c.Options) {
			t.goTo(now, t.at(now), 0)
		}
	}
	return zcl.Success
}

// tenths returns a transition time; the value for none stands for no time at all.
func tenths(n uint16) time.Duration {
	if n == zcl.AsFastAsPossible {
		return 0
	}
	return time.Duration(n) * tenth
}

// limits returns the range of a move or step.
func (t *tone) limits(low, high uint16) White {
	w := t.white
	if low != 0 {
		w.Coolest = t.white.clamp(int(low))
	}
	if high != 0 {
		w.Warmest = max(t.white.clamp(int(high)), w.Coolest)
	}
	return w
}

func (t *tone) move(now time.Time, on bool, c zcl.MoveColorTemperature) zcl.Status {
	switch {
	case c.Mode != zcl.MoveStop && c.Rate == 0:
		return zcl.InvalidField
	case t.ignores(on, c.Options):
		return zcl.Success
	case c.Mode == zcl.MoveStop:
		t.goTo(now, t.at(now), 0)
		return zcl.Success
	}
	from, to := int(t.at(now)), int(t.limits(c.Min, c.Max).Warmest)
	if c.Mode == zcl.MoveDown {
		to = int(t.limits(c.Min, c.Max).Coolest)
	}
	if (c.Mode == zcl.MoveUp) == (to > from) { // else beyond the limit: stays
		t.goTo(now, uint16(to), time.Duration(abs(to-from))*time.Second/time.Duration(c.Rate))
	}
	return zcl.Success
}

// step goes by a number of mireds; when the range ends earlier, the time is
// shorter in proportion.
func (t *tone) step(now time.Time, on bool, c zcl.StepColorTemperature) zcl.Status {
	switch {
	case c.Mode == zcl.MoveStop || c.Size == 0:
		return zcl.InvalidField
	case t.ignores(on, c.Options):
		return zcl.Success
	}
	from, by := int(t.at(now)), int(c.Size)
	if c.Mode == zcl.MoveDown {
		by = -by
	}
	to := int(t.limits(c.Min, c.Max).clamp(from + by))
	if (by > 0) == (to > from) {
		t.goTo(now, uint16(to), tenths(c.Transition)*time.Duration(abs(to-from))/time.Duration(c.Size))
	}
	return zcl.Success
}

// coupled returns the tone that belongs to a level when the tone follows it: warm
// when dim, as a filament is (07-5123-08, 5.2.2.1.1).
func (t *tone) coupled(level uint8) uint16 {
	span := int(t.white.Warmest - t.white.Coolest)
	return t.white.Warmest - uint16((span*int(level-minLevel)+int(maxLevel-minLevel)/2)/int(maxLevel-minLevel))
}

// follow lets the tone follow a level that goes to its end in a time.
func (t *tone) follow(now time.Time, level uint8, length time.Duration) {
	if t.white.tunable() {
		t.goTo(now, t.coupled(level), length)
	}
}
