package zcl

import (
	"bytes"
	"reflect"
	"testing"
)

// What devices of several makers said, as their owners recorded it in public bug
// reports, with what the software there made of it.
func TestRecordedFrames(t *testing.T) {
	const (
		osram      = "https://github.com/home-assistant/core/issues/76893"
		hueBulb    = "https://github.com/home-assistant/core/issues/31227"
		hueContact = "https://github.com/zigpy/zha-device-handlers/issues/5020"
		ikeaRemote = "https://github.com/zigpy/zha-device-handlers/issues/893"
		ikeaLight  = "https://github.com/home-assistant/core/issues/43191"
		lidlLamp   = "https://github.com/zigpy/zha-device-handlers/issues/1980"
		lidlColour = "https://github.com/zigpy/zha-device-handlers/issues/2417"
		lidlAnswer = "https://github.com/home-assistant/core/issues/93746"
		tuyaRelay  = "https://github.com/zigpy/zha-device-handlers/issues/2042"
		weather    = "https://github.com/home-assistant/core/issues/37898"
		thermal    = "https://github.com/home-assistant/core/issues/38642"
		xiaomi     = "https://github.com/zigpy/zha-device-handlers/issues/2934"
	)
	report := func(seq uint8) Header {
		return Header{NoDefault: true, FromServer: true, Seq: seq, Command: CmdReportAttributes}
	}
	answer := func(seq uint8) Header {
		return Header{NoDefault: true, FromServer: true, Seq: seq, Command: CmdReadAttributesResponse}
	}
	for _, c := range []struct {
		source  string
		cluster uint16
		frame   string
		header  Header
		records any
	}{
		{osram, ClusterLevel, "18010a000020fe", report(1), []Attribute{{0, Uint8(254)}}},
		{hueBulb, ClusterColor, "1815010a4000191000", answer(21), []ReadRecord{{0x400a, Success, NewValue(TypeMap8+1, 0x0010)}}},
		{hueContact, ClusterOnOff, "182a0a00001001", report(42), []Attribute{{0, Bool(true)}}},
		{ikeaRemote, ClusterIdentify, "010101", Header{Specific: true, Seq: 1, Command: 1}, IdentifyQuery{}},
		{ikeaLight, ClusterOnOff, "1801010000001000", answer(1), []ReadRecord{{0, Success, Bool(false)}}},
		{ikeaLight, ClusterLevel, "18030100000020fe", answer(3), []ReadRecord{{0, Success, Uint8(254)}}},
		{lidlLamp, ClusterLevel, "18070a00002052", report(7), []Attribute{{0, Uint8(82)}}},
		{lidlColour, ClusterColor, "184b0a070021ab00", report(75), []Attribute{{AttrColorTemperature, Uint16(171)}}},
		{lidlAnswer, ClusterColor, "08350b0600", Header{FromServer: true, Seq: 53, Command: CmdDefaultResponse}, DefaultResponse{Command: 6}},
		{tuyaRelay, ClusterOnOff, "18cd0a00001001", report(205), []Attribute{{0, Bool(true)}}},
		{weather, 0x0405, "18920a0000213c18", report(146), []Attribute{{0, Uint16(6204)}}},
		{weather, 0x0403, "18930a000029ee03140028ff1000295227", report(147), []Attribute{{0, Int16(1006)}, {0x14, NewValue(TypeInt8, 0xff)}, {0x10, Int16(10066)}}},
		{thermal, 0x0402, "180c0a000029770a", report(12), []Attribute{{0, Int16(2679)}}},
		{xiaomi, ClusterTime, "10060000000200", Header{NoDefault: true, Seq: 6, Command: CmdReadAttributes}, []uint16{0, 2}},
	} {
		frame := unhex(t, c.frame)
		h, p, err := ParseHeader(frame)
		if err != nil || h != c.header {
			t.Errorf("%s: %+v, %v; want %+v", c.source, h, err, c.header)
			continue
		}
		if got := recordsOf(t, c.cluster, h, p); !reflect.DeepEqual(got, c.records) {
			t.Errorf("%s: %+v, want %+v", c.source, got, c.records)
		}
		if again, err := recode(frame); err != nil || !bytes.Equal(again, frame) {
			t.Errorf("%s: %x is written as %x, %v", c.source, frame, again, err)
		}
	}
}

// recordsOf returns what a frame says, by its command.
func recordsOf(t *testing.T, cluster uint16, h Header, p []byte) any {
	t.Helper()
	if h.Specific {
		c, err := ParseCommand(CommandID{cluster, h.FromServer, h.Command}, p)
		if err != nil {
			t.Error(err)
		}
		return c
	}
	switch h.Command {
	case CmdReadAttributes:
		ids, _ := collect(ParseReadAttributes(p))
		return ids
	case CmdReadAttributesResponse:
		list, _ := collect(ParseReadAttributesResponse(p))
		return list
	case CmdReportAttributes:
		list, _ := collect(ParseReport(p))
		return list
	case CmdDefaultResponse:
		r, err := ParseDefaultResponse(p)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	return nil
}
