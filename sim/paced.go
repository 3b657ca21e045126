package sim

import (
	"context"
	"sync"
	"time"
)

// Paced guards an [Air] for several goroutines, and runs it by the wall clock
// while [Paced.Run] runs. Without Run, time moves by [Paced.RunFor] alone.
type Paced struct {
	mu     sync.Mutex
	air    *Air
	live   bool
	origin time.Time // wall clock, monotonic, at which ...
	begun  time.Time // ... the air's clock showed this
	wake   chan struct{}
}

// Pace takes over an air. From then on it is used through Paced alone.
func Pace(air *Air) *Paced {
	return &Paced{air: air, wake: make(chan struct{}, 1)}
}

// Do calls f while nothing else uses the air, which is at the present time. It
// must not call Paced again, nor block.
func (p *Paced) Do(f func(a *Air)) {
	p.mu.Lock()
	p.catchUp()
	f(p.air)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}: // there may be an earlier event now
	default:
	}
}

// catchUp runs the air until the present time of the wall clock.
func (p *Paced) catchUp() {
	if p.live {
		p.air.RunUntil(p.begun.Add(time.Since(p.origin)))
	}
}

// RunFor moves the clock of an air that is not paced.
func (p *Paced) RunFor(d time.Duration) {
	p.Do(func(a *Air) { a.RunFor(d) })
}

// idleWait is how long Run sleeps when nothing is due at all.
const idleWait = time.Hour

// Run lets everything happen when it is due by the wall clock, until ctx ends.
// The clock of the air continues from where it stands. After a pause of the
// process the air catches up at once, in order.
func (p *Paced) Run(ctx context.Context) error {
	p.mu.Lock()
	p.live, p.origin, p.begun = true, time.Now(), p.air.Now()
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.live = false
		p.mu.Unlock()
	}()
	timer := time.NewTimer(idleWait)
	defer timer.Stop()
	for {
		timer.Reset(p.advance())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// advance catches up, and returns how long nothing will happen.
func (p *Paced) advance() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.catchUp()
	next, ok := p.air.Next()
	if !ok {
		return idleWait
	}
	return min(idleWait, next.Sub(p.begun)-time.Since(p.origin))
}
