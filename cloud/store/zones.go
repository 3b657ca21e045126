package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// zones remembers time zones, of which there are some 600: to read one takes longer than all
// else that is done with it.
type zones struct {
	mu        sync.Mutex
	by        map[string]*time.Location
	calendars map[string]rollup.Calendar // by their names
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

// mostCalendars is how many calendars are remembered; then all are forgotten.
const mostCalendars = 1000

// calendar returns a calendar by its name, which [calendarName] made. Until there were hours with
// prices of their own the name was that of the zone.
func (z *zones) calendar(name string) (rollup.Calendar, error) {
	z.mu.Lock()
	c, ok := z.calendars[name]
	z.mu.Unlock()
	if ok {
		return c, nil
	}
	zone, tables, _ := strings.Cut(name, " ")
	location, err := z.load(zone)
	if err != nil {
		return c, err
	}
	c.Zone = location
	if tables != "" {
		if err := json.Unmarshal([]byte(tables), &c.Tables); err != nil {
			return c, fmt.Errorf("the calendar of days: %w", err)
		}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.calendars == nil || len(z.calendars) >= mostCalendars {
		z.calendars = map[string]rollup.Calendar{}
	}
	z.calendars[name] = c
	return c, nil
}

// calendarName returns the form in which a calendar is stored, with the name of its zone.
func calendarName(zone string, c rollup.Calendar) (string, error) {
	tables, err := json.Marshal(append([]rollup.Table{}, c.Tables...))
	return zone + " " + string(tables), err
}

// calendarOf returns the name of what the days of a project are to be made by.
func calendarOf(ctx context.Context, q *sitedb.Queries, id string) (string, error) {
	set, err := energySettings(ctx, q, sconce.ProjectID(id))
	if err != nil {
		return "", err
	}
	return calendarName(set.Zone, figures.Calendar(set.Rates, nil))
}

// setCalendar lets the days of a device be made as its project says now.
func (t *resultsTx) setCalendar(a project.Assignment, device sconce.EUI64) error {
	name, err := calendarOf(t.ctx, t.q, string(a.Project))
	if sconce.KindOf(err) == sconce.NotFound {
		name, err = calendarName(time.UTC.String(), rollup.Calendar{}) // it has just been deleted
	}
	if err != nil {
		return err
	}
	return t.q.SetRollupCalendar(t.ctx, sitedb.SetRollupCalendarParams{ProjectID: string(a.Project), Device: int64(device), Zone: name})
}

// OtherCalendars implements [telemetry.Store].
func (m measurements) OtherCalendars(ctx context.Context, s project.Scope, zone string, c rollup.Calendar) (zones, hours []sconce.EUI64, err error) {
	name, err := calendarName(zone, c)
	if err != nil {
		return nil, nil, doing("reading the calendars of rollups", err)
	}
	rows, err := m.in(s).reading.OtherCalendars(ctx, sitedb.OtherCalendarsParams{ProjectID: string(s.Project()), Zone: name, Max: math.MaxInt32})
	for _, r := range rows {
		if of, _, _ := strings.Cut(r.Zone, " "); of == zone {
			hours = append(hours, sconce.EUI64(r.Device))
		} else {
			zones = append(zones, sconce.EUI64(r.Device))
		}
	}
	return zones, hours, doing("reading the calendars of rollups", err)
}

// Days returns where the days of rollups are made again by other calendars.
func (s *Store) Days() telemetry.Days { return days{s.site, &s.zones} }

type days struct {
	site

	zones *zones
}

// projectsAtOnce is how many projects are looked for in one go.
const projectsAtOnce = 100

// Unsettled implements [telemetry.Days].
func (d days) Unsettled(ctx context.Context, after sconce.ProjectID) ([]sconce.ProjectID, error) {
	ids, err := d.across().reading.ZonesToSettle(ctx, sitedb.ZonesToSettleParams{After: string(after), Max: projectsAtOnce})
	return mapped(ids, func(id string) sconce.ProjectID { return sconce.ProjectID(id) }), doing("reading which days are to be made again", err)
}

// Settle implements [telemetry.Days].
func (d days) Settle(ctx context.Context, id sconce.ProjectID, limit int) error {
	name, err := calendarOf(ctx, d.of(id).reading, string(id))
	if sconce.KindOf(err) == sconce.NotFound {
		return nil
	}
	if err != nil {
		return doing("reading which days are to be made again", err)
	}
	devices, err := d.of(id).reading.OtherCalendars(ctx, sitedb.OtherCalendarsParams{ProjectID: string(id), Zone: name, Max: int64(limit)})
	if err != nil {
		return doing("reading which days are to be made again", err)
	}
	for _, one := range devices {
		err := d.unlessOther(ctx, id, name, func(q *sitedb.Queries) error { return d.remake(ctx, q, string(id), one, name) })
		if errors.Is(err, errOtherCalendar) {
			return nil
		}
		if err != nil {
			return doing("making days again", err)
		}
	}
	if len(devices) > 0 {
		return nil
	}
	err = d.unlessOther(ctx, id, name, func(q *sitedb.Queries) error { return q.SettleZone(ctx, string(id)) })
	if errors.Is(err, errOtherCalendar) {
		return nil
	}
	return doing("ending the making of days", err)
}

var errOtherCalendar = errors.New("the calendar is another one by now")

// unlessOther changes a project, unless its calendar is another one by now.
func (d days) unlessOther(ctx context.Context, id sconce.ProjectID, name string, change func(*sitedb.Queries) error) error {
	return d.of(id).update(ctx, func(q *sitedb.Queries) error {
		now, err := calendarOf(ctx, q, string(id))
		if sconce.KindOf(err) == sconce.NotFound || err == nil && now != name {
			return errOtherCalendar // deleted, or changed once more
		}
		if err != nil {
			return err
		}
		return change(q)
	})
}

// remake makes the days and the months of a device from its quarters.
func (d days) remake(ctx context.Context, q *sitedb.Queries, id string, of sitedb.OtherCalendarsRow, name string) error {
	was, err := d.zones.calendar(of.Zone)
	if err != nil {
		return err
	}
	now, err := d.zones.calendar(name)
	if err != nil {
		return err
	}
	kept := [2]map[int64]rollup.Block{}
	for level := range kept {
		rows, err := q.RollupsOf(ctx, sitedb.RollupsOfParams{ProjectID: id, Level: int64(level), Device: of.Device})
		if err != nil {
			return err
		}
		kept[level] = make(map[int64]rollup.Block, len(rows))
		for _, r := range rows {
			if kept[level][r.Period], err = rollup.Parse(r.Sums); err != nil {
				return err
			}
		}
	}
	days, months := rollup.Remade(kept[rollup.Quarters], kept[rollup.Days], was, now), map[int64]rollup.Block{}
	for period, b := range days {
		p := rollup.MonthPlace(period)
		year := months[p.Period]
		year.Put(b.As(p.Index))
		months[p.Period] = year
	}
	for level, made := range map[rollup.Level]map[int64]rollup.Block{rollup.Days: days, rollup.Months: months} {
		if err := q.RemoveRollups(ctx, sitedb.RemoveRollupsParams{ProjectID: id, Level: int64(level), Device: of.Device}); err != nil {
			return err
		}
		for period, b := range made {
			err := q.SetRollup(ctx, sitedb.SetRollupParams{ProjectID: id, Level: int64(level), Device: of.Device, Period: period, Sums: notNil(b.Append(nil))})
			if err != nil {
				return err
			}
		}
	}
	return q.SetRollupCalendar(ctx, sitedb.SetRollupCalendarParams{ProjectID: id, Device: of.Device, Zone: name})
}
