package nwk

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of a parent.
const (
	MaxChildren = 24 // end devices; when full, a further one is refused
	maxStrays   = 4  // strangers that poll, at a time; further ones are not answered
	MaxHeld     = 16 // frames for children that sleep; when full, the oldest broadcast goes, and else the new frame fails

	// persistence is how long a frame for a sleeping child is held:
	// macTransactionPersistenceTime (802.15.4-2006, 7.4.2, table 86).
	persistence = 7680 * time.Millisecond
)

// Child is an end device that this node is the parent of (3.6.1.5, table 3-63).
type Child struct {
	EUI64   zigbee.EUI64
	Short   zigbee.ShortAddr
	Sleepy  bool
	Timeout Timeout
	expires time.Time // when it counts as gone, unless it is heard before
	heard   bool      // since this node started
	stray   bool      // is no child, and waits to be told so
	behind  bool      // sleeps, and was not heard with the active network key yet

	recorded time.Time // which request of the concentrator its last route record answered
}

// AddChild makes an end device a child of this node, or says more of one that is.
// It reports whether there was room.
func (l *Layer) AddChild(now time.Time, c Child) bool {
	c.heard = !c.stray
	c.expires = now.Add(c.Timeout.Duration())
	l.dropShort(c)
	if k := l.child(c.EUI64); k != nil {
		*k = c
		return true
	}
	if len(l.children) == MaxChildren {
		return false
	}
	l.children = append(l.children, c)
	return true
}

// dropShort drops a child whose short address another one now has.
func (l *Layer) dropShort(c Child) {
	if k := l.childAt(c.Short); k != nil && k.EUI64 != c.EUI64 {
		l.RemoveChild(k.EUI64)
	}
}

// RemoveChild forgets a child, and the frames held for it. It reports whether
// there was one.
func (l *Layer) RemoveChild(e zigbee.EUI64) bool {
	for i := range l.children {
		if l.children[i].EUI64 != e {
			continue
		}
		a := l.children[i].Short
		l.children = append(l.children[:i], l.children[i+1:]...)
		for _, q := range l.queue {
			if q.state == held && q.hop == a {
				l.finish(q, false)
			}
		}
		return true
	}
	return false
}

// RestoreChildren takes back what [Layer.Children] gave. Their timeouts run from
// now, and they count as heard when they poll.
func (l *Layer) RestoreChildren(now time.Time, list []Child) {
	for _, c := range list {
		if l.AddChild(now, c) {
			l.child(c.EUI64).heard = false
		}
	}
}

// Claim returns those of the given devices that are truly this node's children, and
// forgets those that it only remembers: somebody else says that they are its own
// (05-3474-22, 2.4.3.1.12.2).
func (l *Layer) Claim(list []zigbee.EUI64) []zigbee.EUI64 {
	var own []zigbee.EUI64
	for _, e := range list {
		switch c := l.child(e); {
		case c == nil || c.stray:
		case c.heard:
			own = append(own, e)
		default:
			l.RemoveChild(e)
		}
	}
	return own
}

// RoomForChild reports whether a further end device would find room.
func (l *Layer) RoomForChild() bool { return len(l.children) < MaxChildren }

// HasChildren reports whether there are any.
func (l *Layer) HasChildren() bool { return len(l.children) > 0 }

// Children returns the children, in the order in which they came.
func (l *Layer) Children() []Child {
	var list []Child
	for _, c := range l.children {
		if !c.stray {
			list = append(list, c)
		}
	}
	return list
}

func (l *Layer) child(e zigbee.EUI64) *Child {
	for i := range l.children {
		if l.children[i].EUI64 == e {
			return &l.children[i]
		}
	}
	return nil
}

func (l *Layer) childAt(a zigbee.ShortAddr) *Child {
	for i := range l.children {
		if l.children[i].Short == a {
			return &l.children[i]
		}
	}
	return nil
}

// sleeps reports whether a neighbour is a child that sleeps.
func (l *Layer) sleeps(a zigbee.ShortAddr) bool {
	c := l.childAt(a)
	return c != nil && c.Sleepy
}

// movedAway forgets a child of which a frame came through somebody else: it has
// another parent, for everything that it says goes through its parent.
func (l *Layer) movedAway(a zigbee.ShortAddr) {
	if c := l.childAt(a); c != nil {
		l.RemoveChild(c.EUI64)
	}
}

// SetParent makes this node an end device: it relays nothing, and everything that
// it sends goes through its parent (3.6.5 for broadcasts). Unassigned undoes that.
func (l *Layer) SetParent(a zigbee.ShortAddr) { l.parent, l.sponsor = a, a }

// Parent returns what was set last.
func (l *Layer) Parent() zigbee.ShortAddr { return l.parent }

func (l *Layer) isEndDevice() bool { return l.parent != zigbee.Unassigned }

// Polled notes that a child asks for its frames (802.15.4-2006, 7.5.6.3), and
// gives the oldest to the radio. It reports whether the node is a child.
func (l *Layer) Polled(now time.Time, a zigbee.ShortAddr) bool {
	c := l.childAt(a)
	if c == nil {
		return false
	}
	if !c.stray {
		c.expires, c.heard = now.Add(c.Timeout.Duration()), true
	}
	q := l.oldestHeld(a)
	if q == nil && c.behind {
		q = l.wakeUp(a)
	}
	if q != nil {
		q.state, q.fetched = ready, true
	}
	return true
}

