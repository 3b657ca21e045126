package homeassistant

import (
	"encoding/json"

	"sconce"
	"sconce/cloud/telemetry"
)

// The messages of discovery. Names of fields and values are Home Assistant's.

// config is what a device is (DEVICE_DISCOVERY_SCHEMA of components/mqtt/schemas.py).
type config struct {
	Device       deviceInfo           `json:"device"`
	Origin       origin               `json:"origin"`
	StateTopic   string               `json:"state_topic"`
	Availability []availability       `json:"availability"`
	Mode         string               `json:"availability_mode"`
	Components   map[string]component `json:"components"`
}

type deviceInfo struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer,omitempty"`
	Model        string   `json:"model,omitempty"`
	Software     string   `json:"sw_version,omitempty"`
	Area         string   `json:"suggested_area,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version,omitempty"`
}

type availability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template,omitempty"`
}

// component is an entity of a device. One that has a device class has no name: Home Assistant
// then calls it by the class, in the language of its user.
type component struct {
	Platform string `json:"platform"`
	UniqueID string `json:"unique_id,omitempty"`
	Name     *name  `json:"name,omitempty"`
	QoS      int    `json:"qos,omitempty"`

	// Of a light.
	Schema       string   `json:"schema,omitempty"`
	CommandTopic string   `json:"command_topic,omitempty"`
	Brightness   bool     `json:"brightness,omitempty"`
	Scale        int      `json:"brightness_scale,omitempty"`
	ColourModes  []string `json:"supported_color_modes,omitempty"`
	Flash        *bool    `json:"flash,omitempty"`

	// Of a sensor.
	Class      string `json:"device_class,omitempty"`
	StateClass string `json:"state_class,omitempty"`
	Unit       string `json:"unit_of_measurement,omitempty"`
	Template   string `json:"value_template,omitempty"`
	Category   string `json:"entity_category,omitempty"`
	Enabled    *bool  `json:"enabled_by_default,omitempty"`
}

// name is a name or, when it is "", null: the entity is called as its device is.
type name string

func (n name) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(n))
}

// sensor is an entity that most devices have not: it is told of once a device has said
// its value for the first time.
type sensor struct {
	key   string // in the state, and of the component
	known func(*telemetry.DeviceState) bool
	is    component
}

const (
	binary     = "binary_sensor"
	measured   = "sensor"
	now        = "measurement"
	counter    = "total_increasing"
	diagnostic = "diagnostic"
)

// sensors are all of them. The device classes and their units are those of
// components/sensor/const.py and components/binary_sensor.
var sensors = [...]sensor{
	{"occupancy", func(s *telemetry.DeviceState) bool { return s.Occupied != nil }, component{Platform: binary, Class: "occupancy"}},
	{"illuminance", func(s *telemetry.DeviceState) bool { return s.Illuminance != nil }, component{Platform: measured, Class: "illuminance", StateClass: now, Unit: "lx"}},
	{"power", func(s *telemetry.DeviceState) bool { return s.Power != nil }, component{Platform: measured, Class: "power", StateClass: now, Unit: "W"}},
	{"energy", func(s *telemetry.DeviceState) bool { return s.Energy != nil }, component{Platform: measured, Class: "energy", StateClass: counter, Unit: "Wh"}},
	{"temperature", func(s *telemetry.DeviceState) bool { return s.Temperature != nil }, component{Platform: measured, Class: "temperature", StateClass: now, Unit: "°C", Category: diagnostic}},
	{"battery", func(s *telemetry.DeviceState) bool { return s.Battery != nil }, component{Platform: measured, Class: "battery", StateClass: now, Unit: "%", Category: diagnostic}},
	{"problem", func(s *telemetry.DeviceState) bool { return s.Faults != nil }, component{Platform: binary, Class: "problem", Category: diagnostic}},
	{"colour_temperature", func(s *telemetry.DeviceState) bool { return s.Kelvin != nil }, component{Platform: measured, Name: new(name("Colour temperature")), StateClass: now, Unit: "K", Category: diagnostic}},
	{"burn_hours", func(s *telemetry.DeviceState) bool { return s.BurnHours != nil }, component{Platform: measured, Name: new(name("Burn hours")), Class: "duration", StateClass: counter, Unit: "h", Category: diagnostic}},
	{"signal", func(s *telemetry.DeviceState) bool { return s.Signal != nil }, component{Platform: measured, Class: "signal_strength", StateClass: now, Unit: "dBm", Category: diagnostic, Enabled: new(bool)}},
}

