package network

import (
	"container/heap"
	"time"
)

// timers calls functions when their time has come, in the order of their times,
// and those of the same time in the order in which they were made.
type timers struct {
	heap  timerHeap
	count uint64
}

// timer is one call to come. A nil timer is one that never was.
type timer struct {
	at    time.Time
	order uint64
	call  func(now time.Time) // nil when stopped or called
}

func (t *timers) at(at time.Time, call func(now time.Time)) *timer {
	t.count++
	x := &timer{at: at, order: t.count, call: call}
	heap.Push(&t.heap, x)
	return x
}

// stop makes sure that x is not called any more.
func (t *timers) stop(x *timer) {
	if x != nil {
		x.call = nil
	}
}

func (t *timers) next() (time.Time, bool) {
	t.sweep()
	if len(t.heap) == 0 {
		return time.Time{}, false
	}
	return t.heap[0].at, true
}

func (t *timers) run(now time.Time) {
	for t.sweep(); len(t.heap) > 0 && !t.heap[0].at.After(now); t.sweep() {
		x := heap.Pop(&t.heap).(*timer)
		call := x.call
		x.call = nil
		call(now)
	}
}

// sweep removes stopped timers from the front.
func (t *timers) sweep() {
	for len(t.heap) > 0 && t.heap[0].call == nil {
		heap.Pop(&t.heap)
	}
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].order < h[j].order
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(*timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}
