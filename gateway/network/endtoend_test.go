package network_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/gateway/network"
	"sconce/sim"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

const (
	hubAddress zigbee.EUI64 = 0x00124b00000000ff
	lampBase   zigbee.EUI64 = 0x00124b0000000100
	otherBase  zigbee.EUI64 = 0x00124b0000000200
)

// site is a gateway's network on a simulated air, with true devices around it, on a
// virtual clock.
type site struct {
	t       *testing.T
	air     *sim.Air
	hub     *hub
	node    *sim.Node // of the hub
	lamps   []*device.Luminaire
	desired wire.Desired
	channel uint8
}

// hub is the node of a gateway with its network on top, as the gateway's loop has them.
type hub struct {
	node *stack.Node
	net  *network.Network
	told []wire.Up
	up   func(channel uint8)
	sent func(now time.Time, m wire.Up) // optional: is given what is told, when it is
	log  bytes.Buffer                   // warnings, and worse
}

func (h *hub) Start(now time.Time)                            { h.node.Start(now) }
func (h *hub) Receive(now time.Time, frame []byte, lqi uint8) { h.node.Receive(now, frame, lqi) }
func (h *hub) Quiet() bool                                    { return h.node.Quiet() }
func (h *hub) NextFrame() (stack.Frame, bool)                 { return h.node.NextFrame() }
func (h *hub) FrameDone(now time.Time, s stack.TxStatus)      { h.node.FrameDone(now, s) }
func (h *hub) Filter() stack.Filter                           { return h.node.Filter() }
func (h *hub) Advance(now time.Time) {
	h.node.Advance(now)
	h.net.Advance(now)
}

