package homeassistant

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// When a [Bridge] looks without being told to.
const (
	listEvery = time.Minute      // which projects there are: one may have been deleted
	lookEvery = 10 * time.Minute // what devices say of themselves, such as a new version
	soon      = time.Second      // after a failure, and between looks at one project
)

// Retainer keeps the last message of each topic for those who subscribe later. It does not block.
type Retainer interface {
	// Retain sends a message and keeps it; an empty one is sent, and nothing is kept. An error
	// says that there is no room: then nothing was sent.
	Retain(topic string, payload []byte) error
	// Forget lets nothing be kept, and sends nothing.
	Forget(topic string)
}

// Presence says whether a gateway is connected.
type Presence interface {
	Online(gateway sconce.EUI64) bool
}

// Parts are what a [Bridge] works with; all of them are needed.
type Parts struct {
	Store    Store
	Retain   Retainer
	Presence Presence
	Version  string // of the cloud, as Home Assistant shows it
	Log      *slog.Logger
}

// Bridge keeps the retained messages of all projects in which the option is on. What it holds is
// at most [MaxDevices] entries for each. It is safe for concurrent use.
type Bridge struct {
	Parts
	wake chan struct{}

	mu    sync.Mutex
	on    map[sconce.ProjectID]*told
	stale map[sconce.ProjectID]struct{} // to be looked at
}

// told is what Home Assistant was told of a project.
type told struct {
	devices  map[sconce.EUI64]*toldDevice
	networks map[sconce.NetworkID]sconce.EUI64 // and their gateways
	looked   time.Time
	// fresh is what became known during a look, and later than what the look has read; nil
	// while there is none.
	fresh map[sconce.EUI64]telemetry.DeviceState
}

type toldDevice struct {
	kind   sconce.DeviceKind
	traits traits
	config [sha256.Size]byte // digest
	state  [sha256.Size]byte // digest
}

// NewBridge returns a bridge that knows in which projects the option is on, and has told nothing
// yet: [Bridge.Run] does.
func NewBridge(ctx context.Context, p Parts) (*Bridge, error) {
	b := &Bridge{Parts: p, wake: make(chan struct{}, 1), on: map[sconce.ProjectID]*told{}, stale: map[sconce.ProjectID]struct{}{}}
	ids, err := p.Store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		b.set(id, true)
	}
	return b, nil
}

// On reports whether the option is on in a project.
func (b *Bridge) On(id sconce.ProjectID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.on[id] != nil
}

// Switched says what was decided about a project. It does not block.
func (b *Bridge) Switched(id sconce.ProjectID, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(id, on)
}

// Changed says that devices of a project were added, changed or removed. It does not block.
func (b *Bridge) Changed(id sconce.ProjectID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look(id)
}

// StateChanged tells how a device stands. It does not block.
func (b *Bridge) StateChanged(id sconce.ProjectID, s telemetry.DeviceState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.on[id]
	if of == nil {
		return
	}
	if of.fresh != nil && len(of.fresh) < MaxDevices {
		of.fresh[s.Device] = s
	}
	d := of.devices[s.Device]
	if d == nil {
		return
	}
	if traitsOf(&s) != d.traits {
		b.look(id)
	}
	b.tell(id, s.Device, d, &s)
}

// tell tells how a device stands, unless that was told: much of what devices say, such as of
// their links, is nothing to Home Assistant. It is called with mu held.
func (b *Bridge) tell(id sconce.ProjectID, device sconce.EUI64, d *toldDevice, s *telemetry.DeviceState) {
	text := tell(d.kind, s)
	if digest := sha256.Sum256(text); digest != d.state && b.retain(StateTopic(id, device), text) {
		d.state = digest
	}
}

// PresenceChanged says that a gateway came or went. It does not block.
func (b *Bridge) PresenceChanged(a project.Assignment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.on[a.Project]
	if of == nil {
		return
	}
	if gateway := of.networks[a.Network]; gateway != 0 {
		b.retain(NetworkTopic(a.Project, a.Network), []byte(presence(b.Presence.Online(gateway))))
	}
	b.look(a.Project) // the network may be new, or have another gateway
}

// set is called with mu held, or before b is shared.
func (b *Bridge) set(id sconce.ProjectID, on bool) {
	of := b.on[id]
	switch {
	case on && of == nil:
		b.on[id] = &told{devices: map[sconce.EUI64]*toldDevice{}, networks: map[sconce.NetworkID]sconce.EUI64{}}
		b.look(id)
	case !on && of != nil:
		b.correct(id, of, nil, nil)
		delete(b.on, id)
		delete(b.stale, id)
	}
}

