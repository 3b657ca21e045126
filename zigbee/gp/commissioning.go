package gp

import (
	"encoding/binary"

	"sconce/zigbee"
)

// CommissioningOptions are what a device says of itself (A.4.2.1.1.3), without the
// bits that say which fields follow.
type CommissioningOptions uint8

// The options.
const (
	SequenceCapability CommissioningOptions = 1 << 0 // counts its unsecured frames in the MAC header
	RxOnCapability     CommissioningOptions = 1 << 1 // can listen
	PANIDRequest       CommissioningOptions = 1 << 4
	KeyRequest         CommissioningOptions = 1 << 5 // wants a key from the sink
	FixedLocation      CommissioningOptions = 1 << 6

	commApplication = 1 << 2
	commExtended    = 1 << 7
)

// The bits of the extended options (A.4.2.1.1.4).
const (
	commLevel        = 0x03
	commKeyType      = 0x1c
	commHasKey       = 0x20
	commEncrypted    = 0x40
	commHasCounter   = 0x80
	commKeyTypeShift = 2
)

// The bits of the application information (A.4.2.1.1.8).
const (
	appManufacturer = 1 << iota
	appModel
	appCommands
	appClusters
	appSwitch
)

// DeviceSwitch is the type of a generic switch, and DeviceOnOffSwitch that of an
// on/off switch (A.4.3, table 56).
const (
	DeviceOnOffSwitch   uint8 = 0x02
	DeviceGenericSwitch uint8 = 0x07
)

// Commissioning is the payload of a commissioning frame (A.4.2.1.1). Pointers and
// slices are nil when their field is absent.
type Commissioning struct {
	Device   uint8
	Options  CommissioningOptions
	Security *CommissioningSecurity

	HasApplication bool
	Application    uint8 // bits of it that this package does not read: those above 4
	Manufacturer   *uint16
	Model          *uint16
	Commands       []CommandID
	Servers        []uint16 // clusters; nil with Clients nil when absent
	Clients        []uint16
	Switch         []byte // the generic switch's configuration

	Extra []byte // what follows, as some devices send
}

// CommissioningSecurity is the security that a device will use, and its key.
type CommissioningSecurity struct {
	Level     Level
	KeyType   KeyType
	HasKey    bool
	Encrypted bool // Key is protected, see [ProtectKey]
	Key       Key
	KeyMIC    [zigbee.MICSize]byte // when Encrypted
	Counter   *uint32              // the counter of the latest frame
}

// Append appends the payload to b.
func (c Commissioning) Append(b []byte) []byte {
	o := uint8(c.Options)
	if c.HasApplication {
		o |= commApplication
	}
	if c.Security != nil {
		o |= commExtended
	}
	b = append(b, c.Device, o)
	if c.Security != nil {
		b = c.Security.append(b)
	}
	if c.HasApplication {
		b = c.appendApplication(b)
	}
	return append(b, c.Extra...)
}

func (s CommissioningSecurity) append(b []byte) []byte {
	e := uint8(s.Level) | uint8(s.KeyType)<<commKeyTypeShift
	if s.HasKey {
		e |= commHasKey
	}
	if s.Encrypted {
		e |= commEncrypted
	}
	if s.Counter != nil {
		e |= commHasCounter
	}
	b = append(b, e)
	if s.HasKey {
		b = append(b, s.Key.b[:]...)
	}
	if s.Encrypted {
		b = append(b, s.KeyMIC[:]...)
	}
	if s.Counter != nil {
		b = binary.LittleEndian.AppendUint32(b, *s.Counter)
	}
	return b
}

