package ccm

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	pion "github.com/pion/dtls/v3/pkg/crypto/ccm"

	"sconce/internal/corpus"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sequence(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(from + i)
	}
	return b
}

func check(t *testing.T, key, nonce, aad, plain, want []byte, tag int) {
	t.Helper()
	a, err := New(key, tag)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Seal(nil, nonce, plain, aad); !bytes.Equal(got, want) {
		t.Fatalf("seal: got %x, want %x", got, want)
	}
	got, err := a.Open([]byte("ab"), nonce, want, aad)
	if err != nil || !bytes.Equal(got, append([]byte("ab"), plain...)) {
		t.Fatalf("open: got %x, %v; want %x", got, err, plain)
	}
}

// NIST SP 800-38C, appendix C, examples 1 to 4; Zigbee 05-3474-22, annex C.4.
func TestPublishedExamples(t *testing.T) {
	long := make([]byte, 65536)
	for i := range long {
		long[i] = byte(i)
	}
	for _, c := range []struct {
		name            string
		key, nonce, aad []byte
		plain           []byte
		tag             int
		want            string
	}{
		{"SP 800-38C example 1", sequence(0x40, 16), sequence(0x10, 7), sequence(0, 8), sequence(0x20, 4), 4, "7162015b4dac255d"},
		{"SP 800-38C example 2", sequence(0x40, 16), sequence(0x10, 8), sequence(0, 16), sequence(0x20, 16), 6, "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"},
		{"SP 800-38C example 3", sequence(0x40, 16), sequence(0x10, 12), sequence(0, 20), sequence(0x20, 24), 8, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
		{"SP 800-38C example 4", sequence(0x40, 16), sequence(0x10, 13), long, sequence(0x20, 32), 14, "69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72b4ac6bec93e8598e7f0dadbcea5b"},
		{
			"Zigbee annex C.4", sequence(0xc0, 16), unhex(t, "a0a1a2a3a4a5a6a7030201"+"0006"),
			sequence(0, 8), sequence(8, 23), 8, "1a55a36abb6c610d066b3375649cef10d4664ecad854a80a895cc1d8ff9469",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, c.key, c.nonce, c.aad, c.plain, unhex(t, c.want), c.tag)
		})
	}
}

func TestWycheproof(t *testing.T) {
	f, err := os.Open("testdata/wycheproof-aes_ccm_test.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			TagSize int
			Tests   []struct {
				TcID                               int
				Key, IV, AAD, Msg, CT, Tag, Result string
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	seen, opened, refused := 0, 0, 0
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			seen++
			nonce, sealed := unhex(t, c.IV), unhex(t, c.CT+c.Tag)
			a, err := New(unhex(t, c.Key), g.TagSize/8)
			if err != nil || len(nonce) < MinNonce || len(nonce) > MaxNonce {
				if c.Result != "invalid" {
					t.Errorf("test %d: parameters refused: %v", c.TcID, err)
				}
				refused++
				continue
			}
			got, err := a.Open(nil, nonce, sealed, unhex(t, c.AAD))
			switch {
			case c.Result == "invalid" && !errors.Is(err, ErrOpen):
				t.Errorf("test %d: an invalid message was opened", c.TcID)
			case c.Result == "valid" && (err != nil || hex.EncodeToString(got) != c.Msg):
				t.Errorf("test %d: got %x, %v", c.TcID, got, err)
			case c.Result == "valid":
				opened++
				if got := a.Seal(nil, nonce, got, unhex(t, c.AAD)); !bytes.Equal(got, sealed) {
					t.Errorf("test %d: sealed to %x", c.TcID, got)
				}
			}
		}
	}
	if seen != file.NumberOfTests || opened < 300 || refused == 0 {
		t.Errorf("%d of %d tests seen, %d opened, %d with refused parameters", seen, file.NumberOfTests, opened, refused)
	}
}

// The same messages through another implementation (pion/dtls, MIT).
func TestAgreesWithPion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for range 2000 {
		key := random([]int{16, 32}[rng.IntN(2)])
		tag := 4 + 2*rng.IntN(7)
		nonce := random(MinNonce + rng.IntN(7))
		plain, aad := random(rng.IntN(130)), random(rng.IntN(70))
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		other, err := pion.NewCCM(block, tag, len(nonce))
		if err != nil {
			t.Fatal(err)
		}
		check(t, key, nonce, aad, plain, other.Seal(nil, nonce, plain, aad), tag)
	}
}

