package sim

import (
	"bytes"
	"slices"
	"time"

	"sconce/radio"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
)

// Refusals counts what the nodes of a building turned away, by why.
type Refusals struct {
	Unsecured  uint64 `json:"unsecured"`   // without security where it is required
	UnknownKey uint64 `json:"unknown_key"` // with a network key that the node does not have
	Forged     uint64 `json:"forged"`      // with a wrong integrity code
	Replayed   uint64 `json:"replayed"`    // with a frame counter that was seen before
	Policy     uint64 `json:"policy"`      // key commands that nobody asked for
}

func (r *Refusals) add(c stack.Counters) {
	r.Unsecured += c.NWK.Unsecured
	r.UnknownKey += c.NWK.UnknownKey
	r.Forged += c.NWK.Forged
	r.Replayed += c.NWK.Replayed
	r.Policy += c.Policy
}

func (r *Refusals) sum(o Refusals) {
	r.Unsecured += o.Unsecured
	r.UnknownKey += o.UnknownKey
	r.Forged += o.Forged
	r.Replayed += o.Replayed
	r.Policy += o.Policy
}

// counted is a [Device] that counts, as all of Sconce do.
type counted interface{ Counters() stack.Counters }

// An attacker hears everything, and says it again later from its own place, with
// more power than any light.
type attacker struct {
	air      *Air
	x        *Transceiver
	captured []*captured // secured frames of networks, and of switches without a battery; when full, each replaces the oldest
	next     int
	every    time.Duration
	saying   *captured

	replayed uint64
	received uint64    // replays that came to a node which had taken the frame before
	delayed  uint64    // ... that had not, and took it: a frame late, not twice
	accepted violation // a node took a frame twice
}

// captured is a frame, and who took it when it was first sent. Who heard it without the
// key, before it joined, has not.
type captured struct {
	channel uint8
	frame   []byte
	taken   []int // by transceivers
}

// give gives a node the frame, and notes and reports whether it took it.
func (c *captured) give(n *Node, now time.Time, f Received) (opened bool) {
	before := accepted(n.dev)
	n.dev.Receive(now, f.PSDU[:len(f.PSDU)-fcsLen], f.LQI)
	if opened = accepted(n.dev) != before; opened {
		c.taken = append(c.taken, n.x.id)
	}
	return opened
}

// accepted returns how many frames a device has taken: of its network, and of switches
// without a battery. One that does not count takes none.
func accepted(dev Device) uint64 {
	if d, ok := dev.(counted); ok {
		c := d.Counters()
		return c.NWK.Opened + c.GreenPower.Accepted
	}
	return 0
}

// memory is how many frames an attacker remembers.
const memory = 4096

// attackerEUI64 is only a name: an attacker sends what others sent.
const attackerEUI64 = 0x5ec0cefd00000001

func newAttacker(a *Air, at Position, every time.Duration) *attacker {
	t := &attacker{air: a, every: every}
	t.x = a.Attach(TransceiverConfig{EUI64: attackerEUI64, Position: at, Power: maxPower})
	t.x.Handle(t)
	t.x.hostile = t.deliver
	a.attacker = t
	a.After(every, t.attack)
	return t
}

// capture keeps a frame to be said again, and returns where to note who hears it.
func (t *attacker) capture(x *Transceiver, channel uint8, psdu []byte, h *header) *captured {
	const secured = 1 << 1 // of the second byte of the network's frame control
	if x == t.x || h.kind != frameData || len(h.payload) < 2 || h.payload[1]&secured == 0 && !gp.IsFrame(h.payload) {
		return nil
	}
	c := &captured{channel: channel, frame: bytes.Clone(psdu[:len(psdu)-fcsLen])}
	if len(t.captured) < memory {
		t.captured = append(t.captured, c)
		return c
	}
	t.captured[t.next] = c
	t.next = (t.next + 1) % memory
	return c
}

// attack says a frame again.
func (t *attacker) attack() {
	t.air.After(t.every, t.attack)
	if len(t.captured) > 0 {
		t.say(t.captured[t.air.random.IntN(len(t.captured))])
	}
}

func (t *attacker) say(c *captured) {
	if err := t.x.Configure(radio.Filter{Channel: c.channel}); err == nil && t.x.Transmit(c.frame, TxOptions{}) == nil {
		t.saying = c
		t.replayed++
	}
}

// deliver gives a node a replayed frame.
func (t *attacker) deliver(n *Node, now time.Time, f Received) {
	again := slices.Contains(t.saying.taken, n.x.id)
	opened := t.saying.give(n, now, f)
	switch {
	case again && opened:
		t.accepted.add(now, "%016x accepted %x", n.x.eui64, t.saying.frame)
	case opened:
		t.delayed++
	}
	if again {
		t.received++
	}
}

// Received implements [Handler].
func (t *attacker) Received(time.Time, Received) {}

// Sent implements [Handler].
func (t *attacker) Sent(time.Time, Sent) {}

// Scanned implements [Handler].
func (t *attacker) Scanned(time.Time, uint8, int8) {}