func (c Commissioning) appendApplication(b []byte) []byte {
	at := len(b)
	b = append(b, c.Application)
	if c.Manufacturer != nil {
		b[at] |= appManufacturer
		b = binary.LittleEndian.AppendUint16(b, *c.Manufacturer)
	}
	if c.Model != nil {
		b[at] |= appModel
		b = binary.LittleEndian.AppendUint16(b, *c.Model)
	}
	if c.Commands != nil {
		b[at] |= appCommands
		b = append(b, uint8(len(c.Commands)))
		for _, id := range c.Commands {
			b = append(b, uint8(id))
		}
	}
	if c.Servers != nil || c.Clients != nil {
		b[at] |= appClusters
		b = append(b, uint8(len(c.Servers)|len(c.Clients)<<4))
		for _, list := range [...][]uint16{c.Servers, c.Clients} {
			for _, id := range list {
				b = binary.LittleEndian.AppendUint16(b, id)
			}
		}
	}
	if c.Switch != nil {
		b[at] |= appSwitch
		b = append(append(b, uint8(len(c.Switch))), c.Switch...)
	}
	return b
}

// ParseCommissioning reads the payload of a commissioning frame.
func ParseCommissioning(b []byte) (Commissioning, error) {
	r := reader{rest: b}
	c := Commissioning{Device: r.u8()}
	o := r.u8()
	c.Options = CommissioningOptions(o &^ (commApplication | commExtended))
	if o&commExtended != 0 {
		c.Security = parseSecurity(&r)
	}
	if o&commApplication != 0 {
		c.parseApplication(&r)
	}
	if r.bad {
		return Commissioning{}, ErrMalformed
	}
	if len(r.rest) > 0 {
		c.Extra = r.rest
	}
	return c, nil
}

func parseSecurity(r *reader) *CommissioningSecurity {
	e := r.u8()
	s := &CommissioningSecurity{
		Level: Level(e & commLevel), KeyType: KeyType(e & commKeyType >> commKeyTypeShift),
		HasKey: e&commHasKey != 0, Encrypted: e&commEncrypted != 0,
	}
	r.bad = r.bad || s.Encrypted && !s.HasKey || !s.Level.valid() || !s.KeyType.valid()
	if s.HasKey {
		s.Key = r.key()
	}
	if s.Encrypted {
		copy(s.KeyMIC[:], r.take(len(s.KeyMIC)))
	}
	if e&commHasCounter != 0 {
		n := r.u32()
		s.Counter = &n
	}
	return s
}

func (c *Commissioning) parseApplication(r *reader) {
	info := r.u8()
	c.HasApplication = true
	c.Application = info &^ (appManufacturer | appModel | appCommands | appClusters | appSwitch)
	if info&appManufacturer != 0 {
		v := r.u16()
		c.Manufacturer = &v
	}
	if info&appModel != 0 {
		v := r.u16()
		c.Model = &v
	}
	if info&appCommands != 0 {
		c.Commands = []CommandID{}
		for _, id := range r.take(int(r.u8())) {
			c.Commands = append(c.Commands, CommandID(id))
		}
	}
	if info&appClusters != 0 {
		n := r.u8()
		c.Servers, c.Clients = r.clusters(int(n&15)), r.clusters(int(n>>4))
	}
	if info&appSwitch != 0 {
		c.Switch = append([]byte{}, r.take(int(r.u8()))...)
	}
}

func (r *reader) clusters(n int) []uint16 {
	list := make([]uint16, 0, n)
	for range n {
		list = append(list, r.u16())
	}
	return list
}

// ChannelRequest is the payload of a channel request: where the device will listen
// next, and the time after (A.4.2.1.4). Channels are 11 to 26.
type ChannelRequest struct{ Next, Second uint8 }

const firstChannel = 11

// Append appends the payload to b.
func (c ChannelRequest) Append(b []byte) []byte {
	return append(b, (c.Next-firstChannel)&15|(c.Second-firstChannel)<<4)
}

// ParseChannelRequest reads the payload of a channel request.
func ParseChannelRequest(b []byte) (ChannelRequest, error) {
	r := reader{rest: b}
	v := r.u8()
	return ChannelRequest{Next: v&15 + firstChannel, Second: v>>4 + firstChannel}, r.end()
}
