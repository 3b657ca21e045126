package aps

import (
	"time"

	"sconce/zigbee"
)

// The limits and times of the layer (2.2.7, tables 2-20 and 2-21).
const (
	// MaxPayload is how many bytes of application payload fit one frame, and
	// MaxPayloadLinkKey how many when a link key protects it too.
	MaxPayload        = 82
	MaxPayloadLinkKey = MaxPayload - 17

	MaxPending = 32  // frames that wait, are being sent or await their acknowledgement; when full, Send refuses
	MaxGroups  = 128 // group memberships of all endpoints
	MaxKeys    = 768 // link keys; when full, the new one is refused

	// AckWait is apscAckWaitDuration.
	AckWait = 1600 * time.Millisecond
	// MaxRetries is apscMaxFrameRetries.
	MaxRetries = 3

	failurePause  = 200 * time.Millisecond     // before a frame that did not reach its next hop is sent again; four times as long each further time
	maxDuplicates = 128                        // frames remembered; the oldest is forgotten
	duplicateLife = (MaxRetries + 1) * AckWait // as long as the sender may send the frame again
)

// Counters counts what the layer refused or gave up.
type Counters struct {
	Malformed     uint64 // frames that could not be parsed
	Unknown       uint64 // frames of kinds that are not supported: fragments, inter-PAN, commands
	NoKey         uint64 // secured frames of devices whose key this node does not have
	Forged        uint64 // frames whose integrity code is wrong with every key
	Replayed      uint64 // frames with a counter that was seen before
	Duplicates    uint64 // frames received again
	Retries       uint64 // frames sent again because no acknowledgement came
	Unanswered    uint64 // frames given up after all retries
	BlocksDropped uint64 // blocks of payloads that are too many, too long or not known
	AckDropped    uint64 // acknowledgements that found no room
}

// Layer is the application support layer of one node. It is made by [New] and not
// safe for concurrent use.
type Layer struct {
	eui64 zigbee.EUI64

	seq     uint8  // APS counter
	counter uint32 // the next outgoing frame counter
	covered uint32 // counters below this may be used: a saved state says that they are

	keys    []*linkKey
	slots   []*slot // at most MaxPending; those that are free are used again
	order   uint32
	tx      [MaxPayload + 16]byte
	rx      [128]byte // a secured frame while keys are tried on it
	heard   []heard
	oldest  int // of heard, when it is full
	groups  []membership
	outputs []Done
	parts   []*reassembly
	window  int // blocks

	counters Counters
}

// New returns a layer for the node with the given address. random fills a slice.
func New(eui64 zigbee.EUI64, random func([]byte)) *Layer {
	var b [1]byte
	random(b[:])
	return &Layer{eui64: eui64, seq: b[0], window: windowSize}
}

// Counter returns the outgoing frame counter that the next frame secured with a
// link key will use.
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

// Deadline returns when [Layer.Advance] has something to do.
func (l *Layer) Deadline() (time.Time, bool) {
	var d time.Time
	for _, s := range l.slots {
		if s.state == waiting && (d.IsZero() || s.at.Before(d)) {
			d = s.at
		}
	}
	return d, !d.IsZero()
}

// heard is a frame that was received, to know it when it comes again (2.2.8.4.2).
type heard struct {
	src     zigbee.ShortAddr
	counter uint8
	what    uint16 // cluster or command
	at      time.Time
}

// Restarted forgets what was heard of a device: it announced itself, and may
// have begun again to count its frames.
func (l *Layer) Restarted(src zigbee.ShortAddr) {
	for i := range l.heard {
		if l.heard[i].src == src {
			l.heard[i].at = time.Time{}
		}
	}
}

func (l *Layer) isDuplicate(now time.Time, h heard) bool {
	for i := range l.heard {
		e := &l.heard[i]
		if e.src == h.src && e.counter == h.counter && e.what == h.what && now.Sub(e.at) < duplicateLife {
			l.counters.Duplicates++
			return true
		}
	}
	h.at = now
	if len(l.heard) < maxDuplicates {
		l.heard = append(l.heard, h)
	} else {
		l.heard[l.oldest] = h
		l.oldest = (l.oldest + 1) % maxDuplicates
	}
	return false
}
