package stack

import (
	"encoding/binary"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

const (
	// A parent that starts again says who its children are after this time and as
	// much again at random: apsParentAnnounceBaseTimer and its jitter (05-3474-22, 2.2.7.1).
	claimPause = 10 * time.Second

	answerTime = 30 * time.Second // for those who know better

	maxClaimed = 8 // children in one announcement; more go in further ones
)

// appendFamily appends to a state whose child a node is, and who its children are.
func (s *State) appendFamily(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(s.parent))
	b = le.AppendUint16(b, uint16(len(s.children)))
	for _, c := range s.children {
		b = le.AppendUint16(le.AppendUint64(b, uint64(c.EUI64)), uint16(c.Short))
		sleepy := uint8(0)
		if c.Sleepy {
			sleepy = 1
		}
		b = append(b, sleepy, uint8(c.Timeout))
	}
	return b
}

func (r *reader) family(s *State) {
	s.parent = zigbee.ShortAddr(r.u16())
	for range r.count(nwk.MaxChildren) {
		c := nwk.Child{EUI64: r.eui64(), Short: zigbee.ShortAddr(r.u16())}
		sleepy := r.u8()
		c.Sleepy, c.Timeout = sleepy == 1, nwk.Timeout(r.u8())
		r.bad = r.bad || sleepy > 1 || !c.Timeout.Valid()
		s.children = append(s.children, c)
	}
}

// resumeFamily takes the children of a restored state back, as far as they still
// want it: they may have found another parent meanwhile.
func (n *Node) resumeFamily() {
	n.nwk.RestoreChildren(n.now, n.family)
	if n.family = nil; n.nwk.HasChildren() {
		n.claimAt = n.now.Add(claimPause + time.Duration(n.random(uint64(claimPause))))
	}
}

func (n *Node) familyDeadline() (time.Time, bool) { return n.claimAt, !n.claimAt.IsZero() }

// advanceFamily says who this node's children are (05-3474-22, 2.4.3.1.12).
func (n *Node) advanceFamily() {
	if n.claimAt.IsZero() || n.claimAt.After(n.now) {
		return
	}
	n.claimAt, n.claimed = time.Time{}, n.now.Add(answerTime)
	var list []zigbee.EUI64
	for _, c := range n.nwk.Children() {
		list = append(list, c.EUI64)
	}
	for len(list) > 0 {
		k := min(len(list), maxClaimed)
		m := zdo.ParentAnnounce{Seq: n.nextZDO(), Children: list[:k]}
		n.sendZDO(zigbee.BroadcastRouters, zdo.ParentAnnce, m.Append(nil))
		list = list[k:]
	}
}

// parentAnnounced claims those children of another that are truly this node's.
func (n *Node) parentAnnounced(d DataIndication, p []byte) {
	m, err := zdo.ParseParentAnnounce(p)
	if err != nil || d.Src == n.nwk.Network().Short {
		return
	}
	before := len(n.nwk.Children())
	own := n.nwk.Claim(m.Children)
	if len(n.nwk.Children()) != before {
		n.setBeacon()
		n.changed()
	}
	if len(own) > 0 {
		rsp := zdo.ParentAnnounceRsp{Seq: m.Seq, Children: own[:min(len(own), maxClaimed)]}
		n.sendZDO(d.Src, zdo.ParentAnnce|zdo.Response, rsp.Append(nil))
	}
}

// childrenClaimed forgets children that have another parent now, when this node has asked.
func (n *Node) childrenClaimed(p []byte) {
	m, err := zdo.ParseParentAnnounceRsp(p)
	if err != nil || m.Status != zdo.Success || n.now.After(n.claimed) {
		return
	}
	for _, e := range m.Children {
		n.disown(e)
	}
}
