package stack

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// The times and limits of rejoining. A node that lost its network looks for it on
// its channel, then on all, with pauses that double (BDB 3.0.1, 8.4: a node backs off).
const (
	rejoinTimeout    = 2 * time.Second // for an answer; a busy parent and polls included
	firstRejoinPause = time.Second
	maxRejoinPause   = 30 * time.Minute
)

// rejoinStep is what a node that rejoins waits for.
type rejoinStep uint8

const (
	pausing rejoinStep = iota
	calling            // an end device: for its parent
	looking
	awaitAnswer
)

// rejoin is how far a node is on its way back to its network (05-3474-22,
// 3.6.1.4.2). It is always secured with the network key.
type rejoin struct {
	step       rejoinStep
	at         time.Time // when the step is over; zero when something else ends it
	attempts   int
	pause      time.Duration
	channel    uint8       // where the network was
	home       nwk.Network // as it was
	moved      bool        // only the network of a newer update will do: else all is well
	candidates []candidate
}

// loseParent begins the search for the network that the node belongs to.
func (n *Node) loseParent() {
	if n.phase != up || n.cfg.Role == Coordinator {
		return
	}
	if len(n.events) < MaxEvents {
		n.emit(ParentLost{})
	}
	n.lookAgain(0)
}

// lookAgain looks for the network after a pause.
func (n *Node) lookAgain(after time.Duration) {
	n.phase = rejoining
	n.mac.StopBeacons()
	n.rejoin = rejoin{channel: n.mac.Channel(), home: n.nwk.Network(), at: n.now.Add(after)}
	n.change, n.timeout = change{}, negotiation{}
	n.poll.failed = 0
	n.schedulePoll()
}

func (n *Node) advanceRejoin() {
	if n.rejoin.at.IsZero() || n.rejoin.at.After(n.now) {
		return
	}
	n.rejoin.at = time.Time{}
	switch n.rejoin.step {
	case pausing:
		channels := n.cfg.Channels | zigbee.Channels(n.rejoin.channel)
		if n.rejoin.attempts == 0 {
			channels = zigbee.Channels(n.rejoin.channel)
		}
		n.rejoin.attempts++
		if n.cfg.Role == EndDevice && n.rejoin.attempts == 1 {
			n.rejoin.step, n.rejoin.candidates = calling, nil
			n.mac.Orphan(n.now, channels)
			return
		}
		n.rejoin.step, n.rejoin.candidates = looking, nil
		n.mac.Scan(n.now, channels, mac.ScanDuration(scanExponent))
	case awaitAnswer:
		n.tryParent()
	}
}

// orphanDone asks the parent that answered, secured, to take this node back: anybody
// could have answered. Without an answer it looks around on the same channel.
func (n *Node) orphanDone(o mac.Output) {
	if n.phase != rejoining || n.rejoin.step != calling {
		return
	}
	net := n.nwk.Network()
	if o.OK && o.Short == net.Short {
		n.rejoin.candidates = []candidate{{parent: o.Parent, channel: o.Channel, extended: net.Extended, updateID: net.UpdateID, depth: net.Depth - 1}}
		n.tryParent()
		return
	}
	n.rejoin.step = looking
	n.mac.Scan(n.now, zigbee.Channels(n.rejoin.channel), mac.ScanDuration(scanExponent))
}

// hasRoom reports whether the sender of a beacon takes nodes of this kind.
func (n *Node) hasRoom(b nwk.Beacon) bool {
	if n.cfg.Role == EndDevice {
		return b.EndDeviceCapacity
	}
	return b.RouterCapacity
}

// capability is what this node says of itself when it joins.
func (n *Node) capability() zigbee.Capability {
	if n.cfg.Role == EndDevice {
		return n.cfg.Descriptor.Capability&^(zigbee.FullFunction|zigbee.RxOnWhenIdle) | zigbee.SleepyCapability
	}
	return n.cfg.Descriptor.Capability | zigbee.RouterCapability
}

// heardHome notes a beacon of the network that this node belongs to. Permission to
// join is not asked for: the node is a member.
func (n *Node) heardHome(ind mac.Indication, b nwk.Beacon) {
	if n.rejoin.moved && !nwk.Newer(b.UpdateID, n.rejoin.home.UpdateID) {
		return
	}
	if b.Extended != n.nwk.Network().Extended || !n.hasRoom(b) || ind.Src.Mode != mac.ShortAddress || ind.Src.Short == n.nwk.Network().Short {
		return
	}
	c := candidate{
		parent: ind.Src, channel: ind.Channel, lqi: ind.LQI,
		extended: b.Extended, depth: b.Depth, updateID: b.UpdateID,
	}
	list := n.rejoin.candidates
	at := 0
	for at < len(list) && !betterHome(c, list[at]) {
		at++
	}
	list = append(list, candidate{})
	copy(list[at+1:], list[at:])
	list[at] = c
	n.rejoin.candidates = list[:min(len(list), maxCandidates)]
}

// betterHome orders parents: those that know of the newest change of the network,
// then those that are heard best.
func betterHome(a, b candidate) bool {
	if a.updateID != b.updateID {
		return nwk.Newer(a.updateID, b.updateID)
	}
	return a.lqi > b.lqi
}

