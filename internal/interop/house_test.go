//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/internal/tshark"
	"sconce/sim"
	"sconce/zigbee"
)

// house is our side: the lights, the radio for the peer, and a capture of the air.
type house struct {
	*sim.Building
	rcp  *sim.RCP
	addr net.Addr // of the radio
	tape string
	end  func() // stops the air; the capture is complete then
}

func newHouse(t *testing.T, code zigbee.InstallCode) *house {
	t.Helper()
	h := &house{tape: filepath.Join(t.TempDir(), "air.pcap")}
	if dir := os.Getenv(keep); dir != "" {
		h.tape = filepath.Join(dir, "air.pcap")
	}
	tape, err := os.Create(h.tape)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sim.BuildingConfig{
		Air:      sim.AirConfig{Seed: 20, Start: time.Now(), Tap: sim.NewPcap(tape).Tap, Propagation: sim.Propagation{Structure: walls{}}},
		Channels: zigbee.Channels(11, 15, 20, 25), Store: sim.MemoryStore{},
		Random: func(sconce.EUI64) func([]byte) { return func(p []byte) { _, _ = rand.Read(p) } },
	}
	for i := range lights {
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: first + sconce.EUI64(i), InstallCode: code, Model: "SL-1", Serial: fmt.Sprintf("L-%02d", i),
			Firmware: "test", RatedPower: 9 * device.Milliwatts(1000), White: white, Position: place(i),
		})
	}
	if h.Building, err = sim.NewBuilding(cfg); err != nil {
		t.Fatal(err)
	}
	for _, e := range h.Lights() {
		if err := h.SetPower(e, false); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = listener.Addr()
	h.rcp = sim.NewRCP(h.Paced, sim.TransceiverConfig{EUI64: coordinator, Position: sim.Position{}})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	for _, run := range []func() error{
		func() error { return h.Run(ctx) },
		func() error { return h.rcp.Serve(ctx, listener) },
	} {
		running.Go(func() {
			if err := run(); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	h.end = sync.OnceFunc(func() {
		stop()
		running.Wait()
		if err := tape.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.end)
	return h
}

// The house: the coordinator and a light at each room's door are in the hall,
// the other lights in the rooms. Walls let nothing through, so that whoever is in a
// room is two hops from the coordinator, and only that.
//
// Two things of the peer, zigbee-on-host 0.2.4, keep it this small. Who joins
// through a router that is itself two hops away gets a source route without that
// router from it (#updateSourceRouteForChild in aps-handler.js), which leads
// nowhere. And it keeps a route for each neighbour that a neighbour of its own
// names in its link status, for whose number its file has no room (estimateTLVStateSize
// in save-serializer.js): about six for each light, on the average of all.
const (
	rooms  = 4
	inRoom = 4
	lights = rooms * (1 + inRoom)
)

// white is the range of colour temperatures of the lights.
var white = device.White{Coolest: 153, Warmest: 370}

// first is the address of the first light.
const first sconce.EUI64 = 0x5ec0ce0000020000

// number returns which light it is.
func number(e sconce.EUI64) int { return int(e - first) }

// hall and within are the lights at one hop and those at two.
func (h *house) hall() []sconce.EUI64   { return h.Lights()[:rooms] }
func (h *house) within() []sconce.EUI64 { return h.Lights()[rooms:] }

// place returns where the i-th light hangs.
func place(i int) sim.Position {
	angle, x, y := 2*math.Pi*float64(i%rooms)/rooms, 3.0, 0.0
	if nth := i/rooms - 1; nth >= 0 {
		x, y = 6, 0.5*(float64(nth)-float64(inRoom-1)/2)
	}
	return sim.Position{X: x*math.Cos(angle) - y*math.Sin(angle), Y: x*math.Sin(angle) + y*math.Cos(angle)}
}

type walls struct{}

// Loss implements [sim.Structure].
func (walls) Loss(p, q sim.Position) float64 {
	gateway := sim.Position{}
	if inHall(p) && inHall(q) || p != gateway && q != gateway && roomAt(p) == roomAt(q) {
		return 0
	}
	return 100
}

func inHall(p sim.Position) bool { return math.Hypot(p.X, p.Y) < 4 }

func roomAt(p sim.Position) int {
	turn := math.Atan2(p.Y, p.X)/(2*math.Pi) + 1
	return int(math.Round(turn*rooms)) % rooms
}

// judge holds the capture against tshark.
func (h *house) judge(t *testing.T, n network) {
	t.Helper()
	r := tshark.Gate(t, h.tape, tshark.Key{Name: "network", Value: n.key}, tshark.Key{Name: "install code", Value: n.tcKey.Bytes()})
	t.Logf("tshark: %d frames, %d of %d integrity codes verified; %d more are of nothing", r.Frames, r.Verified, r.Secured, r.Empty)
	if h.rcp.Bad() > 0 || h.rcp.Dropped() > 0 {
		t.Errorf("the radio found %d damaged frames of its host, and dropped %d for it", h.rcp.Bad(), h.rcp.Dropped())
	}
}
