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

// A network with distributed security has no coordinator and no trust centre: a
// router forms it, and each router can let devices in (05-3474-22, 4.6.3; BDB
// 3.0.1: a router forms a distributed network). It is told from another by the
// extended address of its trust centre, of all ones.
//
// Here too the network key only travels under the key of an install code, so a router
// lets in whom it was given the code of ([Node.Allow]), or it is handed over with the
// rest of the [Credentials] outside the air. The global link key that others use for this
// is printed in public documents, and refused. There are no link keys, so nobody is
// told over the air to leave, to move, or to use another key: that is for each
// device's owner, who is next to it.
const distributed zigbee.EUI64 = 1<<64 - 1

// MaxExpected is how many devices a router of a network without trust centre expects
// at a time; when full, Allow refuses.
const MaxExpected = 64

// leaderless reports whether the node is in a network without a trust centre.
func (n *Node) leaderless() bool { return n.tc == distributed }

// lets reports whether this node decides who may join.
func (n *Node) lets() bool { return n.cfg.Role == Coordinator || n.leaderless() }

// FormDistributed makes a router that is in no network form one without a trust centre,
// with identifiers and a key at random. An attempt to join another is given up.
// [NetworkUp] tells the end.
func (n *Node) FormDistributed(now time.Time) error {
	n.now = now
	switch {
	case n.cfg.Role != Router:
		return errors.New("zigbee: a router forms a network without a trust centre")
	case n.phase != searching && n.phase != stopped:
		return errInNetwork
	}
	n.giveUpJoining()
	n.tc = distributed
	n.startForming()
	n.pump()
	return nil
}

var (
	errInNetwork    = errors.New("zigbee: the node is in a network; it has to leave it first")
	errHasTC        = errors.New("zigbee: the network has a trust centre, which alone gives its key away")
	errCredentials  = errors.New("zigbee: no credentials of a network: channel, identifiers or key are missing")
	errOtherNetwork = errors.New("zigbee: the credentials are those of another network; the node has to leave its own first")
)

func (n *Node) giveUpJoining() {
	n.mac.GiveUp()
	n.nwk.Leave()
	n.aps.DropKey(aps.AnyDevice, aps.Joining)
	n.join = join{}
	n.poll.at = time.Time{}
}

// Credentials make a node a member of a network without a trust centre. Whoever has
// them is one: they are handed over on a channel that is secure by itself.
type Credentials struct {
	ExtendedPANID zigbee.ExtendedPANID
	PANID         zigbee.PANID
	Channel       uint8
	UpdateID      uint8
	KeySequence   uint8
	Key           zigbee.NetworkKey
}

// Credentials returns those of the node's network. It fails when the node is in
// none, or in one with a trust centre.
func (n *Node) Credentials() (Credentials, error) {
	switch {
	case n.phase != up:
		return Credentials{}, ErrNotUp
	case !n.leaderless():
		return Credentials{}, errHasTC
	}
	net := n.nwk.Network()
	c := Credentials{ExtendedPANID: net.Extended, PANID: net.PAN, Channel: n.mac.Channel(), UpdateID: net.UpdateID}
	c.KeySequence, c.Key, _ = n.nwk.Key()
	return c, nil
}

// check refuses what makes no network.
func (c *Credentials) check() error {
	if c.Channel < zigbee.MinChannel || c.Channel > zigbee.MaxChannel || c.PANID == zigbee.BroadcastPAN ||
		c.ExtendedPANID == 0 || c.ExtendedPANID == 1<<64-1 || c.Key.IsZero() {
		return errCredentials
	}
	return nil
}

// Commission makes a node that is in no network a member of one without a trust
// centre, joined out of band: a router is up at once, an end
// device looks for a parent. On a member, it takes the key that follows the one in use: see
// [Node.UseNextKey].
func (n *Node) Commission(now time.Time, c Credentials) error {
	n.now = now
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case n.cfg.Role == Coordinator:
		return errors.New("zigbee: a coordinator forms its own network")
	case n.leaderless() && n.nwk.Network().Extended == c.ExtendedPANID:
		return n.commissionNext(c)
	case n.leaderless() && (n.phase == up || n.phase == rejoining):
		return errOtherNetwork
	case n.phase != searching && n.phase != stopped:
		return errInNetwork
	}
	n.giveUpJoining()
	n.tc = distributed
	n.nwk.SetNetwork(nwk.Network{
		PAN: c.PANID, Extended: c.ExtendedPANID, Short: n.newAddress(), UpdateID: c.UpdateID, Leaderless: true,
	})
	n.nwk.SetKey(c.KeySequence, c.Key)
	n.mac.Configure(c.Channel, c.PANID, n.nwk.Network().Short)
	n.changed()
	if n.cfg.Role == EndDevice {
		n.lookAgain(0)
	} else {
		n.goUp()
		n.announce()
		n.announceAgain(40 * time.Second) // when the others have got to know this node
	}
	n.pump()
	return nil
}

