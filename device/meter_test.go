package device

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sconce/zigbee/zcl"
)

// TestEnergyIsThePowerOverTime: in however many pieces it is added up, the energy
// is the same, to the last half femtojoule.
func TestEnergyIsThePowerOverTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e energy
		want := new(big.Int)
		for range rapid.IntRange(1, 30).Draw(t, "pieces") {
			p := rapid.Int64Range(0, int64(MaxRatedPower)*1000).Draw(t, "from")
			q := rapid.Int64Range(0, int64(MaxRatedPower)*1000).Draw(t, "to")
			d := rapid.Int64Range(0, int64(24*365*time.Hour)).Draw(t, "ns")
			e.add(p, q, time.Duration(d))
			want.Add(want, new(big.Int).Mul(big.NewInt(p+q), big.NewInt(d)))
		}
		got := new(big.Int).Mul(new(big.Int).SetUint64(e.micro), big.NewInt(restUnit))
		if got.Add(got, new(big.Int).SetUint64(e.rest)); got.Cmp(want) != 0 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// lamps returns a luminaire without a network, for what needs none.
func lone(t testing.TB, restore *State) *Luminaire {
	t.Helper()
	b := newBuilding(t)
	b.white = white
	cfg := b.config(0)
	cfg.Restore = restore
	l, err := NewLuminaire(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestEnergyOfFades: over any fades and looks, the counter is the integral of the
// power model, within a watt-second.
func TestEnergyOfFades(t *testing.T) {
	l := lone(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l.light, l.meter = newLight(), newMeter(40_000)
		now := start
		l.advance(now)
		want := 0.0 // joules
		for range rapid.IntRange(1, 15).Draw(t, "commands") {
			c := zcl.MoveToLevel{
				Level:      rapid.Uint8Range(0, maxLevel).Draw(t, "level"),
				Transition: rapid.Uint16Range(0, 600).Draw(t, "tenths"), WithOnOff: true,
			}
			from, wasOn := l.light.base(now, true), l.light.on
			l.light.moveToLevel(now, c)
			pause := time.Duration(rapid.Int64Range(0, 90_000).Draw(t, "ms")) * time.Millisecond
			want += joules(float64(from), wasOn, c, pause)
			looks := rapid.IntRange(0, 5).Draw(t, "looks")
			for i := range looks {
				l.advance(now.Add(pause * time.Duration(i) / time.Duration(looks)))
			}
			now = now.Add(pause)
			l.advance(now)
		}
		if got := float64(l.meter.energy.micro) / 1e6; math.Abs(got-want) > 1 {
			t.Fatalf("%.3f J, want %.3f J", got, want)
		}
	})
}

// joules returns what the model of a luminaire of 40 W takes in a time after a
// command to a light that is at a level.
func joules(from float64, on bool, c zcl.MoveToLevel, pause time.Duration) float64 {
	watts := func(level float64) float64 { return 0.3 + 39.7*(0.04+0.96*level/254) }
	to := float64(max(c.Level, minLevel))
	off := c.Level <= minLevel
	if off && !on {
		return 0.3 * pause.Seconds()
	}
	fade := float64(c.Transition) / 10
	moving := min(pause.Seconds(), fade)
	end := from
	if fade > 0 {
		end = from + (to-from)*moving/fade
	}
	sum := (watts(from) + watts(end)) / 2 * moving
	rest := pause.Seconds() - moving
	if off {
		return sum + 0.3*rest
	}
	return sum + watts(to)*rest
}

// The counter goes on after a power cut where it was, and nothing flows without
// power.
func TestEnergyOverAPowerCut(t *testing.T) {
	l := lone(t, nil)
	l.Start(start)
	cut := start.Add(time.Hour)
	state, err := ParseState(l.PowerFailing(cut).Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Energy(cut); got != 40*3600 {
		t.Errorf("%d Ws after an hour at 40 W, want 144000", got)
	}
	again := lone(t, &state)
	back := cut.Add(24 * time.Hour)
	again.Start(back)
	if got := again.Energy(back); got != 40*3600 {
		t.Errorf("%d Ws after the power cut, want 144000", got)
	}
	if got := again.Energy(back.Add(time.Minute)); got != 40*3660 {
		t.Errorf("%d Ws a minute later, want 146400", got)
	}
	if v, _ := (application{again}).Attribute(back, Endpoint, zcl.ClusterDiagnostics, zcl.AttrResets); v.Value != zcl.Uint16(1) {
		t.Errorf("%s resets, want 1", v.Value)
	}
}

// A lamp burns while it is lit, over power cuts too; one that is broken does not. What
// firmware wrote that did not count begins at nothing.
func TestBurnTime(t *testing.T) {
	l := lone(t, nil)
	l.Start(start)
	hours := func(at time.Duration) uint64 {
		v, _ := application{l}.Attribute(start.Add(at), Endpoint, zcl.ClusterBallast, zcl.AttrLampBurnHours)
		return v.Value.Uint()
	}
	if got := hours(10*time.Hour + time.Minute); got != 10 {
		t.Errorf("%d hours after ten", got)
	}
	l.SetFaults(start.Add(12*time.Hour), Faults{Lamp: true})
	if got := hours(20 * time.Hour); got != 12 {
		t.Errorf("%d hours, eight of them broken", got)
	}
	if v, _ := (application{l}).Attribute(start, Endpoint, zcl.ClusterBallast, zcl.AttrBallastStatus); v.Value != zcl.Map8(zcl.BallastLampFailure) {
		t.Errorf("status %s of a broken lamp", v.Value)
	}
	l.SetFaults(start.Add(20*time.Hour), Faults{})
	memory := l.PowerFailing(start.Add(21 * time.Hour)).memory
	var again, old Luminaire
	if err := again.recall(memory); err != nil || again.meter.burnt != 13*time.Hour {
		t.Errorf("%v after the power cut, %v", again.meter.burnt, err)
	}
	uncounted := append([]byte{uncountedMemory}, memory[1:len(memory)-burntSize]...)
	if err := old.recall(uncounted); err != nil || old.meter.burnt != 0 || old.meter.energy != again.meter.energy {
		t.Errorf("%v by old firmware, %v", old.meter.burnt, err)
	}
}

// Without a warning of the power cut, at most 0.1 kWh is lost.
func TestEnergyIsSavedNowAndThen(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	for range 8 {
		b.run(time.Hour, nil)
		s, err := ParseState(b.stored[l])
		if err != nil {
			t.Fatal(err)
		}
		var kept Luminaire
		if err := kept.recall(s.memory); err != nil {
			t.Fatal(err)
		}
		if lost := l.Energy(b.now) - kept.meter.energy.joules(); lost > 2*saveEnergy/1_000_000 {
			t.Errorf("%d Ws are not saved", lost)
		}
	}
}

func TestTemperature(t *testing.T) {
	l := lone(t, nil)
	l.Start(start)
	at := func(d time.Duration) float64 {
		l.Advance(start.Add(d))
		return l.meter.temperature()
	}
	if got := at(0); got != 25 {
		t.Errorf("%.1f °C at the start, want 25", got)
	}
	if got, want := at(20*time.Minute), 25+40*(1-1/math.E); math.Abs(got-want) > 0.01 {
		t.Errorf("%.2f °C after a time constant, want %.2f", got, want)
	}
	if got := at(5 * time.Hour); math.Abs(got-65) > 0.01 {
		t.Errorf("%.2f °C at full power, want 65", got)
	}
	l.SetFaults(start.Add(5*time.Hour), Faults{Heat: true})
	if out := l.Light(start.Add(5 * time.Hour)).Output; out != 1000 {
		t.Errorf("output %d before it is hot", out)
	}
	now := start.Add(5 * time.Hour)
	for now.Before(start.Add(7 * time.Hour)) {
		next, ok := l.Deadline()
		if !ok || next.Sub(now) > lookInterval {
			t.Fatalf("looks again at %v, %v, after %v", next, ok, now)
		}
		now = next
		l.Advance(now)
	}
	if got := l.Light(now); got.Output != 500 || l.meter.temperature() < coolAgain {
		t.Errorf("at %.1f °C: %+v, want half of the output", l.meter.temperature(), got)
	}
	l.SetFaults(now, Faults{})
	now = now.Add(2 * time.Hour)
	l.Advance(now)
	if got := l.Light(now); got.Output != 1000 {
		t.Errorf("mended, at %.1f °C: %+v", l.meter.temperature(), got)
	}
}

func TestFaults(t *testing.T) {
	b := newBuilding(t)
	l := b.join()
	b.report(l, zcl.ClusterOnOff, zcl.AttrOnOff, true)
	b.run(time.Second, nil)
	b.received = nil

	l.SetFaults(b.now, Faults{Lamp: true})
	if got := l.Light(b.now); !got.On || got.Output != 0 || got.Power != 1888 {
		t.Errorf("with a broken lamp: %+v, want no light and 1.888 W", got)
	}
	l.SetFaults(b.now, Faults{Reports: true})
	b.command(l, zcl.Off{})
	b.run(10*time.Minute, nil)
	if got := b.reports(zcl.ClusterOnOff, zcl.AttrOnOff); len(got) > 0 || l.Light(b.now).On {
		t.Errorf("reported %v, light %+v", got, l.Light(b.now))
	}
	before := l.Energy(b.now)
	l.SetFaults(b.now, Faults{Dead: true})
	b.run(time.Hour, nil)
	if _, ok := l.Deadline(); ok || l.Light(b.now) != (Light{}) || l.Energy(b.now) != before {
		t.Errorf("dead: deadline %v, %+v, %d Ws after %d", ok, l.Light(b.now), l.Energy(b.now), before)
	}
	l.SetFaults(b.now, Faults{})
	b.run(time.Minute, nil)
	b.command(l, zcl.On{})
	if got := l.Light(b.now); !got.On || got.Output != 1000 {
		t.Errorf("mended: %+v", got)
	}
}
