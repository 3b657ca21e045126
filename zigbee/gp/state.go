package gp

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
)

// State is what has to survive a restart of a proxy or of a sink: pairings, keys and
// counters. It prints as [redacted], and [State.Append] gives the keys away.
type State struct {
	_       [0]func()
	proxies []proxyEntry
	sinks   []sinkEntry
	removed []removed
}

func (State) String() string { return redacted }

// GoString returns "[redacted]".
func (State) GoString() string { return redacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (State) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (State) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// State returns what has to survive a restart.
func (p *Proxy) State() State { return State{proxies: slices.Clone(p.entries)} }

// Restore takes a state back, on a new proxy.
func (p *Proxy) Restore(s State) { p.entries = slices.Clone(s.proxies) }

// State returns what has to survive a restart.
func (s *Sink) State() State {
	return State{sinks: cloneEntries(s.entries), removed: slices.Clone(s.removed)}
}

// Restore takes a state back, on a new sink.
func (s *Sink) Restore(t State) {
	s.entries, s.removed = cloneEntries(t.sinks), slices.Clone(t.removed)
}

func cloneEntries(list []sinkEntry) []sinkEntry {
	list = slices.Clone(list)
	for i := range list {
		list[i].rules, list[i].proxies = cloneRules(list[i].rules), slices.Clone(list[i].proxies)
	}
	return list
}

// Append appends the one form of the state to b. It holds keys: whoever keeps it keeps
// it sealed.
func (s State) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, uint8(len(s.proxies)), uint8(len(s.sinks)))
	for i := range s.proxies {
		e := &s.proxies[i]
		b = append(appendDevice(b, e.id, e.device, e.level, e.last, e.key), uint8(e.keyType))
		b = le.AppendUint16(le.AppendUint64(b, uint64(e.sink)), uint16(e.sinkShort))
	}
	for i := range s.sinks {
		e := &s.sinks[i]
		b = appendDevice(b, e.id, e.device, e.level, e.last, e.key)
		b = append(le.AppendUint16(b, e.group), uint8(len(e.proxies)), uint8(len(e.rules)))
		for _, p := range e.proxies {
			b = le.AppendUint64(b, uint64(p))
		}
		for _, r := range e.rules {
			b = append(b, uint8(r.Command), r.Contacts)
			b = le.AppendUint16(le.AppendUint16(b, r.Action.Group), r.Action.Cluster)
			b = append(b, r.Action.Command, uint8(len(r.Action.Payload)))
			b = append(b, r.Action.Payload...)
		}
	}
	return appendRemoved(b, s.removed)
}

func appendDevice(b []byte, id ID, device uint8, l Level, last uint32, k Key) []byte {
	b = appendID(append(b, id.application()), id)
	b = binary.LittleEndian.AppendUint32(append(b, device, uint8(l)), last)
	return append(b, k.b[:]...)
}

func (r *reader) device() (id ID, device uint8, l Level, last uint32, k Key) {
	id = r.id(r.u8())
	device, l = r.u8(), Level(r.u8())
	last, k = r.u32(), r.key()
	r.bad = r.bad || !id.Valid() || !l.valid() || l == LevelNone || k.IsWellKnown()
	return id, device, l, last, k
}

// ParseState reads what [State.Append] wrote, exactly.
func ParseState(b []byte) (State, error) {
	r := reader{rest: b}
	var s State
	proxies, sinks := int(r.u8()), int(r.u8())
	if proxies > MaxPairings || sinks > MaxSwitches {
		return State{}, ErrMalformed
	}
	for range proxies {
		var e proxyEntry
		e.id, e.device, e.level, e.last, e.key = r.device()
		e.keyType, e.sink, e.sinkShort = KeyType(r.u8()), r.eui64(), r.short()
		r.bad = r.bad || !e.keyType.valid() || len(s.proxies) > 0 && s.proxies[len(s.proxies)-1].id.Compare(e.id) >= 0
		s.proxies = append(s.proxies, e)
	}
	for range sinks {
		e := r.sinkEntry()
		r.bad = r.bad || len(s.sinks) > 0 && s.sinks[len(s.sinks)-1].id.Compare(e.id) >= 0
		s.sinks = append(s.sinks, e)
	}
	s.removed = r.removed()
	if err := r.end(); err != nil {
		return State{}, err
	}
	return s, nil
}

func (r *reader) sinkEntry() (e sinkEntry) {
	e.id, e.device, e.level, e.last, e.key = r.device()
	e.group = r.u16()
	proxies, rules := int(r.u8()), int(r.u8())
	if proxies > MaxProxies || rules > MaxRules {
		r.bad = true
		return e
	}
	for range proxies {
		e.proxies = append(e.proxies, r.eui64())
	}
	for range rules {
		c := Rule{Command: CommandID(r.u8()), Contacts: r.u8()}
		c.Action = Action{Group: r.u16(), Cluster: r.u16(), Command: r.u8()}
		n := int(r.u8())
		if n > maxActionPayload {
			r.bad = true
			return e
		}
		c.Action.Payload = r.take(n)
		r.bad = r.bad || c.Action.Group == 0
		e.rules = append(e.rules, c)
	}
	return e
}
