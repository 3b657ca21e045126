package ingest_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// nobody is told nothing.
type nobody struct{}

func (nobody) StateChanged(sconce.ProjectID, telemetry.DeviceState) {}
func (nobody) CommandEnded(lighting.Command)                        {}

// processTime returns the CPU time that this process used.
func processTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// gatewayLoad makes readings messages of one gateway: 20 readings of 20 lights.
type gatewayLoad struct {
	gateway  sconce.EUI64
	sequence uint64
	at       wire.Time
	payload  []byte
}

// yesterday is when the loads begin: no reading of them is newer than its message, which
// would make all of them as old as the message and put them out of order.
func yesterday() wire.Time { return wire.Time(time.Now().AddDate(0, 0, -1).UnixMilli()) }

func (g *gatewayLoad) next() []byte {
	g.sequence++
	g.at += 10_000
	body := wire.Readings{Readings: make([]wire.Reading, 20)}
	for i := range body.Readings {
		body.Readings[i] = wire.Reading{
			Device: sconce.EUI64(uint64(g.gateway)<<16 + uint64(i)), Metric: sconce.ActivePower,
			At: g.at + wire.Time(37*i), Value: float64(120+(int(g.sequence)*7+i*13)%30) / 10,
		}
	}
	h := wire.UpHeader{Version: wire.Version, Boot: 0x1122334455667788, Sequence: g.sequence, Sent: g.at}
	var err error
	if g.payload, err = wire.AppendUp(g.payload[:0], h, body); err != nil {
		panic(err)
	}
	return g.payload
}

// BenchmarkIngest measures what it takes to make a message of 20 readings durable:
// alone (journal), and with everything made of it at the same time (projected).
// 200 gateways have 20 messages each on their way.
func BenchmarkIngest(b *testing.B) {
	b.Run("journal", func(b *testing.B) { benchmarkIngest(b, false) })
	b.Run("projected", func(b *testing.B) { benchmarkIngest(b, true) })
}

func benchmarkIngest(b *testing.B, project bool) {
	const gateways, window = 200, 20
	s := storetest.Open(b)
	j, p := start(b, s)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { j.Run(ctx) })
	if project {
		running.Go(func() { p.Run(ctx, j.Committed()) })
	}
	loads := make([][][]byte, gateways)
	topics := make([]string, gateways)
	for i := range loads {
		site := storetest.MakeSite(b, s, sconce.EUI64(0x1000+i))
		g := gatewayLoad{gateway: site.Gateway, at: yesterday()}
		topics[i] = wire.UpTopic(site.Gateway, wire.KindReadings)
		for range b.N/gateways + 1 {
			loads[i] = append(loads[i], append([]byte(nil), g.next()...))
		}
	}
	b.ResetTimer()
	cpu := processTime()
	var sending sync.WaitGroup
	for i := range loads {
		sending.Go(func() {
			credit := make(chan struct{}, window)
			done := func(_ uint64, err error) {
				if err != nil {
					b.Error(err)
				}
				<-credit
			}
			for _, payload := range loads[i] {
				credit <- struct{}{}
				j.Accept(sconce.EUI64(0x1000+i), topics[i], payload, 0, done)
			}
			for range window {
				credit <- struct{}{}
			}
		})
	}
	sending.Wait()
	b.StopTimer()
	used := processTime() - cpu
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/msg")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(b.N)/float64(j.Stats().Batches), "msg/commit")
	if project {
		behind, _ := s.Journal().After(b.Context(), 0, 1<<40)
		position, _ := s.Results().Position(b.Context())
		b.ReportMetric(float64(position)/float64(len(behind)), "projected")
	}
	stop()
	running.Wait()
}

func start(tb testing.TB, s *store.Store) (*ingest.Journal, *ingest.Projector) {
	tb.Helper()
	j, err := ingest.NewJournal(tb.Context(), s.Journal(), s.Results(), quiet)
	if err != nil {
		tb.Fatal(err)
	}
	return j, ingest.NewProjector(s.Journal(), s.Results(), s.Projects(), nobody{}, 0, quiet)
}

// BenchmarkProject measures making everything else of a message of 20 readings.
func BenchmarkProject(b *testing.B) {
	const gateways = 200
	s := storetest.Open(b)
	j, p := start(b, s)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go j.Run(ctx)
	var acked sync.WaitGroup
	for i := range gateways {
		g := gatewayLoad{gateway: storetest.MakeSite(b, s, sconce.EUI64(0x1000+i)).Gateway, at: yesterday()}
		topic := wire.UpTopic(g.gateway, wire.KindReadings)
		for range b.N/gateways + 1 {
			acked.Add(1)
			j.Accept(g.gateway, topic, g.next(), 0, func(uint64, error) { acked.Done() })
		}
	}
	acked.Wait()
	b.ResetTimer()
	cpu := processTime()
	for more := true; more; {
		var err error
		if more, err = p.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/msg")
}
