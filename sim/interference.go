package sim

import (
	"fmt"
	"slices"
	"time"

	"sconce/zigbee"
)

// Interferer is another user of the band, such as a Wi-Fi access point: bursts
// of noise that occupy some channels at once, whoever else talks.
type Interferer struct {
	Position Position
	Power    float64            // dBm in each of the channels, at most 20
	Channels zigbee.ChannelMask // Wi-Fi channel 1 covers 11 to 14, channel 6 16 to 19, channel 11 21 to 24
	Duty     float64            // share of the time that it sends, above 0 and below 1
	Burst    time.Duration      // the length of a burst; 0 for 1.5 ms, a full Wi-Fi aggregate
}

// Noise is an [Interferer] at work.
type Noise struct {
	cfg    Interferer
	x      *Transceiver
	onAir  []*transmission
	ending bool
}

const (
	startBurst eventKind = iota
	endBurst
)

// Interfere lets noise begin, until it is stopped. The pauses between its bursts
// are drawn so that it sends for its share of the time.
func (a *Air) Interfere(cfg Interferer) (*Noise, error) {
	if !cfg.Channels.Valid() || cfg.Duty <= 0 || cfg.Duty >= 1 || cfg.Burst < 0 {
		return nil, fmt.Errorf("interference on %v for %v of the time: expected channels, and a share between 0 and 1", cfg.Channels, cfg.Duty)
	}
	if cfg.Burst == 0 {
		cfg.Burst = 1500 * time.Microsecond
	}
	n := &Noise{cfg: cfg}
	n.x = a.Attach(TransceiverConfig{EUI64: noiseEUI64 + uint64(len(a.all)), Position: cfg.Position, Power: cfg.Power})
	n.happen(startBurst)
	return n, nil
}

// noiseEUI64 names sources of noise to the luck of their links alone.
const noiseEUI64 = 0x5ec0cefe00000000

// Stop ends the noise after the burst that it is in.
func (n *Noise) Stop() { n.ending = true }

// happen implements actor: a burst begins or ends.
func (n *Noise) happen(kind eventKind) {
	a := n.x.air
	if kind == startBurst {
		if n.ending {
			return
		}
		for i := range n.cfg.Channels.Len() {
			n.onAir = append(n.onAir, a.occupy(n.x, n.cfg.Channels.Nth(i)))
		}
		a.schedule(n.cfg.Burst, n, endBurst, nil)
		return
	}
	for _, t := range n.onAir {
		a.clear(t)
		a.recycle(t)
	}
	n.onAir = n.onAir[:0]
	pause := float64(n.cfg.Burst) * (1 - n.cfg.Duty) / n.cfg.Duty
	a.schedule(time.Duration(a.random.ExpFloat64()*pause), n, startBurst, nil)
}

// Obstacle is something that moves through a building and weakens what passes
// through it: a lift, a trolley, a crowd.
type Obstacle struct {
	Radius float64 // metres
	Loss   float64 // dB of a link whose straight way passes through it

	air *Air
	at  Position
	set bool
}

// AddObstacle puts an obstacle nowhere.
func (a *Air) AddObstacle(radius, loss float64) *Obstacle {
	return &Obstacle{Radius: radius, Loss: loss, air: a}
}

// Move puts the obstacle at a place. It looks at every link, so it is for steps
// of seconds, not of milliseconds.
func (o *Obstacle) Move(to Position) {
	o.Remove()
	o.weaken(to, o.Loss)
	o.at, o.set = to, true
	o.air.obstacles = append(o.air.obstacles, o)
}

// Remove takes the obstacle out of the building.
func (o *Obstacle) Remove() {
	if o.set {
		o.weaken(o.at, -o.Loss)
		o.set = false
		o.air.obstacles = slices.DeleteFunc(o.air.obstacles, func(p *Obstacle) bool { return p == o })
	}
}

func (o *Obstacle) weaken(at Position, dB float64) {
	for _, x := range o.air.all {
		for i := range x.links {
			if l := &x.links[i]; o.between(at, x.position, l.to.position) {
				l.attenuate(dB)
			}
		}
	}
}

// between reports whether the way from p to q passes through the obstacle at c.
func (o *Obstacle) between(c, p, q Position) bool {
	dx, dy, dz := q.X-p.X, q.Y-p.Y, q.Z-p.Z
	if length := dx*dx + dy*dy + dz*dz; length > 0 {
		share := min(max(((c.X-p.X)*dx+(c.Y-p.Y)*dy+(c.Z-p.Z)*dz)/length, 0), 1)
		p = Position{p.X + share*dx, p.Y + share*dy, p.Z + share*dz}
	}
	return p.distance(c) < o.Radius
}
