package stack

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/aps"
	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
	"sconce/zigbee/zdo"
)

// medium is the simplest air: everybody hears everybody, one frame at a time.
type medium struct {
	t     testing.TB
	now   time.Time
	rng   *rand.Rand
	loss  float64 // of a frame at one receiver
	nodes []*station
	sent  []sniffed
	quiet int                                    // frames of which nothing came
	drop  func(from *station, frame []byte) bool // more loss, as a test wants it
	walls map[[2]*station]bool                   // who does not hear one another
}

// sniffed is a frame that was on the air, without its frame check sequence.
type sniffed struct {
	at    time.Time
	frame []byte
}

// station is a node with its radio and its owner.
type station struct {
	*Node
	m      *medium
	name   string
	dead   bool
	manual bool // the test saves states, not the owner
	events []Event
	saves  int
	kept   State // the last one that was saved
}

func newMedium(t testing.TB, seed uint64) *medium {
	return &medium{t: t, now: time.Unix(1_700_000_000, 0), rng: rand.New(rand.NewPCG(seed, 1))}
}

func (m *medium) random(p []byte) {
	for i := range p {
		p[i] = byte(m.rng.Uint32())
	}
}

const (
	tcAddress   zigbee.EUI64 = 0x00124b0001000000
	lampAddress zigbee.EUI64 = 0x00124b0002000000
)

func lampEndpoint() []zdo.SimpleDescriptor {
	return []zdo.SimpleDescriptor{{Endpoint: 1, Profile: 0x0104, Device: 0x0101, Version: 1, In: []uint16{0, 3, 4, 6, 8}}}
}

func (m *medium) config(role Role, e zigbee.EUI64, code zigbee.InstallCode) Config {
	d := zdo.NodeDescriptor{
		Logical: zdo.Router, Bands: zdo.Band2400MHz, Capability: zigbee.RouterCapability, Manufacturer: 0x1234,
		MaxBuffer: 82, MaxIncoming: 82, MaxOutgoing: 82, ServerMask: 22 << zdo.StackRevisionShift,
	}
	if role == Coordinator {
		d.Logical = zdo.Coordinator
	}
	return Config{
		Role: role, EUI64: e, Random: m.random, Channels: zigbee.Channels(11, 15),
		Endpoints: lampEndpoint(), Descriptor: d, InstallCode: code,
	}
}