// tryParent asks the next parent that was heard, or waits for the next search.
func (n *Node) tryParent() {
	net := n.nwk.Network()
	if len(n.rejoin.candidates) == 0 {
		net = n.rejoin.home
		n.nwk.SetNetwork(net)
		if n.rejoin.moved {
			n.mac.Configure(n.rejoin.channel, net.PAN, net.Short)
			n.rejoin, n.phase = rejoin{}, up
			n.setBeacon()
			return
		}
		n.rejoin.step = pausing
		n.rejoin.pause = min(max(2*n.rejoin.pause, firstRejoinPause), maxRejoinPause)
		n.rejoin.at = n.now.Add(n.rejoin.pause + time.Duration(n.random(uint64(n.rejoin.pause/2))))
		n.mac.Configure(n.rejoin.channel, net.PAN, net.Short)
		n.schedulePoll()
		return
	}
	c := n.rejoin.candidates[0]
	n.rejoin.candidates = n.rejoin.candidates[1:]
	net.PAN, net.UpdateID, net.Depth = c.parent.PAN, c.updateID, c.depth+1
	n.nwk.SetNetwork(net)
	n.mac.Configure(c.channel, net.PAN, net.Short)
	if n.cfg.Role == EndDevice {
		n.nwk.SetParent(c.parent.Short)
	} else {
		n.nwk.RouteThrough(n.now, c.parent.Short)
	}
	n.rejoin.step, n.rejoin.at = awaitAnswer, n.now.Add(rejoinTimeout)
	n.nwk.SendRejoin(n.now, c.parent.Short, n.capability()) // when full, the next try asks
	if n.rejoin.attempts > patientRejoins {
		n.askForKey(c.parent.Short) // nobody may understand the key that this node has
	}
	n.schedulePoll()
}

// rejoinAnswered ends the search, or asks somebody else.
func (n *Node) rejoinAnswered(o nwk.Output) {
	if n.phase != rejoining || n.rejoin.step != awaitAnswer || n.cfg.Role == EndDevice && o.From != n.nwk.Parent() {
		n.counters.Policy++
		return
	}
	if !o.OK || o.Short >= 0xfff8 || o.Short == zigbee.Coordinator {
		n.tryParent()
		return
	}
	net := n.nwk.Network()
	net.Short = o.Short
	n.nwk.SetNetwork(net)
	n.mac.Configure(n.mac.Channel(), net.PAN, net.Short)
	n.rejoin = rejoin{}
	n.changed()
	n.goUp()
	n.announce()
	n.negotiate()
	n.spoke()
}

// rejoinAsked takes a node of this network in that has lost its parent. The request
// was secured with the network key and is no replay, so the node keeps its address.
func (n *Node) rejoinAsked(o nwk.Output) {
	if n.phase != up {
		return
	}
	a := nwk.RejoinAnswer{Short: o.Short}
	if !n.takesChildren() || !n.adopt(o.EUI64, o.Short, o.Capability) {
		a.Status = uint8(mac.PANAtCapacity)
	} else {
		n.nwk.Admit(n.now, o.EUI64)
	}
	n.nwk.AnswerRejoin(n.now, o.Short, a) // when full, the node asks somebody else
}

// How a router finds that its network is not where it is.
const (
	watchPause = 30 * time.Second
	lonely     = 4 // watches in a row in which no other router was heard: the network is lost

	// A router that hears others, and nothing of the coordinator for this long, looks
	// whether the network has moved without them; each time later.
	firstDoubt = 5 * time.Minute
	maxDoubt   = time.Hour
)

// watch is how long a router has heard nobody, or not the coordinator.
type watch struct {
	at    time.Time
	alone int           // watches in a row
	since time.Time     // of the last look
	doubt time.Duration // until the next
}

func (n *Node) startWatch() {
	n.watch = watch{}
	if n.cfg.Role == Router && !n.leaderless() { // alone, one is a network too
		n.watch = watch{at: n.now.Add(watchPause + time.Duration(n.random(uint64(watchPause)))), since: n.now, doubt: firstDoubt}
	}
}

func (n *Node) advanceWatch() {
	if n.watch.at.IsZero() || n.watch.at.After(n.now) {
		return
	}
	w := &n.watch
	w.at = n.now.Add(watchPause)
	w.alone++
	if n.nwk.HearsRouter(n.now) {
		w.alone = 0
	}
	heard := n.nwk.HeardCoordinator()
	if heard.After(w.since) {
		w.since, w.doubt = heard, firstDoubt
	}
	switch {
	case n.phase != up || !n.change.at.IsZero() || n.tc == 0:
	case w.alone >= lonely:
		n.watch = watch{}
		n.loseParent()
	case n.now.Sub(w.since) >= w.doubt:
		w.since, w.doubt = n.now, min(2*w.doubt, maxDoubt)
		n.lookAgain(0)
		n.rejoin.moved, n.rejoin.attempts = true, 1
	}
}

// heardRouter ends the search of a router whose network was silent, not gone.
func (n *Node) heardRouter() {
	if n.phase == rejoining && n.rejoin.step == pausing && !n.rejoin.moved && n.cfg.Role == Router && n.nwk.HearsRouter(n.now) {
		n.rejoin = rejoin{}
		n.goUp()
	}
}
