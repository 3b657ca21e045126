package wire

import (
	"encoding/binary"
	"math"

	"sconce"
)

// The cloud reads a header for every message that it keeps, and most messages are
// readings. Both are read here in the form in which they are usually written,
// without reflection; anything else is left to the decoder, which knows all forms
// and says what is wrong. What is read here, the decoder reads the same.

// readUpHeader reads a header in the form in which it is usually written: an array
// of four integers.
func readUpHeader(b []byte, h *UpHeader) (body []byte, ok bool) {
	const arrayOfFour = 0x84 // RFC 8949, 3.1
	if len(b) == 0 || b[0] != arrayOfFour {
		return nil, false
	}
	b = b[1:]
	var n [4]uint64
	for i := range n {
		if n[i], b, ok = readUint(b); !ok {
			return nil, false
		}
	}
	if n[3] > math.MaxInt64 {
		return nil, false
	}
	h.Version, h.Boot, h.Sequence, h.Sent = uint(n[0]), n[1], n[2], Time(n[3])
	return b, true
}

// ParseReadings is [ParseBody] for readings, into memory that is used again: what
// it returns is in the memory of into if there is room.
func ParseReadings(body []byte, into []Reading) (Readings, error) {
	readings, ok := readReadings(body, into[:0])
	if !ok {
		return ParseBody[Readings](body)
	}
	m := Readings{readings}
	return m, inBody(m.check())
}

// readReadings reads a body of readings in its usual form: a map with the one key
// 1, and under it arrays of three unsigned integers and a floating point number.
func readReadings(b []byte, into []Reading) (_ []Reading, ok bool) {
	const (
		mapOfOne, key = 0xa1, 0x01
		arrayOfFour   = 0x84
		majorArray    = 4 // of the first byte, the upper three bits
	)
	if len(b) < 3 || b[0] != mapOfOne || b[1] != key || b[2]>>5 != majorArray {
		return nil, false
	}
	n, b, ok := readArgument(b[2]&0x1f, b[3:])
	if !ok || n > MaxItems {
		return nil, false
	}
	for range n {
		if len(b) == 0 || b[0] != arrayOfFour {
			return nil, false
		}
		var device, metric, at uint64
		var value float64
		b = b[1:]
		if device, b, ok = readUint(b); !ok {
			return nil, false
		}
		if metric, b, ok = readUint(b); !ok || metric > math.MaxUint8 {
			return nil, false
		}
		if at, b, ok = readUint(b); !ok || at > math.MaxInt64 {
			return nil, false
		}
		if value, b, ok = readFloat(b); !ok {
			return nil, false
		}
		into = append(into, Reading{Device: sconce.EUI64(device), Metric: sconce.Metric(metric), At: Time(at), Value: value})
	}
	return into, len(b) == 0
}

// readUint reads an unsigned integer (RFC 8949, 3.1, major type 0).
func readUint(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] > 0x1b {
		return 0, nil, false
	}
	return readArgument(b[0], b[1:])
}

// readArgument reads the argument of an item from its additional information and
// what follows it (RFC 8949, 3).
func readArgument(info byte, b []byte) (n uint64, rest []byte, ok bool) {
	switch {
	case info < 24:
		return uint64(info), b, true
	case info == 24 && len(b) >= 1:
		return uint64(b[0]), b[1:], true
	case info == 25 && len(b) >= 2:
		return uint64(binary.BigEndian.Uint16(b)), b[2:], true
	case info == 26 && len(b) >= 4:
		return uint64(binary.BigEndian.Uint32(b)), b[4:], true
	case info == 27 && len(b) >= 8:
		return binary.BigEndian.Uint64(b), b[8:], true
	default:
		return 0, nil, false
	}
}

// readFloat reads a floating point number of any of the three lengths (RFC 8949,
// 3.3).
func readFloat(b []byte) (v float64, rest []byte, ok bool) {
	switch {
	case len(b) >= 9 && b[0] == 0xfb:
		return math.Float64frombits(binary.BigEndian.Uint64(b[1:])), b[9:], true
	case len(b) >= 5 && b[0] == 0xfa:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:]))), b[5:], true
	case len(b) >= 3 && b[0] == 0xf9:
		return half(binary.BigEndian.Uint16(b[1:])), b[3:], true
	default:
		return 0, nil, false
	}
}

// half returns the value of an IEEE 754 binary16 (as in RFC 8949, appendix D).
func half(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&0x1f), float64(bits&0x3ff)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(mantissa, -24)
	case 0x1f:
		if v = math.Inf(1); mantissa != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(mantissa+1024, exponent-25)
	}
	if bits&0x8000 != 0 {
		v = -v
	}
	return v
}
