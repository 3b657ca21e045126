package nwk

import (
	"cmp"
	"slices"
	"time"

	"sconce/zigbee"
)

const (
	idleQueue = 2 // places in the queue of a node that has nothing to send

	// MaxNeighbours is how many routers a node keeps links with: as many as one
	// link status tells of. In a dense building it hears many more, and each of them
	// would take several frames to tell of all. Which ones it keeps, [Layer.rank] says.
	MaxNeighbours = maxLinks

	linkStatusPeriod = 15 * time.Second // nwkLinkStatusPeriod (3.5.2, table 3-58)

	// routerAge is how long a router counts as a neighbour after its last link status:
	// nwkRouterAgeLimit periods (3.6.3.4.2).
	routerAge = 3 * linkStatusPeriod
)

// neighbour is a router with which there is a link. Its address stands beside it, because
// every link status that is heard asks whether it is one's: a table that lies in one place answers that
// several times as fast as the nodes themselves.
type neighbour struct {
	eui64 zigbee.EUI64
	node  *node
}

func (l *Layer) isNeighbour(e zigbee.EUI64) bool {
	for i := range l.routers {
		if l.routers[i].eui64 == e {
			return true
		}
	}
	return false
}

func (n *node) isRouter(now time.Time) bool {
	return n.router != 0 && n.router.since(now) <= routerAge
}

// HearsRouter reports whether a router of the network has been heard of late.
func (l *Layer) HearsRouter(now time.Time) bool {
	return slices.ContainsFunc(l.routers, func(r neighbour) bool { return r.node.isRouter(now) })
}

// sendLinkStatus tells the neighbours how well this node hears them (3.6.3.4.1), in
// the order of their short addresses (3.4.8.3.2).
func (l *Layer) sendLinkStatus(now time.Time) {
	l.age(now)
	if c := l.byShort(zigbee.Coordinator); c != nil && c.near(now) {
		l.keep(now, c) // it is a router even before its own link status
	}
	l.shrink(now)
	l.linkStatusAt = now.Add(linkStatusPeriod - time.Second + l.jitter(2*time.Second))
	slices.SortFunc(l.routers, func(a, b neighbour) int { return cmp.Compare(a.node.short, b.node.short) })
	links := make([]Link, 0, MaxNeighbours)
	for _, r := range l.routers {
		n := r.node
		if n.short != zigbee.Unassigned {
			links = append(links, Link{Short: n.short, Incoming: cost(n.lqi), Outgoing: n.cost})
		}
	}
	h := Header{Type: TypeCommand, Dst: zigbee.BroadcastRouters, Radius: 1, Secured: true, SrcEUI64: l.eui64}
	var b [maxFrame]byte
	l.enqueue(now, h, 0, AppendLinkStatus(b[:0], true, true, links))
}

// age forgets what routers that have fallen silent told, and the routes over
// them (3.6.3.4.2).
func (l *Layer) age(now time.Time) {
	l.routers = slices.DeleteFunc(l.routers, func(r neighbour) bool {
		n := r.node
		if n.isRouter(now) {
			return false
		}
		l.dropRoutesVia(n.short, n.short, now)
		n.forget()
		return true
	})
	l.setBar(now)
}

// shrink gives back what a flood needed of the queue and of the tables of what is
// known to all.
func (l *Layer) shrink(now time.Time) {
	if l.busy > 0 {
		return // there are frames that refer to entries
	}
	l.queue = slices.Clone(l.queue[:min(len(l.queue), idleQueue)])
	l.broadcasts = slices.Clone(slices.DeleteFunc(l.broadcasts, func(b *broadcast) bool { return !b.expires.After(now) }))
	l.discoveries = slices.Clone(slices.DeleteFunc(l.discoveries, func(d *discovery) bool { return !d.expires.After(now) }))
}

// forget forgets what the link states of a router told.
func (n *node) forget() { n.router, n.cost, n.deaf = 0, 0, 0 }

