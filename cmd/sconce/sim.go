package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sconce"
	"sconce/device"
	"sconce/internal/config"
	"sconce/sim"
	"sconce/zigbee"
)

// simCommand runs a virtual building: by the wall clock behind a virtual radio, for
// a gateway or anybody's coordinator; or, without a radio, as a trial on the
// virtual clock.
type simCommand struct {
	RCP      string   `name:"rcp" help:"Run by the wall clock; a virtual radio listens here for a host, as in tcp:127.0.0.1:7654." placeholder:"tcp:HOST:PORT"`
	Guests   []string `name:"guest-rcp" help:"With --rcp: a further virtual radio on the same air listens here, for sconce device or anybody's; may be given up to 16 times." placeholder:"tcp:HOST:PORT"`
	Building string   `help:"File that says which lights hang where." type:"existingfile" xor:"lights" required:""`
	Nodes    int      `help:"Instead of a file: how many lights, sensors and switches with batteries there are in an office of the seed. With --rcp they wait to join whatever network the host forms." xor:"lights" required:""`
	State    string   `help:"With --rcp: folder in which the lights remember their network; without it they are new at every start." type:"path"`
	Pcap     string   `help:"Write every frame on the air to this file." type:"path"`

	Office officeOptions `embed:""`
	Trial  trialOptions  `embed:"" group:"Trials, without --rcp:"`
}

// rcpEUI64 is the address of the virtual radio itself, locally administered.
const rcpEUI64 = 0x5ec0ceffff000001

// Run runs the building.
func (c *simCommand) Run(ctx context.Context) error {
	if c.RCP != "" {
		return c.live(ctx)
	}
	if c.Building != "" || len(c.Guests) > 0 {
		return sconce.Errorf(sconce.Invalid, "--building and --guest-rcp need --rcp: expected where the virtual radio listens, such as tcp:127.0.0.1:7654")
	}
	return c.trial(ctx)
}

// live runs the building by the wall clock, until it is interrupted.
func (c *simCommand) live(ctx context.Context) (err error) {
	p, err := c.plan()
	if err != nil {
		return err
	}
	cfg := p.building
	cfg.Store = sim.MemoryStore{}
	if c.State != "" {
		if cfg.Store, err = sim.OpenDirStore(c.State); err != nil {
			return err
		}
	}
	if c.Pcap != "" {
		tap, end, err := capture(c.Pcap)
		if err != nil {
			return err
		}
		cfg.Air.Tap = tap
		defer func() { err = errors.Join(err, end()) }()
	}
	building, err := sim.NewBuilding(cfg)
	if err != nil {
		return err
	}
	if p.people > 0 {
		building.Inhabit(sim.LifeConfig{Office: p.office, People: p.people, Seed: p.seed, Sun: sim.Greenwich(p.seed)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	if err := c.radios(ctx, g, building, p.at); err != nil {
		return err
	}
	slog.Info("the building stands", "lights", len(cfg.Lights), "sleepers", len(cfg.Sleepers), "people", p.people, "rcp", c.RCP)
	g.Go(func() error { return building.Run(ctx) })
	return g.Wait()
}

// maxGuests is how many further virtual radios there may be.
const maxGuests = 16

// radios lets the virtual radios listen: that of the host, and half a metre apart
// beside it those of guests.
func (c *simCommand) radios(ctx context.Context, g *errgroup.Group, building *sim.Building, at sim.Position) error {
	if len(c.Guests) > maxGuests {
		return sconce.Errorf(sconce.Invalid, "%d radios for guests: expected at most %d", len(c.Guests), maxGuests)
	}
	for i, where := range append([]string{c.RCP}, c.Guests...) {
		address, ok := strings.CutPrefix(where, "tcp:")
		if !ok {
			return sconce.Errorf(sconce.Invalid, "a virtual radio at %q: expected tcp:HOST:PORT, such as tcp:127.0.0.1:7654", where)
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return sconce.Errorf(sconce.Unavailable, "the virtual radio cannot listen on %s (%w): stop the program that uses the port, or choose another", address, err)
		}
		rcp := sim.NewRCP(building.Paced, sim.TransceiverConfig{EUI64: rcpEUI64 + uint64(i), Position: at})
		g.Go(func() error { return rcp.Serve(ctx, listener) })
		at.Y += 0.5
	}
	return nil
}

// plan returns the building, but for its store, and where the virtual radio is.
func (c *simCommand) plan() (plan, error) {
	if c.Building == "" {
		return c.Office.plan(c.Nodes)
	}
	var b buildingConfig
	if err := config.Load(c.Building, &b); err != nil {
		return plan{}, err
	}
	cfg, err := b.building()
	return plan{building: cfg, at: b.gateway(), office: sim.Office{Floors: 1, RoomsOnFloor: b.Rooms}, people: b.People, seed: b.Seed}, err
}

// livingBuilding are the settings of a building that lives by the wall clock, with lights
// of good luck: their keys are drawn by the system, not from the seed.
func livingBuilding(seed uint64) sim.BuildingConfig {
	return sim.BuildingConfig{
		Air: sim.AirConfig{Seed: seed, Start: time.Now()}, Channels: zigbee.AllChannels, Log: slog.Default(),
		Random: func(sconce.EUI64) func([]byte) { return func(p []byte) { _, _ = rand.Read(p) } },
	}
}

// capture returns what writes frames to a file, and what ends it.
func capture(path string) (tap func(time.Time, uint8, []byte), end func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("opening capture: %w", err)
	}
	w := bufio.NewWriter(f)
	pcap := sim.NewPcap(w)
	return pcap.Tap, func() error { return errors.Join(pcap.Err(), w.Flush(), f.Close()) }, nil
}

// building returns what the file says.
func (b *buildingConfig) building() (sim.BuildingConfig, error) {
	cfg := livingBuilding(b.Seed)
	for _, l := range b.Lights {
		code, err := zigbee.ParseInstallCode(l.InstallCode)
		if err != nil {
			return cfg, fmt.Errorf("light %s: %w", l.EUI64, err)
		}
		cfg.Lights = append(cfg.Lights, sim.LightConfig{
			EUI64: l.EUI64, InstallCode: code, Model: l.Model, Serial: l.Serial, Firmware: version,
			RatedPower: device.Milliwatts(math.Round(1000 * l.Watts)), Position: sim.Position{X: l.X, Y: l.Y},
		})
	}
	for _, s := range b.Sensors {
		code, err := zigbee.ParseInstallCode(s.InstallCode)
		if err != nil {
			return cfg, fmt.Errorf("sensor %s: %w", s.EUI64, err)
		}
		cfg.Sleepers = append(cfg.Sleepers, sim.SleeperConfig{
			Kind: sim.OccupancySensor, EUI64: s.EUI64, InstallCode: code, Model: s.Model, Serial: s.Serial, Firmware: version,
			Position: sim.Position{X: s.X, Y: s.Y, Z: sim.CeilingHeight},
		})
	}
	return cfg, nil
}

// gateway returns where the virtual radio hangs: in the middle of the lights.
func (b *buildingConfig) gateway() sim.Position {
	var p sim.Position
	for _, l := range b.Lights {
		p.X += l.X / float64(len(b.Lights))
		p.Y += l.Y / float64(len(b.Lights))
	}
	return p
}
