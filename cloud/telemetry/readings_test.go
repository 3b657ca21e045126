package telemetry_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const light = sconce.EUI64(0x00124b0000001001)

var power = telemetry.Series{Device: light, Metric: sconce.ActivePower}

// TestReadingsPageByPage stores readings that come a little late, some at the same
// moment, and reads them back in pages of several sizes.
func TestReadingsPageByPage(t *testing.T) {
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, gateway)
	a := project.Assignment{Project: site.Project, Network: site.Network}
	fold := telemetry.NewFold(s.Results(), 0)
	from := fold.From(a, time.UnixMilli(2_000_000))
	r := rand.New(rand.NewPCG(3, 4))
	var all []telemetry.Sample
	for i := range 500 {
		one := telemetry.Sample{At: int64(1_000_000 + i/3*1000 - r.IntN(40)*1000), Value: float64(i)}
		all = append(all, one)
		if err := from.Reading(t.Context(), power, one); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b telemetry.Sample) int { return int(a.At - b.At) })
	service := telemetry.New(s.Telemetry(), nil)
	for _, limit := range []int{1, 7, 60, 499, 500, 1000} {
		from, to := int64(980_000), int64(1_150_000)
		want := slices.DeleteFunc(slices.Clone(all), func(s telemetry.Sample) bool { return s.At < from || s.At >= to })
		var got []telemetry.Sample
		q := telemetry.Query{Series: power, From: time.UnixMilli(from), To: time.UnixMilli(to), Limit: limit}
		for {
			page, err := service.Readings(t.Context(), site.Owner, q)
			if err != nil || len(page.Samples) > limit {
				t.Fatalf("a page of at most %d has %d, %v", limit, len(page.Samples), err)
			}
			got = append(got, page.Samples...)
			if page.Next == "" {
				break
			}
			q.After = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d there are %d readings, want %d in the order of their times", limit, len(got), len(want))
		}
	}
}

func TestReadingsRefuses(t *testing.T) {
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, gateway)
	service := telemetry.New(s.Telemetry(), nil)
	good := telemetry.Query{Series: power, From: time.UnixMilli(0), To: time.UnixMilli(10), Limit: 1}
	if _, err := service.DeviceEvents(t.Context(), project.Scope{}, 1, time.Now(), 1); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("events, without a right: %v", err)
	}
	if _, err := service.Readings(t.Context(), project.Scope{}, good); sconce.KindOf(err) != sconce.Forbidden {
		t.Errorf("without a right: %v", err)
	}
	for _, after := range []string{"x", "1", "1.-1", "1.x", "01.1"} {
		q := good
		q.After = after
		if _, err := service.Readings(t.Context(), site.Owner, q); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("cursor %q: %v", after, err)
		}
	}
	good.Limit = telemetry.MaxReadings + 1
	if _, err := service.Readings(t.Context(), site.Owner, good); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("limit %d: %v", good.Limit, err)
	}
}

// TestLatestState applies states in the order in which they come, and looks at
// what is known after each.
func TestLatestState(t *testing.T) {
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, gateway)
	a := project.Assignment{Project: site.Project, Network: site.Network}
	fold := telemetry.NewFold(s.Results(), 0)
	at := func(second int64) time.Time { return time.Unix(1_800_000_000+second, 0).UTC() }
	from := fold.From(a, at(100))
	state := func(st telemetry.DeviceState) func() error {
		return func() error { return from.State(t.Context(), st) }
	}
	reading := func(metric sconce.Metric, second int64, value float64) func() error {
		return func() error {
			return from.Reading(t.Context(), telemetry.Series{Device: light, Metric: metric}, telemetry.Sample{At: at(second).UnixMilli(), Value: value})
		}
	}
	for _, step := range []struct {
		what string
		do   func() error
		want string
	}{
		{
			"a reading alone", reading(sconce.ActivePower, 1, 12.3),
			`{"eui64":"00124b0000001001","at":null,"reachable":false,"heard_at":"2027-01-15T08:00:01.000Z","on":null,"level":null,"cause":"unknown","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"a state", state(telemetry.DeviceState{Device: light, At: at(5), Reachable: true, Heard: at(5), On: new(true), Level: new(sconce.Level(500)), Cause: sconce.CauseCommand}),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:00:05.000Z","reachable":true,"heard_at":"2027-01-15T08:00:05.000Z","on":true,"level":500,"cause":"command","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"what it does not say stays", state(telemetry.DeviceState{Device: light, At: at(6), Reachable: false, Cause: sconce.CausePowerUp}),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:00:06.000Z","reachable":false,"heard_at":"2027-01-15T08:00:05.000Z","on":true,"level":500,"cause":"command","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"an older state changes nothing", state(telemetry.DeviceState{Device: light, At: at(4), Reachable: true, On: new(false)}),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:00:06.000Z","reachable":false,"heard_at":"2027-01-15T08:00:05.000Z","on":true,"level":500,"cause":"command","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"an older reading neither", reading(sconce.ActivePower, 0, 99),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:00:06.000Z","reachable":false,"heard_at":"2027-01-15T08:00:05.000Z","on":true,"level":500,"cause":"command","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"no time is later than when it came", state(telemetry.DeviceState{Device: light, At: at(9999), Reachable: true, Heard: at(9999), Level: new(sconce.Level(0)), Cause: 99}),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:01:40.000Z","reachable":true,"heard_at":"2027-01-15T08:01:40.000Z","on":true,"level":0,"cause":"unknown","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":null,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
		{
			"another metric is no power", reading(sconce.LinkQuality, 50, 200),
			`{"eui64":"00124b0000001001","at":"2027-01-15T08:01:40.000Z","reachable":true,"heard_at":"2027-01-15T08:01:40.000Z","on":true,"level":0,"cause":"unknown","power_w":12.3,"power_at":"2027-01-15T08:00:01.000Z","kelvin":null,"faults":[],"temperature_c":null,"battery_percent":null,"occupied":null,"signal_dbm":null,"link_quality":200,"burn_hours":null,"illuminance_lx":null,"energy_wh":null}`,
		},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if err := s.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error { return fold.Store(tx) }); err != nil {
			t.Fatal(err)
		}
		fold.Stored(func(sconce.ProjectID, telemetry.DeviceState) {})
		got, err := s.Telemetry().State(t.Context(), site.Owner, light)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(got); err != nil || string(text) != step.want {
			t.Errorf("%s:\n%s, %v\nwant\n%s", step.what, text, err, step.want)
		}
	}
}
