package telemetry

import (
	"context"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// A gateway is no person and has no Scope: what it says belongs to the project
// and network that it was assigned to when it said it, a [project.Assignment].

// Before reads what was made from the journal so far. Its answers are zero for
// what is not there.
type Before interface {
	StateBefore(ctx context.Context, id sconce.ProjectID, device sconce.EUI64) (DeviceState, error)
	OpenBefore(ctx context.Context, id sconce.ProjectID, s Series) (Open, error)
}

// Results stores what is made from the journal.
type Results interface {
	SetState(a project.Assignment, s DeviceState) error
	SetOpen(a project.Assignment, s Series, o Open) error
	AddChunk(a project.Assignment, s Series, c Chunk) error
	// AddEvent stores an event, which is named by its batch and place in the journal.
	AddEvent(a project.Assignment, batch int64, n int, e Event) error
	SetStage(a project.Assignment, s Stage) error
	SetGateway(a project.Assignment, g Gateway) error
}

// maxCached is how many devices a [Fold] remembers; beyond that it forgets all of
// them once their results are stored.
const maxCached = 100_000

// Fold makes results from messages: first message by message in memory, then, in
// one go, in a transaction. It remembers what it stored, so there is one at a time
// for a store, and it must be made anew when a transaction failed. It is not safe
// for concurrent use.
type Fold struct {
	before  Before
	sites   map[sconce.ProjectID]map[sconce.EUI64]*device
	devices int
	touched []*device
	events  []placedEvent
	stages  map[stageKey]stageOf
	hellos  map[sconce.EUI64]gatewayOf
}

// device is what a Fold knows of one device.
type device struct {
	assignment project.Assignment // of the last message about it
	state      DeviceState
	changed    bool // state
	touched    bool // anything
	series     []series
}

type series struct {
	metric sconce.Metric
	open   Open
	full   []Chunk
	dirty  bool
}

type placedEvent struct {
	assignment project.Assignment
	batch      int64
	n          int
	event      Event
}

type stageKey struct {
	project sconce.ProjectID
	device  sconce.EUI64
}

type stageOf struct {
	assignment project.Assignment
	stage      Stage
}

type gatewayOf struct {
	assignment project.Assignment
	gateway    Gateway
}

// NewFold returns a Fold that continues from what was stored before.
func NewFold(before Before) *Fold {
	return &Fold{
		before: before,
		sites:  map[sconce.ProjectID]map[sconce.EUI64]*device{},
		stages: map[stageKey]stageOf{},
		hellos: map[sconce.EUI64]gatewayOf{},
	}
}

// Reading adds one measured value. For the latest state it is no newer than
// received: a gateway whose clock was ahead must not hide what comes after.
func (f *Fold) Reading(ctx context.Context, a project.Assignment, of Series, s Sample, received time.Time) error {
	d, err := f.touch(ctx, a, of.Device)
	if err != nil {
		return err
	}
	at := earlier(s.Time(), received)
	if of.Metric == sconce.ActivePower && !at.Before(d.state.PowerAt) {
		d.state.Power, d.state.PowerAt = new(s.Value), at
		d.changed = true
	}
	if at.After(d.state.Heard) {
		d.state.Heard = at
		d.changed = true
	}
	i := slices.IndexFunc(d.series, func(s series) bool { return s.metric == of.Metric })
	if i < 0 {
		open, err := f.before.OpenBefore(ctx, a.Project, of)
		if err != nil {
			return err
		}
		i = len(d.series)
		d.series = append(d.series, series{metric: of.Metric, open: open})
	}
	to := &d.series[i]
	to.dirty = true
	if chunk, ok := to.open.add(s); ok {
		to.full = append(to.full, chunk)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// State takes over a confirmed state, unless a later one is known. What is not
// known in it stays as it was; its Power is not looked at. No time in it counts as
// later than received.
func (f *Fold) State(ctx context.Context, a project.Assignment, s DeviceState, received time.Time) error {
	d, err := f.touch(ctx, a, s.Device)
	if err != nil {
		return err
	}
	s.At, s.Heard = earlier(s.At, received), earlier(s.Heard, received)
	if s.At.Before(d.state.At) {
		return nil
	}
	d.changed = true
	d.state.At, d.state.Reachable = s.At, s.Reachable
	if s.Heard.After(d.state.Heard) {
		d.state.Heard = s.Heard
	}
	if s.On != nil {
		d.state.On = s.On
	}
	if s.Level != nil {
		d.state.Level = s.Level
	}
	if s.On != nil || s.Level != nil {
		d.state.Cause = s.Cause
	}
	return nil
}

// Event adds an event, the n-th of a batch.
func (f *Fold) Event(a project.Assignment, batch int64, n int, e Event) {
	f.events = append(f.events, placedEvent{a, batch, n, e})
}

// Stage takes over where a device stands.
func (f *Fold) Stage(a project.Assignment, s Stage) {
	f.stages[stageKey{a.Project, s.Device}] = stageOf{a, s}
}

// Gateway takes over what a gateway said of itself.
func (f *Fold) Gateway(a project.Assignment, g Gateway) {
	f.hellos[g.Gateway] = gatewayOf{a, g}
}

// touch returns what is known of a device, and marks it for storing.
func (f *Fold) touch(ctx context.Context, a project.Assignment, id sconce.EUI64) (*device, error) {
	site := f.sites[a.Project]
	if site == nil {
		site = map[sconce.EUI64]*device{}
		f.sites[a.Project] = site
	}
	d := site[id]
	if d == nil {
		state, err := f.before.StateBefore(ctx, a.Project, id)
		if err != nil {
			return nil, err
		}
		state.Device = id
		d = &device{state: state}
		site[id] = d
		f.devices++
	}
	d.assignment = a
	if !d.touched {
		d.touched = true
		f.touched = append(f.touched, d)
	}
	return d, nil
}

// Store stores what came since it was last called.
func (f *Fold) Store(tx Results) error {
	for _, d := range f.touched {
		if err := d.store(tx); err != nil {
			return err
		}
	}
	for _, e := range f.events {
		if err := tx.AddEvent(e.assignment, e.batch, e.n, e.event); err != nil {
			return err
		}
	}
	for _, s := range f.stages {
		if err := tx.SetStage(s.assignment, s.stage); err != nil {
			return err
		}
	}
	for _, g := range f.hellos {
		if err := tx.SetGateway(g.assignment, g.gateway); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) store(tx Results) error {
	if d.changed {
		if err := tx.SetState(d.assignment, d.state); err != nil {
			return err
		}
	}
	for i := range d.series {
		s := &d.series[i]
		if !s.dirty {
			continue
		}
		of := Series{d.state.Device, s.metric}
		for _, c := range s.full {
			if err := tx.AddChunk(d.assignment, of, c); err != nil {
				return err
			}
		}
		if err := tx.SetOpen(d.assignment, of, s.open); err != nil {
			return err
		}
	}
	return nil
}

// Stored says that the transaction of [Fold.Store] has committed, and calls
// changed with every state that is new in it.
func (f *Fold) Stored(changed func(id sconce.ProjectID, s DeviceState)) {
	for _, d := range f.touched {
		if d.changed {
			changed(d.assignment.Project, d.state)
		}
		d.changed, d.touched = false, false
		for i := range d.series {
			d.series[i].dirty, d.series[i].full = false, nil
		}
	}
	f.touched, f.events = f.touched[:0], f.events[:0]
	clear(f.stages)
	clear(f.hellos)
	if f.devices > maxCached {
		clear(f.sites)
		f.devices = 0
	}
}
