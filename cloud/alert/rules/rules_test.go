package rules_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
)

var start = time.UnixMilli(1_800_000_000_000).UTC()

// building is a network that is looked at over and over.
type building struct {
	t       *testing.T
	set     rules.Set
	net     rules.Network
	now     time.Time
	watches map[rules.Key]rules.Watch
	alerts  []rules.Incident
	told    []string // "begins device_offline 3", "ends …"
	sweep   time.Duration
}

const gateway = sconce.EUI64(0xa000000000000001)

func light(n int) sconce.EUI64 { return sconce.EUI64(0xb000000000000000 + uint64(n)) }

func newBuilding(t *testing.T, lights int) *building {
	b := &building{t: t, set: rules.Defaults(), now: start, sweep: time.Minute}
	b.net.Gateway = rules.Gateway{Device: gateway, Online: true, Since: start.Add(-time.Hour)}
	for i := range lights {
		b.net.Devices = append(b.net.Devices, rules.Device{Device: light(i), Kind: sconce.Luminaire, Known: true, Reachable: true, Heard: start})
	}
	return b
}

// look looks now, and then at least once in a sweep, until a time has passed.
func (b *building) look(for_ time.Duration) {
	b.t.Helper()
	end := b.now.Add(for_)
	for {
		var found []rules.Found
		var next time.Time
		b.watches, found, next = rules.Look(b.set, b.net, b.watches, b.now)
		changed, news := rules.Gather(b.set, b.recent(), found, b.now, false, func() sconce.AlertID {
			return sconce.AlertID(fmt.Sprint("alert ", len(b.told)))
		})
		for i, c := range changed {
			b.keep(c)
			switch news[i] {
			case rules.Began:
				b.told = append(b.told, fmt.Sprintf("begins %s %d", c.Kind, len(c.Members)))
			case rules.Ended:
				b.told = append(b.told, fmt.Sprintf("ends %s %d", c.Kind, len(c.Members)))
			case rules.Changed:
			}
		}
		if !next.IsZero() && !next.After(b.now) {
			b.t.Fatalf("to be looked at again at %s, and it is %s", next, b.now)
		}
		if s := b.now.Add(b.sweep); next.IsZero() || s.Before(next) {
			next = s
		}
		if next.After(end) {
			b.now = end
			return
		}
		b.now = next
	}
}

func (b *building) recent() []rules.Incident {
	var all []rules.Incident
	for _, i := range b.alerts {
		if i.Open() || b.now.Sub(i.Cleared) <= rules.Forgiven {
			all = append(all, i)
		}
	}
	return all
}

func (b *building) keep(c rules.Incident) {
	for i := range b.alerts {
		if b.alerts[i].ID == c.ID {
			b.alerts[i] = c
			return
		}
	}
	b.alerts = append(b.alerts, c)
}

