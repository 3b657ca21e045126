package nwk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

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

// The headers are written out by hand from 3.3.1.
func TestHeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		header Header
		want   string
	}{
		{"data", Header{Dst: 0x1234, Src: 0, Radius: 30, Seq: 7}, "0800" + "3412" + "0000" + "1e07"},
		{
			"secured data that may look for a route",
			Header{Dst: 0xfffd, Src: 0x1234, Radius: 30, Seq: 7, Secured: true, DiscoverRoute: true},
			"4802" + "fdff" + "3412" + "1e07",
		},
		{
			"leave command with both extended addresses",
			Header{Type: TypeCommand, Secured: true, Dst: 0x1234, Radius: 1, Seq: 8, DstEUI64: 0x0011223344556677, SrcEUI64: 1},
			"091a" + "3412" + "0000" + "0108" + "7766554433221100" + "0100000000000000",
		},
		{
			"source route of two relays, from an end device",
			Header{SourceRoute: true, EndDevice: true, Dst: 2, Src: 1, Radius: 5, Seq: 9, RelayIndex: 1, Relays: []byte{0x11, 0x22, 0x33, 0x44}},
			"0824" + "0200" + "0100" + "0509" + "0201" + "11223344",
		},
	} {
		b := AppendHeader(nil, c.header)
		if !bytes.Equal(b, unhex(t, c.want)) {
			t.Errorf("%s: got %x, want %s", c.name, b, c.want)
		}
		h, rest, err := ParseHeader(append(b, 0xaa))
		if err != nil || !bytes.Equal(rest, []byte{0xaa}) || !bytes.Equal(AppendHeader(nil, h), b) {
			t.Errorf("%s: %+v, %x, %v", c.name, h, rest, err)
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        error
	}{
		{"short", "08003412000001", ErrMalformed},
		{"inter-PAN", "0b00341200000107", ErrUnsupported},
		{"version 3", "0c00341200000107", ErrUnsupported},
		{"multicast", "0801341200000107", ErrUnsupported},
		{"reserved route discovery", "c800341200000107", ErrMalformed},
		{"reserved bits", "0840341200000107", ErrMalformed},
		{"extended address cut", "080834120000010711223344556677", ErrMalformed},
		{"extended address of nobody", "08083412000001070000000000000000", ErrMalformed},
		{"source route cut", "080434120000010702001122", ErrMalformed},
	} {
		if _, _, err := ParseHeader(unhex(t, c.frame)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBeaconPayload(t *testing.T) {
	b := Beacon{RouterCapacity: true, EndDeviceCapacity: true, Depth: 1, Extended: 0x1122334455667788, UpdateID: 3}
	got := AppendBeacon(nil, b)
	if want := unhex(t, "00"+"228c"+"8877665544332211"+"ffffff"+"03"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if again, err := ParseBeacon(got); err != nil || again != b {
		t.Errorf("%+v, %v", again, err)
	}
	for s, want := range map[string]error{
		"00228c8877665544332211ffffff":   ErrMalformed,
		"01228c8877665544332211ffffff03": ErrUnsupported,
		"00218c8877665544332211ffffff03": ErrUnsupported,
		"00328c8877665544332211ffffff03": ErrUnsupported,
	} {
		if _, err := ParseBeacon(unhex(t, s)); !errors.Is(err, want) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestCommands(t *testing.T) {
	links := []Link{{0x0001, 1, 3}, {0x1234, 7, 0}}
	b := AppendLinkStatus(nil, true, false, links)
	if want := unhex(t, "08"+"22"+"0100"+"31"+"3412"+"07"); !bytes.Equal(b, want) {
		t.Errorf("link status %x, want %x", b, want)
	}
	c, err := ParseLinkStatus(b)
	if err != nil || !c.First || c.Last || c.Len() != 2 || c.Link(0) != links[0] || c.Link(1) != links[1] {
		t.Errorf("%+v, %v", c, err)
	}
	if b := AppendLinkStatus(nil, true, true, make([]Link, 40)); len(b) != 2+3*maxLinks {
		t.Errorf("%d bytes of links", len(b))
	}
	if b := AppendLeave(nil, LeaveRequest|LeaveRejoin); !bytes.Equal(b, []byte{4, 0x60}) {
		t.Errorf("leave %x", b)
	}
	if b := AppendStatus(nil, Status{Code: 0x0b, Dst: 0x1234}); !bytes.Equal(b, unhex(t, "030b3412")) {
		t.Errorf("network status %x", b)
	}
	for _, bad := range []string{"", "04", "0441", "044000", "05", "0360"} {
		if _, err := ParseLeave(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("leave %s: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "08", "0880", "08210100", "0821010008", "0821010080", "0400"} {
		if _, err := ParseLinkStatus(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("link status %s: %v", bad, err)
		}
	}
}

// A thermostat of 2025 still forces route discoveries (testdata/recorded of
// zigbee/stack); its frames are no different.
func TestForcedRouteDiscovery(t *testing.T) {
	h, _, err := ParseHeader(unhex(t, "882200006ba91ec0"))
	if err != nil || !h.DiscoverRoute || !h.Secured {
		t.Errorf("%+v, %v", h, err)
	}
	if b := AppendHeader(nil, h); !bytes.Equal(b, unhex(t, "482200006ba91ec0")) {
		t.Errorf("written as %x", b)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(unhex(f, "091a34120000010877665544332211000100000000000000"))
	f.Add(unhex(f, "0824020001000509020111223344"))
	f.Add(unhex(f, "882200006ba91ec0"))
	corpus.Fuzz(f, func(t *testing.T, frame []byte) {
		h, rest, err := ParseHeader(frame)
		if err != nil {
			return
		}
		if frame[0]&fcForced != 0 { // canonical form
			frame[0] ^= fcDiscover | fcForced
		}
		if again := append(AppendHeader(nil, h), rest...); !bytes.Equal(again, frame) {
			t.Fatalf("%x became %x", frame, again)
		}
	})
}

func FuzzParseCommands(f *testing.F) {
	f.Add(unhex(f, "082201003134120781"))
	f.Add(unhex(f, "0460"))
	f.Add(unhex(f, "030b3412"))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		if c, err := ParseLinkStatus(b); err == nil && c.Len() <= maxLinks {
			var links []Link
			for i := range c.Len() {
				links = append(links, c.Link(i))
			}
			if again := AppendLinkStatus(nil, c.First, c.Last, links); !bytes.HasPrefix(b, again) {
				t.Fatalf("%x became %x", b, again)
			}
		}
		if o, err := ParseLeave(b); err == nil && !bytes.Equal(AppendLeave(nil, o), b) {
			t.Fatalf("leave %x", b)
		}
		if s, err := ParseStatus(b); err == nil && !bytes.HasPrefix(b, AppendStatus(nil, s)) {
			t.Fatalf("status %x", b)
		}
	})
}

func FuzzParseBeacon(f *testing.F) {
	f.Add(AppendBeacon(nil, Beacon{Depth: 3, Extended: 9}))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		beacon, err := ParseBeacon(b)
		if err != nil {
			return
		}
		if again, err := ParseBeacon(AppendBeacon(nil, beacon)); err != nil || again != beacon {
			t.Fatalf("%+v became %+v, %v", beacon, again, err)
		}
	})
}