// traits is the set of sensors that a device has, by their places in the list.
type traits uint16

func traitsOf(s *telemetry.DeviceState) (t traits) {
	for i, e := range sensors {
		if e.known(s) {
			t |= 1 << i
		}
	}
	return t
}

// identifier names a device, and begins the names of its entities.
func identifier(d sconce.EUI64) string { return "sconce_" + d.String() }

// describe returns the message that says what a device is; nil of one about which there is
// nothing that Home Assistant could show.
func describe(id sconce.ProjectID, p Place, version string) []byte {
	c := config{
		Device: deviceInfo{
			Identifiers: []string{identifier(p.Device)}, Name: p.Name, Manufacturer: p.Asset.Manufacturer, Model: p.Asset.Model,
			Software: p.Asset.Firmware, Area: p.Group,
		},
		Origin:     origin{"Sconce", version},
		StateTopic: StateTopic(id, p.Device),
		Availability: []availability{
			{StateTopic(id, p.Device), "{{ value_json.availability }}"},
			{Topic: NetworkTopic(id, p.Network)},
		},
		Mode:       "all",
		Components: map[string]component{},
	}
	if p.Kind == sconce.Luminaire {
		off := false
		c.Components["light"] = component{
			Platform: "light", UniqueID: identifier(p.Device) + "_light", Name: new(name("")), QoS: 1,
			Schema: "json", CommandTopic: SetTopic(id, p.Device), Brightness: true, Scale: int(sconce.MaxLevel),
			ColourModes: []string{"brightness"}, Flash: &off,
		}
	}
	has := traitsOf(&p.State)
	if has == 0 && len(c.Components) == 0 {
		return nil
	}
	for i, e := range sensors {
		if has>>i&1 == 0 {
			// Takes the entity away, should Home Assistant have it: a value may be known no more.
			c.Components[e.key] = component{Platform: e.is.Platform}
			continue
		}
		e.is.UniqueID = identifier(p.Device) + "_" + e.key
		e.is.Template = "{{ value_json." + e.key + " }}"
		c.Components[e.key] = e.is
	}
	text, err := json.Marshal(c)
	if err != nil { // numbers and texts alone: it always has a form
		return nil
	}
	return text
}

// state is how a device stands: of a light as its JSON schema has it
// (components/mqtt/light/schema_json.py), and each sensor's value by its key.
type state struct {
	Availability string          `json:"availability"`
	Light        json.RawMessage `json:"state,omitempty"`      // null for not known: without it Home Assistant fails
	Brightness   *sconce.Level   `json:"brightness,omitempty"` // left out when 0, which it takes for a mistake

	Occupancy   string   `json:"occupancy,omitempty"`
	Illuminance *float64 `json:"illuminance,omitempty"`
	Power       *float64 `json:"power,omitempty"`
	Energy      *float64 `json:"energy,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	Battery     *float64 `json:"battery,omitempty"`
	Problem     string   `json:"problem,omitempty"`
	Kelvin      *uint16  `json:"colour_temperature,omitempty"`
	BurnHours   *float64 `json:"burn_hours,omitempty"`
	Signal      *float64 `json:"signal,omitempty"`
}

// The words of Home Assistant.
const (
	online  = "online"
	offline = "offline"
)

func onOff(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "ON"
	default:
		return "OFF"
	}
}

func presence(is bool) string {
	if is {
		return online
	}
	return offline
}

// tell returns the message that says how a device of a kind stands.
func tell(kind sconce.DeviceKind, s *telemetry.DeviceState) []byte {
	out := state{
		Availability: presence(s.Reachable), Occupancy: onOff(s.Occupied), Illuminance: s.Illuminance, Power: s.Power,
		Energy: s.Energy, Temperature: s.Temperature, Battery: s.Battery, Kelvin: s.Kelvin, BurnHours: s.BurnHours, Signal: s.Signal,
	}
	if kind == sconce.Luminaire {
		out.Light = json.RawMessage("null")
		if s.On != nil {
			out.Light = json.RawMessage(`"` + onOff(s.On) + `"`)
		}
		if s.Level != nil && *s.Level > 0 {
			out.Brightness = s.Level
		}
	}
	if s.Faults != nil {
		out.Problem = onOff(new(*s.Faults != 0))
	}
	text, err := json.Marshal(out)
	if err != nil { // a value that is no number, which no gateway can send
		return nil
	}
	return text
}
