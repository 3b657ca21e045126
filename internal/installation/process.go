package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sconce"
)

// Programs are the paths of the built programs.
type Programs struct{ Sconce, Gateway string }

// ProgramsIn returns the programs in a folder, as `make build` leaves them.
func ProgramsIn(dir string) Programs {
	return Programs{Sconce: filepath.Join(dir, "sconce"), Gateway: filepath.Join(dir, "sconce-gateway")}
}

// A Process is a running program of the installation.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // after done
}

// start runs a program; what it prints goes to out.
func start(name string, out io.Writer, program string, args ...string) (*Process, error) {
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // our own programs; they are stopped by signals
	cmd.Stdout, cmd.Stderr = out, out
	// Of a group of its own, so that a Ctrl-C in the terminal reaches the one
	// that stops the others, in order; and never left behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended: nil for an exit with status 0. It is called
// after [Process.Done].
func (p *Process) Err() error { return p.err }

// Kill ends the process as a loss of power would (SIGKILL), and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// stopTime is how long a program gets to end by itself.
const stopTime = 15 * time.Second

// Stop asks the process to end (SIGTERM), kills it when it has not within 15 s,
// and says so.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
		return p.err
	case <-time.After(stopTime):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of being asked to", p.Name, stopTime)
	}
}

// Initialise prepares the cloud's data: master key, registry, the owner's
// account. What is there is left as it is. The cloud must not be running.
func (i *Installation) Initialise(ctx context.Context, programs Programs) error {
	ctl := func(args ...string) error {
		args = append([]string{"ctl", "--config", i.CloudConfig()}, args...)
		out, err := exec.CommandContext(ctx, programs.Sconce, args...).CombinedOutput() //nolint:gosec // our own program
		if err != nil {
			return fmt.Errorf("sconce %v: %w: %s", args, err, out)
		}
		return nil
	}
	if _, err := os.Stat(i.path("master.key")); err != nil {
		if err := ctl("master-key", "create"); err != nil {
			return err
		}
	}
	if err := ctl("registry", "import", i.Records()); err != nil {
		return err
	}
	return ctl("account", "add", "--if-absent", "--email", i.Email, "--name", "Owner", "--password-file", i.PasswordFile())
}

// StartCloud starts the cloud and returns when it is ready to serve.
func (i *Installation) StartCloud(ctx context.Context, programs Programs, out io.Writer) (*Process, error) {
	p, err := i.LaunchCloud(programs, out)
	if err != nil {
		return nil, err
	}
	if err := i.awaitReady(ctx, p); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// LaunchCloud starts the cloud and does not wait for anything.
func (i *Installation) LaunchCloud(programs Programs, out io.Writer) (*Process, error) {
	return start("cloud", out, programs.Sconce, "cloud", "--config", i.CloudConfig())
}

// StartGateway starts the gateway.
func (i *Installation) StartGateway(programs Programs, out io.Writer) (*Process, error) {
	return start("gateway", out, programs.Gateway, "--config", i.GatewayConfig())
}

// StartBuilding starts the virtual building. With a capture file, every frame on
// its air is written there.
func (i *Installation) StartBuilding(programs Programs, out io.Writer, capture string) (*Process, error) {
	args := []string{"sim", "--building", i.BuildingConfig(), "--state", i.path("building"), "--rcp", "tcp:" + address(i.RCPPort)}
	if capture != "" {
		args = append(args, "--pcap", capture)
	}
	return start("building", out, programs.Sconce, args...)
}

// readyTime is how long a cloud may take to become ready.
const readyTime = 60 * time.Second

func (i *Installation) awaitReady(ctx context.Context, p *Process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return errors.Join(sconce.Errorf(sconce.Unavailable, "the cloud ended while it started"), p.Err())
		case <-ctx.Done():
			return fmt.Errorf("waiting for the cloud to become ready: %w", ctx.Err())
		case <-tick.C:
			if i.ready(ctx) {
				return nil
			}
		}
	}
}

func (i *Installation) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(i.OpsPort)+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
