package aps

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

func long(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i + i>>8)
	}
	return p
}

func longRequest(n int, s Security) Request {
	r := request(true)
	r.Payload, r.Security = long(n), s
	return r
}

// talk carries frames between alice and bob until alice has nothing to do, and returns
// what bob got. lost says of each frame whether it is lost.
func talk(t *testing.T, a, b *Layer, lost func(frame []byte) bool) (got []Indication, now time.Time) {
	t.Helper()
	now = start
	for range 2000 {
		if o, ok := a.Next(); ok {
			data := bytes.Clone(o.Data)
			a.Sent(now, o.ID, true)
			if !lost(data) {
				if ind, ok := b.Receive(now, fromAlice(data)); ok {
					ind.Payload = bytes.Clone(ind.Payload)
					got = append(got, ind)
				}
			}
			continue
		}
		if o, ok := b.Next(); ok {
			data := bytes.Clone(o.Data)
			b.Sent(now, o.ID, true)
			if !lost(data) {
				a.Receive(now, fromBob(data))
			}
			continue
		}
		d, ok := a.Deadline()
		if !ok {
			return got, now
		}
		now = d
		a.Advance(now)
	}
	t.Fatal("it does not end")
	return nil, now
}

func never([]byte) bool { return false }

func TestFragments(t *testing.T) {
	secure := Security{Use: Established, Key: zigbee.KeyData, Peer: bob}
	for _, s := range []Security{{}, secure} {
		for _, window := range []int{1, 3, 8} {
			for _, n := range []int{MaxPayload + 1, 2 * blockSize, 300, MaxFragmented} {
				a, b := pair(t)
				a.window, b.window = window, window
				mustSend(t, a, longRequest(n, s))
				got, _ := talk(t, a, b, never)
				if len(got) != 1 || !bytes.Equal(got[0].Payload, long(n)) || got[0].Use != s.Use || got[0].Header.Fragment != Whole || got[0].Header.DstEndpoint != 1 {
					t.Errorf("%d bytes, window %d: %d payloads", n, window, len(got))
				}
				if d, ok := a.NextDone(); !ok || d.Err != nil || d.Handle != 7 {
					t.Errorf("%d bytes, window %d: %+v", n, window, d)
				}
				if c := b.Counters(); c.Duplicates+c.BlocksDropped+c.Malformed+c.Forged != 0 {
					t.Errorf("%+v", c)
				}
			}
		}
	}
}

func TestFragmentsThroughLoss(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		a, b := pair(t)
		a.window = 1 + int(seed)%8
		b.window = a.window
		mustSend(t, a, longRequest(500, Security{}))
		got, _ := talk(t, a, b, func([]byte) bool { return rng.Float64() < 0.15 })
		d, ok := a.NextDone()
		if len(got) > 1 || !ok || d.Err == nil && (len(got) != 1 || !bytes.Equal(got[0].Payload, long(500))) {
			t.Errorf("seed %d: %d payloads, %v", seed, len(got), d.Err)
		}
	}
}

// The numbers are those of test TP/PRO/BV-43 of the Zigbee PRO certification: eight
// blocks of 30 bytes, a window of three, and the second block is lost once.
func TestCertifiedWindow(t *testing.T) {
	a, b := pair(t)
	a.window, b.window = 3, 3
	mustSend(t, a, longRequest(240, Security{}))
	for i := range a.slots {
		if a.slots[i].out != nil {
			a.slots[i].out = a.newOutgoing(long(240), 30)
		}
	}
	var sent, acks [][]byte
	lostOnce := false
	got, _ := talk(t, a, b, func(f []byte) bool {
		if f[0] == 0x82 {
			acks = append(acks, f[8:])
			return false
		}
		sent = append(sent, f[8:10])
		if f[9] == 1 && !lostOnce {
			lostOnce = true
			return true
		}
		return false
	})
	wantSent := [][]byte{{1, 8}, {2, 1}, {2, 2}, {2, 1}, {2, 3}, {2, 4}, {2, 5}, {2, 6}, {2, 7}}
	wantAcks := [][]byte{{1, 0, 0xfd}, {1, 0, 0xff}, {2, 3, 0xff}, {2, 6, 0xff}}
	if !equal(sent, wantSent) || !equal(acks, wantAcks) || len(got) != 1 || !bytes.Equal(got[0].Payload, long(240)) {
		t.Errorf("sent %v, want %v; acknowledged %v, want %v", sent, wantSent, acks, wantAcks)
	}
}

func equal(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, nil), bytes.Join(b, nil))
}

func TestFragmentsToTheDead(t *testing.T) {
	a, b := pair(t)
	mustSend(t, a, longRequest(300, Security{}))
	sent := 0
	talk(t, a, b, func([]byte) bool { sent++; return true })
	if d, ok := a.NextDone(); !ok || !errors.Is(d.Err, ErrNoAck) || sent != 1+MaxRetries {
		t.Errorf("%+v after %d frames", d, sent)
	}
	mustSend(t, a, longRequest(300, Security{}))
	for range MaxRetries + 1 {
		a.Sent(start, next(t, a).ID, false)
		if d, ok := a.Deadline(); ok {
			a.Advance(d)
		}
	}
	if d, ok := a.NextDone(); !ok || !errors.Is(d.Err, ErrNoRoute) {
		t.Errorf("%+v", d)
	}
}

