package radiotest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sconce/radio"
)

func unicast(t *testing.T, r *rig) {
	r.join()
	before := time.Now()
	for name, dst := range map[string]*address{"short": shortAddr(pan, shorts[1]), "extended": extAddr(pan, r.b.EUI64())} {
		frame := r.data(true, dst, shortAddr(pan, shorts[0]), "to "+name)
		if got := r.send(r.a, frame, radio.Sent); got.FramePending {
			t.Errorf("%s: frame pending in the acknowledgement of data", name)
		}
		f := r.expect(r.b, frame)
		if f.RSSI < -100 || f.LQI == 0 {
			t.Errorf("%s: RSSI %d dBm, LQI %d from a neighbour", name, f.RSSI, f.LQI)
		}
		if f.At.Before(before) || f.At.After(time.Now()) {
			t.Errorf("%s: received at %v, but it is %v", name, f.At, time.Now())
		}
	}
	r.expectNothing(r.a, r.c)
}

func noAck(_ *testing.T, r *rig) {
	r.join()
	r.send(r.a, r.data(true, shortAddr(pan, 0x4444), shortAddr(pan, shorts[0]), "to nobody"), radio.NoAck)
	r.send(r.a, r.data(false, shortAddr(pan, 0x4444), shortAddr(pan, shorts[0]), "to nobody, and no matter"), radio.Sent)
	frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "and on it goes")
	r.send(r.a, frame, radio.Sent)
	r.expect(r.b, frame)
}

func broadcast(_ *testing.T, r *rig) {
	r.join()
	frame := r.data(false, shortAddr(pan, 0xffff), shortAddr(pan, shorts[0]), "to all")
	r.send(r.a, frame, radio.Sent)
	r.expect(r.b, frame)
	r.expect(r.c, frame)
	frame = r.frame(typeCommand, false, shortAddr(0xffff, 0xffff), nil, []byte{0x07}) // beacon request
	r.send(r.c, frame, radio.Sent)
	r.expect(r.a, frame)
	r.expect(r.b, frame)
}

func addressFilter(_ *testing.T, r *rig) {
	r.join()
	src := shortAddr(pan, shorts[0])
	r.send(r.a, r.data(false, shortAddr(pan, shorts[2]+1), src, "not b"), radio.Sent)
	r.send(r.a, r.data(false, extAddr(pan, r.b.EUI64()+0x100000), src, "not b either"), radio.Sent)
	r.expectNothing(r.a, r.b, r.c)

	r.configure(r.b, radio.Filter{Channel: homeChannel, PANID: pan, Short: 0x2222, EUI64: 0x0123456789abcdef})
	r.send(r.a, r.data(true, shortAddr(pan, shorts[1]), src, "b has moved"), radio.NoAck)
	for _, dst := range []*address{shortAddr(pan, 0x2222), extAddr(pan, 0x0123456789abcdef)} {
		frame := r.data(true, dst, src, "b is here")
		r.send(r.a, frame, radio.Sent)
		r.expect(r.b, frame)
	}
	r.expectNothing(r.a, r.c)
}

func networkFilter(_ *testing.T, r *rig) {
	r.join()
	src := shortAddr(pan+1, shorts[0])
	r.send(r.a, r.data(true, shortAddr(pan+1, shorts[1]), src, "another network"), radio.NoAck)
	r.send(r.a, r.data(false, shortAddr(pan+1, 0xffff), src, "all of another network"), radio.Sent)
	r.expectNothing(r.a, r.b, r.c)
	frame := r.data(false, shortAddr(0xffff, shorts[1]), src, "b in any network")
	r.send(r.a, frame, radio.Sent)
	r.expect(r.b, frame)
}

