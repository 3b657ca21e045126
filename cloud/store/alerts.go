package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

// Alerts returns where alerts are kept.
func (s *Store) Alerts() alert.Store { return alerts{s.site, &s.zones} }

type alerts struct {
	site

	zones *zones
}

func (a alerts) Watched(ctx context.Context) ([]alert.Watched, error) {
	rows, err := a.across().reading.WatchedNetworks(ctx)
	return mapped(rows, func(r sitedb.WatchedNetworksRow) alert.Watched {
		at := project.Assignment{Project: sconce.ProjectID(r.ProjectID), Network: sconce.NetworkID(r.NetworkID)}
		return alert.Watched{Assignment: at, Gateway: sconce.EUI64(r.Gateway)}
	}), doing("reading which networks there are", err)
}

func (a alerts) NetworkOf(ctx context.Context, id sconce.ProjectID, device sconce.EUI64) (sconce.NetworkID, error) {
	n, err := a.of(id).reading.NetworkOfDevice(ctx, sitedb.NetworkOfDeviceParams{ProjectID: string(id), Device: int64(device)})
	if none(err) {
		return "", nil
	}
	return sconce.NetworkID(n), doing("reading where a device is", err)
}

func (a alerts) Situation(ctx context.Context, w alert.Watched, since time.Time) (s alert.Situation, err error) {
	err = a.of(w.Project).view(ctx, func(q *sitedb.Queries) error {
		s = alert.Situation{}
		if s.Network.Gateway, err = gatewayNow(ctx, q, w); err != nil {
			return err
		}
		if s.Network.Devices, err = devicesNow(ctx, q, w.Assignment); err != nil {
			return err
		}
		if s.Network.Kept, err = keptOf(ctx, q, w.Project); err != nil {
			return err
		}
		if s.Watches, err = watchesOf(ctx, q, w.Assignment); err != nil {
			return err
		}
		if s.Recent, err = recentAlerts(ctx, q, w.Assignment, since); err != nil {
			return err
		}
		if s.Settings, err = alertSettings(ctx, q, w.Project); err != nil {
			return err
		}
		open, err := q.CountOpenAlerts(ctx, string(w.Project))
		if err != nil {
			return err
		}
		waiting, err := q.CountAlertNotices(ctx, string(w.Project))
		if err != nil {
			return err
		}
		s.Crowded, s.Notices = open >= alert.MaxOpen, int(waiting)
		s.Hooks, err = hooksOf(ctx, q, w.Project)
		return err
	})
	return s, doing("reading how a network stands", err)
}

// gatewayNow returns how the gateway of a network stands. One that never connected is not
// away: it has not come yet.
func gatewayNow(ctx context.Context, q *sitedb.Queries, w alert.Watched) (rules.Gateway, error) {
	g, err := q.WatchedGateway(ctx, sitedb.WatchedGatewayParams{ProjectID: string(w.Project), NetworkID: string(w.Network)})
	if none(err) || err == nil && g.Online == nil {
		return rules.Gateway{}, nil
	}
	if err != nil {
		return rules.Gateway{}, err
	}
	now := rules.Gateway{Device: sconce.EUI64(g.Gateway), Online: *g.Online != 0, Since: optionalMoment(g.SinceMs)}
	hello, err := q.GatewayHello(ctx, sitedb.GatewayHelloParams{ProjectID: string(w.Project), Gateway: g.Gateway})
	if none(err) {
		return now, nil
	}
	if err != nil {
		return rules.Gateway{}, err
	}
	now.Run, now.Lost = uint64(hello.BootCount), uint64(hello.Dropped)
	claimed, err := q.ClaimedAt(ctx, sitedb.ClaimedAtParams{ProjectID: string(w.Project), Gateway: g.Gateway})
	if err != nil {
		return rules.Gateway{}, err
	}
	runs, err := q.Accounts(ctx, sitedb.AccountsParams{Gateway: g.Gateway, Since: claimed, Max: 1})
	if err != nil {
		return rules.Gateway{}, err
	}
	for _, r := range runs {
		now.Lost += uint64(r.Missing)
	}
	return now, nil
}

