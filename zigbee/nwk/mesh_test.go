package nwk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sconce/zigbee"
)

// mesh is layers on an air in which a test says who hears whom, and how well.
type mesh struct {
	t      testing.TB
	now    time.Time
	rng    *rand.Rand
	layers []*Layer
	lqi    func(from, to int) uint8 // 0: not at all
	loss   float64                  // of a frame at one receiver
	dead   map[int]bool
	got    []delivery
	sent   []onAir
}

type delivery struct {
	to      int
	src     zigbee.ShortAddr
	payload string
	at      time.Time
}

// onAir is a frame as a sniffer that has the key sees it.
type onAir struct {
	at      time.Time
	from    int
	hop     zigbee.ShortAddr
	header  Header
	command CommandID // 0: data
}

func newMesh(t testing.TB, seed uint64, n int, lqi func(from, to int) uint8) *mesh {
	m := &mesh{t: t, now: start, rng: rand.New(rand.NewPCG(seed, 2)), lqi: lqi, dead: map[int]bool{}}
	for i := range n {
		l := New(zigbee.EUI64(0x1000+i), func(p []byte) {
			for i := range p {
				p[i] = byte(m.rng.Uint32())
			}
		})
		l.SetNetwork(Network{PAN: 1, Extended: 2, Short: short(i)})
		l.SetKey(0, testKey(1))
		l.Cover(1 << 30)
		l.Start(m.now)
		m.layers = append(m.layers, l)
	}
	return m
}

// short is the address of the i-th node; 0 is the coordinator's.
func short(i int) zigbee.ShortAddr { return zigbee.ShortAddr(i * 0x101) }

// chain is nodes in a row, of which each hears the next.
func chain(from, to int) uint8 {
	if from-to == 1 || to-from == 1 {
		return 255
	}
	return 0
}

// grid is nodes in rows of w, of which each hears those beside it, and badly
// those across the corner.
func grid(w int) func(from, to int) uint8 {
	return func(from, to int) uint8 {
		dx, dy := from%w-to%w, from/w-to/w
		switch dx*dx + dy*dy {
		case 1:
			return 255
		case 2:
			return 60
		default:
			return 0
		}
	}
}

// run lets time pass until done, if any, reports true.
func (m *mesh) run(d time.Duration, done func() bool) bool {
	m.t.Helper()
	end := m.now.Add(d)
	for m.now.Before(end) {
		if done != nil && done() {
			return true
		}
		if m.transmit() {
			continue
		}
		at := end
		for i, l := range m.layers {
			if t, ok := l.Deadline(); ok && !m.dead[i] && t.Before(at) {
				at = t
			}
		}
		if at.After(m.now) {
			m.now = at
		}
		for i, l := range m.layers {
			if t, ok := l.Deadline(); ok && !m.dead[i] && !t.After(m.now) {
				l.Advance(m.now)
			}
		}
	}
	return done == nil
}

func (m *mesh) transmit() bool {
	for _, i := range m.rng.Perm(len(m.layers)) {
		if m.dead[i] {
			continue
		}
		l := m.layers[i]
		hop, frame, ok := l.Next()
		if !ok {
			continue
		}
		m.now = m.now.Add(4 * time.Millisecond)
		m.note(i, hop, frame)
		l.Done(m.now, m.carry(i, hop, frame))
		return true
	}
	return false
}

func (m *mesh) note(i int, hop zigbee.ShortAddr, frame []byte) {
	m.t.Helper()
	h, rest, err := ParseHeader(frame)
	if err != nil {
		m.t.Fatal(err)
	}
	h.Relays = bytes.Clone(h.Relays)
	s := onAir{at: m.now, from: i, hop: hop, header: h}
	if h.Type == TypeCommand {
		open := bytes.Clone(frame)
		aux, _, _ := zigbee.ParseAux(rest)
		p, err := m.layers[i].keys[0].envelope.Open(open, len(open)-len(rest), aux, aux.Source)
		if err != nil {
			m.t.Fatal(err)
		}
		s.command = CommandID(p[0])
	}
	m.sent = append(m.sent, s)
}