// Who has no network yet hears the beacons of all.
func beacons(_ *testing.T, r *rig) {
	r.join()
	r.configure(r.b, radio.Filter{Channel: homeChannel, PANID: 0xffff, Short: 0xffff, EUI64: r.b.EUI64()})
	beacon := r.frame(typeBeacon, false, nil, shortAddr(0x7654, 0), []byte{0xff, 0xcf, 0, 0})
	r.send(r.a, beacon, radio.Sent)
	r.expect(r.b, beacon)
	r.expectNothing(r.a, r.c)
}

func pendingShort(_ *testing.T, r *rig) {
	pendingFor(r, shortAddr(pan, shorts[0]), []uint16{0x0001, shorts[0]}, nil)
}

func pendingExtended(_ *testing.T, r *rig) {
	pendingFor(r, extAddr(pan, r.a.EUI64()), nil, []uint64{1, r.a.EUI64()})
}

func pendingFor(r *rig, src *address, short []uint16, extended []uint64) {
	r.t.Helper()
	r.join()
	ask := func(want bool) {
		r.t.Helper()
		frame := r.dataRequest(shortAddr(pan, shorts[1]), src)
		if got := r.send(r.a, frame, radio.Sent); got.FramePending != want {
			r.t.Errorf("frame pending %v, want %v", got.FramePending, want)
		}
		r.expect(r.b, frame)
	}
	set := func(short []uint16, extended []uint64) {
		r.t.Helper()
		if err := r.b.SetPending(r.ctx, short, extended); err != nil {
			r.t.Fatalf("set pending: %v", err)
		}
	}
	ask(false)
	set(short, extended)
	ask(true)
	set([]uint16{0x0002}, []uint64{2}) // replaces
	ask(false)
	set(short, extended)
	set(nil, nil)
	ask(false)
}

func pendingLimit(t *testing.T, r *rig) {
	r.join()
	short, extended := make([]uint16, radio.MaxPending), make([]uint64, radio.MaxPending)
	for i := range short {
		short[i], extended[i] = uint16(i+0x3000), uint64(i+0x3000)
	}
	extended[radio.MaxPending-1] = r.a.EUI64()
	if err := r.b.SetPending(r.ctx, short, extended); err != nil {
		t.Fatalf("set pending for as many as there may be: %v", err)
	}
	if err := r.b.SetPending(r.ctx, append(short, 1), nil); err == nil {
		t.Error("set pending for too many was accepted")
	}
	if got := r.send(r.a, r.dataRequest(shortAddr(pan, shorts[1]), extAddr(pan, r.a.EUI64())), radio.Sent); !got.FramePending {
		t.Error("the last of a full list was forgotten")
	}
}

func order(t *testing.T, r *rig) {
	r.join()
	first := r.b.Frames()
	for i := range 40 {
		frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), fmt.Sprint(i))
		r.send(r.a, frame, radio.Sent)
		r.expect(r.b, frame)
	}
	if r.b.Frames() != first {
		t.Error("Frames is not the same at every call")
	}
}

func sizes(t *testing.T, r *rig) {
	r.join()
	for _, n := range []int{0, 1, radio.MinFrame - 1, radio.MaxFrame + 1, radio.MaxFrame + 2, 1000} {
		if _, err := r.a.Transmit(r.ctx, make([]byte, n)); !errors.Is(err, radio.ErrFrameSize) {
			t.Errorf("%d bytes: %v, want %v", n, err, radio.ErrFrameSize)
		}
	}
	r.send(r.a, []byte{typeData, 0, 1}, radio.Sent)
	head := len(r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), ""))
	for n := head; n <= radio.MaxFrame; n++ {
		frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), string(bytes.Repeat([]byte{byte(n)}, n-head)))
		r.send(r.a, frame, radio.Sent)
		r.expect(r.b, frame)
	}
}

