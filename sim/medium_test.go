package sim

import (
	"testing"
	"time"
)

// A frame that is received makes the channel busy however weak it is; energy alone,
// or a frame whose beginning was missed, only above the threshold.
func TestChannelIsBusyWhileReceiving(t *testing.T) {
	for name, c := range map[string]struct {
		metres float64
		late   bool // the listener has missed the beginning
		want   bool
	}{
		"strong":         {5, true, true}, // -61 dBm
		"weak":           {50, false, true},
		"weak, and late": {50, true, false},
		"too weak":       {85, false, false}, // to be received
	} {
		b := newBench(t, AirConfig{Seed: 1})
		x, src := b.place(1, Position{}), b.place(2, Position{X: c.metres})
		b.transmit(src, frame(1, false, 0xffff, 2, "a frame that takes a while"), now)
		b.RunFor(turnaround + syncTime - symbol)
		if x.x.busy(11) && c.metres > 10 {
			t.Errorf("%s: busy before the start of the frame was received", name)
		}
		if c.late {
			x.x.listen(11)
		}
		b.RunFor(symbol)
		if got := x.x.busy(11); got != c.want {
			t.Errorf("%s: busy is %v", name, got)
		}
		b.RunFor(time.Second)
		if x.x.busy(11) {
			t.Errorf("%s: busy after the end", name)
		}
	}
}

// A clear channel assessment takes a while: one that begins before the end of a frame does
// not take the gap before its acknowledgement for silence.
func TestGapBeforeTheAcknowledgementIsBusy(t *testing.T) {
	b := newBench(t, AirConfig{Seed: 1})
	x, src := b.place(1, Position{}), b.place(2, Position{X: 5})
	payload := frame(1, false, 0xffff, 2, "a frame that takes a while")
	b.transmit(src, payload, now)
	end := b.Now().Add(turnaround + airtime(len(payload)+fcsLen))
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {ccaTime / 2, true}, {ccaTime, false}} {
		b.RunUntil(end.Add(c.after))
		if got := x.x.busy(11); got != c.want {
			t.Errorf("%v after the end of the frame: busy is %v", c.after, got)
		}
	}
}

// What spoils a frame for those whom it was not for is no collision.
func TestCollisionsCountForReceiversOnly(t *testing.T) {
	b := newBench(t, AirConfig{Seed: 1})
	a, z := b.place(1, Position{X: 50}), b.place(3, Position{X: -50})
	for i := range 5 {
		b.place(uint16(10+i), Position{Y: float64(i)})
	}
	b.place(2, Position{})
	b.transmit(a, frame(1, false, 2, 1, "for one"), now)
	b.transmit(z, frame(1, false, 7, 3, "for nobody"), now)
	b.RunFor(time.Second)
	if got := b.Counters().Collisions; got != 1 {
		t.Errorf("%d collisions, want that of the one receiver", got)
	}
}

// What disturbs all receivers of a frame is computed at once as it is for each.
func TestInterferenceAtOnce(t *testing.T) {
	a := NewAir(AirConfig{Seed: 5, Propagation: Propagation{Shadowing: 6}})
	for i := range 120 {
		a.Attach(TransceiverConfig{EUI64: uint64(i), Position: Position{X: float64(i * 37 % 600), Y: float64(i * 11 % 70)}, Power: float64(i % 9)})
	}
	disturbed := 0
	for i, x := range a.all {
		tx := &transmission{src: x}
		for j := range i % 6 {
			o := a.all[(i+1+j*17)%len(a.all)]
			tx.overlaps = append(tx.overlaps, overlap{o, o.radiated})
		}
		a.spoil(tx)
		if len(a.noise) != len(x.links) {
			t.Fatalf("%d of %d links", len(a.noise), len(x.links))
		}
		for k, got := range a.noise {
			want := x.links[k].to.interference(tx)
			if got != want {
				t.Fatalf("%v mW at link %d of %d, not %v", got, k, i, want)
			}
			if want > 0 {
				disturbed++
			}
		}
	}
	if disturbed == 0 {
		t.Error("nobody was disturbed")
	}
}
