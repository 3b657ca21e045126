package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sconce/gateway/network"
	"sconce/radio"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/stack"
	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// saveRetry is how long after a failed write the state is written again.
const saveRetry = 5 * time.Second

// loop is the one goroutine that owns the Zigbee node and the network on it.
// Everything that happens comes to it through channels; after each thing, it
// carries what follows from it to where it belongs.
type loop struct {
	*Gateway
	air *air

	node *stack.Node      // nil while the gateway is in no project
	net  *network.Network // likewise
	up   *wire.Network    // what the network is on the air, once it is

	saves  chan save  // to the writer
	saved  chan saved // and back
	saving bool
	dirty  bool // the document differs from what was last given to the writer
	retry  <-chan time.Time
}

// save is a document to be written, with the node's state that is in it.
type save struct {
	doc   document
	node  *stack.Node
	state stack.State
}

type saved struct {
	save
	err error
}

func newLoop(g *Gateway) *loop {
	return &loop{
		Gateway: g, air: newAir(g.cfg.OpenRadio, g.log),
		saves: make(chan save, 1), saved: make(chan saved, 1),
	}
}

// begin raises the network that the gateway had when it stopped, so that it can
// say so in its first hello.
func (l *loop) begin(now time.Time) error {
	if l.doc.Adopted.Network == "" {
		return nil
	}
	if err := l.raise(now); err != nil {
		return err
	}
	l.settle(now)
	return nil
}

// run runs until ctx is done.
func (l *loop) run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer stop()
	defer l.air.lose()
	l.air.start(work, &workers)
	workers.Go(func() { l.writer(work) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.settle(l.clock.now())
		timer.Reset(l.wait(l.clock.now()))
		if err := l.next(ctx, timer.C); err != nil {
			return l.end(err)
		}
	}
}

// errStop ends the loop without a fault.
var errStop = errors.New("asked to stop")

// next waits for one thing to happen, and takes it.
func (l *loop) next(ctx context.Context, due <-chan time.Time) error {
	select {
	case <-ctx.Done():
		return errStop
	case m := <-l.down:
		return l.take(l.clock.now(), m)
	case f, ok := <-l.air.frames:
		l.received(f, ok)
	case o := <-l.air.done:
		l.jobDone(l.clock.now(), o)
	case r := <-l.air.opened:
		l.radioOpened(r)
	case s := <-l.saved:
		l.written(s)
	case <-l.retry:
		l.retry = nil
	case <-due:
		now := l.clock.now()
		if l.node != nil {
			l.node.Advance(now)
			l.net.Advance(now)
		}
	}
	return nil
}

// settle carries what follows from the last thing that happened: events of the
// node to the network, what the network tells to the cloud, frames and settings
// to the radio, changes to the disk.
func (l *loop) settle(now time.Time) {
	if l.node == nil {
		return
	}
	l.events(now)
	l.net.SetAir(now, l.air.ready() && l.node.Speaks())
	l.net.SetCloud(l.link.Flowing())
	for _, m := range l.net.Drain(now) {
		l.link.Send(m)
	}
	l.air.pump(l.node)
	if l.net.Unsaved() {
		l.dirty = true
	}
	l.save()
}

func (l *loop) events(now time.Time) {
	for e, ok := l.node.NextEvent(); ok; e, ok = l.node.NextEvent() {
		switch e := e.(type) {
		case stack.SaveState:
			l.dirty = true
		case stack.NetworkUp:
			l.log.Info("the network is up", "channel", e.Channel, "pan", e.PANID, "extended_pan", e.ExtendedPANID)
			l.up = &wire.Network{ExtendedPANID: uint64(e.ExtendedPANID), PANID: uint16(e.PANID), Channel: e.Channel}
			l.link.SetHello(l.hello())
		case stack.NetworkChanged:
			l.log.Info("the network has moved", "channel", e.Channel, "pan", e.PANID)
			l.up = &wire.Network{ExtendedPANID: l.up.ExtendedPANID, PANID: uint16(e.PANID), Channel: e.Channel}
			l.link.SetHello(l.hello())
		case stack.EnergyWanted:
			l.air.energy = &e
		default:
			l.net.Event(now, e)
		}
	}
}

