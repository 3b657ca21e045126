package zcl

// Attributes of the Colour Control cluster that are about colour temperature.
const (
	AttrColorRemainingTime  uint16 = 0x0002
	AttrColorTemperature    uint16 = 0x0007
	AttrColorMode           uint16 = 0x0008
	AttrColorOptions        uint16 = 0x000f
	AttrNumberOfPrimaries   uint16 = 0x0010
	AttrEnhancedColorMode   uint16 = 0x4001
	AttrColorCapabilities   uint16 = 0x400a
	AttrColorTemperatureMin uint16 = 0x400b
	AttrColorTemperatureMax uint16 = 0x400c
	AttrCoupledTemperature  uint16 = 0x400d // at full level, when coupled to it
	AttrStartUpTemperature  uint16 = 0x4010
)

// Values of attributes of Colour Control.
const (
	ColorModeTemperature    uint8  = 2      // [AttrColorMode]
	ColorTemperatureCapable uint16 = 1 << 4 // [AttrColorCapabilities]
)

// MaxMireds is the largest colour temperature, in mireds: a million divided by
// kelvins (07-5123-08, 5.2.2.2.1.8).
const MaxMireds uint16 = 0xfeff

var colorCluster = ClusterInfo{
	ID: ClusterColor, Name: "Color Control", Clause: "5.2", Revision: 3,
	Attributes: []AttributeInfo{
		{ID: AttrColorRemainingTime, Name: "RemainingTime", Type: TypeUint16, Unit: "0.1 s", Clause: "5.2.2.2.1.3"},
		{ID: AttrColorTemperature, Name: "ColorTemperatureMireds", Type: TypeUint16, Access: Reportable, Unit: "mired", Report: &Intervals{Min: 0, Max: 300, Change: 1}, Clause: "5.2.2.2.1.8"},
		{ID: AttrColorMode, Name: "ColorMode", Type: TypeEnum8, Clause: "5.2.2.2.1.9"},
		{ID: AttrColorOptions, Name: "Options", Type: TypeMap8, Access: Writable, Max: 0x01, Clause: "5.2.2.2.1.10"},
		{ID: AttrNumberOfPrimaries, Name: "NumberOfPrimaries", Type: TypeUint8, Clause: "5.2.2.2.2"},
		{ID: AttrEnhancedColorMode, Name: "EnhancedColorMode", Type: TypeEnum8, Clause: "5.2.2.2.1"},
		{ID: AttrColorCapabilities, Name: "ColorCapabilities", Type: TypeMap16, Clause: "5.2.2.2.1"},
		{ID: AttrColorTemperatureMin, Name: "ColorTempPhysicalMinMireds", Type: TypeUint16, Unit: "mired", Clause: "5.2.2.2.1"},
		{ID: AttrColorTemperatureMax, Name: "ColorTempPhysicalMaxMireds", Type: TypeUint16, Unit: "mired", Clause: "5.2.2.2.1"},
		{ID: AttrCoupledTemperature, Name: "CoupleColorTempToLevelMinMireds", Type: TypeUint16, Unit: "mired", Clause: "5.2.2.2.1"},
		{ID: AttrStartUpTemperature, Name: "StartUpColorTemperatureMireds", Type: TypeUint16, Access: Writable | Nullable, Max: 0xffef, Unit: "mired", Clause: "5.2.2.2.1"},
	},
	Commands: []CommandInfo{
		{Command: 0x0a, Name: "MoveToColorTemperature", Clause: "5.2.2.3", parse: func(r *reader) Command {
			return MoveToColorTemperature{Mireds: r.u16(), Transition: r.u16(), Options: r.options()}
		}},
		{Command: 0x47, Name: "StopMoveStep", Clause: "5.2.2.3", parse: func(r *reader) Command { return StopMoveStep{r.options()} }},
		{Command: 0x4b, Name: "MoveColorTemperature", Clause: "5.2.2.3", parse: func(r *reader) Command {
			return MoveColorTemperature{Mode: r.moveMode(), Rate: r.u16(), Min: r.u16(), Max: r.u16(), Options: r.options()}
		}},
		{Command: 0x4c, Name: "StepColorTemperature", Clause: "5.2.2.3", parse: func(r *reader) Command {
			return StepColorTemperature{Mode: r.moveMode(), Size: r.u16(), Transition: r.u16(), Min: r.u16(), Max: r.u16(), Options: r.options()}
		}},
	},
}

// MoveMode is the way of a move or step of colour (07-5123-08, 5.2.2.3).
type MoveMode uint8

// The ways. Up is to more mireds, which is warmer.
const (
	MoveStop MoveMode = 0
	MoveUp   MoveMode = 1
	MoveDown MoveMode = 3
)

// The commands of the Colour Control cluster that are about colour temperature
// (07-5123-08, 5.2.2.3). A limit of 0 stands for the device's own.
type (
	// MoveToColorTemperature goes to a colour temperature.
	MoveToColorTemperature struct {
		Mireds     uint16
		Transition uint16 // tenths of a second
		Options    Options
	}

	// StopMoveStep stays at the colour that a transition has reached.
	StopMoveStep struct{ Options Options }

	// MoveColorTemperature goes warmer or cooler until stopped or at a limit.
	MoveColorTemperature struct {
		Mode     MoveMode
		Rate     uint16 // mireds a second
		Min, Max uint16 // mireds
		Options  Options
	}

	// StepColorTemperature goes warmer or cooler by a number of mireds.
	StepColorTemperature struct {
		Mode       MoveMode // not [MoveStop]
		Size       uint16   // mireds
		Transition uint16   // tenths of a second
		Min, Max   uint16   // mireds
		Options    Options
	}
)

// ID implements [Command].
func (MoveToColorTemperature) ID() CommandID { return toServer(ClusterColor, 0x0a) }

// ID implements [Command].
func (StopMoveStep) ID() CommandID { return toServer(ClusterColor, 0x47) }

// ID implements [Command].
func (MoveColorTemperature) ID() CommandID { return toServer(ClusterColor, 0x4b) }

// ID implements [Command].
func (StepColorTemperature) ID() CommandID { return toServer(ClusterColor, 0x4c) }

// Append implements [Command].
func (c MoveToColorTemperature) Append(b []byte) []byte {
	return c.Options.append(appendU16(appendU16(b, c.Mireds), c.Transition))
}

// Append implements [Command].
func (c StopMoveStep) Append(b []byte) []byte { return c.Options.append(b) }

// Append implements [Command].
func (c MoveColorTemperature) Append(b []byte) []byte {
	b = appendU16(append(b, uint8(c.Mode)), c.Rate)
	return c.Options.append(appendU16(appendU16(b, c.Min), c.Max))
}

// Append implements [Command].
func (c StepColorTemperature) Append(b []byte) []byte {
	b = appendU16(appendU16(append(b, uint8(c.Mode)), c.Size), c.Transition)
	return c.Options.append(appendU16(appendU16(b, c.Min), c.Max))
}

// moveMode reads the way; reserved values are malformed.
func (r *reader) moveMode() MoveMode {
	m := MoveMode(r.u8())
	if m != MoveStop && m != MoveUp && m != MoveDown {
		r.bad = true
	}
	return m
}
