package stack

import (
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// The times and limits of forming a network.
const (
	energyDuration = 100 * time.Millisecond // on each channel
	energyTimeout  = 10 * time.Second       // for the owner's answer; then the channels count as alike
	noisy          = -65                    // dBm; a channel with more is taken only when all have
	maxNeighbours  = 64                     // networks heard; further ones are not told apart from an unused identifier
)

// formation is how far a node is with forming a network.
type formation struct {
	at       time.Time // when the energy counts as unknown; zero: it is known
	energy   [zigbee.MaxChannel + 1]int8
	networks []neighbour
}

// neighbour is another network that was heard.
type neighbour struct {
	channel uint8
	pan     zigbee.PANID
}

// startForming looks for a quiet channel and an unused identifier (05-3474-22,
// 3.2.2.3; BDB 3.0.1, 8.1).
func (n *Node) startForming() {
	n.phase, n.formation = forming, formation{}
	for i := range n.formation.energy {
		n.formation.energy[i] = noisy + 1
	}
	if !n.cfg.MeasuresEnergy {
		n.scanToForm()
		return
	}
	n.formation.at = n.now.Add(energyTimeout)
	n.emit(EnergyWanted{Channels: n.cfg.Channels, Duration: energyDuration})
}

func (n *Node) scanToForm() {
	n.formation.at = time.Time{}
	n.mac.Scan(n.now, n.cfg.Channels, mac.ScanDuration(scanExponent))
}

func (n *Node) energyMeasured(list []Energy) {
	if n.phase != forming || n.formation.at.IsZero() {
		return
	}
	for _, e := range list {
		if n.cfg.Channels.Has(e.Channel) {
			n.formation.energy[e.Channel] = e.DBm
		}
	}
	n.scanToForm()
}

func (n *Node) formDeadline() (time.Time, bool) { return n.formation.at, !n.formation.at.IsZero() }

func (n *Node) advanceForm() {
	if !n.formation.at.IsZero() && !n.formation.at.After(n.now) {
		n.scanToForm()
	}
}

// heardNeighbour notes a network, whatever protocol it speaks.
func (n *Node) heardNeighbour(ind mac.Indication) {
	k := neighbour{ind.Channel, ind.Src.PAN}
	if len(n.formation.networks) < maxNeighbours && !slices.Contains(n.formation.networks, k) {
		n.formation.networks = append(n.formation.networks, k)
	}
}

// quietest returns the channel with the fewest networks of those that are not
// noisy, the one with the least energy of several, and one at random of equals.
func (n *Node) quietest() uint8 {
	f := &n.formation
	networks := func(c uint8) (count int) {
		for _, k := range f.networks {
			if k.channel == c {
				count++
			}
		}
		return count
	}
	better := func(a, b uint8) int {
		if na, nb := f.energy[a] > noisy, f.energy[b] > noisy; na != nb {
			if nb {
				return -1
			}
			return 1
		}
		if d := networks(a) - networks(b); d != 0 {
			return d
		}
		return int(f.energy[a]) - int(f.energy[b])
	}
	var best []uint8
	for i := range n.cfg.Channels.Len() {
		c := n.cfg.Channels.Nth(i)
		switch {
		case len(best) == 0 || better(c, best[0]) < 0:
			best = append(best[:0], c)
		case better(c, best[0]) == 0:
			best = append(best, c)
		}
	}
	return best[n.random(uint64(len(best)))]
}

// form makes a new network, on a quiet channel with identifiers and a key at random.
func (n *Node) form() {
	channel, pan := n.quietest(), n.newPAN()
	for slices.ContainsFunc(n.formation.networks, func(k neighbour) bool { return k.pan == pan }) {
		pan = n.newPAN()
	}
	n.formation = formation{}
	net := nwk.Network{
		PAN:      pan,
		Extended: zigbee.ExtendedPANID(1 + n.random(1<<32-1) + n.random(1<<32-1)<<32),
		Short:    zigbee.Coordinator,
	}
	if n.leaderless() {
		net.Short, net.Leaderless = n.newAddress(), true
	}
	n.nwk.SetNetwork(net)
	n.nwk.SetKey(0, zigbee.NewNetworkKey(n.randomKey()))
	n.mac.Configure(channel, net.PAN, net.Short)
	n.changed()
	n.goUp()
}
