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
