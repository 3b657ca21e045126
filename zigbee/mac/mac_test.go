package mac

import (
	"testing"
	"time"

	"sconce/zigbee"
)

var start = time.Unix(1_700_000_000, 0)

const (
	pan    zigbee.PANID = 0x1a62
	parent zigbee.EUI64 = 0x00124b0000000001
	child  zigbee.EUI64 = 0x00124b0000000002
)

func noRandom(p []byte) { clear(p) }

// coordinator returns a layer in a network that answers.
func coordinator() *MAC {
	m := New(parent, noRandom)
	m.Configure(15, pan, 0)
	m.AnswerBeacons(Beacon{PANCoordinator: true, Permit: true, Payload: []byte{1, 2, 3}})
	return m
}

func outputs(m *MAC, k OutputKind) []Output {
	var list []Output
	for o, ok := m.NextOutput(); ok; o, ok = m.NextOutput() {
		if o.Kind == k {
			list = append(list, o)
		}
	}
	return list
}

func mustNext(t *testing.T, m *MAC) []byte {
	t.Helper()
	f, ok := m.Next()
	if !ok {
		t.Fatal("no frame for the radio")
	}
	return append([]byte(nil), f...)
}

func advanceToDeadline(t *testing.T, m *MAC) time.Time {
	t.Helper()
	at, ok := m.Deadline()
	if !ok {
		t.Fatal("no deadline")
	}
	m.Advance(at)
	return at
}

func TestScan(t *testing.T) {
	m, c := New(child, noRandom), coordinator()
	m.Scan(start, zigbee.Channels(11, 15), ScanDuration(3))
	heard := 0
	now := start
	for _, channel := range []uint8{11, 15} {
		if m.Channel() != channel || m.PAN() != zigbee.BroadcastPAN || len(outputs(m, AddressChanged)) == 0 {
			t.Fatalf("on channel %d of network %s", m.Channel(), m.PAN())
		}
		request := mustNext(t, m)
		if _, ok := m.Deadline(); ok {
			t.Fatal("time runs before the request is sent")
		}
		m.Done(now, true, false)
		if channel == 15 {
			c.Receive(now, request, 255)
			c.Receive(now, request, 255) // asked twice, answered once
			at := advanceToDeadline(t, c)
			ind, ok := m.Receive(at, mustNext(t, c), 99)
			c.Done(at, true, false)
			if !ok || ind.Kind != IndicateBeacon || ind.Channel != 15 || ind.LQI != 99 || !ind.Beacon.Permit || ind.Src != Short(pan, 0) {
				t.Fatalf("%+v", ind)
			}
			heard++
			if _, again := c.Next(); again {
				t.Error("two beacons for one jitter")
			}
		}
		now = advanceToDeadline(t, m)
	}
	if heard != 1 || len(outputs(m, ScanDone)) != 1 || now.Sub(start) != 2*ScanDuration(3) {
		t.Errorf("%d beacons in %v", heard, now.Sub(start))
	}
	m.Receive(now, []byte{0, 0x80, 9, 0x62, 0x1a, 0, 0, 0xff, 0xcf, 0, 0}, 1)
	c.StopBeacons()
	c.Receive(now, AppendCommand(AppendHeader(nil, Header{Type: TypeCommand, Dst: Short(zigbee.BroadcastPAN, zigbee.Broadcast)}), Command{ID: BeaconRequest}), 1)
	if _, ok := c.Deadline(); ok {
		t.Error("a node without a network answers")
	}
}

