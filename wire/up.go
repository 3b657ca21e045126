package wire

import (
	"errors"
	"fmt"
	"math"

	"sconce"
)

// Hello opens every connection: who speaks, and which network it runs.
type Hello struct {
	Model     string    `cbor:"1,keyasint"`
	Firmware  string    `cbor:"2,keyasint"`
	BootCount uint64    `cbor:"3,keyasint"`           // starts since manufacture
	Network   *Network  `cbor:"4,keyasint,omitempty"` // absent before a network is formed
	Desired   uint64    `cbor:"5,keyasint"`           // version of the desired state it holds, 0 for none
	Dropped   []Dropped `cbor:"6,keyasint,omitempty"` // what the buffer had to drop since the last start
	Clock     *Clock    `cbor:"7,keyasint,omitempty"` // absent from gateways whose times may jump
	Generated bool      `cbor:"8,keyasint,omitempty"` // what this boot tells was made up by a program, and measured by nobody
}

// Clock is what a gateway knows of the time. When it is there, all times that the
// gateway sends in this boot, those of headers included, are on one scale that never
// jumps: what its clock showed when it started, and the time that has passed since.
// So they can be far from the truth, but all by the same: the receiver's time of the
// arrival of a hello less the Sent of its header (no older than the connection) is
// what is to be added to every time of the boot, however old the message. Sent less
// Uptime is the start of the boot on the scale.
type Clock struct {
	Uptime uint64 `cbor:"1,keyasint"` // milliseconds since the start, when the hello was made
	Shows  Time   `cbor:"2,keyasint"` // what the gateway's own clock shows, when the hello was made
}

// Network is the identity of a light network on the air.
type Network struct {
	ExtendedPANID uint64 `cbor:"1,keyasint"`
	PANID         uint16 `cbor:"2,keyasint"`
	Channel       uint8  `cbor:"3,keyasint"` // IEEE 802.15.4 channel, 11 to 26
}

// Dropped accounts for messages that a full buffer had to give up.
type Dropped struct {
	Kind  Kind   `cbor:"1,keyasint"`
	Count uint64 `cbor:"2,keyasint"` // messages
	// Class tells apart what was dropped of one kind; 0 from gateways that do not.
	Class Class `cbor:"3,keyasint,omitempty"`
	// From and To are when the first and the last of them were made; 0 for not known.
	From Time `cbor:"4,keyasint,omitempty"`
	To   Time `cbor:"5,keyasint,omitempty"`
}

// Readings carries measured values in the order in which they were taken.
type Readings struct {
	Readings []Reading `cbor:"1,keyasint"`
}

// Reading is one measured value, in the unit of its metric.
type Reading struct {
	_      struct{} `cbor:",toarray"`
	Device sconce.EUI64
	Metric sconce.Metric
	At     Time
	Value  float64
}

// Occupancy says for how long sensors saw somebody in a period that is over, where the
// people of the building do not let single values out ([Adopt]). It has the sensors alone
// that were known all through the period: less would tell of a shorter time.
type Occupancy struct {
	From    Time       `cbor:"1,keyasint"` // when the period began, by the gateway's clock
	Minutes uint8      `cbor:"2,keyasint"` // length of the period: 15, 30 or 60
	Sensors []Occupied `cbor:"3,keyasint"`
}

// Occupied is for how long one sensor saw somebody. The time is rounded, but 0 is never,
// and the length of the period is always.
type Occupied struct {
	_       struct{} `cbor:",toarray"`
	Device  sconce.EUI64
	Minutes uint8
}

// isPeriod reports whether occupancy may be told of periods of so many minutes: they begin
// with the hours of any time zone, or lie within them.
func isPeriod(minutes uint8) bool { return minutes == 15 || minutes == 30 || minutes == 60 }

// State carries the latest confirmed state of devices: what a device itself
// reported or what was read back from it, never what it was asked to do.
type State struct {
	Devices []DeviceState `cbor:"1,keyasint"`
}

