package sim

import (
	"slices"
	"time"
)

// The timing of the 2.4 GHz PHY (802.15.4-2006, 6.5 and 7.4.1): a symbol takes
// 16 µs, a byte two symbols.
const (
	symbol      = 16 * time.Microsecond
	octet       = 2 * symbol
	unitBackoff = 20 * symbol // aUnitBackoffPeriod
	ccaTime     = 8 * symbol
	turnaround  = 12 * symbol // aTurnaroundTime
	ackWait     = 54 * symbol // macAckWaitDuration
	shortIFS    = 12 * symbol // macMinSIFSPeriod
	longIFS     = 40 * symbol // macMinLIFSPeriod
	phyHeader   = 6           // bytes: preamble, start of frame, length
	syncTime    = 5 * octet   // preamble and start-of-frame delimiter
	maxShortIFS = 18          // bytes: aMaxSIFSFrameSize
	maxPSDU     = 127         // bytes: aMaxPHYPacketSize
)

// airtime returns how long a frame with its frame check sequence takes.
func airtime(psdu int) time.Duration { return time.Duration(phyHeader+psdu) * octet }

// transmission is a frame on the air, or noise, which has no psdu.
type transmission struct {
	src      *Transceiver
	channel  uint8
	start    time.Duration
	psdu     []byte
	head     header // of psdu, when readable
	readable bool
	noted    *captured // optional
	overlaps []overlap // all that were on the channel at some time with it
	buf      [maxPSDU]byte
}

// overlap is what another transmission did to one.
type overlap struct {
	src      *Transceiver
	radiated float64 // mW
}

// begin puts a frame on the air now.
func (a *Air) begin(src *Transceiver, channel uint8, psdu []byte) *transmission {
	t := a.occupy(src, channel)
	t.psdu = append(t.buf[:0], psdu...)
	t.head, t.readable = parseHeader(t.psdu)
	a.counters.Frames++
	a.counters.Bytes += uint64(len(psdu))
	if a.attacker != nil && t.readable {
		t.noted = a.attacker.capture(src, channel, t.psdu, &t.head)
	}
	if a.cfg.Tap != nil {
		a.cfg.Tap(a.Now(), channel, t.psdu)
	}
	a.schedule(airtime(len(psdu)), t, 0, nil)
	return t
}

// occupy puts energy on a channel.
func (a *Air) occupy(src *Transceiver, channel uint8) *transmission {
	var t *transmission
	if last := len(a.free) - 1; last >= 0 {
		t, a.free = a.free[last], a.free[:last]
	} else {
		t = &transmission{}
	}
	t.src, t.channel, t.start = src, channel, a.now
	for _, o := range a.active[channel] {
		t.overlaps = append(t.overlaps, overlap{o.src, o.src.radiated})
		o.overlaps = append(o.overlaps, overlap{src, src.radiated})
	}
	a.active[channel] = append(a.active[channel], t)
	if a.scans > 0 {
		for i := range src.links {
			if r := src.links[i].to; r.scanning && r.tuned == channel {
				r.energy = max(r.energy, src.over(&src.links[i]))
			}
		}
	}
	return t
}

// clear takes a transmission off the air. It stays readable until it is recycled.
func (a *Air) clear(t *transmission) {
	a.active[t.channel] = slices.DeleteFunc(a.active[t.channel], func(o *transmission) bool { return o == t })
	past := slices.DeleteFunc(a.silenced[t.channel], func(s silenced) bool { return s.at <= a.now-ccaTime })
	a.silenced[t.channel] = append(past, silenced{t.src, a.now})
}

func (a *Air) recycle(t *transmission) {
	t.src, t.noted, t.psdu, t.overlaps = nil, nil, nil, t.overlaps[:0]
	a.free = append(a.free, t)
}

// happen is the end of the transmission.
func (t *transmission) happen(eventKind) {
	a := t.src.air
	a.clear(t)
	t.src.ended(t)
	everywhere := len(t.overlaps) > 0 && !t.head.unicast()
	if everywhere {
		a.spoil(t)
	}
	for i := range t.src.links {
		l := &t.src.links[i]
		if l.to.tuned != t.channel || !l.to.wants(t) {
			continue
		}
		noise := 0.0
		if everywhere {
			noise = a.noise[i]
		} else {
			noise = l.to.interference(t)
		}
		if l.to.heard(t, l, noise) {
			l.to.receive(t, t.src.over(l))
		}
	}
	a.recycle(t)
}

