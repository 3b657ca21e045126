package gp

import (
	"encoding/binary"

	"sconce/zigbee"
)

// The commands to the server of the cluster, a sink (A.3.3.4).
const (
	CommandNotification              uint8 = 0x00
	CommandCommissioningNotification uint8 = 0x04
	CommandSinkCommissioningMode     uint8 = 0x05
	CommandProxyTableResponse        uint8 = 0x0b
)

// The commands to the client of the cluster, a proxy (A.3.3.5).
const (
	CommandPairing                uint8 = 0x01
	CommandProxyCommissioningMode uint8 = 0x02
	CommandResponse               uint8 = 0x06
	CommandProxyTableRequest      uint8 = 0x0b
)

// Link is how well a proxy heard a device: the two highest bits from 0, poor, to 3,
// excellent, and six bits of signal strength (A.3.3.4.1.5).
type Link uint8

// LinkOf returns the link that an LQI stands for.
func LinkOf(lqi uint8) Link { return Link(lqi&0xc0 | lqi>>2) }

// Quality returns 0, poor, to 3, excellent.
func (l Link) Quality() uint8 { return uint8(l) >> 6 }

// ProxyInfo says which proxy heard a device.
type ProxyInfo struct {
	Proxy zigbee.ShortAddr
	Link  Link
}

// Notification tells a sink what a paired device said (A.3.3.4.1).
type Notification struct {
	ID               ID
	AlsoUnicast      bool
	AlsoDerived      bool
	AlsoCommissioned bool
	Level            Level // with which the proxy verified it
	KeyType          KeyType
	RxAfterTx        bool
	QueueFull        bool // the proxy has no room for an answer to the device
	Bidirectional    bool
	Counter          uint32
	Command          CommandID
	Payload          []byte
	Info             *ProxyInfo // nil when absent
}

// flag is one bit of options.
type flag struct {
	to  *bool
	bit uint32
}

func setFlags(o uint32, flags []flag) {
	for _, f := range flags {
		*f.to = o&f.bit != 0
	}
}

func getFlags(flags []flag) (o uint32) {
	for _, f := range flags {
		if *f.to {
			o |= f.bit
		}
	}
	return o
}

func (n *Notification) flags(info *bool) []flag {
	return []flag{
		{&n.AlsoUnicast, 1 << 3},
		{&n.AlsoDerived, 1 << 4},
		{&n.AlsoCommissioned, 1 << 5},
		{&n.RxAfterTx, 1 << 11},
		{&n.QueueFull, 1 << 12},
		{&n.Bidirectional, 1 << 13},
		{info, 1 << 14},
	}
}

// Append appends the payload of the command to b.
func (n Notification) Append(b []byte) []byte {
	info := n.Info != nil
	o := uint16(getFlags(n.flags(&info))) | uint16(n.ID.application()) | uint16(n.Level)<<6 | uint16(n.KeyType)<<8
	b = appendID(binary.LittleEndian.AppendUint16(b, o), n.ID)
	b = binary.LittleEndian.AppendUint32(b, n.Counter)
	b = append(b, uint8(n.Command), uint8(len(n.Payload)))
	return appendInfo(append(b, n.Payload...), n.Info)
}

// ParseNotification reads the payload of the command. The reserved bit must be 0.
func ParseNotification(b []byte) (Notification, error) {
	r := reader{rest: b}
	var n Notification
	var info bool
	o := r.u16()
	setFlags(uint32(o), n.flags(&info))
	n.Level, n.KeyType = Level(o>>6&3), KeyType(o>>8&7)
	n.ID = r.id(uint8(o & 7))
	n.Counter, n.Command, n.Payload = r.u32(), CommandID(r.u8()), r.octets()
	n.Info = r.info(info)
	if o>>15 != 0 || !n.Level.valid() || !n.KeyType.valid() {
		return Notification{}, ErrMalformed
	}
	return n, r.end()
}