func (b *building) want(told ...string) {
	b.t.Helper()
	if fmt.Sprint(b.told) != fmt.Sprint(told) {
		b.t.Fatalf("told %q\nwant %q", b.told, told)
	}
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrong func(*building)
		right func(*building)
		after time.Duration // it is raised
		hold  time.Duration // and cleared
		kind  rules.Kind
	}{
		{
			"lamp", func(b *building) { b.net.Devices[0].Faults = sconce.FaultLamp }, func(b *building) { b.net.Devices[0].Faults = 0 },
			30 * time.Second, 5 * time.Minute, rules.LampFailure,
		},
		{
			"driver", func(b *building) { b.net.Devices[0].Faults = sconce.FaultDriver }, func(b *building) { b.net.Devices[0].Faults = 0 },
			30 * time.Second, 5 * time.Minute, rules.DriverFault,
		},
		{
			"heat", func(b *building) { b.net.Devices[0].Inside = new(80.0) }, func(b *building) { b.net.Devices[0].Inside = new(75.0) },
			2 * time.Minute, 5 * time.Minute, rules.Overheated,
		},
		{
			"offline", func(b *building) { b.net.Devices[0].Reachable = false }, func(b *building) { b.net.Devices[0].Reachable = true },
			0, 30 * time.Second, rules.DeviceOffline,
		},
		{
			"gateway", func(b *building) { b.net.Gateway.Online, b.net.Gateway.Since = false, b.now }, func(b *building) { b.net.Gateway.Online, b.net.Gateway.Since = true, b.now },
			2 * time.Second, 10 * time.Second, rules.GatewayOffline,
		},
		{
			"battery", func(b *building) { b.net.Devices[0].Battery = new(15.0) }, func(b *building) { b.net.Devices[0].Battery = new(25.0) },
			time.Hour, time.Hour, rules.BatteryLow,
		},
		{
			"power", func(b *building) { b.net.Devices[0].Power, b.net.Devices[0].Rated = new(65.0), 50 }, func(b *building) { b.net.Devices[0].Power = new(60.0) },
			15 * time.Minute, 15 * time.Minute, rules.PowerHigh,
		},
		{
			"drops", func(b *building) { b.net.Gateway.Lost = 7 }, func(*building) {},
			10 * time.Minute, time.Hour, rules.DataLost,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuilding(t, 3)
			b.look(0)
			b.want()
			tt.wrong(b)
			b.look(tt.after - 1)
			if tt.after > 0 {
				b.want()
			}
			b.now = b.now.Add(1)
			b.look(0)
			b.want(fmt.Sprintf("begins %s 1", tt.kind))
			b.look(0)
			tt.right(b)
			b.look(tt.hold - 1)
			b.want(fmt.Sprintf("begins %s 1", tt.kind))
			b.now = b.now.Add(1)
			b.look(0)
			b.want(fmt.Sprintf("begins %s 1", tt.kind), fmt.Sprintf("ends %s 1", tt.kind))
			b.look(24 * time.Hour)
			if len(b.told) != 2 {
				t.Errorf("told again: %q", b.told)
			}
		})
	}
}

// TestHysteresis: what is between limit and slack neither begins nor ends.
func TestHysteresis(t *testing.T) {
	b := newBuilding(t, 1)
	heat := func(celsius float64) {
		b.net.Devices[0].Inside = &celsius
		b.look(time.Hour)
	}
	heat(79)
	b.want()
	heat(80)
	b.want("begins overheated 1")
	heat(76)
	heat(79)
	b.want("begins overheated 1")
	heat(75)
	b.want("begins overheated 1", "ends overheated 1")
	heat(79)
	b.want("begins overheated 1", "ends overheated 1")
}

// TestPowerCutIsOneAlert: a floor without power is one alert, however long it takes until all
// of its lights are missed.
func TestPowerCutIsOneAlert(t *testing.T) {
	b := newBuilding(t, 60)
	b.look(0)
	for i := range b.net.Devices {
		b.net.Devices[i].Reachable = false
		b.look(2 * time.Second)
	}
	b.want("begins device_offline 1")
	if len(b.alerts) != 1 || len(b.alerts[0].Members) != 60 {
		t.Fatalf("%d alerts", len(b.alerts))
	}
	for i := range b.net.Devices {
		b.net.Devices[i].Reachable = true
		b.look(time.Second)
	}
	b.look(time.Minute)
	b.want("begins device_offline 1", "ends device_offline 60")
}

// TestGatewayHidesItsDevices: while it is away nothing is said of its devices; when it is
// back, they have the time of their rhythm again.
func TestGatewayHidesItsDevices(t *testing.T) {
	b := newBuilding(t, 2)
	b.net.Devices[1].Kind = sconce.Sensor
	b.look(0)
	b.net.Gateway.Online, b.net.Gateway.Since = false, b.now
	b.net.Devices[0].Reachable, b.net.Devices[0].Faults = false, sconce.FaultLamp
	b.look(48 * time.Hour)
	b.want("begins gateway_offline 1")
	b.net.Gateway.Online, b.net.Gateway.Since = true, b.now
	b.net.Devices[0].Reachable, b.net.Devices[0].Faults = true, 0
	b.look(25 * time.Hour)
	b.want("begins gateway_offline 1", "ends gateway_offline 1")
}

// TestStartIsNoOutage: a program that has just started does not know yet who is there.
func TestStartIsNoOutage(t *testing.T) {
	b := newBuilding(t, 1)
	b.net.Gateway = rules.Gateway{Device: gateway, Since: b.now, Settling: true}
	b.look(time.Minute)
	b.want()
	b.net.Gateway.Settling = false
	b.look(0)
	b.want("begins gateway_offline 1")
}