// receiveLinkStatus notes that the sender is a router, and how well it hears this
// node (3.6.3.4.2). A frame that would have to name this node, has room to, and does not,
// says that it does not.
func (l *Layer) receiveLinkStatus(now time.Time, sender *node, c LinkStatusCommand) {
	sender.full = c.Len() >= MaxNeighbours || !c.First || !c.Last
	if sender.relays = true; !l.keep(now, sender) {
		return
	}
	sender.router = at(now)
	own := l.net.Short
	for i := range c.Len() {
		if k := c.Link(i); k.Short == own {
			sender.cost, sender.deaf = k.Incoming, 0
			if k.Incoming > 0 {
				l.remember(sender)
			}
			return
		}
	}
	after := c.First || c.Len() > 0 && c.Link(0).Short <= own
	before := c.Last || c.Len() > 0 && c.Link(c.Len()-1).Short >= own
	if after && before {
		sender.cost = 0
		if c.Len() < MaxNeighbours { // else it may hear this node, and have no room to say so
			sender.deaf = min(sender.deaf+1, maxDeaf)
		}
	}
}

// keep makes a router a neighbour, when there is room or it is worth more than
// another. It reports whether it is one.
func (l *Layer) keep(now time.Time, n *node) bool {
	switch {
	case n.router != 0:
		return true
	case len(l.routers) < MaxNeighbours:
		l.routers = append(l.routers, neighbour{n.eui64, n})
	default:
		least, rank := l.least(now)
		if rank < l.rank(n.eui64, n.lqi, n.full) {
			return false
		}
		l.routers[least].node.forget()
		l.routers[least] = neighbour{n.eui64, n}
	}
	n.router = at(now)
	l.setBar(now)
	return true
}

// setBar notes how good a router must be to become a neighbour.
func (l *Layer) setBar(now time.Time) {
	l.bar = lapsed
	if len(l.routers) == MaxNeighbours {
		_, l.bar = l.least(now)
	}
}

// least returns which neighbour is worth least, and its rank. There are neighbours.
func (l *Layer) least(now time.Time) (i int, rank uint32) {
	for j, k := range l.routers {
		r := uint32(lapsed)
		if n := k.node; n.isRouter(now) {
			r = l.rank(n.eui64, n.lqi, n.full)
		}
		if r >= rank {
			i, rank = j, r
		}
	}
	return i, rank
}

// The ranks of neighbours.
const (
	lapsed = 1<<32 - 1 // of one that has fallen silent: no other has it
	weak   = 1 << 31   // is heard too badly to be more than a last resort
	full   = 1 << 30   // has as many neighbours as it can tell of, without this node
	chance = 1<<30 - 1
)

// rank orders routers by what they are worth as neighbours, the best first: those
// that are heard well; of them, those that have few neighbours and so may depend on this
// node; and else by a chance that is the same at both ends of a link, for a link is of
// use only when both keep it. To keep the best links alone would part a network into
// islands: a hall full of lights would know nobody outside of it.
func (l *Layer) rank(e zigbee.EUI64, lqi uint8, isFull bool) uint32 {
	r := uint32(mix(mix(uint64(min(e, l.eui64)))^uint64(max(e, l.eui64)))) & chance
	if isFull {
		r |= full
	}
	if cost(lqi) >= farCost {
		r |= weak
	}
	return r &^ 1 // never lapsed
}

// mix spreads the bits of a number (Steele, Lea and Flood, Fast splittable
// pseudorandom number generators, 2014: the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// overlooks reports whether a frame is the link status of a router that would not
// be kept: then it need not be opened. It is taken for what it looks like, but nothing
// comes of it.
func (l *Layer) overlooks(h Header, a zigbee.Aux, secured int, lqi uint8) bool {
	if l.bar == lapsed || h.Type != TypeCommand || h.Dst != zigbee.BroadcastRouters || h.Radius != 1 || h.SrcEUI64 != a.Source {
		return false
	}
	links := (secured - a.Size() - linkStatusHeader - zigbee.MICSize) / linkSize
	return l.bar < l.rank(a.Source, lqi, links >= MaxNeighbours)
}

// cost maps the link quality of received frames to a link cost of 1 to 7
// (3.6.3.1 leaves the mapping to the implementer).
func cost(lqi uint8) uint8 {
	switch {
	case lqi >= 180:
		return 1
	case lqi >= 130:
		return 3
	case lqi >= 80:
		return 5
	default:
		return 7
	}
}
