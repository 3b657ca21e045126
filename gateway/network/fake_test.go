package network

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

const (
	self    zigbee.EUI64 = 0x00124b00000000ff
	oneWay               = 4 * time.Millisecond // of a frame and its acknowledgement
	lostFor              = 90 * time.Millisecond
)

var epoch = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// world is a network with scripted lights around it, on virtual time. It is the
// node that the network runs on. Its lights answer with the cluster library's
// own server, frame by frame.
type world struct {
	t      *testing.T
	now    time.Time
	net    *Network
	events timers
	lights map[zigbee.EUI64]*fakeLight
	handle stack.Handle

	members    []zigbee.EUI64 // as the trust centre knows them
	allowed    map[zigbee.EUI64]bool
	codes      map[zigbee.EUI64]zigbee.InstallCode
	refuse     bool // takes no request
	open       time.Duration
	removed    []zigbee.EUI64
	labels     []gp.ID     // of switches that are expected
	switches   []gp.Switch // that are paired
	pairing    bool        // the window is open
	unlabelled bool        // it was, for anybody
	badLabel   bool        // no label will do

	rotated int // how often the network key was changed
	sent    []stack.DataRequest
	told    []wire.Up
	tap     func(now time.Time, told []wire.Up) // optional: is given what is told, when it is
}

// fakeLight is a dimmable light with a power meter.
type fakeLight struct {
	energyUnit uint8 // of its meter; 0: kWh
	w          *world
	eui        zigbee.EUI64
	short      zigbee.ShortAddr
	server     *zcl.Server
	due        *timer

	on       bool
	from, to uint8 // level, and where it fades to
	fadeAt   time.Time
	fade     time.Duration
	floor    uint8 // lowest level that it can do
	watts    int16 // tenths
	groups   []uint16

	deaf      bool // has no power
	mute      bool // does not report
	missCasts bool // does not receive groupcasts
	bindings  []uint16
	commands  int
	senses    bool // has a sensor of occupancy
	occupied  bool
}

func newWorld(t *testing.T, lights int) *world {
	w := &world{t: t, now: epoch, lights: map[zigbee.EUI64]*fakeLight{}, allowed: map[zigbee.EUI64]bool{}, codes: map[zigbee.EUI64]zigbee.InstallCode{}}
	for i := range lights {
		e := zigbee.EUI64(0x00124b0000000001 + uint64(i))
		w.lights[e] = newFakeLight(w, e, zigbee.ShortAddr(0x1000+i))
	}
	w.restart(Snapshot{})
	return w
}

