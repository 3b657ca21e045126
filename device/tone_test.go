package device

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sconce/zigbee/zcl"
)

// white is from 6536 K to 2703 K.
var white = White{Coolest: 153, Warmest: 370}

func toned(mireds uint16) tone {
	t := newTone(white)
	t.mireds = mireds
	return t
}

// TestToneFades: whatever the way, the colour moves towards its target and never
// back, stays within what the lamp can give, and is there at the end.
func TestToneFades(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint16Range(white.Coolest, white.Warmest).Draw(t, "from")
		c := zcl.MoveToColorTemperature{
			Mireds:     rapid.Uint16Range(0, zcl.MaxMireds).Draw(t, "to"),
			Transition: rapid.Uint16Range(0, 0xfffe).Draw(t, "tenths"),
		}
		x := toned(from)
		if status := x.command(start, true, c); status != zcl.Success {
			t.Fatal(status)
		}
		to, last := white.clamp(int(c.Mireds)), from
		end := start.Add(time.Duration(c.Transition) * tenth)
		for _, at := range ascending(start, end, rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 20).Draw(t, "times")) {
			now := x.at(at)
			if !between(int64(last), int64(now), int64(to)) {
				t.Fatalf("at %v: %d after %d on the way to %d", at.Sub(start), now, last, to)
			}
			last = now
		}
		if x.advance(end); x.at(end) != to || x.moving() || x.remaining(end) != 0 {
			t.Fatalf("at the end: %d, want %d", x.at(end), to)
		}
	})
}

func TestTone(t *testing.T) {
	const s = time.Second
	after := func(d time.Duration) time.Time { return start.Add(d) }
	for _, test := range []struct {
		name string
		on   bool
		c    zcl.Command
		at   time.Duration
		want uint16
	}{
		{"to a temperature, half way", true, zcl.MoveToColorTemperature{Mireds: 300, Transition: 20}, s, 250},
		{"to a temperature", true, zcl.MoveToColorTemperature{Mireds: 300, Transition: 20}, 2 * s, 300},
		{"cooler than it can", true, zcl.MoveToColorTemperature{Mireds: 1}, 0, 153},
		{"warmer than it can", true, zcl.MoveToColorTemperature{Mireds: 5000}, 0, 370},
		{"when off", false, zcl.MoveToColorTemperature{Mireds: 300}, 0, 200},
		{"when off, and told to", false, zcl.MoveToColorTemperature{Mireds: 300, Options: zcl.Options{Mask: 1, Override: 1}}, 0, 300},
		{"move up", true, zcl.MoveColorTemperature{Mode: zcl.MoveUp, Rate: 20}, 2 * s, 240},
		{"move up to a limit", true, zcl.MoveColorTemperature{Mode: zcl.MoveUp, Rate: 20, Max: 250}, 9 * s, 250},
		{"move up to the end", true, zcl.MoveColorTemperature{Mode: zcl.MoveUp, Rate: 1000}, s, 370},
		{"move down", true, zcl.MoveColorTemperature{Mode: zcl.MoveDown, Rate: 20}, s, 180},
		{"move down from below the limit", true, zcl.MoveColorTemperature{Mode: zcl.MoveDown, Rate: 20, Min: 250}, s, 200},
		{"step up", true, zcl.StepColorTemperature{Mode: zcl.MoveUp, Size: 50, Transition: 10}, s, 250},
		{"step at the limit takes a part of the time", true, zcl.StepColorTemperature{Mode: zcl.MoveUp, Size: 100, Transition: 20, Max: 250}, s, 250},
		{"step down", true, zcl.StepColorTemperature{Mode: zcl.MoveDown, Size: 20}, 0, 180},
		{"step when off", false, zcl.StepColorTemperature{Mode: zcl.MoveDown, Size: 20}, 0, 200},
	} {
		x := toned(200)
		if status := x.command(start, test.on, test.c); status != zcl.Success {
			t.Errorf("%s: %v", test.name, status)
		}
		if got := x.at(after(test.at)); got != test.want {
			t.Errorf("%s: %d mireds, want %d", test.name, got, test.want)
		}
	}
	for name, stop := range map[string]zcl.Command{
		"StopMoveStep": zcl.StopMoveStep{}, "a move that is a stop": zcl.MoveColorTemperature{},
	} {
		x := toned(200)
		x.command(start, true, zcl.MoveColorTemperature{Mode: zcl.MoveUp, Rate: 10})
		x.command(after(3*s), true, stop)
		if got := x.at(after(9 * s)); got != 230 || x.moving() {
			t.Errorf("%s: %d mireds, want 230", name, got)
		}
	}
}

func TestToneRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		white White
		c     zcl.Command
		want  zcl.Status
	}{
		"too many mireds": {white, zcl.MoveToColorTemperature{Mireds: zcl.MaxMireds + 1}, zcl.InvalidValue},
		"rate 0":          {white, zcl.MoveColorTemperature{Mode: zcl.MoveUp}, zcl.InvalidField},
		"size 0":          {white, zcl.StepColorTemperature{Mode: zcl.MoveUp}, zcl.InvalidField},
		"step nowhere":    {white, zcl.StepColorTemperature{Size: 5}, zcl.InvalidField},
		"only one white":  {White{}, zcl.MoveToColorTemperature{Mireds: 200}, zcl.UnsupCommand},
	} {
		x := newTone(test.white)
		before := x
		if got := x.command(start, true, test.c); got != test.want || x != before {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestToneStartUp(t *testing.T) {
	for startUp, want := range map[uint16]uint16{lastTone: 200, 300: 300, 0: 153, 9000: 370} {
		x := newTone(white)
		if x.restore(toneMemory{mireds: 200, startUp: startUp}); x.at(start) != want {
			t.Errorf("start-up %d: %d mireds, want %d", startUp, x.at(start), want)
		}
	}
}

// When the colour is coupled to the level, it is warm when dim.
func TestToneFollowsTheLevel(t *testing.T) {
	b := newBuilding(t)
	b.white = white
	l := b.join()
	b.command(l, zcl.MoveToColorTemperature{Mireds: 200})
	b.command(l, zcl.MoveToLevel{Level: 100})
	if got := l.Light(b.now).Mireds; got != 200 {
		t.Errorf("%d mireds after dimming without coupling, want 200", got)
	}
	coupled := zcl.Options{Mask: zcl.CoupleColor, Override: zcl.CoupleColor}
	for _, test := range []struct {
		level uint8
		want  uint16
	}{{254, 153}, {1, 370}, {127, 262}} {
		b.command(l, zcl.MoveToLevel{Level: test.level, Options: coupled})
		if got := l.Light(b.now).Mireds; got != test.want {
			t.Errorf("at level %d: %d mireds, want %d", test.level, got, test.want)
		}
	}
	b.command(l, zcl.Off{})
	b.command(l, zcl.MoveToLevel{Level: 254, Options: coupled}) // ignored
	if got := l.Light(b.now).Mireds; got == 153 {
		t.Error("the colour followed a level that was ignored")
	}
}
