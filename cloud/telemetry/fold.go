package telemetry

import (
	"context"
	"math"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
)

// A gateway is no person and has no Scope: what it says belongs to the project
// and network that it was assigned to when it said it, a [project.Assignment].

// Before reads what was made from the journal so far. Its answers are zero for
// what is not there.
type Before interface {
	StateBefore(ctx context.Context, id sconce.ProjectID, device sconce.EUI64) (DeviceState, error)
	OpenBefore(ctx context.Context, id sconce.ProjectID, s Series) (Open, error)
	// ChunksAround returns, of the chunks of a series, those that have samples both until
	// and from a time, and the nearest that have none on one side of it.
	ChunksAround(ctx context.Context, id sconce.ProjectID, s Series, at int64) ([]Chunk, error)
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
	Rollups
}

// maxCached is how many devices a [Fold] remembers; beyond that it forgets all of
// them once their results are stored.
const maxCached = 100_000

// What is in memory until it is stored, in bytes, about.
const (
	sampleWeight = 16
	deviceWeight = 512
	otherWeight  = 128 // an event, a stage, a gateway
)

// Fold makes results from messages: first message by message in memory, then, in
// one go, in a transaction. It remembers what it stored, so there is one at a time
// for a store, and it must be made anew when a transaction failed. It is not safe
// for concurrent use.
type Fold struct {
	before  Before
	keep    time.Duration
	sites   map[sconce.ProjectID]map[sconce.EUI64]*device
	devices int
	weight  int
	touched []*device
	events  []placedEvent
	stages  map[within]stageOf
	hellos  map[within]gatewayOf
}

// device is what a Fold knows of one device.
type device struct {
	assignment     project.Assignment // of the last message about it
	state          DeviceState        // but for what readings said since it was stored
	heard, powerAt int64              // Heard and PowerAt of state, in milliseconds
	power          float64            // at powerAt, when measured
	measured       bool
	changed        bool // state
	touched        bool // anything
	series         []series
	parts          rollup.Parts // to be added to its rollups
}

type series struct {
	metric sconce.Metric
	open   Open
	full   []Chunk
	dirty  bool
	gap    gap
}

// last returns the time of the last sample that counts, in milliseconds; 0 for none.
func (s *series) last() int64 {
	if n := len(s.open.Samples); s.open.Rolled.Waiting > 0 {
		return s.open.Samples[n-1].At
	}
	return s.open.Rolled.Head.At
}

type placedEvent struct {
	assignment project.Assignment
	batch      int64
	n          int
	event      Event
}

