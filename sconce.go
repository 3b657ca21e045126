// Package sconce is the vocabulary of the product: the words of a lighting
// project (devices, networks, groups, levels, readings, causes) as types, and
// the closed set of error kinds that all packages share.
//
// It is pure: no network, files, clock, goroutines or package-level state, and
// it imports no other package of the project. How a thing is stored, sent over
// the air or shown to a person is not said here.
package sconce

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// EUI64 is the IEEE 64-bit extended unique identifier of a device. It names one
// physical unit for its whole life. The zero value names no device.
type EUI64 uint64

// ParseEUI64 reads 16 hexadecimal digits, in either case, as printed on a label;
// colons or hyphens between the bytes are allowed.
func ParseEUI64(s string) (EUI64, error) {
	digits := make([]byte, 0, 16)
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':' || c == '-':
		case len(digits) == 16:
			return 0, Errorf(Invalid, "device address %q has more than 16 hexadecimal digits", s)
		default:
			digits = append(digits, c)
		}
	}
	v, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil || len(digits) != 16 || v == 0 {
		return 0, Errorf(Invalid, "device address %q: expected 16 hexadecimal digits, as printed on the label", s)
	}
	return EUI64(v), nil
}

// String returns the 16 lower-case hexadecimal digits.
func (e EUI64) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// MarshalText implements [encoding.TextMarshaler] as [EUI64.String].
func (e EUI64) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] as [ParseEUI64].
func (e *EUI64) UnmarshalText(b []byte) error {
	v, err := ParseEUI64(string(b))
	if err == nil {
		*e = v
	}
	return err
}

// Level is a light output in per mille of full output, 0 to MaxLevel.
type Level uint16

// MaxLevel is full light output.
const MaxLevel Level = 1000

// Valid reports whether l is at most [MaxLevel].
func (l Level) Valid() bool { return l <= MaxLevel }

// DeviceKind says what a device is for. The values are part of the gateway
// protocol and of the store: they are never renumbered.
type DeviceKind uint8

// The kinds of device.
const (
	Luminaire DeviceKind = 1
	Sensor    DeviceKind = 2
	Switch    DeviceKind = 3
	Gateway   DeviceKind = 4
)

var deviceKinds = names[DeviceKind]{"device kind", map[DeviceKind]string{
	Luminaire: "luminaire", Sensor: "sensor", Switch: "switch", Gateway: "gateway",
}}

// String returns the name that the API uses.
func (k DeviceKind) String() string { return deviceKinds.text(k) }

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (k DeviceKind) MarshalText() ([]byte, error) { return deviceKinds.marshal(k) }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (k *DeviceKind) UnmarshalText(b []byte) error { return deviceKinds.unmarshal(k, b) }

// Metric is what a [Reading] measures. The unit is fixed by the metric. The
// values are part of the gateway protocol and of the store: never renumbered.
type Metric uint8

// The metrics and their units.
const (
	ActivePower Metric = 1 // watts, electrical input of the device
	LinkQuality Metric = 2 // LQI of the last hop, 0 to 255 (IEEE 802.15.4-2006, 6.9.8)
	Energy      Metric = 3 // watt-hours, that the device has taken in since it was made
	Illuminance Metric = 4 // lux
	Occupancy   Metric = 5 // 1 while somebody is there, else 0; -1 from when on it is not told any more
	Temperature Metric = 6 // degrees Celsius, inside the device
	Battery     Metric = 7 // per cent of its charge that is left
	BurnHours   Metric = 8 // hours that the lamp has been lit since it was new
	Signal      Metric = 9 // dBm, in which the device hears the frames that come to it

	// Output is light output in per mille of full output: 0 while off, -1 while the device
	// cannot be reached. The cloud makes it from what devices confirm; no gateway sends it.
	Output Metric = 64
)

var metrics = names[Metric]{"metric", map[Metric]string{
	ActivePower: "active_power", LinkQuality: "link_quality", Energy: "energy", Illuminance: "illuminance",
	Occupancy: "occupancy", Temperature: "temperature", Battery: "battery", BurnHours: "burn_hours", Signal: "signal",
	Output: "output",
}}

// Metrics returns all metrics, in the order of their values.
func Metrics() []Metric { return slices.Sorted(maps.Keys(metrics.of)) }

