package stack

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// joinTimeout is how long a device may take from its association until it has
// proved its new link key: bdbTrustCenterNodeJoinTimeout (BDB 3.0.1, table 4).
const joinTimeout = 15 * time.Second

// device is what the trust centre knows of a device: one that joined, or that is
// expected to.
type device struct {
	eui64      zigbee.EUI64
	short      zigbee.ShortAddr // Unassigned before it first joined
	capability zigbee.Capability
	asked      zigbee.Capability // in its association request, which anybody can forge
	authorised bool
	code       zigbee.LinkKey // made from its install code; zero when it may not join
	parent     zigbee.EUI64   // the router through which it joins; 0 for this node itself
	renewal    renewal        // of its link key
	transport  transport      // of the next network key
	joining    stage
	deadline   time.Time // of the stage; zero when it is not joining
}

// stage is how far a join is.
type stage uint8

const (
	settled  stage = iota
	invited        // its address waits to be fetched
	keySent        // the network key is on its way
	replying       // it has been heard with the network key
)

// goUp begins to take part in the network.
func (n *Node) goUp() {
	n.phase = up
	n.nwk.Start(n.now)
	n.startWatch()
	n.setBeacon()
	net := n.nwk.Network()
	n.emit(NetworkUp{PANID: net.PAN, ExtendedPANID: net.Extended, Channel: n.mac.Channel(), Short: net.Short})
}

// open reports whether devices may associate.
func (n *Node) open() bool { return n.phase == up && n.permit.After(n.now) }

func (n *Node) setBeacon() {
	if n.cfg.Role == EndDevice {
		return
	}
	net := n.nwk.Network()
	var b [nwk.BeaconSize]byte
	payload := nwk.AppendBeacon(b[:0], nwk.Beacon{
		RouterCapacity: true, EndDeviceCapacity: n.nwk.RoomForChild(),
		Depth: net.Depth, Extended: net.Extended, UpdateID: net.UpdateID,
	})
	n.mac.AnswerBeacons(mac.Beacon{PANCoordinator: n.cfg.Role == Coordinator, Permit: n.open(), Payload: payload})
}

// Allow lets a device join with its install code while joining is permitted, now
// and again later, until [Node.Disallow]. It is for a trust centre or, in a network
// without one, a router, through which alone the device may then join. It fails when
// the table is full.
func (n *Node) Allow(e zigbee.EUI64, code zigbee.InstallCode) error {
	key := code.LinkKey()
	switch {
	case !n.lets():
		return errors.New("zigbee: only a trust centre lets devices join")
	case e == 0 || e == n.cfg.EUI64:
		return fmt.Errorf("zigbee: %s is not the address of a device", e)
	case code.IsZero() || key.IsWellKnown():
		return errors.New("zigbee: no install code")
	case n.leaderless():
		return n.expect(e, key)
	}
	d := n.devices[e]
	if d == nil {
		if len(n.devices) == MaxDevices {
			return fmt.Errorf("zigbee: the device table is full: at most %d", MaxDevices)
		}
		d = &device{eui64: e, short: zigbee.Unassigned}
		n.devices[e] = d
	}
	if !d.code.Equal(key) {
		d.code = key
		n.changed()
		n.checkSave()
	}
	return nil
}

// Disallow takes back [Node.Allow]. A device that has joined stays.
func (n *Node) Disallow(e zigbee.EUI64) {
	if _, ok := n.expected[e]; ok {
		delete(n.expected, e)
		n.changed()
		n.checkSave()
		return
	}
	d := n.devices[e]
	if d == nil || d.code.IsZero() {
		return
	}
	d.code = zigbee.LinkKey{}
	n.forgetUnused(d)
	n.changed()
	n.checkSave()
}

// forgetUnused drops a device that is neither joined nor expected.
func (n *Node) forgetUnused(d *device) {
	if d.short == zigbee.Unassigned && d.code.IsZero() && d.joining == settled {
		n.aps.DropKey(d.eui64, aps.Joining)
		n.aps.DropKey(d.eui64, aps.Provisional)
		n.aps.DropKey(d.eui64, aps.Established)
		delete(n.devices, d.eui64)
	}
}

