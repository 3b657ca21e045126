package attempts

import (
	"container/list"
	"crypto/sha256"
	"time"
)

// Quota is what is left of a window.
type Quota struct {
	Left  int           // attempts
	Reset time.Duration // until the window ends
}

// Spend is [Limiter.Take] for those who are told what is left.
func (l *Limiter) Spend(now time.Time, key string) (Quota, bool) {
	ok := l.Take(now, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	var e *list.Element
	if e = l.counts[sha256.Sum256([]byte(key))]; e == nil { // pushed out by others at this moment
		return Quota{Left: l.max, Reset: l.window}, ok
	}
	c := e.Value.(*count)
	return Quota{Left: l.max - c.n, Reset: c.start.Add(l.window).Sub(now)}, ok
}
