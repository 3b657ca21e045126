package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// Whatever the machine's clock does, the time that a gateway goes by only passes.
func TestTheClockNeverJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const year = 365 * 24 * time.Hour
		for _, start := range []time.Time{{}, time.Unix(0, 0), time.Now(), time.Now().Add(-10 * year), time.Now().Add(10 * year)} {
			off := time.Duration(0)
			begun := time.Now()
			c := newClock(func() time.Time { return start.Add(time.Since(begun) + off) })
			last := c.now()
			if !last.Equal(start) {
				t.Errorf("begins at %v, and the clock shows %v", last, start)
			}
			for _, jump := range []time.Duration{0, time.Second, 24 * time.Hour, -24 * time.Hour, 10 * year, -20 * year, -time.Second} {
				off += jump
				<-time.After(time.Hour)
				if passed := c.now().Sub(last); passed != time.Hour {
					t.Errorf("start %v: in an hour with a jump of %v, %v pass", start, jump, passed)
				}
				last = c.now()
			}
		}
	})
}
