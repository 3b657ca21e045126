package telemetry

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"sconce"
)

// Series names the readings of one metric of one device.
type Series struct {
	Device sconce.EUI64
	Metric sconce.Metric
}

// Sample is one reading of a series.
type Sample struct {
	At    int64 // milliseconds since 1970-01-01 UTC, by the gateway's clock
	Value float64
}

// Time returns when the sample was taken.
func (s Sample) Time() time.Time { return time.UnixMilli(s.At).UTC() }

// ChunkSize is how many samples a chunk holds: so many that what a row of PostgreSQL takes beside
// them is little, and so few that those of the open chunk can be written with each message.
const ChunkSize = 160

// Chunk is [ChunkSize] samples of a series, in the order of their times, with
// what is asked for most.
type Chunk struct {
	Part     int64 // counts the chunks of the series, from 0
	Samples  []Sample
	Min, Max float64
	Sum      float64
}

// First and Last return the times of the first and the last sample, in
// milliseconds since 1970-01-01 UTC.
func (c *Chunk) First() int64 { return c.Samples[0].At }
func (c *Chunk) Last() int64  { return c.Samples[len(c.Samples)-1].At } //nolint:revive // described with First

// Open is the samples of a series that are in no chunk yet, in the order in
// which they came: fewer than [ChunkSize].
type Open struct {
	Part    int64 // of the chunk that they will be
	Samples []Sample
	Rolled  Rolled
}

// add adds a sample. When that fills the chunk it returns it, and begins the next.
func (o *Open) add(s Sample) (full Chunk, ok bool) {
	o.Samples = append(o.Samples, s)
	if len(o.Samples) < ChunkSize {
		return Chunk{}, false
	}
	full = Chunk{Part: o.Part, Samples: slices.Clone(o.Samples)}
	o.Part, o.Samples = o.Part+1, o.Samples[:0]
	if !slices.IsSortedFunc(full.Samples, byTime) {
		slices.SortStableFunc(full.Samples, byTime)
	}
	full.Min, full.Max = full.Samples[0].Value, full.Samples[0].Value
	for _, s := range full.Samples {
		full.Min, full.Max, full.Sum = min(full.Min, s.Value), max(full.Max, s.Value), full.Sum+s.Value
	}
	return full, true
}

// AppendSamples appends the stored form of samples to b. For each sample:
//
//	time   zigzag varint, milliseconds after the sample before (the first: after 1970)
//	value  unsigned varint v. If v is odd, the value is the one before plus
//	       zigzag(v>>1) thousandths. If v is 0, eight bytes follow: the IEEE 754
//	       binary64, big endian, of a value that is no whole number of thousandths.
//
// Thousandths count up to 2^50 either way, and are those n for which the value
// is exactly the binary64 nearest to n/1000: no value is changed by being stored.
func AppendSamples(b []byte, samples []Sample) []byte {
	var at, milli int64
	for _, s := range samples {
		b = binary.AppendVarint(b, s.At-at)
		at = s.At
		m, ok := thousandths(s.Value)
		if !ok {
			b = binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(s.Value))
			continue
		}
		d := m - milli
		b = binary.AppendUvarint(b, uint64(d<<1^d>>63)<<1|1)
		milli = m
	}
	return b
}

const maxThousandths = 1 << 50

func thousandths(v float64) (int64, bool) {
	r := math.Round(v * 1000)
	if math.Abs(r) > maxThousandths {
		return 0, false
	}
	m := int64(r)
	return m, math.Float64bits(float64(m)/1000) == math.Float64bits(v) // not so for -0
}

var errSamples = errors.New("stored samples are damaged")

// ParseSamples reads the form written by [AppendSamples].
func ParseSamples(b []byte) ([]Sample, error) { return ParseInto(make([]Sample, 0, ChunkSize), b) }

// ParseInto is [ParseSamples] that appends to samples.
func ParseInto(samples []Sample, b []byte) ([]Sample, error) {
	var at, milli int64
	for len(b) > 0 {
		zigzag, n := uvarint(b)
		if n == 0 {
			return nil, errSamples
		}
		at += int64(zigzag>>1) ^ -int64(zigzag&1)
		b = b[n:]
		v, n := uvarint(b)
		switch {
		case n == 0:
			return nil, errSamples
		case v == 0 && len(b) >= 9:
			value := math.Float64frombits(binary.BigEndian.Uint64(b[1:]))
			if _, short := thousandths(value); short {
				return nil, errSamples
			}
			samples = append(samples, Sample{at, value})
			n = 9
		case v&1 == 1:
			milli += int64(v>>2) ^ -int64(v>>1&1)
			if milli > maxThousandths || milli < -maxThousandths {
				return nil, errSamples
			}
			samples = append(samples, Sample{at, float64(milli) / 1000})
		default:
			return nil, errSamples
		}
		b = b[n:]
	}
	return samples, nil
}

// uvarint reads an unsigned varint in its shortest form; its length is 0 when
// there is none.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
