package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// Telemetry returns where what is known of devices and gateways is read.
func (s *Store) Telemetry() telemetry.Store { return measurements{s.site} }

type measurements struct{ site }

// none reports whether err says that there is no such row.
func none(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func stateOf(r sitedb.DeviceState) telemetry.DeviceState {
	return telemetry.DeviceState{
		Device: sconce.EUI64(r.Device), At: optionalMoment(r.AtMs), Reachable: r.Reachable != 0, Heard: optionalMoment(r.HeardMs),
		On: boolOf(r.IsOn), Level: levelOf(r.Level), Cause: sconce.Cause(r.Cause), Power: r.PowerW, PowerAt: optionalMoment(r.PowerMs),
		Faults: faultsOf(r.Faults), Temperature: r.Temperature, Battery: r.Battery, Occupied: boolOf(r.Occupied), OccupiedAt: optionalMoment(r.OccupiedMs),
		Kelvin: kelvinOf(r.Kelvin), Signal: r.Signal, LinkQuality: r.LinkQuality, BurnHours: r.BurnHours, Illuminance: r.Illuminance, Energy: r.Energy,
	}
}

func (m measurements) States(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]telemetry.DeviceState, error) {
	rows, err := m.in(s).reading.States(ctx, sitedb.StatesParams{ProjectID: string(s.Project()), NetworkID: string(network)})
	return mapped(rows, stateOf), doing("reading device states", err)
}

func (m measurements) State(ctx context.Context, s project.Scope, device sconce.EUI64) (telemetry.DeviceState, error) {
	row, err := m.in(s).reading.State(ctx, sitedb.StateParams{ProjectID: string(s.Project()), Device: int64(device)})
	if none(err) {
		return telemetry.DeviceState{}, sconce.Errorf(sconce.NotFound, "nothing has been heard of device %s yet", device)
	}
	return stateOf(row), doing("reading a device state", err)
}

func (m measurements) Stages(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]telemetry.Stage, error) {
	rows, err := m.in(s).reading.Stages(ctx, sitedb.StagesParams{ProjectID: string(s.Project()), NetworkID: string(network)})
	return mapped(rows, func(r sitedb.DeviceStage) telemetry.Stage {
		return telemetry.Stage{
			Device: sconce.EUI64(r.Device), Desired: uint64(r.Desired), Stage: telemetry.StageValue(r.Stage), Reason: r.Reason, At: momentOf(r.AtMs),
			Asset: assetOf(r),
		}
	}), doing("reading the stages of devices", err)
}

// assetOf returns what a device said that it is, nil before it did: all of it is stored
// together.
func assetOf(r sitedb.DeviceStage) *telemetry.Asset {
	if r.Model == nil || r.Manufacturer == nil || r.Hardware == nil || r.Firmware == nil || r.Serial == nil || r.RatedPower == nil {
		return nil
	}
	return &telemetry.Asset{
		Model: *r.Model, Manufacturer: *r.Manufacturer, Hardware: uint8(*r.Hardware),
		Firmware: *r.Firmware, Serial: *r.Serial, RatedPower: *r.RatedPower,
	}
}

func (m measurements) Events(ctx context.Context, s project.Scope, before time.Time, limit int) ([]telemetry.Event, error) {
	rows, err := m.in(s).reading.Events(ctx, sitedb.EventsParams{ProjectID: string(s.Project()), Before: before.UnixMilli(), Max: int64(limit)})
	return mapped(rows, func(r sitedb.Event) telemetry.Event {
		return telemetry.Event{Device: sconce.EUI64(r.Device), At: momentOf(r.AtMs), Kind: telemetry.EventKind(r.Kind)}
	}), doing("reading events", err)
}

func (m measurements) DeviceEvents(ctx context.Context, s project.Scope, device sconce.EUI64, until time.Time, limit int) ([]telemetry.Event, error) {
	rows, err := m.in(s).reading.DeviceEvents(ctx, sitedb.DeviceEventsParams{ProjectID: string(s.Project()), Device: int64(device), Until: until.UnixMilli(), Max: int64(limit)})
	return mapped(rows, func(r sitedb.Event) telemetry.Event {
		return telemetry.Event{Device: sconce.EUI64(r.Device), At: momentOf(r.AtMs), Kind: telemetry.EventKind(r.Kind)}
	}), doing("reading the events of a device", err)
}

func (m measurements) Gateway(ctx context.Context, s project.Scope, gateway sconce.EUI64) (telemetry.Gateway, error) {
	if _, err := m.claimed(ctx, s, gateway); err != nil {
		return telemetry.Gateway{}, err
	}
	r, err := m.in(s).reading.GatewayHello(ctx, sitedb.GatewayHelloParams{ProjectID: string(s.Project()), Gateway: int64(gateway)})
	if none(err) {
		return telemetry.Gateway{Gateway: gateway}, nil
	}
	g := telemetry.Gateway{
		Gateway: gateway, Model: r.Model, Firmware: r.Firmware, BootCount: uint64(r.BootCount),
		Desired: uint64(r.Desired), Dropped: uint64(r.Dropped), At: momentOf(r.AtMs),
	}
	if r.ExtendedPanID != nil && r.PanID != nil && r.Channel != nil {
		g.OnAir, g.ExtendedPANID, g.PANID, g.Channel = true, uint64(*r.ExtendedPanID), uint16(*r.PanID), uint8(*r.Channel)
	}
	return g, doing("reading what a gateway said of itself", err)
}

