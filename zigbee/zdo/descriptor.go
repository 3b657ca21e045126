package zdo

import (
	"encoding/binary"
	"fmt"

	"sconce/zigbee"
)

// LogicalType is what a node is in its network (05-3474-22, 2.3.2.3.1).
type LogicalType uint8

// The logical types.
const (
	Coordinator LogicalType = 0
	Router      LogicalType = 1
	EndDevice   LogicalType = 2
)

// Band2400MHz is the frequency band of channels 11 to 26 (05-3474-22, 2.3.2.3.5).
const Band2400MHz uint8 = 0x08

// Bits of [NodeDescriptor.ServerMask] (05-3474-22, 2.3.2.3.10). The stack
// compliance revision stands in bits 9 to 15.
const (
	ServerPrimaryTrustCentre uint16 = 1 << 0
	ServerNetworkManager     uint16 = 1 << 6

	StackRevisionShift = 9
)

// NodeDescriptor is what a node is and can do (05-3474-22, 2.3.2.3). The bits
// for complex and user descriptors, and all reserved bits, are ignored on
// receipt and sent as 0.
type NodeDescriptor struct {
	Logical      LogicalType
	Bands        uint8 // 5 bits; [Band2400MHz]
	Capability   zigbee.Capability
	Manufacturer uint16 // as allocated by the Connectivity Standards Alliance
	MaxBuffer    uint8  // largest network-layer data unit, in bytes, 0 to 127
	MaxIncoming  uint16 // largest application data unit after reassembly, in bytes
	ServerMask   uint16
	MaxOutgoing  uint16 // as MaxIncoming, before fragmentation
}

// NodeDescriptorSize is the size of a node descriptor on the air, in bytes.
const NodeDescriptorSize = 13

// StackRevision returns the revision of the core specification that the node
// complies with: 21 or later, 0 for earlier ones.
func (d NodeDescriptor) StackRevision() uint8 { return uint8(d.ServerMask >> StackRevisionShift) }

// AppendNodeDescriptor appends d to b.
func AppendNodeDescriptor(b []byte, d NodeDescriptor) []byte {
	b = append(b, uint8(d.Logical)&7, d.Bands<<3, uint8(d.Capability))
	b = binary.LittleEndian.AppendUint16(b, d.Manufacturer)
	b = append(b, d.MaxBuffer)
	b = binary.LittleEndian.AppendUint16(b, d.MaxIncoming)
	b = binary.LittleEndian.AppendUint16(b, d.ServerMask)
	b = binary.LittleEndian.AppendUint16(b, d.MaxOutgoing)
	return append(b, 0) // descriptor capability: no extended lists
}

func (r *reader) nodeDescriptor() NodeDescriptor {
	d := NodeDescriptor{
		Logical:      LogicalType(r.u8() & 7),
		Bands:        r.u8() >> 3,
		Capability:   zigbee.Capability(r.u8()),
		Manufacturer: r.u16(),
		MaxBuffer:    r.u8(),
		MaxIncoming:  r.u16(),
		ServerMask:   r.u16(),
		MaxOutgoing:  r.u16(),
	}
	r.u8()
	return d
}

// PowerDescriptor is how a node is powered (05-3474-22, 2.3.2.4). Each field
// has 4 bits.
type PowerDescriptor struct {
	Mode      uint8 // 0: the receiver follows the node descriptor's capability
	Available uint8 // power sources, a set of Power… bits
	Current   uint8 // the source in use, one of them
	Level     uint8 // of the source in use, one of the PowerLevel… values
}

// Power sources and levels (05-3474-22, 2.3.2.4.2 to 2.3.2.4.4).
const (
	PowerMains        uint8 = 1 << 0
	PowerRechargeable uint8 = 1 << 1
	PowerDisposable   uint8 = 1 << 2

	PowerLevelCritical uint8 = 0x0
	PowerLevel33       uint8 = 0x4
	PowerLevel66       uint8 = 0x8
	PowerLevelFull     uint8 = 0xc
)

// AppendPowerDescriptor appends d to b.
func AppendPowerDescriptor(b []byte, d PowerDescriptor) []byte {
	return append(b, d.Mode&15|d.Available<<4, d.Current&15|d.Level<<4)
}

func (r *reader) powerDescriptor() PowerDescriptor {
	lo, hi := r.u8(), r.u8()
	return PowerDescriptor{Mode: lo & 15, Available: lo >> 4, Current: hi & 15, Level: hi >> 4}
}

// SimpleDescriptor is what one application endpoint offers and wants
// (05-3474-22, 2.3.2.5).
type SimpleDescriptor struct {
	Endpoint uint8 // 1 to 254
	Profile  uint16
	Device   uint16
	Version  uint8    // of the device, 4 bits
	In       []uint16 // server clusters, at most 255
	Out      []uint16 // client clusters, at most 255
}

// Size returns the size of d on the air, in bytes.
func (d SimpleDescriptor) Size() int { return 8 + 2*len(d.In) + 2*len(d.Out) }

// Check refuses a descriptor whose length or cluster counts do not fit their
// eight-bit fields.
func (d SimpleDescriptor) Check() error {
	if d.Size() > 255 {
		return fmt.Errorf("simple descriptor of endpoint %d: %d clusters do not fit its length field", d.Endpoint, len(d.In)+len(d.Out))
	}
	return nil
}

// AppendSimpleDescriptor appends d, which must pass [SimpleDescriptor.Check], to b.
func AppendSimpleDescriptor(b []byte, d SimpleDescriptor) []byte {
	b = append(b, d.Endpoint)
	b = binary.LittleEndian.AppendUint16(b, d.Profile)
	b = binary.LittleEndian.AppendUint16(b, d.Device)
	b = append(b, d.Version&15, uint8(len(d.In)))
	b = appendU16s(b, d.In)
	b = append(b, uint8(len(d.Out)))
	return appendU16s(b, d.Out)
}

func (r *reader) simpleDescriptor() SimpleDescriptor {
	d := SimpleDescriptor{Endpoint: r.u8(), Profile: r.u16(), Device: r.u16(), Version: r.u8() & 15}
	d.In = r.u16s(int(r.u8()))
	d.Out = r.u16s(int(r.u8()))
	return d
}
