package stack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/gp"
	"sconce/zigbee/nwk"
)

// reserve is how many frame counters a saved state lets the node use. A new state
// is asked for when half of them are left, so that no frame waits for a disk.
const reserve = 1024

// saveEvery is how long a node is on a network, at most, without its state being saved: a
// node that resets without a last moment to save takes once more what it has heard since.
// With 250 others it takes a flash memory of 64 KiB a sixth of its 10,000 erasures in a year.
const saveEvery = 30 * time.Minute

// saving is what stands between the node and its saved state.
type saving struct {
	revision uint64    // rises with every change that must be saved
	saved    uint64    // the highest revision that is
	asked    bool      // a SaveState is with the owner
	at       time.Time // when the last state was saved, or the node began to be on a network
	confirm  []confirmation
}

// confirmation is an answer that waits until a revision is saved.
type confirmation struct {
	device   zigbee.EUI64
	revision uint64
	renewed  bool // the device was authorised before
}

// changed notes that the state differs from what was saved.
func (n *Node) changed() { n.save.revision++ }

// checkSave asks for the state to be saved when it must be.
func (n *Node) checkSave() {
	if n.save.asked || (n.phase == stopped || n.phase == forming) && n.save.revision == n.save.saved {
		return
	}
	member := n.phase == up || n.phase == joined || n.phase == rejoining
	if !member || n.save.at.IsZero() {
		n.save.at = n.now
	}
	due := n.nwk.Left() < reserve/2 || n.aps.Left() < reserve/2 || n.now.Sub(n.save.at) >= saveEvery
	if due && member || n.save.revision != n.save.saved {
		n.save.asked = true
		n.counters.Saves++
		n.emit(SaveState{})
	}
}

// State is what has to survive a restart of a node: its network, its keys and
// counters, and what it knows of other devices. It holds secrets: it prints as
// [redacted], and [State.Append] gives them away.
type State struct {
	_        [0]func()
	revision uint64

	role        Role
	phase       phase
	channel     uint8
	network     nwk.Network
	tc          zigbee.EUI64
	keySeq      uint8
	key         zigbee.NetworkKey
	nextSeq     uint8
	nextKey     zigbee.NetworkKey    // prepared; zero for none
	fingerprint [zigbee.KeySize]byte // of the key that the peers' counters belong to
	nwkCounter  uint32
	apsCounter  uint32
	peers       []nwk.Peer
	keys        []aps.KeyInfo
	groups      []membership
	bindings    []Binding
	devices     []device
	parent      zigbee.ShortAddr // of an end device; of a router the next hop to the coordinator, Unassigned when it knows none
	children    []nwk.Child
	green       gp.State
}

type membership struct {
	endpoint uint8
	group    uint16
}

func (State) String() string { return "[redacted]" }

// GoString returns "[redacted]".
func (State) GoString() string { return "[redacted]" }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (State) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (State) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[redacted]")) }

// State returns what has to survive a restart. It may be taken at any time, and
// counts from the moment that [Node.Saved] is called with it.
func (n *Node) State() State {
	s := State{
		revision: n.save.revision, role: n.cfg.Role, phase: n.phase, channel: n.mac.Channel(), network: n.nwk.Network(), tc: n.tc,
		nwkCounter: n.nwk.Counter() + reserve, apsCounter: n.aps.Counter() + reserve,
		peers: n.nwk.Peers(), keys: n.aps.Keys(), bindings: slices.Clone(n.bindings),
		green: n.gp.state(),
	}
	if s.phase == rejoining {
		s.phase, s.channel = up, n.rejoin.channel
	}
	if s.phase == searching || s.phase == stopped || s.phase == forming {
		s.phase, s.network, s.channel, s.tc = stopped, nwk.Network{}, 0, 0
		s.keys = slices.DeleteFunc(s.keys, func(k aps.KeyInfo) bool { return k.Device == aps.AnyDevice })
	}
	s.parent, s.children = n.nwk.Parent(), n.nwk.Children()
	if s.role == Router && s.phase != stopped {
		s.parent = n.nwk.HopTo(n.now, zigbee.Coordinator)
	}
	s.keySeq, s.key, _ = n.nwk.Key()
	s.nextSeq, s.nextKey, _ = n.nwk.PreparedKey()
	s.fingerprint = n.nwk.Fingerprint()
	for _, e := range n.cfg.Endpoints {
		for _, g := range n.aps.Groups(e.Endpoint) {
			s.groups = append(s.groups, membership{e.Endpoint, g})
		}
	}
	s.devices = n.expectedDevices()
	for _, e := range slices.Sorted(maps.Keys(n.devices)) {
		s.devices = append(s.devices, *n.devices[e])
	}
	return s
}

// Saved says that a state is durable. Frame counters that it covers may be used
// from now on.
func (n *Node) Saved(s State) {
	n.nwk.Cover(s.nwkCounter)
	n.aps.Cover(s.apsCounter)
	n.save.saved = max(n.save.saved, s.revision)
	n.save.asked, n.save.at = false, n.now
	n.confirmSaved()
	n.stored()
	n.distribute()
	n.proveNextLinkKey()
	n.pump()
}

