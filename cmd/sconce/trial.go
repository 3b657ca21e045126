package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"sconce/sim"
)

// trialOptions describe a trial: what happens in the office, and for how long.
type trialOptions struct {
	Duration time.Duration `help:"How long, on the building's clock." default:"1h"`
	Networks int           `help:"How many networks there are, each with a controller and an equal share of the rooms." default:"1"`
	GP       int           `name:"gp" help:"How many battery-less (Green Power) switches there are beside the nodes; -1 for 20 for every 100 nodes, at most 50 a network." default:"-1"`
	Reports  time.Duration `help:"Each light reports at least so often." default:"1m"`
	Loss     float64       `help:"The probability that a frame is missed, beside what the air does." default:"0"`
	Replay   time.Duration `help:"An attacker says a captured frame again so often; 0 for never." default:"10s"`
	Faults   string        `help:"What goes wrong, separated by commas: power@10m+30s:room=3, death@1h:light=17, loss@5m+10m:0.3/0.5, wifi@2h+1h:15-18/0.4, trolley@30m+5m, lift@10m+20m, or random=N for N that the seed draws."`
}

// trial runs the office on the virtual clock, as fast as it goes, and prints a
// summary. An invariant that was violated is an error, which names the seed.
func (c *simCommand) trial(ctx context.Context) (err error) {
	m := c.Office.mix(c.Nodes, usual(c.Nodes))
	if m.gp = min(m.gp, 50*c.Trial.Networks); c.Trial.GP >= 0 {
		m.gp = c.Trial.GP
	}
	cfg := sim.TrialConfig{
		Seed: c.Office.Seed, Lights: m.lights, Sensors: m.sensors, Switches: m.switches, GPSwitches: m.gp, People: m.people,
		Networks: c.Trial.Networks, Duration: c.Trial.Duration, ReportEvery: c.Trial.Reports, ReplayEvery: c.Trial.Replay, Power: c.Office.Power, Loss: c.Trial.Loss, Shadowing: shadowing,
	}
	if c.Office.Rooms != 0 || c.Office.Floors > 1 {
		if cfg.Office, err = c.Office.structure(m.lights); err != nil {
			return err
		}
	}
	if cfg.Faults, err = sim.ParseFaults(c.Trial.Faults, cfg.Seed, cfg.Duration); err != nil {
		return err
	}
	if c.Pcap != "" {
		tap, end, err := capture(c.Pcap)
		if err != nil {
			return err
		}
		cfg.Tap = tap
		defer func() { err = errors.Join(err, end()) }()
	}
	summary, err := sim.Trial(ctx, cfg)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(summary); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	if summary.Violated() {
		return fmt.Errorf("an invariant was violated: run again with --seed %d", cfg.Seed)
	}
	return nil
}
