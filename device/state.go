package device

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
)

// State is what a device keeps through a power cut: its network with the keys,
// what it reports to whom, and what its firmware remembers. During a fade, a light
// is kept as it will be at the end.
type State struct {
	node      stack.State
	reporting []zcl.ReportingEntry
	memory    []byte
	revision  uint64
}

func (d *body) changes() uint64 { return d.revision + d.server.Changes() }

// State returns what has to survive a power cut.
func (d *body) State() State {
	return State{node: d.node.State(), reporting: d.server.Reporting(), memory: d.app.remember(nil), revision: d.changes()}
}

// Saved says that a state is durable.
func (d *body) Saved(s State) {
	d.saving, d.saved = false, s.revision
	d.node.Saved(s.node)
	d.save()
}

// save asks the owner to make a state durable that is not.
func (d *body) save() {
	if d.changes() != d.saved && !d.saving {
		d.saving = true
		d.emit(SaveState{})
	}
}

// stateVersion is the first byte of an encoded state.
const stateVersion = 2

var errState = errors.New("device state: not one that this firmware wrote")

// Append appends the encoded state to b. It holds keys: it is to be kept as they
// are.
func (s State) Append(b []byte) []byte {
	b = append(b, stateVersion, uint8(len(s.reporting)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.memory)))
	for _, e := range s.reporting {
		b = binary.BigEndian.AppendUint16(append(b, e.Endpoint), e.Cluster)
		b = append(binary.BigEndian.AppendUint16(b, uint16(e.Dst)), e.DstEndpoint)
		b = binary.BigEndian.AppendUint16(b, e.Reporting.Attribute)
		b = binary.BigEndian.AppendUint16(append(b, uint8(e.Reporting.Type)), e.Reporting.Min)
		b = binary.BigEndian.AppendUint16(b, e.Reporting.Max)
		b = binary.BigEndian.AppendUint64(b, e.Reporting.Change.Uint())
	}
	return s.node.Append(append(b, s.memory...))
}

// Sizes of the parts of an encoded state, in bytes.
const (
	headSize  = 4
	entrySize = 21
)

// ParseState reads what [State.Append] wrote. Whether its firmware's part fits a
// device is found out when the device is made.
func ParseState(b []byte) (State, error) {
	if len(b) < headSize || b[0] != stateVersion {
		return State{}, errState
	}
	entries, memory := int(b[1])*entrySize, int(binary.BigEndian.Uint16(b[2:]))
	if b = b[headSize:]; len(b) < entries+memory {
		return State{}, errState
	}
	var s State
	for at := 0; at < entries; at += entrySize {
		s.reporting = append(s.reporting, parseEntry(b[at:]))
	}
	s.memory = append(s.memory, b[entries:entries+memory]...)
	var err error
	if s.node, err = stack.ParseState(b[entries+memory:]); err != nil {
		return State{}, fmt.Errorf("device state: %w", err)
	}
	return s, nil
}

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
