package nwk

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of the layer.
const (
	// MaxNodes is how many devices' addresses and counters are held; frames of
	// further neighbours are refused and counted. A trust centre knows 512, and in a dense
	// building a router hears as many.
	MaxNodes = 576
	MaxQueue = 48 // frames that wait or are being sent, a third of them for children that sleep; when full, Send refuses
)

// Network says which network the node is in, and as what (3.5.2).
type Network struct {
	PAN      zigbee.PANID
	Extended zigbee.ExtendedPANID
	Short    zigbee.ShortAddr
	UpdateID uint8
	Depth    uint8

	// Leaderless says that there is neither coordinator nor trust centre: nobody's
	// word counts for who leaves or where the network goes.
	Leaderless bool
}

// Counters counts what the layer took, refused or gave up.
type Counters struct {
	Opened        uint64 // secured frames that passed every check
	Overlooked    uint64 // link states that were not opened: there are better neighbours
	Malformed     uint64 // frames that could not be parsed or are not supported
	Unsecured     uint64 // frames without security where it is required
	UnknownKey    uint64 // frames secured with a key that this node does not have
	TooEarly      uint64 // secured frames while this node has no key yet
	Forged        uint64 // frames whose integrity code is wrong
	Replayed      uint64 // frames with a counter that was seen before
	Outdated      uint64 // broadcasts of strangers, which may be old
	TableFull     uint64 // frames of devices for which there is no room
	Duplicates    uint64 // broadcasts heard again
	BroadcastFull uint64 // broadcasts dropped because the transaction table is full
	NotForUs      uint64 // frames for other nodes
	Refused       uint64 // commands that are not allowed: unsecured rejoin, leave from the wrong node
	Failed        uint64 // unicasts given up after all retries
	Congested     uint64 // unicasts that a neighbour which is there did not take, and that were tried again
	Expired       uint64 // frames that a sleeping child did not fetch in time
	HeldFull      uint64 // frames for sleeping children that found no room, or made room
	HeldForState  uint64 // times that a frame had to wait for a saved frame counter
	Relayed       uint64 // unicasts of others that were taken to be passed on
	RelaysFull    uint64 // of those, how many found no room
	Loops         uint64 // relayed unicasts that came again from another neighbour, and were dropped
	NoRoute       uint64 // unicasts for which no route was found
	Searches      uint64 // route requests that this node originated
	SearchesFull  uint64 // searches that had to wait because there were too many
	RoutesFull    uint64 // routes forgotten because the table is full
	DiscoveryFull uint64 // route requests dropped because the table is full
	Muted         uint64 // network states not sent because there were too many
	Conflicts     uint64 // short addresses that two nodes were seen to have
}

// OutputKind says what an [Output] is.
type OutputKind uint8

// The kinds of output.
const (
	SendDone         OutputKind = iota + 1 // a request with a handle is over
	NodeLeft                               // a device said that it leaves
	ToldToLeave                            // the trust centre tells this node to leave
	ToldToRejoin                           // the trust centre or the parent tells this node to leave and come back
	ChildAged                              // a child was silent for longer than its timeout
	RejoinAsked                            // a node asks, secured, to rejoin through this one
	RejoinAnswered                         // a node answers to this node's wish to rejoin
	ParentAnswered                         // the parent answers to an end device timeout request
	ConflictReported                       // a node hears networks with the identifiers of this one
	Updated                                // the network gets another identifier
	LostAsked                              // a node that lost the network key asks, without security, to be introduced to the trust centre
	NewerKey                               // a neighbour used a network key that is newer than this node's
	KeySwitched                            // the prepared network key is the active one now
	AddressConflict                        // another node has this one's short address: it must take another
)

// Output is something that the layer above must know and that is no received data.
type Output struct {
	Kind   OutputKind
	Handle uint32 // SendDone
	OK     bool   // SendDone: the next hop has it, or the broadcast was sent
	EUI64  zigbee.EUI64
	Short  zigbee.ShortAddr // NodeLeft, ChildAged, RejoinAsked, AddressConflict; RejoinAnswered: the address to use

	Capability zigbee.Capability // RejoinAsked
	From       zigbee.ShortAddr  // RejoinAnswered
	PANs       []zigbee.PANID    // ConflictReported; Updated: the new one
	UpdateID   uint8             // Updated
}

// key is a network key in use. The layer holds the active one and the one before
// or after it (4.3.1.2).
type key struct {
	envelope *zigbee.Envelope // nil: none
	key      zigbee.NetworkKey
	seq      uint8
}

