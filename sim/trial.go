package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"sconce"
	"sconce/device"
	"sconce/zigbee"
)

// TrialConfig describes a trial: a building that is made from a seed, lives on
// the virtual clock, and is watched. Zero fields stand for the values named.
type TrialConfig struct {
	Seed     uint64
	Lights   int
	Networks int           // each with a controller; the lights are dealt to them in turn; 1
	Office   Office        // rooms for six lights each, at most 24 on a floor
	Duration time.Duration // of the building's time; an hour

	ReportEvery  time.Duration // each light reports whether it is on, at least so often; a minute
	CommandEvery time.Duration // a controller switches a light so often; 10 s
	GroupEvery   time.Duration // ... and a group; a minute
	ReplayEvery  time.Duration // an attacker says a captured frame again so often; 0: there is none

	Power     float64            // transmit power of lights and controllers, dBm
	Loss      float64            // see [AirConfig]
	Shadowing float64            // standard deviation, dB
	Channels  zigbee.ChannelMask // all channels of the band
	Start     time.Time          // what the clock shows at first; noon of a day in 2026
	Faults    []Fault

	// Tap, optional, sees every frame, as [AirConfig.Tap].
	Tap func(at time.Time, channel uint8, psdu []byte)
}

func (c TrialConfig) withDefaults() TrialConfig {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Duration, time.Hour)
	def(&c.ReportEvery, time.Minute)
	def(&c.CommandEvery, 10*time.Second)
	def(&c.GroupEvery, time.Minute)
	if c.Networks == 0 {
		c.Networks = 1
	}
	if c.Office == (Office{}) {
		c.Office = OfficeFor(c.Lights)
	}
	if c.Channels == 0 {
		c.Channels = zigbee.AllChannels
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	}
	return c
}

func (c TrialConfig) check() error {
	switch {
	case c.Lights < 1 || c.Lights > MaxLights:
		return sconce.Errorf(sconce.Invalid, "%d lights: expected 1 to %d", c.Lights, MaxLights)
	case c.Networks < 1 || c.Networks > 16:
		return sconce.Errorf(sconce.Invalid, "%d networks: expected 1 to 16", c.Networks)
	case c.ReportEvery < time.Second || c.ReportEvery > 18*time.Hour || c.CommandEvery <= 0 || c.GroupEvery <= 0 || c.ReplayEvery < 0 || c.Duration <= 0:
		return sconce.Errorf(sconce.Invalid, "a time of the trial is out of range: expected reports every second to every 18 hours, and no time below zero")
	case c.Office.Floors < 1 || c.Office.RoomsOnFloor < 1:
		return sconce.Errorf(sconce.Invalid, "%d floors of %d rooms: expected at least one of each", c.Office.Floors, c.Office.RoomsOnFloor)
	}
	return nil
}

// OfficeFor returns an office of a size for n lights: six to a room, at most 24
// rooms on a floor.
func OfficeFor(n int) Office {
	const roomsOnFloor, lightsInRoom = 24, 6
	rooms := max((n+lightsInRoom-1)/lightsInRoom, 1)
	floors := (rooms + roomsOnFloor - 1) / roomsOnFloor
	return Office{Floors: floors, RoomsOnFloor: (rooms + floors - 1) / floors}
}

// trial is a building under watch.
type trial struct {
	cfg         TrialConfig
	building    *Building
	air         *Air
	controllers []*controller
	owner       map[sconce.EUI64]*controller // whose network a light belongs to
	sniffer     *sniffer
	attacker    *attacker // optional
	circuits    map[int][]sconce.EUI64

	reports, unicasts, groups Delivery
	repeats                   uint64 // of group commands
	latency, spread           durations
	addresses, unreached      violation
	twice                     map[addressUse]time.Time // nodes that share an address, since
	joinedAt                  time.Duration            // when the last light came in
	err                       error
}

