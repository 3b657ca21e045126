package zcl

// Attributes of the Illuminance Measurement cluster.
const (
	AttrIlluminance    uint16 = 0x0000 // 10,000 × log10(lux) + 1; 0 is too dark to measure
	AttrIlluminanceMin uint16 = 0x0001
	AttrIlluminanceMax uint16 = 0x0002
)

// Attributes of the Occupancy Sensing cluster.
const (
	AttrOccupancy         uint16 = 0x0000 // bit 0: occupied
	AttrOccupancyType     uint16 = 0x0001
	AttrOccupancyTypes    uint16 = 0x0002
	AttrOccupancyPIRDelay uint16 = 0x0010
)

// Attributes of the Metering cluster.
const (
	AttrEnergyDelivered    uint16 = 0x0000
	AttrMeteringStatus     uint16 = 0x0200
	AttrMeteringUnit       uint16 = 0x0300
	AttrMeteringMultiplier uint16 = 0x0301
	AttrMeteringDivisor    uint16 = 0x0302
	AttrMeteringFormat     uint16 = 0x0303
	AttrMeteringDevice     uint16 = 0x0306
)

// Attributes of the Electrical Measurement cluster.
const (
	AttrMeasurementType     uint16 = 0x0000
	AttrRMSVoltage          uint16 = 0x0505
	AttrRMSCurrent          uint16 = 0x0508
	AttrActivePower         uint16 = 0x050b
	AttrACVoltageMultiplier uint16 = 0x0600
	AttrACVoltageDivisor    uint16 = 0x0601
	AttrACCurrentMultiplier uint16 = 0x0602
	AttrACCurrentDivisor    uint16 = 0x0603
	AttrACPowerMultiplier   uint16 = 0x0604
	AttrACPowerDivisor      uint16 = 0x0605
)

// Attributes of the Diagnostics cluster.
const (
	AttrResets            uint16 = 0x0000
	AttrMemoryWrites      uint16 = 0x0001
	AttrNWKDecryptFailure uint16 = 0x0115
	AttrNoPacketBuffer    uint16 = 0x0117
	AttrLastLQI           uint16 = 0x011c
	AttrLastRSSI          uint16 = 0x011d
)

var illuminanceCluster = ClusterInfo{
	ID: ClusterIlluminance, Name: "Illuminance Measurement", Clause: "4.2", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrIlluminance, Name: "MeasuredValue", Type: TypeUint16, Access: Reportable, Unit: "10,000 log10(lx) + 1", Report: &Intervals{Min: 10, Max: 900, Change: 500}, Clause: "4.2.2.2.1"},
		{ID: AttrIlluminanceMin, Name: "MinMeasuredValue", Type: TypeUint16, Unit: "10,000 log10(lx) + 1", Clause: "4.2.2.2.2"},
		{ID: AttrIlluminanceMax, Name: "MaxMeasuredValue", Type: TypeUint16, Unit: "10,000 log10(lx) + 1", Clause: "4.2.2.2.3"},
	},
}

var occupancyCluster = ClusterInfo{
	ID: ClusterOccupancy, Name: "Occupancy Sensing", Clause: "4.8", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrOccupancy, Name: "Occupancy", Type: TypeMap8, Access: Reportable, Report: &Intervals{Min: 0, Max: 900}, Clause: "4.8.2.2.1"},
		{ID: AttrOccupancyType, Name: "OccupancySensorType", Type: TypeEnum8, Clause: "4.8.2.2.2"},
		{ID: AttrOccupancyTypes, Name: "OccupancySensorTypeBitmap", Type: TypeMap8, Clause: "4.8.2.2.3"},
		{ID: AttrOccupancyPIRDelay, Name: "PIROccupiedToUnoccupiedDelay", Type: TypeUint16, Access: Writable, Max: 0xfffe, Unit: "s", Clause: "4.8.2.3.1"},
	},
}

