package gp

import (
	"bytes"
	"fmt"
	"testing"

	"sconce/zigbee"
)

// What tshark 4.0.17 reads in commands of the cluster that this package wrote: the
// fields are copied from its dissection. It decrypted the frames with the network key,
// the link keys and the device's key.
func TestDissected(t *testing.T) {
	const hello = "0280f328025d7b462a6e3516c133f546414e96c22fb00965000000"
	key := keyOf(t, "61207377697463682773206b65790000")
	counter, window := uint32(101), uint16(60)
	id := ID{Source: 0x100}
	const sink zigbee.EUI64 = 0x00124b0001000000
	for _, c := range []struct {
		command string
		which   int // of parsers
		bytes   string
		want    appender
	}{
		{"GP Notification", 0, "c854 00010000 66000000 21 00 3776 fe", Notification{
			ID: id, AlsoUnicast: true, Level: LevelEncrypted, KeyType: KeyIndividual, QueueFull: true, Counter: 102, Command: On,
			Info: &ProxyInfo{Proxy: 0x7637, Link: 0xfe},
		}},
		{"GP Commissioning Notification", 1, "0008 00010000 65000000 e0 1b " + hello + " 3776 fe", CommissioningNotification{
			ID: id, Counter: 101, Command: CommissioningGPDF, Payload: unhex(t, hello), Info: &ProxyInfo{Proxy: 0x7637, Link: 0xfe},
		}},
		{"GP Pairing", 2, "68e600 00010000 00000001004b1200 0000 02 65000000 61207377697463682773206b65790000", Pairing{
			ID: id, AddSink: true, Mode: LightweightUnicast, Level: LevelEncrypted, KeyType: KeyIndividual, Sink: sink,
			Device: DeviceOnOffSwitch, Counter: &counter, Key: &key,
		}},
		{"GP Pairing, Remove GPD", 2, "700000 00010000", Pairing{ID: id, RemoveGPD: true, Mode: LightweightUnicast}},
		{"GP Proxy Commissioning Mode", 3, "2b 3c00", ProxyCommissioningMode{Enter: true, ExitOnCommand: true, Unicast: true, Window: &window}},
		{"GP Proxy Commissioning Mode, exit", 3, "08", ProxyCommissioningMode{ExitOnCommand: true}},
		{"GP Proxy Table Request", 6, "08 00", ProxyTableRequest{ByIndex: true}},
		{
			"GP Proxy Table Response", 7,
			"00 01 00 01 5844 00010000 13 66000000 00000000000000000000000000000000 01 00000001004b1200 0000 ff",
			ProxyTableResponse{Total: 1, Entries: []TableEntry{{
				ID: id, InRange: true, Level: LevelEncrypted, KeyType: KeyIndividual, Counter: 102, Sink: sink,
			}}},
		},
	} {
		b := unhex(t, c.bytes)
		if got := c.want.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: %x", c.command, got)
		}
		p, err := parsers()[c.which](b)
		if err != nil || !bytes.Equal(p.Append(nil), b) || fmt.Sprintf("%T", p) != fmt.Sprintf("%T", c.want) {
			t.Errorf("%s: %+v, %v", c.command, p, err)
		}
	}
}

// Frames of a device as tshark 4.0.17 reads them, with the device's key: without
// security, at both levels, and a maintenance frame.
func TestDissectedFrames(t *testing.T) {
	key := keyOf(t, "61207377697463682773206b65790000")
	for _, c := range []struct {
		frame   string
		level   Level
		counter uint32
		command CommandID
	}{
		{"0c00010000e00280f328025d7b462a6e3516c133f546414e96c22fb00967000000", LevelNone, 0, CommissioningGPDF},
		{"8c3800010000660000009ca0d24764", LevelEncrypted, 102, On},
		{"8c30000100002c01000022fc1c8c6a", LevelMIC, 300, Toggle},
		{"0de394", LevelNone, 0, ChannelRequestGPDF},
	} {
		b := unhex(t, c.frame)
		f, err := Parse(0, b)
		if err != nil || f.Level != c.level || f.Counter != c.counter || !bytes.Equal(f.Append(nil), b) {
			t.Errorf("%s: %+v, %v", c.frame, f, err)
			continue
		}
		body := f.Body
		if f.Level != LevelNone {
			if body, err = Open(key, f); err != nil {
				t.Errorf("%s: %v", c.frame, err)
				continue
			}
		}
		if CommandID(body[0]) != c.command {
			t.Errorf("%s: %x", c.frame, body)
		}
	}
}
