package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sconce"
	"sconce/internal/history"
	"sconce/internal/installation"
)

type demoCommand struct {
	Dir      string `default:"demo-data" help:"Folder of the demo's building." type:"path"`
	HTTPPort int    `default:"8080" help:"Port for the browser, plain HTTP, this machine only."`
	TLSPort  int    `default:"8443" help:"Port of the real host names, TLS."`
	OpsPort  int    `default:"8081" help:"Port for operators: health and metrics."`
	RCPPort  int    `default:"7654" help:"Port of the virtual radio."`
	Lights   int    `default:"12" help:"Number of lights, when the building is new."`
	Pcap     string `help:"Write every frame on the air to this file." type:"path"`
}

// Run runs the demo until it is interrupted.
func (c *demoCommand) Run(ctx context.Context) error {
	plan := installation.Plan{
		Dir: c.Dir, Domain: "sconce.localhost", TLSPort: c.TLSPort, HTTPPort: c.HTTPPort, OpsPort: c.OpsPort, RCPPort: c.RCPPort,
		Seed: 1, Groups: []string{"Office", "Meeting room", "Corridor"}, LightCount: c.Lights, Sensors: true,
	}
	if c.Lights < 1 || c.Lights > sconce.MaxNodesPerNetwork {
		return sconce.Errorf(sconce.Invalid, "--lights must be from 1 to %d", sconce.MaxNodesPerNetwork)
	}
	if err := plan.CheckPorts(ctx); err != nil {
		return err
	}
	programs, err := ourPrograms()
	if err != nil {
		return err
	}
	inst, err := installation.Prepare(plan)
	if err != nil {
		return err
	}
	d := demo{Installation: inst, programs: programs, capture: c.Pcap}
	err = d.run(ctx)
	if ctx.Err() != nil { // Ctrl-C, before everything ran
		err = nil
	}
	return errors.Join(err, d.stop())
}

// ourPrograms returns this very program, and the gateway beside it.
func ourPrograms() (installation.Programs, error) {
	self, err := os.Executable()
	if err != nil {
		return installation.Programs{}, fmt.Errorf("finding this program: %w", err)
	}
	programs := installation.ProgramsIn(filepath.Dir(self))
	programs.Sconce = self
	if _, err := exec.LookPath(programs.Gateway); err != nil {
		return programs, sconce.Errorf(sconce.NotFound, "%s is missing: run make build", programs.Gateway)
	}
	return programs, nil
}

// demo is a running demo.
type demo struct {
	*installation.Installation
	programs installation.Programs
	capture  string
	running  []*installation.Process
	logs     []io.Closer
}

func (d *demo) run(ctx context.Context) error {
	fmt.Println("Starting the cloud …")
	if err := d.Initialise(ctx, d.programs); err != nil {
		return err
	}
	if err := d.start("cloud", func(log io.Writer) (*installation.Process, error) {
		return d.StartCloud(ctx, d.programs, log)
	}); err != nil {
		return err
	}
	client, err := d.NewClient()
	if err != nil {
		return err
	}
	if err := client.SignIn(ctx, d.Email, d.Password); err != nil {
		return err
	}
	project, err := d.SetUp(ctx, client, "Harbour House")
	if err != nil {
		return err
	}
	if err := d.past(ctx, client, project); err != nil {
		return err
	}
	fmt.Println("Starting the building and its gateway …")
	if err := d.start("building", func(log io.Writer) (*installation.Process, error) {
		return d.StartBuilding(d.programs, log, d.capture)
	}); err != nil {
		return err
	}
	if err := d.start("gateway", func(log io.Writer) (*installation.Process, error) {
		return d.StartGateway(d.programs, log)
	}); err != nil {
		return err
	}
	d.welcome()
	return d.watch(ctx)
}

// demoEnergy is what the owner of the demo's building pays for energy: an example, in the
// time zone of its sun and its people.
var demoEnergy = map[string]any{
	"time_zone": "Europe/London", "currency": "GBP",
	"rates": []any{map[string]any{
		"valid_from": "2025-01-01", "price_per_kwh": 0.27, "co2_g_per_kwh": 180,
		"times": []any{map[string]any{"days": []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "from": "00:30", "to": "07:30", "price_per_kwh": 0.15}},
	}},
	"baseline":          map[string]any{"kind": "installed", "installed_w": 288, "hours_per_day": 10},
	"monthly_budget_wh": 40_000,
}

