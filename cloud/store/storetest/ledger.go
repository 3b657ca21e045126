package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/store"
	"sconce/cloud/telemetry"
	"sconce/wire"
)

// Ledger writes a journal as a gateway would in days, without waiting for them: a batch for
// each message. Now and then it writes one that came before with it, as a journal does that
// does not know it any more.
type Ledger struct {
	Last int64 // batch

	t       testing.TB
	luck    *rand.Rand
	store   *store.Store
	gateway sconce.EUI64
	came    [][]byte
}

// NewLedger returns a Ledger for an empty journal.
func NewLedger(t testing.TB, luck *rand.Rand, s *store.Store, gateway sconce.EUI64) *Ledger {
	return &Ledger{t: t, luck: luck, store: s, gateway: gateway}
}

// Hello begins a run, with what the gateway's clock shows.
func (l *Ledger) Hello(received time.Time, boot uint64, shows time.Time) {
	l.t.Helper()
	h := wire.UpHeader{Version: wire.Version, Boot: boot, Sequence: 1, Sent: wire.Time(shows.UnixMilli())}
	l.say(received, h, wire.Hello{Clock: &wire.Clock{Uptime: 1}})
}

// Tell tells of one sample, whose time is by the gateway's clock. A sample of the output is
// told as a state.
func (l *Ledger) Tell(received time.Time, boot, sequence uint64, of telemetry.Series, s telemetry.Sample) {
	l.t.Helper()
	h, at := wire.UpHeader{Version: wire.Version, Boot: boot, Sequence: sequence}, wire.Time(s.At)
	if of.Metric != sconce.Output {
		l.say(received, h, wire.Readings{Readings: []wire.Reading{{Device: of.Device, Metric: of.Metric, At: at, Value: s.Value}}})
		return
	}
	state := wire.DeviceState{Device: of.Device, At: at, Heard: at, Reachable: s.Value >= 0, On: new(s.Value > 0)}
	if s.Value > 0 {
		state.Level = new(sconce.Level(s.Value))
	}
	l.say(received, h, wire.State{Devices: []wire.DeviceState{state}})
}

func (l *Ledger) say(received time.Time, h wire.UpHeader, body wire.Up) {
	l.t.Helper()
	payload, err := wire.AppendUp(nil, h, body)
	check(l.t, err)
	_, rest, err := wire.ParseUpHeader(payload)
	check(l.t, err)
	e := ingest.Entry{Gateway: l.gateway, Boot: h.Boot, Sequence: h.Sequence, Kind: body.UpKind(), Payload: payload, Body: rest}
	one := e.Append(nil)
	messages, count := one, 1
	if len(l.came) > 0 && l.luck.IntN(4) == 0 {
		messages, count = append(slices.Clone(one), l.came[l.luck.IntN(len(l.came))]...), 2
	}
	l.came = append(l.came, one)
	l.Last++
	log := l.store.Journal()
	check(l.t, log.Append(l.t.Context(), ingest.Batch{ID: l.Last, Received: received, Count: count, Messages: log.Pack(nil, messages)}))
}
