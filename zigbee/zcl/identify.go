package zcl

// AttrIdentifyTime is the attribute of the Identify cluster.
const AttrIdentifyTime uint16 = 0x0000

// Effects of a [TriggerEffect] (07-5123-08, table 3-37).
const (
	EffectBlink         uint8 = 0x00 // once
	EffectBreathe       uint8 = 0x01 // fifteen times
	EffectOkay          uint8 = 0x02
	EffectChannelChange uint8 = 0x0b
	EffectFinish        uint8 = 0xfe // the current effect to its end, then none
	EffectStop          uint8 = 0xff // at once
)

var identifyCluster = ClusterInfo{
	ID: ClusterIdentify, Name: "Identify", Clause: "3.5", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrIdentifyTime, Name: "IdentifyTime", Type: TypeUint16, Access: Writable, Unit: "s", Clause: "3.5.2.2.1"},
	},
	Commands: []CommandInfo{
		{Command: 0x00, Name: "Identify", Clause: "3.5.2.3.1", parse: func(r *reader) Command { return Identify{r.u16()} }},
		{Command: 0x01, Name: "IdentifyQuery", Clause: "3.5.2.3.2", parse: empty(IdentifyQuery{})},
		{Command: 0x40, Name: "TriggerEffect", Clause: "3.5.2.3.3", parse: func(r *reader) Command { return TriggerEffect{r.u8(), r.u8()} }},
		{Command: 0x00, FromServer: true, Name: "IdentifyQueryResponse", Clause: "3.5.2.4.1", parse: func(r *reader) Command { return IdentifyQueryResponse{r.u16()} }},
	},
}

// The commands of the Identify cluster (07-5123-08, 3.5.2.3 and 3.5.2.4).
type (
	// Identify makes the device show which one it is.
	Identify struct{ Time uint16 } // seconds; 0 stops

	// IdentifyQuery asks who is identifying; the others stay silent.
	IdentifyQuery struct{}

	// TriggerEffect makes the device show an effect of its own.
	TriggerEffect struct {
		Effect  uint8
		Variant uint8 // 0: the usual one
	}

	// IdentifyQueryResponse answers an [IdentifyQuery].
	IdentifyQueryResponse struct{ Remaining uint16 } // seconds
)

// ID implements [Command].
func (Identify) ID() CommandID { return CommandID{Cluster: ClusterIdentify, Command: 0x00} }

// ID implements [Command].
func (IdentifyQuery) ID() CommandID { return CommandID{Cluster: ClusterIdentify, Command: 0x01} }

// ID implements [Command].
func (TriggerEffect) ID() CommandID { return toServer(ClusterIdentify, 0x40) }

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

// Append implements [Command].
func (c TriggerEffect) Append(b []byte) []byte { return append(b, c.Effect, c.Variant) }
