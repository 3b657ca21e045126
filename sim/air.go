package sim

import (
	"math/rand/v2"
	"time"
)

// AirConfig makes an [Air].
type AirConfig struct {
	Seed  uint64
	Start time.Time // what the clock shows at first

	// Loss is the probability, 0 to 1, that a receiver misses a frame that it
	// should have had: what is not modelled otherwise.
	Loss float64

	Propagation Propagation

	// Tap, when not nil, sees every frame that goes on the air, at its start,
	// with its frame check sequence. It must not keep psdu.
	Tap func(at time.Time, channel uint8, psdu []byte)
}

// Air carries the frames of all transceivers attached to it, and keeps the
// clock. It is not safe for use by several goroutines: see [Paced].
type Air struct {
	cfg    AirConfig
	random *rand.Rand // back-offs and losses
	now    time.Duration
	seq    uint64
	events queue

	all    []*Transceiver
	active [maxChannel + 1][]*transmission // now on the air, by channel
	free   []*transmission                 // to be used again

	silenced [maxChannel + 1][]silenced // left the air within the last clear channel assessment
	noise    []float64                  // of one transmission, see spoil
	scans    int                        // energy scans under way

	attacker  *attacker // optional
	obstacles []*Obstacle
	counters  AirCounters

	shadow *rand.Rand
	source *rand.PCG // of shadow, reseeded for each link
}

// The channels of the 2.4 GHz band.
const (
	minChannel = 11
	maxChannel = 26
)

// NewAir returns an empty air.
func NewAir(cfg AirConfig) *Air {
	cfg.Start = cfg.Start.Round(0) // the wall clock's reading alone: arithmetic stays exact
	cfg.Propagation = cfg.Propagation.withDefaults()
	source := rand.NewPCG(0, 0)
	return &Air{
		cfg: cfg,
		//nolint:gosec // a simulation is replayed from its seed; nothing secret is drawn here
		random: rand.New(rand.NewPCG(cfg.Seed, 0x6169722d74696d65)),
		//nolint:gosec // as above
		shadow: rand.New(source),
		source: source,
	}
}

// AirCounters counts what happened on an air.
type AirCounters struct {
	Frames     uint64 // sent, with acknowledgements
	Bytes      uint64 // of those, with frame check sequences
	Heard      uint64 // receptions that came through, by those whom a frame was for
	Collisions uint64 // receptions that something else on the channel spoilt: counted for each receiver that the frame was for
	Lost       uint64 // receptions that were lost to luck: [AirConfig.Loss], [Transceiver.SetLoss]
}

// Counters returns what was counted so far.
func (a *Air) Counters() AirCounters { return a.counters }

// Now returns the time on the clock of the simulation.
func (a *Air) Now() time.Time { return a.cfg.Start.Add(a.now) }

// Next returns when the next event is due, and false when none is.
func (a *Air) Next() (time.Time, bool) {
	a.discard()
	if len(a.events) == 0 {
		return time.Time{}, false
	}
	return a.cfg.Start.Add(a.events[0].at), true
}

// discard drops cancelled events from the front.
func (a *Air) discard() {
	for len(a.events) > 0 && a.events[0].gen != nil && *a.events[0].gen != a.events[0].want {
		a.events.pop()
	}
}

// Step moves the clock to the next event and lets it happen. It returns false
// when there is none.
func (a *Air) Step() bool {
	a.discard()
	if len(a.events) == 0 {
		return false
	}
	e := a.events.pop()
	a.now = e.at
	e.to.happen(e.kind)
	return true
}

// RunUntil lets happen what is due until t, and moves the clock to t. An earlier
// t than now does nothing.
func (a *Air) RunUntil(t time.Time) {
	until := t.Sub(a.cfg.Start)
	for a.discard(); len(a.events) > 0 && a.events[0].at <= until; a.discard() {
		a.Step()
	}
	a.now = max(a.now, until)
}

// RunFor is [Air.RunUntil] with a length of time.
func (a *Air) RunFor(d time.Duration) { a.RunUntil(a.Now().Add(d)) }

// After calls f once, d from now: for scripts of people and faults.
func (a *Air) After(d time.Duration, f func()) { a.schedule(d, call(f), 0, nil) }

type call func()

func (c call) happen(eventKind) { c() }

// schedule makes an event. It is void when *gen changes before, unless gen is nil.
func (a *Air) schedule(d time.Duration, to actor, kind eventKind, gen *uint32) {
	a.seq++
	e := event{at: a.now + max(d, 0), seq: a.seq, to: to, kind: kind, gen: gen}
	if gen != nil {
		e.want = *gen
	}
	a.events.push(e)
}