// associate carries an association to where the answer waits, and returns the time.
func associate(t *testing.T, m, c *MAC, s AssociationStatus) time.Time {
	t.Helper()
	m.Associate(start, 15, Short(pan, 0), zigbee.RouterCapability)
	ind, ok := c.Receive(start, mustNext(t, m), 200)
	if !ok || ind.Kind != IndicateAssociate || ind.Src.EUI64 != child || ind.Capability != zigbee.RouterCapability {
		t.Fatalf("%+v", ind)
	}
	if !c.Respond(start, child, 0x1234, s) {
		t.Fatal("no room")
	}
	if p := c.AppendPending(nil); len(p) != 1 || p[0] != child {
		t.Fatalf("pending: %v", p)
	}
	m.Done(start, true, false)
	now := advanceToDeadline(t, m)
	if now.Sub(start) != 491520*time.Microsecond {
		t.Fatalf("polls after %v", now.Sub(start))
	}
	c.Receive(now, mustNext(t, m), 200)
	m.Done(now, true, true)
	return now
}

func TestAssociation(t *testing.T) {
	for _, s := range []AssociationStatus{AssociationSuccessful, PANAccessDenied, PANAtCapacity} {
		m, c := New(child, noRandom), coordinator()
		now := associate(t, m, c, s)
		answer := mustNext(t, c)
		m.Receive(now, answer, 200)
		c.Done(now, true, false)
		done := outputs(m, AssociateDone)
		if len(done) != 1 || done[0].Status != s || done[0].OK != (s == AssociationSuccessful) {
			t.Fatalf("%+v", done)
		}
		if done[0].OK && (done[0].Short != 0x1234 || m.ShortAddr() != 0x1234 || m.PAN() != pan) {
			t.Errorf("%+v", done)
		}
		if r := outputs(c, ResponseDone); len(r) != 1 || !r[0].OK || r[0].EUI64 != child || len(c.AppendPending(nil)) != 0 {
			t.Errorf("%+v", r)
		}
		m.Receive(now.Add(time.Second), answer, 200)
		if m.Counters().Unsolicited != 1 || len(outputs(m, AssociateDone)) != 0 {
			t.Error("an answer that nobody waits for counts")
		}
	}
}

// The answer is given to the radio twice, and then the parent gives up.
func TestResponseIsLost(t *testing.T) {
	m, c := New(child, noRandom), coordinator()
	now := associate(t, m, c, AssociationSuccessful)
	for range responseTries {
		mustNext(t, c)
		c.Done(now, false, false)
	}
	if r := outputs(c, ResponseDone); len(r) != 1 || r[0].OK {
		t.Errorf("%+v", r)
	}
	// The child polls again, in vain, and gives up as well.
	for {
		if done := outputs(m, AssociateDone); len(done) > 0 {
			if done[0].OK {
				t.Error("associated")
			}
			return
		}
		now = advanceToDeadline(t, m)
		if _, ok := m.Next(); ok {
			m.Done(now, true, false)
		}
	}
}

func TestAssociationUnheard(t *testing.T) {
	m := New(child, noRandom)
	m.Associate(start, 15, Short(pan, 0), zigbee.RouterCapability)
	mustNext(t, m)
	m.Done(start, false, false)
	if done := outputs(m, AssociateDone); len(done) != 1 || done[0].OK {
		t.Errorf("%+v", done)
	}
}

func TestIndirectQueue(t *testing.T) {
	c := coordinator()
	for i := range MaxIndirect {
		if !c.Respond(start, child+zigbee.EUI64(i), 1, 0) {
			t.Fatal("no room")
		}
	}
	if c.Respond(start, child+MaxIndirect, 1, 0) || c.Counters().QueueFull != 1 {
		t.Error("the queue has no limit")
	}
	if !c.Respond(start.Add(time.Second), child, 2, 0) {
		t.Error("a new answer does not replace the old one")
	}
	if at, _ := c.Deadline(); at.Sub(start) != 7680*time.Millisecond {
		t.Errorf("held for %v", at.Sub(start))
	}
	advanceToDeadline(t, c)
	if r := outputs(c, ResponseDone); len(r) != MaxIndirect-1 || r[0].OK || c.Counters().Expired != MaxIndirect-1 {
		t.Errorf("%d expired", len(r))
	}
	if p := c.AppendPending(nil); len(p) != 1 || p[0] != child {
		t.Errorf("%v", p)
	}
}

