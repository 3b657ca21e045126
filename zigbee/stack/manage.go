package stack

import (
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

const (
	// handOffTime is how long a parent that is told to leave waits for its children to
	// hear of it: longer than it keeps a frame for one that sleeps.
	handOffTime = 8 * time.Second

	// A device measures the energy of channels at most so often for others: it is deaf
	// meanwhile.
	measurePause = time.Minute
)

// answerBindings tells of the binding table.
func (n *Node) answerBindings(p []byte) []byte {
	m, err := zdo.ParseMgmtBindReq(p)
	if err != nil {
		return nil
	}
	rsp := zdo.MgmtBindRsp{Seq: m.Seq, StartIndex: m.StartIndex}
	list, total := part(n.bindings, m.StartIndex, zdo.MaxBindEntries)
	rsp.Total = total
	for _, b := range list {
		rsp.Entries = append(rsp.Entries, zdo.BindEntry{
			Source: n.cfg.EUI64, SrcEndpoint: b.Endpoint, Cluster: b.Cluster,
			ToGroup: b.Device == 0, Group: b.Group, Device: b.Device, DstEndpoint: b.DstEndpoint,
		})
	}
	return rsp.Append(nil)
}

// answerLeave obeys the trust centre alone, where there is one: it sends away this node
// itself, or has a child of its look for another parent. The answer could not be sent
// after leaving, and the node's own leave command says as much. Children are never
// made to leave with their parent: that is for the trust centre to tell each.
func (n *Node) answerLeave(d DataIndication, p []byte) []byte {
	m, err := zdo.ParseMgmtLeaveReq(p)
	if err != nil {
		return nil
	}
	rsp := zdo.StatusRsp{Seq: m.Seq, Status: zdo.NotPermitted}
	trusted := n.cfg.Role != Coordinator && d.SrcEUI64 == n.tc
	switch self := m.Device == 0 || m.Device == n.cfg.EUI64; {
	case self && trusted && m.Rejoin:
		n.loseParent()
		return nil
	case self && trusted:
		n.leaveKindly()
		return nil
	case self:
	case !n.isChild(m.Device):
		rsp.Status = zdo.DeviceNotFound
	case trusted && m.Rejoin:
		rsp.Status = zdo.Success
		n.sendOn(m.Device)
	}
	return rsp.Append(nil)
}

func (n *Node) isChild(e zigbee.EUI64) bool {
	return slices.ContainsFunc(n.nwk.Children(), func(c nwk.Child) bool { return c.EUI64 == e })
}

// sendOn tells a child to look for another parent.
func (n *Node) sendOn(e zigbee.EUI64) {
	if a, ok := n.nwk.Lookup(e); ok {
		n.nwk.SendLeave(n.now, 0, a, nwk.LeaveRequest|nwk.LeaveRejoin)
	}
}

// leaveKindly makes this node leave when its children have had time to hear that they
// need another parent.
func (n *Node) leaveKindly() {
	children := n.nwk.Children()
	if n.phase != up || len(children) == 0 {
		n.Leave(n.now)
		return
	}
	if n.join.step == handingOff || n.join.step == leaving {
		return
	}
	n.join.step, n.join.at = handingOff, n.now.Add(handOffTime)
	for _, c := range children {
		n.sendOn(c.EUI64)
	}
}

// takesChildren reports whether this node would be a parent.
func (n *Node) takesChildren() bool { return n.join.step != handingOff && n.join.step != leaving }

// measuring is a request for the energy of channels under way.
type measuring struct {
	to       zigbee.ShortAddr
	seq      uint8
	channels zigbee.ChannelMask // 0: none
	next     time.Time          // none before
}

// measure begins to measure for the trust centre, and returns why not.
func (n *Node) measure(d DataIndication, m zdo.MgmtNWKUpdateReq) zdo.Status {
	switch {
	case !n.cfg.MeasuresEnergy:
		return zdo.NotSupported
	case n.cfg.Role == Coordinator || n.leaderless() || d.Src != zigbee.Coordinator:
		return zdo.NotAuthorised
	case d.Dst.IsBroadcast() || m.Channels&zigbee.AllChannels == 0 || m.Count != 1:
		return zdo.InvalidRequestType
	case n.measuring.channels != 0 || n.measuring.next.After(n.now):
		return zdo.NotPermitted
	}
	n.measuring = measuring{to: d.Src, seq: m.Seq, channels: m.Channels & zigbee.AllChannels, next: n.now.Add(measurePause)}
	n.emit(EnergyWanted{Channels: n.measuring.channels, Duration: mac.ScanDuration(m.Duration)})
	return zdo.Success
}

// measured tells what was measured.
func (n *Node) measured(list []Energy) {
	m := n.measuring
	n.measuring.channels = 0
	rsp := zdo.MgmtNWKUpdateNotify{
		Seq: m.seq, Transmissions: uint16(n.counters.Sent + n.counters.NotSent), Failures: uint16(n.counters.NotSent),
	}
	for i := range m.channels.Len() {
		c := m.channels.Nth(i)
		if at := slices.IndexFunc(list, func(e Energy) bool { return e.Channel == c }); at >= 0 {
			rsp.Channels |= zigbee.Channels(c)
			rsp.Energy = append(rsp.Energy, level(list[at].DBm))
		}
	}
	n.sendZDO(m.to, zdo.MgmtNWKUpdate|zdo.Response, rsp.Append(nil))
}

// level returns the energy level of a power: 0 at -100 dBm, which no
// receiver hears, and linear from there to 255.
func level(dBm int8) uint8 { return uint8(min(max(4*(int(dBm)+100), 0), 255)) }
