package ingest

import (
	"encoding/binary"
	"errors"
	"slices"
)

// maxSpans is how many spans a [Sequences] holds. What a gateway makes while it is
// connected comes in order, and so does the backlog of an outage after it: two
// spans, and one more for each time that the connection breaks before the backlog
// is through. What a full buffer had to drop leaves gaps too, below the backlog
// that is still to come, and these never fill.
const maxSpans = 4096

// Sequences is a set of sequence numbers, kept as spans without gaps. When there
// would be more than maxSpans, the oldest gap is closed, which is one of those that
// never fill: its numbers then count as having come, so that none of them can be
// taken twice. The zero value is empty. It is not safe for concurrent use.
type Sequences struct {
	spans []span // ascending, never touching
}

type span struct{ low, high uint64 }

// Add adds a number from 1 to 2^63-1 and reports whether it was not there.
func (s *Sequences) Add(n uint64) bool {
	last := len(s.spans) - 1
	if last >= 0 && n == s.spans[last].high+1 { // in order
		s.spans[last].high = n
		return true
	}
	i, _ := slices.BinarySearchFunc(s.spans, n, func(p span, n uint64) int {
		switch {
		case p.high < n:
			return -1
		case p.low > n:
			return 1
		default:
			return 0
		}
	})
	switch {
	case i <= last && s.spans[i].low <= n:
		return false
	case i > 0 && s.spans[i-1].high+1 == n:
		s.spans[i-1].high = n
		if i <= last && s.spans[i].low == n+1 {
			s.spans[i-1].high = s.spans[i].high
			s.spans = slices.Delete(s.spans, i, i+1)
		}
	case i <= last && s.spans[i].low == n+1:
		s.spans[i].low = n
	default:
		s.spans = slices.Insert(s.spans, i, span{n, n})
		if len(s.spans) > maxSpans {
			s.spans[0].high = s.spans[1].high
			s.spans = slices.Delete(s.spans, 1, 2)
		}
	}
	return true
}

// Has reports whether a number is in the set.
func (s *Sequences) Has(n uint64) bool {
	for _, p := range slices.Backward(s.spans) {
		if n >= p.low {
			return n <= p.high
		}
	}
	return false
}

// all reports whether all numbers from one to another, both included, are in the set.
func (s *Sequences) all(low, high uint64) bool {
	for _, p := range slices.Backward(s.spans) {
		if low >= p.low {
			return high <= p.high
		}
	}
	return false
}

// Highest returns the highest number, 0 for an empty set.
func (s *Sequences) Highest() uint64 {
	if len(s.spans) == 0 {
		return 0
	}
	return s.spans[len(s.spans)-1].high
}

// Append appends the form that is stored: for every span two unsigned varints,
// how far it begins beyond the end of the one before, and its length less one.
func (s *Sequences) Append(b []byte) []byte {
	var end uint64
	for _, p := range s.spans {
		b = binary.AppendUvarint(b, p.low-end)
		b = binary.AppendUvarint(b, p.high-p.low)
		end = p.high
	}
	return b
}

var errSequences = errors.New("stored sequence numbers are damaged")

// ParseSequences reads the form written by [Sequences.Append].
func ParseSequences(b []byte) (Sequences, error) {
	var s Sequences
	var end uint64
	for len(b) > 0 {
		skip, n := uvarint(b)
		more, m := uvarint(b[n:])
		low, high := end+skip, end+skip+more
		first := len(s.spans) == 0
		if n == 0 || m == 0 || low < end || high < low || high > maxNumber || skip == 0 || (!first && skip == 1) || len(s.spans) == maxSpans {
			return Sequences{}, errSequences
		}
		s.spans = append(s.spans, span{low, high})
		b, end = b[n+m:], high
	}
	return s, nil
}

// maxNumber is the largest boot and the largest sequence number (package wire).
const maxNumber = 1<<63 - 1

// uvarint reads an unsigned varint in its shortest form; its length is 0 when
// there is none.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