func appendInfo(b []byte, i *ProxyInfo) []byte {
	if i == nil {
		return b
	}
	return append(binary.LittleEndian.AppendUint16(b, uint16(i.Proxy)), uint8(i.Link))
}

func (r *reader) info(present bool) *ProxyInfo {
	if !present {
		return nil
	}
	return &ProxyInfo{Proxy: r.short(), Link: Link(r.u8())}
}

// CommissioningNotification tells a sink in commissioning mode what a device said
// (A.3.3.4.3).
type CommissioningNotification struct {
	ID            ID
	RxAfterTx     bool
	Level         Level // of the frame
	KeyType       KeyType
	Failed        bool // the proxy could not verify it: the body is as received
	Bidirectional bool
	Counter       uint32
	Command       CommandID
	Payload       []byte
	Info          *ProxyInfo           // nil when absent
	MIC           [zigbee.MICSize]byte // when Failed
}

func (n *CommissioningNotification) flags(info *bool) []flag {
	return []flag{{&n.RxAfterTx, 1 << 3}, {&n.Failed, 1 << 9}, {&n.Bidirectional, 1 << 10}, {info, 1 << 11}}
}

// Append appends the payload of the command to b.
func (n CommissioningNotification) Append(b []byte) []byte {
	info := n.Info != nil
	o := uint16(getFlags(n.flags(&info))) | uint16(n.ID.application()) | uint16(n.Level)<<4 | uint16(n.KeyType)<<6
	b = appendID(binary.LittleEndian.AppendUint16(b, o), n.ID)
	b = binary.LittleEndian.AppendUint32(b, n.Counter)
	b = append(b, uint8(n.Command), uint8(len(n.Payload)))
	b = appendInfo(append(b, n.Payload...), n.Info)
	if n.Failed {
		b = append(b, n.MIC[:]...)
	}
	return b
}

// ParseCommissioningNotification reads the payload of the command. Reserved bits
// must be 0.
func ParseCommissioningNotification(b []byte) (CommissioningNotification, error) {
	r := reader{rest: b}
	var n CommissioningNotification
	var info bool
	o := r.u16()
	setFlags(uint32(o), n.flags(&info))
	n.Level, n.KeyType = Level(o>>4&3), KeyType(o>>6&7)
	n.ID = r.id(uint8(o & 7))
	n.Counter, n.Command, n.Payload = r.u32(), CommandID(r.u8()), r.octets()
	n.Info = r.info(info)
	if n.Failed {
		copy(n.MIC[:], r.take(len(n.MIC)))
	}
	if o>>12 != 0 || !n.Level.valid() || !n.KeyType.valid() {
		return CommissioningNotification{}, ErrMalformed
	}
	return n, r.end()
}

// Mode is how a proxy reaches a sink (A.3.3.2.3).
type Mode uint8

// The communication modes.
const (
	FullUnicast           Mode = 0
	DerivedGroupcast      Mode = 1
	CommissionedGroupcast Mode = 2
	LightweightUnicast    Mode = 3
)

func (m Mode) unicast() bool { return m == FullUnicast || m == LightweightUnicast }

// Pairing tells proxies which sink wants to know what a device says, or no longer
// does (A.3.3.5.2).
type Pairing struct {
	ID          ID
	AddSink     bool
	RemoveGPD   bool // no sink wants to know: the sink's fields are absent
	Mode        Mode
	Fixed       bool
	SequenceCap bool
	Level       Level
	KeyType     KeyType
	Sink        zigbee.EUI64     // unicast modes
	SinkShort   zigbee.ShortAddr // unicast modes
	Group       uint16           // groupcast modes
	Device      uint8            // with AddSink
	Counter     *uint32
	Key         *Key
	Alias       *uint16
	Radius      *uint8
}

// Bits of the options of a pairing.
const (
	pairModeShift    = 5
	pairLevelShift   = 9
	pairKeyTypeShift = 11
	pairReserved     = 0xfc0000
)

