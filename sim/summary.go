package sim

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Summary is what a [Trial] saw.
type Summary struct {
	Seed      uint64 `json:"seed"`
	Networks  int    `json:"networks"`
	People    int    `json:"people"`
	Simulated Span   `json:"simulated_s"`

	Population                  // of all networks
	JoinedAt   Span             `json:"joined_at_s"` // when the last light came in, newly or again
	Delivery   Delivered        `json:"delivery"`
	PerNetwork []NetworkSummary `json:"per_network"`
	Hops       []uint64         `json:"hops"` // unicast frames that reached their destination after one hop, two, …

	LatencyP50 Millis `json:"latency_p50_ms"` // from a command for one light until it acts
	LatencyP99 Millis `json:"latency_p99_ms"`
	PressP50   Millis `json:"press_p50_ms"` // from a press of a switch until a light of the room acts
	PressP99   Millis `json:"press_p99_ms"`
	SpreadP50  Millis `json:"group_spread_p50_ms"` // from the first light of a group that acts to the last
	SpreadMax  Millis `json:"group_spread_max_ms"`
	Repeats    uint64 `json:"group_repeats"` // group commands that were said again, presses among them
	Broadcasts int    `json:"broadcasts_at_once"`

	Frames     uint64   `json:"frames"`
	Bytes      uint64   `json:"bytes"`
	Collisions uint64   `json:"collisions"` // receptions, by those whom a frame was for, that another transmission spoilt
	Lost       uint64   `json:"lost"`       // receptions lost to luck
	Rejects    Refusals `json:"security_rejects"`
	Replay     Replay   `json:"replay"`

	Invariants []Invariant `json:"invariants"`

	SimSecondsPerSecond float64 `json:"sim_seconds_per_second"`
	BytesPerNode        int64   `json:"memory_bytes_per_node"`
}

// Span is a length of time, written in seconds.
type Span time.Duration

// MarshalJSON implements [json.Marshaler].
func (s Span) MarshalJSON() ([]byte, error) { return decimal(time.Duration(s).Seconds()), nil }

// Millis is a length of time, written in milliseconds.
type Millis time.Duration

// MarshalJSON implements [json.Marshaler].
func (m Millis) MarshalJSON() ([]byte, error) {
	return decimal(float64(time.Duration(m)) / float64(time.Millisecond)), nil
}

// decimal returns a number as JSON has it, with thousandths.
func decimal(v float64) []byte { return strconv.AppendFloat(nil, math.Round(1000*v)/1000, 'f', -1, 64) }

// Population is who is in a building, or in a network.
type Population struct {
	Lights     int `json:"lights"`
	Sensors    int `json:"sensors"`
	Switches   int `json:"switches"`
	GPSwitches int `json:"gp_switches"`

	Joined         int `json:"joined"`          // lights that are on their network at the end
	SleepersJoined int `json:"sleepers_joined"` // the same of sensors and switches
	Configured     int `json:"configured"`      // of all those
	GPPaired       int `json:"gp_paired"`
}

func (p *Population) sum(o Population) {
	p.Lights += o.Lights
	p.Sensors += o.Sensors
	p.Switches += o.Switches
	p.GPSwitches += o.GPSwitches
	p.Joined += o.Joined
	p.SleepersJoined += o.SleepersJoined
	p.Configured += o.Configured
	p.GPPaired += o.GPPaired
}

// NetworkSummary is what a [Trial] saw of one network.
type NetworkSummary struct {
	Channel uint8  `json:"channel"`
	PAN     string `json:"pan"`
	Population
	Delivery Delivered `json:"delivery"`
}

// Delivered tells deliveries apart by what was to be delivered. A command that a
// later one for the same light overtook is not counted.
type Delivered struct {
	Reports       Delivery `json:"reports"`        // one for each light and interval
	SensorReports Delivery `json:"sensor_reports"` // one for each sensor and interval
	Occupancy     Delivery `json:"occupancy"`      // changes that a sensor saw
	Unicasts      Delivery `json:"unicasts"`       // commands for one light
	Groups        Delivery `json:"groups"`         // lights that a group command was for; delivered when the first try was
	Switches      Delivery `json:"switches"`       // the same of presses of switches with batteries
	GPCommands    Delivery `json:"gp_commands"`    // the same of battery-less switches
	GPPresses     Delivery `json:"gp_presses"`     // presses of battery-less switches that came to the sink
}

// kinds returns all deliveries.
func (d *Delivered) kinds() []*Delivery {
	return []*Delivery{&d.Reports, &d.SensorReports, &d.Occupancy, &d.Unicasts, &d.Groups, &d.Switches, &d.GPCommands, &d.GPPresses}
}

