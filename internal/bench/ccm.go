package bench

import (
	"context"
	"crypto/aes"
	"fmt"
	"testing"

	"sconce/ccm"
)

// The message of the figure, and how many times AES runs over it: in the
// CBC-MAC once for the first block, once for the 13 bytes of associated data with their length,
// and 4 times for 60 bytes; in the counter mode 4 times for these and once for the tag.
const (
	sealPlain  = 60
	sealAAD    = 13
	sealTag    = 8
	sealBlocks = 1 + 1 + 4 + 4 + 1
)

// ccm measures sealing one frame of usual size, beside the AES blocks that it
// cannot do without.
func (b *bench) ccm(ctx context.Context) ([]Figure, error) {
	key := make([]byte, 16)
	aead, err := ccm.New(key, sealTag)
	if err != nil {
		return nil, fmt.Errorf("making CCM: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making AES: %w", err)
	}
	var (
		nonce, plain, aad = make([]byte, ccm.MaxNonce), make([]byte, sealPlain), make([]byte, sealAAD)
		sealed, state     = make([]byte, 0, sealPlain+sealTag), make([]byte, aes.BlockSize)
	)
	compared := []func(*testing.B){
		func(t *testing.B) {
			t.ReportAllocs()
			for t.Loop() {
				sealed = aead.Seal(sealed[:0], nonce, plain, aad)
			}
		},
		func(t *testing.B) {
			t.ReportAllocs()
			for t.Loop() {
				for range sealBlocks {
					block.Encrypt(state, state)
				}
			}
		},
	}
	var ns, allocs []round
	for range b.Rounds {
		var results [2]testing.BenchmarkResult
		for _, i := range b.luck.Perm(len(compared)) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			results[i] = testing.Benchmark(compared[i])
		}
		seal, floor := results[0], results[1]
		ns = append(ns, round{nsOf(seal), nsOf(floor)})
		allocs = append(allocs, round{float64(seal.AllocsPerOp()), float64(floor.AllocsPerOp())})
	}
	return []Figure{
		newFigure("ccm_seal_60B_ns", "ns", "aes_11_blocks_ns", ns, ratioAtMost(1.5)),
		newFigure("ccm_seal_60B_allocs", "allocations", "aes_11_blocks_allocs", allocs, valueAtMost(0)),
	}, nil
}

func nsOf(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }
