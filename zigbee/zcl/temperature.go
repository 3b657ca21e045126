package zcl

// Attributes of the Device Temperature Configuration cluster.
const (
	AttrCurrentTemperature uint16 = 0x0000
	AttrMinTemperature     uint16 = 0x0001
	AttrMaxTemperature     uint16 = 0x0002
)

var temperatureCluster = ClusterInfo{
	ID: ClusterTemperature, Name: "Device Temperature Configuration", Clause: "3.4", Revision: 1,
	Attributes: []AttributeInfo{
		{ID: AttrCurrentTemperature, Name: "CurrentTemperature", Type: TypeInt16, Access: Reportable, Unit: "°C", Report: &Intervals{Min: 60, Max: 900, Change: 2}, Clause: "3.4.2.2.1.1"},
		{ID: AttrMinTemperature, Name: "MinTempExperienced", Type: TypeInt16, Unit: "°C", Clause: "3.4.2.2.1.2"},
		{ID: AttrMaxTemperature, Name: "MaxTempExperienced", Type: TypeInt16, Unit: "°C", Clause: "3.4.2.2.1.3"},
	},
}
