package homeassistant_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/homeassistant"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

const (
	school  = sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073900")
	other   = sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073999")
	wing    = sconce.NetworkID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073901")
	gateway = sconce.EUI64(0x00124b0000000042)
)

// world is a store, a retained store and gateways that a bridge works with.
type world struct {
	t  *testing.T
	mu sync.Mutex

	projects  []sconce.ProjectID
	buildings map[sconce.ProjectID]homeassistant.Building
	fails     bool
	reading   func() // is called while a building is read
	reads     int

	kept   map[string]string
	sent   []string // topics, of messages
	full   bool
	online map[sconce.EUI64]bool
}

func (w *world) On(context.Context, project.Scope) (bool, error) { panic("not asked by a bridge") }

func (w *world) Switch(context.Context, project.Scope, bool) error { panic("not asked by a bridge") }

func (w *world) Online(g sconce.EUI64) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.online[g] }

func (w *world) Projects(context.Context) ([]sconce.ProjectID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.projects), nil
}

func (w *world) Building(_ context.Context, id sconce.ProjectID) (homeassistant.Building, error) {
	w.mu.Lock()
	is, fails, reading := w.buildings[id], w.fails, w.reading
	is.Places = slices.Clone(is.Places)
	w.reads++
	w.mu.Unlock()
	if reading != nil {
		reading()
	}
	if fails {
		return is, errors.New("the store is away")
	}
	return is, nil
}

func (w *world) Retain(topic string, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full && len(payload) > 0 {
		return sconce.Errorf(sconce.TooMany, "full")
	}
	w.sent = append(w.sent, topic)
	if len(payload) == 0 {
		delete(w.kept, topic)
	} else {
		w.kept[topic] = string(payload)
	}
	return nil
}

func (w *world) Forget(topic string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.kept, topic)
}

// change changes the world while nothing reads it.
func (w *world) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// told returns the topics of the messages since the last call, below the prefix of the school.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.sent, " ")
	w.sent = nil
	return strings.ReplaceAll(all, homeassistant.Prefix(school)+"/", "")
}

func (w *world) topics() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.kept))
}

func (w *world) message(topic string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept[topic]
}

func light(d sconce.EUI64, name string) homeassistant.Place {
	return homeassistant.Place{
		Device: d, Kind: sconce.Luminaire, Network: wing, Name: name,
		State: telemetry.DeviceState{Device: d, Reachable: true, On: new(true), Level: new(sconce.Level(300))},
	}
}