func (p *Pairing) flags(counter, key, alias, radius *bool) []flag {
	return []flag{
		{&p.AddSink, 1 << 3},
		{&p.RemoveGPD, 1 << 4},
		{&p.Fixed, 1 << 7},
		{&p.SequenceCap, 1 << 8},
		{counter, 1 << 14},
		{key, 1 << 15},
		{alias, 1 << 16},
		{radius, 1 << 17},
	}
}

// Append appends the payload of the command to b.
func (p Pairing) Append(b []byte) []byte {
	le := binary.LittleEndian
	counter, key, alias, radius := p.Counter != nil, p.Key != nil, p.Alias != nil, p.Radius != nil
	o := getFlags(p.flags(&counter, &key, &alias, &radius)) | uint32(p.ID.application()) |
		uint32(p.Mode)<<pairModeShift | uint32(p.Level)<<pairLevelShift | uint32(p.KeyType)<<pairKeyTypeShift
	b = appendID(append(b, uint8(o), uint8(o>>8), uint8(o>>16)), p.ID)
	switch {
	case p.RemoveGPD:
	case p.Mode.unicast():
		b = le.AppendUint16(le.AppendUint64(b, uint64(p.Sink)), uint16(p.SinkShort))
	default:
		b = le.AppendUint16(b, p.Group)
	}
	if p.AddSink {
		b = append(b, p.Device)
	}
	if counter {
		b = le.AppendUint32(b, *p.Counter)
	}
	if key {
		b = append(b, p.Key.b[:]...)
	}
	if alias {
		b = le.AppendUint16(b, *p.Alias)
	}
	if radius {
		b = append(b, *p.Radius)
	}
	return b
}

// ParsePairing reads the payload of the command. Reserved bits must be 0.
func ParsePairing(b []byte) (Pairing, error) {
	r := reader{rest: b}
	var p Pairing
	var counter, key, alias, radius bool
	o := r.u24()
	setFlags(o, p.flags(&counter, &key, &alias, &radius))
	p.Mode, p.Level = Mode(o>>pairModeShift&3), Level(o>>pairLevelShift&3)
	p.KeyType = KeyType(o >> pairKeyTypeShift & 7)
	p.ID = r.id(uint8(o & 7))
	switch {
	case p.RemoveGPD:
	case p.Mode.unicast():
		p.Sink, p.SinkShort = r.eui64(), r.short()
	default:
		p.Group = r.u16()
	}
	if p.AddSink {
		p.Device = r.u8()
	}
	if counter {
		v := r.u32()
		p.Counter = &v
	}
	if key {
		v := r.key()
		p.Key = &v
	}
	if alias {
		v := r.u16()
		p.Alias = &v
	}
	if radius {
		v := r.u8()
		p.Radius = &v
	}
	if o&pairReserved != 0 || !p.Level.valid() || !p.KeyType.valid() {
		return Pairing{}, ErrMalformed
	}
	return p, r.end()
}

// ProxyCommissioningMode opens or closes the commissioning mode of proxies
// (A.3.3.5.3).
type ProxyCommissioningMode struct {
	Enter         bool
	ExitOnPairing bool // else: when the window ends
	ExitOnCommand bool
	Unicast       bool    // proxies report to the sender alone
	Window        *uint16 // seconds; nil for 180
	Channel       *uint8
}

func (m *ProxyCommissioningMode) flags(window, channel *bool) []flag {
	return []flag{
		{&m.Enter, 1}, {window, 1 << 1}, {&m.ExitOnPairing, 1 << 2}, {&m.ExitOnCommand, 1 << 3}, {channel, 1 << 4}, {&m.Unicast, 1 << 5},
	}
}

// Append appends the payload of the command to b.
func (m ProxyCommissioningMode) Append(b []byte) []byte {
	window, channel := m.Window != nil, m.Channel != nil
	b = append(b, uint8(getFlags(m.flags(&window, &channel))))
	if window {
		b = binary.LittleEndian.AppendUint16(b, *m.Window)
	}
	if channel {
		b = append(b, *m.Channel)
	}
	return b
}

