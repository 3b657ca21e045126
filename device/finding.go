package device

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// The times and limits of finding and binding (Base Device Behaviour 3.0.1): a person makes
// one device look for others, and those show themselves by identifying.
const (
	// FindTime is how long a device looks, and how long one that offers itself
	// identifies: bdbcMinCommissioningTime.
	FindTime = 180 * time.Second

	// MaxTargets is how many devices one search binds; those beyond are not asked.
	MaxTargets = 16

	findPause  = 10 * time.Second // between two calls
	findAnswer = 3 * time.Second  // for an answer, from a device that sleeps for at most as long
	findTries  = 3
)

// findStep is what is to be learnt of a target.
type findStep uint8

const (
	wantsAddress findStep = iota
	wantsDescriptor
	wantsGroup // is to be put into the group
	found      // or given up
)

// target is a device that identified itself.
type target struct {
	addr     zigbee.ShortAddr
	device   zigbee.EUI64
	endpoint uint8
	step     findStep
	clusters []uint16 // to be bound, of those that both have
	tries    int
}

// finding is a search for devices to bind. The zero value looks for nothing.
type finding struct {
	until   time.Time // zero: is not looking
	call    time.Time // the next
	again   time.Time // when the target under way is asked again; zero: nothing is under way
	group   uint16    // 0 to bind the devices themselves
	seq     uint8
	targets []target
	news    bool // somebody new has answered the last call
	bound   int
	refused bool // a table is full
}

// FindingDone says that a search for devices to bind has ended.
type FindingDone struct {
	Bound   int  // devices
	Refused bool // there was no room for a further binding, here or there
}

func (FindingDone) event() {}

// Find makes the device look for others that identify themselves, and bind them, for
// [FindTime] or until a call finds nobody new: each of its clusters that the other has on
// the other side. With a group, the others are put into it, and the group is bound.
// [FindingDone] tells the end. A search under way begins anew.
func (d *body) Find(now time.Time, group uint16) error {
	switch {
	case d.dead || !d.up:
		return fmt.Errorf("%s %s: %w", d.kind, d.cfg.EUI64, stack.ErrNotUp)
	case len(d.bindable(d.endpoint.Out))+len(d.bindable(d.endpoint.In)) == 0:
		return fmt.Errorf("%s %s: %w", d.kind, d.cfg.EUI64, errNothingToBind)
	}
	d.find = finding{until: now.Add(FindTime), call: now, group: group, seq: d.find.seq}
	d.node.PollFast(now, FindTime)
	d.settle(now)
	return nil
}

var errNothingToBind = errors.New("it has nothing to say to others, and nothing to hear of them")

// Offer makes the device identify itself so long that others find and bind it.
func (d *body) Offer(now time.Time) {
	d.identify.set(now, uint16(FindTime/time.Second))
	d.settle(now)
}

// Unbind ends all that a cluster is bound to, and returns how much that was.
func (d *body) Unbind(now time.Time, cluster uint16) (ended int) {
	for _, b := range d.node.Bindings(Endpoint, cluster) {
		if d.node.RemoveBinding(b) {
			ended++
		}
	}
	d.settle(now)
	return ended
}

// bindable returns those clusters that say or do something; the others serve to set a
// device up.
func (d *body) bindable(clusters []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(clusters), func(c uint16) bool {
		return slices.Contains([]uint16{
			zcl.ClusterBasic, zcl.ClusterPower, zcl.ClusterIdentify, zcl.ClusterGroups, zcl.ClusterTemperature,
			zcl.ClusterPollControl, zcl.ClusterDiagnostics, zcl.ClusterMetering, zcl.ClusterElectrical,
		}, c)
	})
}

