package nwk

import (
	"slices"
	"time"

	"sconce/zigbee"
)

const (
	maxFrame = 116 // bytes for this layer in a MAC frame with short addresses: 125 less 9

	unicastTries = 3                     // each with the radio's own retries
	unicastPause = 50 * time.Millisecond // between the first two, to twice that; four times as long before the last: a flood of others' frames is over by then

	// DefaultRadius is twice nwkMaxDepth (3.2.1.1.3 with table 3-58).
	DefaultRadius = 30
)

// Request asks for a data frame to be sent (3.2.1.1).
type Request struct {
	Handle    uint32 // returned by [SendDone]; 0 for none
	Dst       zigbee.ShortAddr
	Radius    uint8 // 0 for [DefaultRadius]
	Unsecured bool  // only for a frame that brings a network key to a device without one
	Payload   []byte
}

type itemState uint8

const (
	free      itemState = iota
	ready               // for the radio
	waiting             // until a time
	sending             // the radio has it
	listening           // a broadcast whose relaying by others is awaited
	held                // for a sleeping child, until it polls or a time
	searching           // for a route
)

// item is a frame to send. It is kept in the clear and secured for each
// transmission: a frame that is sent again has a new counter, so that what was
// sent in between does not make it look like a replay.
type item struct {
	state     itemState
	handle    uint32
	order     uint32
	hop       zigbee.ShortAddr
	header    Header
	payload   [maxFrame]byte
	size      int
	tries     uint8
	refusals  uint8 // of the channel
	at        time.Time
	relays    [2 * MaxRelays]byte // of the header
	direct    bool                // to a neighbour, whatever routes there are
	repaired  bool                // another route was looked for
	broadcast *broadcast          // nil: not tracked
	discovery *discovery          // of a route request
	expires   time.Time           // of a frame for a sleeping child
	fetched   bool                // by that child, which listens now
}

// Room reports whether a request would find room.
func (l *Layer) Room() bool { return l.freeItem() != nil }

// freeItem returns a place in the queue, or nil when it is full.
func (l *Layer) freeItem() *item {
	if l.busy < len(l.queue) {
		return l.queue[slices.IndexFunc(l.queue, func(q *item) bool { return q.state == free })]
	}
	if len(l.queue) == MaxQueue {
		return nil
	}
	q := &item{}
	l.queue = append(l.queue, q)
	return q
}

// taken returns what has to be looked at for what is in the queue: nothing most of
// the time.
func (l *Layer) taken() []*item {
	if l.busy == 0 {
		return nil
	}
	return l.queue
}

// Send queues a data frame, whose payload is copied. It reports false when the
// queue is full, the payload too long for one frame, or the destination cannot be
// reached or looked for. A unicast with radius 1, or without security, goes to a
// neighbour.
func (l *Layer) Send(now time.Time, r Request) bool {
	h := Header{Type: TypeData, Dst: r.Dst, Radius: r.Radius, Secured: !r.Unsecured}
	if h.Radius == 0 {
		h.Radius = DefaultRadius
	}
	return l.enqueue(now, h, r.Handle, r.Payload)
}

// SendLeave queues a leave command: with [LeaveRequest], to tell a device to
// leave; without, to say that this node leaves.
func (l *Layer) SendLeave(now time.Time, handle uint32, dst zigbee.ShortAddr, o LeaveOptions) bool {
	h := Header{Type: TypeCommand, Dst: dst, Radius: 1, Secured: true, SrcEUI64: l.eui64}
	if e, ok := l.EUI64Of(dst); ok {
		h.DstEUI64 = e
	}
	var b [2]byte
	return l.enqueue(now, h, handle, AppendLeave(b[:0], o))
}

func (l *Layer) enqueue(now time.Time, h Header, handle uint32, payload []byte) bool {
	q := l.freeItem()
	if q == nil || len(payload) > l.room(h) {
		return false
	}
	l.now = now
	h.Src = l.net.Short
	if h.Dst.IsBroadcast() {
		return l.enqueueBroadcast(now, q, h, handle, payload)
	}
	l.seq++
	h.Seq = l.seq
	h.DiscoverRoute = h.Type == TypeData && h.Secured && h.Radius > 1
	l.fill(q, h, handle, payload)
	if q.direct = h.Radius == 1 || !h.Secured; q.direct || l.dispatch(now, q) {
		return true
	}
	l.counters.NoRoute++
	q.handle = 0 // who asked knows by the answer
	l.finish(q, false)
	return false
}

