package device

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sconce"
	"sconce/zigbee/zcl"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// lit returns a light that is on at a level.
func lit(level uint8) light {
	l := newLight()
	l.level, l.resume = level, level
	return l
}

// dark returns a light that was switched off at a level.
func dark(level uint8) light {
	l := lit(level)
	l.switchOff(start)
	return l
}

// TestFades: whatever the fade, the level moves towards its target and never
// back, does not leave the way between, and is there at the end, to the
// nanosecond and not before.
func TestFades(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint8Range(minLevel, maxLevel).Draw(t, "from")
		c := zcl.MoveToLevel{
			Level:      rapid.Uint8Range(0, maxLevel).Draw(t, "to"),
			Transition: rapid.Uint16Range(0, 0xfffe).Draw(t, "tenths"),
			WithOnOff:  rapid.Bool().Draw(t, "with on/off"),
		}
		l := lit(from)
		if status := l.moveToLevel(start, c); status != zcl.Success {
			t.Fatal(status)
		}
		to := max(c.Level, minLevel)
		end := start.Add(time.Duration(c.Transition) * 100 * time.Millisecond)
		last, lastOutput := from, int64(from)*1000
		steps := rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 20).Draw(t, "times")
		looks := rapid.Bool().Draw(t, "advanced in between")
		for _, at := range ascending(start, end, steps) {
			if looks {
				l.advance(at)
			}
			level, out := l.levelAt(at), l.scaled(at, 1000)
			if !between(int64(last), int64(level), int64(to)) || !between(lastOutput, out, int64(to)*1000) {
				t.Fatalf("at %v: level %d, output %d, after %d and %d on the way to %d", at.Sub(start), level, out, last, lastOutput, to)
			}
			if !l.on {
				t.Fatalf("off at %v, before the end", at.Sub(start))
			}
			last, lastOutput = level, out
		}
		if before := end.Add(-1); c.Transition > 0 {
			if l.advance(before); !l.fade.active() {
				t.Fatal("the fade ended a nanosecond early")
			}
		}
		l.advance(end)
		off := c.WithOnOff && to == minLevel
		if l.fade.active() || l.level != to || l.on == off || l.remaining(end) != 0 {
			t.Fatalf("at the end: %+v, want level %d, off %v", l, to, off)
		}
	})
}

// between reports whether b is on the way from a to c.
func between(a, b, c int64) bool { return a <= b && b <= c || a >= b && b >= c }

// ascending returns times before the end of a fade, in order.
func ascending(from, end time.Time, fractions []float64) []time.Time {
	var times []time.Time
	at := from
	for _, f := range fractions {
		at = at.Add(time.Duration(float64(end.Sub(at)) * f))
		if at.Before(end) {
			times = append(times, at)
		}
	}
	return times
}

// TestAnything: no order of commands leaves the range, ends in a fade that never
// ends, or keeps another state than the one that comes to be.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := newLight(), start
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 5000).Draw(t, "ms")) * time.Millisecond)
			apply(t, &l, now)
			if level := l.levelAt(now); level < minLevel || level > maxLevel {
				t.Fatalf("level %d", level)
			}
			kept := l.settled()
			later := l
			if later.advance(now.Add(2 * time.Hour)); later.fade.active() || later.memory != kept {
				t.Fatalf("came to rest at %+v, and would have kept %+v", later.memory, kept)
			}
			if kept.level < minLevel || kept.resume < minLevel {
				t.Fatalf("kept %+v", kept)
			}
		}
	})
}

func apply(t *rapid.T, l *light, now time.Time) {
	with, down := rapid.Bool().Draw(t, "with on/off"), rapid.Bool().Draw(t, "down")
	options := zcl.Options{Mask: 1, Override: rapid.Uint8Range(0, 1).Draw(t, "execute if off")}
	switch rapid.IntRange(0, 7).Draw(t, "command") {
	case 0:
		l.switchOn(now)
	case 1:
		l.switchOff(now)
	case 2:
		l.toggle(now)
	case 3:
		l.moveToLevel(now, zcl.MoveToLevel{Level: rapid.Uint8().Draw(t, "level"), Transition: rapid.Uint16().Draw(t, "tenths"), Options: options, WithOnOff: with})
	case 4:
		l.move(now, zcl.Move{Down: down, Rate: rapid.Uint8().Draw(t, "rate"), Options: options, WithOnOff: with})
	case 5:
		l.step(now, zcl.Step{Down: down, Size: rapid.Uint8().Draw(t, "size"), Transition: rapid.Uint16().Draw(t, "tenths"), Options: options, WithOnOff: with})
	case 6:
		l.stop(now, zcl.Stop{Options: options, WithOnOff: with})
	case 7:
		l.offTime, l.onTime = rapid.Uint16().Draw(t, "off"), rapid.Uint16().Draw(t, "on")
		l.onLevel = rapid.Uint8().Draw(t, "on level")
	}
}