// ParseProxyCommissioningMode reads the payload of the command. Reserved bits must
// be 0.
func ParseProxyCommissioningMode(b []byte) (ProxyCommissioningMode, error) {
	r := reader{rest: b}
	var m ProxyCommissioningMode
	var window, channel bool
	o := r.u8()
	setFlags(uint32(o), m.flags(&window, &channel))
	if window {
		v := r.u16()
		m.Window = &v
	}
	if channel {
		v := r.u8()
		m.Channel = &v
	}
	if o&0xc0 != 0 {
		return ProxyCommissioningMode{}, ErrMalformed
	}
	return m, r.end()
}

// SinkCommissioningMode asks a sink to open or close its commissioning mode
// (A.3.3.4.8).
type SinkCommissioningMode struct {
	Enter           bool
	SecurityManager bool // involve a Green Power manager in security; to be false
	PairingManager  bool // likewise in pairing; to be false
	Proxies         bool // involve the proxies
	SecurityAddr    zigbee.ShortAddr
	PairingAddr     zigbee.ShortAddr
	Endpoint        uint8 // of the sink to pair with; 0xff for any
}

func (m *SinkCommissioningMode) flags() []flag {
	return []flag{{&m.Enter, 1}, {&m.SecurityManager, 2}, {&m.PairingManager, 4}, {&m.Proxies, 8}}
}

// Append appends the payload of the command to b.
func (m SinkCommissioningMode) Append(b []byte) []byte {
	b = append(b, uint8(getFlags(m.flags())))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.SecurityAddr))
	return append(binary.LittleEndian.AppendUint16(b, uint16(m.PairingAddr)), m.Endpoint)
}

// ParseSinkCommissioningMode reads the payload of the command. Reserved bits must be 0.
func ParseSinkCommissioningMode(b []byte) (SinkCommissioningMode, error) {
	r := reader{rest: b}
	var m SinkCommissioningMode
	o := r.u8()
	setFlags(uint32(o), m.flags())
	m.SecurityAddr, m.PairingAddr, m.Endpoint = r.short(), r.short(), r.u8()
	if o&0xf0 != 0 {
		return SinkCommissioningMode{}, ErrMalformed
	}
	return m, r.end()
}

// Response is a frame that a proxy is to give to a device when it next listens
// (A.3.3.5.4).
type Response struct {
	ID            ID
	EndpointMatch bool
	Proxy         zigbee.ShortAddr // the one that is to send it
	Channel       uint8            // to send it on, 11 to 26
	Command       CommandID
	Payload       []byte
}

// Append appends the payload of the command to b.
func (p Response) Append(b []byte) []byte {
	o := p.ID.application()
	if p.EndpointMatch {
		o |= 1 << 3
	}
	b = append(binary.LittleEndian.AppendUint16(append(b, o), uint16(p.Proxy)), p.Channel-firstChannel)
	b = append(appendID(b, p.ID), uint8(p.Command), uint8(len(p.Payload)))
	return append(b, p.Payload...)
}

// ParseResponse reads the payload of the command. Reserved bits must be 0.
func ParseResponse(b []byte) (Response, error) {
	r := reader{rest: b}
	o := r.u8()
	p := Response{EndpointMatch: o&8 != 0, Proxy: r.short(), Channel: r.u8()}
	if p.Channel > 15 || o&0xf0 != 0 {
		return Response{}, ErrMalformed
	}
	p.Channel += firstChannel
	p.ID = r.id(o & 7)
	p.Command, p.Payload = CommandID(r.u8()), r.octets()
	return p, r.end()
}

// ProxyTableRequest asks a proxy for its table (A.3.3.5.6): for the entry of a
// device, or for those from an index on.
type ProxyTableRequest struct {
	ByIndex bool
	Index   uint8
	ID      ID
}

