package identity

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// shelf keeps what is begun and not finished, each under a token, in memory: after a restart
// of the cloud it is begun again. What is on it opens nothing by itself. It is safe for
// concurrent use.
type shelf[T any] struct {
	life time.Duration
	size int // one more forgets the oldest

	mu    sync.Mutex
	items map[[sha256.Size]byte]*list.Element // of *shelved[T]
	order *list.List                          // the same, by expiry
}

type shelved[T any] struct {
	key     [sha256.Size]byte
	expires time.Time
	value   T
}

func newShelf[T any](life time.Duration, size int) *shelf[T] {
	return &shelf[T]{life: life, size: size, items: map[[sha256.Size]byte]*list.Element{}, order: list.New()}
}

// put keeps a value, and returns the token under which it is and until when.
func (s *shelf[T]) put(now time.Time, v T) (Token, time.Time) {
	t, until := NewToken(), now.Add(s.life)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Front(); e != nil && !now.Before(e.Value.(*shelved[T]).expires); e = s.order.Front() {
		s.drop(e)
	}
	if len(s.items) >= s.size {
		s.drop(s.order.Front())
	}
	i := &shelved[T]{t.Digest(), until, v}
	s.items[i.key] = s.order.PushBack(i)
	return t, until
}

// use hands what is under a token to fn, alone, and takes it away when fn says so. It
// reports whether there was something.
func (s *shelf[T]) use(now time.Time, t Token, fn func(v *T) (done bool)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.items[t.Digest()]
	if !ok {
		return false
	}
	i := e.Value.(*shelved[T])
	if !now.Before(i.expires) {
		s.drop(e)
		return false
	}
	if fn(&i.value) {
		s.drop(e)
	}
	return true
}

// take returns what is under a token, once.
func (s *shelf[T]) take(now time.Time, t Token) (v T, ok bool) {
	ok = s.use(now, t, func(kept *T) bool {
		v = *kept
		return true
	})
	return v, ok
}

func (s *shelf[T]) drop(e *list.Element) {
	s.order.Remove(e)
	delete(s.items, e.Value.(*shelved[T]).key)
}
