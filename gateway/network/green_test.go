package network

import (
	"testing"
	"time"

	"sconce"
	"sconce/wire"
	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/stack"
)

// green is a desired state with one switch without a battery.
func green(version uint64, label []byte, groups ...sconce.GroupNumber) wire.Desired {
	return wire.Desired{Version: version, Devices: []wire.DesiredDevice{{Device: 7, Kind: sconce.Switch, InstallCode: label, Groups: groups}}}
}

func (w *world) greenStage() (last wire.DeviceReport) {
	for _, r := range told[wire.Report](w) {
		for _, d := range r.Devices {
			if d.Device == 7 {
				last = d
			}
		}
	}
	return last
}

// The window for switches is open only while one is missing whose label is known, and
// never for those without a label.
func TestSwitchesArePairedByTheirLabel(t *testing.T) {
	w := newWorld(t, 0)
	label := desired(1, 1).Devices[0].InstallCode
	w.net.SetDesired(w.now, green(1, label, 3, 4))
	w.run(10 * time.Minute)
	if !w.pairing || w.unlabelled || len(w.labels) == 0 || w.labels[0] != (gp.ID{Source: 7}) || w.open != 0 || len(w.allowed) > 0 {
		t.Errorf("window %v, for anybody %v, labels %v, open %v, allowed %v", w.pairing, w.unlabelled, w.labels, w.open, w.allowed)
	}
	if s := w.greenStage(); s.Stage != wire.StageWaiting {
		t.Errorf("%+v", s)
	}
	s := gp.Switch{ID: gp.ID{Source: 7}}
	w.switches = []gp.Switch{s, {ID: gp.ID{Source: 99}, Group: 1}, {ID: gp.ID{EUI64: 7}, Group: 1}}
	w.net.Event(w.now, stack.GreenPowerEvent{Event: gp.Paired{Switch: s}})
	w.run(time.Minute)
	if w.pairing || len(w.switches) != 1 || w.switches[0].Group != 3 || w.greenStage().Stage != wire.StageConfigured {
		t.Errorf("window %v, %+v, %+v", w.pairing, w.switches, w.greenStage())
	}
	if len(w.sent) != 0 {
		t.Errorf("a switch that cannot hear was asked: %+v", w.sent)
	}

	w.restart(w.net.Snapshot()) // and knows it still
	w.run(time.Minute)
	w.net.Event(w.now, stack.GreenPowerEvent{Event: gp.Pressed{ID: s.ID, Command: gp.On}})
	w.net.Event(w.now, stack.GreenPowerEvent{Event: gp.Pressed{ID: gp.ID{Source: 99}, Command: gp.On}})
	w.run(time.Minute)
	pressed := 0
	for _, e := range told[wire.Events](w) {
		for _, x := range e.Events {
			if x.Kind == wire.EventPressed && x.Device == 7 {
				pressed++
			} else if x.Device != 7 {
				t.Errorf("%+v", x)
			}
		}
	}
	if pressed != 1 || w.pairing {
		t.Errorf("%d presses told, window %v", pressed, w.pairing)
	}

	w.net.SetDesired(w.now, green(2, label, 4))
	if w.switches[0].Group != 4 {
		t.Errorf("%+v", w.switches)
	}
	w.switches = nil // it said that it leaves
	w.net.Event(w.now, stack.GreenPowerEvent{Event: gp.Unpaired{ID: s.ID}})
	w.run(10 * time.Minute)
	if w.greenStage().Stage != wire.StageWaiting {
		t.Errorf("%+v of one that has left", w.greenStage())
	}
	w.switches = []gp.Switch{s}
	w.net.SetDesired(w.now, wire.Desired{Version: 3})
	w.run(time.Minute)
	if len(w.switches) != 0 || w.pairing {
		t.Errorf("a switch that is not desired stays: %+v, window %v", w.switches, w.pairing)
	}
}

// A label with a wrong check sum, or whose key is printed in public documents, is no label.
func TestSwitchesNeedAGoodLabel(t *testing.T) {
	label := desired(1, 1).Devices[0].InstallCode
	damaged := append([]byte(nil), label...)
	damaged[17] ^= 1
	w := newWorld(t, 0)
	w.net.SetDesired(w.now, green(1, damaged, 3))
	w.run(time.Minute)
	if w.pairing || len(w.labels) > 0 || w.greenStage().Stage != wire.StageFailed {
		t.Errorf("window %v, labels %v, %+v", w.pairing, w.labels, w.greenStage())
	}
	w.badLabel = true
	w.net.SetDesired(w.now, green(2, label, 3))
	w.run(time.Minute)
	if w.pairing || w.greenStage().Stage != wire.StageFailed || w.greenStage().Reason == "" {
		t.Errorf("window %v, %+v", w.pairing, w.greenStage())
	}
	if _, is := w.net.devices[zigbee.EUI64(7)]; !is {
		t.Error("it is forgotten")
	}
}
