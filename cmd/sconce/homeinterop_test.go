//go:build interop

package main

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sconce/cloud/homeassistant"
	"sconce/cloud/telemetry"
)

// TestLikeHomeAssistant: the library of Home Assistant, which is a stranger's, finds a light, and
// commands it, in MQTT 3.1.1 and 5.0.
func TestLikeHomeAssistant(t *testing.T) {
	const want = `connected 0
binary_sensor [0] [0]
light [0] [0]
sensor [0] [0]
device [0] [0]
others' REFUSED
found Window left in Classroom 3 retained True
follows [0, 0]
told state {"availability":"offline","state":null}
told network online
published
published
told state {"availability":"online","state":"ON","brightness":400} retained False
disconnected
`
	for version, refused := range map[string]string{"4": "[128, 128]", "5": "[135, 135]"} {
		t.Run(version, func(t *testing.T) {
			h := newHome(t)
			h.switchOn()
			commands, away := h.gateway()
			defer away()
			plain, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			go func() { _ = h.edge.ServePlain(plain) }() // ends with the server
			_, port, err := net.SplitHostPort(plain.Addr().String())
			must(t, err)
			go func() { // the light does what it is told
				select {
				case c := <-commands:
					h.bridge.StateChanged(h.site.Project, telemetry.DeviceState{Device: c.Device, Reachable: true, On: new(true), Level: c.Level})
				case <-time.After(time.Minute):
				}
			}()
			cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/homeassistant.py", port, version,
				h.token("owner", "lights.control"), homeassistant.Prefix(h.site.Project))
			out, err := cmd.CombinedOutput()
			if got := string(out); err != nil || got != strings.Replace(want, "REFUSED", refused, 1) {
				t.Errorf("%v; it saw\n%s", err, got)
			}
		})
	}
}
