package network

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sconce"
	"sconce/internal/corpus"
	"sconce/wire"
	"sconce/zigbee/zcl"
)

func commandID(n int) sconce.CommandID {
	return sconce.MakeID[sconce.CommandID](epoch, [10]byte{9: byte(n)})
}

func (w *world) switchTo(i int, on bool) wire.Command {
	return wire.Command{ID: commandID(i), Expires: expiry(w), Device: sconce.EUI64(w.light(i).eui), On: &on}
}

func dimTo(w *world, level sconce.Level, fade uint32) wire.Command {
	return wire.Command{ID: commandID(0), Expires: expiry(w), Device: sconce.EUI64(w.light(0).eui), Level: &level, Fade: fade}
}

func groupTo(w *world, g sconce.GroupNumber, level sconce.Level) wire.Command {
	return wire.Command{ID: commandID(0), Expires: expiry(w), Group: g, Level: &level}
}

func expiry(w *world) wire.Time { return wireTime(w.now.Add(10 * time.Second)) }

// outcome lets the command be carried out and returns the status at light i.
func (w *world) outcome(c wire.Command, within time.Duration) map[sconce.EUI64]wire.OutcomeStatus {
	w.t.Helper()
	w.net.Command(w.now, c)
	w.run(within)
	r := w.result()
	if r.Command != c.ID {
		w.t.Errorf("result of %s, want of %s", r.Command, c.ID)
	}
	m := map[sconce.EUI64]wire.OutcomeStatus{}
	for _, o := range r.Outcomes {
		m[o.Device] = o.Status
	}
	if len(m) != len(r.Outcomes) {
		w.t.Errorf("a light has two outcomes: %+v", r.Outcomes)
	}
	return m
}

func (w *world) wantOutcome(c wire.Command, within time.Duration, want wire.OutcomeStatus) {
	w.t.Helper()
	got := w.outcome(c, within)
	if len(got) != 1 || got[c.Device] != want {
		w.t.Errorf("outcomes %v, want %d", got, want)
	}
}

// One light, one hop: the light's own report confirms the command, without
// anybody asking.
func TestACommandIsConfirmedByTheLightsOwnReport(t *testing.T) {
	w := ready(t, 1)
	w.wantOutcome(w.switchTo(0, true), 3*oneWay, wire.Confirmed)
	if len(w.sent) != 1 {
		t.Errorf("%d frames were sent for one command", len(w.sent))
	}
	if s := w.stateOf(0); s.On == nil || !*s.On || s.Cause != sconce.CauseCommand {
		t.Errorf("state %+v", s)
	}
}

// A light that does not report is asked as soon as it has acknowledged.
func TestACommandIsConfirmedByReadingBack(t *testing.T) {
	w := ready(t, 1)
	w.light(0).mute = true
	w.wantOutcome(w.switchTo(0, true), 4*oneWay+reportGrace+time.Millisecond, wire.Confirmed)
}

func TestACommandThatChangesNothingIsConfirmedToo(t *testing.T) {
	w := ready(t, 1)
	w.wantOutcome(w.switchTo(0, false), 100*time.Millisecond, wire.Confirmed)
}

func TestDimming(t *testing.T) {
	tests := []struct {
		level sconce.Level
		on    bool
		zcl   uint8
	}{{1000, true, 254}, {500, true, 127}, {1, true, 2}, {0, false, 0}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.level), func(t *testing.T) {
			for _, mute := range []bool{false, true} {
				w := ready(t, 1)
				w.light(0).on, w.light(0).to = tt.level == 0, 100
				w.light(0).changed()
				w.run(time.Second)
				w.light(0).mute = mute
				w.wantOutcome(dimTo(w, tt.level, 0), 150*time.Millisecond, wire.Confirmed)
				l := w.light(0)
				if level, _ := l.level(w.now); l.on != tt.on || level != tt.zcl {
					t.Errorf("the light is on %v at %d", l.on, level)
				}
				s := w.stateOf(0)
				if s.On == nil || *s.On != tt.on {
					t.Errorf("state %+v", s)
				}
				if tt.on && (s.Level == nil || *s.Level != fromZCL(tt.zcl)) {
					t.Errorf("state %+v", s)
				}
			}
		})
	}
}

// The result of a fade comes at its end, and not before.
func TestAFadeIsConfirmedAtItsEnd(t *testing.T) {
	for _, mute := range []bool{false, true} {
		t.Run(fmt.Sprint("mute ", mute), func(t *testing.T) {
			w := ready(t, 1)
			w.light(0).mute = mute
			c := dimTo(w, 500, 3000)
			w.net.Command(w.now, c)
			w.run(2900 * time.Millisecond)
			if r := told[wire.Result](w); len(r) != 0 {
				t.Fatalf("a result before the end of the fade: %+v", r)
			}
			w.run(300 * time.Millisecond)
			if r := w.result(); len(r.Outcomes) != 1 || r.Outcomes[0].Status != wire.Confirmed {
				t.Errorf("result %+v", r)
			}
			if w.light(0).commands != 1 {
				t.Errorf("the light was told %d times", w.light(0).commands)
			}
		})
	}
}

func TestALightThatDoesSomethingElseHasRefused(t *testing.T) {
	w := ready(t, 1)
	w.light(0).floor = 50
	w.wantOutcome(dimTo(w, 10, 0), commandPatience, wire.Refused)
	if w.light(0).commands != commandTries {
		t.Errorf("told %d times, want %d", w.light(0).commands, commandTries)
	}
	if s := w.stateOf(0); s.Level == nil || *s.Level != fromZCL(50) {
		t.Errorf("state %+v, want what the light does", s)
	}
}

func TestALightWithoutPowerIsUnconfirmed(t *testing.T) {
	w := ready(t, 1)
	w.light(0).deaf = true
	w.wantOutcome(w.switchTo(0, true), commandPatience+patienceLight, wire.Unconfirmed)
}

func TestCommandsThatCannotBegin(t *testing.T) {
	w := ready(t, 1)
	late := w.switchTo(0, true)
	late.Expires = wireTime(w.now) - 1
	w.wantOutcome(late, time.Millisecond, wire.Expired)
	w.told = nil

	stranger := w.switchTo(0, true)
	stranger.ID, stranger.Device = commandID(1), 99
	w.wantOutcome(stranger, time.Millisecond, wire.NotJoined)
	w.told = nil

	w.net.SetDesired(w.now, func() wire.Desired {
		d := desired(2, 1)
		d.Devices = append(d.Devices, wire.DesiredDevice{Device: 77, Kind: sconce.Luminaire, InstallCode: goodCode})
		return d
	}())
	absent := w.switchTo(0, true)
	absent.ID, absent.Device = commandID(2), 77
	w.wantOutcome(absent, time.Millisecond, wire.NotJoined)
	w.told = nil

	empty := groupTo(w, 9, 500)
	empty.ID = commandID(3)
	if got := w.outcome(empty, time.Millisecond); len(got) != 0 {
		t.Errorf("outcomes %v of a group without lights", got)
	}
	if w.light(0).commands != 0 {
		t.Error("the light was told something")
	}
}

func TestARepeatedCommandIsCarriedOutOnce(t *testing.T) {
	w := ready(t, 1)
	c := w.switchTo(0, true)
	w.net.Command(w.now, c)
	w.net.Command(w.now, c)
	w.run(time.Second)
	w.net.Command(w.now, c)
	w.run(time.Second)
	if w.light(0).commands != 1 {
		t.Errorf("the light was told %d times", w.light(0).commands)
	}
	w.result()
}

func TestALaterCommandTakesThePlaceOfAnEarlierOne(t *testing.T) {
	w := ready(t, 1)
	w.net.Command(w.now, dimTo(w, 500, 5000))
	w.run(time.Second)
	second := dimTo(w, 1000, 0)
	second.ID = commandID(1)
	w.net.Command(w.now, second)
	w.run(10 * time.Second)
	got := told[wire.Result](w)
	if len(got) != 2 || got[0].Command != commandID(0) || got[0].Outcomes[0].Status != wire.Unconfirmed ||
		got[1].Command != commandID(1) || got[1].Outcomes[0].Status != wire.Confirmed {
		t.Errorf("results %+v", got)
	}
	if level, _ := w.light(0).level(w.now); level != 254 || w.light(0).commands != 2 {
		t.Errorf("the light is at %d after %d commands", level, w.light(0).commands)
	}
}

func (w *world) groupcasts() (count int) {
	for _, r := range w.sent {
		if r.Group != 0 {
			count++
		}
	}
	return count
}

func TestAGroupIsOneGroupcastConfirmedByReports(t *testing.T) {
	w := ready(t, 4, 5)
	got := w.outcome(groupTo(w, 5, 500), 50*time.Millisecond)
	for e, s := range got {
		if s != wire.Confirmed {
			t.Errorf("%s: %d", e, s)
		}
	}
	if len(got) != 4 || len(w.sent) != 1 || w.groupcasts() != 1 {
		t.Errorf("%d outcomes, %d frames, %d groupcasts", len(got), len(w.sent), w.groupcasts())
	}
}