var errOtherRole = errors.New("the state is that of another kind of node")

// restore takes a state back, before the start.
func (n *Node) restore(s *State) error {
	if s.role != n.cfg.Role {
		return errOtherRole
	}
	n.phase = s.phase
	n.gp.restore(s.green)
	n.nwk.Resume(s.nwkCounter)
	n.aps.Resume(s.apsCounter)
	for _, k := range s.keys {
		if err := n.aps.RestoreKey(k); err != nil {
			return err
		}
	}
	for _, g := range s.groups {
		if err := n.aps.AddGroup(g.endpoint, g.group); err != nil {
			return err
		}
	}
	if n.cfg.Role == Coordinator {
		for i := range s.devices {
			d := s.devices[i]
			n.devices[d.eui64] = &d
		}
	} else {
		n.tc = s.tc
		n.restoreExpected(s.devices)
	}
	if s.phase == stopped {
		for _, p := range s.peers {
			n.nwk.RestorePeer(p)
		}
		n.nwk.RestoreFingerprint(s.fingerprint)
		return nil
	}
	s.network.Leaderless = n.leaderless()
	n.nwk.SetNetwork(s.network)
	if s.role == EndDevice {
		n.nwk.SetParent(s.parent)
	} else {
		n.homeward = s.parent
	}
	n.family = s.children
	n.nwk.SetKey(s.keySeq, s.key)
	for _, p := range s.peers {
		n.nwk.RestorePeer(p)
	}
	if !s.nextKey.IsZero() && !n.nwk.PrepareKey(s.nextSeq, s.nextKey) {
		return errState
	}
	n.bindings = slices.Clone(s.bindings)
	n.mac.Configure(s.channel, s.network.PAN, s.network.Short)
	return nil
}

// resume goes on where a restored state stopped. Nothing is sent until a newer
// state is saved.
func (n *Node) resume() {
	n.changed()
	n.resumeRotation()
	for _, d := range n.devices {
		if d.short != zigbee.Unassigned && !d.authorised {
			n.await(d, replying)
		}
	}
	n.resumeFamily()
	if n.phase == up && n.cfg.Role == EndDevice {
		n.lookAgain(0)
		return
	}
	if n.phase == up {
		n.goUp()
		n.comeBack()
		return
	}
	n.nwk.Start(n.now)
	n.setBeacon()
	n.announce()
	n.join.step = requesting
	if _, ok := n.aps.Key(n.tc, aps.Provisional); ok {
		n.join.step = verifying
	}
	n.exchange()
}

const stateVersion = 6

var errState = errors.New("zigbee state: not one, of another version, or damaged")

// Append appends the explicit form of the state to b. It holds keys: whoever
// keeps it keeps it sealed.
func (s State) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, stateVersion, uint8(s.role), uint8(s.phase), s.channel)
	b = le.AppendUint16(b, uint16(s.network.PAN))
	b = le.AppendUint64(b, uint64(s.network.Extended))
	b = le.AppendUint16(b, uint16(s.network.Short))
	b = append(b, s.network.UpdateID, s.network.Depth)
	b = le.AppendUint64(b, uint64(s.tc))
	k := s.key.Bytes()
	b = append(append(b, s.keySeq), k[:]...)
	k = s.nextKey.Bytes()
	b = append(append(b, s.nextSeq), k[:]...)
	b = append(b, s.fingerprint[:]...)
	b = le.AppendUint32(b, s.nwkCounter)
	b = le.AppendUint32(b, s.apsCounter)
	b = le.AppendUint16(b, uint16(len(s.peers)))
	for _, p := range s.peers {
		b = le.AppendUint64(b, uint64(p.EUI64))
		b = le.AppendUint16(b, uint16(p.Short))
		b = le.AppendUint32(b, p.Next)
		current := uint8(0)
		if p.Current {
			current = 1
		}
		b = append(b, current)
	}
	b = le.AppendUint16(b, uint16(len(s.keys)))
	for _, i := range s.keys {
		k := i.Key.Bytes()
		b = append(le.AppendUint64(b, uint64(i.Device)), uint8(i.Use))
		b = le.AppendUint32(append(b, k[:]...), i.Next)
	}
	b = le.AppendUint16(b, uint16(len(s.groups)))
	for _, g := range s.groups {
		b = le.AppendUint16(append(b, g.endpoint), g.group)
	}
	b = le.AppendUint16(b, uint16(len(s.bindings)))
	for _, i := range s.bindings {
		b = le.AppendUint16(append(b, i.Endpoint), i.Cluster)
		b = le.AppendUint64(le.AppendUint16(b, i.Group), uint64(i.Device))
		b = append(b, i.DstEndpoint)
	}
	b = le.AppendUint16(b, uint16(len(s.devices)))
	for i := range s.devices {
		b = s.devices[i].append(b)
	}
	b = s.appendFamily(b)
	green := s.green.Append(nil)
	return append(le.AppendUint16(b, uint16(len(green))), green...)
}

