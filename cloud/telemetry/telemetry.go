// Package telemetry is what is known of devices and gateways: the latest
// confirmed state, readings and their history, events, whether a gateway is
// connected, and the account of its messages.
//
// Everything but presence is made from the journal by package ingest, through
// [Fold]. It states nothing that a device did not confirm, and it does not know
// how a device is commanded: that is package lighting.
package telemetry

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/rollup"
)

// DeviceState is the latest confirmed state of one device. A pointer is nil for
// what is not known, and a zero time says never.
type DeviceState struct {
	Device    sconce.EUI64
	At        time.Time // when the state was confirmed, by the gateway's clock
	Reachable bool      // whether the gateway counts it as present
	Heard     time.Time // when any frame of it was last received
	On        *bool
	Level     *sconce.Level // output when on
	Cause     sconce.Cause  // of the last change of On, Level or Kelvin
	Power     *float64      // active power in watts
	PowerAt   time.Time
	Faults    *sconce.Faults

	Temperature *float64 // inside the device, in degrees Celsius
	Battery     *float64 // per cent
	Occupied    *bool
	OccupiedAt  time.Time // when Occupied last changed
	Kelvin      *uint16   // colour temperature
	Signal      *float64  // dBm, in which it hears others
	LinkQuality *float64  // of its last hop, 0 to 255
	BurnHours   *float64  // that its lamp was lit
	Illuminance *float64  // lux
	Energy      *float64  // watt-hours that it has taken in since it was made
}

// Event is one thing that happened to one device.
type Event struct {
	Device sconce.EUI64
	At     time.Time
	Kind   EventKind
}

// EventKind says what happened, with the values of the gateway protocol.
type EventKind uint8

// Stage is where a device stands against the desired state of its network.
type Stage struct {
	Device  sconce.EUI64
	Desired uint64     // version of the desired state that this speaks of
	Stage   StageValue // with the values of the gateway protocol
	Reason  string     // for people, of a failure
	At      time.Time
	Asset   *Asset // nil when it did not say it with this
}

// Asset is what a device says of itself. What it does not say is empty or 0.
type Asset struct {
	Model        string
	Manufacturer string
	Hardware     uint8 // version, of the manufacturer's own counting
	Firmware     string
	Serial       string
	RatedPower   float64 // watts, electrical input at full output
}

// StageValue is how far a device has come.
type StageValue uint8

// Gateway is what a gateway said of itself when it last connected.
type Gateway struct {
	Gateway       sconce.EUI64
	Model         string
	Firmware      string
	BootCount     uint64
	OnAir         bool // whether the next three are known
	ExtendedPANID uint64
	PANID         uint16
	Channel       uint8
	Desired       uint64 // version of the desired state that it held
	Dropped       uint64 // messages that its buffer gave up since its start
	At            time.Time
}

// Presence is whether a gateway is connected.
type Presence struct {
	Gateway sconce.EUI64
	Online  bool
	Since   time.Time // zero for a gateway that never connected
}

// Account is the continuity of one run of a gateway, from its start to its next:
// what came, what came twice, and what is missing.
type Account struct {
	Boot        uint64
	First, Last time.Time // when the first and the newest message came, by the cloud's clock
	Received    uint64    // different messages
	Duplicates  uint64    // messages that had come before
	Unknown     uint64    // of Received: of a kind that is not known here
	Malformed   uint64    // of Received: set aside
	Highest     uint64    // sequence number
	Missing     uint64    // how many below the highest have not come
	Late        uint64    // readings, of times of which readings are kept no more

	// Ahead is how far the cloud's time was ahead of the gateway's; nil for a gateway that
	// does not tell. Corrected says that all times of the run were put right by it.
	Ahead     *time.Duration
	Corrected bool
	Dropped   []Drop // what is missing because the gateway's buffer was full
	Generated bool   // the gateway said that a program made up what it told in the run

	Gaps    []Gap // what is missing, in order: the newest [MaxGaps] gaps
	LeftOut int   // how many gaps are older than these
}

// Gap is numbers of a run that have not come. It opened when a later number came, between two
// times by the cloud's clock; zero for not known, and for the begin of a run.
type Gap struct {
	First  uint64    `json:"first"`
	Last   uint64    `json:"last"`
	After  time.Time `json:"after"`  // when the last message before the gap came
	Before time.Time `json:"before"` // when the first message after it came
}

// Drop is what the full buffer of a gateway gave up of one kind and class.
type Drop struct {
	Kind     string    `json:"kind"`
	Class    uint8     `json:"class"` // with the values of the gateway protocol; 0 for not known
	Count    uint64    `json:"count"` // messages
	From, To time.Time // when the first and the last of them were made; zero for not known
}

// The limits of what one call returns.
const (
	MaxReadings = 10_000
	MaxEvents   = 1_000
	MaxAccounts = 100
	MaxGaps     = 50 // of one run
)