// Layer is the network layer of one node. It is made by [New] and not safe for
// concurrent use.
type Layer struct {
	eui64  zigbee.EUI64
	random func([]byte)

	net       Network
	keys      [2]key
	active    int
	lostUntil time.Time            // the network key may come without network security
	prepared  bool                 // the other one waits to become active
	former    [zigbee.KeySize]byte // fingerprint of the active one of the network that was left

	counter uint32 // the next outgoing frame counter
	held    bool   // a frame waits for covered to rise
	covered uint32 // counters below this may be used: a saved state says that they are

	now     time.Time // the latest that was given
	seq     uint8     // of unicasts
	order   uint32    // of the next request
	queue   []*item   // at most MaxQueue; those that are free are used again
	busy    int       // of them, how many are not free
	sending *item
	tx      [maxFrame]byte

	nodes      []*node     // slots are never moved nor removed
	eui64s     index       // of nodes
	shorts     index       // of nodes that have a short address
	routers    []neighbour // those with whom there are links: at most MaxNeighbours
	bar        uint32      // the rank that a further one must have
	children   []Child
	behind     bool             // one of them may not know of the active network key
	called     bool             // which of them are to be awake has changed
	grace      time.Time        // until then, who was known before a restart is
	sponsor    zigbee.ShortAddr // through whom this node came into the network; Unassigned: nobody
	parent     zigbee.ShortAddr // through whom all frames go; Unassigned: on no end device
	broadcasts []*broadcast     // at most maxBroadcasts
	outputs    []Output

	// Unicasts and broadcasts are numbered apart: whoever hears both compares only
	// broadcasts with broadcasts, and meets the same number half as soon.
	broadcastSeq  uint8
	ownBroadcasts [maxOwnBroadcasts]time.Time // when the last ones were sent
	nextOwn       int

	routes      []route      // at most MaxRoutes
	discoveries []*discovery // at most maxDiscoveries
	searches    []search     // at most maxSearches
	forwarded   [maxForwarded]forwarded
	oldest      int // of forwarded
	records     []routeRecord
	conflicts   []conflict // at most maxConflicts
	requestID   uint8
	statusAt    time.Time // network states count from here

	linkStatusAt  time.Time
	coordinatorAt time.Time // when anything of the coordinator was last heard
	manyToOneAt   time.Time // concentrator
	manyToOneLast time.Time
	quiet, learnt bool // see Quiet: nothing came of the last frame; an address was learnt from it
	counters      Counters
}

// New returns a layer for the node with the given address that is in no network.
// random fills a slice.
func New(eui64 zigbee.EUI64, random func([]byte)) *Layer {
	l := &Layer{eui64: eui64, random: random, parent: zigbee.Unassigned, sponsor: zigbee.Unassigned, bar: lapsed}
	var b [1]byte
	random(b[:])
	l.seq, l.broadcastSeq, l.requestID = b[0], b[0]^0x80, b[0]
	return l
}

// SetNetwork says which network the node is in.
func (l *Layer) SetNetwork(n Network) { l.net = n }

// Network returns what was set last.
func (l *Layer) Network() Network { return l.net }

// SetKey makes k the active network key. The key before it still opens frames
// until it is replaced in turn. Setting the active key again changes nothing.
func (l *Layer) SetKey(seq uint8, k zigbee.NetworkKey) {
	if a := &l.keys[l.active]; a.envelope != nil {
		if a.seq == seq && a.key.Equal(k) {
			return
		}
		l.active = 1 - l.active
	}
	again := l.former == fingerprint(seq, k)
	l.keys[l.active] = key{envelope: zigbee.NewEnvelope(k), key: k, seq: seq}
	l.prepared = false
	l.leaveBehind()
	l.forgetStrangers()
	for _, n := range l.nodes {
		if !again {
			n.next[l.active] = 0
		}
	}
	l.former = [zigbee.KeySize]byte{}
}

// Fingerprint names the network key that the incoming frame counters belong to,
// and does not give it away: the active one, or that of the network that was left.
// It is zero when there was none.
func (l *Layer) Fingerprint() [zigbee.KeySize]byte {
	if k := &l.keys[l.active]; k.envelope != nil {
		return fingerprint(k.seq, k.key)
	}
	return l.former
}

// RestoreFingerprint takes back what [Layer.Fingerprint] gave, on a node that is in
// no network: should it come to that key again, the counters of its peers count.
func (l *Layer) RestoreFingerprint(f [zigbee.KeySize]byte) { l.former = f }

