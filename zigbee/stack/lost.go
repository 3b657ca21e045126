package stack

import (
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/nwk"
)

// The times of coming back to a network that has another key now.
const (
	lostFrames     = 3                // under a newer key, and none that can be read between: the network has moved on
	patientRejoins = 4                // secured rejoins without an answer before the key is asked for
	lostAnswer     = 10 * time.Second // in which the key may come
	minLostPause   = 15 * time.Second // between two tries; doubled each time
	maxLostPause   = 30 * time.Minute
)

// lost is what a node knows of a network key that it missed.
type lost struct {
	frames int       // heard under a newer key
	next   time.Time // no try before
	pause  time.Duration
	until  time.Time // the key is waited for
}

// heardNewerKey counts frames that this node cannot read, and asks for the key when
// there are many. Anybody can send such frames, so nothing is given up for them.
func (n *Node) heardNewerKey(from zigbee.ShortAddr) {
	if n.lost.frames++; n.lost.frames >= lostFrames {
		n.askForKey(from)
	}
}

// askForKey asks the trust centre, through a neighbour, for the network key under this
// node's own link key (05-3474-22, 4.6.3.3.2).
func (n *Node) askForKey(parent zigbee.ShortAddr) {
	_, own := n.aps.Key(n.tc, aps.Established)
	if n.cfg.Role == Coordinator || n.phase != up && n.phase != rejoining || !own || n.lost.next.After(n.now) {
		return
	}
	n.lost.frames = 0
	n.lost.pause = min(max(2*n.lost.pause, minLostPause), maxLostPause)
	n.lost.next, n.lost.until = n.now.Add(n.lost.pause), n.now.Add(lostAnswer)
	n.nwk.SendLost(n.now, parent, n.capability(), n.lost.until) // when full, a later try asks
}

// lostAsked introduces a node that lost the network key to the trust centre, or is the trust
// centre.
func (n *Node) lostAsked(o nwk.Output) {
	if n.phase != up || n.tc == 0 || n.leaderless() {
		return
	}
	if n.cfg.Role == Coordinator {
		if d := n.devices[o.EUI64]; d != nil && d.authorised && d.short == o.Short {
			n.nwk.AnswerLost(n.now, o.EUI64, nwk.RejoinAnswer{Short: o.Short})
			d.parent = 0
			n.sendLostKey(d)
			return
		}
		n.refuse(o.EUI64, "it lost the network key, and is not known")
		return
	}
	c := n.newcomer(o.EUI64)
	switch {
	case c == nil && len(n.newcomers) == maxNewcomers:
		n.counters.JoinsRefused++
		return
	case c == nil:
		n.newcomers = append(n.newcomers, newcomer{eui64: o.EUI64})
		c = &n.newcomers[len(n.newcomers)-1]
	case c.lost:
		return // is being introduced
	}
	*c = newcomer{eui64: o.EUI64, short: o.Short, lost: true, deadline: n.now.Add(introduction)}
	n.nwk.AnswerLost(n.now, o.EUI64, nwk.RejoinAnswer{Short: o.Short})
	n.introduced(c)
}

// lostDevice decides on a device that a router says has lost the network key. Nobody
// but the device itself can use what is sent: so its being a member is enough, and
// the network need not be open.
func (n *Node) lostDevice(router *device, c aps.Command) {
	d := n.devices[c.Src]
	if d == nil || !d.authorised || d.short != c.Short {
		n.refuse(c.Src, "it lost the network key, and is not known")
		n.removeThrough(router, c.Src)
		return
	}
	d.parent = router.eui64
	n.sendLostKey(d)
}

// sendLostKey sends a member the network key under its own link key.
func (n *Node) sendLostKey(d *device) {
	seq, key, _ := n.nwk.Key()
	c := aps.Command{
		ID: aps.TransportKey, KeyType: aps.StandardNetworkKey, NetworkKey: key, KeySequence: seq, Dst: d.eui64, Src: n.cfg.EUI64,
	}
	s := aps.Security{Use: aps.Established, Key: zigbee.KeyTransport, Peer: d.eui64}
	if router := n.devices[d.parent]; router != nil {
		_ = n.aps.SendTunnel(router.short, d.eui64, c, s) // when full, the device asks again
	} else {
		_ = n.aps.SendCommand(0, d.short, c, s, false, true) // likewise
	}
}

// lostKey takes the network key that this node asked for.
func (n *Node) lostKey(a aps.Indication) bool {
	c := a.Command
	if !n.lost.until.After(n.now) || a.Use != aps.Established || a.Key != zigbee.KeyTransport ||
		a.Source != n.tc || c.Src != a.Source || c.Dst != n.cfg.EUI64 || c.NetworkKey.IsZero() {
		return false
	}
	n.lost = lost{}
	n.nwk.Found()
	n.nwk.SetKey(c.KeySequence, c.NetworkKey)
	n.nwk.DropFormerKey()
	n.changed()
	if n.phase == up {
		n.announce()
	}
	return true
}
