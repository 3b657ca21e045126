package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/device"
	"sconce/sim"
	"sconce/zigbee"
)

// aCode is the install code of BDB 3.0.1, 10.1.2.1.
const aCode = "83FED3407A939723A5C639B26916D505C3B5"

// virtualRadio serves a virtual radio until the test ends, and returns its URL.
func virtualRadio(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	air := sim.Pace(sim.NewAir(sim.AirConfig{Seed: 1, Start: time.Now()}))
	rcp := sim.NewRCP(air, sim.TransceiverConfig{EUI64: 0x5ec0ceffff000009})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = air.Run(ctx) })
	running.Go(func() { _ = rcp.Serve(ctx, l) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return "spinel+tcp://" + l.Addr().String()
}

// What is wrong is said in one sentence, which says what to do.
func TestDeviceRefuses(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close() // nobody listens there now
	radio := virtualRadio(t)
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "5ec0ceffff000009.state"), []byte("no state"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command deviceCommand
		kind    sconce.ErrorKind
		says    string
	}{
		"install code":   {deviceCommand{Radio: radio, InstallCode: aCode[:35] + "6", Watts: 24}, sconce.Invalid, "as printed on the label"},
		"no radio there": {deviceCommand{Radio: "spinel+tcp://" + free.Addr().String(), InstallCode: aCode, Watts: 24}, sconce.Unavailable, "connection refused"},
		"no such device": {deviceCommand{Radio: "spinel+serial:///dev/no-such-dongle", InstallCode: aCode, Watts: 24}, sconce.Unavailable, "no-such-dongle"},
		"no radio's URL": {deviceCommand{Radio: "http://127.0.0.1", InstallCode: aCode, Watts: 24}, sconce.Unavailable, "expected spinel+tcp://host:port"},
		"damaged memory": {deviceCommand{Radio: radio, InstallCode: aCode, Watts: 24, State: damaged}, sconce.Conflict, "remove the file"},
		"no folder":      {deviceCommand{Radio: radio, InstallCode: aCode, Watts: 24, State: file}, sconce.Invalid, "expected a folder"},
		"watts":          {deviceCommand{Radio: radio, InstallCode: aCode, Watts: 0.1}, sconce.Invalid, "expected 1 W"},
	} {
		err := c.command.Run(t.Context())
		if err == nil || sconce.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v: %v; want %v that says %q", name, sconce.KindOf(err), err, c.kind, c.says)
		}
	}
}

// A memory of another kind of device is not read as one's own.
func TestDeviceOfAnotherKind(t *testing.T) {
	store := sim.MemoryStore{}
	cfg := device.Config{EUI64: 9, RatedPower: 24_000, Channels: zigbee.AllChannels, Random: func(p []byte) { clear(p) }}
	var err error
	if cfg.InstallCode, err = zigbee.ParseInstallCode(aCode); err != nil {
		t.Fatal(err)
	}
	lamp := deviceCommand{EUI64: 9}
	d, err := lamp.make(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lastWrite(store); err != nil || store[9] == nil {
		t.Fatalf("%v; %d bytes", err, len(store[9]))
	}
	if _, err := lamp.make(store, cfg); err != nil {
		t.Error(err)
	}
	sensor := deviceCommand{EUI64: 9, Kind: "sensor", State: "folder"}
	if _, err := sensor.make(store, cfg); sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), filepath.Join("folder", "0000000000000009.state")) {
		t.Errorf("%v", err)
	}
}

func TestDeviceLines(t *testing.T) {
	code, err := zigbee.ParseInstallCode(aCode)
	if err != nil {
		t.Fatal(err)
	}
	cfg := device.Config{EUI64: 9, InstallCode: code, RatedPower: 24_000, Channels: zigbee.AllChannels, Random: func(p []byte) { clear(p) }}
	for kind, lines := range map[string]map[string]bool{
		"luminaire": {"on": false},
		"sensor":    {"motion": true, " lux 300 ": true, "lux 0.5": true, "lux": false, "lux -1": false, "lux NaN": false, "motion 1": false, "on": false},
		"switch":    {"on": true, "off double": true, "scene1": true, "scene2  hold": true, "on release": true, "on twice": false, "motion": false},
	} {
		c := deviceCommand{EUI64: 9, Kind: kind}
		d, err := c.make(sim.MemoryStore{}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for line, fine := range lines {
			act, err := d.parse(line)
			if (act != nil) != fine || (err == nil) != fine {
				t.Errorf("%s, %q: %v", kind, line, err)
			}
			if act != nil {
				act(time.Now())
			}
		}
	}
	d, err := (&deviceCommand{EUI64: 9, Kind: "sensor"}).make(sim.MemoryStore{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	do := make(chan func(time.Time), 2)
	d.listen(t.Context(), strings.NewReader("motion\n\nnonsense\nlux 5\n"+strings.Repeat("x", 2*maxLine)+"\nmotion\n"), do)
	if len(do) != 2 {
		t.Errorf("%d lines of 2 were taken before one without an end", len(do))
	}
}

func TestSimRefusesGuests(t *testing.T) {
	for name, c := range map[string]simCommand{
		"without a building's radio": {Guests: []string{"tcp:127.0.0.1:0"}, Nodes: 1},
		"no address":                 {RCP: "tcp:127.0.0.1:0", Guests: []string{"127.0.0.1:0"}, Nodes: 1},
		"too many":                   {RCP: "tcp:127.0.0.1:0", Guests: make([]string, maxGuests+1), Nodes: 1},
	} {
		c.Office = officeOptions{Floors: 1, Labels: filepath.Join(t.TempDir(), "labels")}
		if err := c.Run(t.Context()); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
