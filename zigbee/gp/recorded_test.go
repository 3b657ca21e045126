package gp

import (
	"encoding/binary"
	"slices"
	"testing"
)

// A Busch-Jaeger 6716 U, a battery-less switch with four buttons, as somebody
// recorded it on 2026-04-22: its commissioning frame, then a press
// (https://github.com/zigpy/zigpy, tests/zgp/fixtures/busch_jaeger_6716u.py at
// a3ab83a62bd8788168cb0848b3f95f049662c1a9, GPL-3.0; the bytes are facts). The
// recording says that the code of the press cannot be verified without the switch's
// key; but the key is in the commissioning frame, protected by a public key. Three
// more presses there have codes that fit no command, and are not here.
func TestRecordedSwitch(t *testing.T) {
	id := ID{Source: 0x0171f886}
	body := unhex(t, "02c5f2 1ce9ae2f9e4f85f15de37c1ccbd94387 0013911a ec1d0000 04 11 1011121314151617 22 6062636465666768")
	c, err := ParseCommissioning(body)
	if err != nil {
		t.Fatal(err)
	}
	if again := c.Append(nil); !slices.Equal(again, body) {
		t.Errorf("written as %x", again)
	}
	want := []CommandID{16, 17, 18, 19, 20, 21, 22, 23, Toggle, 0x60, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68}
	s := c.Security
	if c.Device != 2 || c.Options != SequenceCapability|FixedLocation || !slices.Equal(c.Commands, want) || s == nil || s.Level != LevelMIC ||
		s.KeyType != KeyIndividual || !s.Encrypted || *s.Counter != 0x1dec {
		t.Errorf("%+v, %+v", c, s)
	}
	key, err := UnprotectKey(id, s.Key.Bytes(), s.KeyMIC)
	if err != nil {
		t.Fatal(err)
	}
	press := binary.LittleEndian.AppendUint32([]byte{0x8c, 0x30, 0x86, 0xf8, 0x71, 0x01}, *s.Counter+1)
	press = append(append(press, 0x68), unhex(t, "be7cc462")...)
	f, err := Parse(0, press)
	if err != nil || f.ID != id || f.Level != LevelMIC || !f.IndividualKey || f.Command() != 0x68 {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := Open(key, f); err != nil {
		t.Error(err)
	}
	if sealed := Seal(key, f); sealed.MIC != f.MIC {
		t.Errorf("our code is %x", sealed.MIC)
	}
	if f.MIC[3] ^= 1; opens(key, f) {
		t.Error("it opens with another code")
	}
}

func opens(k Key, f Frame) bool {
	_, err := Open(k, f)
	return err == nil
}
