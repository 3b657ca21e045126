package mqtt

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// reader takes fields off the front of a packet. The first fault stays, and
// everything read after it is zero.
type reader struct {
	b   []byte
	err *Error
}

func (r *reader) fail(e *Error) {
	if r.err == nil {
		r.err = e
	}
	r.b = nil
}

// take returns the next n bytes, which alias the input.
func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.fail(malformed("packet ends within a field"))
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(malformed("packet ends within a field"))
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// varint reads a Variable Byte Integer, which must be in its shortest form
// [MQTT-1.5.5-1].
func (r *reader) varint() uint32 {
	v, n, err := parseVarint(r.b)
	switch {
	case err != nil:
		r.fail(err)
		return 0
	case n == 0:
		r.fail(malformed("packet ends within a field"))
		return 0
	}
	r.b = r.b[n:]
	return v
}

// binary reads Binary Data (1.5.6), which aliases the input.
func (r *reader) binary() []byte { return r.take(int(r.uint16())) }

// text reads a UTF-8 Encoded String (1.5.4), which aliases the input.
func (r *reader) text() []byte {
	b := r.binary()
	if !validText(b) {
		r.fail(malformed("text is not UTF-8 or holds U+0000")) // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
		return nil
	}
	return b
}

// packetID reads a Packet Identifier, which is never 0 [MQTT-2.2.1-3].
func (r *reader) packetID() uint16 {
	id := r.uint16()
	if id == 0 {
		r.fail(violation("packet identifier 0"))
	}
	return id
}

// end returns the first fault, or one for bytes that are left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail(malformed("%d bytes after the end of the packet", len(r.b)))
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func validText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// parseVarint returns n = 0 when b ends before the integer does.
func parseVarint(b []byte) (v uint32, n int, err *Error) {
	for i := range 4 {
		if i == len(b) {
			return 0, 0, nil
		}
		v |= uint32(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			if b[i] == 0 && i > 0 {
				return 0, 0, malformed("variable byte integer longer than needed")
			}
			return v, i + 1, nil
		}
	}
	return 0, 0, malformed("variable byte integer of more than four bytes")
}

func appendVarint(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func varintSize(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	default:
		return 4
	}
}

// appendText appends a length of two bytes and the bytes of s, as both text and
// binary data are encoded.
func appendText[T string | []byte | Secret](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// begin appends the first byte of a packet and leaves the length to [finish].
func begin(b []byte, t Type, flags byte) (packet []byte, start int) {
	return append(b, byte(t)<<4|flags), len(b) + 1
}

// finish puts the remaining length (2.1.4) before what was appended since start.
func finish(b []byte, start int) []byte {
	var length [4]byte
	n := appendVarint(length[:0], uint32(len(b)-start))
	b = append(b, n...)
	copy(b[start+len(n):], b[start:])
	copy(b[start:], n)
	return b
}