func (m *mesh) carry(i int, hop zigbee.ShortAddr, frame []byte) bool {
	sent := hop.IsBroadcast()
	for j, l := range m.layers {
		q := m.lqi(i, j)
		if j == i || q == 0 || m.dead[j] || !hop.IsBroadcast() && hop != l.net.Short {
			continue
		}
		if !hop.IsBroadcast() {
			// The radio sends four times, and its acknowledgement takes the way back.
			heard := false
			for range 4 {
				if m.rng.Float64() < m.loss {
					continue
				}
				heard = true
				if m.lqi(j, i) != 0 && m.rng.Float64() >= m.loss {
					sent = true
					break
				}
			}
			if !heard {
				continue
			}
		} else if m.rng.Float64() < m.loss {
			continue
		}
		if in, ok := l.Receive(m.now, m.layers[i].net.Short, bytes.Clone(frame), q); ok {
			m.got = append(m.got, delivery{j, in.Src, string(in.Payload), m.now})
		}
	}
	return sent
}

// deliver sends a payload and reports whether it arrives within a while, once.
func (m *mesh) deliver(from, to int, d time.Duration) bool {
	m.t.Helper()
	payload := fmt.Sprintf("%d to %d at %v", from, to, m.now.Sub(start))
	if !m.layers[from].Send(m.now, Request{Handle: 1, Dst: short(to), Payload: []byte(payload)}) {
		return false
	}
	arrived := func() bool {
		for _, g := range m.got {
			if g.to == to && g.payload == payload {
				if g.src != m.layers[from].net.Short {
					m.t.Fatalf("%+v", g)
				}
				return true
			}
		}
		return false
	}
	return m.run(d, arrived)
}

func (m *mesh) count(is func(onAir) bool) (n int) {
	for _, s := range m.sent {
		if is(s) {
			n++
		}
	}
	return n
}

func isCommand(id CommandID) func(onAir) bool { return func(s onAir) bool { return s.command == id } }

func TestChain(t *testing.T) {
	const last = 8
	m := newMesh(t, 1, last+1, chain)
	m.run(2*time.Second, nil)
	// Before the concentrator has asked, a route is found by looking for it.
	if !m.deliver(2, last-1, 3*time.Second) {
		t.Fatal("not delivered")
	}
	if m.count(isCommand(RouteReply)) == 0 {
		t.Error("no route was replied")
	}
	n := m.count(isCommand(RouteRequest))
	if !m.deliver(last-1, 2, time.Second) || m.count(isCommand(RouteRequest)) != n {
		t.Error("the way back was not known")
	}
	m.run(10*time.Second, nil)
	if !m.deliver(last, 0, 2*time.Second) {
		t.Fatal("the concentrator is not reached")
	}
	if m.count(isCommand(RouteRecord)) != last {
		t.Errorf("%d route records on %d hops", m.count(isCommand(RouteRecord)), last)
	}
	m.sent = m.sent[:0]
	if !m.deliver(0, last, 2*time.Second) {
		t.Fatal("not reached over a source route")
	}
	for i, s := range m.sent {
		if h := s.header; h.Dst == short(last) && (!h.SourceRoute || h.Relays.Len() != last-1 || int(h.RelayIndex) != last-2-min(i, last-2)) && i < last {
			t.Errorf("hop %d: %+v", i, s)
		}
	}
	if m.count(isCommand(RouteRequest)) != 0 {
		t.Error("looked for what is known")
	}
}

// With one frame in five lost, every unicast over a chain of hops arrives in the end
// with the tries that the layers above make.
func TestChainWithLoss(t *testing.T) {
	const last = 6
	m := newMesh(t, 2, last+1, chain)
	m.loss = 0.2
	m.run(40*time.Second, nil)
	arrived := 0
	for i := range 40 {
		from, to := 0, last
		if i%2 == 1 {
			from, to = last, 0
		}
		for range 4 {
			if m.deliver(from, to, 2*time.Second) {
				arrived++
				break
			}
		}
	}
	if arrived < 40 {
		t.Errorf("%d of 40 arrived", arrived)
	}
}

func TestNodeDies(t *testing.T) {
	m := newMesh(t, 3, 25, grid(5))
	m.run(40*time.Second, nil)
	if !m.deliver(24, 0, 2*time.Second) || !m.deliver(0, 24, 2*time.Second) {
		t.Fatal("not delivered before")
	}
	// Whoever relays between them dies, again and again.
	for range 3 {
		victim := -1
		m.sent = m.sent[:0]
		m.deliver(24, 0, 2*time.Second)
		for _, s := range m.sent {
			if s.header.Src == short(24) && s.command == 0 && s.from != 24 && s.from != 1 && s.from != 5 {
				victim = s.from
			}
		}
		if victim < 0 {
			t.Fatalf("nobody relays: %+v", m.sent)
		}
		m.dead[victim] = true
		for _, pair := range [][2]int{{24, 0}, {0, 24}} {
			delivered := false
			for range 4 {
				delivered = delivered || m.deliver(pair[0], pair[1], 3*time.Second)
			}
			if !delivered {
				t.Errorf("without %d nothing arrives from %d at %d", victim, pair[0], pair[1])
			}
		}
	}
}

