package gp

import (
	"encoding/binary"
	"slices"

	"sconce/zigbee"
)

// MaxRemoved is how many removed devices a sink remembers; the oldest is forgotten.
const MaxRemoved = 64

// removed is what is left of a device that was removed: the highest counter that it
// used. Whoever recorded its frames must not make it come back, or its old presses new.
type removed struct {
	id   ID
	last uint32
}

// bury remembers a removed device.
func (s *Sink) bury(id ID, last uint32) {
	s.removed = slices.DeleteFunc(s.removed, func(r removed) bool { return r.id == id })
	if len(s.removed) == MaxRemoved {
		s.removed = s.removed[1:]
	}
	s.removed = append(s.removed, removed{id, last})
}

// reached returns the highest counter of a device that is or was paired.
func (s *Sink) reached(id ID) (uint32, bool) {
	if i, ok := s.find(id); ok {
		return s.entries[i].last, true
	}
	if i := slices.IndexFunc(s.removed, func(r removed) bool { return r.id == id }); i >= 0 {
		return s.removed[i].last, true
	}
	return 0, false
}

// exhume forgets that a device was removed, and returns the counter that it had reached.
func (s *Sink) exhume(id ID) uint32 {
	i := slices.IndexFunc(s.removed, func(r removed) bool { return r.id == id })
	if i < 0 {
		return 0
	}
	last := s.removed[i].last
	s.removed = slices.Delete(s.removed, i, i+1)
	return last
}

func (s *Sink) wasRemoved(id ID) bool {
	return slices.ContainsFunc(s.removed, func(r removed) bool { return r.id == id })
}

// stray tells a proxy that passes on what it was not chosen for, or no longer, to stop: it
// missed that. Only its own link key showed who it is.
func (s *Sink) stray(id ID, proxy zigbee.EUI64) {
	s.unpair(id, []zigbee.EUI64{proxy})
}

func appendRemoved(b []byte, list []removed) []byte {
	b = append(b, uint8(len(list)))
	for _, e := range list {
		b = appendID(append(b, e.id.application()), e.id)
		b = binary.LittleEndian.AppendUint32(b, e.last)
	}
	return b
}

func (r *reader) removed() (list []removed) {
	n := int(r.u8())
	if n > MaxRemoved {
		r.bad = true
		return nil
	}
	for range n {
		e := removed{id: r.id(r.u8()), last: r.u32()}
		again := slices.ContainsFunc(list, func(o removed) bool { return o.id == e.id })
		r.bad = r.bad || !e.id.Valid() || again
		list = append(list, e)
	}
	return list
}
