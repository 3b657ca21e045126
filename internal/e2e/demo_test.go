package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sconce"
	"sconce/internal/history"
	"sconce/internal/installation"
)

// demoRun is a run of sconce demo.
type demoRun struct {
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan error
}

func startDemo(t *testing.T, p installation.Plan) *demoRun {
	t.Helper()
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	d := &demoRun{done: make(chan error, 1)}
	d.cmd = exec.Command(built.Sconce, "demo", "--dir", p.Dir, "--lights", "4",
		fmt.Sprint("--http-port=", p.HTTPPort), fmt.Sprint("--tls-port=", p.TLSPort), fmt.Sprint("--ops-port=", p.OpsPort), fmt.Sprint("--rcp-port=", p.RCPPort))
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

// TestDemo runs the demo, ends it with Ctrl-C while it makes up the building's past, and
// runs it again twice: it goes on with the same past, and with the same building.
func TestDemo(t *testing.T) {
	plan := installation.Plan{Dir: filepath.Join(t.TempDir(), "demo-data")}
	if err := plan.FreePorts(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, plan)
	await(t, time.Minute, "some of the past", func() bool { return strings.Contains(string(d.out.Bytes()), "past … 5 %") })
	d.interrupt(t, plan)
	var passwords []string
	for range 2 {
		d := startDemo(t, plan)
		await(t, time.Minute, "the demo to say how to sign in", func() bool {
			return strings.Contains(string(d.out.Bytes()), "Press Ctrl-C to stop")
		})
		said := string(d.out.Bytes())
		if !strings.Contains(said, fmt.Sprintf("http://localhost:%d", plan.HTTPPort)) {
			t.Errorf("the demo does not say where to look:\n%s", said)
		}
		password := regexp.MustCompile(`Password +(\S+)`).FindStringSubmatch(said)
		if password == nil {
			t.Fatalf("the demo does not say the password:\n%s", said)
		}
		passwords = append(passwords, password[1])
		configured := demoLights(t, plan, password[1])
		d.interrupt(t, plan)
		if configured != 7 {
			t.Errorf("%d lights and sensors were configured, want 7", configured)
		}
	}
	if passwords[0] != passwords[1] {
		t.Error("the second run is another building")
	}
}

// interrupt ends the demo with Ctrl-C.
func (d *demoRun) interrupt(t *testing.T, plan installation.Plan) {
	t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.done:
		if err != nil {
			t.Errorf("after Ctrl-C: %v\n%s", err, d.out.Bytes())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the demo does not end")
	}
	if left := plan.CheckPorts(t.Context()); left != nil {
		t.Errorf("something was left running: %v", left)
	}
}

// wantPast wants the building's past to be there, once and marked as made up.
func wantPast(t *testing.T, client *installation.Client, project sconce.ProjectID, light sconce.EUI64) {
	t.Helper()
	path := "/projects/" + string(project)
	var marked struct {
		Generated *time.Time `json:"generated_until"`
		Networks  []struct{ Gateway struct{ EUI64 sconce.EUI64 } }
	}
	if err := client.Do(t.Context(), http.MethodGet, path, nil, &marked); err != nil || marked.Generated == nil {
		t.Fatalf("the past is not marked as made up: %v", err)
	}
	var account struct {
		Boots []struct {
			Generated bool
			Missing   int
		}
	}
	if err := client.Do(t.Context(), http.MethodGet, path+"/gateways/"+marked.Networks[0].Gateway.EUI64.String()+"/continuity", nil, &account); err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, b := range account.Boots {
		if b.Generated {
			runs++
		}
	}
	if runs != 2 {
		t.Errorf("%d runs told of the past, want 2: the first was broken off", runs)
	}
	await(t, time.Minute, "the past to be stored", func() bool {
		return monthsOf(t, client, path, *marked.Generated) == history.Months &&
			lastReadings(t, client, path, light, *marked.Generated) >= 14*24
	})
}

// monthsOf returns in how many months up to a time the project used energy.
func monthsOf(t *testing.T, client *installation.Client, path string, until time.Time) (months int) {
	t.Helper()
	var used struct {
		Items []struct {
			Values []struct {
				Energy float64 `json:"energy_wh"`
			}
		}
	}
	query := url.Values{
		"by": {"month"}, "from": {until.AddDate(0, -history.Months+1, 0).Format(time.DateOnly)}, "to": {until.AddDate(0, 0, 1).Format(time.DateOnly)},
	}
	if err := client.Do(t.Context(), http.MethodGet, path+"/energy?"+query.Encode(), nil, &used); err != nil {
		t.Fatal(err)
	}
	for _, v := range used.Items[0].Values {
		if v.Energy > 0 {
			months++
		}
	}
	return months
}

// lastReadings returns how many readings the energy counter of a light has of the last two weeks of the past; it
// wants each to show no less than the one before, though a part of them may have been told twice.
func lastReadings(t *testing.T, client *installation.Client, path string, light sconce.EUI64, until time.Time) int {
	t.Helper()
	query := url.Values{
		"device": {light.String()}, "metric": {"energy"}, "limit": {"1000"},
		"from": {until.AddDate(0, 0, -14).Format(time.RFC3339)}, "to": {until.Format(time.RFC3339)},
	}
	var page struct {
		Items []struct {
			At    time.Time
			Value float64
		}
	}
	if err := client.Do(t.Context(), http.MethodGet, path+"/readings?"+query.Encode(), nil, &page); err != nil {
		t.Fatal(err)
	}
	shown := 0.0
	for _, r := range page.Items {
		if r.Value < shown {
			t.Fatalf("at %v a counter shows %v Wh, before %v", r.At, r.Value, shown)
		}
		shown = r.Value
	}
	return len(page.Items)
}

// demoLights signs in and returns how many lights and sensors are configured, in the end.
func demoLights(t *testing.T, plan installation.Plan, password string) (configured int) {
	t.Helper()
	plan.Domain = "sconce.localhost"
	inst := &installation.Installation{Plan: plan}
	client, err := inst.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SignIn(t.Context(), "owner@sconce.localhost", password); err != nil {
		t.Fatal(err)
	}
	projects, err := client.Projects(t.Context())
	if err != nil || len(projects) != 1 {
		t.Fatalf("projects %v, %v", projects, err)
	}
	devices, err := client.Devices(t.Context(), projects[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	wantPast(t, client, projects[0].ID, devices[0].EUI64)
	await(t, 90*time.Second, "the lights to be configured", func() bool {
		devices, err := client.Devices(t.Context(), projects[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		configured = 0
		for _, d := range devices {
			if d.Stage == "configured" {
				configured++
			}
		}
		return configured == len(devices)
	})
	return configured
}

// TestDemoPortInUse wants one sentence that says which port and what to do.
func TestDemoPortInUse(t *testing.T) {
	plan := installation.Plan{Dir: filepath.Join(t.TempDir(), "demo-data")}
	if err := plan.FreePorts(t.Context()); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", plan.HTTPPort))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d := startDemo(t, plan)
	if err := <-d.done; err == nil {
		t.Error("the demo ended well")
	}
	said := strings.TrimSpace(string(d.out.Bytes()))
	if !strings.Contains(said, fmt.Sprintf("port %d", plan.HTTPPort)) || !strings.Contains(said, "choose another port") || strings.Contains(said, "\n") {
		t.Errorf("said %q", said)
	}
	if _, err := os.Stat(plan.Dir); err == nil {
		t.Error("the demo made its folder before it knew whether it can run")
	}
}

// TestWrongConfiguration wants file, line, key and what was expected, and exit
// code 2, of both programs.
func TestWrongConfiguration(t *testing.T) {
	s := install(t, 1)
	for _, c := range []struct {
		program []string
		file    string
	}{
		{[]string{s.programs.Sconce, "cloud", "--config"}, s.CloudConfig()},
		{[]string{s.programs.Gateway, "--config"}, s.GatewayConfig()},
		{[]string{s.programs.Sconce, "sim", "--rcp", "tcp:127.0.0.1:0", "--building"}, s.BuildingConfig()},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		wrong := filepath.Join(t.TempDir(), "wrong.yaml")
		if err := os.WriteFile(wrong, append(text, "\ncolour: red\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(c.program[0], append(c.program[1:], wrong)...)
		out, _ := cmd.CombinedOutput()
		line := strings.Count(string(text), "\n") + 2
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.ExitStatus() != 2 ||
			!strings.Contains(string(out), fmt.Sprintf("wrong.yaml:%d: colour:", line)) || strings.Count(strings.TrimSpace(string(out)), "\n") > 0 {
			t.Errorf("%v: %v: %s", c.program[1:], cmd.ProcessState, out)
		}
	}
}

// TestExampleConfigurations holds docs to what the programs read: there may be
// complaints about files of other machines, and about nothing else.
func TestExampleConfigurations(t *testing.T) {
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{built.Sconce, "cloud", "--check", "--config", "../../docs/cloud.yaml"},
		{built.Gateway, "--check", "--config", "../../docs/gateway.yaml"},
	} {
		out, err := exec.Command(c[0], c[1:]...).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "no such file") {
				t.Errorf("%v: %v: %s", c[1:], err, line)
			}
		}
	}
}