func TestTooLongForBlocks(t *testing.T) {
	a, _ := pair(t)
	if err := a.Send(longRequest(MaxFragmented+1, Security{})); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	r := longRequest(MaxPayload+1, Security{})
	r.Header.AckRequest = false
	if err := a.Send(r); !errors.Is(err, ErrTooLong) {
		t.Errorf("without an acknowledgement: %v", err)
	}
}

// blockFrame makes a block as anybody with the network key can.
func blockFrame(counter uint8, f Fragment, block uint8, payload []byte) []byte {
	h := request(true).Header
	h.Counter, h.Fragment, h.Block = counter, f, block
	return append(AppendHeader(nil, h), payload...)
}

func TestReassemblyIsBounded(t *testing.T) {
	_, b := pair(t)
	for i := range uint8(maxReassemblies + 2) {
		b.Receive(start, fromAlice(blockFrame(i, FirstBlock, 3, []byte{i})))
	}
	if len(b.parts) != maxReassemblies || b.Counters().BlocksDropped != 2 {
		t.Errorf("%d payloads, %+v", len(b.parts), b.Counters())
	}
	later := start.Add(reassemblyLife)
	b.Receive(later, fromAlice(blockFrame(100, FirstBlock, 2, []byte{1})))
	if len(b.parts) != 1 {
		t.Error("what was not completed is kept")
	}
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"a later block of nothing", blockFrame(101, LaterBlock, 1, []byte{1})},
		{"no blocks", blockFrame(102, FirstBlock, 0, []byte{1})},
		{"one block", blockFrame(103, FirstBlock, 1, []byte{1})},
		{"too many blocks", blockFrame(104, FirstBlock, maxBlocks+1, []byte{1})},
		{"a block past the end", blockFrame(100, LaterBlock, 2, []byte{1})},
		{"an empty block", blockFrame(100, LaterBlock, 1, nil)},
	} {
		if _, ok := b.Receive(later, fromAlice(c.frame)); ok || len(b.parts) != 1 {
			t.Errorf("%s: taken", c.name)
		}
	}
	// A payload that grows past the limit is given up.
	b, size := New(bob, noRandom), 0
	for i := range uint8(maxBlocks) {
		f := blockFrame(1, LaterBlock, i, long(MaxPayload))
		if i == 0 {
			f = blockFrame(1, FirstBlock, maxBlocks, long(MaxPayload))
		}
		if _, ok := b.Receive(start, fromAlice(f)); ok {
			t.Error("handed up")
		}
		for _, r := range b.parts {
			size = max(size, r.size)
		}
	}
	if size > MaxFragmented || b.Counters().Malformed != 1 {
		t.Errorf("%d bytes, %+v", size, b.Counters())
	}
}

// A block that comes again after the whole was handed up is acknowledged, not handed up again;
// blocks under another protection are not put together.
func TestBlocksComeAgain(t *testing.T) {
	a, b := pair(t)
	mustSend(t, a, longRequest(100, Security{}))
	var all [][]byte
	talk(t, a, b, func(f []byte) bool {
		if f[0] == 0xc0 {
			all = append(all, f)
		}
		return false
	})
	for _, f := range all {
		if _, ok := b.Receive(start, fromAlice(f)); ok {
			t.Error("handed up twice")
		}
		if o := next(t, b); o.Data[0] != 0x82 {
			t.Errorf("answered with %x", o.Data)
		}
	}
	_, b = pair(t)
	b.Receive(start, fromAlice(all[0]))
	other := bytes.Clone(all[1])
	if _, ok := b.Receive(start, Incoming{Src: 9, Secured: true, Data: other}); ok {
		t.Error("put together from two senders")
	}
}

// Whatever blocks come, in whatever order: nothing falls over, and what is kept stays
// within its limits.
func FuzzReassemble(f *testing.F) {
	f.Add([]byte{1, 1, 2, 9, 1, 2, 1, 9})
	corpus.Fuzz(f, func(t *testing.T, script []byte) {
		_, b := pair(t)
		now := start
		for ; len(script) >= 4; script = script[4:] {
			frame := blockFrame(script[0], Fragment(1+script[1]%2), script[2], long(int(script[3])%90))
			b.Receive(now, fromAlice(frame))
			now = now.Add(time.Duration(script[1]) * 100 * time.Millisecond)
			for o, ok := b.Next(); ok; o, ok = b.Next() {
				b.Sent(now, o.ID, true)
			}
			if len(b.parts) > maxReassemblies {
				t.Fatal("too many payloads")
			}
			for _, r := range b.parts {
				if r.size > MaxFragmented || len(r.blocks) > maxBlocks {
					t.Fatal("too long a payload")
				}
			}
		}
	})
}
