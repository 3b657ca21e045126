package aps

import (
	"errors"
	"time"

	"sconce/zigbee"
)

// Errors of [Layer.Send] and [Layer.SendCommand], and of [Done].
var (
	ErrQueueFull = errors.New("aps: too many frames are waiting")
	ErrTooLong   = errors.New("aps: payload does not fit one frame")
	ErrNoLinkKey = errors.New("aps: no link key is shared with the device")
	ErrNoRoute   = errors.New("aps: the next hop did not take the frame")
	ErrNoAck     = errors.New("aps: the device did not acknowledge")
)

// Request asks for a frame to be sent.
type Request struct {
	Handle   uint32 // returned by [Done]; 0 for none
	Header   Header // Type and addressing; the layer sets Counter and Secured
	Dst      zigbee.ShortAddr
	Payload  []byte // copied
	Security Security
	// Tunnel sends a secured command inside a tunnel command (4.4.10.6): Dst is
	// the parent of the device with this address, which passes it on. 0 for none.
	Tunnel zigbee.EUI64
	// Plain leaves out network security, for a network key on its way to a device
	// that has none.
	Plain bool
}

// Security says how a frame is protected at this layer.
type Security struct {
	Use  KeyUse // 0: not at all
	Key  zigbee.KeyID
	Peer zigbee.EUI64 // whose key it is
}

// Done is the end of a request with a handle.
type Done struct {
	Handle uint32
	Err    error // nil: sent, and acknowledged where that was asked for
}

// Outgoing is a frame for the network layer.
type Outgoing struct {
	ID    uint32 // for [Layer.Sent]
	Dst   zigbee.ShortAddr
	Plain bool
	Data  []byte // valid until the next call
}

type slotState uint8

const (
	free    slotState = iota
	ready             // for the network layer
	sending           // the network layer has it
	waiting           // for an acknowledgement, or to be sent again
)

// slot is a frame on its way. It is secured anew each time that it is sent.
type slot struct {
	state    slotState
	answered bool // awaits an acknowledgement when waiting, else a pause ends
	gen      uint32
	order    uint32
	req      Request
	payload  [MaxPayload]byte
	out      *outgoing // nil: the payload goes in one frame
	tries    uint8
	at       time.Time
}

// Room reports whether a request would find room.
func (l *Layer) Room() bool { return l.freeSlot() != nil }

// freeSlot returns a place for a frame, or nil when there is none.
func (l *Layer) freeSlot() *slot {
	for _, s := range l.slots {
		if s.state == free {
			return s
		}
	}
	if len(l.slots) == MaxPending {
		return nil
	}
	s := &slot{}
	l.slots = append(l.slots, s)
	return s
}

// Send queues a frame and fills in its counter. A unicast whose payload is too long for
// one goes in blocks, when it asks for an acknowledgement (2.2.8.4.5).
func (l *Layer) Send(r Request) error {
	s := l.freeSlot()
	if s == nil {
		return ErrQueueFull
	}
	limit, block := MaxPayload, blockSize
	if r.Security.Use != 0 {
		limit, block = MaxPayloadLinkKey, blockSizeLinkKey
		if l.find(r.Security.Peer, r.Security.Use) == nil {
			return ErrNoLinkKey
		}
	}
	long := len(r.Payload) > limit
	if long && (r.Header.Type != TypeData || !r.Header.AckRequest || len(r.Payload) > MaxFragmented) {
		return ErrTooLong
	}
	if r.Header.Type != TypeAck {
		l.seq++
		r.Header.Counter = l.seq
	}
	r.Header.Secured = r.Security.Use != 0
	l.order++
	*s = slot{state: ready, gen: s.gen&0x7fffff + 1, order: l.order, req: r}
	if long {
		s.out, s.req.Payload = l.newOutgoing(r.Payload, block), nil
		return nil
	}
	s.req.Payload = s.payload[:copy(s.payload[:], r.Payload)]
	return nil
}

// SendTunnel queues a command for a device that has no network key yet, by way of
// its parent with the short address via.
func (l *Layer) SendTunnel(via zigbee.ShortAddr, device zigbee.EUI64, c Command, s Security) error {
	var b [64]byte
	return l.Send(Request{
		Header: Header{Type: TypeCommand}, Dst: via, Payload: AppendCommand(b[:0], c), Security: s, Tunnel: device,
	})
}

// SendCommand queues a command.
func (l *Layer) SendCommand(handle uint32, dst zigbee.ShortAddr, c Command, s Security, ack, plain bool) error {
	var b [64]byte
	return l.Send(Request{
		Handle: handle, Header: Header{Type: TypeCommand, AckRequest: ack}, Dst: dst,
		Payload: AppendCommand(b[:0], c), Security: s, Plain: plain,
	})
}

