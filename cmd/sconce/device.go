package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sconce"
	"sconce/device"
	"sconce/radio"
	"sconce/sim"
	"sconce/zigbee"
)

// deviceCommand runs one virtual device on any radio, so that a dongle becomes a
// light, a sensor or a switch to test with.
type deviceCommand struct {
	Radio       string       `required:"" help:"The radio, as in spinel+tcp://127.0.0.1:7654 or spinel+serial:///dev/ttyACM0." placeholder:"URL"`
	Kind        string       `help:"luminaire, sensor or switch. A sensor reads from standard input what there is to sense, a switch which buttons are pressed." enum:"luminaire,sensor,switch" default:"luminaire"`
	InstallCode string       `required:"" name:"install-code" env:"SCONCE_INSTALL_CODE" help:"The install code on its label, in hexadecimal digits with the check sum." placeholder:"HEX"`
	EUI64       sconce.EUI64 `name:"eui64" help:"Its address, 16 hexadecimal digits; without it, that of the radio."`
	Watts       float64      `help:"Of a luminaire: rated power." default:"24"`
	State       string       `help:"Folder in which the device remembers its network and what it does; without it, it is new at every start." type:"path"`
}

// Run runs the device until it is interrupted.
func (c *deviceCommand) Run(ctx context.Context) error {
	code, err := zigbee.ParseInstallCode(c.InstallCode)
	if err != nil {
		return sconce.Errorf(sconce.Invalid, "%w", err)
	}
	store := sim.Store(sim.MemoryStore{})
	if c.State != "" {
		if store, err = sim.OpenDirStore(c.State); err != nil {
			return sconce.Errorf(sconce.Invalid, "--state %s: %w; expected a folder that can be written", c.State, err)
		}
	}
	r, err := radio.Open(ctx, c.Radio)
	if err != nil {
		return sconce.Errorf(sconce.Unavailable, "%w: is it there, and does no other program use it?", err)
	}
	defer r.Close()
	if c.EUI64 == 0 {
		c.EUI64 = sconce.EUI64(r.EUI64())
	}
	d, err := c.make(store, device.Config{
		MeasuresEnergy: true,
		EUI64:          zigbee.EUI64(c.EUI64), InstallCode: code, Model: "SV-1", Serial: c.EUI64.String(), Firmware: version[:min(len(version), 16)],
		RatedPower: device.Milliwatts(math.Round(1000 * c.Watts)), Channels: zigbee.AllChannels,
		Random: func(p []byte) { _, _ = rand.Read(p) }, // never fails
	})
	if err != nil {
		return err
	}
	slog.Info("the device is on", "device", c.EUI64, "kind", c.Kind, "radio", c.Radio)
	do := make(chan func(time.Time))
	go d.listen(ctx, os.Stdin, do)
	err = sim.Drive(ctx, sim.DriveConfig{Radio: r, Device: d.Firmware, EUI64: c.EUI64, Store: store, Observe: d.observe, Do: do})
	return errors.Join(err, d.lastWrite(store))
}

// virtualDevice is the device, of whatever kind.
type virtualDevice struct {
	sim.Firmware
	eui64 sconce.EUI64
}

// make returns the device as its state in the store says.
func (c *deviceCommand) make(store sim.Store, cfg device.Config) (*virtualDevice, error) {
	blob, err := store.Load(c.EUI64)
	if err != nil {
		return nil, err
	}
	if blob != nil {
		state, err := device.ParseState(blob)
		if err != nil {
			return nil, c.damaged(err)
		}
		cfg.Restore = &state
	}
	d := &virtualDevice{eui64: c.EUI64}
	switch c.Kind {
	case "sensor":
		d.Firmware, err = device.NewSensor(cfg)
	case "switch":
		d.Firmware, err = device.NewSwitch(cfg)
	default:
		d.Firmware, err = device.NewLuminaire(cfg)
	}
	switch {
	case err == nil:
		return d, nil
	case blob != nil:
		return nil, c.damaged(err)
	default:
		return nil, sconce.Errorf(sconce.Invalid, "%w", err)
	}
}

// damaged says that what the device remembers is of no use.
func (c *deviceCommand) damaged(err error) error {
	file := filepath.Join(c.State, c.EUI64.String()+".state")
	return sconce.Errorf(sconce.Conflict, "%s is not the memory of a %s (%w): remove the file, and the device starts as new and joins again", file, c.Kind, err)
}

// lastWrite saves what a luminaire can still save when its power fails: its energy
// counter.
func (d *virtualDevice) lastWrite(store sim.Store) error {
	l, is := d.Firmware.(*device.Luminaire)
	if !is {
		return nil
	}
	return store.Save(d.eui64, l.PowerFailing(time.Now()).Append(nil))
}

// observe tells what the device does.
func (d *virtualDevice) observe(now time.Time, e device.Event) {
	switch e := e.(type) {
	case device.Joined:
		slog.Info("joined", "device", d.eui64, "channel", e.Channel, "pan", e.PANID, "short", e.Short)
		d.shine(now)
	case device.JoinFailed:
		slog.Info("did not join; tries again", "device", d.eui64, "reason", e.Reason)
	case device.LightChanged:
		d.shine(now)
	}
}

func (d *virtualDevice) shine(now time.Time) {
	if l, is := d.Firmware.(*device.Luminaire); is {
		s := l.Light(now)
		slog.Info("the light", "device", d.eui64, "on", s.On, "level", s.Level, "watts", s.Power.Watts(), "identifies", s.Identifying)
	}
}

// maxLine is the longest line that is read from standard input, in bytes.
const maxLine = 256

// listen reads what happens to the device, a line for each, until nothing more comes.
func (d *virtualDevice) listen(ctx context.Context, in io.Reader, do chan<- func(time.Time)) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, maxLine), maxLine)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		act, err := d.parse(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		select {
		case do <- act:
		case <-ctx.Done():
			return
		}
	}
	if err := lines.Err(); err != nil {
		slog.Warn("standard input is not read any more", "device", d.eui64, "err", err)
	}
}

// The words for the buttons and presses of a switch.
var (
	buttons = map[string]device.Button{"on": device.ButtonOn, "off": device.ButtonOff, "scene1": device.ButtonScene1, "scene2": device.ButtonScene2}
	presses = map[string]device.Press{"": device.Short, "double": device.Double, "hold": device.Hold, "release": device.Release}
)

// parse reads a line: "motion" or "lux 300" for a sensor, "on", "off", "scene1" or
// "scene2" for a switch, with nothing, "double", "hold" or "release" after it.
func (d *virtualDevice) parse(line string) (func(time.Time), error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	switch fw := d.Firmware.(type) {
	case *device.Sensor:
		lux, err := strconv.ParseFloat(rest, 64)
		switch {
		case word == "motion" && rest == "":
			return fw.Motion, nil
		case word == "lux" && err == nil && lux >= 0:
			return func(now time.Time) { fw.Lux(now, lux) }, nil
		}
		return nil, sconce.Errorf(sconce.Invalid, "%q: a sensor takes \"motion\", and \"lux 300\"", line)
	case *device.Switch:
		b, known := buttons[word]
		p, way := presses[rest]
		if !known || !way {
			return nil, sconce.Errorf(sconce.Invalid, "%q: a switch takes on, off, scene1 or scene2, alone or followed by double, hold or release", line)
		}
		return func(now time.Time) {
			if err := fw.Press(now, b, p); err != nil {
				slog.Warn("the press was lost", "device", d.eui64, "err", err)
			}
		}, nil
	}
	return nil, sconce.Errorf(sconce.Invalid, "%q: a luminaire takes nothing from here", line)
}
