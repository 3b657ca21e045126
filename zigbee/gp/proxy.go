package gp

import (
	"slices"
	"time"

	"sconce/zigbee"
)

// The limits and times of a proxy.
const (
	MaxPairings = 64 // devices that a proxy passes on; when full, a further pairing is refused and counted
	MaxPending  = 16 // commands that wait to be sent; when full, a further one is dropped and counted

	// CommissioningWindow is how long commissioning mode lasts when nobody says
	// (gpsCommissioningWindow, A.3.3.2.5), and at most.
	CommissioningWindow = 180 * time.Second

	// What a proxy waits before it passes a frame on: so long after an excellent
	// reception, and a step longer for each lower quality, so that the sink hears the
	// best placed proxy first (A.3.6.3.1).
	tunnelDelay  = 5 * time.Millisecond
	tunnelStep   = 32 * time.Millisecond
	tunnelJitter = 8 * time.Millisecond

	// The same of a frame of commissioning, which every proxy in reach passes on: in a
	// dense building dozens of them, all to one sink.
	introduceStep   = 500 * time.Millisecond
	introduceJitter = 500 * time.Millisecond

	duplicateWindow = 2 * time.Second // gpDuplicateTimeout (A.3.6.1.2)
	maxDuplicates   = 32              // frames remembered; the oldest is forgotten
)

// Sender is who sent a command of the cluster.
type Sender struct {
	EUI64       zigbee.EUI64
	LinkKey     bool // with the link key that it shares with the trust centre or this node with it
	TrustCentre bool
}

// Outgoing is a command of the cluster for endpoint [Endpoint] of another node.
type Outgoing struct {
	Peer       zigbee.EUI64 // 0: all nodes that listen
	LinkKey    bool         // protect with the peer's link key
	Command    uint8
	FromServer bool // direction: from a sink
	Payload    []byte
}

// Proxy is the part of a router that hears devices and passes on what they say. It
// is made by [NewProxy] and not safe for concurrent use.
type Proxy struct {
	random   func([]byte)
	entries  []proxyEntry // in order of ID
	until    time.Time    // commissioning mode; zero when closed
	sink     zigbee.EUI64 // of commissioning mode
	onPair   bool         // commissioning mode ends with the first pairing
	heard    []heard
	oldest   int
	pending  []delayed
	out      []Outgoing
	changed  bool
	counters Counters
}

type proxyEntry struct {
	id        ID
	device    uint8
	level     Level
	keyType   KeyType
	key       Key
	last      uint32 // the highest counter that was heard
	sink      zigbee.EUI64
	sinkShort zigbee.ShortAddr
	inRange   bool
}

// heard is a frame that was received, to know its repetitions.
type heard struct {
	id      ID
	level   Level
	counter uint32
	command byte
	mic     [zigbee.MICSize]byte // so that a forgery does not stand for the true frame
	at      time.Time
}

type delayed struct {
	at time.Time
	o  Outgoing
}

// NewProxy returns a proxy. random fills a slice.
func NewProxy(random func([]byte)) *Proxy { return &Proxy{random: random} }

// Counters returns what was counted since the proxy was made.
func (p *Proxy) Counters() Counters { return p.counters }

// Commissioning reports whether commissioning frames are passed on.
func (p *Proxy) Commissioning() bool { return !p.until.IsZero() }

// Pairings returns how many devices the proxy passes on.
func (p *Proxy) Pairings() int { return len(p.entries) }

func (p *Proxy) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(p.entries, id, func(e proxyEntry, id ID) int { return e.id.Compare(id) })
}

