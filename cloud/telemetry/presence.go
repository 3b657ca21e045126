package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// Settle is how long a gateway may be away before it counts as offline: one that
// comes back within that time was never offline for anybody who watches.
const Settle = 2 * time.Second

// PresenceStore keeps the presence of gateways over restarts of the cloud.
type PresenceStore interface {
	// Presences returns what was last stored of every gateway.
	Presences(ctx context.Context) ([]Presence, error)
	SetPresences(ctx context.Context, p []Presence) error
	// Assignment returns which network a gateway serves.
	Assignment(ctx context.Context, gateway sconce.EUI64) (project.Assignment, error)
}

// Presences knows which gateways are connected. It holds one entry for each
// gateway of the registry that ever connected. It is safe for concurrent use.
type Presences struct {
	store PresenceStore
	live  Publisher
	log   *slog.Logger
	tell  func(project.Assignment) // of a gateway that came or went; nil for nobody

	mu    sync.Mutex
	of    map[sconce.EUI64]*presence
	dirty map[sconce.EUI64]struct{} // changed, and not yet stored and published
	wake  chan struct{}             // of Run
}

type presence struct {
	Presence
	leaving *time.Timer // runs while it is gone and Online is still true
}

// NewPresences returns what was stored, all of it offline: a gateway that is not
// connected to this process is not connected. What the store does not say about
// an end is taken to be now.
func NewPresences(ctx context.Context, store PresenceStore, live Publisher, log *slog.Logger) (*Presences, error) {
	before, err := store.Presences(ctx)
	if err != nil {
		return nil, err
	}
	p := &Presences{
		store: store, live: live, log: log,
		of: map[sconce.EUI64]*presence{}, dirty: map[sconce.EUI64]struct{}{}, wake: make(chan struct{}, 1),
	}
	for _, b := range before {
		if b.Online {
			b.Online, b.Since = false, time.Now().UTC().Truncate(time.Millisecond)
			p.dirty[b.Gateway] = struct{}{}
		}
		p.of[b.Gateway] = &presence{Presence: b}
	}
	p.notify()
	return p, nil
}

// Tell has fn called each time that a gateway of a network has come or gone, after that was
// stored. fn does not block. It is called before Run, once.
func (p *Presences) Tell(fn func(project.Assignment)) { p.tell = fn }

// Of returns the presence of a gateway.
func (p *Presences) Of(gateway sconce.EUI64) Presence {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.of[gateway]; g != nil {
		return g.Presence
	}
	return Presence{Gateway: gateway}
}

// Online reports whether a gateway is connected.
func (p *Presences) Online(gateway sconce.EUI64) bool { return p.Of(gateway).Online }

// Connected says that a gateway has connected, perhaps before the end of its last
// connection was known. It does not block.
func (p *Presences) Connected(gateway sconce.EUI64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.of[gateway]
	if g == nil {
		g = &presence{Presence: Presence{Gateway: gateway}}
		p.of[gateway] = g
	}
	if g.leaving != nil {
		g.leaving.Stop()
		g.leaving = nil
	}
	if !g.Online {
		p.change(g, true, at)
	}
}

// Disconnected says that a gateway is connected no more. It does not block.
func (p *Presences) Disconnected(gateway sconce.EUI64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.of[gateway]
	if g == nil || !g.Online || g.leaving != nil {
		return
	}
	var leaving *time.Timer
	leaving = time.AfterFunc(Settle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if g.leaving == leaving { // it did not come back
			g.leaving = nil
			p.change(g, false, at)
		}
	})
	g.leaving = leaving
}

// change is called with mu held.
func (p *Presences) change(g *presence, online bool, since time.Time) {
	g.Online, g.Since = online, since.UTC().Truncate(time.Millisecond)
	p.dirty[g.Gateway] = struct{}{}
	p.notify()
}

// notify wakes Run. It is called with mu held, or before p is shared.
func (p *Presences) notify() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run stores and publishes changes until ctx ends. When the store is away it
// tries again every second; a change that was undone meanwhile is not published.
func (p *Presences) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		for !p.flush(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

func (p *Presences) flush(ctx context.Context) bool {
	p.mu.Lock()
	changes := make([]Presence, 0, len(p.dirty))
	for gateway := range p.dirty {
		changes = append(changes, p.of[gateway].Presence)
	}
	clear(p.dirty)
	p.mu.Unlock()
	if len(changes) == 0 {
		return true
	}
	if err := p.store.SetPresences(ctx, changes); err != nil {
		p.log.Error("storing the presence of gateways", "gateways", len(changes), "error", err)
		p.again(changes)
		return false
	}
	for _, c := range changes {
		a, err := p.store.Assignment(ctx, c.Gateway)
		if err != nil {
			p.log.Error("publishing the presence of a gateway", "gateway", c.Gateway, "error", err)
		} else if a.Project != "" {
			publishPresence(p.live, a.Project, c)
			if p.tell != nil {
				p.tell(a)
			}
		}
	}
	return true
}

func (p *Presences) again(changes []Presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		p.dirty[c.Gateway] = struct{}{}
	}
}
