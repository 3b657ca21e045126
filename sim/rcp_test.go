package sim

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"sconce/radio"
	"sconce/radio/radiotest"
)

// live returns an air paced by the wall clock until the test ends.
func live(t *testing.T) *Paced {
	p := Pace(NewAir(AirConfig{Seed: 1, Start: time.Now()}))
	var run sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	run.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return p
}

// serve puts an RCP on the air and returns its address.
func serve(t *testing.T, p *Paced, eui64 uint64, at Position) (string, *RCP) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rcp := NewRCP(p, TransceiverConfig{EUI64: eui64, Position: at})
	var run sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	run.Go(func() { _ = rcp.Serve(ctx, l) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return l.Addr().String(), rcp
}

func open(t *testing.T, url string) radio.Radio {
	t.Helper()
	r, err := radio.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestConformanceOverTCP(t *testing.T) {
	radiotest.Run(t, func(t *testing.T) (radios [3]radio.Radio) {
		p := live(t)
		for i := range radios {
			address, _ := serve(t, p, 0x00124b0000000001+uint64(i), Position{X: float64(i)})
			radios[i] = open(t, "spinel+tcp://"+address)
		}
		return radios
	})
}

func TestConformanceOverSerial(t *testing.T) {
	radiotest.Run(t, func(t *testing.T) (radios [3]radio.Radio) {
		p := live(t)
		for i := range radios {
			chip, host, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			rcp := NewRCP(p, TransceiverConfig{EUI64: 0x00124b0000000001 + uint64(i), Position: Position{X: float64(i)}})
			attend(t, rcp, chip)
			radios[i] = open(t, "spinel+serial://"+host.Name()+"?baud=460800")
			t.Cleanup(func() { host.Close() })
		}
		return radios
	})
}

func attend(t *testing.T, rcp *RCP, chip *os.File) {
	var run sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	run.Go(func() { rcp.Attend(ctx, chip) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
}
