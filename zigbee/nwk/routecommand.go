package nwk

import (
	"encoding/binary"

	"sconce/zigbee"
)

// RouteRequestCommand is the content of a route request (3.4.1).
type RouteRequestCommand struct {
	ManyToOne ManyToOne
	ID        uint8 // chosen by the originator
	Dst       zigbee.ShortAddr
	Cost      uint8        // of the links that it came over
	DstEUI64  zigbee.EUI64 // 0: not given
}

// ManyToOne says whether a route request asks all routers for a route to its
// originator, a concentrator (3.4.1.3.1.1).
type ManyToOne uint8

// The kinds of route request. A concentrator that keeps route records is told
// them before data; one that does not is not.
const (
	OneToOne           ManyToOne = 0
	ManyToOneRecord    ManyToOne = 1
	ManyToOneNoRecord  ManyToOne = 2
	manyToOneUndefined ManyToOne = 3
)

// Bits of the options of a route request (3.4.1.3.1) and a route reply (3.4.2.3.1).
const (
	requestManyToOne      = 0x18
	requestManyToOneShift = 3
	requestDstEUI64       = 0x20
	requestReserved       = 0x87 | routeMulticast

	replyOriginator = 0x10
	replyResponder  = 0x20
	replyReserved   = 0x8f | routeMulticast

	routeMulticast = 0x40 // deprecated by R23 and refused
)

// AppendRouteRequest appends a route request to b.
func AppendRouteRequest(b []byte, c RouteRequestCommand) []byte {
	options := uint8(c.ManyToOne) << requestManyToOneShift
	if c.DstEUI64 != 0 {
		options |= requestDstEUI64
	}
	b = append(b, uint8(RouteRequest), options, c.ID)
	b = binary.LittleEndian.AppendUint16(b, uint16(c.Dst))
	b = append(b, c.Cost)
	if c.DstEUI64 != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.DstEUI64))
	}
	return b
}

// ParseRouteRequest reads a route request. Reserved bits must be 0, an extended
// address that is present must not be; R23's trailing TLVs are read over (canonical
// form: without them).
func ParseRouteRequest(b []byte) (RouteRequestCommand, error) {
	if len(b) < 6 || b[0] != uint8(RouteRequest) || b[1]&requestReserved != 0 {
		return RouteRequestCommand{}, ErrMalformed
	}
	c := RouteRequestCommand{
		ManyToOne: ManyToOne(b[1] & requestManyToOne >> requestManyToOneShift), ID: b[2],
		Dst: zigbee.ShortAddr(binary.LittleEndian.Uint16(b[3:])), Cost: b[5],
	}
	if c.ManyToOne == manyToOneUndefined {
		return RouteRequestCommand{}, ErrMalformed
	}
	if b[1]&requestDstEUI64 == 0 {
		return c, nil
	}
	var ok bool
	if c.DstEUI64, _, ok = takeEUI64(b[6:]); !ok {
		return RouteRequestCommand{}, ErrMalformed
	}
	return c, nil
}

// RouteReplyCommand is the content of a route reply (3.4.2).
type RouteReplyCommand struct {
	ID              uint8 // of the request
	Originator      zigbee.ShortAddr
	Responder       zigbee.ShortAddr
	Cost            uint8        // of the links that the reply came over
	OriginatorEUI64 zigbee.EUI64 // 0: not given
	ResponderEUI64  zigbee.EUI64 // 0: not given
}

// AppendRouteReply appends a route reply to b.
func AppendRouteReply(b []byte, c RouteReplyCommand) []byte {
	options := uint8(0)
	if c.OriginatorEUI64 != 0 {
		options |= replyOriginator
	}
	if c.ResponderEUI64 != 0 {
		options |= replyResponder
	}
	b = append(b, uint8(RouteReply), options, c.ID)
	b = binary.LittleEndian.AppendUint16(b, uint16(c.Originator))
	b = binary.LittleEndian.AppendUint16(b, uint16(c.Responder))
	b = append(b, c.Cost)
	if c.OriginatorEUI64 != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.OriginatorEUI64))
	}
	if c.ResponderEUI64 != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.ResponderEUI64))
	}
	return b
}

// ParseRouteReply reads a route reply, as strictly as [ParseRouteRequest].
func ParseRouteReply(b []byte) (RouteReplyCommand, error) {
	if len(b) < 8 || b[0] != uint8(RouteReply) || b[1]&replyReserved != 0 {
		return RouteReplyCommand{}, ErrMalformed
	}
	c := RouteReplyCommand{
		ID:         b[2],
		Originator: zigbee.ShortAddr(binary.LittleEndian.Uint16(b[3:])),
		Responder:  zigbee.ShortAddr(binary.LittleEndian.Uint16(b[5:])),
		Cost:       b[7],
	}
	rest := b[8:]
	var ok bool
	if b[1]&replyOriginator != 0 {
		if c.OriginatorEUI64, rest, ok = takeEUI64(rest); !ok {
			return RouteReplyCommand{}, ErrMalformed
		}
	}
	if b[1]&replyResponder != 0 {
		if c.ResponderEUI64, _, ok = takeEUI64(rest); !ok {
			return RouteReplyCommand{}, ErrMalformed
		}
	}
	return c, nil
}

func takeEUI64(b []byte) (zigbee.EUI64, []byte, bool) {
	if len(b) < 8 {
		return 0, nil, false
	}
	e := zigbee.EUI64(binary.LittleEndian.Uint64(b))
	return e, b[8:], e != 0
}

// MaxRelays is how many relays a route record collects and a source route names:
// nwkMaxSourceRoute (3.5.2, table 3-58).
const MaxRelays = 12

// Relays are the short addresses of relays as they are on the air: two bytes
// each, in the order of a route record, in which the originator's neighbour is first.
// A source route back to the originator has the same order (3.3.1.9).
type Relays []byte

// Len returns the number of relays.
func (r Relays) Len() int { return len(r) / 2 }

// At returns the i-th relay.
func (r Relays) At(i int) zigbee.ShortAddr {
	return zigbee.ShortAddr(binary.LittleEndian.Uint16(r[2*i:]))
}

// Append returns r with one more relay.
func (r Relays) Append(a zigbee.ShortAddr) Relays {
	return binary.LittleEndian.AppendUint16(r, uint16(a))
}

// Has reports whether a is one of the relays.
func (r Relays) Has(a zigbee.ShortAddr) bool {
	for i := range r.Len() {
		if r.At(i) == a {
			return true
		}
	}
	return false
}

// AppendRouteRecord appends a route record to b (3.4.5).
func AppendRouteRecord(b []byte, relays Relays) []byte {
	return append(append(b, uint8(RouteRecord), uint8(relays.Len())), relays...)
}

// ParseRouteRecord reads a route record, whose relays lie in b. R23's trailing
// TLVs are read over (canonical form: without them).
func ParseRouteRecord(b []byte) (Relays, error) {
	if len(b) < 2 || b[0] != uint8(RouteRecord) || len(b) < 2+2*int(b[1]) {
		return nil, ErrMalformed
	}
	return Relays(b[2 : 2+2*int(b[1])]), nil
}