// within names a device or a gateway in a project: it may be moved, and leaves behind what
// was known of it.
type within struct {
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

// NewFold returns a Fold that continues from what was stored before. It keeps no reading
// that is older by keep than the message with it; 0 keeps all.
func NewFold(before Before, keep time.Duration) *Fold {
	return &Fold{
		before: before,
		keep:   keep,
		sites:  map[sconce.ProjectID]map[sconce.EUI64]*device{},
		stages: map[within]stageOf{},
		hellos: map[within]gatewayOf{},
	}
}

// Source is a network at the moment when a message of its gateway was received.
type Source struct {
	fold       *Fold
	assignment project.Assignment
	received   time.Time
	latest     int64 // received, in milliseconds
	oldest     int64 // what is before that is not kept
	late       uint64
	devices    map[sconce.EUI64]*device
}

// From returns the source of a message: where what it says belongs.
func (f *Fold) From(a project.Assignment, received time.Time) Source {
	site := f.sites[a.Project]
	if site == nil {
		site = map[sconce.EUI64]*device{}
		f.sites[a.Project] = site
	}
	oldest := int64(math.MinInt64)
	if f.keep > 0 {
		oldest = received.Add(-f.keep).UnixMilli()
	}
	return Source{fold: f, assignment: a, received: received, latest: received.UnixMilli(), oldest: oldest, devices: site}
}

// Reading adds one measured value. It is no newer than the message: what a gateway says
// whose clock is ahead must not hide what comes after. A metric that the cloud makes
// itself is ignored.
func (f *Source) Reading(ctx context.Context, of Series, s Sample) error {
	if of.Metric == sconce.Output {
		return nil
	}
	d, err := f.touch(ctx, of.Device)
	if err != nil {
		return err
	}
	at := min(s.At, f.latest)
	if of.Metric == sconce.ActivePower && at >= d.powerAt {
		d.power, d.powerAt = s.Value, at
		d.measured, d.changed = true, true
	}
	d.latest(of.Metric, s.Value, at)
	if at > d.heard {
		d.heard = at
		d.changed = true
	}
	s.At = at
	return f.sample(ctx, d, of, s)
}

// Occupied adds for how long a sensor saw somebody in a span of time, in milliseconds from a
// time on: all that a gateway tells of occupancy where single values stay in the building.
// What it sees now is not known then, and it has changed if it saw somebody for some of the
// span. The span ends no later than the message.
func (f *Source) Occupied(ctx context.Context, id sconce.EUI64, from, length, occupied int64) error {
	from = min(from, f.latest-length)
	if from < f.oldest {
		f.late++
		return nil
	}
	if !rollup.Usable(rollup.Point{At: from}) {
		return nil
	}
	d, err := f.touch(ctx, id)
	if err != nil {
		return err
	}
	d.rolls().Occupied(from, length, occupied)
	f.fold.weight += int(1+length/rollup.Quarter) * partWeight
	end := from + length
	if d.state.Occupied != nil && end >= d.heard-backlogAge.Milliseconds() {
		d.state.Occupied, d.changed = nil, true
	}
	at := d.state.OccupiedAt
	if changed := occupied > 0 && occupied < length; (changed || at.IsZero()) && end > at.UnixMilli() {
		d.state.OccupiedAt, d.changed = time.UnixMilli(end).UTC(), true
	}
	return nil
}

// KeepAll lets all readings be kept, however old they are.
func (f *Source) KeepAll() { f.oldest = math.MinInt64 }

// Late returns how many readings were not kept: they are of a time of which readings are kept
// no more.
func (f *Source) Late() uint64 { return f.late }

// sample adds a sample to a series of a device, and to its rollups.
func (f *Source) sample(ctx context.Context, d *device, of Series, s Sample) error {
	if s.At < f.oldest {
		f.late++
		return nil
	}
	to := d.find(of.Metric)
	if to == nil {
		open, err := f.fold.before.OpenBefore(ctx, f.assignment.Project, of)
		if err != nil {
			return err
		}
		d.series = append(d.series, series{metric: of.Metric, open: open})
		to = &d.series[len(d.series)-1]
	}
	if of.Metric == sconce.Energy && s.At >= max(to.last(), d.heard-backlogAge.Milliseconds()) {
		d.state.Energy, d.changed = new(s.Value), true // a counter that goes back would be a new one to who reads it
	}
	if rollup.Counts(of.Metric) {
		placed, err := f.roll(ctx, d, to, of, s)
		if err != nil {
			return err
		}
		if !placed {
			f.late++
			return nil
		}
	}
	to.dirty = true
	f.fold.weight += sampleWeight
	if chunk, ok := to.open.add(s); ok {
		to.full = append(to.full, chunk)
	}
	return nil
}

// backlogAge is how much older than the last word of a device a reading is that does not
// tell its present condition: gateways send live messages before their backlog, and gather
// readings for a moment.
const backlogAge = time.Minute

// latest takes over what a device says of itself, unless it is from a backlog.
func (d *device) latest(m sconce.Metric, value float64, at int64) {
	if at < d.heard-backlogAge.Milliseconds() {
		return
	}
	switch m {
	case sconce.Temperature:
		d.state.Temperature, d.changed = new(value), true
	case sconce.Battery:
		d.state.Battery, d.changed = new(value), true
	case sconce.Signal:
		d.state.Signal, d.changed = new(value), true
	case sconce.LinkQuality:
		d.state.LinkQuality, d.changed = new(value), true
	case sconce.BurnHours:
		d.state.BurnHours, d.changed = new(value), true
	case sconce.Illuminance:
		d.state.Illuminance, d.changed = new(value), true
	case sconce.Occupancy:
		if value < 0 {
			d.state.Occupied, d.changed = nil, true
		} else if is := value != 0; d.state.Occupied == nil || *d.state.Occupied != is {
			d.state.Occupied, d.state.OccupiedAt = &is, time.UnixMilli(at).UTC()
			d.changed = true
		}
	}
}

// find returns the series of a metric, nil when it was not read yet.
func (d *device) find(m sconce.Metric) *series {
	for i := range d.series {
		if d.series[i].metric == m {
			return &d.series[i]
		}
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
// later than the message.
func (f *Source) State(ctx context.Context, s DeviceState) error {
	d, err := f.touch(ctx, s.Device)
	if err != nil {
		return err
	}
	s.At = earlier(s.At, f.received)
	if err := f.output(ctx, d, s); err != nil || s.At.Before(d.state.At) {
		return err
	}
	d.changed = true
	d.state.At, d.state.Reachable = s.At, s.Reachable
	d.heard = max(d.heard, min(s.Heard.UnixMilli(), f.latest))
	if s.On != nil {
		d.state.On = s.On
	}
	if s.Level != nil {
		d.state.Level = s.Level
	}
	if s.Faults != nil {
		d.state.Faults = s.Faults
	}
	if s.Kelvin != nil {
		d.state.Kelvin = s.Kelvin
	}
	if s.On != nil || s.Level != nil || s.Kelvin != nil {
		d.state.Cause = s.Cause
	}
	return nil
}

// Event adds an event, the n-th of a batch.
func (f *Fold) Event(a project.Assignment, batch int64, n int, e Event) {
	f.events = append(f.events, placedEvent{a, batch, n, e})
	f.weight += otherWeight
}

// Stage takes over where a device stands.
func (f *Fold) Stage(a project.Assignment, s Stage) {
	key := within{a.Project, s.Device}
	if s.Asset == nil {
		s.Asset = f.stages[key].stage.Asset // said before, in what is stored together
	}
	f.stages[key] = stageOf{a, s}
	f.weight += otherWeight
}

// Gateway takes over what a gateway said of itself.
func (f *Fold) Gateway(a project.Assignment, g Gateway) {
	f.hellos[within{a.Project, g.Gateway}] = gatewayOf{a, g}
	f.weight += otherWeight
}

// touch returns what is known of a device, and marks it for storing.
func (f *Source) touch(ctx context.Context, id sconce.EUI64) (*device, error) {
	d := f.devices[id]
	if d == nil {
		state, err := f.fold.before.StateBefore(ctx, f.assignment.Project, id)
		if err != nil {
			return nil, err
		}
		state.Device = id
		d = &device{state: state, heard: state.Heard.UnixMilli(), powerAt: state.PowerAt.UnixMilli()}
		f.devices[id] = d
		f.fold.devices++
	}
	d.assignment = f.assignment
	if !d.touched {
		d.touched = true
		f.fold.weight += deviceWeight
		f.fold.touched = append(f.fold.touched, d)
	}
	return d, nil
}

// settle brings into the state what readings said.
func (d *device) settle() {
	if d.heard > d.state.Heard.UnixMilli() {
		d.state.Heard = time.UnixMilli(d.heard).UTC()
	}
	if d.measured {
		d.state.Power, d.state.PowerAt = new(d.power), time.UnixMilli(d.powerAt).UTC()
		d.measured = false
	}
}

// Weight returns about how many bytes of memory wait to be stored.
func (f *Fold) Weight() int { return f.weight }

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
		d.settle()
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
	return addParts(tx, d.assignment, d.state.Device, d.parts)
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
		clear(d.parts)
	}
	clear(f.touched) // lets go of devices that are forgotten
	f.touched, f.events, f.weight = f.touched[:0], f.events[:0], 0
	clear(f.stages)
	clear(f.hellos)
	if f.devices > maxCached {
		clear(f.sites)
		f.devices = 0
	}
}