// Receive takes a frame from a device (A.3.5.2.2): seq is the sequence number of its
// MAC header, self the short address of this node.
func (p *Proxy) Receive(now time.Time, f Frame, seq, lqi uint8, self zigbee.ShortAddr) {
	if f.ToDevice || p.isDuplicate(now, f, seq) {
		return
	}
	info := &ProxyInfo{Proxy: self, Link: LinkOf(lqi)}
	i, paired := p.find(f.ID)
	if !paired {
		p.commission(now, f, seq, info)
		return
	}
	e := &p.entries[i]
	if f.Level == LevelNone && f.Command() == CommissioningGPDF && p.Commissioning() {
		p.commission(now, f, seq, info) // it is commissioned again
		return
	}
	switch {
	case f.Level != e.level:
		p.counters.Unsecured++
		return
	case f.Counter <= e.last:
		p.counters.Replayed++
		return
	}
	body, err := Open(e.key, f)
	if err != nil {
		p.counters.Forged++
		return
	}
	e.last, e.inRange = f.Counter, true
	p.counters.Accepted++
	n := Notification{
		ID: f.ID, AlsoUnicast: true, Level: f.Level, KeyType: e.keyType, RxAfterTx: f.RxAfterTx, QueueFull: true,
		Counter: f.Counter, Command: CommandID(body[0]), Payload: body[1:], Info: info,
	}
	p.later(now, info.Link, tunnelStep, tunnelJitter, Outgoing{Peer: e.sink, LinkKey: true, Command: CommandNotification, Payload: n.Append(nil)})
}

// commission passes on what an unknown device said, as far as it is about
// commissioning.
func (p *Proxy) commission(now time.Time, f Frame, seq uint8, info *ProxyInfo) {
	if !p.Commissioning() {
		p.counters.Unknown++
		return
	}
	n := CommissioningNotification{
		ID: f.ID, RxAfterTx: f.RxAfterTx, Level: f.Level, Counter: uint32(seq), Info: info,
		Command: CommandID(f.Body[0]), Payload: f.Body[1:],
	}
	if f.Level != LevelNone {
		n.Failed, n.MIC, n.Counter, n.KeyType = true, f.MIC, f.Counter, KeyGroup
		if f.IndividualKey {
			n.KeyType = KeyIndividual
		}
	}
	p.later(now, info.Link, introduceStep, introduceJitter, Outgoing{
		Peer: p.sink, LinkKey: true, Command: CommandCommissioningNotification, Payload: n.Append(nil),
	})
}

func (p *Proxy) isDuplicate(now time.Time, f Frame, seq uint8) bool {
	h := heard{id: f.ID, level: f.Level, counter: f.Counter, command: f.Body[0], mic: f.MIC, at: now}
	if f.Level == LevelNone {
		h.counter = uint32(seq)
	}
	for _, e := range p.heard {
		again := e.at.Add(duplicateWindow).After(now)
		if e.at = now; again && e == h {
			p.counters.Replayed++
			return true
		}
	}
	if len(p.heard) < maxDuplicates {
		p.heard = append(p.heard, h)
	} else {
		p.heard[p.oldest] = h
		p.oldest = (p.oldest + 1) % maxDuplicates
	}
	return false
}

// later queues a command for when this proxy's turn comes.
func (p *Proxy) later(now time.Time, l Link, step, jitter time.Duration, o Outgoing) {
	if len(p.pending) == MaxPending {
		p.counters.Full++
		return
	}
	var b [1]byte
	p.random(b[:])
	wait := tunnelDelay + time.Duration(3-l.Quality())*step + jitter*time.Duration(b[0])/256
	p.pending = append(p.pending, delayed{at: now.Add(wait), o: o})
}

// Command takes a command of the cluster. Only the trust centre may give one, and
// over its link key where it changes or shows the table: the network key is known to
// every node.
func (p *Proxy) Command(now time.Time, from Sender, command uint8, payload []byte) error {
	if !from.TrustCentre || command != CommandProxyCommissioningMode && !from.LinkKey {
		p.counters.Refused++
		return nil
	}
	switch command {
	case CommandPairing:
		m, err := ParsePairing(payload)
		if err != nil {
			return err
		}
		p.pair(m)
	case CommandProxyCommissioningMode:
		m, err := ParseProxyCommissioningMode(payload)
		if err != nil {
			return err
		}
		p.mode(now, from, m)
	case CommandProxyTableRequest:
		q, err := ParseProxyTableRequest(payload)
		if err != nil {
			return err
		}
		p.tell(from, q)
	default:
		p.counters.NotHandled++
	}
	return nil
}

