// Package radiotest is the suite that every [radio.Radio] must pass: the meaning
// of "supported". It speaks raw IEEE 802.15.4-2006 frames and needs three radios
// that hear each other well, on an air where nobody else talks on channels 11,
// 15 and 20; so it runs on virtual radios and on dongles on a desk.
package radiotest

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"sconce/radio"
)

// Open returns three new radios with different EUI-64s, not configured yet. It
// closes them when the test ends.
type Open func(t *testing.T) [3]radio.Radio

// Run runs the suite, with new radios for each test.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, r *rig)
	}{
		{"unicast", unicast},
		{"no acknowledgement", noAck},
		{"broadcast", broadcast},
		{"address filter", addressFilter},
		{"network filter", networkFilter},
		{"beacons", beacons},
		{"frame pending by short address", pendingShort},
		{"frame pending by extended address", pendingExtended},
		{"too many pending", pendingLimit},
		{"order", order},
		{"sizes", sizes},
		{"channel", channel},
		{"energy scan", energyScan},
		{"before configuration", unconfigured},
		{"cancelled", cancelled},
		{"concurrency", concurrency},
		{"overflow", overflow},
		{"close", closing},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newRig(t, open)) })
	}
}

const (
	pan         = 0x1a62
	homeChannel = 11
	patience    = 10 * time.Second // for what must happen
)

// The short addresses of the three radios.
var shorts = [3]uint16{0x0000, 0x1234, 0xbeef}

type rig struct {
	t       *testing.T
	ctx     context.Context
	a, b, c radio.Radio
	seq     uint8
}

// newRig opens three radios and sets them to one network.
func newRig(t *testing.T, open Open) *rig {
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	radios := open(t)
	r := &rig{t: t, ctx: ctx, a: radios[0], b: radios[1], c: radios[2]}
	if r.a.EUI64() == r.b.EUI64() || r.b.EUI64() == r.c.EUI64() || r.a.EUI64() == r.c.EUI64() {
		t.Fatalf("the radios have the addresses %016x, %016x, %016x", r.a.EUI64(), r.b.EUI64(), r.c.EUI64())
	}
	return r
}

// join configures all three.
func (r *rig) join() {
	r.t.Helper()
	for i, x := range []radio.Radio{r.a, r.b, r.c} {
		r.configure(x, radio.Filter{Channel: homeChannel, PANID: pan, Short: shorts[i], EUI64: x.EUI64()})
	}
}

func (r *rig) configure(x radio.Radio, f radio.Filter) {
	r.t.Helper()
	if err := x.Configure(r.ctx, f); err != nil {
		r.t.Fatalf("configure: %v", err)
	}
}

// send transmits and wants a status.
func (r *rig) send(from radio.Radio, frame []byte, want radio.Status) radio.TxResult {
	r.t.Helper()
	got, err := from.Transmit(r.ctx, frame)
	if err != nil {
		r.t.Fatalf("transmit: %v", err)
	}
	if got.Status != want {
		r.t.Fatalf("transmit: %v, want %v", got.Status, want)
	}
	return got
}

// next returns the next frame that arrives.
func (r *rig) next(at radio.Radio) radio.Frame {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	select {
	case f, ok := <-at.Frames():
		if !ok {
			r.t.Fatalf("frames ended: %v", at.Err())
		}
		return f
	case <-ctx.Done():
		r.t.Fatal("no frame arrived")
		panic("unreachable")
	}
}

// expect wants a frame to be the next that arrives.
func (r *rig) expect(at radio.Radio, frame []byte) radio.Frame {
	r.t.Helper()
	f := r.next(at)
	if !bytes.Equal(f.Data, frame) {
		r.t.Fatalf("received %x, want %x", f.Data, frame)
	}
	return f
}

// expectNothing wants that nothing arrived up to now: a marker that everybody
// hears is the next frame.
func (r *rig) expectNothing(from radio.Radio, at ...radio.Radio) {
	r.t.Helper()
	marker := r.data(false, shortAddr(pan, 0xffff), shortAddr(pan, 0x7777), "marker")
	r.send(from, marker, radio.Sent)
	for _, x := range at {
		r.expect(x, marker)
	}
}

// address is one end of a frame.
type address struct {
	pan      uint16
	extended bool
	value    uint64
}

func shortAddr(pan, short uint16) *address      { return &address{pan, false, uint64(short)} }
func extAddr(pan uint16, eui64 uint64) *address { return &address{pan, true, eui64} }

func (a *address) mode() uint16 {
	switch {
	case a == nil:
		return 0
	case a.extended:
		return 3
	default:
		return 2
	}
}

func (a *address) append(b []byte, withPAN bool) []byte {
	if a == nil {
		return b
	}
	if withPAN {
		b = binary.LittleEndian.AppendUint16(b, a.pan)
	}
	if a.extended {
		return binary.LittleEndian.AppendUint64(b, a.value)
	}
	return binary.LittleEndian.AppendUint16(b, uint16(a.value))
}

// The frame types (802.15.4-2006, 7.2.1.1.1).
const (
	typeBeacon  = 0
	typeData    = 1
	typeCommand = 3
)

// frame makes a MAC frame of version 2003 (7.2.1).
func (r *rig) frame(kind uint16, ack bool, dst, src *address, payload []byte) []byte {
	fcf := kind | dst.mode()<<10 | src.mode()<<14
	if ack {
		fcf |= 1 << 5
	}
	compress := dst != nil && src != nil && dst.pan == src.pan
	if compress {
		fcf |= 1 << 6
	}
	r.seq++
	b := binary.LittleEndian.AppendUint16(nil, fcf)
	b = append(b, r.seq)
	b = dst.append(b, true)
	b = src.append(b, !compress)
	return append(b, payload...)
}

func (r *rig) data(ack bool, dst, src *address, payload string) []byte {
	return r.frame(typeData, ack, dst, src, []byte(payload))
}

func (r *rig) dataRequest(dst, src *address) []byte {
	return r.frame(typeCommand, true, dst, src, []byte{0x04})
}