// run tests a bridge on virtual time, with one light in one network of the school.
func run(t *testing.T, test func(w *world, b *homeassistant.Bridge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, projects: []sconce.ProjectID{school}, kept: map[string]string{}, online: map[sconce.EUI64]bool{gateway: true},
			buildings: map[sconce.ProjectID]homeassistant.Building{school: {
				Networks: []project.Network{{ID: wing, Gateway: gateway}}, Places: []homeassistant.Place{light(1, "Desk")},
			}},
		}
		b, err := homeassistant.NewBridge(t.Context(), homeassistant.Parts{Store: w, Retain: w, Presence: w, Version: "1", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if !b.On(school) || b.On(other) || len(w.topics()) != 0 {
			t.Error("before its start a bridge knows where the option is on, and tells nothing")
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { b.Run(ctx); close(ended) }()
		settle()
		test(w, b)
		stop()
		<-ended
	})
}

// settle lets a bridge do what it has to.
func settle() {
	<-time.After(2 * time.Second)
	synctest.Wait()
}

const (
	config1  = "device/0000000000000001/config"
	state1   = "0000000000000001/state"
	network1 = "network/0190a6e2-8f0e-7cc3-98c4-dc0c0c073901"
)

func TestBridgeTellsWhatIsThere(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		if got := w.told(); got != config1+" "+state1+" "+network1 {
			t.Errorf("told at the start: %s", got)
		}
		if got := w.message(homeassistant.NetworkTopic(school, wing)); got != "online" {
			t.Errorf("the network is %s", got)
		}
		if got := w.message(homeassistant.StateTopic(school, 1)); got != `{"availability":"online","state":"ON","brightness":300}` {
			t.Errorf("the light is %s", got)
		}

		s := telemetry.DeviceState{Device: 1, Reachable: true, On: new(false)}
		b.StateChanged(school, s)
		b.StateChanged(other, s)
		b.StateChanged(school, telemetry.DeviceState{Device: 99})
		settle()
		if got := w.told(); got != state1 || w.message(homeassistant.StateTopic(school, 1)) != `{"availability":"online","state":"OFF"}` {
			t.Errorf("after a change: %s, %s", got, w.message(homeassistant.StateTopic(school, 1)))
		}

		b.StateChanged(school, telemetry.DeviceState{Device: 1, Reachable: true, On: new(false), LinkQuality: new(77.0), Heard: time.Now()})
		if got := w.told(); got != "" {
			t.Errorf("with nothing new: %s", got)
		}

		// It says its power for the first time.
		s.Power = new(7.5)
		w.change(func() { w.buildings[school].Places[0].State = s })
		b.StateChanged(school, s)
		settle()
		if got := w.told(); got != state1+" "+config1 || !strings.Contains(w.message(homeassistant.ConfigTopic(school, 1)), `"device_class":"power"`) {
			t.Errorf("with a new value: %s", got)
		}

		// And then no more: sensors of its kind are to say it in the building alone.
		s.Power = nil
		w.change(func() { w.buildings[school].Places[0].State = s })
		b.StateChanged(school, s)
		settle()
		if got := w.told(); got != state1+" "+config1 || !strings.Contains(w.message(homeassistant.ConfigTopic(school, 1)), `"power":{"platform":"sensor"}`) {
			t.Errorf("without the value: %s, %s", got, w.message(homeassistant.ConfigTopic(school, 1)))
		}

		// It is renamed, and another one is added.
		w.change(func() {
			w.buildings[school].Places[0].Name = "Window"
			is := w.buildings[school]
			is.Places = append(is.Places, light(2, "Door"))
			w.buildings[school] = is
		})
		b.Changed(school)
		b.Changed(other)
		settle()
		if got := w.told(); got != config1+" device/0000000000000002/config 0000000000000002/state" {
			t.Errorf("after a change of the building: %s", got)
		}

		// The first is removed.
		w.change(func() {
			is := w.buildings[school]
			is.Places = is.Places[1:]
			w.buildings[school] = is
		})
		b.Changed(school)
		settle()
		if got := w.told(); got != config1 || len(w.topics()) != 3 {
			t.Errorf("after a removal: %s; kept %v", got, w.topics())
		}
		b.StateChanged(school, s)
		if got := w.told(); got != "" {
			t.Errorf("of a removed one: %s", got)
		}
	})
}

func TestBridgePresence(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		topic := homeassistant.NetworkTopic(school, wing)
		w.change(func() { w.online[gateway] = false })
		b.PresenceChanged(project.Assignment{Project: school, Network: wing})
		if got := w.message(topic); got != "offline" {
			t.Errorf("at once: %s", got)
		}
		// Another gateway takes its place.
		w.change(func() {
			w.buildings[school].Networks[0].Gateway = gateway + 1
			w.online[gateway+1] = true
		})
		b.PresenceChanged(project.Assignment{Project: school, Network: wing})
		b.PresenceChanged(project.Assignment{Project: other, Network: wing})
		settle()
		if got := w.message(topic); got != "online" {
			t.Errorf("with another gateway: %s", got)
		}
		w.change(func() { w.buildings[school] = homeassistant.Building{} })
		b.Changed(school)
		settle()
		if kept := w.topics(); len(kept) != 0 {
			t.Errorf("kept of a network that is gone: %v", kept)
		}
	})
}

