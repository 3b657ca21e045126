package zcl

// Attributes of the Power Configuration cluster.
const (
	AttrBatteryVoltage      uint16 = 0x0020
	AttrBatteryPercentage   uint16 = 0x0021
	AttrBatterySize         uint16 = 0x0031
	AttrBatteryQuantity     uint16 = 0x0033
	AttrBatteryRatedVoltage uint16 = 0x0034
)

// Values of [AttrBatterySize] (07-5123-08, table 3-14).
const (
	BatteryAA  uint8 = 0x03
	BatteryAAA uint8 = 0x04
)

var powerCluster = ClusterInfo{
	ID: ClusterPower, Name: "Power Configuration", Clause: "3.3", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrBatteryVoltage, Name: "BatteryVoltage", Type: TypeUint8, Unit: "0.1 V", Clause: "3.3.2.2.3.1"},
		{ID: AttrBatteryPercentage, Name: "BatteryPercentageRemaining", Type: TypeUint8, Access: Reportable, Unit: "0.5 %", Report: &Intervals{Min: 3600, Max: 43200, Change: 2}, Clause: "3.3.2.2.3.2"},
		{ID: AttrBatterySize, Name: "BatterySize", Type: TypeEnum8, Clause: "3.3.2.2.4.2"},
		{ID: AttrBatteryQuantity, Name: "BatteryQuantity", Type: TypeUint8, Clause: "3.3.2.2.4.4"},
		{ID: AttrBatteryRatedVoltage, Name: "BatteryRatedVoltage", Type: TypeUint8, Unit: "0.1 V", Clause: "3.3.2.2.4.5"},
	},
}
