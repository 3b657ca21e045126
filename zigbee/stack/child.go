package stack

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// newChildTimeout is how long a parent keeps a new child that has not asked for a
// timeout of its own: long enough to get a network key.
const newChildTimeout nwk.Timeout = 1

// The negotiation of an end device's timeout with its parent.
const (
	timeoutPause = time.Second // for the parent's answer
	timeoutTries = 5           // after which the device lives with the default
)

// negotiation is an end device's agreeing with its parent on a timeout.
type negotiation struct {
	at    time.Time // when to ask again; zero: it is over
	tries int       // so far; 0: it is over
}

// adopt makes a device that associated or rejoined a child of this node, if it is
// an end device. It reports whether there was room.
func (n *Node) adopt(e zigbee.EUI64, a zigbee.ShortAddr, c zigbee.Capability) bool {
	if c.Has(zigbee.FullFunction) {
		n.nwk.RemoveChild(e)
		return true
	}
	if !n.nwk.AddChild(n.now, nwk.Child{EUI64: e, Short: a, Sleepy: !c.Has(zigbee.RxOnWhenIdle), Timeout: newChildTimeout}) {
		return false
	}
	n.setBeacon()
	n.changed()
	return true
}

// disown forgets a child.
func (n *Node) disown(e zigbee.EUI64) {
	if n.nwk.RemoveChild(e) {
		n.setBeacon()
		n.changed()
	}
}

// childAged tells that a child was silent for too long. The trust centre keeps
// what it knows of it: the device comes back by rejoin.
func (n *Node) childAged(e zigbee.EUI64) {
	n.setBeacon()
	n.changed()
	if len(n.events) < MaxEvents {
		n.emit(ChildLost{EUI64: e})
	}
}

// polledBy gives a child what is held for it. A stranger that takes this node for
// its parent is told to come back, so that it becomes a child again (05-3474-22, 3.6.10.6).
func (n *Node) polledBy(src mac.Address) {
	a := src.Short
	if src.Mode == mac.ExtendedAddress {
		var known bool
		if a, known = n.nwk.Lookup(src.EUI64); !known {
			return
		}
	}
	if n.phase != up || n.nwk.Polled(n.now, a) {
		return
	}
	if _, known := n.nwk.EUI64Of(a); known {
		n.nwk.SendAway(n.now, a)
	}
}

// orphaned answers a child that looks for its parent.
func (n *Node) orphaned(e zigbee.EUI64) {
	for _, c := range n.nwk.Children() {
		if c.EUI64 == e && n.phase == up {
			n.mac.Realign(e, c.Short)
		}
	}
}

// negotiate asks the parent for this end device's timeout.
func (n *Node) negotiate() {
	n.timeout = negotiation{}
	if n.cfg.Role == EndDevice {
		n.askTimeout()
	}
}

func (n *Node) askTimeout() {
	if n.timeout.tries == timeoutTries {
		n.timeout = negotiation{}
		return
	}
	n.timeout.tries++
	n.timeout.at = n.now.Add(timeoutPause)
	t := nwk.DefaultTimeout
	if n.cfg.Timeout != 0 {
		t = nwk.TimeoutOf(n.cfg.Timeout)
	}
	n.nwk.SendTimeout(n.now, t) // when full, the next try asks
	n.schedulePoll()
}

func (n *Node) timeoutDeadline() (time.Time, bool) { return n.timeout.at, !n.timeout.at.IsZero() }

func (n *Node) advanceTimeout() {
	if !n.timeout.at.IsZero() && !n.timeout.at.After(n.now) {
		n.askTimeout()
	}
}