func TestData(t *testing.T) {
	m, c := New(child, noRandom), coordinator()
	m.Configure(15, pan, 0x1234)
	frame := m.AppendData(nil, 0, []byte("hello"))
	ind, ok := c.Receive(start, frame, 50)
	if !ok || ind.Kind != IndicateData || string(ind.Payload) != "hello" || ind.Src != Short(pan, 0x1234) || ind.LQI != 50 {
		t.Fatalf("%+v", ind)
	}
	if _, again := c.Receive(start.Add(10*time.Millisecond), frame, 50); again || c.Counters().Duplicates != 1 {
		t.Error("a repeated frame counts twice")
	}
	if _, later := c.Receive(start.Add(time.Minute), frame, 50); !later {
		t.Error("a sequence number can never be used again")
	}
	for i, dst := range []zigbee.ShortAddr{zigbee.Broadcast, zigbee.BroadcastRxOn, zigbee.BroadcastRouters} {
		b := m.AppendData(nil, dst, []byte{1})
		if h, _, err := Parse(b); err != nil || h.Ack || h.Dst.Short != zigbee.Broadcast {
			t.Errorf("broadcast: %+v, %v", h, err)
		}
		if _, ok := c.Receive(start, b, 50); !ok {
			t.Errorf("broadcast %d is not heard", i)
		}
	}
	m.Configure(15, pan+1, 0x1234)
	for name, b := range map[string][]byte{
		"another network": m.AppendData(nil, 0, []byte{1}),
		"another node":    AppendHeader(nil, Header{Type: TypeData, Compress: true, Seq: 99, Dst: Short(pan, 7), Src: Short(pan, 8)}),
	} {
		if _, ok := c.Receive(start, append(b, 1), 50); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if c.Counters().Foreign != 2 {
		t.Errorf("%+v", c.Counters())
	}
	c.Receive(start, []byte{1, 2}, 0)
	if c.Counters().Malformed != 1 {
		t.Errorf("%+v", c.Counters())
	}
}

// The memory of sequence numbers is bounded, and forgets the oldest sender.
func TestDuplicatesAreBounded(t *testing.T) {
	c := coordinator()
	from := func(i int) []byte {
		return append(AppendHeader(nil, Header{Type: TypeData, Compress: true, Ack: true, Seq: 1, Dst: Short(pan, 0), Src: Short(pan, zigbee.ShortAddr(i+1))}), 1)
	}
	for i := range maxDuplicates + 1 {
		c.Receive(start.Add(time.Duration(i)), from(i), 1)
	}
	if _, ok := c.Receive(start.Add(time.Millisecond), from(maxDuplicates), 1); ok {
		t.Error("the newest sender is forgotten")
	}
	if _, ok := c.Receive(start.Add(time.Millisecond), from(0), 1); !ok {
		t.Error("the oldest sender is not forgotten")
	}
}

// What asks for no acknowledgement is sent once: it is no repetition, and displaces no
// sender whose frames are repeated.
func TestBroadcastsAreNoDuplicates(t *testing.T) {
	c := coordinator()
	unicast := append(AppendHeader(nil, Header{Type: TypeData, Compress: true, Ack: true, Seq: 1, Dst: Short(pan, 0), Src: Short(pan, 1)}), 1)
	c.Receive(start, unicast, 1)
	for i := range maxDuplicates + 1 {
		b := append(AppendHeader(nil, Header{Type: TypeData, Compress: true, Seq: 1, Dst: Short(pan, zigbee.Broadcast), Src: Short(pan, zigbee.ShortAddr(i+1))}), 1)
		if _, ok := c.Receive(start, b, 1); !ok {
			t.Fatalf("broadcast %d is not taken", i)
		}
	}
	if _, ok := c.Receive(start, unicast, 1); ok {
		t.Error("a repetition is not known after broadcasts of others")
	}
}