func (m *medium) add(name string, cfg Config) *station {
	m.t.Helper()
	n, err := New(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	s := &station{Node: n, m: m, name: name}
	m.nodes = append(m.nodes, s)
	return s
}

func code(t testing.TB, i int) zigbee.InstallCode {
	t.Helper()
	b := make([]byte, 16)
	binary.BigEndian.PutUint32(b[3:], uint32(i+1))
	c, err := zigbee.NewInstallCode(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// coordinator adds and starts a trust centre.
func (m *medium) coordinator() *station {
	s := m.add("tc", m.config(Coordinator, tcAddress, zigbee.InstallCode{}))
	s.Start(m.now)
	m.run(10*time.Second, s.isUp)
	return s
}

// lamp adds a router with the i-th address and install code, and starts it.
func (m *medium) lamp(i int) *station {
	s := m.add("lamp", m.config(Router, lampAddress+zigbee.EUI64(i), code(m.t, i)))
	s.Start(m.now)
	return s
}

// run lets time pass until done, if any, reports true, and fails the test when that
// does not come to be in time.
func (m *medium) run(d time.Duration, done func() bool) {
	m.t.Helper()
	end := m.now.Add(d)
	for m.now.Before(end) {
		for _, s := range m.nodes {
			s.drain()
		}
		if done != nil && done() {
			return
		}
		if m.transmit() {
			continue
		}
		m.now = m.next(end)
		for _, s := range m.nodes {
			if t, ok := s.Deadline(); ok && !s.dead && !t.After(m.now) {
				s.Advance(m.now)
			}
		}
	}
	if done != nil {
		m.t.Fatalf("not within %v", d)
	}
}

// next returns when something happens next.
func (m *medium) next(end time.Time) time.Time {
	at := end
	for _, s := range m.nodes {
		if t, ok := s.Deadline(); ok && !s.dead && t.Before(at) {
			at = t
		}
	}
	if at.Before(m.now) {
		at = m.now
	}
	return at
}

// transmit carries one frame of a node drawn at random over the air.
func (m *medium) transmit() bool {
	for _, i := range m.rng.Perm(len(m.nodes)) {
		s := m.nodes[i]
		if s.dead {
			continue
		}
		f, ok := s.NextFrame()
		if !ok {
			continue
		}
		status := TxStatus{}
		h, _, err := mac.Parse(f.Data)
		if err != nil {
			m.t.Fatalf("%s sends a frame that is none: %x: %v", s.name, f.Data, err)
		}
		for range 4 { // macMaxFrameRetries
			m.now = m.now.Add(2*time.Millisecond + time.Duration(len(f.Data)+8)*32*time.Microsecond)
			m.sent = append(m.sent, sniffed{m.now, slices.Clone(f.Data)})
			status = m.carry(s, h, f.Data)
			if status.Sent {
				break
			}
		}
		s.drain()
		s.FrameDone(m.now, status)
		s.drain()
		return true
	}
	return false
}

// wall puts a wall between two nodes, or takes it away.
func (m *medium) wall(a, b *station, there bool) {
	if m.walls == nil {
		m.walls = map[[2]*station]bool{}
	}
	m.walls[[2]*station{a, b}], m.walls[[2]*station{b, a}] = there, there
}

func (m *medium) carry(from *station, h mac.Header, frame []byte) TxStatus {
	status := TxStatus{Sent: !h.Ack}
	channel := from.Filter().Channel
	for _, s := range m.nodes {
		if s == from || s.dead || s.Filter().Channel != channel || !s.hears(h) ||
			m.rng.Float64() < m.loss || m.walls[[2]*station{from, s}] || m.drop != nil && m.drop(from, frame) {
			continue
		}
		if h.Ack && m.rng.Float64() >= m.loss {
			status.Sent = true
			status.FramePending = s.holdsFor(h.Src)
		}
		s.take(frame)
		s.drain()
	}
	return status
}

// take gives a frame to a node, and holds it to its word when it says that nothing
// came of it.
func (s *station) take(frame []byte) {
	before, _ := s.Deadline()
	s.Receive(s.m.now, frame, 200)
	if !s.Quiet() {
		return
	}
	s.m.quiet++
	s.pump()
	if after, _ := s.Deadline(); len(s.Node.events) > 0 || s.radioChanged || !after.Equal(before) {
		s.m.t.Fatalf("%s says that nothing came of %x: %d events, deadline %v and not %v", s.name, frame, len(s.Node.events), after, before)
	}
}

// holdsFor is a radio's list of those for whom a frame waits.
func (s *station) holdsFor(a mac.Address) bool {
	f := s.Filter()
	if a.Mode == mac.ShortAddress {
		return slices.Contains(f.PendingShort, a.Short)
	}
	return slices.Contains(f.Pending, a.EUI64)
}

// hears is a radio's address filter.
func (s *station) hears(h mac.Header) bool {
	f := s.Filter()
	switch {
	case !f.Listening:
		return false
	case h.Type == mac.TypeBeacon:
		return f.PANID == zigbee.BroadcastPAN || f.PANID == h.Src.PAN
	case h.Dst.PAN != f.PANID && h.Dst.PAN != zigbee.BroadcastPAN:
		return false
	case h.Dst.Mode == mac.ExtendedAddress:
		return h.Dst.EUI64 == f.EUI64
	default:
		return h.Dst.Short == f.Short || h.Dst.Short == zigbee.Broadcast
	}
}

// drain takes the events of a node as its owner does.
func (s *station) drain() {
	for {
		e, ok := s.NextEvent()
		if !ok {
			return
		}
		if _, save := e.(SaveState); save {
			s.saves++
			if !s.manual {
				s.kept = s.State()
				s.Saved(s.kept)
			}
			continue
		}
		s.events = append(s.events, e)
	}
}

// eventsOf returns the events of one type, oldest first.
func eventsOf[E Event](s *station) []E {
	var list []E
	for _, e := range s.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

func (s *station) isUp() bool { return s.phase == up }

// joinAll makes a network of a coordinator and n lamps that have joined.
func joinAll(m *medium, n int) (*station, []*station) {
	m.t.Helper()
	tc := m.coordinator()
	tc.PermitJoin(m.now, time.Hour)
	var lamps []*station
	for i := range n {
		if err := tc.Allow(lampAddress+zigbee.EUI64(i), code(m.t, i)); err != nil {
			m.t.Fatal(err)
		}
		lamps = append(lamps, m.lamp(i))
	}
	m.run(10*time.Minute, func() bool {
		return !slices.ContainsFunc(lamps, func(s *station) bool { return !s.isUp() }) &&
			len(eventsOf[DeviceAuthorised](tc)) >= n
	})
	return tc, lamps
}

// restart takes the power from a node and starts it again from a state, as it was
// written down; from nothing when it is nil.
func (s *station) restart(state *State) {
	s.m.t.Helper()
	cfg := s.cfg
	cfg.Restore = nil
	if state != nil {
		again, err := ParseState(state.Append(nil))
		if err != nil {
			s.m.t.Fatal(err)
		}
		cfg.Restore = &again
	}
	var err error
	if s.Node, err = New(cfg); err != nil {
		s.m.t.Fatal(err)
	}
	s.dead = false
	s.Start(s.m.now)
}

// checkCounters fails the test when a node used a frame counter for two frames
// with one key. A radio that sends a frame again sends the same bytes.
func (m *medium) checkCounters() {
	m.t.Helper()
	type use struct {
		layer   string
		source  zigbee.EUI64
		key     zigbee.KeyID
		seq     uint8
		counter uint32
	}
	seen := map[use]string{}
	note := func(layer string, secured []byte, whole string) {
		aux, _, err := zigbee.ParseAux(secured)
		if err != nil {
			m.t.Fatal(err)
		}
		u := use{layer, aux.Source, aux.Key, aux.KeySequence, aux.Counter}
		if other, again := seen[u]; again && other != whole {
			m.t.Fatalf("counter used twice: %+v", u)
		}
		seen[u] = whole
	}
	for _, f := range m.sent {
		h, payload, err := mac.Parse(f.frame)
		if err != nil {
			m.t.Fatal(err)
		}
		if h.Type != mac.TypeData {
			continue
		}
		n, rest, err := nwk.ParseHeader(payload)
		if err != nil {
			m.t.Fatal(err)
		}
		if n.Secured {
			note("nwk", rest, string(payload))
			continue
		}
		if n.Type == nwk.TypeCommand && (nwk.CommandID(rest[0]) == nwk.RejoinRequest || nwk.CommandID(rest[0]) == nwk.RejoinResponse) {
			continue // says nothing but an address
		}
		a, rest, err := aps.ParseHeader(rest)
		if err != nil || !a.Secured || a.Type != aps.TypeCommand {
			m.t.Fatalf("a frame without security but a network key on its way: %x", f.frame)
		}
		note("aps", rest, string(payload[len(payload)-len(rest):]))
	}
}
