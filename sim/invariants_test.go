package sim

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/stack"
)

// gullible is a device that opens whatever it hears.
type gullible struct {
	Device
	opened uint64
}

func (g *gullible) Receive(time.Time, []byte, uint8) { g.opened++ }

func (g *gullible) Counters() (c stack.Counters) {
	c.NWK.Opened = g.opened
	return c
}

// onAir returns a MAC frame with what the network layer says, and its check sequence.
func onAir(npdu []byte) []byte {
	h := mac.Header{
		Type: mac.TypeData, Seq: 1, Compress: true,
		Dst: mac.Address{Mode: mac.ShortAddress, PAN: 1, Short: 2}, Src: mac.Address{Mode: mac.ShortAddress, PAN: 1, Short: 3},
	}
	return appendFCS(append(mac.AppendHeader(nil, h), npdu...))
}

// securedFrame returns a frame that a sniffer without keys takes for a secured one.
func securedFrame(counter uint32, rest byte) []byte {
	npdu := nwk.AppendHeader(nil, nwk.Header{Type: nwk.TypeData, Dst: 2, Src: 3, Radius: 5, Seq: 1, Secured: true})
	npdu = zigbee.AppendAux(npdu, zigbee.Aux{Key: zigbee.KeyNetwork, Counter: counter, HasSource: true, Source: 7})
	return onAir(append(npdu, rest, 1, 2, 3, 4, 5, 6, 7))
}

// Each thing that must never be, planted in a trial, is seen and named, and nothing
// else with it.
func TestInvariantsCanFail(t *testing.T) {
	replay := func(tr *trial) {
		a := tr.attacker
		victim := &Node{x: tr.air.Attach(TransceiverConfig{EUI64: 9}), dev: &gullible{}}
		a.saying = &captured{frame: []byte{1, 2, 3}, taken: []int{victim.x.id}}
		a.deliver(victim, tr.air.Now(), Received{PSDU: make([]byte, 20)})
	}
	tap := func(frames ...[]byte) func(*trial) {
		return func(tr *trial) {
			for _, f := range frames {
				tr.tap(tr.air.Now(), 15, f)
			}
		}
	}
	plain := nwk.AppendHeader(nil, nwk.Header{Type: nwk.TypeData, Dst: 2, Src: 3, Radius: 5, Seq: 1})
	plain = append(aps.AppendHeader(plain, aps.Header{Type: aps.TypeData, DstEndpoint: 1, SrcEndpoint: 1, Cluster: 6, Profile: 0x104}), 1, 0, 1)
	claimed := append(nwk.AppendHeader(nil, nwk.Header{Type: nwk.TypeData, Dst: 2, Src: 3, Radius: 5, Seq: 1, Secured: true}), 1, 0, 1)
	const (
		replayed = "no replay is accepted"
		clear    = "no application frame is on the air in the clear"
		reused   = "no frame counter is used twice"
		address  = "no two nodes keep one address"
		group    = "group commands reach every member"
	)
	for name, c := range map[string]struct {
		plant func(*trial)
		fails string // the invariant; none: all hold
	}{
		"nothing":                                {func(*trial) {}, ""},
		"a node takes a replay":                  {replay, replayed},
		"a command in the clear":                 {tap(onAir(plain)), clear},
		"a frame that only claims to be secured": {tap(onAir(claimed)), clear},
		"a switch without security":              {tap(onAir([]byte{0x0c, 1, 0, 0, 1, 0x20})), clear},
		"no frame of the network at all":         {tap(onAir([]byte{0xff, 0xff, 1})), clear},
		"one counter for two frames":             {tap(securedFrame(5, 1), securedFrame(5, 2)), reused},
		"a frame said again by its radio":        {tap(securedFrame(5, 1), securedFrame(5, 1), securedFrame(6, 1)), ""},
		"two nodes with one address": {func(tr *trial) {
			for _, m := range tr.controllers[0].members {
				m.joined, m.short = true, 77
			}
			tr.air.RunFor(conflictTime + 30*time.Second)
		}, address},
		"a conflict that is resolved": {func(tr *trial) {
			for _, m := range tr.controllers[0].members {
				m.joined, m.short = true, 77
			}
			tr.air.RunFor(conflictTime / 2)
			tr.controllers[0].members[0].short = 78
			tr.air.RunFor(conflictTime)
		}, ""},
		"a light that does not obey": {func(tr *trial) {
			c := tr.controllers[0]
			m := c.lights[0]
			m.authorised, m.done, m.state.Joined = true, len(m.plan), true
			var counted Delivery
			r := &round{group: everyLight, on: true, counted: &counted, say: func(time.Time) {}}
			c.begin(tr.air.Now(), r)
			for range groupRounds {
				c.look(tr.air.Now(), r)
			}
		}, group},
	} {
		t.Run(name, func(t *testing.T) {
			const seed = 1
			tr, err := newTrial(TrialConfig{Seed: seed, Lights: 2, ReplayEvery: time.Hour, Spread: time.Hour, Channels: zigbee.Channels(15), CommandEvery: time.Hour, GroupEvery: time.Hour}.withDefaults())
			if err != nil {
				t.Fatal(err)
			}
			c.plant(tr)
			s := tr.summary(time.Second, 0)
			var failed []string
			for _, i := range s.Invariants {
				if !i.Held {
					failed = append(failed, i.Name)
				}
				if i.Held != (i.Violations == 0 && i.First == "") {
					t.Errorf("seed %d: %+v", seed, i)
				}
			}
			var want []string
			if c.fails != "" {
				want = append(want, c.fails)
			}
			if !slices.Equal(failed, want) || s.Violated() != (c.fails != "") {
				t.Errorf("seed %d: not so: %q, want %q", seed, failed, want)
			}
		})
	}
}
