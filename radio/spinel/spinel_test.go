package spinel

import (
	"bytes"
	"encoding/hex"
	"slices"
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

// frames returns copies of all frames in a stream.
func frames(d *Deframer, stream []byte) [][]byte {
	var all [][]byte
	for f := range d.Frames(stream) {
		all = append(all, bytes.Clone(f))
	}
	return all
}

// The check value of CRC-16/X-25 (Williams, "A painless guide to CRC error
// detection algorithms", and the catalogue of parametrised CRCs).
func TestFCSCheckValue(t *testing.T) {
	fcs := uint16(fcsInit)
	for _, b := range []byte("123456789") {
		fcs = fcsUpdate(fcs, b)
	}
	if got := ^fcs; got != 0x906e {
		t.Errorf("CRC-16/X-25 of the check text is %04x, want 906e", got)
	}
}

// draft-rquattle-spinel-unified, appendix B.1.
func TestPackedVectors(t *testing.T) {
	for v, want := range map[uint32]string{
		0: "00", 1: "01", 127: "7f", 128: "8001", 129: "8101", 1337: "b90a",
		16383: "ff7f", 16384: "808001", 16385: "818001", 2097151: "ffff7f",
	} {
		if got := hex.EncodeToString(AppendPacked(nil, v)); got != want {
			t.Errorf("%d packs to %s, want %s", v, got, want)
		}
		r := NewReader(unhex(t, want))
		if got := r.Packed(); got != v || r.Err() != nil || r.Len() != 0 {
			t.Errorf("%s unpacks to %d (%v), want %d", want, got, r.Err(), v)
		}
	}
	for _, bad := range []string{"", "80", "8000", "808000", "ffffff01", "ffffff"} {
		r := NewReader(unhex(t, bad))
		if v := r.Packed(); r.Err() == nil || v != 0 {
			t.Errorf("packed integer %q gives %d without an error", bad, v)
		}
	}
}

// What real firmware says: SL-OPENTHREAD on EFR32 and Texas Instruments CC13xx,
// as recorded in Nerivec/zigbee-on-host, test/drivers/ot-rcp-driver.test.ts; the
// first is from draft-rquattle-spinel-unified, appendix B.2.
func TestFramesOfRealFirmware(t *testing.T) {
	for wire, want := range map[string]struct {
		tid     uint8
		command Command
		prop    Property
		value   string
	}{
		"7e80060072fc577e":               {0, PropIs, LastStatus, "72"},
		"7e80060070ee747e":               {0, PropIs, LastStatus, "70"},
		"7e8106010403db0a7e":             {1, PropIs, ProtocolVersion, "0403"},
		"7e83060303573a7e":               {3, PropIs, InterfaceType, "03"},
		"7e8406b0010a681f7e":             {4, PropIs, RCPAPIVersion, "0a"},
		"7e8506b101048ea77e":             {5, PropIs, RCPMinHostAPIVersion, "04"},
		"7e87062001f2627e":               {7, PropIs, PHYEnabled, "01"},
		"7e88062114ff8e7e":               {8, PropIs, PHYChan, "14"},
		"7e8906257d339b817e":             {9, PropIs, PHYTxPower, "13"},
		"7e8b0635000047f67e":             {11, PropIs, MACShortAddress, "0000"},
		"7e8c0636d98579727e":             {12, PropIs, MACPANID, "d985"},
		"7e8d060000e68c7e":               {13, PropIs, LastStatus, "00"},
		"7e8e06370108437e":               {14, PropIs, MACRawStreamEnabled, "01"},
		"7e8a06344d325a6e6f486f5a8f327e": {10, PropIs, MACLongAddress, "4d325a6e6f486f5a"},
	} {
		stream := unhex(t, wire)
		var d Deframer
		got := frames(&d, stream)
		if len(got) != 1 {
			t.Errorf("%s: %d frames", wire, len(got))
			continue
		}
		f, err := ParseFrame(got[0])
		if err != nil {
			t.Errorf("%s: %v", wire, err)
			continue
		}
		p, value, err := ParseProperty(f.Payload)
		if err != nil || f.TID != want.tid || f.Command != want.command || p != want.prop || hex.EncodeToString(value) != want.value {
			t.Errorf("%s: tid %d command %d %v value %x (%v), want %+v", wire, f.TID, f.Command, p, value, err, want)
		}
		if again := AppendProperty(nil, want.tid, want.command, want.prop, value); !bytes.Equal(again, stream) {
			t.Errorf("%s: encodes to %x", wire, again)
		}
	}
}

func TestResetCommandVector(t *testing.T) {
	got := AppendHDLC(nil, AppendFrame(nil, Frame{Command: Reset}))
	if want := "7e800102927e"; hex.EncodeToString(got) != want {
		t.Errorf("RESET is %x, want %s", got, want)
	}
}

// A beacon request as an EFR32 with SL-OPENTHREAD delivered it
// (Nerivec/zigbee-on-host, test/spinel/spinel.test.ts).
func TestReceivedFrameOfRealFirmware(t *testing.T) {
	stream := unhex(t, "7e8006710a000308d0ffffffff07ffccd78000000a0019ffc30cc702000000000100000500000000000087e97e")
	var d Deframer
	got := frames(&d, stream)
	if len(got) != 1 {
		t.Fatalf("%d frames", len(got))
	}
	f, err := ParseFrame(got[0])
	if err != nil {
		t.Fatal(err)
	}
	p, value, err := ParseProperty(f.Payload)
	if err != nil || p != StreamRaw {
		t.Fatal(p, err)
	}
	rx, err := ParseRxFrame(value)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(rx.PSDU) != "0308d0ffffffff07ffcc" || rx.RSSI != -41 || rx.Noise != -128 ||
		rx.Channel != 25 || rx.LQI != 255 || rx.Timestamp != 0x02c70cc3 || rx.Flags != 0 || rx.Error != 0 {
		t.Errorf("%+v", rx)
	}
	if again := AppendProperty(nil, 0, PropIs, StreamRaw, AppendRxFrame(nil, rx)); !bytes.Equal(again, stream) {
		t.Errorf("encodes to\n%x, want\n%x", again, stream)
	}
}

func TestReceivedFrameFromOlderFirmware(t *testing.T) {
	rx, err := ParseRxFrame(unhex(t, "0300112233"))
	if err != nil || len(rx.PSDU) != 3 || rx.RSSI != -128 {
		t.Errorf("without metadata: %+v, %v", rx, err)
	}
	rx, err = ParseRxFrame(unhex(t, "0300112233d7800000"))
	if err != nil || rx.RSSI != -41 || rx.LQI != 0 {
		t.Errorf("without PHY data: %+v, %v", rx, err)
	}
	for _, bad := range []string{"", "03", "03001122", "0300112233d7", "0300112233d78000000a0019"} {
		if rx, err := ParseRxFrame(unhex(t, bad)); err == nil {
			t.Errorf("%s: %+v without an error", bad, rx)
		}
	}
}

func TestTxRequestDefaults(t *testing.T) {
	got, err := ParseTxRequest(unhex(t, "0500112233000014"))
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got.Frame) != "112233" || got.Channel != 20 || got.ChannelAfter != 20 ||
		!got.CSMA || got.MaxBackoffs != 4 || got.MaxRetries != 3 || got.Power != NoLimit {
		t.Errorf("%+v", got)
	}
	// As OpenThread's host writes it without the newest field, the power.
	got, err = ParseTxRequest(unhex(t, "0500112233000014"+"040f"+"00"+"00"+"00"+"01"+"00000000"+"00000000"+"0b"))
	if err != nil || got.CSMA || got.MaxRetries != 15 || !got.SecurityProcessed || got.ChannelAfter != 11 || got.Power != NoLimit {
		t.Errorf("%+v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"empty":            nil,
		"no channel":       unhex(t, "05001122330000"),
		"shorter than FCS": unhex(t, "01001114"),
		"128 bytes":        append(AppendData(nil, make([]byte, 128)), 20),
		"half an integer":  unhex(t, "05001122330000140403010000010000"),
		"boolean of 2":     unhex(t, "050011223300001404030200000100000000"),
	} {
		if got, err := ParseTxRequest(bad); err == nil {
			t.Errorf("%s: %+v without an error", name, got)
		}
	}
}

func TestTxDone(t *testing.T) {
	ack := RxFrame{PSDU: []byte{0x12, 0, 7, 1, 2}, RSSI: -60, Noise: -128, Channel: 11, LQI: 200, Timestamp: 1}
	for _, want := range []TxDone{
		{Status: NoAck},
		{Status: CCAFailure},
		{Status: OK},
		{Status: OK, FramePending: true, Ack: &ack},
	} {
		got, err := ParseTxDone(AppendTxDone(nil, want))
		if err != nil || got.Status != want.Status || got.FramePending != want.FramePending ||
			(got.Ack == nil) != (want.Ack == nil) || got.Ack != nil && !bytes.Equal(got.Ack.PSDU, ack.PSDU) {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
	}
	if got, err := ParseTxDone([]byte{17}); err != nil || got.Status != NoAck {
		t.Errorf("status alone: %+v, %v", got, err)
	}
}

func TestDeframerDropsAndGoesOn(t *testing.T) {
	good := AppendHDLC(nil, []byte{1, 0x7e, 0x7d, 0x11, 0x13, 0xf8})
	for name, c := range map[string]struct {
		noise   []byte
		dropped uint64
	}{
		"nothing":             {nil, 0},
		"flags":               {[]byte{flag, flag, flag}, 0},
		"stray bytes":         {[]byte{1, 2, 3}, 1},
		"wrong check":         {[]byte{flag, 1, 2, 3, 4, flag}, 1},
		"only a check":        {[]byte{flag, 0, 0, flag}, 1},
		"abort":               {append(slices.Clone(good[:len(good)-1]), escape, flag), 1},
		"escaped escape":      {[]byte{flag, escape, escape, 1, flag}, 1},
		"longer than a frame": {append(bytes.Repeat([]byte{5}, 3*MaxFrame), flag), 1},
	} {
		var d Deframer
		stream := append(slices.Clone(c.noise), good...)
		var got [][]byte
		for _, b := range stream { // however it is cut
			got = append(got, frames(&d, []byte{b})...)
		}
		if len(got) != 1 || !bytes.Equal(got[0], []byte{1, 0x7e, 0x7d, 0x11, 0x13, 0xf8}) || d.Dropped() != c.dropped {
			t.Errorf("%s: got %x, dropped %d, want %d", name, got, d.Dropped(), c.dropped)
		}
	}
}

func TestDeframerBounds(t *testing.T) {
	var d Deframer
	largest := bytes.Repeat([]byte{flag}, MaxFrame)
	if got := frames(&d, AppendHDLC(nil, largest)); len(got) != 1 || !bytes.Equal(got[0], largest) {
		t.Errorf("the largest frame did not come through")
	}
	if got := frames(&d, AppendHDLC(nil, append(largest, 1))); len(got) != 0 || d.Dropped() != 1 {
		t.Errorf("a frame that is too long gave %d frames, dropped %d", len(got), d.Dropped())
	}
}

// A frame that is good up to its greatest length, and then goes on.
func TestDeframerTooLongByOne(t *testing.T) {
	stream := AppendHDLC(nil, bytes.Repeat([]byte{5}, MaxFrame))
	stream = append(stream[:len(stream)-1], 5, flag)
	var d Deframer
	if got := frames(&d, stream); len(got) != 0 || d.Dropped() != 1 {
		t.Errorf("%d frames, dropped %d", len(got), d.Dropped())
	}
}

func TestSharedFlag(t *testing.T) {
	one, two := AppendHDLC(nil, []byte{1}), AppendHDLC(nil, []byte{2})
	var d Deframer
	if got := frames(&d, append(one, two[1:]...)); len(got) != 2 {
		t.Errorf("%d frames, want 2", len(got))
	}
}

func TestParseFrameRefuses(t *testing.T) {
	for _, bad := range []string{"", "80", "0002", "c002", "8080", "808000"} {
		if f, err := ParseFrame(unhex(t, bad)); err == nil {
			t.Errorf("%q: %+v without an error", bad, f)
		}
	}
}

func FuzzDeframer(f *testing.F) {
	f.Add([]byte("\x7e\x80\x01\x02\x92\x7e"), 3)
	f.Add([]byte("\x7e\x80\x06\x00\x72\xfc\x57\x7e\x7e\x80\x06\x00\x72\xfc\x57\x7e"), 9)
	corpus.Fuzz(f, func(t *testing.T, stream []byte, cut int) {
		var whole, parts Deframer
		got := frames(&whole, stream)
		cut = min(max(cut, 0), len(stream))
		if p := append(frames(&parts, stream[:cut]), frames(&parts, stream[cut:])...); !slices.EqualFunc(got, p, bytes.Equal) {
			t.Fatalf("cut at %d: %x, whole: %x", cut, p, got)
		}
		for _, frame := range got {
			var again Deframer
			if back := frames(&again, AppendHDLC(nil, frame)); len(back) != 1 || !bytes.Equal(back[0], frame) {
				t.Fatalf("%x came back as %x", frame, back)
			}
		}
	})
}

// What parses re-encodes to the same bytes.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{0x80, 0x06, 0x00, 0x72})
	f.Add([]byte{0x84, 0x06, 0xb0, 0x01, 0x0a})
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		frame, err := ParseFrame(b)
		if err != nil {
			return
		}
		if again := AppendFrame(nil, frame); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		p, value, err := ParseProperty(frame.Payload)
		if err != nil {
			return
		}
		if again := append(AppendPacked(nil, uint32(p)), value...); !bytes.Equal(again, frame.Payload) {
			t.Fatalf("%x re-encodes to %x", frame.Payload, again)
		}
	})
}

