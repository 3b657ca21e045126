package tshark

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A default response as sniffed in a real network, with that network's key, the
// well-known default of Zigbee2MQTT (Nerivec/zigbee-on-host, test/data.ts).
const (
	sniffed    = "6188e7621a000038aa4802000038aa1e82282f2f9a02584ad0feff08ac7000473b7051481afdd16a37af59e93674143b"
	networkKey = "01030507090b0d0f00020406080a0c0d"
)

// An acknowledgement that one of our lights gave zigbee-on-host under their link
// key, in a network of one test.
const (
	linkAck    = "61887338870000b94008020000b9401e5528070000000000020000cec05e00895e527218d50d2298f8c806e102c34b29350edeab23e2"
	linkAckKey = "6fd3ee3d67e2a09d41beec0c2f81503e"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func key(t *testing.T) Key { return Key{Name: "nwk", Value: [16]byte(unhex(t, networkKey))} }

// capture writes frames, to which it adds their check sequence, to a file.
func capture(t *testing.T, frames ...[]byte) string {
	t.Helper()
	var b []byte
	put := func(fields ...uint32) {
		for _, f := range fields {
			b = binary.LittleEndian.AppendUint32(b, f)
		}
	}
	put(0xa1b2c3d4, 4<<16|2, 0, 0, 256, 195)
	for i, frame := range frames {
		var crc uint16
		for _, octet := range frame {
			crc ^= uint16(octet)
			for range 8 {
				if crc&1 != 0 {
					crc = crc>>1 ^ 0x8408
				} else {
					crc >>= 1
				}
			}
		}
		frame = binary.LittleEndian.AppendUint16(slices.Clone(frame), crc)
		put(uint32(i), 0, uint32(len(frame)), uint32(len(frame)))
		b = append(b, frame...)
	}
	path := filepath.Join(t.TempDir(), "air.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	real := unhex(t, sniffed)
	flipped := slices.Clone(real)
	flipped[len(flipped)-1] ^= 1
	truncated := real[:20]
	for _, c := range []struct {
		name     string
		frames   [][]byte
		keys     []Key
		secured  int
		verified int
		readable int
		fault    string // in the error; "" for none
	}{
		{"sniffed frame with its key", [][]byte{real, {2, 0, 1}}, []Key{key(t)}, 1, 1, 1, ""},
		{"without the key", [][]byte{real}, nil, 1, 0, 0, "Encrypted Payload"},
		{"another key", [][]byte{real}, []Key{{Name: "other", Value: [16]byte{1}}}, 1, 0, 0, "Encrypted Payload"},
		{"a wrong integrity code", [][]byte{real, flipped}, []Key{key(t)}, 2, 1, 1, "finds fault with 1 of 2"},
		{"cut short", [][]byte{truncated, real}, []Key{key(t)}, 1, 1, 1, "finds fault"},
		{"nothing protected", [][]byte{{2, 0, 1}}, []Key{key(t)}, 0, 0, 0, "none of 1 frames is protected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Read(t.Context(), capture(t, c.frames...), c.keys...)
			if err != nil {
				t.Fatal(err)
			}
			if r.Frames != len(c.frames) || r.Secured != c.secured || r.Verified != c.verified || r.Readable != c.readable {
				t.Errorf("%+v", r)
			}
			switch err := r.Err(); {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

func TestAcknowledgementUnderLinkKey(t *testing.T) {
	r, err := Read(t.Context(), capture(t, unhex(t, linkAck)), Key{Name: "network", Value: [16]byte(unhex(t, linkAckKey))})
	if err != nil || r.Err() != nil || r.Empty != 1 || r.Secured != 1 || r.Verified != 1 {
		t.Errorf("%+v, %v, %v", r, err, r.Err())
	}
	r, err = Read(t.Context(), capture(t, unhex(t, linkAck)))
	if err != nil || r.Err() == nil || r.Empty != 0 || r.Secured != 1 {
		t.Errorf("without the network key: %+v, %v", r, err)
	}
}

// A frame of a switch without a battery, under its own key.
func TestGreenPower(t *testing.T) {
	const header = "010817ffffffff" // a broadcast without a sender
	press, ask := unhex(t, header+"8c3800010000660000009ca0d24764"), unhex(t, header+"0c00010000e00280f328025d7b462a6e3516c133f546414e96c22fb00967000000")
	flipped := slices.Clone(press)
	flipped[len(flipped)-1] ^= 1
	own := Key{Name: "switch", Value: [16]byte(unhex(t, "61207377697463682773206b65790000")), GreenPower: true}
	for name, c := range map[string]struct {
		frame             []byte
		key               Key
		secured, verified int
	}{
		"its key":                {press, own, 1, 1},
		"another key":            {press, Key{Name: "other", Value: [16]byte{1}, GreenPower: true}, 1, 0},
		"its key as a network's": {press, Key{Name: "switch", Value: own.Value}, 1, 0},
		"a wrong integrity code": {flipped, own, 1, 0},
		"asks to be paired":      {ask, own, 0, 0},
	} {
		r, err := Read(t.Context(), capture(t, c.frame), c.key)
		if err != nil || r.Secured != c.secured || r.Verified != c.verified || r.Green != c.verified || r.Readable != c.verified {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestGatePasses(t *testing.T) {
	if r := Gate(t, capture(t, unhex(t, sniffed)), key(t)); r.Verified != 1 {
		t.Errorf("%+v", r)
	}
}

func TestNotACapture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no capture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), path); err == nil {
		t.Error("a text was read as a capture")
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Read(t.Context(), "any")
	if err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v: expected what to install", err)
	}
}