func (d *Delivered) sum(o Delivered) {
	other := o.kinds()
	for i, k := range d.kinds() {
		k.Sent += other[i].Sent
		k.Delivered += other[i].Delivered
		k.Received += other[i].Received
	}
}

func (d Delivered) withRatios() Delivered {
	for _, k := range d.kinds() {
		if k.Sent > 0 {
			k.Ratio = float64(k.Delivered) / float64(k.Sent)
		}
	}
	return d
}

// Delivery counts what was to arrive and what did.
type Delivery struct {
	Sent      uint64  `json:"sent"`
	Delivered uint64  `json:"delivered"`
	Received  uint64  `json:"received,omitempty"` // all that came, also beyond what was to
	Ratio     float64 `json:"ratio"`
}

// Replay is what became of an attacker's replays.
type Replay struct {
	Sent    uint64 `json:"sent"`
	Heard   uint64 `json:"heard"`   // by nodes that had taken the same frame before
	Delayed uint64 `json:"delayed"` // taken by a node that had not: late, but once
}

// Invariant is something that must always hold, and whether it did.
type Invariant struct {
	Name       string `json:"name"`
	Held       bool   `json:"held"`
	Violations uint64 `json:"violations,omitempty"`
	First      string `json:"first,omitempty"` // when, and what
}

// Violated reports whether an invariant did not hold.
func (s *Summary) Violated() bool {
	return slices.ContainsFunc(s.Invariants, func(i Invariant) bool { return !i.Held })
}

// durations are measurements, all of them.
type durations []time.Duration

func (d *durations) note(v time.Duration) { *d = append(*d, v) }

// quantile returns the measurement below which the share q lies, and 0 without any.
func (d durations) quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func (t *trial) summary(took time.Duration, memory int64) *Summary {
	air := t.air.Counters()
	s := &Summary{
		Seed: t.cfg.Seed, Networks: t.cfg.Networks, People: t.cfg.People, Simulated: Span(t.passed()), JoinedAt: Span(t.joinedAt),
		LatencyP50: Millis(t.latency.quantile(.5)), LatencyP99: Millis(t.latency.quantile(.99)),
		PressP50: Millis(t.pressLatency.quantile(.5)), PressP99: Millis(t.pressLatency.quantile(.99)),
		SpreadP50: Millis(t.spread.quantile(.5)), SpreadMax: Millis(t.spread.quantile(1)), Repeats: t.repeats,
		Broadcasts: t.sniffer.airborne.most,
		Frames:     air.Frames, Bytes: air.Bytes, Collisions: air.Collisions, Lost: air.Lost,
		SimSecondsPerSecond: t.passed().Seconds() / took.Seconds(),
		BytesPerNode:        memory / int64(t.cfg.Lights+t.cfg.Sensors+t.cfg.Switches),
	}
	for i, n := range t.sniffer.hops {
		if n > 0 {
			s.Hops = append(s.Hops, make([]uint64, i+1-len(s.Hops))...)
			s.Hops[i] = n
		}
	}
	for _, c := range t.controllers {
		n := c.summary()
		s.sum(n.Population)
		s.Delivery.sum(n.Delivery)
		s.PerNetwork = append(s.PerNetwork, n)
		s.Rejects.add(c.stack.Counters())
		for _, m := range c.members {
			s.Rejects.sum(t.building.unit(m.eui64).refusals())
		}
	}
	s.Delivery = s.Delivery.withRatios()
	var accepted violation
	if a := t.attacker; a != nil {
		s.Replay = Replay{Sent: a.replayed, Heard: a.received, Delayed: a.delayed}
		accepted = a.accepted
	}
	for _, i := range []struct {
		name string
		v    violation
	}{
		{"no replay is accepted", accepted},
		{"no application frame is on the air in the clear", t.sniffer.plaintext},
		{"no frame counter is used twice", t.sniffer.reused},
		{"no two nodes keep one address", t.addresses},
		{"group commands reach every member", t.unreached},
		{"no press of a switch is obeyed twice", t.pressedTwice},
	} {
		s.Invariants = append(s.Invariants, Invariant{i.name, i.v.count == 0, i.v.count, i.v.first})
	}
	return s
}

// summary returns what was seen of the network.
func (c *controller) summary() NetworkSummary {
	s := NetworkSummary{Channel: c.tuned, PAN: c.pan.String(), Delivery: c.delivery.withRatios()}
	for _, m := range c.members {
		joined := &s.SleepersJoined
		switch {
		case m.groups != nil:
			s.Lights++
			joined = &s.Joined
		case m.every > 0:
			s.Sensors++
		default:
			s.Switches++
		}
		if m.joined {
			*joined++
		}
		if m.configured() {
			s.Configured++
		}
	}
	for _, h := range c.harvests {
		s.GPSwitches++
		if h.paired {
			s.GPPaired++
		}
	}
	return s
}