// A flipped bit anywhere is refused, and no plaintext is left behind.
func TestOpenRefuses(t *testing.T) {
	a, err := New(sequence(0, 16), 8)
	if err != nil {
		t.Fatal(err)
	}
	nonce, aad, plain := sequence(1, 13), sequence(2, 15), sequence(3, 37)
	sealed := a.Seal(nil, nonce, plain, aad)
	for bit := range 8 * len(sealed) {
		bad := bytes.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := a.Open(bad[:0], nonce, bad, aad); !errors.Is(err, ErrOpen) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
		if !bytes.Equal(bad[:len(plain)], make([]byte, len(plain))) {
			t.Fatalf("bit %d flipped: plaintext was released", bit)
		}
	}
	for n := range len(sealed) {
		if _, err := a.Open(nil, nonce, sealed[:n], aad); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := a.Open(nil, nonce, sealed, aad[1:]); !errors.Is(err, ErrOpen) {
		t.Fatal("other additional data accepted")
	}
	if _, err := a.Open(nil, nonce, make([]byte, 1<<16+8), aad); !errors.Is(err, ErrOpen) {
		t.Fatal("a message too long for its nonce accepted")
	}
}

// CCM* with no tag is the key stream alone: sealing twice gives the plaintext.
func TestEncryptionOnly(t *testing.T) {
	a, err := New(sequence(0, 16), 0)
	if err != nil {
		t.Fatal(err)
	}
	withTag, err := New(sequence(0, 16), 16)
	if err != nil {
		t.Fatal(err)
	}
	nonce, plain := sequence(1, 13), sequence(3, 50)
	sealed := a.Seal(nil, nonce, plain, nil)
	if !bytes.Equal(sealed, withTag.Seal(nil, nonce, plain, nil)[:len(plain)]) {
		t.Error("the ciphertext depends on the tag")
	}
	if got, err := a.Open(nil, nonce, sealed, nil); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("open: %x, %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tag := range []int{-2, 1, 2, 3, 5, 15, 17, 18} {
		if _, err := New(make([]byte, 16), tag); err == nil {
			t.Errorf("a tag of %d bytes was accepted", tag)
		}
	}
	if _, err := New(make([]byte, 15), 4); err == nil {
		t.Error("a key of 15 bytes was accepted")
	}
}

func TestAllocatesNothing(t *testing.T) {
	a, err := New(sequence(0, 16), 8)
	if err != nil {
		t.Fatal(err)
	}
	nonce, aad := sequence(1, 13), sequence(2, 13)
	buf := make([]byte, 60, 68)
	if n := testing.AllocsPerRun(100, func() {
		sealed := a.Seal(buf[:0], nonce, buf, aad)
		if _, err := a.Open(sealed[:0], nonce, sealed, aad); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sequence(0, 16), sequence(1, 13), sequence(0, 30), sequence(0, 9), uint8(8))
	corpus.Fuzz(f, func(t *testing.T, key, nonce, sealed, aad []byte, tag uint8) {
		a, err := New(key, int(tag))
		if err != nil || len(nonce) < MinNonce || len(nonce) > MaxNonce {
			return
		}
		if plain, err := a.Open(nil, nonce, sealed, aad); err == nil && !bytes.Equal(a.Seal(nil, nonce, plain, aad), sealed) {
			t.Fatal("what was opened does not seal to the same")
		}
	})
}

// A message of 60 bytes with 13 bytes of additional data and a tag of 8 takes 11
// AES blocks: compare with 11 times BenchmarkAESBlock.
func BenchmarkSeal60(b *testing.B) {
	a, err := New(sequence(0, 16), 8)
	if err != nil {
		b.Fatal(err)
	}
	nonce, aad := sequence(1, 13), sequence(2, 13)
	buf := make([]byte, 60, 68)
	b.ReportAllocs()
	for b.Loop() {
		a.Seal(buf[:0], nonce, buf, aad)
	}
}

func BenchmarkOpen60(b *testing.B) {
	a, err := New(sequence(0, 16), 8)
	if err != nil {
		b.Fatal(err)
	}
	nonce, aad := sequence(1, 13), sequence(2, 13)
	sealed := a.Seal(nil, nonce, make([]byte, 60), aad)
	out := make([]byte, 0, 60)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Open(out, nonce, sealed, aad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAESBlock(b *testing.B) {
	block, err := aes.NewCipher(sequence(0, 16))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 16)
	for b.Loop() {
		block.Encrypt(buf, buf)
	}
}
