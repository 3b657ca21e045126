package zcl

// Values of fields of the Level Control cluster.
const (
	// MaxLevel is full output (07-5123-08, 3.10.2.2). 0xff is not a level.
	MaxLevel uint8 = 0xfe
	// AsFastAsPossible stands for a transition time or rate: the device chooses.
	AsFastAsPossible uint16 = 0xffff
	// DefaultRate as the rate of a [Move] stands for the device's own.
	DefaultRate uint8 = 0xff
)

// LevelOptions overrides bits of the Options attribute for one command
// (07-5123-08, 3.10.2.2.8): where Mask has a bit, Override's is used.
type LevelOptions struct {
	Mask     uint8
	Override uint8
}

// ExecuteIfOff is the bit of the Options attribute that lets a command without
// on/off act on a light that is off.
const ExecuteIfOff uint8 = 1 << 0

// Apply returns the options attribute as this command sees it.
func (o LevelOptions) Apply(attribute uint8) uint8 {
	return attribute&^o.Mask | o.Override&o.Mask
}

func (o LevelOptions) append(b []byte) []byte { return append(b, o.Mask, o.Override) }

// levelOptions reads the options; commands of before revision 6 end without.
func (r *reader) levelOptions() LevelOptions {
	if len(r.rest) == 0 {
		return LevelOptions{}
	}
	return LevelOptions{Mask: r.u8(), Override: r.u8()}
}

// The commands of the Level Control cluster (07-5123-08, 3.10.2.3). WithOnOff
// makes a command switch the light on when it raises the level, and off when it
// lowers it to the minimum.
type (
	// MoveToLevel goes to a level.
	MoveToLevel struct {
		Level      uint8  // 0 to [MaxLevel]
		Transition uint16 // tenths of a second, or [AsFastAsPossible]
		Options    LevelOptions
		WithOnOff  bool
	}

	// Move goes up or down until stopped, or until the end of the range.
	Move struct {
		Down      bool
		Rate      uint8 // units a second, or [DefaultRate]
		Options   LevelOptions
		WithOnOff bool
	}

	// Step goes up or down by a number of units.
	Step struct {
		Down       bool
		Size       uint8
		Transition uint16 // tenths of a second, or [AsFastAsPossible]
		Options    LevelOptions
		WithOnOff  bool
	}

	// Stop stays at the level that a transition has reached.
	Stop struct {
		Options   LevelOptions
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
		return MoveToLevel{Level: r.u8(), Transition: r.u16(), Options: r.levelOptions(), WithOnOff: with}
	}
}

func parseMove(with bool) func(*reader) Command {
	return func(r *reader) Command {
		return Move{Down: r.down(), Rate: r.u8(), Options: r.levelOptions(), WithOnOff: with}
	}
}

func parseStep(with bool) func(*reader) Command {
	return func(r *reader) Command {
		return Step{
			Down: r.down(), Size: r.u8(), Transition: r.u16(),
			Options: r.levelOptions(), WithOnOff: with,
		}
	}
}

func parseStop(with bool) func(*reader) Command {
	return func(r *reader) Command { return Stop{Options: r.levelOptions(), WithOnOff: with} }
}