// PermitJoin lets allowed devices join the network for d, through this node and
// through every router; 0 ends it. Trust centre only: a router opens at its word. In a
// network without one, at that of any router, for whom it was told to let in itself.
func (n *Node) PermitJoin(now time.Time, d time.Duration) {
	n.now = now
	if !n.lets() || n.cfg.Role == EndDevice {
		return
	}
	n.permit = now.Add(d)
	if n.phase == up {
		n.setBeacon()
		n.openAll()
		n.pump()
	}
}

// associate answers an association request (802.15.4-2006, 7.5.3.1).
func (n *Node) associate(ind mac.Indication) {
	e := ind.Src.EUI64
	switch {
	case n.phase != up:
		return
	case n.cfg.Role != Coordinator:
		n.introduce(ind)
		return
	}
	d := n.devices[e]
	if reason := n.unwelcome(d); reason != "" {
		n.refuse(e, reason)
		n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAccessDenied)
		return
	}
	if err := n.aps.SetKey(e, aps.Joining, d.code); err != nil {
		n.refuse(e, "there is no room for its key")
		n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAtCapacity)
		return
	}
	if d.short == zigbee.Unassigned {
		d.short = n.newAddress()
	}
	d.asked, d.parent = ind.Capability, 0
	if !n.adopt(e, d.short, ind.Capability) {
		n.refuse(e, "there is no room for a further child")
		n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAtCapacity)
		return
	}
	if n.mac.Respond(n.now, e, d.short, mac.AssociationSuccessful) {
		n.await(d, invited)
	}
}

// unwelcome says why a device may not join now, and nothing when it may.
func (n *Node) unwelcome(d *device) string {
	switch {
	case !n.open():
		return "joining is not permitted now"
	case d == nil || d.code.IsZero():
		return "the device is not expected"
	}
	return ""
}

// updateDevice decides on a device that a router introduces (05-3474-22, 4.4.4.2 and
// 4.6.3.2.2), in its own name and under its own link key.
func (n *Node) updateDevice(in nwk.Indication, a aps.Indication) {
	router := n.devices[a.Source]
	c := a.Command
	if n.cfg.Role != Coordinator || !in.Secured || a.Use != aps.Established || a.Key != zigbee.KeyData ||
		router == nil || !router.authorised || c.Src == a.Source || c.Src == n.cfg.EUI64 {
		n.counters.Policy++
		return
	}
	if c.Status == updateRejoin {
		n.lostDevice(router, c)
		return
	}
	if c.Status != updateJoin {
		return // what a device that has the network key does, it says itself
	}
	d := n.devices[c.Src]
	reason := n.unwelcome(d)
	switch {
	case reason != "":
	case n.taken(c.Short, c.Src):
		reason = "the router gave it the address of another device"
	case n.aps.SetKey(c.Src, aps.Joining, d.code) != nil:
		reason = "there is no room for its key"
	}
	if reason != "" {
		n.refuse(c.Src, reason)
		n.removeThrough(router, c.Src)
		return
	}
	if d.short == zigbee.Unassigned {
		d.short = c.Short
	}
	d.parent, d.asked = router.eui64, zigbee.RouterCapability
	n.sendNetworkKey(d)
}

// taken reports whether an address cannot be that of a device.
func (n *Node) taken(a zigbee.ShortAddr, by zigbee.EUI64) bool {
	if a == zigbee.Coordinator || a >= 0xfff8 {
		return true
	}
	for _, d := range n.devices {
		if d.short == a && d.eui64 != by {
			return true
		}
	}
	e, known := n.nwk.EUI64Of(a)
	return known && e != by
}

