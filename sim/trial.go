package sim

import (
	"context"
	"errors"
	"runtime"
	"time"

	"sconce"
	"sconce/zigbee"
	"sconce/zigbee/gp"
)

// TrialConfig describes a trial: a building that is made from a seed, lives on
// the virtual clock, and is watched. Zero fields stand for the values named.
type TrialConfig struct {
	Seed       uint64
	Lights     int
	Sensors    int           // of occupancy and light, under ceilings
	Switches   int           // with batteries, beside doors
	GPSwitches int           // without, beside doors
	People     int           // who come and go, are seen, and press switches
	Networks   int           // each with a controller and an equal share of the rooms; 1
	Office     Office        // rooms for six lights each, at most 24 on a floor
	Duration   time.Duration // of the building's time; an hour
	Spread     time.Duration // within which the devices first start; a second for each

	ReportEvery  time.Duration // each light reports whether it is on, at least so often; a minute
	CommandEvery time.Duration // a controller switches a light so often; 10 s
	GroupEvery   time.Duration // ... and a group; a minute
	ReplayEvery  time.Duration // an attacker says a captured frame again so often; 0: there is none

	Power     float64            // transmit power of all devices, dBm
	Loss      float64            // see [AirConfig]
	Shadowing float64            // standard deviation, dB
	Channels  zigbee.ChannelMask // all channels of the band
	Start     time.Time          // what the clock shows at first; noon of a day in 2026
	Faults    []Fault

	// Tap, optional, sees every frame, as [AirConfig.Tap].
	Tap func(at time.Time, channel uint8, psdu []byte)

	// Until, optional, looks at the trial after every second of the building's time, and
	// ends it early by true.
	Until func(Moment) bool
}

// Moment is how far a [Trial] has come.
type Moment struct {
	Passed     time.Duration // of the building's time
	Configured int           // lights
	Air        AirCounters
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
	def(&c.Spread, time.Duration(c.Lights+c.Sensors+c.Switches)*time.Second)
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
	case c.Office.Floors < 1 || c.Office.RoomsOnFloor < 1:
		return sconce.Errorf(sconce.Invalid, "%d floors of %d rooms: expected at least one of each", c.Office.Floors, c.Office.RoomsOnFloor)
	case c.Sensors < 0 || c.Switches < 0 || c.Sensors+c.Switches > MaxLights:
		return sconce.Errorf(sconce.Invalid, "%d sensors and %d switches: expected 0 to %d in all", c.Sensors, c.Switches, MaxLights)
	case c.People < 0 || c.People > MaxLights:
		return sconce.Errorf(sconce.Invalid, "%d people: expected 0 to %d", c.People, MaxLights)
	case c.Networks < 1 || c.Networks > 16:
		return sconce.Errorf(sconce.Invalid, "%d networks: expected 1 to 16", c.Networks)
	case c.Networks > c.Office.Rooms():
		return sconce.Errorf(sconce.Invalid, "%d networks in %d rooms: expected a room for each", c.Networks, c.Office.Rooms())
	case c.GPSwitches < 0 || c.GPSwitches > c.Networks*gp.MaxSwitches:
		return sconce.Errorf(sconce.Invalid, "%d battery-less switches: expected 0 to %d for each network", c.GPSwitches, gp.MaxSwitches)
	case c.ReportEvery < time.Second || c.ReportEvery > 18*time.Hour || c.CommandEvery <= 0 || c.GroupEvery <= 0 || c.ReplayEvery < 0 || c.Duration <= 0:
		return sconce.Errorf(sconce.Invalid, "a time of the trial is out of range: expected reports every second to every 18 hours, and no time below zero")
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

	repeats              uint64    // of commands to groups
	latency, spread      durations // of commands for one light, of groups
	pressLatency         durations // of presses
	addresses, unreached violation
	pressedTwice         violation
	twice                map[addressUse]time.Time // nodes that share an address, since
	joinedAt             time.Duration            // when the last light came in
	err                  error
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
	for ended := false; !ended && t.passed() < cfg.Duration; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.building.RunFor(min(slice, cfg.Duration-t.passed()))
		if t.err != nil {
			return nil, t.err
		}
		ended = cfg.Until != nil && cfg.Until(Moment{t.passed(), t.configured(), t.air.Counters()})
	}
	return t.summary(time.Since(start), heap()-before), nil
}

func (t *trial) passed() time.Duration { return t.air.Now().Sub(t.cfg.Start) }

// configured returns how many lights have all that they were to get.
func (t *trial) configured() (n int) {
	for _, c := range t.controllers {
		for _, m := range c.members {
			if m.configured() {
				n++
			}
		}
	}
	return n
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
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

// seated is told that a sleeper has found its network.
func (t *trial) seated(_ time.Time, e sconce.EUI64, short zigbee.ShortAddr) {
	if c := t.owner[e]; c != nil {
		m := c.byEUI[e]
		m.joined, m.short = true, short
	}
}

// pressed is told that a person wants a room lit, or dark.
func (t *trial) pressed(room Place, on bool) {
	if c := t.wing(int(room)); c.node != nil {
		c.node.Do(func(now time.Time) { c.pressed(now, int(room), on) })
	}
}

// occupied is told that a sensor has changed its mind.
func (t *trial) occupied(e sconce.EUI64, occupied bool) {
	c := t.owner[e]
	c.occupied(t.air.Now(), c.byEUI[e], occupied)
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
			if m.joined {
				users[addressUse{c.id, m.short}]++
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
