package rollup

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// Block is the sums of one device in a row of spans that are stored together: the quarters
// of 24 hours, or the days of a month. They are in the order of their indices, each there
// once, and none of them is empty.
type Block []Entry

// Entry is the sums of one span of a [Block].
type Entry struct {
	Index int // of the span in its block, from 0 to maxIndex
	Sums
}

// maxIndex is the largest index of an entry: the last quarter of 24 hours.
const maxIndex = QuartersPerDay - 1

// Add adds sums to those of a span.
func (b *Block) Add(index int, s *Sums) {
	i, found := slices.BinarySearchFunc(*b, index, func(e Entry, index int) int { return e.Index - index })
	if !found {
		*b = slices.Insert(*b, i, Entry{Index: index})
	}
	e := &(*b)[i]
	e.Add(s)
	if e.Sums == (Sums{}) {
		*b = slices.Delete(*b, i, i+1)
	}
}

// Total returns the sums of all spans.
func (b Block) Total() (t Sums) {
	for i := range b {
		t.Add(&b[i].Sums)
	}
	return t
}

// Append appends the stored form of the block to into. For each entry:
//
//	skip    unsigned varint: index less the one that would follow the entry before
//	which   unsigned varint: bit 0 for Peak, bit n+1 for the n-th of the other sums
//	values  for each bit of which, from the lowest: zigzag varint, never 0
func (b Block) Append(into []byte) []byte {
	next := 0
	for i := range b {
		e := &b[i]
		into = binary.AppendUvarint(into, uint64(e.Index-next))
		next = e.Index + 1
		which := uint64(0)
		for bit := range fieldCount + 1 {
			if *e.field(bit) != 0 {
				which |= 1 << bit
			}
		}
		into = binary.AppendUvarint(into, which)
		for ; which != 0; which &= which - 1 {
			into = binary.AppendVarint(into, *e.field(bits.TrailingZeros64(which)))
		}
	}
	return into
}

var errBlock = errors.New("stored rollups are damaged")

// Parse reads the form written by [Block.Append].
func Parse(b []byte) (Block, error) { return Block(nil).Parse(b) }

// Parse is [Parse] into the memory of a block that is not needed any more.
func (b Block) Parse(stored []byte) (Block, error) {
	all, next := b[:0], 0
	for len(stored) > 0 {
		skip, n := uvarint(stored)
		which, m := uvarint(stored[n:])
		if n == 0 || m == 0 || skip > uint64(maxIndex-next) || which == 0 || bits.Len64(which) > fieldCount+1 {
			return nil, errBlock
		}
		stored = stored[n+m:]
		all = append(all, Entry{Index: next + int(skip)})
		e := &all[len(all)-1]
		next = e.Index + 1
		for ; which != 0; which &= which - 1 {
			zigzag, n := uvarint(stored)
			if n == 0 || zigzag == 0 {
				return nil, errBlock
			}
			stored = stored[n:]
			*e.field(bits.TrailingZeros64(which)) = int64(zigzag>>1) ^ -int64(zigzag&1)
		}
		if next > maxIndex && len(stored) > 0 {
			return nil, errBlock
		}
	}
	return all, nil
}

// uvarint reads an unsigned varint in its shortest form; its length is 0 when
// there is none. Blocks are mostly varints, so that it does not call [binary.Uvarint].
func uvarint(b []byte) (v uint64, n int) {
	for shift := 0; n < len(b) && shift < 64; shift += 7 {
		c := b[n]
		n++
		if c < 0x80 {
			if c == 0 && n > 1 || shift == 63 && c > 1 {
				return 0, 0
			}
			return v | uint64(c)<<shift, n
		}
		v |= uint64(c&0x7f) << shift
	}
	return 0, 0
}