// removeThrough tells a router that a device that comes through it is not wanted
// (05-3474-22, 4.4.5.1).
func (n *Node) removeThrough(router *device, e zigbee.EUI64) {
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyData, Peer: router.eui64}
	_ = n.aps.SendCommand(0, router.short, aps.Command{ID: aps.RemoveDevice, Dst: e}, s, false, false) // when full, the router forgets it by itself
}

func (n *Node) refuse(e zigbee.EUI64, reason string) {
	n.counters.JoinsRefused++
	if len(n.events) < MaxEvents {
		n.emit(JoinRefused{EUI64: e, Reason: reason})
	}
}

// newAddress draws a short address that nobody is known to have (05-3474-22,
// 3.6.1.7).
func (n *Node) newAddress() zigbee.ShortAddr {
draw:
	for {
		a := zigbee.ShortAddr(1 + n.random(0xfff7))
		if _, taken := n.nwk.EUI64Of(a); taken {
			continue
		}
		for _, d := range n.devices {
			if d.short == a {
				continue draw
			}
		}
		return a
	}
}

// responseDone sends the network key to a device that has fetched its address
// (05-3474-22, 4.6.3.2.1), protected by a key made from its install code alone.
// A router asks the trust centre for that.
func (n *Node) responseDone(e zigbee.EUI64, ok bool) {
	if c := n.newcomer(e); c != nil && ok {
		n.introduced(c)
		return
	}
	d := n.devices[e]
	if d == nil || d.joining != invited {
		return
	}
	if !ok {
		n.endJoin(d, "it did not fetch its address")
		return
	}
	n.sendNetworkKey(d)
}

// sendNetworkKey sends a device the network key (05-3474-22, 4.4.3.1): itself, or
// in a tunnel through its parent (4.6.3.7.1).
func (n *Node) sendNetworkKey(d *device) {
	e := d.eui64
	n.await(d, keySent)
	seq, key, _ := n.nwk.Key()
	if n.rotation.step == switching { // the active one is of no use any more when the device has it
		seq, key, _ = n.nwk.PreparedKey()
	}
	c := aps.Command{
		ID: aps.TransportKey, KeyType: aps.StandardNetworkKey,
		NetworkKey: key, KeySequence: seq, Dst: e, Src: n.cfg.EUI64,
	}
	s := aps.Security{Use: aps.Joining, Key: zigbee.KeyTransport, Peer: e}
	var err error
	if router := n.devices[d.parent]; router != nil {
		err = n.aps.SendTunnel(router.short, e, c, s)
	} else {
		n.nwk.Admit(n.now, e)
		err = n.aps.SendCommand(0, d.short, c, s, false, true)
	}
	if err != nil {
		n.endJoin(d, "too much is going on to send it the network key")
	}
}

// endJoin gives a join up. A device that was authorised before keeps that: the
// one that failed may have been somebody else.
func (n *Node) endJoin(d *device, reason string) {
	n.counters.JoinsFailed++
	heard := d.joining == replying
	d.joining, d.deadline = settled, time.Time{}
	n.aps.DropKey(d.eui64, aps.Joining)
	if len(n.events) < MaxEvents {
		n.emit(JoinRefused{EUI64: d.eui64, Reason: reason})
	}
	if d.authorised {
		return
	}
	if heard {
		n.nwk.SendLeave(n.now, 0, d.short, nwk.LeaveRequest)
	}
	n.disown(d.eui64)
	n.aps.DropKey(d.eui64, aps.Provisional)
	d.short = zigbee.Unassigned
	n.forgetUnused(d)
	n.changed()
}

func (n *Node) trustDeadline() (time.Time, bool) {
	var first time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	earlier(n.permit)
	earlier(n.openNext)
	earlier(n.newcomersDeadline())
	earlier(n.joinsDue)
	return first, !first.IsZero()
}

func (n *Node) advanceTrust() {
	if !n.permit.IsZero() && !n.permit.After(n.now) {
		n.permit = time.Time{}
		if n.phase == up {
			n.setBeacon()
		}
	}
	if !n.openNext.IsZero() && !n.openNext.After(n.now) {
		n.openAll()
	}
	n.advanceNewcomers()
	n.advanceJoins()
}

