package stack

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
)

// The times and limits of giving a network another key.
const (
	transports     = 4                // network keys on their way at a time
	transportTries = 2                // for each device, with the retries of each
	transportPause = 20 * time.Second // between them
	switchLimit    = 5 * time.Minute  // the switch comes then even if a device has not answered
	switchPause    = 2 * time.Second  // from the first word of the switch to the trust centre's own
	switchTries    = 3                // the word is repeated: who missed it follows the first frame it hears
	formerKeyLife  = 10 * time.Second // frames under the former key are on their way no longer: nwkNetworkBroadcastDeliveryTime
)

// ownHandle marks requests of the node itself among the handles of the layer.
const ownHandle = 1 << 31

// rotationStep is how far a trust centre is with a new network key.
type rotationStep uint8

const (
	noRotation   rotationStep = iota
	keyStoring                // the new key is being saved
	distributing              // it goes to each device, under its own link key
	switching                 // everybody is told to use it
)

// rotation is a change of the network key. Which key comes next and who has it is
// part of the saved state: a trust centre that fell over goes on.
type rotation struct {
	step     rotationStep
	revision uint64    // of the state that must be saved first, when storing
	limit    time.Time // when distributing ends at the latest
	at       time.Time // the next word of the switch, when switching
	tries    int
	handle   uint32
}

// transport is how far the next network key is on its way to a device.
type transport struct {
	has    bool // the device has acknowledged it
	tries  int
	handle uint32    // of the one under way; 0 for none
	at     time.Time // of the next try
}

// RotateNetworkKey gives the network another key (05-3474-22, 4.6.3.4): random, sent
// to each authorised device on its own, under the link key that it alone shares
// with this trust centre, then switched to. Who is not authorised any more reads
// nothing from there on. [NetworkKeyChanged] tells the end. A rotation that is
// under way begins anew, with another key. Trust centre only.
func (n *Node) RotateNetworkKey(now time.Time) error {
	n.now = now
	if n.cfg.Role != Coordinator {
		return errors.New("zigbee: only a trust centre changes the network key")
	}
	if n.phase != up {
		return ErrNotUp
	}
	seq, _, _ := n.nwk.Key()
	if s, _, ok := n.nwk.PreparedKey(); ok {
		seq = s
	}
	if !n.nwk.PrepareKey(seq+1, zigbee.NewNetworkKey(n.randomKey())) {
		return errors.New("zigbee: the source of randomness gave the same key again")
	}
	for _, d := range n.devices {
		d.transport = transport{}
	}
	n.changed()
	n.rotation = rotation{step: keyStoring, revision: n.save.revision, handle: n.rotation.handle}
	n.pump()
	return nil
}

// Evict shuts a device out for good: it may not join again, is told to leave, and
// the network key is changed for everybody else, so that it reads nothing
// even if it does not obey. Trust centre only.
func (n *Node) Evict(now time.Time, e zigbee.EUI64) error {
	if err := n.Remove(now, e); err != nil {
		return err
	}
	return n.RotateNetworkKey(now)
}

// distribute begins to send a key that is saved.
func (n *Node) distribute() {
	if n.rotation.step == keyStoring && n.rotation.revision <= n.save.saved {
		n.rotation.step, n.rotation.limit = distributing, n.now.Add(switchLimit)
		n.advanceRotation()
	}
}

func (n *Node) rotationDeadline() (time.Time, bool) {
	var first time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	earlier(n.formerKey)
	earlier(n.rotation.at)
	if n.rotation.step == distributing {
		earlier(n.rotation.limit)
		for _, d := range n.devices {
			earlier(d.transport.at)
		}
	}
	return first, !first.IsZero()
}

func (n *Node) advanceRotation() {
	if !n.formerKey.IsZero() && !n.formerKey.After(n.now) {
		n.formerKey = time.Time{}
		n.nwk.DropFormerKey()
	}
	switch n.rotation.step {
	case distributing:
		n.sendTransports()
	case switching:
		if !n.rotation.at.After(n.now) {
			n.sendSwitch()
		}
	}
}

// sendTransports sends the next key to devices that do not have it, a few at a time,
// and begins the switch when nobody is left who might answer.
func (n *Node) sendTransports() {
	underWay, left := 0, false
	for _, d := range n.devices {
		if d.transport.handle != 0 {
			underWay++
		}
	}
	for _, e := range slices.Sorted(maps.Keys(n.devices)) {
		d := n.devices[e]
		if !d.authorised || d.transport.has || d.transport.handle == 0 && d.transport.tries == transportTries {
			continue
		}
		left = true
		if d.transport.handle == 0 && underWay < transports && !d.transport.at.After(n.now) && n.sendTransport(d) {
			underWay++
		}
	}
	if !left || !n.rotation.limit.After(n.now) {
		n.rotation.step, n.rotation.tries, n.rotation.limit = switching, 0, time.Time{}
		n.sendSwitch()
	}
}

