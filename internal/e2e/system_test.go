// Package e2e tests the whole product: the true programs as processes, the
// virtual building beside them, and strangers who judge them: Chromium, tshark,
// mosquitto's clients. It holds tests only.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/store"
	"sconce/device"
	"sconce/internal/installation"
	"sconce/sim"
	"sconce/zigbee"
)

// programs builds both programs once for all tests.
var programs = sync.OnceValues(func() (installation.Programs, error) {
	dir := filepath.Join(os.TempDir(), "sconce-e2e-"+strconv.Itoa(os.Getpid()))
	build := exec.Command("go", "build", "-o", dir+"/", "sconce/cmd/sconce", "sconce/cmd/sconce-gateway")
	if out, err := build.CombinedOutput(); err != nil {
		return installation.Programs{}, fmt.Errorf("building the programs: %w: %s", err, out)
	}
	return installation.ProgramsIn(dir), nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if p, err := programs(); err == nil {
		_ = os.RemoveAll(filepath.Dir(p.Sconce)) // it is in the folder for temporary files
	}
	os.Exit(code)
}

// A system is a running installation. Cloud and gateway are processes; the
// building is in the test, which can so look inside the lights.
type system struct {
	*installation.Installation
	t        *testing.T
	programs installation.Programs
	client   *installation.Client // signed in as the owner
	project  sconce.ProjectID
	cloud    *installation.Process
	gateway  *installation.Process
	building *sim.Building
	logs     map[string]*lockedBuffer
	air      lockedBuffer    // a capture of every frame
	followed map[string]bool // tokens of letters

	databases *store.Addresses // of PostgreSQL; nil for a folder
}

// lockedBuffer is a buffer that a process writes to while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// install makes an installation with nothing running.
func install(t *testing.T, lights int) *system {
	t.Helper()
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	plan := installation.Plan{
		Dir: filepath.Join(t.TempDir(), "site"), Domain: "sconce.localhost", Seed: 7,
		Groups: []string{"Office", "Meeting room", "Corridor"}, LightCount: lights,
	}
	if err := plan.FreePorts(t.Context()); err != nil {
		t.Fatal(err)
	}
	inst, err := installation.Prepare(plan)
	if err != nil {
		t.Fatal(err)
	}
	s := &system{Installation: inst, t: t, programs: built, logs: map[string]*lockedBuffer{}}
	t.Cleanup(s.tellLogs)
	if err := inst.Initialise(t.Context(), built); err != nil {
		t.Fatal(err)
	}
	return s
}

// boot makes an installation, starts everything, and waits until all lights are
// configured.
func boot(t *testing.T, lights int) *system {
	t.Helper()
	s := install(t, lights)
	s.startCloud()
	s.setUp()
	s.startBuilding()
	s.startGateway()
	s.await(3*time.Minute, "all lights to be configured", func() bool {
		devices, err := s.client.Devices(t.Context(), s.project)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range devices {
			if d.Stage != "configured" || d.State == nil || d.State.On == nil || d.State.Level == nil {
				return false
			}
		}
		return len(devices) == lights
	})
	return s
}

func (s *system) log(name string) *lockedBuffer {
	if s.logs[name] == nil {
		s.logs[name] = &lockedBuffer{}
	}
	return s.logs[name]
}

// tellLogs shows what the programs said, when the test has failed.
func (s *system) tellLogs() {
	if !s.t.Failed() {
		return
	}
	for name, log := range s.logs {
		text := log.Bytes()
		s.t.Logf("end of the log of the %s:\n%s", name, text[max(0, len(text)-4000):])
	}
}

func (s *system) startCloud() {
	s.t.Helper()
	p, err := s.StartCloud(s.t.Context(), s.programs, s.log("cloud"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.cloud = p
	s.t.Cleanup(p.Kill)
}

// setUp signs the owner in and makes the project.
func (s *system) setUp() {
	s.t.Helper()
	var err error
	if s.client, err = s.NewClient(); err != nil {
		s.t.Fatal(err)
	}
	if err = s.client.SignIn(s.t.Context(), s.Email, s.Password); err != nil {
		s.t.Fatal(err)
	}
	if s.project, err = s.SetUp(s.t.Context(), s.client, "Test house"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) startGateway() {
	s.t.Helper()
	p, err := s.StartGateway(s.programs, s.log("gateway"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.gateway = p
	s.t.Cleanup(p.Kill)
}

func (s *system) startBuilding() {
	s.t.Helper()
	cfg := sim.BuildingConfig{
		Air:      sim.AirConfig{Seed: s.Seed, Start: time.Now(), Tap: sim.NewPcap(&s.air).Tap},
		Channels: zigbee.AllChannels, Store: sim.MemoryStore{},
		Random: func(sconce.EUI64) func([]byte) { return func(p []byte) { _, _ = rand.Read(p) } },
	}
	for _, l := range s.Lights {
		code, err := zigbee.ParseInstallCode(l.Secret)
		if err != nil {
			s.t.Fatal(err)
		}
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: l.EUI64, InstallCode: code, Model: "SL-1", Serial: l.Serial, Firmware: "test",
			RatedPower: device.Milliwatts(1000 * l.Watts), Position: sim.Position{X: l.X, Y: l.Y},
		})
	}
	var err error
	if s.building, err = sim.NewBuilding(cfg); err != nil {
		s.t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(s.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.RCPPort)))
	if err != nil {
		s.t.Fatal(err)
	}
	rcp := sim.NewRCP(s.building.Paced, sim.TransceiverConfig{EUI64: 0x5ec0ceffff000001, Position: sim.Position{X: 6, Y: 4}})
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var running sync.WaitGroup
	for _, run := range []func() error{
		func() error { return s.building.Run(ctx) },
		func() error { return rcp.Serve(ctx, listener) },
	} {
		running.Go(func() {
			if err := run(); err != nil && !errors.Is(err, context.Canceled) {
				s.t.Error(err)
			}
		})
	}
	s.t.Cleanup(func() { stop(); running.Wait() })
}

// await asks ten times a second, and fails the test when the answer is not yes
// in time.
func (s *system) await(limit time.Duration, what string, ask func() bool) {
	s.t.Helper()
	await(s.t, limit, what, ask)
}

func await(t *testing.T, limit time.Duration, what string, ask func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}