// await waits for a device's next step in its join, and not for ever.
func (n *Node) await(d *device, step stage) {
	d.joining, d.deadline = step, n.now.Add(joinTimeout)
	if n.joinsDue.IsZero() {
		n.joinsDue = d.deadline // what is waited for later is due later
	}
}

// advanceJoins gives up the joins whose time is over.
func (n *Node) advanceJoins() {
	if n.joinsDue.IsZero() || n.joinsDue.After(n.now) {
		return
	}
	n.joinsDue = time.Time{}
	var late []*device
	for _, d := range n.devices {
		switch {
		case d.deadline.IsZero():
		case !d.deadline.After(n.now):
			late = append(late, d)
		case n.joinsDue.IsZero() || d.deadline.Before(n.joinsDue):
			n.joinsDue = d.deadline
		}
	}
	slices.SortFunc(late, func(a, b *device) int { return cmp.Compare(a.eui64, b.eui64) })
	for _, d := range late {
		switch d.joining {
		case keySent:
			n.endJoin(d, "it did not answer to the network key: its install code may be another")
		default:
			n.endJoin(d, "it did not exchange its link key in time")
		}
	}
}

// requestKey gives a device a link key of its own (05-3474-22, 4.7.3.8), once the
// request has shown that it holds the key before.
func (n *Node) requestKey(src zigbee.ShortAddr, a aps.Indication) {
	d := n.devices[a.Source]
	if n.cfg.Role != Coordinator || d == nil || a.Key != zigbee.KeyData || a.Use != aps.Joining && a.Use != aps.Established {
		n.counters.Policy++
		return
	}
	n.heardFrom(d.eui64)
	n.nwk.Learn(d.eui64, src) // its own link key says whose address that is
	key, again := n.aps.Key(d.eui64, aps.Provisional)
	if !again {
		key = zigbee.NewLinkKey(n.randomKey())
	}
	if n.aps.SetKey(d.eui64, aps.Provisional, key) != nil {
		return // the device asks again, and is refused in the end
	}
	c := aps.Command{ID: aps.TransportKey, KeyType: aps.TrustCentreLinkKey, LinkKey: key, Dst: d.eui64, Src: n.cfg.EUI64}
	s := aps.Security{Use: a.Use, Key: zigbee.KeyLoad, Peer: d.eui64}
	_ = n.aps.SendCommand(0, src, c, s, false, false) // when full, the device asks again
}

// verifyKey checks a device's proof that it holds its new key (05-3474-22,
// 4.4.8). The answer waits until the key is saved: a trust centre that fell over
// after it would lock the device out.
func (n *Node) verifyKey(src zigbee.ShortAddr, from zigbee.EUI64, c aps.Command) {
	d := n.devices[c.Src]
	if n.cfg.Role != Coordinator || d == nil || from != c.Src {
		n.counters.Policy++
		return
	}
	proves := func(use aps.KeyUse) bool {
		key, ok := n.aps.Key(d.eui64, use)
		hash := key.VerifyHash()
		return ok && subtle.ConstantTimeCompare(hash[:], c.Hash[:]) == 1
	}
	switch {
	case proves(aps.Provisional):
		n.aps.Promote(d.eui64)
		renewed := d.authorised && d.joining == settled
		d.renewal = renewal{}
		if d.joining != settled {
			d.capability = d.asked
		}
		d.short, d.authorised, d.joining, d.deadline = src, true, settled, time.Time{}
		n.changed()
		n.save.confirm = append(n.save.confirm, confirmation{d.eui64, n.save.revision, renewed})
	case proves(aps.Established): // our answer was lost, or waits
		waits := func(c confirmation) bool { return c.device == d.eui64 }
		if !slices.ContainsFunc(n.save.confirm, waits) {
			n.confirm(d)
		}
	default:
		n.counters.Policy++
	}
}

