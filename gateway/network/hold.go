package network

import (
	"time"

	"sconce/wire"
)

// airPatience is how long a command waits for the network to be able to speak: after
// a start until the node's state is saved, or until a lost radio is open again. Then
// it is begun all the same, so that it has an end.
const airPatience = 10 * time.Second

// held is a command that waits for the network to be able to speak.
type held struct {
	command wire.Command
	timer   *timer
}

// hold keeps a command until [Network.SetAir] says that it can be sent. Its time
// begins then: to count from now would call lights silent that nobody spoke to.
func (n *Network) hold(now time.Time, c wire.Command) {
	h := held{command: c}
	h.timer = n.timers.at(now.Add(airPatience), func(now time.Time) {
		oldest := n.commands.held[0] // all wait equally long
		n.commands.held = n.commands.held[1:]
		n.begin(now, oldest.command)
	})
	n.commands.held = append(n.commands.held, h)
}

// release begins all that waits, in the order in which it came.
func (n *Network) release(now time.Time) {
	list := n.commands.held
	n.commands.held = nil
	for _, h := range list {
		n.timers.stop(h.timer)
		n.begin(now, h.command)
	}
}
