package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
)

// What the questions are asked of.
const (
	yearDevices  = 200 // of the project whose year is asked for
	yearGroups   = 10
	yearKinds    = 14 // days that differ, of each light
	listNetworks = 20 // of the project whose devices are listed, each full
	listAlerts   = 5000
)

// Of two years there are days, so that one can stand beside the other, and of 13 months quarters.
var (
	queryBegins   = figures.Date{Year: 2024, Month: time.November, Day: 1}
	quartersBegin = figures.Date{Year: 2025, Month: time.October, Day: 1}
	queryEnds     = figures.Date{Year: 2026, Month: time.November, Day: 1}
)

// archived is what the questions are asked of: two projects of the same person.
type archived struct {
	*site

	year, list project.Scope
	networks   []sconce.NetworkID // of list, after the one of year
}

// yearSettings is what is decided of the project whose year is asked for.
func yearSettings() energy.Settings {
	set := energy.Defaults()
	set.Zone = "Europe/Berlin"
	return set
}

// archive fills an empty store.
func (b *bench) archive(ctx context.Context, dir, keys string) (_ *archived, err error) {
	made, err := fill(ctx, dir, keys, 1)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Unlock(ctx, keys); err != nil {
		return nil, err
	}
	made.Store, made.projects = s, project.New(s.Projects(), time.Now)
	d := &archived{site: made}
	if d.year, err = d.building(ctx, "Year", firstOfYear, 1, yearDevices); err != nil {
		return nil, err
	}
	if d.list, err = d.building(ctx, "List", firstOfList, listNetworks, sconce.MaxNodesPerNetwork); err != nil {
		return nil, err
	}
	if err := s.Energy().SetSettings(ctx, d.year, yearSettings()); err != nil {
		return nil, err
	}
	if err := d.summed(ctx); err != nil {
		return nil, err
	}
	if err := d.told(ctx, b.Readings); err != nil {
		return nil, err
	}
	return d, d.alerted(ctx)
}

// The addresses of the first lights of the two projects.
const (
	firstOfYear sconce.EUI64 = 0x10_0000
	firstOfList sconce.EUI64 = 0x20_0000
)

// building makes a project with networks and lights that were heard.
func (d *archived) building(ctx context.Context, name string, first sconce.EUI64, networks, devices int) (project.Scope, error) {
	m, err := d.projects.Create(ctx, d.askers[0].Caller, project.NewProject{Name: name})
	if err != nil {
		return project.Scope{}, err
	}
	scope, err := d.projects.Enter(ctx, d.askers[0].Caller, m.ID)
	for n := 0; n < networks && err == nil; n++ {
		err = d.floor(ctx, scope, first+sconce.EUI64(n*devices), devices)
	}
	return scope, err
}

// floor makes a network with groups and lights.
func (d *archived) floor(ctx context.Context, scope project.Scope, first sconce.EUI64, devices int) error {
	floor, err := d.projects.CreateNetwork(ctx, scope, "Floor")
	if err != nil {
		return err
	}
	d.networks = append(d.networks, floor.ID)
	var groups []sconce.GroupID
	for range yearGroups {
		g, err := d.Lighting().CreateGroup(ctx, scope, lighting.Group{ID: newID[sconce.GroupID](time.Now()), Network: floor.ID, Name: "Room", Made: time.Now()})
		if err != nil {
			return err
		}
		groups = append(groups, g.ID)
	}
	for i := range devices {
		one := lighting.Device{
			Position: newID[sconce.PositionID](time.Now()), Network: floor.ID, Name: fmt.Sprint("Desk ", i), Kind: sconce.Luminaire,
			Device: first + sconce.EUI64(i), Made: queryBegins.In(time.UTC), Groups: groups[i%yearGroups:][:1],
		}
		if err := d.Lighting().AddDevice(ctx, scope, one, []byte("sealed")); err != nil {
			return err
		}
	}
	return d.heard(ctx, project.Assignment{Project: scope.Project(), Network: floor.ID}, first, devices)
}

