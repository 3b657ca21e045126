// Package zigbee holds what all Zigbee layers share: addresses, key types, key
// derivation and the security envelope of the network and application support
// layers. It follows Zigbee PRO R22 (05-3474-22), chapter 4, and IEEE
// 802.15.4-2006 for addresses.
//
// It is pure: no network, files, clock, goroutines or package-level state.
package zigbee

import "fmt"

// EUI64 is an IEEE 64-bit extended address. On the air it travels least
// significant byte first. The zero value and all ones name no device.
type EUI64 uint64

func (e EUI64) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// ShortAddr is a 16-bit network address.
type ShortAddr uint16

// Special short addresses (05-3474-22, 3.6.5 table 3-69; 802.15.4-2006, 7.2.1.4).
const (
	Coordinator      ShortAddr = 0x0000
	BroadcastRouters ShortAddr = 0xfffc // all routers and the coordinator
	BroadcastRxOn    ShortAddr = 0xfffd // all devices that listen when idle
	Unassigned       ShortAddr = 0xfffe // associated without a short address
	Broadcast        ShortAddr = 0xffff // all devices
)

// IsBroadcast reports whether a is one of the broadcast addresses.
func (a ShortAddr) IsBroadcast() bool { return a >= 0xfff8 && a != Unassigned }

func (a ShortAddr) String() string { return fmt.Sprintf("0x%04x", uint16(a)) }

// PANID is a 16-bit identifier of a network on a channel.
type PANID uint16

// BroadcastPAN addresses all networks.
const BroadcastPAN PANID = 0xffff

func (p PANID) String() string { return fmt.Sprintf("0x%04x", uint16(p)) }

// ExtendedPANID is the 64-bit identifier of a network for its whole life.
type ExtendedPANID uint64

func (p ExtendedPANID) String() string { return fmt.Sprintf("%016x", uint64(p)) }
