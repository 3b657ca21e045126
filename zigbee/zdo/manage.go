package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// Announce tells the network the addresses of a device that joined or came back
// (Device_annce; 05-3474-22, 2.4.3.1.11).
type Announce struct {
	Seq        uint8
	Addr       zigbee.ShortAddr
	Device     zigbee.EUI64
	Capability zigbee.Capability
}

// Append appends the command's payload to b.
func (m Announce) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, m.Seq), uint16(m.Addr))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Device))
	return append(b, uint8(m.Capability))
}

// ParseAnnounce reads what [Announce.Append] writes.
func ParseAnnounce(p []byte) (Announce, error) {
	r := reader{rest: p}
	m := Announce{
		Seq: r.u8(), Addr: zigbee.ShortAddr(r.u16()),
		Device: zigbee.EUI64(r.u64()), Capability: zigbee.Capability(r.u8()),
	}
	return m, r.err()
}

// ParentAnnounce tells the other routers which end devices a restarted router
// believes to be its children (Parent_annce; 05-3474-22, 2.4.3.1.12).
type ParentAnnounce struct {
	Seq      uint8
	Children []zigbee.EUI64 // at most 255
}

// Append appends the command's payload to b.
func (m ParentAnnounce) Append(b []byte) []byte {
	return appendDevices(append(b, m.Seq), m.Children)
}

// ParseParentAnnounce reads what [ParentAnnounce.Append] writes.
func ParseParentAnnounce(p []byte) (ParentAnnounce, error) {
	r := reader{rest: p}
	m := ParentAnnounce{Seq: r.u8(), Children: r.devices()}
	return m, r.err()
}

// ParentAnnounceRsp claims children out of a [ParentAnnounce] (05-3474-22,
// 2.4.4.2.23).
type ParentAnnounceRsp struct {
	Seq      uint8
	Status   Status
	Children []zigbee.EUI64 // at most 255
}

// Append appends the command's payload to b.
func (m ParentAnnounceRsp) Append(b []byte) []byte {
	return appendDevices(append(b, m.Seq, uint8(m.Status)), m.Children)
}

// ParseParentAnnounceRsp reads what [ParentAnnounceRsp.Append] writes.
func ParseParentAnnounceRsp(p []byte) (ParentAnnounceRsp, error) {
	r := reader{rest: p}
	m := ParentAnnounceRsp{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status == Success || len(r.rest) > 0 {
		m.Children = r.devices()
	}
	return m, r.err()
}

func appendDevices(b []byte, list []zigbee.EUI64) []byte {
	list = list[:min(len(list), 255)]
	b = append(b, uint8(len(list)))
	for _, d := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	return b
}

func (r *reader) devices() []zigbee.EUI64 {
	var list []zigbee.EUI64
	for range r.u8() {
		list = append(list, zigbee.EUI64(r.u64()))
	}
	return list
}

// BindReq asks a device to make or remove an entry of its binding table
// (05-3474-22, 2.4.3.2.2 and 2.4.3.2.3).
type BindReq struct {
	Seq         uint8
	Source      zigbee.EUI64
	SrcEndpoint uint8
	Cluster     uint16
	ToGroup     bool         // the destination is Group; else Device and DstEndpoint
	Group       uint16       // only when ToGroup
	Device      zigbee.EUI64 // only when not ToGroup
	DstEndpoint uint8        // only when not ToGroup
}

// The destination address modes of a bind request (05-3474-22, 2.4.3.2.2).
const (
	bindToGroup  = 0x01
	bindToDevice = 0x03
)

// Append appends the command's payload to b.
func (m BindReq) Append(b []byte) []byte { return m.entry().append(append(b, m.Seq)) }

func (m BindReq) entry() BindEntry {
	return BindEntry{
		Source: m.Source, SrcEndpoint: m.SrcEndpoint, Cluster: m.Cluster,
		ToGroup: m.ToGroup, Group: m.Group, Device: m.Device, DstEndpoint: m.DstEndpoint,
	}
}

// ParseBindReq reads what [BindReq.Append] writes.
func ParseBindReq(p []byte) (BindReq, error) {
	r := reader{rest: p}
	m := BindReq{Seq: r.u8()}
	e, known := r.bindEntry()
	if !known {
		return m, ErrMalformed
	}
	m.Source, m.SrcEndpoint, m.Cluster = e.Source, e.SrcEndpoint, e.Cluster
	m.ToGroup, m.Group, m.Device, m.DstEndpoint = e.ToGroup, e.Group, e.Device, e.DstEndpoint
	return m, r.err()
}

// MgmtLqiReq asks for a part of a device's neighbour table (05-3474-22,
// 2.4.3.3.2).
type MgmtLqiReq struct {
	Seq        uint8
	StartIndex uint8
}

// Append appends the command's payload to b.
func (m MgmtLqiReq) Append(b []byte) []byte { return append(b, m.Seq, m.StartIndex) }

// ParseMgmtLqiReq reads what [MgmtLqiReq.Append] writes.
func ParseMgmtLqiReq(p []byte) (MgmtLqiReq, error) {
	r := reader{rest: p}
	m := MgmtLqiReq{Seq: r.u8(), StartIndex: r.u8()}
	return m, r.err()
}

// MgmtLqiRsp is a part of a neighbour table (05-3474-22, 2.4.4.4.2).
type MgmtLqiRsp struct {
	Seq        uint8
	Status     Status
	Total      uint8       // entries of the whole table
	StartIndex uint8       // of the first of Neighbours
	Neighbours []Neighbour // at most [MaxNeighbours]; only with [Success]
}

// MaxNeighbours is how many neighbours fit one [MgmtLqiRsp] that is not
// fragmented.
const MaxNeighbours = 3

// Neighbour is an entry of a neighbour table (05-3474-22, table 2-130). Fields
// for which the network layer has no value hold the "unknown" value of the table.
type Neighbour struct {
	ExtendedPANID zigbee.ExtendedPANID
	Device        zigbee.EUI64
	Addr          zigbee.ShortAddr
	Type          uint8 // 2 bits: [LogicalType], 3 unknown
	RxOnWhenIdle  uint8 // 2 bits: 0 off, 1 on, 2 unknown
	Relationship  uint8 // 3 bits: 0 parent, 1 child, 2 sibling, 3 none of these, 4 former child
	PermitJoining uint8 // 2 bits: 0 no, 1 yes, 2 unknown
	Depth         uint8
	LQI           uint8
}

// Append appends the command's payload to b. Neighbours beyond the 255th are
// left out. Without [Success] an empty table follows, for those who read on
// whatever the status is.
func (m MgmtLqiRsp) Append(b []byte) []byte {
	b = append(b, m.Seq, uint8(m.Status))
	if m.Status != Success {
		return append(b, 0, 0, 0)
	}
	list := m.Neighbours[:min(len(m.Neighbours), 255)]
	b = append(b, m.Total, m.StartIndex, uint8(len(list)))
	for _, n := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(n.ExtendedPANID))
		b = binary.LittleEndian.AppendUint64(b, uint64(n.Device))
		b = binary.LittleEndian.AppendUint16(b, uint16(n.Addr))
		b = append(b, n.Type&3|n.RxOnWhenIdle&3<<2|n.Relationship&7<<4, n.PermitJoining&3, n.Depth, n.LQI)
	}
	return b
}