func (l *Layer) enqueueBroadcast(now time.Time, q *item, h Header, handle uint32, payload []byte) bool {
	if h.Radius > 1 && l.heldBroadcasts() >= maxHeldBroadcasts {
		return false
	}
	l.broadcastSeq++
	h.Seq = l.broadcastSeq
	l.fill(q, h, handle, payload)
	l.holdBroadcast(h, payload)
	if h.Radius == 1 {
		return true
	}
	at := l.budget(now)
	if at.After(now) {
		q.state, q.at = waiting, at
	}
	if q.broadcast = l.track(now, h); q.broadcast != nil {
		q.broadcast.expires = at.Add(broadcastLife)
	}
	return true
}

func (l *Layer) fill(q *item, h Header, handle uint32, payload []byte) {
	l.order++
	if q.state == free {
		l.busy++
	}
	*q = item{state: ready, handle: handle, order: l.order, hop: h.Dst, header: h, size: len(payload)}
	copy(q.payload[:], payload)
	q.header.Relays = q.relays[:copy(q.relays[:], h.Relays)]
	if l.isEndDevice() {
		q.hop = l.parent
	}
}

// room returns how many bytes of payload fit a frame.
func (l *Layer) room(h Header) int {
	var b [maxFrame]byte
	n := maxFrame - len(AppendHeader(b[:0], h))
	if h.Secured {
		n -= zigbee.Aux{Key: zigbee.KeyNetwork, HasSource: true}.Size() + zigbee.MICSize
	}
	return n
}

// Next returns the next frame for the radio and the neighbour that it is for, or
// [zigbee.Broadcast]. It stays valid until [Layer.Done], which must follow before the
// next call.
func (l *Layer) Next() (hop zigbee.ShortAddr, frame []byte, ok bool) {
	q := l.first()
	if q == nil {
		return 0, nil, false
	}
	if q.header.Secured && l.counter >= l.covered {
		if !l.held {
			l.held = true
			l.counters.HeldForState++
		}
		return 0, nil, false
	}
	l.held = false
	q.state, l.sending = sending, q
	frame = AppendHeader(l.tx[:0], q.header)
	if !q.header.Secured {
		return q.hop, append(frame, q.payload[:q.size]...), true
	}
	k := &l.keys[l.active]
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: l.counter, HasSource: true, Source: l.eui64, KeySequence: k.seq}
	l.counter++
	return q.hop, k.envelope.Secure(frame, 0, aux, l.eui64, q.payload[:q.size]), true
}

// first returns the oldest frame that is ready and does not overtake another to
// the same neighbour.
func (l *Layer) first() *item {
	var best *item
	for _, q := range l.taken() {
		if q.state != ready || best != nil && int32(q.order-best.order) > 0 {
			continue
		}
		if q.header.Secured && l.keys[l.active].envelope == nil || l.overtakes(q) {
			continue
		}
		best = q
	}
	return best
}

func (l *Layer) overtakes(q *item) bool {
	if q.hop.IsBroadcast() {
		return false
	}
	for _, o := range l.queue {
		if o.state == waiting && o.hop == q.hop && int32(o.order-q.order) < 0 {
			return true
		}
	}
	return false
}

// Done says how the transmission of the last frame from [Layer.Next] ended:
// whether it was sent, and acknowledged where it was a unicast.
func (l *Layer) Done(now time.Time, sent bool) {
	q := l.sending
	if q == nil || q.state != sending {
		return
	}
	l.sending = nil
	switch {
	case q.hop.IsBroadcast():
		l.broadcastSent(q, now, sent)
	case sent:
		if n := l.byShort(q.hop); n != nil {
			n.strikes = 0
		}
		l.finish(q, true)
	case q.tries+1 < unicastTries:
		pause := unicastPause << (2 * q.tries)
		q.tries++
		q.state, q.at = waiting, now.Add(pause+l.jitter(pause))
	default:
		l.linkFailed(now, q)
	}
}

// finish frees an item and tells the end of its request once.
func (l *Layer) finish(q *item, ok bool) {
	if q.state == free {
		return
	}
	if q.handle != 0 {
		l.emit(Output{Kind: SendDone, Handle: q.handle, OK: ok})
	}
	l.busy--
	q.state, q.handle, q.broadcast, q.discovery = free, 0, nil, nil
}