// The values have optional and unknown fields, so the canonical form is the one
// that is written: parsing it again gives the same, and it is a fixed point.
func FuzzStream(f *testing.F) {
	f.Add(AppendTxRequest(nil, TxRequest{Frame: []byte{1, 2, 3}, Channel: 11, CSMA: true}))
	f.Add(AppendRxFrame(nil, RxFrame{PSDU: []byte{1, 2, 3, 4, 5}, RSSI: -40, Channel: 26}))
	f.Add(AppendTxDone(nil, TxDone{Ack: &RxFrame{PSDU: []byte{2, 0, 1, 0, 0}}}))
	corpus.Fuzz(f, func(t *testing.T, b []byte) {
		if v, err := ParseTxRequest(b); err == nil {
			fixed(t, AppendTxRequest(nil, v), func(b []byte) ([]byte, error) {
				v, err := ParseTxRequest(b)
				return AppendTxRequest(nil, v), err
			})
		}
		if v, err := ParseRxFrame(b); err == nil {
			fixed(t, AppendRxFrame(nil, v), func(b []byte) ([]byte, error) {
				v, err := ParseRxFrame(b)
				return AppendRxFrame(nil, v), err
			})
		}
		if v, err := ParseTxDone(b); err == nil {
			fixed(t, AppendTxDone(nil, v), func(b []byte) ([]byte, error) {
				v, err := ParseTxDone(b)
				return AppendTxDone(nil, v), err
			})
		}
	})
}

func fixed(t *testing.T, canonical []byte, again func([]byte) ([]byte, error)) {
	t.Helper()
	if got, err := again(canonical); err != nil || !bytes.Equal(got, canonical) {
		t.Fatalf("canonical %x re-encodes to %x, %v", canonical, got, err)
	}
}
