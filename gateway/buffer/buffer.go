// Package buffer keeps the messages of a gateway until the cloud has
// acknowledged them (DESIGN §6). It lives in memory alone: nothing of it touches
// a disk, so that a stolen gateway tells nothing of what happened in a building.
//
// It is bounded in bytes. When a message does not fit, the oldest messages of
// the least important class give way, and are accounted for by kind and class,
// with their times, so that the gaps in the numbers that the cloud sees are
// explained.
//
// It is pure: no network, files, clock, goroutines or package-level state. Its
// owner serialises the calls.
package buffer

import (
	"cmp"
	"slices"

	"sconce/wire"
)

// DefaultMaxBytes is room for more than 24 hours of a full network: TestADayFits
// in package link holds it to that with a third to spare.
const DefaultMaxBytes = 64 << 20

// MinMaxBytes is the smallest limit that makes sense: [MaxTaken] messages on
// their way, and as much again waiting.
const MinMaxBytes = 2 * MaxTaken * (wire.MaxPayload + overhead)

// MaxTaken is how many messages may be on their way, taken and not yet
// acknowledged.
const MaxTaken = 32

// MaxHistory is how much of the backlog may be on its way, in bytes: what a live
// message may find before it on the line. It is a second of a line that carries
// 1 Mbit/s; one message may always go.
const MaxHistory = 128 << 10

// overhead is what a message costs beyond its payload, in bytes: the message
// itself, its place in the queue, and rounding up by the allocator.
const overhead = 128

// Message is one encoded message. Its payload is not changed after Add.
type Message struct {
	Kind     wire.Kind
	Class    wire.Class // decides what gives way, not what is sent first
	Sequence uint64
	Made     wire.Time
	Payload  []byte
}

func (m Message) size() int { return len(m.Payload) + overhead }

// classes is one more than the last class.
const classes = wire.ClassGreeting + 1

// queues holds waiting messages, class by class, each in the order of making.
type queues [classes][]Message

// oldest returns the class whose first message was made first.
func (q *queues) oldest() (c wire.Class, ok bool) {
	for other := range classes {
		if len(q[other]) > 0 && (!ok || q[other][0].Sequence < q[c][0].Sequence) {
			c, ok = other, true
		}
	}
	return c, ok
}

// pop takes the first message of a class that has one.
func (q *queues) pop(c wire.Class) Message {
	m := q[c][0]
	q[c][0] = Message{} // let go of the payload
	if q[c] = q[c][1:]; len(q[c]) == 0 {
		q[c] = nil // let go of the array
	}
	return m
}

func (q *queues) len() (n int) {
	for c := range classes {
		n += len(q[c])
	}
	return n
}

// taken is a message on its way.
type taken struct {
	Message
	history bool
}

// label is what is told apart of what was dropped.
type label struct {
	kind  wire.Kind
	class wire.Class
}

// Buffer holds messages. Those made since the last [Buffer.Connected] are live,
// the others are backlog, which is never sent while anything live waits. Each
// part is sent in the order of its making: so the numbers that the cloud has are
// few spans, whatever the mixture of kinds, and it can tell what came before.
type Buffer struct {
	max     int
	bytes   int
	history int // bytes of the backlog on their way
	live    queues
	backlog queues
	taken   map[uint64]taken // by sequence
	dropped map[label]wire.Dropped
	lost    uint64 // how many messages dropped has
}

// New returns an empty buffer for at most maxBytes, which is raised to
// [MinMaxBytes] when it is less.
func New(maxBytes int) *Buffer {
	return &Buffer{
		max:     max(maxBytes, MinMaxBytes),
		taken:   map[uint64]taken{},
		dropped: map[label]wire.Dropped{},
	}
}

// Add keeps a message, whose number is higher than that of all before and whose
// class is one that is known. When there is no room, it drops the oldest waiting
// messages of the least important classes, up to and including m's own; if that is
// not enough, m itself is dropped. Messages that are on their way are never dropped.
func (b *Buffer) Add(m Message) {
	for c := wire.ClassLogs; c <= m.Class; c++ {
		for _, q := range []*queues{&b.backlog, &b.live} { // the oldest first
			for len(q[c]) > 0 && b.bytes+m.size() > b.max {
				gone := q.pop(c)
				b.bytes -= gone.size()
				b.account(gone)
			}
		}
	}
	if b.bytes+m.size() > b.max {
		b.account(m)
		return
	}
	b.bytes += m.size()
	b.live[m.Class] = append(b.live[m.Class], m)
}

