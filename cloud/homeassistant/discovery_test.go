package homeassistant

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sconce"
	"sconce/cloud/telemetry"
	"sconce/internal/naughty"
)

const (
	school = sconce.ProjectID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073900")
	wing   = sconce.NetworkID("0190a6e2-8f0e-7cc3-98c4-dc0c0c073901")
)

// everything is a state in which all is known.
func everything() telemetry.DeviceState {
	return telemetry.DeviceState{
		Device: 0x1, At: time.UnixMilli(5), Reachable: true, Heard: time.UnixMilli(5), On: new(true), Level: new(sconce.Level(500)),
		Power: new(12.3), PowerAt: time.UnixMilli(5), Faults: new(sconce.Faults(0)), Temperature: new(41.5), Battery: new(80.0),
		Occupied: new(false), Kelvin: new(uint16(4000)), Signal: new(-61.0), LinkQuality: new(200.0), BurnHours: new(1234.5),
		Illuminance: new(320.0), Energy: new(5000.5),
	}
}

func lamp() Place {
	return Place{
		Device: 0x00124b0000001001, Kind: sconce.Luminaire, Network: wing, Name: "Window left", Group: "Classroom 3",
		Asset: telemetry.Asset{Manufacturer: "Sconce", Model: "SL-1", Firmware: "1.2.0", Serial: "SN-77"},
		State: telemetry.DeviceState{Device: 0x00124b0000001001, Reachable: true, On: new(false), Level: new(sconce.Level(0)), Power: new(0.4), Energy: new(5000.5)},
	}
}

func TestMessages(t *testing.T) {
	for name, got := range map[string][]byte{
		"light.config": describe(school, lamp(), "1.0"),
		"all.config":   describe(school, Place{Device: 1, Kind: sconce.Sensor, Network: wing, Name: "Ceiling", State: everything()}, "1.0"),
		"light.state":  tell(sconce.Luminaire, new(everything())),
		"sensor.state": tell(sconce.Sensor, new(everything())),
		"off.state":    tell(sconce.Luminaire, new(lamp().State)),
		"silent.state": tell(sconce.Luminaire, &telemetry.DeviceState{Device: 1}),
	} {
		want, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if pretty(t, got) != string(want) {
			t.Errorf("%s:\n%s", name, pretty(t, got))
		}
	}
	if text := describe(school, Place{Device: 1, Kind: sconce.Switch, Network: wing, Name: "Door"}, "1.0"); text != nil {
		t.Errorf("a switch that says nothing of itself is told: %s", text)
	}
	if text := string(describe(school, lamp(), "1.0")); strings.Contains(text, "SN-77") {
		t.Error("a serial number is told, which Home Assistant has no use for")
	}
}

