// Package attempts slows down guessing: it counts attempts by a key, such as an
// account and where the attempt came from, and refuses more than so many in a
// window of time. It keeps its counts in memory, within a stated bound, and
// holds the keys only as digests.
//
// It is pure but for a lock: the time is an argument. It will not count across
// several processes.
package attempts

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// Limiter counts attempts by key. It is safe for concurrent use.
type Limiter struct {
	max    int
	window time.Duration
	size   int

	mu     sync.Mutex
	counts map[digest]*list.Element // of *count
	oldest *list.List               // the same, by the start of their window
}

type digest = [sha256.Size]byte

type count struct {
	key   digest
	start time.Time
	n     int
}

// New returns a Limiter that grants up to max attempts of one key in a window
// that begins with the first. It holds up to size keys; when it is full, the key
// whose window began first is forgotten.
func New(max int, window time.Duration, size int) *Limiter {
	return &Limiter{max: max, window: window, size: size, counts: map[digest]*list.Element{}, oldest: list.New()}
}

// Take counts an attempt and reports whether it may be made.
func (l *Limiter) Take(now time.Time, key string) bool {
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	e, ok := l.counts[k]
	if !ok {
		if len(l.counts) >= l.size {
			l.drop(l.oldest.Front())
		}
		e = l.oldest.PushBack(&count{key: k, start: now})
		l.counts[k] = e
	}
	c := e.Value.(*count)
	if c.n >= l.max {
		return false
	}
	c.n++
	return true
}

// Forget drops the count of a key: the attempt succeeded.
func (l *Limiter) Forget(key string) {
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.counts[k]; ok {
		l.drop(e)
	}
}

// Undo takes back the count of one attempt: it succeeded, and says nothing about
// the attempts of others with the same key.
func (l *Limiter) Undo(key string) {
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.counts[k]; ok && e.Value.(*count).n > 0 {
		e.Value.(*count).n--
	}
}

// Len returns the number of keys held.
func (l *Limiter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counts)
}

func (l *Limiter) expire(now time.Time) {
	for e := l.oldest.Front(); e != nil; e = l.oldest.Front() {
		if now.Sub(e.Value.(*count).start) < l.window {
			return
		}
		l.drop(e)
	}
}

func (l *Limiter) drop(e *list.Element) {
	delete(l.counts, e.Value.(*count).key)
	l.oldest.Remove(e)
}
