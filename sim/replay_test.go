package sim

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/gp"
)

// replayer gives nodes again what they have taken before, straight into their
// receivers: no collision and no lost frame spares them one.
type replayer struct {
	*scene
	frames   []*captured
	injected int
}

// firmware is the node that lives on a transceiver now, and what it counts.
func (r *replayer) firmware() map[int]*Node {
	all := map[int]*Node{r.controllers[0].node.x.id: r.controllers[0].node}
	for _, e := range r.building.order {
		if l := r.building.lights[e]; l.node != nil {
			all[l.x.id] = l.node
		}
	}
	return all
}

// effects is all that a replay could change.
type effects struct {
	opened, pressed, delivered uint64
	lights                     []LightState
	states                     [][]byte
}

func (r *replayer) effects() (e effects) {
	now := r.air.Now()
	for _, n := range r.firmware() {
		c := n.dev.(counted).Counters()
		e.opened += c.NWK.Opened
		e.pressed += c.GreenPower.Accepted
	}
	for _, a := range r.building.order {
		l := r.building.lights[a]
		e.lights = append(e.lights, l.state(now))
		e.states = append(e.states, l.fw.State().Append(nil))
	}
	e.delivered = r.controllers[0].delivery.Reports.Received
	return e
}

func (e *effects) equal(f effects) bool {
	if e.opened != f.opened || e.pressed != f.pressed || e.delivered != f.delivered {
		return false
	}
	for i := range e.lights {
		if e.lights[i] != f.lights[i] || !bytes.Equal(e.states[i], f.states[i]) {
			return false
		}
	}
	return true
}

// say gives every frame to each node that took it, until enough are injected, and
// fails the test when anything came of one.
func (r *replayer) say(when string, enough int) {
	r.t.Helper()
	nodes := r.firmware()
	now := r.air.Now()
	for _, n := range nodes {
		n.dev.Advance(now) // what they do by themselves at this moment, such as to count energy, is done
	}
	before := r.effects()
	injected, rejected := 0, r.rejected(nodes)
	for injected < enough {
		last := injected
		for _, c := range r.frames {
			for _, id := range c.taken {
				if n := nodes[id]; n != nil && injected < enough {
					injected++
					n.dev.Receive(now, c.frame, 200)
				}
			}
		}
		if injected == last {
			r.t.Fatalf("seed %d: nobody took anything", r.cfg.Seed)
		}
	}
	r.injected += injected
	after := r.effects()
	if !before.equal(after) {
		r.t.Errorf("seed %d: %s, of %d replays %d frames were opened, %d presses accepted, %d reports delivered; or a light or what it remembers changed",
			r.cfg.Seed, when, injected, after.opened-before.opened, after.pressed-before.pressed, after.delivered-before.delivered)
	}
	if n := r.rejected(nodes) - rejected; n < uint64(injected)/10 {
		r.t.Errorf("seed %d: %s, of %d replays only %d came to where replays are rejected", r.cfg.Seed, when, injected, n)
	}
}

func (r *replayer) rejected(nodes map[int]*Node) (n uint64) {
	for _, d := range nodes {
		c := d.dev.(counted).Counters().NWK
		n += c.Replayed + c.UnknownKey
	}
	return n
}

// press presses a switch without a battery, and fails the test when nobody takes that.
func (r *replayer) press(times int) {
	r.t.Helper()
	h := r.controllers[0].harvests[0]
	if !r.runUntil(time.Minute, func() bool { return h.paired }) {
		r.t.Fatalf("seed %d: the switch is not paired", r.cfg.Seed)
	}
	for i := range times {
		h.presses++
		h.Press(i%2 == 0)
		r.building.RunFor(2 * time.Second)
	}
	taken := 0
	for _, c := range r.attacker.captured {
		if h, ok := parseHeader(appendFCS(bytes.Clone(c.frame))); ok && gp.IsFrame(h.payload) {
			taken += len(c.taken)
		}
	}
	if taken < times {
		r.t.Fatalf("seed %d: %d presses were taken by %d nodes", r.cfg.Seed, times, taken)
	}
	r.t.Logf("seed %d: %d presses were taken by nodes %d times", r.cfg.Seed, times, taken)
}

// record keeps what the attacker has captured so far.
func (r *replayer) record() {
	r.frames = append(r.frames, r.attacker.captured...)
}

func (r *replayer) reboot() {
	r.setPower(r.building.order, false)
	r.building.RunFor(time.Second)
	r.setPower(r.building.order, true)
}

// A million frames that were heard before are given to the nodes that took them:
// while these run, when they have just started, a while after, and when the
// network key was changed in between. None is opened twice; no light, table or counter
// changes.
func TestMillionReplays(t *testing.T) {
	const seed, million = 11, 1_000_000
	cfg := TrialConfig{
		Seed: seed, Lights: 24, GPSwitches: 1, Office: Office{Floors: 1, RoomsOnFloor: 8}, Duration: time.Hour, Shadowing: 3, Spread: 10 * time.Second,
		CommandEvery: 2 * time.Second, GroupEvery: 10 * time.Second, ReportEvery: 20 * time.Second, ReplayEvery: 24 * time.Hour, Channels: zigbee.Channels(15),
	}.withDefaults()
	r := &replayer{scene: begin(t, cfg, 3*time.Minute)}
	r.building.RunFor(30 * time.Second)
	r.press(5)
	r.record()
	r.say("while they run", million/5)
	r.reboot()
	r.say("right after they start", million/5)
	r.building.RunFor(5 * time.Second)
	r.say("5 s after they start", million/5)
	r.building.RunFor(time.Minute)
	r.say("a minute after they start", million/5)
	c := r.controllers[0]
	c.node.Do(func(now time.Time) {
		if err := c.stack.RotateNetworkKey(now); err != nil {
			t.Fatal(err)
		}
	})
	r.building.RunFor(time.Minute)
	r.reboot()
	r.say("after a change of the network key", million/5)
	var refused Refusals
	refused.add(c.stack.Counters())
	for _, e := range r.building.order {
		refused.sum(r.building.lights[e].refusals())
	}
	t.Logf("seed %d: %d replays of %d frames by %d nodes; %+v", seed, r.injected, len(r.frames), len(r.firmware()), refused)
	if r.injected < million {
		t.Errorf("seed %d: only %d replays", seed, r.injected)
	}
}