// DeviceState is one device's confirmed state. A field that is absent is not
// known, and leaves what was known before.
type DeviceState struct {
	Device    sconce.EUI64  `cbor:"1,keyasint"`
	At        Time          `cbor:"2,keyasint"` // when it was confirmed
	Reachable bool          `cbor:"3,keyasint"` // whether the gateway counts it as present
	Heard     Time          `cbor:"4,keyasint"` // when any frame of it was last received, 0 for never
	On        *bool         `cbor:"5,keyasint,omitempty"`
	Level     *sconce.Level `cbor:"6,keyasint,omitempty"` // output when on
	Cause     sconce.Cause  `cbor:"7,keyasint"`           // of the last change of On, Level or Kelvin

	Kelvin *uint16        `cbor:"8,keyasint,omitempty"` // colour temperature
	Faults *sconce.Faults `cbor:"9,keyasint,omitempty"`
}

// Events carries things that happened.
type Events struct {
	Events []Event `cbor:"1,keyasint"`
}

// Event is one thing that happened to one device.
type Event struct {
	Device sconce.EUI64 `cbor:"1,keyasint"`
	At     Time         `cbor:"2,keyasint"`
	Kind   EventKind    `cbor:"3,keyasint"`
}

// EventKind says what happened. Values are never renumbered.
type EventKind uint8

// The kinds of event.
const (
	EventJoined    EventKind = 1 // authenticated on the network for the first time
	EventRestarted EventKind = 2 // announced itself again
	EventLeft      EventKind = 3
	EventPressed   EventKind = 4 // a switch without a battery, which says nothing else
)

// Result says what became of a command, light by light.
type Result struct {
	Command  sconce.CommandID `cbor:"1,keyasint"`
	At       Time             `cbor:"2,keyasint"`
	Outcomes []Outcome        `cbor:"3,keyasint"` // one for each light that the command was for
}

// Outcome is the result of a command at one light.
type Outcome struct {
	Device sconce.EUI64  `cbor:"1,keyasint"`
	Status OutcomeStatus `cbor:"2,keyasint"`
}

// OutcomeStatus says how a command ended at one light. Values are never renumbered.
type OutcomeStatus uint8

// How a command can end at one light.
const (
	Confirmed   OutcomeStatus = 1 // the light itself reported the state asked for
	Unconfirmed OutcomeStatus = 2 // it did not answer in time
	Refused     OutcomeStatus = 3 // it answered with an error or another state
	NotJoined   OutcomeStatus = 4 // it is not on the network
	Expired     OutcomeStatus = 5 // the command reached the gateway after its expiry
)

// Report says where each device stands against the desired state.
type Report struct {
	Desired uint64         `cbor:"1,keyasint"` // version that the report speaks of
	Devices []DeviceReport `cbor:"2,keyasint"`
}

// DeviceReport is where one device stands.
type DeviceReport struct {
	Device sconce.EUI64 `cbor:"1,keyasint"`
	Stage  Stage        `cbor:"2,keyasint"`
	Reason string       `cbor:"3,keyasint,omitempty"` // for people, when Stage is StageFailed
	Asset  *Asset       `cbor:"4,keyasint,omitempty"` // once the device has said it
}

// Asset is what a device says of itself that stays as it is. What it does not say is
// empty or 0.
type Asset struct {
	Model        string  `cbor:"1,keyasint,omitempty"`
	Manufacturer string  `cbor:"2,keyasint,omitempty"`
	Hardware     uint8   `cbor:"3,keyasint,omitempty"` // version, of the manufacturer's own counting
	Firmware     string  `cbor:"4,keyasint,omitempty"`
	Serial       string  `cbor:"5,keyasint,omitempty"`
	RatedPower   float64 `cbor:"6,keyasint,omitempty"` // watts, electrical input at full output
}

// maxAssetText is the longest text of an [Asset] in bytes: that of the Zigbee Cluster
// Library (07-5123-08, 3.2.2.2).
const maxAssetText = 32

func (a *Asset) check() error {
	for _, s := range [...]string{a.Model, a.Manufacturer, a.Firmware, a.Serial} {
		if len(s) > maxAssetText {
			return fmt.Errorf("asset text of %d bytes: at most %d", len(s), maxAssetText)
		}
	}
	if math.IsNaN(a.RatedPower) || math.IsInf(a.RatedPower, 0) || a.RatedPower < 0 {
		return errors.New("rated power: expected watts")
	}
	return nil
}

