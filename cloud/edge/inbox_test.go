package edge

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestInboxKeepsEveryByte reads a stream in pieces of any size and consumes it in
// packets of any size: nothing may be lost or change places, and an inbox that
// holds little gives back what it borrowed.
func TestInboxKeepsEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	stream := make([]byte, 1<<20)
	for i := range stream {
		stream[i] = byte(r.Uint32())
	}
	lent := 0
	in := inbox{pool: &sync.Pool{New: func() any { lent++; b := make([]byte, busyBuffer); return &b }}}
	read, consumed, packet := 0, 0, 100
	for consumed < len(stream) {
		space := in.space()
		if len(space) == 0 {
			t.Fatal("no space to read to")
		}
		n := copy(space, stream[read:min(len(stream), read+1+r.IntN(3000))])
		read += n
		all := in.add(n)
		if !bytes.Equal(all, stream[consumed:read]) {
			t.Fatalf("the bytes from %d to %d are not those of the stream", consumed, read)
		}
		used := 0
		for len(all)-used >= packet || read == len(stream) && used < len(all) {
			used += min(packet, len(all)-used)
			packet = 1 + r.IntN(300)
			if r.IntN(50) == 0 {
				packet = 1 + r.IntN(60_000)
			}
		}
		in.consumed(used)
		consumed += used
	}
	if lent == 0 {
		t.Error("nothing was ever borrowed")
	}
	in.space()
	if in.add(1); in.lent != nil || len(in.buf) != idleBuffer {
		t.Error("an inbox that is nearly empty holds a large buffer")
	}
}
