// Package gp is Zigbee Green Power: battery-less switches that harvest the energy
// of a press, the proxies that hear them, and the sink that obeys them. It follows
// the Green Power Basic specification (14-0563-19): the frames of clause A.1.4,
// their security (A.1.5.3, A.3.7), the cluster 0x0021 (A.3.3) and the commands of
// switches (A.4).
//
// A [Proxy] and a [Sink] are pure: they have no network, files, clock or
// goroutines. The owner gives them what was received and the time, and takes from
// them commands to send, events, and when they want to be called again.
//
// This is what it holds to, beyond the document:
//
//   - A switch has a key of its own. The network key and shared keys are never
//     given to one, and frames without security are never acted on.
//   - The key comes from the switch's label, or from its commissioning frame while
//     somebody has opened a window for unlabelled switches. Such a frame protects
//     the key with a link key that is printed in public documents: whoever listens
//     during that window learns the key.
//   - A press that a proxy passes on counts only from one of the at most
//     [MaxProxies] proxies that were paired for that switch, over its link key with
//     the trust centre.
//
// It does not talk back to switches: commissioning in two directions, with a key or
// a channel given by the sink, is not supported, and a channel request is counted.
package gp

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"

	"sconce/zigbee"
)

// How Green Power is reached in a network (A.3.2).
const (
	Endpoint uint8  = 242
	Profile  uint16 = 0xa1e0
	Cluster  uint16 = 0x0021

	DeviceProxyBasic uint16 = 0x0061
	DeviceComboBasic uint16 = 0x0066 // a sink that is a proxy too
)

// Errors of the codecs and of the security of frames.
var (
	ErrMalformed   = errors.New("gp: malformed")
	ErrUnsupported = errors.New("gp: frame type or application that is not supported")
	ErrSecurity    = errors.New("gp: frame is not authentic")
)

// SourceID names a switch (A.1.4.1.4). 0 names none; those from 0xfffffff9 on are
// reserved.
type SourceID uint32

// Valid reports whether s can be the name of one device.
func (s SourceID) Valid() bool { return s != 0 && s < 0xfffffff9 }

func (s SourceID) String() string { return fmt.Sprintf("%08x", uint32(s)) }

// ID names a Green Power device: by its source, or, when EUI64 is not 0, by its
// extended address and one of its endpoints.
type ID struct {
	Source   SourceID
	EUI64    zigbee.EUI64
	Endpoint uint8
}

// Valid reports whether i names one device.
func (i ID) Valid() bool {
	if i.EUI64 != 0 {
		return i.Source == 0 && i.EUI64 != 1<<64-1
	}
	return i.Endpoint == 0 && i.Source.Valid()
}

func (i ID) String() string {
	if i.EUI64 != 0 {
		return fmt.Sprintf("%s/%d", i.EUI64, i.Endpoint)
	}
	return i.Source.String()
}

// Compare orders devices: those with a source first.
func (i ID) Compare(o ID) int {
	return cmp.Or(cmp.Compare(i.EUI64, o.EUI64), cmp.Compare(i.Source, o.Source), cmp.Compare(i.Endpoint, o.Endpoint))
}

// The application identifiers (A.1.4.1.3).
const (
	appSource = 0
	appIEEE   = 2
)

func (i ID) application() uint8 {
	if i.EUI64 != 0 {
		return appIEEE
	}
	return appSource
}

// low returns the 32 bits that stand for the device in the protection of its key.
func (i ID) low() uint32 {
	if i.EUI64 != 0 {
		return uint32(i.EUI64)
	}
	return uint32(i.Source)
}

// Level is how a frame is secured (A.1.4.1.3, table 11).
type Level uint8

// The levels. Level 1 is deprecated, and refused.
const (
	LevelNone      Level = 0
	LevelMIC       Level = 2 // frame counter and integrity code of 4 bytes
	LevelEncrypted Level = 3 // the same, and encryption
)

func (l Level) valid() bool { return l <= LevelEncrypted && l != 1 }

// KeyType is which kind of key a device uses (A.3.3.3.2, table 53).
type KeyType uint8

