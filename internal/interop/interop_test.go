//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"encoding/json"
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

const lights = 20

// apart is the time between the starts of two lights: zigbee-on-host has 14
// transactions with its radio under way at most, and a join takes several.
const apart = 1200 * time.Millisecond

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
		Channels: zigbee.AllChannels, Store: sim.MemoryStore{},
		Random: func(sconce.EUI64) func([]byte) { return func(p []byte) { _, _ = rand.Read(p) } },
	}
	for i := range lights {
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: 0x5ec0ce0000020000 + sconce.EUI64(i), InstallCode: code, Model: "SL-1", Serial: fmt.Sprintf("L-%02d", i),
			Firmware: "test", RatedPower: 9 * device.Milliwatts(1000), Position: place(i),
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

// The house: a hall with the coordinator, and rooms around it that are open to
// the hall and shut off from one another.
const (
	rooms  = 5
	inRoom = lights / rooms
)

// place returns where the i-th light hangs.
func place(i int) sim.Position {
	room, nth := i%rooms, i/rooms
	angle := 2 * math.Pi * float64(room) / rooms
	x, y := 3.0, 0.5*(float64(nth)-float64(inRoom-1)/2)
	return sim.Position{X: x*math.Cos(angle) - y*math.Sin(angle), Y: x*math.Sin(angle) + y*math.Cos(angle)}
}

// walls keep the rooms apart. They are needed because of the peer:
// zigbee-on-host 0.2.4 dies when routers list more than six neighbours each.
type walls struct{}

// Loss implements [sim.Structure].
func (walls) Loss(p, q sim.Position) float64 {
	if p == (sim.Position{}) || q == (sim.Position{}) || roomAt(p) == roomAt(q) {
		return 0
	}
	return 100
}

func roomAt(p sim.Position) int {
	turn := math.Atan2(p.Y, p.X)/(2*math.Pi) + 1
	return int(math.Round(turn*rooms)) % rooms
}

func name(e sconce.EUI64) string { return fmt.Sprintf("0x%016x", uint64(e)) }

func (h *house) all(t *testing.T, ask func(sim.LightState) bool) bool {
	t.Helper()
	for _, e := range h.Lights() {
		if s, ok := h.Light(e); !ok || !ask(s) {
			return false
		}
	}
	return true
}

func TestZigbee2MQTT(t *testing.T) {
	var octets [16]byte
	_, _ = rand.Read(octets[:])
	code, err := zigbee.NewInstallCode(octets[:])
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(code)
	h := newHouse(t, code)
	p := startPeer(t, n, h.addr)

	begin := time.Now()
	p.request(10*time.Second, "permit_join", `{"time": 254}`)
	h.switchOnInTurn(t)
	joined := h.awaitJoined(t, p, begin)
	t.Logf("%d lights joined and were interviewed in %s", lights, joined.Round(100*time.Millisecond))

	p.configureReports(h)
	h.obeys(t, p)
	h.onTheMap(t, p)

	p.stop()
	h.end()
	h.judge(t, n)
	if faults := p.log.lines("31merror", "ot-rcp-driver: "); len(faults) > 0 {
		t.Errorf("zigbee-on-host found fault with %d frames, first: %s", len(faults), faults[0])
	}
}

// configureReports has every light bind On/Off and Level to the peer, and report
// changes of them.
func (p *peer) configureReports(h *house) {
	p.t.Helper()
	for _, e := range h.Lights() {
		for cluster, attribute := range map[string]string{"genOnOff": "onOff", "genLevelCtrl": "currentLevel"} {
			payload := fmt.Sprintf(
				`{"id": %q, "endpoint": 1, "cluster": %q, "attribute": %q, "minimum_report_interval": 0, "maximum_report_interval": 300, "reportable_change": 1}`,
				name(e), cluster, attribute)
			if _, err := p.try(40*time.Second, "device/reporting/configure", payload); err != nil {
				// One answer may be lost on a busy channel, not two.
				p.t.Logf("asked again: %v", err)
				p.request(40*time.Second, "device/reporting/configure", payload)
			}
		}
	}
}

// patience is how long a light gets before it is told again.
const patience = 5 * time.Second

// obeys has the peer switch and dim every light, looks inside the lights, and
// waits for their reports: the peer believes nothing else.
func (h *house) obeys(t *testing.T, p *peer) {
	t.Helper()
	level := func(i, step int) uint8 { return uint8(10 + 11*i + step) }
	for _, c := range []struct {
		name    string
		command func(i int) string
		done    func(i int, l device.Light) bool
		report  func(i int, r reported) bool
	}{
		{
			"on, at a level", func(i int) string { return fmt.Sprintf(`{"state": "ON", "brightness": %d}`, level(i, 0)) },
			func(i int, l device.Light) bool { return l.On && l.Level == level(i, 0) },
			func(i int, r reported) bool { return r.State == "ON" && r.Brightness == level(i, 0) },
		}, {
			"another level, in a second", func(i int) string { return fmt.Sprintf(`{"brightness": %d, "transition": 1}`, level(i, 5)) },
			func(i int, l device.Light) bool { return l.On && l.Level == level(i, 5) },
			func(i int, r reported) bool { return r.State == "ON" && r.Brightness == level(i, 5) },
		}, {
			"off", func(int) string { return `{"state": "OFF"}` },
			func(_ int, l device.Light) bool { return !l.On && l.Power < 1000 },
			func(_ int, r reported) bool { return r.State == "OFF" },
		},
	} {
		begin, again := time.Now(), 0
		for i, e := range h.Lights() {
			p.publish(name(e)+"/set", c.command(i))
			said := time.Now()
			await(t, 30*time.Second, fmt.Sprintf("%s to do and report: %s", name(e), c.name), func() bool {
				if time.Since(said) > patience { // the peer gives a frame up that found the channel busy
					p.publish(name(e)+"/set", c.command(i))
					said, again = time.Now(), again+1
				}
				s, _ := h.Light(e)
				return c.done(i, s.Light) && c.report(i, p.lastReport(e))
			})
		}
		t.Logf("%s: obeyed and reported by all in %s, %d were told again", c.name, time.Since(begin).Round(100*time.Millisecond), again)
		if again > lights/10 {
			t.Errorf("%s: %d of %d lights had to be told again", c.name, again, lights)
		}
	}
}

// onTheMap has the peer ask every light for its neighbours and routes.
func (h *house) onTheMap(t *testing.T, p *peer) {
	t.Helper()
	begin := time.Now()
	var answer struct {
		Value struct {
			Nodes []struct {
				Address string `json:"ieeeAddr"`
				Failed  []string
			}
			Links []struct {
				Source, Target struct {
					Address string `json:"ieeeAddr"`
				}
			}
		}
	}
	if err := json.Unmarshal(p.request(2*time.Minute, "networkmap", `{"type": "raw", "routes": true}`), &answer); err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{} // lights that named a neighbour
	for _, l := range answer.Value.Links {
		linked[l.Target.Address] = true
	}
	for _, e := range h.Lights() {
		if !linked[name(e)] {
			t.Errorf("%s is not on the map", name(e))
		}
	}
	for _, n := range answer.Value.Nodes {
		if len(n.Failed) > 0 {
			t.Errorf("%s did not answer for the map: %v", n.Address, n.Failed)
		}
	}
	t.Logf("the map: %d nodes, %d links, in %s", len(answer.Value.Nodes), len(answer.Value.Links), time.Since(begin).Round(100*time.Millisecond))
}

// reported is what the peer publishes of a light.
type reported struct {
	State      string
	Brightness uint8
}

func (p *peer) lastReport(e sconce.EUI64) (r reported) {
	if m := p.messages(name(e)); len(m) > 0 {
		if err := json.Unmarshal(m[len(m)-1], &r); err != nil {
			p.t.Error(err)
		}
	}
	return r
}

// switchOnInTurn gives power to one light after another.
func (h *house) switchOnInTurn(t *testing.T) {
	t.Helper()
	turn := time.NewTicker(apart)
	defer turn.Stop()
	for _, e := range h.Lights() {
		<-turn.C
		if err := h.SetPower(e, true); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitJoined waits until each light is on the network and was interviewed, and
// returns the time that took.
func (h *house) awaitJoined(t *testing.T, p *peer, begin time.Time) time.Duration {
	t.Helper()
	interviewed := map[string]bool{}
	await(t, 90*time.Second, "all lights to be interviewed", func() bool {
		for _, m := range p.messages("bridge/event") {
			var event struct {
				Type string
				Data struct {
					Address string `json:"ieee_address"`
					Status  string
				}
			}
			if json.Unmarshal(m, &event) == nil && event.Type == "device_interview" && event.Data.Status == "successful" {
				interviewed[event.Data.Address] = true
			}
		}
		return len(interviewed) == lights && h.all(t, func(s sim.LightState) bool { return s.Joined })
	})
	for _, e := range h.Lights() {
		if !interviewed[name(e)] {
			t.Errorf("%s was not interviewed", name(e))
		}
	}
	return time.Since(begin)
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
