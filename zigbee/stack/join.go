package stack

import (
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// The times and limits of joining.
const (
	scanExponent = 3 // bdbScanDuration 4 listens twice as long; beacons answer within 60 ms

	keyTimeout      = 5 * time.Second // for the network key; apsSecurityTimeOutPeriod, and a busy trust centre
	exchangeTimeout = 5 * time.Second // bdbcTCLinkKeyExchangeTimeout (BDB 3.0.1, table 2)
	exchangeTries   = 3               // bdbTCLinkKeyExchangeAttemptsMax

	minBackOff = time.Second
	maxBackOff = time.Minute

	maxCandidates = 8   // networks heard in one scan; further ones must be heard better than the worst
	maxAvoided    = 8   // networks that turned this node away, and parents; the oldest is forgotten
	goodLQI       = 130 // a link of cost 3 or less, which a parent should have (05-3474-22, 3.6.1.4.1)
)

// leaveHandle marks this node's own leave command among the handles of frames.
const leaveHandle = 1<<32 - 1

// step is what a router that joins waits for.
type step uint8

const (
	resting     step = iota
	scanning         // for beacons
	associating      // for an address
	awaitKey         // for the network key
	requesting       // for its own link key
	storing          // for its link key to be saved
	verifying        // for the trust centre to confirm the link key
	leaving          // for its leave command to be sent
	handingOff       // for its children to find another parent
)

// join is how far a router is on its way into a network.
type join struct {
	step       step
	at         time.Time // when the step is over; zero when something else ends it
	tries      int
	revision   uint64 // of the state that must be saved first, when storing
	pause      time.Duration
	candidates []candidate
	avoided    []zigbee.ExtendedPANID
	failed     []mac.Address // parents that did not bring this node into a network
}

// candidate is a node whose network may be joined through it.
type candidate struct {
	parent   mac.Address
	channel  uint8
	lqi      uint8
	extended zigbee.ExtendedPANID
	depth    uint8
	updateID uint8
}

// search looks for a network after a pause.
func (n *Node) search(after time.Duration) {
	n.phase = searching
	n.join.step, n.join.at = resting, n.now.Add(after)
}

func (n *Node) joinDeadline() (time.Time, bool) { return n.join.at, !n.join.at.IsZero() }

func (n *Node) advanceJoin() {
	if n.join.at.IsZero() || n.join.at.After(n.now) {
		return
	}
	n.join.at = time.Time{}
	switch n.join.step {
	case resting:
		n.join.step, n.join.candidates = scanning, nil
		n.mac.Scan(n.now, n.cfg.Channels, mac.ScanDuration(scanExponent))
	case awaitKey:
		n.joinFailed("no network key came: the trust centre may have another install code")
	case requesting, verifying:
		n.exchange()
	case leaving:
		n.leaveSent()
	case handingOff:
		n.Leave(n.now)
	}
}

// heardBeacon notes a network that may be joined (05-3474-22, 3.6.1.5.1.1).
func (n *Node) heardBeacon(ind mac.Indication) {
	b, err := nwk.ParseBeacon(ind.Beacon.Payload)
	if err == nil && n.noted(ind, b) {
		return
	}
	if err != nil || n.join.step != scanning || !ind.Beacon.Permit || !n.hasRoom(b) || ind.Src.Mode != mac.ShortAddress {
		return
	}
	c := candidate{
		parent: ind.Src, channel: ind.Channel, lqi: ind.LQI,
		extended: b.Extended, depth: b.Depth, updateID: b.UpdateID,
	}
	if len(n.join.candidates) < maxCandidates {
		n.join.candidates = append(n.join.candidates, c)
		return
	}
	worst := 0
	for i := range n.join.candidates {
		if n.join.candidates[i].lqi < n.join.candidates[worst].lqi {
			worst = i
		}
	}
	if c.lqi > n.join.candidates[worst].lqi {
		n.join.candidates[worst] = c
	}
}

// scanned picks a node to join through (05-3474-22, 3.6.1.4.1).
func (n *Node) scanned() {
	if len(n.join.candidates) == 0 {
		n.joinFailed("no open network was heard")
		return
	}
	c := slices.MinFunc(n.join.candidates, func(a, b candidate) int {
		x, y := n.rank(a), n.rank(b)
		return slices.Compare(x[:], y[:])
	})
	n.join.candidates = []candidate{c}
	n.join.step = associating
	n.mac.Associate(n.now, c.channel, c.parent, n.capability())
}

// rank says how good a candidate is, by falling weight; less is better: a network
// and a parent that have not turned this node away, a good link, few hops, the
// best link.
func (n *Node) rank(c candidate) [5]int {
	var r [5]int
	if n.avoids(c.extended) {
		r[0] = 1
	}
	if slices.Contains(n.join.failed, c.parent) {
		r[1] = 1
	}
	if c.lqi < goodLQI {
		r[2], r[3] = 1, -int(c.lqi)
		return r
	}
	r[3], r[4] = int(c.depth), -int(c.lqi)
	return r
}

func (n *Node) avoids(p zigbee.ExtendedPANID) bool {
	for _, a := range n.join.avoided {
		if a == p {
			return true
		}
	}
	return false
}

// associated waits for the network key, which only this node's install code opens.
func (n *Node) associated(o mac.Output) {
	if n.join.step != associating {
		return
	}
	if !o.OK || o.Short >= 0xfff8 || o.Short == zigbee.Coordinator {
		n.joinFailed("the network turned this device away")
		return
	}
	c := n.join.candidates[0]
	n.nwk.SetNetwork(nwk.Network{
		PAN: c.parent.PAN, Extended: c.extended, Short: o.Short, UpdateID: c.updateID, Depth: c.depth + 1,
	})
	if n.cfg.Role == EndDevice {
		n.nwk.SetParent(c.parent.Short)
	} else {
		n.nwk.RouteThrough(n.now, c.parent.Short)
	}
	n.tc = 0
	if err := n.aps.SetKey(aps.AnyDevice, aps.Joining, n.cfg.InstallCode.LinkKey()); err != nil {
		n.joinFailed("there is no room for the key")
		return
	}
	n.join.step, n.join.at = awaitKey, n.now.Add(keyTimeout)
	n.schedulePoll()
}

// networkKey takes the network key, and with it the trust centre's word for who it
// is (05-3474-22, 4.4.3.3). It counts only while it is waited for, and only when
// the key made from the install code protects it.
func (n *Node) networkKey(in nwk.Indication, a aps.Indication) {
	c := a.Command
	if n.phase != searching || n.join.step != awaitKey || in.Secured || a.Use != aps.Joining || a.Key != zigbee.KeyTransport ||
		c.Dst != n.cfg.EUI64 || c.Src != a.Source && c.Src != distributed || c.NetworkKey.IsZero() {
		n.counters.Policy++
		return
	}
	if c.Src == distributed {
		n.joinLeaderless(c)
		return
	}
	n.tc = a.Source
	n.aps.DropKey(aps.AnyDevice, aps.Joining)
	n.aps.DropKey(n.tc, aps.Provisional)
	n.aps.DropKey(n.tc, aps.Established)
	if err := n.aps.RestoreKey(aps.KeyInfo{Device: n.tc, Use: aps.Joining, Key: n.cfg.InstallCode.LinkKey(), Next: 1}); err != nil {
		n.joinFailed("there is no room for the key")
		return
	}
	n.nwk.SetKey(c.KeySequence, c.NetworkKey)
	n.nwk.Learn(n.tc, zigbee.Coordinator)
	if n.join.candidates[0].parent.Short == zigbee.Coordinator {
		n.nwk.Hear(n.now, n.tc, in.LQI)
	}
	n.phase = joined
	n.nwk.Start(n.now)
	n.setBeacon()
	n.changed()
	n.announce()
	n.negotiate()
	n.join.step, n.join.tries = requesting, 0
	n.exchange()
}

// announceAgain says this node's addresses once more later: a broadcast is not acknowledged,
// and they are new.
func (n *Node) announceAgain(after time.Duration) { n.again = n.now.Add(after) }

// announce tells everybody this node's addresses (05-3474-22, 2.4.3.1.11).
func (n *Node) announce() {
	n.sendZDO(zigbee.BroadcastRxOn, zdo.DeviceAnnce, n.announcement())
}

func (n *Node) announcement() []byte {
	m := zdo.Announce{Addr: n.nwk.Network().Short, Device: n.cfg.EUI64, Capability: n.capability()}
	m.Seq = n.nextZDO()
	return m.Append(nil)
}

// exchange takes the next step to a link key of this node's own (BDB 3.0.1, 10.2.5).
func (n *Node) exchange() {
	if n.join.tries == exchangeTries {
		n.joinFailed("the trust centre did not exchange the link key")
		return
	}
	n.join.tries++
	n.join.at = n.now.Add(exchangeTimeout)
	if n.join.step == requesting {
		c := aps.Command{ID: aps.RequestKey, KeyType: aps.TrustCentreLinkKey}
		s := aps.Security{Use: aps.Joining, Key: zigbee.KeyData, Peer: n.tc}
		_ = n.aps.SendCommand(0, zigbee.Coordinator, c, s, false, false) // when full, the next try asks
		return
	}
	key, ok := n.aps.Key(n.tc, aps.Provisional)
	if !ok {
		n.joinFailed("the new link key is lost")
		return
	}
	c := aps.Command{ID: aps.VerifyKey, KeyType: aps.TrustCentreLinkKey, Src: n.cfg.EUI64, Hash: key.VerifyHash()}
	_ = n.aps.SendCommand(0, zigbee.Coordinator, c, aps.Security{}, false, false) // likewise
}

// linkKey takes this node's own link key. It is saved before the trust centre is
// told: else a node that fell over between would be locked out.
func (n *Node) linkKey(in nwk.Indication, a aps.Indication) {
	c := a.Command
	if n.phase != joined || n.join.step != requesting || !in.Secured || a.Use != aps.Joining || a.Key != zigbee.KeyLoad ||
		a.Source != n.tc || c.Dst != n.cfg.EUI64 || c.LinkKey.IsWellKnown() {
		n.counters.Policy++
		return
	}
	if err := n.aps.SetKey(n.tc, aps.Provisional, c.LinkKey); err != nil {
		n.joinFailed("there is no room for the key")
		return
	}
	if c.LinkKey.Equal(n.cfg.InstallCode.LinkKey()) {
		n.counters.LabelKeys++ // BDB 3.0.1, 10.2.5 wants another; to refuse would only make this node leave and come back for ever
	}
	n.changed()
	n.join.step, n.join.at, n.join.revision = storing, time.Time{}, n.save.revision
}

// stored proves a link key that is now saved.
func (n *Node) stored() {
	if n.join.step == storing && n.join.revision <= n.save.saved {
		n.join.step, n.join.tries = verifying, 0
		n.exchange()
	}
}

// confirmKey ends the exchange (05-3474-22, 4.4.8.2).
func (n *Node) confirmKey(in nwk.Indication, a aps.Indication) {
	c := a.Command
	if n.phase != joined || n.join.step != verifying || !in.Secured || a.Use != aps.Provisional || a.Key != zigbee.KeyData ||
		a.Source != n.tc || c.Dst != n.cfg.EUI64 || c.KeyType != aps.TrustCentreLinkKey || c.Status != 0 {
		n.counters.Policy++
		return
	}
	n.aps.Promote(n.tc)
	n.join = join{}
	n.changed()
	n.goUp()
}

// joinFailed leaves what was reached and tries again later, each time later.
func (n *Node) joinFailed(reason string) {
	n.counters.JoinsFailed++
	if n.join.step > scanning {
		n.avoid(n.nwk.Network().Extended)
	}
	if len(n.join.candidates) > 0 {
		c := n.join.candidates[0]
		n.avoid(c.extended)
		if len(n.join.failed) == maxAvoided {
			n.join.failed = n.join.failed[1:]
		}
		n.join.failed = append(n.join.failed, c.parent)
	}
	if len(n.events) < MaxEvents {
		n.emit(JoinFailed{Reason: reason})
	}
	n.join.pause = min(max(2*n.join.pause, minBackOff), maxBackOff)
	if n.phase == joined {
		n.Leave(n.now)
		return
	}
	n.abandon()
}

func (n *Node) avoid(p zigbee.ExtendedPANID) {
	if p == 0 || n.avoids(p) {
		return
	}
	if len(n.join.avoided) == maxAvoided {
		n.join.avoided = n.join.avoided[1:]
	}
	n.join.avoided = append(n.join.avoided, p)
}

// abandon forgets the network and, on a router, looks for one again.
func (n *Node) abandon() {
	n.mac.StopBeacons()
	n.nwk.Leave()
	n.aps.Reset(ErrNotUp)
	n.aps.DropKey(aps.AnyDevice, aps.Joining)
	for _, use := range [...]aps.KeyUse{aps.Joining, aps.Provisional, aps.Established} {
		n.aps.DropKey(n.tc, use)
	}
	n.mac.Configure(n.mac.Channel(), zigbee.BroadcastPAN, zigbee.Broadcast)
	n.tc = 0
	n.permit, n.openNext, n.newcomers, n.expected = time.Time{}, time.Time{}, nil, nil
	n.rotation, n.renewal, n.lost, n.formerKey = rotation{}, renewal{}, lost{}, time.Time{}
	n.bindings = nil
	n.measuring, n.again = measuring{}, time.Time{}
	n.rejoin, n.change, n.timeout, n.watch = rejoin{}, change{}, negotiation{}, watch{}
	n.poll.at, n.poll.failed, n.poll.fast = time.Time{}, 0, time.Time{}
	if n.cfg.Role != Coordinator && !n.cfg.InstallCode.IsZero() {
		pause := max(n.join.pause, minBackOff)
		n.search(pause + time.Duration(n.random(uint64(pause/2))))
	} else {
		n.phase = stopped
	}
}

// Leave makes this node leave its network: it says so, forgets the network and
// its keys, and, if it is a router, looks for a network again. On a coordinator
// it ends the network as far as it is concerned: it does not form another.
func (n *Node) Leave(now time.Time) {
	n.now = now
	if n.phase != up && n.phase != joined || n.join.step == leaving {
		return
	}
	n.join.step, n.join.at = leaving, now.Add(time.Second)
	if !n.nwk.SendLeave(now, leaveHandle, zigbee.BroadcastRxOn, 0) {
		n.leaveSent()
	}
}

func (n *Node) leaveSent() {
	if n.join.step != leaving {
		return
	}
	wasUp := n.phase == up
	n.join.step = resting
	n.abandon()
	n.gp = newGreenPower(&n.cfg) // switches belong to the network
	n.changed()
	if wasUp {
		n.emit(Left{})
	}
}
