package edge

import "time"

// bucket is an allowance that refills with time: so many a second, and so many at most.
type bucket struct {
	rate, most float64
	left       float64
	updated    time.Time
}

func newBucket(rate float64, burst int, now time.Time) bucket {
	return bucket{rate: rate, most: float64(burst), left: float64(burst), updated: now}
}

func (b *bucket) refill(now time.Time) {
	b.left = min(b.left+now.Sub(b.updated).Seconds()*b.rate, b.most)
	b.updated = now
}

// take takes n, also when that is more than there is, and returns how long to wait until
// nothing is owed.
func (b *bucket) take(now time.Time, n int) time.Duration {
	b.refill(now)
	b.left -= float64(n)
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left / b.rate * float64(time.Second))
}
