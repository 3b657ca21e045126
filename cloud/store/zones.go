package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// zones remembers time zones, of which there are some 600: to read one takes longer than all
// else that is done with it.
type zones struct {
	mu sync.Mutex
	by map[string]*time.Location
}

func (z *zones) load(name string) (*time.Location, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if zone := z.by[name]; zone != nil {
		return zone, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("a time zone that was known once: %w", err)
	}
	if z.by == nil {
		z.by = map[string]*time.Location{}
	}
	z.by[name] = zone
	return zone, nil
}

// DayZone implements [telemetry.Rollups].
func (t *resultsTx) DayZone(a project.Assignment, device sconce.EUI64) (*time.Location, error) {
	name, err := t.bound.RollupZone(t.ctx, sitedb.RollupZoneParams{ProjectID: string(a.Project), Device: int64(device)})
	if none(err) {
		if name, err = t.q.TimeZone(t.ctx, string(a.Project)); none(err) {
			name, err = time.UTC.String(), nil // its project has just been deleted
		}
		if err == nil {
			err = t.q.SetRollupZone(t.ctx, sitedb.SetRollupZoneParams{ProjectID: string(a.Project), Device: int64(device), Zone: name})
		}
	}
	if err != nil {
		return nil, doing("reading the time zone of rollups", err)
	}
	zone, err := t.zones.load(name)
	return zone, doing("reading the time zone of rollups", err)
}

// InOtherZones implements [telemetry.Store].
func (m measurements) InOtherZones(ctx context.Context, s project.Scope, zone string) ([]sconce.EUI64, error) {
	devices, err := m.in(s).reading.InOtherZones(ctx, sitedb.InOtherZonesParams{ProjectID: string(s.Project()), Zone: zone, Max: math.MaxInt32})
	return mapped(devices, func(d int64) sconce.EUI64 { return sconce.EUI64(d) }), doing("reading the time zones of rollups", err)
}

// Days returns where the days of rollups are made again in other time zones.
func (s *Store) Days() telemetry.Days { return days{s.site, &s.zones} }

type days struct {
	site

	zones *zones
}

// projectsAtOnce is how many projects are looked for in one go.
const projectsAtOnce = 100

// Unsettled implements [telemetry.Days].
func (d days) Unsettled(ctx context.Context, after sconce.ProjectID) ([]telemetry.Zoned, error) {
	rows, err := d.across().reading.ZonesToSettle(ctx, sitedb.ZonesToSettleParams{After: string(after), Max: projectsAtOnce})
	return mapped(rows, func(r sitedb.ZonesToSettleRow) telemetry.Zoned {
		return telemetry.Zoned{Project: sconce.ProjectID(r.ID), Zone: r.TimeZone}
	}), doing("reading which days are to be made again", err)
}

// Settle implements [telemetry.Days].
func (d days) Settle(ctx context.Context, z telemetry.Zoned, limit int) error {
	id := string(z.Project)
	devices, err := d.of(z.Project).reading.InOtherZones(ctx, sitedb.InOtherZonesParams{ProjectID: id, Zone: z.Zone, Max: int64(limit)})
	if err != nil {
		return doing("reading which days are to be made again", err)
	}
	if len(devices) == 0 {
		return doing("ending a change of time zone", d.of(z.Project).update(ctx, func(q *sitedb.Queries) error {
			return q.SettleZone(ctx, sitedb.SettleZoneParams{ProjectID: id, Zone: z.Zone})
		}))
	}
	zone, err := d.zones.load(z.Zone)
	if err != nil {
		return err
	}
	for _, device := range devices {
		err := d.of(z.Project).update(ctx, func(q *sitedb.Queries) error {
			now, err := q.TimeZone(ctx, id)
			if none(err) || err == nil && now != z.Zone {
				return errOtherZone // deleted, or changed once more
			}
			if err != nil {
				return err
			}
			return remakeDays(ctx, q, id, device, z.Zone, zone)
		})
		if errors.Is(err, errOtherZone) {
			return nil
		}
		if err != nil {
			return doing("making days again", err)
		}
	}
	return nil
}

var errOtherZone = errors.New("the time zone is another one by now")

// remakeDays makes the days of a device from its quarters.
func remakeDays(ctx context.Context, q *sitedb.Queries, id string, device int64, name string, zone *time.Location) error {
	blocks := [2]map[int64]rollup.Block{}
	for level := range blocks {
		rows, err := q.RollupsOf(ctx, sitedb.RollupsOfParams{ProjectID: id, Level: int64(level), Device: device})
		if err != nil {
			return err
		}
		blocks[level] = make(map[int64]rollup.Block, len(rows))
		for _, r := range rows {
			if blocks[level][r.Period], err = rollup.Parse(r.Sums); err != nil {
				return err
			}
		}
	}
	if err := q.RemoveRollups(ctx, sitedb.RemoveRollupsParams{ProjectID: id, Level: int64(rollup.Days), Device: device}); err != nil {
		return err
	}
	for period, b := range rollup.Remade(blocks[rollup.Quarters], blocks[rollup.Days], zone) {
		err := q.SetRollup(ctx, sitedb.SetRollupParams{ProjectID: id, Level: int64(rollup.Days), Device: device, Period: period, Sums: notNil(b.Append(nil))})
		if err != nil {
			return err
		}
	}
	return q.SetRollupZone(ctx, sitedb.SetRollupZoneParams{ProjectID: id, Device: device, Zone: name})
}