func TestBridgeIsSwitched(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		w.told()
		b.Switched(school, false)
		if got := w.told(); got != config1 || b.On(school) || len(w.topics()) != 0 {
			t.Errorf("switched off: %s; kept %v", got, w.topics())
		}
		b.StateChanged(school, telemetry.DeviceState{Device: 1})
		b.PresenceChanged(project.Assignment{Project: school, Network: wing})
		b.Changed(school)
		b.Switched(school, false)
		w.change(func() { w.projects = nil })
		settle()
		if kept := w.topics(); len(kept) != 0 {
			t.Errorf("told while it is off: %v", kept)
		}
		b.Switched(school, true)
		if !b.On(school) {
			t.Error("is on at once")
		}
		settle()
		if len(w.topics()) != 3 {
			t.Errorf("switched on: %v", w.topics())
		}
		// The store says that there is no such project any more: it was deleted.
		<-time.After(time.Minute)
		settle()
		if b.On(school) || len(w.topics()) != 0 {
			t.Errorf("after the end of the project: %v", w.topics())
		}
		// And another one is there, which somebody decided on with another program.
		w.change(func() {
			w.projects = []sconce.ProjectID{other}
			w.buildings[other] = homeassistant.Building{Places: []homeassistant.Place{light(3, "x")}}
		})
		<-time.After(time.Minute)
		settle()
		if !b.On(other) || w.message(homeassistant.ConfigTopic(other, 3)) == "" {
			t.Errorf("another project: %v", w.topics())
		}
	})
}

// TestBridgeFails: what failed is done later.
func TestBridgeFails(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		w.change(func() { w.fails = true; w.buildings[school].Places[0].Name = "Window" })
		b.Changed(school)
		settle()
		w.told()
		w.change(func() { w.fails = false })
		settle()
		if got := w.told(); got != config1 {
			t.Errorf("after a failure: %s", got)
		}
		w.change(func() {
			w.full = true
			is := w.buildings[school]
			is.Places = append(is.Places, light(2, "Door"))
			w.buildings[school] = is
		})
		b.Changed(school)
		settle()
		if got := w.told(); got != "" {
			t.Errorf("without room: %s", got)
		}
		w.change(func() { w.full = false; w.reads = 0 })
		<-time.After(11 * time.Minute)
		settle()
		if got := w.told(); got != "device/0000000000000002/config 0000000000000002/state" || w.reads != 1 {
			t.Errorf("with room again, after %d looks: %s", w.reads, got)
		}
	})
}

// TestBridgeDuringALook: what changes while a building is read is not undone by what was read.
func TestBridgeDuringALook(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		w.change(func() {
			is := w.buildings[school]
			is.Places = append(is.Places, light(2, "Door"))
			w.buildings[school] = is
			w.reading = func() {
				b.StateChanged(school, telemetry.DeviceState{Device: 2, Reachable: true, On: new(false), Energy: new(5.0)})
			}
		})
		b.Changed(school)
		settle()
		if got := w.message(homeassistant.StateTopic(school, 2)); got != `{"availability":"online","state":"OFF","energy":5}` {
			t.Errorf("told %s", got)
		}
		if !strings.Contains(w.message(homeassistant.ConfigTopic(school, 2)), "total_increasing") {
			t.Error("what is new in it is not described")
		}
		// It is switched off and on while it is read: what was read then does not count.
		w.change(func() { w.reading = func() { b.Switched(school, false) } })
		b.Changed(school)
		settle()
		if b.On(school) || len(w.topics()) != 0 {
			t.Errorf("kept %v", w.topics())
		}
	})
}

func TestBridgeIsBounded(t *testing.T) {
	run(t, func(w *world, b *homeassistant.Bridge) {
		w.change(func() {
			is := w.buildings[school]
			is.Places = nil
			for i := range sconce.EUI64(homeassistant.MaxDevices + 50) {
				is.Places = append(is.Places, light(i+1, "Desk"))
			}
			w.buildings[school] = is
		})
		b.Changed(school)
		settle()
		if got := len(w.topics()); got != 2*homeassistant.MaxDevices+1 {
			t.Errorf("%d messages are kept", got)
		}
		if homeassistant.Filters < homeassistant.MaxDevices+sconce.MaxNetworksPerProject+80 {
			t.Errorf("%d subscriptions are too few", homeassistant.Filters)
		}
	})
}
