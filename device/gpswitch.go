package device

import (
	"errors"
	"fmt"
	"time"

	"sconce/zigbee"
	"sconce/zigbee/gp"
	"sconce/zigbee/mac"
)

// How often a harvester sends a frame with the energy of one press, and how long it
// pauses between: a few milliseconds that differ from switch to switch.
const (
	gpTransmissions = 3
	gpPause         = 4 * time.Millisecond
	gpPauseSpread   = 8 // milliseconds
)

// MaxGPButtons is how many buttons a battery-less switch may have.
const MaxGPButtons = 8

// GPButton is a button of a battery-less switch: both ways of its movement harvest
// energy for a command.
type GPButton struct {
	Press   gp.CommandID
	Release gp.CommandID // 0: nothing is sent
}

// OnOffButtons are those of a rocker: on, off.
func OnOffButtons() []GPButton { return []GPButton{{Press: gp.On}, {Press: gp.Off}} }

// DimmerButtons are those of a double rocker: on, off, and up and down while held.
func DimmerButtons() []GPButton {
	return append(OnOffButtons(),
		GPButton{Press: gp.MoveUpWithOnOff, Release: gp.LevelStop}, GPButton{Press: gp.MoveDown, Release: gp.LevelStop})
}

// GPSwitchConfig makes a [GPSwitch].
type GPSwitchConfig struct {
	Source  gp.SourceID // on the label
	Key     gp.Key      // on the label; the device's own
	Buttons []GPButton  // 1 to 8
	Channel uint8       // that it sends on: people set it, with the buttons
	Counter uint32      // what [GPSwitch.Counter] returned last; 0 for a new switch
}

// GPSwitch is the firmware of a switch that lives on the energy of a press (Green
// Power, 14-0563). It cannot listen, and sends without asking for an acknowledgement.
// It is made by [NewGPSwitch] and not safe for concurrent use.
type GPSwitch struct{ cfg GPSwitchConfig }

// Transmission is a frame for the radio, without its frame check sequence, at a time
// and on a channel.
type Transmission struct {
	At      time.Time
	Channel uint8
	Frame   []byte
}

// NewGPSwitch returns a switch. It fails when the configuration cannot work.
func NewGPSwitch(cfg GPSwitchConfig) (*GPSwitch, error) {
	switch {
	case !cfg.Source.Valid():
		return nil, fmt.Errorf("battery-less switch: %s names no device", cfg.Source)
	case cfg.Key.IsWellKnown():
		return nil, errors.New("battery-less switch: its key is zero or public")
	case len(cfg.Buttons) == 0 || len(cfg.Buttons) > MaxGPButtons:
		return nil, fmt.Errorf("battery-less switch: %d buttons; expected 1 to %d", len(cfg.Buttons), MaxGPButtons)
	case cfg.Channel < zigbee.MinChannel || cfg.Channel > zigbee.MaxChannel:
		return nil, fmt.Errorf("battery-less switch: channel %d; expected %d to %d", cfg.Channel, zigbee.MinChannel, zigbee.MaxChannel)
	}
	return &GPSwitch{cfg: cfg}, nil
}

// ID returns the name that is on the label.
func (s *GPSwitch) ID() gp.ID { return gp.ID{Source: s.cfg.Source} }

// Counter returns the frame counter. The owner keeps it before it sends what a call
// returned: a counter is never used for two frames.
func (s *GPSwitch) Counter() uint32 { return s.cfg.Counter }

// SetChannel sets the channel, 11 to 26, as people do with the buttons.
func (s *GPSwitch) SetChannel(channel uint8) { s.cfg.Channel = channel }

// Press returns what is sent when a button is pressed: nothing for a button that is
// not there, and when the frame counter is used up.
func (s *GPSwitch) Press(now time.Time, button int) []Transmission {
	if button < 0 || button >= len(s.cfg.Buttons) {
		return nil
	}
	return s.command(now, s.cfg.Buttons[button].Press)
}

// Release returns what is sent when a button is let go.
func (s *GPSwitch) Release(now time.Time, button int) []Transmission {
	if button < 0 || button >= len(s.cfg.Buttons) || s.cfg.Buttons[button].Release == 0 {
		return nil
	}
	return s.command(now, s.cfg.Buttons[button].Release)
}

// Decommission returns what is sent to leave the sink.
func (s *GPSwitch) Decommission(now time.Time) []Transmission {
	return s.command(now, gp.Decommissioning)
}

// Commission returns what is sent to be paired: what the switch is, and its key, which
// a public key hides from nobody (see [gp.ProtectKey]).
func (s *GPSwitch) Commission(now time.Time) []Transmission {
	if !s.count() {
		return nil
	}
	key, mic := gp.ProtectKey(s.ID(), s.cfg.Key)
	commands := make([]gp.CommandID, 0, 2*MaxGPButtons)
	for _, b := range s.cfg.Buttons {
		if commands = append(commands, b.Press); b.Release != 0 {
			commands = append(commands, b.Release)
		}
	}
	c := gp.Commissioning{
		Device: gp.DeviceOnOffSwitch, Options: gp.SequenceCapability,
		Security: &gp.CommissioningSecurity{
			Level: gp.LevelEncrypted, KeyType: gp.KeyIndividual, HasKey: true, Encrypted: true, Key: gp.NewKey(key), KeyMIC: mic,
			Counter: &s.cfg.Counter,
		},
		HasApplication: true, Commands: commands,
	}
	return s.send(now, gp.Frame{ID: s.ID(), Body: c.Append([]byte{uint8(gp.CommissioningGPDF)})})
}

func (s *GPSwitch) command(now time.Time, c gp.CommandID) []Transmission {
	if !s.count() {
		return nil
	}
	f := gp.Frame{ID: s.ID(), Level: gp.LevelEncrypted, IndividualKey: true, Counter: s.cfg.Counter, Body: []byte{uint8(c)}}
	return s.send(now, gp.Seal(s.cfg.Key, f))
}

// count takes the next counter, and reports whether there is one.
func (s *GPSwitch) count() bool {
	if s.cfg.Counter == 1<<32-1 {
		return false
	}
	s.cfg.Counter++
	return true
}

func (s *GPSwitch) send(now time.Time, f gp.Frame) []Transmission {
	b := mac.AppendHeader(nil, mac.Header{
		Type: mac.TypeData, Seq: uint8(s.cfg.Counter), Dst: mac.Short(zigbee.BroadcastPAN, zigbee.Broadcast),
	})
	b = f.Append(b)
	pause := gpPause + time.Duration(uint32(s.cfg.Source)%gpPauseSpread)*time.Millisecond
	list := make([]Transmission, gpTransmissions)
	for i := range list {
		list[i] = Transmission{At: now.Add(time.Duration(i) * pause), Channel: s.cfg.Channel, Frame: b}
	}
	return list
}
