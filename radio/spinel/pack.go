package spinel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	errShort  = errors.New("value is cut short")
	errPacked = errors.New("packed integer is not in its shortest form of at most three bytes")
	errBool   = errors.New("boolean is neither 0 nor 1")
	errPSDU   = errors.New("802.15.4 frame does not have 2 to 127 bytes")
)

// A Reader takes packed values from a buffer. After the first error all values
// are zero, and [Reader.Err] returns it.
type Reader struct {
	b   []byte
	err error
}

// NewReader returns a reader of b. What it returns as slices refers to b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Len returns the number of bytes that are left, 0 after an error.
func (r *Reader) Len() int { return len(r.b) }

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// take returns the next n bytes, and n zeros once there are fewer.
func (r *Reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail(errShort)
		return make([]byte, n)
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// Uint8 takes a "C".
func (r *Reader) Uint8() uint8 { return r.take(1)[0] }

// Int8 takes a "c".
func (r *Reader) Int8() int8 { return int8(r.Uint8()) }

// Uint16 takes an "S".
func (r *Reader) Uint16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }

// Uint32 takes an "L".
func (r *Reader) Uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

// Uint64 takes an "X".
func (r *Reader) Uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// EUI64 takes an "E", which travels most significant byte first.
func (r *Reader) EUI64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// Bool takes a "b".
func (r *Reader) Bool() bool {
	v := r.Uint8()
	if v > 1 {
		r.fail(errBool)
	}
	return v == 1
}

// Packed takes an "i".
func (r *Reader) Packed() uint32 {
	var v uint32
	for shift := 0; shift < 21; shift += 7 {
		b := r.Uint8()
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 {
				r.fail(errPacked)
				return 0
			}
			return v
		}
	}
	r.fail(errPacked)
	return 0
}

// Data takes a "d": a length of two bytes, and as many bytes.
func (r *Reader) Data() []byte {
	n := int(r.Uint16())
	if n > len(r.b) {
		r.fail(errShort)
		return nil
	}
	return r.take(n)
}

// UTF8 takes a "U": a text that ends with a zero byte, or with the buffer.
func (r *Reader) UTF8() string {
	text, rest, _ := bytes.Cut(r.b, []byte{0})
	r.b = rest
	return string(text)
}

// Rest takes all that is left: a "D".
func (r *Reader) Rest() []byte { return r.take(len(r.b)) }

// AppendData appends a "d": the length in two bytes, and p, at most 65,535 bytes.
func AppendData(dst, p []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p)))
	return append(dst, p...)
}

// AppendBool appends a "b".
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// maxPacked is the largest packed integer: three chunks of seven bits.
const maxPacked = 1<<21 - 1

// AppendPacked appends a packed unsigned integer, at most 2,097,151.
func AppendPacked(dst []byte, v uint32) []byte {
	if v > maxPacked {
		panic(fmt.Sprintf("spinel: %d does not fit a packed integer", v))
	}
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}