// Store reads what package ingest made of the journal.
type Store interface {
	Extents

	// States returns the states of all devices that a network reported.
	States(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]DeviceState, error)
	State(ctx context.Context, s project.Scope, device sconce.EUI64) (DeviceState, error)
	Stages(ctx context.Context, s project.Scope, network sconce.NetworkID) ([]Stage, error)
	// Events returns the newest limit events of the project before a time.
	Events(ctx context.Context, s project.Scope, before time.Time, limit int) ([]Event, error)
	// DeviceEvents returns the newest limit events of a device until a time, which is included.
	DeviceEvents(ctx context.Context, s project.Scope, device sconce.EUI64, until time.Time, limit int) ([]Event, error)
	// Gateway returns what a gateway of the project said of itself.
	Gateway(ctx context.Context, s project.Scope, gateway sconce.EUI64) (Gateway, error)
	// Accounts returns the newest limit runs of a gateway of the project.
	Accounts(ctx context.Context, s project.Scope, gateway sconce.EUI64, limit int) ([]Account, error)

	// GeneratedUntil returns when the last message of the project's gateways came whose contents
	// a program made up; zero for never.
	GeneratedUntil(ctx context.Context, s project.Scope) (time.Time, error)

	// OpenChunk returns the readings of a series that are in no chunk yet.
	OpenChunk(ctx context.Context, s project.Scope, series Series) (Open, error)
	// Horizon returns the time of the last reading of the n-th chunk, in the order
	// of these times, of those that end at or after from; false when there are fewer.
	Horizon(ctx context.Context, s project.Scope, series Series, from time.Time, n int) (time.Time, bool, error)
	// Chunks returns the chunks that have readings between two times, both included,
	// in the order of their parts.
	Chunks(ctx context.Context, s project.Scope, series Series, from, to time.Time) ([]Chunk, error)

	// OtherCalendars returns the devices of the project whose days are being made again: those that
	// have them in another time zone than the one with a name, and of the rest those that have them
	// with other hours than a calendar.
	OtherCalendars(ctx context.Context, s project.Scope, zone string, c rollup.Calendar) (zones, hours []sconce.EUI64, err error)
	// Rollups calls stored with every block that is asked for, device by device and in the
	// order of the periods, and waiting with every open chunk of the devices with samples that
	// are not in the rollups yet. All of it is of one moment. A block, and an open chunk, is
	// there only until what is called returns.
	Rollups(ctx context.Context, s project.Scope, q RollupQuery, stored func(Rollup), waiting func(Series, Open)) error
}

// Service answers the questions of people.
type Service struct {
	store    Store
	presence *Presences
}

// New returns a Service on a store and the presence of gateways.
func New(store Store, presence *Presences) *Service {
	return &Service{store: store, presence: presence}
}

// States returns the latest states of the devices of a network, by their
// addresses. A device that was never heard of has none.
func (s *Service) States(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]DeviceState, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	return s.store.States(ctx, scope, network)
}

// State returns the latest state of a device.
func (s *Service) State(ctx context.Context, scope project.Scope, device sconce.EUI64) (DeviceState, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return DeviceState{}, err
	}
	return s.store.State(ctx, scope, device)
}

// Stages returns where the devices of a network stand against its desired state.
func (s *Service) Stages(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]Stage, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	return s.store.Stages(ctx, scope, network)
}

// Events returns the newest events before a time, newest first, at most limit
// (1 to [MaxEvents]).
func (s *Service) Events(ctx context.Context, scope project.Scope, before time.Time, limit int) ([]Event, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return nil, err
	}
	if limit < 1 || limit > MaxEvents {
		return nil, sconce.Errorf(sconce.Invalid, "limit %d: expected 1 to %d", limit, MaxEvents)
	}
	return s.store.Events(ctx, scope, before, limit)
}

// DeviceEvents returns the newest events of a device until a time, which is included, newest
// first, at most limit (1 to [MaxEvents]).
func (s *Service) DeviceEvents(ctx context.Context, scope project.Scope, device sconce.EUI64, until time.Time, limit int) ([]Event, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return nil, err
	}
	if limit < 1 || limit > MaxEvents {
		return nil, sconce.Errorf(sconce.Invalid, "limit %d: expected 1 to %d", limit, MaxEvents)
	}
	return s.store.DeviceEvents(ctx, scope, device, until, limit)
}

// Gateway returns what a gateway of the project said of itself, and whether it
// is connected. A gateway that never spoke has only its address.
func (s *Service) Gateway(ctx context.Context, scope project.Scope, gateway sconce.EUI64) (Gateway, Presence, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return Gateway{}, Presence{}, err
	}
	g, err := s.store.Gateway(ctx, scope, gateway)
	if err != nil {
		return Gateway{}, Presence{}, err
	}
	return g, s.presence.Of(gateway), nil
}

// Accounts returns the continuity of the newest runs of a gateway of the
// project, newest first, at most [MaxAccounts].
func (s *Service) Accounts(ctx context.Context, scope project.Scope, gateway sconce.EUI64) ([]Account, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return nil, err
	}
	return s.store.Accounts(ctx, scope, gateway, MaxAccounts)
}

// GeneratedUntil returns until when what gateways of the project told was made up by a program;
// zero when nothing was. Everybody who sees the project may know.
func (s *Service) GeneratedUntil(ctx context.Context, scope project.Scope) (time.Time, error) {
	if err := scope.Require(project.ReadProject); err != nil {
		return time.Time{}, err
	}
	return s.store.GeneratedUntil(ctx, scope)
}
