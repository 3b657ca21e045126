package zcl

// Attributes of the Basic cluster.
const (
	AttrZCLVersion   uint16 = 0x0000
	AttrAppVersion   uint16 = 0x0001
	AttrStackVersion uint16 = 0x0002
	AttrHWVersion    uint16 = 0x0003
	AttrManufacturer uint16 = 0x0004
	AttrModel        uint16 = 0x0005
	AttrDateCode     uint16 = 0x0006
	AttrPowerSource  uint16 = 0x0007
	AttrSerialNumber uint16 = 0x000d
	AttrSWBuild      uint16 = 0x4000
)

// Values of [AttrPowerSource] (07-5123-08, table 3-8).
const (
	PowerSourceMains   uint8 = 0x01 // single phase
	PowerSourceBattery uint8 = 0x03
)

var basicCluster = ClusterInfo{
	ID: ClusterBasic, Name: "Basic", Clause: "3.2", Revision: 3,
	Attributes: []AttributeInfo{
		{ID: AttrZCLVersion, Name: "ZCLVersion", Type: TypeUint8, Clause: "3.2.2.2.1"},
		{ID: AttrAppVersion, Name: "ApplicationVersion", Type: TypeUint8, Clause: "3.2.2.2.2"},
		{ID: AttrStackVersion, Name: "StackVersion", Type: TypeUint8, Clause: "3.2.2.2.3"},
		{ID: AttrHWVersion, Name: "HWVersion", Type: TypeUint8, Clause: "3.2.2.2.4"},
		{ID: AttrManufacturer, Name: "ManufacturerName", Type: TypeText, Clause: "3.2.2.2.5"},
		{ID: AttrModel, Name: "ModelIdentifier", Type: TypeText, Clause: "3.2.2.2.6"},
		{ID: AttrDateCode, Name: "DateCode", Type: TypeText, Clause: "3.2.2.2.7"},
		{ID: AttrPowerSource, Name: "PowerSource", Type: TypeEnum8, Clause: "3.2.2.2.8"},
		{ID: AttrSerialNumber, Name: "SerialNumber", Type: TypeText, Clause: "3.2.2.2.14"},
		{ID: AttrSWBuild, Name: "SWBuildID", Type: TypeText, Clause: "3.2.2.2.21"},
	},
}
