package nwk

import "sconce/zigbee"

// index finds nodes by an address: a hash table with linear probing that holds
// the slots of nodes, plus one, and leaves half of itself free. Addresses come
// into it from authentic frames alone, so it need not withstand a stranger's choice of them.
// Its length is a power of two.
type index []uint16

// minIndex is how long an index is at first.
const minIndex = 16

// start returns where the search for a key begins.
func (x index) start(key uint64) int { return int(key*0x9e3779b97f4a7c15>>48) & (len(x) - 1) }

// put adds a slot under a key that is not in it. There is room.
func (x index) put(key uint64, slot int) {
	i := x.start(key)
	for x[i] != 0 {
		i = (i + 1) & (len(x) - 1)
	}
	x[i] = uint16(slot + 1)
}

func (l *Layer) byEUI64(e zigbee.EUI64) *node {
	x := l.eui64s
	for i := x.start(uint64(e)); len(x) > 0 && x[i] != 0; i = (i + 1) & (len(x) - 1) {
		if n := l.nodes[x[i]-1]; n.eui64 == e {
			return n
		}
	}
	return nil
}

func (l *Layer) byShort(a zigbee.ShortAddr) *node {
	x := l.shorts
	for i := x.start(uint64(a)); len(x) > 0 && x[i] != 0; i = (i + 1) & (len(x) - 1) {
		if n := l.nodes[x[i]-1]; n.short == a {
			return n
		}
	}
	return nil
}

// reindex makes both indexes anew: when they are half full, and when a node has lost its
// short address, which is rare.
func (l *Layer) reindex() {
	size := max(len(l.eui64s), minIndex)
	for size < 2*(len(l.nodes)+1) {
		size *= 2
	}
	l.eui64s, l.shorts = make(index, size), make(index, size)
	for i, n := range l.nodes {
		l.eui64s.put(uint64(n.eui64), i)
		if n.short != zigbee.Unassigned {
			l.shorts.put(uint64(n.short), i)
		}
	}
}

// insert adds a node without a short address.
func (l *Layer) insert(n *node) {
	n.slot = uint16(len(l.nodes))
	l.nodes = append(l.nodes, n)
	if 2*len(l.nodes) > len(l.eui64s) {
		l.reindex()
		return
	}
	l.eui64s.put(uint64(n.eui64), int(n.slot))
}

// setShort gives a node another short address, which no other node has.
func (l *Layer) setShort(n *node, a zigbee.ShortAddr) {
	was := n.short
	n.short = a
	switch {
	case was == a:
	case was != zigbee.Unassigned:
		l.reindex()
	default:
		l.shorts.put(uint64(a), int(n.slot))
	}
}
