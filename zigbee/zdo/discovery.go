package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// The request types of address requests (05-3474-22, 2.4.3.1.1 and 2.4.3.1.2).
const (
	SingleDevice     uint8 = 0
	ExtendedResponse uint8 = 1
)

// NWKAddrReq asks for the network address of a device (05-3474-22, 2.4.3.1.1).
type NWKAddrReq struct {
	Seq         uint8
	Device      zigbee.EUI64
	RequestType uint8
	StartIndex  uint8
}

// Append appends the command's payload to b.
func (m NWKAddrReq) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, m.Seq), uint64(m.Device))
	return append(b, m.RequestType, m.StartIndex)
}

// ParseNWKAddrReq reads what [NWKAddrReq.Append] writes.
func ParseNWKAddrReq(p []byte) (NWKAddrReq, error) {
	r := reader{rest: p}
	m := NWKAddrReq{Seq: r.u8(), Device: zigbee.EUI64(r.u64()), RequestType: r.u8(), StartIndex: r.u8()}
	return m, r.err()
}

// IEEEAddrReq asks for the extended address of a device (05-3474-22, 2.4.3.1.2).
type IEEEAddrReq struct {
	Seq         uint8
	Addr        zigbee.ShortAddr
	RequestType uint8
	StartIndex  uint8
}

// Append appends the command's payload to b.
func (m IEEEAddrReq) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, m.Seq), uint16(m.Addr))
	return append(b, m.RequestType, m.StartIndex)
}

// ParseIEEEAddrReq reads what [IEEEAddrReq.Append] writes.
func ParseIEEEAddrReq(p []byte) (IEEEAddrReq, error) {
	r := reader{rest: p}
	m := IEEEAddrReq{Seq: r.u8(), Addr: zigbee.ShortAddr(r.u16()), RequestType: r.u8(), StartIndex: r.u8()}
	return m, r.err()
}

// AddrRsp answers both address requests (05-3474-22, 2.4.4.2.1 and 2.4.4.2.2).
type AddrRsp struct {
	Seq        uint8
	Status     Status
	Device     zigbee.EUI64
	Addr       zigbee.ShortAddr
	Extended   bool               // answers a request of type [ExtendedResponse]
	StartIndex uint8              // of Associated; only when Extended
	Associated []zigbee.ShortAddr // at most 255; only when Extended
}

// Append appends the command's payload to b. An extended answer without
// associated devices carries no start index, as the clause demands.
func (m AddrRsp) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, m.Seq, uint8(m.Status)), uint64(m.Device))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.Addr))
	if m.Status != Success || !m.Extended {
		return b
	}
	list := m.Associated[:min(len(m.Associated), 255)]
	b = append(b, uint8(len(list)))
	if len(list) > 0 {
		b = append(b, m.StartIndex)
	}
	for _, a := range list {
		b = binary.LittleEndian.AppendUint16(b, uint16(a))
	}
	return b
}

// ParseAddrRsp reads what [AddrRsp.Append] writes, and also an answer without a
// success that ends after its status.
func ParseAddrRsp(p []byte) (AddrRsp, error) {
	r := reader{rest: p}
	m := AddrRsp{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status != Success && len(r.rest) == 0 {
		return m, r.err()
	}
	m.Device, m.Addr = zigbee.EUI64(r.u64()), zigbee.ShortAddr(r.u16())
	if m.Status != Success || len(r.rest) == 0 {
		return m, r.err()
	}
	m.Extended = true
	if n := int(r.u8()); n > 0 {
		m.StartIndex = r.u8()
		for _, a := range r.u16s(n) {
			m.Associated = append(m.Associated, zigbee.ShortAddr(a))
		}
	}
	return m, r.err()
}

// DescReq asks for the node descriptor, the power descriptor or the active
// endpoints of a device (05-3474-22, 2.4.3.1.3, 2.4.3.1.4 and 2.4.3.1.6).
type DescReq struct {
	Seq  uint8
	Addr zigbee.ShortAddr // of interest
}

// Append appends the command's payload to b.
func (m DescReq) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(b, m.Seq), uint16(m.Addr))
}

// ParseDescReq reads what [DescReq.Append] writes.
func ParseDescReq(p []byte) (DescReq, error) {
	r := reader{rest: p}
	m := DescReq{Seq: r.u8(), Addr: zigbee.ShortAddr(r.u16())}
	return m, r.err()
}

// SimpleDescReq asks for the simple descriptor of an endpoint (05-3474-22,
// 2.4.3.1.5).
type SimpleDescReq struct {
	Seq      uint8
	Addr     zigbee.ShortAddr // of interest
	Endpoint uint8
}

// Append appends the command's payload to b.
func (m SimpleDescReq) Append(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint16(append(b, m.Seq), uint16(m.Addr)), m.Endpoint)
}

// ParseSimpleDescReq reads what [SimpleDescReq.Append] writes.
func ParseSimpleDescReq(p []byte) (SimpleDescReq, error) {
	r := reader{rest: p}
	m := SimpleDescReq{Seq: r.u8(), Addr: zigbee.ShortAddr(r.u16()), Endpoint: r.u8()}
	return m, r.err()
}

// MatchDescReq asks which endpoints offer or want clusters (05-3474-22,
// 2.4.3.1.7).
type MatchDescReq struct {
	Seq     uint8
	Addr    zigbee.ShortAddr // of interest; may be a broadcast
	Profile uint16
	In      []uint16 // server clusters looked for, at most 255
	Out     []uint16 // client clusters looked for, at most 255
}

// Append appends the command's payload to b. Clusters beyond the 255th of a list
// are left out.
func (m MatchDescReq) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, m.Seq), uint16(m.Addr))
	b = binary.LittleEndian.AppendUint16(b, m.Profile)
	for _, list := range [][]uint16{m.In, m.Out} {
		list = list[:min(len(list), 255)]
		b = appendU16s(append(b, uint8(len(list))), list)
	}
	return b
}

// ParseMatchDescReq reads what [MatchDescReq.Append] writes.
func ParseMatchDescReq(p []byte) (MatchDescReq, error) {
	r := reader{rest: p}
	m := MatchDescReq{Seq: r.u8(), Addr: zigbee.ShortAddr(r.u16()), Profile: r.u16()}
	m.In = r.u16s(int(r.u8()))
	m.Out = r.u16s(int(r.u8()))
	return m, r.err()
}

// Matches reports whether an endpoint answers the request: it has the profile,
// and at least one of the clusters (05-3474-22, 2.4.4.2.7.1).
func (m MatchDescReq) Matches(d SimpleDescriptor) bool {
	return d.Profile == m.Profile && (shareOne(m.In, d.In) || shareOne(m.Out, d.Out))
}

func shareOne(a, b []uint16) bool {
	for _, v := range a {
		for _, w := range b {
			if v == w {
				return true
			}
		}
	}
	return false
}