// summed stores what the lights of the year used, in the form in which the projector does:
// every light has days of some kinds, one after the other.
func (d *archived) summed(ctx context.Context) error {
	at := project.Assignment{Project: d.year.Project(), Network: d.networks[0]}
	for i := range yearDevices {
		device := firstOfYear + sconce.EUI64(i)
		err := d.Results().Apply(ctx, 1, func(tx ingest.Tx) error {
			calendar, _, err := tx.Kept(at, device, 0, 0)
			if err != nil {
				return err
			}
			days := map[int64]rollup.Block{}
			kinds := kindsOf(i)
			first, end := queryBegins.In(time.UTC).Unix()/86400, queryEnds.In(time.UTC).Unix()/86400
			kept := quartersBegin.In(time.UTC).Unix()/86400 - 1
			for period := first; period < end; period++ {
				b := kinds[period%yearKinds]
				if period >= kept {
					if err := tx.SetRollup(at, device, rollup.Quarters, period, b); err != nil {
						return err
					}
				}
				for n := range b {
					p, hours := calendar.Place(period*rollup.QuartersPerDay + int64(b[n].Index))
					block := days[p.Period]
					block.AddIn(p.Index, hours, &b[n].Sums)
					days[p.Period] = block
				}
			}
			years := map[int64]rollup.Block{}
			for period, b := range days {
				if err := tx.SetRollup(at, device, rollup.Days, period, b); err != nil {
					return err
				}
				p := rollup.MonthPlace(period)
				year := years[p.Period]
				year.Put(b.As(p.Index))
				years[p.Period] = year
			}
			for period, b := range years {
				if err := tx.SetRollup(at, device, rollup.Months, period, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("storing what light %d used: %w", i, err)
		}
	}
	return nil
}

// kindsOf returns the days that a light has, as package rollup makes them of readings once a
// quarter of an hour.
func kindsOf(light int) (kinds [yearKinds]rollup.Block) {
	for kind := range kinds {
		parts, counter := rollup.Parts{}, 0.0
		for q := range int64(rollup.QuartersPerDay) {
			watts, output := 0.4, 0.0
			if begin := int64(24 + kind%4); q >= begin && q < 76+int64(light%8) && kind%7 < 5 {
				watts = math.Round((31-12*math.Sin(math.Pi*float64(q-begin)/60)+float64(light%5)+float64(kind)/10)*10) / 10
				output = math.Round(watts * 30)
			}
			for m, value := range map[sconce.Metric][2]float64{
				sconce.Energy: {counter, counter + watts/4}, sconce.ActivePower: {watts, watts}, sconce.Output: {output, output},
			} {
				from, to := rollup.Point{At: q * rollup.Quarter, Value: value[0]}, rollup.Point{At: (q + 1) * rollup.Quarter, Value: value[1]}
				parts.Alone(m, from)
				parts.Between(m, from, to, 1)
			}
			counter += watts / 4
		}
		for q, sums := range parts {
			kinds[kind].Add(int(q), sums)
		}
	}
	return kinds
}

// toldMetrics is of what the lights of the year told one reading a minute, as far as those
// reach that are to be there: 10^8 of them are 87 days.
var toldMetrics = []sconce.Metric{sconce.ActivePower, sconce.Energy, sconce.Temperature, sconce.Output}

// openSamples is how many readings of a series are in no chunk yet, of which openWaiting are in no sums yet.
const (
	openSamples = 80
	openWaiting = 10
)

// told stores readings of the lights of the year, in full chunks and in open ones.
func (d *archived) told(ctx context.Context, readings int) error {
	at := project.Assignment{Project: d.year.Project(), Network: d.networks[0]}
	each := readings / telemetry.ChunkSize / yearDevices / len(toldMetrics)
	begin := queryEnds.In(time.UTC).Add(-time.Duration(each*telemetry.ChunkSize+openSamples) * time.Minute).UnixMilli()
	samples := make([]telemetry.Sample, telemetry.ChunkSize)
	take := func(some []telemetry.Sample, light, first int) []telemetry.Sample {
		for k := range some {
			minute := first + k
			some[k] = telemetry.Sample{At: begin + int64(minute)*60_000 + int64(minute*7919%2000), Value: float64(minute*31%(200+light)) / 10}
		}
		return some
	}
	for i := range yearDevices {
		err := d.Results().Apply(ctx, 1, func(tx ingest.Tx) error {
			for _, m := range toldMetrics {
				of := telemetry.Series{Device: firstOfYear + sconce.EUI64(i), Metric: m}
				for n := range each {
					c := telemetry.Chunk{Part: int64(n), Samples: take(samples, i, n*telemetry.ChunkSize), Max: 20, Sum: 600}
					if err := tx.AddChunk(at, of, c); err != nil {
						return err
					}
				}
				o := telemetry.Open{Part: int64(each), Samples: take(samples[:openSamples], i, each*telemetry.ChunkSize)}
				if rollup.Counts(m) {
					o.Rolled = telemetry.Rolled{Began: begin, Head: o.Samples[openSamples-openWaiting-1], Waiting: openWaiting}
				}
				if err := tx.SetOpen(at, of, o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("storing what light %d told: %w", i, err)
		}
	}
	return nil
}

// alerted stores alerts of the project with many devices, a twentieth of them open.
func (d *archived) alerted(ctx context.Context) error {
	at := project.Assignment{Project: d.list.Project(), Network: d.networks[len(d.networks)-1]}
	var o alert.Outcome
	for n := range listAlerts {
		raised := time.Now().Add(-time.Duration(listAlerts-n) * time.Minute)
		member := rules.Member{Device: firstOfList + sconce.EUI64(n), Since: raised}
		one := rules.Incident{ID: newID[sconce.AlertID](raised), Kind: rules.DeviceOffline, Severity: rules.Warning, Raised: raised, Joined: raised, Times: 1}
		if n%20 != 0 {
			one.Cleared, member.Cleared = raised.Add(time.Minute), raised.Add(time.Minute)
		}
		one.Members = []rules.Member{member}
		if o.Alerts = append(o.Alerts, one); len(o.Alerts) == 500 {
			if err := d.Alerts().Record(ctx, at, o); err != nil {
				return err
			}
			o.Alerts = nil
		}
	}
	return nil
}

// settle makes days again when settings say so.
func (d *archived) settle(ctx context.Context) error {
	return telemetry.Settler{Store: d.Days(), Log: slog.New(slog.DiscardHandler)}.Round(ctx)
}
