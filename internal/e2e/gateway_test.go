package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGatewayListensNowhere looks into the kernel's tables for a socket of the
// gateway that others could reach.
func TestGatewayListensNowhere(t *testing.T) {
	s := boot(t, 1)
	if listening := listeningSockets(t, s.gateway.PID()); len(listening) > 0 {
		t.Errorf("the gateway listens: %v", listening)
	}
	if len(listeningSockets(t, s.cloud.PID())) < 3 {
		t.Error("the cloud's listeners were not found: the test proves nothing")
	}
}

// listeningSockets returns the local addresses on which a process accepts TCP
// connections or receives UDP datagrams (proc(5): /proc/pid/net/tcp, state 0A).
func listeningSockets(t *testing.T, pid int) []string {
	t.Helper()
	inodes := map[string]bool{}
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		target, err := os.Readlink(d)
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) > 9 && inodes[f[9]] && (f[3] == "0A" || strings.HasPrefix(table, "udp")) {
				found = append(found, table+" "+f[1])
			}
		}
	}
	return found
}

// TestGatewayRestartContinues stops and starts the gateway and kills it: the
// lights stay on their network and are controllable again without a new join.
func TestGatewayRestartContinues(t *testing.T) {
	s := boot(t, 3)
	before := shorts(s)
	for _, end := range []func(){func() {
		if err := s.gateway.Stop(); err != nil {
			t.Fatal(err)
		}
	}, s.gateway.Kill} {
		end()
		s.startGateway()
		s.await(40*time.Second, "a command to be confirmed again", func() bool {
			command, err := s.client.Command(t.Context(), s.project, map[string]any{"device": s.Lights[0].EUI64, "level": 400})
			return err == nil && command.Status == "confirmed"
		})
	}
	if after := shorts(s); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("short addresses were %v, are %v: the lights joined anew", before, after)
	}
}

func shorts(s *system) (all []string) {
	for _, l := range s.Lights {
		inside, _ := s.building.Light(l.EUI64)
		all = append(all, inside.Short.String())
	}
	return all
}
