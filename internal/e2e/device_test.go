package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce"
)

// programRun is one of our programs at work.
type programRun struct {
	cmd *exec.Cmd
	out lockedBuffer
}

// begin starts sconce with arguments; it is killed when the test ends.
func (s *system) begin(args ...string) *programRun {
	s.t.Helper()
	r := &programRun{cmd: exec.Command(s.programs.Sconce, args...)}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		r.kill()
		if s.t.Failed() {
			s.t.Logf("sconce %s said:\n%s", args[0], r.out.Bytes())
		}
	})
	return r
}

func (r *programRun) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// says reports whether the program's last line about its light says so.
func (r *programRun) says(what string) bool {
	text := string(r.out.Bytes())
	last := strings.LastIndex(text, "the light ")
	return last >= 0 && strings.Contains(text[last:], what)
}

// TestDeviceProgram lets sconce device join a building's network through a virtual
// radio for guests, as it would through a dongle: it obeys, and a kill in the middle
// costs it neither its network nor what it does.
func TestDeviceProgram(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	guest := s.Lights[1]
	guests := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.begin("sim", "--building", s.buildingWithout(guest.EUI64), "--rcp", fmt.Sprintf("tcp:127.0.0.1:%d", s.RCPPort), "--guest-rcp", "tcp:"+guests)
	await(t, 10*time.Second, "the radio for guests", func() bool {
		c, err := net.Dial("tcp", guests)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	s.startGateway()
	light := func() *programRun {
		return s.begin("device", "--radio", "spinel+tcp://"+guests, "--install-code", guest.Secret,
			"--eui64", guest.EUI64.String(), "--state", filepath.Join(s.Dir, "guest"))
	}
	program := light()
	await(t, time.Minute, "both lights to be configured", func() bool {
		devices, err := s.client.Devices(t.Context(), s.project)
		if err != nil {
			t.Fatal(err)
		}
		configured := 0
		for _, d := range devices {
			if d.Stage == "configured" && d.State != nil && d.State.On != nil {
				configured++
			}
		}
		return configured == 2
	})
	if listening := listeningSockets(t, program.cmd.Process.Pid); len(listening) > 0 {
		t.Errorf("the device listens: %v", listening)
	}
	s.obey(guest.EUI64, program, false)

	program.kill()
	program = light()
	await(t, 20*time.Second, "the light to come back as it was", func() bool { return program.says("on=false") })
	s.obey(guest.EUI64, program, true)
	if text := string(program.out.Bytes()); strings.Count(text, "msg=joined") > 1 {
		t.Errorf("it joined again:\n%s", text)
	}
}

// obey switches a light over the API, and wants to be obeyed.
func (s *system) obey(e sconce.EUI64, program *programRun, on bool) {
	s.t.Helper()
	command, err := s.client.Command(s.t.Context(), s.project, map[string]any{"device": e, "on": on})
	if err != nil || command.Status != "confirmed" {
		s.t.Fatalf("command: %+v, %v", command, err)
	}
	if !program.says(fmt.Sprint("on=", on)) {
		s.t.Errorf("confirmed that on is %v; the light says\n%s", on, program.out.Bytes())
	}
}

// buildingWithout returns the file of the building without one of its lights.
func (s *system) buildingWithout(e sconce.EUI64) string {
	s.t.Helper()
	text, err := os.ReadFile(s.BuildingConfig())
	if err != nil {
		s.t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, e.String()) {
			kept.WriteString(line)
		}
	}
	path := filepath.Join(s.Dir, "without.yaml")
	if err := os.WriteFile(path, []byte(kept.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
