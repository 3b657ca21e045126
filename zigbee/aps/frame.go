// Package aps is the application support layer of a Zigbee node: the codec of its
// frames and commands, acknowledged delivery, duplicate rejection, link keys and
// groups. It follows Zigbee PRO R22 (05-3474-22), clauses 2.2 and 4.4.
//
// The binding table is the owner's. Fragments are of unicast data alone: any other
// frame with an extended header is counted and dropped.
//
// It is pure: no network, files, clock, goroutines or package-level state.
package aps

import (
	"encoding/binary"
	"errors"
)

// Errors of the codec.
var (
	ErrMalformed   = errors.New("aps: malformed frame")
	ErrUnsupported = errors.New("aps: frame type or extension that is not supported")
)

// FrameType is the type of a frame (2.2.5.1.1.1).
type FrameType uint8

// The frame types.
const (
	TypeData    FrameType = 0
	TypeCommand FrameType = 1
	TypeAck     FrameType = 2
)

// Delivery is how a frame is addressed (2.2.5.1.1.2).
type Delivery uint8

// The delivery modes.
const (
	Unicast   Delivery = 0
	Broadcast Delivery = 2
	Group     Delivery = 3
)

// Header is the header of a frame (2.2.5.1).
type Header struct {
	Type        FrameType
	Delivery    Delivery
	CommandAck  bool // TypeAck: acknowledges a command, and carries no addresses
	Secured     bool // an auxiliary header follows
	AckRequest  bool
	DstEndpoint uint8  // not with Group
	Group       uint16 // with Group
	Cluster     uint16
	Profile     uint16
	SrcEndpoint uint8
	Counter     uint8

	Fragment Fragment // data, and acknowledgements of it: a block of a longer payload
	Block    uint8    // the number of blocks in the first one, else which it is; in an acknowledgement the first that it speaks of
	Acked    uint8    // TypeAck: a bit for each block from there on that has arrived
}

// The bits of the frame control field (2.2.5.1.1).
const (
	fcType       = 0x03
	fcDelivery   = 0x0c
	fcCommandAck = 0x10
	fcSecurity   = 0x20
	fcAckRequest = 0x40
	fcExtended   = 0x80

	fcDeliveryShift = 2
)

// addressed reports whether a frame carries endpoints, cluster and profile.
func (h Header) addressed() bool {
	return h.Type == TypeData || h.Type == TypeAck && !h.CommandAck
}

// AppendHeader appends h to b.
func AppendHeader(b []byte, h Header) []byte {
	fc := uint8(h.Type) | uint8(h.Delivery)<<fcDeliveryShift
	if h.CommandAck {
		fc |= fcCommandAck
	}
	if h.Secured {
		fc |= fcSecurity
	}
	if h.AckRequest {
		fc |= fcAckRequest
	}
	if h.Fragment != Whole {
		fc |= fcExtended
	}
	b = append(b, fc)
	if h.addressed() {
		if h.Delivery == Group {
			b = binary.LittleEndian.AppendUint16(b, h.Group)
		} else {
			b = append(b, h.DstEndpoint)
		}
		b = binary.LittleEndian.AppendUint16(b, h.Cluster)
		b = binary.LittleEndian.AppendUint16(b, h.Profile)
		b = append(b, h.SrcEndpoint)
	}
	b = append(b, h.Counter)
	if h.Fragment == Whole {
		return b
	}
	b = append(b, uint8(h.Fragment), h.Block)
	if h.Type == TypeAck {
		b = append(b, h.Acked)
	}
	return b
}

// ParseHeader reads the header of a frame and returns it and what follows: the
// auxiliary header of a secured frame, else the payload. An extended header that is
// not that of a block is [ErrUnsupported]. That a broadcast asks for an acknowledgement,
// which it must not (2.2.5.1.1.6) and some stacks' do, is read over (canonical form: it does not).
func ParseHeader(frame []byte) (Header, []byte, error) {
	if len(frame) < 2 {
		return Header{}, nil, ErrMalformed
	}
	fc := frame[0]
	h := Header{
		Type:       FrameType(fc & fcType),
		Delivery:   Delivery(fc & fcDelivery >> fcDeliveryShift),
		CommandAck: fc&fcCommandAck != 0,
		Secured:    fc&fcSecurity != 0,
		AckRequest: fc&fcAckRequest != 0,
	}
	if h.Type == TypeData && h.Delivery != Unicast {
		h.AckRequest = false
	}
	switch {
	case h.Type > TypeAck, fc&fcExtended != 0 && !h.addressed():
		return Header{}, nil, ErrUnsupported
	case h.Delivery == 1,
		h.CommandAck && h.Type != TypeAck,
		h.Type == TypeAck && (h.Delivery != Unicast || h.AckRequest),
		h.Type == TypeCommand && h.Delivery == Group,
		h.AckRequest && h.Delivery != Unicast:
		return Header{}, nil, ErrMalformed
	}
	rest := frame[1:]
	if h.addressed() {
		n := 6
		if h.Delivery == Group {
			n = 7
		}
		if len(rest) < n {
			return Header{}, nil, ErrMalformed
		}
		if h.Delivery == Group {
			h.Group = binary.LittleEndian.Uint16(rest)
		} else {
			h.DstEndpoint = rest[0]
		}
		rest = rest[n-5:]
		h.Cluster = binary.LittleEndian.Uint16(rest)
		h.Profile = binary.LittleEndian.Uint16(rest[2:])
		h.SrcEndpoint = rest[4]
		rest = rest[5:]
	}
	if len(rest) < 1 {
		return Header{}, nil, ErrMalformed
	}
	h.Counter = rest[0]
	if fc&fcExtended != 0 {
		return h.parseExtended(rest[1:])
	}
	return h, rest[1:], nil
}

// parseExtended reads the extended header (2.2.5.1.8) of an acknowledged unicast.
func (h Header) parseExtended(rest []byte) (Header, []byte, error) {
	n := 2
	if h.Type == TypeAck {
		n = 3
	}
	switch {
	case len(rest) < n || h.Type == TypeData && !h.AckRequest:
		return Header{}, nil, ErrMalformed
	case rest[0] != uint8(FirstBlock) && rest[0] != uint8(LaterBlock):
		return Header{}, nil, ErrUnsupported
	}
	h.Fragment, h.Block = Fragment(rest[0]), rest[1]
	if h.Type == TypeAck {
		h.Acked = rest[2]
	}
	return h, rest[n:], nil
}
