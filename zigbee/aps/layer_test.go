package aps

import (
	"bytes"
	"errors"
	"slices"
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

func noRandom(p []byte) { clear(p) }

// pair returns two layers that share an established key; alice has address 1, bob 2.
func pair(t testing.TB) (a, b *Layer) {
	t.Helper()
	a, b = New(alice, noRandom), New(bob, noRandom)
	a.Cover(1000)
	b.Cover(1000)
	if a.SetKey(bob, Established, testKey(1)) != nil || b.SetKey(alice, Established, testKey(1)) != nil {
		t.Fatal("no room for a key")
	}
	return a, b
}

func fromAlice(data []byte) Incoming {
	return Incoming{Src: 1, SrcEUI64: alice, Secured: true, Data: data}
}

func fromBob(data []byte) Incoming {
	return Incoming{Src: 2, SrcEUI64: bob, Secured: true, Data: data}
}

func request(ack bool) Request {
	return Request{
		Handle: 7, Dst: 2, Payload: []byte("hello"),
		Header: Header{AckRequest: ack, DstEndpoint: 1, SrcEndpoint: 3, Cluster: 6, Profile: 0x0104},
	}
}

func mustSend(t testing.TB, l *Layer, r Request) {
	t.Helper()
	if err := l.Send(r); err != nil {
		t.Fatal(err)
	}
}

func next(t testing.TB, l *Layer) Outgoing {
	t.Helper()
	o, ok := l.Next()
	if !ok {
		t.Fatal("no frame")
	}
	o.Data = bytes.Clone(o.Data)
	return o
}

func TestAcknowledgedDelivery(t *testing.T) {
	secure := Security{Use: Established, Key: zigbee.KeyData, Peer: bob}
	for _, s := range []Security{{}, secure} {
		a, b := pair(t)
		r := request(true)
		r.Security = s
		mustSend(t, a, r)
		o := next(t, a)
		if o.Dst != 2 || bytes.Contains(o.Data, []byte("hello")) != (s.Use == 0) {
			t.Errorf("%+v", o)
		}
		a.Sent(start, o.ID, true)
		ind, ok := b.Receive(start, fromAlice(o.Data))
		if !ok || string(ind.Payload) != "hello" || ind.Use != s.Use || ind.Header.DstEndpoint != 1 {
			t.Fatalf("%+v", ind)
		}
		ack := next(t, b)
		if ack.Dst != 1 {
			t.Errorf("%+v", ack)
		}
		if _, ok := a.NextDone(); ok {
			t.Error("done before the acknowledgement")
		}
		a.Receive(start, fromBob(ack.Data))
		if d, ok := a.NextDone(); !ok || d.Handle != 7 || d.Err != nil {
			t.Errorf("%+v", d)
		}
		if _, ok := a.Deadline(); ok {
			t.Error("still waiting")
		}
	}
}

// An acknowledgement that comes before the network layer's word is one, too.
func TestEarlyAcknowledgement(t *testing.T) {
	a, b := pair(t)
	mustSend(t, a, request(true))
	o := next(t, a)
	b.Receive(start, fromAlice(o.Data))
	a.Receive(start, fromBob(next(t, b).Data))
	mustSend(t, a, request(true)) // takes the slot over
	a.Sent(start, o.ID, false)
	if d, ok := a.NextDone(); !ok || d.Err != nil {
		t.Errorf("%+v", d)
	}
	if _, again := a.NextDone(); again {
		t.Error("done twice")
	}
	next(t, a)
}

func TestRetries(t *testing.T) {
	a, b := pair(t)
	mustSend(t, a, request(true))
	now, sent := start, 0
	for {
		if d, ok := a.NextDone(); ok {
			if !errors.Is(d.Err, ErrNoAck) {
				t.Errorf("%+v", d)
			}
			break
		}
		if o, ok := a.Next(); ok {
			sent++
			_, first := b.Receive(now, fromAlice(bytes.Clone(o.Data)))
			if first != (sent == 1) {
				t.Errorf("transmission %d is delivered: %v", sent, first)
			}
			next(t, b) // each is acknowledged, and the acknowledgement is lost
			a.Sent(now, o.ID, true)
			continue
		}
		at, ok := a.Deadline()
		if !ok || at.Sub(now) != AckWait {
			t.Fatalf("waits %v", at.Sub(now))
		}
		now = at
		a.Advance(now)
	}
	if c := a.Counters(); sent != 1+MaxRetries || c.Retries != MaxRetries || c.Unanswered != 1 || b.Counters().Duplicates != MaxRetries {
		t.Errorf("sent %d times; %+v", sent, c)
	}
}

func TestWrongAcknowledgements(t *testing.T) {
	a, _ := pair(t)
	r := request(true)
	r.Security = Security{Use: Established, Key: zigbee.KeyData, Peer: bob}
	mustSend(t, a, r)
	o := next(t, a)
	a.Sent(start, o.ID, true)
	right := Header{Type: TypeAck, DstEndpoint: 3, SrcEndpoint: 1, Cluster: 6, Profile: 0x0104, Counter: a.seq}
	for name, change := range map[string]func(*Header, *Incoming){
		"another counter":    func(h *Header, _ *Incoming) { h.Counter++ },
		"another cluster":    func(h *Header, _ *Incoming) { h.Cluster++ },
		"another endpoint":   func(h *Header, _ *Incoming) { h.SrcEndpoint++ },
		"of a command":       func(h *Header, _ *Incoming) { h.CommandAck = true },
		"another node":       func(_ *Header, in *Incoming) { in.Src = 9 },
		"no network key":     func(_ *Header, in *Incoming) { in.Secured = false },
		"without protection": func(*Header, *Incoming) {},
	} {
		h, in := right, fromBob(nil)
		change(&h, &in)
		in.Data = AppendHeader(nil, h)
		a.Receive(start, in)
		if _, ok := a.NextDone(); ok {
			t.Fatalf("%s: accepted", name)
		}
	}
}

func TestUnreachable(t *testing.T) {
	a, _ := pair(t)
	mustSend(t, a, request(false))
	a.Sent(start, next(t, a).ID, false)
	if d, ok := a.NextDone(); !ok || !errors.Is(d.Err, ErrNoRoute) {
		t.Errorf("%+v", d)
	}
	mustSend(t, a, request(false))
	a.Sent(start, next(t, a).ID, true)
	if d, ok := a.NextDone(); !ok || d.Err != nil {
		t.Errorf("%+v", d)
	}
}

// A frame that does not even reach the next hop is sent again, each time after a longer
// pause: the air is full, and soon would be of repetitions alone.
func TestRetriesBackOff(t *testing.T) {
	a, _ := pair(t)
	mustSend(t, a, request(true))
	now, pause := start, failurePause
	for range MaxRetries {
		a.Sent(now, next(t, a).ID, false)
		at, ok := a.Deadline()
		if !ok || at.Sub(now) != pause {
			t.Fatalf("waits %v, want %v", at.Sub(now), pause)
		}
		now, pause = at, 4*pause
		a.Advance(now)
	}
	a.Sent(now, next(t, a).ID, false)
	if d, ok := a.NextDone(); !ok || !errors.Is(d.Err, ErrNoRoute) || now.Sub(start) >= duplicateLife {
		t.Errorf("after %v: %+v", now.Sub(start), d)
	}
}

func TestLinkKeySecurity(t *testing.T) {
	a, b := pair(t)
	r := request(false)
	r.Security = Security{Use: Established, Key: zigbee.KeyData, Peer: bob}
	mustSend(t, a, r)
	o := next(t, a)
	for bit := range 8 * len(o.Data) {
		bad := bytes.Clone(o.Data)
		bad[bit/8] ^= 1 << (bit % 8)
		if bit/8 == 8 && bit%8 < 3 {
			continue // the security level, which is read over
		}
		if ind, ok := b.Receive(start, fromAlice(bad)); ok && ind.Use != 0 {
			t.Fatalf("bit %d flipped: accepted", bit)
		}
	}
	_, b = pair(t) // one that took no changed copy for data without a link key
	if _, ok := b.Receive(start, fromAlice(o.Data)); !ok {
		t.Fatal("refused")
	}
	before := b.Counters().Replayed
	if _, ok := b.Receive(start, fromAlice(o.Data)); ok || b.Counters().Replayed != before+1 {
		t.Error("a replay is accepted")
	}
	stranger := New(0x57, noRandom)
	if _, ok := stranger.Receive(start, fromAlice(o.Data)); ok || stranger.Counters().NoKey != 1 {
		t.Error("a node without the key reads it")
	}
}

func TestCounterIsCovered(t *testing.T) {
	a, _ := pair(t)
	a.Resume(2000)
	r := request(false)
	r.Security = Security{Use: Established, Key: zigbee.KeyData, Peer: bob}
	mustSend(t, a, r)
	if _, ok := a.Next(); ok {
		t.Fatal("a counter was used that no state covers")
	}
	a.Cover(2001)
	next(t, a)
	if a.Left() != 0 || a.Counter() != 2001 {
		t.Errorf("counter %d", a.Counter())
	}
}

func TestSendRefuses(t *testing.T) {
	a, _ := pair(t)
	r := request(false)
	r.Payload = make([]byte, MaxPayload+1)
	if err := a.Send(r); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	r.Security = Security{Use: Established, Peer: bob}
	r.Payload = make([]byte, MaxPayloadLinkKey+1)
	if err := a.Send(r); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	r.Security.Peer = 9
	if err := a.Send(r); !errors.Is(err, ErrNoLinkKey) {
		t.Error(err)
	}
	for range MaxPending {
		mustSend(t, a, request(true))
	}
	if err := a.Send(request(true)); !errors.Is(err, ErrQueueFull) || a.Room() {
		t.Error(err)
	}
	a.Reset(ErrNoRoute)
	if !a.Room() {
		t.Error("no room after a reset")
	}
}

// A key is handed over, proved and established; what it replaces is gone.
func TestKeyLife(t *testing.T) {
	a, b := pair(t)
	for _, l := range []struct {
		*Layer
		peer zigbee.EUI64
	}{{a, bob}, {b, alice}} {
		if l.SetKey(l.peer, Joining, testKey(2)) != nil || l.SetKey(l.peer, Provisional, testKey(3)) != nil {
			t.Fatal("no room")
		}
	}
	for _, use := range []KeyUse{Joining, Established, Provisional} {
		for _, id := range []zigbee.KeyID{zigbee.KeyData, zigbee.KeyTransport, zigbee.KeyLoad} {
			if err := a.SendCommand(0, 2, Command{ID: RequestKey, KeyType: TrustCentreLinkKey}, Security{Use: use, Key: id, Peer: bob}, false, false); err != nil {
				t.Fatal(err)
			}
			o := next(t, a)
			a.Sent(start, o.ID, true)
			ind, ok := b.Receive(start, fromAlice(o.Data))
			if !ok || ind.Use != use || ind.Key != id || ind.Source != alice || ind.Command.ID != RequestKey {
				t.Errorf("use %d, key %d: %+v", use, id, ind)
			}
		}
	}
	b.Promote(alice)
	if k, ok := b.Key(alice, Established); !ok || !k.Equal(testKey(3)) || len(b.Keys()) != 1 {
		t.Errorf("%d keys", len(b.Keys()))
	}
	b.Promote(alice) // nothing is there to promote
	if len(b.Keys()) != 1 {
		t.Error("the key is gone")
	}
}

// A key that is handed over again is still one key: with one counter and one use.
func TestKeyHandedOverAgain(t *testing.T) {
	a, b := pair(t)
	send := func(use KeyUse, id zigbee.KeyID) []byte {
		if err := a.SendCommand(0, 2, Command{ID: ConfirmKey, KeyType: TrustCentreLinkKey, Dst: bob}, Security{Use: use, Key: id, Peer: bob}, false, false); err != nil {
			t.Fatal(err)
		}
		o := next(t, a)
		a.Sent(start, o.ID, true)
		return o.Data
	}
	for _, l := range []struct {
		*Layer
		peer zigbee.EUI64
	}{{a, bob}, {b, alice}} {
		l.DropKey(l.peer, Established)
		if l.SetKey(l.peer, Joining, testKey(2)) != nil {
			t.Fatal("no room")
		}
	}
	before := send(Joining, zigbee.KeyLoad)
	if ind, ok := b.Receive(start, fromAlice(before)); !ok || ind.Use != Joining {
		t.Fatalf("%+v", ind)
	}
	if err := b.SetKey(alice, Provisional, testKey(2)); err != nil {
		t.Fatal(err)
	}
	if _, still := b.Key(alice, Joining); still || len(b.Keys()) != 1 {
		t.Errorf("%d entries of one key", len(b.Keys()))
	}
	if ind, ok := b.Receive(start, fromAlice(before)); ok || b.Counters().Replayed != 1 {
		t.Errorf("a frame from before is taken again: %+v", ind)
	}
	if ind, ok := b.Receive(start, fromAlice(send(Joining, zigbee.KeyData))); !ok || ind.Use != Provisional {
		t.Errorf("use %d", ind.Use)
	}
}

func TestKeysAreBounded(t *testing.T) {
	l := New(alice, noRandom)
	for i := range MaxKeys {
		if err := l.SetKey(zigbee.EUI64(i+1), Established, testKey(1)); err != nil {
			t.Fatal(err)
		}
	}
	if l.SetKey(MaxKeys+1, Established, testKey(1)) == nil {
		t.Error("no limit")
	}
	l.DropKey(1, Established)
	if err := l.SetKey(MaxKeys+1, Established, testKey(1)); err != nil {
		t.Error(err)
	}
}

// Without network security only a key on its way gets through.
func TestWithoutNetworkSecurity(t *testing.T) {
	for _, id := range []zigbee.KeyID{zigbee.KeyTransport, zigbee.KeyData, zigbee.KeyLoad} {
		a, b := pair(t)
		if err := a.SendCommand(0, 2, Command{ID: TransportKey, KeyType: StandardNetworkKey}, Security{Use: Established, Key: id, Peer: bob}, true, true); err != nil {
			t.Fatal(err)
		}
		o := next(t, a)
		if !o.Plain {
			t.Error("network security is asked for")
		}
		in := fromAlice(o.Data)
		in.Secured = false
		if _, ok := b.Receive(start, in); ok != (id == zigbee.KeyTransport) {
			t.Errorf("key %d: %v", id, ok)
		}
		if _, ok := b.Next(); ok {
			t.Error("it is acknowledged, in the clear")
		}
	}
	a, b := pair(t)
	mustSend(t, a, request(false))
	in := fromAlice(next(t, a).Data)
	in.Secured = false
	if _, ok := b.Receive(start, in); ok {
		t.Error("data without network security is accepted")
	}
}

func TestDuplicatesAreBounded(t *testing.T) {
	_, b := pair(t)
	frame := func(counter uint8) []byte {
		return append(AppendHeader(nil, Header{DstEndpoint: 1, Counter: counter}), 1)
	}
	for i := range maxDuplicates + 1 {
		if _, ok := b.Receive(start, fromAlice(frame(uint8(i)))); !ok {
			t.Fatal("refused")
		}
	}
	if len(b.heard) != maxDuplicates {
		t.Errorf("%d are remembered", len(b.heard))
	}
	if _, ok := b.Receive(start, fromAlice(frame(maxDuplicates))); ok {
		t.Error("the newest is forgotten")
	}
	if _, ok := b.Receive(start, fromAlice(frame(0))); !ok {
		t.Error("the oldest is not forgotten")
	}
	if _, ok := b.Receive(start.Add(duplicateLife), fromAlice(frame(5))); !ok {
		t.Error("a counter can never be used again")
	}
	b.Restarted(1)
	if _, ok := b.Receive(start, fromAlice(frame(maxDuplicates))); !ok {
		t.Error("a device that restarted is not heard")
	}
}

func TestGroups(t *testing.T) {
	l := New(alice, noRandom)
	for _, g := range []uint16{5, 3, 5, 9} {
		if err := l.AddGroup(1, g); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.AddGroup(2, 3); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.Groups(1), []uint16{3, 5, 9}) || !slices.Equal(l.Groups(2), []uint16{3}) || !l.InGroup(1, 5) || l.InGroup(2, 5) {
		t.Errorf("%v %v", l.Groups(1), l.Groups(2))
	}
	for i := range MaxGroups - 4 {
		if err := l.AddGroup(3, uint16(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.AddGroup(3, 9999); !errors.Is(err, ErrGroupsFull) {
		t.Error(err)
	}
	if !l.RemoveGroup(1, 5) || l.RemoveGroup(1, 5) {
		t.Error("removing")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(unhex(f, "4001060004010209"), []byte("payload"), uint8(0), true)
	f.Add(unhex(f, "2109"), unhex(f, "0804"), uint8(2), false)
	corpus.Fuzz(f, func(t *testing.T, header, payload []byte, id uint8, secured bool) {
		a, b := pair(t)
		b.Receive(start, Incoming{Src: 1, SrcEUI64: alice, Secured: secured, Data: append(bytes.Clone(header), payload...)})
		h, _, err := ParseHeader(header)
		if err != nil || len(payload) > 60 {
			return
		}
		h.Secured = true
		aux := zigbee.Aux{Key: zigbee.KeyID(id & 3), Counter: 5, HasSource: true, Source: alice}
		if aux.Key == zigbee.KeyNetwork {
			return
		}
		frame := a.keys[0].envelopeFor(aux.Key).Secure(AppendHeader(nil, h), 0, aux, alice, payload)
		if ind, ok := b.Receive(start, Incoming{Src: 1, Secured: secured, Data: frame}); ok && ind.Use != Established {
			t.Fatal("secured, and not said so")
		}
		b.Advance(start.Add(time.Minute))
		for o, ok := b.Next(); ok; o, ok = b.Next() {
			b.Sent(start, o.ID, true)
		}
	})
}
