package store

import (
	"context"
	"fmt"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// resultsTx is one transaction of the projector.
type resultsTx struct {
	ctx      context.Context //nolint:containedctx // of the transaction, which it does not outlive
	q        *sitedb.Queries
	bound    *sitedb.Queries // for what is stored of every device
	poisoned bool
	samples  []byte // reused
	zones    *zones
}

func (t *resultsTx) SetRun(r ingest.Run) error {
	return doing("storing the continuity", t.bound.SetRun(t.ctx, sitedb.SetRunParams{
		Gateway: int64(r.Gateway), Boot: int64(r.Boot), FirstMs: r.First.UnixMilli(), LastMs: r.Last.UnixMilli(),
		Received: int64(r.Received), Duplicates: int64(r.Duplicates), Unknown: int64(r.Unknown), Malformed: int64(r.Malformed),
		Highest: int64(r.Seen.Highest()), Missing: int64(r.Missing()), Ranges: r.Seen.Append(nil),
		AheadMs: optionalAhead(r.Clock), Dropped: optionalList(r.Dropped), Late: int64(r.Late), Gaps: optionalList(r.Skips), Generated: number(r.Generated),
	}))
}

func (t *resultsTx) SetAside(p ingest.Poison) error {
	t.poisoned = true
	return doing("setting a message aside", t.q.AddPoison(t.ctx, sitedb.AddPoisonParams{
		JournalID: p.Batch, N: int64(p.N), Gateway: int64(p.Gateway), Kind: p.Kind,
		ReceivedMs: p.Received.UnixMilli(), Reason: p.Reason, Payload: p.Payload,
	}))
}

func (t *resultsTx) SetState(a project.Assignment, s telemetry.DeviceState) error {
	return doing("storing a device state", t.bound.SetState(t.ctx, sitedb.SetStateParams{
		ProjectID: string(a.Project), Device: int64(s.Device), NetworkID: string(a.Network),
		AtMs: optionalMs(s.At), Reachable: number(s.Reachable), HeardMs: optionalMs(s.Heard),
		IsOn: optionalBool(s.On), Level: optionalLevel(s.Level), Cause: int64(s.Cause),
		PowerW: s.Power, PowerMs: optionalMs(s.PowerAt),
		Faults: optionalFaults(s.Faults), Temperature: s.Temperature, Battery: s.Battery, Occupied: optionalBool(s.Occupied), OccupiedMs: optionalMs(s.OccupiedAt),
		Kelvin: optionalKelvin(s.Kelvin), Signal: s.Signal, LinkQuality: s.LinkQuality, BurnHours: s.BurnHours, Illuminance: s.Illuminance, Energy: s.Energy,
	}))
}

func (t *resultsTx) SetOpen(a project.Assignment, s telemetry.Series, o telemetry.Open) error {
	t.samples = telemetry.AppendSamples(t.samples[:0], o.Samples)
	p := sitedb.SetOpenChunkParams{
		ProjectID: string(a.Project), Device: int64(s.Device), Metric: int64(s.Metric), Part: o.Part, Samples: notNil(t.samples),
		Waiting: int64(o.Rolled.Waiting),
	}
	if r := &o.Rolled; r.Head.At != 0 {
		p.BeganMs, p.HeadMs, p.HeadValue = new(r.Began), new(r.Head.At), new(r.Head.Value)
	}
	return doing("storing readings", t.bound.SetOpenChunk(t.ctx, p))
}

func (t *resultsTx) AddChunk(a project.Assignment, s telemetry.Series, c telemetry.Chunk) error {
	t.samples = telemetry.AppendSamples(t.samples[:0], c.Samples)
	return doing("storing a chunk of readings", t.bound.AddChunk(t.ctx, sitedb.AddChunkParams{
		ProjectID: string(a.Project), Device: int64(s.Device), Metric: int64(s.Metric),
		FirstMs: c.First(), LastMs: c.Last(), Part: c.Part, Count: int64(len(c.Samples)),
		Minimum: c.Min, Maximum: c.Max, Sum: c.Sum, Samples: notNil(t.samples),
	}))
}

func (t *resultsTx) AddEvent(a project.Assignment, batch int64, n int, e telemetry.Event) error {
	return doing("storing an event", t.q.AddEvent(t.ctx, sitedb.AddEventParams{
		ProjectID: string(a.Project), AtMs: e.At.UnixMilli(), JournalID: batch, N: int64(n), Device: int64(e.Device), Kind: int64(e.Kind),
	}))
}

func (t *resultsTx) SetStage(a project.Assignment, s telemetry.Stage) error {
	p := sitedb.SetStageParams{
		ProjectID: string(a.Project), Device: int64(s.Device), NetworkID: string(a.Network),
		Desired: int64(s.Desired), Stage: int64(s.Stage), Reason: s.Reason, AtMs: s.At.UnixMilli(),
	}
	if d := s.Asset; d != nil {
		p.Model, p.Manufacturer, p.Hardware = &d.Model, &d.Manufacturer, new(int64(d.Hardware))
		p.Firmware, p.Serial, p.RatedPower = &d.Firmware, &d.Serial, &d.RatedPower
	}
	return doing("storing the stage of a device", t.q.SetStage(t.ctx, p))
}

func (t *resultsTx) SetGateway(a project.Assignment, g telemetry.Gateway) error {
	p := sitedb.SetGatewayHelloParams{
		ProjectID: string(a.Project), Gateway: int64(g.Gateway), NetworkID: string(a.Network),
		Model: g.Model, Firmware: g.Firmware, BootCount: int64(g.BootCount),
		Desired: int64(g.Desired), Dropped: int64(g.Dropped), AtMs: g.At.UnixMilli(),
	}
	if g.OnAir {
		p.ExtendedPanID, p.PanID, p.Channel = new(int64(g.ExtendedPANID)), new(int64(g.PANID)), new(int64(g.Channel))
	}
	return doing("storing what a gateway said of itself", t.q.SetGatewayHello(t.ctx, p))
}

func (t *resultsTx) EndCommand(a project.Assignment, r lighting.Result) (lighting.Command, bool, error) {
	row, err := t.q.Command(t.ctx, sitedb.CommandParams{ProjectID: string(a.Project), ID: string(r.Command)})
	if none(err) || err == nil && row.NetworkID != string(a.Network) {
		return lighting.Command{}, false, nil
	}
	if err != nil {
		return lighting.Command{}, false, doing("reading a command", err)
	}
	c := commandOf(row).With(r)
	return c, true, doing("storing the result of a command", t.endCommand(c))
}

func (t *resultsTx) endCommand(c lighting.Command) error {
	err := t.q.ForgetOutcomes(t.ctx, sitedb.ForgetOutcomesParams{ProjectID: string(c.Project), CommandID: string(c.ID)})
	if err != nil {
		return err
	}
	for _, o := range c.Outcomes {
		err := t.q.AddOutcome(t.ctx, sitedb.AddOutcomeParams{
			ProjectID: string(c.Project), CommandID: string(c.ID), Device: int64(o.Device), Status: int64(o.Status),
		})
		if err != nil {
			return err
		}
	}
	_, err = t.q.EndCommand(t.ctx, sitedb.EndCommandParams{
		ProjectID: string(c.Project), ID: string(c.ID),
		Status: int64(c.Status), Confirmed: int64(c.Confirmed), EndedMs: optionalMs(c.Ended),
	})
	return err
}

func (r results) StateBefore(ctx context.Context, id sconce.ProjectID, device sconce.EUI64) (telemetry.DeviceState, error) {
	row, err := r.across().reading.State(ctx, sitedb.StateParams{ProjectID: string(id), Device: int64(device)})
	if none(err) {
		return telemetry.DeviceState{}, nil
	}
	return stateOf(row), doing("reading a device state", err)
}

func (r results) OpenBefore(ctx context.Context, id sconce.ProjectID, s telemetry.Series) (telemetry.Open, error) {
	return readOpen(ctx, r.of(id), id, s)
}

func readOpen(ctx context.Context, db part, id sconce.ProjectID, s telemetry.Series) (telemetry.Open, error) {
	row, err := db.reading.OpenChunk(ctx, sitedb.OpenChunkParams{ProjectID: string(id), Device: int64(s.Device), Metric: int64(s.Metric)})
	if none(err) {
		return telemetry.Open{}, nil
	}
	if err != nil {
		return telemetry.Open{}, doing("reading readings", err)
	}
	open, err := openOf(row)
	return open, doing("reading readings", err)
}

func openOf(r sitedb.OpenChunkRow) (telemetry.Open, error) {
	return openInto(make([]telemetry.Sample, 0, telemetry.ChunkSize), r)
}

// openInto is openOf with samples in the memory of some that are not needed any more.
func openInto(into []telemetry.Sample, r sitedb.OpenChunkRow) (telemetry.Open, error) {
	samples, err := telemetry.ParseInto(into[:0], r.Samples)
	if err != nil {
		return telemetry.Open{}, err
	}
	o := telemetry.Open{Part: r.Part, Samples: samples}
	if r.Waiting < 0 || r.Waiting > int64(len(samples)) {
		return telemetry.Open{}, fmt.Errorf("%d of %d samples wait for the rollups", r.Waiting, len(samples))
	}
	if r.BeganMs != nil && r.HeadMs != nil && r.HeadValue != nil {
		o.Rolled = telemetry.Rolled{Began: *r.BeganMs, Head: telemetry.Sample{At: *r.HeadMs, Value: *r.HeadValue}, Waiting: int(r.Waiting)}
	}
	return o, nil
}

// The forms of optional values in the tables.

func optionalMs(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

func optionalMoment(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return momentOf(*ms)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func optionalBool(b *bool) *int64 {
	if b == nil {
		return nil
	}
	return new(number(*b))
}

func boolOf(n *int64) *bool {
	if n == nil {
		return nil
	}
	return new(*n != 0)
}

func optionalLevel(l *sconce.Level) *int64 {
	if l == nil {
		return nil
	}
	return new(int64(*l))
}

func optionalFaults(f *sconce.Faults) *int64 {
	if f == nil {
		return nil
	}
	return new(int64(*f))
}

func optionalKelvin(k *uint16) *int64 {
	if k == nil {
		return nil
	}
	return new(int64(*k))
}

func kelvinOf(n *int64) *uint16 {
	if n == nil {
		return nil
	}
	return new(uint16(*n))
}

func faultsOf(n *int64) *sconce.Faults {
	if n == nil {
		return nil
	}
	return new(sconce.Faults(*n))
}

func levelOf(n *int64) *sconce.Level {
	if n == nil {
		return nil
	}
	return new(sconce.Level(*n))
}

// notNil returns b, and for nil an empty blob: nil would be NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