// restart begins with a new network on the same node.
func (w *world) restart(from Snapshot) {
	w.net = New(Config{Node: w, Self: self, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, w.now, from)
}

func newFakeLight(w *world, e zigbee.EUI64, short zigbee.ShortAddr) *fakeLight {
	l := &fakeLight{w: w, eui: e, short: short, to: zcl.MaxLevel, from: zcl.MaxLevel, watts: 300}
	l.boot()
	return l
}

// clusters are what the light serves.
func (l *fakeLight) clusters() []uint16 {
	list := []uint16{zcl.ClusterBasic, zcl.ClusterGroups, zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterElectrical, zcl.ClusterMetering, zcl.ClusterTemperature, zcl.ClusterBallast, zcl.ClusterBehaviour}
	if l.senses {
		list = append(list, zcl.ClusterOccupancy)
	}
	return list
}

func (l *fakeLight) boot() {
	s, err := zcl.NewServer(l, 80, []zcl.Endpoint{{ID: 11, Profile: zcl.ProfileHomeAutomation, Clusters: l.clusters()}}, nil)
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.server = s
}

// level returns what the light gives at the moment.
func (l *fakeLight) level(now time.Time) (level uint8, moving bool) {
	if gone := now.Sub(l.fadeAt); gone < l.fade {
		part := float64(gone) / float64(l.fade)
		return uint8(float64(l.from) + part*(float64(l.to)-float64(l.from))), true
	}
	return l.to, false
}

func (l *fakeLight) Attribute(now time.Time, _ uint8, cluster, attribute uint16) (zcl.Reading, bool) {
	level, moving := l.level(now)
	for _, a := range []struct {
		cluster, attribute uint16
		v                  zcl.Value
	}{
		{zcl.ClusterBasic, zcl.AttrZCLVersion, zcl.Uint8(8)},
		{zcl.ClusterBasic, zcl.AttrManufacturer, zcl.Text("Maker")},
		{zcl.ClusterBasic, zcl.AttrModel, zcl.Text("Panel 40")},
		{zcl.ClusterBasic, zcl.AttrSWBuild, zcl.Text("1.2.3")},
		{zcl.ClusterBasic, zcl.AttrHWVersion, zcl.Uint8(3)},
		{zcl.ClusterBasic, zcl.AttrSerialNumber, zcl.Text("SN 1")},
		{zcl.ClusterBehaviour, zcl.AttrRatedPower, zcl.Uint16(315)},
		{zcl.ClusterBallast, zcl.AttrBallastStatus, zcl.Map8(zcl.BallastLampFailure)},
		{zcl.ClusterBallast, zcl.AttrLampBurnHours, zcl.NewValue(zcl.TypeUint24, 1234)},
		{zcl.ClusterOnOff, zcl.AttrOnOff, zcl.Bool(l.on)},
		{zcl.ClusterLevel, zcl.AttrCurrentLevel, zcl.Uint8(level)},
		{zcl.ClusterElectrical, zcl.AttrActivePower, zcl.Int16(l.watts)},
		{zcl.ClusterElectrical, zcl.AttrACPowerMultiplier, zcl.Uint16(1)},
		{zcl.ClusterElectrical, zcl.AttrACPowerDivisor, zcl.Uint16(10)},
		{zcl.ClusterMetering, zcl.AttrEnergyDelivered, zcl.NewValue(zcl.TypeUint48, 7200)},
		{zcl.ClusterMetering, zcl.AttrMeteringUnit, zcl.Enum8(l.energyUnit)},
		{zcl.ClusterMetering, zcl.AttrMeteringMultiplier, zcl.NewValue(zcl.TypeUint24, 1)},
		{zcl.ClusterMetering, zcl.AttrMeteringDivisor, zcl.NewValue(zcl.TypeUint24, 3_600_000)},
		{zcl.ClusterTemperature, zcl.AttrCurrentTemperature, zcl.Int16(-7)},
		{zcl.ClusterOccupancy, zcl.AttrOccupancy, zcl.Map8(uint8(flag(l.occupied)))},
	} {
		if a.cluster == cluster && a.attribute == attribute {
			return zcl.Reading{Value: a.v, Moving: moving && cluster == zcl.ClusterLevel}, true
		}
	}
	return zcl.Reading{}, false
}

func (l *fakeLight) Write(time.Time, uint8, uint16, zcl.Attribute) {}

func (l *fakeLight) Command(now time.Time, _ zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	switch c := c.(type) {
	case zcl.On:
		l.commands++
		l.on = true
	case zcl.Off:
		l.commands++
		l.on = false
	case zcl.MoveToLevel:
		l.commands++
		l.from, _ = l.level(now)
		l.to = max(c.Level, l.floor)
		l.fadeAt, l.fade = now, time.Duration(c.Transition)*100*time.Millisecond
		l.on = c.Level > 0
	case zcl.GetGroupMembership:
		return zcl.GroupMembership{Capacity: 16, Groups: slices.Clone(l.groups)}, zcl.Success
	case zcl.AddGroup:
		l.groups = append(l.groups, c.Group)
		return zcl.AddGroupResponse{Group: c.Group}, zcl.Success
	case zcl.RemoveGroup:
		l.groups = slices.DeleteFunc(l.groups, func(g uint16) bool { return g == c.Group })
		return zcl.RemoveGroupResponse{Group: c.Group}, zcl.Success
	}
	return nil, zcl.Success
}

// receive takes a frame as the light's stack hands it on.
func (l *fakeLight) receive(now time.Time, r stack.DataRequest) {
	if r.Profile == zdo.Profile {
		l.zdo(now, r)
		return
	}
	l.server.Receive(now, zcl.Message{
		Src: zigbee.Coordinator, SrcEndpoint: r.SrcEndpoint, Endpoint: r.DstEndpoint, Unicast: r.Group == 0,
		Profile: r.Profile, Cluster: r.Cluster, Payload: r.Payload,
	})
	l.advance(now)
}

// advance sends what there is to send, and comes back when there is more.
func (l *fakeLight) advance(now time.Time) {
	l.server.Advance(now)
	for o, ok := l.server.Next(); ok; o, ok = l.server.Next() {
		if o.Report {
			l.server.Reported(now, o, true)
		}
		if !l.deaf && (!o.Report || !l.mute) {
			l.say(now, o.Profile, o.Cluster, o.SrcEndpoint, o.Payload)
		}
	}
	l.w.events.stop(l.due)
	if at, ok := l.server.Deadline(); ok {
		l.due = l.w.events.at(at, l.advance)
	}
}

// changed is called after the light was changed by hand.
func (l *fakeLight) changed() { l.advance(l.w.now) }

func (l *fakeLight) say(now time.Time, profile, cluster uint16, endpoint uint8, payload []byte) {
	l.w.events.at(now.Add(oneWay), func(now time.Time) {
		l.w.net.Event(now, stack.DataIndication{
			At: now, Src: l.short, SrcEUI64: l.eui, SrcEndpoint: endpoint, DstEndpoint: Endpoint,
			Profile: profile, Cluster: cluster, Payload: payload, LQI: 200,
		})
	})
}

func (l *fakeLight) zdo(now time.Time, r stack.DataRequest) {
	var answer []byte
	switch zdo.Cluster(r.Cluster) {
	case zdo.ActiveEP:
		answer = zdo.EndpointsRsp{Seq: r.Payload[0], Addr: l.short, Endpoints: []uint8{242, 11}}.Append(nil)
	case zdo.SimpleDesc:
		req, err := zdo.ParseSimpleDescReq(r.Payload)
		if err != nil {
			l.w.t.Fatal(err)
		}
		d := zdo.SimpleDescriptor{Endpoint: 242, Profile: 0xa1e0, Device: 0x61}
		if req.Endpoint == 11 {
			d = zdo.SimpleDescriptor{
				Endpoint: 11, Profile: zcl.ProfileHomeAutomation, Device: zcl.DeviceDimmableLight,
				In: l.clusters(),
			}
		}
		answer = zdo.SimpleDescRsp{Seq: req.Seq, Addr: l.short, Descriptor: d}.Append(nil)
	case zdo.Bind:
		req, err := zdo.ParseBindReq(r.Payload)
		if err != nil || req.Device != self || req.DstEndpoint != Endpoint || req.Source != l.eui {
			l.w.t.Errorf("bind request %+v, %v", req, err)
		}
		l.bindings = append(l.bindings, req.Cluster)
		answer = zdo.StatusRsp{Seq: req.Seq}.Append(nil)
	default:
		l.w.t.Fatalf("unexpected request 0x%04x", r.Cluster)
	}
	l.say(now, zdo.Profile, r.Cluster|uint16(zdo.Response), 0, answer)
}

// join is what happens when a light that is allowed finds the network.
func (l *fakeLight) join() {
	w := l.w
	if !w.allowed[l.eui] || w.open == 0 {
		w.t.Fatalf("light %s may not join: allowed %v, open %v", l.eui, w.allowed, w.open)
	}
	w.members = append(w.members, l.eui)
	w.net.Event(w.now, stack.DeviceAnnounced{EUI64: l.eui, Short: l.short})
	w.net.Event(w.now, stack.DeviceAuthorised{EUI64: l.eui, Short: l.short})
}

// powerUp is what happens when a light's power comes back.
func (l *fakeLight) powerUp() {
	l.deaf = false
	l.boot()
	l.w.net.Event(l.w.now, stack.DeviceAnnounced{EUI64: l.eui, Short: l.short})
}

// The node's side.

var errNoAck = errors.New("no acknowledgement")

func (w *world) Data(now time.Time, r stack.DataRequest) (stack.Handle, error) {
	if w.refuse {
		return 0, stack.ErrQueueFull
	}
	w.sent = append(w.sent, r)
	w.handle++
	h := w.handle
	if r.Group != 0 {
		for _, e := range w.members {
			l := w.lights[e]
			if slices.Contains(l.groups, r.Group) && !l.missCasts && !l.deaf {
				w.events.at(now.Add(oneWay), func(now time.Time) { l.receive(now, r) })
			}
		}
		w.confirm(now.Add(oneWay), h, nil)
		return h, nil
	}
	for _, l := range w.lights {
		if l.short != r.Dst {
			continue
		}
		if l.deaf {
			w.confirm(now.Add(lostFor), h, errNoAck)
			return h, nil
		}
		w.events.at(now.Add(oneWay), func(now time.Time) { l.receive(now, r) })
		w.confirm(now.Add(2*oneWay), h, nil)
		return h, nil
	}
	return 0, errors.New("no such node")
}

func (w *world) confirm(at time.Time, h stack.Handle, err error) {
	w.events.at(at, func(now time.Time) { w.net.Event(now, stack.DataConfirm{Handle: h, Err: err}) })
}

func (w *world) Allow(e zigbee.EUI64, c zigbee.InstallCode) error {
	w.allowed[e], w.codes[e] = true, c
	return nil
}

func (w *world) Disallow(e zigbee.EUI64)                 { delete(w.allowed, e) }
func (w *world) PermitJoin(_ time.Time, d time.Duration) { w.open = d }
func (w *world) Remove(now time.Time, e zigbee.EUI64) error {
	w.removed = append(w.removed, e)
	w.members = slices.DeleteFunc(w.members, func(m zigbee.EUI64) bool { return m == e })
	w.events.at(now.Add(oneWay), func(now time.Time) { w.net.Event(now, stack.DeviceLeft{EUI64: e}) })
	return nil
}

func (w *world) RotateNetworkKey(time.Time) error { w.rotated++; return nil }

func (w *world) ExpectSwitch(id gp.ID, _ gp.Key) error {
	if w.badLabel {
		return gp.ErrLabel
	}
	w.labels = append(w.labels, id)
	return nil
}

func (w *world) OpenSwitchWindow(_ time.Time, _ time.Duration, unlabelled bool, _ uint16) error {
	w.pairing, w.unlabelled = true, w.unlabelled || unlabelled
	return nil
}

func (w *world) CloseSwitchWindow(time.Time) { w.pairing = false }
func (w *world) Switches() []gp.Switch       { return slices.Clone(w.switches) }

func (w *world) SetSwitch(id gp.ID, group uint16, _ []gp.Rule) error {
	for i := range w.switches {
		if w.switches[i].ID == id {
			w.switches[i].Group = group
			return nil
		}
	}
	return gp.ErrNoSwitch
}

func (w *world) RemoveSwitch(now time.Time, id gp.ID) bool {
	before := len(w.switches)
	w.switches = slices.DeleteFunc(w.switches, func(s gp.Switch) bool { return s.ID == id })
	w.net.Event(now, stack.GreenPowerEvent{Event: gp.Unpaired{ID: id}})
	return len(w.switches) < before
}

func (w *world) Devices() (list []stack.Device) {
	for _, e := range w.members {
		list = append(list, stack.Device{EUI64: e, Short: w.lights[e].short, Authorised: true})
	}
	return list
}

func (w *world) Lookup(e zigbee.EUI64) (zigbee.ShortAddr, bool) {
	l, ok := w.lights[e]
	if !ok {
		return 0, false
	}
	return l.short, true
}

func (w *world) EUI64Of(a zigbee.ShortAddr) (zigbee.EUI64, bool) {
	for e, l := range w.lights {
		if l.short == a {
			return e, true
		}
	}
	return 0, false
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 1_000_000 {
			w.t.Fatal("the network never comes to rest")
		}
		w.drain()
		next := end
		if at, ok := w.events.next(); ok && at.Before(next) {
			next = at
		}
		if at, ok := w.net.Deadline(); ok && at.Before(next) {
			next = at
		}
		if at, ok := w.net.DrainDeadline(); ok && at.Before(next) {
			next = at
		}
		if next.Before(w.now) {
			next = w.now
		}
		w.now = next
		w.events.run(w.now)
		w.net.Advance(w.now)
		if !w.now.Before(end) {
			w.drain()
			return
		}
	}
}

