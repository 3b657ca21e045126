package zcl

// Attributes of the On/Off cluster.
const (
	AttrOnOff        uint16 = 0x0000
	AttrGlobalScene  uint16 = 0x4000
	AttrOnTime       uint16 = 0x4001
	AttrOffWaitTime  uint16 = 0x4002
	AttrStartUpOnOff uint16 = 0x4003
)

// Effects of [OffWithEffect] (07-5123-08, tables 3-47 to 3-49).
const (
	DelayedAllOff uint8 = 0x00 // variants: 0 fade in 0.8 s, 1 at once, 2 half in 0.8 s and then fade in 12 s
	DyingLight    uint8 = 0x01 // up by a fifth in 0.5 s, then fade in 1 s
)

var onOffCluster = ClusterInfo{
	ID: ClusterOnOff, Name: "On/Off", Clause: "3.8", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrOnOff, Name: "OnOff", Type: TypeBool, Access: Reportable, Report: &Intervals{Min: 0, Max: 300}, Clause: "3.8.2.2.1"},
		{ID: AttrGlobalScene, Name: "GlobalSceneControl", Type: TypeBool, Clause: "3.8.2.2.2"},
		{ID: AttrOnTime, Name: "OnTime", Type: TypeUint16, Access: Writable, Unit: "0.1 s", Clause: "3.8.2.2.3"},
		{ID: AttrOffWaitTime, Name: "OffWaitTime", Type: TypeUint16, Access: Writable, Unit: "0.1 s", Clause: "3.8.2.2.4"},
		{ID: AttrStartUpOnOff, Name: "StartUpOnOff", Type: TypeEnum8, Access: Writable | Nullable, Max: 2, Clause: "3.8.2.2.5"},
	},
	Commands: []CommandInfo{
		{Command: 0x00, Name: "Off", Clause: "3.8.2.3.1", parse: empty(Off{})},
		{Command: 0x01, Name: "On", Clause: "3.8.2.3.2", parse: empty(On{})},
		{Command: 0x02, Name: "Toggle", Clause: "3.8.2.3.3", parse: empty(Toggle{})},
		{Command: 0x40, Name: "OffWithEffect", Clause: "3.8.2.3.4", parse: func(r *reader) Command { return OffWithEffect{r.u8(), r.u8()} }},
		{Command: 0x41, Name: "OnWithRecallGlobalScene", Clause: "3.8.2.3.5", parse: empty(OnWithRecallGlobalScene{})},
		{Command: 0x42, Name: "OnWithTimedOff", Clause: "3.8.2.3.6", parse: func(r *reader) Command {
			return OnWithTimedOff{OnlyWhenOn: r.u8()&1 != 0, OnTime: r.u16(), OffWaitTime: r.u16()}
		}},
	},
}

// The commands of the On/Off cluster (07-5123-08, 3.8.2.3).
type (
	// Off switches off.
	Off struct{}
	// On switches on.
	On struct{}
	// Toggle switches off what is on, and on what is off.
	Toggle struct{}

	// OffWithEffect switches off in a way that a person notices, and keeps what
	// the light did as the global scene.
	OffWithEffect struct{ Effect, Variant uint8 }

	// OnWithRecallGlobalScene switches on as before [OffWithEffect].
	OnWithRecallGlobalScene struct{}

	// OnWithTimedOff switches on for a time. Times are in tenths of a second;
	// 0xffff does not end.
	OnWithTimedOff struct {
		OnlyWhenOn  bool // has no effect on a light that is off
		OnTime      uint16
		OffWaitTime uint16 // how long, once off, it cannot be switched on so again
	}
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

// ID implements [Command].
func (OffWithEffect) ID() CommandID { return toServer(ClusterOnOff, 0x40) }

// ID implements [Command].
func (OnWithRecallGlobalScene) ID() CommandID { return toServer(ClusterOnOff, 0x41) }

// ID implements [Command].
func (OnWithTimedOff) ID() CommandID { return toServer(ClusterOnOff, 0x42) }

// Append implements [Command].
func (c OffWithEffect) Append(b []byte) []byte { return append(b, c.Effect, c.Variant) }

// Append implements [Command].
func (OnWithRecallGlobalScene) Append(b []byte) []byte { return b }

// Append implements [Command].
func (c OnWithTimedOff) Append(b []byte) []byte {
	return appendU16(appendU16(AppendValue(b, Bool(c.OnlyWhenOn)), c.OnTime), c.OffWaitTime)
}
