package nwk

import (
	"encoding/binary"

	"sconce/zigbee"
)

// CommandID identifies a network command (3.4, table 3-49).
type CommandID uint8

// The commands that this package knows.
const (
	RouteRequest       CommandID = 0x01
	RouteReply         CommandID = 0x02
	NetworkStatus      CommandID = 0x03
	Leave              CommandID = 0x04
	RouteRecord        CommandID = 0x05
	RejoinRequest      CommandID = 0x06
	LinkStatus         CommandID = 0x08
	EndDeviceTimeoutRq CommandID = 0x0b
)

// LeaveOptions are the options of a leave command (3.4.4.2).
type LeaveOptions uint8

// The leave options. Without LeaveRequest the sender says that it leaves itself.
const (
	LeaveRejoin         LeaveOptions = 1 << 5
	LeaveRequest        LeaveOptions = 1 << 6
	LeaveRemoveChildren LeaveOptions = 1 << 7

	leaveReserved LeaveOptions = 0x1f
)

// AppendLeave appends a leave command to b.
func AppendLeave(b []byte, o LeaveOptions) []byte { return append(b, uint8(Leave), uint8(o)) }

// ParseLeave reads a leave command. Reserved option bits must be 0.
func ParseLeave(b []byte) (LeaveOptions, error) {
	if len(b) != 2 || b[0] != uint8(Leave) || LeaveOptions(b[1])&leaveReserved != 0 {
		return 0, ErrMalformed
	}
	return LeaveOptions(b[1]), nil
}

// Status is the content of a network status command (3.4.3).
type Status struct {
	Code uint8 // table 3-51
	Dst  zigbee.ShortAddr
}

// The codes of a network status that this package sends and obeys (table 3-51).
const (
	StatusNoRoute         uint8 = 0x00 // no route is available
	StatusLinkFailure     uint8 = 0x02 // the next hop did not take the frame
	StatusSourceRoute     uint8 = 0x0b // nor the next hop of a source route
	StatusManyToOne       uint8 = 0x0c // nor the next hop of a many-to-one route
	StatusAddressConflict uint8 = 0x0d // two nodes have one address
	StatusBadKeySequence  uint8 = 0x12 // the sender's network key is not this node's
)

// AppendStatus appends a network status command to b.
func AppendStatus(b []byte, s Status) []byte {
	b = append(b, uint8(NetworkStatus), s.Code)
	return binary.LittleEndian.AppendUint16(b, uint16(s.Dst))
}

// ParseStatus reads a network status command. R23's trailing TLVs are read over
// (canonical form: without them).
func ParseStatus(b []byte) (Status, error) {
	if len(b) < 4 || b[0] != uint8(NetworkStatus) {
		return Status{}, ErrMalformed
	}
	return Status{Code: b[1], Dst: zigbee.ShortAddr(binary.LittleEndian.Uint16(b[2:]))}, nil
}

// Link is one entry of a link status command (3.4.8.3.2). Costs are 1 to 7; 0
// stands for not known.
type Link struct {
	Short    zigbee.ShortAddr
	Incoming uint8
	Outgoing uint8
}

// Bits of the link status options (3.4.8.3.1).
const (
	linkCount    = 0x1f
	linkFirst    = 0x20
	linkLast     = 0x40
	linkReserved = 0x80

	linkStatusHeader = 2
	linkSize         = 3

	// maxLinks is how many links one frame holds, with the addresses that it has.
	maxLinks = 26
)

// LinkStatusCommand is the content of a link status command, of which several
// make up the whole when there are many links. It lies in the parsed bytes.
type LinkStatusCommand struct {
	First, Last bool
	links       []byte
}

// Len returns the number of links.
func (c LinkStatusCommand) Len() int { return len(c.links) / 3 }

// Link returns the i-th link.
func (c LinkStatusCommand) Link(i int) Link {
	e := c.links[3*i:]
	return Link{
		Short:    zigbee.ShortAddr(binary.LittleEndian.Uint16(e)),
		Incoming: e[2] & 7,
		Outgoing: e[2] >> 4 & 7,
	}
}

// AppendLinkStatus appends a link status command to b; of more than 26 links the
// rest is left out.
func AppendLinkStatus(b []byte, first, last bool, links []Link) []byte {
	links = links[:min(len(links), maxLinks)]
	options := uint8(len(links))
	if first {
		options |= linkFirst
	}
	if last {
		options |= linkLast
	}
	b = append(b, uint8(LinkStatus), options)
	for _, l := range links {
		b = binary.LittleEndian.AppendUint16(b, uint16(l.Short))
		b = append(b, l.Incoming&7|l.Outgoing&7<<4)
	}
	return b
}

// ParseLinkStatus reads a link status command. Reserved bits must be 0; R23's
// trailing TLVs are read over (canonical form: without them).
func ParseLinkStatus(b []byte) (LinkStatusCommand, error) {
	if len(b) < 2 || b[0] != uint8(LinkStatus) || b[1]&linkReserved != 0 {
		return LinkStatusCommand{}, ErrMalformed
	}
	n := 3 * int(b[1]&linkCount)
	if len(b) < 2+n {
		return LinkStatusCommand{}, ErrMalformed
	}
	c := LinkStatusCommand{First: b[1]&linkFirst != 0, Last: b[1]&linkLast != 0, links: b[2 : 2+n]}
	for i := range c.Len() {
		if c.links[3*i+2]&0x88 != 0 {
			return LinkStatusCommand{}, ErrMalformed
		}
	}
	return c, nil
}

// Beacon is the payload that a Zigbee beacon carries (3.6.7).
type Beacon struct {
	RouterCapacity    bool // routers may join here
	EndDeviceCapacity bool // end devices may join here
	Depth             uint8
	Extended          zigbee.ExtendedPANID
	UpdateID          uint8
}

// stackProfile is Zigbee PRO (3.6.7, table 3-72).
const stackProfile = 2

// BeaconSize is the size of a beacon payload in bytes.
const BeaconSize = 15

// AppendBeacon appends beacon to b.
func AppendBeacon(b []byte, beacon Beacon) []byte {
	info := uint16(stackProfile) | protocolVersion<<4 | uint16(beacon.Depth&15)<<11
	if beacon.RouterCapacity {
		info |= 1 << 10
	}
	if beacon.EndDeviceCapacity {
		info |= 1 << 15
	}
	b = append(b, 0) // protocol: Zigbee
	b = binary.LittleEndian.AppendUint16(b, info)
	b = binary.LittleEndian.AppendUint64(b, uint64(beacon.Extended))
	return append(b, 0xff, 0xff, 0xff, beacon.UpdateID) // no beacon offset: not a beacon-enabled network
}

// ParseBeacon reads a beacon payload. The beacon offset and R23's trailing
// TLVs are read over (canonical form: all ones, none).
func ParseBeacon(b []byte) (Beacon, error) {
	if len(b) < BeaconSize {
		return Beacon{}, ErrMalformed
	}
	info := binary.LittleEndian.Uint16(b[1:])
	if b[0] != 0 || info&0xff != stackProfile|protocolVersion<<4 {
		return Beacon{}, ErrUnsupported
	}
	return Beacon{
		RouterCapacity:    info>>10&1 == 1,
		EndDeviceCapacity: info>>15 == 1,
		Depth:             uint8(info >> 11 & 15),
		Extended:          zigbee.ExtendedPANID(binary.LittleEndian.Uint64(b[3:])),
		UpdateID:          b[14],
	}, nil
}
