package identity

import (
	"fmt"
	"math"
	"time"

	"sconce"
	"sconce/cloud/attempts"
)

// tooManySignIns is what is refused when a place tries too often.
const tooManySignIns = "too many attempts to sign in"

// take counts an attempt. One too many is a [sconce.TooMany] that says what it is too many of,
// and when the next may be made.
func take(l *attempts.Limiter, now time.Time, key, what string) error {
	quota, ok := l.Spend(now, key)
	if ok {
		return nil
	}
	return sconce.LaterErrorf(sconce.TooMany, quota.Reset, "%s: try again in %s", what, inWords(quota.Reset))
}

// inWords returns a time to wait, in minutes or hours that are not too few.
func inWords(d time.Duration) string {
	n, unit := math.Ceil(d.Minutes()), "minute"
	if n > 90 {
		n, unit = math.Ceil(d.Hours()), "hour"
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("%.0f %s", max(n, 1), unit)
}
