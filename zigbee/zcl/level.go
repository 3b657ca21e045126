package zcl

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

var levelCluster = ClusterInfo{
	ID: ClusterLevel, Name: "Level Control", Clause: "3.10", Revision: 3,
	Attributes: []AttributeInfo{
		{ID: AttrCurrentLevel, Name: "CurrentLevel", Type: TypeUint8, Access: Reportable, Report: &Intervals{Min: 0, Max: 300, Change: 1}, Clause: "3.10.2.2.1"},
		{ID: AttrRemainingTime, Name: "RemainingTime", Type: TypeUint16, Unit: "0.1 s", Clause: "3.10.2.2.2"},
		{ID: AttrMinLevel, Name: "MinLevel", Type: TypeUint8, Clause: "3.10.2.2.3"},
		{ID: AttrMaxLevel, Name: "MaxLevel", Type: TypeUint8, Clause: "3.10.2.2.4"},
		{ID: AttrLevelOptions, Name: "Options", Type: TypeMap8, Access: Writable, Max: 0x03, Clause: "3.10.2.2.8"},
		{ID: AttrOnOffTransitionTime, Name: "OnOffTransitionTime", Type: TypeUint16, Access: Writable, Max: 0xfffe, Unit: "0.1 s", Clause: "3.10.2.2.9"},
		{ID: AttrOnLevel, Name: "OnLevel", Type: TypeUint8, Access: Writable | Nullable, Min: 1, Max: 254, Clause: "3.10.2.2.10"},
		{ID: AttrOnTransitionTime, Name: "OnTransitionTime", Type: TypeUint16, Access: Writable | Nullable, Max: 0xfffe, Unit: "0.1 s", Clause: "3.10.2.2.11"},
		{ID: AttrOffTransitionTime, Name: "OffTransitionTime", Type: TypeUint16, Access: Writable | Nullable, Max: 0xfffe, Unit: "0.1 s", Clause: "3.10.2.2.12"},
		{ID: AttrDefaultMoveRate, Name: "DefaultMoveRate", Type: TypeUint8, Access: Writable | Nullable, Min: 1, Max: 254, Unit: "1/s", Clause: "3.10.2.2.13"},
		{ID: AttrStartUpLevel, Name: "StartUpCurrentLevel", Type: TypeUint8, Access: Writable | Nullable, Max: 254, Clause: "3.10.2.2.14"},
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
}

// Values of fields of the Level Control cluster.
const (
	// MaxLevel is full output (07-5123-08, 3.10.2.2). 0xff is not a level.
	MaxLevel uint8 = 0xfe
	// AsFastAsPossible stands for a transition time or rate: the device chooses.
	AsFastAsPossible uint16 = 0xffff
	// DefaultRate as the rate of a [Move] stands for the device's own.
	DefaultRate uint8 = 0xff
)

// Options overrides bits of the Options attribute of Level Control or Colour
// Control for one command (07-5123-08, 3.10.2.2.8 and 5.2.2.2.1.10): where Mask has a bit, Override's is used.
type Options struct {
	Mask     uint8
	Override uint8
}

// Bits of the Options attributes.
const (
	ExecuteIfOff uint8 = 1 << 0 // a command without on/off acts on a light that is off
	CoupleColor  uint8 = 1 << 1 // of Level Control: the colour temperature follows the level
)

// Apply returns the options attribute as this command sees it.
func (o Options) Apply(attribute uint8) uint8 {
	return attribute&^o.Mask | o.Override&o.Mask
}

func (o Options) append(b []byte) []byte { return append(b, o.Mask, o.Override) }

// options reads the options; commands of before revision 6 end without.
func (r *reader) options() Options {
	if len(r.rest) == 0 {
		return Options{}
	}
	return Options{Mask: r.u8(), Override: r.u8()}
}

// The commands of the Level Control cluster (07-5123-08, 3.10.2.3). WithOnOff
// makes a command switch the light on when it raises the level, and off when it
// lowers it to the minimum.
type (
	// MoveToLevel goes to a level.
	MoveToLevel struct {
		Level      uint8  // 0 to [MaxLevel]
		Transition uint16 // tenths of a second, or [AsFastAsPossible]
		Options    Options
		WithOnOff  bool
	}

	// Move goes up or down until stopped, or until the end of the range.
	Move struct {
		Down      bool
		Rate      uint8 // units a second, or [DefaultRate]
		Options   Options
		WithOnOff bool
	}

	// Step goes up or down by a number of units.
	Step struct {
		Down       bool
		Size       uint8
		Transition uint16 // tenths of a second, or [AsFastAsPossible]
		Options    Options
		WithOnOff  bool
	}

	// Stop stays at the level that a transition has reached.
	Stop struct {
		Options   Options
		WithOnOff bool
	}
)

// withOnOff is the distance between a command and its form with on/off.
const withOnOff = 4

func levelCommand(id uint8, with bool) CommandID {
	if with {
		id += withOnOff
	}
	return CommandID{Cluster: ClusterLevel, Command: id}
}

// ID implements [Command].
func (c MoveToLevel) ID() CommandID { return levelCommand(0x00, c.WithOnOff) }

// ID implements [Command].
func (c Move) ID() CommandID { return levelCommand(0x01, c.WithOnOff) }

// ID implements [Command].
func (c Step) ID() CommandID { return levelCommand(0x02, c.WithOnOff) }

// ID implements [Command].
func (c Stop) ID() CommandID { return levelCommand(0x03, c.WithOnOff) }

// Append implements [Command].
func (c MoveToLevel) Append(b []byte) []byte {
	return c.Options.append(appendU16(append(b, c.Level), c.Transition))
}

// Append implements [Command].
func (c Move) Append(b []byte) []byte {
	return c.Options.append(append(appendDown(b, c.Down), c.Rate))
}

// Append implements [Command].
func (c Step) Append(b []byte) []byte {
	return c.Options.append(appendU16(append(appendDown(b, c.Down), c.Size), c.Transition))
}

// Append implements [Command].
func (c Stop) Append(b []byte) []byte { return c.Options.append(b) }

func appendDown(b []byte, down bool) []byte { return AppendValue(b, Bool(down)) }

// down reads a mode field: 0 up, 1 down (07-5123-08, table 3-54).
func (r *reader) down() bool { return r.direction() }

func parseMoveToLevel(with bool) func(*reader) Command {
	return func(r *reader) Command {
		return MoveToLevel{Level: r.u8(), Transition: r.u16(), Options: r.options(), WithOnOff: with}
	}
}

func parseMove(with bool) func(*reader) Command {
	return func(r *reader) Command {
		return Move{Down: r.down(), Rate: r.u8(), Options: r.options(), WithOnOff: with}
	}
}

func parseStep(with bool) func(*reader) Command {
	return func(r *reader) Command {
		return Step{
			Down: r.down(), Size: r.u8(), Transition: r.u16(),
			Options: r.options(), WithOnOff: with,
		}
	}
}

func parseStop(with bool) func(*reader) Command {
	return func(r *reader) Command { return Stop{Options: r.options(), WithOnOff: with} }
}
