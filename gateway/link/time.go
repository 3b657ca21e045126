package link

import (
	"time"

	"sconce/wire"
)

// maxDrift is how far the gateway's scale may run away from the cloud's time: 200 µs
// a second, what cheap crystals do at their worst.
const maxDrift = 200 * time.Microsecond

// cloudTime is how far the cloud's time is ahead of the gateway's scale, as well as the
// messages from the cloud tell. A message tells at least how far: it was made before it
// came, and may have waited for the gateway.
type cloudTime struct {
	known bool
	ahead time.Duration
	at    time.Time // on the gateway's scale
}

// learn takes what a message tells that came now, and returns what is known then.
func (c *cloudTime) learn(now time.Time, sent wire.Time) time.Duration {
	told := time.UnixMilli(int64(sent)).Sub(now)
	if held := c.ahead - time.Duration(now.Sub(c.at).Seconds()*float64(maxDrift)); c.known && held > told {
		return c.ahead
	}
	*c = cloudTime{known: true, ahead: told, at: now}
	return told
}

// learn takes when the cloud made a message that came now, and returns how far the
// cloud's time is ahead.
func (l *Link) learn(sent wire.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cloud.learn(l.cfg.Now(), sent)
}