// pair obeys a pairing (A.3.5.2.3). One without security, or for a way to reach the
// sink that is not lightweight unicast, is refused.
func (p *Proxy) pair(m Pairing) {
	i, paired := p.find(m.ID)
	if !m.AddSink || m.RemoveGPD {
		if paired {
			p.entries = slices.Delete(p.entries, i, i+1)
			p.changed = true
		}
		return
	}
	if m.Mode != LightweightUnicast || m.Level == LevelNone || m.Key == nil || m.Key.IsWellKnown() || !m.ID.Valid() {
		p.counters.Refused++
		return
	}
	e := proxyEntry{
		id: m.ID, device: m.Device, level: m.Level, keyType: m.KeyType, key: *m.Key, sink: m.Sink, sinkShort: m.SinkShort, inRange: true,
	}
	if m.Counter != nil {
		e.last = *m.Counter
	}
	switch {
	case paired:
		if p.entries[i].key.Equal(e.key) {
			e.last = max(e.last, p.entries[i].last)
		}
		p.entries[i] = e
	case len(p.entries) == MaxPairings:
		p.counters.Full++
		return
	default:
		p.entries = slices.Insert(p.entries, i, e)
	}
	p.changed = true
	if p.onPair {
		p.close()
	}
}

func (p *Proxy) mode(now time.Time, from Sender, m ProxyCommissioningMode) {
	if !m.Enter {
		p.close()
		return
	}
	window := CommissioningWindow
	if m.Window != nil {
		window = min(window, time.Duration(*m.Window)*time.Second)
	}
	p.until, p.sink, p.onPair = now.Add(window), from.EUI64, m.ExitOnPairing
}

func (p *Proxy) close() { p.until, p.onPair = time.Time{}, false }

// tell answers with one entry of the table: what fits a frame.
func (p *Proxy) tell(to Sender, q ProxyTableRequest) {
	r := ProxyTableResponse{Status: TableNotFound, Total: uint8(len(p.entries)), Start: q.Index}
	i, ok := int(q.Index), int(q.Index) < len(p.entries)
	if !q.ByIndex {
		i, ok = p.find(q.ID)
		r.Start = 0xff
	}
	if ok {
		e := &p.entries[i]
		r.Status = TableSuccess
		r.Entries = []TableEntry{{
			ID: e.id, InRange: e.inRange, Level: e.level, KeyType: e.keyType, Counter: e.last, Sink: e.sink, SinkShort: e.sinkShort,
		}}
	}
	if len(p.out) == MaxPending {
		p.counters.Full++
		return
	}
	p.out = append(p.out, Outgoing{Peer: to.EUI64, LinkKey: true, Command: CommandProxyTableResponse, Payload: r.Append(nil)})
}

// NextOutgoing returns and removes the oldest command to send.
func (p *Proxy) NextOutgoing() (Outgoing, bool) {
	if len(p.out) == 0 {
		return Outgoing{}, false
	}
	o := p.out[0]
	p.out = p.out[1:]
	return o, true
}

// Deadline returns when [Proxy.Advance] has something to do.
func (p *Proxy) Deadline() (time.Time, bool) {
	d := p.until
	for i := range p.pending {
		if d.IsZero() || p.pending[i].at.Before(d) {
			d = p.pending[i].at
		}
	}
	return d, !d.IsZero()
}

// Advance does what is due.
func (p *Proxy) Advance(now time.Time) {
	if !p.until.IsZero() && !p.until.After(now) {
		p.close()
	}
	p.pending = slices.DeleteFunc(p.pending, func(d delayed) bool {
		if d.at.After(now) {
			return false
		}
		p.out = append(p.out, d.o)
		return true
	})
}

// TakeChanged reports whether what must survive a restart has changed since it was
// asked last.
func (p *Proxy) TakeChanged() bool {
	c := p.changed
	p.changed = false
	return c
}