// Flags of a device in a state.
const (
	deviceAuthorised uint8 = 1 << iota
	deviceHasNextKey
)

func (d *device) append(b []byte) []byte {
	k := d.code.Bytes()
	b = binary.LittleEndian.AppendUint64(b, uint64(d.eui64))
	b = binary.LittleEndian.AppendUint16(b, uint16(d.short))
	var flags uint8
	if d.authorised {
		flags |= deviceAuthorised
	}
	if d.transport.has {
		flags |= deviceHasNextKey
	}
	return append(append(b, uint8(d.capability), flags), k[:]...)
}

// ParseState reads what [State.Append] wrote, exactly.
func ParseState(b []byte) (State, error) {
	r := reader{rest: b}
	if r.u8() != stateVersion {
		return State{}, errState
	}
	s := State{role: Role(r.u8()), phase: phase(r.u8()), channel: r.u8()}
	s.network = nwk.Network{
		PAN: zigbee.PANID(r.u16()), Extended: zigbee.ExtendedPANID(r.u64()), Short: zigbee.ShortAddr(r.u16()),
		UpdateID: r.u8(), Depth: r.u8(),
	}
	s.tc = r.eui64()
	s.keySeq, s.key = r.u8(), zigbee.NewNetworkKey(r.key())
	s.nextSeq, s.nextKey = r.u8(), zigbee.NewNetworkKey(r.key())
	s.fingerprint = r.key()
	s.nwkCounter, s.apsCounter = r.u32(), r.u32()
	for range r.count(nwk.MaxNodes) {
		p := nwk.Peer{EUI64: r.eui64(), Short: zigbee.ShortAddr(r.u16()), Next: r.u32()}
		current := r.u8()
		p.Current, r.bad = current == 1, r.bad || current > 1
		s.peers = append(s.peers, p)
	}
	for range r.count(aps.MaxKeys) {
		s.keys = append(s.keys, aps.KeyInfo{Device: r.eui64(), Use: aps.KeyUse(r.u8()), Key: zigbee.NewLinkKey(r.key()), Next: r.u32()})
	}
	for range r.count(aps.MaxGroups) {
		s.groups = append(s.groups, membership{endpoint: r.u8(), group: r.u16()})
	}
	for range r.count(MaxBindings) {
		s.bindings = append(s.bindings, Binding{
			Endpoint: r.u8(), Cluster: r.u16(), Group: r.u16(), Device: r.eui64(), DstEndpoint: r.u8(),
		})
	}
	for range r.count(MaxDevices) {
		d := device{eui64: r.eui64(), short: zigbee.ShortAddr(r.u16()), capability: zigbee.Capability(r.u8())}
		flags := r.u8()
		d.authorised, d.transport.has = flags&deviceAuthorised != 0, flags&deviceHasNextKey != 0
		r.bad = r.bad || flags > deviceAuthorised|deviceHasNextKey
		d.code = zigbee.NewLinkKey(r.key())
		s.devices = append(s.devices, d)
	}
	r.family(&s)
	var err error
	if s.green, err = gp.ParseState(r.take(int(r.u16()))); err != nil || r.bad || len(r.rest) > 0 || !s.valid() {
		return State{}, errState
	}
	return s, nil
}

// valid refuses what no node writes.
func (s *State) valid() bool {
	inNetwork := s.phase == up || s.phase == joined && s.role != Coordinator
	channel := s.channel >= zigbee.MinChannel && s.channel <= zigbee.MaxChannel
	if !s.nextKey.IsZero() && (!inNetwork || s.nextSeq == s.keySeq || s.nextKey.Equal(s.key)) || s.nextKey.IsZero() && s.nextSeq != 0 {
		return false
	}
	return s.role >= Coordinator && s.role <= EndDevice &&
		(inNetwork && channel && !s.key.IsZero() || s.phase == stopped && s.key.IsZero()) &&
		s.validParent(inNetwork) && s.validDevices() && (inNetwork && s.role != EndDevice || s.children == nil)
}

func (s *State) validParent(inNetwork bool) bool {
	known := s.parent != zigbee.Unassigned
	if s.role == Router {
		return !known || inNetwork && s.parent < 0xfff8 && s.parent != s.network.Short
	}
	return (inNetwork && s.role == EndDevice) == (known || s.isOrphan())
}

// reader walks a state. After a read past the end it returns zeros and is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.rest) < n {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) u8() uint8           { return r.take(1)[0] }
func (r *reader) u16() uint16         { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32         { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64         { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) eui64() zigbee.EUI64 { return zigbee.EUI64(r.u64()) }

func (r *reader) key() [zigbee.KeySize]byte { return [zigbee.KeySize]byte(r.take(zigbee.KeySize)) }

// count reads the length of a list, which is at most limit.
func (r *reader) count(limit int) int {
	n := int(r.u16())
	if n > limit {
		r.bad, n = true, 0
	}
	return n
}
