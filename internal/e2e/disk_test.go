package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sconce/internal/powercut"
)

// TestDiskFails lets the disk refuse what the cloud writes and syncs while gateways publish, as a
// full and as a broken one would (strace changes the answers of the system). As long as it does
// nothing is acknowledged, and the cloud tells operators; when it does no more the cloud goes on by
// itself, and nothing that was acknowledged is lost or double.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	s := install(t, 1)
	in := s.prepareIngest(2)
	in.start()
	for _, fault := range []string{
		"pwrite64,ftruncate,fallocate:error=ENOSPC",
		"pwrite64:error=EIO",
		"fsync,fdatasync:error=EIO",
		"fsync,fdatasync:error=ENOSPC",
	} {
		var stop func() error
		in.during(fault, func() (err error) { stop, err = s.inject(fault); return err }, func() error { return stop() })
	}
	in.end()
	if err := whole(t.Context(), filepath.Join(s.Dir, "cloud")); err != nil {
		t.Error(err)
	}
}

// inject lets calls of the cloud to the system fail until stop is called.
func (s *system) inject(fault string) (stop func() error, err error) {
	calls, _, _ := strings.Cut(fault, ":")
	cmd := exec.Command("strace", "-f", "-q", "-o", "/dev/null", "-e", "trace="+calls, "-e", "inject="+fault, "-p", strconv.Itoa(s.cloud.PID()))
	cmd.Stderr = s.log("strace")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		err := cmd.Process.Signal(os.Interrupt)                                                // strace lets go of the process
		if ended := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).ExitStatus() > 0 { // it ends by the signal
			err = errors.Join(err, fmt.Errorf("strace: %w", ended))
		}
		return err
	}, nil
}

// TestDiskFull fills a disk of 48 MiB to the last byte while gateways publish, and makes room again, twice.
// The disk is in memory and, like the process that this test runs itself in, in a namespace of its own.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	const inside = "SCONCE_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", os.Args[0], "-test.v", "-test.run=^TestDiskFull$")
		cmd.Env = append(os.Environ(), inside+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("inside:\n%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	s := install(t, 1)
	dir := filepath.Join(s.Dir, "cloud")
	files, err := powercut.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := s.prepareIngest(2)
	in.start()
	ballast := filepath.Join(dir, "ballast")
	for range 2 {
		in.during("the disk is full", func() error { return fill(ballast) }, func() error { return os.Remove(ballast) })
	}
	in.end()
	if err := whole(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

// fill writes a file until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				return errors.Join(err, f.Close())
			}
			size /= 2
		}
	}
	return f.Close()
}
