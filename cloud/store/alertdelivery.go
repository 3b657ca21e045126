package store

import (
	"context"
	"encoding/json"
	"time"

	"sconce"
	"sconce/cloud/alert"
	"sconce/cloud/alert/rules"
	"sconce/cloud/audit"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

func (a alerts) Due(ctx context.Context, now time.Time, limit int) ([]alert.Notice, error) {
	rows, err := a.across().reading.DueAlertNotices(ctx, sitedb.DueAlertNoticesParams{NowMs: now.UnixMilli(), Max: int64(limit)})
	return mapped(rows, func(r sitedb.AlertNotice) alert.Notice {
		return alert.Notice{
			ID: r.ID, Project: sconce.ProjectID(r.ProjectID), Alert: sconce.AlertID(r.AlertID), Hook: alert.HookID(r.HookID), News: rules.News(r.News),
			Made: momentOf(r.MadeMs), Due: momentOf(r.DueMs), Tries: int(r.Tries),
		}
	}), doing("reading notices of alerts", err)
}

func (a alerts) Postpone(ctx context.Context, n alert.Notice) error {
	return doing("postponing a notice of an alert", a.of(n.Project).update(ctx, func(q *sitedb.Queries) error {
		return q.PostponeAlertNotice(ctx, sitedb.PostponeAlertNoticeParams{ProjectID: string(n.Project), ID: n.ID, DueMs: n.Due.UnixMilli(), Tries: int64(n.Tries)})
	}))
}

func (a alerts) Defer(ctx context.Context, id sconce.ProjectID, hook alert.HookID, until time.Time) error {
	return doing("postponing the notices of a webhook", a.of(id).update(ctx, func(q *sitedb.Queries) error {
		return q.DeferAlertNotices(ctx, sitedb.DeferAlertNoticesParams{ProjectID: string(id), HookID: string(hook), DueMs: until.UnixMilli()})
	}))
}

func (a alerts) Done(ctx context.Context, n alert.Notice) error {
	return doing("removing a notice of an alert", a.of(n.Project).update(ctx, func(q *sitedb.Queries) error {
		return q.RemoveAlertNotice(ctx, sitedb.RemoveAlertNoticeParams{ProjectID: string(n.Project), ID: n.ID})
	}))
}

func (a alerts) SetTold(ctx context.Context, id sconce.ProjectID, one sconce.AlertID, told bool) error {
	return doing("noting that people were told of an alert", a.of(id).update(ctx, func(q *sitedb.Queries) error {
		return q.SetAlertTold(ctx, sitedb.SetAlertToldParams{ProjectID: string(id), ID: string(one), Told: number(told)})
	}))
}

func (a alerts) SetFailing(ctx context.Context, id sconce.ProjectID, hook alert.HookID, since time.Time) error {
	return doing("noting that a webhook fails", a.of(id).update(ctx, func(q *sitedb.Queries) error {
		return q.SetAlertHookFailing(ctx, sitedb.SetAlertHookFailingParams{ProjectID: string(id), ID: string(hook), FailingMs: optionalMs(since)})
	}))
}

func (a alerts) Report(ctx context.Context, id sconce.ProjectID, one sconce.AlertID) (r alert.Report, err error) {
	err = a.of(id).view(ctx, func(q *sitedb.Queries) error {
		row, err := q.Alert(ctx, sitedb.AlertParams{ProjectID: string(id), ID: string(one)})
		if err != nil {
			return found(err, "alert")
		}
		if r.Alert, err = alertOf(row); err != nil {
			return err
		}
		p, err := q.Project(ctx, string(id))
		if err != nil {
			return err
		}
		r.ProjectName = p.Name
		networks, err := q.Networks(ctx, string(id))
		if err != nil {
			return err
		}
		for _, n := range networks {
			if n.ID == row.NetworkID {
				r.NetworkName = n.Name
			}
		}
		devices, err := q.Devices(ctx, sitedb.DevicesParams{ProjectID: string(id), NetworkID: row.NetworkID})
		if err != nil {
			return err
		}
		r.Names = make(map[sconce.EUI64]string, len(devices))
		for _, d := range devices {
			r.Names[sconce.EUI64(d.Device)] = d.Name
		}
		if r.Settings, err = alertSettings(ctx, q, id); err != nil {
			return err
		}
		if r.Readers, err = readersOf(ctx, q, id); err != nil {
			return err
		}
		r.Hooks, err = hooksOf(ctx, q, id)
		return err
	})
	return r, doing("reading what is to be told of an alert", err)
}

func readersOf(ctx context.Context, q *sitedb.Queries, id sconce.ProjectID) ([]alert.Reader, error) {
	rows, err := q.AlertReaders(ctx, string(id))
	return mapped(rows, func(r sitedb.AlertReadersRow) alert.Reader {
		return alert.Reader{Account: sconce.AccountID(r.AccountID), Role: sconce.Role(r.Role), Least: rules.Severity(r.Least)}
	}), err
}

func (a alerts) Settings(ctx context.Context, s project.Scope) (set alert.Settings, err error) {
	err = a.in(s).view(ctx, func(q *sitedb.Queries) error {
		set, err = alertSettings(ctx, q, s.Project())
		return err
	})
	return set, doing("reading the rules of alerts", err)
}

func (a alerts) SetSettings(ctx context.Context, s project.Scope, set alert.Settings) error {
	text, err := json.Marshal(set)
	if err != nil {
		return doing("storing the rules of alerts", err)
	}
	return doing("storing the rules of alerts", a.in(s).update(ctx, func(q *sitedb.Queries) error {
		if err := q.SetAlertSettings(ctx, sitedb.SetAlertSettingsParams{ProjectID: string(s.Project()), Settings: string(text)}); err != nil {
			return err
		}
		return note(ctx, q, s, audit.AlertRulesChanged, "", "")
	}))
}

func (a alerts) Hooks(ctx context.Context, s project.Scope) (hooks []alert.Hook, err error) {
	err = a.in(s).view(ctx, func(q *sitedb.Queries) error {
		hooks, err = hooksOf(ctx, q, s.Project())
		return err
	})
	return hooks, doing("reading webhooks", err)
}

func (a alerts) AddHook(ctx context.Context, s project.Scope, h alert.Hook, most int) error {
	return doing("storing a webhook", a.in(s).update(ctx, func(q *sitedb.Queries) error {
		there, err := hooksOf(ctx, q, s.Project())
		if err != nil {
			return err
		}
		if len(there) >= most {
			return sconce.Errorf(sconce.TooMany, "this project has %d webhooks already: remove one first", len(there))
		}
		err = q.AddAlertHook(ctx, sitedb.AddAlertHookParams{ProjectID: string(s.Project()), ID: string(h.ID), Sealed: h.Sealed, Least: int64(h.Least), MadeMs: h.Made.UnixMilli()})
		if err != nil {
			return err
		}
		return note(ctx, q, s, audit.AlertHookMade, "hook:"+string(h.ID), "")
	}))
}

func (a alerts) RemoveHook(ctx context.Context, s project.Scope, id alert.HookID) error {
	return doing("removing a webhook", a.in(s).update(ctx, func(q *sitedb.Queries) error {
		n, err := q.RemoveAlertHook(ctx, sitedb.RemoveAlertHookParams{ProjectID: string(s.Project()), ID: string(id)})
		if err == nil && n == 0 {
			return sconce.Errorf(sconce.NotFound, "there is no such webhook in this project")
		}
		if err != nil {
			return err
		}
		return note(ctx, q, s, audit.AlertHookRemoved, "hook:"+string(id), "")
	}))
}

func (a alerts) Reader(ctx context.Context, s project.Scope) (r alert.Reader, err error) {
	err = a.in(s).view(ctx, func(q *sitedb.Queries) error {
		all, err := readersOf(ctx, q, s.Project())
		r = alert.Reader{}
		for _, one := range all {
			if one.Account == s.Account() {
				r = one
			}
		}
		return err
	})
	return r, doing("reading who gets letters", err)
}

func (a alerts) SetReader(ctx context.Context, s project.Scope, least rules.Severity) error {
	err := a.in(s).update(ctx, func(q *sitedb.Queries) error {
		return q.SetAlertReader(ctx, sitedb.SetAlertReaderParams{ProjectID: string(s.Project()), AccountID: string(s.Account()), Least: int64(least)})
	})
	if violatesReference(err) {
		return sconce.Errorf(sconce.Forbidden, "letters are for members of the project")
	}
	return doing("storing who gets letters", err)
}