func (n *Node) commissionNext(c Credentials) error {
	seq, key, _ := n.nwk.Key()
	if seq == c.KeySequence && key.Equal(c.Key) {
		return nil
	}
	if !n.nwk.PrepareKey(c.KeySequence, c.Key) {
		return fmt.Errorf("zigbee: a network key that follows needs another sequence number than %d, and is another key", seq)
	}
	n.changed()
	n.pump()
	return nil
}

// UseNextKey makes the key that [Node.Commission] brought the network key. The others
// follow when they hear a frame under it, if they have it; who was not given it is shut
// out. It reports whether there was one.
func (n *Node) UseNextKey(now time.Time) bool {
	n.now = now
	seq, _, ok := n.nwk.PreparedKey()
	if !ok || !n.leaderless() || !n.nwk.SwitchKey(seq) {
		return false
	}
	n.pump()
	n.announce()
	n.pump()
	return true
}

// expect is [Node.Allow] on a router.
func (n *Node) expect(e zigbee.EUI64, key zigbee.LinkKey) error {
	known, again := n.expected[e]
	switch {
	case again && known.Equal(key):
		return nil
	case !again && len(n.expected) == MaxExpected:
		return fmt.Errorf("zigbee: at most %d devices are expected at a time", MaxExpected)
	case n.expected == nil:
		n.expected = map[zigbee.EUI64]zigbee.LinkKey{}
	}
	n.expected[e] = key
	n.changed()
	n.checkSave()
	return nil
}

// expectedDevices are the expected ones as a state holds them.
func (n *Node) expectedDevices() []device {
	var list []device
	for _, e := range slices.Sorted(maps.Keys(n.expected)) {
		list = append(list, device{eui64: e, short: zigbee.Unassigned, code: n.expected[e]})
	}
	return list
}

// restoreExpected takes back what expectedDevices gave.
func (n *Node) restoreExpected(list []device) {
	if len(list) > 0 {
		n.expected = make(map[zigbee.EUI64]zigbee.LinkKey, len(list))
	}
	for i := range list {
		n.expected[list[i].eui64] = list[i].code
	}
}

// awaits reports whether a device may join through this router, of a network without a trust
// centre, and keeps the key for that at hand.
func (n *Node) awaits(e zigbee.EUI64) bool {
	key, ok := n.expected[e]
	return ok && n.aps.SetKey(e, aps.Joining, key) == nil
}

// admit sends the network key to a device that has fetched its address, under the
// key of its label. The source of all ones says that there is no trust centre.
func (n *Node) admit(c *newcomer) {
	seq, key, _ := n.nwk.Key()
	m := aps.Command{
		ID: aps.TransportKey, KeyType: aps.StandardNetworkKey,
		NetworkKey: key, KeySequence: seq, Dst: c.eui64, Src: distributed,
	}
	s := aps.Security{Use: aps.Joining, Key: zigbee.KeyTransport, Peer: c.eui64}
	n.nwk.Admit(n.now, c.eui64)
	_ = n.aps.SendCommand(0, c.short, m, s, false, true) // when full, the device tries again
}

// admitted ends the joining of a device that has been heard with the network key, or that
// was not heard in time.
func (n *Node) admitted(e zigbee.EUI64) {
	if n.leaderless() {
		n.aps.DropKey(e, aps.Joining)
		n.newcomers = slices.DeleteFunc(n.newcomers, func(c newcomer) bool { return c.eui64 == e })
	}
}

// joinLeaderless takes the key of a network without a trust centre: the node is a member.
func (n *Node) joinLeaderless(c aps.Command) {
	n.aps.DropKey(aps.AnyDevice, aps.Joining)
	n.tc = distributed
	net := n.nwk.Network()
	net.Leaderless = true
	n.nwk.SetNetwork(net)
	n.nwk.SetKey(c.KeySequence, c.NetworkKey)
	n.join = join{}
	n.changed()
	n.goUp()
	n.announce()
	n.negotiate()
	n.spoke()
}

// isOrphan reports whether the state is that of an end device that was made a member
// and has found no parent yet.
func (s *State) isOrphan() bool {
	return s.role == EndDevice && s.tc == distributed && s.phase == up && s.parent == zigbee.Unassigned
}

// validDevices reports whether the devices of a state are such as its node has, in
// their order.
func (s *State) validDevices() bool {
	if s.role != Coordinator && (s.tc != distributed || s.role != Router || len(s.devices) > MaxExpected) && len(s.devices) > 0 {
		return false
	}
	for i := range s.devices {
		d := &s.devices[i]
		if s.role == Router && (d.code.IsZero() || d.short != zigbee.Unassigned || d.authorised || d.transport.has || d.capability != 0) {
			return false
		}
	}
	return slices.IsSortedFunc(s.devices, func(a, b device) int { return cmp.Compare(a.eui64, b.eui64) })
}
