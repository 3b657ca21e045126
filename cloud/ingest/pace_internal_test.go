package ingest

import (
	"testing"
	"testing/synctest"
	"time"
)

// work works for a time at a pace and returns how long it rested after it.
func (p *pace) work(t *testing.T, d time.Duration) time.Duration {
	p.begin()
	<-time.After(d)
	p.worked()
	began := time.Now()
	p.rest(t.Context())
	return time.Since(began)
}

// The projector works at most an eighth of the time while messages come, and as
// much as it likes while none come.
func TestProjectorRestsWhileMessagesCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committed := make(chan struct{}, 1)
		p := pace{committed: committed}
		if d := p.work(t, 300*time.Millisecond); d != 0 {
			t.Errorf("it rested %s while nothing came", d)
		}
		committed <- struct{}{}
		if d := p.work(t, 7*time.Millisecond); d != 0 {
			t.Errorf("after a little work it rested %s", d)
		}
		var worked, rested time.Duration
		for range 100 {
			committed <- struct{}{}
			worked += 20 * time.Millisecond
			rested += p.work(t, 20*time.Millisecond)
		}
		if share := float64(rested+slack) / float64(worked); share < restShare-0.1 || share > restShare+0.1 {
			t.Errorf("it rested %s for %s of work, want %d times as long", rested, worked, restShare)
		}
		committed <- struct{}{}
		if d := p.work(t, time.Minute); d != maxRest {
			t.Errorf("after a minute of work it rested %s, want %s", d, maxRest)
		}
	})
}
