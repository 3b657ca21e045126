package aps

import (
	"encoding/binary"

	"sconce/zigbee"
)

// CommandID identifies an APS command (4.4.10, table 4-28).
type CommandID uint8

// The commands that this package knows.
const (
	TransportKey CommandID = 0x05
	UpdateDevice CommandID = 0x06
	RemoveDevice CommandID = 0x07
	RequestKey   CommandID = 0x08
	SwitchKey    CommandID = 0x09
	Tunnel       CommandID = 0x0e
	VerifyKey    CommandID = 0x0f
	ConfirmKey   CommandID = 0x10
)

// KeyType says which key a command is about (4.4.10.1.2, table 4-9).
type KeyType uint8

// The key types that this package knows.
const (
	StandardNetworkKey KeyType = 0x01
	TrustCentreLinkKey KeyType = 0x04
)

// Command is the content of an APS command. Which fields count depends on ID and KeyType.
type Command struct {
	ID          CommandID
	KeyType     KeyType              // TransportKey, RequestKey, VerifyKey, ConfirmKey
	NetworkKey  zigbee.NetworkKey    // TransportKey of a StandardNetworkKey
	LinkKey     zigbee.LinkKey       // TransportKey of a TrustCentreLinkKey
	KeySequence uint8                // TransportKey of a StandardNetworkKey, SwitchKey
	Dst         zigbee.EUI64         // TransportKey, ConfirmKey, Tunnel: for whom; RemoveDevice: whom
	Src         zigbee.EUI64         // TransportKey, VerifyKey: from whom; UpdateDevice: of whom
	Short       zigbee.ShortAddr     // UpdateDevice
	Status      uint8                // UpdateDevice, ConfirmKey: 0 for success
	Hash        [zigbee.KeySize]byte // VerifyKey
	Inner       []byte               // Tunnel: the whole frame for Dst; it lies in the parsed bytes
}

// AppendCommand appends c to b.
func AppendCommand(b []byte, c Command) []byte {
	b = append(b, uint8(c.ID))
	switch c.ID {
	case TransportKey:
		b = append(b, uint8(c.KeyType))
		if c.KeyType == StandardNetworkKey {
			k := c.NetworkKey.Bytes()
			b = append(append(b, k[:]...), c.KeySequence)
		} else {
			k := c.LinkKey.Bytes()
			b = append(b, k[:]...)
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Dst))
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Src))
	case UpdateDevice:
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Src))
		b = binary.LittleEndian.AppendUint16(b, uint16(c.Short))
		b = append(b, c.Status)
	case RemoveDevice:
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Dst))
	case RequestKey:
		b = append(b, uint8(c.KeyType))
	case SwitchKey:
		b = append(b, c.KeySequence)
	case Tunnel:
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Dst))
		b = append(b, c.Inner...)
	case VerifyKey:
		b = append(b, uint8(c.KeyType))
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Src))
		b = append(b, c.Hash[:]...)
	case ConfirmKey:
		b = append(b, c.Status, uint8(c.KeyType))
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Dst))
	}
	return b
}

// commandSize returns the size of a command with the identifier and what follows
// it, of a tunnel the least size, and 0 for one that this package does not know.
func commandSize(id CommandID, next uint8) int {
	linkKey := KeyType(next) == TrustCentreLinkKey
	switch {
	case id == TransportKey && KeyType(next) == StandardNetworkKey:
		return 1 + 1 + 16 + 1 + 8 + 8
	case id == TransportKey && linkKey:
		return 1 + 1 + 16 + 8 + 8
	case id == UpdateDevice:
		return 1 + 8 + 2 + 1
	case id == RemoveDevice:
		return 1 + 8
	case id == RequestKey && linkKey, id == SwitchKey:
		return 1 + 1
	case id == Tunnel:
		return 1 + 8 + 1
	case id == VerifyKey && linkKey:
		return 1 + 1 + 8 + 16
	case id == ConfirmKey:
		return 1 + 1 + 1 + 8
	}
	return 0
}

// ParseCommand reads a command. R23's trailing TLVs are read over (canonical form:
// without them), but belong to the inner frame of a tunnel. It returns [ErrUnsupported] for commands and key types that this
// package does not know.
func ParseCommand(b []byte) (Command, error) {
	if len(b) < 2 {
		return Command{}, ErrMalformed
	}
	c := Command{ID: CommandID(b[0])}
	size := commandSize(c.ID, b[1])
	if size == 0 {
		return Command{}, ErrUnsupported
	}
	if len(b) < size {
		return Command{}, ErrMalformed
	}
	eui64 := func(at int) zigbee.EUI64 { return zigbee.EUI64(binary.LittleEndian.Uint64(b[at:])) }
	switch c.ID {
	case TransportKey:
		c.KeyType = KeyType(b[1])
		if c.KeyType == StandardNetworkKey {
			c.NetworkKey, c.KeySequence = zigbee.NewNetworkKey([16]byte(b[2:18])), b[18]
		} else {
			c.LinkKey = zigbee.NewLinkKey([16]byte(b[2:18]))
		}
		c.Dst, c.Src = eui64(size-16), eui64(size-8)
	case UpdateDevice:
		c.Src, c.Short, c.Status = eui64(1), zigbee.ShortAddr(binary.LittleEndian.Uint16(b[9:])), b[11]
	case RemoveDevice:
		c.Dst = eui64(1)
	case RequestKey:
		c.KeyType = KeyType(b[1])
	case SwitchKey:
		c.KeySequence = b[1]
	case Tunnel:
		c.Dst, c.Inner = eui64(1), b[9:]
	case VerifyKey:
		c.KeyType, c.Src, c.Hash = KeyType(b[1]), eui64(2), [16]byte(b[10:26])
	case ConfirmKey:
		c.Status, c.KeyType, c.Dst = b[1], KeyType(b[2]), eui64(3)
	}
	return c, nil
}
