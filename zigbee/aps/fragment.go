package aps

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of fragmentation (2.2.8.4.5).
const (
	// MaxFragmented is the size in bytes of the largest payload that is sent or put
	// together in blocks.
	MaxFragmented = 1024

	maxBlocks       = 32 // of one payload; one that is cut smaller is not put together
	maxReassemblies = 4  // payloads that are put together at a time; the blocks of further ones are dropped and counted
	// blockSize leaves room for a source route of eight relays.
	blockSize        = 62
	blockSizeLinkKey = blockSize - 17
	// windowSize is how many blocks go out before an acknowledgement is waited for. All
	// Zigbee 3.0 devices agree on 1 (apscMaxWindowSize of the Home Automation stack
	// profile); the machinery does up to 8.
	windowSize = 1
	blockPause = 50 * time.Millisecond // apsInterframeDelay
	// reassemblyLife is how long the next block is waited for: as long as it may be sent again.
	reassemblyLife = (MaxRetries + 1) * AckWait
)

// Fragment says whether a frame is a block of a longer one (2.2.5.1.8.1).
type Fragment uint8

// The kinds of block.
const (
	Whole      Fragment = 0
	FirstBlock Fragment = 1
	LaterBlock Fragment = 2
)

// outgoing is a payload that is sent in blocks, one window after the other.
type outgoing struct {
	data    []byte
	size    int // of a block
	total   int
	window  int
	base    int    // the first block of the window
	current int    // the block to send
	acked   uint32 // blocks of the window, by their place in it
}

// newOutgoing cuts a payload into blocks.
func (l *Layer) newOutgoing(payload []byte, size int) *outgoing {
	return &outgoing{
		data: append([]byte(nil), payload...), size: size, total: (len(payload) + size - 1) / size, window: l.window,
	}
}

// block returns the header and the payload of the block to send.
func (o *outgoing) block(h Header) (Header, []byte) {
	h.Fragment, h.Block = LaterBlock, uint8(o.current)
	if o.current == 0 {
		h.Fragment, h.Block = FirstBlock, uint8(o.total)
	}
	from := o.current * o.size
	return h, o.data[from:min(from+o.size, len(o.data))]
}

// missing returns the first block of the window, from the given one on, that is not
// acknowledged.
func (o *outgoing) missing(from int) (int, bool) {
	for i := from; i < min(o.base+o.window, o.total); i++ {
		if o.acked>>(i-o.base)&1 == 0 {
			return i, true
		}
	}
	return 0, false
}

// blockSent goes on after a block has been sent, or has not.
func (l *Layer) blockSent(now time.Time, s *slot, ok bool) {
	o := s.out
	next, more := o.missing(o.current + 1)
	switch {
	case !ok && s.tries == MaxRetries:
		l.finish(s, ErrNoRoute)
	case !ok:
		s.tries++
		s.state, s.answered, s.at = waiting, false, now.Add(failurePause)
	case more:
		o.current = next
		s.state, s.answered, s.at = waiting, false, now.Add(blockPause)
	default:
		s.state, s.answered, s.at = waiting, true, now.Add(AckWait)
	}
}

// blockDue sends the next block, or those again that nobody acknowledged.
func (l *Layer) blockDue(s *slot) {
	if s.answered {
		l.repeatBlocks(s)
		return
	}
	s.state = ready
}

func (l *Layer) repeatBlocks(s *slot) {
	if s.tries == MaxRetries {
		l.counters.Unanswered++
		l.finish(s, ErrNoAck)
		return
	}
	s.tries++
	l.counters.Retries++
	s.out.current, _ = s.out.missing(s.out.base)
	s.state = ready
}

// blocksAcknowledged notes which blocks of the window have arrived (2.2.8.4.5.2).
func (l *Layer) blocksAcknowledged(s *slot, h Header) {
	o := s.out
	if h.Fragment == Whole || int(h.Block) != o.base {
		return // of a window before
	}
	o.acked |= uint32(h.Acked)
	if _, some := o.missing(o.base); some {
		l.repeatBlocks(s)
		return
	}
	s.tries, o.acked = 0, 0
	o.base += o.window
	if o.base >= o.total {
		l.finish(s, nil)
		return
	}
	o.current, s.state = o.base, ready
}

