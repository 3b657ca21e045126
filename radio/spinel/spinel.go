// Package spinel is the codec of Spinel, the protocol between a host and an
// OpenThread radio co-processor (RCP): HDLC-lite framing as in RFC 1662 with
// CRC-16/X-25, the frame header, packed values, and the properties that raw
// IEEE 802.15.4 needs. It follows draft-rquattle-spinel-unified and the values
// of OpenThread's spinel.h (protocol 4.3). The driver in radio and the virtual
// RCP in sim share it.
//
// It is pure: no network, files, clock, goroutines or package-level state. It
// knows nothing of Thread, of IPv6 or of network co-processors.
package spinel

import (
	"errors"
	"fmt"
)

// The protocol version spoken here. Hosts refuse another major number.
const (
	ProtocolMajor = 4
	ProtocolMinor = 3
)

// MaxTID is the largest transaction identifier. 0 marks what nobody asked for.
const MaxTID = 14

// Command says what a frame wants.
type Command uint32

// The commands used with an RCP.
const (
	Noop         Command = 0
	Reset        Command = 1
	PropGet      Command = 2
	PropSet      Command = 3
	PropInsert   Command = 4
	PropRemove   Command = 5
	PropIs       Command = 6
	PropInserted Command = 7
	PropRemoved  Command = 8
)

// The argument of [Reset].
const (
	ResetPlatform   = 1
	ResetStack      = 2
	ResetBootloader = 3
)

// Frame is one Spinel frame.
type Frame struct {
	IID     uint8 // interface, 0 to 3; 0 unless an RCP serves several networks
	TID     uint8 // transaction, 0 to 15
	Command Command
	Payload []byte
}

var errFrame = errors.New("not a Spinel frame")

// AppendFrame appends f without its framing.
func AppendFrame(dst []byte, f Frame) []byte {
	dst = append(dst, 0x80|f.IID&3<<4|f.TID&0x0f)
	dst = AppendPacked(dst, uint32(f.Command))
	return append(dst, f.Payload...)
}

// ParseFrame reads a frame as [Deframer] yields it. The payload refers to b.
func ParseFrame(b []byte) (Frame, error) {
	r := NewReader(b)
	h := r.Uint8()
	f := Frame{IID: h >> 4 & 3, TID: h & 0x0f, Command: Command(r.Packed())}
	f.Payload = r.Rest()
	if err := r.Err(); err != nil {
		return Frame{}, err
	}
	if h>>6 != 2 {
		return Frame{}, errFrame
	}
	return f, nil
}

// AppendProperty appends the framed command on a property, ready to be written:
// what a host sends with [PropGet] and [PropSet], and an RCP with [PropIs].
func AppendProperty(dst []byte, tid uint8, c Command, p Property, value []byte) []byte {
	payload := append(AppendPacked(nil, uint32(p)), value...)
	return AppendHDLC(dst, AppendFrame(nil, Frame{TID: tid, Command: c, Payload: payload}))
}

// ParseProperty splits the payload of a property command into the property and
// its value, which refers to payload.
func ParseProperty(payload []byte) (Property, []byte, error) {
	r := NewReader(payload)
	p := Property(r.Packed())
	return p, r.Rest(), r.Err()
}

// Status is the value of [LastStatus].
type Status uint32

// The statuses that an RCP reports.
const (
	OK                   Status = 0
	Failure              Status = 1
	InvalidArgument      Status = 3
	InvalidState         Status = 4
	InvalidCommand       Status = 5
	ParseError           Status = 9
	NoMemory             Status = 11
	Busy                 Status = 12
	PropertyNotFound     Status = 13
	NoAck                Status = 17
	CCAFailure           Status = 18
	Already              Status = 19
	ItemNotFound         Status = 20
	InvalidCommandOnProp Status = 21
	ResetPowerOn         Status = 112
	ResetSoftware        Status = 114
	resetLast            Status = 127
)

// IsReset reports whether s says that the RCP has just started.
func (s Status) IsReset() bool { return s >= ResetPowerOn && s <= resetLast }

func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Failure:
		return "failure"
	case InvalidArgument:
		return "invalid argument"
	case InvalidState:
		return "invalid state"
	case InvalidCommand:
		return "invalid command"
	case ParseError:
		return "parse error"
	case NoMemory:
		return "out of memory"
	case Busy:
		return "busy"
	case PropertyNotFound:
		return "property not found"
	case NoAck:
		return "no ack"
	case CCAFailure:
		return "channel access failure"
	case Already:
		return "already in progress"
	case ItemNotFound:
		return "item not found"
	case InvalidCommandOnProp:
		return "invalid command for the property"
	}
	if s.IsReset() {
		return fmt.Sprintf("reset (%d)", uint32(s))
	}
	return fmt.Sprintf("status %d", uint32(s))
}
