package nwk

import (
	"math/rand/v2"
	"testing"

	"sconce/zigbee"
)

// What is found over the indexes is what looking at every node finds, whatever
// comes, moves, loses its address or leaves.
func TestIndexFindsWhatIsThere(t *testing.T) {
	for seed := range uint64(20) {
		luck := rand.New(rand.NewPCG(seed, 1))
		l := newLayer(alice, 1)
		eui := func() zigbee.EUI64 { return zigbee.EUI64(1 + luck.Uint64N(MaxNodes+50)<<(luck.UintN(2)*32)) }
		short := func() zigbee.ShortAddr { return zigbee.ShortAddr(2 + luck.UintN(400)) }
		for range 2000 {
			switch luck.IntN(40) {
			case 0:
				l.RestorePeer(Peer{EUI64: eui(), Short: zigbee.Unassigned})
			case 1:
				l.RestorePeer(Peer{EUI64: eui(), Short: short()})
			case 2:
				if n := l.byShort(short()); n != nil {
					l.setShort(n, zigbee.Unassigned)
				}
			default:
				l.Learn(eui(), short())
			}
			e, a := eui(), short()
			if got, want := l.byEUI64(e), scan(l, func(n *node) bool { return n.eui64 == e }); got != want {
				t.Fatalf("seed %d: %s finds %v, not %v", seed, e, got, want)
			}
			if got, want := l.byShort(a), scan(l, func(n *node) bool { return n.short == a }); got != want {
				t.Fatalf("seed %d: %s finds %v, not %v", seed, a, got, want)
			}
		}
		l.Leave()
		if a := short(); l.byShort(a) != nil || l.byShort(zigbee.Unassigned) != nil {
			t.Fatal("an address is found after the network was left")
		}
		for i, n := range l.nodes {
			if int(n.slot) != i || l.byEUI64(n.eui64) != n {
				t.Fatalf("seed %d: %s is lost", seed, n.eui64)
			}
		}
	}
}

func scan(l *Layer, is func(*node) bool) *node {
	for _, n := range l.nodes {
		if is(n) {
			return n
		}
	}
	return nil
}
