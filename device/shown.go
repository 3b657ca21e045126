package device

import "time"

// followInterval is how often a luminaire looks at its own level during a fade,
// to see whether there is something to report.
const followInterval = 200 * time.Millisecond

// shown is the last look at the lamp.
type shown struct {
	at          time.Time
	memory      memory
	fade        fade
	tone        tone
	identifying bool
	hot         bool
}

// update takes a look, and returns whether the lamp has something else to do
// than at the last one.
func (s *shown) update(now time.Time, l *Luminaire) bool {
	next := shown{s.at, l.light.memory, l.light.fade, l.tone, l.identify.active(), l.meter.hot}
	next.memory.settings = settings{}
	changed := next != *s
	*s = next
	s.at = now
	return changed
}

// deadline returns when to look again.
func (s *shown) deadline(l *light, t *tone) (time.Time, bool) {
	if !l.fade.active() && t.length == 0 {
		return time.Time{}, false
	}
	next := s.at.Add(followInterval)
	if l.fade.active() && !l.moving() && t.length == 0 {
		next = l.fade.end()
	}
	for _, end := range []struct {
		at time.Time
		on bool
	}{{l.fade.end(), l.fade.active()}, {t.start.Add(t.length), t.length > 0}} {
		if end.on && end.at.Before(next) {
			next = end.at
		}
	}
	return next, true
}
