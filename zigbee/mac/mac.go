package mac

import (
	"time"

	"sconce/zigbee"
)

// The timing of the layer, at 62,500 symbols a second (6.5.3.2).
const (
	symbol               = 16 * time.Microsecond
	baseSuperframe       = 960 * symbol           // aBaseSuperframeDuration
	responseWait         = 32 * baseSuperframe    // macResponseWaitTime: 491.52 ms
	persistence          = 500 * baseSuperframe   // macTransactionPersistenceTime: 7.68 s
	frameWait            = 100 * time.Millisecond // for a frame that an acknowledgement announced; macMaxFrameTotalWaitTime and a slow host
	duplicateWindow      = 500 * time.Millisecond // a radio's retries are over long before
	beaconJitter         = 50 * time.Millisecond  // spreads the beacons that answer one request
	associationPolls     = 3
	associationPollPause = 200 * time.Millisecond
)

// The limits of the layer.
const (
	MaxIndirect   = 16 // frames held for a device that polls; when full, the request is refused
	maxCommands   = 8  // own frames waiting for the radio; when full, the new one is dropped and counted
	maxDuplicates = 32 // senders whose last sequence number is remembered; the oldest is forgotten
)

// ScanDuration returns how long a scan listens on one channel for a scan exponent
// of 0 to 14 (7.1.11.1.1).
func ScanDuration(exponent uint8) time.Duration { return baseSuperframe * (1<<min(exponent, 14) + 1) }

// Counters counts what the layer refused.
type Counters struct {
	Malformed   uint64 // frames that could not be parsed or are not supported
	Duplicates  uint64 // frames received twice
	Foreign     uint64 // frames for others that the radio let pass
	QueueFull   uint64 // own frames that found no room
	Expired     uint64 // indirect frames that nobody fetched
	Unsolicited uint64 // association responses that nobody waits for
}

// Kind says what an [Indication] is.
type Kind uint8

// The kinds of indication.
const (
	IndicateData      Kind = iota + 1 // a data frame for this node
	IndicateBeacon                    // a beacon: during a scan any, else one with this network's identifier
	IndicateAssociate                 // a device asks to associate
	IndicateOrphan                    // a device looks for its parent
	IndicatePoll                      // a device asks for a frame, and this layer holds none for it
)

// Indication is what a received frame means for the layer above.
type Indication struct {
	Kind       Kind
	Src, Dst   Address
	Seq        uint8
	Payload    []byte            // of data; lies in the received frame
	LQI        uint8             // of this reception
	Beacon     Beacon            // IndicateBeacon
	Channel    uint8             // IndicateBeacon: where it was heard
	Capability zigbee.Capability // IndicateAssociate
}

// OutputKind says what an [Output] is.
type OutputKind uint8

// The kinds of output.
const (
	ScanDone       OutputKind = iota + 1 // every channel was listened on
	AssociateDone                        // an association ended
	ResponseDone                         // an association response was fetched, or not
	AddressChanged                       // channel, network, pending list or listening changed: the radio must follow
	PollDone                             // a poll ended
	OrphanDone                           // an orphan scan ended
)

// Output is something that the layer above must know and that no received frame
// says.
type Output struct {
	Kind    OutputKind
	OK      bool              // AssociateDone, ResponseDone, OrphanDone; PollDone: the parent acknowledged
	Pending bool              // PollDone: the frame that came said that more wait
	Parent  Address           // OrphanDone with OK
	Channel uint8             // OrphanDone with OK
	Status  AssociationStatus // AssociateDone, when there was an answer
	Short   zigbee.ShortAddr  // AssociateDone with OK: the assigned address
	EUI64   zigbee.EUI64      // ResponseDone: whose
}

// MAC is the layer of one node. It is made by [New] and not safe for concurrent use.
type MAC struct {
	eui64  zigbee.EUI64
	random func([]byte)

	channel uint8
	pan     zigbee.PANID
	short   zigbee.ShortAddr

	seq      uint8
	commands []pending // frames of this layer, in order
	inFlight bool      // the radio has the first of them
	indirect []indirect
	heard    [maxDuplicates]heard
	outputs  []Output

	answer   Beacon // to beacon requests
	answers  bool
	beaconAt time.Time // when a beacon is due; zero when none is

	scan  scan
	assoc association

	sleepy  bool
	poll    poll
	lingers time.Time // listens until then; zero: does not

	counters Counters
}

