package ingest_test

import (
	"math"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/rollup"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// clockRun sends messages of a gateway whose scale is behind the cloud's time.
type clockRun struct {
	in     *plant
	boot   uint64
	next   uint64
	behind time.Duration
}

func (c *clockRun) at(ago time.Duration) wire.Time {
	return wire.Time(time.Now().Add(-ago - c.behind).UnixMilli())
}

func (c *clockRun) say(body wire.Up) {
	c.in.t.Helper()
	c.next++
	h := wire.UpHeader{Version: wire.Version, Boot: c.boot, Sequence: c.next, Sent: c.at(0)}
	payload, err := wire.AppendUp(nil, h, body)
	if err != nil {
		c.in.t.Fatal(err)
	}
	c.in.accept(gateway, wire.UpTopic(gateway, body.UpKind()), payload)
}

// A gateway without time, or with any wrong time: what it says lands at the time at which
// it was, however long ago it was said, and the account says so; the energy between two
// of its readings is what it was. One whose clock is right, or that tells nothing of it,
// is believed.
func TestTimesOfAWrongClock(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for name, test := range map[string]struct {
		behind    time.Duration
		silent    bool // an older gateway, that does not tell
		corrected bool
	}{
		"without time":    {behind: time.Since(time.Unix(0, 0)), corrected: true},
		"a day behind":    {behind: day, corrected: true},
		"a day ahead":     {behind: -day, corrected: true},
		"10 years behind": {behind: 10 * year, corrected: true},
		"10 years ahead":  {behind: -10 * year, corrected: true},
		"a leap second":   {behind: time.Second},
		"right":           {},
		"older":           {behind: day, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t)
			in := newPlant(t, s)
			in.site = storetest.MakeSite(t, s, gateway)
			c := clockRun{in: in, boot: 5, behind: test.behind}
			hello := wire.Hello{Clock: &wire.Clock{Uptime: 3_600_000, Shows: 1}, Dropped: []wire.Dropped{
				{Kind: wire.KindLog, Class: wire.ClassLogs, Count: 3, From: c.at(time.Hour), To: c.at(time.Minute)},
				{Kind: wire.KindReadings, Count: 1, From: math.MaxInt64, To: 0},
			}}
			if test.silent {
				hello.Clock = nil
			}
			c.say(hello)
			c.say(wire.Readings{Readings: []wire.Reading{ // what has waited for an hour, and what is now
				{Device: light, Metric: sconce.Energy, At: c.at(time.Hour), Value: 1000},
				{Device: light, Metric: sconce.Energy, At: c.at(0), Value: 1024},
			}})
			c.say(wire.State{Devices: []wire.DeviceState{{Device: light, At: c.at(time.Minute), Heard: c.at(0)}}})
			c.say(wire.Events{Events: []wire.Event{{Device: light, At: c.at(2 * time.Minute), Kind: wire.EventJoined}}})
			in.project()

			wrong := test.behind
			if test.corrected {
				wrong = 0
			}
			near := func(what string, got time.Time, ago time.Duration) {
				t.Helper()
				if off := time.Since(got) - ago - wrong; off.Abs() > time.Minute/2 {
					t.Errorf("%s is off by %v", what, off)
				}
			}
			got := in.tables()
			in.series(&got, telemetry.Series{Device: light, Metric: sconce.Energy})
			samples := got.Open[telemetry.Series{Device: light, Metric: sconce.Energy}].Samples
			if len(samples) != 2 || samples[1].Value-samples[0].Value != 24 {
				t.Fatalf("readings %v", samples)
			}
			near("the older reading", samples[0].Time(), time.Hour)
			near("the reading", samples[1].Time(), 0)
			near("the event", got.Events[0].At, 2*time.Minute)
			if test.corrected { // else no time of a state is later than its message
				near("the state", got.States[0].At, time.Minute)
				near("when it was heard", got.States[0].Heard, 0)
			}
			accounts, err := s.Telemetry().Accounts(t.Context(), in.site.Owner, gateway, 10)
			if err != nil || len(accounts) != 1 || accounts[0].Corrected != test.corrected || (accounts[0].Ahead == nil) != test.silent {
				t.Fatalf("the account says %+v, %v", accounts, err)
			}
			if a := accounts[0]; a.Ahead != nil && (*a.Ahead-test.behind).Abs() > time.Minute/2 {
				t.Errorf("the clock is said to be behind by %v, want %v", *a.Ahead, test.behind)
			}
			d := accounts[0].Dropped
			if len(d) != 2 || d[0].Count != 3 || d[0].Class != 1 || !d[1].From.IsZero() || !d[1].To.IsZero() {
				t.Fatalf("dropped %+v", d)
			}
			near("the first that was dropped", d[0].From, time.Hour)

			in.stop()
			if err := rebuilder(s).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			in.start()
			if again := in.tables(); again.Events[0] != got.Events[0] || again.Runs[0].Clock != got.Runs[0].Clock {
				t.Errorf("made again: %+v, were %+v", again, got)
			}
		})
	}
}

