package gateway

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sconce/radio"
	"sconce/zigbee"
	"sconce/zigbee/stack"
)

// The pauses between attempts to open the radio.
const (
	radioMinPause = 500 * time.Millisecond
	radioMaxPause = 30 * time.Second
)

// air is the loop's view of the radio: which one there is, what it is set to, and
// whether it is busy. Everything that waits for silicon is done by two workers:
// one opens radios, the other carries out one job at a time, in order.
type air struct {
	open func(context.Context) (radio.Radio, error)
	log  *slog.Logger

	radio  radio.Radio // nil while there is none
	frames <-chan radio.Frame
	busy   bool // a job is with the worker
	asked  bool // a radio is being opened
	set    radio.Filter
	short  []uint16 // neighbours with frames pending, as set
	long   []uint64
	fresh  bool                // the radio has not been set yet
	energy *stack.EnergyWanted // to be measured; nil: nothing is

	wanted chan struct{}    // asks for a radio
	opened chan radio.Radio // answers
	jobs   chan job
	done   chan outcome
}

// job is one thing for the radio to do: measure, transmit the frame, or be set.
type job struct {
	radio   radio.Radio
	node    *stack.Node         // whose frame or settings these are
	energy  *stack.EnergyWanted // nil: no measuring
	frame   []byte              // nil to set
	filter  *radio.Filter
	pending bool
	short   []uint16
	long    []uint64
}

// outcome is the end of a job.
type outcome struct {
	radio  radio.Radio
	node   *stack.Node
	frame  bool
	result radio.TxResult

	measured bool
	energy   []stack.Energy
	err      error
}

func newAir(open func(context.Context) (radio.Radio, error), log *slog.Logger) *air {
	return &air{
		open: open, log: log,
		wanted: make(chan struct{}, 1), opened: make(chan radio.Radio),
		jobs: make(chan job, 1), done: make(chan outcome, 1),
	}
}

// start begins the workers. They end with ctx, which also ends the waiting for
// jobs; the radio itself is closed by the loop.
func (a *air) start(ctx context.Context, workers *sync.WaitGroup) {
	workers.Go(func() { a.opener(ctx) })
	workers.Go(func() { a.worker(ctx) })
}

// opener opens a radio whenever one is wanted, and tries until there is one.
func (a *air) opener(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wanted:
		}
		r := a.tryOpen(ctx)
		select {
		case a.opened <- r:
		case <-ctx.Done():
			if r != nil {
				_ = r.Close() // nobody is left to use it
			}
			return
		}
	}
}

// tryOpen returns nil only when ctx is done.
func (a *air) tryOpen(ctx context.Context) radio.Radio {
	for pause := radioMinPause; ctx.Err() == nil; pause = min(2*pause, radioMaxPause) {
		r, err := a.open(ctx)
		if err == nil {
			return r
		}
		wait := pause/2 + rand.N(pause/2) //nolint:gosec // spreads attempts; nothing secret about it
		a.log.Warn("no radio", "err", err, "again_in", wait.Round(time.Millisecond))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

func (a *air) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-a.jobs:
			o := j.do(ctx)
			select {
			case a.done <- o:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (j job) do(ctx context.Context) outcome {
	if j.energy != nil {
		return j.measure(ctx)
	}
	o := outcome{radio: j.radio, node: j.node, frame: j.frame != nil}
	if j.frame != nil {
		o.result, o.err = j.radio.Transmit(ctx, j.frame)
		return o
	}
	if j.filter != nil {
		o.err = j.radio.Configure(ctx, *j.filter)
	}
	if o.err == nil && j.pending {
		o.err = j.radio.SetPending(ctx, j.short, j.long)
	}
	return o
}

// want asks for a radio unless there is one.
func (a *air) want() {
	if a.radio == nil && !a.asked {
		a.asked = true
		a.wanted <- struct{}{} // has room: one is asked for at a time
	}
}

// use takes a radio that was opened.
func (a *air) use(r radio.Radio) {
	a.radio, a.frames, a.fresh = r, r.Frames(), true
	a.log.Info("the radio is open", "radio", zigbee.EUI64(r.EUI64()))
}

// ready reports whether there is a radio that was set as the node wants it.
func (a *air) ready() bool { return a.radio != nil && !a.fresh }

// lose gives up the radio.
func (a *air) lose() {
	if a.radio != nil {
		_ = a.radio.Close() // it is lost, or not wanted any more
		a.radio, a.frames = nil, nil
	}
}

// pump gives the radio its next job: to be set as the node wants, else to
// transmit the node's next frame.
func (a *air) pump(n *stack.Node) {
	if a.radio == nil || a.busy {
		return
	}
	if a.energy != nil {
		a.busy = true
		a.jobs <- job{radio: a.radio, node: n, energy: a.energy}
		a.energy = nil
		return
	}
	if j, differs := a.settings(n.Filter()); differs {
		j.node = n
		a.busy = true
		a.jobs <- j
		return
	}
	if a.fresh {
		return // not set yet: the node has no network
	}
	if f, ok := n.NextFrame(); ok {
		a.busy = true
		a.jobs <- job{radio: a.radio, node: n, frame: slices.Clone(f.Data)}
	}
}

// settings returns the job of setting the radio, if it must be set.
func (a *air) settings(f stack.Filter) (job, bool) {
	if f.Channel == 0 {
		return job{}, false
	}
	j := job{radio: a.radio}
	filter := radio.Filter{Channel: f.Channel, PANID: uint16(f.PANID), Short: uint16(f.Short), EUI64: uint64(f.EUI64)}
	if a.fresh || filter != a.set {
		j.filter = &filter
	}
	for _, s := range f.PendingShort {
		j.short = append(j.short, uint16(s))
	}
	for _, e := range f.Pending {
		j.long = append(j.long, uint64(e))
	}
	j.pending = a.fresh || !slices.Equal(j.short, a.short) || !slices.Equal(j.long, a.long)
	if j.filter == nil && !j.pending {
		return job{}, false
	}
	a.set, a.short, a.long, a.fresh = filter, j.short, j.long, false
	return j, true
}
