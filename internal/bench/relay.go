package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/nwk"
)

// The frame of the figure: a payload of usual size, and a building's neighbours.
const (
	relayPayload = 60
	relayPeers   = 250
	relayBatch   = 1024 // frames that are made at a time, unmeasured: a frame is decrypted in place
)

// relaying is a sender, a router, and the one beyond it that frames are for.
type relaying struct {
	from, router, to *nwk.Layer
	now              time.Time
	payload          []byte
	frames           [][]byte
}

// The short addresses of the three.
const (
	relayFrom zigbee.ShortAddr = 1 + iota
	relayRouter
	relayTo
)

func newRelaying() (*relaying, error) {
	now := time.Unix(1_700_000_000, 0)
	layer := func(short zigbee.ShortAddr) *nwk.Layer {
		l := nwk.New(zigbee.EUI64(short), func(p []byte) { clear(p) })
		l.SetNetwork(nwk.Network{PAN: 1, Extended: 1, Short: short})
		l.SetKey(0, zigbee.NewNetworkKey([zigbee.KeySize]byte{1}))
		l.Cover(1 << 31)
		return l
	}
	r := &relaying{
		from: layer(relayFrom), router: layer(relayRouter), to: layer(relayTo),
		now: now, payload: make([]byte, relayPayload), frames: make([][]byte, relayBatch),
	}
	for i := range relayPeers {
		r.router.Learn(zigbee.EUI64(0x10000+i), zigbee.ShortAddr(0x100+i))
	}
	r.from.SetParent(relayRouter) // so that it has a way
	// The router hears whom it is to pass frames on to.
	r.to.Send(now, nwk.Request{Dst: relayRouter, Radius: 1, Payload: r.payload})
	_, hello, ok := r.to.Next()
	if _, taken := r.router.Receive(now, relayTo, hello, 255); !ok || !taken {
		return nil, fmt.Errorf("making a router: it does not hear its neighbour")
	}
	return r, nil
}

// make makes the next frames.
func (r *relaying) make() {
	for i := range r.frames {
		r.from.Send(r.now, nwk.Request{Dst: relayTo, Payload: r.payload})
		_, frame, _ := r.from.Next()
		r.frames[i] = append(r.frames[i][:0], frame...)
		r.from.Done(r.now, true)
	}
}

// relay has the router receive, verify, encrypt anew and pass on a frame. It reports
// whether that went to whom it was for.
func (r *relaying) relay(frame []byte) bool {
	r.router.Receive(r.now, relayFrom, frame, 255)
	hop, _, ok := r.router.Next()
	r.router.Done(r.now, true)
	return ok && hop == relayTo
}

// envelopes does to a frame of the same size what no relay can do without: verify and decrypt it
// with one nonce, encrypt it with another.
func envelopes(t *testing.B, frames func() [][]byte) {
	const header = 8 // of the network layer, without addresses of 8 bytes
	key := zigbee.NewNetworkKey([zigbee.KeySize]byte{1})
	in, out := zigbee.NewEnvelope(key), zigbee.NewEnvelope(key)
	var sealed []byte
	batch(t, frames, func(frame []byte) bool {
		aux, _, err := zigbee.ParseAux(frame[header:])
		if err != nil {
			return false
		}
		payload, err := in.Open(frame, header, aux, aux.Source)
		if err != nil {
			return false
		}
		sealed = out.Secure(append(sealed[:0], frame[:header]...), 0, aux, aux.Source, payload)
		return len(sealed) == len(frame)
	})
}

// batch measures f over frames, of which new ones are made when all are used.
func batch(t *testing.B, frames func() [][]byte, f func(frame []byte) bool) {
	t.ReportAllocs()
	made := frames()
	i := 0
	for t.Loop() {
		if i == len(made) {
			t.StopTimer()
			made, i = frames(), 0
			t.StartTimer()
		}
		if !f(made[i]) {
			t.Fatal("a frame was not taken")
		}
		i++
	}
}

// relay measures a router that passes a frame on, beside the two operations of AES-CCM
// that this takes at least.
func (b *bench) relay(ctx context.Context) ([]Figure, error) {
	r, err := newRelaying()
	if err != nil {
		return nil, err
	}
	frames := func() [][]byte {
		r.make()
		return r.frames
	}
	compared := []func(*testing.B){
		func(t *testing.B) { batch(t, frames, r.relay) },
		func(t *testing.B) { envelopes(t, frames) },
	}
	var ns, allocs []round
	for range b.Rounds {
		var results [2]testing.BenchmarkResult
		for _, i := range b.luck.Perm(len(compared)) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if results[i] = testing.Benchmark(compared[i]); results[i].N == 0 {
				return nil, fmt.Errorf("relaying: a frame was not passed on")
			}
		}
		relay, floor := results[0], results[1]
		ns = append(ns, round{nsOf(relay), nsOf(floor)})
		allocs = append(allocs, round{float64(relay.AllocsPerOp()), float64(floor.AllocsPerOp())})
	}
	return []Figure{
		newFigure("relay_frame_ns", "ns", "ccm_open_and_seal_ns", ns, ratioAtMost(3)),
		newFigure("relay_frame_allocs", "allocations", "ccm_open_and_seal_allocs", allocs, valueAtMost(0)),
	}, nil
}