// spoil computes, for all links of the sender at once, what [Transceiver.interference]
// does for one: it walks along the links of those that overlapped, which are in the same order.
func (a *Air) spoil(t *transmission) {
	links := t.src.links
	a.noise = slices.Grow(a.noise[:0], len(links))[:len(links)]
	clear(a.noise)
	for _, o := range t.overlaps {
		i := 0
		for j := range o.src.links {
			l := &o.src.links[j]
			for i < len(links) && links[i].id < l.id {
				i++
			}
			if i == len(links) {
				break
			}
			if links[i].id == l.id {
				a.noise[i] += o.radiated * float64(l.ratio)
			}
		}
	}
}

// wants reports whether x has a use for a frame, should it come through: what its
// filter refuses is not worth deciding.
func (x *Transceiver) wants(t *transmission) bool {
	switch h := &t.head; {
	case x.awaits(t):
		return true
	case x.asleep:
		return false
	case x.promiscuous:
		return true
	default:
		return t.readable && h.kind <= frameCommand && h.kind != frameAck && accepts(&x.filter, h)
	}
}

// awaits reports whether a frame is the acknowledgement that x waits for.
func (x *Transceiver) awaits(t *transmission) bool {
	return t.readable && t.head.kind == frameAck && x.job.state == waiting && t.head.seq == x.job.psdu[2]
}

// heard decides whether x received t, which just ended, over a link, in the presence
// of so many mW of noise.
func (x *Transceiver) heard(t *transmission, l *link, noise float64) bool {
	if t.src.over(l) < sensitivity || !x.listening() || x.since > t.start {
		return false
	}
	if t.src.radiated*float64(l.ratio) < captureRatio*noise {
		x.air.counters.Collisions++
		return false
	}
	if l.loss > 0 && x.air.random.Float64() < float64(l.loss) {
		x.air.counters.Lost++
		return false
	}
	x.air.counters.Heard++
	return true
}

// interference returns the power, in mW, that comes to x of all that overlapped t.
func (x *Transceiver) interference(t *transmission) (mW float64) {
	for _, o := range t.overlaps {
		if l := x.link(o.src); l != nil {
			mW += o.radiated * float64(l.ratio)
		}
	}
	return mW
}

// silenced is a transmission that has left the air a moment ago.
type silenced struct {
	src *Transceiver
	at  time.Duration
}

// busy is clear channel assessment at x, which ends now (802.15.4-2006, 6.9.9): the channel is
// busy when there was energy above the threshold on it in the time that it took, and in any
// mode while x receives a frame, from the end of its start-of-frame delimiter on.
// It takes most of the gap between a frame and its acknowledgement, so that few mistake
// that for silence.
func (x *Transceiver) busy(channel uint8) bool {
	begun, energy := x.air.now-ccaTime, 0.0 // mW, on average
	for _, t := range x.air.active[channel] {
		l := x.link(t.src)
		if l == nil {
			continue
		}
		energy += t.src.radiated * float64(l.ratio) * share(max(t.start, begun), x.air.now)
		if len(t.psdu) > 0 && t.src.over(l) >= sensitivity && x.listening() && x.tuned == channel && x.since <= t.start && t.start+syncTime <= x.air.now {
			return true
		}
	}
	for _, s := range x.air.silenced[channel] {
		if l := x.link(s.src); l != nil && s.at > begun {
			energy += s.src.radiated * float64(l.ratio) * share(begun, s.at)
		}
	}
	return energy >= ccaEnergy
}

// share returns which part of a clear channel assessment a time is.
func share(from, to time.Duration) float64 { return float64(to-from) / float64(ccaTime) }

// level returns the strongest signal on a channel at x now, in dBm.
func (x *Transceiver) level(channel uint8) float64 {
	strongest := noiseFloor
	for _, t := range x.air.active[channel] {
		if l := x.link(t.src); l != nil {
			strongest = max(strongest, t.src.over(l))
		}
	}
	return strongest
}
