package stack

import (
	"errors"
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

const (
	// changeDelay is how long nodes wait before they follow a change of the network:
	// nwkNetworkBroadcastDeliveryTime, so that all have heard of it (05-3474-22, 3.6.1.13).
	changeDelay = 9 * time.Second

	// A coordinator announces a change this often: a broadcast is not acknowledged.
	announcements = 3
	announcePause = 3 * time.Second

	// conflictPause is how long a coordinator does not change the identifier again:
	// anybody can forge a beacon.
	conflictPause = 10 * time.Minute

	// reportPause is how long a router does not report a conflict again.
	reportPause = time.Minute
)

// change is a change of channel or identifier that this node follows soon.
type change struct {
	at       time.Time // zero: none
	again    time.Time // coordinator: when it is announced again; zero: no more
	told     int       // coordinator: announcements so far
	channel  uint8
	pan      zigbee.PANID
	updateID uint8
}

// maintain carries out what the network layer has to say about the network.
func (n *Node) maintain(o nwk.Output) {
	switch o.Kind {
	case nwk.ToldToRejoin:
		n.loseParent()
	case nwk.ChildAged:
		n.childAged(o.EUI64)
	case nwk.RejoinAsked:
		n.rejoinAsked(o)
	case nwk.RejoinAnswered:
		n.rejoinAnswered(o)
	case nwk.ParentAnswered:
		n.timeout = negotiation{}
	case nwk.ConflictReported:
		n.conflict()
	case nwk.Updated:
		n.follow(change{channel: n.mac.Channel(), pan: o.PANs[0], updateID: o.UpdateID})
	}
}

// noted takes the beacons that are not for joining, and reports whether one was that.
func (n *Node) noted(ind mac.Indication, b nwk.Beacon) bool {
	switch n.phase {
	case rejoining:
		if n.rejoin.step == looking {
			n.heardHome(ind, b)
		}
		return true
	case up, joined:
		net := n.nwk.Network()
		if ind.Src.PAN == net.PAN && b.Extended != net.Extended {
			n.conflictHeard()
		}
		return true
	}
	return false
}

func (n *Node) scanDone() {
	switch n.phase {
	case rejoining:
		n.tryParent()
	case forming:
		n.form()
	default:
		n.scanned()
	}
}

func (n *Node) maintainDeadline() (time.Time, bool) {
	d := n.rejoin.at
	for _, t := range [...]time.Time{n.change.at, n.change.again, n.watch.at, n.again} {
		if d.IsZero() || !t.IsZero() && t.Before(d) {
			d = t
		}
	}
	return d, !d.IsZero()
}

func (n *Node) advanceMaintain() {
	n.advanceRejoin()
	n.advanceWatch()
	if !n.again.IsZero() && !n.again.After(n.now) {
		n.again = time.Time{}
		n.announce()
	}
	if !n.change.again.IsZero() && !n.change.again.After(n.now) {
		n.announceChange()
	}
	if !n.change.at.IsZero() && !n.change.at.After(n.now) {
		n.carryOut()
	}
}

// follow notes a change, which is carried out when all have heard of it: some time
// after it was last announced.
func (n *Node) follow(c change) {
	if n.phase != up || !nwk.Newer(c.updateID, n.nwk.Network().UpdateID) {
		return
	}
	c.at = n.now.Add(changeDelay)
	n.change = c
}

// carryOut makes the change that was announced.
func (n *Node) carryOut() {
	c := n.change
	n.change = change{}
	if n.phase != up {
		return
	}
	net := n.nwk.Network()
	net.PAN, net.UpdateID = c.pan, c.updateID
	n.nwk.SetNetwork(net)
	n.mac.Configure(c.channel, c.pan, net.Short)
	n.setBeacon()
	n.changed()
	if len(n.events) < MaxEvents {
		n.emit(NetworkChanged{PANID: c.pan, Channel: c.channel})
	}
}

var errNotManager = errors.New("zigbee: only the coordinator of a network changes it")

// ChangeChannel moves the network to another channel: everybody is told, and
// moves 15 s later; who did not hear finds it by rejoin. Coordinator only. It fails
// while another change is under way.
func (n *Node) ChangeChannel(now time.Time, channel uint8) error {
	n.now = now
	switch {
	case n.cfg.Role != Coordinator:
		return errNotManager
	case n.phase != up:
		return ErrNotUp
	case channel < zigbee.MinChannel || channel > zigbee.MaxChannel || channel == n.mac.Channel():
		return fmt.Errorf("zigbee: a move to channel %d; expected another than %d, from 11 to 26", channel, n.mac.Channel())
	case !n.change.at.IsZero():
		return errors.New("zigbee: the network is changing; try again in 20 seconds")
	}
	n.lead(change{channel: channel, pan: n.nwk.Network().PAN})
	n.pump()
	return nil
}

// lead announces a change, and follows it when all have had time to hear of it.
func (n *Node) lead(c change) {
	c.updateID = n.nwk.Network().UpdateID + 1
	n.change = c
	n.change.at = n.now.Add((announcements-1)*announcePause + changeDelay)
	n.announceChange()
}

func (n *Node) announceChange() {
	c := &n.change
	c.told++
	c.again = time.Time{}
	if c.told < announcements {
		c.again = n.now.Add(announcePause)
	}
	net := n.nwk.Network()
	if c.pan != net.PAN {
		n.nwk.SendUpdate(n.now, nwk.Update{Extended: net.Extended, UpdateID: c.updateID, PAN: c.pan}) // when full, the next tells
		return
	}
	m := zdo.MgmtNWKUpdateReq{Channels: zigbee.Channels(c.channel), Duration: zdo.ChangeChannel, UpdateID: c.updateID}
	m.Seq = n.nextZDO()
	n.sendZDO(zigbee.Broadcast, zdo.MgmtNWKUpdate, m.Append(nil))
}

// answerNWKUpdate follows the coordinator to another channel (05-3474-22, 2.4.3.3.10).
func (n *Node) answerNWKUpdate(d DataIndication, p []byte) []byte {
	m, err := zdo.ParseMgmtNWKUpdateReq(p)
	if err != nil {
		return nil
	}
	var status zdo.Status
	switch m.Duration {
	case zdo.ChangeChannel:
		status = zdo.NotAuthorised
		if n.cfg.Role != Coordinator && !n.leaderless() && d.Src == zigbee.Coordinator && m.Channels.Len() == 1 {
			status = zdo.Success
			n.follow(change{channel: m.Channels.Nth(0), pan: n.nwk.Network().PAN, updateID: m.UpdateID})
		}
	case zdo.ChangeManager:
		status = zdo.NotSupported // the coordinator manages the network
	default:
		if status = n.measure(d, m); status == zdo.Success {
			return nil // the answer is what was measured
		}
	}
	if d.Dst.IsBroadcast() {
		return nil
	}
	return zdo.MgmtNWKUpdateNotify{Seq: m.Seq, Status: status}.Append(nil)
}

// ChangePAN gives the network another identifier at random, staged like
// [Node.ChangeChannel]. Coordinator only.
func (n *Node) ChangePAN(now time.Time) error {
	n.now = now
	switch {
	case n.cfg.Role != Coordinator:
		return errNotManager
	case n.phase != up:
		return ErrNotUp
	case !n.change.at.IsZero():
		return errors.New("zigbee: the network is changing; try again in 20 seconds")
	}
	n.changePAN()
	n.pump()
	return nil
}

func (n *Node) changePAN() {
	net := n.nwk.Network()
	pan := net.PAN
	for pan == net.PAN {
		pan = n.newPAN()
	}
	n.lead(change{channel: n.mac.Channel(), pan: pan})
}

func (n *Node) newPAN() zigbee.PANID { return zigbee.PANID(1 + n.random(0xfffe)) }

// conflictHeard tells the coordinator that a stranger uses this network's
// identifier (05-3474-22, 3.6.1.13.1).
func (n *Node) conflictHeard() {
	if n.cfg.Role == Coordinator {
		n.conflict()
		return
	}
	if n.cfg.Role != Router || n.phase != up || n.leaderless() || n.now.Before(n.quiet) {
		return
	}
	n.quiet = n.now.Add(reportPause)
	net := n.nwk.Network()
	n.nwk.SendReport(n.now, nwk.Report{Extended: net.Extended, PANs: []zigbee.PANID{net.PAN}})
}

// conflict gives the network another identifier, not too often.
func (n *Node) conflict() {
	if n.cfg.Role != Coordinator || n.phase != up || !n.change.at.IsZero() || n.now.Before(n.quiet) {
		return
	}
	n.quiet = n.now.Add(conflictPause)
	n.changePAN()
}

// EnergyMeasured answers [EnergyWanted]. Channels that are not in the list count
// as unknown, and are taken last.
func (n *Node) EnergyMeasured(now time.Time, list []Energy) {
	n.now = now
	if n.measuring.channels != 0 && n.phase != forming {
		n.measured(list)
	} else {
		n.energyMeasured(list)
	}
	n.pump()
}
