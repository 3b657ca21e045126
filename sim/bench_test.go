package sim

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/radio"
	"sconce/zigbee"
)

// BenchmarkTransmit measures an acknowledged frame of a usual size through
// Spinel over TCP, at the air's real speed, beside what the air takes of it.
func BenchmarkTransmit(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	p := Pace(NewAir(AirConfig{Seed: 1, Start: time.Now()}))
	go func() { _ = p.Run(ctx) }()
	p.Do(func(a *Air) {
		r := &record{x: a.Attach(TransceiverConfig{EUI64: 2})}
		r.x.Handle(r)
		_ = r.x.Configure(radio.Filter{Channel: 11, PANID: 1, Short: 2, EUI64: 2})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	rcp := NewRCP(p, TransceiverConfig{EUI64: 1})
	go func() { _ = rcp.Serve(ctx, l) }()
	r, err := radio.Open(ctx, "spinel+tcp://"+l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if err := r.Configure(ctx, radio.Filter{Channel: 11, PANID: 1, Short: 1, EUI64: 1}); err != nil {
		b.Fatal(err)
	}
	data := frame(1, true, 2, 1, "forty-eight bytes of a command in two envelopes.")
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if res, err := r.Transmit(ctx, data); err != nil || res.Status != radio.Sent {
			b.Fatal(res, err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	// Half of the longest first back-off is what one waits on average.
	air := 7*unitBackoff/2 + ccaTime + turnaround + airtime(len(data)+fcsLen) + turnaround + airtime(5)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "us-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "us-p99")
	b.ReportMetric(float64(air.Microseconds()), "us-on-air")
}

// BenchmarkBuilding measures a virtual minute of a building whose lights search
// for a network that is not there: all on one channel, all the time.
func BenchmarkBuilding(b *testing.B) {
	const n = 250
	code, err := zigbee.NewInstallCode(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	var all []LightConfig
	for i := range n {
		all = append(all, LightConfig{
			EUI64: sconce.EUI64(firstLight + i), InstallCode: code, RatedPower: 36_000,
			Position: Position{X: 4 * float64(i%25), Y: 4 * float64(i/25)},
		})
	}
	for b.Loop() {
		frames := 0
		building, err := NewBuilding(BuildingConfig{
			Air:      AirConfig{Seed: 1, Start: epoch, Tap: func(time.Time, uint8, []byte) { frames++ }},
			Channels: zigbee.Channels(11), Lights: all, Store: MemoryStore{},
		})
		if err != nil {
			b.Fatal(err)
		}
		building.RunFor(time.Minute)
		b.ReportMetric(float64(frames), "frames")
	}
}