// Stage is how far a device has come. Values are never renumbered.
type Stage uint8

// The stages of a device, in order.
const (
	StageWaiting    Stage = 1 // expected, not seen
	StageJoined     Stage = 2 // holds the network key and its own link key
	StageConfigured Stage = 3 // interviewed, in its groups, reporting
	StageFailed     Stage = 4
)

// Log carries lines of the gateway's technical log. They hold no personal data.
type Log struct {
	Lines []LogLine `cbor:"1,keyasint"`
}

// LogLine is one line of a technical log.
type LogLine struct {
	At      Time   `cbor:"1,keyasint"`
	Level   int8   `cbor:"2,keyasint"` // as in log/slog: -4 debug, 0 info, 4 warning, 8 error
	Message string `cbor:"3,keyasint"`
}

// UpKind returns [KindHello].
func (Hello) UpKind() Kind { return KindHello }

// UpKind returns [KindReadings].
func (Readings) UpKind() Kind { return KindReadings }

// UpKind returns [KindOccupancy].
func (Occupancy) UpKind() Kind { return KindOccupancy }

// UpKind returns [KindEvents].
func (Events) UpKind() Kind { return KindEvents }

// UpKind returns [KindState].
func (State) UpKind() Kind { return KindState }

// UpKind returns [KindResult].
func (Result) UpKind() Kind { return KindResult }

// UpKind returns [KindReport].
func (Report) UpKind() Kind { return KindReport }

// UpKind returns [KindLog].
func (Log) UpKind() Kind { return KindLog }

func (m *Hello) check() error {
	if m.Network != nil && (m.Network.Channel < 11 || m.Network.Channel > 26) {
		return fmt.Errorf("channel %d: expected 11 to 26", m.Network.Channel)
	}
	return nil
}

func (m *Readings) check() error {
	for _, r := range m.Readings {
		if r.Device == 0 || r.Metric == 0 {
			return fmt.Errorf("reading without device or metric")
		}
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return fmt.Errorf("reading of %s: value is not a number", r.Device)
		}
	}
	return nil
}

func (m *Occupancy) check() error {
	if !isPeriod(m.Minutes) {
		return fmt.Errorf("occupancy by %d minutes, expected 15, 30 or 60", m.Minutes)
	}
	for _, o := range m.Sensors {
		if o.Device == 0 || o.Minutes > m.Minutes {
			return fmt.Errorf("occupancy of %s: %d of %d minutes", o.Device, o.Minutes, m.Minutes)
		}
	}
	return nil
}

func (m *Events) check() error {
	for _, e := range m.Events {
		if e.Device == 0 || e.Kind == 0 {
			return fmt.Errorf("event without device or kind")
		}
	}
	return nil
}

func (m *State) check() error {
	for _, d := range m.Devices {
		if d.Device == 0 {
			return fmt.Errorf("state without device")
		}
		if d.Level != nil && !d.Level.Valid() {
			return fmt.Errorf("state of %s: level %d, at most %d allowed", d.Device, *d.Level, sconce.MaxLevel)
		}
	}
	return nil
}

func (m *Result) check() error {
	if _, err := sconce.ParseID[sconce.CommandID](string(m.Command)); err != nil {
		return err
	}
	for _, o := range m.Outcomes {
		if o.Device == 0 || o.Status < Confirmed || o.Status > Expired {
			return fmt.Errorf("outcome of %s: status %d is not known", o.Device, o.Status)
		}
	}
	return nil
}

func (m *Report) check() error {
	for _, d := range m.Devices {
		if d.Device == 0 || d.Stage < StageWaiting || d.Stage > StageFailed {
			return fmt.Errorf("report of %s: stage %d is not known", d.Device, d.Stage)
		}
		if d.Asset == nil {
			continue
		}
		if err := d.Asset.check(); err != nil {
			return fmt.Errorf("report of %s: %w", d.Device, err)
		}
	}
	return nil
}

func (m *Log) check() error { return nil }
