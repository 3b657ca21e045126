package stack

import (
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// A Node is one Zigbee device. It is made by [New].
type Node struct {
	cfg Config
	now time.Time // the latest time that the owner gave

	mac *mac.MAC
	nwk *nwk.Layer
	aps *aps.Layer

	phase     phase
	tc        zigbee.EUI64 // the trust centre; 0 when not known
	join      join         // router, end device
	poll      polling      // end device
	timeout   negotiation  // end device
	rejoin    rejoin       // router, end device
	measuring measuring
	change    change    // of channel or network identifier
	again     time.Time // when this node says its addresses once more; zero: not
	quiet     time.Time // no identifier conflict is acted on until then
	watch     watch     // router

	formation formation
	family    []nwk.Child                     // parent: as a restored state knows them, until the start
	claimAt   time.Time                       // parent: when it says who its children are; zero: it has
	backAt    time.Time                       // router: when it tells that it is back after a power cut; zero: it has
	homeward  zigbee.ShortAddr                // router: as a restored state knows the way to the coordinator, until the start
	claimed   time.Time                       // parent: others may contradict until then
	devices   map[zigbee.EUI64]*device        // trust centre
	expected  map[zigbee.EUI64]zigbee.LinkKey // router without a trust centre: who may join, and under which key
	permit    time.Time                       // devices may associate until then
	joinsDue  time.Time                       // trust centre: when a join may be late; not after the first of them

	openNext  time.Time  // trust centre: when the routers are told again that joining is permitted
	newcomers []newcomer // router: devices that join through it
	rotation  rotation   // trust centre: of the network key
	lost      lost       // router, end device: a network key that it missed
	renewal   renewal    // router, end device: of its link key
	formerKey time.Time  // when the network key before the active one is forgotten

	bindings []Binding
	handle   Handle // of the last request
	requests int    // application requests under way
	zdoSeq   uint8

	onAir  origin // of the frame that the radio has
	tx, rx [mac.MaxFrame]byte

	idle         bool // see Quiet
	events       []Event
	radioChanged bool
	listening    bool // as the owner last saw it
	save         saving

	gp       greenPower
	counters Counters
}

// phase is how far a node is with its network.
type phase uint8

const (
	stopped   phase = iota
	searching       // router: for a network, up to its network key
	joined          // router: has the network key, and exchanges its link key
	up
	rejoining // has lost its network, and looks for it with its keys
	forming   // coordinator, or router without one: looks for a quiet channel
)

// origin says which layer a frame for the radio came from.
type origin uint8

const (
	nobody origin = iota
	fromMAC
	fromNWK
)

// New returns a node that does nothing until [Node.Start]. It fails when the
// configuration cannot work.
func New(cfg Config) (*Node, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg,
		mac: mac.New(cfg.EUI64, cfg.Random),
		nwk: nwk.New(cfg.EUI64, cfg.Random),
		aps: aps.New(cfg.EUI64, cfg.Random),
	}
	n.zdoSeq = uint8(n.random(1 << 8))
	n.poll.long, n.poll.short = cfg.Polling()
	n.mac.SetSleepy(cfg.Role == EndDevice)
	n.gp = newGreenPower(&cfg)
	if cfg.Role == Coordinator {
		n.devices = map[zigbee.EUI64]*device{}
		n.tc = cfg.EUI64
	}
	if cfg.Restore != nil {
		if err := n.restore(cfg.Restore); err != nil {
			return nil, fmt.Errorf("zigbee node: restoring a state: %w", err)
		}
	}
	return n, nil
}

// Start forms a network (coordinator) or joins one (router), or resumes the one
// of the state that the configuration restores. It is called once.
func (n *Node) Start(now time.Time) {
	n.now = now
	switch {
	case n.phase == up || n.phase == joined:
		n.resume()
	case n.cfg.Role == Coordinator:
		n.startForming()
	default:
		n.search(0)
	}
	n.pump()
}

// Receive takes a frame from the radio, without its frame check sequence. The
// frame is only read, and only during the call.
func (n *Node) Receive(now time.Time, frame []byte, lqi uint8) {
	n.now, n.idle = now, false
	n.counters.Received++
	if len(frame) > len(n.rx) {
		frame = frame[:0] // counted as malformed
	}
	copied := n.rx[:copy(n.rx[:], frame)]
	if ind, ok := n.mac.Receive(now, copied, lqi); ok {
		switch ind.Kind {
		case mac.IndicateBeacon:
			if n.phase == forming {
				n.heardNeighbour(ind)
			} else {
				n.heardBeacon(ind)
			}
		case mac.IndicateAssociate:
			n.associate(ind)
		case mac.IndicatePoll:
			n.polledBy(ind.Src)
		case mac.IndicateOrphan:
			n.orphaned(ind.Src.EUI64)
		case mac.IndicateData:
			n.receiveData(ind)
		}
	}
	if !n.idle {
		n.pump()
	}
}

