package zigbee

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sconce/internal/corpus"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
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

// The example of 05-3474-22, 4.4.1 and BDB 3.0.1, 10.1; and the shorter codes of
// zigpy's tests, which name the same documents.
func TestInstallCode(t *testing.T) {
	for _, c := range []struct{ label, key string }{
		{"83FE D340 7A93 9723 A5C6 39B2 6916 D505 C3B5", "66B6900981E1EE3CA4206B6B861C02BB"},
		{"EE91 7C25 E941 23C2 27B9 3F4D 50A0 C34F 373D", "4C23A848A76F432113510A301C5FDFD2"}, // a device that opened with it: zigbee/stack/testdata/recorded/zbtk.txt
	} {
		code, err := ParseInstallCode(c.label)
		if err != nil {
			t.Fatal(err)
		}
		if k := code.LinkKey(); !k.Equal(NewLinkKey([16]byte(unhex(t, c.key)))) {
			b := k.Bytes()
			t.Errorf("%s: key %x, want %s", c.label, b[:], c.key)
		}
		if code.Label() != c.label {
			t.Errorf("label %q, want %q", code.Label(), c.label)
		}
	}
}

func TestInstallCodeSizes(t *testing.T) {
	for n := range 20 {
		code, err := NewInstallCode(sequence(3, n))
		if ok := n == 6 || n == 8 || n == 12 || n == 16; ok != (err == nil) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err != nil {
			continue
		}
		again, err := ParseInstallCode(strings.ToLower(strings.ReplaceAll(code.Label(), " ", "-")))
		if err != nil || !again.Equal(code) {
			t.Errorf("%d bytes do not survive their label: %v", n, err)
		}
	}
}

