package device

import (
	"math"
	"math/bits"
	"time"
)

// energy is an amount of energy: microjoules, and what is left in halves of a
// femtojoule (1 µW for 1 ns). Nothing is lost by adding in small pieces.
type energy struct{ micro, rest uint64 }

// restUnit is how many of its rests make a microjoule.
const restUnit = 2_000_000_000

// maxSpan is the longest time that is measured in one piece, in which the product
// with the largest power stays within 128 bits.
const maxSpan = 100 * 365 * 24 * time.Hour

// add adds what a power that changes evenly from p to q, in microwatts, takes in a
// time.
func (e *energy) add(p, q int64, d time.Duration) {
	high, low := bits.Mul64(uint64(p+q), uint64(min(max(d, 0), maxSpan)))
	low, carry := bits.Add64(low, e.rest, 0)
	micro, rest := bits.Div64(high+carry, low, restUnit)
	e.micro, e.rest = e.micro+micro, rest
}

// joules returns the whole watt-seconds.
func (e *energy) joules() uint64 { return e.micro / 1_000_000 }

// saveEnergy is after how much energy the meter asks to be saved, in microjoules:
// 0.1 kWh.
const saveEnergy = 360_000 * 1_000_000

// The thermal model of the driver. Its temperature goes towards
//
//	ambient + rise × power / rated power
//
// as an exponential with the time constant. Above tooHot the driver halves its
// output until it is coolAgain. Ambient is 25 °C.
const (
	ambient      = 25.0 // °C
	ratedRise    = 40.0 // K
	faultRise    = 60.0 // K, of Faults.Heat
	tooHot       = 95.0 // °C
	coolAgain    = 75.0 // °C
	timeConstant = 20 * time.Minute
	hotShare     = 50 // per cent of the output
)

// lookInterval is how often a driver that may become too hot, or cool, is looked at.
const lookInterval = 10 * time.Second

// meter measures what a driver takes in, and how warm it becomes.
type meter struct {
	rated   Milliwatts
	at      time.Time // up to which it was measured; zero before the start
	energy  energy
	burnt   time.Duration // how long the lamp has been lit
	saved   uint64        // microjoules, when it was last asked to be saved
	over    float64       // K above ambient
	coldest float64
	hottest float64 // K above ambient, since the start
	hot     bool    // too hot; halves its output
	watch   bool    // may become too hot, or cool
}

func newMeter(rated Milliwatts) meter { return meter{rated: rated} }

// share returns how much of its light a lamp gives, per cent.
func (m *meter) share(f Faults) int64 {
	switch {
	case f.Lamp:
		return 0
	case m.hot:
		return hotShare
	}
	return 100
}

// levelScale is the resolution of levels in the power that is metered.
const levelScale = 10_000

// microwatts returns the input of a light at a time before its next turn. It is
// the model of [InputPower] in finer steps.
func (m *meter) microwatts(now time.Time, l *light, f Faults) int64 {
	if !l.on {
		return int64(standbyPower) * 1000
	}
	const full = int64(maxLevel) * levelScale
	load := overheadPercent*full + (100-overheadPercent)*l.scaled(now, levelScale)*m.share(f)/100
	return int64(standbyPower)*1000 + int64(m.rated-standbyPower)*10*load/full
}

// measure brings the meter up to a time before the light's next turn, and reports
// whether its value should be saved.
func (m *meter) measure(now time.Time, l *light, f Faults) bool {
	span := now.Sub(m.at)
	if m.at.IsZero() {
		m.saved, span = m.energy.micro, 0
	}
	if span < 0 {
		return false
	}
	p, q := m.microwatts(m.from(now), l, f), m.microwatts(now, l, f)
	m.energy.add(p, q, span)
	if l.on && !f.Lamp {
		m.burnt += span
	}
	m.warm((p+q)/2, span, f)
	m.at = now
	if m.energy.micro-m.saved < saveEnergy {
		return false
	}
	m.saved = m.energy.micro
	return true
}

func (m *meter) from(now time.Time) time.Time {
	if m.at.IsZero() {
		return now
	}
	return m.at
}

// through measures by way of the turns of a light, which is brought up to now.
func (m *meter) through(now time.Time, l *light, f Faults) {
	for at, ok := l.next(); ok && !at.After(now); at, ok = l.next() {
		m.measure(at, l, f)
		l.advance(at)
	}
	m.measure(now, l, f)
}

// warm moves the temperature by what a power does in a time.
func (m *meter) warm(microwatts int64, d time.Duration, f Faults) {
	goal := ratedRise * float64(microwatts) / (1000 * float64(m.rated))
	if f.Heat {
		goal += faultRise
	}
	m.over += (goal - m.over) * -math.Expm1(-float64(d)/float64(timeConstant))
	m.coldest, m.hottest = min(m.coldest, m.over), max(m.hottest, m.over)
	switch t := m.temperature(); {
	case t >= tooHot:
		m.hot = true
	case t <= coolAgain:
		m.hot = false
	}
	m.watch = f.Heat || m.hot
}

// temperature returns the temperature of the driver in °C.
func (m *meter) temperature() float64 { return ambient + m.over }

func (m *meter) deadline() (time.Time, bool) { return m.at.Add(lookInterval), m.watch }
