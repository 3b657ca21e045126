package mac

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"sconce/internal/corpus"
	"sconce/zigbee"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The frames are written out by hand from the clauses named.
func TestFrames(t *testing.T) {
	const pan, lamp = 0x1a62, zigbee.EUI64(0x0011223344556677)
	for _, c := range []struct {
		name    string
		header  Header
		payload []byte
		want    string
	}{
		{
			"orphan notification, 7.3.6, as Wireshark 4.0 reads it",
			Header{Type: TypeCommand, Compress: true, Seq: 7, Dst: Short(zigbee.BroadcastPAN, zigbee.Broadcast), Src: Extended(zigbee.BroadcastPAN, lamp)},
			AppendCommand(nil, Command{ID: OrphanNotification}),
			"43c807" + "ffffffff" + "7766554433221100" + "06",
		},
		{
			"coordinator realignment, 7.3.8, as Wireshark 4.0 reads it",
			Header{Type: TypeCommand, Ack: true, Seq: 8, Dst: Extended(zigbee.BroadcastPAN, lamp), Src: Extended(pan, 0x8899aabbccddeeff)},
			AppendCommand(nil, Command{ID: Realignment, PAN: pan, Parent: 1, Channel: 15, Short: 0x1234}),
			"23cc08" + "ffff7766554433221100" + "621affeeddccbbaa9988" + "08621a01000f3412",
		},
		{
			"beacon request, 7.3.7",
			Header{Type: TypeCommand, Seq: 1, Dst: Short(zigbee.BroadcastPAN, zigbee.Broadcast)},
			AppendCommand(nil, Command{ID: BeaconRequest}),
			"030801" + "ffffffff" + "07",
		},
		{
			"association request, 7.3.1",
			Header{Type: TypeCommand, Ack: true, Seq: 2, Dst: Short(pan, 0), Src: Extended(zigbee.BroadcastPAN, lamp)},
			AppendCommand(nil, Command{ID: AssociationRequest, Capability: zigbee.RouterCapability}),
			"23c802" + "621a0000" + "ffff7766554433221100" + "018e",
		},
		{
			"association response, 7.3.2",
			Header{Type: TypeCommand, Ack: true, Compress: true, Seq: 3, Dst: Extended(pan, lamp), Src: Extended(pan, 1)},
			AppendCommand(nil, Command{ID: AssociationResponse, Short: 0x1234, Status: AssociationSuccessful}),
			"63cc03" + "621a7766554433221100" + "0100000000000000" + "02341200",
		},
		{
			"data request, 7.3.4",
			Header{Type: TypeCommand, Ack: true, Compress: true, Seq: 4, Dst: Short(pan, 0), Src: Extended(pan, lamp)},
			AppendCommand(nil, Command{ID: DataRequest}),
			"63c804" + "621a0000" + "7766554433221100" + "04",
		},
		{
			"data, 7.2.2.2",
			Header{Type: TypeData, Ack: true, Compress: true, Seq: 5, Dst: Short(pan, 0x1234), Src: Short(pan, 0)},
			[]byte("hello"),
			"618805" + "621a3412" + "0000" + "68656c6c6f",
		},
		{
			"beacon, 7.2.2.1",
			Header{Type: TypeBeacon, Seq: 6, Src: Short(pan, 0)},
			AppendBeacon(nil, Beacon{PANCoordinator: true, Permit: true, Payload: []byte{0, 0x22}}),
			"008006" + "621a0000" + "ffcf" + "00" + "00" + "0022",
		},
		{"acknowledgement, 7.2.2.3", Header{Type: TypeAck, Pending: true, Seq: 7}, nil, "120007"},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := append(AppendHeader(nil, c.header), c.payload...)
			if !bytes.Equal(frame, unhex(t, c.want)) {
				t.Fatalf("got %x, want %s", frame, c.want)
			}
			h, payload, err := Parse(frame)
			if err != nil || h != c.header || !bytes.Equal(payload, c.payload) {
				t.Errorf("parsed %+v %x, %v", h, payload, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        error
	}{
		{"nothing", "", ErrMalformed},
		{"two bytes", "6188", ErrMalformed},
		{"reserved type", "048801621a00000000", ErrUnsupported},
		{"security", "698805621a341200007b", ErrUnsupported},
		{"frame version 2", "61a805621a341200007b", ErrUnsupported},
		{"reserved bit", "618905621a341200007b", ErrMalformed},
		{"reserved address mode", "618405621a341200007b", ErrMalformed},
		{"compression with one address", "410805621a3412", ErrMalformed},
		{"addresses cut", "618805621a3412", ErrMalformed},
		{"acknowledgement with a payload", "02000701", ErrMalformed},
		{"too long", "618805621a34120000" + hex.EncodeToString(make([]byte, 117)), ErrMalformed},
	} {
		if _, _, err := Parse(unhex(t, c.frame)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for frame, want := range map[string]error{
		"": ErrMalformed, "01": ErrMalformed, "018e00": ErrMalformed, "020000": ErrMalformed, "0700": ErrMalformed, "0455": ErrMalformed,
		"00": ErrUnsupported, "03": ErrUnsupported, "05": ErrUnsupported, "99": ErrUnsupported,
		"0600": ErrMalformed, "08": ErrMalformed, "08621a01000f34": ErrMalformed, "08621a01000f341200": ErrMalformed,
	} {
		if _, err := ParseCommand(unhex(t, frame)); !errors.Is(err, want) {
			t.Errorf("%s: %v", frame, err)
		}
	}
}

// A beacon of a network with superframes is read over what Zigbee does not use.
func TestForeignBeacon(t *testing.T) {
	b, err := ParseBeacon(unhex(t, "ffcf"+"81"+"00"+"341213"+"11"+"7856"+"0102030405060708"+"aabb"))
	if err != nil || !b.Permit || !b.PANCoordinator || !bytes.Equal(b.Payload, []byte{0xaa, 0xbb}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, s := range []string{"", "ffcf00", "ffcf0100", "ffcf0011", "ffcf000178"} {
		if _, err := ParseBeacon(unhex(t, s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, "63cc03621a7766554433221100010000000000000002341200"))
	f.Add(unhex(f, "008006621a0000ffcf00000022"))
	f.Add(unhex(f, "120007"))
	corpus.Fuzz(f, func(t *testing.T, frame []byte) {
		h, payload, err := Parse(frame)
		if err != nil {
			return
		}
		frame[1] &^= fcVersion >> 8 // canonical form
		if again := append(AppendHeader(nil, h), payload...); !bytes.Equal(again, frame) {
			t.Fatalf("%x became %x", frame, again)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	f.Add(unhex(f, "018e"))
	f.Add(unhex(f, "02341200"))
	f.Add(unhex(f, "08621a01000f3412"))
	f.Add(unhex(f, "04"))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		if c, err := ParseCommand(b); err == nil && !bytes.Equal(AppendCommand(nil, c), b) {
			t.Fatalf("%x became %x", b, AppendCommand(nil, c))
		}
	})
}

func FuzzParseBeacon(f *testing.F) {
	f.Add(unhex(f, "ffcf000000228400"))
	f.Add(unhex(f, "ffcf8100341213117856"))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		beacon, err := ParseBeacon(b)
		if err != nil {
			return
		}
		// Canonical form: what is kept comes back, and is kept again.
		again, err := ParseBeacon(AppendBeacon(nil, beacon))
		if err != nil || again.Permit != beacon.Permit || again.PANCoordinator != beacon.PANCoordinator || !bytes.Equal(again.Payload, beacon.Payload) {
			t.Fatalf("%+v became %+v, %v", beacon, again, err)
		}
	})
}
