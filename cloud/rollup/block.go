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
	// Hours is, where hours of the day have prices of their own, of which of them Energy is, in
	// mWh: see [Calendar.Place]. They add up to Energy, or it is not known of which hours it is.
	Hours [MaxHours + 1]int64
}

// InHours reports whether it is known of which hours of the day the energy is.
func (e *Entry) InHours() bool {
	sum := int64(0)
	for _, mwh := range &e.Hours {
		sum += mwh
	}
	return sum == e.Energy
}

// maxIndex is the largest index of an entry: the last quarter of 24 hours.
const maxIndex = QuartersPerDay - 1

// Add adds sums to those of a span.
func (b *Block) Add(index int, s *Sums) { b.AddIn(index, NoHours, s) }

// AddIn adds sums of some hours to those of a span; hours are those of [Calendar.Place].
func (b *Block) AddIn(index, hours int, s *Sums) {
	i, found := b.find(index)
	if !found {
		*b = slices.Insert(*b, i, Entry{Index: index})
	}
	e := &(*b)[i]
	e.Add(s)
	if hours != NoHours {
		e.Hours[hours] += s.Energy
	}
	if *e == (Entry{Index: index}) {
		*b = slices.Delete(*b, i, i+1)
	}
}

// Put makes the sums of a span those of an entry.
func (b *Block) Put(e Entry) {
	i, found := b.find(e.Index)
	empty := e == (Entry{Index: e.Index})
	switch {
	case empty && found:
		*b = slices.Delete(*b, i, i+1)
	case empty:
	case found:
		(*b)[i] = e
	default:
		*b = slices.Insert(*b, i, e)
	}
}

// find returns where the entry of a span is, or would be. Mostly that is at the end.
func (b *Block) find(index int) (int, bool) {
	i := len(*b)
	for i > 0 && (*b)[i-1].Index >= index {
		i--
	}
	return i, i < len(*b) && (*b)[i].Index == index
}

// Total returns the sums of all spans.
func (b Block) Total() Sums { return b.As(0).Sums }

// As returns the sums of all spans as those of one.
func (b Block) As(index int) Entry {
	t := Entry{Index: index}
	for i := range b {
		t.Add(&b[i].Sums)
		for n, mwh := range &b[i].Hours {
			t.Hours[n] += mwh
		}
	}
	return t
}

// Append appends the stored form of the block to into. For each entry:
//
//	skip    unsigned varint: index less the one that would follow the entry before
//	which   unsigned varint: bit 0 for Peak, bit n for the n-th of the sums that add up, and the bits
//	        from hoursBit on for those of Hours
//	values  for each bit of which, from the lowest: zigzag varint, never 0
func (b Block) Append(into []byte) []byte {
	next := 0
	for i := range b {
		e := &b[i]
		into = binary.AppendUvarint(into, uint64(e.Index-next))
		next = e.Index + 1
		which := uint64(0)
		for bit := range hoursBit + len(e.Hours) {
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

// hoursBit is the first bit of Hours in the stored form of a block.
const hoursBit = fieldCount + 1

// field returns what a bit of the stored form is for.
func (e *Entry) field(bit int) *int64 {
	if bit >= hoursBit {
		return &e.Hours[bit-hoursBit]
	}
	return e.Sums.field(bit)
}

// Parse reads the form written by [Block.Append].
func Parse(b []byte) (Block, error) { return Block(nil).Parse(b) }

// Parse is [Parse] into the memory of a block that is not needed any more.
func (b Block) Parse(stored []byte) (Block, error) {
	all, next := b[:0], 0
	for len(stored) > 0 {
		skip, n := uvarint(stored)
		which, m := uvarint(stored[n:])
		if n == 0 || m == 0 || skip > uint64(maxIndex-next) || which == 0 || bits.Len64(which) > hoursBit+len(Entry{}.Hours) {
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
