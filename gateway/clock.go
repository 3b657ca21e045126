package gateway

import "time"

// clock is the time that everything in a gateway goes by, and that all it sends to the
// cloud has: what the machine's clock showed when the gateway started, and what has
// passed since. It may be wrong, by any amount, but it never jumps, whatever happens to
// the machine's clock; so the cloud can put right what it hears (see [wire.Clock]).
type clock struct {
	shown func() time.Time // the machine's clock
	base  time.Time        // what it showed at the start
	begun time.Time        // the same moment; its monotonic reading counts
}

func newClock(shown func() time.Time) clock {
	return clock{shown: shown, base: shown().Round(0), begun: time.Now()}
}

// now returns the time that has passed since the start, as a time after base.
func (c clock) now() time.Time { return c.base.Add(time.Since(c.begun)) }
