package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sconce/device"
	"sconce/internal/tshark"
	"sconce/zigbee"
	"sconce/zigbee/mac"
)

// large is a trial of 250 lights on two floors, who are left alone once they are
// set up.
func large(seed uint64) TrialConfig {
	return TrialConfig{
		Seed: seed, Lights: 250, Duration: 10 * time.Minute, Shadowing: 3, Channels: zigbee.Channels(11, 15, 20),
		CommandEvery: time.Hour, GroupEvery: time.Hour,
	}.withDefaults()
}

// scene is a trial that a test leads.
type scene struct {
	*trial
	t     *testing.T
	heard census
}

// census counts frames on the air that tell of nodes without a network.
type census struct{ scans, associations, orphans, frames int }

func (c *census) tap(_ time.Time, _ uint8, psdu []byte) {
	c.frames++
	h, payload, err := mac.Parse(psdu[:len(psdu)-fcsLen])
	if err != nil || h.Type != mac.TypeCommand || len(payload) == 0 {
		return
	}
	switch mac.CommandID(payload[0]) {
	case mac.BeaconRequest:
		c.scans++
	case mac.AssociationRequest:
		c.associations++
	case mac.OrphanNotification:
		c.orphans++
	}
}

// begin builds a trial and waits until all its lights are set up.
func begin(t *testing.T, cfg TrialConfig, longest time.Duration) *scene {
	t.Helper()
	s := &scene{t: t}
	tap := cfg.Tap
	cfg.Tap = func(at time.Time, channel uint8, psdu []byte) {
		s.heard.tap(at, channel, psdu)
		if tap != nil {
			tap(at, channel, psdu)
		}
	}
	var err error
	if s.trial, err = newTrial(cfg); err != nil {
		t.Fatal(err)
	}
	if !s.runUntil(longest, func() bool { return s.configured() == cfg.Lights }) {
		t.Fatalf("seed %d: %d of %d lights are set up after %v", cfg.Seed, s.configured(), cfg.Lights, longest)
	}
	return s
}

// runUntil lets time pass until done reports true, which it returns.
func (s *scene) runUntil(longest time.Duration, done func() bool) bool {
	s.t.Helper()
	const step = 100 * time.Millisecond
	for passed := time.Duration(0); passed < longest; passed += step {
		if done() {
			return true
		}
		s.building.RunFor(step)
		if s.err != nil {
			s.t.Fatal(s.err)
		}
	}
	return done()
}

// drill commands lights one after the other to do the opposite, each again and again
// until it does.
type drill struct {
	c     *controller
	begun time.Time
	took  durations // until each light obeyed
	tries int
	left  []*member
}

func (s *scene) drill(lights []*member) *drill {
	d := &drill{c: s.controllers[0], begun: s.air.Now(), left: slices.Clone(lights)}
	d.next()
	return d
}

func (d *drill) next() {
	if len(d.left) == 0 {
		return
	}
	m := d.left[0]
	d.left = d.left[1:]
	d.try(m, !m.state.On)
}

func (d *drill) try(m *member, want bool) {
	const pause = time.Second
	d.tries++
	d.c.node.Do(func(time.Time) {
		q := d.c.onOff(want)
		q.DstEndpoint, q.Ack = device.Endpoint, true
		d.c.send(m, q, func(error) {
			if m.state.Powered && m.state.On == want {
				d.took.note(d.c.trial.air.Now().Sub(d.begun))
				d.c.trial.air.After(time.Millisecond, d.next)
				return
			}
			d.c.trial.air.After(pause, func() { d.try(m, want) })
		})
	})
}

// lit returns how many lights are on, or off.
func (s *scene) lit(on bool) (n int) {
	for _, m := range s.controllers[0].lights {
		if m.state.Powered && m.state.On == on {
			n++
		}
	}
	return n
}

// all has all lights switched by a command to the group that they are all in, said
// again every few seconds to those who missed it, and returns when each of them
// obeyed.
func (s *scene) all(on bool, longest time.Duration) (took durations, said int) {
	s.t.Helper()
	begun := s.air.Now()
	for s.lit(on) < s.cfg.Lights && s.air.Now().Sub(begun) < longest {
		said++
		s.controllers[0].node.Do(func(time.Time) {
			q := s.controllers[0].onOff(on)
			q.Dst, q.Group = zigbee.BroadcastRxOn, everyLight
			s.controllers[0].request(q, func(error) {})
		})
		s.runUntil(roundTime, func() bool {
			for n := s.lit(on); len(took) < n; {
				took.note(s.air.Now().Sub(begun))
			}
			return len(took) == s.cfg.Lights
		})
	}
	return took, said
}

