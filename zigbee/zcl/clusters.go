package zcl

// clusterRevision is the one attribute that all clusters have.
var clusterRevision = AttributeInfo{
	ID: AttrClusterRevision, Name: "ClusterRevision", Type: TypeUint16, Clause: "2.3.5.1",
}

// clusters is the table. It is never changed.
var clusters = []ClusterInfo{
	{
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
	},
	{
		ID: ClusterIdentify, Name: "Identify", Clause: "3.5", Revision: 2,
		Attributes: []AttributeInfo{
			{ID: AttrIdentifyTime, Name: "IdentifyTime", Type: TypeUint16, Access: Writable, Clause: "3.5.2.2.1"},
		},
		Commands: []CommandInfo{
			{Command: 0x00, Name: "Identify", Clause: "3.5.2.3.1", parse: func(r *reader) Command { return Identify{r.u16()} }},
			{Command: 0x01, Name: "IdentifyQuery", Clause: "3.5.2.3.2", parse: empty(IdentifyQuery{})},
			{Command: 0x00, FromServer: true, Name: "IdentifyQueryResponse", Clause: "3.5.2.4.1", parse: func(r *reader) Command { return IdentifyQueryResponse{r.u16()} }},
		},
	},
	{
		ID: ClusterGroups, Name: "Groups", Clause: "3.6", Revision: 3,
		Attributes: []AttributeInfo{
			{ID: AttrGroupNames, Name: "NameSupport", Type: TypeMap8, Clause: "3.6.2.2.1"},
		},
		Commands: []CommandInfo{
			{Command: 0x00, Name: "AddGroup", Clause: "3.6.2.3.2", parse: func(r *reader) Command { return r.addGroup() }},
			{Command: 0x01, Name: "ViewGroup", Clause: "3.6.2.3.3", parse: func(r *reader) Command { return ViewGroup{r.u16()} }},
			{Command: 0x02, Name: "GetGroupMembership", Clause: "3.6.2.3.4", parse: func(r *reader) Command { return GetGroupMembership{r.groups()} }},
			{Command: 0x03, Name: "RemoveGroup", Clause: "3.6.2.3.5", parse: func(r *reader) Command { return RemoveGroup{r.u16()} }},
			{Command: 0x04, Name: "RemoveAllGroups", Clause: "3.6.2.3.6", parse: empty(RemoveAllGroups{})},
			{Command: 0x05, Name: "AddGroupIfIdentifying", Clause: "3.6.2.3.7", parse: func(r *reader) Command { return AddGroupIfIdentifying(r.addGroup()) }},
			{Command: 0x00, FromServer: true, Name: "AddGroupResponse", Clause: "3.6.2.4.1", parse: func(r *reader) Command { return AddGroupResponse{Status(r.u8()), r.u16()} }},
			{Command: 0x01, FromServer: true, Name: "ViewGroupResponse", Clause: "3.6.2.4.2", parse: func(r *reader) Command { return ViewGroupResponse{Status(r.u8()), r.u16(), r.groupName()} }},
			{Command: 0x02, FromServer: true, Name: "GetGroupMembershipResponse", Clause: "3.6.2.4.3", parse: func(r *reader) Command { return GroupMembership{r.u8(), r.groups()} }},
			{Command: 0x03, FromServer: true, Name: "RemoveGroupResponse", Clause: "3.6.2.4.4", parse: func(r *reader) Command { return RemoveGroupResponse{Status(r.u8()), r.u16()} }},
		},
	},
	{
		ID: ClusterOnOff, Name: "On/Off", Clause: "3.8", Revision: 2,
		Attributes: []AttributeInfo{
			{ID: AttrOnOff, Name: "OnOff", Type: TypeBool, Access: Reportable, Report: &Intervals{Min: 0, Max: 300}, Clause: "3.8.2.2.1"},
			{ID: AttrStartUpOnOff, Name: "StartUpOnOff", Type: TypeEnum8, Access: Writable, Max: 2, Clause: "3.8.2.2.5"},
		},
		Commands: []CommandInfo{
			{Command: 0x00, Name: "Off", Clause: "3.8.2.3.1", parse: empty(Off{})},
			{Command: 0x01, Name: "On", Clause: "3.8.2.3.2", parse: empty(On{})},
			{Command: 0x02, Name: "Toggle", Clause: "3.8.2.3.3", parse: empty(Toggle{})},
		},
	},
	{
		ID: ClusterLevel, Name: "Level Control", Clause: "3.10", Revision: 3,
		Attributes: []AttributeInfo{
			{ID: AttrCurrentLevel, Name: "CurrentLevel", Type: TypeUint8, Access: Reportable, Report: &Intervals{Min: 0, Max: 300, Change: 1}, Clause: "3.10.2.2.1"},
			{ID: AttrRemainingTime, Name: "RemainingTime", Type: TypeUint16, Clause: "3.10.2.2.2"},
			{ID: AttrMinLevel, Name: "MinLevel", Type: TypeUint8, Clause: "3.10.2.2.3"},
			{ID: AttrMaxLevel, Name: "MaxLevel", Type: TypeUint8, Clause: "3.10.2.2.4"},
			{ID: AttrLevelOptions, Name: "Options", Type: TypeMap8, Access: Writable, Max: 0x03, Clause: "3.10.2.2.8"},
			{ID: AttrOnOffTransitionTime, Name: "OnOffTransitionTime", Type: TypeUint16, Access: Writable, Max: 0xfffe, Clause: "3.10.2.2.9"},
			{ID: AttrOnLevel, Name: "OnLevel", Type: TypeUint8, Access: Writable, Clause: "3.10.2.2.10"},
			{ID: AttrOnTransitionTime, Name: "OnTransitionTime", Type: TypeUint16, Access: Writable, Clause: "3.10.2.2.11"},
			{ID: AttrOffTransitionTime, Name: "OffTransitionTime", Type: TypeUint16, Access: Writable, Clause: "3.10.2.2.12"},
			{ID: AttrDefaultMoveRate, Name: "DefaultMoveRate", Type: TypeUint8, Access: Writable, Clause: "3.10.2.2.13"},
			{ID: AttrStartUpLevel, Name: "StartUpCurrentLevel", Type: TypeUint8, Access: Writable, Clause: "3.10.2.2.14"},
		},
		Commands: []CommandInfo{
			{Command: 0x00, Name: "MoveToLevel", Clause: "3.10.2.3.1", parse: parseMoveToLevel(false)},
			{Command: 0x01, Name: "Move", Clause: "3.10.2.3.2", parse: parseMove(false)},
			{Command: 0x02, Name: "Step", Clause: "3.10.2.3.3", parse: parseStep(false)},
			{Command: 0x03, Name: "Stop", Clause: "3.10.2.3.4", parse: parseStop(false)},
			{Command: 0x04, Name: "MoveToLevelWithOnOff", Clause: "3.10.2.3.5", parse: parseMoveToLevel(true)},
			{Command: 0x05, Name: "MoveWithOnOff", Clause: "3.10.2.3.5", parse: parseMove(true)},
			{Command: 0x06, Name: "StepWithOnOff", Clause: "3.10.2.3.5", parse: parseStep(true)},
			{Command: 0x07, Name: "StopWithOnOff", Clause: "3.10.2.3.5", parse: parseStop(true)},
		},
	},
	{
		ID: ClusterElectrical, Name: "Electrical Measurement", Clause: "4.9", Revision: 2,
		Attributes: []AttributeInfo{
			{ID: AttrMeasurementType, Name: "MeasurementType", Type: TypeMap32, Clause: "4.9.2.2.1"},
			{ID: AttrActivePower, Name: "ActivePower", Type: TypeInt16, Access: Reportable, Report: &Intervals{Min: 1, Max: 300, Change: 5}, Clause: "4.9.2.2.5"},
			{ID: AttrACPowerMultiplier, Name: "ACPowerMultiplier", Type: TypeUint16, Clause: "4.9.2.2.6"},
			{ID: AttrACPowerDivisor, Name: "ACPowerDivisor", Type: TypeUint16, Clause: "4.9.2.2.6"},
		},
	},
}

// empty parses a command without fields.
func empty(c Command) func(*reader) Command { return func(*reader) Command { return c } }