func channel(t *testing.T, r *rig) {
	r.join()
	away := radio.Filter{Channel: 15, PANID: pan, Short: shorts[1], EUI64: r.b.EUI64()}
	frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "where are you?")
	r.configure(r.b, away)
	r.send(r.a, frame, radio.NoAck)
	r.configure(r.a, radio.Filter{Channel: 15, PANID: pan, Short: shorts[0], EUI64: r.a.EUI64()})
	r.send(r.a, frame, radio.Sent)
	r.expect(r.b, frame)
	for _, c := range []uint8{0, 10, 27, 255} {
		away.Channel = c
		if err := r.b.Configure(r.ctx, away); err == nil {
			t.Errorf("channel %d was accepted", c)
		}
	}
	r.send(r.a, frame, radio.Sent)
	r.expect(r.b, frame)
}

func energyScan(t *testing.T, r *rig) {
	r.join()
	quiet, err := r.b.EnergyScan(r.ctx, 20, 20*time.Millisecond)
	if err != nil {
		t.Fatalf("scan of a quiet channel: %v", err)
	}
	stop := make(chan struct{})
	var talker sync.WaitGroup
	talker.Go(func() {
		frame := r.data(false, shortAddr(pan, 0xffff), shortAddr(pan, shorts[0]), string(make([]byte, 100)))
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := r.a.Transmit(r.ctx, frame); err != nil {
					t.Errorf("transmit: %v", err)
					return
				}
			}
		}
	})
	loud, err := r.b.EnergyScan(r.ctx, homeChannel, 300*time.Millisecond)
	close(stop)
	talker.Wait()
	if err != nil {
		t.Fatalf("scan of a busy channel: %v", err)
	}
	if loud < quiet+10 {
		t.Errorf("%d dBm where a neighbour talks, %d dBm where nobody does", loud, quiet)
	}
	for _, c := range []uint8{10, 27} {
		if _, err := r.b.EnergyScan(r.ctx, c, time.Millisecond); err == nil {
			t.Errorf("channel %d was scanned", c)
		}
	}
	if _, err := r.b.EnergyScan(r.ctx, 20, 0); err == nil {
		t.Error("a scan that takes no time was accepted")
	}
	// Scanning another channel leaves the radio where it was.
	if _, err := r.b.EnergyScan(r.ctx, 20, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "back again")
	r.send(r.a, frame, radio.Sent)
	for !bytes.Equal(r.next(r.b).Data, frame) { // what was said before and after the scan
	}
}

func unconfigured(t *testing.T, r *rig) {
	frame := r.data(false, shortAddr(pan, 0xffff), shortAddr(pan, shorts[0]), "too early")
	if _, err := r.a.Transmit(r.ctx, frame); err == nil {
		t.Error("a radio without a channel transmitted")
	}
	r.configure(r.b, radio.Filter{Channel: homeChannel, PANID: pan, Short: shorts[1], EUI64: r.b.EUI64()})
	r.send(r.b, frame, radio.Sent)
	r.configure(r.a, radio.Filter{Channel: homeChannel, PANID: pan, Short: shorts[0], EUI64: r.a.EUI64()})
	r.expectNothing(r.b, r.a)
}

func cancelled(t *testing.T, r *rig) {
	r.join()
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	frame := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "never mind")
	if _, err := r.a.Transmit(ctx, frame); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("transmit: %v", err)
	}
	if _, err := r.a.EnergyScan(ctx, 20, time.Millisecond); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("scan: %v", err)
	}
	ctx, cancel = context.WithTimeout(r.ctx, time.Millisecond) // in the middle of it
	defer cancel()
	if _, err := r.a.EnergyScan(ctx, 20, 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("scan: %v", err)
	}
	last := r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "but this")
	r.send(r.a, last, radio.Sent)
	for {
		if got := r.next(r.b).Data; bytes.Equal(got, last) {
			return
		} else if !bytes.Equal(got, frame) {
			t.Fatalf("received %x", got)
		}
	}
}

