package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// MgmtRtgReq asks for a part of a device's routing table (05-3474-22, 2.4.3.3.3).
type MgmtRtgReq struct {
	Seq        uint8
	StartIndex uint8
}

// Append appends the command's payload to b.
func (m MgmtRtgReq) Append(b []byte) []byte { return append(b, m.Seq, m.StartIndex) }

// ParseMgmtRtgReq reads what [MgmtRtgReq.Append] writes.
func ParseMgmtRtgReq(p []byte) (MgmtRtgReq, error) {
	r := reader{rest: p}
	m := MgmtRtgReq{Seq: r.u8(), StartIndex: r.u8()}
	return m, r.err()
}

// MgmtRtgRsp is a part of a routing table (05-3474-22, 2.4.4.4.3).
type MgmtRtgRsp struct {
	Seq        uint8
	Status     Status
	Total      uint8   // entries of the whole table
	StartIndex uint8   // of the first of Routes
	Routes     []Route // at most [MaxRoutes]; only with [Success]
}

// MaxRoutes is how many routes fit one [MgmtRtgRsp] that is not fragmented.
const MaxRoutes = 10

// Route is an entry of a routing table (05-3474-22, table 2-133).
type Route struct {
	Dst               zigbee.ShortAddr
	Status            uint8 // 3 bits: 0 active, 1 being discovered, 2 discovery failed, 3 inactive, 4 being validated
	MemoryConstrained bool  // the destination is a concentrator that keeps no routes
	ManyToOne         bool  // the destination is a concentrator
	RecordRequired    bool  // it wants a route record before the next frame
	NextHop           zigbee.ShortAddr
}

// Bits of the status of a route.
const (
	routeConstrained = 1 << 3
	routeManyToOne   = 1 << 4
	routeRecord      = 1 << 5
)

// Append appends the command's payload to b. Routes beyond the 255th are left out.
// Without [Success] an empty table follows, for those who read on whatever the
// status is.
func (m MgmtRtgRsp) Append(b []byte) []byte {
	b = append(b, m.Seq, uint8(m.Status))
	if m.Status != Success {
		return append(b, 0, 0, 0)
	}
	list := m.Routes[:min(len(m.Routes), 255)]
	b = append(b, m.Total, m.StartIndex, uint8(len(list)))
	for _, r := range list {
		bits := r.Status & 7
		for _, f := range []struct {
			on  bool
			bit uint8
		}{{r.MemoryConstrained, routeConstrained}, {r.ManyToOne, routeManyToOne}, {r.RecordRequired, routeRecord}} {
			if f.on {
				bits |= f.bit
			}
		}
		b = append(binary.LittleEndian.AppendUint16(b, uint16(r.Dst)), bits)
		b = binary.LittleEndian.AppendUint16(b, uint16(r.NextHop))
	}
	return b
}

// ParseMgmtRtgRsp reads what [MgmtRtgRsp.Append] writes. Reserved bits are ignored.
func ParseMgmtRtgRsp(p []byte) (MgmtRtgRsp, error) {
	r := reader{rest: p}
	m := MgmtRtgRsp{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status != Success {
		return m, r.err()
	}
	m.Total, m.StartIndex = r.u8(), r.u8()
	for range r.u8() {
		e := Route{Dst: zigbee.ShortAddr(r.u16())}
		bits := r.u8()
		e.Status, e.NextHop = bits&7, zigbee.ShortAddr(r.u16())
		e.MemoryConstrained, e.ManyToOne, e.RecordRequired = bits&routeConstrained != 0, bits&routeManyToOne != 0, bits&routeRecord != 0
		m.Routes = append(m.Routes, e)
	}
	return m, r.err()
}