// A link that goes one way is not used: the way around is.
func TestAsymmetricLink(t *testing.T) {
	m := newMesh(t, 4, 4, func(from, to int) uint8 {
		if from == 0 && to == 3 {
			return 255 // the coordinator shouts
		}
		return chain(from, to)
	})
	m.run(65*time.Second, nil)
	for range 3 {
		if !m.deliver(3, 0, 4*time.Second) || !m.deliver(0, 3, 4*time.Second) {
			t.Fatal("not delivered")
		}
	}
	m.sent = m.sent[:0]
	m.deliver(3, 0, time.Second)
	if n := m.count(func(s onAir) bool { return s.from == 3 && s.hop == 0 }); n != 0 {
		t.Errorf("%d frames over a link that is none", n)
	}
}

// Many look for one that is not there. Every search is one request, relayed by each node
// a few times, and failure is remembered.
func TestRequestStormIsBounded(t *testing.T) {
	m := newMesh(t, 5, 25, grid(5))
	m.run(20*time.Second, nil)
	m.sent = m.sent[:0]
	for range 20 {
		for i := range m.layers {
			m.layers[i].Send(m.now, Request{Dst: 0x7777, Payload: []byte("nobody")})
		}
		m.run(200*time.Millisecond, nil)
	}
	m.run(2*time.Second, nil)
	// 25 searches; each relayed once by everybody, with at most the retries of the standard for
	// each of the ways that were better than the one before.
	per := map[[2]int]int{}
	for _, s := range m.sent {
		if s.command == RouteRequest {
			per[[2]int{s.from, int(s.header.Src)<<8 | int(s.header.Seq)}]++
		}
	}
	most := 0
	for _, n := range per {
		most = max(most, n)
	}
	if len(per) > 25*25 || most > (1+maxBetter)*(1+relayRetries) {
		t.Errorf("%d requests by node and search, one %d times", len(per), most)
	}
	if n := m.count(isCommand(NetworkStatus)); n > 25*maxOwnBroadcasts {
		t.Errorf("%d network states", n)
	}
	if m.layers[7].Send(m.now, Request{Dst: 0x7777, Payload: []byte("nobody")}) {
		t.Error("a search that has just failed is forgotten")
	}
	for i, l := range m.layers {
		if l.Counters().Searches > 3 {
			t.Errorf("node %d searched %d times for one that is not there", i, l.Counters().Searches)
		}
	}
}

// Between all pairs, with loss and deaths: no frame goes over a node twice.
func TestNoCircles(t *testing.T) {
	m := newMesh(t, 6, 36, grid(6))
	m.loss = 0.2
	m.run(40*time.Second, nil)
	for i := range 150 {
		if i%10 == 9 && len(m.dead) < 8 {
			m.dead[1+m.rng.IntN(35)] = true
		}
		from, to := m.rng.IntN(36), m.rng.IntN(36)
		if from == to || m.dead[from] || m.dead[to] {
			continue
		}
		m.sent = m.sent[:0]
		m.deliver(from, to, 2*time.Second)
		type once struct {
			node int
			src  zigbee.ShortAddr
			seq  uint8
		}
		next := map[once]zigbee.ShortAddr{}
		for _, s := range m.sent {
			if s.command != 0 || s.header.Dst.IsBroadcast() {
				continue
			}
			k := once{s.from, s.header.Src, s.header.Seq}
			if hop, again := next[k]; again && hop != s.hop {
				t.Fatalf("%+v was sent to %s before", s, hop)
			}
			next[k] = s.hop
		}
	}
}

