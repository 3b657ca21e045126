package stack

import "time"

// addressConflict moves the node to another short address, and tells all
// (05-3474-22, 3.6.1.9.3). The coordinator never moves.
func (n *Node) addressConflict() {
	if n.cfg.Role == Coordinator || n.phase != up && n.phase != joined {
		return
	}
	net := n.nwk.Network()
	net.Short = n.newAddress()
	n.nwk.SetNetwork(net)
	n.mac.Configure(n.mac.Channel(), net.PAN, net.Short)
	n.setBeacon()
	n.changed()
	n.announce()
	n.announceAgain(10*time.Second + time.Duration(n.random(uint64(10*time.Second))))
}