// look is called with mu held, or before b is shared.
func (b *Bridge) look(id sconce.ProjectID) {
	if b.on[id] == nil {
		return
	}
	b.stale[id] = struct{}{}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// retain is called with mu held, so that what is told of a thing is told in the order in which
// it happened. It reports whether there was room.
func (b *Bridge) retain(topic string, payload []byte) bool {
	err := b.Retain.Retain(topic, payload)
	if err != nil {
		b.Log.Warn("telling Home Assistant", "topic", topic, "error", err)
	}
	return err == nil
}

// Run keeps the messages as the store says, until ctx ends.
func (b *Bridge) Run(ctx context.Context) {
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		if b.lookAtStale(ctx) {
			sleep(ctx, soon)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
			sleep(ctx, soon/10) // what changes comes in crowds
		case now := <-tick.C:
			b.list(ctx, now)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// list finds out in which projects the option is on, and which have to be looked at.
func (b *Bridge) list(ctx context.Context, now time.Time) {
	ids, err := b.Store.Projects(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.Log.Error("reading which projects are told to Home Assistant", "error", err)
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, of := range b.on {
		if !slices.Contains(ids, id) {
			b.set(id, false) // it was deleted
		} else if now.Sub(of.looked) >= lookEvery {
			b.look(id)
		}
	}
	for _, id := range ids {
		b.set(id, true)
	}
}

// lookAtStale looks at what has changed, and reports whether there is more to do after a failure.
func (b *Bridge) lookAtStale(ctx context.Context) (again bool) {
	b.mu.Lock()
	ids := slices.Sorted(maps.Keys(b.stale))
	clear(b.stale)
	b.mu.Unlock()
	for _, id := range ids {
		if err := b.lookAt(ctx, id); err != nil {
			if ctx.Err() != nil {
				return false
			}
			b.Log.Error("telling Home Assistant what a project has", "project", id, "error", err)
			b.Changed(id)
			again = true
		}
	}
	return again
}

// lookAt tells what a project has.
func (b *Bridge) lookAt(ctx context.Context, id sconce.ProjectID) error {
	b.mu.Lock()
	of := b.on[id]
	if of != nil {
		of.fresh = map[sconce.EUI64]telemetry.DeviceState{}
	}
	b.mu.Unlock()
	if of == nil {
		return nil
	}
	is, err := b.Store.Building(ctx, id)
	if len(is.Places) > MaxDevices {
		b.Log.Warn("Home Assistant is not told of all devices", "project", id, "devices", len(is.Places), "told", MaxDevices)
		is.Places = is.Places[:MaxDevices]
	}
	all := make([]described, len(is.Places)) // while others are told
	for i, p := range is.Places {
		all[i] = b.describe(id, p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { of.fresh = nil }()
	if err != nil || b.on[id] != of {
		return err
	}
	of.looked = time.Now()
	b.correct(id, of, all, is.Networks)
	return nil
}

// described is a place with its description.
type described struct {
	Place
	config []byte // nil for none
	digest [sha256.Size]byte
}

func (b *Bridge) describe(id sconce.ProjectID, p Place) described {
	config := describe(id, p, b.Version)
	return described{p, config, sha256.Sum256(config)}
}

// correct tells what differs from what was told. It is called with mu held.
func (b *Bridge) correct(id sconce.ProjectID, of *told, is []described, has []project.Network) {
	devices := make(map[sconce.EUI64]*toldDevice, len(is))
	for _, p := range is {
		if s, newer := of.fresh[p.Device]; newer {
			p.State = s
			p = b.describe(id, p.Place)
		}
		was := of.devices[p.Device]
		if p.config == nil || (was == nil || was.config != p.digest) && !b.retain(ConfigTopic(id, p.Device), p.config) {
			continue // nothing to say, or no room: that is tried again with the next look
		}
		d := &toldDevice{kind: p.Kind, traits: traitsOf(&p.State), config: p.digest}
		devices[p.Device] = d
		if was != nil {
			d.state = was.state
		}
		if d.state == [sha256.Size]byte{} { // else what changed was told as it did
			b.tell(id, p.Device, d, &p.State)
		}
	}
	networks := map[sconce.NetworkID]sconce.EUI64{}
	for _, n := range has {
		networks[n.ID] = n.Gateway
		if was, known := of.networks[n.ID]; !known || was != n.Gateway {
			b.retain(NetworkTopic(id, n.ID), []byte(presence(n.Gateway != 0 && b.Presence.Online(n.Gateway))))
		}
	}
	for d := range of.devices {
		if devices[d] == nil {
			b.retain(ConfigTopic(id, d), nil) // which takes the device away
			b.Retain.Forget(StateTopic(id, d))
		}
	}
	for n := range of.networks {
		if _, there := networks[n]; !there {
			b.Retain.Forget(NetworkTopic(id, n))
		}
	}
	of.devices, of.networks = devices, networks
}