func fingerprint(seq uint8, k zigbee.NetworkKey) [zigbee.KeySize]byte {
	return zigbee.KeyedHash(k.Bytes(), []byte{'f', seq})
}

// Key returns the active network key and its sequence number, and false when
// there is none: the node is not authenticated.
func (l *Layer) Key() (uint8, zigbee.NetworkKey, bool) {
	k := &l.keys[l.active]
	return k.seq, k.key, k.envelope != nil
}

// Start begins what a router in a network does by itself: link status, and as
// coordinator to ask for routes to itself.
func (l *Layer) Start(now time.Time) {
	l.now = now
	if l.grace.IsZero() {
		l.grace = now.Add(freshGrace)
	}
	if !l.isEndDevice() {
		l.linkStatusAt = now.Add(l.jitter(time.Second))
	}
	if l.isConcentrator() {
		l.manyToOneAt = now.Add(firstManyToOne)
	}
}

// Leave forgets the network, its keys, addresses and queue. The frame counters go
// on: should the node come back to the same key, no outgoing counter is used twice,
// and no old frame of another node is accepted.
func (l *Layer) Leave() {
	for _, q := range l.queue {
		l.finish(q, false)
	}
	l.former = l.Fingerprint()
	l.net, l.keys, l.prepared = Network{}, [2]key{}, false
	for _, n := range l.nodes {
		*n = node{eui64: n.eui64, slot: n.slot, short: zigbee.Unassigned, next: n.next}
	}
	l.reindex()
	l.broadcasts, l.ownBroadcasts = nil, [maxOwnBroadcasts]time.Time{}
	l.routes, l.records = nil, nil
	l.discoveries, l.searches = nil, nil
	l.forwarded, l.conflicts = [maxForwarded]forwarded{}, nil
	l.linkStatusAt, l.manyToOneAt, l.manyToOneLast = time.Time{}, time.Time{}, time.Time{}
	l.routers, l.bar, l.children, l.parent = nil, lapsed, nil, zigbee.Unassigned
	l.sponsor = zigbee.Unassigned
}

// Counter returns the outgoing frame counter that the next frame will use.
func (l *Layer) Counter() uint32 { return l.counter }

// Resume sets the outgoing frame counter from a saved state. Nothing that is
// secured is sent before [Layer.Cover].
func (l *Layer) Resume(counter uint32) { l.counter, l.covered = counter, counter }

// Cover says that a saved state resumes at the given counter: those below it may
// be used.
func (l *Layer) Cover(counter uint32) { l.covered = max(l.covered, counter) }

// Left returns how many counters may still be used.
func (l *Layer) Left() uint32 { return l.covered - l.counter }

// Counters returns what was counted since the layer was made.
func (l *Layer) Counters() Counters { return l.counters }

func (l *Layer) emit(o Output) { l.outputs = append(l.outputs, o) }

// NextOutput returns and removes the oldest output.
func (l *Layer) NextOutput() (Output, bool) {
	if len(l.outputs) == 0 {
		return Output{}, false
	}
	o := l.outputs[0]
	l.outputs = append(l.outputs[:0], l.outputs[1:]...)
	return o, true
}

// Deadline returns when [Layer.Advance] has something to do.
func (l *Layer) Deadline() (time.Time, bool) {
	d := earlier(earlier(l.linkStatusAt, l.manyToOneAt), l.childDeadline())
	for _, q := range l.taken() {
		if q.state == waiting || q.state == listening {
			d = earlier(d, q.at)
		}
	}
	for i := range l.searches {
		d = earlier(d, l.searches[i].until)
	}
	for i := range l.conflicts {
		d = earlier(d, l.conflicts[i].tell)
	}
	return d, !d.IsZero()
}

// Advance does what is due.
func (l *Layer) Advance(now time.Time) {
	l.now = now
	for _, q := range l.queue {
		if q.state == waiting && due(q.at, now) {
			q.state = ready
		}
		if q.state == listening && due(q.at, now) {
			l.repeat(q, now)
		}
	}
	l.advanceSearches(now)
	l.advanceConflicts(now)
	if due(l.manyToOneAt, now) {
		l.sendManyToOne(now)
	}
	if due(l.linkStatusAt, now) {
		l.sendLinkStatus(now)
	}
	l.ageChildren(now)
}

func (l *Layer) jitter(limit time.Duration) time.Duration {
	var b [2]byte
	l.random(b[:])
	return limit * time.Duration(int(b[0])|int(b[1])<<8) >> 16
}

func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// earlier returns the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
