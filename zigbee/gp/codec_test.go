package gp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keyOf(t testing.TB, s string) Key {
	t.Helper()
	return NewKey([zigbee.KeySize]byte(unhex(t, s)))
}

// specKey is the key of the vectors of 14-0563, A.1.5.
const specKey = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"

// The vectors of 14-0563, A.1.5.4 to A.1.5.9.
func TestSecurityVectors(t *testing.T) {
	const ieee zigbee.EUI64 = 0x8877665544332211
	for _, c := range []struct {
		clause  string
		src     zigbee.EUI64
		frame   string
		plain   string
		shared  bool
		listens bool
	}{
		{clause: "A.1.5.4.2", frame: "8c 10 21436587 02000000 20 cf787e72", plain: "20", shared: true},
		{clause: "A.1.5.4.3", frame: "8c 18 21436587 02000000 83 ca4324dd", plain: "20", shared: true},
		{clause: "A.1.5.5.2", frame: "8c 30 21436587 02000000 20 ad69a978", plain: "20"},
		{clause: "A.1.5.5.3", frame: "8c 38 21436587 02000000 83 5f1a3034", plain: "20"},
		{clause: "A.1.5.6.2.1", frame: "8c 90 21436587 11223344 f300 cca0bb2e", plain: "f300", shared: true},
		{clause: "A.1.5.6.2.2", frame: "8c 98 21436587 11223344 9e7e 140fb5da", plain: "f300", shared: true},
		{clause: "A.1.5.6.2.2, from the device", frame: "8c 58 21436587 11223344 2a 3d170aaa", plain: "20", shared: true, listens: true},
		{clause: "A.1.5.9.2", src: ieee, frame: "8c 12 0a 02000000 20 c5a83c5e", plain: "20", shared: true},
	} {
		t.Run(c.clause, func(t *testing.T) {
			b := unhex(t, c.frame)
			f, err := Parse(c.src, b)
			if err != nil {
				t.Fatal(err)
			}
			if f.IndividualKey == c.shared || f.RxAfterTx != c.listens {
				t.Errorf("%+v", f)
			}
			plain, err := Open(keyOf(t, specKey), f)
			if err != nil || hex.EncodeToString(plain) != c.plain {
				t.Fatalf("%x, %v", plain, err)
			}
			again := f
			again.Body, again.MIC = plain, [4]byte{}
			if got := Seal(keyOf(t, specKey), again).Append(nil); !bytes.Equal(got, b) {
				t.Errorf("sealed: %x", got)
			}
			for i := range b { // every bit counts
				bad := bytes.Clone(b)
				bad[i] ^= 0x40
				if f, err := Parse(c.src, bad); err == nil {
					if _, err := Open(keyOf(t, specKey), f); err == nil {
						t.Errorf("a change of byte %d was not noticed", i)
					}
				}
			}
			if _, err := Open(keyOf(t, strings.Repeat("c0", 16)), f); err == nil {
				t.Error("opened with another key")
			}
		})
	}
}

// The vectors of 14-0563, A.1.5.8.1, A.1.5.8.2 and A.1.5.13.1.
func TestKeyProtectionVectors(t *testing.T) {
	for _, c := range []struct {
		clause         string
		id             ID
		key, protected string
	}{
		{"A.1.5.8.1", ID{Source: 0x12345678}, specKey, "7d177bd29ea0fda6b017036587dc2600 61f163a9"},
		{"A.1.5.8.2", ID{Source: 0x12345678}, strings.Repeat("1668", 8), "abbeaf794c0d2d096eb6dfc65d79fea7 6731426a"},
		{"A.1.5.13.1", ID{EUI64: 0x8877665544332211, Endpoint: 10}, specKey, "2df067afcd4d8cf0f52e6c858f314e22 3f9ae0b5"},
	} {
		want := unhex(t, c.protected)
		p, mic := ProtectKey(c.id, keyOf(t, c.key))
		if !bytes.Equal(append(p[:], mic[:]...), want) {
			t.Errorf("%s: %x %x", c.clause, p, mic)
		}
		k, err := UnprotectKey(c.id, p, mic)
		if err != nil || !k.Equal(keyOf(t, c.key)) {
			t.Errorf("%s: %v", c.clause, err)
		}
		mic[0] ^= 1
		if _, err := UnprotectKey(c.id, p, mic); err == nil {
			t.Errorf("%s: a wrong integrity code is right", c.clause)
		}
	}
}