// past gives a new building its past, or goes on with that where it was broken off.
func (d *demo) past(ctx context.Context, client *installation.Client, project sconce.ProjectID) error {
	devices, err := client.Devices(ctx, project)
	if err != nil {
		return err
	}
	from, missing := history.Missing(d.Installation, devices)
	if !missing {
		return nil
	}
	if err := client.Do(ctx, http.MethodPut, "/projects/"+string(project)+"/energy-settings", demoEnergy, nil); err != nil {
		return err
	}
	shown := -1
	err = history.Send(ctx, d.Installation, from, func(share float64) {
		if percent := int(100 * share); percent/5 != shown/5 {
			shown = percent
			fmt.Printf("\rMaking up %d months of the building's past … %d %%", history.Months, percent)
		}
	})
	fmt.Printf("\rMaking up %d months of the building's past …       \n", history.Months)
	return err
}

func (d *demo) start(name string, start func(io.Writer) (*installation.Process, error)) error {
	path := d.logFile(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making log folder: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening log: %w", err)
	}
	d.logs = append(d.logs, log)
	p, err := start(log)
	if err != nil {
		return fmt.Errorf("%w (its log is %s)", err, path)
	}
	d.running = append(d.running, p)
	return nil
}

func (d *demo) logFile(name string) string { return filepath.Join(d.Dir, "log", name+".log") }

func (d *demo) welcome() {
	fmt.Printf(`
Sconce is running, with a virtual building of %d lights.

  Open       http://localhost:%d
  Sign in    %s
  Password   %s
  Letters    http://localhost:%[2]d/mailbox (what would be sent to people by email)

The real host names, over TLS, are on 127.0.0.1:%[5]d: %[6]s (app and API), web.mqtt.%[6]s
(MQTT over WebSocket) and mq.%[6]s (MQTT for gateways). Their certificate is signed by
%[7]s.

The gateway is process %[8]d. Stop it (kill %[8]d) and the app says so; start it again with
  %[9]s --config %[10]s

Logs are in %[11]s. Press Ctrl-C to stop; make demo goes on with the same building, and
make demo-reset forgets it.
`, len(d.Lights), d.HTTPPort, d.Email, d.Password, d.TLSPort, d.Domain, d.HostCA(), d.running[len(d.running)-1].PID(),
		short(d.programs.Gateway), short(d.GatewayConfig()), short(filepath.Join(d.Dir, "log")))
}

// short returns a path from the working folder where that is shorter.
func short(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

// watch waits for Ctrl-C. A gateway that ends is the user's own doing; without
// the cloud or the building there is no demo.
func (d *demo) watch(ctx context.Context) error {
	cloud, building, gateway := d.running[0].Done(), d.running[1].Done(), d.running[2].Done()
	for {
		select {
		case <-ctx.Done():
			fmt.Println("\nStopping …")
			return nil
		case <-gateway:
			fmt.Printf("%s The gateway has stopped. Start it again with %s --config %s\n", time.Now().Format(time.TimeOnly), short(d.programs.Gateway), short(d.GatewayConfig()))
			gateway = nil
		case <-cloud:
			return sconce.Errorf(sconce.Unavailable, "the cloud has stopped; the end of %s says why", d.logFile("cloud"))
		case <-building:
			return sconce.Errorf(sconce.Unavailable, "the building has stopped; the end of %s says why", d.logFile("building"))
		}
	}
}

// stop ends what runs, the last started first.
func (d *demo) stop() error {
	var errs []error
	for i := len(d.running) - 1; i >= 0; i-- {
		p := d.running[i]
		select {
		case <-p.Done(): // it ended before, and was spoken of then
		default:
			if err := p.Stop(); err != nil {
				errs = append(errs, fmt.Errorf("stopping the %s: %w", p.Name, err))
			}
		}
	}
	for _, log := range d.logs {
		_ = log.Close() // nothing writes to it any more
	}
	return errors.Join(errs...)
}
