package stack

import (
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// greenPower is a node's part in Green Power: every router is a proxy, the
// coordinator is the sink.
type greenPower struct {
	proxy *gp.Proxy
	sink  *gp.Sink
	seq   uint8 // of the cluster's commands
}

// GreenPowerEvent is something that the sink of a coordinator has to say: a
// [gp.Paired], [gp.PairingRefused], [gp.Pressed] or [gp.Unpaired]. What a press does
// to groups has been sent when its event comes.
type GreenPowerEvent struct{ Event gp.Event }

func (GreenPowerEvent) event() {}

func newGreenPower(cfg *Config) greenPower {
	if cfg.Role == Coordinator {
		return greenPower{sink: gp.NewSink(cfg.EUI64, gp.LevelEncrypted)}
	}
	return greenPower{proxy: gp.NewProxy(cfg.Random)}
}

// ExpectSwitch says, at the coordinator, that the switch with the key on its label may
// be paired while a window is open.
func (n *Node) ExpectSwitch(id gp.ID, k gp.Key) error {
	if n.gp.sink == nil {
		return errNoSink
	}
	return n.gp.sink.Expect(id, k)
}

// OpenSwitchWindow lets switches be paired for a while, at most
// [gp.CommissioningWindow], to act on a group. See [gp.Sink.Open] for what unlabelled
// risks.
func (n *Node) OpenSwitchWindow(now time.Time, d time.Duration, unlabelled bool, group uint16) error {
	n.now = now
	switch {
	case n.gp.sink == nil:
		return errNoSink
	case n.phase != up:
		return ErrNotUp
	}
	n.gp.sink.Open(now, d, unlabelled, group)
	n.pump()
	return nil
}

// CloseSwitchWindow ends the window.
func (n *Node) CloseSwitchWindow(now time.Time) {
	n.now = now
	if n.gp.sink != nil {
		n.gp.sink.Close()
	}
	n.pump()
}

// Switches returns the switches that are paired, at the coordinator.
func (n *Node) Switches() []gp.Switch {
	if n.gp.sink == nil {
		return nil
	}
	return n.gp.sink.Switches()
}

// SetSwitch sets what a paired switch acts on: a group, and rules that replace what
// its commands do by themselves.
func (n *Node) SetSwitch(id gp.ID, group uint16, rules []gp.Rule) error {
	if n.gp.sink == nil {
		return errNoSink
	}
	if err := n.gp.sink.SetRules(id, rules); err != nil {
		return err
	}
	if err := n.gp.sink.Assign(id, group); err != nil {
		return err
	}
	n.pump()
	return nil
}

// RemoveSwitch forgets a switch and its key, and reports whether it was paired.
func (n *Node) RemoveSwitch(now time.Time, id gp.ID) bool {
	n.now = now
	removed := n.gp.sink != nil && n.gp.sink.Remove(id)
	n.pump()
	return removed
}

// receiveGPDF takes a frame of a Green Power device, which has neither short address
// nor network, and reports whether the frame was one.
func (n *Node) receiveGPDF(ind mac.Indication) bool {
	if ind.Src.Mode == mac.ShortAddress || ind.Dst.Mode != mac.ShortAddress || !gp.IsFrame(ind.Payload) {
		return false
	}
	if n.phase != up || n.cfg.Role == EndDevice {
		return true
	}
	f, err := gp.Parse(ind.Src.EUI64, ind.Payload)
	switch {
	case err != nil:
		n.counters.GreenPowerMalformed++
	case n.gp.sink != nil:
		n.gp.sink.Receive(n.now, f, ind.LQI)
	default:
		n.gp.proxy.Receive(n.now, f, ind.Seq, ind.LQI, n.nwk.Network().Short)
	}
	return true
}

// described returns the endpoints that the node tells others of: its applications',
// and that of Green Power (A.3.2), which a device that sleeps has no use for.
func (n *Node) described() []zdo.SimpleDescriptor {
	if n.cfg.Role == EndDevice {
		return n.cfg.Endpoints
	}
	d := zdo.SimpleDescriptor{Endpoint: gp.Endpoint, Profile: gp.Profile, Device: gp.DeviceProxyBasic, Out: []uint16{gp.Cluster}}
	if n.gp.sink != nil {
		d.Device, d.In = gp.DeviceComboBasic, []uint16{gp.Cluster}
	}
	return append(slices.Clip(n.cfg.Endpoints), d)
}

// isGreenPower reports whether a frame is for the Green Power endpoint.
func (n *Node) isGreenPower(h aps.Header) bool {
	return h.Delivery != aps.Group && h.DstEndpoint == gp.Endpoint && h.Profile == gp.Profile
}

// receiveGreenPower takes a command of the Green Power cluster.
func (n *Node) receiveGreenPower(in nwk.Indication, a aps.Indication) {
	h, payload, err := zcl.ParseHeader(a.Payload)
	if a.Header.Cluster != gp.Cluster || err != nil || !h.Specific || h.Manufacturer != 0 || h.FromServer == (n.gp.sink != nil) || n.phase != up {
		n.counters.GreenPowerMalformed++
		return
	}
	from := gp.Sender{EUI64: in.SrcEUI64, TrustCentre: in.Src == zigbee.Coordinator && !n.leaderless()}
	if a.Use == aps.Established && a.Key == zigbee.KeyData {
		from.EUI64, from.LinkKey = a.Source, true // the network key is everybody's: only this proves who sent it
		from.TrustCentre = a.Source == n.tc
	} else if from.TrustCentre {
		from.EUI64 = n.tc
	}
	if n.gp.sink != nil {
		err = n.gp.sink.Command(n.now, from, h.Command, payload)
	} else {
		err = n.gp.proxy.Command(n.now, from, h.Command, payload)
	}
	if err != nil {
		n.counters.GreenPowerMalformed++
	}
}

// pumpGreenPower sends what the sink or the proxy has to say.
func (n *Node) pumpGreenPower() bool {
	if n.gp.changed() {
		n.changed()
		return true
	}
	if o, ok := n.gp.next(); ok {
		n.sendGreenPower(o)
		return true
	}
	if n.gp.sink == nil {
		return false
	}
	e, ok := n.gp.sink.NextEvent()
	if !ok {
		return false
	}
	if p, is := e.(gp.Pressed); is {
		for _, a := range p.Actions {
			n.act(a)
		}
	}
	if len(n.events) < MaxEvents {
		n.emit(GreenPowerEvent{Event: e})
	} else {
		n.counters.EventsDropped++
	}
	return true
}

// sendGreenPower sends a command of the Green Power cluster. One that finds no room is
// counted: the device repeats itself, and so do people.
func (n *Node) sendGreenPower(o gp.Outgoing) {
	r := aps.Request{
		Header: aps.Header{
			DstEndpoint: gp.Endpoint, SrcEndpoint: gp.Endpoint, Profile: gp.Profile, Cluster: gp.Cluster,
			AckRequest: o.Peer != 0 && o.FromServer,
		},
	}
	known := true
	switch o.Peer {
	case 0:
		r.Dst, r.Header.Delivery = zigbee.BroadcastRxOn, aps.Broadcast
	case n.tc:
		r.Dst = zigbee.Coordinator
	default:
		r.Dst, known = n.nwk.Lookup(o.Peer)
	}
	if o.LinkKey {
		r.Security = aps.Security{Use: aps.Established, Key: zigbee.KeyData, Peer: o.Peer}
	}
	n.gp.seq++
	h := zcl.Header{Specific: true, FromServer: o.FromServer, NoDefault: true, Seq: n.gp.seq, Command: o.Command}
	r.Payload = append(zcl.AppendHeader(nil, h), o.Payload...)
	if !known || n.phase != up || n.aps.Send(r) != nil {
		n.counters.GreenPowerUnsent++
	}
}

// act does what a press says to a group.
func (n *Node) act(a gp.Action) {
	n.gp.seq++
	h := zcl.Header{Specific: true, NoDefault: true, Seq: n.gp.seq, Command: a.Command}
	r := aps.Request{
		Header: aps.Header{
			Delivery: aps.Group, Group: a.Group, SrcEndpoint: gp.Endpoint, Profile: zcl.ProfileHomeAutomation, Cluster: a.Cluster,
		},
		Dst: zigbee.BroadcastRxOn, Payload: append(zcl.AppendHeader(nil, h), a.Payload...),
	}
	if n.aps.Send(r) != nil {
		n.counters.GreenPowerUnsent++
	}
}

func (g *greenPower) next() (gp.Outgoing, bool) {
	if g.sink != nil {
		return g.sink.NextOutgoing()
	}
	return g.proxy.NextOutgoing()
}

func (g *greenPower) deadline() (time.Time, bool) {
	if g.sink != nil {
		return g.sink.Deadline()
	}
	return g.proxy.Deadline()
}

func (g *greenPower) advance(now time.Time) {
	if g.sink != nil {
		g.sink.Advance(now)
		return
	}
	g.proxy.Advance(now)
}

func (g *greenPower) changed() bool {
	if g.sink != nil {
		return g.sink.TakeChanged()
	}
	return g.proxy.TakeChanged()
}

func (g *greenPower) counters() gp.Counters {
	if g.sink != nil {
		return g.sink.Counters()
	}
	return g.proxy.Counters()
}

func (g *greenPower) state() gp.State {
	if g.sink != nil {
		return g.sink.State()
	}
	return g.proxy.State()
}

func (g *greenPower) restore(s gp.State) {
	if g.sink != nil {
		g.sink.Restore(s)
		return
	}
	g.proxy.Restore(s)
}
