// Package zcl is the Zigbee cluster library: frames, typed values, the commands
// that all clusters share, the clusters of lights, sensors and switches, and a server
// engine that answers for them and reports their attributes. It follows ZCL
// revision 8 (07-5123-08), chapters 2 to 5, 10.4 for metering and 11 for upgrades.
//
// The table of clusters in this package is the one place where clusters,
// attributes and commands are named: it drives the decoding of commands, the
// server, and what devices say of themselves.
//
// It is pure: no network, files, clock, goroutines or package-level mutable
// state. It does not know what a light does; see the package device.
package zcl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// ProfileHomeAutomation is the profile of Zigbee 3.0 application endpoints.
const ProfileHomeAutomation uint16 = 0x0104

// Identifiers of lighting devices (15-0014-05, the Zigbee lighting and occupancy
// devices).
const (
	DeviceDimmableLight         uint16 = 0x0101
	DeviceDimmerSwitch          uint16 = 0x0104
	DeviceOccupancySensor       uint16 = 0x0107
	DeviceColorTemperatureLight uint16 = 0x010c
)

// ErrMalformed is returned for a frame or payload that is too short, or that
// contradicts itself.
var ErrMalformed = errors.New("zcl: malformed")

// Status is how a command ended (07-5123-08, 2.6.3). Names that revision 8
// deprecates are kept as far as devices in the field still send them.
type Status uint8

// The statuses.
const (
	Success              Status = 0x00
	Failure              Status = 0x01
	NotAuthorised        Status = 0x7e
	MalformedCommand     Status = 0x80
	UnsupCommand         Status = 0x81 // UNSUP_CLUSTER_COMMAND before revision 8
	UnsupGeneralCommand  Status = 0x82 // deprecated
	InvalidField         Status = 0x85
	UnsupportedAttribute Status = 0x86
	InvalidValue         Status = 0x87
	ReadOnly             Status = 0x88
	InsufficientSpace    Status = 0x89
	DuplicateExists      Status = 0x8a // deprecated
	NotFound             Status = 0x8b
	Unreportable         Status = 0x8c // UNREPORTABLE_ATTRIBUTE
	InvalidDataType      Status = 0x8d
	WriteOnly            Status = 0x8f // deprecated
	Timeout              Status = 0x94
	Abort                Status = 0x95 // OTA: the image is given up
	InvalidImage         Status = 0x96
	WaitForData          Status = 0x97
	NoImageAvailable     Status = 0x98
	RequireMoreImage     Status = 0x99
	UnsupportedCluster   Status = 0xc3
)

func (s Status) String() string {
	switch s {
	case Success:
		return "success"
	case Failure:
		return "failure"
	case NotAuthorised:
		return "not authorised"
	case MalformedCommand:
		return "malformed command"
	case UnsupCommand, UnsupGeneralCommand:
		return "unsupported command"
	case InvalidField:
		return "invalid field"
	case UnsupportedAttribute:
		return "unsupported attribute"
	case InvalidValue:
		return "invalid value"
	case ReadOnly:
		return "read only"
	case InsufficientSpace:
		return "insufficient space"
	case DuplicateExists:
		return "duplicate exists"
	case NotFound:
		return "not found"
	case Unreportable:
		return "unreportable attribute"
	case InvalidDataType:
		return "invalid data type"
	case WriteOnly:
		return "write only"
	case Timeout:
		return "timeout"
	case Abort:
		return "abort"
	case InvalidImage:
		return "invalid image"
	case WaitForData:
		return "wait for data"
	case NoImageAvailable:
		return "no image available"
	case RequireMoreImage:
		return "require more image"
	case UnsupportedCluster:
		return "unsupported cluster"
	default:
		return fmt.Sprintf("zcl status 0x%02x", uint8(s))
	}
}

// reader walks a payload. After a read past the end it returns zeros and is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

// uint reads a little-endian number of n bytes, n at most 8.
func (r *reader) uint(n int) uint64 {
	var v uint64
	for i, c := range r.take(n) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (r *reader) u8() uint8   { return uint8(r.uint(1)) }
func (r *reader) u16() uint16 { return uint16(r.uint(2)) }
func (r *reader) u32() uint32 { return uint32(r.uint(4)) }

// flag reads a truth value: what is not 0 is true.
func (r *reader) flag() bool { return r.u8() != 0 }

// end returns [ErrMalformed] when the payload was too short.
func (r *reader) end() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// records reads a payload that is a list of records. The walk ends with the
// first record that is malformed, given as an error.
func records[T any](p []byte, read func(*reader) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		r := reader{rest: p}
		for len(r.rest) > 0 {
			v := read(&r)
			if r.bad {
				var none T
				yield(none, ErrMalformed)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

func appendU16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func appendU32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func appendU64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }
