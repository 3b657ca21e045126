package sim

import (
	"cmp"
	"math"
	"slices"
)

// Position is a place in a building, in metres.
type Position struct{ X, Y, Z float64 }

func (p Position) distance(q Position) float64 {
	return math.Sqrt((p.X-q.X)*(p.X-q.X) + (p.Y-q.Y)*(p.Y-q.Y) + (p.Z-q.Z)*(p.Z-q.Z))
}

// Propagation is the log-distance path-loss model (Rappaport, Wireless
// Communications, 4.9): the loss is 40 dB at one metre, free space at 2.45 GHz,
// and grows by 10 × Exponent dB for each factor of ten.
type Propagation struct {
	Exponent  float64   // 0 stands for 3.0, an office with light partitions
	Shadowing float64   // standard deviation over the links, dB
	Structure Structure // optional: what stands between; nil for one open space
}

// Structure is what a building is made of.
type Structure interface {
	// Loss returns what the walls and floors between two places take, in dB. It
	// is the same both ways.
	Loss(p, q Position) float64
}

const (
	lossAtMetre     = 40.0 // dB
	defaultExponent = 3.0
)

// The properties of every receiver, as of a present-day chip for light fittings.
const (
	sensitivity      = -97.0     // dBm: the weakest frame that is received
	ccaThreshold     = -75.0     // dBm: CCA mode 1, energy above threshold (802.15.4-2006, 6.9.9)
	ccaEnergy        = 3.1623e-8 // the same, in mW
	noiseFloor       = -100.0    // dBm: what an energy scan of an empty channel finds
	captureThreshold = 3.0       // dB: how much stronger than all interference a frame must be
	captureRatio     = 1.9953    // the same, of powers
	inaudible        = -110.0    // dBm: not even interference
	maxPower         = 20.0      // dBm
)

func (p Propagation) withDefaults() Propagation {
	if p.Exponent == 0 {
		p.Exponent = defaultExponent
	}
	return p
}

func (p Propagation) gain(metres float64) float64 {
	return -lossAtMetre - 10*p.Exponent*math.Log10(max(metres, 1))
}

// link is the way to a transceiver that may hear another. Links are symmetric.
type link struct {
	to    *Transceiver
	id    int32   // of to
	gain  float32 // dB, negative
	ratio float32 // the same, of powers
	loss  float32 // probability that a frame is missed
}

// attenuate changes the gain of a link by so many dB.
func (l *link) attenuate(dB float64) {
	l.gain -= float32(dB)
	l.ratio = float32(milliwatts(float64(l.gain)))
}

// over returns how strong, in dBm, what x sends is at the end of one of its links.
func (x *Transceiver) over(l *link) float64 { return x.power + float64(l.gain) }

// connect computes the links between x and all others that one of the two may
// reach with its power.
func (a *Air) connect(x *Transceiver) {
	sigma := a.cfg.Propagation.Shadowing
	for _, y := range a.all {
		if y == x {
			continue
		}
		reach := max(x.reach, y.reach)
		gain := a.cfg.Propagation.gain(x.position.distance(y.position))
		if gain+4*sigma+reach < inaudible {
			continue
		}
		if s := a.cfg.Propagation.Structure; s != nil {
			if gain -= s.Loss(x.position, y.position); gain+4*sigma+reach < inaudible {
				continue
			}
		}
		if sigma > 0 {
			// Drawn from the seed and the pair alone, so that a link does not
			// change when another device is added.
			a.source.Seed(a.cfg.Seed^min(x.eui64, y.eui64), max(x.eui64, y.eui64))
			gain += sigma * min(max(a.shadow.NormFloat64(), -4), 4)
		}
		if gain+reach >= inaudible {
			for _, o := range a.obstacles {
				if o.between(o.at, x.position, y.position) {
					gain -= o.Loss
				}
			}
			x.addLink(y, gain)
			y.addLink(x, gain)
		}
	}
}

// addLink adds a link in the order of attachment, unless it is there.
func (x *Transceiver) addLink(y *Transceiver, gain float64) {
	if i, there := x.find(y); !there {
		if len(x.links) == cap(x.links) {
			x.links = append(make([]link, 0, len(x.links)+len(x.links)/4+4), x.links...) // they come to stay
		}
		x.links = slices.Insert(x.links, i, link{y, int32(y.id), float32(gain), float32(milliwatts(gain)), float32(x.air.cfg.Loss)})
	}
}

func (x *Transceiver) find(y *Transceiver) (int, bool) {
	return slices.BinarySearchFunc(x.links, y.id, func(l link, id int) int { return cmp.Compare(int(l.id), id) })
}

// link returns the link to y, or nil when they are out of each other's reach.
func (x *Transceiver) link(y *Transceiver) *link {
	i, ok := x.find(y)
	if !ok {
		return nil
	}
	return &x.links[i]
}

// SetLoss sets the probability, 0 to 1, that x and y miss each other's frames;
// 1 cuts the link. It does nothing where they are out of reach anyway.
func (x *Transceiver) SetLoss(y *Transceiver, loss float64) {
	if l := x.link(y); l != nil {
		l.loss, y.link(x).loss = float32(loss), float32(loss)
	}
}

func milliwatts(dBm float64) float64 { return math.Pow(10, dBm/10) }

// quality maps a signal to the LQI that chips report: 0 at the sensitivity, 255
// from 50 dB above it (802.15.4-2006, 6.9.8 leaves the scale to the maker).
func quality(dBm float64) uint8 {
	return uint8(min(max((dBm-sensitivity)/50, 0), 1) * math.MaxUint8)
}