func pretty(t *testing.T, text []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

// What Home Assistant takes, key by key: a JSON type, or a regular expression of a text. From
// its source, release 2025.3: components/mqtt/schemas.py (DEVICE_DISCOVERY_SCHEMA,
// MQTT_ENTITY_DEVICE_INFO_SCHEMA, MQTT_ORIGIN_INFO_SCHEMA, MQTT_AVAILABILITY_LIST_SCHEMA,
// MQTT_ENTITY_COMMON_SCHEMA), light/schema_json.py, sensor.py, binary_sensor.py; the classes,
// their units and state classes from components/sensor/const.py and
// components/binary_sensor/__init__.py. A key of a component that is none is dropped, a wrong
// one of a device refuses the message.
var (
	deviceKeys = map[string]string{
		"device": "object", "origin": "object", "components": "object", "state_topic": "topic", "availability": "list",
		"availability_mode": "^(all|any|latest)$",
	}
	infoKeys = map[string]string{
		"identifiers": "list", "name": "text", "manufacturer": "text", "model": "text", "sw_version": "text", "suggested_area": "text",
	}
	originKeys       = map[string]string{"name": "text", "sw_version": "text"}
	availabilityKeys = map[string]string{"topic": "topic", "value_template": "template"}
	commonKeys       = map[string]string{
		"platform": "^(light|sensor|binary_sensor)$", "unique_id": "text", "qos": "number", "entity_category": "^diagnostic$", "enabled_by_default": "boolean",
	}
	componentKeys = map[string]map[string]string{
		"light": {
			"name": "name", "schema": "^json$", "command_topic": "topic", "brightness": "boolean", "brightness_scale": "number",
			"supported_color_modes": "list", "flash": "boolean",
		},
		"sensor": {
			"name": "name", "device_class": "class", "state_class": "^(measurement|total_increasing)$", "unit_of_measurement": "text", "value_template": "template",
		},
		"binary_sensor": {"device_class": "^(occupancy|problem)$", "value_template": "template"},
	}
	// classes has, for each class of sensors, a unit and the state classes that go with it.
	classes = map[string][]string{
		"illuminance": {"lx", "measurement"}, "power": {"W", "measurement"}, "energy": {"Wh", "total", "total_increasing"},
		"temperature": {"°C", "measurement"}, "battery": {"%", "measurement"}, "signal_strength": {"dBm", "measurement"},
		"duration": {"h", "measurement", "total", "total_increasing"},
	}
)

// TestHomeAssistantTakesIt holds what is told to what Home Assistant takes.
func TestHomeAssistantTakesIt(t *testing.T) {
	for i, kind := range []sconce.DeviceKind{sconce.Luminaire, sconce.Sensor, sconce.Switch, sconce.Sensor} {
		state := everything()
		if i == 3 {
			state = telemetry.DeviceState{Device: 1, Battery: new(50.0)}
		}
		var config map[string]any
		if err := json.Unmarshal(describe(school, Place{Device: 1, Kind: kind, Network: wing, Name: "x", Group: "y", State: state}, "1"), &config); err != nil {
			t.Fatal(err)
		}
		holds(t, "the device", config, deviceKeys)
		holds(t, "its information", config["device"].(map[string]any), infoKeys)
		holds(t, "its origin", config["origin"].(map[string]any), originKeys)
		for _, a := range config["availability"].([]any) {
			holds(t, "its availability", a.(map[string]any), availabilityKeys)
		}
		var told map[string]any
		if err := json.Unmarshal(tell(kind, &state), &told); err != nil {
			t.Fatal(err)
		}
		ids := map[any]bool{}
		for name, c := range config["components"].(map[string]any) {
			c := c.(map[string]any)
			keys := maps.Clone(commonKeys)
			maps.Copy(keys, componentKeys[c["platform"].(string)])
			holds(t, name, c, keys)
			if len(c) == 1 && name != "light" { // only its platform: such an entity is taken away
				continue
			}
			if !regexp.MustCompile("^[a-zA-Z0-9_-]+$").MatchString(name) || ids[c["unique_id"]] {
				t.Errorf("%s, %v: a name of an entity is of letters, digits, _ and -, and there is one of it", name, c["unique_id"])
			}
			ids[c["unique_id"]] = true
			if c["platform"] == "sensor" && c["device_class"] != nil {
				goes := classes[c["device_class"].(string)]
				if len(goes) == 0 || c["unit_of_measurement"] != goes[0] || !slices.Contains(goes[1:], c["state_class"].(string)) {
					t.Errorf("%s: %v in %v does not go with %v", name, c["state_class"], c["unit_of_measurement"], c["device_class"])
				}
			}
			if c["value_template"] != nil {
				value := told[name]
				_, number := value.(float64)
				if c["value_template"] != "{{ value_json."+name+" }}" || (c["platform"] == "sensor") != number || c["platform"] == "binary_sensor" && value != "ON" && value != "OFF" {
					t.Errorf("%s: %v of %v", name, c["value_template"], value)
				}
			}
		}
		if (kind == sconce.Luminaire) != (told["state"] != nil) {
			t.Errorf("%s: state %v", kind, told["state"])
		}
	}
	topic := regexp.MustCompile(`^homeassistant/[0-9a-f-]{36}/device/[a-zA-Z0-9_-]+/config$`) // TOPIC_MATCHER of discovery.py
	if !topic.MatchString(ConfigTopic(school, 0xffffffffffffffff)) {
		t.Error(ConfigTopic(school, 0xffffffffffffffff))
	}
}

// holds compares an object with the keys that it may have.
func holds(t *testing.T, what string, object map[string]any, keys map[string]string) {
	t.Helper()
	for key, value := range object {
		text, isText := value.(string)
		ok := false
		switch want := keys[key]; want {
		case "":
			t.Errorf("%s: Home Assistant knows no key %s there", what, key)
			continue
		case "object":
			_, ok = value.(map[string]any)
		case "list":
			_, ok = value.([]any)
		case "number":
			_, ok = value.(float64)
		case "boolean":
			_, ok = value.(bool)
		case "text":
			ok = isText
		case "name":
			ok = isText || value == nil
		case "class":
			ok = classes[text] != nil
		case "topic":
			ok = isText && strings.HasPrefix(text, Prefix(school)+"/") && !strings.ContainsAny(text, "+#")
		case "template":
			ok = isText && strings.HasPrefix(text, "{{ value_json.") && strings.HasSuffix(text, " }}")
		default:
			ok = isText && regexp.MustCompile(want).MatchString(text)
		}
		if !ok {
			t.Errorf("%s: %s is %v", what, key, value)
		}
	}
}

// TestNaughtyNames: whatever people call a place, the message is JSON that says so, and its size
// is bounded.
func TestNaughtyNames(t *testing.T) {
	const maxName = 100 // characters: project.MaxNameLength
	names, err := naughty.Strings()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if utf8.RuneCountInString(name) > maxName {
			name = string([]rune(name)[:maxName])
		}
		p := lamp()
		p.Name, p.Group = name, name
		text := describe(school, p, "1.0")
		var got config
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if want := strings.ToValidUTF8(name, "\uFFFD"); got.Device.Name != want || got.Device.Area != want && want != "" {
			t.Errorf("%q became %q, %q", name, got.Device.Name, got.Device.Area)
		}
	}
	p := lamp()
	p.State = everything()
	p.Name = strings.Repeat("\x01", maxName) // six bytes each, in JSON
	p.Group, p.Asset = p.Name, telemetry.Asset{Manufacturer: strings.Repeat("m", 32), Model: strings.Repeat("m", 32), Firmware: strings.Repeat("1", 32)}
	if n := len(describe(school, p, "1.0")); n > maxConfig {
		t.Errorf("a description has %d bytes, and at most %d are promised", n, maxConfig)
	}
	if n := len(tell(sconce.Luminaire, new(everything()))); n > maxState {
		t.Errorf("a state has %d bytes, and at most %d are promised", n, maxState)
	}
}

// What one device counts for in the retained store at most, in bytes: docs/home-assistant.md says so.
const (
	maxConfig = 5 << 10
	maxState  = 512
)

func TestTopics(t *testing.T) {
	for topic, want := range map[string]sconce.EUI64{
		SetTopic(school, 0xab): 0xab, Prefix(school) + "/00000000000000AB/set": 0, Prefix(school) + "/ab/set": 0, Prefix(school) + "/set": 0,
		Prefix(school) + "/0000000000000000/set": 0, Prefix(school) + "/00000000000000ab/set/set": 0, "homeassistant/00000000000000ab/set": 0,
		SetTopic("0190a6e2-8f0e-7cc3-98c4-dc0c0c073999", 0xab): 0, StateTopic(school, 0xab): 0, Prefix(school) + "//set": 0,
		Prefix(school) + "/0000:0000:0000:00ab/set": 0,
	} {
		if got := lightOf(school, topic); got != want {
			t.Errorf("%s commands %s, expected %s", topic, got, want)
		}
	}
}