func devicesNow(ctx context.Context, q *sitedb.Queries, a project.Assignment) ([]rules.Device, error) {
	rows, err := q.WatchedDevices(ctx, sitedb.WatchedDevicesParams{ProjectID: string(a.Project), NetworkID: string(a.Network)})
	return mapped(rows, func(r sitedb.WatchedDevicesRow) rules.Device {
		d := rules.Device{
			Device: sconce.EUI64(r.Device), Kind: sconce.DeviceKind(r.Kind), Heard: optionalMoment(r.HeardMs),
			Power: r.PowerW, Battery: r.Battery, Inside: r.Temperature, OccupiedAt: optionalMoment(r.OccupiedMs),
		}
		if r.StateNetwork != nil && *r.StateNetwork == string(a.Network) && r.HeardMs != nil {
			d.Known, d.Reachable = true, r.Reachable != nil && *r.Reachable != 0
		}
		if f := faultsOf(r.Faults); f != nil {
			d.Faults = *f
		}
		if r.RatedPower != nil {
			d.Rated = *r.RatedPower
		}
		return d
	}), err
}

// keptOf returns how long gateways of a project keep to themselves that they heard a sensor,
// at most: the longest period of which they tell occupancy.
func keptOf(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID) (time.Duration, error) {
	d, err := q.Discretion(ctx, string(id))
	if none(err) || err == nil && d.OccupancyAggregated == 0 {
		return 0, nil
	}
	return time.Hour, err
}

func watchesOf(ctx context.Context, q *sitedb.Queries, a project.Assignment) (map[rules.Key]rules.Watch, error) {
	rows, err := q.AlertWatches(ctx, sitedb.AlertWatchesParams{ProjectID: string(a.Project), NetworkID: string(a.Network)})
	if err != nil {
		return nil, err
	}
	all := make(map[rules.Key]rules.Watch, len(rows))
	for _, r := range rows {
		var w rules.Watch
		if err := json.Unmarshal([]byte(r.Watch), &w); err != nil {
			return nil, fmt.Errorf("what is remembered of device %s: %w", sconce.EUI64(r.Device), err)
		}
		all[rules.Key{Kind: rules.Kind(r.Rule), Device: sconce.EUI64(r.Device)}] = w
	}
	return all, nil
}

func recentAlerts(ctx context.Context, q *sitedb.Queries, a project.Assignment, since time.Time) ([]rules.Incident, error) {
	open, err := q.OpenAlerts(ctx, sitedb.OpenAlertsParams{ProjectID: string(a.Project), NetworkID: string(a.Network)})
	if err != nil {
		return nil, err
	}
	cleared, err := q.ClearedAlerts(ctx, sitedb.ClearedAlertsParams{ProjectID: string(a.Project), NetworkID: string(a.Network), Since: new(since.UnixMilli())})
	if err != nil {
		return nil, err
	}
	var all []rules.Incident
	for _, r := range append(cleared, open...) {
		one, err := alertOf(r)
		if err != nil {
			return nil, err
		}
		all = append(all, one.Incident)
	}
	return all, nil
}

func alertOf(r sitedb.Alert) (alert.Alert, error) {
	a := alert.Alert{
		Incident: rules.Incident{
			ID: sconce.AlertID(r.ID), Kind: rules.Kind(r.Rule), Severity: rules.Severity(r.Severity), Raised: momentOf(r.RaisedMs),
			Cleared: optionalMoment(r.ClearedMs), Joined: momentOf(r.JoinedMs), Times: int(r.Times),
		},
		Network: sconce.NetworkID(r.NetworkID), Seen: optionalMoment(r.SeenMs), SeenBy: sconce.AccountID(r.SeenBy), Told: r.Told != 0,
	}
	if err := json.Unmarshal([]byte(r.Members), &a.Members); err != nil {
		return alert.Alert{}, fmt.Errorf("the devices of an alert: %w", err)
	}
	return a, nil
}