// A real two-button switch (ZT-LP-ZEU2S-WH-MS), as sniffed: its commissioning frame
// and presses (Koenkk/zigbee-herdsman, test/greenpower.test.ts).
func TestRealSwitch(t *testing.T) {
	const source SourceID = 1496140231
	id := ID{Source: source}
	b := unhex(t, "0289f31adb70a88d71196ee50c03580537767de27ad5331309000037647a62697061304047503030303157")
	c, err := ParseCommissioning(b)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Security
	if c.Device != DeviceOnOffSwitch || s == nil || s.Level != LevelEncrypted || s.KeyType != KeyIndividual || !s.Encrypted ||
		s.Counter == nil || *s.Counter != 2323 || len(c.Extra) != 16 {
		t.Fatalf("%+v", c)
	}
	if again := c.Append(nil); !bytes.Equal(again, b) {
		t.Errorf("%x", again)
	}
	key, err := UnprotectKey(id, s.Key.Bytes(), s.KeyMIC)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		counter   uint32
		encrypted byte
		want      CommandID
	}{{2332, 136, Off}, {2350, 152, Off}, {2359, 189, Off}, {2341, 172, On}, {2368, 159, On}} {
		f := Frame{ID: id, Level: LevelEncrypted, IndividualKey: true, Counter: p.counter, Body: []byte{byte(p.want)}}
		if got := Seal(key, f).Body; got[0] != p.encrypted {
			t.Errorf("press %d: %x, sniffed %x", p.counter, got, p.encrypted)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, frame string
	}{
		{"empty", ""},
		{"Zigbee PRO", "0800 fcff 0000 1e01"},
		{"reserved frame type", "0e 21436587 20"},
		{"no command", "0c 21436587"},
		{"source cut short", "0c 214365"},
		{"source 0", "0c 00000000 20"},
		{"reserved source", "0c ffffffff 20"},
		{"reserved application", "8c 01 21436587 20"},
		{"extended address that is not there", "8c 02 01 20"},
		{"level 1", "8c 08 21436587 20 0000"},
		{"secured, without integrity code", "8c 18 21436587 02000000 83 ca43"},
		{"secured, without command", "8c 18 21436587 02000000 ca4324dd"},
		{"extended maintenance frame", "8d 00 e3"},
		{"empty maintenance frame", "0d"},
	} {
		if f, err := Parse(0, unhex(t, c.frame)); err == nil {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestCommissioningFields(t *testing.T) {
	// A full frame: key in the clear, counter, maker, model, commands, clusters and a
	// switch of two contacts.
	b := unhex(t, "07 85 b3 "+specKey+" 01000000 1f f1ff 0200 03 202122 21 0600 0800 0500 02 0203")
	c, err := ParseCommissioning(b)
	if err != nil {
		t.Fatal(err)
	}
	if c.Device != DeviceGenericSwitch || *c.Manufacturer != 0xfff1 || *c.Model != 2 || !slices.Equal(c.Commands, []CommandID{Off, On, Toggle}) ||
		fmt.Sprint(c.Servers, c.Clients) != "[6] [8 5]" || !bytes.Equal(c.Switch, []byte{2, 3}) || c.Extra != nil {
		t.Errorf("%+v", c)
	}
	if again := c.Append(nil); !bytes.Equal(again, b) {
		t.Errorf("%x", again)
	}
	for _, bad := range []string{"", "02", "0280", "0280f0", "028020" + specKey[:30], "0280 c0 01000000", "028001", "0280 14 "} {
		if c, err := ParseCommissioning(unhex(t, bad)); err == nil {
			t.Errorf("%s: %+v", bad, c)
		}
	}
}

func TestChannelRequest(t *testing.T) {
	q, err := ParseChannelRequest([]byte{0x94})
	if err != nil || q != (ChannelRequest{Next: 15, Second: 20}) {
		t.Errorf("%+v, %v", q, err)
	}
	if got := q.Append(nil); !bytes.Equal(got, []byte{0x94}) {
		t.Errorf("%x", got)
	}
}

func TestKeyPrintsNothing(t *testing.T) {
	k := keyOf(t, specKey)
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%x", k), fmt.Sprintf("%#v", k), k.LogValue().String()} {
		if s != redacted {
			t.Error(s)
		}
	}
}

// Pairing options as zigbee-herdsman writes them (test/greenpower.test.ts).
func TestPairingOptions(t *testing.T) {
	p, err := ParsePairing(unhex(t, "48e500 c70d2d59 840b 02 13090000 "+specKey))
	if err == nil && p.SequenceCap && !p.Fixed && p.AddSink && p.Mode == CommissionedGroupcast && p.Level == LevelMIC &&
		p.KeyType == KeyIndividual && p.Group == 0x0b84 && p.Device == 2 && *p.Counter == 2323 && p.Key.Equal(keyOf(t, specKey)) {
		return
	}
	t.Errorf("%+v, %v", p, err)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"8c102143658702000000 20 cf787e72", "8c120a02000000 20 c5a83c5e", "0c2143658720", "0de394", "8c002143658720"} {
		f.Add(unhex(f, s))
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		const src zigbee.EUI64 = 7
		p, err := Parse(src, b)
		if err != nil {
			return
		}
		again := p.Append(nil)
		if b[0] == again[0]|fcExtended && len(b) == len(again)+1 && b[1] == 0 {
			b = append([]byte{again[0]}, b[2:]...) // the documented canonical form
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
		_, _ = Open(Key{}, p)
	})
}

func FuzzCommissioning(f *testing.F) {
	f.Add(unhex(f, "0289f31adb70a88d71196ee50c03580537767de27ad5331309000037647a62697061304047503030303157"))
	f.Add(unhex(f, "0785b3"+specKey+"010000001ff1ff020003202122 21060008000500020203"))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		if c, err := ParseCommissioning(b); err == nil && !bytes.Equal(c.Append(nil), b) {
			t.Fatalf("%x became %x", b, c.Append(nil))
		}
	})
}