// Trial builds and runs a building on the virtual clock, as fast as it goes, and
// returns what it saw. It fails when it cannot be built, or ctx ends before the
// trial does; a building that misbehaves is no error, but see [Summary.Violated].
func Trial(ctx context.Context, cfg TrialConfig) (*Summary, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	before := heap()
	t, err := newTrial(cfg)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	const slice = time.Second
	for passed := time.Duration(0); passed < cfg.Duration; passed += slice {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.building.RunFor(min(slice, cfg.Duration-passed))
		if t.err != nil {
			return nil, t.err
		}
	}
	return t.summary(time.Since(start), heap()-before), nil
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TrialLights is the address of a trial's first light; the others follow.
const TrialLights sconce.EUI64 = 0x5ec0ce0300000001

func newTrial(cfg TrialConfig) (*trial, error) {
	t := &trial{cfg: cfg, sniffer: newSniffer(), owner: map[sconce.EUI64]*controller{}, circuits: map[int][]sconce.EUI64{}, twice: map[addressUse]time.Time{}}
	places, rooms := cfg.Office.Lights(cfg.Lights)
	bc := BuildingConfig{
		Air: AirConfig{
			Seed: cfg.Seed, Start: cfg.Start, Loss: cfg.Loss, Tap: t.tap,
			Propagation: Propagation{Shadowing: cfg.Shadowing, Structure: cfg.Office},
		},
		Channels: cfg.Channels, Store: MemoryStore{}, Watch: t.watch,
		Spread: time.Duration(cfg.Lights) * 100 * time.Millisecond,
	}
	for i, place := range places {
		light, err := trialLight(cfg, i)
		if err != nil {
			return nil, err
		}
		light.Position = place
		bc.Lights = append(bc.Lights, light)
	}
	var err error
	if t.building, err = NewBuilding(bc); err != nil {
		return nil, err
	}
	t.building.Do(func(a *Air) {
		t.air = a
		err = t.populate(bc.Lights, rooms)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func trialLight(cfg TrialConfig, i int) (LightConfig, error) {
	e := TrialLights + sconce.EUI64(i)
	var code [16]byte
	for j := range code {
		code[j] = byte(uint64(e) * (cfg.Seed | 1) >> (j % 8 * 8) >> (j / 8))
	}
	install, err := zigbee.NewInstallCode(code[:])
	return LightConfig{
		EUI64: e, InstallCode: install, Model: "SL-1", Serial: fmt.Sprintf("T-%05d", i+1), Firmware: "1.0.0",
		RatedPower: device.Milliwatts(24_000), TxPower: cfg.Power,
	}, err
}

// populate adds what is in the building beside lights, and begins what happens
// there.
func (t *trial) populate(lights []LightConfig, rooms []int) error {
	for i := range t.cfg.Networks {
		c, err := newController(t, i, t.cfg.Office.InCorridor(i%t.cfg.Office.Floors, (float64(i/t.cfg.Office.Floors)+0.5)/float64(t.cfg.Networks/t.cfg.Office.Floors+1), 2))
		if err != nil {
			return err
		}
		t.controllers = append(t.controllers, c)
	}
	for i, light := range lights {
		c := t.controllers[i%len(t.controllers)]
		c.add(light, rooms[i])
		t.owner[light.EUI64] = c
		t.circuits[rooms[i]] = append(t.circuits[rooms[i]], light.EUI64)
	}
	if t.cfg.ReplayEvery > 0 {
		t.attacker = newAttacker(t.air, t.cfg.Office.InCorridor(0, 0.25, 1), t.cfg.ReplayEvery)
	}
	t.every(t.cfg.CommandEvery, func(c *controller, now time.Time) { c.unicast(now) })
	t.every(t.cfg.GroupEvery, func(c *controller, now time.Time) { c.command(now) })
	t.every(time.Second, func(c *controller, now time.Time) { c.auditReports(now) })
	t.audit()
	for _, f := range t.cfg.Faults {
		if err := f.schedule(t); err != nil {
			return err
		}
	}
	return nil
}

// every calls f for each controller again and again.
func (t *trial) every(d time.Duration, f func(c *controller, now time.Time)) {
	t.air.After(d, func() {
		for _, c := range t.controllers {
			if c.node != nil {
				c.node.Do(func(now time.Time) { f(c, now) })
			}
		}
		t.every(d, f)
	})
}

func (t *trial) tap(at time.Time, channel uint8, psdu []byte) {
	t.sniffer.tap(at, channel, psdu)
	if t.cfg.Tap != nil {
		t.cfg.Tap(at, channel, psdu)
	}
}

func (t *trial) watch(now time.Time, e sconce.EUI64, s LightState) {
	c := t.owner[e]
	if c == nil {
		return // before the trial is whole
	}
	m := c.byEUI[e]
	if s.Joined && !m.state.Joined {
		t.joinedAt = now.Sub(t.cfg.Start)
	}
	c.watch(now, m, s)
}

// failed ends the trial: something of it, not of the building, does not work.
func (t *trial) failed(err error) { t.err = errors.Join(t.err, err) }

// addressUse is a short address in a network.
type addressUse struct {
	network int
	short   zigbee.ShortAddr
}

// conflictTime is how long two nodes may have one address, as routers draw
// addresses by chance: by then the conflict has to be resolved (05-3474-22,
// 3.6.1.10).
const conflictTime = time.Minute

// audit looks for addresses that two nodes have.
func (t *trial) audit() {
	now := t.air.Now()
	users := map[addressUse]int{}
	for _, c := range t.controllers {
		for _, m := range c.members {
			if m.state.Joined {
				users[addressUse{c.id, m.state.Short}]++
			}
		}
	}
	for use, n := range users {
		since, known := t.twice[use]
		switch {
		case n < 2:
			delete(t.twice, use)
		case !known:
			t.twice[use] = now
		case now.Sub(since) > conflictTime:
			t.addresses.add(now, "%d nodes of network %d have the address %s", n, use.network, use.short)
		}
	}
	t.air.After(10*time.Second, t.audit)
}