func (h *hub) Deadline() (at time.Time, ok bool) {
	for _, f := range []func() (time.Time, bool){h.node.Deadline, h.net.Deadline, h.net.DrainDeadline} {
		if t, is := f(); is && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

func (h *hub) drain(now time.Time) (retune bool) {
	for e, ok := h.node.NextEvent(); ok; e, ok = h.node.NextEvent() {
		switch e := e.(type) {
		case stack.RadioChanged:
			retune = true
		case stack.SaveState:
			h.node.Saved(h.node.State())
		case stack.NetworkUp:
			h.up(e.Channel)
		default:
			h.net.Event(now, e)
		}
	}
	h.net.SetAir(now, h.node.Speaks())
	told := h.net.Drain(now)
	h.told = append(h.told, told...)
	for _, m := range told {
		if h.sent != nil {
			h.sent(now, m)
		}
	}
	return retune
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, air: sim.NewAir(sim.AirConfig{Seed: 1, Start: time.Unix(1_700_000_000, 0)}), desired: wire.Desired{}}
	h := &hub{up: func(c uint8) { s.channel = c }}
	var err error
	h.node, err = stack.New(stack.Config{
		Role: stack.Coordinator, EUI64: hubAddress, Random: luck(1), Channels: zigbee.Channels(15),
		Endpoints:  []zdo.SimpleDescriptor{{Endpoint: network.Endpoint, Profile: zcl.ProfileHomeAutomation, Device: 0x0840, Version: 1, Out: []uint16{zcl.ClusterBasic}}},
		Descriptor: zdo.NodeDescriptor{Logical: zdo.Coordinator, Bands: zdo.Band2400MHz, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.net = network.New(network.Config{Node: h.node, Self: hubAddress, Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelWarn}))}, s.air.Now(), network.Snapshot{})
	s.hub = h
	s.node = sim.PowerOn(s.air.Attach(sim.TransceiverConfig{EUI64: uint64(hubAddress)}), h, h.drain)
	s.air.RunFor(10 * time.Second)
	return s
}

// luck fills buffers from a seed.
func luck(seed uint64) func([]byte) {
	r := rand.New(rand.NewPCG(seed, 7))
	return func(p []byte) {
		for i := range p {
			p[i] = byte(r.Uint32())
		}
	}
}

func code(t *testing.T, e zigbee.EUI64) zigbee.InstallCode {
	t.Helper()
	b := make([]byte, 16)
	binary.BigEndian.PutUint64(b[8:], uint64(e))
	c, err := zigbee.NewInstallCode(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// label is an install code, or a key, with its check sum.
func label(t *testing.T, c zigbee.InstallCode) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(c.Label(), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// firmware is any device.
type firmware interface {
	sim.Device
	NextEvent() (device.Event, bool)
	State() device.State
	Saved(device.State)
}

// place puts a device on the air, a few metres away.
func (s *site) place(e zigbee.EUI64, fw firmware) *sim.Node {
	x := s.air.Attach(sim.TransceiverConfig{EUI64: uint64(e), Position: sim.Position{X: float64(e & 0xf), Y: 2}})
	return sim.PowerOn(x, fw, func(time.Time) (retune bool) {
		for ev, ok := fw.NextEvent(); ok; ev, ok = fw.NextEvent() {
			switch ev.(type) {
			case device.RadioChanged:
				retune = true
			case device.SaveState:
				fw.Saved(fw.State())
			}
		}
		return retune
	})
}

func (s *site) config(e zigbee.EUI64) device.Config {
	return device.Config{
		EUI64: e, InstallCode: code(s.t, e), Model: "M", Serial: "S", Firmware: "1", Random: luck(uint64(e)),
		Channels: zigbee.Channels(15), RatedPower: 30_000,
	}
}

// want puts a device into the desired state.
func (s *site) want(e zigbee.EUI64, kind sconce.DeviceKind, label []byte, groups ...sconce.GroupNumber) {
	s.desired.Devices = slices.DeleteFunc(s.desired.Devices, func(d wire.DesiredDevice) bool { return d.Device == sconce.EUI64(e) })
	s.desired.Devices = append(s.desired.Devices, wire.DesiredDevice{Device: sconce.EUI64(e), Kind: kind, InstallCode: label, Groups: groups})
	s.apply()
}

func (s *site) apply() {
	s.desired.Version++
	d := s.desired
	d.Devices = slices.Clone(d.Devices)
	s.node.Do(func(now time.Time) { s.hub.net.SetDesired(now, d) })
}

// lamp adds a lamp of some groups, and waits until it is configured.
func (s *site) lamp(groups ...sconce.GroupNumber) *device.Luminaire {
	s.t.Helper()
	e := lampBase + zigbee.EUI64(len(s.lamps))
	l, err := device.NewLuminaire(s.config(e))
	if err != nil {
		s.t.Fatal(err)
	}
	s.lamps = append(s.lamps, l)
	s.place(e, l)
	s.want(e, sconce.Luminaire, label(s.t, code(s.t, e)), groups...)
	s.until(time.Minute, "the lamp is configured", func() bool { return s.stage(e) == wire.StageConfigured })
	return l
}

// until lets time pass until something has come to be.
func (s *site) until(d time.Duration, what string, done func() bool) {
	s.t.Helper()
	for end := s.air.Now().Add(d); !done(); s.air.RunFor(100 * time.Millisecond) {
		if s.air.Now().After(end) {
			s.t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// stage returns where a device stands.
func (s *site) stage(e zigbee.EUI64) (last wire.Stage) {
	for _, m := range s.hub.told {
		if r, ok := m.(wire.Report); ok {
			for _, d := range r.Devices {
				if d.Device == sconce.EUI64(e) {
					last = d.Stage
				}
			}
		}
	}
	return last
}

// readings returns what was told of a metric, oldest first.
func (s *site) readings(e zigbee.EUI64, m sconce.Metric) (list []float64) {
	for _, up := range s.hub.told {
		if r, ok := up.(wire.Readings); ok {
			for _, v := range r.Readings {
				if v.Device == sconce.EUI64(e) && v.Metric == m {
					list = append(list, v.Value)
				}
			}
		}
	}
	return list
}

func (s *site) events(e zigbee.EUI64, k wire.EventKind) (count int) {
	for _, up := range s.hub.told {
		if r, ok := up.(wire.Events); ok {
			for _, v := range r.Events {
				if v.Device == sconce.EUI64(e) && v.Kind == k {
					count++
				}
			}
		}
	}
	return count
}

// A sleepy sensor joins, is interviewed and told when to report, and what it senses
// reaches the cloud: somebody comes in, the light changes, the battery goes down.
func TestASensorsReadingsAreTold(t *testing.T) {
	s := newSite(t)
	s.lamp(1)
	const e = otherBase
	sensor, err := device.NewSensor(s.config(e))
	if err != nil {
		t.Fatal(err)
	}
	n := s.place(e, sensor)
	s.want(e, sconce.Sensor, label(t, code(t, e)))
	s.until(5*time.Minute, "the sensor is configured", func() bool { return s.stage(e) == wire.StageConfigured })
	s.air.RunFor(2 * time.Second) // readings are gathered
	if s.events(e, wire.EventJoined) != 1 {
		t.Error("its joining was not told")
	}
	for _, m := range []sconce.Metric{sconce.Occupancy, sconce.Illuminance, sconce.Battery} {
		if len(s.readings(e, m)) == 0 {
			t.Errorf("its %v was not read at the start", m)
		}
	}
	s.air.RunFor(time.Minute)
	s.hub.told = nil
	n.Do(func(now time.Time) { sensor.Motion(now) })
	s.until(5*time.Second, "somebody is there", func() bool { return slices.Equal(s.readings(e, sconce.Occupancy), []float64{1}) })
	s.until(2*time.Minute, "nobody is there", func() bool { return slices.Equal(s.readings(e, sconce.Occupancy), []float64{1, 0}) })
	s.hub.told = nil
	n.Do(func(now time.Time) { sensor.Lux(now, 500) })
	s.until(10*time.Minute, "the light is told", func() bool {
		v := s.readings(e, sconce.Illuminance)
		return len(v) > 0 && v[len(v)-1] > 490 && v[len(v)-1] < 510
	})
	n.Do(func(now time.Time) { sensor.SetCharge(now, 0.5) })
	s.until(24*time.Hour, "the battery is told", func() bool {
		v := s.readings(e, sconce.Battery)
		return len(v) > 0 && v[len(v)-1] <= 50 && v[len(v)-1] > 49
	})
}

// A switch with batteries joins, and controls the groups that it is given, and no
// others; taken from one, it controls it no more.
func TestASwitchControlsItsGroups(t *testing.T) {
	s := newSite(t)
	one, two := s.lamp(1), s.lamp(2)
	const e = otherBase + 1
	sw, err := device.NewSwitch(s.config(e))
	if err != nil {
		t.Fatal(err)
	}
	n := s.place(e, sw)
	s.want(e, sconce.Switch, label(t, code(t, e)), 1)
	s.until(5*time.Minute, "the switch is configured", func() bool { return s.stage(e) == wire.StageConfigured })
	s.air.RunFor(time.Minute)
	press := func(b device.Button, wantOne, wantTwo bool) {
		t.Helper()
		n.Do(func(now time.Time) {
			if err := sw.Press(now, b, device.Short); err != nil {
				t.Error(err)
			}
		})
		s.air.RunFor(3 * time.Second)
		now := s.air.Now()
		if one.Light(now).On != wantOne || two.Light(now).On != wantTwo {
			t.Errorf("button %d: %v and %v, want %v and %v", b, one.Light(now).On, two.Light(now).On, wantOne, wantTwo)
		}
	}
	press(device.ButtonOff, false, true)
	s.want(e, sconce.Switch, label(t, code(t, e)), 2)
	s.hub.told = nil
	s.until(5*time.Minute, "the switch is configured anew", func() bool { return s.stage(e) == wire.StageConfigured })
	s.air.RunFor(time.Minute)
	press(device.ButtonOff, false, false)
	press(device.ButtonOn, false, true)
}

// A switch without a battery is paired with the key of its label, controls its group, and
// every press is told. One whose key is another is not; one that is not desired any more
// is obeyed no more.
func TestASwitchWithoutABattery(t *testing.T) {
	s := newSite(t)
	lamp := s.lamp(1)
	other := s.lamp(2)
	const source = 0x01234567
	e := zigbee.EUI64(source)
	key := code(t, e)
	raw := label(t, key)
	sw, err := s.air.AddGPSwitch(sim.GPSwitchConfig{Source: source, Key: gp.NewKey([16]byte(raw)), Position: sim.Position{X: 3, Y: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sw.Tune(s.channel); err != nil {
		t.Fatal(err)
	}
	s.want(e, sconce.Switch, label(t, code(t, e+1)), 1) // a wrong key
	s.air.RunFor(5 * time.Second)
	sw.Commission()
	s.air.RunFor(5 * time.Second)
	if s.stage(e) != wire.StageWaiting {
		t.Fatalf("stage %d with another key", s.stage(e))
	}
	s.want(e, sconce.Switch, raw, 1)
	s.air.RunFor(5 * time.Second)
	sw.Commission()
	s.until(5*time.Second, "it is paired", func() bool { return s.stage(e) == wire.StageConfigured && s.events(e, wire.EventJoined) == 1 })
	press := func(on bool, want bool, presses int) {
		t.Helper()
		sw.Press(on)
		s.air.RunFor(3 * time.Second)
		if got := lamp.Light(s.air.Now()).On; got != want || s.events(e, wire.EventPressed) != presses {
			t.Errorf("lamp on %v, want %v; %d presses told, want %d", got, want, s.events(e, wire.EventPressed), presses)
		}
	}
	press(false, false, 1)
	press(true, true, 2)
	if !other.Light(s.air.Now()).On {
		t.Error("a lamp of another group obeyed")
	}
	s.want(e, sconce.Switch, raw, 2)
	press(false, true, 3)
	if other.Light(s.air.Now()).On {
		t.Error("the other group does not obey")
	}
	s.desired.Devices = slices.DeleteFunc(s.desired.Devices, func(d wire.DesiredDevice) bool { return d.Device == source })
	s.apply()
	s.air.RunFor(5 * time.Second)
	press(true, true, 3)
	if other.Light(s.air.Now()).On {
		t.Error("a switch that is not desired any more is obeyed")
	}
}