// The key types.
const (
	KeyNone              KeyType = 0
	KeyNetwork           KeyType = 1 // the network key: never here
	KeyGroup             KeyType = 2 // one key for all devices of a network
	KeyNetworkDerived    KeyType = 3 // a group key made from the network key
	KeyIndividual        KeyType = 4 // the device's own, from its maker
	KeyDerivedIndividual KeyType = 7 // made from a group key for one device
)

func (k KeyType) valid() bool { return k <= KeyIndividual || k == KeyDerivedIndividual }

const redacted = "[redacted]"

// Key is the key of a device. It cannot be compared with ==, and prints as
// [redacted].
type Key struct {
	_ [0]func()
	b [zigbee.KeySize]byte
}

// NewKey returns the key with the given bytes.
func NewKey(b [zigbee.KeySize]byte) Key { return Key{b: b} }

// Bytes returns a copy of the key itself. It is for codecs and ciphers; it is
// never logged.
func (k Key) Bytes() [zigbee.KeySize]byte { return k.b }

// Equal compares in constant time.
func (k Key) Equal(o Key) bool { return subtle.ConstantTimeCompare(k.b[:], o.b[:]) == 1 }

// IsWellKnown reports whether k is all zeros or printed in public documents: it
// protects nothing.
func (k Key) IsWellKnown() bool { return zigbee.NewLinkKey(k.b).IsWellKnown() }

func (Key) String() string { return redacted }

// GoString returns "[redacted]".
func (Key) GoString() string { return redacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// CommandID is a command of a Green Power device (A.4.1, table 54).
type CommandID uint8

// The commands of switches, and those of commissioning.
const (
	Identify           CommandID = 0x00
	RecallScene0       CommandID = 0x10 // to 0x17: scenes 0 to 7
	StoreScene0        CommandID = 0x18 // to 0x1f: scenes 0 to 7
	Off                CommandID = 0x20
	On                 CommandID = 0x21
	Toggle             CommandID = 0x22
	Release            CommandID = 0x23
	MoveUp             CommandID = 0x30 // with a rate, or without
	MoveDown           CommandID = 0x31
	StepUp             CommandID = 0x32 // with a step and perhaps a transition time
	StepDown           CommandID = 0x33
	LevelStop          CommandID = 0x34
	MoveUpWithOnOff    CommandID = 0x35
	MoveDownWithOnOff  CommandID = 0x36
	StepUpWithOnOff    CommandID = 0x37
	StepDownWithOnOff  CommandID = 0x38
	Press1of1          CommandID = 0x60
	Release1of1        CommandID = 0x61
	Press1of2          CommandID = 0x62
	Release1of2        CommandID = 0x63
	Press2of2          CommandID = 0x64
	Release2of2        CommandID = 0x65
	ShortPress1of1     CommandID = 0x66
	ShortPress1of2     CommandID = 0x67
	ShortPress2of2     CommandID = 0x68
	VectorPress        CommandID = 0x69 // with the contacts as bits
	VectorRelease      CommandID = 0x6a
	CommissioningGPDF  CommandID = 0xe0
	Decommissioning    CommandID = 0xe1
	Success            CommandID = 0xe2
	ChannelRequestGPDF CommandID = 0xe3
	CommissioningReply CommandID = 0xf0 // to a device
	ChannelConfig      CommandID = 0xf3 // to a device
)

// Counters counts what a [Proxy] or a [Sink] refused or dropped.
type Counters struct {
	Accepted   uint64 // frames of paired switches that were passed on or obeyed
	Unknown    uint64 // frames of switches that are not paired
	Unsecured  uint64 // frames with less security than their switch was paired with
	Forged     uint64 // frames whose integrity code is wrong
	Replayed   uint64 // frames with a counter that was seen before, one's own repetitions among them
	Refused    uint64 // commands from a node that may not give them
	Closed     uint64 // commissioning frames while no window is open
	Full       uint64 // what found no room in a table or queue
	NotHandled uint64 // commands that nothing is made of: channel requests
}
