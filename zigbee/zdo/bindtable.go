package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// MgmtBind is the cluster of [MgmtBindReq].
const MgmtBind Cluster = 0x0033

// MgmtBindReq asks for a part of a device's binding table.
type MgmtBindReq struct {
	Seq        uint8
	StartIndex uint8
}

// Append appends the command's payload to b.
func (m MgmtBindReq) Append(b []byte) []byte { return append(b, m.Seq, m.StartIndex) }

// ParseMgmtBindReq reads what [MgmtBindReq.Append] writes.
func ParseMgmtBindReq(p []byte) (MgmtBindReq, error) {
	r := reader{rest: p}
	m := MgmtBindReq{Seq: r.u8(), StartIndex: r.u8()}
	return m, r.err()
}

// MgmtBindRsp is a part of a binding table.
type MgmtBindRsp struct {
	Seq        uint8
	Status     Status
	Total      uint8 // entries of the whole table
	StartIndex uint8 // of the first of Entries
	Entries    []BindEntry
}

// MaxBindEntries is how many entries fit one [MgmtBindRsp] that is not fragmented.
const MaxBindEntries = 3

// BindEntry is an entry of a binding table.
type BindEntry struct {
	Source      zigbee.EUI64
	SrcEndpoint uint8
	Cluster     uint16
	ToGroup     bool         // the destination is Group; else Device and DstEndpoint
	Group       uint16       // only when ToGroup
	Device      zigbee.EUI64 // only when not ToGroup
	DstEndpoint uint8        // only when not ToGroup
}

// Append appends the command's payload to b. Entries beyond the 255th are left out.
// Without [Success] an empty table follows, for those who read on whatever the status is.
func (m MgmtBindRsp) Append(b []byte) []byte {
	b = append(b, m.Seq, uint8(m.Status))
	if m.Status != Success {
		return append(b, 0, 0, 0)
	}
	list := m.Entries[:min(len(m.Entries), 255)]
	b = append(b, m.Total, m.StartIndex, uint8(len(list)))
	for _, e := range list {
		b = e.append(b)
	}
	return b
}

// ParseMgmtBindRsp reads what [MgmtBindRsp.Append] writes.
func ParseMgmtBindRsp(p []byte) (MgmtBindRsp, error) {
	r := reader{rest: p}
	m := MgmtBindRsp{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status != Success {
		return m, r.err()
	}
	m.Total, m.StartIndex = r.u8(), r.u8()
	for range int(r.u8()) {
		e, ok := r.bindEntry()
		if !ok {
			return m, ErrMalformed
		}
		m.Entries = append(m.Entries, e)
	}
	return m, r.err()
}

// append appends the entry, as a bind request and the table have it.
func (m BindEntry) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Source))
	b = binary.LittleEndian.AppendUint16(append(b, m.SrcEndpoint), m.Cluster)
	if m.ToGroup {
		return binary.LittleEndian.AppendUint16(append(b, bindToGroup), m.Group)
	}
	b = binary.LittleEndian.AppendUint64(append(b, bindToDevice), uint64(m.Device))
	return append(b, m.DstEndpoint)
}

func (r *reader) bindEntry() (BindEntry, bool) {
	e := BindEntry{Source: zigbee.EUI64(r.u64()), SrcEndpoint: r.u8(), Cluster: r.u16()}
	switch r.u8() {
	case bindToGroup:
		e.ToGroup, e.Group = true, r.u16()
	case bindToDevice:
		e.Device, e.DstEndpoint = zigbee.EUI64(r.u64()), r.u8()
	default:
		return e, false
	}
	return e, !r.bad
}
