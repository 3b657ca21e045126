package zdo

import (
	"encoding/hex"
	"reflect"
	"testing"
)

// Answers of devices as somebody's stick took them from the air
// (https://github.com/zsmartsystems/com.zsmartsystems.zigbee, tests of package
// com.zsmartsystems.zigbee.zdo.command and of its CC2531 dongle, EPL-1.0; the bytes
// are facts), with what the tests there say of them.
func TestRecordedAnswers(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want message
	}{
		{"000002000214d4f102004b12000b88dc00018817008f221502013b14d4f102004b1200eca1a501008d1500353815020158", MgmtLqiRsp{Total: 2, Neighbours: []Neighbour{
			{ExtendedPANID: 0x00124b0002f1d414, Device: 0x0017880100dc880b, Addr: 0x228f, Type: 1, RxOnWhenIdle: 1, Relationship: 1, PermitJoining: 2, Depth: 1, LQI: 0x3b},
			{ExtendedPANID: 0x00124b0002f1d414, Device: 0x00158d0001a5a1ec, Addr: 0x3835, Type: 1, RxOnWhenIdle: 1, Relationship: 1, PermitJoining: 2, Depth: 1, LQI: 0x58},
		}}},
		{"00000100012a2f003538", MgmtRtgRsp{Total: 1, Routes: []Route{{Dst: 12074, NextHop: 14389}}}},
		{"0000000010c1", PowerDescRsp{Descriptor: PowerDescriptor{Available: PowerMains, Current: PowerMains, Level: PowerLevelFull}}},
	} {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		var got message
		switch c.want.(type) {
		case MgmtLqiRsp:
			got, err = ParseMgmtLqiRsp(p)
		case MgmtRtgRsp:
			got, err = ParseMgmtRtgRsp(p)
		case PowerDescRsp:
			got, err = ParsePowerDescRsp(p)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.hex, got, err, c.want)
		}
		if again := got.Append(nil); hex.EncodeToString(again) != c.hex {
			t.Errorf("%s is written as %x", c.hex, again)
		}
	}
}
