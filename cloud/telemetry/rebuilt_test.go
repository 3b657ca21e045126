package telemetry_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// nobody is told what became known.
type nobody struct{}

func (nobody) StateChanged(sconce.ProjectID, telemetry.DeviceState) {}
func (nobody) CommandEnded(lighting.Command)                        {}

// write brings the samples of a device into the journal through a gateway that starts anew now
// and then, each time with a clock that shows something else. What was measured in a run comes
// in it, some of it late.
func write(l *storetest.Ledger, r *rand.Rand, all map[sconce.Metric][]telemetry.Sample) {
	type arriving struct {
		metric sconce.Metric
		telemetry.Sample
		received int64
	}
	var queue []arriving
	for _, m := range rolledMetrics {
		for _, s := range all[m] {
			delay := int64(r.IntN(20_000))
			if r.IntN(5) == 0 {
				delay = int64(r.IntN(50_000_000))
			}
			queue = append(queue, arriving{m, s, s.At + delay})
		}
	}
	slices.SortStableFunc(queue, func(a, b arriving) int { return cmp.Compare(a.received, b.received) })
	boot, sequence, behind := uint64(0), uint64(0), time.Duration(0)
	for n, one := range queue {
		received := time.UnixMilli(one.received).UTC()
		if n == 0 || r.IntN(100) == 0 {
			boot, sequence = boot+1, 1
			behind = time.Duration(r.IntN(7)-3) * time.Duration(1+r.IntN(88_000)) * time.Hour // up to 30 years
			if behind.Abs() > 0 {
				behind += 17 * time.Second
			}
			l.Hello(received, boot, received.Add(-behind))
		}
		sequence += 1 + uint64(r.IntN(20)/19)
		shown := telemetry.Sample{At: one.At - behind.Milliseconds(), Value: one.Value}
		l.Tell(received, boot, sequence, telemetry.Series{Device: light, Metric: one.metric}, shown)
	}
}

// few is a log that returns few batches at a time, so that bites end anywhere.
type few struct {
	ingest.Log
	r *rand.Rand
}

func (l few) After(ctx context.Context, id int64, maxBytes int) ([]ingest.Batch, error) {
	all, err := l.Log.After(ctx, id, maxBytes)
	return all[:min(len(all), 1+l.r.IntN(40))], err
}

// TestRebuiltSumsAreThoseOfTheReadings: through wrong clocks, starts of the gateway and of the
// cloud, late and double messages, the sums are what one reckons who knows when everything was
// measured, before and after they are made again from the journal.
func TestRebuiltSumsAreThoseOfTheReadings(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 6))
			s := storetest.Open(t)
			site := storetest.MakeSite(t, s, gateway)
			all := randomLife(r)
			for m, samples := range all { // no device shows a time here: its gateway does
				all[m] = slices.DeleteFunc(samples, func(s telemetry.Sample) bool { return s.At < start })
			}
			l := storetest.NewLedger(t, r, s, gateway)
			write(l, r, all)
			for at := int64(0); at < l.Last; { // by programs that end early
				p := ingest.NewProjector(few{s.Journal(), r}, s.Results(), s.Presence(), nobody{}, 0, log)
				for range 1 + r.IntN(20) {
					if _, err := p.Step(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				var err error
				if at, err = s.Results().Position(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := naive(all)
			if got := storedQuarters(t, s, site); !maps.Equal(got, want) {
				t.Errorf("%d quarters are not those of the readings, which are %d", len(got), len(want))
			}
			b := ingest.Rebuilder{Journal: s.Journal(), Results: s.Results(), Now: time.Now, Log: log, Progress: func(ingest.Rebuild, int64) {}}
			if err := b.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := storedQuarters(t, s, site); !maps.Equal(got, want) {
				t.Errorf("made again, %d quarters are not those of the readings, which are %d", len(got), len(want))
			}
		})
	}
}
