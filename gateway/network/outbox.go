package network

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/zcl"
)

// How long is gathered what there is to tell. Events, results and reports are told at
// once, always.
const (
	// Readings, so that a building full of lights makes one message of many. States are
	// told at once.
	gatherLive = 1 * time.Second
	// Readings and states, while the cloud cannot be reached: so a day of them takes less
	// room, and is told in fewer messages after it. Nothing is left out: a state that
	// changes twice is there twice.
	gatherApart = 30 * time.Second
)

// outbox gathers what there is to tell the cloud until [Network.Drain].
type outbox struct {
	results   []wire.Result
	events    []wire.Event
	occupancy []wire.Occupancy
	readings  gathered[wire.Reading] // of metering
	around    gathered[wire.Reading] // of the surroundings
	states    gathered[wire.DeviceState]
	dirty     map[zigbee.EUI64]*device
	stages    map[zigbee.EUI64]wire.DeviceReport // as last told, or to be told
	changed   map[zigbee.EUI64]bool              // of stages
	reportDue bool                               // even if nothing changed
}

// touch puts a device's state into the next message.
func (o *outbox) touch(d *device) {
	if o.dirty == nil {
		o.dirty = map[zigbee.EUI64]*device{}
	}
	o.dirty[d.eui] = d
}

func (o *outbox) event(now time.Time, e zigbee.EUI64, k wire.EventKind) {
	o.events = append(o.events, wire.Event{Device: sconce.EUI64(e), At: wireTime(now), Kind: k})
}

func (o *outbox) reading(now time.Time, d *device, m sconce.Metric, value float64) {
	to := &o.readings
	if wire.ClassOfMetric(m) == wire.ClassSurroundings {
		to = &o.around // messages of their own: they give way first
	}
	to.add(now, wire.Reading{Device: sconce.EUI64(d.eui), Metric: m, At: wireTime(now), Value: value})
	d.presence.told = now // whoever measures is there
}

// gathered is parts of messages that wait to be told together.
type gathered[T any] struct {
	list  []T
	since time.Time // of the oldest
}

func (g *gathered[T]) add(now time.Time, v T) {
	if len(g.list) == 0 {
		g.since = now
	}
	g.list = append(g.list, v)
}

// due returns when all that waits is to be told, if it may wait for some time.
func (g *gathered[T]) due(wait time.Duration) (time.Time, bool) {
	at := g.since.Add(wait)
	if len(g.list) >= wire.MaxItems {
		at = g.since
	}
	return at, len(g.list) > 0
}

// take returns what waits, in pieces that fit a message, once it is due.
func (g *gathered[T]) take(now time.Time, wait time.Duration) iter.Seq[[]T] {
	at, some := g.due(wait)
	if !some || now.Before(at) {
		return slices.Chunk[[]T](nil, 1)
	}
	list := g.list
	g.list = nil
	return slices.Chunk(list, maxGathered)
}

// maxGathered is how many parts go into one message: so few that it is small beside
// what the line carries in a second.
const maxGathered = 512

// stage puts where a device stands into the next report when it is news.
func (o *outbox) stage(r wire.DeviceReport) {
	if o.stages == nil {
		o.stages, o.changed = map[zigbee.EUI64]wire.DeviceReport{}, map[zigbee.EUI64]bool{}
	}
	e := zigbee.EUI64(r.Device)
	if !same(o.stages[e], r) {
		o.stages[e] = r
		o.changed[e] = true
	}
}

// same reports whether two reports say the same.
func same(a, b wire.DeviceReport) bool {
	if a.Asset != nil && b.Asset != nil && *a.Asset == *b.Asset {
		a.Asset = b.Asset
	}
	return a == b
}

// Drain returns what there is to tell the cloud, the most urgent first, and
// forgets it.
func (n *Network) Drain(now time.Time) []wire.Up {
	o := &n.out
	var list []wire.Up
	for _, r := range o.results {
		list = append(list, r)
	}
	o.results = nil
	n.gatherStates(now)
	for chunk := range o.states.take(now, n.gatherTime(0)) {
		list = append(list, wire.State{Devices: chunk})
	}
	for chunk := range slices.Chunk(o.events, wire.MaxItems) {
		list = append(list, wire.Events{Events: chunk})
	}
	o.events = nil
	if len(o.changed) > 0 || o.reportDue {
		list = append(list, n.drainReport())
	}
	for _, m := range o.occupancy {
		list = append(list, m)
	}
	o.occupancy = nil
	for _, g := range []*gathered[wire.Reading]{&o.readings, &o.around} {
		for chunk := range g.take(now, n.gatherTime(gatherLive)) {
			list = append(list, wire.Readings{Readings: chunk})
		}
	}
	return list
}

