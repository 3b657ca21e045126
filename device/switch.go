package device

import (
	"fmt"
	"time"

	"sconce/zigbee/zcl"
	"sconce/zigbee/zdo"
)

// A Button is one of the four of a switch.
type Button uint8

// The buttons. What each does is said at [Switch.Press].
const (
	ButtonOn Button = iota + 1
	ButtonOff
	ButtonScene1
	ButtonScene2
)

// A Press is what a person does with a button.
type Press uint8

// The presses. A long one is a Hold and, when it ends, a Release.
const (
	Short Press = iota + 1
	Double
	Hold
	Release
)

// How a switch dims.
const (
	dimRate = 64 // levels a second while a button is held
	dimStep = 32 // levels at a double press
	dimTime = 3  // tenths of a second, of a step
)

// Switch is the firmware of a switch with four buttons: a sleepy end device on
// batteries. It is made by [NewSwitch], and not safe for concurrent use.
//
// It commands whatever its clusters On/Off, Level Control and Scenes are bound to:
// groups by groupcast, single devices by unicast. The owner drives it as a
// [Luminaire], and tells it of its buttons with [Switch.Press].
type Switch struct{ sleeper }

// NewSwitch returns a switch that does nothing until it is started.
func NewSwitch(cfg Config) (*Switch, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Switch{newSleeper()}
	if cfg.Restore != nil {
		if err := s.recall(cfg.Restore.memory); err != nil {
			return nil, fmt.Errorf("switch %s: %w", cfg.EUI64, err)
		}
	}
	endpoint := zdo.SimpleDescriptor{
		Endpoint: Endpoint, Profile: zcl.ProfileHomeAutomation, Device: zcl.DeviceDimmerSwitch, Version: 1,
		In:  []uint16{zcl.ClusterBasic, zcl.ClusterPower, zcl.ClusterIdentify, zcl.ClusterPollControl},
		Out: []uint16{zcl.ClusterIdentify, zcl.ClusterGroups, zcl.ClusterScenes, zcl.ClusterOnOff, zcl.ClusterLevel},
	}
	if err := s.equip("switch", cfg, switchApplication{s}, endpoint); err != nil {
		return nil, err
	}
	return s, nil
}

// Press tells the switch of a button:
//
//	           short     double          hold            release
//	on         On        step up         move up         stop
//	off        Off       step down       move down       stop
//	scenes     recall scene 1 or 2 of the group, or of a device scene 1 or 2 of no group
//
// Upwards, what is off is switched on; downwards, nothing is switched off. A press
// that does nothing is no error; without a network, or with too much to send, it
// is one, and the press is lost.
func (s *Switch) Press(now time.Time, b Button, p Press) error {
	c := commandOf(b, p)
	if c == nil || s.dead {
		return nil
	}
	err := s.tell(now, c)
	s.settle(now)
	return err
}

// commandOf returns the command of a press, nil for none.
func commandOf(b Button, p Press) zcl.Command {
	down := b == ButtonOff
	switch b {
	case ButtonScene1, ButtonScene2:
		if p == Short {
			return zcl.RecallScene{Scene: zcl.SceneID{Scene: uint8(b-ButtonScene1) + 1}, Transition: zcl.AsFastAsPossible}
		}
	case ButtonOn, ButtonOff:
		switch p {
		case Short:
			if down {
				return zcl.Off{}
			}
			return zcl.On{}
		case Double:
			return zcl.Step{Down: down, Size: dimStep, Transition: dimTime, WithOnOff: !down}
		case Hold:
			return zcl.Move{Down: down, Rate: dimRate, WithOnOff: !down}
		case Release:
			return zcl.Stop{}
		}
	}
	return nil
}

func (s *Switch) remember(b []byte) []byte { return s.sleeper.remember(append(b, switchMemory)) }

func (s *Switch) recall(b []byte) error {
	if len(b) != 1+sleeperSize || b[0] != switchMemory {
		return errMemory
	}
	return s.sleeper.recall(b[1:])
}

// switchApplication is what a switch shows to its ZCL server.
type switchApplication struct{ *Switch }

// Attribute implements [zcl.Application].
func (s switchApplication) Attribute(now time.Time, _ uint8, cluster, attribute uint16) (zcl.Reading, bool) {
	v := s.common(now, cluster, attribute)
	return zcl.Reading{Value: v}, v != zcl.Value{}
}

// Write implements [zcl.Application].
func (s switchApplication) Write(now time.Time, _ uint8, cluster uint16, a zcl.Attribute) {
	s.write(now, cluster, a)
}

// Command implements [zcl.Application].
func (s switchApplication) Command(now time.Time, _ zcl.Message, c zcl.Command) (zcl.Command, zcl.Status) {
	return s.command(now, c)
}
