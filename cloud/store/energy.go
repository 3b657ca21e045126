package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/audit"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Energy returns where settings of energy are kept, and what belonged to what.
func (s *Store) Energy() energy.Store { return energies{s.site} }

type energies struct{ site }

// storedEnergy is the form in which settings are stored, beside the time zone.
type storedEnergy struct {
	Currency string          `json:"currency"`
	Rates    []figures.Rate  `json:"rates,omitempty"`
	Baseline energy.Baseline `json:"baseline,omitzero"`
	Budget   float64         `json:"budget_wh,omitempty"`
}

func (e energies) Settings(ctx context.Context, s project.Scope) (set energy.Settings, err error) {
	err = e.in(s).view(ctx, func(q *sitedb.Queries) error {
		set, err = energySettings(ctx, q, s.Project())
		return err
	})
	return set, doing("reading the settings of energy", err)
}

func energySettings(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID) (energy.Settings, error) {
	set := energy.Defaults()
	d, err := q.Discretion(ctx, string(id))
	if err != nil {
		return set, found(err, "project")
	}
	set.Zone, set.Aggregated = d.TimeZone, d.OccupancyAggregated != 0
	text, err := q.EnergySettings(ctx, string(id))
	if none(err) {
		return set, nil
	}
	if err != nil {
		return set, err
	}
	var stored storedEnergy
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return set, fmt.Errorf("the settings of energy: %w", err)
	}
	set.Currency, set.Rates, set.Baseline, set.Budget = stored.Currency, stored.Rates, stored.Baseline, stored.Budget
	return set, nil
}

func (e energies) SetSettings(ctx context.Context, s project.Scope, set energy.Settings) error {
	text, err := json.Marshal(storedEnergy{set.Currency, set.Rates, set.Baseline, set.Budget})
	if err != nil {
		return doing("storing the settings of energy", err)
	}
	id := string(s.Project())
	return doing("storing the settings of energy", e.in(s).update(ctx, func(q *sitedb.Queries) error {
		was, err := q.Discretion(ctx, id)
		if err != nil {
			return found(err, "project")
		}
		if err := q.SetTimeZone(ctx, sitedb.SetTimeZoneParams{ProjectID: id, TimeZone: set.Zone}); err != nil {
			return err
		}
		if err := q.SetEnergySettings(ctx, sitedb.SetEnergySettingsParams{ProjectID: id, Settings: string(text)}); err != nil {
			return err
		}
		if err := q.UnsettleZone(ctx, id); err != nil {
			return err
		}
		if err := note(ctx, q, s, audit.EnergySet, "", "time_zone="+set.Zone); err != nil {
			return err
		}
		if is := number(set.Aggregated); is != was.OccupancyAggregated {
			if err := q.SetDiscretion(ctx, sitedb.SetDiscretionParams{ProjectID: id, OccupancyAggregated: is}); err != nil {
				return err
			}
			return note(ctx, q, s, audit.OccupancySet, "", fmt.Sprintf("aggregated=%v", set.Aggregated))
		}
		return nil
	}))
}

func (e energies) Gateways(ctx context.Context, s project.Scope) (all []sconce.EUI64, err error) {
	networks, err := e.in(s).reading.Networks(ctx, string(s.Project()))
	for _, n := range networks {
		if n.Gateway != nil {
			all = append(all, sconce.EUI64(*n.Gateway))
		}
	}
	return all, doing("reading the gateways of a project", err)
}

func (e energies) Places(ctx context.Context, s project.Scope) (p energy.Places, err error) {
	id := string(s.Project())
	err = e.in(s).view(ctx, func(q *sitedb.Queries) error {
		p = energy.Places{}
		named, err := q.Project(ctx, id)
		if err != nil {
			return found(err, "project")
		}
		p.Project = named.Name
		networks, err := q.Networks(ctx, id)
		if err != nil {
			return err
		}
		p.Networks = mapped(networks, func(r sitedb.NetworksRow) project.Network {
			return project.Network{ID: sconce.NetworkID(r.ID), Name: r.Name, Made: momentOf(r.MadeMs)}
		})
		groups, err := q.GroupsOfProject(ctx, id)
		if err != nil {
			return err
		}
		at := map[string]int{}
		for i, g := range groups {
			at[g.ID] = i
			p.Groups = append(p.Groups, energy.Group{ID: sconce.GroupID(g.ID), Network: sconce.NetworkID(g.NetworkID), Name: g.Name})
		}
		members, err := q.MembersOfGroups(ctx, id)
		if err != nil {
			return err
		}
		for _, m := range members {
			g := &p.Groups[at[m.GroupID]]
			g.Members = append(g.Members, sconce.PositionID(m.PositionID))
		}
		stays, err := q.Stays(ctx, id)
		p.Stays = mapped(stays, stayOf)
		return err
	})
	return p, doing("reading what belongs to what", err)
}

func stayOf(r sitedb.StaysRow) energy.Stay {
	return energy.Stay{
		Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind), Position: sconce.PositionID(r.PositionID), Name: r.Name,
		Network: sconce.NetworkID(r.NetworkID), From: momentOf(r.FromMs), Until: optionalMoment(r.UntilMs),
	}
}

func (e energies) Incidents(ctx context.Context, s project.Scope, from, to time.Time) ([]energy.Incident, error) {
	rows, err := e.in(s).reading.AlertsRaised(ctx, sitedb.AlertsRaisedParams{ProjectID: string(s.Project()), Since: from.UnixMilli(), Until: to.UnixMilli()})
	if err != nil {
		return nil, doing("reading what was wrong", err)
	}
	var all []energy.Incident
	for _, r := range rows {
		kind := rules.Kind(r.Rule)
		if kind != rules.LampFailure && kind != rules.DriverFault && kind != rules.DeviceOffline {
			continue
		}
		var members []rules.Member
		if err := json.Unmarshal([]byte(r.Members), &members); err != nil {
			return nil, doing("reading what was wrong", err)
		}
		for _, m := range members {
			if !m.Since.Before(from) && m.Since.Before(to) {
				all = append(all, energy.Incident{Device: m.Device, At: m.Since, Offline: kind == rules.DeviceOffline})
			}
		}
	}
	return all, nil
}

// beginStay notes that a device hangs in a position from now on.
func beginStay(ctx context.Context, q *sitedb.Queries, s project.Scope, d lighting.Device, from time.Time) error {
	return q.BeginStay(ctx, sitedb.BeginStayParams{
		ProjectID: string(s.Project()), Device: int64(d.Device), FromMs: from.UnixMilli(), PositionID: string(d.Position),
		NetworkID: string(d.Network), Name: d.Name, Kind: int64(d.Kind),
	})
}

// maxStays is how many stays of a project are kept that have ended; the oldest are forgotten.
const maxStays = 20_000

// endStay notes that a device hangs in its position no more.
func endStay(ctx context.Context, q *sitedb.Queries, s project.Scope, device sconce.EUI64, until time.Time) error {
	id := string(s.Project())
	if err := q.EndStay(ctx, sitedb.EndStayParams{ProjectID: id, Device: int64(device), UntilMs: new(until.UnixMilli())}); err != nil {
		return err
	}
	beyond, err := q.StaysBeyond(ctx, sitedb.StaysBeyondParams{ProjectID: id, Keep: maxStays})
	if err != nil {
		return err
	}
	for _, b := range beyond {
		if err := q.ForgetStay(ctx, sitedb.ForgetStayParams{ProjectID: id, Device: b.Device, FromMs: b.FromMs}); err != nil {
			return err
		}
	}
	return nil
}