func (w *world) drain() {
	told := w.net.Drain(w.now)
	w.told = append(w.told, told...)
	if w.tap != nil && len(told) > 0 {
		w.tap(w.now, told)
	}
}

// light returns the i-th light, from 0.
func (w *world) light(i int) *fakeLight {
	return w.lights[zigbee.EUI64(0x00124b0000000001+uint64(i))]
}

// desired returns a desired state with the first n lights, all in the groups.
func desired(version uint64, n int, groups ...sconce.GroupNumber) wire.Desired {
	d := wire.Desired{Version: version}
	for i := range n {
		d.Devices = append(d.Devices, wire.DesiredDevice{
			Device: sconce.EUI64(0x00124b0000000001 + uint64(i)), Kind: sconce.Luminaire,
			InstallCode: goodCode, Groups: groups,
		})
	}
	return d
}

// goodCode is the example of BDB 3.0.1, 10.1.1.
var goodCode = []byte{0x83, 0xfe, 0xd3, 0x40, 0x7a, 0x93, 0x97, 0x23, 0xa5, 0xc6, 0x39, 0xb2, 0x69, 0x16, 0xd5, 0x05, 0xc3, 0xb5}

// ready returns a world with n lights that have joined and are configured.
func ready(t *testing.T, n int, groups ...sconce.GroupNumber) *world {
	t.Helper()
	w := newWorld(t, n)
	w.net.SetDesired(w.now, desired(1, n, groups...))
	for i := range n {
		w.light(i).join()
	}
	w.run(30 * time.Second)
	for i := range n {
		if s := w.stageOf(i); s.Stage != wire.StageConfigured {
			t.Fatalf("light %d stands at %+v", i, s)
		}
	}
	w.told, w.sent = nil, nil
	return w
}

// stageOf returns where a light stands by the last report.
func (w *world) stageOf(i int) (last wire.DeviceReport) {
	for _, m := range w.told {
		if r, ok := m.(wire.Report); ok {
			for _, d := range r.Devices {
				if d.Device == sconce.EUI64(w.light(i).eui) {
					last = d
				}
			}
		}
	}
	return last
}

// stateOf returns the last state that was told of a light.
func (w *world) stateOf(i int) (last wire.DeviceState) {
	for _, m := range w.told {
		if s, ok := m.(wire.State); ok {
			for _, d := range s.Devices {
				if d.Device == sconce.EUI64(w.light(i).eui) {
					last = d
				}
			}
		}
	}
	return last
}

func (w *world) result() wire.Result {
	w.t.Helper()
	var found []wire.Result
	for _, m := range w.told {
		if r, ok := m.(wire.Result); ok {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d results, want 1: %+v", len(found), found)
	}
	return found[0]
}
