package zcl

// Attributes of the Time cluster.
const (
	AttrTime         uint16 = 0x0000
	AttrTimeStatus   uint16 = 0x0001
	AttrTimeZone     uint16 = 0x0002
	AttrDSTStart     uint16 = 0x0003
	AttrDSTEnd       uint16 = 0x0004
	AttrDSTShift     uint16 = 0x0005
	AttrStandardTime uint16 = 0x0006
	AttrLocalTime    uint16 = 0x0007
	AttrLastSetTime  uint16 = 0x0008
	AttrValidUntil   uint16 = 0x0009
)

// Bits of [AttrTimeStatus].
const (
	TimeMaster       uint8 = 1 << 0 // the clock is not to be set by others
	TimeSynchronised uint8 = 1 << 1
)

var timeCluster = ClusterInfo{
	ID: ClusterTime, Name: "Time", Clause: "3.12", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrTime, Name: "Time", Type: TypeUTC, Access: Writable, Max: 0xfffffffe, Unit: "s since 2000-01-01 UTC", Clause: "3.12.2.2.1"},
		{ID: AttrTimeStatus, Name: "TimeStatus", Type: TypeMap8, Access: Writable, Max: 0x0f, Clause: "3.12.2.2.2"},
		{ID: AttrTimeZone, Name: "TimeZone", Type: TypeInt32, Unit: "s", Clause: "3.12.2.2.3"},
		{ID: AttrDSTStart, Name: "DstStart", Type: TypeUint32, Unit: "s since 2000-01-01 UTC", Clause: "3.12.2.2.4"},
		{ID: AttrDSTEnd, Name: "DstEnd", Type: TypeUint32, Unit: "s since 2000-01-01 UTC", Clause: "3.12.2.2.5"},
		{ID: AttrDSTShift, Name: "DstShift", Type: TypeInt32, Unit: "s", Clause: "3.12.2.2.6"},
		{ID: AttrStandardTime, Name: "StandardTime", Type: TypeUint32, Unit: "s since 2000-01-01 local", Clause: "3.12.2.2.7"},
		{ID: AttrLocalTime, Name: "LocalTime", Type: TypeUint32, Unit: "s since 2000-01-01 local", Clause: "3.12.2.2.8"},
		{ID: AttrLastSetTime, Name: "LastSetTime", Type: TypeUTC, Unit: "s since 2000-01-01 UTC", Clause: "3.12.2.2.9"},
		{ID: AttrValidUntil, Name: "ValidUntilTime", Type: TypeUTC, Access: Writable, Unit: "s since 2000-01-01 UTC", Clause: "3.12.2.2.10"},
	},
}