func (d *body) findDeadline() (time.Time, bool) {
	f := &d.find
	if f.until.IsZero() {
		return time.Time{}, false
	}
	at := f.until
	for _, t := range [...]time.Time{f.call, f.again} {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at, true
}

// advanceFind calls, asks again, and ends the search.
func (d *body) advanceFind(now time.Time) {
	f := &d.find
	if f.until.IsZero() {
		return
	}
	if !d.up || !f.until.After(now) {
		d.endFind(now)
		return
	}
	if !f.again.IsZero() && !f.again.After(now) {
		f.again = time.Time{}
		d.askTarget(now)
	}
	if f.call.After(now) || !f.again.IsZero() {
		return
	}
	if f.bound > 0 && !f.news {
		d.endFind(now)
		return
	}
	f.call, f.news = now.Add(findPause), false
	f.seq++
	_, _ = d.node.Data(now, stack.DataRequest{ // when full, the next call is heard
		Dst: zigbee.BroadcastRxOn, DstEndpoint: 0xff, SrcEndpoint: Endpoint,
		Profile: zcl.ProfileHomeAutomation, Cluster: zcl.ClusterIdentify,
		Payload: zcl.AppendRequest(nil, f.seq, zcl.IdentifyQuery{}),
	})
}

func (d *body) endFind(now time.Time) {
	d.emit(FindingDone{Bound: d.find.bound, Refused: d.find.refused})
	d.find = finding{seq: d.find.seq}
	d.node.PollFast(now, 0)
}

// askTarget asks the first target of which something is to be learnt.
func (d *body) askTarget(now time.Time) {
	f := &d.find
	if !f.again.IsZero() {
		return
	}
	for i := range f.targets {
		t := &f.targets[i]
		if t.step != found && t.tries == findTries {
			t.step = found
		}
		if t.step == found {
			continue
		}
		t.tries++
		f.seq++
		f.again = now.Add(findAnswer)
		_, _ = d.node.Data(now, f.question(t)) // when full, it is asked again
		return
	}
}

// question returns what is to be asked of a target.
func (f *finding) question(t *target) stack.DataRequest {
	r := stack.DataRequest{Dst: t.addr, Ack: true}
	switch t.step {
	case wantsAddress:
		r.Cluster = uint16(zdo.IEEEAddr)
		r.Payload = zdo.IEEEAddrReq{Seq: f.seq, Addr: t.addr}.Append(nil)
	case wantsDescriptor:
		r.Cluster = uint16(zdo.SimpleDesc)
		r.Payload = zdo.SimpleDescReq{Seq: f.seq, Addr: t.addr, Endpoint: t.endpoint}.Append(nil)
	default:
		r.SrcEndpoint, r.DstEndpoint, r.Profile, r.Cluster = Endpoint, t.endpoint, zcl.ProfileHomeAutomation, zcl.ClusterGroups
		r.Payload = zcl.AppendRequest(nil, f.seq, zcl.AddGroup{Group: f.group})
	}
	return r
}

// asked returns the target that is being asked something, nil for none.
func (f *finding) asked(from zigbee.ShortAddr, step findStep, seq uint8) *target {
	if f.again.IsZero() || seq != f.seq {
		return nil
	}
	for i := range f.targets {
		if t := &f.targets[i]; t.step != found {
			if t.addr == from && t.step == step {
				return t
			}
			return nil
		}
	}
	return nil
}

// learn takes what others say while the device looks for them, and reports whether
// it was for that. Nothing else that they say counts.
func (d *body) learn(now time.Time, e stack.DataIndication) bool {
	f := &d.find
	if f.until.IsZero() || e.Group != 0 || e.Dst.IsBroadcast() {
		return false
	}
	if e.Profile == zdo.Profile {
		return d.learnZDO(now, e)
	}
	h, payload, err := zcl.ParseHeader(e.Payload)
	if err != nil || !h.Specific || !h.FromServer || e.Cluster != zcl.ClusterIdentify && e.Cluster != zcl.ClusterGroups {
		return false
	}
	c, err := zcl.ParseCommand(zcl.CommandID{Cluster: e.Cluster, FromServer: true, Command: h.Command}, payload)
	if err != nil {
		return false
	}
	switch c := c.(type) {
	case zcl.IdentifyQueryResponse:
		if c.Remaining > 0 {
			d.noteTarget(now, e)
		}
	case zcl.AddGroupResponse:
		if t := f.asked(e.Src, wantsGroup, h.Seq); t != nil && c.Group == f.group {
			if c.Status == zcl.Success || c.Status == zcl.DuplicateExists {
				d.bind(t)
			} else {
				f.refused = true
			}
			d.nextTarget(now, t, found)
		}
	default:
		return false
	}
	return true
}

// noteTarget notes a device that identifies itself.
func (d *body) noteTarget(now time.Time, e stack.DataIndication) {
	f := &d.find
	known := slices.ContainsFunc(f.targets, func(t target) bool { return t.addr == e.Src && t.endpoint == e.SrcEndpoint })
	if known || len(f.targets) == MaxTargets {
		return
	}
	t := target{addr: e.Src, endpoint: e.SrcEndpoint}
	if t.device = e.SrcEUI64; t.device != 0 {
		t.step = wantsDescriptor
	}
	f.targets = append(f.targets, t)
	f.news = true
	d.askTarget(now)
}

func (d *body) learnZDO(now time.Time, e stack.DataIndication) bool {
	f := &d.find
	switch zdo.Cluster(e.Cluster) {
	case zdo.IEEEAddr | zdo.Response:
		m, err := zdo.ParseAddrRsp(e.Payload)
		if err != nil {
			return true
		}
		if t := f.asked(e.Src, wantsAddress, m.Seq); t != nil && m.Status == zdo.Success && m.Addr == t.addr {
			t.device = m.Device
			d.nextTarget(now, t, wantsDescriptor)
		}
	case zdo.SimpleDesc | zdo.Response:
		m, err := zdo.ParseSimpleDescRsp(e.Payload)
		if err != nil {
			return true
		}
		if t := f.asked(e.Src, wantsDescriptor, m.Seq); t != nil {
			d.match(now, t, m)
		}
	default:
		return false
	}
	return true
}

// match decides what of a target is to be bound.
func (d *body) match(now time.Time, t *target, m zdo.SimpleDescRsp) {
	if m.Status == zdo.Success && m.Descriptor.Endpoint == t.endpoint && m.Descriptor.Profile == d.endpoint.Profile {
		both := func(own, theirs []uint16) {
			for _, c := range d.bindable(own) {
				if slices.Contains(theirs, c) {
					t.clusters = append(t.clusters, c)
				}
			}
		}
		both(d.endpoint.Out, m.Descriptor.In)
		both(d.endpoint.In, m.Descriptor.Out)
	}
	switch {
	case len(t.clusters) == 0:
		d.nextTarget(now, t, found)
	case d.find.group != 0:
		d.nextTarget(now, t, wantsGroup)
	default:
		d.bind(t)
		d.nextTarget(now, t, found)
	}
}

// bind binds the clusters of a target, as far as there is room.
func (d *body) bind(t *target) {
	bound := false
	for _, c := range t.clusters {
		b := stack.Binding{Endpoint: Endpoint, Cluster: c, Group: d.find.group}
		if b.Group == 0 {
			b.Device, b.DstEndpoint = t.device, t.endpoint
		}
		if err := d.node.AddBinding(b); err != nil {
			d.find.refused = true
			continue
		}
		bound = true
	}
	if bound {
		d.find.bound++
	}
}

// nextTarget goes on when something was learnt of a target.
func (d *body) nextTarget(now time.Time, t *target, step findStep) {
	t.step, t.tries = step, 0
	d.find.again = time.Time{}
	d.askTarget(now)
}
