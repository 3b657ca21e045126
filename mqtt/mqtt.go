// Package mqtt is the server side of MQTT 5.0 (OASIS Standard, 7 March 2019)
// and MQTT 3.1.1 (OASIS Standard, 29 October 2014): a codec for every packet of
// both versions, an engine for one connection ([Conn]), the state that outlives
// a connection ([Session]), and the tables that route messages ([Tree],
// [Retained]).
//
// It is pure: bytes and the time go in, bytes and decisions come out. It opens
// no connection, reads no clock, starts no goroutine, and decides nothing about
// who may do what: its owner accepts or refuses. Everything that a peer can make
// it hold has a limit ([Limits]).
//
// Enhanced authentication is refused, as the protocol lets a server do. Clause numbers
// in brackets, such as [MQTT-3.1.2-24], are those of the MQTT 5.0 document.
package mqtt

import (
	"fmt"
	"io"
	"log/slog"
)

// Version is a protocol level (3.1.2.2).
type Version byte

// The protocol levels that the codec speaks.
const (
	V311 Version = 4
	V5   Version = 5
)

// Type is the kind of a packet, the upper half of its first byte (2.1.2).
type Type byte

// The packet types.
const (
	TypeConnect     Type = 1
	TypeConnack     Type = 2
	TypePublish     Type = 3
	TypePuback      Type = 4
	TypePubrec      Type = 5
	TypePubrel      Type = 6
	TypePubcomp     Type = 7
	TypeSubscribe   Type = 8
	TypeSuback      Type = 9
	TypeUnsubscribe Type = 10
	TypeUnsuback    Type = 11
	TypePingreq     Type = 12
	TypePingresp    Type = 13
	TypeDisconnect  Type = 14
	TypeAuth        Type = 15
)

// QoS is a quality of service: 0 at most once, 1 at least once, 2 exactly once.
type QoS byte

// Error is a fault of the peer: what the protocol calls it, and in words.
type Error struct {
	Reason Reason
	Text   string
}

func (e *Error) Error() string { return "mqtt: " + e.Text + " (" + e.Reason.String() + ")" }

func malformed(format string, args ...any) *Error {
	return &Error{Malformed, fmt.Sprintf(format, args...)}
}

func violation(format string, args ...any) *Error {
	return &Error{ProtocolError, fmt.Sprintf(format, args...)}
}

// Secret is a password as it came in CONNECT. It prints as [redacted].
type Secret []byte

// Format implements [fmt.Formatter] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText implements [encoding.TextMarshaler], so that no encoder prints it.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