// Many callers on two radios at once: what was acknowledged has arrived.
func concurrency(t *testing.T, r *rig) {
	r.join()
	const callers, each = 6, 8
	type sender struct {
		from, to radio.Radio
		src, dst uint16
	}
	var mu sync.Mutex
	acknowledged := map[string]radio.Radio{}
	var wg, readers sync.WaitGroup
	arrived := map[radio.Radio]map[string]bool{r.a: {}, r.b: {}}
	for x, seen := range arrived {
		readers.Go(func() {
			for f := range x.Frames() {
				seen[string(f.Data)] = true
			}
		})
	}
	for _, s := range []sender{{r.a, r.b, shorts[0], shorts[1]}, {r.b, r.a, shorts[1], shorts[0]}} {
		for caller := range callers {
			frames := make([][]byte, each)
			for i := range frames {
				frames[i] = r.data(true, shortAddr(pan, s.dst), shortAddr(pan, s.src), fmt.Sprintf("%x %d %d", s.src, caller, i))
			}
			wg.Go(func() {
				for _, frame := range frames {
					got, err := s.from.Transmit(r.ctx, frame)
					if err != nil {
						t.Errorf("transmit: %v", err)
						return
					}
					if err := s.from.SetPending(r.ctx, []uint16{1}, nil); err != nil {
						t.Errorf("set pending: %v", err)
						return
					}
					if got.Status == radio.Sent {
						mu.Lock()
						acknowledged[string(frame)] = s.to
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	if len(acknowledged) < callers*each {
		t.Errorf("only %d of %d transmissions were acknowledged", len(acknowledged), 2*callers*each)
	}
	r.settle(r.a)
	r.settle(r.b)
	r.a.Close()
	r.b.Close()
	readers.Wait()
	for frame, to := range acknowledged {
		if !arrived[to][frame] {
			t.Errorf("acknowledged but not received: %q", frame)
		}
	}
}

// settle waits until what a radio has received is in its queue: its answers
// keep their order.
func (r *rig) settle(x radio.Radio) {
	r.t.Helper()
	if err := x.SetPending(r.ctx, nil, nil); err != nil {
		r.t.Fatalf("set pending: %v", err)
	}
}

// When nobody reads, the oldest frames are dropped, and nothing stops.
func overflow(t *testing.T, r *rig) {
	r.join()
	const queue, sent = 64, 80
	for i := range uint16(sent) {
		r.send(r.a, r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), string(binary.BigEndian.AppendUint16(nil, i))), radio.Sent)
	}
	r.settle(r.b)
	for want := uint16(sent - queue); want < sent; want++ {
		data := r.next(r.b).Data
		if got := binary.BigEndian.Uint16(data[len(data)-2:]); got != want {
			t.Fatalf("received frame %d of %d, want %d", got, sent, want)
		}
	}
	r.expectNothing(r.a, r.b)
}

func closing(t *testing.T, r *rig) {
	r.join()
	frames := r.b.Frames()
	for range 2 {
		if err := r.b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for range frames { // ends
	}
	if err := r.b.Err(); err != nil {
		t.Errorf("the reason of the end is %v, want none", err)
	}
	_, err := r.b.Transmit(r.ctx, r.data(false, shortAddr(pan, 0xffff), nil, "?"))
	_, scanErr := r.b.EnergyScan(r.ctx, 20, time.Millisecond)
	for name, err := range map[string]error{
		"transmit": err, "scan": scanErr,
		"configure":   r.b.Configure(r.ctx, radio.Filter{Channel: homeChannel}),
		"set pending": r.b.SetPending(r.ctx, nil, nil),
	} {
		if !errors.Is(err, radio.ErrClosed) {
			t.Errorf("%s on a closed radio: %v, want %v", name, err, radio.ErrClosed)
		}
	}
	// A closed radio acknowledges no more.
	r.send(r.a, r.data(true, shortAddr(pan, shorts[1]), shortAddr(pan, shorts[0]), "anybody?"), radio.NoAck)
	frame := r.data(true, shortAddr(pan, shorts[2]), shortAddr(pan, shorts[0]), "the others go on")
	r.send(r.a, frame, radio.Sent)
	r.expect(r.c, frame)
}