// confirm tells a device that its new key counts (05-3474-22, 4.4.10.8).
func (n *Node) confirm(d *device) {
	c := aps.Command{ID: aps.ConfirmKey, KeyType: aps.TrustCentreLinkKey, Dst: d.eui64}
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyData, Peer: d.eui64}
	_ = n.aps.SendCommand(0, d.short, c, s, false, false) // when full, the device proves it again
}

// confirmSaved answers the devices whose keys a saved state now holds.
func (n *Node) confirmSaved() {
	waiting := n.save.confirm[:0]
	for _, c := range n.save.confirm {
		switch d := n.devices[c.device]; {
		case d == nil || !d.authorised:
		case c.revision > n.save.saved:
			waiting = append(waiting, c)
		default:
			n.confirm(d)
			if c.renewed {
				n.emit(LinkKeyRenewed{EUI64: d.eui64})
				continue
			}
			n.emit(DeviceAuthorised{EUI64: d.eui64, Short: d.short})
			if n.open() { // it missed that the network was opened
				n.sendPermit(d.short, min(n.permit.Sub(n.now), permitPeriod))
			}
		}
	}
	n.save.confirm = waiting
}

// Rejoin makes a device leave the network and come back at once, with its keys
// (05-3474-22, 3.6.1.10): an end device looks for its best parent. Trust centre only.
func (n *Node) Rejoin(now time.Time, e zigbee.EUI64) error {
	n.now = now
	d := n.devices[e]
	if d == nil || !d.authorised || n.phase != up {
		return fmt.Errorf("zigbee: device %s is not in the network", e)
	}
	m := zdo.MgmtLeaveReq{Device: e, Rejoin: true}
	m.Seq = n.nextZDO()
	n.sendZDO(d.short, zdo.MgmtLeave, m.Append(nil))
	n.pump()
	return nil
}

// Remove makes a device leave the network and forgets it. A device that does not
// obey can still read the network: only a new network key shuts it out. Trust centre only.
func (n *Node) Remove(now time.Time, e zigbee.EUI64) error {
	n.now = now
	d := n.devices[e]
	if d == nil {
		return fmt.Errorf("zigbee: device %s is not known", e)
	}
	if d.short != zigbee.Unassigned && n.phase == up {
		n.sendAway(d)
	}
	n.drop(d)
	n.pump()
	return nil
}

// sendAway tells a device to leave in all the ways there are: from next to it, from
// afar (under its link key), and through its parent.
func (n *Node) sendAway(d *device) {
	n.nwk.SendLeave(n.now, 0, d.short, nwk.LeaveRequest)
	if d.authorised {
		n.removeThrough(d, d.eui64)
	}
	if router := n.devices[d.parent]; router != nil {
		n.removeThrough(router, d.eui64)
	}
	n.pump() // while its key is there
}

func (n *Node) drop(d *device) {
	was := d.authorised
	*d = device{eui64: d.eui64, short: zigbee.Unassigned}
	n.forgetUnused(d)
	n.changed()
	if was {
		n.emit(DeviceLeft{EUI64: d.eui64})
	}
}

// nodeLeft notes that a device said that it leaves. What it may do stays: it may
// come back with its install code as long as it is allowed.
func (n *Node) nodeLeft(e zigbee.EUI64) {
	n.disown(e)
	d := n.devices[e]
	if d == nil || !d.authorised {
		return
	}
	code := d.code
	n.drop(d)
	if !code.IsZero() {
		n.devices[e] = &device{eui64: e, short: zigbee.Unassigned, code: code}
	}
}

// Devices returns the devices that have joined, by address. Trust centre only.
func (n *Node) Devices() []Device {
	var list []Device
	for _, d := range n.devices {
		if d.short != zigbee.Unassigned {
			list = append(list, Device{EUI64: d.eui64, Short: d.short, Capability: d.capability, Authorised: d.authorised})
		}
	}
	slices.SortFunc(list, func(a, b Device) int { return cmp.Compare(a.EUI64, b.EUI64) })
	return list
}
