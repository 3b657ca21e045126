package telemetry

import (
	"bytes"
	"math"
	"testing"

	"sconce/internal/corpus"
)

func TestSamplesKeepTheirValues(t *testing.T) {
	in := []Sample{
		{1_700_000_000_000, 12.3},
		{1_700_000_060_000, 12.3},
		{1_700_000_059_000, 0.1 + 0.2}, // no whole number of thousandths; and late
		{1_700_000_120_000, -4.005},
		{1_700_000_180_000, math.Copysign(0, -1)},
		{-1, 0},
		{math.MaxInt64, math.MaxFloat64},
		{math.MinInt64, math.SmallestNonzeroFloat64},
		{0, 1125899906842.624},
	}
	out, err := ParseSamples(AppendSamples(nil, in))
	if err != nil || len(out) != len(in) {
		t.Fatalf("ParseSamples = %d samples, %v; want %d", len(out), err, len(in))
	}
	for i := range in {
		if out[i].At != in[i].At || math.Float64bits(out[i].Value) != math.Float64bits(in[i].Value) {
			t.Errorf("sample %d: %v came back as %v", i, in[i], out[i])
		}
	}
}

func TestSamplesAreSmall(t *testing.T) {
	var in []Sample
	for i := range ChunkSize {
		in = append(in, Sample{1_700_000_000_000 + int64(i)*60_000, float64(120+i%3) / 10})
	}
	if b := AppendSamples(nil, in); len(b) > 6*ChunkSize {
		t.Errorf("%d steady samples take %d bytes, expected at most 6 each", ChunkSize, len(b))
	}
}

func FuzzSamples(f *testing.F) {
	f.Add(AppendSamples(nil, []Sample{{1_700_000_000_000, 12.3}, {1_700_000_060_000, math.Pi}}))
	f.Add([]byte{0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0})
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		samples, err := ParseSamples(b)
		if err != nil {
			return
		}
		if again := AppendSamples(nil, samples); !bytes.Equal(again, b) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}
