package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/internal/tshark"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

const (
	coordinatorEUI = 0x00124b0000c00001
	firstLight     = 0x00124b0000a00001
)

// installCode returns the code on the label of light i.
func installCode(t *testing.T, i int) zigbee.InstallCode {
	t.Helper()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], 0x83fed3407a939723+uint64(i)*0x9e3779b97f4a7c15)
	b[15] = byte(i)
	c, err := zigbee.NewInstallCode(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lights are n luminaires in a ring of 5 m around the coordinator.
func lights(t *testing.T, n int) []LightConfig {
	var all []LightConfig
	for i := range n {
		all = append(all, LightConfig{
			EUI64: sconce.EUI64(firstLight + i), InstallCode: installCode(t, i), Model: "SIM-1", Serial: fmt.Sprint(1000 + i),
			Firmware: "1.0.0", RatedPower: 36_000, Position: Position{X: 5 * float64(i%4), Y: 5 * float64(i/4), Z: 3},
		})
	}
	return all
}

// hub is a coordinator on the air of a building.
type hub struct {
	b      *Building
	stack  *stack.Node
	node   *Node
	events []stack.Event
	state  stack.State
}

func newHub(t *testing.T, b *Building, seed uint64) *hub {
	t.Helper()
	h := &hub{b: b}
	luck := rand.New(rand.NewPCG(seed, 1))
	b.Do(func(a *Air) {
		var err error
		h.stack, err = stack.New(stack.Config{
			Role: stack.Coordinator, EUI64: coordinatorEUI, Channels: zigbee.Channels(11, 15, 20),
			Endpoints:  []zdo.SimpleDescriptor{{Endpoint: 1, Profile: zcl.ProfileHomeAutomation, Device: 5}},
			Descriptor: zdo.NodeDescriptor{Logical: zdo.Coordinator, Bands: zdo.Band2400MHz, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82},
			Random: func(p []byte) {
				for i := range p {
					p[i] = byte(luck.Uint32())
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		x := a.Attach(TransceiverConfig{EUI64: coordinatorEUI, Position: Position{X: 7, Y: 5}})
		h.node = PowerOn(x, h.stack, h.drain)
	})
	return h
}

func (h *hub) drain(time.Time) (retune bool) {
	for {
		e, ok := h.stack.NextEvent()
		if !ok {
			return retune
		}
		switch e.(type) {
		case stack.RadioChanged:
			retune = true
		case stack.SaveState:
			h.state = h.stack.State()
			h.stack.Saved(h.state)
		default:
			h.events = append(h.events, e)
		}
	}
}

func events[E stack.Event](h *hub) (all []E) {
	for _, e := range h.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// run lets virtual time pass until something is so, and fails after limit.
func (h *hub) run(t *testing.T, what string, limit time.Duration, done func() bool) time.Duration {
	t.Helper()
	for passed := time.Duration(0); passed < limit; passed += 100 * time.Millisecond {
		if done() {
			return passed
		}
		h.b.RunFor(100 * time.Millisecond)
	}
	t.Fatalf("after %v on the clock of the building: not %s; events %+v", limit, what, h.events)
	return 0
}

// admit opens the network to all lights and waits until each has a key of its own.
func (h *hub) admit(t *testing.T, all []LightConfig) time.Duration {
	t.Helper()
	h.run(t, "up", time.Minute, func() bool { return len(events[stack.NetworkUp](h)) == 1 })
	h.b.Do(func(*Air) {
		h.node.Do(func(now time.Time) {
			for _, l := range all {
				if err := h.stack.Allow(zigbee.EUI64(l.EUI64), l.InstallCode); err != nil {
					t.Error(err)
				}
			}
			h.stack.PermitJoin(now, 10*time.Minute)
		})
	})
	return h.run(t, "all lights authorised", 5*time.Minute, func() bool {
		authorised := map[zigbee.EUI64]bool{}
		for _, e := range events[stack.DeviceAuthorised](h) {
			authorised[e.EUI64] = true
		}
		return len(authorised) == len(all)
	})
}

// onOff sends a command of the On/Off cluster to a light.
func (h *hub) onOff(t *testing.T, e sconce.EUI64, seq, command uint8) {
	t.Helper()
	h.b.Do(func(*Air) {
		h.node.Do(func(now time.Time) {
			short, ok := h.stack.Lookup(zigbee.EUI64(e))
			if !ok {
				t.Errorf("no address of %s", e)
				return
			}
			_, err := h.stack.Data(now, stack.DataRequest{
				Dst: short, DstEndpoint: device.Endpoint, SrcEndpoint: 1, Profile: zcl.ProfileHomeAutomation,
				Cluster: zcl.ClusterOnOff, Payload: []byte{0x01, seq, command}, Ack: true,
			})
			if err != nil {
				t.Error(err)
			}
		})
	})
}

// story is a building's first minutes: twelve lights join and are switched off.
func story(t *testing.T, seed uint64) (capture []byte, keys []tshark.Key) {
	t.Helper()
	var air bytes.Buffer
	p := NewPcap(&air)
	all := lights(t, 12)
	b, err := NewBuilding(BuildingConfig{
		Air:      AirConfig{Seed: seed, Start: epoch, Loss: 0.05, Propagation: Propagation{Shadowing: 3}, Tap: p.Tap},
		Channels: zigbee.Channels(11, 15, 20), Lights: all, Store: MemoryStore{},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, seed)
	h.admit(t, all)
	h.run(t, "the last confirmation to arrive", 5*time.Second, func() bool {
		return !slices.ContainsFunc(all, func(l LightConfig) bool { s, _ := b.Light(l.EUI64); return !s.Joined })
	})
	for i, l := range all {
		if s, ok := b.Light(l.EUI64); !ok || !s.Powered || !s.Joined || !s.On || s.Power < 30_000 {
			t.Errorf("light %s before: %+v", l.EUI64, s)
		}
		h.onOff(t, l.EUI64, uint8(i), 0)
	}
	h.run(t, "all lights off", 10*time.Second, func() bool {
		return !slices.ContainsFunc(all, func(l LightConfig) bool { s, _ := b.Light(l.EUI64); return s.On })
	})
	b.RunFor(5 * time.Second)
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	for i, l := range all {
		keys = append(keys, tshark.Key{Name: fmt.Sprint("install code ", i), Value: l.InstallCode.LinkKey().Bytes()})
	}
	return air.Bytes(), keys
}

// Twelve lights join by install code through a lossy air, and Wireshark, who
// knows the codes on the labels, verifies every frame; who does not, reads none.
func TestLightsJoin(t *testing.T) {
	capture, keys := story(t, 7)
	path := filepath.Join(t.TempDir(), "join.pcap")
	if err := os.WriteFile(path, capture, 0o600); err != nil {
		t.Fatal(err)
	}
	r := tshark.Gate(t, path, keys...)
	t.Logf("%d frames, %d of %d integrity codes verified, %d readable with the keys", r.Frames, r.Verified, r.Secured, r.Readable)
	if r.Readable < 12*5 {
		t.Errorf("only %d frames of the application in %d", r.Readable, r.Frames)
	}
}

// The network key changes twice, and a light is evicted in between: Wireshark follows with the
// codes of the labels alone, and reads nothing without them.
func TestRotationOnTheAir(t *testing.T) {
	var air bytes.Buffer
	p := NewPcap(&air)
	all := lights(t, 5)
	b, err := NewBuilding(BuildingConfig{
		Air: AirConfig{Seed: 3, Start: epoch, Tap: p.Tap}, Channels: zigbee.Channels(11, 15, 20), Lights: all, Store: MemoryStore{},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 3)
	h.admit(t, all)
	change := func(f func(now time.Time) error) {
		t.Helper()
		changes := len(events[stack.NetworkKeyChanged](h))
		b.RunFor(5 * time.Second)
		b.Do(func(*Air) {
			h.node.Do(func(now time.Time) {
				if err := f(now); err != nil {
					t.Error(err)
				}
			})
		})
		h.run(t, "the key is changed", 10*time.Minute, func() bool { return len(events[stack.NetworkKeyChanged](h)) > changes })
	}
	change(h.stack.RotateNetworkKey)
	change(func(now time.Time) error { return h.stack.Evict(now, zigbee.EUI64(all[4].EUI64)) })
	b.RunFor(15 * time.Second)
	for _, e := range events[stack.NetworkKeyChanged](h) {
		if len(e.Without) != 0 {
			t.Error(e)
		}
	}
	for i, l := range all[:4] {
		h.onOff(t, l.EUI64, uint8(i), 0)
	}
	h.run(t, "all lights off", 10*time.Second, func() bool {
		return !slices.ContainsFunc(all[:4], func(l LightConfig) bool { s, _ := b.Light(l.EUI64); return s.On })
	})
	if r := events[stack.JoinRefused](h); len(r) == 0 || r[0].EUI64 != zigbee.EUI64(all[4].EUI64) {
		t.Errorf("the evicted light does not ask in vain: %+v", r)
	}
	var keys []tshark.Key
	for i, l := range all {
		keys = append(keys, tshark.Key{Name: fmt.Sprint("install code ", i), Value: l.InstallCode.LinkKey().Bytes()})
	}
	path := filepath.Join(t.TempDir(), "rotation.pcap")
	if err := errors.Join(p.Err(), os.WriteFile(path, air.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	tshark.Gate(t, path, keys...)
}

func TestSameSeedSameBuilding(t *testing.T) {
	one, _ := story(t, 7)
	two, _ := story(t, 7)
	if !bytes.Equal(one, two) {
		t.Errorf("two runs from one seed differ: %d and %d bytes", len(one), len(two))
	}
	other, _ := story(t, 8)
	if bytes.Equal(one, other) {
		t.Error("two seeds give the same frames")
	}
}

func TestPowerCut(t *testing.T) {
	store, err := OpenDirStore(filepath.Join(t.TempDir(), "lights"))
	if err != nil {
		t.Fatal(err)
	}
	all := lights(t, 2)
	cfg := BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11, 15, 20), Lights: all, Store: store}
	b, err := NewBuilding(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 1)
	h.admit(t, all)
	e := all[0].EUI64
	h.onOff(t, e, 1, 0)
	h.run(t, "off", 10*time.Second, func() bool { s, _ := b.Light(e); return !s.On })
	before, _ := b.Light(e)

	if err := b.SetPower(e, false); err != nil {
		t.Fatal(err)
	}
	if s, ok := b.Light(e); !ok || s != (LightState{}) {
		t.Errorf("without power: %+v", s)
	}
	b.RunFor(time.Minute)
	if err := b.SetPower(e, true); err != nil {
		t.Fatal(err)
	}
	h.run(t, "joined again", time.Minute, func() bool { s, _ := b.Light(e); return s.Joined })
	if s, _ := b.Light(e); s.On || s.Short != before.Short {
		t.Errorf("after the power cut: %+v, before: %+v", s, before)
	}
	h.onOff(t, e, 2, 1)
	h.run(t, "on again", 10*time.Second, func() bool { s, _ := b.Light(e); return s.On })

	// The same building in another process.
	cfg.Air.Start = b.now()
	again, err := NewBuilding(cfg)
	if err != nil {
		t.Fatal(err)
	}
	again.RunFor(time.Minute)
	if s, _ := again.Light(e); !s.Joined || !s.On || s.Short != before.Short {
		t.Errorf("in another process: %+v", s)
	}
}

func (b *Building) now() (t time.Time) {
	b.Do(func(a *Air) { t = a.Now() })
	return t
}

func TestPowerBeforeTheStart(t *testing.T) {
	all := lights(t, 1)
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11), Lights: all, Store: MemoryStore{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetPower(all[0].EUI64, false); err != nil {
		t.Fatal(err)
	}
	b.RunFor(10 * time.Second)
	if s, _ := b.Light(all[0].EUI64); s.Powered {
		t.Error("a light without power started")
	}
	if err := b.SetPower(all[0].EUI64, true); err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Light(all[0].EUI64); !s.Powered || !s.On {
		t.Errorf("with power: %+v", s)
	}
	if err := b.SetPower(1, true); sconce.KindOf(err) != sconce.NotFound {
		t.Errorf("a light that is not there: %v", err)
	}
	if _, ok := b.Light(1); ok {
		t.Error("there is a light that is not there")
	}
}

func TestNodeWithoutPowerIsNotCalled(t *testing.T) {
	frames := 0
	tap := func(time.Time, uint8, []byte) { frames++ }
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch, Tap: tap}, Store: MemoryStore{}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 1)
	b.RunFor(time.Minute)
	if frames == 0 {
		t.Error("with power nothing is sent")
	}
	frames = 0
	b.Do(func(*Air) {
		h.node.PowerOff()
		h.node.Do(func(time.Time) { t.Error("called without power") })
	})
	b.RunFor(time.Minute)
	if frames != 0 {
		t.Errorf("%d frames without power", frames)
	}
}

// faulty is a store on a disk that is full for a while.
type faulty struct {
	MemoryStore
	full  bool
	tries int
}

func (f *faulty) Save(e sconce.EUI64, state []byte) error {
	if f.tries++; f.full {
		return errors.New("no space left on device")
	}
	return f.MemoryStore.Save(e, state)
}

func TestStateIsSavedAgain(t *testing.T) {
	all := lights(t, 1)
	store := &faulty{MemoryStore: MemoryStore{}, full: true}
	b, err := NewBuilding(BuildingConfig{Air: AirConfig{Seed: 1, Start: epoch}, Channels: zigbee.Channels(11), Lights: all, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, b, 1)
	b.Do(func(*Air) {
		h.node.Do(func(now time.Time) {
			if err := h.stack.Allow(zigbee.EUI64(all[0].EUI64), all[0].InstallCode); err != nil {
				t.Error(err)
			}
			h.stack.PermitJoin(now, time.Hour)
		})
	})
	b.RunFor(2 * time.Minute)
	if store.tries < 10 || len(store.MemoryStore) != 0 {
		t.Errorf("%d tries in two minutes, %d states saved on a full disk", store.tries, len(store.MemoryStore))
	}
	store.full = false
	h.run(t, "saved and joined", 5*time.Minute, func() bool {
		s, _ := b.Light(all[0].EUI64)
		return s.Joined && len(store.MemoryStore) == 1
	})
}

func TestBuildingRefuses(t *testing.T) {
	good := lights(t, 1)
	weak := slices.Clone(good)
	weak[0].RatedPower = 0
	for name, cfg := range map[string]BuildingConfig{
		"a light twice":   {Lights: append(slices.Clone(good), good[0]), Store: MemoryStore{}},
		"no rated power":  {Lights: weak, Store: MemoryStore{}},
		"a state of junk": {Lights: good, Store: MemoryStore{good[0].EUI64: []byte("junk")}},
	} {
		cfg.Channels = zigbee.Channels(11)
		if _, err := NewBuilding(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDirStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := OpenDirStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := s.Load(1); b != nil || err != nil {
		t.Errorf("nothing saved yet: %x, %v", b, err)
	}
	for _, state := range []string{"first", "second"} {
		if err := s.Save(1, []byte(state)); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Load(1); string(b) != state || err != nil {
			t.Errorf("%q, %v, want %q", b, err, state)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, files[0].Name()): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	os.RemoveAll(dir)
	if err := s.Save(1, nil); err == nil {
		t.Error("saved into a directory that is gone")
	}
}
