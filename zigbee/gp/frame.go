package gp

import (
	"encoding/binary"
	"slices"

	"sconce/zigbee"
)

// Version is the network protocol version that marks a frame as one of Green
// Power (A.1.4.1.2).
const Version = 3

// FrameType is the type of a frame (A.1.4.1.2).
type FrameType uint8

// The frame types.
const (
	TypeData        FrameType = 0
	TypeMaintenance FrameType = 1 // names no device: a channel request
)

// Frame is a frame from or to a device, above the MAC (A.1.4.1). At
// [LevelEncrypted] the body is encrypted.
type Frame struct {
	Type              FrameType
	AutoCommissioning bool // no commissioning frame: the device wants to be paired by this one
	ID                ID
	Level             Level
	IndividualKey     bool // the key is the device's own, not shared
	RxAfterTx         bool // the device listens shortly after this frame
	ToDevice          bool // to the device, not from it
	Counter           uint32
	Body              []byte // a command and its payload; lies in the parsed frame
	MIC               [zigbee.MICSize]byte
}

// The bits of the frame control field (A.1.4.1.2) and of its extension (A.1.4.1.3).
const (
	fcType         = 0x03
	fcVersion      = 0x3c
	fcAuto         = 0x40
	fcExtended     = 0x80
	fcVersionShift = 2

	extApplication = 0x07
	extLevel       = 0x18
	extIndividual  = 0x20
	extRxAfterTx   = 0x40
	extToDevice    = 0x80
	extLevelShift  = 3
)

// IsFrame reports whether a MAC payload is a Green Power frame.
func IsFrame(b []byte) bool {
	return len(b) > 0 && b[0]&fcVersion == Version<<fcVersionShift
}

// Command returns the command of a frame that is not encrypted.
func (f Frame) Command() CommandID { return CommandID(f.Body[0]) }

func (f Frame) extension() uint8 {
	e := f.ID.application() | uint8(f.Level)<<extLevelShift
	for _, b := range [...]struct {
		set bool
		bit uint8
	}{{f.IndividualKey, extIndividual}, {f.RxAfterTx, extRxAfterTx}, {f.ToDevice, extToDevice}} {
		if b.set {
			e |= b.bit
		}
	}
	return e
}

// appendHeader appends what comes before the body.
func (f Frame) appendHeader(b []byte) []byte {
	fc := uint8(f.Type) | Version<<fcVersionShift
	if f.AutoCommissioning {
		fc |= fcAuto
	}
	if f.Type == TypeMaintenance {
		return append(b, fc)
	}
	if e := f.extension(); e != 0 {
		b = append(b, fc|fcExtended, e)
	} else {
		b = append(b, fc)
	}
	if f.ID.EUI64 != 0 {
		b = append(b, f.ID.Endpoint)
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(f.ID.Source))
	}
	if f.Level != LevelNone {
		b = binary.LittleEndian.AppendUint32(b, f.Counter)
	}
	return b
}

// Append appends the frame to b, as it is: [Seal] secures one. An extended address
// travels in the MAC header, and is not appended.
func (f Frame) Append(b []byte) []byte {
	b = append(f.appendHeader(b), f.Body...)
	if f.Level != LevelNone {
		b = append(b, f.MIC[:]...)
	}
	return b
}

// Parse reads a frame; src is the extended source address of its MAC header, 0 for
// none. A control extension that says nothing is read over (canonical form: without).
func Parse(src zigbee.EUI64, b []byte) (Frame, error) {
	if !IsFrame(b) {
		return Frame{}, ErrUnsupported
	}
	fc := b[0]
	r := reader{rest: b[1:]}
	f := Frame{Type: FrameType(fc & fcType), AutoCommissioning: fc&fcAuto != 0}
	switch {
	case f.Type > TypeMaintenance:
		return Frame{}, ErrUnsupported
	case f.Type == TypeMaintenance:
		if fc&fcExtended != 0 || len(r.rest) == 0 {
			return Frame{}, ErrMalformed
		}
		f.Body = r.rest
		return f, nil
	}
	var ext uint8
	if fc&fcExtended != 0 {
		ext = r.u8()
	}
	f.Level = Level(ext & extLevel >> extLevelShift)
	f.IndividualKey, f.RxAfterTx, f.ToDevice = ext&extIndividual != 0, ext&extRxAfterTx != 0, ext&extToDevice != 0
	switch ext & extApplication {
	case appSource:
		f.ID.Source = SourceID(r.u32())
	case appIEEE:
		f.ID = ID{EUI64: src, Endpoint: r.u8()}
	default:
		return Frame{}, ErrUnsupported
	}
	if !f.Level.valid() {
		return Frame{}, ErrUnsupported
	}
	if f.Level != LevelNone {
		f.Counter = r.u32()
		n := max(0, len(r.rest)-len(f.MIC))
		mic := reader{rest: r.rest[n:]}
		copy(f.MIC[:], mic.take(len(f.MIC)))
		r.rest, r.bad = r.rest[:n], r.bad || mic.bad
	}
	f.Body = r.rest
	if r.bad || len(f.Body) == 0 || !f.ID.Valid() {
		return Frame{}, ErrMalformed
	}
	return f, nil
}

// reader walks a payload. After a read past the end it returns zeros and is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	p := r.rest[:n:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) u8() uint8           { return r.take(1)[0] }
func (r *reader) u16() uint16         { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32         { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) eui64() zigbee.EUI64 { return zigbee.EUI64(binary.LittleEndian.Uint64(r.take(8))) }

func (r *reader) key() Key                { return NewKey([zigbee.KeySize]byte(r.take(zigbee.KeySize))) }
func (r *reader) short() zigbee.ShortAddr { return zigbee.ShortAddr(r.u16()) }

func (r *reader) u24() uint32 {
	p := r.take(3)
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
}

// id reads a device as the cluster's commands write it.
func (r *reader) id(application uint8) ID {
	var i ID
	switch application {
	case appSource:
		i.Source = SourceID(r.u32())
	case appIEEE:
		i.EUI64, i.Endpoint = r.eui64(), r.u8()
		r.bad = r.bad || i.EUI64 == 0
	default:
		r.bad = true
	}
	return i
}

// octets reads an octet string: its length, of which 0xff says that there is none,
// and its bytes.
func (r *reader) octets() []byte {
	n := r.u8()
	if n == 0xff {
		r.bad = true
		return nil
	}
	return slices.Clip(r.take(int(n)))
}

// end returns [ErrMalformed] when the payload was too short or is too long.
func (r *reader) end() error {
	if r.bad || len(r.rest) > 0 {
		return ErrMalformed
	}
	return nil
}

func appendID(b []byte, i ID) []byte {
	if i.EUI64 != 0 {
		return append(binary.LittleEndian.AppendUint64(b, uint64(i.EUI64)), i.Endpoint)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(i.Source))
}