// The light that missed the groupcast is told by unicast; the one without power
// is the only one that is not confirmed.
func TestStragglersOfAGroup(t *testing.T) {
	w := ready(t, 5, 5)
	w.light(1).missCasts = true
	w.light(2).mute = true
	w.light(3).deaf = true
	got := w.outcome(groupTo(w, 5, 500), commandPatience+5*patienceLight)
	for i := range 5 {
		want := wire.Confirmed
		if i == 3 {
			want = wire.Unconfirmed
		}
		if s := got[sconce.EUI64(w.light(i).eui)]; s != want {
			t.Errorf("light %d: %d, want %d", i, s, want)
		}
	}
	if w.groupcasts() != 1 || w.light(0).commands != 1 || w.light(1).commands != 1 {
		t.Errorf("%d groupcasts; told %d and %d times", w.groupcasts(), w.light(0).commands, w.light(1).commands)
	}
}

// A light that is to be in the group, and has not been added yet, is told too.
func TestAGroupReachesLightsThatAreNotInItYet(t *testing.T) {
	w := ready(t, 3, 5)
	w.light(2).deaf = true
	w.net.SetDesired(w.now, desired(2, 3, 5, 6))
	w.run(time.Minute)
	w.light(2).deaf = false
	w.told = nil
	for e, s := range w.outcome(groupTo(w, 6, 500), time.Second) {
		if s != wire.Confirmed {
			t.Errorf("%s: %d", e, s)
		}
	}
}

func TestTooManyCommandsAreAnsweredAtOnce(t *testing.T) {
	w := ready(t, maxCommands+1)
	for i := range maxCommands + 1 {
		w.light(i).deaf = true
		w.net.Command(w.now, w.switchTo(i, true))
	}
	w.run(time.Millisecond)
	if r := w.result(); r.Command != commandID(maxCommands) || r.Outcomes[0].Status != wire.Unconfirmed {
		t.Errorf("result %+v", r)
	}
	w.run(time.Minute)
	if w.net.commands.active != 0 {
		t.Errorf("%d commands are still active", w.net.commands.active)
	}
}

// Whatever the lights do, every command gets exactly one result with one outcome
// for each light, in time, and says confirmed only of a light that is there.
func TestEveryCommandIsAnsweredTruly(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := ready(t, 4, 5)
		for i := range 4 {
			l := w.light(i)
			l.deaf = rapid.IntRange(0, 3).Draw(r, "deaf") == 0
			l.mute = rapid.Bool().Draw(r, "mute")
			l.missCasts = rapid.Bool().Draw(r, "misses groupcasts")
			l.floor = uint8(rapid.IntRange(0, 200).Draw(r, "floor"))
		}
		level := sconce.Level(rapid.IntRange(0, 1000).Draw(r, "level"))
		fade := uint32(rapid.SampledFrom([]int{0, 300, 2000}).Draw(r, "fade"))
		c := groupTo(w, 5, level)
		c.Fade = fade
		got := w.outcome(c, time.Duration(fade)*time.Millisecond+200*time.Millisecond+commandPatience)
		if len(got) != 4 {
			r.Fatalf("%d outcomes of 4", len(got))
		}
		for i := range 4 {
			l := w.light(i)
			is, moving := l.level(w.now)
			there := !l.deaf && !moving && l.on == (level > 0) && (level == 0 || is == toZCL(level))
			if s := got[sconce.EUI64(l.eui)]; (s == wire.Confirmed) != there {
				r.Fatalf("light %d (on %v at %d, deaf %v) for level %d: outcome %d", i, l.on, is, l.deaf, level, s)
			}
		}
		if n := len(w.net.exchange.active); n > 2*commandTries {
			r.Fatalf("%d exchanges left over", n)
		}
	})
}

// A device that sends nonsense is answered or ignored, and harms nobody.
func FuzzIndication(f *testing.F) {
	f.Add(zcl.ProfileHomeAutomation, uint16(6), uint8(11), []byte{0x18, 1, 0x0a, 0, 0, 0x10, 1})
	f.Add(zcl.ProfileHomeAutomation, uint16(4), uint8(11), []byte{0x19, 1, 0x02, 0, 5, 1, 0})
	f.Add(uint16(0), uint16(0x8005), uint8(0), []byte{1, 0, 0, 0x10, 1, 11})
	corpus.Fuzz(f, func(t *testing.T, profile, cluster uint16, endpoint uint8, payload []byte) {
		w := newWorld(t, 1)
		w.net.SetDesired(w.now, desired(1, 1, 5))
		w.light(0).join()
		l := w.light(0)
		for range 8 {
			l.say(w.now, profile, cluster, endpoint, payload)
			w.run(10 * time.Millisecond)
		}
		for _, m := range w.told {
			if _, err := wire.AppendUp(nil, wire.UpHeader{Version: 1, Boot: 1, Sequence: 1}, m); err != nil {
				t.Fatalf("a message that cannot be sent: %v", err)
			}
		}
	})
}
