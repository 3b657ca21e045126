package zcl

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// A Value is a value with its type. It is comparable: two values are equal
// with == when they are encoded the same. The zero Value has the type
// [TypeNoData].
//
// Values of every type that the library defines can be read, kept and written
// again; numbers and strings can also be looked into.
type Value struct {
	typ  Type
	bits uint64 // of a type of at most 8 bytes; of a string, 1 for the non-value
	text string // content of a string; the encoding of any other longer type
}

// maxNesting is how deep arrays and structures may stand in one another
// (07-5123-08, 2.6.2.14).
const maxNesting = 15

// Type returns the type of the value.
func (v Value) Type() Type { return v.typ }

// NewValue returns a value of a type of at most 8 bytes from its bits; those
// that the type has no room for are dropped. A type without such a size gives
// the zero Value.
func NewValue(t Type, bits uint64) Value {
	n, ok := t.size()
	if !ok || n > 8 {
		return Value{}
	}
	return Value{typ: t, bits: bits & mask(n)}
}

func mask(size int) uint64 {
	if size >= 8 {
		return math.MaxUint64
	}
	return 1<<(8*size) - 1
}

// Bool returns a truth value.
func Bool(b bool) Value {
	if b {
		return Value{typ: TypeBool, bits: 1}
	}
	return Value{typ: TypeBool}
}

// Uint8 returns an unsigned 8-bit value.
func Uint8(n uint8) Value { return Value{typ: TypeUint8, bits: uint64(n)} }

// Uint16 returns an unsigned 16-bit value.
func Uint16(n uint16) Value { return Value{typ: TypeUint16, bits: uint64(n)} }

// Int16 returns a signed 16-bit value.
func Int16(n int16) Value { return Value{typ: TypeInt16, bits: uint64(uint16(n))} }

// Enum8 returns an enumeration of 8 bits.
func Enum8(n uint8) Value { return Value{typ: TypeEnum8, bits: uint64(n)} }

// Map8 returns a bitmap of 8 bits.
func Map8(n uint8) Value { return Value{typ: TypeMap8, bits: uint64(n)} }

// Map32 returns a bitmap of 32 bits.
func Map32(n uint32) Value { return Value{typ: TypeMap32, bits: uint64(n)} }

// Text returns a character string, cut to the 254 bytes that it may have.
func Text(s string) Value { return Value{typ: TypeText, text: s[:min(len(s), 254)]} }

// Uint returns the bits of a value of at most 8 bytes as an unsigned number, and
// 0 for all others.
func (v Value) Uint() uint64 {
	if v.typ.prefix() > 0 {
		return 0
	}
	return v.bits
}

// Int is [Value.Uint] with the sign of signed types.
func (v Value) Int() int64 {
	if n, ok := v.typ.size(); ok && n > 0 && n <= 8 && v.typ.signed() {
		shift := 64 - 8*n
		return int64(v.bits<<shift) >> shift
	}
	return int64(v.Uint())
}

// Bool reports whether the value is a true [TypeBool].
func (v Value) Bool() bool { return v.typ == TypeBool && v.bits == 1 }

// Text returns the content of a string of any kind, "" for other types and for
// the non-value.
func (v Value) Text() string {
	if v.typ.prefix() == 0 {
		return ""
	}
	return v.text
}

// Valid reports whether the value is another one than the non-value of its type,
// by which a device says that it does not know (07-5123-08, table 2-10). Types
// without a non-value are always valid.
func (v Value) Valid() bool {
	t := v.typ
	n, fixed := t.size()
	switch {
	case t.prefix() > 0:
		return v.bits == 0
	case t == TypeNoData || t == TypeUnknown:
		return false
	case t.signed():
		return v.bits != 1<<(8*n-1)
	case t == TypeFloat16:
		return v.bits&0x7c00 != 0x7c00 || v.bits&0x03ff == 0
	case t == TypeFloat32:
		return !math.IsNaN(float64(math.Float32frombits(uint32(v.bits))))
	case t == TypeFloat64:
		return !math.IsNaN(math.Float64frombits(v.bits))
	case t >= TypeData8 && t <= TypeData64, t >= TypeMap8 && t <= TypeMap64, t == TypeKey128:
		return true
	case fixed:
		return v.bits != mask(n)
	}
	return true
}

// String returns the value for people.
func (v Value) String() string {
	n, fixed := v.typ.size()
	switch {
	case !v.Valid():
		return "unknown"
	case v.typ == TypeBool:
		return strconv.FormatBool(v.Bool())
	case v.typ == TypeText || v.typ == TypeText16:
		return strconv.Quote(v.text)
	case v.typ == TypeKey128:
		return "[redacted]"
	case v.typ.signed():
		return strconv.FormatInt(v.Int(), 10)
	case v.typ == TypeEUI64:
		return fmt.Sprintf("%016x", v.bits)
	case fixed && n <= 8:
		return strconv.FormatUint(v.bits, 10)
	}
	return hex.EncodeToString([]byte(v.text))
}

// AppendValue appends the value without its type to b.
func AppendValue(b []byte, v Value) []byte {
	size, fixed := v.typ.size()
	switch prefix := v.typ.prefix(); {
	case fixed && size <= 8:
		return appendUint(b, v.bits, size)
	case prefix > 0 && v.bits != 0:
		return appendUint(b, math.MaxUint64, prefix)
	case prefix > 0:
		return append(appendUint(b, uint64(len(v.text)), prefix), v.text...)
	}
	return append(b, v.text...)
}

// AppendTypedValue appends the type and the value to b.
func AppendTypedValue(b []byte, v Value) []byte { return AppendValue(append(b, uint8(v.typ)), v) }

func appendUint(b []byte, v uint64, size int) []byte {
	for range size {
		b = append(b, uint8(v))
		v >>= 8
	}
	return b
}

// value reads a value of type t. A type that the library does not define has no
// known size, so nothing after it can be read either.
func (r *reader) value(t Type) Value {
	size, fixed := t.size()
	switch prefix := t.prefix(); {
	case fixed && size <= 8:
		return Value{typ: t, bits: r.uint(size)}
	case prefix > 0:
		n := r.uint(prefix)
		if n == mask(prefix) {
			return Value{typ: t, bits: 1}
		}
		return Value{typ: t, text: string(r.take(int(n)))}
	}
	from := r.rest
	r.skip(t, 0)
	return Value{typ: t, text: string(from[:len(from)-len(r.rest)])}
}

// typedValue reads a type and a value of it.
func (r *reader) typedValue() Value { return r.value(Type(r.u8())) }

// skip steps over a value of any type.
func (r *reader) skip(t Type, depth int) {
	size, fixed := t.size()
	switch {
	case depth > maxNesting:
		r.bad = true
	case fixed:
		r.take(size)
	case t.prefix() > 0:
		if n := r.uint(t.prefix()); n != mask(t.prefix()) {
			r.take(int(n))
		}
	case t == TypeArray || t == TypeSet || t == TypeBag:
		r.skipArray(depth)
	case t == TypeStruct:
		r.skipStruct(depth)
	default:
		r.bad = true
	}
}

func (r *reader) skipArray(depth int) {
	t, n := Type(r.u8()), r.u16()
	if n == 0xffff {
		return
	}
	if size, fixed := t.size(); fixed {
		r.take(size * int(n))
		return
	}
	for range n {
		if r.skip(t, depth+1); r.bad {
			return
		}
	}
}

func (r *reader) skipStruct(depth int) {
	n := r.u16()
	if n == 0xffff {
		return
	}
	for range n {
		if r.skip(Type(r.u8()), depth+1); r.bad {
			return
		}
	}
}
