package stack

import (
	"slices"
	"testing"
	"time"

	"sconce/zigbee/mac"
	"sconce/zigbee/nwk"
)

// A rejoin that was recorded brings the device to no other parent. One whose parent
// did not hear it at the time counts late, for it is new to that parent; but the device is
// not taken for its child for longer than two minutes, or than until it is heard elsewhere.
func TestRecordedRejoinLeavesNoChild(t *testing.T) {
	m := newMedium(t, 3)
	tc, sensor, parent, other := sensorAtALamp(m)
	m.sent = nil
	other.dead = true // hears nothing of what is said to it
	sensor.loseParent()
	m.run(30*time.Second, sensor.isUp)
	if parentOf(m, sensor) != parent {
		t.Fatal("it did not come back to its parent")
	}
	toParent := rejoinFrames(m, sensor)
	if len(toParent) == 0 {
		t.Fatal("no rejoin was recorded")
	}
	// The same, said to the lamp that did not hear it.
	sensor.nwk.SendRejoin(m.now, other.nwk.Network().Short, sensor.capability())
	var missed []byte
	for missed == nil {
		f, ok := sensor.NextFrame()
		if !ok {
			t.Fatal("no frame")
		}
		if h, payload, err := mac.Parse(f.Data); err == nil && h.Type == mac.TypeData {
			if n, _, err := nwk.ParseHeader(payload); err == nil && n.Dst == other.nwk.Network().Short {
				missed = astray(t, f.Data, other)
			}
		}
		sensor.FrameDone(m.now, TxStatus{Sent: true})
	}
	m.run(5*time.Second, nil)
	other.dead = false

	for _, frame := range toParent {
		other.Receive(m.now, astray(t, frame, other), 200)
	}
	if len(other.nwk.Children()) > 0 {
		t.Error("a rejoin to another parent made a child")
	}
	m.run(time.Second, nil)
	other.Receive(m.now, missed, 200)
	if len(other.nwk.Children()) != 1 {
		t.Error("the test shows nothing: a rejoin that was not heard at the time counts")
	}
	m.run(newChildTimeout.Duration()+time.Second, nil)
	if parentOf(m, sensor) != parent {
		t.Error("it is still taken for a child")
	}
	other.Receive(m.now, missed, 200)
	if len(other.nwk.Children()) != 0 {
		t.Error("it counts twice")
	}
	if err := tc.send(DataRequest{Dst: sensor.nwk.Network().Short, SrcEndpoint: 1, DstEndpoint: 1, Profile: 0x0104, Payload: []byte{1}, Ack: true}); err != nil {
		t.Errorf("it is not reached: %v", err)
	}
	m.checkCounters()
}

// astray is a frame led to another station: its MAC address is not protected.
func astray(t *testing.T, frame []byte, to *station) []byte {
	t.Helper()
	h, payload, err := mac.Parse(slices.Clone(frame))
	if err != nil {
		t.Fatal(err)
	}
	h.Dst.Short = to.nwk.Network().Short
	h.Seq += 100
	return append(mac.AppendHeader(nil, h), payload...)
}
