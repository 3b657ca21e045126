package network_test

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/gateway/network"
	"sconce/radio"
	"sconce/sim"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

var airTime = flag.Duration("airtime", 10*time.Minute, "how long the traffic of a full network is measured, on its virtual clock")

// The full network of the measurement: 250 nodes, and who works among them.
const (
	fullLights  = 225
	fullSensors = 25
	fullPeople  = 60
)

const sensorBase zigbee.EUI64 = 0x00124b0000010000

// full is a gateway with a full network in an inhabited building.
type full struct {
	*site
	building *sim.Building
	office   sim.Office
	commands int
}

func newFull(t *testing.T) *full {
	t.Helper()
	f := &full{site: &site{t: t}, office: sim.OfficeFor(fullLights)}
	cfg := sim.BuildingConfig{
		Air: sim.AirConfig{
			Seed: 1, Start: time.Date(2026, 11, 2, 8, 30, 0, 0, time.UTC),
			Propagation: sim.Propagation{Shadowing: 3, Structure: f.office},
		},
		Channels: zigbee.Channels(15), Store: sim.MemoryStore{}, Spread: (fullLights + fullSensors) * time.Second,
	}
	want := func(e zigbee.EUI64, kind sconce.DeviceKind, room int) {
		d := wire.DesiredDevice{Device: sconce.EUI64(e), Kind: kind, InstallCode: label(t, code(t, e))}
		if kind == sconce.Luminaire && room >= 0 {
			d.Groups = []sconce.GroupNumber{sconce.GroupNumber(1 + room)}
		}
		f.desired.Devices = append(f.desired.Devices, d)
	}
	places, rooms := f.office.Lights(fullLights)
	for i, place := range places {
		e := lampBase + zigbee.EUI64(i)
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: sconce.EUI64(e), InstallCode: code(t, e), Model: "SL-1", Serial: fmt.Sprint(i), Firmware: "1",
			RatedPower: 24_000, White: device.White{Coolest: 153, Warmest: 370}, Position: place,
		})
		want(e, sconce.Luminaire, rooms[i])
	}
	for i := range fullSensors {
		e := sensorBase + zigbee.EUI64(i)
		cfg.Sleepers = append(cfg.Sleepers, sim.SleeperConfig{
			Kind: sim.OccupancySensor, EUI64: sconce.EUI64(e), InstallCode: code(t, e), Model: "SO-1", Serial: fmt.Sprint(i), Firmware: "1",
			Position: f.office.InRoom(i%f.office.Rooms(), 0.5, 0.5, sim.CeilingHeight),
			After:    fullLights*time.Second + time.Duration(i)*3*time.Second,
		})
		want(e, sconce.Sensor, 0)
	}
	var err error
	if f.building, err = sim.NewBuilding(cfg); err != nil {
		t.Fatal(err)
	}
	f.building.Do(func(a *sim.Air) { f.air = a })
	f.serve()
	return f
}

