package mac

import (
	"encoding/binary"

	"sconce/zigbee"
)

// CommandID identifies a command frame (7.3, table 82).
type CommandID uint8

// The commands that this package knows.
const (
	AssociationRequest  CommandID = 0x01
	AssociationResponse CommandID = 0x02
	DataRequest         CommandID = 0x04
	OrphanNotification  CommandID = 0x06
	BeaconRequest       CommandID = 0x07
	Realignment         CommandID = 0x08 // coordinator realignment
)

// AssociationStatus is the answer to an association request (7.3.2.3).
type AssociationStatus uint8

// The association statuses.
const (
	AssociationSuccessful AssociationStatus = 0x00
	PANAtCapacity         AssociationStatus = 0x01
	PANAccessDenied       AssociationStatus = 0x02
)

// Command is the payload of a command frame. Which fields count depends on ID.
type Command struct {
	ID         CommandID
	Capability zigbee.Capability // AssociationRequest
	Short      zigbee.ShortAddr  // AssociationResponse: the assigned address; Realignment: the orphan's
	Status     AssociationStatus // AssociationResponse
	PAN        zigbee.PANID      // Realignment
	Parent     zigbee.ShortAddr  // Realignment: of the sender
	Channel    uint8             // Realignment
}

// AppendCommand appends c to b.
func AppendCommand(b []byte, c Command) []byte {
	b = append(b, uint8(c.ID))
	switch c.ID {
	case AssociationRequest:
		b = append(b, uint8(c.Capability))
	case AssociationResponse:
		b = binary.LittleEndian.AppendUint16(b, uint16(c.Short))
		b = append(b, uint8(c.Status))
	case Realignment:
		b = binary.LittleEndian.AppendUint16(b, uint16(c.PAN))
		b = binary.LittleEndian.AppendUint16(b, uint16(c.Parent))
		b = binary.LittleEndian.AppendUint16(append(b, c.Channel), uint16(c.Short))
	}
	return b
}

// ParseCommand reads the payload of a command frame. It returns
// [ErrUnsupported] for a command that this package does not know.
func ParseCommand(b []byte) (Command, error) {
	if len(b) == 0 {
		return Command{}, ErrMalformed
	}
	c := Command{ID: CommandID(b[0])}
	size := 1
	switch c.ID {
	case AssociationRequest:
		size = 2
	case AssociationResponse:
		size = 4
	case Realignment:
		size = 8
	case DataRequest, OrphanNotification, BeaconRequest:
	default:
		return Command{}, ErrUnsupported
	}
	if len(b) != size {
		return Command{}, ErrMalformed
	}
	switch c.ID {
	case AssociationRequest:
		c.Capability = zigbee.Capability(b[1])
	case AssociationResponse:
		c.Short = zigbee.ShortAddr(binary.LittleEndian.Uint16(b[1:]))
		c.Status = AssociationStatus(b[3])
	case Realignment:
		c.PAN = zigbee.PANID(binary.LittleEndian.Uint16(b[1:]))
		c.Parent = zigbee.ShortAddr(binary.LittleEndian.Uint16(b[3:]))
		c.Channel = b[5]
		c.Short = zigbee.ShortAddr(binary.LittleEndian.Uint16(b[6:]))
	}
	return c, nil
}

// Beacon is the payload of a beacon frame of a network without superframes
// (7.2.2.1).
type Beacon struct {
	PANCoordinator bool // sent by the coordinator of the network
	Permit         bool // the sender accepts association requests
	Payload        []byte
}

// The bits of the superframe specification (7.2.2.1.2). Orders of 15 mean that
// there is no superframe.
const (
	superframeNone        = 0x0fff // both orders and the final CAP slot at 15
	superframeCoordinator = 0x4000
	superframePermit      = 0x8000
)

// AppendBeacon appends beacon to b.
func AppendBeacon(b []byte, beacon Beacon) []byte {
	s := uint16(superframeNone)
	if beacon.PANCoordinator {
		s |= superframeCoordinator
	}
	if beacon.Permit {
		s |= superframePermit
	}
	b = binary.LittleEndian.AppendUint16(b, s)
	b = append(b, 0, 0) // no guaranteed time slots, no pending addresses
	return append(b, beacon.Payload...)
}

// ParseBeacon reads the payload of a beacon frame. What describes superframes,
// time slots and pending addresses is read over (canonical form: none of them).
// The beacon's own payload lies in b.
func ParseBeacon(b []byte) (Beacon, error) {
	if len(b) < 4 {
		return Beacon{}, ErrMalformed
	}
	s := binary.LittleEndian.Uint16(b)
	slots := int(b[2] & 7)
	rest := b[3:]
	if slots > 0 {
		slots = 1 + 3*slots // the directions and the descriptors
	}
	if len(rest) < slots+1 {
		return Beacon{}, ErrMalformed
	}
	pending := rest[slots]
	rest = rest[slots+1:]
	addresses := 2*int(pending&7) + 8*int(pending>>4&7)
	if len(rest) < addresses {
		return Beacon{}, ErrMalformed
	}
	return Beacon{
		PANCoordinator: s&superframeCoordinator != 0,
		Permit:         s&superframePermit != 0,
		Payload:        rest[addresses:],
	}, nil
}