func TestLight(t *testing.T) {
	const s = time.Second
	after := func(d time.Duration) time.Time { return start.Add(d) }
	for _, test := range []struct {
		name  string
		light light
		do    func(l *light)
		at    time.Duration
		on    bool
		level uint8
	}{
		{"as it leaves the factory", newLight(), func(*light) {}, 0, true, 254},
		{"off", lit(100), func(l *light) { l.switchOff(start) }, 0, false, 100},
		{"off and on", dark(100), func(l *light) { l.switchOn(start) }, 0, true, 100},
		{"on when on", lit(100), func(l *light) { l.switchOn(start) }, 0, true, 100},
		{"on to the on level", dark(100), func(l *light) { l.onLevel = 50; l.switchOn(start) }, 0, true, 50},
		{"off with an on level stays at the minimum", lit(100), func(l *light) { l.onLevel = 50; l.switchOff(start) }, 0, false, 1},
		{"toggle", lit(100), func(l *light) { l.toggle(start) }, 0, false, 100},
		{"toggle twice", lit(100), func(l *light) { l.toggle(start); l.toggle(start) }, 0, true, 100},

		{"off over 2 s, under way", lit(101), func(l *light) { l.onOffTime = 20; l.switchOff(start) }, s, true, 51},
		{"off over 2 s, over", lit(101), func(l *light) { l.onOffTime = 20; l.switchOff(start) }, 2 * s, false, 101},
		{"on over 2 s, under way", dark(101), func(l *light) { l.onOffTime = 20; l.switchOn(start) }, s, true, 51},
		{"on over its own time", dark(101), func(l *light) { l.onOffTime = 20; l.onTime = 10; l.switchOn(start) }, s, true, 101},
		{"on again while going off", lit(101), func(l *light) { l.onOffTime = 20; l.switchOff(start); l.switchOn(after(s)) }, 3 * s, true, 101},
		{"toggle while going off", lit(101), func(l *light) { l.onOffTime = 20; l.switchOff(start); l.toggle(after(s)) }, 3 * s, true, 101},

		{"to a level", lit(100), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{Level: 200}) }, 0, true, 200},
		{"to 0 is to the minimum", lit(100), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{}) }, 0, true, 1},
		{"to 0 with on/off is off", lit(100), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{WithOnOff: true}) }, 0, false, 1},
		{"and on again is to the level of before", lit(100), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{WithOnOff: true})
			l.switchOn(start)
		}, 0, true, 100},
		{"to 0 with on/off, under way", lit(101), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{Transition: 20, WithOnOff: true}) }, s, true, 51},
		{"off while going off", lit(101), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{Transition: 20, WithOnOff: true})
			l.switchOff(after(s))
			l.switchOn(after(s))
		}, s, true, 101},
		{"a new target while going off", lit(101), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{Transition: 20, WithOnOff: true})
			l.moveToLevel(after(s), zcl.MoveToLevel{Level: 60, WithOnOff: true})
		}, 5 * s, true, 60},
		{"as fast as possible is the on/off time", lit(1), func(l *light) {
			l.onOffTime = 20
			l.moveToLevel(start, zcl.MoveToLevel{Level: 101, Transition: zcl.AsFastAsPossible})
		}, s, true, 51},

		{"when off, a level without on/off is ignored", dark(100), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{Level: 200}) }, 0, false, 100},
		{"unless it says otherwise", dark(100), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{Level: 200, Options: zcl.Options{Mask: 1, Override: 1}})
		}, 0, false, 200},
		{"or the options do", dark(100), func(l *light) { l.options = 1; l.moveToLevel(start, zcl.MoveToLevel{Level: 200}) }, 0, false, 200},
		{"while going off, a level without on/off does not keep it on", lit(100), func(l *light) {
			l.onOffTime = 20
			l.switchOff(start)
			l.moveToLevel(after(s), zcl.MoveToLevel{Level: 200})
		}, 3 * s, false, 100},
		{"nor with execute if off", lit(100), func(l *light) {
			l.onOffTime, l.options = 20, 1
			l.switchOff(start)
			l.moveToLevel(after(s), zcl.MoveToLevel{Level: 200})
		}, 3 * s, false, 200},
		{"when off, a level with on/off lights it from the minimum", dark(200), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{Level: 101, Transition: 20, WithOnOff: true})
		}, s, true, 51},
		{"when off, to 0 with on/off stays off", dark(200), func(l *light) { l.moveToLevel(start, zcl.MoveToLevel{WithOnOff: true}) }, 0, false, 200},

		{"move up", lit(100), func(l *light) { l.move(start, zcl.Move{Rate: 50}) }, 2 * s, true, 200},
		{"move up to the end", lit(100), func(l *light) { l.move(start, zcl.Move{Rate: 50}) }, 9 * s, true, 254},
		{"move down with on/off to the end", lit(101), func(l *light) { l.move(start, zcl.Move{Down: true, Rate: 50, WithOnOff: true}) }, 2 * s, false, 1},
		{"move at the default rate", lit(1), func(l *light) { l.move(start, zcl.Move{Rate: zcl.DefaultRate}) }, s, true, 65},
		{"move at the rate that was set", lit(1), func(l *light) { l.moveRate = 10; l.move(start, zcl.Move{Rate: zcl.DefaultRate}) }, s, true, 11},
		{"move up with on/off from dark", dark(200), func(l *light) { l.move(start, zcl.Move{Rate: 10, WithOnOff: true}) }, s, true, 11},
		{"stop", lit(100), func(l *light) { l.move(start, zcl.Move{Rate: 50}); l.stop(after(s), zcl.Stop{}) }, 9 * s, true, 150},
		{"stop while going off stays on", lit(101), func(l *light) {
			l.moveToLevel(start, zcl.MoveToLevel{Transition: 20, WithOnOff: true})
			l.stop(after(s), zcl.Stop{WithOnOff: true})
		}, 9 * s, true, 51},

		{"step up", lit(100), func(l *light) { l.step(start, zcl.Step{Size: 50, Transition: 10}) }, s, true, 150},
		{"step at the end takes a part of the time", lit(204), func(l *light) { l.step(start, zcl.Step{Size: 100, Transition: 20}) }, s, true, 254},
		{"step down with on/off", lit(20), func(l *light) { l.step(start, zcl.Step{Down: true, Size: 50, WithOnOff: true}) }, 0, false, 1},
		{"step up with on/off from dark", dark(100), func(l *light) { l.step(start, zcl.Step{Size: 50, WithOnOff: true}) }, 0, true, 51},
		{"step as fast as possible", lit(100), func(l *light) { l.step(start, zcl.Step{Size: 50, Transition: zcl.AsFastAsPossible}) }, 0, true, 150},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := test.light
			test.do(&l)
			l.advance(after(test.at))
			if level := l.levelAt(after(test.at)); l.on != test.on || level != test.level {
				t.Errorf("on %v at level %d; want %v at %d", l.on, level, test.on, test.level)
			}
		})
	}
}