// All 250 lights of a building lose power at once. They wake up as members of
// their network, look for none and ask to be let into none, and each obeys
// within a minute.
func TestPowerCutOf250(t *testing.T) {
	const seed = 3
	var air bytes.Buffer
	cfg := large(seed)
	cfg.Tap = NewPcap(&air).Tap
	s := begin(t, cfg, 6*time.Minute)
	t.Logf("seed %d: set up after %v, %+v", seed, s.air.Now().Sub(s.cfg.Start), s.heard)
	s.building.RunFor(20 * time.Second)
	s.setPower(s.building.order, false)
	s.building.RunFor(10 * time.Second)
	s.heard = census{}
	s.setPower(s.building.order, true)
	s.building.RunFor(5 * time.Second)
	lights := s.controllers[0].lights
	back := s.air.Now()
	took, said := s.all(!lights[0].state.On, 25*time.Second)
	t.Logf("seed %d: a command to all reached %d lights, p50 %v, p100 %v, said %d times; %+v", seed, len(took), took.quantile(.5), took.quantile(1), said, s.heard)
	if len(took) < s.cfg.Lights {
		t.Errorf("seed %d: %d of %d lights obey a command to all", seed, len(took), s.cfg.Lights)
	}
	d := s.drill(lights)
	s.runUntil(time.Minute-s.air.Now().Sub(back)-5*time.Second, func() bool { return len(d.took) == len(lights) })
	t.Logf("seed %d: one by one, %d of %d lights obeyed within %v, in %d tries; %+v", seed, len(d.took), len(lights), d.took.quantile(1), d.tries, s.heard)
	if len(d.took) < len(lights) {
		t.Errorf("seed %d: %d of %d lights obey a minute after power is back", seed, len(d.took), len(lights))
	}
	if s.heard.scans+s.heard.associations+s.heard.orphans > 0 {
		t.Errorf("seed %d: lights look for a network that they belong to: %+v", seed, s.heard)
	}
	if most := s.sniffer.airborne.most; most > 48 {
		t.Errorf("seed %d: %d broadcasts at a time", seed, most)
	}
	judge(t, cfg, air.Bytes())
}

// judge shows a capture to Wireshark. With the codes of the labels it must verify
// every frame and find fault with none; without them, and with the link key that
// everybody knows, it must read no application frame and no key.
func judge(t *testing.T, cfg TrialConfig, air []byte) tshark.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "air.pcap")
	if err := os.WriteFile(path, air, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := tshark.Read(t.Context(), path, labels(t, cfg)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Errorf("seed %d: %v", cfg.Seed, err)
	}
	stranger, err := tshark.Read(t.Context(), path, tshark.Key{Name: "default", Value: [16]byte([]byte("ZigBeeAlliance09"))})
	if err != nil {
		t.Fatal(err)
	}
	if stranger.Readable+stranger.Verified > 0 {
		t.Errorf("seed %d: with the key that everybody knows, %d frames can be read and %d integrity codes verified", cfg.Seed, stranger.Readable, stranger.Verified)
	}
	t.Logf("seed %d: %d frames, %d of %d integrity codes verified, %d of them of Green Power switches", cfg.Seed, r.Frames, r.Verified, r.Secured, r.Green)
	return r
}

// labels are the keys on the labels of a trial's devices.
func labels(t *testing.T, cfg TrialConfig) (keys []tshark.Key) {
	t.Helper()
	for i := range cfg.Lights {
		l, err := trialLight(cfg, i)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tshark.Key{Name: l.Serial, Value: l.InstallCode.LinkKey().Bytes()})
	}
	for i := range cfg.Sensors + cfg.Switches {
		s, err := trialSleeper(cfg, i)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tshark.Key{Name: s.Serial, Value: s.InstallCode.LinkKey().Bytes()})
	}
	for i, key := range trialGPKeys(cfg) {
		keys = append(keys, tshark.Key{Name: fmt.Sprintf("GP-%05d", i+1), Value: key, GreenPower: true})
	}
	return keys
}