// ParseMgmtLqiRsp reads what [MgmtLqiRsp.Append] writes. Reserved bits are
// ignored.
func ParseMgmtLqiRsp(p []byte) (MgmtLqiRsp, error) {
	r := reader{rest: p}
	m := MgmtLqiRsp{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status != Success {
		return m, r.err()
	}
	m.Total, m.StartIndex = r.u8(), r.u8()
	for range r.u8() {
		e := Neighbour{
			ExtendedPANID: zigbee.ExtendedPANID(r.u64()),
			Device:        zigbee.EUI64(r.u64()), Addr: zigbee.ShortAddr(r.u16()),
		}
		bits := r.u8()
		e.Type, e.RxOnWhenIdle, e.Relationship = bits&3, bits>>2&3, bits>>4&7
		e.PermitJoining, e.Depth, e.LQI = r.u8()&3, r.u8(), r.u8()
		m.Neighbours = append(m.Neighbours, e)
	}
	return m, r.err()
}

// MgmtLeaveReq asks a device to leave the network (05-3474-22, 2.4.3.3.5).
type MgmtLeaveReq struct {
	Seq            uint8
	Device         zigbee.EUI64 // 0: the receiver itself
	RemoveChildren bool
	Rejoin         bool
}

// Append appends the command's payload to b.
func (m MgmtLeaveReq) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, m.Seq), uint64(m.Device))
	var flags uint8
	if m.RemoveChildren {
		flags |= 1 << 6
	}
	if m.Rejoin {
		flags |= 1 << 7
	}
	return append(b, flags)
}

// ParseMgmtLeaveReq reads what [MgmtLeaveReq.Append] writes. Reserved bits are
// ignored.
func ParseMgmtLeaveReq(p []byte) (MgmtLeaveReq, error) {
	r := reader{rest: p}
	m := MgmtLeaveReq{Seq: r.u8(), Device: zigbee.EUI64(r.u64())}
	flags := r.u8()
	m.RemoveChildren, m.Rejoin = flags&(1<<6) != 0, flags&(1<<7) != 0
	return m, r.err()
}

// MgmtPermitJoiningReq opens or closes a device for joining (05-3474-22,
// 2.4.3.3.7).
type MgmtPermitJoiningReq struct {
	Seq            uint8
	Duration       uint8 // seconds, at most 254; 0 closes
	TCSignificance uint8 // always 1 since R21; what is received is not acted on
}

// Append appends the command's payload to b.
func (m MgmtPermitJoiningReq) Append(b []byte) []byte {
	return append(b, m.Seq, m.Duration, m.TCSignificance)
}

// ParseMgmtPermitJoiningReq reads what [MgmtPermitJoiningReq.Append] writes.
func ParseMgmtPermitJoiningReq(p []byte) (MgmtPermitJoiningReq, error) {
	r := reader{rest: p}
	m := MgmtPermitJoiningReq{Seq: r.u8(), Duration: r.u8(), TCSignificance: r.u8()}
	return m, r.err()
}
