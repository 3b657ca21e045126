package sim

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sconce"
	"sconce/internal/tshark"
	"sconce/zigbee"
)

// small is a trial of two floors and more than one hop, which ends soon.
func small(seed uint64) TrialConfig {
	return TrialConfig{
		Seed: seed, Lights: 60, Office: Office{Floors: 2, RoomsOnFloor: 6}, Duration: 3 * time.Minute, Shadowing: 3,
		CommandEvery: 2 * time.Second, GroupEvery: 20 * time.Second, ReplayEvery: time.Second, Channels: zigbee.Channels(11, 15, 20),
	}
}

func runTrial(t *testing.T, cfg TrialConfig) *Summary {
	t.Helper()
	s, err := Trial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range s.Invariants {
		if !i.Held {
			t.Errorf("seed %d: not so: %s; %d times, first %s", cfg.Seed, i.Name, i.Violations, i.First)
		}
	}
	return s
}

// Sixty lights over several hops: one seed gives the same frames byte for byte,
// everybody joins, and Wireshark verifies what it has the labels for.
func TestTrial(t *testing.T) {
	record := func(seed uint64) (*Summary, []byte) {
		var air bytes.Buffer
		p := NewPcap(&air)
		cfg := small(seed)
		cfg.Tap = p.Tap
		s := runTrial(t, cfg)
		return s, air.Bytes()
	}
	s, one := record(7)
	if _, two := record(7); !bytes.Equal(one, two) {
		t.Error("two trials from one seed differ")
	}
	if s.Joined != 60 || s.Configured != 60 || len(s.Hops) < 2 {
		t.Errorf("of 60 lights %d joined, %d were configured, over hops %v", s.Joined, s.Configured, s.Hops)
	}
	if d := s.Delivery; d.Reports.Ratio < 0.99 || d.Unicasts.Ratio < 0.95 || d.Groups.Ratio < 0.95 {
		t.Errorf("delivered: %+v", d)
	}
	if s.Replay.Heard < 1000 {
		t.Errorf("only %d replays came to a node that knew the frame", s.Replay.Heard)
	}
	path := filepath.Join(t.TempDir(), "trial.pcap")
	if err := os.WriteFile(path, one, 0o600); err != nil {
		t.Fatal(err)
	}
	var keys []tshark.Key
	for i := range 60 {
		l, err := trialLight(small(7).withDefaults(), i)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tshark.Key{Name: l.Serial, Value: l.InstallCode.LinkKey().Bytes()})
	}
	r := tshark.Gate(t, path, keys...)
	t.Logf("%+v; %d frames, %d of %d integrity codes verified", *s, r.Frames, r.Verified, r.Secured)
}

// All lights lose power at once, and come back under command within a minute.
func TestTrialPowerCut(t *testing.T) {
	cfg := small(3)
	cfg.Duration = 4 * time.Minute // all have joined long before the cut
	cfg.Faults = []Fault{{At: 170 * time.Second, For: 10 * time.Second, Kind: PowerCut, Room: AllRooms}}
	s := runTrial(t, cfg)
	if s.Joined != 60 || time.Duration(s.JoinedAt) > 4*time.Minute {
		t.Errorf("%d of 60 lights are back after a power cut of the building", s.Joined)
	}
}

// Two networks in one building keep apart.
func TestTrialOfTwoNetworks(t *testing.T) {
	cfg := small(5)
	cfg.Lights, cfg.Networks, cfg.Office = 20, 2, Office{Floors: 1, RoomsOnFloor: 4}
	cfg.Faults = []Fault{{At: 2 * time.Minute, For: time.Minute, Kind: Interference, Channels: zigbee.Channels(11, 12, 13, 14), Duty: 0.2}}
	if s := runTrial(t, cfg); s.Joined != 20 || s.Rejects.UnknownKey > 1000 {
		t.Errorf("%+v", s)
	}
}

func TestParseFaults(t *testing.T) {
	got, err := ParseFaults("power@10m+30s:room=3, death@1h:light=any,loss@5m+10m:0.3/0.5,wifi@2h+1h:15-18/0.4,trolley@30m,lift@1m+2m", 1, time.Hour)
	want := []Fault{
		{At: 10 * time.Minute, For: 30 * time.Second, Kind: PowerCut, Room: 2},
		{At: time.Hour, Kind: Death, Light: AnyLight},
		{At: 5 * time.Minute, For: 10 * time.Minute, Kind: LossyLinks, Loss: 0.3, Share: 0.5},
		{At: 2 * time.Hour, For: time.Hour, Kind: Interference, Channels: zigbee.Channels(15, 16, 17, 18), Duty: 0.4},
		{At: 30 * time.Minute, Kind: Trolley},
		{At: time.Minute, For: 2 * time.Minute, Kind: Lift},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	if drawn, err := ParseFaults("random=20", 1, time.Hour); err != nil || len(drawn) != 20 {
		t.Errorf("%d drawn, %v", len(drawn), err)
	}
	for _, bad := range []string{
		"power", "power@", "power@1m", "power@-1m:room=1", "power@1m+0s:room=1", "power@1m:room=0", "flood@1m", "death@1m:light=all",
		"loss@1m:0.3", "loss@1m:2/1", "loss@1m:NaN/1", "wifi@1m:10/0.5", "wifi@1m:11/1", "wifi@1m:15-11/0.5", "trolley@1m:x", "lift@1m:2", "random=-1", "random=9999",
	} {
		if _, err := ParseFaults(bad, 1, time.Hour); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestObstacleWeakensAndLeaves(t *testing.T) {
	b := newBench(t, AirConfig{Seed: 1})
	x, y := b.place(1, Position{}), b.place(2, Position{X: 10})
	before := x.x.link(y.x).gain
	o := b.AddObstacle(1, 10)
	o.Move(Position{X: 5, Y: 0.5})
	late := b.place(3, Position{X: 10, Y: 0.1})
	if got := x.x.link(y.x).gain; got != before-10 {
		t.Errorf("%v dB through the obstacle, want %v", got, before-10)
	}
	o.Move(Position{X: 5, Y: 3})
	if got := x.x.link(y.x).gain; got != before {
		t.Errorf("%v dB beside the obstacle, want %v", got, before)
	}
	if got, want := x.x.link(late.x).gain, float32(b.cfg.Propagation.gain(late.x.position.distance(Position{}))); got != want {
		t.Errorf("%v dB to a light that came later, want %v", got, want)
	}
}

func TestInterference(t *testing.T) {
	b := newBench(t, AirConfig{Seed: 1})
	x := b.place(1, Position{})
	if _, err := b.Interfere(Interferer{Channels: zigbee.Channels(11), Duty: 1}); err == nil {
		t.Error("noise without an end was taken")
	}
	n, err := b.Interfere(Interferer{Position: Position{X: 3}, Channels: zigbee.Channels(11, 12), Duty: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	busy := 0
	for range 1000 {
		b.RunFor(time.Millisecond)
		if x.x.level(11) > -60 {
			busy++
		}
		if x.x.level(13) > noiseFloor {
			t.Fatal("noise on another channel")
		}
	}
	if busy < 400 || busy > 600 {
		t.Errorf("the channel was busy %d times in 1000, want half", busy)
	}
	n.Stop()
	b.RunFor(time.Second)
	if x.x.level(11) > noiseFloor || b.Counters().Frames != 0 {
		t.Error("noise after its end, or counted as frames")
	}
}
