package stack

import (
	"fmt"
	"time"
)

// Polling returns the poll intervals of an end device with this configuration.
func (c *Config) Polling() (long, short time.Duration) {
	long, short = c.PollLong, c.PollShort
	if long == 0 {
		long = DefaultPollLong
	}
	if short == 0 {
		short = DefaultPollShort
	}
	return long, short
}

func checkPolling(long, short time.Duration) error {
	if short < MinPoll || long < short || long > MaxPoll {
		return fmt.Errorf("poll intervals of %v and %v; expected %v to %v, the long one not below the short one", long, short, MinPoll, MaxPoll)
	}
	return nil
}

const (
	maxPollFailures = 4 // in a row, each with the radio's retries, until the parent counts as lost

	// pollOverdue is when a poll of which nothing was heard is given up: it was
	// dropped for a scan.
	pollOverdue = 2 * time.Second
)

// polling is how an end device fetches its frames.
type polling struct {
	long, short time.Duration
	fast        time.Time // polls at the short interval until then
	at          time.Time // of the next poll; zero: none
	failed      int       // polls that the parent did not answer, in a row
}

// Polling returns the intervals at which an end device polls.
func (n *Node) Polling() (long, short time.Duration) { return n.poll.long, n.poll.short }

// SetPolling changes the intervals at which an end device polls, until it
// restarts (ZCL 07-5123-08, 3.16: Poll Control). Both lie within MinPoll to MaxPoll.
func (n *Node) SetPolling(now time.Time, long, short time.Duration) error {
	if err := checkPolling(long, short); err != nil {
		return fmt.Errorf("zigbee: %w", err)
	}
	n.now = now
	n.poll.long, n.poll.short = long, short
	n.schedulePoll()
	return nil
}

// Poll makes an end device ask its parent for frames at once, as it does when
// somebody presses its button. One that looks for its network tries at once.
// Elsewhere it does nothing.
func (n *Node) Poll(now time.Time) {
	n.now = now
	switch {
	case n.cfg.Role != EndDevice:
		return
	case n.polls():
		n.poll.at = now
	case n.phase == rejoining && n.rejoin.step == pausing:
		n.rejoin.at = now
	}
}

// PollFast makes an end device poll at the short interval for d, and 0 ends that.
// It does so for [FastPoll] by itself after it has sent something.
func (n *Node) PollFast(now time.Time, d time.Duration) {
	n.now = now
	n.poll.fast = now.Add(d)
	n.schedulePoll()
}

// polls reports whether the node has a parent to ask.
func (n *Node) polls() bool {
	if n.cfg.Role != EndDevice {
		return false
	}
	switch n.phase {
	case joined, up:
		return true
	case searching:
		return n.join.step == awaitKey
	case rejoining:
		return n.rejoin.step == awaitAnswer
	default:
		return false
	}
}

// schedulePoll sets the time of the next poll as it now has to be.
func (n *Node) schedulePoll() {
	if !n.polls() {
		n.poll.at = time.Time{}
		return
	}
	d := n.poll.long
	if n.phase != up || n.requests > 0 || n.poll.failed > 0 || n.timeout.tries > 0 || n.poll.fast.After(n.now) {
		d = n.poll.short
	}
	if at := n.now.Add(d); n.poll.at.IsZero() || at.Before(n.poll.at) {
		n.poll.at = at
	}
}

func (n *Node) pollDeadline() (time.Time, bool) { return n.poll.at, !n.poll.at.IsZero() }

func (n *Node) advancePoll() {
	if n.poll.at.IsZero() || n.poll.at.After(n.now) {
		return
	}
	n.poll.at = time.Time{}
	if n.polls() {
		n.poll.at = n.now.Add(pollOverdue)
		n.mac.Poll(n.nwk.Parent())
	}
}

// pollDone goes on after a poll: at once when the parent holds more.
func (n *Node) pollDone(ok, more bool) {
	n.poll.at = time.Time{}
	if ok {
		n.poll.failed = 0
	} else {
		n.poll.failed++
	}
	if n.poll.failed >= maxPollFailures && n.phase == up {
		n.loseParent()
		return
	}
	n.schedulePoll()
	if more && n.polls() {
		n.poll.at = n.now
	}
}

// spoke makes an end device listen for what is said to what it said.
func (n *Node) spoke() {
	if n.cfg.Role == EndDevice && n.phase == up {
		if fast := n.now.Add(FastPoll); fast.After(n.poll.fast) {
			n.poll.fast = fast
		}
		n.schedulePoll()
	}
}