// wakeUp makes a frame for a child that may have slept through a switch of the
// network key: it follows, or finds that it lacks a key. It is an answer to its poll, and
// says no more than the frame's own protection does.
func (l *Layer) wakeUp(a zigbee.ShortAddr) *item {
	q := l.freeItem()
	if q == nil {
		return nil
	}
	l.seq++
	h := l.commandTo(a)
	h.Src, h.Seq = l.net.Short, l.seq
	var b [4]byte
	l.fill(q, h, 0, AppendStatus(b[:0], Status{Code: StatusBadKeySequence, Dst: a}))
	q.direct = true
	return q
}

// leaveBehind notes that another network key is in use: children that sleep do not know.
func (l *Layer) leaveBehind() {
	for i := range l.children {
		if c := &l.children[i]; c.Sleepy && !c.stray {
			c.behind, l.behind, l.called = true, true, true
		}
	}
}

// caughtUp notes that a device was heard with the active network key.
func (l *Layer) caughtUp(e zigbee.EUI64) {
	l.behind = false
	for i := range l.children {
		c := &l.children[i]
		if c.EUI64 == e && c.behind {
			c.behind, l.called = false, true
		}
		l.behind = l.behind || c.behind
	}
}

func (l *Layer) oldestHeld(a zigbee.ShortAddr) *item {
	var best *item
	for _, q := range l.queue {
		if q.state == held && q.hop == a && (best == nil || int32(q.order-best.order) < 0) {
			best = q
		}
	}
	return best
}

// AppendPending appends the addresses of children for which there is a frame: one
// that is held, or one that was asked for and has not arrived. The child repeats
// its question when the acknowledgement was lost.
func (l *Layer) AppendPending(list []zigbee.ShortAddr) []zigbee.ShortAddr {
	for i := range l.children {
		if a := l.children[i].Short; l.children[i].behind || l.hasFor(a) {
			list = append(list, a)
		}
	}
	return list
}

func (l *Layer) hasFor(a zigbee.ShortAddr) bool {
	for _, q := range l.queue {
		if q.hop == a && (q.state == held || q.state != free && q.fetched) {
			return true
		}
	}
	return false
}

// MoreFor reports whether a further frame is held for a child: the frame that it
// now gets says so.
func (l *Layer) MoreFor(a zigbee.ShortAddr) bool { return l.sleeps(a) && l.oldestHeld(a) != nil }

// Hold keeps what is to be sent to children that sleep until they poll. The owner
// calls it when it has done everything else, before it asks for the next frame.
// It reports whether the list of those for whom a frame is held may have changed.
func (l *Layer) Hold(now time.Time) bool {
	changed := l.called
	l.called = false
	for _, q := range l.taken() {
		if q.state == free || q.state == sending {
			continue
		}
		if q.state == held {
			if due(q.expires, now) {
				l.counters.Expired++
				l.finish(q, false)
				changed = true
			}
			continue
		}
		if !l.sleeps(q.hop) || q.state == ready && q.fetched || q.state == waiting && !q.fetched || q.state == listening {
			continue
		}
		changed = true
		if q.expires.IsZero() {
			q.expires = now.Add(persistence)
			if !l.roomToHold() {
				l.counters.HeldFull++
				l.finish(q, false)
				continue
			}
		}
		q.state, q.fetched = held, false
	}
	return changed
}

// roomToHold reports whether one more frame may be held, after it has given up the oldest broadcast if need be.
func (l *Layer) roomToHold() bool {
	n := 0
	var old *item
	for _, q := range l.queue {
		if q.state != held {
			continue
		}
		n++
		if q.header.Dst.IsBroadcast() && (old == nil || int32(q.order-old.order) < 0) {
			old = q
		}
	}
	if n < MaxHeld {
		return true
	}
	if old != nil {
		l.counters.HeldFull++
		l.finish(old, false)
		return true
	}
	return false
}

// holdBroadcast keeps a copy of a broadcast to all devices for each child that
// sleeps (3.6.5). A copy that finds no room is dropped and counted.
func (l *Layer) holdBroadcast(h Header, payload []byte) {
	if h.Dst != zigbee.Broadcast {
		return
	}
	for i := range l.children {
		c := &l.children[i]
		if !c.Sleepy || c.Short == h.Src {
			continue
		}
		q := l.freeItem()
		if q == nil {
			l.counters.HeldFull++
			return
		}
		l.fill(q, h, 0, payload)
		q.hop = c.Short
	}
}

// ageChildren forgets children that were silent for too long.
func (l *Layer) ageChildren(now time.Time) {
	for i := 0; i < len(l.children); {
		c := l.children[i]
		if !due(c.expires, now) {
			i++
			continue
		}
		l.RemoveChild(c.EUI64)
		if !c.stray {
			l.emit(Output{Kind: ChildAged, EUI64: c.EUI64, Short: c.Short})
		}
	}
}

// childDeadline returns when a held frame or a child is over; zero for never.
func (l *Layer) childDeadline() time.Time {
	var d time.Time
	for i := range l.children {
		d = earlier(d, l.children[i].expires)
	}
	for _, q := range l.taken() {
		if q.state == held {
			d = earlier(d, q.expires)
		}
	}
	return d
}

// SendAway tells a device that polls this node, and is none of its children, to
// leave and come back. It is held until the device polls again. Anybody can forge a poll:
// few are sent away at a time, and no router is.
func (l *Layer) SendAway(now time.Time, a zigbee.ShortAddr) {
	strays := 0
	for i := range l.children {
		if l.children[i].stray {
			strays++
		}
	}
	n := l.byShort(a)
	if n == nil || n.relays || strays == maxStrays ||
		!l.AddChild(now, Child{EUI64: n.eui64, Short: a, Sleepy: true, stray: true}) {
		return
	}
	l.SendLeave(now, 0, a, LeaveRequest|LeaveRejoin)
}
