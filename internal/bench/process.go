package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of the times in /proc/<pid>/stat: USER_HZ is 100 in
// every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuOf returns the CPU time, user and system, that a process has used.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading CPU time: %w", err)
	}
	return parseStat(text)
}

// parseStat returns fields 14 and 15 of proc(5) stat, utime and stime. The second
// field is a name in parentheses, and may hold any character.
func parseStat(text []byte) (time.Duration, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading CPU time: %q is not the stat of a process", text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// memoryOf returns the resident memory of a process in KiB.
func memoryOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				return 0, fmt.Errorf("reading memory: %w", err)
			}
			return kib, nil
		}
	}
	return 0, fmt.Errorf("reading memory: process %d has no VmRSS", pid)
}

// machine says in a few words what the figures were measured on.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s", model, runtime.NumCPU(), runtime.Version())
}

// server is a process that was started to be measured or measured against.
type server struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	log    bytes.Buffer // what it said on standard error; read after its end
}

// startServer starts a program. Its group is its own, so that a Ctrl-C in the terminal
// reaches only the one that stops it; it is never left behind.
func startServer(name, program string, args ...string) (*server, error) {
	s := &server{name: name, cmd: exec.Command(program, args...)} //nolint:gosec,noctx // programs that we name; they are stopped by stop
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.cmd.Stderr = &s.log
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	s.stdin, s.stdout = stdin, bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// line returns the next line that the server prints.
func (s *server) line() (string, error) {
	text, err := s.stdout.ReadString('\n')
	if err != nil {
		s.stop()
		return "", fmt.Errorf("the %s ended: %w: %s", s.name, err, bytes.TrimSpace(s.log.Bytes()))
	}
	return strings.TrimSpace(text), nil
}

// stop ends the server. It may be called again.
func (s *server) stop() {
	_ = s.cmd.Process.Kill() // it may have ended already
	_ = s.cmd.Wait()         // it was killed
}
