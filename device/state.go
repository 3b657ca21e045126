package device

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// State is what a luminaire keeps through a power cut: its network with the keys,
// its light, and what it reports to whom. During a fade, the light is kept as it
// will be at the end.
type State struct {
	node      stack.State
	light     memory
	reporting []zcl.ReportingEntry
	changes   uint64
}

// kept names what the last saved state held of the light and the reports.
type kept struct {
	light   memory
	changes uint64
}

func (l *Luminaire) kept() kept {
	return kept{light: l.light.settled(), changes: l.server.Changes()}
}

// State returns what has to survive a power cut.
func (l *Luminaire) State() State {
	k := l.kept()
	return State{node: l.node.State(), light: k.light, reporting: l.server.Reporting(), changes: k.changes}
}

// Saved says that a state is durable.
func (l *Luminaire) Saved(s State) {
	l.saving = false
	l.saved = kept{light: s.light, changes: s.changes}
	l.node.Saved(s.node)
	if l.kept() != l.saved {
		l.saving = true
		l.emit(SaveState{})
	}
}

// stateVersion is the first byte of an encoded state.
const stateVersion = 1

var errState = errors.New("luminaire state: not one that this firmware wrote")

// Append appends the encoded state to b. It holds keys: it is to be kept as they
// are.
func (s State) Append(b []byte) []byte {
	m := s.light
	b = append(b, stateVersion)
	b = zcl.AppendValue(b, zcl.Bool(m.on))
	b = append(b, m.level, m.resume, m.options)
	for _, v := range []uint16{m.onOffTime, m.onTime, m.offTime} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, m.onLevel, m.moveRate, m.startUpOnOff, m.startUpLevel, uint8(len(s.reporting)))
	for _, e := range s.reporting {
		b = binary.BigEndian.AppendUint16(append(b, e.Endpoint), e.Cluster)
		b = append(binary.BigEndian.AppendUint16(b, uint16(e.Dst)), e.DstEndpoint)
		b = binary.BigEndian.AppendUint16(b, e.Reporting.Attribute)
		b = binary.BigEndian.AppendUint16(append(b, uint8(e.Reporting.Type)), e.Reporting.Min)
		b = binary.BigEndian.AppendUint16(b, e.Reporting.Max)
		b = binary.BigEndian.AppendUint64(b, e.Reporting.Change.Uint())
	}
	return s.node.Append(b)
}

// Sizes of the parts of an encoded state, in bytes.
const (
	lightSize = 16
	entrySize = 21
)

// ParseState reads what [State.Append] wrote.
func ParseState(b []byte) (State, error) {
	if len(b) < lightSize || b[0] != stateVersion || b[1] > 1 || len(b) < lightSize+int(b[15])*entrySize {
		return State{}, errState
	}
	s := State{light: memory{
		on: b[1] == 1, level: b[2], resume: b[3],
		settings: settings{
			options: b[4], onOffTime: binary.BigEndian.Uint16(b[5:]), onTime: binary.BigEndian.Uint16(b[7:]),
			offTime: binary.BigEndian.Uint16(b[9:]), onLevel: b[11], moveRate: b[12], startUpOnOff: b[13], startUpLevel: b[14],
		},
	}}
	if !validLevel(s.light.level) || !validLevel(s.light.resume) {
		return State{}, errState
	}
	entries := b[lightSize : lightSize+int(b[15])*entrySize]
	for ; len(entries) > 0; entries = entries[entrySize:] {
		s.reporting = append(s.reporting, parseEntry(entries))
	}
	var err error
	if s.node, err = stack.ParseState(b[lightSize+len(s.reporting)*entrySize:]); err != nil {
		return State{}, fmt.Errorf("luminaire state: %w", err)
	}
	return s, nil
}

func validLevel(v uint8) bool { return v >= minLevel && v <= maxLevel }

func parseEntry(b []byte) zcl.ReportingEntry {
	r := zcl.Reporting{
		Attribute: binary.BigEndian.Uint16(b[6:]), Type: zcl.Type(b[8]),
		Min: binary.BigEndian.Uint16(b[9:]), Max: binary.BigEndian.Uint16(b[11:]),
	}
	if r.Type.Analog() {
		r.Change = zcl.NewValue(r.Type, binary.BigEndian.Uint64(b[13:]))
	}
	return zcl.ReportingEntry{
		Endpoint: b[0], Cluster: binary.BigEndian.Uint16(b[1:]),
		Dst: zigbee.ShortAddr(binary.BigEndian.Uint16(b[3:])), DstEndpoint: b[5], Reporting: r,
	}
}
