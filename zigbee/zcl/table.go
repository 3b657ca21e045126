package zcl

import "errors"

// ErrUnknownCommand is returned for a command that the table does not have.
var ErrUnknownCommand = errors.New("zcl: unknown command")

// The clusters of the table.
const (
	ClusterBasic       uint16 = 0x0000
	ClusterPower       uint16 = 0x0001
	ClusterTemperature uint16 = 0x0002
	ClusterIdentify    uint16 = 0x0003
	ClusterGroups      uint16 = 0x0004
	ClusterScenes      uint16 = 0x0005
	ClusterOnOff       uint16 = 0x0006
	ClusterLevel       uint16 = 0x0008
	ClusterTime        uint16 = 0x000a
	ClusterOTA         uint16 = 0x0019
	ClusterPollControl uint16 = 0x0020
	ClusterColor       uint16 = 0x0300
	ClusterBallast     uint16 = 0x0301
	ClusterIlluminance uint16 = 0x0400
	ClusterOccupancy   uint16 = 0x0406
	ClusterMetering    uint16 = 0x0702
	ClusterElectrical  uint16 = 0x0b04
	ClusterDiagnostics uint16 = 0x0b05
	ClusterBehaviour   uint16 = 0xfc53
)

// AttrClusterRevision is an attribute of every cluster (07-5123-08, 2.3.5.1).
const AttrClusterRevision uint16 = 0xfffd

// Access is what others may do with an attribute (07-5123-08, 2.3.4).
type Access uint8

// The bits of Access. Every attribute can be read.
const (
	Writable   Access = 1 << iota // by a client
	Reportable                    // on change or periodically
	Nullable                      // the non-value of the type may be written, beyond the range
	OfClient                      // the client of the cluster has it, not the server
)

// AttributeInfo is what the library says of an attribute.
type AttributeInfo struct {
	ID     uint16
	Name   string
	Type   Type
	Access Access
	Min    uint64     // smallest value that may be written
	Max    uint64     // largest value that may be written; 0: all of the type
	Unit   string     // of the values, for people; "" for a plain number
	Report *Intervals // what a gateway asks for; only of reportable ones
	Clause string     // of 07-5123-08
}

// MayHold reports whether a client may write v, which is of the attribute's type.
func (a AttributeInfo) MayHold(v Value) bool {
	if !v.Valid() && a.Access&Nullable != 0 {
		return true
	}
	return v.Uint() >= a.Min && (a.Max == 0 || v.Uint() <= a.Max)
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
	Maker      uint16          // manufacturer code of its frames; 0 for a standard cluster
	Attributes []AttributeInfo // in the order of their identifiers
	Commands   []CommandInfo
}

// clusterRevision is the one attribute that all clusters have.
var clusterRevision = AttributeInfo{
	ID: AttrClusterRevision, Name: "ClusterRevision", Type: TypeUint16, Clause: "2.3.5.1",
}

// clusters is the table, in the order of the identifiers. It is never changed;
// the rows stand beside the commands of each cluster.
var clusters = []ClusterInfo{
	basicCluster, powerCluster, temperatureCluster, identifyCluster, groupsCluster, scenesCluster, onOffCluster,
	levelCluster, timeCluster, otaCluster, pollCluster, colorCluster, ballastCluster, illuminanceCluster, occupancyCluster,
	meteringCluster, electricalCluster, diagnosticsCluster, behaviourCluster,
}

// empty parses a command without fields.
func empty(c Command) func(*reader) Command { return func(*reader) Command { return c } }

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
