package nwk

import (
	"slices"
	"time"

	"sconce/zigbee"
)

// node is what is known of another device: the address map (3.6.1.7), the
// neighbour table (3.6.1.5) and the incoming frame counters (4.3.3) in one.
type node struct {
	eui64   zigbee.EUI64
	slot    uint16           // in Layer.nodes
	short   zigbee.ShortAddr // Unassigned: not known
	next    [2]uint32        // lowest acceptable frame counter, by key slot
	lqi     uint8            // of the frames heard directly, smoothed
	cost    uint8            // outgoing, as its link status told; 0: not known
	deaf    uint8            // how many of its link states in a row left this node out
	lost    bool             // did not take a frame, and was not heard since
	strikes uint8            // frames in a row that it did not take
	relays  bool             // does what only routers do
	fresh   time.Time        // has shown that it is there, and counts for it until then: see [Layer.current]
	known   bool             // had shown it before a restart
	full    bool             // its last link status had no room for more
	heard   instant          // when its last authentic frame came directly; zero: never
	router  instant          // a neighbour's: when its last link status came; zero: no neighbour
}

// hear notes an authentic frame that came directly from a node.
func (n *node) hear(now time.Time, lqi uint8) {
	if n.heard == 0 || n.heard.since(now) > heardLife {
		n.lqi = lqi
	}
	n.lqi = uint8((3*uint16(n.lqi) + uint16(lqi) + 2) / 4)
	n.heard, n.lost = at(now), false
}

// relayers are the first few who were heard to pass something on, by their slots.
// More than enough of them need not be known.
type relayers struct {
	n     uint8
	slots [enoughRelays]uint16
}

func (r *relayers) add(slot uint16) {
	if r.enough() || r.has(slot) {
		return
	}
	r.slots[r.n] = slot
	r.n++
}

func (r *relayers) has(slot uint16) bool { return slices.Contains(r.slots[:r.n], slot) }
func (r *relayers) enough() bool         { return r.n == enoughRelays }

// instant is a moment in half the space of a [time.Time]: nanoseconds since 1970. 0
// is never.
type instant int64

func at(t time.Time) instant { return instant(t.UnixNano()) }

// since returns how long ago it was.
func (i instant) since(now time.Time) time.Duration { return time.Duration(at(now) - i) }

// HeardCoordinator returns when a frame of the coordinator was last received, over
// however many hops; zero for never.
func (l *Layer) HeardCoordinator() time.Time { return l.coordinatorAt }

// Hear notes that a known device is a neighbour, by a frame without network security
// that another layer vouches for.
func (l *Layer) Hear(now time.Time, e zigbee.EUI64, lqi uint8) {
	if n := l.byEUI64(e); n != nil {
		n.hear(now, lqi)
	}
}

// add returns the entry of a device, made when there is none, and nil when the
// table is full.
func (l *Layer) add(e zigbee.EUI64) *node {
	if n := l.byEUI64(e); n != nil {
		return n
	}
	if len(l.nodes) == MaxNodes {
		return nil
	}
	n := &node{eui64: e, short: zigbee.Unassigned}
	l.insert(n)
	return n
}

// Learn records the short address of a device, as an authentic frame or this
// node's own decision told it. Another device with that address loses it. It reports whether
// there was room.
func (l *Layer) Learn(e zigbee.EUI64, a zigbee.ShortAddr) bool {
	if e == l.eui64 || e == 0 || e == 1<<64-1 {
		return true
	}
	l.learnt = true
	if a == l.net.Short && l.keys[l.active].envelope != nil {
		l.conflictSeen(l.now, a)
		return true
	}
	n := l.add(e)
	if n == nil {
		l.counters.TableFull++
		return false
	}
	if n.short == a {
		return true
	}
	if other := l.byShort(a); other != nil {
		l.setShort(other, zigbee.Unassigned)
		l.conflictSeen(l.now, a)
	}
	if n.short != zigbee.Unassigned {
		l.dropRoute(n.short, l.now)
		l.dropRecord(n.short)
	}
	l.setShort(n, a)
	return true
}

// Lookup returns the short address of a device.
func (l *Layer) Lookup(e zigbee.EUI64) (zigbee.ShortAddr, bool) {
	if e == l.eui64 {
		return l.net.Short, true
	}
	if n := l.byEUI64(e); n != nil && n.short != zigbee.Unassigned {
		return n.short, true
	}
	return zigbee.Unassigned, false
}

// EUI64Of returns the extended address of the node with a short address.
func (l *Layer) EUI64Of(a zigbee.ShortAddr) (zigbee.EUI64, bool) {
	if a == l.net.Short {
		return l.eui64, true
	}
	if n := l.byShort(a); n != nil && a < 0xfff8 {
		return n.eui64, true
	}
	return 0, false
}

// Known returns how many other devices are known: in time, those of the network.
func (l *Layer) Known() int { return len(l.nodes) }

// Peer is what has to survive a restart of what is known of another device.
type Peer struct {
	EUI64 zigbee.EUI64
	Short zigbee.ShortAddr // Unassigned: not known
	Next  uint32           // lowest acceptable frame counter with the active key

	Current bool // has shown that it is there
}

// Peers returns what is known of other devices.
func (l *Layer) Peers() []Peer {
	peers := make([]Peer, 0, len(l.nodes))
	for _, n := range l.nodes {
		peers = append(peers, Peer{EUI64: n.eui64, Short: n.short, Next: n.next[l.active], Current: l.current(n)})
	}
	return peers
}

// RestorePeer takes back what [Layer.Peers] gave. A peer beyond the limit is dropped.
func (l *Layer) RestorePeer(p Peer) {
	n := l.add(p.EUI64)
	if n == nil {
		return
	}
	if other := l.byShort(p.Short); other != nil && other != n {
		l.setShort(other, zigbee.Unassigned)
	}
	l.setShort(n, p.Short)
	n.next[l.active], n.known = p.Next, p.Current
}
