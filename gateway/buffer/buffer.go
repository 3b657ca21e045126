// Package buffer keeps the messages of a gateway until the cloud has
// acknowledged them (DESIGN §6). It lives in memory alone: nothing of it touches
// a disk, so that a stolen gateway tells nothing of what happened in a building.
//
// It is bounded in bytes. When a message does not fit, the oldest messages of
// the least important class give way, and are counted by kind, so that the gaps
// in the numbers that the cloud sees are accounted for.
//
// It is pure: no network, files, clock, goroutines or package-level state. Its
// owner serialises the calls.
package buffer

import (
	"cmp"
	"maps"
	"slices"

	"sconce/wire"
)

// DefaultMaxBytes is room for more than 24 hours of a full network: 250 devices
// with a power reading every 15 s come to about 1.4 million readings, 40 bytes
// each in batches.
const DefaultMaxBytes = 64 << 20

// MinMaxBytes is the smallest limit that makes sense: [MaxTaken] messages on
// their way, and as much again waiting.
const MinMaxBytes = 2 * MaxTaken * (wire.MaxPayload + overhead)

// MaxTaken is how many messages may be on their way, taken and not yet
// acknowledged.
const MaxTaken = 32

// overhead is what a message costs beyond its payload, in bytes: the message
// itself, its place in the queue, and rounding up by the allocator.
const overhead = 96

// Class orders messages by how much their loss would hurt. It decides what gives
// way, not what is sent first.
type Class uint8

// The classes, from the first to be dropped to the last.
const (
	Logs     Class = iota // for people who look for faults
	Readings              // measured values: many, and the next one comes soon
	States                // the cloud learns them again when a device reports
	Vital                 // events, results, reports: nothing repeats them
	Greeting              // hello: opens a connection, so it is sent before all else
	classes
)

// ClassOf returns the class of a kind of message.
func ClassOf(k wire.Kind) Class {
	switch k {
	case wire.KindHello:
		return Greeting
	case wire.KindLog:
		return Logs
	case wire.KindReadings:
		return Readings
	case wire.KindState:
		return States
	default:
		return Vital
	}
}

// Message is one encoded message. Its payload is not changed after Add.
type Message struct {
	Kind     wire.Kind
	Sequence uint64
	Payload  []byte
}

func (m Message) size() int { return len(m.Payload) + overhead }

// queues holds waiting messages, class by class, each in the order of making.
type queues [classes][]Message

// oldest returns the class whose first message was made first.
func (q *queues) oldest() (c Class, ok bool) {
	for other := Logs; other < classes; other++ {
		if len(q[other]) > 0 && (!ok || q[other][0].Sequence < q[c][0].Sequence) {
			c, ok = other, true
		}
	}
	return c, ok
}

// pop takes the first message of a class that has one.
func (q *queues) pop(c Class) Message {
	m := q[c][0]
	q[c][0] = Message{} // let go of the payload
	if q[c] = q[c][1:]; len(q[c]) == 0 {
		q[c] = nil // let go of the array
	}
	return m
}

// Buffer holds messages. Those made since the last [Buffer.Connected] are live,
// the others are backlog, which is never sent while anything live waits. Each
// part is sent in the order of its making: so the numbers that the cloud has are
// few spans, whatever the mixture of kinds, and it can tell what came before.
type Buffer struct {
	max     int
	bytes   int
	live    queues
	backlog queues
	taken   map[uint64]Message // by sequence
	dropped map[wire.Kind]uint64
}

// New returns an empty buffer for at most maxBytes, which is raised to
// [MinMaxBytes] when it is less.
func New(maxBytes int) *Buffer {
	return &Buffer{
		max:     max(maxBytes, MinMaxBytes),
		taken:   map[uint64]Message{},
		dropped: map[wire.Kind]uint64{},
	}
}

