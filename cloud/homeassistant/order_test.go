package homeassistant

import (
	"encoding/json"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/internal/corpus"
	"sconce/wire"
)

// words returns the message that Home Assistant would send for an order.
func words(o lighting.Order) []byte {
	m := map[string]any{"state": "OFF", "transition": o.Fade.Seconds()}
	if o.Level != nil {
		m["brightness"] = *o.Level
	}
	if o.Level != nil || *o.On {
		m["state"] = "ON"
	}
	text, _ := json.Marshal(m) // always has a form
	return text
}

// FuzzOrder: what is read is within the limits of commands, and its own words mean the same.
func FuzzOrder(f *testing.F) {
	for _, seed := range []string{
		`{"state":"ON"}`, `{"state":"OFF","transition":2.5}`, `{"state":"ON","brightness":500,"transition":0.001}`, `{"state":"ON","brightness":1e3}`,
		`{"state":"ON","brightness":0.1e1,"brightness":7}`, `{"state":null}`, `{"state":"ON","effect":"x"}`, `[{}]`, ``, "\xff", `{"state":"ON"} x`,
		`{"state":"ON","transition":1e308}`, `{"STATE":"ON"}`, `{"state":"ON","brightness":-0}`,
	} {
		f.Add([]byte(seed))
	}
	corpus.Fuzz(f, func(t *testing.T, payload []byte) {
		o, err := parseOrder(1, payload)
		if err != nil {
			if sconce.KindOf(err) != sconce.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		if o.Device != 1 || o.Group != "" || (o.On == nil) == (o.Level == nil) || o.Level != nil && !o.Level.Valid() ||
			o.Fade < 0 || o.Fade > wire.MaxFade*time.Millisecond || o.Fade%time.Millisecond != 0 {
			t.Fatalf("%+v", o)
		}
		again, err := parseOrder(1, words(o))
		if err != nil || string(words(again)) != string(words(o)) {
			t.Fatalf("%s: %v, %s", words(o), err, words(again))
		}
	})
}
