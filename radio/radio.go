// Package radio moves raw IEEE 802.15.4-2006 frames in and out of the 2.4 GHz
// air (O-QPSK, channels 11 to 26). It holds the interface, the Spinel driver for
// dongles with OpenThread RCP firmware, and, in radiotest, the suite that every
// radio must pass.
//
// A radio does what has to be in silicon: CSMA-CA and retries, the frame check
// sequence, address filtering, acknowledgement with the frame-pending bit, and
// energy measurement. Everything above is somebody else's.
package radio

import (
	"context"
	"errors"
	"time"
)

// MaxFrame is the largest MAC frame in bytes, without its frame check sequence
// (aMaxPHYPacketSize less the two bytes of the FCS; 802.15.4-2006, 6.4.1).
const MaxFrame = 125

// MinFrame is the smallest MAC frame in bytes, without its frame check
// sequence: frame control and sequence number.
const MinFrame = 3

// MaxPending is how many neighbours of each kind [Radio.SetPending] takes.
const MaxPending = 32

// Filter is what a radio needs to know to filter addresses and acknowledge.
type Filter struct {
	Channel uint8  // 11 to 26
	PANID   uint16 // 0xffff accepts beacons of every network
	Short   uint16 // 0xffff before one is assigned, 0xfffe without one
	EUI64   uint64
}

// Status says how a transmission ended.
type Status uint8

// How a transmission can end.
const (
	Sent        Status = iota + 1 // acknowledged, or sent without asking for it
	NoAck                         // all retries went unacknowledged
	ChannelBusy                   // CSMA-CA found no clear channel
)

func (s Status) String() string {
	switch s {
	case Sent:
		return "sent"
	case NoAck:
		return "no ack"
	case ChannelBusy:
		return "channel busy"
	default:
		return "unknown"
	}
}

// TxResult is the end of a transmission.
type TxResult struct {
	Status       Status
	FramePending bool // the acknowledgement said that the receiver holds data for us
}

// Frame is a received MAC frame that passed the frame check sequence and the
// address filter. Acknowledgement frames are not delivered.
type Frame struct {
	Data []byte    // without the frame check sequence
	RSSI int8      // dBm
	LQI  uint8     // 0 to 255 (802.15.4-2006, 6.9.8)
	At   time.Time // when it was received
}

// Errors that a caller may decide on.
var (
	// ErrClosed is returned by calls on a radio that was closed.
	ErrClosed = errors.New("radio is closed")

	// ErrFrameSize is returned for a frame that no radio can send: the caller's
	// fault, not the radio's.
	ErrFrameSize = errors.New("a MAC frame has 3 to 125 bytes")
)

// A Radio sends and receives frames. Its methods may be called from several
// goroutines.
type Radio interface {
	// EUI64 returns the factory address of the radio itself.
	EUI64() uint64

	// Configure sets channel and addresses, and enables reception. Before the
	// first call nothing is received, and nothing can be sent.
	Configure(ctx context.Context, f Filter) error

	// Transmit sends one frame without its frame check sequence, with CSMA-CA
	// and, where the frame asks for an acknowledgement, macMaxFrameRetries (3)
	// retries, and waits for the end of it. Calls are carried out one at a time,
	// in order. An error other than [ErrFrameSize] and that of ctx means that the
	// radio itself is in trouble; a frame that nobody acknowledged is a status.
	// When ctx ends first, the frame may still be sent.
	Transmit(ctx context.Context, frame []byte) (TxResult, error)

	// Frames returns the channel on which received frames arrive, the same at
	// every call. It holds up to 64; when it is full, the oldest is dropped. It
	// is closed when the radio is closed or lost.
	Frames() <-chan Frame

	// SetPending says for which neighbours the acknowledgement of a data request
	// has the frame-pending bit set. It replaces the lists of the last call; each
	// holds at most [MaxPending].
	SetPending(ctx context.Context, short []uint16, extended []uint64) error

	// EnergyScan listens on a channel and returns the highest energy in dBm.
	// Nothing is received meanwhile; the filter's channel is restored after it.
	EnergyScan(ctx context.Context, channel uint8, d time.Duration) (int8, error)

	// Err returns why Frames was closed: nil after Close, else what was lost.
	Err() error

	// Close ends the radio. It is idempotent.
	Close() error
}
