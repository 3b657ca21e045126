package network

import (
	"maps"
	"math"
	"slices"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee/zcl"
)

// discretion is what a network keeps to itself of the people in the building, when its
// owner wants that ([Network.SetDiscretion]). Of occupancy it tells for how long a sensor
// saw somebody in a period, once the period is over, and of one that it knew all of: half
// of one would tell of a shorter time.
//
// When a sensor spoke says when somebody moved. So whatever else sensors and switches say
// waits for the end of the period too, and is told as of then: their other values, and that
// they are there. What their lights do is told as ever.
type discretion struct {
	period time.Duration // 0: everything is told as it comes
	end    time.Time     // of the period that runs
	whole  bool          // it has been watched from its beginning
	timer  *timer
}

// private is what is known of a discreet device and not told yet.
type private struct {
	somebody bool
	said     time.Time     // when it last said whether somebody is there; zero for never
	since    time.Time     // until when occupied counts
	occupied time.Duration // that it saw somebody in the period that runs
	unknown  bool          // for some of the period it was not known

	heard  bool                      // something in the period that runs
	told   time.Time                 // as of when it is told: the end of a period, or when it joined or left
	there  bool                      // as of told
	due    bool                      // to be told now
	values map[sconce.Metric]float64 // the latest of each kind
}

// lasting is how long a sensor is taken to see what it last said: well above the longest
// time in which it says nothing, and what the cloud takes single values for too.
const lasting = 2 * time.Hour

// SetDiscretion sets the period of which occupancy is told, a divisor of an hour; with 0,
// everything is told as devices say it. It takes effect at once; of the period that
// runs, nothing is told.
func (n *Network) SetDiscretion(now time.Time, period time.Duration) {
	was := n.discreet.period
	if period == was {
		return
	}
	n.timers.stop(n.discreet.timer)
	n.discreet = discretion{period: period}
	if period > 0 {
		n.discreet.end = now.Truncate(period)
		n.nextPeriod(now)
	}
	for _, d := range n.sorted() {
		switch p := &d.private; {
		case !d.joined || !d.isPrivate():
		case was == 0:
			p.told, p.there = d.presence.heard, d.presence.reachable
			if d.senses() {
				n.out.reading(now, d, sconce.Occupancy, notTold) // what was told does not last on
			}
		case period == 0:
			p.values = nil
			n.out.touch(d)
			if d.senses() && p.known(now) {
				n.out.reading(now, d, sconce.Occupancy, flag(p.somebody))
			}
		}
	}
}

// notTold is the value of occupancy that says that it is told no more.
const notTold = -1

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// senses reports whether a device can see people.
func (d *device) senses() bool {
	return d.kind == sconce.Sensor || d.record.has(zcl.ClusterOccupancy)
}

// isPrivate reports whether when a device speaks says something of people.
func (d *device) isPrivate() bool { return d.senses() || d.kind == sconce.Switch }

// keeps reports whether what a device says is kept for the end of the period.
func (n *Network) keeps(d *device) bool { return n.discreet.period > 0 && d.isPrivate() }

// measured takes a value that a device has measured: to be told, or to be kept for the end
// of the period. What the lamp of a light with a sensor takes in is told like that of others.
func (n *Network) measured(now time.Time, d *device, m sconce.Metric, value float64) {
	p := &d.private
	if m == sconce.Occupancy {
		p.advance(now)
		p.somebody, p.said = value > 0, now
	}
	switch {
	case !n.keeps(d), m == sconce.ActivePower, m == sconce.Energy, m == sconce.Temperature, m == sconce.BurnHours:
		n.out.reading(now, d, m, value)
	case m != sconce.Occupancy:
		if p.values == nil {
			p.values = map[sconce.Metric]float64{}
		}
		p.values[m] = value
	}
}

// known reports whether it is known at a time whether somebody is there.
func (p *private) known(at time.Time) bool { return !p.said.IsZero() && at.Sub(p.said) <= lasting }

// advance counts what the sensor saw until a time.
func (p *private) advance(until time.Time) {
	from := p.since
	p.since = until
	if !p.known(until) {
		p.unknown = true
	} else if p.somebody {
		p.occupied += until.Sub(from)
	}
}

// nextPeriod begins the period after the one that ended last.
func (n *Network) nextPeriod(now time.Time) {
	s := &n.discreet
	s.whole = !now.After(s.end)
	begin := s.end
	s.end = begin.Add(s.period)
	for _, d := range n.devices {
		p := &d.private
		p.since, p.occupied, p.heard = begin, 0, false
		p.unknown = !p.known(begin)
	}
	n.timers.stop(s.timer)
	s.timer = n.timers.at(s.end, n.closePeriods)
}

// closePeriods tells of the periods that are over.
func (n *Network) closePeriods(now time.Time) {
	for s := &n.discreet; s.period > 0 && !now.Before(s.end); {
		if s.whole {
			n.tellPeriod(s.end)
		}
		n.nextPeriod(s.end)
	}
}

// tellPeriod tells of the period that ends.
func (n *Network) tellPeriod(end time.Time) {
	message := wire.Occupancy{From: wireTime(end.Add(-n.discreet.period)), Minutes: uint8(n.discreet.period / time.Minute)}
	for _, d := range n.sorted() {
		if !d.isPrivate() || !d.joined {
			continue
		}
		p := &d.private
		if p.advance(end); !p.unknown && d.senses() {
			message.Sensors = append(message.Sensors, wire.Occupied{Device: sconce.EUI64(d.eui), Minutes: minutes(p.occupied, n.discreet.period)})
		}
		for _, m := range slices.Sorted(maps.Keys(p.values)) {
			n.out.reading(end, d, m, p.values[m])
		}
		p.values = nil
		p.tell(n, d, end, p.heard || d.presence.reachable)
	}
	if len(message.Sensors) > 0 {
		n.out.occupancy = append(n.out.occupancy, message)
	}
}

// tell lets it be told now whether a device is there, and that it was heard, if it was.
func (p *private) tell(n *Network, d *device, at time.Time, there bool) {
	if p.heard {
		p.told = at
	}
	p.there, p.due = there, true
	n.out.touch(d)
}

// hide takes out of a state what would say when a device that is kept spoke. A light with a
// sensor speaks of itself often enough.
func (d *device) hide(s *wire.DeviceState) {
	p := &d.private
	told := wireTime(p.told)
	if d.kind == sconce.Luminaire {
		if !d.light.on.known() && !d.light.level.known() {
			s.At = told
		}
		s.Heard = max(told, s.At)
		return
	}
	s.Reachable, s.Heard, s.At = p.there, told, told
}

// isTold reports whether a state may be told that has changed.
func (n *Network) isTold(d *device) bool {
	due := d.private.due
	d.private.due = false
	return due || d.kind == sconce.Luminaire || !n.keeps(d)
}

// minutes returns for how many minutes of a period somebody was there, rounded: but a
// sensor that saw somebody, and did not always, is never said to have seen nobody, or always.
func minutes(occupied, period time.Duration) uint8 {
	whole := int(period / time.Minute)
	n := int(math.Round(occupied.Minutes()))
	if occupied > 0 {
		n = max(n, 1)
	}
	if occupied < period {
		n = min(n, whole-1)
	}
	return uint8(n)
}
