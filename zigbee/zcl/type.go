package zcl

import (
	"fmt"
	"strconv"
)

// A Type is the data type of an attribute or field (07-5123-08, 2.6.2, table
// 2-10).
type Type uint8

// The data types.
const (
	TypeNoData   Type = 0x00
	TypeData8    Type = 0x08 // to TypeData64, one byte more each
	TypeData64   Type = 0x0f
	TypeBool     Type = 0x10
	TypeMap8     Type = 0x18 // bitmaps, to TypeMap64, one byte more each
	TypeMap16    Type = 0x19
	TypeMap32    Type = 0x1b
	TypeMap64    Type = 0x1f
	TypeUint8    Type = 0x20 // to TypeUint64, one byte more each
	TypeUint16   Type = 0x21
	TypeUint24   Type = 0x22
	TypeUint32   Type = 0x23
	TypeUint48   Type = 0x25
	TypeUint64   Type = 0x27
	TypeInt8     Type = 0x28 // to TypeInt64, one byte more each
	TypeInt16    Type = 0x29
	TypeInt32    Type = 0x2b
	TypeInt64    Type = 0x2f
	TypeEnum8    Type = 0x30
	TypeEnum16   Type = 0x31
	TypeFloat16  Type = 0x38
	TypeFloat32  Type = 0x39
	TypeFloat64  Type = 0x3a
	TypeOctets   Type = 0x41 // octet string of at most 254 bytes
	TypeText     Type = 0x42 // character string of at most 254 bytes
	TypeOctets16 Type = 0x43 // long octet string
	TypeText16   Type = 0x44 // long character string
	TypeArray    Type = 0x48
	TypeStruct   Type = 0x4c
	TypeSet      Type = 0x50
	TypeBag      Type = 0x51
	TypeTime     Type = 0xe0 // of day
	TypeDate     Type = 0xe1
	TypeUTC      Type = 0xe2 // seconds since 2000-01-01 00:00 UTC
	TypeCluster  Type = 0xe8
	TypeAttr     Type = 0xe9
	TypeBACnet   Type = 0xea
	TypeEUI64    Type = 0xf0
	TypeKey128   Type = 0xf1
	TypeUnknown  Type = 0xff
)

// String returns the short name of the type (07-5123-08, table 2-10).
func (t Type) String() string {
	wide := func(name string) string { return name + strconv.Itoa(8*(int(t&7)+1)) }
	switch {
	case t >= TypeData8 && t <= TypeData64:
		return wide("data")
	case t >= TypeMap8 && t <= TypeMap64:
		return wide("map")
	case t >= TypeUint8 && t <= TypeUint64:
		return wide("uint")
	case t >= TypeInt8 && t <= TypeInt64:
		return wide("int")
	}
	switch t {
	case TypeBool:
		return "bool"
	case TypeEnum8:
		return "enum8"
	case TypeEnum16:
		return "enum16"
	case TypeOctets:
		return "octstr"
	case TypeText:
		return "string"
	case TypeUTC:
		return "UTC"
	case TypeEUI64:
		return "EUI64"
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}

// size returns the size in bytes of a value of a type of fixed size, and false
// for all other types.
func (t Type) size() (int, bool) {
	switch {
	case t == TypeNoData || t == TypeUnknown:
		return 0, true
	case t >= TypeData8 && t <= TypeData64, t >= TypeMap8 && t <= TypeMap64,
		t >= TypeUint8 && t <= TypeUint64, t >= TypeInt8 && t <= TypeInt64:
		return int(t&7) + 1, true
	case t == TypeBool || t == TypeEnum8:
		return 1, true
	case t == TypeEnum16 || t == TypeFloat16 || t == TypeCluster || t == TypeAttr:
		return 2, true
	case t == TypeFloat32 || t == TypeTime || t == TypeDate || t == TypeUTC || t == TypeBACnet:
		return 4, true
	case t == TypeFloat64 || t == TypeEUI64:
		return 8, true
	case t == TypeKey128:
		return 16, true
	}
	return 0, false
}

// Analog reports whether values of the type measure something, so that a change
// between two of them has a size (07-5123-08, table 2-10).
func (t Type) Analog() bool {
	return t >= TypeUint8 && t <= TypeInt64 || t >= TypeFloat16 && t <= TypeFloat64 ||
		t >= TypeTime && t <= TypeUTC
}

func (t Type) signed() bool { return t >= TypeInt8 && t <= TypeInt64 }

// prefix returns the size of the length field of a string type, 0 for others.
func (t Type) prefix() int {
	switch t {
	case TypeOctets, TypeText:
		return 1
	case TypeOctets16, TypeText16:
		return 2
	}
	return 0
}

func (t Type) float() bool { return t >= TypeFloat16 && t <= TypeFloat64 }