func TestRefusedCommands(t *testing.T) {
	l := lit(100)
	for name, test := range map[string]struct{ got, want zcl.Status }{
		"level 255": {l.moveToLevel(start, zcl.MoveToLevel{Level: 255}), zcl.InvalidValue},
		"rate 0":    {l.move(start, zcl.Move{}), zcl.InvalidField},
		"size 0":    {l.step(start, zcl.Step{}), zcl.InvalidField},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	if l != lit(100) {
		t.Errorf("a refused command changed the light: %+v", l)
	}
}

func TestRemainingTime(t *testing.T) {
	l := lit(1)
	l.moveToLevel(start, zcl.MoveToLevel{Level: 100, Transition: 20})
	for after, want := range map[time.Duration]uint16{0: 20, time.Second: 10, 1950 * time.Millisecond: 1, 2 * time.Second: 0} {
		if got := l.remaining(start.Add(after)); got != want {
			t.Errorf("after %v: %d tenths, want %d", after, got, want)
		}
	}
}

func TestStartUp(t *testing.T) {
	for _, test := range []struct {
		name         string
		before       light
		onOff, level uint8
		on           bool
		at           uint8
	}{
		{"as before, on", lit(100), unset, unset, true, 100},
		{"as before, off", dark(100), unset, unset, false, 100},
		{"off", lit(100), 0, unset, false, 100},
		{"on", dark(100), 1, unset, true, 100},
		{"the other, from on", lit(100), 2, unset, false, 100},
		{"the other, from off", dark(100), 2, unset, true, 100},
		{"as before, at a level", lit(100), unset, 30, true, 30},
		{"on, at the minimum", dark(100), 1, 0, true, 1},
	} {
		m := test.before.settled()
		m.startUpOnOff, m.startUpLevel = test.onOff, test.level
		if l := restoredLight(m); l.on != test.on || l.level != test.at {
			t.Errorf("%s: on %v at %d, want %v at %d", test.name, l.on, l.level, test.on, test.at)
		}
	}
	// Dimmed to off, then on by its start-up attribute: not at the minimum.
	l := lit(100)
	l.moveToLevel(start, zcl.MoveToLevel{WithOnOff: true})
	m := l.settled()
	if m.startUpOnOff = 1; restoredLight(m).level != 100 {
		t.Errorf("starts at %d, want 100", restoredLight(m).level)
	}
}

func TestPower(t *testing.T) {
	for _, test := range []struct {
		on     bool
		output sconce.Level
		want   Milliwatts
	}{
		{false, 0, 300},
		{true, 0, 1888},     // 0.3 W and 4 % of the other 39.7 W
		{true, 500, 20944},  // and 48 % of them
		{true, 1000, 40000}, // the rated power
	} {
		if got := InputPower(40000, test.on, test.output); got != test.want {
			t.Errorf("on %v at %d ‰: %d mW, want %d", test.on, test.output, got, test.want)
		}
	}
	last := Milliwatts(0)
	for out := range 1001 {
		p := InputPower(MaxRatedPower, true, sconce.Level(out))
		if p <= last {
			t.Fatalf("at %d ‰: %d mW, not more than with less light", out, p)
		}
		last = p
	}
	if last != MaxRatedPower {
		t.Errorf("full power is %d", last)
	}
}