type appender interface{ Append([]byte) []byte }

// parsers are those of the cluster's commands.
func parsers() []func([]byte) (appender, error) {
	return []func([]byte) (appender, error){
		func(b []byte) (appender, error) { return ParseNotification(b) },
		func(b []byte) (appender, error) { return ParseCommissioningNotification(b) },
		func(b []byte) (appender, error) { return ParsePairing(b) },
		func(b []byte) (appender, error) { return ParseProxyCommissioningMode(b) },
		func(b []byte) (appender, error) { return ParseSinkCommissioningMode(b) },
		func(b []byte) (appender, error) { return ParseResponse(b) },
		func(b []byte) (appender, error) { return ParseProxyTableRequest(b) },
		func(b []byte) (appender, error) { return ParseProxyTableResponse(b) },
		func(b []byte) (appender, error) { return ParseChannelRequest(b) },
	}
}

func FuzzCluster(f *testing.F) {
	for i, s := range []string{
		"c044 c70d2d59 1c090000 88 00 0000 c3", "300a c70d2d59 1c090000 e0 01 02 0000 c3 01020304", "48e500 c70d2d59 840b 02 13090000" + specKey,
		"0b b400", "01 ffff ffff ff", "00 0000 04 c70d2d59 f3 01 04", "08 00", "00 01 00 00", "94",
	} {
		f.Add(uint8(i), unhex(f, s))
	}
	table := ProxyTableResponse{Total: 1, Entries: []TableEntry{{ID: ID{Source: 5}, Level: LevelEncrypted, KeyType: KeyIndividual, Sink: 9}}}
	f.Add(uint8(7), table.Append(nil))
	corpus.Fuzz(f, func(t *testing.T, which uint8, b []byte) {
		list := parsers()
		if p, err := list[int(which)%len(list)](b); err == nil && !bytes.Equal(p.Append(nil), b) {
			t.Fatalf("%T: %x became %x", p, b, p.Append(nil))
		}
	})
}