// sendTransport reports whether there was room.
func (n *Node) sendTransport(d *device) bool {
	seq, key, _ := n.nwk.PreparedKey()
	n.rotation.handle = (n.rotation.handle + 1) &^ ownHandle
	handle := n.rotation.handle | ownHandle
	c := aps.Command{
		ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: key, KeySequence: seq,
		Dst: d.eui64, Src: n.cfg.EUI64,
	}
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyTransport, Peer: d.eui64}
	if n.aps.SendCommand(handle, d.short, c, s, true, false) != nil {
		d.transport.at = n.now.Add(time.Second)
		return false
	}
	d.transport.handle, d.transport.at = handle, time.Time{}
	d.transport.tries++
	return true
}

// transportDone notes whether a device has the next key.
func (n *Node) transportDone(done aps.Done) {
	for _, d := range n.devices {
		if d.transport.handle != done.Handle {
			continue
		}
		d.transport.handle = 0
		if done.Err == nil {
			d.transport.has = true
			n.changed()
		} else {
			d.transport.at = n.now.Add(transportPause)
		}
	}
	n.advanceRotation()
}

// sendSwitch tells everybody to use the next key (05-3474-22, 4.4.7.1), under the
// key before, and then follows.
func (n *Node) sendSwitch() {
	seq, _, ok := n.nwk.PreparedKey()
	if !ok {
		return // somebody was faster, and this node has followed
	}
	if n.rotation.tries == switchTries {
		n.nwk.SwitchKey(seq)
		return
	}
	n.rotation.tries++
	n.rotation.at = n.now.Add(switchPause / switchTries)
	c := aps.Command{ID: aps.SwitchKey, KeySequence: seq}
	_ = n.aps.SendCommand(0, zigbee.BroadcastRxOn, c, aps.Security{}, false, false) // when full, the next word counts
}

// nextNetworkKey takes the network key that follows (05-3474-22, 4.4.3.3): from the
// trust centre, under this node's own link key.
func (n *Node) nextNetworkKey(in nwk.Indication, a aps.Indication) {
	c := a.Command
	if n.cfg.Role == Coordinator || !in.Secured || a.Use != aps.Established || a.Key != zigbee.KeyTransport ||
		a.Source != n.tc || c.Src != a.Source || c.Dst != n.cfg.EUI64 || !n.nwk.PrepareKey(c.KeySequence, c.NetworkKey) {
		n.counters.Policy++
		return
	}
	n.changed()
}

// switchKey obeys the trust centre's word to use the next key (05-3474-22, 4.4.7.3).
// Whoever forges it has the network key, and wins nothing: there is nothing to
// switch to but what the trust centre sent.
func (n *Node) switchKey(in nwk.Indication, a aps.Indication) {
	seq, _, _ := n.nwk.Key()
	trusted := n.cfg.Role != Coordinator && in.Secured && in.Src == zigbee.Coordinator
	if !trusted || seq != a.Command.KeySequence && !n.nwk.SwitchKey(a.Command.KeySequence) {
		n.counters.Policy++ // the word comes more than once
	}
}

// keySwitched notes that the next key is in use, here or at a trust centre everywhere.
func (n *Node) keySwitched() {
	n.formerKey = n.now.Add(formerKeyLife)
	n.changed()
	if n.phase == up {
		n.negotiate() // an end device shows its parent that it has followed
	}
	if n.cfg.Role != Coordinator {
		return
	}
	seq, _, _ := n.nwk.Key()
	var without []zigbee.EUI64
	for _, d := range n.devices {
		if d.authorised && !d.transport.has {
			without = append(without, d.eui64)
		}
		d.transport = transport{}
	}
	slices.SortFunc(without, cmp.Compare)
	n.rotation = rotation{handle: n.rotation.handle}
	n.emit(NetworkKeyChanged{Sequence: seq, Without: without})
}

// resumeRotation goes on with a rotation that a restart interrupted: who has
// acknowledged the key is known.
func (n *Node) resumeRotation() {
	for _, d := range n.devices {
		d.transport, d.renewal = transport{has: d.transport.has}, renewal{}
	}
	if _, _, ok := n.nwk.PreparedKey(); ok && n.cfg.Role == Coordinator {
		n.rotation = rotation{step: keyStoring, revision: n.save.revision}
	}
}

// NetworkKeyChanged says, at the trust centre, that the network uses another key.
type NetworkKeyChanged struct {
	Sequence uint8
	// Without are the devices that did not say that they have the key. They may have
	// it all the same; one that has not comes back by joining.
	Without []zigbee.EUI64
}

func (NetworkKeyChanged) event() {}

func (e NetworkKeyChanged) String() string {
	return fmt.Sprintf("network key %d, not acknowledged by %d devices", e.Sequence, len(e.Without))
}
