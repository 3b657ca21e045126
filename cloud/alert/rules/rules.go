// Package rules decides when something is wrong: it holds what is known of the devices
// and the gateway of a network against rules, and says which conditions begin and end.
//
// It is pure: the time is an argument, and what has to be remembered from one look to the
// next is a [Watch], which its caller keeps. What it is given are levels, not events: how
// things stand now. So it does not matter how often it looks, or that it did not look for
// some time: what is wrong still is, and is found at the next look.
//
// It stores nothing, tells nobody, and knows no projects: package alert does.
package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sconce"
)

// Kind is what can be wrong. The values are part of the store: never renumbered.
type Kind uint8

// The kinds.
const (
	LampFailure    Kind = 1  // a device says that its lamp is broken
	DriverFault    Kind = 2  // a device says that its driver is
	Overheated     Kind = 3  // it is hotter inside than it should be
	DeviceOffline  Kind = 4  // it does not answer, or has not said anything for longer than it ever did
	GatewayOffline Kind = 5  // it is not connected
	BatteryLow     Kind = 6  // little of the battery is left
	PowerHigh      Kind = 7  // it takes in more than it is made for, or ever did
	EnergyHigh     Kind = 8  // the project has used more in this month than is planned for it
	SensorStuck    Kind = 9  // it has seen no change for days while others near it have
	DataLost       Kind = 10 // the gateway's buffer gave messages up, or there are gaps in what came
)

var kindNames = map[Kind]string{
	LampFailure: "lamp_failure", DriverFault: "driver_fault", Overheated: "overheated", DeviceOffline: "device_offline",
	GatewayOffline: "gateway_offline", BatteryLow: "battery_low", PowerHigh: "power_high", EnergyHigh: "energy_high",
	SensorStuck: "sensor_stuck", DataLost: "data_lost",
}

// Kinds returns all kinds, in their order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kindNames)) }

// String returns the name that the API uses.
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("rule(%d)", uint8(k))
}

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (k Kind) MarshalText() ([]byte, error) { return marshal(kindNames, k, "rule") }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (k *Kind) UnmarshalText(b []byte) error { return unmarshal(kindNames, k, b, "rule") }

// Severity is how bad it is. The values are part of the store: never renumbered.
type Severity uint8

// The severities, from the least to the worst.
const (
	Info     Severity = 1 // to be seen to some time
	Warning  Severity = 2 // to be seen to on the next day of work
	Critical Severity = 3 // to be seen to now
)

var severityNames = map[Severity]string{Info: "info", Warning: "warning", Critical: "critical"}

// String returns the name that the API uses.
func (s Severity) String() string {
	if name, ok := severityNames[s]; ok {
		return name
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (s Severity) MarshalText() ([]byte, error) { return marshal(severityNames, s, "severity") }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (s *Severity) UnmarshalText(b []byte) error {
	return unmarshal(severityNames, s, b, "severity")
}

func marshal[T ~uint8](names map[T]string, v T, what string) ([]byte, error) {
	if s, ok := names[v]; ok {
		return []byte(s), nil
	}
	return nil, sconce.Errorf(sconce.Invalid, "%s %d is not known", what, v)
}

func unmarshal[T ~uint8](names map[T]string, v *T, b []byte, what string) error {
	for k, s := range names {
		if s == string(b) {
			*v = k
			return nil
		}
	}
	return sconce.Errorf(sconce.Invalid, "%s %q is not known; expected one of %s", what, b, strings.Join(slices.Sorted(maps.Values(names)), ", "))
}

// Rule is when something counts as wrong.
type Rule struct {
	On       bool
	Severity Severity
	// Delay is how long it must have been wrong before it is raised.
	Delay time.Duration
	// Hold is how long it must have been right before it is cleared. Each time in a row it
	// was wrong again within [Forgiven] doubles it, up to [MaxHold]: what comes and goes
	// stays one alert.
	Hold time.Duration
	// Limit is what is too much, or too little, in the unit of the kind ([Kind.Unit]).
	Limit float64
	// Slack is how far from the limit it must have come back before it counts as right.
	Slack float64
}

// The limits of what a rule may say.
const (
	MaxDelay = 7 * 24 * time.Hour
	Forgiven = time.Hour
	MaxHold  = 6 * time.Hour
)

// Set is the rules of a project, by kind.
type Set map[Kind]Rule

// Unit returns what Limit and Slack of a kind are in, "" when it has none.
func (k Kind) Unit() string {
	switch k {
	case Overheated:
		return "°C"
	case BatteryLow, PowerHigh, EnergyHigh: // of its capacity, of its rated power, of the budget of a month
		return "%"
	case SensorStuck:
		return "d"
	}
	return ""
}

// bounds are the least and the largest limit of a kind.
func (k Kind) bounds() (least, most float64) {
	switch k {
	case Overheated:
		return 30, 120
	case BatteryLow:
		return 1, 90
	case PowerHigh:
		return 101, 1000
	case EnergyHigh:
		return 1, 1000
	case SensorStuck:
		return 1, 90
	}
	return 0, 0
}

// Defaults returns the rules of a project whose people changed none.
func Defaults() Set {
	return Set{
		LampFailure: {On: true, Severity: Warning, Delay: 30 * time.Second, Hold: 5 * time.Minute},
		DriverFault: {On: true, Severity: Warning, Delay: 30 * time.Second, Hold: 5 * time.Minute},
		// Drivers switch themselves off at 90 °C or so.
		Overheated: {On: true, Severity: Critical, Delay: 2 * time.Minute, Hold: 5 * time.Minute, Limit: 80, Slack: 5},
		// The gateway has asked twice before it says that a device does not answer.
		DeviceOffline:  {On: true, Severity: Warning, Hold: 30 * time.Second},
		GatewayOffline: {On: true, Severity: Critical, Delay: 2 * time.Second, Hold: 10 * time.Second},
		BatteryLow:     {On: true, Severity: Info, Delay: time.Hour, Hold: time.Hour, Limit: 15, Slack: 10},
		PowerHigh:      {On: true, Severity: Warning, Delay: 15 * time.Minute, Hold: 15 * time.Minute, Limit: 130, Slack: 10},
		EnergyHigh:     {On: true, Severity: Info, Hold: 0, Limit: 100},
		SensorStuck:    {On: true, Severity: Info, Hold: 0, Limit: 4},
		DataLost:       {On: true, Severity: Warning, Delay: 10 * time.Minute, Hold: time.Hour},
	}
}

// With returns the rules with those of changed in the place of theirs.
func (s Set) With(changed Set) Set {
	all := maps.Clone(s)
	maps.Copy(all, changed)
	return all
}

// Check says what is wrong with a rule of a kind.
func (r Rule) Check(k Kind) error {
	_, known := kindNames[k]
	least, most := k.bounds()
	switch {
	case !known:
		return sconce.FieldErrorf("rules", "rule %d is not known", uint8(k))
	case r.Severity < Info || r.Severity > Critical:
		return sconce.FieldErrorf("rules", "the severity of %s is not known", k)
	case r.Delay < 0 || r.Delay > MaxDelay || r.Hold < 0 || r.Hold > MaxDelay:
		return sconce.FieldErrorf("rules", "the delays of %s are from 0 to 7 days", k)
	case !(r.Limit >= least && r.Limit <= most): // NaN is no limit either
		return sconce.FieldErrorf("rules", "the limit of %s is from %g to %g %s", k, least, most, k.Unit())
	case !(r.Slack >= 0 && r.Slack <= most):
		return sconce.FieldErrorf("rules", "the slack of %s is from 0 to %g %s", k, most, k.Unit())
	}
	return nil
}