// Next returns the oldest frame that is ready for the network layer, which must
// answer it with [Layer.Sent].
func (l *Layer) Next() (Outgoing, bool) {
	best := -1
	for i, s := range l.slots {
		if s.state == ready && (best < 0 || int32(s.order-l.slots[best].order) < 0) {
			best = i
		}
	}
	if best < 0 {
		return Outgoing{}, false
	}
	s := l.slots[best]
	frame := l.tx[:0]
	if s.req.Tunnel != 0 {
		frame = AppendHeader(frame, Header{Type: TypeCommand, Counter: s.req.Header.Counter})
		frame = AppendCommand(frame, Command{ID: Tunnel, Dst: s.req.Tunnel})
	}
	start := len(frame)
	header, payload := s.req.Header, s.req.Payload
	if s.out != nil {
		header, payload = s.out.block(header)
	}
	frame = AppendHeader(frame, header)
	if sec := s.req.Security; sec.Use != 0 {
		if l.counter >= l.covered {
			return Outgoing{}, false
		}
		k := l.find(sec.Peer, sec.Use)
		if k == nil && s.req.Header.Type == TypeAck {
			k = l.find(sec.Peer, Established) // what it answers has promoted the key
		}
		if k == nil {
			l.finish(s, ErrNoLinkKey)
			return l.Next()
		}
		aux := zigbee.Aux{Key: sec.Key, Counter: l.counter, HasSource: true, Source: l.eui64}
		l.counter++
		frame = k.envelopeFor(sec.Key).Secure(frame, start, aux, l.eui64, payload)
	} else {
		frame = append(frame, payload...)
	}
	s.state = sending
	return Outgoing{ID: s.gen<<8 | uint32(best), Dst: s.req.Dst, Plain: s.req.Plain, Data: frame}, true
}

// Sent says whether the network layer sent a frame.
func (l *Layer) Sent(now time.Time, id uint32, ok bool) {
	i := id & 0xff
	if int(i) >= len(l.slots) || l.slots[i].gen<<8 != id&^0xff || l.slots[i].state != sending {
		return // its acknowledgement came first
	}
	s := l.slots[i]
	switch {
	case s.out != nil:
		l.blockSent(now, s, ok)
	case ok && s.req.Header.AckRequest:
		s.state, s.answered, s.at = waiting, true, now.Add(AckWait)
	case ok:
		l.finish(s, nil)
	case s.req.Header.AckRequest && s.tries < MaxRetries:
		s.state, s.answered, s.at = waiting, false, now.Add(failurePause<<(2*s.tries))
	default:
		l.finish(s, ErrNoRoute)
	}
}

// Advance does what is due.
func (l *Layer) Advance(now time.Time) {
	for _, s := range l.slots {
		if s.state != waiting || s.at.After(now) {
			continue
		}
		if s.out != nil {
			l.blockDue(s)
			continue
		}
		if s.tries == MaxRetries {
			l.counters.Unanswered++
			l.finish(s, ErrNoAck)
			continue
		}
		s.tries++
		l.counters.Retries++
		s.state = ready
	}
}

// acknowledged ends the request that an acknowledgement answers.
func (l *Layer) acknowledged(from zigbee.ShortAddr, h Header) {
	for _, s := range l.slots {
		r := &s.req.Header
		if s.state == free || !r.AckRequest || r.Counter != h.Counter || s.req.Dst != from || h.CommandAck != (r.Type == TypeCommand) {
			continue
		}
		if !h.CommandAck && (r.DstEndpoint != h.SrcEndpoint || r.SrcEndpoint != h.DstEndpoint || r.Cluster != h.Cluster || r.Profile != h.Profile) {
			continue
		}
		if r.Secured && !h.Secured {
			continue // an answer without the protection of what it answers
		}
		if s.out != nil {
			l.blocksAcknowledged(s, h)
			return
		}
		if h.Fragment != Whole {
			continue
		}
		l.finish(s, nil)
		return
	}
}

func (l *Layer) finish(s *slot, err error) {
	s.state = free
	if s.req.Handle != 0 {
		l.outputs = append(l.outputs, Done{Handle: s.req.Handle, Err: err})
	}
}

// Reset gives up all frames.
func (l *Layer) Reset(err error) {
	for _, s := range l.slots {
		if s.state != free {
			l.finish(s, err)
		}
	}
}

// NextDone returns and removes the oldest end of a request.
func (l *Layer) NextDone() (Done, bool) {
	if len(l.outputs) == 0 {
		return Done{}, false
	}
	d := l.outputs[0]
	l.outputs = append(l.outputs[:0], l.outputs[1:]...)
	return d, true
}