// Quiet reports whether the last call of [Node.Receive] left nothing to do: then neither
// frames nor events nor the deadline need be looked at.
func (n *Node) Quiet() bool { return n.idle }

func (n *Node) receiveData(ind mac.Indication) {
	if n.receiveGPDF(ind) {
		return
	}
	if ind.Src.Mode != mac.ShortAddress || ind.Dst.Mode != mac.ShortAddress || !n.onNetwork() && (n.phase != searching || n.join.step != awaitKey) {
		return
	}
	in, ok := n.nwk.Receive(n.now, ind.Src.Short, ind.Payload, ind.LQI)
	n.heardRouter()
	if !ok {
		n.idle = n.nwk.Quiet() && n.mac.Quiet() && ind.Dst.Short == zigbee.Broadcast && n.phase == up && n.unchanged()
		return
	}
	if in.Secured {
		n.lost.frames = 0
	}
	a, ok := n.aps.Receive(n.now, aps.Incoming{
		Src: in.Src, SrcEUI64: in.SrcEUI64, Secured: in.Secured, Data: in.Payload,
	})
	a.Use = n.promote(a)
	switch {
	case !ok:
	case a.Header.Type == aps.TypeCommand:
		n.command(in, a)
	default:
		n.deliver(in, a)
	}
}

// unchanged reports whether the owner knows of all that it has to know.
func (n *Node) unchanged() bool {
	n.checkSave()
	return len(n.events) == 0 && !n.radioChanged
}

// onNetwork reports whether the node is where its network is, as far as it knows.
func (n *Node) onNetwork() bool {
	return n.phase == joined || n.phase == up ||
		n.phase == rejoining && (n.rejoin.step == awaitAnswer || n.rejoin.step == pausing && n.cfg.Role == Router)
}

// NextFrame returns the next frame for the radio. There is none while another has
// not been answered with [Node.FrameDone].
func (n *Node) NextFrame() (Frame, bool) {
	if n.onAir != nobody {
		return Frame{}, false
	}
	if f, ok := n.mac.Next(); ok {
		n.onAir = fromMAC
		return Frame{Data: f}, true
	}
	if !n.onNetwork() {
		return Frame{}, false
	}
	hop, npdu, ok := n.nwk.Next()
	if !ok {
		return Frame{}, false
	}
	n.onAir = fromNWK
	f := n.mac.AppendData(n.tx[:0], hop, npdu)
	if n.nwk.MoreFor(hop) {
		mac.MarkPending(f)
	}
	return Frame{Data: f}, true
}

// FrameDone says how the transmission of the last frame ended.
func (n *Node) FrameDone(now time.Time, s TxStatus) {
	n.now = now
	if s.Sent {
		n.counters.Sent++
	} else {
		n.counters.NotSent++
	}
	from := n.onAir
	n.onAir = nobody
	switch from {
	case fromMAC:
		n.mac.Done(now, s.Sent, s.FramePending)
	case fromNWK:
		n.nwk.Done(now, s.Sent)
		n.radioChanged = n.radioChanged || n.nwk.HasChildren()
		n.spoke()
	}
	n.pump()
}

// NextEvent returns and removes the oldest event.
func (n *Node) NextEvent() (Event, bool) {
	if n.radioChanged {
		n.radioChanged = false
		return RadioChanged{}, true
	}
	if len(n.events) == 0 {
		return nil, false
	}
	e := n.events[0]
	n.events[0] = nil
	n.events = n.events[1:]
	return e, true
}

func (n *Node) emit(e Event) { n.events = append(n.events, e) }

// Deadline returns when the node wants [Node.Advance] to be called, and false
// when it waits for nothing.
func (n *Node) Deadline() (time.Time, bool) {
	d, ok := n.mac.Deadline()
	earlier := func(t time.Time, is bool) {
		if is && (!ok || t.Before(d)) {
			d, ok = t, true
		}
	}
	earlier(n.nwk.Deadline())
	earlier(n.aps.Deadline())
	earlier(n.joinDeadline())
	earlier(n.trustDeadline())
	earlier(n.pollDeadline())
	earlier(n.timeoutDeadline())
	earlier(n.maintainDeadline())
	earlier(n.familyDeadline())
	earlier(n.backDeadline())
	earlier(n.formDeadline())
	earlier(n.rotationDeadline())
	earlier(n.renewalDeadline())
	earlier(n.gp.deadline())
	return d, ok
}