// gatherTime returns how long is gathered what is otherwise told after a time.
func (n *Network) gatherTime(live time.Duration) time.Duration {
	if n.apart {
		return gatherApart
	}
	return live
}

// SetCloud says whether what is told now gets to the cloud at once. While it does not,
// more is told at a time.
func (n *Network) SetCloud(near bool) { n.apart = !near }

// DrainDeadline returns when [Network.Drain] will have something that it does
// not have yet, without anything else happening.
func (n *Network) DrainDeadline() (at time.Time, some bool) {
	o := &n.out
	for _, due := range []func(time.Duration) (time.Time, bool){o.readings.due, o.around.due, o.states.due} {
		if t, ok := due(n.gatherTime(gatherLive)); ok && (!some || t.Before(at)) {
			at, some = t, true
		}
	}
	return at, some
}

// gatherStates notes the states that have changed.
func (n *Network) gatherStates(now time.Time) {
	for _, e := range slices.Sorted(maps.Keys(n.out.dirty)) {
		d := n.out.dirty[e]
		if !n.isTold(d) {
			continue
		}
		d.presence.told = d.presence.heard
		s := d.state()
		if n.keeps(d) {
			d.hide(&s)
		}
		n.out.states.add(now, s)
	}
	n.out.dirty = nil
}

func (n *Network) drainReport() wire.Report {
	r := wire.Report{Desired: n.version}
	for _, e := range slices.Sorted(maps.Keys(n.out.stages)) {
		if _, wanted := n.devices[e]; wanted && (n.out.changed[e] || n.out.reportDue) {
			r.Devices = append(r.Devices, n.out.stages[e])
		}
	}
	clear(n.out.changed)
	n.out.reportDue = false
	return r
}

// state returns what a device has confirmed.
func (d *device) state() wire.DeviceState {
	s := wire.DeviceState{
		Device: sconce.EUI64(d.eui), Reachable: d.presence.reachable, Heard: wireTime(d.presence.heard), Cause: d.light.cause,
	}
	at := d.presence.heard
	if on := d.light.on; on.known() {
		s.On = &on.value
		at = on.at
	}
	if level := d.light.level; level.known() {
		l := fromZCL(level.value)
		s.Level = &l
		if !d.light.on.known() || level.at.After(at) {
			at = level.at
		}
	}
	if m := d.light.mireds; m.known() {
		kelvin := uint16(1_000_000 / max(uint32(m.value), 16))
		s.Kelvin = &kelvin
	}
	if f := d.light.faults; f.known() {
		s.Faults = &f.value
	}
	s.At = wireTime(at)
	return s
}

// Snapshot is what has to survive a restart of the gateway, beside the state of
// its Zigbee node. It holds install codes: it is kept sealed.
type Snapshot struct {
	Desired wire.Desired `cbor:"1,keyasint"`
	Records []Record     `cbor:"2,keyasint"`
}

// Unsaved reports whether the snapshot has changed since the last time it was
// asked.
func (n *Network) Unsaved() bool {
	u := n.unsaved
	n.unsaved = false
	return u
}

// Snapshot returns what has to survive a restart.
func (n *Network) Snapshot() Snapshot {
	s := Snapshot{Desired: wire.Desired{Version: n.version}}
	for _, d := range n.sorted() {
		s.Desired.Devices = append(s.Desired.Devices, wire.DesiredDevice{
			Device: sconce.EUI64(d.eui), Kind: d.kind, InstallCode: d.rawCode, Groups: d.groups,
		})
		s.Records = append(s.Records, d.record)
	}
	return s
}

// wireTime returns the time of a message, 0 for the zero time.
func wireTime(t time.Time) wire.Time {
	if t.IsZero() {
		return 0
	}
	return wire.Time(t.UnixMilli())
}

// members returns the lights of a group, in the order of their addresses.
func (n *Network) members(g sconce.GroupNumber) []*device {
	return slices.DeleteFunc(n.sorted(), func(d *device) bool {
		_, in := slices.BinarySearchFunc(d.groups, g, cmp.Compare[sconce.GroupNumber])
		return !in || d.kind != sconce.Luminaire
	})
}

// inGroup reports whether the light itself has said that it is in the group.
func (d *device) inGroup(g sconce.GroupNumber) bool {
	return d.record.has(zcl.ClusterGroups) && d.setup.grouped && slices.Contains(d.setup.groups, uint16(g))
}
