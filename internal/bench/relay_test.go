package bench

import "testing"

// The frames of the figure are passed on, without an allocation, and so is every batch after
// the first.
func TestRelaying(t *testing.T) {
	r, err := newRelaying()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.make()
		i := 0
		if n := testing.AllocsPerRun(len(r.frames)-1, func() {
			if !r.relay(r.frames[i]) {
				t.Errorf("frame %d was not passed on", i)
			}
			i++
		}); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	}
	r.make()
	if r.relay(append([]byte(nil), r.frames[0]...)) && r.relay(r.frames[0]) {
		t.Error("a replay is passed on")
	}
}