// claimed returns since when a gateway belongs to the project, in milliseconds.
func (m measurements) claimed(ctx context.Context, s project.Scope, gateway sconce.EUI64) (int64, error) {
	since, err := m.in(s).reading.ClaimedAt(ctx, sitedb.ClaimedAtParams{ProjectID: string(s.Project()), Gateway: int64(gateway)})
	return since, doing("reading the claim of a gateway", found(err, "gateway in this project"))
}

// Accounts leaves out the runs that ended before the gateway came into the project.
func (m measurements) Accounts(ctx context.Context, s project.Scope, gateway sconce.EUI64, limit int) ([]telemetry.Account, error) {
	since, err := m.claimed(ctx, s, gateway)
	if err != nil {
		return nil, err
	}
	rows, err := m.in(s).reading.Accounts(ctx, sitedb.AccountsParams{Gateway: int64(gateway), Since: since, Max: int64(limit)})
	if err != nil {
		return nil, doing("reading the continuity", err)
	}
	accounts := make([]telemetry.Account, len(rows))
	for i, row := range rows {
		r, err := runOf(row)
		if err != nil {
			return nil, doing("reading the continuity", err)
		}
		accounts[i] = telemetry.Account{
			Boot: r.Boot, First: r.First, Last: r.Last,
			Received: r.Received, Duplicates: r.Duplicates, Unknown: r.Unknown, Malformed: r.Malformed, Late: r.Late,
			Highest: r.Seen.Highest(), Missing: r.Missing(), Corrected: r.Clock.Wrong(), Dropped: r.Dropped, Generated: r.Generated,
		}
		if r.Clock.Known {
			accounts[i].Ahead = &r.Clock.Ahead
		}
		accounts[i].Gaps, accounts[i].LeftOut = r.Gaps(telemetry.MaxGaps)
	}
	return accounts, nil
}

// GeneratedUntil leaves out what gateways told before they came into the project.
func (m measurements) GeneratedUntil(ctx context.Context, s project.Scope) (time.Time, error) {
	ms, err := m.in(s).reading.GeneratedUntil(ctx, string(s.Project()))
	if err != nil || ms == 0 {
		return time.Time{}, doing("reading the continuity", err)
	}
	return momentOf(ms), nil
}

func (m measurements) OpenChunk(ctx context.Context, s project.Scope, series telemetry.Series) (telemetry.Open, error) {
	return readOpen(ctx, m.in(s), s.Project(), series)
}

func (m measurements) Horizon(ctx context.Context, s project.Scope, series telemetry.Series, from time.Time, n int) (time.Time, bool, error) {
	rows, err := m.in(s).reading.Horizon(ctx, sitedb.HorizonParams{
		ProjectID: string(s.Project()), Device: int64(series.Device), Metric: int64(series.Metric), Since: from.UnixMilli(), N: int64(n - 1),
	})
	if err != nil || len(rows) == 0 {
		return time.Time{}, false, doing("reading the horizon of readings", err)
	}
	return momentOf(rows[0]), true, nil
}

func (m measurements) Chunks(ctx context.Context, s project.Scope, series telemetry.Series, from, to time.Time) ([]telemetry.Chunk, error) {
	rows, err := m.in(s).reading.Chunks(ctx, sitedb.ChunksParams{
		ProjectID: string(s.Project()), Device: int64(series.Device), Metric: int64(series.Metric),
		Since: from.UnixMilli(), Until: to.UnixMilli(),
	})
	if err != nil {
		return nil, doing("reading readings", err)
	}
	chunks := make([]telemetry.Chunk, len(rows))
	for i, r := range rows {
		samples, err := telemetry.ParseSamples(r.Samples)
		if err != nil {
			return nil, doing("reading readings", err)
		}
		chunks[i] = telemetry.Chunk{Part: r.Part, Samples: samples, Min: r.Minimum, Max: r.Maximum, Sum: r.Sum}
	}
	return chunks, nil
}

// Presence returns where the presence of gateways is kept.
func (s *Store) Presence() telemetry.PresenceStore { return presences{projects{s.site}} }

type presences struct{ projects }

func (p presences) Presences(ctx context.Context) ([]telemetry.Presence, error) {
	rows, err := p.outside().reading.Presences(ctx)
	return mapped(rows, func(r sitedb.GatewayPresence) telemetry.Presence {
		return telemetry.Presence{Gateway: sconce.EUI64(r.Gateway), Online: r.Online != 0, Since: momentOf(r.SinceMs)}
	}), doing("reading the presence of gateways", err)
}

func (p presences) SetPresences(ctx context.Context, all []telemetry.Presence) error {
	return p.outside().update(ctx, func(q *sitedb.Queries) error {
		for _, one := range all {
			err := q.SetPresence(ctx, sitedb.SetPresenceParams{
				Gateway: int64(one.Gateway), Online: number(one.Online), SinceMs: one.Since.UnixMilli(),
			})
			if err != nil {
				return doing("storing the presence of a gateway", err)
			}
		}
		return nil
	})
}

// mapped returns fn of every row.
func mapped[R, T any](rows []R, fn func(R) T) []T {
	all := make([]T, len(rows))
	for i, r := range rows {
		all[i] = fn(r)
	}
	return all
}
