package zdo

import (
	"encoding/binary"

	"sconce/zigbee"
)

// MgmtNWKUpdate is the cluster of [MgmtNWKUpdateReq] (05-3474-22, 2.4.3.3.10).
const MgmtNWKUpdate Cluster = 0x0038

// The values of MgmtNWKUpdateReq.Duration that are no scan exponent.
const (
	ChangeChannel uint8 = 0xfe
	ChangeManager uint8 = 0xff
)

// MgmtNWKUpdateReq asks for an energy scan (Duration up to 5), or tells of a new
// channel or a new manager of the network.
type MgmtNWKUpdateReq struct {
	Seq      uint8
	Channels zigbee.ChannelMask
	Duration uint8
	Count    uint8            // of scans; when Duration is up to 5
	UpdateID uint8            // with ChangeChannel and ChangeManager
	Manager  zigbee.ShortAddr // with ChangeManager
}

// Append appends m to b.
func (m MgmtNWKUpdateReq) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, m.Seq), uint32(m.Channels))
	b = append(b, m.Duration)
	switch m.Duration {
	case ChangeChannel:
		return append(b, m.UpdateID)
	case ChangeManager:
		return binary.LittleEndian.AppendUint16(append(b, m.UpdateID), uint16(m.Manager))
	default:
		return append(b, m.Count)
	}
}

// ParseMgmtNWKUpdateReq reads a request. Durations from 6 to 0xfd are reserved.
// What follows the fields is read over (canonical form: nothing).
func ParseMgmtNWKUpdateReq(p []byte) (MgmtNWKUpdateReq, error) {
	if len(p) < 7 {
		return MgmtNWKUpdateReq{}, ErrMalformed
	}
	m := MgmtNWKUpdateReq{Seq: p[0], Channels: zigbee.ChannelMask(binary.LittleEndian.Uint32(p[1:])), Duration: p[5]}
	switch {
	case m.Duration == ChangeChannel:
		m.UpdateID = p[6]
	case m.Duration == ChangeManager && len(p) >= 9:
		m.UpdateID, m.Manager = p[6], zigbee.ShortAddr(binary.LittleEndian.Uint16(p[7:]))
	case m.Duration <= 5:
		m.Count = p[6]
	default:
		return MgmtNWKUpdateReq{}, ErrMalformed
	}
	return m, nil
}

// MgmtNWKUpdateNotify tells what a device measured on each channel of a mask.
type MgmtNWKUpdateNotify struct {
	Seq           uint8
	Status        Status
	Channels      zigbee.ChannelMask // that were scanned
	Transmissions uint16             // in all, since it started
	Failures      uint16             // of those
	Energy        []uint8            // a channel each, ascending: 0 for the sensitivity of the receiver, 255 for the most; at most 255
}

// Append appends m to b.
func (m MgmtNWKUpdateNotify) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, m.Seq, uint8(m.Status)), uint32(m.Channels))
	b = binary.LittleEndian.AppendUint16(b, m.Transmissions)
	b = binary.LittleEndian.AppendUint16(b, m.Failures)
	list := m.Energy[:min(len(m.Energy), 255)]
	return append(append(b, uint8(len(list))), list...)
}

// ParseMgmtNWKUpdateNotify reads what [MgmtNWKUpdateNotify.Append] writes, and also an
// answer without a success that ends after its status.
func ParseMgmtNWKUpdateNotify(p []byte) (MgmtNWKUpdateNotify, error) {
	r := reader{rest: p}
	m := MgmtNWKUpdateNotify{Seq: r.u8(), Status: Status(r.u8())}
	if m.Status != Success && len(r.rest) == 0 {
		return m, r.err()
	}
	m.Channels = zigbee.ChannelMask(uint32(r.u16()) | uint32(r.u16())<<16)
	m.Transmissions, m.Failures = r.u16(), r.u16()
	m.Energy = append([]uint8(nil), r.take(int(r.u8()))...)
	return m, r.err()
}
