package nwk

import (
	"bytes"
	"testing"
	"time"

	"sconce/zigbee"
)

// relaying is a router that passes a frame of one neighbour on to another.
type relaying struct {
	from, router *Layer
	now          time.Time
	buf          []byte
	payload      []byte
}

func newRelaying(t testing.TB) *relaying {
	r := &relaying{from: newLayer(alice, 1), router: newLayer(bob, 2), now: start, payload: make([]byte, 60)}
	r.from.Cover(1 << 31)
	r.router.Cover(1 << 31)
	for i := range 250 { // a building
		r.router.Learn(zigbee.EUI64(0x10000+i), zigbee.ShortAddr(100+i))
	}
	r.from.setRoute(start.Add(100*365*24*time.Hour), 3, 2, false, false)
	to := newLayer(0xc, 3)
	r.router.Receive(start, 3, send(t, to, 2, "here I am"), 255)
	r.router.byShort(3).heard = at(start.Add(100 * 365 * 24 * time.Hour)) // and it stays near
	return r
}

// frame returns the next frame of the first for the third, as the router hears it.
func (r *relaying) frame(t testing.TB) []byte {
	r.now = r.now.Add(10 * time.Millisecond)
	r.from.Send(r.now, Request{Dst: 3, Payload: r.payload})
	hop, f, ok := r.from.Next()
	if !ok || hop != 2 {
		t.Fatalf("for %s, %v", hop, ok)
	}
	r.buf = append(r.buf[:0], f...)
	r.from.Done(r.now, true)
	return r.buf
}

// relay takes a frame and returns it as it is sent on.
func (r *relaying) relay(t testing.TB, frame []byte) []byte {
	if _, ok := r.router.Receive(r.now, 1, frame, 255); ok {
		t.Fatal("taken for its own")
	}
	hop, f, ok := r.router.Next()
	if !ok || hop != 3 {
		t.Fatalf("for %s, %v: %+v", hop, ok, r.router.counters)
	}
	r.router.Done(r.now, true)
	return f
}

func TestRelay(t *testing.T) {
	r := newRelaying(t)
	frame := bytes.Clone(r.frame(t))
	in, _, _ := ParseHeader(frame)
	relayed := bytes.Clone(r.relay(t, bytes.Clone(frame)))
	out, rest, err := ParseHeader(relayed)
	if err != nil || out.Src != 1 || out.Dst != 3 || out.Seq != in.Seq || out.Radius != in.Radius-1 {
		t.Errorf("%+v, %v", out, err)
	}
	if aux, _, err := zigbee.ParseAux(rest); err != nil || aux.Source != bob {
		t.Errorf("secured by %+v, %v", aux, err)
	}
	to := newLayer(0xc, 3)
	if ind, ok := to.Receive(r.now, 2, relayed, 1); !ok || !bytes.Equal(ind.Payload, r.payload) || ind.Src != 1 {
		t.Errorf("%+v", ind)
	}
	// A replay, an altered frame, and one whose radius is spent go nowhere.
	r.router.Receive(r.now, 1, bytes.Clone(frame), 255)
	altered := bytes.Clone(r.frame(t))
	altered[6]++ // more hops
	r.router.Receive(r.now, 1, altered, 255)
	r.router.Receive(r.now, 1, send(t, r.from, 3, "no further"), 255)
	if _, _, ok := r.router.Next(); ok {
		t.Error("relayed what it must not")
	}
	if c := r.router.Counters(); c.Replayed != 1 || c.Forged != 1 || c.NotForUs != 1 || c.Relayed != 1 {
		t.Errorf("%+v", c)
	}
}

// A frame over a source route goes where that says, and to nobody whom it does not name.
func TestRelayOverSourceRoute(t *testing.T) {
	for name, c := range map[string]struct {
		relays Relays
		index  uint8
		hop    zigbee.ShortAddr // 0: not relayed
	}{
		"last relay":  {Relays{2, 0, 9, 0}, 0, 8},
		"first relay": {Relays{9, 0, 2, 0}, 1, 9},
		"other's":     {Relays{9, 0, 2, 0}, 0, 0},
		"index":       {Relays{9, 0, 2, 0}, 2, 0},
		"none":        {nil, 0, 0},
		"too long":    {append(bytes.Repeat(Relays{9, 0}, MaxRelays), 2, 0), MaxRelays, 0},
	} {
		a, b := newLayer(alice, 1), newLayer(bob, 2)
		h := Header{Dst: 8, Src: 1, Radius: 9, SourceRoute: true, Relays: c.relays, RelayIndex: c.index}
		aux := zigbee.Aux{Key: zigbee.KeyNetwork, Counter: 7, HasSource: true, Source: alice}
		b.Receive(start, 1, secured(a, h, aux, []byte("x")), 255)
		hop, f, ok := b.Next()
		if ok != (c.hop != 0) || hop != c.hop {
			t.Errorf("%s: for %s, %v", name, hop, ok)
			continue
		}
		if out, _, err := ParseHeader(f); ok && (err != nil || !bytes.Equal(out.Relays, c.relays) || out.RelayIndex != max(c.index, 1)-1) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

func TestRelayAllocatesNothing(t *testing.T) {
	r := newRelaying(t)
	if n := testing.AllocsPerRun(300, func() { r.relay(t, r.frame(t)) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// BenchmarkRelay measures receive, verify, encrypt again and forward: relay_frame_ns.
func BenchmarkRelay(b *testing.B) {
	r := newRelaying(b)
	// The frames are made before, so that making them is not measured.
	const batch = 1024
	frames, from := make([][]byte, batch), r.now
	b.ReportAllocs()
	i := batch
	for b.Loop() {
		if i == batch {
			b.StopTimer()
			for j := range frames {
				frames[j] = append(frames[j][:0], r.frame(b)...)
			}
			i, from = 0, r.now
			b.StartTimer()
		}
		r.now = from.Add(time.Duration(i) * 10 * time.Millisecond)
		r.relay(b, frames[i])
		i++
	}
}
