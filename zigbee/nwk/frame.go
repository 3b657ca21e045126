// Package nwk is the network layer of a Zigbee node: the codec of its frames and
// commands, its security, its queue, its neighbours and broadcasts. It follows
// Zigbee PRO R22 (05-3474-22), chapter 3 and clause 4.3.
//
// Routes are found on demand, with costs that both directions of a link count in
// (nwkSymLink), and kept by many-to-one requests of the coordinator, which answers
// over source routes. Multicast mode, which R23 deprecates, is refused.
//
// It is pure: no network, files, clock, goroutines or package-level state.
package nwk

import (
	"encoding/binary"
	"errors"

	"sconce/zigbee"
)

// Errors of the codec.
var (
	ErrMalformed   = errors.New("nwk: malformed frame")
	ErrUnsupported = errors.New("nwk: frame type or version that is not supported")
)

// protocolVersion is that of Zigbee PRO (3.3.1.1.2).
const protocolVersion = 2

// FrameType is the type of a frame (3.3.1.1.1).
type FrameType uint8

// The frame types.
const (
	TypeData    FrameType = 0
	TypeCommand FrameType = 1
)

// Header is the header of a frame (3.3.1). The optional addresses are absent when
// they are 0.
type Header struct {
	Type          FrameType
	DiscoverRoute bool // the next hop may look for a route
	Secured       bool // an auxiliary header follows
	EndDevice     bool // the originator is an end device
	Dst, Src      zigbee.ShortAddr
	Radius        uint8 // hops left
	Seq           uint8
	DstEUI64      zigbee.EUI64
	SrcEUI64      zigbee.EUI64
	SourceRoute   bool
	RelayIndex    uint8  // the next relay in Relays
	Relays        Relays // the one nearest to Dst first
}

// The bits of the frame control field (3.3.1.1).
const (
	fcType        = 0x0003
	fcVersion     = 0x003c
	fcDiscover    = 0x0040
	fcForced      = 0x0080 // discover a route even where there is one: of old revisions, and still sent
	fcMulticast   = 0x0100
	fcSecurity    = 0x0200
	fcSourceRoute = 0x0400
	fcDstEUI64    = 0x0800
	fcSrcEUI64    = 0x1000
	fcEndDevice   = 0x2000
	fcReserved    = 0xc000

	fcVersionShift = 2
)

// AppendHeader appends h to b.
func AppendHeader(b []byte, h Header) []byte {
	fc := uint16(h.Type) | protocolVersion<<fcVersionShift
	for _, f := range [...]struct {
		set bool
		bit uint16
	}{
		{h.DiscoverRoute, fcDiscover},
		{h.Secured, fcSecurity},
		{h.SourceRoute, fcSourceRoute},
		{h.DstEUI64 != 0, fcDstEUI64},
		{h.SrcEUI64 != 0, fcSrcEUI64},
		{h.EndDevice, fcEndDevice},
	} {
		if f.set {
			fc |= f.bit
		}
	}
	b = binary.LittleEndian.AppendUint16(b, fc)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Dst))
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Src))
	b = append(b, h.Radius, h.Seq)
	if h.DstEUI64 != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(h.DstEUI64))
	}
	if h.SrcEUI64 != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(h.SrcEUI64))
	}
	if h.SourceRoute {
		b = append(b, uint8(len(h.Relays)/2), h.RelayIndex)
		b = append(b, h.Relays...)
	}
	return b
}

// ParseHeader reads the header of a frame and returns it and what follows: the
// auxiliary header of a secured frame, else the payload. Reserved bits must be 0,
// and an extended address that is present must not be 0. A forced route discovery,
// which old revisions know, is read as one that is allowed (canonical form).
func ParseHeader(frame []byte) (Header, []byte, error) {
	if len(frame) < 8 {
		return Header{}, nil, ErrMalformed
	}
	fc := binary.LittleEndian.Uint16(frame)
	h := Header{
		Type:          FrameType(fc & fcType),
		DiscoverRoute: fc&(fcDiscover|fcForced) != 0,
		Secured:       fc&fcSecurity != 0,
		EndDevice:     fc&fcEndDevice != 0,
		SourceRoute:   fc&fcSourceRoute != 0,
		Dst:           zigbee.ShortAddr(binary.LittleEndian.Uint16(frame[2:])),
		Src:           zigbee.ShortAddr(binary.LittleEndian.Uint16(frame[4:])),
		Radius:        frame[6],
		Seq:           frame[7],
	}
	if h.Type > TypeCommand || fc&fcVersion != protocolVersion<<fcVersionShift || fc&fcMulticast != 0 {
		return Header{}, nil, ErrUnsupported
	}
	if fc&fcReserved != 0 || fc&(fcDiscover|fcForced) == fcDiscover|fcForced {
		return Header{}, nil, ErrMalformed
	}
	rest := frame[8:]
	for _, a := range [...]struct {
		bit uint16
		to  *zigbee.EUI64
	}{{fcDstEUI64, &h.DstEUI64}, {fcSrcEUI64, &h.SrcEUI64}} {
		if fc&a.bit == 0 {
			continue
		}
		if len(rest) < 8 {
			return Header{}, nil, ErrMalformed
		}
		if *a.to = zigbee.EUI64(binary.LittleEndian.Uint64(rest)); *a.to == 0 {
			return Header{}, nil, ErrMalformed
		}
		rest = rest[8:]
	}
	if h.SourceRoute {
		if len(rest) < 2 || len(rest) < 2+2*int(rest[0]) {
			return Header{}, nil, ErrMalformed
		}
		n := 2 + 2*int(rest[0])
		h.RelayIndex, h.Relays, rest = rest[1], rest[2:n:n], rest[n:]
	}
	return h, rest, nil
}
