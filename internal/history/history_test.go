package history

import (
	"testing"
	"time"

	"sconce"
	"sconce/internal/installation"
)

func demo() *installation.Installation {
	i := &installation.Installation{
		Plan: installation.Plan{Groups: []string{"Office", "Corridor"}, Seed: 1, Sensors: true}, Made: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC),
	}
	for n := range 2 {
		i.Lights = append(i.Lights, installation.Light{Device: installation.Device{EUI64: sconce.EUI64(n + 1)}, Group: n, Watts: 24})
		i.Sensed = append(i.Sensed, installation.Sensor{Device: installation.Device{EUI64: sconce.EUI64(n + 17)}, Group: n})
	}
	return i
}

// heard returns the lights of the demo as the API shows them, by when each was heard.
func heard(at ...string) (views []installation.DeviceView) {
	for n, h := range at {
		v := installation.DeviceView{EUI64: sconce.EUI64(n + 1)}
		if h != "" {
			v.State = &installation.DeviceState{HeardAt: h}
		}
		views = append(views, v)
	}
	return views
}

func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		devices []installation.DeviceView
		want    string // "" for nothing
	}{
		"a new building":            {heard("", ""), "0001-01-01T00:00:00Z"},
		"one has not been heard":    {heard("2026-03-01T10:00:00Z", ""), "0001-01-01T00:00:00Z"},
		"broken off":                {heard("2026-03-01T10:00:00Z", "2026-03-01T09:00:00Z"), "2026-03-01T09:00:00Z"},
		"all of it":                 {heard("2026-11-23T14:00:00Z", "2026-11-23T14:00:00Z"), ""},
		"they speak for themselves": {heard("2026-11-24T10:00:00Z", "2026-12-23T14:00:00Z"), ""},
	} {
		from, missing := Missing(demo(), test.devices)
		if got := from.Format(time.RFC3339); missing != (test.want != "") || missing && got != test.want {
			t.Errorf("%s: missing %v, from %v", name, missing, got)
		}
	}
	old := demo()
	old.Sensed = nil
	if _, missing := Missing(old, heard("", "")); missing {
		t.Error("a building without sensors has a past")
	}
}

// TestSender: a message is full before it is too large for the wire, and nothing is left behind.
func TestSender(t *testing.T) {
	i, told := demo(), 0
	h := Of(i)
	if got := i.Made.Sub(h.From); got < 394*24*time.Hour {
		t.Errorf("the past is %v long", got)
	}
	var s sender
	metrics := map[sconce.Metric]bool{}
	for sample := range h.Samples(h.From.AddDate(0, 0, 5)) {
		if s.add(sample) {
			if len(s.readings) > maxReadings || len(s.states) > maxStates {
				t.Fatalf("%d readings and %d states in a message", len(s.readings), len(s.states))
			}
			told += len(s.readings) + len(s.states)
			s.readings, s.states = nil, nil
		}
		metrics[sample.Metric] = true
	}
	if told < 1000 || len(metrics) != 7 {
		t.Errorf("%d samples of %v", told, metrics)
	}
}
