package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sconce"
	"sconce/wire"
)

// Entry is one message of a [Batch]. It is stored as
//
//	form        1 byte, below
//	gateway     8 bytes, big endian
//	boot        8 bytes, big endian      \ not for a malformed message
//	sequence    unsigned varint          /
//	kind        1 byte length, then text   only for unknown and malformed ones
//	header      1 byte length              not for malformed ones and duplicates
//	payload     unsigned varint length, then the bytes as they came, header first;
//	            not for duplicates
//
// The forms 1 to 8 are the kinds of package wire in the order in which they
// stand there; 16 is a kind that this version did not know, 17 a message without
// a readable header, 18 a message that had come before. They are never renumbered.
type Entry struct {
	Gateway        sconce.EUI64
	Boot, Sequence uint64 // 0 for a malformed message
	Kind           wire.Kind
	Duplicate      bool   // it had come before: no kind, no payload
	Malformed      bool   // its header could not be read
	Payload        []byte // as it came
	Body           []byte // of Payload, what follows the header
}

const (
	formUnknown   = 16
	formMalformed = 17
	formDuplicate = 18
)

// kinds are the forms 1 to 8, in order.
var kinds = [...]wire.Kind{
	1: wire.KindHello, 2: wire.KindReadings, 3: wire.KindEvents, 4: wire.KindState,
	5: wire.KindResult, 6: wire.KindReport, 7: wire.KindLog, 8: wire.KindOccupancy,
}

// maxKind is the longest name of an unknown kind that is kept; the rest is cut.
const maxKind = 64

// maxEntry is the largest size of an entry.
const maxEntry = 1 + 8 + 8 + binary.MaxVarintLen64 + 1 + maxKind + 1 + binary.MaxVarintLen64 + wire.MaxPayload

// formOf returns the form of a readable message of a kind.
func formOf(k wire.Kind) byte {
	for i := 1; i < len(kinds); i++ {
		if kinds[i] == k {
			return byte(i)
		}
	}
	return formUnknown
}

// Append appends the stored form of e to b. A payload longer than a message may
// be is cut.
func (e *Entry) Append(b []byte) []byte {
	form := byte(formMalformed)
	switch {
	case e.Duplicate:
		form = formDuplicate
	case !e.Malformed:
		form = formOf(e.Kind)
	}
	b = binary.BigEndian.AppendUint64(append(b, form), uint64(e.Gateway))
	if form != formMalformed {
		b = binary.BigEndian.AppendUint64(b, e.Boot)
		b = binary.AppendUvarint(b, e.Sequence)
	}
	if form == formDuplicate {
		return b
	}
	if form == formMalformed || form == formUnknown {
		kind := e.Kind[:min(len(e.Kind), maxKind)]
		b = append(append(b, byte(len(kind))), kind...)
	}
	if form != formMalformed {
		b = append(b, byte(len(e.Payload)-len(e.Body)))
	}
	payload := e.Payload[:min(len(e.Payload), wire.MaxPayload)]
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

var errEntry = errors.New("stored message is damaged")

// ParseEntry reads the entry at the start of b and returns what follows it. The
// entry refers to b.
func ParseEntry(b []byte) (e Entry, rest []byte, err error) {
	if len(b) < 9 {
		return Entry{}, nil, errEntry
	}
	form := b[0]
	e.Gateway, b = sconce.EUI64(binary.BigEndian.Uint64(b[1:])), b[9:]
	switch {
	case form == formMalformed:
		e.Malformed = true
	case form == formDuplicate:
		e.Duplicate = true
	case form >= 1 && int(form) < len(kinds):
		e.Kind = kinds[form]
	case form != formUnknown:
		return Entry{}, nil, fmt.Errorf("%w: form %d", errEntry, form)
	}
	if !e.Malformed {
		if len(b) < 8 {
			return Entry{}, nil, errEntry
		}
		var n int
		e.Boot = binary.BigEndian.Uint64(b)
		if e.Sequence, n = uvarint(b[8:]); n == 0 || e.Boot-1 >= maxNumber || e.Sequence-1 >= maxNumber {
			return Entry{}, nil, errEntry
		}
		b = b[8+n:]
	}
	if e.Duplicate {
		return e, b, nil
	}
	if b, err = e.parsePayload(form, b); err != nil {
		return Entry{}, nil, err
	}
	return e, b, nil
}

func (e *Entry) parsePayload(form byte, b []byte) (rest []byte, err error) {
	if form == formMalformed || form == formUnknown {
		if len(b) < 1 || len(b) < 1+int(b[0]) || b[0] > maxKind {
			return nil, errEntry
		}
		e.Kind, b = wire.Kind(b[1:1+b[0]]), b[1+b[0]:]
		if form == formUnknown && formOf(e.Kind) != formUnknown {
			return nil, errEntry
		}
	}
	header := 0
	if form != formMalformed {
		if len(b) < 1 {
			return nil, errEntry
		}
		header, b = int(b[0]), b[1:]
	}
	length, n := uvarint(b)
	if n == 0 || length > wire.MaxPayload || length > uint64(len(b)-n) || uint64(header) > length {
		return nil, errEntry
	}
	end := n + int(length)
	e.Payload, e.Body = b[n:end:end], b[n+header:end:end]
	return b[end:], nil
}