// serve puts the gateway into the corridor.
func (f *full) serve() {
	h := &hub{up: func(uint8) {}}
	var err error
	h.node, err = stack.New(stack.Config{
		Role: stack.Coordinator, EUI64: hubAddress, Random: luck(1), Channels: zigbee.Channels(15),
		Endpoints:  []zdo.SimpleDescriptor{{Endpoint: network.Endpoint, Profile: zcl.ProfileHomeAutomation, Device: 0x0840, Version: 1, Out: []uint16{zcl.ClusterBasic}}},
		Descriptor: zdo.NodeDescriptor{Logical: zdo.Coordinator, Bands: zdo.Band2400MHz, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	h.net = network.New(network.Config{Node: h.node, Self: hubAddress, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, f.air.Now(), network.Snapshot{})
	f.hub = h
	f.building.Do(func(a *sim.Air) {
		at := f.office.InCorridor(0, 0.5, 2)
		f.node = sim.PowerOn(a.Attach(sim.TransceiverConfig{EUI64: uint64(hubAddress), Position: at}), h, h.drain)
	})
	f.building.RunFor(10 * time.Second)
	f.apply()
}

// inhabit lets people in, who have the gateway switch the lights of their rooms.
func (f *full) inhabit() {
	r := rand.New(rand.NewPCG(1, 2))
	f.building.Inhabit(sim.LifeConfig{
		Office: f.office, People: fullPeople, Seed: 1, Sun: sim.Greenwich(1),
		Press: func(room sim.Place, on bool) {
			f.commands++
			id := sconce.CommandID(fmt.Sprintf("0196f0a0-0000-7000-8000-%012x", f.commands))
			c := wire.Command{
				ID: id, Expires: wire.Time(f.air.Now().Add(time.Minute).UnixMilli()), Group: sconce.GroupNumber(1 + int(room)), Fade: 1000,
			}
			if level := sconce.Level(300 + r.IntN(700)); on {
				c.Level = &level
			} else {
				c.On = new(false)
			}
			f.node.Do(func(now time.Time) { f.hub.net.Command(now, c) })
		},
	})
}

func (f *full) configured() (count int) {
	stages := map[sconce.EUI64]wire.Stage{}
	for _, m := range f.hub.told {
		if r, ok := m.(wire.Report); ok {
			for _, d := range r.Devices {
				stages[d.Device] = d.Stage
			}
		}
	}
	for _, s := range stages {
		if s == wire.StageConfigured {
			count++
		}
	}
	return count
}

// ear is a radio beside the gateway's that hears everything, and counts how long it
// lasts: what keeps up the network by itself, and everything else.
type ear struct{ all, upkeep time.Duration }

// phyOctets is what a frame has on the air before its bytes (802.15.4-2006, 6.3), each of
// which takes octet.
const (
	phyOctets = 6
	octet     = 32 * time.Microsecond
)

// Received implements [sim.Handler].
func (e *ear) Received(_ time.Time, r sim.Received) {
	took := time.Duration(phyOctets+len(r.PSDU)) * octet
	e.all += took
	m, frame, err := mac.Parse(r.PSDU[:len(r.PSDU)-2])
	if err != nil || m.Type != mac.TypeData {
		return
	}
	if h, _, err := nwk.ParseHeader(frame); err == nil && h.Type == nwk.TypeCommand && h.Dst.IsBroadcast() {
		e.upkeep += took // link status, and requests for routes
	}
}

func (*ear) Sent(time.Time, sim.Sent)       {}
func (*ear) Scanned(time.Time, uint8, int8) {}

// listen begins to hear what is on the air where the gateway is.
func (f *full) listen() *ear {
	e := &ear{}
	f.building.Do(func(a *sim.Air) {
		x := a.Attach(sim.TransceiverConfig{EUI64: 1, Position: f.office.InCorridor(0, 0.5, 2)})
		x.Handle(e)
		if err := x.Configure(radio.Filter{Channel: 15}); err != nil {
			f.t.Fatal(err)
		}
		x.Promiscuous(true)
	})
	return e
}

// What 250 lights and sensors report by themselves, with all that it takes to bring it
// over several hops, acknowledged and repeated, leaves the air of their network free:
// for people who press something, and for others on the channel. That routers keep up
// their network by themselves (05-3474-22, 3.6.3.4 and 3.6.3.5) is told apart: no setting
// of reports changes it. An hour: go test ./gateway/network -run
// TestReportingLeavesTheAirFree -airtime 1h -v.
func TestReportingLeavesTheAirFree(t *testing.T) {
	f := newFull(t)
	const all = fullLights + fullSensors
	for end := f.air.Now().Add(time.Hour); f.configured() < all; f.building.RunFor(10 * time.Second) {
		if f.air.Now().After(end) {
			t.Fatalf("%d of %d devices are configured within an hour", f.configured(), all)
		}
	}
	f.inhabit()
	f.building.RunFor(5 * time.Minute) // what setting up has left behind
	f.hub.told = nil
	e, before, pressed := f.listen(), f.air.Counters(), f.commands
	f.building.RunFor(*airTime)
	after := f.air.Counters()
	share := func(d time.Duration) float64 { return 100 * float64(d) / float64(*airTime) }
	everywhere := time.Duration(after.Bytes-before.Bytes+phyOctets*(after.Frames-before.Frames)) * octet
	t.Logf("where the gateway is, %.2f %% of the air, and %.2f %% to keep up the network; %.2f %% if all were heard everywhere; %d commands in %v",
		share(e.all-e.upkeep), share(e.upkeep), share(everywhere), f.commands-pressed, *airTime)
	for m, n := range f.rates() {
		t.Logf("%v: %.1f an hour of each device", m, float64(n)/float64(all)*float64(time.Hour)/float64(*airTime))
	}
	if share(e.all-e.upkeep) > 5 {
		t.Errorf("%.2f %% of the air, want 5 %% at most", share(e.all-e.upkeep))
	}
	if f.commands == pressed {
		t.Error("nobody pressed anything: the building is not alive")
	}
}

// rates counts what was told.
func (f *full) rates() map[string]int {
	count := map[string]int{}
	for _, m := range f.hub.told {
		switch m := m.(type) {
		case wire.Readings:
			for _, r := range m.Readings {
				count[r.Metric.String()]++
			}
		case wire.State:
			count["states"] += len(m.Devices)
		}
	}
	return count
}
