package rollup

import "sconce"

// Alone adds what a sample says by itself: the peak of power.
func (p Parts) Alone(m sconce.Metric, s Point) {
	if m != sconce.ActivePower {
		return
	}
	if mw := thousandths(s.Value); mw > 0 {
		sums := p.at(QuarterOf(s.At))
		sums.Peak = max(sums.Peak, mw)
	}
}

// Between adds, sign times, what lies between a sample and the next one of its series:
// b is not before a, and both are usable. sign is 1 or -1.
func (p Parts) Between(m sconce.Metric, a, b Point, sign int64) {
	switch m {
	case sconce.Energy:
		p.energy(a, b, sign)
	case sconce.ActivePower:
		mw := max(thousandths(a.Value), 0)
		p.holding(a.At, min(b.At, a.At+hold), func(s *Sums, ms int64) {
			s.Power += sign * mw * ms
			s.Powered += sign * ms
		})
	case sconce.Occupancy:
		if a.Value < 0 {
			return // what it sees is not told any more
		}
		p.holding(a.At, min(b.At, a.At+hold), func(s *Sums, ms int64) {
			s.Sensed += sign * ms
			if a.Value > 0 {
				s.Occupied += sign * ms
			}
		})
	case sconce.Output:
		p.holding(a.At, min(b.At, a.At+holdOutput(a.Value)), func(s *Sums, ms int64) {
			s.output(a.Value, sign*ms)
		})
	}
}

// Occupied adds for how long a sensor saw somebody in a span of time of which it is known all
// through, in milliseconds from a time on. It is spread evenly: when in the span that was, nobody says.
func (p Parts) Occupied(from, length, occupied int64) {
	passed, given := int64(0), int64(0)
	p.holding(from, from+length, func(s *Sums, ms int64) {
		passed += ms
		until := share(occupied, passed, length)
		s.Occupied += until - given
		s.Sensed += ms
		given = until
	})
}

// holdOutput returns for how long an output is taken to last.
func holdOutput(value float64) int64 {
	if value < 0 {
		return holdUnreachable
	}
	return hold
}

// output adds a time at an output in per mille: 0 is off, less is not reachable.
func (s *Sums) output(value float64, ms int64) {
	s.Watched += ms
	if value >= 0 {
		s.Reached += ms
	}
	if value > 0 {
		band := int(value) * Bands / (int(sconce.MaxLevel) + 1)
		s.Band[min(band, Bands-1)] += ms
	}
}

// holding calls add for each quarter between two times with how much of it is between them.
func (p Parts) holding(from, to int64, add func(s *Sums, ms int64)) {
	for from < to {
		q := QuarterOf(from)
		end := min((q+1)*Quarter, to)
		add(p.at(q), end-from)
		from = end
	}
}

// energy adds what a counter says was taken in from one sample to the next. It is
// spread evenly over the time between, so that the parts add up to the whole.
func (p Parts) energy(a, b Point, sign int64) {
	mwh, length := taken(a, b), b.At-a.At
	if length == 0 || length > longestSpread {
		s := p.at(QuarterOf(b.At))
		s.Energy += sign * mwh
		if length > 0 {
			s.Spread += sign * mwh
		}
		return
	}
	given := int64(0)
	for from := a.At; from < b.At; {
		q := QuarterOf(from)
		end := min((q+1)*Quarter, b.At)
		until := share(mwh, end-a.At, length)
		s := p.at(q)
		s.Energy += sign * (until - given)
		if length > LongHole {
			s.Spread += sign * (until - given)
		}
		s.Metered += sign * (end - from)
		from, given = end, until
	}
}

// share returns taken*part/whole, rounded down; part is at most whole.
func share(mwh, part, whole int64) int64 {
	// Both are at most longestSpread, so that the product of them and the remainder fits.
	return mwh/whole*part + mwh%whole*part/whole
}

// restartPower is the power, in watts, that a device stays below on average after its counter
// began at 0 again, and restartTime the time for which that is allowed at least, in
// milliseconds: what was counted cannot be more.
const (
	restartPower = 4000
	restartTime  = 60 * 60 * 1000
)

// taken returns how many mWh a counter counted from one sample to the next. A counter that
// shows less than before has begun at 0 again, if it can have counted what it shows
// since then; what it had counted between the first sample and its restart is not known to
// anybody. If it cannot, the samples are not in the order in which they were taken, and
// nothing was counted.
func taken(a, b Point) int64 {
	before, after := max(thousandths(a.Value), 0), max(thousandths(b.Value), 0)
	if after >= before {
		return after - before
	}
	if possible := (b.At - a.At + restartTime) * restartPower / 3600; after > possible { // W times ms in mWh
		return 0
	}
	return after
}