// wait returns how long nothing is due.
func (l *loop) wait(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	if l.node == nil {
		return time.Hour
	}
	for _, due := range [...]func() (time.Time, bool){l.node.Deadline, l.net.Deadline, l.net.DrainDeadline} {
		if at, ok := due(); ok && at.Before(next) {
			next = at
		}
	}
	return max(0, next.Sub(now))
}

// take carries out a message from the cloud.
func (l *loop) take(now time.Time, m wire.Down) error {
	switch m := m.(type) {
	case wire.Adopt:
		return l.adopt(now, m)
	case wire.Desired:
		if l.net == nil {
			l.log.Warn("a desired state for a gateway that is in no project is ignored")
			return nil
		}
		l.net.SetDesired(now, m)
		l.link.SetHello(l.hello())
	case wire.Command:
		if l.net == nil {
			l.log.Warn("a command for a gateway that is in no project is ignored", "command", m.ID)
			return nil
		}
		l.net.Command(now, m)
	}
	return nil
}

// adopt takes the gateway into a project, into another, or out of all.
func (l *loop) adopt(now time.Time, a wire.Adopt) error {
	if a == l.doc.Adopted {
		return nil
	}
	l.log.Info("the gateway is adopted", "project", a.Project, "network", a.Network)
	was := l.doc.Adopted.Network
	l.doc.Adopted = a
	l.dirty = true
	if a.Network == was {
		if l.net != nil {
			l.net.SetDiscretion(now, discretion(a))
		}
		return nil
	}
	l.keep()
	l.silence()
	if a.Network == "" {
		l.save()
		l.link.SetHello(l.hello())
		return nil
	}
	if l.doc.Network != nil && l.doc.Network.ID != a.Network {
		l.log.Warn("the network of another project is given up", "network", l.doc.Network.ID)
		l.doc.Network = nil
	}
	return l.raise(now)
}

// discretion returns the period of which occupancy is told, 0 for single values.
func discretion(a wire.Adopt) time.Duration { return time.Duration(a.Occupancy) * time.Minute }

// silence ends the network on the air.
func (l *loop) silence() {
	l.node, l.net, l.up = nil, nil, nil
	l.air.energy = nil
	l.air.lose()
}

// hello returns what the gateway says of itself.
func (l *loop) hello() wire.Hello {
	h := l.Gateway.hello()
	h.Network = l.up
	if l.net != nil {
		h.Desired = l.net.Version()
	}
	return h
}

// raise begins the network of the project: the one on disk, or a new one.
func (l *loop) raise(now time.Time) error {
	if l.doc.Network == nil {
		l.doc.Network = &netSection{ID: l.doc.Adopted.Network, Coordinator: zigbee.EUI64(l.self)}
		l.dirty = true
	}
	section := l.doc.Network
	state, err := section.state()
	if err != nil {
		return err
	}
	l.node, err = stack.New(stack.Config{
		Role: stack.Coordinator, EUI64: section.Coordinator, Random: random, Channels: l.cfg.Channels,
		Endpoints: []zdo.SimpleDescriptor{descriptor}, Descriptor: nodeDescriptor, Restore: state, MeasuresEnergy: true,
	})
	if err != nil {
		return fmt.Errorf("starting the network: %w", err)
	}
	l.node.Start(now)
	l.net = network.New(network.Config{Node: l.node, Self: section.Coordinator, Log: l.log}, now, section.Snapshot)
	l.net.SetDiscretion(now, discretion(l.doc.Adopted))
	l.net.SetAir(now, false)
	l.air.want()
	return nil
}

// loseRadio gives up the radio and asks for another.
func (l *loop) loseRadio() {
	l.air.lose()
	if l.net != nil {
		l.air.want()
	}
}

