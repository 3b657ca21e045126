package sim

import (
	"encoding/binary"
	"slices"

	"sconce/radio"
)

// What silicon reads of a MAC frame (802.15.4-2006, 7.2.1): enough to filter
// addresses and to acknowledge.

const (
	frameBeacon  = 0
	frameData    = 1
	frameAck     = 2
	frameCommand = 3

	addressNone     = 0
	addressShort    = 2
	addressExtended = 3

	broadcast      = 0xffff
	cmdDataRequest = 0x04
	fcsLen         = 2
)

// header is the MAC header as the filter sees it. An address is valid as its
// mode says.
type header struct {
	kind             uint8
	security         bool
	ackRequest       bool
	seq              uint8
	dstMode, srcMode uint8
	dstPAN, srcPAN   uint16
	dst, src         uint64
	payload          []byte // without frame check sequence
}

// parseHeader reads a frame with its frame check sequence. It returns false for
// what no receiver makes sense of.
func parseHeader(psdu []byte) (h header, ok bool) {
	if len(psdu) < radio.MinFrame+fcsLen {
		return h, false
	}
	b := psdu[:len(psdu)-fcsLen]
	fcf := binary.LittleEndian.Uint16(b)
	h.kind = uint8(fcf & 7)
	h.security = fcf&(1<<3) != 0
	h.ackRequest = fcf&(1<<5) != 0
	compressed := fcf&(1<<6) != 0
	h.dstMode, h.srcMode = uint8(fcf>>10&3), uint8(fcf>>14&3)
	h.seq, b = b[2], b[3:]
	if h.dstMode == 1 || h.srcMode == 1 || fcf>>12&3 > 1 {
		return h, false // reserved; frames of version 2 have another layout
	}
	if h.dstMode != addressNone {
		if h.dstPAN, b, ok = take16(b); !ok {
			return h, false
		}
		if h.dst, b, ok = takeAddress(b, h.dstMode); !ok {
			return h, false
		}
	}
	if h.srcMode != addressNone {
		if h.srcPAN = h.dstPAN; !compressed {
			if h.srcPAN, b, ok = take16(b); !ok {
				return h, false
			}
		}
		if h.src, b, ok = takeAddress(b, h.srcMode); !ok {
			return h, false
		}
	}
	h.payload = b
	return h, true
}

func take16(b []byte) (uint16, []byte, bool) {
	if len(b) < 2 {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint16(b), b[2:], true
}

func takeAddress(b []byte, mode uint8) (uint64, []byte, bool) {
	if mode == addressShort {
		v, rest, ok := take16(b)
		return uint64(v), rest, ok
	}
	if len(b) < 8 {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b), b[8:], true
}

// accepts is the third level of filtering (802.15.4-2006, 7.5.6.2).
func accepts(f *radio.Filter, h *header) bool {
	switch h.dstMode {
	case addressNone:
		if h.kind == frameBeacon {
			return f.PANID == broadcast || h.srcPAN == f.PANID
		}
		return h.srcMode != addressNone && h.srcPAN == f.PANID // for a PAN's coordinator
	case addressShort:
		return inPAN(f, h) && (h.dst == broadcast || uint16(h.dst) == f.Short && f.Short < 0xfffe)
	default:
		return inPAN(f, h) && h.dst == f.EUI64
	}
}

func inPAN(f *radio.Filter, h *header) bool { return h.dstPAN == broadcast || h.dstPAN == f.PANID }

// unicast reports whether the frame names one receiver.
func (h *header) unicast() bool {
	return h.dstMode == addressExtended || h.dstMode == addressShort && h.dst != broadcast
}

func (h *header) dataRequest() bool {
	return h.kind == frameCommand && !h.security && len(h.payload) > 0 && h.payload[0] == cmdDataRequest
}

// pending is the table of neighbours for whom frames wait.
type pending struct {
	enabled  bool // off: every data request is told that a frame waits, as OpenThread's radios do
	short    []uint16
	extended []uint64
}

func (p *pending) has(h *header) bool {
	switch {
	case !h.dataRequest():
		return false
	case !p.enabled:
		return true
	case h.srcMode == addressShort:
		return slices.Contains(p.short, uint16(h.src))
	default:
		return h.srcMode == addressExtended && slices.Contains(p.extended, h.src)
	}
}

// appendFCS appends the frame check sequence of a MAC frame (802.15.4-2006,
// 7.2.1.9): ITU-T CRC-16, reflected, starting from 0.
func appendFCS(frame []byte) []byte {
	var crc uint16
	for _, b := range frame {
		// The polynomial x^16 + x^12 + x^5 + 1, a byte at a time.
		x := b ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return binary.LittleEndian.AppendUint16(frame, crc)
}

func ackFrame(dst []byte, seq uint8, framePending bool) []byte {
	fcf := byte(frameAck)
	if framePending {
		fcf |= 1 << 4
	}
	return appendFCS(append(dst, fcf, 0, seq))
}