// New returns a layer for the node with the given address. random fills a slice.
func New(eui64 zigbee.EUI64, random func([]byte)) *MAC {
	m := &MAC{eui64: eui64, random: random, pan: zigbee.BroadcastPAN, short: zigbee.Broadcast}
	var b [1]byte
	random(b[:])
	m.seq = b[0]
	return m
}

// Configure sets the channel and the addresses of the node.
func (m *MAC) Configure(channel uint8, pan zigbee.PANID, short zigbee.ShortAddr) {
	m.channel, m.pan, m.short = channel, pan, short
	m.emit(Output{Kind: AddressChanged})
}

// Channel returns the channel that the radio must be on, 0 for none yet.
func (m *MAC) Channel() uint8 { return m.channel }

// PAN returns the network that the radio must accept frames of.
func (m *MAC) PAN() zigbee.PANID { return m.pan }

// ShortAddr returns the short address that the radio must accept frames for.
func (m *MAC) ShortAddr() zigbee.ShortAddr { return m.short }

// AppendPending appends the addresses of devices for which a frame waits.
func (m *MAC) AppendPending(list []zigbee.EUI64) []zigbee.EUI64 {
	for _, f := range m.indirect {
		list = append(list, f.dst)
	}
	return list
}

// AnswerBeacons sets the beacon with which beacon requests are answered; its
// payload is copied.
func (m *MAC) AnswerBeacons(b Beacon) {
	b.Payload = append([]byte(nil), b.Payload...)
	m.answer, m.answers = b, true
}

// StopBeacons leaves beacon requests without an answer.
func (m *MAC) StopBeacons() { m.answers, m.beaconAt = false, time.Time{} }

// Counters returns what was counted since the layer was made.
func (m *MAC) Counters() Counters { return m.counters }

// Receive takes a frame, without its frame check sequence.
func (m *MAC) Receive(now time.Time, frame []byte, lqi uint8) (Indication, bool) {
	h, payload, err := Parse(frame)
	if err != nil {
		m.counters.Malformed++
		return Indication{}, false
	}
	ind := Indication{Src: h.Src, Dst: h.Dst, Seq: h.Seq, LQI: lqi}
	switch h.Type {
	case TypeBeacon:
		return m.receiveBeacon(ind, payload)
	case TypeData:
		if !m.accepts(h) {
			return Indication{}, false
		}
		m.polled(now, h)
		if m.isDuplicate(now, h) {
			return Indication{}, false
		}
		ind.Kind, ind.Payload = IndicateData, payload
		return ind, len(payload) > 0
	case TypeCommand:
		return m.receiveCommand(now, h, ind, payload)
	}
	return Indication{}, false
}

func (m *MAC) receiveBeacon(ind Indication, payload []byte) (Indication, bool) {
	b, err := ParseBeacon(payload)
	if err != nil || ind.Src.Mode == NoAddress {
		m.counters.Malformed++
		return Indication{}, false
	}
	ind.Kind, ind.Beacon, ind.Channel = IndicateBeacon, b, m.channel
	return ind, m.scan.active || ind.Src.PAN == m.pan
}

func (m *MAC) receiveCommand(now time.Time, h Header, ind Indication, payload []byte) (Indication, bool) {
	c, err := ParseCommand(payload)
	if err != nil {
		m.counters.Malformed++
		return Indication{}, false
	}
	if !m.accepts(h) || m.isDuplicate(now, h) {
		return Indication{}, false
	}
	switch c.ID {
	case BeaconRequest:
		if m.answers && m.beaconAt.IsZero() {
			m.beaconAt = now.Add(m.jitter(beaconJitter))
		}
	case AssociationRequest:
		ind.Kind, ind.Capability = IndicateAssociate, c.Capability
		return ind, m.answers && h.Src.Mode == ExtendedAddress
	case AssociationResponse:
		m.associationAnswer(h, c)
	case OrphanNotification:
		ind.Kind = IndicateOrphan
		return ind, m.answers && h.Src.Mode == ExtendedAddress
	case Realignment:
		m.realigned(h, c)
	case DataRequest:
		ind.Kind = IndicatePoll
		return ind, m.answers && !m.fetch(h.Src)
	}
	return Indication{}, false
}