// A hello that was long on its way moves nothing; a scale that has run away does.
func TestTheClockOfARunStaysAsLongAsItIsRight(t *testing.T) {
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	c := clockRun{in: in, boot: 5, behind: time.Hour}
	ahead := func() time.Duration {
		t.Helper()
		c.say(wire.Hello{Clock: &wire.Clock{}})
		in.project()
		return in.tables().Runs[0].Clock.Ahead
	}
	first := ahead()
	c.behind += time.Second / 2
	if got := ahead(); got != first {
		t.Errorf("half a second moves the clock from %v to %v", first, got)
	}
	c.behind += 10 * time.Second
	if got := ahead(); got-first < 8*time.Second || got-first > time.Minute {
		t.Errorf("ten seconds move the clock from %v to %v", first, got)
	}
}

// A gateway is started again and again, each time with another clock: right, a day and ten years
// behind and ahead, and without time. What its lights took in is what their counters say, in the
// quarters of an hour in which they took it in, and nothing twice.
func TestEnergyWhateverTheClockShows(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	s := storetest.Open(t)
	in := newPlant(t, s)
	in.site = storetest.MakeSite(t, s, gateway)
	clocks := []time.Duration{0, day, -day, 10 * year, -10 * year, time.Since(time.Unix(0, 0)), 0}
	begun := time.Now().Add(-time.Duration(len(clocks)) * 30 * time.Minute)
	wh := 0.0
	for n, behind := range clocks {
		c := clockRun{in: in, boot: uint64(10 + n), behind: behind}
		c.say(wire.Hello{Clock: &wire.Clock{}})
		for range 6 { // of half an hour, told when it is over
			at := begun.Add(time.Duration(wh) * 5 * time.Minute)
			c.say(wire.Readings{Readings: []wire.Reading{{Device: light, Metric: sconce.Energy, At: c.at(time.Since(at)), Value: wh}}})
			wh++
		}
	}
	in.project()

	quarters := map[time.Time]int64{}
	var total rollup.Sums
	add := func(quarter int64, s *rollup.Sums) {
		quarters[time.UnixMilli(quarter*rollup.Quarter)] += s.Energy
		total.Add(s)
	}
	ask := telemetry.RollupQuery{Devices: []sconce.EUI64{light}, Level: rollup.Quarters, From: math.MinInt32, Until: math.MaxInt32}
	err := s.Telemetry().Rollups(t.Context(), in.site.Owner, ask, func(r telemetry.Rollup) {
		for _, e := range r.Block {
			add(r.Period*rollup.QuartersPerDay+int64(e.Index), &e.Sums)
		}
	}, func(of telemetry.Series, open telemetry.Open) {
		parts := rollup.Parts{}
		open.Waiting(of.Metric, parts)
		for quarter, s := range parts {
			add(quarter, s)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(1000 * (wh - 1)); total.Energy != want || total.Spread != 0 {
		t.Errorf("%d mWh, %d of them spread; the counter says %d", total.Energy, total.Spread, want)
	}
	for quarter, mwh := range quarters { // a watt-hour in five minutes
		if quarter.Before(begun.Add(-15*time.Minute)) || quarter.After(time.Now()) || mwh > 3100 {
			t.Errorf("%d mWh in the quarter of %s", mwh, quarter)
		}
	}
	accounts, err := s.Telemetry().Accounts(t.Context(), in.site.Owner, gateway, 10)
	if err != nil || len(accounts) != len(clocks) {
		t.Fatalf("%d accounts, %v", len(accounts), err)
	}
	for _, a := range accounts {
		if wrong := clocks[a.Boot-10] != 0; a.Corrected != wrong {
			t.Errorf("run %d is marked as put right: %v, want %v", a.Boot, a.Corrected, wrong)
		}
	}
}
