package nwk

import (
	"bytes"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

var start = time.Unix(1_700_000_000, 0)

const (
	alice zigbee.EUI64 = 0xa11ce
	bob   zigbee.EUI64 = 0xb0b
)

func testKey(b byte) zigbee.NetworkKey { return zigbee.NewNetworkKey([16]byte{b, 1, 2, 3}) }

func noRandom(p []byte) { clear(p) }

func newLayer(e zigbee.EUI64, short zigbee.ShortAddr) *Layer {
	l := New(e, noRandom)
	l.SetNetwork(Network{PAN: 1, Extended: 2, Short: short})
	l.SetKey(0, testKey(1))
	l.Cover(1000)
	return l
}

// next returns the next frame and says that it was sent.
func next(t testing.TB, l *Layer, now time.Time) []byte {
	t.Helper()
	_, f, ok := l.Next()
	if !ok {
		t.Fatal("no frame")
	}
	f = bytes.Clone(f)
	l.Done(now, true)
	return f
}

func send(t testing.TB, l *Layer, dst zigbee.ShortAddr, payload string) []byte {
	t.Helper()
	r := Request{Dst: dst, Radius: 1, Payload: []byte(payload)}
	if dst.IsBroadcast() {
		r.Radius = 0
	}
	if !l.Send(start, r) {
		t.Fatal("not taken")
	}
	return next(t, l, start)
}

// acquaint makes nodes take what the others say for what they say now.
func acquaint(layers ...*Layer) {
	for _, a := range layers {
		for _, b := range layers {
			if a != b {
				a.Admit(start, b.eui64)
			}
		}
	}
}

func TestUnicast(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	f := send(t, a, 2, "hello")
	if bytes.Contains(f, []byte("hello")) {
		t.Error("the payload is in the clear")
	}
	ind, ok := b.Receive(start, 1, bytes.Clone(f), 77)
	if !ok || string(ind.Payload) != "hello" || ind.Src != 1 || ind.SrcEUI64 != alice || !ind.Secured || ind.LQI != 77 {
		t.Fatalf("%+v", ind)
	}
	if _, again := b.Receive(start, 1, bytes.Clone(f), 77); again || b.Counters().Replayed != 1 {
		t.Error("a replay is accepted")
	}
	if e, ok := b.EUI64Of(1); !ok || e != alice {
		t.Error("the address is not learned")
	}
	c := newLayer(0xc, 3)
	if _, ok := c.Receive(start, 1, bytes.Clone(f), 1); ok || c.Counters().NotForUs != 1 {
		t.Error("a frame for another is accepted")
	}
}

// The frame counter of one neighbour says nothing about another's, nor about
// another key's.
func TestReplayIsPerNodeAndKey(t *testing.T) {
	a, b, c := newLayer(alice, 1), newLayer(bob, 2), newLayer(0xc, 3)
	for range 5 {
		c.Receive(start, 1, send(t, a, 3, "x"), 1)
	}
	old := send(t, a, 3, "old key")
	if _, ok := c.Receive(start, 2, send(t, b, 3, "y"), 1); !ok {
		t.Error("a low counter of another node is refused")
	}
	a2 := newLayer(alice, 1) // counts from 0
	a2.SetKey(1, testKey(9))
	c.SetKey(1, testKey(9))
	if _, ok := c.Receive(start, 1, send(t, a2, 3, "new key"), 1); !ok {
		t.Error("a low counter with a new key is refused")
	}
	if _, ok := c.Receive(start, 1, bytes.Clone(old), 1); !ok {
		t.Error("the key before does not open a frame that is on its way")
	}
	if _, ok := c.Receive(start, 1, bytes.Clone(old), 1); ok {
		t.Error("a replay with the key before is accepted")
	}
}

func TestRefuses(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	f := send(t, a, 2, "hello")
	for bit := range 8 * len(f) {
		bad := bytes.Clone(f)
		bad[bit/8] ^= 1 << (bit % 8)
		if bit/8 == 8 && bit%8 < 3 {
			continue // the security level, which is read over
		}
		if ind, ok := b.Receive(start, 1, bad, 1); ok {
			t.Fatalf("bit %d flipped: %+v", bit, ind)
		}
	}
	if c := b.Counters(); c.Forged == 0 || c.Malformed == 0 || c.UnknownKey == 0 || c.Unsecured == 0 {
		t.Errorf("%+v", c)
	}
	if len(b.nodes) != 0 {
		t.Error("a forged frame has made an entry")
	}
	plain := append(AppendHeader(nil, Header{Dst: 2, Src: 1, Radius: 1}), "hello"...)
	if _, ok := b.Receive(start, 1, bytes.Clone(plain), 1); ok {
		t.Error("a frame without security is accepted")
	}
	// A node without a key takes it, for a network key must reach it somehow;
	// but no broadcast and no command.
	n := New(bob, noRandom)
	n.SetNetwork(Network{Short: 2})
	if ind, ok := n.Receive(start, 1, bytes.Clone(plain), 1); !ok || ind.Secured {
		t.Errorf("%+v", ind)
	}
	for _, h := range []Header{{Dst: 0xfffd, Src: 1, Radius: 1}, {Type: TypeCommand, Dst: 2, Src: 0, Radius: 1}} {
		if _, ok := n.Receive(start, 0, append(AppendHeader(nil, h), 4, 0x40), 1); ok {
			t.Errorf("%+v is accepted", h)
		}
	}
	if o, ok := n.NextOutput(); ok || n.Counters().Unsecured != 2 {
		t.Errorf("%+v", o)
	}
}

// secured returns a frame with a header and security of a test's choice, under
// the true network key.
func secured(l *Layer, h Header, aux zigbee.Aux, payload []byte) []byte {
	h.Secured = true
	return l.keys[0].envelope.Secure(AppendHeader(nil, h), 0, aux, aux.Source, payload)
}

func TestRefusesUnderTheTrueKey(t *testing.T) {
	a := newLayer(alice, 1)
	good := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: 7, HasSource: true, Source: alice}
	for name, change := range map[string]func(*zigbee.Aux){
		"":                   func(*zigbee.Aux) {},
		"a link key":         func(x *zigbee.Aux) { x.Key = zigbee.KeyData },
		"no source":          func(x *zigbee.Aux) { x.HasSource = false },
		"source of nobody":   func(x *zigbee.Aux) { x.Source = 0 },
		"source of oneself":  func(x *zigbee.Aux) { x.Source = bob },
		"the last counter":   func(x *zigbee.Aux) { x.Counter = 1<<32 - 1 },
		"another key number": func(x *zigbee.Aux) { x.KeySequence = 9 },
	} {
		b, aux := newLayer(bob, 2), good
		change(&aux)
		if _, ok := b.Receive(start, 1, secured(a, Header{Dst: 2, Src: 1, Radius: 1}, aux, []byte("x")), 1); ok != (name == "") {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

// A node that says another leaves is not believed.
func TestLeaveInAnothersName(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	a.Learn(0xc, 3)
	b.Receive(start, 1, send(t, a, 2, "x"), 1)
	b.Learn(0xc, 3)
	aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: 700, HasSource: true, Source: alice}
	b.Receive(start, 1, secured(a, Header{Type: TypeCommand, Dst: zigbee.BroadcastRxOn, Src: 3, Radius: 1}, aux, AppendLeave(nil, 0)), 1)
	if o, ok := b.NextOutput(); ok || b.Counters().Refused != 1 {
		t.Errorf("%+v", o)
	}
}

// What a MAC header says is not authentic, so no address is learned from it alone.
func TestAddressIsLearnedFromAuthenticFramesOnly(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	if _, ok := b.Receive(start, 7, send(t, a, 2, "x"), 1); !ok {
		t.Fatal("not accepted")
	}
	if _, ok := b.EUI64Of(7); ok {
		t.Error("the forged MAC address is believed")
	}
}

func TestTableIsBounded(t *testing.T) {
	b := newLayer(bob, 2)
	for i := range MaxNodes {
		if !b.Learn(zigbee.EUI64(1000+i), zigbee.ShortAddr(10+i)) {
			t.Fatal("no room")
		}
	}
	a := newLayer(alice, 1)
	if _, ok := b.Receive(start, 1, send(t, a, 2, "x"), 1); ok || b.Counters().TableFull != 1 {
		t.Error("a frame whose counter cannot be remembered is accepted")
	}
	if !b.Learn(1000, 5) || b.Learn(alice, 5) {
		t.Error("learning with a full table")
	}
	if e, ok := b.EUI64Of(5); !ok || e != 1000 {
		t.Error("the new address")
	}
}

func TestCounterIsCovered(t *testing.T) {
	a := newLayer(alice, 1)
	a.Resume(500)
	if !a.Send(start, Request{Dst: 2, Radius: 1, Payload: []byte("x")}) {
		t.Fatal("not taken")
	}
	for range 3 {
		if _, _, ok := a.Next(); ok {
			t.Fatal("a counter was used that no state covers")
		}
	}
	if a.Counters().HeldForState != 1 {
		t.Errorf("%+v", a.Counters())
	}
	a.Cover(501)
	next(t, a, start)
	if a.Counter() != 501 || a.Left() != 0 {
		t.Errorf("counter %d", a.Counter())
	}
	a.Send(start, Request{Dst: 2, Radius: 1, Payload: []byte("x")})
	if _, _, ok := a.Next(); ok {
		t.Error("one counter too many")
	}
}

func TestRetries(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	a.Send(start, Request{Handle: 9, Dst: 2, Radius: 1, Payload: []byte("first")})
	a.Send(start, Request{Dst: 2, Radius: 1, Payload: []byte("second")})
	a.Send(start, Request{Dst: 3, Radius: 1, Payload: []byte("other")})
	_, f, _ := a.Next()
	first := bytes.Clone(f)
	a.Done(start, false)
	// The frame to another node goes ahead, the one to the same node does not.
	hop, _, ok := a.Next()
	if !ok || hop != 3 {
		t.Fatalf("%s %v", hop, ok)
	}
	a.Done(start, true)
	if _, _, ok := a.Next(); ok {
		t.Fatal("a frame overtakes another to the same node")
	}
	at, _ := a.Deadline()
	a.Advance(at)
	_, f, _ = a.Next()
	if bytes.Equal(f, first) {
		t.Error("sent again with the same counter")
	}
	if ind, ok := b.Receive(at, 1, bytes.Clone(f), 1); !ok || string(ind.Payload) != "first" {
		t.Errorf("%+v", ind)
	}
	a.Done(at, false)
	at, _ = a.Deadline()
	a.Advance(at)
	a.Next()
	a.Done(at, false)
	if o, ok := a.NextOutput(); !ok || o.Handle != 9 || o.OK || a.Counters().Failed != 1 {
		t.Errorf("%+v", o)
	}
	if ind, ok := b.Receive(at, 1, next(t, a, at), 1); !ok || string(ind.Payload) != "second" {
		t.Errorf("%+v", ind)
	}
}

func TestQueueIsBounded(t *testing.T) {
	a := newLayer(alice, 1)
	for range MaxQueue {
		if !a.Room() || !a.Send(start, Request{Dst: 2, Radius: 1}) {
			t.Fatal("no room")
		}
	}
	if a.Room() || a.Send(start, Request{Dst: 2, Radius: 1}) {
		t.Error("no limit")
	}
	a.Leave()
	if !a.Room() || a.Send(start, Request{Dst: 2, Radius: 1, Payload: make([]byte, 91)}) {
		t.Error("room for a payload of 91 bytes")
	}
	if !a.Send(start, Request{Dst: 2, Radius: 1, Payload: make([]byte, 90)}) {
		t.Error("no room for a payload of 90 bytes")
	}
}

func TestBroadcast(t *testing.T) {
	a, b, c := newLayer(alice, 1), newLayer(bob, 2), newLayer(0xc, 3)
	acquaint(a, b, c)
	f := send(t, a, zigbee.BroadcastRxOn, "all")
	for _, l := range []*Layer{b, c} {
		if ind, ok := l.Receive(start, 1, bytes.Clone(f), 1); !ok || string(ind.Payload) != "all" {
			t.Fatalf("%+v", ind)
		}
	}
	at, ok := b.Deadline()
	if !ok || at.Sub(start) > broadcastJitter {
		t.Fatalf("relays after %v", at.Sub(start))
	}
	b.Advance(at)
	relayed := next(t, b, at)
	h, _, err := ParseHeader(relayed)
	if err != nil || h.Src != 1 || h.Radius != DefaultRadius-1 {
		t.Errorf("relayed %+v, %v", h, err)
	}
	if _, again := c.Receive(at, 2, bytes.Clone(relayed), 1); again || c.Counters().Duplicates != 1 {
		t.Error("a relayed broadcast counts twice")
	}
	if _, own := a.Receive(at, 2, bytes.Clone(relayed), 1); own {
		t.Error("an own broadcast comes back")
	}
	// A transaction is forgotten when nobody can relay it any more.
	if l := c.findBroadcast(1, h.Seq, at.Add(broadcastLife)); l != nil {
		t.Error("never forgotten")
	}
}

// A broadcast is repeated until every router nearby has relayed it, at most twice.
func TestPassiveAcknowledgement(t *testing.T) {
	for _, relays := range []bool{false, true} {
		a, b := newLayer(alice, 1), newLayer(bob, 2)
		acquaint(a, b)
		b.Start(start)
		b.Advance(start)
		a.Receive(start, 2, next(t, b, start), 255) // link status: b is a router
		f := send(t, a, zigbee.Broadcast, "all")
		sent := 1
		if relays {
			b.Receive(start, 1, f, 1)
			at, _ := b.Deadline()
			b.Advance(at)
			a.Receive(at, 2, next(t, b, at), 1)
		}
		for {
			at, ok := a.Deadline()
			if !ok {
				break
			}
			a.Advance(at)
			if _, _, ok := a.Next(); ok {
				sent++
				a.Done(at, true)
			}
		}
		if want := map[bool]int{true: 1, false: 1 + maxBroadcastRetries}[relays]; sent != want {
			t.Errorf("relays %v: sent %d times, want %d", relays, sent, want)
		}
	}
}

// A broadcast that only neighbours relayed which are not on the way to the coordinator is
// said more often.
func TestBroadcastGoesTowardsTheCoordinator(t *testing.T) {
	const parent, other = 2, 3
	for from, want := range map[zigbee.ShortAddr]int{parent: 1 + maxBroadcastRetries, other: 1 + maxHomewardRetries} {
		l := newLayer(alice, 1)
		l.RouteThrough(start, parent)
		f := send(t, l, zigbee.BroadcastRxOn, "here I am")
		sent := 1
		for now, ok := l.Deadline(); ok; now, ok = l.Deadline() {
			l.Receive(now, from, bytes.Clone(f), 255) // relayed
			l.Advance(now)
			if _, _, ok := l.Next(); ok {
				sent++
				l.Done(now, true)
			}
		}
		if sent != want {
			t.Errorf("relayed by %s: sent %d times, want %d", from, sent, want)
		}
	}
}

// What the channel refused goes out soon, and does not count among the times that
// others could hear it. What is repeated is so out of step with others.
func TestBroadcastOnABusyChannel(t *testing.T) {
	l := newLayer(alice, 1)
	l.random = func(p []byte) { p[0], p[1] = 0, 0x80 } // half of all jitter
	if !l.Send(start, Request{Handle: 7, Dst: zigbee.Broadcast, Payload: []byte("all")}) {
		t.Fatal("not taken")
	}
	half := broadcastJitter / 2
	now := start
	for i, gap := range []time.Duration{half, half, half, passiveAckTimeout + half, passiveAckTimeout + half} {
		if _, _, ok := l.Next(); !ok {
			t.Fatalf("%d: nothing to send", i)
		}
		l.Done(now, i >= maxRefusals)
		if o, told := l.NextOutput(); told != (i == maxRefusals) || told && (o.Kind != SendDone || !o.OK) {
			t.Errorf("%d: told %v, %+v", i, told, o)
		}
		at, ok := l.Deadline()
		if !ok || at.Sub(now) != gap {
			t.Errorf("%d: again after %s, want %s", i, at.Sub(now), gap)
		}
		now = at
		l.Advance(now)
	}
}

func TestBroadcastTableIsBounded(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	acquaint(a, b)
	for i := range maxBroadcasts + 1 {
		f := send(t, a, zigbee.Broadcast, "x")
		for _, q := range a.queue {
			a.finish(q, true)
		}
		a.ownBroadcasts = [maxOwnBroadcasts]time.Time{} // a node that keeps to no budget
		_, ok := b.Receive(start, 1, f, 1)
		if ok != (i < maxBroadcasts) {
			t.Fatalf("broadcast %d: %v", i, ok)
		}
	}
	if b.Counters().BroadcastFull != 1 {
		t.Errorf("%+v", b.Counters())
	}
}

func TestLinkStatus(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	a.Start(start)
	b.Start(start)
	now := start
	for range 3 {
		for _, pair := range [][2]*Layer{{a, b}, {b, a}} {
			at, ok := pair[0].Deadline()
			if !ok {
				t.Fatal("no link status is due")
			}
			now = at
			pair[0].Advance(at)
			pair[1].Receive(at, pair[0].net.Short, next(t, pair[0], at), 200)
		}
	}
	if n := a.byShort(2); n == nil || !n.isRouter(now) || n.cost != 1 || n.isRouter(now.Add(routerAge+1)) {
		t.Errorf("%+v", n)
	}
}

// zigbee-on-host 0.2 believes that a neighbour which does not name it in its link status
// is reached through those that it names.
func TestLinkStatusNamesTheCoordinatorFromTheFirst(t *testing.T) {
	tc, l := newLayer(0x7c, 0), newLayer(alice, 1)
	l.Start(start)
	l.Learn(0x7c, 0)
	l.Hear(start, 0x7c, 200)
	at, _ := l.Deadline()
	l.Advance(at)
	tc.Receive(at, 1, next(t, l, at), 200)
	if n := tc.byEUI64(alice); n == nil || n.cost != cost(200) || n.deaf != 0 {
		t.Errorf("the coordinator thinks of its neighbour: %+v", n)
	}
}

func TestLeave(t *testing.T) {
	tc, a, b := newLayer(0x7c, 0), newLayer(alice, 1), newLayer(bob, 2)
	tc.Learn(alice, 1)
	tc.Admit(start, alice)
	command := func(l *Layer, dst zigbee.ShortAddr, o LeaveOptions) []byte {
		if !l.SendLeave(start, 0, dst, o) {
			t.Fatal("not taken")
		}
		return next(t, l, start)
	}
	a.Receive(start, 2, command(b, 1, LeaveRequest), 1)
	if o, ok := a.NextOutput(); ok || a.Counters().Refused != 1 {
		t.Errorf("a neighbour is obeyed: %+v", o)
	}
	a.Receive(start, 0, command(tc, 1, LeaveRequest), 1)
	if o, ok := a.NextOutput(); !ok || o.Kind != ToldToLeave {
		t.Errorf("%+v", o)
	}
	tc.Receive(start, 1, command(a, zigbee.BroadcastRxOn, 0), 1)
	if o, ok := tc.NextOutput(); !ok || o.Kind != NodeLeft || o.EUI64 != alice || o.Short != 1 {
		t.Errorf("%+v", o)
	}
	if _, ok := tc.Lookup(alice); ok {
		t.Error("its address is still known")
	}
}

// A node that leaves and comes back to the same key goes on counting, both ways.
func TestCountersOutliveLeaving(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	f := send(t, a, 2, "x")
	b.Receive(start, 1, bytes.Clone(f), 1)
	counter := a.Counter()
	a.Leave()
	b.Leave()
	if _, _, ok := b.Key(); ok {
		t.Error("the key is still in use")
	}
	b.SetNetwork(Network{Short: 2})
	b.SetKey(0, testKey(1))
	if _, ok := b.Receive(start, 1, bytes.Clone(f), 1); ok {
		t.Error("a frame from before is accepted")
	}
	if a.Counter() != counter {
		t.Error("the counter starts again")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	a, b := newLayer(alice, 1), newLayer(bob, 2)
	a.Cover(1 << 20)
	payload := make([]byte, 60)
	buf := make([]byte, 0, maxFrame)
	if n := testing.AllocsPerRun(200, func() {
		a.Send(start, Request{Dst: 2, Radius: 1, Payload: payload})
		_, f, _ := a.Next()
		buf = append(buf[:0], f...)
		a.Done(start, true)
		if _, ok := b.Receive(start, 1, buf, 1); !ok {
			t.Fatal("not accepted")
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(unhex(f, "0800020001000105"), []byte("payload"))
	f.Add(unhex(f, "0902fdff01000105"), unhex(f, "0821020011"))
	f.Add(unhex(f, "0912fcff01001e05ce110a0000000000"), unhex(f, "01002b341200"))
	f.Add(unhex(f, "0902020001000105"), unhex(f, "02002a0200341207"))
	f.Add(unhex(f, "0902000001001e05"), unhex(f, "0500"))
	f.Add(unhex(f, "0806090001001e050201"+"03000200"), []byte("payload"))
	corpus.Fuzz(f, func(t *testing.T, header, payload []byte) {
		a, b := newLayer(alice, 1), newLayer(bob, 2)
		b.Receive(start, 1, append(bytes.Clone(header), payload...), 1)
		h, _, err := ParseHeader(header)
		if err != nil || len(payload) > 80 || len(h.Relays) > 2*MaxRelays {
			return
		}
		// The same with true security, so that what lies behind it is reached.
		h.Secured = true
		frame := AppendHeader(nil, h)
		aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: 5, HasSource: true, Source: alice}
		b.Receive(start, 1, a.keys[0].envelope.Secure(frame, 0, aux, alice, payload), 1)
		b.Advance(start.Add(time.Second))
		for _, _, ok := b.Next(); ok; _, _, ok = b.Next() {
			b.Done(start, true)
		}
	})
}
