package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"testing"
	"time"

	"sconce"
	"sconce/sim"
	"sconce/wire"
)

func TestStatistics(t *testing.T) {
	for _, c := range []struct {
		values       []float64
		median       float64
		p0, p50, p99 float64
		p100         float64
	}{
		{[]float64{4}, 4, 4, 4, 4, 4},
		{[]float64{3, 1}, 2, 1, 1, 3, 3},
		{[]float64{9, 1, 5}, 5, 1, 5, 9, 9},
		{[]float64{4, 3, 2, 1}, 2.5, 1, 2, 4, 4},
	} {
		if got := median(c.values); got != c.median {
			t.Errorf("median of %v: %v", c.values, got)
		}
		for p, want := range map[float64]float64{0: c.p0, 50: c.p50, 99: c.p99, 100: c.p100} {
			if got := percentile(c.values, p); got != want {
				t.Errorf("percentile %v of %v: %v, want %v", p, c.values, got, want)
			}
		}
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	if got := percentile(hundred, 99); got != 99 {
		t.Errorf("percentile 99 of 1 to 100: %v", got)
	}
	if !math.IsNaN(median(nil)) || !math.IsNaN(percentile(nil, 50)) {
		t.Error("nothing has a middle")
	}
	for _, c := range []struct{ v, want float64 }{{0, 0}, {123456, 123500}, {0.00123456, 0.001235}, {1.5, 1.5}} {
		if got := digits(c.v, 4); got != c.want {
			t.Errorf("%v with four digits: %v", c.v, got)
		}
	}
}

func TestLine(t *testing.T) {
	f := newFigure("x_ms", "ms", "y_ms", []round{{4, 2}, {9.00004, 3}, {5, 1}}, ratioAtMost(2.5))
	f.Machine = "abacus"
	var b bytes.Buffer
	if err := f.write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"x_ms","value":5,"unit":"ms","min":4,"max":9,"floor":{"name":"y_ms","value":2,"unit":"ms"},"ratio":3,"aim":"ratio ≤ 2.5","met":false,"machine":"abacus"}` + "\n"
	if b.String() != want {
		t.Errorf("line:\n%swant:\n%s", b.String(), want)
	}
}

func TestAims(t *testing.T) {
	for _, c := range []struct {
		round round
		aim   aim
		ratio float64 // -1 for null
		text  string
		met   bool
	}{
		{round{0, 0}, valueAtMost(0), 1, "value ≤ 0 ms", true},
		{round{1, 0}, valueAtMost(0), -1, "value ≤ 0 ms", false},
		{round{1, 0}, ratioAtMost(2), -1, "ratio ≤ 2", false},
		{round{60, 10}, valueAtMost(60), 6, "value ≤ 60 ms", true},
		{round{61, 10}, valueAtMost(60), 6.1, "value ≤ 60 ms", false},
		{round{7, 10}, ratioAtLeast(0.7), 0.7, "ratio ≥ 0.7", true},
		{round{6, 10}, ratioAtLeast(0.7), 0.6, "ratio ≥ 0.7", false},
	} {
		f := newFigure("x", "ms", "y", []round{c.round}, c.aim)
		if (f.Ratio == nil) != (c.ratio < 0) || f.Ratio != nil && *f.Ratio != c.ratio || f.Aim != c.text || f.Met != c.met {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

func TestParseStat(t *testing.T) {
	// proc(5); the name of the program is made to mislead.
	got, err := parseStat([]byte("77 (a) 9 b) S 1 77 77 0 -1 4194560 123 0 1 0 250 125 7 8 20 0 9 0 1234 5678 90\n"))
	if err != nil || got != 3750*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "77 (a) S 1", "77 (a) S 1 77 77 0 -1 4194560 123 0 1 0 x 125 7 8"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q is the stat of a process", text)
		}
	}
}

func TestParseCapture(t *testing.T) {
	var b bytes.Buffer
	p := sim.NewPcap(&b)
	at := time.Unix(1_800_000_000, 123_456_000)
	p.Tap(at, 11, make([]byte, 50))
	p.Tap(at.Add(4*time.Millisecond), 11, make([]byte, 5))
	frames, err := parseCapture(b.Bytes())
	if err != nil || len(frames) != 2 {
		t.Fatalf("%v, %v", frames, err)
	}
	// 56 and 11 bytes of 32 µs.
	if f := frames[0]; !f.at.Equal(at) || f.air != 1792*time.Microsecond {
		t.Errorf("%+v", f)
	}
	if f := frames[1]; !f.end().Equal(at.Add(4352 * time.Microsecond)) {
		t.Errorf("%+v", f)
	}
	x, ok := exchangeOf(frames, timed{at.Add(-time.Millisecond), at.Add(10 * time.Millisecond)})
	if !ok || x.airtime != 2144*time.Microsecond || !x.first.Equal(at) || !x.last.Equal(frames[1].end()) {
		t.Errorf("%+v, %v", x, ok)
	}
	if _, ok := exchangeOf(frames, timed{at.Add(time.Second), at.Add(2 * time.Second)}); ok {
		t.Error("frames of another time belong to a command")
	}
	for n := range b.Len() {
		if n == 24 || n == 24+16+50 {
			continue // whole captures, of no frame and of one
		}
		if _, err := parseCapture(b.Bytes()[:n]); err == nil {
			t.Errorf("a capture cut at %d bytes is whole", n)
		}
	}
}

// TestReadings holds the quick encoder to that of package wire.
func TestReadings(t *testing.T) {
	const gateway = sconce.EUI64(0x5ec0ce0000020007)
	r, err := newReadings(gateway, 1<<62+5, time.UnixMilli(1_795_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(70_000) { // sequences of all lengths up to four bytes
		got := r.append(nil)
		if n > 300 && n%1000 != 0 && n < 65_500 {
			continue
		}
		if want, err := r.message(n); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("message %d:\n%x\nwant (%v)\n%x", n, got, err, want)
		}
		h, body, err := wire.ParseUpHeader(got)
		if err != nil || h.Sequence != n+1 {
			t.Fatalf("message %d: %+v, %v", n, h, err)
		}
		if m, err := wire.ParseBody[wire.Readings](body); err != nil || len(m.Readings) != readingsAMessage {
			t.Fatalf("message %d: %+v, %v", n, m, err)
		}
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(nil); err != nil || len(all) != len(groups()) {
		t.Errorf("%v, %v", all, err)
	}
	if one, err := choose([]string{"connect_cpu_ms"}); err != nil || len(one) != 1 || one[0].figures[1] != "connect_cpu_ms" {
		t.Errorf("%v, %v", one, err)
	}
	if _, err := choose([]string{"ccm"}); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("an unknown figure: %v", err)
	}
}

// TestCCM measures the figure that needs no servers.
func TestCCM(t *testing.T) {
	var out bytes.Buffer
	err := Run(t.Context(), Options{Only: []string{"ccm_seal_60B_ns", "ccm_seal_60B_allocs"}, Rounds: 1, Out: &out, Progress: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	var seal, allocs Figure
	if err := lines.Decode(&seal); err != nil {
		t.Fatal(err)
	}
	if err := lines.Decode(&allocs); err != nil {
		t.Fatal(err)
	}
	if seal.Name != "ccm_seal_60B_ns" || seal.Value < seal.Floor.Value/2 || seal.Floor.Value <= 0 || seal.Ratio == nil {
		t.Errorf("%+v", seal)
	}
	if allocs.Name != "ccm_seal_60B_allocs" || allocs.Value != 0 || !allocs.Met {
		t.Errorf("%+v", allocs)
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if err := Run(ctx, Options{Rounds: 1, Out: &out, Progress: io.Discard}); err == nil || out.Len() > 0 {
		t.Errorf("after its end: %v, %q", err, out.String())
	}
	if err := Run(t.Context(), Options{Rounds: 0, Out: &out, Progress: io.Discard}); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("no rounds: %v", err)
	}
}
