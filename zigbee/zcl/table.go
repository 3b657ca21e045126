package zcl

import "errors"

// ErrUnknownCommand is returned for a command that the table does not have.
var ErrUnknownCommand = errors.New("zcl: unknown command")

// The clusters of a light.
const (
	ClusterBasic      uint16 = 0x0000
	ClusterIdentify   uint16 = 0x0003
	ClusterGroups     uint16 = 0x0004
	ClusterOnOff      uint16 = 0x0006
	ClusterLevel      uint16 = 0x0008
	ClusterElectrical uint16 = 0x0b04
)

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

// AttrClusterRevision is an attribute of every cluster (07-5123-08, 2.3.5.1).
const AttrClusterRevision uint16 = 0xfffd

// PowerSourceMains is single-phase mains in [AttrPowerSource] (07-5123-08, table
// 3-8).
const PowerSourceMains uint8 = 0x01

// AttrIdentifyTime is the attribute of the Identify cluster.
const AttrIdentifyTime uint16 = 0x0000

// AttrGroupNames is the attribute of the Groups cluster: NameSupport.
const AttrGroupNames uint16 = 0x0000

// Attributes of the On/Off cluster.
const (
	AttrOnOff        uint16 = 0x0000
	AttrStartUpOnOff uint16 = 0x4003
)

// Attributes of the Level Control cluster.
const (
	AttrCurrentLevel        uint16 = 0x0000
	AttrRemainingTime       uint16 = 0x0001
	AttrMinLevel            uint16 = 0x0002
	AttrMaxLevel            uint16 = 0x0003
	AttrLevelOptions        uint16 = 0x000f
	AttrOnOffTransitionTime uint16 = 0x0010
	AttrOnLevel             uint16 = 0x0011
	AttrOnTransitionTime    uint16 = 0x0012
	AttrOffTransitionTime   uint16 = 0x0013
	AttrDefaultMoveRate     uint16 = 0x0014
	AttrStartUpLevel        uint16 = 0x4000
)

// Attributes of the Electrical Measurement cluster.
const (
	AttrMeasurementType   uint16 = 0x0000
	AttrActivePower       uint16 = 0x050b
	AttrACPowerMultiplier uint16 = 0x0604
	AttrACPowerDivisor    uint16 = 0x0605
)

// Access is what others may do with an attribute (07-5123-08, 2.3.4).
type Access uint8

// The bits of Access. Every attribute can be read.
const (
	Writable   Access = 1 << iota // by a client
	Reportable                    // on change or periodically
)

// AttributeInfo is what the library says of an attribute.
type AttributeInfo struct {
	ID     uint16
	Name   string
	Type   Type
	Access Access
	Max    uint64     // largest value that may be written; 0: all of the type
	Report *Intervals // what a gateway asks for; only of reportable ones
	Clause string     // of 07-5123-08
}

// Intervals says when an attribute is reported if nobody asks for other times.
type Intervals struct {
	Min, Max uint16 // seconds, as in [Reporting]
	Change   uint64 // in units of the attribute; 0 for discrete types
}

// CommandInfo is what the library says of a command.
type CommandInfo struct {
	Command    uint8
	Name       string
	FromServer bool
	Clause     string // of 07-5123-08

	parse func(*reader) Command
}

// ClusterInfo is what the library says of a cluster.
type ClusterInfo struct {
	ID         uint16
	Name       string
	Clause     string          // of 07-5123-08
	Revision   uint16          // the value of [AttrClusterRevision]
	Attributes []AttributeInfo // in the order of their identifiers
	Commands   []CommandInfo
}

// Clusters returns the table of all clusters. It must not be changed.
func Clusters() []ClusterInfo { return clusters }

// FindCluster returns a cluster of the table.
func FindCluster(id uint16) (ClusterInfo, bool) {
	for i := range clusters {
		if clusters[i].ID == id {
			return clusters[i], true
		}
	}
	return ClusterInfo{}, false
}

// FindAttribute returns an attribute of the table.
func FindAttribute(cluster, attribute uint16) (AttributeInfo, bool) {
	c, ok := FindCluster(cluster)
	if attribute == AttrClusterRevision {
		return clusterRevision, ok
	}
	for _, a := range c.Attributes {
		if a.ID == attribute {
			return a, true
		}
	}
	return AttributeInfo{}, false
}

// FindCommand returns a command of the table.
func FindCommand(id CommandID) (CommandInfo, bool) {
	c, _ := FindCluster(id.Cluster)
	for _, info := range c.Commands {
		if info.Command == id.Command && info.FromServer == id.FromServer {
			return info, true
		}
	}
	return CommandInfo{}, false
}

// DefaultReporting returns the reporting of an attribute with the intervals of
// the table, and false when it is not reportable.
func DefaultReporting(cluster, attribute uint16) (Reporting, bool) {
	a, ok := FindAttribute(cluster, attribute)
	if !ok || a.Report == nil {
		return Reporting{}, false
	}
	r := Reporting{Attribute: a.ID, Type: a.Type, Min: a.Report.Min, Max: a.Report.Max}
	if a.Type.Analog() {
		r.Change = NewValue(a.Type, a.Report.Change)
	}
	return r, true
}
