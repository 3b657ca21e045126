package homeassistant

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/wire"
)

// maxOrder is the largest message to a light that is read, in bytes. Home Assistant's have some 50.
const maxOrder = 1 << 10

// message is what Home Assistant sends to a light with the JSON schema that has brightness
// alone: async_turn_on and async_turn_off of components/mqtt/light/schema_json.py.
type message struct {
	State      string   `json:"state"`
	Brightness *float64 `json:"brightness"` // 1 to the scale that it was told
	Transition *float64 `json:"transition"` // seconds
}

// parseOrder reads a message to a light. What it does not know it refuses: a light does all that it
// was asked for, or nothing.
func parseOrder(light sconce.EUI64, payload []byte) (lighting.Order, error) {
	if len(payload) > maxOrder {
		return lighting.Order{}, sconce.Errorf(sconce.Invalid, "a message of %d bytes: expected at most %d", len(payload), maxOrder)
	}
	var m message
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return lighting.Order{}, sconce.Errorf(sconce.Invalid, "expected JSON such as {\"state\":\"ON\",\"brightness\":500,\"transition\":2}: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return lighting.Order{}, sconce.Errorf(sconce.Invalid, "expected one JSON object and nothing behind it")
	}
	o := lighting.Order{Device: light}
	switch {
	case m.State == "ON" && m.Brightness != nil:
		b := *m.Brightness
		if b != math.Trunc(b) || b < 0 || b > float64(sconce.MaxLevel) {
			return lighting.Order{}, sconce.FieldErrorf("brightness", "brightness %v: expected 0 to %d", b, sconce.MaxLevel)
		}
		o.Level = new(sconce.Level(b))
	case m.State == "ON", m.State == "OFF" && m.Brightness == nil:
		o.On = new(m.State == "ON")
	default:
		return lighting.Order{}, sconce.FieldErrorf("state", "expected the state ON, with or without brightness, or OFF")
	}
	if m.Transition != nil {
		const most = wire.MaxFade * time.Millisecond
		if !(*m.Transition >= 0 && *m.Transition <= most.Seconds()) {
			return lighting.Order{}, sconce.FieldErrorf("transition", "a transition of %v s: expected 0 to %v", *m.Transition, most.Seconds())
		}
		o.Fade = time.Duration(math.Round(*m.Transition*1000)) * time.Millisecond
	}
	return o, nil
}
