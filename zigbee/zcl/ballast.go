package zcl

// Attributes of the Ballast Configuration cluster that are about what is wrong with a
// lamp and how long it has burnt.
const (
	AttrPhysicalMinLevel uint16 = 0x0000
	AttrPhysicalMaxLevel uint16 = 0x0001
	AttrBallastStatus    uint16 = 0x0002
	AttrBallastMinLevel  uint16 = 0x0010
	AttrBallastMaxLevel  uint16 = 0x0011
	AttrBallastLampCount uint16 = 0x0020
	AttrLampBurnHours    uint16 = 0x0033
)

// Bits of [AttrBallastStatus] (07-5123-08, 5.3.2.2.1.3).
const (
	BallastNotOperational uint8 = 1 << 0 // the ballast is not fully operational
	BallastLampFailure    uint8 = 1 << 1 // a lamp is not in its socket, or does not work
)

var ballastCluster = ClusterInfo{
	ID: ClusterBallast, Name: "Ballast Configuration", Clause: "5.3", Revision: 4,
	Attributes: []AttributeInfo{
		{ID: AttrPhysicalMinLevel, Name: "PhysicalMinLevel", Type: TypeUint8, Clause: "5.3.2.2.1.1"},
		{ID: AttrPhysicalMaxLevel, Name: "PhysicalMaxLevel", Type: TypeUint8, Clause: "5.3.2.2.1.2"},
		{ID: AttrBallastStatus, Name: "BallastStatus", Type: TypeMap8, Access: Reportable, Report: &Intervals{Min: 1, Max: 3600}, Clause: "5.3.2.2.1.3"},
		// Others read these two of every light that has the cluster. The standard lets them be
		// written; here nobody narrows what a light gives, and they are the physical limits.
		{ID: AttrBallastMinLevel, Name: "MinLevel", Type: TypeUint8, Clause: "5.3.2.2.2.1"},
		{ID: AttrBallastMaxLevel, Name: "MaxLevel", Type: TypeUint8, Clause: "5.3.2.2.2.2"},
		{ID: AttrBallastLampCount, Name: "LampQuantity", Type: TypeUint8, Clause: "5.3.2.2.3.1"},
		{ID: AttrLampBurnHours, Name: "LampBurnHours", Type: TypeUint24, Access: Reportable, Unit: "h", Report: &Intervals{Min: 3600, Max: 43200, Change: 1}, Clause: "5.3.2.2.4.4"},
	},
}
