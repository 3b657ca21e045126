package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"sconce"
)

// Digest is the SHA-256 of an entry.
type Digest [sha256.Size]byte

// String returns the 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler] as [Digest.String].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(b []byte) error {
	n, err := hex.Decode(d[:], b)
	if err != nil || n != len(d) || len(b) != 2*len(d) {
		return sconce.Errorf(sconce.Invalid, "expected %d hexadecimal digits", 2*len(d))
	}
	return nil
}

// Head is the end of a chain: its last entry's number and digest. The zero Head is
// that of a chain without entries.
type Head struct {
	Number uint64 `json:"number"`
	Digest Digest `json:"digest"`
}

// Entry is a line of the log.
type Entry struct {
	Chain    Chain
	Number   uint64 // from 1, without gaps
	Previous Digest // of the entry before; zero for the first
	Event
	Digest Digest // of all of the above
}

// Next returns the entry that continues a chain from its head.
func (h Head) Next(chain Chain, e Event) Entry {
	e.At = e.At.UTC().Truncate(time.Millisecond)
	e.Who, e.Origin, e.Action, e.Result = Subject(clean(string(e.Who))), Origin(clean(string(e.Origin))), Action(clean(string(e.Action))), Result(clean(string(e.Result)))
	e.Target, e.Detail = clean(e.Target), clean(e.Detail)
	n := Entry{Chain: chain, Number: h.Number + 1, Previous: h.Digest, Event: e}
	n.Digest = n.digest()
	return n
}

// Head returns the head of a chain that ends with the entry.
func (e Entry) Head() Head { return Head{e.Number, e.Digest} }

// digest hashes what the entry says: a name of this encoding, then each field in
// turn, numbers as 8 bytes and texts behind their length as 8 bytes, big-endian. No two
// entries have the same encoding.
func (e Entry) digest() Digest {
	const name = "sconce security log 1\n"
	b := make([]byte, 0, 512)
	b = append(b, name...)
	text := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(string(e.Chain))
	b = binary.BigEndian.AppendUint64(b, e.Number)
	b = append(b, e.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMilli()))
	for _, s := range []string{string(e.Who), string(e.Origin), string(e.Action), e.Target, e.Detail, string(e.Result)} {
		text(s)
	}
	return sha256.Sum256(b)
}

// BrokenError says where a chain is broken. It matches no other error, and is fit for
// the person who asked.
type BrokenError struct {
	Chain  Chain
	Number uint64 // of the first entry that does not fit
	Reason string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("security log %s: entry %d: %s", e.Chain, e.Number, e.Reason)
}

// Verify follows a chain from its first entry and returns its head. The error is a
// [*BrokenError] that names the first entry which is not as it was written, or the first
// that is missing, and otherwise the error of reading. When a head is
// expected (one that was kept in another place, at any time), the chain must contain it.
func Verify(chain Chain, entries iter.Seq2[Entry, error], expect *Head) (Head, error) {
	var h Head
	seen := expect == nil || *expect == Head{}
	for e, err := range entries {
		if err != nil {
			return h, err
		}
		if reason := h.fault(chain, e); reason != "" {
			return h, &BrokenError{chain, h.Number + 1, reason}
		}
		h = e.Head()
		if expect != nil && h.Number == expect.Number {
			if h.Digest != expect.Digest {
				return h, &BrokenError{chain, h.Number, "it is not the entry whose digest was kept: the log up to here was made anew"}
			}
			seen = true
		}
	}
	if !seen {
		return h, &BrokenError{chain, h.Number + 1, fmt.Sprintf("it is missing: the log ends at %d, and had %d entries when its head was kept", h.Number, expect.Number)}
	}
	return h, nil
}

// fault says what is wrong with the entry that should follow the head, or "".
func (h Head) fault(chain Chain, e Entry) string {
	switch {
	case e.Chain != chain:
		return fmt.Sprintf("it belongs to another log, %q", e.Chain)
	case e.Number > h.Number+1:
		return fmt.Sprintf("it is missing: the next one there is %d", e.Number)
	case e.Number <= h.Number:
		return fmt.Sprintf("it is missing: entry %d stands in its place", e.Number)
	case e.Digest != e.digest():
		return "it was altered: its digest is not that of what it says"
	case e.Previous != h.Digest:
		return "it does not follow the entry before: one of the two was replaced"
	}
	return ""
}
