// Package mac is the medium access control layer of a Zigbee node: the codec of
// its frames, and the parts of the protocol that are not in the radio. It follows
// IEEE 802.15.4-2006, clause 7, for non-beacon networks as Zigbee uses them
// (05-3474-22, annex D).
//
// Acknowledgement, CSMA-CA with retransmission and the frame check sequence are
// the radio's; frames here are without it. Security at this layer, guaranteed time
// slots and beacon-enabled networks are not supported, because Zigbee has no use
// for them. Orphan scans and coordinator realignment are not here.
//
// It is pure: no network, files, clock, goroutines or package-level state.
package mac

import (
	"encoding/binary"
	"errors"

	"sconce/zigbee"
)

// MaxFrame is the largest frame in bytes, without the frame check sequence
// (aMaxPHYPacketSize less 2; 6.4.1).
const MaxFrame = 125

// Errors of the codec.
var (
	ErrMalformed   = errors.New("mac: malformed frame")
	ErrUnsupported = errors.New("mac: frame type or security that Zigbee does not use")
)

// FrameType is the type of a frame (7.2.1.1.1).
type FrameType uint8

// The frame types.
const (
	TypeBeacon  FrameType = 0
	TypeData    FrameType = 1
	TypeAck     FrameType = 2
	TypeCommand FrameType = 3
)

// AddressMode says which kind of address is present (7.2.1.1.6).
type AddressMode uint8

// The address modes.
const (
	NoAddress       AddressMode = 0
	ShortAddress    AddressMode = 2
	ExtendedAddress AddressMode = 3
)

// Address is an address within a network, short or extended.
type Address struct {
	Mode  AddressMode
	PAN   zigbee.PANID
	Short zigbee.ShortAddr // when Mode is ShortAddress
	EUI64 zigbee.EUI64     // when Mode is ExtendedAddress
}

// Short returns a short address in a network.
func Short(pan zigbee.PANID, a zigbee.ShortAddr) Address {
	return Address{Mode: ShortAddress, PAN: pan, Short: a}
}

// Extended returns an extended address in a network.
func Extended(pan zigbee.PANID, e zigbee.EUI64) Address {
	return Address{Mode: ExtendedAddress, PAN: pan, EUI64: e}
}

// Header is the header of a frame (7.2.1).
type Header struct {
	Type     FrameType
	Pending  bool // more frames wait for the receiver
	Ack      bool // asks for an acknowledgement
	Compress bool // the source is in the destination's network, which is sent once
	Seq      uint8
	Dst, Src Address
}

// The bits of the frame control field (7.2.1.1).
const (
	fcType     = 0x0007
	fcSecurity = 0x0008
	fcPending  = 0x0010
	fcAck      = 0x0020
	fcCompress = 0x0040
	fcReserved = 0x0380
	fcVersion  = 0x3000

	fcDstShift     = 10
	fcVersionShift = 12
	fcSrcShift     = 14
)

// AppendHeader appends h to b, with frame version 0. With Compress both addresses
// must be present and in one network.
func AppendHeader(b []byte, h Header) []byte {
	fc := uint16(h.Type) | uint16(h.Dst.Mode)<<fcDstShift | uint16(h.Src.Mode)<<fcSrcShift
	if h.Pending {
		fc |= fcPending
	}
	if h.Ack {
		fc |= fcAck
	}
	if h.Compress {
		fc |= fcCompress
	}
	b = binary.LittleEndian.AppendUint16(b, fc)
	b = append(b, h.Seq)
	b = appendAddress(b, h.Dst, true)
	return appendAddress(b, h.Src, !h.Compress)
}

func appendAddress(b []byte, a Address, withPAN bool) []byte {
	if a.Mode == NoAddress {
		return b
	}
	if withPAN {
		b = binary.LittleEndian.AppendUint16(b, uint16(a.PAN))
	}
	if a.Mode == ShortAddress {
		return binary.LittleEndian.AppendUint16(b, uint16(a.Short))
	}
	return binary.LittleEndian.AppendUint64(b, uint64(a.EUI64))
}

// Parse reads the header of a frame and returns it and the payload, which lies
// in frame. Frame versions 0 and 1 are read (canonical form: 0); reserved bits
// must be 0, and an acknowledgement has neither addresses nor a payload.
func Parse(frame []byte) (Header, []byte, error) {
	if len(frame) < 3 || len(frame) > MaxFrame {
		return Header{}, nil, ErrMalformed
	}
	fc := binary.LittleEndian.Uint16(frame)
	h := Header{
		Type:     FrameType(fc & fcType),
		Pending:  fc&fcPending != 0,
		Ack:      fc&fcAck != 0,
		Compress: fc&fcCompress != 0,
		Seq:      frame[2],
		Dst:      Address{Mode: AddressMode(fc >> fcDstShift & 3)},
		Src:      Address{Mode: AddressMode(fc >> fcSrcShift & 3)},
	}
	if h.Type > TypeCommand || fc&fcSecurity != 0 || fc&fcVersion > 1<<fcVersionShift {
		return Header{}, nil, ErrUnsupported
	}
	if fc&fcReserved != 0 || h.Compress && (h.Dst.Mode == NoAddress || h.Src.Mode == NoAddress) {
		return Header{}, nil, ErrMalformed
	}
	rest, ok := parseAddress(frame[3:], &h.Dst, true)
	if !ok {
		return Header{}, nil, ErrMalformed
	}
	if rest, ok = parseAddress(rest, &h.Src, !h.Compress); !ok {
		return Header{}, nil, ErrMalformed
	}
	if h.Compress {
		h.Src.PAN = h.Dst.PAN
	}
	if h.Type == TypeAck && len(frame) != 3 {
		return Header{}, nil, ErrMalformed
	}
	return h, rest, nil
}

func parseAddress(b []byte, a *Address, withPAN bool) ([]byte, bool) {
	n := 0
	switch a.Mode {
	case NoAddress:
		return b, true
	case ShortAddress:
		n = 2
	case ExtendedAddress:
		n = 8
	default:
		return nil, false
	}
	if withPAN {
		if len(b) < 2 {
			return nil, false
		}
		a.PAN = zigbee.PANID(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) < n {
		return nil, false
	}
	if n == 2 {
		a.Short = zigbee.ShortAddr(binary.LittleEndian.Uint16(b))
	} else {
		a.EUI64 = zigbee.EUI64(binary.LittleEndian.Uint64(b))
	}
	return b[n:], true
}