func alertSettings(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID) (s alert.Settings, err error) {
	if s.Zone, err = q.TimeZone(ctx, string(id)); err != nil && !none(err) {
		return s, err
	}
	text, err := q.AlertSettings(ctx, string(id))
	if none(err) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

func hooksOf(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID) ([]alert.Hook, error) {
	rows, err := q.AlertHooks(ctx, string(id))
	return mapped(rows, func(r sitedb.AlertHook) alert.Hook {
		return alert.Hook{
			ID: alert.HookID(r.ID), Least: rules.Severity(r.Least), Made: momentOf(r.MadeMs), Failing: optionalMoment(r.FailingMs), Sealed: r.Sealed,
		}
	}), err
}

func (a alerts) Record(ctx context.Context, at project.Assignment, o alert.Outcome) error {
	id, network := string(at.Project), string(at.Network)
	err := a.of(at.Project).update(ctx, func(q *sitedb.Queries) error {
		for k, w := range o.Set {
			text, err := json.Marshal(w)
			if err != nil {
				return err
			}
			err = q.SetAlertWatch(ctx, sitedb.SetAlertWatchParams{ProjectID: id, NetworkID: network, Rule: int64(k.Kind), Device: int64(k.Device), Watch: string(text)})
			if err != nil {
				return err
			}
		}
		for _, k := range o.Forget {
			err := q.ForgetAlertWatch(ctx, sitedb.ForgetAlertWatchParams{ProjectID: id, NetworkID: network, Rule: int64(k.Kind), Device: int64(k.Device)})
			if err != nil {
				return err
			}
		}
		if err := recordAlerts(ctx, q, at, o.Alerts); err != nil {
			return err
		}
		for _, n := range o.Notices {
			err := q.AddAlertNotice(ctx, sitedb.AddAlertNoticeParams{
				ProjectID: id, ID: n.ID, AlertID: string(n.Alert), HookID: string(n.Hook), News: int64(n.News), MadeMs: n.Made.UnixMilli(), DueMs: n.Due.UnixMilli(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return doing("storing alerts", err)
}

func recordAlerts(ctx context.Context, q *sitedb.Queries, at project.Assignment, all []rules.Incident) error {
	if len(all) == 0 {
		return nil
	}
	for i := range all {
		one := &all[i]
		members, err := json.Marshal(one.Members)
		if err != nil {
			return err
		}
		err = q.SetAlert(ctx, sitedb.SetAlertParams{
			ProjectID: string(at.Project), ID: string(one.ID), NetworkID: string(at.Network), Rule: int64(one.Kind), Severity: int64(one.Severity),
			IsOpen: number(one.Open()), RaisedMs: one.Raised.UnixMilli(), ClearedMs: optionalMs(one.Cleared), JoinedMs: one.Joined.UnixMilli(),
			Times: int64(one.Times), Members: string(members),
		})
		if err != nil {
			return err
		}
	}
	old, err := q.AlertsBeyond(ctx, sitedb.AlertsBeyondParams{ProjectID: string(at.Project), Keep: alert.MaxKept})
	if err != nil {
		return err
	}
	for _, one := range old {
		if err := q.ForgetAlert(ctx, sitedb.ForgetAlertParams{ProjectID: string(at.Project), ID: one}); err != nil {
			return err
		}
	}
	return nil
}

func (a alerts) Alerts(ctx context.Context, s project.Scope, f alert.Filter, before sconce.AlertID, limit int) ([]alert.Alert, error) {
	p := sitedb.AlertsParams{ProjectID: string(s.Project()), Before: string(before), Least: int64(f.Least), OpenTo: 1, RuleTo: math.MaxInt64, Max: int64(limit), Member: "%"}
	if before == "" {
		p.Before = "~" // after every identifier
	}
	if f.Kind != 0 {
		p.RuleFrom, p.RuleTo = int64(f.Kind), int64(f.Kind)
	}
	if f.Device != 0 {
		p.Member = `%"` + f.Device.String() + `"%` // as the list of members is stored
	}
	switch f.State {
	case alert.Open:
		p.OpenFrom = 1
	case alert.Cleared:
		p.OpenTo = 0
	case alert.Any:
	}
	rows, err := a.in(s).reading.Alerts(ctx, p)
	if err != nil {
		return nil, doing("reading alerts", err)
	}
	all := make([]alert.Alert, len(rows))
	for i, r := range rows {
		if all[i], err = alertOf(r); err != nil {
			return nil, doing("reading alerts", err)
		}
	}
	return all, nil
}

func (a alerts) Alert(ctx context.Context, s project.Scope, id sconce.AlertID) (one alert.Alert, notes []alert.Note, err error) {
	err = a.in(s).view(ctx, func(q *sitedb.Queries) error {
		r, err := q.Alert(ctx, sitedb.AlertParams{ProjectID: string(s.Project()), ID: string(id)})
		if err != nil {
			return found(err, "alert in this project")
		}
		if one, err = alertOf(r); err != nil {
			return err
		}
		rows, err := q.AlertNotes(ctx, sitedb.AlertNotesParams{ProjectID: string(s.Project()), AlertID: string(id)})
		notes = mapped(rows, func(r sitedb.AlertNote) alert.Note {
			return alert.Note{ID: r.ID, Author: sconce.AccountID(r.AccountID), At: momentOf(r.AtMs), Sealed: r.Note}
		})
		return err
	})
	return one, notes, doing("reading an alert", err)
}

func (a alerts) CountOpen(ctx context.Context, s project.Scope) (int, error) {
	n, err := a.in(s).reading.CountOpenAlerts(ctx, string(s.Project()))
	return int(n), doing("counting alerts", err)
}

func (a alerts) See(ctx context.Context, s project.Scope, id sconce.AlertID, at time.Time, n *alert.Note) error {
	err := a.in(s).update(ctx, func(q *sitedb.Queries) error {
		seen, err := q.SeeAlert(ctx, sitedb.SeeAlertParams{ProjectID: string(s.Project()), ID: string(id), SeenBy: string(s.Account()), SeenMs: new(at.UnixMilli())})
		if err == nil && seen == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such alert in this project")
		}
		if err != nil {
			return err
		}
		if n != nil {
			if err := addNote(ctx, q, s, id, *n, alert.MaxNotes); err != nil {
				return err
			}
		}
		return note(ctx, q, s, audit.AlertSeen, "alert:"+string(id), "")
	})
	return doing("acknowledging an alert", err)
}

func (a alerts) AddNote(ctx context.Context, s project.Scope, id sconce.AlertID, n alert.Note, most int) error {
	err := a.in(s).update(ctx, func(q *sitedb.Queries) error {
		if err := addNote(ctx, q, s, id, n, most); err != nil {
			return err
		}
		return note(ctx, q, s, audit.AlertNoted, "alert:"+string(id), "")
	})
	return doing("storing a note", err)
}

func addNote(ctx context.Context, q *sitedb.Queries, s project.Scope, id sconce.AlertID, n alert.Note, most int) error {
	there, err := q.CountAlertNotes(ctx, sitedb.CountAlertNotesParams{ProjectID: string(s.Project()), AlertID: string(id)})
	if err != nil {
		return err
	}
	if there >= int64(most) {
		return sconce.Errorf(sconce.TooMany, "this alert has %d notes already", there)
	}
	err = q.AddAlertNote(ctx, sitedb.AddAlertNoteParams{
		ProjectID: string(s.Project()), ID: n.ID, AlertID: string(id), AccountID: string(n.Author), AtMs: n.At.UnixMilli(), Note: n.Sealed,
	})
	if violatesReference(err) {
		return sconce.Errorf(sconce.NotFound, "there is no such alert in this project")
	}
	return err
}