// Add keeps a message, whose number is higher than that of all before. When there
// is no room, it drops the oldest waiting messages of the least important classes,
// up to and including m's own; if that is not enough, m itself is dropped.
// Messages that are on their way are never dropped.
func (b *Buffer) Add(m Message) {
	own := ClassOf(m.Kind)
	for c := Logs; c <= own; c++ {
		for _, q := range []*queues{&b.backlog, &b.live} { // the oldest first
			for len(q[c]) > 0 && b.bytes+m.size() > b.max {
				gone := q.pop(c)
				b.bytes -= gone.size()
				b.dropped[gone.Kind]++
			}
		}
	}
	if b.bytes+m.size() > b.max {
		b.dropped[m.Kind]++
		return
	}
	b.bytes += m.size()
	b.live[own] = append(b.live[own], m)
}

// Connected says that a connection begins: what waits now is backlog from here on.
func (b *Buffer) Connected() {
	for c := range classes {
		b.backlog[c] = append(b.backlog[c], b.live[c]...)
		b.live[c] = nil
	}
}

// Take returns the next message to send: a hello, else the oldest live one, else
// the oldest of the backlog. It stays in the buffer until [Buffer.Remove]. There
// is none while [MaxTaken] are on their way.
func (b *Buffer) Take() (Message, bool) {
	if len(b.taken) >= MaxTaken {
		return Message{}, false
	}
	if m, ok := b.TakeGreeting(); ok {
		return m, true
	}
	for _, q := range []*queues{&b.live, &b.backlog} {
		if c, ok := q.oldest(); ok {
			return b.take(q, c), true
		}
	}
	return Message{}, false
}

// TakeGreeting is [Buffer.Take] for a hello only, for which there is always a
// place on the way: it opens a connection, whatever is still unacknowledged from
// the last one.
func (b *Buffer) TakeGreeting() (Message, bool) {
	for _, q := range []*queues{&b.live, &b.backlog} {
		if len(q[Greeting]) > 0 {
			return b.take(q, Greeting), true
		}
	}
	return Message{}, false
}

func (b *Buffer) take(q *queues, c Class) Message {
	m := q.pop(c)
	b.taken[m.Sequence] = m
	return m
}

// Holds reports whether a message of the kind is held, waiting or on its way.
func (b *Buffer) Holds(k wire.Kind) bool {
	for _, m := range b.taken {
		if m.Kind == k {
			return true
		}
	}
	waits := func(m Message) bool { return m.Kind == k }
	c := ClassOf(k)
	return slices.ContainsFunc(b.live[c], waits) || slices.ContainsFunc(b.backlog[c], waits)
}

// Remove forgets a message that was taken: the cloud has it. It reports whether
// the message was on its way.
func (b *Buffer) Remove(sequence uint64) bool {
	m, ok := b.taken[sequence]
	if ok {
		b.bytes -= m.size()
		delete(b.taken, sequence)
	}
	return ok
}

// Refuse is [Buffer.Remove] for a message that the cloud will never take; it
// counts as dropped.
func (b *Buffer) Refuse(sequence uint64) bool {
	m, ok := b.taken[sequence]
	if ok {
		b.dropped[m.Kind]++
	}
	return b.Remove(sequence) && ok
}

// Len returns how many messages are held, including those on their way.
func (b *Buffer) Len() int {
	n := len(b.taken)
	for c := range classes {
		n += len(b.live[c]) + len(b.backlog[c])
	}
	return n
}

// Bytes returns how much room the messages take.
func (b *Buffer) Bytes() int { return b.bytes }

// Dropped returns how many messages of each kind were dropped since the buffer
// was made, in the order of their kinds.
func (b *Buffer) Dropped() []wire.Dropped {
	var d []wire.Dropped
	for _, k := range slices.SortedFunc(maps.Keys(b.dropped), cmp.Compare[wire.Kind]) {
		d = append(d, wire.Dropped{Kind: k, Count: b.dropped[k]})
	}
	return d
}
