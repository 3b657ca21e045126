package sim

import (
	"time"

	"sconce/device"
	"sconce/radio"
	"sconce/zigbee/stack"
)

// Device is what can live on a transceiver: a [stack.Node], and the devices
// built on one. It does no I/O: the [Node] around it does.
type Device interface {
	Start(now time.Time)
	Receive(now time.Time, frame []byte, lqi uint8)
	Quiet() bool // nothing came of the frame that was received last: there is nothing to look at
	NextFrame() (stack.Frame, bool)
	FrameDone(now time.Time, s stack.TxStatus)
	Filter() stack.Filter
	Deadline() (time.Time, bool)
	Advance(now time.Time)
}

// Drain takes all events that a device has, and reports whether one of them
// said that the filter of its radio has changed. A Node calls it after every call
// of the device.
type Drain func(now time.Time) (retune bool)

// Node runs a device on a transceiver, from power on to power off. It costs one
// event in the queue of the air, and no goroutine.
type Node struct {
	x       *Transceiver
	dev     Device
	drain   Drain
	sending bool
	off     bool

	measuring *measuring // nil: nothing is measured

	due   time.Duration // of the event that is scheduled
	timed bool          // one is
	gen   uint32        // of that event
}

// The event of a node.
const deadline eventKind = 1

// again is how soon a device is called again whose deadline has passed already,
// or that has more to send than fits one turn: time goes on whatever it does.
const again = time.Millisecond

// maxTurn is how many frames that cannot be sent are answered in one turn.
const maxTurn = 64

// PowerOn starts a device on a transceiver that no other device uses.
func PowerOn(x *Transceiver, dev Device, drain Drain) *Node {
	n := &Node{x: x, dev: dev, drain: drain}
	x.Handle(n)
	n.Do(dev.Start)
	return n
}

// PowerOff ends the device in the middle of whatever it does. It is not called
// any more.
func (n *Node) PowerOff() {
	n.x.Off()
	n.off = true
	n.gen++
}

// Do calls f, which may call the device, and carries out what comes of it.
func (n *Node) Do(f func(now time.Time)) {
	if n.off {
		return
	}
	f(n.x.air.Now())
	n.settle()
}

// settle carries out what the device wants after a call.
func (n *Node) settle() {
	now := n.x.air.Now()
	more := true
	for range maxTurn {
		if n.drain(now) {
			n.tune()
		}
		if n.scan() {
			return // until the end of it, which settles
		}
		if more = !n.sending; !more {
			break
		}
		var f stack.Frame
		if f, more = n.dev.NextFrame(); !more {
			break
		}
		if err := n.x.Transmit(f.Data, DefaultTx()); err != nil {
			n.dev.FrameDone(now, stack.TxStatus{})
			continue
		}
		n.sending = true
	}
	if at, ok := n.dev.Deadline(); ok || more {
		d := at.Sub(now)
		if !ok || d <= 0 {
			d = again
		}
		n.wakeIn(d)
	}
}

// wakeIn schedules a call of the device. One that is scheduled for later is
// replaced; one for earlier will find that it came too soon.
func (n *Node) wakeIn(d time.Duration) {
	at := n.x.air.now + d
	if n.timed && n.due <= at {
		return
	}
	n.gen++
	n.timed, n.due = true, at
	n.x.air.schedule(d, n, deadline, &n.gen)
}

// happen implements actor: the deadline.
func (n *Node) happen(eventKind) {
	n.timed = false
	now := n.x.air.Now()
	if at, ok := n.dev.Deadline(); ok && !at.After(now) {
		n.dev.Advance(now)
	}
	n.settle()
}

// tune sets the transceiver as the device wants it.
func (n *Node) tune() {
	f := n.dev.Filter()
	short, extended := pendingFor(f)
	n.x.SetPending(short, extended)
	n.x.Sleep(!f.Listening)
	// A device without a channel yet has nothing to say or hear: the
	// transceiver stays as it is, and Transmit tells.
	_ = n.x.Configure(radio.Filter{Channel: f.Channel, PANID: uint16(f.PANID), Short: uint16(f.Short), EUI64: uint64(f.EUI64)})
}

// pendingFor returns for whom frames wait, as radios want it.
func pendingFor(f stack.Filter) (short []uint16, extended []uint64) {
	short, extended = make([]uint16, len(f.PendingShort)), make([]uint64, len(f.Pending))
	for i, a := range f.PendingShort {
		short[i] = uint16(a)
	}
	for i, a := range f.Pending {
		extended[i] = uint64(a)
	}
	return short, extended
}

// Received implements [Handler].
func (n *Node) Received(now time.Time, f Received) {
	switch {
	case f.from.hostile != nil:
		f.from.hostile(n, now, f)
	case f.noted != nil:
		f.noted.give(n, now, f)
	default:
		n.dev.Receive(now, f.PSDU[:len(f.PSDU)-fcsLen], f.LQI)
	}
	if !n.dev.Quiet() {
		n.settle()
	}
}

// Sent implements [Handler].
func (n *Node) Sent(now time.Time, s Sent) {
	n.sending = false
	n.dev.FrameDone(now, stack.TxStatus{Sent: s.Status == radio.Sent, FramePending: s.FramePending()})
	n.settle()
}

// measuring is a measurement of the energy of channels, one after the other.
type measuring struct {
	device.EnergyWanted
	list  []stack.Energy
	next  int  // of the channels
	under bool // way
	done  func(now time.Time, list []stack.Energy)
}

// measure measures as soon as the transceiver is free, and calls done.
func (n *Node) measure(w device.EnergyWanted, done func(now time.Time, list []stack.Energy)) {
	n.measuring = &measuring{EnergyWanted: w, done: done}
}

// scan begins with the next channel that is to be measured, and reports whether the
// transceiver is busy with it.
func (n *Node) scan() bool {
	m := n.measuring
	if m == nil || n.sending || m.under {
		return m != nil && m.under
	}
	if err := n.x.EnergyScan(m.Channels.Nth(m.next), m.Duration); err != nil {
		n.wakeIn(again) // it acknowledges something
		return false
	}
	m.under = true
	return true
}

// Scanned implements [Handler].
func (n *Node) Scanned(now time.Time, channel uint8, dBm int8) {
	m := n.measuring
	if m == nil {
		return
	}
	m.list, m.under = append(m.list, stack.Energy{Channel: channel, DBm: dBm}), false
	if m.next++; m.next == m.Channels.Len() {
		n.measuring = nil
		m.done(now, m.list)
	}
	n.settle()
}
