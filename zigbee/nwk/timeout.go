package nwk

import "time"

// Timeout says for how long a parent keeps a silent child, as it goes over the air
// (05-3474-22, 3.4.11.3, table 3-54).
type Timeout uint8

// The last value of the enumeration, and the default (nwkEndDeviceTimeoutDefault,
// table 3-58).
const (
	MaxTimeout     Timeout = 14 // 16,384 minutes
	DefaultTimeout Timeout = 8  // 256 minutes
)

// Valid reports whether t is in the enumeration.
func (t Timeout) Valid() bool { return t <= MaxTimeout }

// Duration returns the time that t stands for: 10 s for 0, else 2^t minutes.
func (t Timeout) Duration() time.Duration {
	if t == 0 {
		return 10 * time.Second
	}
	return time.Minute << min(t, MaxTimeout)
}

// TimeoutOf returns the shortest timeout that is not below d, and the longest
// there is when none is.
func TimeoutOf(d time.Duration) Timeout {
	for t := range MaxTimeout {
		if t.Duration() >= d {
			return t
		}
	}
	return MaxTimeout
}
