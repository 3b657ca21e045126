package aps

import (
	"bytes"
	"encoding/hex"
	"errors"
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

// The headers are written out by hand from 2.2.5; tshark 4.0 reads those of blocks the
// same way.
func TestHeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		header Header
		want   string
	}{
		{"unicast data", Header{AckRequest: true, DstEndpoint: 1, Cluster: 6, Profile: 0x0104, SrcEndpoint: 2, Counter: 9}, "40 01 0600 0401 02 09"},
		{"broadcast data", Header{Delivery: Broadcast, DstEndpoint: 0xff, Cluster: 0x13, Counter: 9}, "08 ff 1300 0000 00 09"},
		{"groupcast data", Header{Delivery: Group, Group: 0x1234, Cluster: 6, Profile: 0x0104, SrcEndpoint: 1, Counter: 9}, "0c 3412 0600 0401 01 09"},
		{"secured command", Header{Type: TypeCommand, Secured: true, Counter: 9}, "21 09"},
		{"acknowledgement of data", Header{Type: TypeAck, DstEndpoint: 2, Cluster: 6, Profile: 0x0104, SrcEndpoint: 1, Counter: 9}, "02 02 0600 0401 01 09"},
		{"first of eight blocks", Header{AckRequest: true, DstEndpoint: 1, Cluster: 6, Profile: 0x0104, SrcEndpoint: 2, Counter: 9, Fragment: FirstBlock, Block: 8}, "c0 01 0600 0401 02 09 01 08"},
		{"a block", Header{AckRequest: true, DstEndpoint: 1, Cluster: 6, Profile: 0x0104, SrcEndpoint: 2, Counter: 9, Fragment: LaterBlock, Block: 3}, "c0 01 0600 0401 02 09 02 03"},
		{"acknowledgement of blocks", Header{Type: TypeAck, DstEndpoint: 2, Cluster: 6, Profile: 0x0104, SrcEndpoint: 1, Counter: 9, Fragment: LaterBlock, Block: 3, Acked: 0xfd}, "82 02 0600 0401 01 09 02 03 fd"},
		{"acknowledgement of a command", Header{Type: TypeAck, CommandAck: true, Counter: 9}, "12 09"},
	} {
		b := AppendHeader(nil, c.header)
		if !bytes.Equal(b, unhex(t, c.want)) {
			t.Errorf("%s: got %x, want %s", c.name, b, c.want)
		}
		h, rest, err := ParseHeader(append(b, 0xaa))
		if err != nil || h != c.header || !bytes.Equal(rest, []byte{0xaa}) {
			t.Errorf("%s: %+v, %x, %v", c.name, h, rest, err)
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        error
	}{
		{"nothing", "", ErrMalformed},
		{"one byte", "00", ErrMalformed},
		{"inter-PAN", "0309", ErrUnsupported},
		{"extended header that says nothing", "c001060004010209 0001", ErrUnsupported},
		{"extended header of the fourth kind", "c001060004010209 0301", ErrUnsupported},
		{"extended header with reserved bits", "c001060004010209 4101", ErrUnsupported},
		{"extended header of a command", "8109 0101", ErrUnsupported},
		{"block that asks for no acknowledgement", "8001060004010209 0102", ErrMalformed},
		{"block without a number", "c001060004010209 01", ErrMalformed},
		{"acknowledgement without its bits", "8201060004010209 0100", ErrMalformed},
		{"reserved delivery mode", "0401060004010209", ErrMalformed},
		{"command to a group", "0d09", ErrMalformed},
		{"block of a groupcast", "cc34120600040102 09 0102", ErrMalformed},
		{"acknowledged broadcast command", "4909", ErrMalformed},
		{"acknowledged acknowledgement", "5209", ErrMalformed},
		{"data in the form of a command", "1009", ErrMalformed},
		{"addresses cut", "400106000401", ErrMalformed},
		{"no counter", "40010600040102", ErrMalformed},
	} {
		if _, _, err := ParseHeader(unhex(t, c.frame)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// zigbee-on-host 0.2 asks for acknowledgements of broadcasts.
func TestBroadcastIsNotAcknowledged(t *testing.T) {
	for _, frame := range []string{"48 ff 1300 0000 00 09", "4c 3412 0600 0401 01 09"} {
		h, rest, err := ParseHeader(unhex(t, frame))
		if err != nil || h.AckRequest || h.Counter != 9 || len(rest) > 0 {
			t.Errorf("%s: %+v, %x, %v", frame, h, rest, err)
		}
	}
}

var commands = map[string]string{ // from 4.4.10
	"transport key, network": "05 01 000102030405060708090a0b0c0d0e0f 07 8877665544332211 0100000000000000",
	"transport key, link":    "05 04 000102030405060708090a0b0c0d0e0f 8877665544332211 0100000000000000",
	"update device":          "06 8877665544332211 3412 01",
	"remove device":          "07 8877665544332211",
	"request key":            "08 04",
	"switch key":             "09 07",
	"tunnel":                 "0e 8877665544332211 21",
	"verify key":             "0f 04 8877665544332211 000102030405060708090a0b0c0d0e0f",
	"confirm key":            "10 00 04 8877665544332211",
}

func TestCommands(t *testing.T) {
	for name, s := range commands {
		b := unhex(t, s)
		c, err := ParseCommand(b)
		if err != nil || !bytes.Equal(AppendCommand(nil, c), b) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		for n := 2; n < len(b); n++ {
			if _, err := ParseCommand(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, cut to %d bytes: %v", name, n, err)
			}
		}
		if again, err := ParseCommand(append(b, 0x40, 0)); err != nil || again.ID != c.ID {
			t.Errorf("%s with a TLV: %v", name, err)
		}
	}
	c, err := ParseCommand(unhex(t, commands["transport key, network"]))
	if err != nil || c.KeySequence != 7 || c.Dst != 0x1122334455667788 || c.Src != 1 || c.NetworkKey.Bytes()[15] != 15 {
		t.Errorf("%+v, %v", c, err)
	}
	for s, want := range map[string]error{
		"": ErrMalformed, "05": ErrMalformed, "0503": ErrUnsupported, "0802": ErrUnsupported, "0f01": ErrUnsupported, "0e01": ErrMalformed, "0e8877665544332211": ErrMalformed,
	} {
		if _, err := ParseCommand(unhex(t, s)); !errors.Is(err, want) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(unhex(f, "4001060004010209"))
	f.Add(unhex(f, "0c34120600040102 09"))
	f.Add(unhex(f, "4c34120600040102 09"))
	f.Add(unhex(f, "1209"))
	f.Add(unhex(f, "c0010600040102090108"))
	f.Add(unhex(f, "8202060004010109 0203fd"))
	corpus.Fuzz(f, func(t *testing.T, frame []byte) {
		h, rest, err := ParseHeader(frame)
		if err != nil {
			return
		}
		canonical := bytes.Clone(frame)
		if h.Delivery != Unicast {
			canonical[0] &^= fcAckRequest
		}
		if again := append(AppendHeader(nil, h), rest...); !bytes.Equal(again, canonical) {
			t.Fatalf("%x became %x", frame, again)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range commands {
		f.Add(unhex(f, s))
	}
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		// Canonical form: the same bytes without what trails.
		if c, err := ParseCommand(b); err == nil && !bytes.HasPrefix(b, AppendCommand(nil, c)) {
			t.Fatalf("%x became %x", b, AppendCommand(nil, c))
		}
	})
}

func testKey(b byte) zigbee.LinkKey { return zigbee.NewLinkKey([16]byte{b, 1, 2, 3}) }
