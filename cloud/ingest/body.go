package ingest

import (
	"context"
	"fmt"
	"time"

	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// message is an entry while it is projected.
type message struct {
	Entry
	received time.Time
	batch    int64
	n        int // place in the batch
	events   int // of the batch, so far
	run      *Run
}

// badBody says why a body could not be understood.
type badBody struct{ cause error }

func (e *badBody) Error() string { return e.cause.Error() }
func (e *badBody) Unwrap() error { return e.cause }

// explain returns what is wrong with a malformed entry.
func explain(e *Entry) string {
	if _, _, err := wire.ParseUpHeader(e.Payload); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("topic %q: not one of gateway %s", e.Kind, e.Gateway)
}

// body makes the results of a message's body for the network that its gateway
// served; it reports whether the kind is known. What came from a gateway without a
// network belongs to nobody: it is counted and no more.
func (p *Projector) body(ctx context.Context, a project.Assignment, m *message) (known bool, err error) {
	switch m.Kind {
	case wire.KindReadings:
		return true, p.readings(ctx, a, m)
	case wire.KindOccupancy:
		return true, p.occupancy(ctx, a, m)
	case wire.KindState:
		return true, p.states(ctx, a, m)
	case wire.KindEvents:
		return true, p.events(a, m)
	case wire.KindResult:
		return true, p.result(a, m)
	case wire.KindReport:
		return true, p.report(a, m)
	case wire.KindHello:
		return true, p.hello(a, m)
	case wire.KindLog:
		if _, err := wire.ParseBody[wire.Log](m.Body); err != nil {
			return true, &badBody{err}
		}
		return true, nil // its place is the journal
	default:
		return false, nil
	}
}

// from returns the source of a message. What a program made up of a past is not late.
func (p *Projector) from(a project.Assignment, m *message) telemetry.Source {
	from := p.fold.From(a, m.received)
	if m.run.Generated {
		from.KeepAll()
	}
	return from
}

func (p *Projector) readings(ctx context.Context, a project.Assignment, m *message) error {
	body, err := wire.ParseReadings(m.Body, p.memory)
	if err != nil {
		return &badBody{err}
	}
	p.memory = body.Readings
	if a.Project == "" {
		return nil
	}
	from := p.from(a, m)
	for _, r := range body.Readings {
		err := from.Reading(ctx, telemetry.Series{Device: r.Device, Metric: r.Metric}, telemetry.Sample{At: int64(m.run.Clock.right(r.At)), Value: r.Value})
		if err != nil {
			return err
		}
	}
	m.run.Late += from.Late()
	return nil
}

func (p *Projector) occupancy(ctx context.Context, a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.Occupancy](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if a.Project == "" {
		return nil
	}
	from := p.from(a, m)
	begin, length := int64(m.run.Clock.right(body.From)), minutes(body.Minutes)
	for _, o := range body.Sensors {
		if err := from.Occupied(ctx, o.Device, begin, length, minutes(o.Minutes)); err != nil {
			return err
		}
	}
	m.run.Late += from.Late()
	return nil
}

// minutes returns minutes as milliseconds.
func minutes(n uint8) int64 { return int64(n) * time.Minute.Milliseconds() }

func (p *Projector) states(ctx context.Context, a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.State](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if a.Project == "" {
		return nil
	}
	from := p.from(a, m)
	for _, d := range body.Devices {
		err := from.State(ctx, telemetry.DeviceState{
			Device: d.Device, At: when(m.run.Clock.right(d.At)), Reachable: d.Reachable, Heard: when(m.run.Clock.right(d.Heard)),
			On: d.On, Level: d.Level, Cause: d.Cause, Faults: d.Faults, Kelvin: d.Kelvin,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Projector) events(a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.Events](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if a.Project == "" {
		return nil
	}
	for _, e := range body.Events {
		p.fold.Event(a, m.batch, m.events, telemetry.Event{Device: e.Device, At: when(m.run.Clock.right(e.At)), Kind: telemetry.EventKind(e.Kind)})
		m.events++
	}
	return nil
}

func (p *Projector) result(a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.Result](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if a.Project == "" || p.until > 0 { // what people were told of a command stays
		return nil
	}
	r := lighting.Result{Command: body.Command, At: m.received}
	for _, o := range body.Outcomes {
		r.Outcomes = append(r.Outcomes, lighting.Outcome{Device: o.Device, Status: lighting.OutcomeStatus(o.Status)})
	}
	p.outcomes = append(p.outcomes, outcome{a, r})
	return nil
}

func (p *Projector) report(a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.Report](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if a.Project == "" {
		return nil
	}
	for _, d := range body.Devices {
		p.fold.Stage(a, telemetry.Stage{
			Device: d.Device, Desired: body.Desired, Stage: telemetry.StageValue(d.Stage), Reason: d.Reason, At: m.received,
			Asset: (*telemetry.Asset)(d.Asset),
		})
	}
	return nil
}

func (p *Projector) hello(a project.Assignment, m *message) error {
	body, err := wire.ParseBody[wire.Hello](m.Body)
	if err != nil {
		return &badBody{err}
	}
	if body.Clock != nil {
		h, _, err := wire.ParseUpHeader(m.Payload)
		if err != nil {
			return &badBody{err}
		}
		m.run.Clock.hello(m.received, h.Sent)
	}
	m.run.Dropped = m.run.Clock.drops(body.Dropped)
	m.run.Generated = m.run.Generated || body.Generated
	if a.Project == "" {
		return nil
	}
	g := telemetry.Gateway{
		Gateway: m.Gateway, Model: body.Model, Firmware: body.Firmware, BootCount: body.BootCount,
		Desired: body.Desired, At: m.received,
	}
	if n := body.Network; n != nil {
		g.OnAir, g.ExtendedPANID, g.PANID, g.Channel = true, n.ExtendedPANID, n.PANID, n.Channel
	}
	for _, d := range body.Dropped {
		g.Dropped += d.Count
	}
	p.fold.Gateway(a, g)
	return nil
}

// when returns a time of the wire; 0 is never.
func when(t wire.Time) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}
