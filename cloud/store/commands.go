package store

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
)

func (l lights) CreateCommand(ctx context.Context, s project.Scope, c lighting.Command) error {
	p := sitedb.CreateCommandParams{
		ProjectID: string(s.Project()), ID: string(c.ID), NetworkID: string(c.Network), AccountID: string(c.Account),
		SwitchOn: optionalBool(c.On), Level: optionalLevel(c.Level), FadeMs: c.Fade.Milliseconds(), Targets: int64(c.Targets),
		MadeMs: c.Made.UnixMilli(), ExpiresMs: c.Expires.UnixMilli(), DeadlineMs: c.Deadline.UnixMilli(), Status: int64(c.Status),
	}
	if c.Device != 0 {
		p.Device = new(int64(c.Device))
	}
	if c.Group != "" {
		p.GroupID = new(string(c.Group))
	}
	return doing("storing a command", l.in(s).update(ctx, func(q *sitedb.Queries) error { return q.CreateCommand(ctx, p) }))
}

func commandOf(r sitedb.Command) lighting.Command {
	c := lighting.Command{
		ID: sconce.CommandID(r.ID), Project: sconce.ProjectID(r.ProjectID), Network: sconce.NetworkID(r.NetworkID), Account: sconce.AccountID(r.AccountID),
		On: boolOf(r.SwitchOn), Level: levelOf(r.Level), Fade: time.Duration(r.FadeMs) * time.Millisecond, Targets: int(r.Targets),
		Made: momentOf(r.MadeMs), Expires: momentOf(r.ExpiresMs), Deadline: momentOf(r.DeadlineMs),
		Status: lighting.Status(r.Status), Confirmed: int(r.Confirmed), Ended: optionalMoment(r.EndedMs),
	}
	if r.Device != nil {
		c.Device = sconce.EUI64(*r.Device)
	}
	if r.GroupID != nil {
		c.Group = sconce.GroupID(*r.GroupID)
	}
	return c
}

func (l lights) Command(ctx context.Context, s project.Scope, id sconce.CommandID) (lighting.Command, error) {
	var c lighting.Command
	err := l.in(s).view(ctx, func(q *sitedb.Queries) error {
		row, err := q.Command(ctx, sitedb.CommandParams{ProjectID: string(s.Project()), ID: string(id)})
		if err != nil {
			return found(err, "command in this project")
		}
		c = commandOf(row)
		outcomes, err := q.Outcomes(ctx, sitedb.OutcomesParams{ProjectID: string(s.Project()), CommandID: string(id)})
		c.Outcomes = mapped(outcomes, func(r sitedb.OutcomesRow) lighting.Outcome {
			return lighting.Outcome{Device: sconce.EUI64(r.Device), Status: lighting.OutcomeStatus(r.Status)}
		})
		return err
	})
	return c, doing("reading a command", err)
}

func (l lights) FailCommand(ctx context.Context, s project.Scope, id sconce.CommandID, at time.Time) error {
	return doing("ending a command", l.in(s).update(ctx, func(q *sitedb.Queries) error {
		_, err := q.FailCommand(ctx, sitedb.FailCommandParams{
			ProjectID: string(s.Project()), ID: string(id), Status: int64(lighting.Failed), EndedMs: optionalMs(at),
		})
		return err
	}))
}

func (l lights) Pending(ctx context.Context, s project.Scope) (int, error) {
	n, err := l.in(s).reading.PendingCommands(ctx, string(s.Project()))
	return int(n), doing("counting commands", err)
}

func (l lights) Expire(ctx context.Context, now time.Time) (ended []lighting.Command, next time.Time, err error) {
	deadline, err := l.across().reading.NextDeadline(ctx)
	if none(err) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, doing("reading the deadlines of commands", err)
	}
	if momentOf(deadline).After(now) {
		return nil, momentOf(deadline), nil
	}
	err = l.across().update(ctx, func(q *sitedb.Queries) error {
		rows, err := q.ExpireCommands(ctx, sitedb.ExpireCommandsParams{Status: int64(lighting.Expired), Now: optionalMs(now)})
		ended = mapped(rows, commandOf)
		return err
	})
	if err != nil {
		return nil, time.Time{}, doing("ending commands without results", err)
	}
	deadline, err = l.across().reading.NextDeadline(ctx)
	if err != nil {
		return ended, time.Time{}, ignoreNone(err)
	}
	return ended, momentOf(deadline), nil
}

func ignoreNone(err error) error {
	if none(err) {
		return nil
	}
	return err
}
