package sim

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/radio"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// guest is a device that a test drives on a virtual radio.
type guest struct {
	Firmware
	do   chan func(time.Time)
	said chan device.Event
	end  context.CancelFunc
	err  chan error
}

// drive starts a device on a virtual radio.
func drive(t *testing.T, address string, dev Firmware, e sconce.EUI64, s Store) *guest {
	t.Helper()
	r, err := radio.Open(t.Context(), "spinel+tcp://"+address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	g := &guest{dev, make(chan func(time.Time)), make(chan device.Event, 100), end, make(chan error, 1)}
	go func() {
		g.err <- Drive(ctx, DriveConfig{
			Radio: r, Device: dev, EUI64: e, Store: s, Do: g.do,
			Observe: func(_ time.Time, e device.Event) { g.said <- e },
		})
		r.Close()
	}()
	t.Cleanup(end)
	return g
}

// joined waits until the device is on a network.
func (g *guest) joined(t *testing.T) device.Joined {
	t.Helper()
	for {
		select {
		case e := <-g.said:
			if j, is := e.(device.Joined); is {
				return j
			}
		case err := <-g.err:
			t.Fatal(err)
		case <-time.After(time.Minute):
			t.Fatal("not joined within a minute")
		}
	}
}

// A luminaire and a sensor, each on a radio that speaks Spinel, join a network of the
// same air. The luminaire goes on where it was when it is driven again; the sensor
// tells what it is told to sense.
func TestDrive(t *testing.T) {
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11), Store: MemoryStore{}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 1)
	b.RunFor(10 * time.Second)
	all := lights(t, 2)
	b.Do(func(*Air) {
		h.node.Do(func(now time.Time) {
			for _, l := range all {
				if err := h.stack.Allow(zigbee.EUI64(l.EUI64), l.InstallCode); err != nil {
					t.Error(err)
				}
			}
			h.stack.PermitJoin(now, 10*time.Minute)
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = b.Run(ctx) })
	var address []string
	for i := range all {
		a, _ := serve(t, b.Paced, 0x99+uint64(i), Position{X: 7, Y: float64(i)})
		address = append(address, a)
	}
	cfg := func(i int, luck uint64) device.Config {
		u := unit{eui64: all[i].EUI64, boots: luck}
		draw := u.random(1)
		return device.Config{
			EUI64: zigbee.EUI64(all[i].EUI64), InstallCode: all[i].InstallCode, Model: "SV-1", Serial: "1", Firmware: "1",
			RatedPower: 24_000, Channels: zigbee.Channels(11, 15, 20),
			Random: func(p []byte) {
				for i := range p {
					p[i] = byte(draw.Uint32())
				}
			},
		}
	}
	store := MemoryStore{}
	lamp, err := device.NewLuminaire(cfg(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	g := drive(t, address[0], lamp, all[0].EUI64, store)
	first := g.joined(t)
	g.end()
	if err := <-g.err; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	again := cfg(0, 2)
	if again.Restore, err = restore(store, all[0].EUI64); err != nil || again.Restore == nil {
		t.Fatal("nothing was saved", err)
	}
	if lamp, err = device.NewLuminaire(again); err != nil {
		t.Fatal(err)
	}
	g = drive(t, address[0], lamp, all[0].EUI64, store)
	if second := g.joined(t); second != first {
		t.Errorf("it came back as %+v, and was %+v", second, first)
	}

	sensor, err := device.NewSensor(cfg(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := drive(t, address[1], sensor, all[1].EUI64, MemoryStore{})
	s.joined(t)
	tell := func(r stack.DataRequest) {
		b.Do(func(*Air) {
			h.node.Do(func(now time.Time) {
				r.Dst, _ = h.stack.Lookup(zigbee.EUI64(all[1].EUI64))
				if _, err := h.stack.Data(now, r); err != nil {
					t.Error(err)
				}
			})
		})
	}
	heard := func(match func(stack.DataIndication) bool) bool {
		found := false
		b.Do(func(*Air) {
			for _, d := range events[stack.DataIndication](h) {
				found = found || match(d)
			}
		})
		return found
	}
	tell(stack.DataRequest{
		DstEndpoint: device.Endpoint, SrcEndpoint: 1, Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterOccupancy, Ack: true,
		Payload: zcl.AppendConfigureReporting(nil, 1, zcl.Reporting{Attribute: zcl.AttrOccupancy, Type: zcl.TypeMap8, Max: 3600}),
	})
	ask(t, "the sensor to answer", func() bool {
		return heard(func(d stack.DataIndication) bool { return d.Cluster == zcl.ClusterOccupancy })
	})
	s.do <- sensor.Motion
	ask(t, "motion to be reported", func() bool {
		return heard(func(d stack.DataIndication) bool {
			hdr, rest, err := zcl.ParseHeader(d.Payload)
			if err != nil || hdr.Command != zcl.CmdReportAttributes {
				return false
			}
			for a, err := range zcl.ParseReport(rest) {
				if err == nil && a.ID == zcl.AttrOccupancy && a.Value.Uint() == 1 {
					return true
				}
			}
			return false
		})
	})
}

// ask asks ten times a second, and fails when the answer is not yes within a
// minute.
func ask(t *testing.T, what string, question func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !question() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A device whose radio is taken by another program ends and says so; so does one
// whose state cannot be saved.
func TestDriveEnds(t *testing.T) {
	p := live(t)
	address, _ := serve(t, p, 0x99, Position{})
	lamp, err := device.NewLuminaire(device.Config{
		EUI64: 5, InstallCode: installCode(t, 1), RatedPower: 24_000, Channels: zigbee.Channels(11), Random: func(p []byte) { clear(p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	g := drive(t, address, lamp, 5, MemoryStore{})
	other, err := net.Dial("tcp", address) // the newest host wins
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := <-g.err; sconce.KindOf(err) != sconce.Unavailable {
		t.Errorf("its radio was taken: %v", err)
	}
}
