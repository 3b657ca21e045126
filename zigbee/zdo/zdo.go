// Package zdo is the codec of the Zigbee device profile: the descriptors with
// which a node describes itself, and the commands with which nodes discover,
// bind and manage one another. It follows Zigbee PRO R22 (05-3474-22), clauses
// 2.3.2 and 2.4; the trailing TLVs that R23 (05-3474-23) adds to some commands
// are accepted and ignored.
//
// It holds data and its form on the air, and decides nothing: who answers which
// request is the business of zigbee/stack. Complex and user descriptors, end
// device bind and the discovery cache, which R22 deprecates, are not here.
//
// It is pure: no network, files, clock, goroutines or package-level state.
package zdo

import (
	"encoding/binary"
	"errors"
)

// Endpoint is the endpoint of the device profile on every node, and Profile its
// profile identifier (05-3474-22, 2.4.2.5).
const (
	Endpoint uint8  = 0
	Profile  uint16 = 0x0000
)

// ErrMalformed is returned for a payload that is too short or contradicts itself.
var ErrMalformed = errors.New("zdo: malformed payload")

// reader walks a payload. After a read past the end it returns zeros and is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// u16s reads n little-endian 16-bit values; nil for none.
func (r *reader) u16s(n int) []uint16 {
	var list []uint16
	for range n {
		list = append(list, r.u16())
	}
	return list
}

func (r *reader) err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

func appendU16s(b []byte, list []uint16) []byte {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}
