package zcl

// The commands of the On/Off cluster (07-5123-08, 3.8.2.3).
type (
	// Off switches off.
	Off struct{}
	// On switches on.
	On struct{}
	// Toggle switches off what is on, and on what is off.
	Toggle struct{}
)

// ID implements [Command].
func (Off) ID() CommandID { return CommandID{Cluster: ClusterOnOff, Command: 0x00} }

// ID implements [Command].
func (On) ID() CommandID { return CommandID{Cluster: ClusterOnOff, Command: 0x01} }

// ID implements [Command].
func (Toggle) ID() CommandID { return CommandID{Cluster: ClusterOnOff, Command: 0x02} }

// Append implements [Command].
func (Off) Append(b []byte) []byte { return b }

// Append implements [Command].
func (On) Append(b []byte) []byte { return b }

// Append implements [Command].
func (Toggle) Append(b []byte) []byte { return b }