// deviceControlBridge is what a gateway is among lights (15-0014-05, 5.3: it
// commissions and controls them).
const deviceControlBridge = 0x0840

var (
	descriptor = zdo.SimpleDescriptor{
		Endpoint: network.Endpoint, Profile: zcl.ProfileHomeAutomation, Device: deviceControlBridge, Version: 1,
		Out: []uint16{zcl.ClusterBasic, zcl.ClusterIdentify, zcl.ClusterGroups, zcl.ClusterOnOff, zcl.ClusterLevel, zcl.ClusterElectrical},
	}
	nodeDescriptor = zdo.NodeDescriptor{
		Logical: zdo.Coordinator, Bands: zdo.Band2400MHz,
		Capability: zigbee.FullFunction | zigbee.MainsPowered | zigbee.RxOnWhenIdle | zigbee.AllocateAddress,
		MaxBuffer:  82, MaxIncoming: 82, MaxOutgoing: 82,
		ServerMask: zdo.ServerPrimaryTrustCentre | zdo.ServerNetworkManager | 22<<zdo.StackRevisionShift,
	}
)

// received takes a frame from the air, or notes that the radio is lost.
func (l *loop) received(f radio.Frame, ok bool) {
	if !ok {
		l.log.Warn("the radio is lost", "err", l.air.radio.Err())
		l.loseRadio()
		return
	}
	if l.node != nil {
		l.node.Receive(l.clock.now(), f.Data, f.LQI)
	}
}

// jobDone takes the end of what the radio was doing.
func (l *loop) jobDone(now time.Time, o outcome) {
	l.air.busy = false
	if o.err != nil && o.radio == l.air.radio {
		l.log.Warn("the radio is in trouble and is opened again", "err", o.err)
		l.loseRadio()
	}
	if o.measured && o.node == l.node && l.node != nil {
		l.node.EnergyMeasured(now, o.energy)
	}
	if o.frame && l.node != nil && o.node == l.node {
		l.node.FrameDone(now, stack.TxStatus{Sent: o.err == nil && o.result.Status == radio.Sent, FramePending: o.result.FramePending})
	}
}

func (l *loop) radioOpened(r radio.Radio) {
	l.air.asked = false
	if l.node == nil {
		_ = r.Close() // it is not wanted any more
		return
	}
	l.air.use(r)
}

// save gives the document to the writer when it has changed and the writer is
// free.
func (l *loop) save() {
	if !l.dirty || l.saving || l.retry != nil {
		return
	}
	state := l.keep()
	l.dirty, l.saving = false, true
	l.saves <- save{doc: l.doc, node: l.node, state: state}
}

// keep brings the document up to date, and returns the state of the node that is
// in it.
func (l *loop) keep() stack.State {
	if l.node == nil {
		return stack.State{}
	}
	state := l.node.State()
	section := *l.doc.Network // those that were given to the writer are left alone
	section.Node = state.Append(nil)
	section.Snapshot = l.net.Snapshot()
	l.doc.Network = &section
	return state
}

// writer makes documents durable, so that the loop need not wait for a disk.
func (l *loop) writer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-l.saves:
			r := saved{s, l.write(s.doc)}
			select {
			case l.saved <- r:
			case <-ctx.Done():
				return
			}
		}
	}
}

// written tells the node that its state is durable. When it is not, the node
// stops by itself before it uses a frame counter twice.
func (l *loop) written(s saved) {
	l.saving = false
	if s.err != nil {
		l.log.Error("the state cannot be written", "err", s.err, "again_in", saveRetry)
		l.dirty = true
		l.retry = time.After(saveRetry)
		return
	}
	if s.node != nil && s.node == l.node {
		l.node.Saved(s.state)
	}
}

// end makes the last state durable.
func (l *loop) end(cause error) error {
	if l.saving {
		l.written(<-l.saved)
	}
	l.keep()
	err := l.write(l.doc)
	if errors.Is(cause, errStop) {
		cause = nil
	}
	return errors.Join(cause, err)
}