// accepts repeats the radio's address filter, which a promiscuous radio lacks
// (7.5.6.2).
func (m *MAC) accepts(h Header) bool {
	ok := h.Dst.PAN == m.pan || h.Dst.PAN == zigbee.BroadcastPAN || m.pan == zigbee.BroadcastPAN
	switch h.Dst.Mode {
	case ShortAddress:
		ok = ok && (h.Dst.Short == m.short || h.Dst.Short == zigbee.Broadcast)
	case ExtendedAddress:
		ok = ok && h.Dst.EUI64 == m.eui64
	default:
		ok = false
	}
	if !ok {
		m.counters.Foreign++
	}
	return ok
}

type heard struct {
	src Address
	seq uint8
	at  time.Time
}

// isDuplicate reports whether a frame came again because its acknowledgement was lost.
func (m *MAC) isDuplicate(now time.Time, h Header) bool {
	if h.Src.Mode == NoAddress || !h.Ack {
		return false // it is sent once
	}
	oldest := 0
	for i := range m.heard {
		e := &m.heard[i]
		if e.src == h.Src {
			again := e.seq == h.Seq && now.Sub(e.at) < duplicateWindow
			e.seq, e.at = h.Seq, now
			if again {
				m.counters.Duplicates++
			}
			return again
		}
		if e.at.Before(m.heard[oldest].at) {
			oldest = i
		}
	}
	m.heard[oldest] = heard{src: h.Src, seq: h.Seq, at: now}
	return false
}

// AppendData appends a data frame of this node to b: to a short address in its
// network, with an acknowledgement unless it is a broadcast.
func (m *MAC) AppendData(b []byte, dst zigbee.ShortAddr, payload []byte) []byte {
	if dst.IsBroadcast() {
		dst = zigbee.Broadcast
	}
	b = AppendHeader(b, Header{
		Type: TypeData, Compress: true, Seq: m.nextSeq(), Ack: dst != zigbee.Broadcast,
		Dst: Short(m.pan, dst), Src: Short(m.pan, m.short),
	})
	return append(b, payload...)
}

func (m *MAC) nextSeq() uint8 {
	m.seq++
	return m.seq
}

func (m *MAC) emit(o Output) { m.outputs = append(m.outputs, o) }

// NextOutput returns and removes the oldest output.
func (m *MAC) NextOutput() (Output, bool) {
	if len(m.outputs) == 0 {
		return Output{}, false
	}
	o := m.outputs[0]
	m.outputs = append(m.outputs[:0], m.outputs[1:]...)
	return o, true
}

// Quiet reports whether there is no output.
func (m *MAC) Quiet() bool { return len(m.outputs) == 0 }

// Deadline returns when [MAC.Advance] has something to do.
func (m *MAC) Deadline() (time.Time, bool) {
	var d time.Time
	for _, t := range [...]time.Time{m.beaconAt, m.scan.until, m.assoc.at, m.poll.until, m.lingers} {
		d = earlier(d, t)
	}
	for _, f := range m.indirect {
		d = earlier(d, f.expires)
	}
	return d, !d.IsZero()
}

// Advance does what is due.
func (m *MAC) Advance(now time.Time) {
	if due(m.beaconAt, now) {
		m.beaconAt = time.Time{}
		m.sendBeacon()
	}
	m.expire(now)
	m.advanceScan(now)
	m.advanceAssociation(now)
	m.advancePoll(now)
}

func (m *MAC) jitter(limit time.Duration) time.Duration {
	var b [2]byte
	m.random(b[:])
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