// Append appends the payload of the command to b.
func (q ProxyTableRequest) Append(b []byte) []byte {
	if q.ByIndex {
		return append(b, 1<<3, q.Index)
	}
	return appendID(append(b, q.ID.application()), q.ID)
}

// ParseProxyTableRequest reads the payload of the command. Reserved bits must be 0.
func ParseProxyTableRequest(b []byte) (ProxyTableRequest, error) {
	r := reader{rest: b}
	var q ProxyTableRequest
	switch o := r.u8(); {
	case o == 1<<3:
		q.ByIndex, q.Index = true, r.u8()
	case o&^7 == 0:
		q.ID = r.id(o)
	default:
		return ProxyTableRequest{}, ErrMalformed
	}
	return q, r.end()
}

// The statuses of a table response: those of the cluster library.
const (
	TableSuccess  uint8 = 0x00
	TableNotFound uint8 = 0x8b
)

// ProxyTableResponse is the answer to a request (A.3.3.4.7).
type ProxyTableResponse struct {
	Status  uint8
	Total   uint8 // entries in the table
	Start   uint8 // 0xff for the entry of a device
	Entries []TableEntry
}

// TableEntry is an entry of a proxy's table as it is told to others
// (A.3.4.2.2.2). A key is never told: it is sent as zeros.
type TableEntry struct {
	ID        ID
	InRange   bool
	Level     Level
	KeyType   KeyType
	Counter   uint32
	Sink      zigbee.EUI64
	SinkShort zigbee.ShortAddr
}

const (
	entryActive   = 1 << 3
	entryValid    = 1 << 4
	entryUnicast  = 1 << 6
	entryInRange  = 1 << 10
	entrySecurity = 1 << 14
	entryFixed    = entryActive | entryValid | entryUnicast | entrySecurity // of what is told here
	noRadius      = 0xff
)

// Append appends the payload of the command to b.
func (p ProxyTableResponse) Append(b []byte) []byte {
	b = append(b, p.Status, p.Total, p.Start, uint8(len(p.Entries)))
	for _, e := range p.Entries {
		b = e.append(b)
	}
	return b
}

func (e TableEntry) append(b []byte) []byte {
	le := binary.LittleEndian
	o := entryFixed | uint16(e.ID.application())
	if e.InRange {
		o |= entryInRange
	}
	b = append(appendID(le.AppendUint16(b, o), e.ID), uint8(e.Level)|uint8(e.KeyType)<<2)
	b = le.AppendUint32(b, e.Counter)
	b = append(b, make([]byte, zigbee.KeySize)...)
	b = append(b, 1)
	b = le.AppendUint16(le.AppendUint64(b, uint64(e.Sink)), uint16(e.SinkShort))
	return append(b, noRadius)
}

// ParseProxyTableResponse reads the payload of the command, with entries of the kind
// that proxies of this package have: for a secured device, with one sink that is
// reached by lightweight unicast.
func ParseProxyTableResponse(b []byte) (ProxyTableResponse, error) {
	r := reader{rest: b}
	p := ProxyTableResponse{Status: r.u8(), Total: r.u8(), Start: r.u8()}
	for range r.u8() {
		var e TableEntry
		o := r.u16()
		e.ID, e.InRange = r.id(uint8(o&7)), o&entryInRange != 0
		s := r.u8()
		e.Level, e.KeyType, e.Counter = Level(s&3), KeyType(s>>2), r.u32()
		key, sinks := r.key(), r.u8()
		e.Sink, e.SinkShort = r.eui64(), r.short()
		if r.u8() != noRadius || r.bad || o&^(7|entryInRange) != entryFixed || sinks != 1 || !key.Equal(Key{}) ||
			!e.Level.valid() || !e.KeyType.valid() {
			return ProxyTableResponse{}, ErrMalformed
		}
		p.Entries = append(p.Entries, e)
	}
	return p, r.end()
}