// Advance does what is due.
func (n *Node) Advance(now time.Time) {
	n.now = now
	n.mac.Advance(now)
	n.nwk.Advance(now)
	n.aps.Advance(now)
	n.advanceJoin()
	n.advanceTrust()
	n.advancePoll()
	n.advanceTimeout()
	n.advanceMaintain()
	n.advanceForm()
	n.advanceFamily()
	n.advanceBack()
	n.advanceRotation()
	n.advanceRenewal()
	n.gp.advance(now)
	n.pump()
}

// pump carries what the layers have to say to one another until none has more.
func (n *Node) pump() {
	for n.pumpMAC() || n.pumpNWK() || n.pumpAPS() || n.pumpGreenPower() {
	}
	if n.nwk.Hold(n.now) {
		n.radioChanged = true
	}
	if l := n.mac.Listening(); l != n.listening {
		n.listening, n.radioChanged = l, true
	}
	n.checkSave()
}

func (n *Node) pumpMAC() bool {
	o, ok := n.mac.NextOutput()
	if !ok {
		return false
	}
	switch o.Kind {
	case mac.AddressChanged:
		n.radioChanged = true
	case mac.ScanDone:
		n.scanDone()
	case mac.OrphanDone:
		n.orphanDone(o)
	case mac.AssociateDone:
		n.associated(o)
	case mac.ResponseDone:
		n.responseDone(o.EUI64, o.OK)
	case mac.PollDone:
		n.pollDone(o.OK, o.Pending)
	}
	return true
}

func (n *Node) pumpNWK() bool {
	o, ok := n.nwk.NextOutput()
	if !ok {
		return false
	}
	switch o.Kind {
	case nwk.SendDone:
		if o.Handle == leaveHandle {
			n.leaveSent()
		} else {
			n.aps.Sent(n.now, o.Handle, o.OK)
		}
	case nwk.NodeLeft:
		n.nodeLeft(o.EUI64)
	case nwk.ToldToLeave:
		n.leaveKindly()
	case nwk.KeySwitched:
		n.keySwitched()
	case nwk.NewerKey:
		n.heardNewerKey(o.Short)
	case nwk.LostAsked:
		n.lostAsked(o)
	case nwk.AddressConflict:
		n.addressConflict()
	default:
		n.maintain(o)
	}
	return true
}

func (n *Node) pumpAPS() bool {
	if d, ok := n.aps.NextDone(); ok {
		if d.Handle&ownHandle != 0 {
			n.transportDone(d)
			return true
		}
		n.requests--
		n.spoke()
		n.emit(DataConfirm{Handle: Handle(d.Handle), Err: d.Err})
		return true
	}
	if !n.nwk.Room() {
		return false
	}
	o, ok := n.aps.Next()
	if ok && !n.nwk.Send(n.now, nwk.Request{Handle: o.ID, Dst: o.Dst, Unsecured: o.Plain, Payload: o.Data}) {
		n.aps.Sent(n.now, o.ID, false)
	}
	return ok
}

// Filter returns what the radio must be set to.
func (n *Node) Filter() Filter {
	return Filter{
		Listening: n.mac.Listening(), Channel: n.mac.Channel(), PANID: n.mac.PAN(), Short: n.mac.ShortAddr(), EUI64: n.cfg.EUI64,
		Pending: n.mac.AppendPending(nil), PendingShort: n.nwk.AppendPending(nil),
	}
}

// Speaks reports whether the node is on a network and may send: it may not while no
// saved state covers its frame counters, as after a start.
func (n *Node) Speaks() bool { return n.phase == up && n.nwk.Left() > 0 && n.aps.Left() > 0 }

// Lookup returns the short address of a device.
func (n *Node) Lookup(e zigbee.EUI64) (zigbee.ShortAddr, bool) { return n.nwk.Lookup(e) }

// Known returns how many other devices of the network the node knows of.
func (n *Node) Known() int { return n.nwk.Known() }

// EUI64Of returns the extended address of a node.
func (n *Node) EUI64Of(a zigbee.ShortAddr) (zigbee.EUI64, bool) { return n.nwk.EUI64Of(a) }

// Counters returns what was counted since the node was made.
func (n *Node) Counters() Counters {
	c := n.counters
	c.MAC, c.NWK, c.APS = n.mac.Counters(), n.nwk.Counters(), n.aps.Counters()
	c.GreenPower = n.gp.counters()
	return c
}

// random returns a number below limit, which is at most 2^32. The bias is below
// limit/2^64.
func (n *Node) random(limit uint64) uint64 {
	var b [8]byte
	n.cfg.Random(b[:])
	var v uint64
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v % limit
}

func (n *Node) randomKey() [zigbee.KeySize]byte {
	var b [zigbee.KeySize]byte
	n.cfg.Random(b[:])
	return b
}