// TestFlapping: what comes and goes is one alert that is told of a few times, not hundreds.
func TestFlapping(t *testing.T) {
	b := newBuilding(t, 1)
	for range 500 {
		b.net.Devices[0].Reachable = false
		b.look(20 * time.Second)
		b.net.Devices[0].Reachable = true
		b.look(40 * time.Second)
	}
	if len(b.alerts) != 1 {
		t.Fatalf("%d alerts", len(b.alerts))
	}
	if len(b.told) > 12 {
		t.Errorf("told %d times", len(b.told))
	}
	b.look(24 * time.Hour)
	if b.alerts[0].Open() {
		t.Error("it is open a day after the last time")
	}
}

// TestRhythm: a device with a battery is missed after four of its longest pauses, and after
// a day and two hours while it is not known well.
func TestRhythm(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBuilding(t, 1)
		b.sweep = time.Hour
		d := &b.net.Devices[0]
		d.Kind = sconce.Sensor
		longest := time.Duration(0)
		for range 400 { // one of five reports is lost
			pause := time.Duration(1+rng.IntN(10)) * time.Minute
			for rng.IntN(5) == 0 {
				pause += time.Duration(1+rng.IntN(10)) * time.Minute
			}
			b.look(pause)
			d.Heard = b.now
			longest = max(longest, pause)
			b.look(0)
		}
		b.want()
		b.look(max(time.Hour, 4*longest) + 1)
		b.want("begins device_offline 1")
	}
	b := newBuilding(t, 1)
	b.net.Devices[0].Kind = sconce.Switch
	b.look(0)
	b.look(26*time.Hour - 1)
	b.want()
	b.look(2)
	b.want("begins device_offline 1")
}

// TestRhythmOfPeriods: where gateways tell but once an hour that they heard a device, one that
// was known by its minutes is not missed for that, and is after three hours.
func TestRhythmOfPeriods(t *testing.T) {
	b := newBuilding(t, 1)
	b.sweep = time.Hour
	d := &b.net.Devices[0]
	d.Kind = sconce.Sensor
	for range 100 {
		b.look(time.Minute)
		d.Heard = b.now
	}
	b.net.Kept = time.Hour
	b.look(2*time.Hour + time.Minute) // it was heard just after a period began, and the next is over
	b.want()
	d.Heard = b.now
	b.look(0)
	b.want()
	b.net.Kept = 0
	b.look(12 * time.Hour)
	b.want("begins device_offline 1")
}

// TestBusyNetworkRaisesNothing: 250 lights and sensors for two days, of whose words many get
// lost, none of which is wrong.
func TestBusyNetworkRaisesNothing(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 2))
		b := newBuilding(t, 250)
		for i := range b.net.Devices {
			if d := &b.net.Devices[i]; i%10 == 0 {
				d.Kind, d.Battery, d.OccupiedAt = sconce.Sensor, new(80.0), b.now
			}
		}
		b.sweep = time.Hour
		for range 2 * 24 * 6 {
			for i := range b.net.Devices {
				d := &b.net.Devices[i]
				if rng.IntN(3) == 0 {
					continue // lost
				}
				d.Heard = b.now
				if d.Kind == sconce.Sensor {
					d.OccupiedAt = b.now
					continue
				}
				d.Inside, d.Power = new(40+30*rng.Float64()), new(40*rng.Float64())
			}
			if b.net.Gateway.Lost = 0; rng.IntN(4) == 0 {
				b.net.Gateway.Lost = 3 // on their way
			}
			b.look(time.Minute)
			b.net.Gateway.Lost = 0
			b.look(9 * time.Minute)
		}
		b.want()
	}
}

func TestLearnedPower(t *testing.T) {
	b := newBuilding(t, 1)
	watts := func(w float64, looks int) {
		for range looks {
			b.net.Devices[0].Power = &w
			b.look(time.Minute - 1)
			b.now = b.now.Add(1)
		}
	}
	watts(10, 100)
	watts(20, 200)
	watts(25, 60)
	b.want()
	watts(27, 20)
	b.want("begins power_high 1")
}

func TestStuckSensor(t *testing.T) {
	b := newBuilding(t, 3)
	for i := range b.net.Devices {
		b.net.Devices[i].OccupiedAt = b.now
	}
	b.look(100 * time.Hour)
	b.want() // a holiday: nobody was there
	b.net.Devices[0].OccupiedAt = b.now
	b.look(0)
	b.want("begins sensor_stuck 2")
	b.net.Devices[1].OccupiedAt, b.net.Devices[2].OccupiedAt = b.now, b.now
	b.look(0)
	b.want("begins sensor_stuck 2", "ends sensor_stuck 2")
}

