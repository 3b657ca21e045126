package bench

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"sconce/sim"
	"sconce/zigbee"
)

// The buildings of the figures: networks of as many lights as one may have, reports every
// minute, a command every ten seconds and a group's every minute.
const (
	simLights    = 250             // of a network
	simShadowing = 3               // dB, as sconce sim has it
	simRest      = 2 * time.Minute // after the last light was configured
	simWindow    = 5 * time.Minute // that is measured
	simLimit     = time.Hour       // within which all have to be configured
	simSmall     = 4               // networks of 1,000 lights
	simLarge     = 16              // networks of 4,000 lights
	simEntry     = 8 + 2 + 4       // bytes: addresses and frame counter of another light
)

// settled is what a building did while it was measured.
type settled struct {
	lights    int
	simulated time.Duration
	cpu       time.Duration
	heard     uint64 // frames, by those whom they were for
	heap      int64  // bytes in use, by the whole simulation
}

func (s settled) nsPerFrame() float64 { return float64(s.cpu) / float64(max(s.heard, 1)) }

// settle runs a building until all of its lights are configured, and then measures it.
func settle(ctx context.Context, seed uint64, networks int, window time.Duration) (settled, error) {
	s := settled{lights: networks * simLights}
	before := heapInUse()
	var done, from, to sim.Moment // when all were configured, and what is measured
	var cpu time.Duration
	_, err := sim.Trial(ctx, sim.TrialConfig{
		Seed: seed, Lights: s.lights, Networks: networks, Duration: simLimit, Shadowing: simShadowing,
		Spread: simLights * time.Second, // a light a second in each network, as fitters do
		Until: func(m sim.Moment) bool {
			switch {
			case m.Configured < s.lights:
				done = sim.Moment{}
			case done.Passed == 0:
				done = m
			case from.Passed == 0 && m.Passed-done.Passed >= simRest:
				s.heap = heapInUse() - before
				from, cpu = m, ownCPU()
			case from.Passed > 0 && m.Passed-from.Passed >= window:
				to, s.cpu = m, ownCPU()-cpu
			}
			return to.Passed > 0
		},
	})
	switch {
	case err != nil:
		return s, fmt.Errorf("simulating %d lights: %w", s.lights, err)
	case to.Passed == 0:
		return s, fmt.Errorf("simulating %d lights: not all of them were configured for long enough within %v", s.lights, simLimit)
	}
	s.simulated, s.heard = to.Passed-from.Passed, to.Air.Heard-from.Air.Heard
	return s, nil
}

// sim measures the simulator: in one network over all rounds, and how it grows with
// the building in one.
func (b *bench) sim(ctx context.Context) ([]Figure, error) {
	var rate, frame, memory []round
	for i := range b.Rounds {
		s, err := settle(ctx, uint64(i+1), 1, simWindow)
		if err != nil {
			return nil, err
		}
		open := openNS()
		alone := time.Duration(float64(s.heard) * open) // opening frames and nothing else
		rate = append(rate, round{s.simulated.Seconds() / s.cpu.Seconds(), s.simulated.Seconds() / alone.Seconds()})
		frame = append(frame, round{s.nsPerFrame(), open})
		memory = append(memory, round{float64(s.heap) / float64(s.lights) / 1024, simLights * simEntry / 1024.0})
	}
	figures := []Figure{
		newFigure("sim_seconds_per_second", "simulated s/CPU s", "opening_its_frames_alone", rate, valueAtLeast(500)),
		newFigure("sim_ns_per_frame", "ns", "ccm_open_ns", frame, ratioAtMost(10)),
		newFigure("sim_kib_per_node", "KiB", "addresses_and_counters_of_250_kib", memory, valueAtMost(64)),
	}
	small := newFigure("", "", "", frame, aim{}).Value
	for _, growth := range []struct {
		name     string
		networks int
	}{{"sim_ns_per_frame_1000", simSmall}, {"sim_ns_per_frame_4000", simLarge}} {
		b.say("measuring %s, once", growth.name)
		s, err := settle(ctx, 1, growth.networks, simWindow/2)
		if err != nil {
			return figures, err
		}
		figures = append(figures, newFigure(growth.name, "ns", "sim_ns_per_frame", []round{{s.nsPerFrame(), small}}, ratioAtMost(2)))
	}
	return figures, nil
}

// openNS returns how long it takes to verify and decrypt a frame of the usual size.
func openNS() float64 {
	const header = 8 // of the network layer
	key := zigbee.NewNetworkKey([zigbee.KeySize]byte{1})
	e := zigbee.NewEnvelope(key)
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, HasSource: true, Source: 1}
	sealed := e.Secure(make([]byte, header), 0, aux, aux.Source, make([]byte, 40))
	frame := make([]byte, len(sealed))
	return nsOf(testing.Benchmark(func(t *testing.B) {
		for t.Loop() {
			copy(frame, sealed) // it is decrypted in place
			if _, err := e.Open(frame, header, aux, aux.Source); err != nil {
				t.Fatal(err)
			}
		}
	}))
}

// heapInUse returns the bytes of the heap that are in use.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// ownCPU returns the user and system time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