// account notes that a message was dropped.
func (b *Buffer) account(m Message) {
	of := label{m.Kind, m.Class}
	d, again := b.dropped[of]
	if !again {
		d = wire.Dropped{Kind: m.Kind, Class: m.Class, From: m.Made, To: m.Made}
	}
	d.Count++
	d.From, d.To = min(d.From, m.Made), max(d.To, m.Made)
	b.dropped[of] = d
	b.lost++
}

// Connected says that a connection begins: what waits now is backlog from here on.
func (b *Buffer) Connected() {
	for c := range classes {
		b.backlog[c] = append(b.backlog[c], b.live[c]...)
		b.live[c] = nil
	}
}

// Take returns the next message to send: a hello, else the oldest live one, else,
// when history is wanted, the oldest of the backlog. It stays in the buffer until
// [Buffer.Remove]. There is none while [MaxTaken] are on their way, and none of the
// backlog while [MaxHistory] bytes of it are.
func (b *Buffer) Take(history bool) (Message, bool) {
	if len(b.taken) >= MaxTaken {
		return Message{}, false
	}
	if m, ok := b.TakeGreeting(); ok {
		return m, true
	}
	if c, ok := b.live.oldest(); ok {
		return b.take(&b.live, c, false), true
	}
	c, ok := b.backlog.oldest()
	if !ok || !history || b.history > 0 && b.history+b.backlog[c][0].size() > MaxHistory {
		return Message{}, false
	}
	return b.take(&b.backlog, c, true), true
}

// TakeGreeting is [Buffer.Take] for a hello only, for which there is always a
// place on the way: it opens a connection, whatever is still unacknowledged from
// the last one.
func (b *Buffer) TakeGreeting() (Message, bool) {
	for _, q := range []*queues{&b.live, &b.backlog} {
		if len(q[wire.ClassGreeting]) > 0 {
			return b.take(q, wire.ClassGreeting, false), true
		}
	}
	return Message{}, false
}

func (b *Buffer) take(q *queues, c wire.Class, history bool) Message {
	m := q.pop(c)
	b.taken[m.Sequence] = taken{m, history}
	if history {
		b.history += m.size()
	}
	return m
}

// Renew gives a hello that waits, or is on its way, another payload of about the
// same size, made at another time: what it says is not true any more. It reports
// whether the message is held.
func (b *Buffer) Renew(m Message) bool {
	if old, ok := b.taken[m.Sequence]; ok {
		b.bytes += m.size() - old.size()
		b.taken[m.Sequence] = taken{m, false}
		return true
	}
	for _, q := range []*queues{&b.live, &b.backlog} {
		for i, old := range q[m.Class] {
			if old.Sequence == m.Sequence {
				b.bytes += m.size() - old.size()
				q[m.Class][i] = m
				return true
			}
		}
	}
	return false
}

// Greetings returns the numbers of the hellos that wait to be taken.
func (b *Buffer) Greetings() (numbers []uint64) {
	for _, q := range []*queues{&b.live, &b.backlog} {
		for _, m := range q[wire.ClassGreeting] {
			numbers = append(numbers, m.Sequence)
		}
	}
	return numbers
}

// Remove forgets a message that was taken: the cloud has it. It reports whether
// the message was on its way.
func (b *Buffer) Remove(sequence uint64) bool {
	_, ok := b.remove(sequence)
	return ok
}

func (b *Buffer) remove(sequence uint64) (Message, bool) {
	m, ok := b.taken[sequence]
	if !ok {
		return Message{}, false
	}
	b.bytes -= m.size()
	if m.history {
		b.history -= m.size()
	}
	delete(b.taken, sequence)
	return m.Message, true
}

// Refuse is [Buffer.Remove] for a message that the cloud will never take; it
// counts as dropped.
func (b *Buffer) Refuse(sequence uint64) bool {
	m, ok := b.remove(sequence)
	if ok {
		b.account(m)
	}
	return ok
}

// Len returns how many messages are held, including those on their way.
func (b *Buffer) Len() int { return len(b.taken) + b.live.len() + b.backlog.len() }

// Live returns how many live messages wait to be taken.
func (b *Buffer) Live() int { return b.live.len() }

// Bytes returns how much room the messages take.
func (b *Buffer) Bytes() int { return b.bytes }

// Lost returns how many messages were dropped since the buffer was made.
func (b *Buffer) Lost() uint64 { return b.lost }

// Dropped returns what was dropped since the buffer was made, in the order of
// classes, and of kinds within each.
func (b *Buffer) Dropped() []wire.Dropped {
	var list []wire.Dropped
	for _, d := range b.dropped {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b wire.Dropped) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}
