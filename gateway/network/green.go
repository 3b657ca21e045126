package network

import (
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
)

// Switches without a battery (Zigbee Green Power) have no extended address: one below
// 2^32 is the name of such a switch, and its install code is the key on its label. It
// joins no network and is never asked anything: it is paired when it says so while a
// window is open, and controls the first of its groups.
const sources = 1 << 32

const (
	// pairWindow is how long switches may be paired at a time, and pairRenewal when
	// the window is opened again while one is missing.
	pairWindow  = gp.CommissioningWindow
	pairRenewal = 2 * time.Minute
)

// Switches is what a network needs of its node to have switches without batteries.
type Switches interface {
	ExpectSwitch(id gp.ID, k gp.Key) error
	OpenSwitchWindow(now time.Time, d time.Duration, unlabelled bool, group uint16) error
	CloseSwitchWindow(now time.Time)
	Switches() []gp.Switch
	SetSwitch(id gp.ID, group uint16, rules []gp.Rule) error
	RemoveSwitch(now time.Time, id gp.ID) bool
}

// isGreen reports whether the device is a switch without a battery.
func (d *device) isGreen() bool { return d.eui < sources }

func (d *device) source() gp.ID { return gp.ID{Source: gp.SourceID(d.eui)} }

// target is the group that a switch without a battery controls, 0 for none.
func (d *device) target() uint16 {
	if len(d.groups) == 0 {
		return 0
	}
	return uint16(d.groups[0])
}

// syncSwitches makes the switches of the node follow the desired state, and keeps the
// window open while one is missing.
func (n *Network) syncSwitches(now time.Time) {
	paired := map[zigbee.EUI64]gp.Switch{}
	for _, s := range n.cfg.Node.Switches() {
		e := zigbee.EUI64(s.ID.Source)
		d, wanted := n.devices[e]
		if s.ID.EUI64 != 0 || !wanted || !d.isGreen() {
			if n.version > 0 {
				n.cfg.Node.RemoveSwitch(now, s.ID)
			}
			continue
		}
		paired[e] = s
	}
	waiting := false
	for _, d := range n.sorted() {
		if !d.isGreen() || d.setup.badCode != nil {
			continue
		}
		if s, ok := paired[d.eui]; ok {
			n.assign(d, s.Group)
			continue
		}
		if err := n.cfg.Node.ExpectSwitch(d.source(), gp.NewKey([zigbee.KeySize]byte(d.rawCode))); err != nil {
			d.setup.badCode = err
			n.stage(d)
			continue
		}
		waiting = true
	}
	switch {
	case waiting && n.pairing == nil:
		n.openPairing(now)
	case !waiting && n.pairing != nil:
		n.timers.stop(n.pairing)
		n.pairing = nil
		n.cfg.Node.CloseSwitchWindow(now)
	}
}

func (n *Network) openPairing(now time.Time) {
	// Not up yet: the next turn comes. Only those whose label is known are taken.
	_ = n.cfg.Node.OpenSwitchWindow(now, pairWindow, false, 0)
	n.pairing = n.timers.at(now.Add(pairRenewal), n.openPairing)
}

// assign makes a paired switch control its group.
func (n *Network) assign(d *device, now uint16) {
	if g := d.target(); g != now {
		if err := n.cfg.Node.SetSwitch(d.source(), g, nil); err != nil {
			n.cfg.Log.Warn("a switch cannot be given its group", "device", d.eui, "group", g, "err", err)
			return
		}
	}
	if !d.joined || !d.record.Settled {
		d.joined, d.record.Joined, d.record.Settled = true, true, true
		n.unsaved = true
	}
	n.stage(d)
}

// green takes what the sink of the node has to say.
func (n *Network) green(now time.Time, e stack.GreenPowerEvent) {
	switch e := e.Event.(type) {
	case gp.Paired:
		if d, ok := n.devices[zigbee.EUI64(e.Switch.ID.Source)]; ok && d.isGreen() && !d.joined {
			n.out.event(now, d.eui, wire.EventJoined)
			n.alive(now, d)
		}
		n.syncSwitches(now)
	case gp.PairingRefused:
		n.cfg.Log.Warn("a switch was turned away", "source", e.ID, "reason", e.Reason)
	case gp.Pressed:
		if d, ok := n.devices[zigbee.EUI64(e.ID.Source)]; ok && d.isGreen() && d.joined {
			if !n.keeps(d) {
				n.out.event(now, d.eui, wire.EventPressed)
			}
			n.alive(now, d)
		}
	case gp.Unpaired:
		if d, ok := n.devices[zigbee.EUI64(e.ID.Source)]; ok && d.isGreen() && d.joined {
			d.joined, d.record = false, Record{Device: sconce.EUI64(d.eui)}
			n.unsaved = true
			n.out.event(now, d.eui, wire.EventLeft)
			n.stage(d)
			n.syncSwitches(now)
		}
	}
}

// alive notes that a switch was heard. Its silence says nothing.
func (n *Network) alive(now time.Time, d *device) {
	d.presence.heard, d.presence.reachable, d.private.heard = now, true, true
	n.out.touch(d)
}
