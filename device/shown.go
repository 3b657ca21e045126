package device

import "time"

// followInterval is how often a luminaire looks at its own level during a fade,
// to see whether there is something to report.
const followInterval = 200 * time.Millisecond

// shown is the last look at the light.
type shown struct {
	at          time.Time
	memory      memory
	fade        fade
	identifying bool
}

// update takes a look, and returns whether the lamp has something else to do
// than at the last one.
func (s *shown) update(now time.Time, l *light, identifying bool) bool {
	look := shown{now, l.memory, l.fade, identifying}
	look.memory.settings = settings{}
	changed := look.memory != s.memory || look.fade != s.fade || look.identifying != s.identifying
	*s = look
	return changed
}

// deadline returns when to look again.
func (s *shown) deadline(l *light) (time.Time, bool) {
	if !l.fade.active() {
		return time.Time{}, false
	}
	next := s.at.Add(followInterval)
	if end := l.fade.end(); !l.moving() || end.Before(next) {
		next = end
	}
	return next, true
}
