package device

import (
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// Endpoint is the one application endpoint of every device.
const Endpoint uint8 = 1

// Config makes a device. All fields without "optional" are required.
type Config struct {
	EUI64       zigbee.EUI64
	InstallCode zigbee.InstallCode // on its label
	Model       string             // at most 32 bytes
	Serial      string             // at most 32 bytes
	Firmware    string             // at most 16 bytes
	Random      func(p []byte)     // fills p
	Channels    zigbee.ChannelMask // to search for a network

	RatedPower Milliwatts // of a luminaire: input at full output, 1 W to MaxRatedPower
	White      White      // of a luminaire, optional: the colour temperatures that it can give

	// MeasuresEnergy says that the owner answers [EnergyWanted]. Optional: without it, a
	// trust centre that asks is told that this is not supported.
	MeasuresEnergy bool

	Restore *State // optional: continue after a power cut
}

func (c *Config) check() error {
	if len(c.Model) > 32 || len(c.Serial) > 32 || len(c.Firmware) > 16 {
		return fmt.Errorf("device %s: model, serial or firmware is too long: at most 32, 32 and 16 bytes", c.EUI64)
	}
	return nil
}

// firmware is what makes of a body one kind of device.
type firmware interface {
	zcl.Application

	advance(now time.Time)    // brings the device up to a time
	next() (time.Time, bool)  // when advance is to be called
	changed(now time.Time)    // tells the owner what has changed, after everything else
	left()                    // forgets what belonged to the network
	remember(b []byte) []byte // appends what has to survive a power cut
}

// body is what all devices have in common: a Zigbee node, a ZCL server on
// [Endpoint], and what they have to tell to the owner.
type body struct {
	cfg      Config
	kind     string
	node     *stack.Node
	server   *zcl.Server
	app      firmware
	identify identify
	endpoint zdo.SimpleDescriptor
	find     finding
	lqi      uint8 // of the last frame

	up       bool   // on a network
	dead     bool   // a fault: does nothing at all
	stuck    bool   // a fault: reports nothing
	saving   bool   // SaveState is in the queue or with the owner
	revision uint64 // moves on with every change of what the firmware remembers
	saved    uint64 // of the last durable state
	events   []Event

	deliveries map[stack.Handle]*delivery // under way; at most stack.MaxRequests
}

// maxFrame is the largest ZCL frame that a device sends, in bytes.
const maxFrame = stack.MaxPayloadLinkKey

// assemble makes the body of a device.
func (d *body) assemble(kind string, cfg Config, app firmware, endpoint zdo.SimpleDescriptor, node stack.Config) error {
	*d = body{cfg: cfg, kind: kind, app: app, endpoint: endpoint, deliveries: map[stack.Handle]*delivery{}}
	node.EUI64, node.Random, node.Channels, node.InstallCode = cfg.EUI64, cfg.Random, cfg.Channels, cfg.InstallCode
	node.MeasuresEnergy = cfg.MeasuresEnergy
	node.Endpoints = []zdo.SimpleDescriptor{endpoint}
	var reporting []zcl.ReportingEntry
	if cfg.Restore != nil {
		node.Restore, reporting = &cfg.Restore.node, cfg.Restore.reporting
	}
	var err error
	if d.node, err = stack.New(node); err != nil {
		return fmt.Errorf("%s %s: %w", kind, cfg.EUI64, err)
	}
	endpoints := []zcl.Endpoint{{ID: Endpoint, Profile: zcl.ProfileHomeAutomation, Clusters: endpoint.In}}
	if d.server, err = zcl.NewServer(app, maxFrame, endpoints, reporting); err != nil {
		return fmt.Errorf("%s %s: %w", kind, cfg.EUI64, err)
	}
	d.saved = d.changes()
	return nil
}

// backSpread is the time, at least, within which devices that had no power report what
// they do. Many take twice as long as after a broadcast: each also says that it is back.
const backSpread = 10 * time.Second

// luck returns a random part of a time.
func (d *body) luck(limit time.Duration) time.Duration {
	var b [2]byte
	d.cfg.Random(b[:])
	return limit * time.Duration(int(b[0])|int(b[1])<<8) >> 16
}

// Start joins a network, or resumes the one that it was on.
func (d *body) Start(now time.Time) {
	d.app.advance(now)
	d.server.Defer(now, now.Add(d.luck(max(backSpread, 2*d.share()))))
	d.node.Start(now)
	d.settle(now)
}

// Receive takes a frame from the radio, as [stack.Node.Receive].
func (d *body) Receive(now time.Time, frame []byte, lqi uint8) {
	if d.dead {
		return
	}
	d.lqi = lqi
	if d.node.Receive(now, frame, lqi); !d.node.Quiet() {
		d.settle(now)
	}
}

// Quiet reports whether nothing came of the frame that was received last, as
// [stack.Node.Quiet].
func (d *body) Quiet() bool { return d.dead || d.node.Quiet() }

// NextFrame returns the next frame for the radio, as [stack.Node.NextFrame].
func (d *body) NextFrame() (stack.Frame, bool) {
	if d.dead {
		return stack.Frame{}, false
	}
	return d.node.NextFrame()
}

// FrameDone says how a transmission ended, as [stack.Node.FrameDone].
func (d *body) FrameDone(now time.Time, s stack.TxStatus) {
	if d.dead {
		return
	}
	d.node.FrameDone(now, s)
	d.settle(now)
}

// EnergyMeasured answers [EnergyWanted]; channels that could not be measured are left out.
func (d *body) EnergyMeasured(now time.Time, list []stack.Energy) {
	if d.dead {
		return
	}
	d.node.EnergyMeasured(now, list)
	d.settle(now)
}

// Filter returns what the radio must be set to.
func (d *body) Filter() stack.Filter { return d.node.Filter() }

// Counters returns what the node counted.
func (d *body) Counters() stack.Counters { return d.node.Counters() }

// Deadline returns when Advance is to be called.
func (d *body) Deadline() (time.Time, bool) {
	if d.dead {
		return time.Time{}, false
	}
	at, ok := d.node.Deadline()
	earlier := func(t time.Time, due bool) {
		if due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	earlier(d.identify.deadline())
	earlier(d.app.next())
	earlier(d.findDeadline())
	if d.up {
		earlier(d.server.Deadline())
	}
	return at, ok
}

// Advance does what is due.
func (d *body) Advance(now time.Time) {
	if d.dead {
		return
	}
	d.node.Advance(now)
	d.settle(now)
}

// NextEvent returns and removes the oldest event.
func (d *body) NextEvent() (Event, bool) {
	if len(d.events) == 0 {
		return nil, false
	}
	e := d.events[0]
	d.events = append(d.events[:0], d.events[1:]...)
	return e, true
}

// emit adds an event, unless an equal one already waits: so the queue is
// bounded.
func (d *body) emit(e Event) {
	for _, waiting := range d.events {
		if waiting == e {
			return
		}
	}
	if _, again := e.(JoinFailed); again && len(d.events) >= 16 {
		return
	}
	d.events = append(d.events, e)
}

// settle brings everything up to now: the device, then what the node has
// received, then the reports of what came of it.
func (d *body) settle(now time.Time) {
	if d.dead {
		return
	}
	d.app.advance(now)
	d.identify.advance(now)
	d.advanceFind(now)
	for {
		e, ok := d.node.NextEvent()
		if !ok {
			if d.up {
				d.server.Advance(now)
			}
			if !d.send(now) {
				break
			}
			continue
		}
		d.handle(now, e)
	}
	d.app.changed(now)
	d.save()
}

func (d *body) handle(now time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.DataIndication:
		if e.Group != 0 || e.Dst.IsBroadcast() {
			d.server.Hold(now, now.Add(d.luck(d.share())))
		}
		if d.learn(now, e) {
			return
		}
		d.server.Receive(now, zcl.Message{
			Src: e.Src, SrcEndpoint: e.SrcEndpoint, Endpoint: e.DstEndpoint,
			Unicast: e.Group == 0 && !e.Dst.IsBroadcast(),
			Profile: e.Profile, Cluster: e.Cluster, Payload: e.Payload,
		})
	case stack.DataConfirm:
		if v, ok := d.deliveries[e.Handle]; ok {
			delete(d.deliveries, e.Handle)
			d.delivered(now, v, e.Err == nil)
		}
	case stack.NetworkUp:
		d.up = true
		d.emit(Joined{Channel: e.Channel, PANID: e.PANID, Short: e.Short})
	case stack.Left:
		d.leave()
	case stack.JoinFailed:
		d.emit(JoinFailed{Reason: e.Reason})
	case stack.RadioChanged:
		d.emit(RadioChanged{})
	case stack.EnergyWanted:
		d.emit(EnergyWanted(e))
	case stack.SaveState:
		d.saving = true
		d.emit(SaveState{})
	}
}

// leave forgets what belonged to the network that the device has left: whoever
// takes it in next starts afresh. What it does stays as it is.
func (d *body) leave() {
	d.up = false
	d.find = finding{seq: d.find.seq}
	d.server.ForgetReporting()
	for _, g := range d.node.Groups(Endpoint) {
		d.node.RemoveGroup(Endpoint, g)
	}
	d.app.left()
}