var meteringCluster = ClusterInfo{
	ID: ClusterMetering, Name: "Metering", Clause: "10.4", Revision: 1,
	Attributes: []AttributeInfo{
		{ID: AttrEnergyDelivered, Name: "CurrentSummationDelivered", Type: TypeUint48, Access: Reportable, Unit: "kWh × multiplier / divisor", Report: &Intervals{Min: 60, Max: 900, Change: 36_000}, Clause: "10.4.2.2.1"},
		{ID: AttrMeteringStatus, Name: "Status", Type: TypeMap8, Clause: "10.4.2.2.3"},
		{ID: AttrMeteringUnit, Name: "UnitofMeasure", Type: TypeEnum8, Clause: "10.4.2.2.4"},
		{ID: AttrMeteringMultiplier, Name: "Multiplier", Type: TypeUint24, Clause: "10.4.2.2.4"},
		{ID: AttrMeteringDivisor, Name: "Divisor", Type: TypeUint24, Clause: "10.4.2.2.4"},
		{ID: AttrMeteringFormat, Name: "SummationFormatting", Type: TypeMap8, Clause: "10.4.2.2.4"},
		{ID: AttrMeteringDevice, Name: "MeteringDeviceType", Type: TypeMap8, Clause: "10.4.2.2.4"},
	},
}

var electricalCluster = ClusterInfo{
	ID: ClusterElectrical, Name: "Electrical Measurement", Clause: "4.9", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrMeasurementType, Name: "MeasurementType", Type: TypeMap32, Clause: "4.9.2.2.1"},
		{ID: AttrRMSVoltage, Name: "RMSVoltage", Type: TypeUint16, Access: Reportable, Unit: "V × multiplier / divisor", Report: &Intervals{Min: 10, Max: 900, Change: 50}, Clause: "4.9.2.2.5"},
		{ID: AttrRMSCurrent, Name: "RMSCurrent", Type: TypeUint16, Access: Reportable, Unit: "A × multiplier / divisor", Report: &Intervals{Min: 10, Max: 900, Change: 50}, Clause: "4.9.2.2.5"},
		{ID: AttrActivePower, Name: "ActivePower", Type: TypeInt16, Access: Reportable, Unit: "W × multiplier / divisor", Report: &Intervals{Min: 1, Max: 300, Change: 5}, Clause: "4.9.2.2.5"},
		{ID: AttrACVoltageMultiplier, Name: "ACVoltageMultiplier", Type: TypeUint16, Clause: "4.9.2.2.6"},
		{ID: AttrACVoltageDivisor, Name: "ACVoltageDivisor", Type: TypeUint16, Clause: "4.9.2.2.6"},
		{ID: AttrACCurrentMultiplier, Name: "ACCurrentMultiplier", Type: TypeUint16, Clause: "4.9.2.2.6"},
		{ID: AttrACCurrentDivisor, Name: "ACCurrentDivisor", Type: TypeUint16, Clause: "4.9.2.2.6"},
		{ID: AttrACPowerMultiplier, Name: "ACPowerMultiplier", Type: TypeUint16, Clause: "4.9.2.2.6"},
		{ID: AttrACPowerDivisor, Name: "ACPowerDivisor", Type: TypeUint16, Clause: "4.9.2.2.6"},
	},
}

var diagnosticsCluster = ClusterInfo{
	ID: ClusterDiagnostics, Name: "Diagnostics", Clause: "3.15", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrResets, Name: "NumberOfResets", Type: TypeUint16, Clause: "3.15.2.2.1"},
		{ID: AttrMemoryWrites, Name: "PersistentMemoryWrites", Type: TypeUint16, Clause: "3.15.2.2.1"},
		{ID: AttrNWKDecryptFailure, Name: "NWKDecryptFailures", Type: TypeUint16, Clause: "3.15.2.2.2"},
		{ID: AttrNoPacketBuffer, Name: "PacketBufferAllocateFailures", Type: TypeUint16, Clause: "3.15.2.2.2"},
		{ID: AttrLastLQI, Name: "LastMessageLQI", Type: TypeUint8, Clause: "3.15.2.2.2"},
		{ID: AttrLastRSSI, Name: "LastMessageRSSI", Type: TypeInt8, Access: Reportable, Unit: "dBm", Report: &Intervals{Min: 3600, Max: 3600, Change: 1}, Clause: "3.15.2.2.2"},
	},
}
