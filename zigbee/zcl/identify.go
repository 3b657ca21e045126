package zcl

// The commands of the Identify cluster (07-5123-08, 3.5.2.3 and 3.5.2.4).
type (
	// Identify makes the device show which one it is.
	Identify struct{ Time uint16 } // seconds; 0 stops

	// IdentifyQuery asks who is identifying; the others stay silent.
	IdentifyQuery struct{}

	// IdentifyQueryResponse answers an [IdentifyQuery].
	IdentifyQueryResponse struct{ Remaining uint16 } // seconds
)

// ID implements [Command].
func (Identify) ID() CommandID { return CommandID{Cluster: ClusterIdentify, Command: 0x00} }

// ID implements [Command].
func (IdentifyQuery) ID() CommandID { return CommandID{Cluster: ClusterIdentify, Command: 0x01} }

// ID implements [Command].
func (IdentifyQueryResponse) ID() CommandID {
	return CommandID{Cluster: ClusterIdentify, FromServer: true, Command: 0x00}
}

// Append implements [Command].
func (c Identify) Append(b []byte) []byte { return appendU16(b, c.Time) }

// Append implements [Command].
func (IdentifyQuery) Append(b []byte) []byte { return b }

// Append implements [Command].
func (c IdentifyQueryResponse) Append(b []byte) []byte { return appendU16(b, c.Remaining) }