// reassembly is a payload of which blocks have arrived.
type reassembly struct {
	src     zigbee.ShortAddr
	header  Header // of all blocks, without what tells them apart
	use     KeyUse
	total   int // of blocks
	blocks  [][]byte
	size    int // in bytes so far
	expires time.Time
	done    bool // has been handed up; is there to acknowledge what is sent again
}

// reassemble takes a block, answers it, and returns the payload when it is whole.
func (l *Layer) reassemble(now time.Time, in Incoming, ind Indication) (Indication, bool) {
	h := ind.Header
	r := l.reassemblyOf(now, in, ind)
	i := int(h.Block)
	if h.Fragment == FirstBlock {
		i = 0
	}
	if r == nil || i >= r.total {
		return Indication{}, false
	}
	r.expires = now.Add(reassemblyLife)
	again := r.done || r.blocks[i] != nil
	if !again {
		if len(ind.Payload) == 0 || r.size+len(ind.Payload) > MaxFragmented {
			l.counters.Malformed++
			r.expires = now
			return Indication{}, false
		}
		r.blocks[i] = append([]byte(nil), ind.Payload...)
		r.size += len(ind.Payload)
	}
	base := i / l.window * l.window
	have := r.have(base, l.window)
	if last := min(base+l.window, r.total) - 1; again || i == last || have == 0xff {
		l.acknowledgeBlocks(in, ind, base, have)
	}
	if r.done || r.size == 0 {
		return Indication{}, false
	}
	whole := make([]byte, 0, r.size)
	for _, b := range r.blocks {
		if b == nil {
			return Indication{}, false
		}
		whole = append(whole, b...)
	}
	r.done, r.blocks, r.size = true, nil, 0
	ind.Payload, ind.Header = whole, r.header
	return ind, !l.isDuplicate(now, heard{src: in.Src, counter: h.Counter, what: h.Cluster})
}

// have returns which blocks of a window have arrived, as an acknowledgement says
// it: places where no block can be are ones (2.2.5.1.8.3).
func (r *reassembly) have(base, window int) uint8 {
	bits := uint8(0xff)
	for i := base; i < min(base+window, r.total); i++ {
		if !r.done && r.blocks[i] == nil {
			bits &^= 1 << (i - base)
		}
	}
	return bits
}

// reassemblyOf returns what a block belongs to, made for a first block, and nil when
// there is none or no room.
func (l *Layer) reassemblyOf(now time.Time, in Incoming, ind Indication) *reassembly {
	key := ind.Header
	key.Fragment, key.Block = Whole, 0
	keep := l.parts[:0]
	for _, r := range l.parts {
		if r.expires.After(now) {
			keep = append(keep, r)
		}
	}
	clear(l.parts[len(keep):])
	l.parts = keep
	for _, r := range l.parts {
		if r.src == in.Src && r.header == key && r.use == ind.Use {
			return r
		}
	}
	total := int(ind.Header.Block)
	if ind.Header.Fragment != FirstBlock || total < 2 || total > maxBlocks || len(l.parts) == maxReassemblies {
		l.counters.BlocksDropped++
		return nil
	}
	r := &reassembly{src: in.Src, header: key, use: ind.Use, total: total, blocks: make([][]byte, total), expires: now.Add(reassemblyLife)}
	l.parts = append(l.parts, r)
	return r
}

// acknowledgeBlocks says which blocks of a window have arrived.
func (l *Layer) acknowledgeBlocks(in Incoming, ind Indication, base int, have uint8) {
	ind.Header.Fragment, ind.Header.Block, ind.Header.Acked = LaterBlock, uint8(base), have
	if base == 0 {
		ind.Header.Fragment = FirstBlock
	}
	l.acknowledge(in, ind)
}
