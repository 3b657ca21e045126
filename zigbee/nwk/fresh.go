package nwk

import (
	"time"

	"sconce/zigbee"
)

// Frame counters are kept by neighbour: a node that has never heard another cannot tell
// an old frame of it from a new one. The standard takes either. So whoever recorded a
// command to a group in one part of a building could have it passed on in another, much
// later. Here the broadcasts of a stranger count for nothing until it has shown that it
// is there now, and knows this node:
//
//   - its link status names this node, or it has a frame for it: an old one cannot, for
//     who was not heard here has not heard of this node;
//   - it is a child of this node, its parent, or comes into the network through it;
//   - it has been one of those since this network key came, and was heard ever since.
//
// Unicasts are not held up by this: a way through this node may be one that it does not
// know of. After a restart, who was known is for a moment.
const (
	// freshLife is how long a node that falls silent stays known: a router speaks
	// every 15 s, and more rarely only while it is hidden.
	freshLife = 10 * time.Minute
	// freshGrace is how long those stay known that were before a restart: longer than
	// link states take to show it again.
	freshGrace = time.Minute
)

// current reports whether a node has shown that its broadcasts are of now.
func (l *Layer) current(n *node) bool {
	return l.now.Before(n.fresh) || n.known && l.now.Before(l.grace) || l.isRelative(n)
}

// isRelative reports whether a node is this one's parent, or its child.
func (l *Layer) isRelative(n *node) bool {
	return n.short != zigbee.Unassigned && n.short == l.sponsor || l.child(n.eui64) != nil
}

// remember keeps who is known, and was heard, for a while longer.
func (l *Layer) remember(n *node) { n.fresh = l.now.Add(freshLife) }

// Admit says that a device comes into the network through this node: what it says is
// of now.
func (l *Layer) Admit(now time.Time, e zigbee.EUI64) {
	l.now = now
	if n := l.add(e); n != nil {
		l.remember(n)
	}
}

// outdated notes that a node was heard, and reports whether a broadcast of it may be an old one: it comes from who has not shown
// to be there, and is not one that another has just said. What only neighbours hear,
// and what finds routes, has rules of its own.
func (l *Layer) outdated(from zigbee.ShortAddr, sender *node, h Header, payload []byte) bool {
	if l.current(sender) {
		l.remember(sender)
		return false
	}
	if !h.Dst.IsBroadcast() {
		if h.Src == from && h.Dst == l.net.Short {
			l.remember(sender)
		}
		return false
	}
	if h.Type == TypeCommand && len(payload) > 0 && (CommandID(payload[0]) == LinkStatus || CommandID(payload[0]) == RouteRequest) {
		return false
	}
	return l.findBroadcast(h.Src, h.Seq, l.now) == nil
}

// forgetStrangers lets those stay known, when the network key changes, that are around:
// counters that were seen under another key say nothing.
func (l *Layer) forgetStrangers() {
	for _, n := range l.nodes {
		if !n.near(l.now) {
			n.fresh, n.known = time.Time{}, false
		}
	}
}
