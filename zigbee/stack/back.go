package stack

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/zdo"
)

// A router that wakes up with its network, after a power cut, goes on without a
// word: nobody has to learn its address anew (BDB 3.0.1, 7.1). Only the trust centre,
// which tells people what is there, is told that it was away; and not at once, since
// the power of a whole building comes back at a time. Where there is no trust centre, all
// are told.
const (
	backPause  = 500 * time.Millisecond // at least
	backSpread = 10 * time.Second       // and up to so much more, at random

	// backShare is how much of that each node that is known adds, when it is longer. 250 lights
	// say that they are back in 50 s, and report what they do in as much: with what that
	// takes on the way, half of what the air around a gateway can carry.
	backShare = 200 * time.Millisecond
)

// comeBack goes on over the way to the coordinator that was known before the power
// cut: everybody else is just as it was, and 250 searches at a time would let no
// frame through.
func (n *Node) comeBack() {
	if n.cfg.Role == Router {
		if n.homeward != zigbee.Unassigned {
			n.nwk.RouteThrough(n.now, n.homeward)
		}
		spread := max(backSpread, time.Duration(n.Known())*backShare)
		n.backAt = n.now.Add(backPause + time.Duration(n.random(uint64(spread))))
	}
}

func (n *Node) backDeadline() (time.Time, bool) { return n.backAt, !n.backAt.IsZero() }

// advanceBack tells the trust centre that this node is back.
func (n *Node) advanceBack() {
	if n.backAt.IsZero() || n.backAt.After(n.now) {
		return
	}
	n.backAt = time.Time{}
	switch {
	case n.phase != up:
	case n.leaderless():
		n.announce()
	default:
		h := aps.Header{Cluster: uint16(zdo.DeviceAnnce), Profile: zdo.Profile, AckRequest: true}
		_ = n.aps.Send(aps.Request{Header: h, Dst: zigbee.Coordinator, Payload: n.announcement()}) // when full, the next frame tells
	}
}
