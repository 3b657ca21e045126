package bench

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"sconce/sim"
	"sconce/zigbee"
)

// The buildings of the figures: networks of as many lights as one may have, reports every
// minute, a command every ten seconds and a group's every minute.
const (
	simLights    = 250             // of a network
	simShadowing = 3               // dB, as sconce sim has it
	simReady     = 0.98            // of the lights, how many are configured
	simRest      = 2 * time.Minute // after that
	simMinutes   = 5               // of the building's time that are measured, each by itself
	simLimit     = time.Hour       // within which they have to be
	simEntry     = 8 + 2 + 4       // bytes: addresses and frame counter of another light
)

// settled is what a building did while it was measured.
type settled struct {
	lights  int
	minutes []minute
	heap    int64 // bytes in use, by the whole simulation
}

// minute is what a building did in one of its minutes.
type minute struct {
	cpu   time.Duration
	heard uint64 // frames, by those whom they were for
}

func (m minute) nsPerFrame() float64 { return float64(m.cpu) / float64(max(m.heard, 1)) }

// nsPerFrame returns the median of the minutes.
func (s settled) nsPerFrame() float64 {
	var values []float64
	for _, m := range s.minutes {
		values = append(values, m.nsPerFrame())
	}
	return median(values)
}

// settle runs a building until its lights are configured, and then measures it.
func settle(ctx context.Context, seed uint64, networks, minutes int) (settled, error) {
	s := settled{lights: networks * simLights}
	before := heapInUse()
	var ready, from sim.Moment // when the lights were configured, and when the minute began
	var cpu time.Duration
	_, err := sim.Trial(ctx, sim.TrialConfig{
		Seed: seed, Lights: s.lights, Networks: networks, Duration: simLimit, Shadowing: simShadowing,
		Spread: simLights * time.Second, // a light a second in each network, as fitters do
		Until: func(m sim.Moment) bool {
			switch {
			case ready.Passed == 0:
				if float64(m.Configured) >= simReady*float64(s.lights) {
					ready = m
				}
			case from.Passed == 0 && m.Passed-ready.Passed >= simRest:
				s.heap = heapInUse() - before
				from, cpu = m, ownCPU()
			case from.Passed > 0 && m.Passed-from.Passed >= time.Minute:
				used := ownCPU()
				s.minutes = append(s.minutes, minute{used - cpu, m.Air.Heard - from.Air.Heard})
				from, cpu = m, used
			}
			return len(s.minutes) == minutes
		},
	})
	switch {
	case err != nil:
		return s, fmt.Errorf("simulating %d lights: %w", s.lights, err)
	case len(s.minutes) < minutes:
		return s, fmt.Errorf("simulating %d lights: they were not configured within %v", s.lights, simLimit)
	}
	return s, nil
}

// sim measures the simulator with a building of one network.
func (b *bench) sim(ctx context.Context) ([]Figure, error) {
	var rate, frame, memory []round
	for i := range b.Rounds {
		s, err := settle(ctx, uint64(i+1), 1, simMinutes)
		if err != nil {
			return nil, err
		}
		open, err := openNS()
		if err != nil {
			return nil, err
		}
		for _, m := range s.minutes {
			alone := time.Duration(float64(m.heard) * open) // opening frames and nothing else
			rate = append(rate, round{time.Minute.Seconds() / m.cpu.Seconds(), time.Minute.Seconds() / alone.Seconds()})
			frame = append(frame, round{m.nsPerFrame(), open})
		}
		memory = append(memory, round{float64(s.heap) / float64(s.lights) / 1024, simLights * simEntry / 1024.0})
	}
	return []Figure{
		newFigure("sim_seconds_per_second", "simulated s/CPU s", "opening_its_frames_alone", rate, valueAtLeast(500)),
		newFigure("sim_ns_per_frame", "ns", "ccm_open_ns", frame, ratioAtMost(10)),
		newFigure("sim_kib_per_node", "KiB", "addresses_and_counters_of_250_kib", memory, valueAtMost(64)),
	}, nil
}

func (b *bench) simSmall(ctx context.Context) ([]Figure, error) {
	return b.growth(ctx, "sim_ns_per_frame_1000", 4)
}

func (b *bench) simLarge(ctx context.Context) ([]Figure, error) {
	return b.growth(ctx, "sim_ns_per_frame_4000", 16)
}

// growth measures a building of several networks, once, beside one of a single network.
func (b *bench) growth(ctx context.Context, name string, networks int) ([]Figure, error) {
	large, err := settle(ctx, 1, networks, simMinutes)
	if err != nil {
		return nil, err
	}
	small, err := settle(ctx, 1, 1, simMinutes)
	if err != nil {
		return nil, err
	}
	return []Figure{newFigure(name, "ns", "sim_ns_per_frame", []round{{large.nsPerFrame(), small.nsPerFrame()}}, ratioAtMost(2))}, nil
}

// openNS returns how much CPU it takes to verify and decrypt a frame of usual size, in
// ns.
func openNS() (float64, error) {
	const header, opens = 8, 500_000 // bytes of the network layer; times
	e := zigbee.NewEnvelope(zigbee.NewNetworkKey([zigbee.KeySize]byte{1}))
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, HasSource: true, Source: 1}
	sealed := e.Secure(make([]byte, header), 0, aux, aux.Source, make([]byte, 40))
	frame := make([]byte, len(sealed))
	begun := ownCPU()
	for range opens {
		copy(frame, sealed) // it is decrypted in place
		if _, err := e.Open(frame, header, aux, aux.Source); err != nil {
			return 0, fmt.Errorf("opening a frame: %w", err)
		}
	}
	return float64(ownCPU()-begun) / opens, nil
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