// String returns the name that the API uses.
func (m Metric) String() string { return metrics.text(m) }

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (m Metric) MarshalText() ([]byte, error) { return metrics.marshal(m) }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (m *Metric) UnmarshalText(b []byte) error { return metrics.unmarshal(m, b) }

// Unit returns the unit symbol of the metric's values, "" for a plain number.
func (m Metric) Unit() string {
	switch m {
	case ActivePower:
		return "W"
	case Energy:
		return "Wh"
	case Illuminance:
		return "lx"
	case Temperature:
		return "°C"
	case Battery:
		return "%"
	case BurnHours:
		return "h"
	case Signal:
		return "dBm"
	case Output:
		return "‰"
	}
	return ""
}

// Faults is what is wrong with a device, by its own word: a set of bits. They are
// part of the gateway protocol and of the store: never given another meaning.
type Faults uint8

// The faults.
const (
	FaultLamp   Faults = 1 << iota // no lamp is connected, or it gives no light
	FaultDriver                    // the driver works, if at all, with less than it is made for: too hot, or broken
)

var faultNames = [...]string{"lamp", "driver"}

// Names returns the names that the API uses, in the order of the bits; those that
// this version does not know are left out.
func (f Faults) Names() []string {
	list := []string{}
	for i, name := range faultNames {
		if f&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// Cause is what made a light change. The values are part of the gateway
// protocol and of the store: never renumbered.
type Cause uint8

// The causes of a change.
const (
	CauseUnknown Cause = 0
	CauseCommand Cause = 1 // an API call or a person's app
	CausePowerUp Cause = 2
)

var causes = names[Cause]{"cause", map[Cause]string{
	CauseUnknown: "unknown", CauseCommand: "command", CausePowerUp: "power_up",
}}

// String returns the name that the API uses.
func (c Cause) String() string { return causes.text(c) }

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (c Cause) MarshalText() ([]byte, error) { return causes.marshal(c) }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (c *Cause) UnmarshalText(b []byte) error { return causes.unmarshal(c, b) }

// GroupNumber identifies a group within one light network, 1 to 255.
type GroupNumber uint16

// The limits of one light network (PRODUCT.md).
const (
	MaxNodesPerNetwork    = 250
	MaxGroupsPerNetwork   = 255
	MaxNodesPerGroup      = 200
	MaxNetworksPerProject = 1000
)

// Role is what a person may do in a project.
type Role uint8

// The roles of a person in a project, from the most to the least powerful.
const (
	Owner  Role = 1 // everything, including people
	Expert Role = 2 // commissions and configures
	User   Role = 3 // controls the groups granted to them
	Viewer Role = 4 // reads, changes nothing
)

var roles = names[Role]{"role", map[Role]string{
	Owner: "owner", Expert: "expert", User: "user", Viewer: "viewer",
}}

// String returns the name that the API uses.
func (r Role) String() string { return roles.text(r) }

// MarshalText implements [encoding.TextMarshaler]; an unknown value is an error.
func (r Role) MarshalText() ([]byte, error) { return roles.marshal(r) }

// UnmarshalText implements [encoding.TextUnmarshaler]; an unknown name is Invalid.
func (r *Role) UnmarshalText(b []byte) error { return roles.unmarshal(r, b) }

// names gives the values of a small enumeration their text form.
type names[T ~uint8] struct {
	what string
	of   map[T]string
}

func (n names[T]) text(v T) string {
	if s, ok := n.of[v]; ok {
		return s
	}
	return fmt.Sprintf("%s(%d)", n.what, v)
}

func (n names[T]) marshal(v T) ([]byte, error) {
	s, ok := n.of[v]
	if !ok {
		return nil, Errorf(Invalid, "%s %d is not known", n.what, v)
	}
	return []byte(s), nil
}

func (n names[T]) unmarshal(v *T, b []byte) error {
	for k, s := range n.of {
		if s == string(b) {
			*v = k
			return nil
		}
	}
	return Errorf(Invalid, "%s %q is not known; expected one of %s", n.what, b, n.list())
}

func (n names[T]) list() string {
	return strings.Join(slices.Sorted(maps.Values(n.of)), ", ")
}
