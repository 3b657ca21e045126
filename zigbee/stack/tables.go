package stack

import (
	"sconce/zigbee"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// Values of a neighbour table entry for what is not known (05-3474-22, table 2-130).
const (
	unknownType   = 3
	unknownPermit = 2
	unknownIdle   = 2
	unknownDepth  = 15
)

// The relationships of a neighbour (05-3474-22, table 2-130).
const (
	isParent  = 0
	isChild   = 1
	isSibling = 2
	isOther   = 3
)

// part returns the entries of a table that an answer holds, from a start, and how
// many there are, of those that an index can name.
func part[T any](list []T, start uint8, most int) (some []T, total uint8) {
	list = list[:min(len(list), 255)]
	rest := list[min(int(start), len(list)):]
	return rest[:min(len(rest), most)], uint8(len(list))
}

// answerTable answers a request for one of this node's tables.
func (n *Node) answerTable(c zdo.Cluster, p []byte) []byte {
	switch c {
	case zdo.MgmtLqi:
		return n.answerLqi(p)
	case zdo.MgmtRtg:
		return n.answerRtg(p)
	default:
		return n.answerBindings(p)
	}
}

// answerLqi tells of the neighbours (05-3474-22, 2.4.3.3.2).
func (n *Node) answerLqi(p []byte) []byte {
	m, err := zdo.ParseMgmtLqiReq(p)
	if err != nil {
		return nil
	}
	rsp := zdo.MgmtLqiRsp{Seq: m.Seq, StartIndex: m.StartIndex}
	list, total := part(n.nwk.Neighbours(n.now), m.StartIndex, zdo.MaxNeighbours)
	rsp.Total = total
	for _, e := range list {
		rsp.Neighbours = append(rsp.Neighbours, n.neighbour(e))
	}
	return rsp.Append(nil)
}

func (n *Node) neighbour(e nwk.Neighbour) zdo.Neighbour {
	z := zdo.Neighbour{
		ExtendedPANID: n.nwk.Network().Extended, Device: e.EUI64, Addr: e.Short,
		Type: unknownType, RxOnWhenIdle: unknownIdle, Relationship: isOther,
		PermitJoining: unknownPermit, Depth: unknownDepth, LQI: e.LQI,
	}
	switch {
	case e.Short == zigbee.Coordinator:
		z.Type, z.RxOnWhenIdle, z.Depth = uint8(zdo.Coordinator), 1, 0
	case e.Router || e.Parent:
		z.Type, z.RxOnWhenIdle = uint8(zdo.Router), 1
	case e.Child:
		z.Type, z.RxOnWhenIdle = uint8(zdo.EndDevice), 1
		if e.Sleepy {
			z.RxOnWhenIdle = 0
		}
	}
	switch {
	case e.Parent:
		z.Relationship = isParent
	case e.Child:
		z.Relationship = isChild
	case z.Type == uint8(zdo.Router) || z.Type == uint8(zdo.Coordinator):
		z.Relationship = isSibling
	}
	return z
}

// answerRtg tells of the routes (05-3474-22, 2.4.3.3.3). An end device has none.
func (n *Node) answerRtg(p []byte) []byte {
	m, err := zdo.ParseMgmtRtgReq(p)
	if err != nil {
		return nil
	}
	rsp := zdo.MgmtRtgRsp{Seq: m.Seq, StartIndex: m.StartIndex}
	if n.cfg.Role == EndDevice {
		rsp.Status = zdo.NotSupported
		return rsp.Append(nil)
	}
	list, total := part(n.nwk.Routes(n.now), m.StartIndex, zdo.MaxRoutes)
	rsp.Total = total
	for _, r := range list {
		rsp.Routes = append(rsp.Routes, zdo.Route{
			Dst: r.Dst, NextHop: r.NextHop, ManyToOne: r.ManyToOne, RecordRequired: r.Record,
		})
	}
	return rsp.Append(nil)
}