// Routes that lead in a circle, as no protocol run leaves them: the frame comes
// back, is noticed, and the circle is cut.
func TestCircleIsCut(t *testing.T) {
	m := newMesh(t, 7, 4, func(from, to int) uint8 { // 1, 2 and 3 hear each other, 0 and 1 too
		if from+to == 1 || from != 0 && to != 0 {
			return 255
		}
		return 0
	})
	m.run(2*time.Second, nil)
	for i, hop := range map[int]int{0: 1, 1: 2, 2: 3, 3: 1} {
		m.layers[i].setRoute(m.now, 0x7777, short(hop), false, false)
	}
	m.sent = m.sent[:0]
	m.layers[0].Send(m.now, Request{Dst: 0x7777, Payload: []byte("x")})
	m.run(100*time.Millisecond, nil)
	if n := m.count(func(s onAir) bool { return s.header.Dst == 0x7777 }); n != 4 {
		t.Errorf("%d transmissions of a frame that goes in a circle of 3", n)
	}
	if c := m.layers[1].Counters(); c.Loops != 1 || m.layers[1].findRoute(0x7777, m.now) != nil {
		t.Errorf("the circle is not cut: %+v", c)
	}
}

// A neighbour that is silent for three periods is none any more, and the routes
// over it are gone.
func TestNeighbourAges(t *testing.T) {
	m := newMesh(t, 8, 2, chain)
	m.run(40*time.Second, nil)
	a, b := m.layers[0], m.layers[1]
	n := a.byShort(short(1))
	if n == nil || !n.isRouter(m.now) || n.cost != 1 || n.linkCost() != 1 {
		t.Fatalf("%+v", n)
	}
	a.setRoute(m.now, 0x7777, b.net.Short, false, false)
	m.dead[1] = true
	m.run(routeLife/5, nil) // more than three periods and one to notice
	if n.router != 0 || n.cost != 0 || n.near(m.now) || a.findRoute(0x7777, m.now) != nil {
		t.Errorf("%+v", n)
	}
}

// A node originates no more than 8 broadcasts in 9 seconds; others wait, and
// beyond their limit are refused.
func TestBroadcastBudget(t *testing.T) {
	m := newMesh(t, 9, 5, chain)
	m.run(20*time.Second, nil)
	m.sent, m.got = nil, nil
	taken := 0
	for i := range 40 {
		if m.layers[0].Send(m.now, Request{Dst: zigbee.BroadcastRxOn, Payload: []byte{byte(i)}}) {
			taken++
		}
	}
	if taken != maxOwnBroadcasts+maxHeldBroadcasts {
		t.Errorf("%d were taken", taken)
	}
	m.run(40*time.Second, nil)
	type key struct {
		src zigbee.ShortAddr
		seq uint8
	}
	first := map[key]bool{}
	var times []time.Time
	for _, s := range m.sent {
		if k := (key{s.header.Src, s.header.Seq}); s.from == 0 && s.command == 0 && s.header.Dst.IsBroadcast() && !first[k] {
			first[k] = true
			times = append(times, s.at)
		}
	}
	if len(times) != taken {
		t.Errorf("%d of %d were sent", len(times), taken)
	}
	const airtime = time.Second // of what stands before it in the queue
	for i := maxOwnBroadcasts; i < len(times); i++ {
		if d := times[i].Sub(times[i-maxOwnBroadcasts]); d < broadcastLife-airtime {
			t.Errorf("9 broadcasts in %v", d)
		}
	}
	for to := 1; to < 5; to++ {
		n := 0
		for _, g := range m.got {
			if g.to == to {
				n++
			}
		}
		if n != taken {
			t.Errorf("node %d heard %d of %d", to, n, taken)
		}
	}
}

// Two nodes far apart have one address. Who hears of both tells, and both move.
func TestAddressConflict(t *testing.T) {
	m := newMesh(t, 10, 5, chain)
	n := m.layers[4].net
	n.Short = short(1)
	m.layers[4].SetNetwork(n)
	m.layers[2].Learn(0x1001, short(1))
	m.layers[2].Learn(0x1004, short(1))
	m.run(3*time.Second, nil)
	for _, i := range []int{1, 4} {
		o, ok := m.layers[i].NextOutput()
		for ok && o.Kind != AddressConflict {
			o, ok = m.layers[i].NextOutput()
		}
		if !ok || o.Short != short(1) {
			t.Errorf("node %d is not told: %+v", i, o)
		}
		if o, ok := m.layers[i].NextOutput(); ok && o.Kind == AddressConflict {
			t.Errorf("node %d is told twice: %+v", i, o)
		}
	}
	if o, ok := m.layers[0].NextOutput(); ok {
		t.Errorf("%+v", o)
	}
}