func TestEnergyBudget(t *testing.T) {
	b := newBuilding(t, 1)
	b.net.Used = 1e9 // of no budget
	b.look(time.Minute)
	b.net.Budget = 20_000
	for _, wh := range []float64{0, 19_999, 20_000, 25_000, 10} {
		b.net.Used = wh
		b.look(time.Minute)
	}
	b.want("begins energy_high 1", "ends energy_high 1")
}

// TestDropsAreCountedOnce: what is missing is told once; more of it again; and a gateway that
// starts anew counts anew.
func TestDropsAreCountedOnce(t *testing.T) {
	b := newBuilding(t, 1)
	g := &b.net.Gateway
	g.Run, g.Lost = 1, 5
	b.look(3 * time.Hour)
	b.look(3 * time.Hour)
	b.want("begins data_lost 1", "ends data_lost 1")
	g.Lost = 3 // two arrived after all
	b.look(3 * time.Hour)
	g.Run, g.Lost = 2, 0
	b.look(3 * time.Hour)
	b.want("begins data_lost 1", "ends data_lost 1")
	g.Run, g.Lost = 3, 1
	b.look(3 * time.Hour)
	b.want("begins data_lost 1", "ends data_lost 1", "begins data_lost 1", "ends data_lost 1")
}

func TestWhatIsOffOrGoneEnds(t *testing.T) {
	b := newBuilding(t, 2)
	b.net.Devices[0].Faults, b.net.Devices[1].Faults = sconce.FaultLamp, sconce.FaultLamp
	b.look(time.Minute)
	b.want("begins lamp_failure 2")
	b.net.Devices = b.net.Devices[:1]
	b.look(0)
	if b.alerts[0].Wrong() != 1 {
		t.Error("a device that was taken out is wrong still")
	}
	r := b.set[rules.LampFailure]
	r.On = false
	b.set[rules.LampFailure] = r
	b.look(0)
	b.want("begins lamp_failure 2", "ends lamp_failure 2")
	b.look(0)
	b.want("begins lamp_failure 2", "ends lamp_failure 2")
}

// TestCrowded: when there are as many open alerts as there may be, nothing is lost.
func TestCrowded(t *testing.T) {
	old := rules.Incident{ID: "old", Kind: rules.LampFailure, Joined: start.Add(-24 * time.Hour), Members: []rules.Member{{Device: light(1)}}}
	found := []rules.Found{{Key: rules.Key{Kind: rules.LampFailure, Device: light(2)}, Change: rules.Raise, Since: start}}
	newID := func() sconce.AlertID { return "new" }
	if got, news := rules.Gather(rules.Defaults(), []rules.Incident{old}, found, start, false, newID); got[0].ID != "new" || news[0] != rules.Began {
		t.Error(got)
	}
	if got, news := rules.Gather(rules.Defaults(), []rules.Incident{old}, found, start, true, newID); got[0].ID != "old" || len(got[0].Members) != 2 || news[0] != rules.Changed {
		t.Error(got)
	}
	if len(old.Members) != 1 {
		t.Error("what was given is changed")
	}
}

func TestRulesAreChecked(t *testing.T) {
	for k, r := range rules.Defaults() {
		if err := r.Check(k); err != nil {
			t.Errorf("the default of %s: %v", k, err)
		}
	}
	for name, change := range map[string]func(*rules.Rule){
		"severity": func(r *rules.Rule) { r.Severity = 0 }, "long delay": func(r *rules.Rule) { r.Delay = 8 * 24 * time.Hour },
		"negative": func(r *rules.Rule) { r.Hold = -1 }, "limit": func(r *rules.Rule) { r.Limit = 20 },
		"not a number": func(r *rules.Rule) { r.Limit = math.NaN() }, "slack": func(r *rules.Rule) { r.Slack = math.Inf(1) },
	} {
		r := rules.Defaults()[rules.Overheated]
		change(&r)
		if r.Check(rules.Overheated) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if (rules.Rule{Severity: rules.Info}).Check(99) == nil {
		t.Error("a rule of no kind: accepted")
	}
}
