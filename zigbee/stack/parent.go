package stack

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// The limits and times of letting devices in through routers.
const (
	maxNewcomers = 16 // devices that a router introduces at a time; when full, further ones are turned away
	// introduction is how long a router vouches for a device: until the device would
	// have given up waiting for the network key.
	introduction = joinTimeout
	// permitPeriod is how long the routers are opened at a time; 254 s is the most
	// that can be said (05-3474-22, 2.4.3.3.7).
	permitPeriod = 4 * time.Minute
	// permitOverlap is how long before its end an opening is renewed.
	permitOverlap = 10 * time.Second

	// An introduction is repeated until it is answered: an acknowledgement would be no
	// surer, and foreign trust centres acknowledge no command.
	updatePause = aps.AckWait
	updateTries = 3
)

// Update-device statuses (05-3474-22, table 4-42).
const (
	updateJoin   uint8 = 0x01 // associated, and has no network key
	updateLeft   uint8 = 0x02
	updateRejoin uint8 = 0x03 // a trust centre rejoin: has lost the network key, and knows its link key
)

// newcomer is a device that associated with this router and has no network key,
// as far as this router knows.
type newcomer struct {
	eui64    zigbee.EUI64
	short    zigbee.ShortAddr
	fetched  bool      // its address
	lost     bool      // is a member, and has lost the network key
	tries    int       // to introduce it to the trust centre
	next     time.Time // when the next is due; zero when the trust centre has answered
	deadline time.Time // of the introduction
}

// openAll opens or closes the routers of the network as this coordinator is open
// itself (05-3474-22, 2.4.3.3.7), and again before that ends.
func (n *Node) openAll() {
	left := max(min(n.permit.Sub(n.now), permitPeriod), 0)
	n.openNext = time.Time{}
	if n.permit.After(n.now.Add(permitPeriod)) {
		n.openNext = n.now.Add(permitPeriod - permitOverlap)
	}
	n.sendPermit(zigbee.BroadcastRouters, left)
}

func (n *Node) sendPermit(dst zigbee.ShortAddr, d time.Duration) {
	m := zdo.MgmtPermitJoiningReq{Duration: uint8((d + time.Second - 1) / time.Second), TCSignificance: 1}
	m.Seq = n.nextZDO()
	n.sendZDO(dst, zdo.MgmtPermitJoining, m.Append(nil))
}

// answerPermit opens or closes a router at the word of the trust centre
// (05-3474-22, 2.4.3.3.7.2). Nobody tells a trust centre whom to let in.
func (n *Node) answerPermit(d DataIndication, p []byte) []byte {
	m, err := zdo.ParseMgmtPermitJoiningReq(p)
	if err != nil {
		return nil
	}
	status := zdo.NotAuthorised
	if n.cfg.Role == Router && (d.Src == zigbee.Coordinator || n.leaderless()) && n.phase == up {
		status = zdo.Success
		n.permit = n.now.Add(time.Duration(min(m.Duration, 254)) * time.Second)
		n.setBeacon()
	}
	if d.Dst.IsBroadcast() {
		return nil
	}
	return zdo.StatusRsp{Seq: m.Seq, Status: status}.Append(nil)
}

// introduce lets a device associate with this router (802.15.4-2006, 7.5.3.1).
// Whether it may join is for the trust centre to decide, which alone can give it
// the network key.
func (n *Node) introduce(ind mac.Indication) {
	e := ind.Src.EUI64
	if !n.open() || n.tc == 0 || e == n.tc || n.leaderless() && !n.awaits(e) {
		n.counters.JoinsRefused++
		n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAccessDenied)
		return
	}
	c := n.newcomer(e)
	if c == nil {
		if len(n.newcomers) == maxNewcomers {
			n.counters.JoinsRefused++
			n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAtCapacity)
			return
		}
		n.newcomers = append(n.newcomers, newcomer{eui64: e, short: n.newAddress()})
		c = &n.newcomers[len(n.newcomers)-1]
	}
	if !n.adopt(e, c.short, ind.Capability) {
		n.counters.JoinsRefused++
		n.mac.Respond(n.now, e, zigbee.Broadcast, mac.PANAtCapacity)
		return
	}
	c.lost, c.fetched, c.tries, c.next, c.deadline = false, false, 0, time.Time{}, n.now.Add(introduction)
	n.mac.Respond(n.now, e, c.short, mac.AssociationSuccessful)
}

