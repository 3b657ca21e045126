package ingest

import (
	"context"
	"time"
)

// The projector works at most an eighth of the time while messages come, so that
// acknowledging comes first: what waits is in the journal, and costs less the more
// of it waits. Work of up to slack/restShare at a stretch is free of it, and no
// rest is longer than maxRest.
const (
	restShare = 7
	slack     = 50 * time.Millisecond
	maxRest   = time.Second
)

// pace says when the projector rests. A nil pace never does.
type pace struct {
	committed <-chan struct{}
	began     time.Time // the work that goes on
	rested    time.Time // when the rest for the work so far is over
}

// begin begins a time of work.
func (p *pace) begin() { p.began = time.Now() }

// worked ends a time of work, and begins the next.
func (p *pace) worked() {
	if p == nil {
		return
	}
	now := time.Now()
	work := now.Sub(p.began)
	if p.rested.Before(p.began) {
		p.rested = p.began
	} else {
		p.rested = p.rested.Add(work)
	}
	p.rested = p.rested.Add(restShare * work)
	if most := now.Add(maxRest + slack); p.rested.After(most) {
		p.rested = most
	}
	p.began = now
}

// rest sleeps until the rest for the work so far is over, unless nothing was
// committed meanwhile: nobody waits for what this would leave to others.
func (p *pace) rest(ctx context.Context) {
	if p == nil {
		return
	}
	select {
	case <-p.committed:
		p.sleep(ctx)
	default:
		p.rested = p.began
	}
}

// sleep is rest without the exception.
func (p *pace) sleep(ctx context.Context) {
	sleep(ctx, time.Until(p.rested)-slack)
	p.begin()
}

// sleep returns false when ctx ended before d was over.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
