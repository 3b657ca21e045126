package device

import (
	"fmt"
	"time"

	"sconce"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// LightEndpoint is the endpoint of the light on a luminaire.
const LightEndpoint uint8 = 1

// Config makes a luminaire. All fields without "optional" are required.
type Config struct {
	EUI64       zigbee.EUI64
	InstallCode zigbee.InstallCode // on its label
	Model       string             // at most 32 bytes
	Serial      string             // at most 32 bytes
	Firmware    string             // at most 16 bytes
	RatedPower  Milliwatts         // input at full output, 1 W to MaxRatedPower
	Random      func(p []byte)     // fills p
	Channels    zigbee.ChannelMask // to search for a network

	Restore *State // optional: continue after a power cut
}

// Luminaire is the firmware of a dimmable luminaire: a Zigbee router with a light
// on [LightEndpoint]. It is made by [NewLuminaire], and not safe for concurrent
// use.
//
// The owner passes frames between it and a radio as with a [stack.Node], drains
// [Luminaire.NextEvent] after every call, and calls [Luminaire.Advance] at
// [Luminaire.Deadline]. What it reports is always what its light does: nothing
// is reported in advance.
type Luminaire struct {
	cfg      Config
	node     *stack.Node
	server   *zcl.Server
	light    light
	identify identify

	up     bool // on a network
	saving bool // SaveState is in the queue or with the owner
	saved  kept // what the last state held
	shown  shown
	events []Event

	deliveries map[stack.Handle]*delivery // under way; at most stack.MaxRequests
}

// NewLuminaire returns a luminaire that does nothing until it is started.
func NewLuminaire(cfg Config) (*Luminaire, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l := &Luminaire{cfg: cfg, light: newLight(), deliveries: map[stack.Handle]*delivery{}}
	nodeConfig := stack.Config{
		Role: stack.Router, EUI64: cfg.EUI64, Random: cfg.Random, Channels: cfg.Channels,
		Endpoints: []zdo.SimpleDescriptor{lightEndpoint()}, Descriptor: nodeDescriptor(), InstallCode: cfg.InstallCode,
	}
	var reporting []zcl.ReportingEntry
	if cfg.Restore != nil {
		nodeConfig.Restore = &cfg.Restore.node
		l.light = restoredLight(cfg.Restore.light)
		reporting = cfg.Restore.reporting
	}
	var err error
	if l.node, err = stack.New(nodeConfig); err != nil {
		return nil, fmt.Errorf("luminaire %s: %w", cfg.EUI64, err)
	}
	endpoints := []zcl.Endpoint{{ID: LightEndpoint, Profile: zcl.ProfileHomeAutomation, Clusters: lightEndpoint().In}}
	if l.server, err = zcl.NewServer(application{l}, maxFrame, endpoints, reporting); err != nil {
		return nil, fmt.Errorf("luminaire %s: %w", cfg.EUI64, err)
	}
	l.saved = l.kept()
	return l, nil
}

// maxFrame is the largest ZCL frame that the luminaire sends, in bytes.
const maxFrame = stack.MaxPayloadLinkKey

func (c *Config) check() error {
	switch {
	case len(c.Model) > 32 || len(c.Serial) > 32 || len(c.Firmware) > 16:
		return fmt.Errorf("luminaire %s: model, serial or firmware is too long: at most 32, 32 and 16 bytes", c.EUI64)
	case c.RatedPower < 1000 || c.RatedPower > MaxRatedPower:
		return fmt.Errorf("luminaire %s: rated power of %.1f W: expected 1 W to %.1f W", c.EUI64, c.RatedPower.Watts(), MaxRatedPower.Watts())
	}
	return nil
}

func lightEndpoint() zdo.SimpleDescriptor {
	return zdo.SimpleDescriptor{
		Endpoint: LightEndpoint, Profile: zcl.ProfileHomeAutomation, Device: zcl.DeviceDimmableLight, Version: 1,
		In: []uint16{
			zcl.ClusterBasic, zcl.ClusterIdentify, zcl.ClusterGroups,
			zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterElectrical,
		},
	}
}

func nodeDescriptor() zdo.NodeDescriptor {
	return zdo.NodeDescriptor{
		Logical: zdo.Router, Bands: zdo.Band2400MHz, Capability: zigbee.RouterCapability,
		Manufacturer: ManufacturerCode, MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82,
		ServerMask: 22 << zdo.StackRevisionShift,
	}
}

// Start joins a network, or resumes the one that it was on.
func (l *Luminaire) Start(now time.Time) {
	l.node.Start(now)
	l.settle(now)
}

// Receive takes a frame from the radio, as [stack.Node.Receive].
func (l *Luminaire) Receive(now time.Time, frame []byte, lqi uint8) {
	l.node.Receive(now, frame, lqi)
	l.settle(now)
}

// NextFrame returns the next frame for the radio, as [stack.Node.NextFrame].
func (l *Luminaire) NextFrame() (stack.Frame, bool) { return l.node.NextFrame() }

// FrameDone says how a transmission ended, as [stack.Node.FrameDone].
func (l *Luminaire) FrameDone(now time.Time, s stack.TxStatus) {
	l.node.FrameDone(now, s)
	l.settle(now)
}

// Filter returns what the radio must be set to.
func (l *Luminaire) Filter() stack.Filter { return l.node.Filter() }

// Counters returns what the node counted.
func (l *Luminaire) Counters() stack.Counters { return l.node.Counters() }

// Deadline returns when [Luminaire.Advance] is to be called.
func (l *Luminaire) Deadline() (time.Time, bool) {
	at, ok := l.node.Deadline()
	earlier := func(t time.Time, due bool) {
		if due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	earlier(l.identify.deadline())
	earlier(l.shown.deadline(&l.light))
	if l.up {
		earlier(l.server.Deadline())
	}
	return at, ok
}

// Advance does what is due.
func (l *Luminaire) Advance(now time.Time) {
	l.node.Advance(now)
	l.settle(now)
}

// NextEvent returns and removes the oldest event.
func (l *Luminaire) NextEvent() (Event, bool) {
	if len(l.events) == 0 {
		return nil, false
	}
	e := l.events[0]
	l.events = append(l.events[:0], l.events[1:]...)
	return e, true
}

// emit adds an event, unless an equal one already waits: so the queue is
// bounded.
func (l *Luminaire) emit(e Event) {
	for _, waiting := range l.events {
		if waiting == e {
			return
		}
	}
	if _, again := e.(JoinFailed); again && len(l.events) >= 16 {
		return
	}
	l.events = append(l.events, e)
}

// settle brings everything up to now: the light, then what the node has received,
// then the reports of what came of it.
func (l *Luminaire) settle(now time.Time) {
	l.light.advance(now)
	l.identify.advance(now)
	for {
		e, ok := l.node.NextEvent()
		if !ok {
			if l.up {
				l.server.Advance(now)
			}
			if !l.send(now) {
				break
			}
			continue
		}
		l.handle(now, e)
	}
	if k := l.kept(); k != l.saved && !l.saving {
		l.saving = true
		l.emit(SaveState{})
	}
	if l.shown.update(now, &l.light, l.identify.active()) {
		l.emit(LightChanged{})
	}
}

func (l *Luminaire) handle(now time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.DataIndication:
		l.server.Receive(now, zcl.Message{
			Src: e.Src, SrcEndpoint: e.SrcEndpoint, Endpoint: e.DstEndpoint,
			Unicast: e.Group == 0 && !e.Dst.IsBroadcast(),
			Profile: e.Profile, Cluster: e.Cluster, Payload: e.Payload,
		})
	case stack.DataConfirm:
		if d, ok := l.deliveries[e.Handle]; ok {
			delete(l.deliveries, e.Handle)
			l.delivered(now, d, e.Err == nil)
		}
	case stack.NetworkUp:
		l.up = true
		l.emit(Joined{Channel: e.Channel, PANID: e.PANID, Short: e.Short})
	case stack.Left:
		l.leave()
	case stack.JoinFailed:
		l.emit(JoinFailed{Reason: e.Reason})
	case stack.RadioChanged:
		l.emit(RadioChanged{})
	case stack.SaveState:
		l.saving = true
		l.emit(SaveState{})
	}
}

// leave forgets what belonged to the network that the luminaire has left: whoever
// takes it in next starts afresh. The light itself stays as it is.
func (l *Luminaire) leave() {
	l.up = false
	l.server.ForgetReporting()
	for _, g := range l.node.Groups(LightEndpoint) {
		l.node.RemoveGroup(LightEndpoint, g)
	}
}

// send gives the node a frame that the server wants sent, and reports whether
// there was one. An answer that finds no room is lost: who asked asks again.
func (l *Luminaire) send(now time.Time) bool {
	o, ok := l.server.Next()
	switch {
	case !ok:
		return false
	case o.Report:
		l.report(now, o)
	default:
		_, _ = l.node.Data(now, request(o))
	}
	return true
}

func request(o zcl.Outgoing) stack.DataRequest {
	return stack.DataRequest{
		Dst: o.Dst, DstEndpoint: o.DstEndpoint, SrcEndpoint: o.SrcEndpoint,
		Profile: o.Profile, Cluster: o.Cluster, Payload: o.Payload,
	}
}

// delivery is a report on its way to all whom it is for.
type delivery struct {
	report  zcl.Outgoing
	waiting int  // destinations whose end is not known
	lost    bool // at one of them
}

// report sends a report to everybody whom the cluster is bound to, and without
// bindings to whoever configured it. It asks for acknowledgements, so that the
// server sends again what did not reach everybody.
func (l *Luminaire) report(now time.Time, o zcl.Outgoing) {
	d := &delivery{report: o, waiting: 1}
	bindings := l.node.Bindings(o.SrcEndpoint, o.Cluster)
	if len(bindings) == 0 {
		r := request(o)
		r.Ack = true
		l.track(now, d, r)
	}
	for _, b := range bindings {
		r := request(o)
		if b.Device == 0 {
			r.Group, r.DstEndpoint = b.Group, 0
			l.track(now, d, r)
			continue
		}
		var known bool
		if r.Dst, known = l.node.Lookup(b.Device); !known {
			d.lost = true
			continue
		}
		r.DstEndpoint, r.Ack = b.DstEndpoint, true
		l.track(now, d, r)
	}
	l.delivered(now, d, true)
}

// track sends a report to one destination.
func (l *Luminaire) track(now time.Time, d *delivery, r stack.DataRequest) {
	handle, err := l.node.Data(now, r)
	if err != nil {
		d.lost = true
		return
	}
	d.waiting++
	l.deliveries[handle] = d
}

// delivered notes the end at one destination, or of the sending itself, and tells
// the server when it was the last.
func (l *Luminaire) delivered(now time.Time, d *delivery, arrived bool) {
	d.lost = d.lost || !arrived
	if d.waiting--; d.waiting == 0 {
		l.server.Reported(now, d.report, !d.lost)
	}
}

// Light is what a lamp does at a moment.
type Light struct {
	On          bool
	Level       uint8        // CurrentLevel of the Zigbee cluster, 1 to 254; what On would return to or is at
	Output      sconce.Level // light output; 0 when off
	Power       Milliwatts   // electrical input
	Identifying bool         // blinking to be found
}

// Light returns what the lamp does now: the physical output, between the steps of
// the Zigbee level during a fade, and blinking while it identifies itself.
func (l *Luminaire) Light(now time.Time) Light {
	at := l.light
	at.advance(now)
	s := Light{On: at.on, Level: at.levelAt(now), Identifying: l.identify.activeAt(now)}
	if at.on {
		s.Output = output(&at, now)
	}
	s.Power = power(l.cfg.RatedPower, s.On, s.Output)
	if s.Identifying {
		s.Output = l.identify.blink(now)
	}
	return s
}

// output returns the light output of a light that is on. It is proportional to
// the level, in finer steps.
func output(l *light, now time.Time) sconce.Level {
	return sconce.Level((l.scaled(now, int64(sconce.MaxLevel)) + int64(maxLevel)/2) / int64(maxLevel))
}