func (n *Node) newcomer(e zigbee.EUI64) *newcomer {
	for i := range n.newcomers {
		if n.newcomers[i].eui64 == e {
			return &n.newcomers[i]
		}
	}
	return nil
}

// introduced tells the trust centre of a device that has fetched its address
// (05-3474-22, 4.4.4.1), under this router's own link key.
func (n *Node) introduced(c *newcomer) {
	c.fetched, c.next = true, time.Time{}
	if n.leaderless() {
		n.admit(c)
		return
	}
	if c.tries++; c.tries < updateTries {
		c.next = n.now.Add(updatePause)
	}
	update := aps.Command{ID: aps.UpdateDevice, Src: c.eui64, Short: c.short, Status: updateJoin}
	if c.lost {
		update.Status = updateRejoin
	}
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyData, Peer: n.tc}
	_ = n.aps.SendCommand(0, zigbee.Coordinator, update, s, false, false) // when full, the next try asks
}

// passOn hands a newcomer the frame that the trust centre has for it (05-3474-22,
// 4.6.3.7.2). It cannot be read here; it must have the form of a key on its way,
// for it leaves without the protection of the network key.
func (n *Node) passOn(in nwk.Indication, a aps.Indication) {
	c := n.newcomer(a.Command.Dst)
	h, rest, err := aps.ParseHeader(a.Command.Inner)
	if n.cfg.Role != Router || !in.Secured || in.Src != zigbee.Coordinator || c == nil || !c.fetched ||
		err != nil || h.Type != aps.TypeCommand || !h.Secured {
		n.counters.Policy++
		return
	}
	if aux, _, err := zigbee.ParseAux(rest); err != nil || aux.Key != zigbee.KeyTransport {
		n.counters.Policy++
		return
	}
	c.next = time.Time{}
	n.nwk.Admit(n.now, c.eui64)
	n.nwk.Send(n.now, nwk.Request{Dst: c.short, Radius: 1, Unsecured: true, Payload: a.Command.Inner})
}

// removeDevice carries out the trust centre's word that a device is not wanted
// (05-3474-22, 4.4.5.2): this one itself, or one that came through it. One
// that has no network key yet just never gets it.
func (n *Node) removeDevice(in nwk.Indication, a aps.Indication) {
	if n.cfg.Role == Coordinator || !in.Secured || a.Use != aps.Established || a.Key != zigbee.KeyData || a.Source != n.tc {
		n.counters.Policy++
		return
	}
	if a.Command.Dst == n.cfg.EUI64 {
		n.leaveKindly()
		return
	}
	n.disown(a.Command.Dst)
	for i := range n.newcomers {
		if n.newcomers[i].eui64 == a.Command.Dst {
			n.newcomers = append(n.newcomers[:i], n.newcomers[i+1:]...)
			break
		}
	}
	if short, ok := n.nwk.Lookup(a.Command.Dst); ok {
		n.nwk.SendLeave(n.now, 0, short, nwk.LeaveRequest)
	}
}

func (n *Node) newcomersDeadline() time.Time {
	var first time.Time
	for i := range n.newcomers {
		for _, t := range [...]time.Time{n.newcomers[i].deadline, n.newcomers[i].next} {
			if first.IsZero() || !t.IsZero() && t.Before(first) {
				first = t
			}
		}
	}
	return first
}

// advanceNewcomers repeats introductions, and ends those whose time is over.
func (n *Node) advanceNewcomers() {
	for i := range n.newcomers {
		if c := &n.newcomers[i]; !c.next.IsZero() && !c.next.After(n.now) {
			n.introduced(c)
		}
	}
	keep := n.newcomers[:0]
	for _, c := range n.newcomers {
		if c.deadline.After(n.now) {
			keep = append(keep, c)
		} else if n.leaderless() {
			n.aps.DropKey(c.eui64, aps.Joining)
		}
	}
	n.newcomers = keep
}