func TestInstallCodeRefuses(t *testing.T) {
	for _, s := range []string{
		"", "83FE", "83FED3407A939723A5C639B26916D505C3B4", "83FED3407A939723A5C639B26916D505", "83FED3407A939723A5C639B26916D505C3B",
		"93FED3407A939723A5C639B26916D505C3B5", "83FED3407A939723A5C639B26916D505C3BX", strings.Repeat("00", 40),
	} {
		if _, err := ParseInstallCode(s); !errors.Is(err, ErrInstallCode) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// 05-3474-22, C.5.1 to C.5.3.
func TestHash(t *testing.T) {
	for _, c := range []struct {
		message []byte
		want    string
	}{
		{[]byte{0xc0}, "AE3A102A28D43EE0D4A09E22788B206C"},
		{sequence(0xc0, 16), "A7977E88BC0B61E8210827109A228F2D"},
	} {
		if h := Hash(c.message); !bytes.Equal(h[:], unhex(t, c.want)) {
			t.Errorf("hash of %x: %X, want %s", c.message, h, c.want)
		}
	}
}

// 05-3474-22, C.6.1.
func TestKeyedHash(t *testing.T) {
	h := KeyedHash([16]byte(sequence(0x40, 16)), []byte{0xc0})
	if want := unhex(t, "45 12 80 7B F9 4C B3 40 0F 0E 2C 25 FB 76 E9 99"); !bytes.Equal(h[:], want) {
		t.Errorf("got %X, want %X", h, want)
	}
}

// The padding changes its form at 2^16 bits, and always fills the last block.
func TestPad(t *testing.T) {
	for _, n := range []int{0, 1, 13, 14, 15, 16, 17, 8191, 8192, 8200, 70000} {
		p := pad(make([]byte, n))
		if len(p)%KeySize != 0 || p[n] != 0x80 || len(p) < n+3 || len(p) > n+7+KeySize {
			t.Errorf("%d bytes are padded to %d", n, len(p))
		}
		tail := p[len(p)-2:]
		if long := n >= 8192; long != bytes.Equal(tail, []byte{0, 0}) && n != 0 {
			t.Errorf("%d bytes end in %x", n, tail)
		}
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	k := NewLinkKey([16]byte(sequence(7, 16)))
	verify := NewLinkKey(k.VerifyHash())
	if k.KeyTransport().Equal(k.KeyLoad()) || k.KeyLoad().Equal(verify) || k.KeyTransport().Equal(k) {
		t.Error("two of the keys made from one link key are equal")
	}
}

func TestWellKnownKeys(t *testing.T) {
	for _, k := range [][]byte{[]byte("ZigBeeAlliance09"), sequence(0xd0, 16), sequence(0xc0, 16), make([]byte, 16)} {
		if !NewLinkKey([16]byte(k)).IsWellKnown() {
			t.Errorf("%x passes for a secret", k)
		}
	}
	if NewLinkKey([16]byte(sequence(1, 16))).IsWellKnown() {
		t.Error("an ordinary key is refused")
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	code, err := NewInstallCode(sequence(0x41, 16))
	if err != nil {
		t.Fatal(err)
	}
	network, link := NewNetworkKey([16]byte(sequence(0x41, 16))), NewLinkKey([16]byte(sequence(0x41, 16)))
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range []any{network, link, code, &network, &link, &code, struct{ K LinkKey }{link}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb, v)
		}
		log.Info("secret", "v", v)
	}
	for _, leak := range []string{"ABCD", "4142", "65 66", "0x41, 0x42"} {
		if strings.Contains(strings.ReplaceAll(out.String(), "[redacted]", ""), leak) {
			t.Errorf("a secret was printed: %q in %s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was printed")
	}
}

func TestEnvelope(t *testing.T) {
	e := NewEnvelope(NewNetworkKey([16]byte(sequence(9, 16))))
	aux := Aux{Key: KeyNetwork, Counter: 0x01020304, HasSource: true, Source: 0x1122334455667788, KeySequence: 2}
	header, payload := sequence(0, 8), []byte("hello")
	frame := e.Secure(append([]byte{0xee}, header...), 1, aux, aux.Source, payload)[1:]
	if frame[8] != 0x28 {
		t.Errorf("security control %#x; the level must be 0 on the air", frame[8])
	}
	got, rest, err := ParseAux(frame[8:])
	if err != nil || got != aux || len(rest) != len(payload)+MICSize {
		t.Fatalf("auxiliary header %+v, %d bytes after it, %v", got, len(rest), err)
	}
	if bytes.Contains(frame, payload) {
		t.Error("the payload is in the clear")
	}
	plain, err := e.Open(bytes.Clone(frame), 8, aux, aux.Source)
	if err != nil || !bytes.Equal(plain, payload) {
		t.Fatalf("%q, %v", plain, err)
	}
	for bit := range 8 * len(frame) {
		bad := bytes.Clone(frame)
		bad[bit/8] ^= 1 << (bit % 8)
		a, _, err := ParseAux(bad[8:])
		if err != nil || bit/8 == 8 && bit%8 < 3 {
			continue // refused, or the level, which is read over
		}
		if _, err := e.Open(bad, 8, a, a.Source); err == nil {
			t.Fatalf("bit %d flipped and accepted", bit)
		}
	}
	if _, err := e.Open(bytes.Clone(frame), 8, aux, aux.Source+1); !errors.Is(err, ErrSecurity) {
		t.Error("another source is accepted")
	}
	if n := testing.AllocsPerRun(50, func() {
		var buf [64]byte
		f := e.Secure(append(buf[:0], header...), 0, aux, aux.Source, payload)
		if _, err := e.Open(f, 8, aux, aux.Source); err != nil {
			t.Fatal(err)
		}
	}); n > 1 { // buf itself escapes
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseAux(f *testing.F) {
	f.Add([]byte{0x28, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0})
	f.Add([]byte{0x10, 1, 2, 3, 4})
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		a, rest, err := ParseAux(b)
		if err != nil {
			return
		}
		b[0] &^= levelMask // canonical form
		if again := append(AppendAux(nil, a), rest...); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func FuzzParseInstallCode(f *testing.F) {
	f.Add("83FE D340 7A93 9723 A5C6 39B2 6916 D505 C3B5")
	corpus.Fuzz(f, func(t *testing.T, s string) {
		c, err := ParseInstallCode(s)
		if err != nil {
			return
		}
		if d, err := ParseInstallCode(c.Label()); err != nil || !d.Equal(c) {
			t.Fatalf("%q: the label does not give the code back", s)
		}
	})
}

func TestChannelMask(t *testing.T) {
	m := Channels(11, 15, 26, 27, 0)
	if m.Len() != 3 || m.Nth(0) != 11 || m.Nth(2) != 26 || m.Nth(3) != 0 || !m.Has(15) || m.Has(27) || m.String() != "11,15,26" || !m.Valid() {
		t.Errorf("%#x %s", uint32(m), m)
	}
	if ChannelMask(0).Valid() || ChannelMask(1<<10).Valid() || AllChannels.Len() != 16 {
		t.Error("limits of the band")
	}
}
