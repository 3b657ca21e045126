package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts the server again after [Server.Stop] or [Server.Kill], and returns when it
// takes connections.
func (s *Server) Start() error {
	if _, err := s.alive.Write([]byte("start\n")); err != nil {
		return fmt.Errorf("starting PostgreSQL again: %w", err)
	}
	if line, err := s.said.ReadString('\n'); line != "ready\n" {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return errors.Join(fmt.Errorf("PostgreSQL did not start again: %s", text[max(0, len(text)-2000):]), err)
	}
	return nil
}

// Stop ends the server in order: it ends its connections and writes what it has (SIGINT, a
// fast shutdown).
func (s *Server) Stop() error {
	all, err := s.processes()
	if err != nil {
		return err
	}
	if err := syscall.Kill(all[0], syscall.SIGINT); err != nil {
		return fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	return ended(all[0])
}

// Kill ends all processes of the server at once (SIGKILL).
func (s *Server) Kill() error {
	all, err := s.signal(syscall.SIGKILL)
	for _, pid := range all {
		err = errors.Join(err, ended(pid))
	}
	// Nobody may have collected the dead process that these name, for which the next one would
	// take it to be alive.
	return errors.Join(err, os.Remove(s.pidFile()), os.Remove(filepath.Join(s.dir, ".s.PGSQL.5432.lock")))
}

func (s *Server) pidFile() string { return filepath.Join(s.dir, "data", "postmaster.pid") }

// Pause halts all processes of the server where they are (SIGSTOP).
func (s *Server) Pause() error {
	_, err := s.signal(syscall.SIGSTOP)
	return err
}

// Resume lets the server go on after [Server.Pause].
func (s *Server) Resume() error {
	_, err := s.signal(syscall.SIGCONT)
	return err
}

// signal sends a signal to the server's processes, first to the one that watches the others.
func (s *Server) signal(with syscall.Signal) ([]int, error) {
	all, err := s.processes()
	for _, pid := range all {
		if no := syscall.Kill(pid, with); no != nil && !errors.Is(no, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("sending %s to PostgreSQL: %w", with, no))
		}
	}
	return all, err
}

// processes returns the process that watches the others, and these.
func (s *Server) processes() ([]int, error) {
	text, err := os.ReadFile(s.pidFile())
	if err != nil {
		return nil, fmt.Errorf("looking for PostgreSQL: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	parent, err := strconv.Atoi(first)
	if err != nil {
		return nil, fmt.Errorf("looking for PostgreSQL: %w", err)
	}
	all := []int{parent}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // proc(5): pid (name) state ppid
		if f := strings.Fields(rest); len(f) > 1 && f[1] == first {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				return nil, err
			}
			all = append(all, pid)
		}
	}
	return all, nil
}

// ended waits until a process, which need not be our child, has ended.
func ended(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("waiting for the end of PostgreSQL: %w", err)
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1) // readable when it has ended
	}
	return errors.Join(err, unix.Close(fd))
}
