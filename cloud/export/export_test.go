package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/export"
	"sconce/cloud/identity"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

const (
	gateway = sconce.EUI64(0x00124b0000000001)
	light   = sconce.EUI64(0x00124b0000001001)
	// Its address is negative as it is stored.
	highest = sconce.EUI64(0xfe124b0000001001)
)

// begin is when the readings of the tests begin.
var begin = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)

// bench is a project with a day of readings, one every 20 seconds.
type bench struct {
	t       *testing.T
	store   *store.Store
	site    storetest.Site
	service *export.Service
	period  export.Period
}

const samples = 24 * 180

func newBench(t *testing.T) *bench {
	t.Helper()
	s := storetest.Open(t)
	b := &bench{t: t, store: s, site: storetest.MakeSite(t, s, gateway), period: export.Period{From: begin, To: begin.Add(24 * time.Hour)}}
	projects := project.New(s.Projects(), time.Now)
	lights := lighting.New(lighting.Parts{Store: s.Lighting(), Vault: s.Vault()})
	for i, name := range []string{`=HYPERLINK("http://evil.example","Desk")`, "Flur, 2. Stock", "@SUM(1)", "Ünder \"the\" 大 window"} {
		d := lighting.Device{
			Position: sconce.PositionID(fmt.Sprint("p", i)), Network: b.site.Network, Name: name, Device: light + sconce.EUI64(i), Kind: sconce.Luminaire, Made: begin,
		}
		if i == 0 {
			g, err := s.Lighting().CreateGroup(t.Context(), b.site.Owner, lighting.Group{ID: "g", Network: b.site.Network, Name: "-1+1", Made: begin})
			b.check(err)
			d.Groups = []sconce.GroupID{g.ID}
		}
		b.check(s.Lighting().AddDevice(t.Context(), b.site.Owner, d, []byte("sealed")))
	}
	fold := telemetry.NewFold(s.Results(), 0)
	from := fold.From(project.Assignment{Project: b.site.Project, Network: b.site.Network}, b.period.To)
	for _, series := range []telemetry.Series{{Device: light, Metric: sconce.ActivePower}, {Device: highest, Metric: sconce.ActivePower}, {Device: light, Metric: sconce.Temperature}} {
		for i := range samples {
			b.check(from.Reading(t.Context(), series, telemetry.Sample{At: begin.Add(time.Duration(i) * 20 * time.Second).UnixMilli(), Value: float64(i%200)/10 - 5}))
		}
	}
	b.check(s.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error { return fold.Store(tx) }))
	b.service = export.New(export.Parts{Projects: projects, Lights: lights, Readings: telemetry.New(s.Telemetry(), nil), Log: s.SecurityLog(), Now: time.Now})
	return b
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// take returns an export as the bytes of its file.
func (b *bench) take(w export.Wish) []byte {
	b.t.Helper()
	e, err := b.service.Begin(b.t.Context(), b.site.Owner, w)
	b.check(err)
	var file bytes.Buffer
	b.check(e.Write(b.t.Context(), &file))
	return file.Bytes()
}

// files returns the files of a ZIP file.
func (b *bench) files(file []byte) map[string]string {
	b.t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	b.check(err)
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		b.check(err)
		text, err := io.ReadAll(r)
		b.check(errors.Join(err, r.Close()))
		all[f.Name] = string(text)
	}
	return all
}

// TestCSV reads every file as a stranger does.
func TestCSV(t *testing.T) {
	b := newBench(t)
	file := b.take(export.Wish{Period: b.period, Format: export.CSV})
	all := b.files(file)
	if len(all) != 2+len(sconce.Metrics()) {
		t.Errorf("%d files", len(all))
	}
	lines := func(name string) [][]string {
		t.Helper()
		if strings.Count(all[name], "\n") != strings.Count(all[name], "\r\n") {
			t.Errorf("%s: not every line ends with CRLF", name)
		}
		records, err := csv.NewReader(strings.NewReader(all[name])).ReadAll()
		b.check(err)
		return records
	}
	devices := lines("devices.csv")
	if got, want := fmt.Sprintf("%q", devices[:3]), fmt.Sprintf("%q", [][]string{
		{"device", "kind", "position", "network", "groups", "added"},
		{"00124b0000001001", "luminaire", `'=HYPERLINK("http://evil.example","Desk")`, "First floor", "'-1+1", "2026-03-29T00:00:00.000Z"},
		{"00124b0000001002", "luminaire", "Flur, 2. Stock", "First floor", "", "2026-03-29T00:00:00.000Z"},
	}); got != want {
		t.Errorf("devices\n%s\n%s", got, want)
	}
	if len(devices) != 5 || devices[3][2] != "'@SUM(1)" || devices[4][2] != `Ünder "the" 大 window` {
		t.Errorf("devices %q", devices)
	}
	power := lines("readings/active_power.csv")
	if len(power) != 1+2*samples {
		t.Fatalf("%d lines of readings", len(power))
	}
	if got := fmt.Sprint(power[0], power[1], power[samples+1], power[2*samples]); got !=
		"[device time value] [fe124b0000001001 2026-03-29T00:00:00.000Z -5] [00124b0000001001 2026-03-29T00:00:00.000Z -5] [00124b0000001001 2026-03-29T23:59:40.000Z 6.9]" {
		t.Errorf("readings %s", got)
	}
	if len(lines("readings/temperature.csv")) != 1+samples || all["readings/battery.csv"] != "device,time,value\r\n" {
		t.Errorf("temperature has %d lines, battery is %q", len(lines("readings/temperature.csv")), all["readings/battery.csv"])
	}
	for _, word := range []string{"Office", "UTC", "in this unit: W.", "°C", "RFC 4180", "2026-03-30T00:00:00.000Z (excluded)"} {
		if !strings.Contains(all["README.txt"], word) {
			t.Errorf("README.txt has no %q:\n%s", word, all["README.txt"])
		}
	}
	size, err := b.service.Measure(t.Context(), b.site.Owner, b.period)
	b.check(err)
	if size.Series != 3 || size.Readings < 3*samples || size.Readings > 3*samples+3*telemetry.ChunkSize || size.Bytes < int64(len(file))/3 || size.Bytes > 3*int64(len(file)) {
		t.Errorf("it was to be %+v, and has %d readings in %d bytes", size, 3*samples, len(file))
	}
}

// TestJSON: the same, as JSON.
func TestJSON(t *testing.T) {
	b := newBench(t)
	all := b.files(b.take(export.Wish{Period: b.period, Format: export.JSON}))
	var devices []struct {
		Device   sconce.EUI64
		Position string
		Groups   []string
	}
	b.check(json.Unmarshal([]byte(all["devices.json"]), &devices))
	if len(devices) != 4 || devices[0].Position != `=HYPERLINK("http://evil.example","Desk")` || fmt.Sprint(devices[0].Groups, devices[1].Groups) != "[-1+1] []" {
		t.Errorf("devices %+v", devices)
	}
	var power []struct {
		Device sconce.EUI64
		Time   time.Time
		Value  float64
	}
	b.check(json.Unmarshal([]byte(all["readings/active_power.json"]), &power))
	if len(power) != 2*samples || power[0].Device != highest || !power[0].Time.Equal(begin) || power[0].Value != -5 {
		t.Errorf("%d readings, the first %+v", len(power), power[0])
	}
	if !json.Valid([]byte(all["readings/battery.json"])) {
		t.Errorf("battery is %q", all["readings/battery.json"])
	}
}

// TestSeries: one series, of part of the time.
func TestSeries(t *testing.T) {
	b := newBench(t)
	w := export.Wish{Period: export.Period{From: begin.Add(time.Hour), To: begin.Add(2 * time.Hour)}, Format: export.CSV, Only: telemetry.Series{Device: light, Metric: sconce.Temperature}}
	records, err := csv.NewReader(bytes.NewReader(b.take(w))).ReadAll()
	b.check(err)
	if len(records) != 181 || fmt.Sprint(records[:2]) != "[[time value] [2026-03-29T01:00:00.000Z 13]]" || records[180][0] != "2026-03-29T01:59:40.000Z" {
		t.Errorf("%d lines, %q", len(records), records[:2])
	}
	if size, err := b.service.Measure(t.Context(), b.site.Owner, w.Period); err != nil || size.Readings < 3*180 || size.Readings > 3*(180+2*telemetry.ChunkSize) {
		t.Errorf("an hour has %+v, %v", size, err)
	}
}

// TestNothingOfPeople plants people everywhere that people can be, and looks for them.
func TestNothingOfPeople(t *testing.T) {
	b := newBench(t)
	ada := identity.Account{ID: "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", Email: "ada.lovelace@example.org", Name: "Ada Lovelace", Country: "GB", Made: begin}
	b.check(b.store.Identity().CreateAccount(t.Context(), identity.Credentials{Account: ada}, audit.Operator, audit.Console))
	b.check(b.store.Projects().SetMember(t.Context(), b.site.Owner, project.Member{Account: ada.ID, Role: sconce.Expert}, 10))
	b.check(b.store.Lighting().CreateCommand(t.Context(), b.site.Owner, lighting.Command{
		ID: "c", Project: b.site.Project, Network: b.site.Network, Account: ada.ID, Device: light, On: new(true), Targets: 1, Made: begin, Expires: begin, Deadline: begin, Status: lighting.Pending,
	}))
	for _, format := range []export.Format{export.CSV, export.JSON} {
		for name, text := range b.files(b.take(export.Wish{Period: b.period, Format: format})) {
			for _, planted := range []string{string(ada.ID), ada.Email, ada.Name, "Lovelace", string(b.site.Owner.Account())} {
				if strings.Contains(text, planted) {
					t.Errorf("%s has %q", name, planted)
				}
			}
		}
	}
	log, err := b.store.SecurityLog().Newest(t.Context(), audit.OfProject(b.site.Project), 1<<62, 2)
	b.check(err)
	if len(log) != 2 || log[0].Action != audit.TelemetryExported || log[0].Who != b.site.Owner.Subject() ||
		log[0].Detail != "format=json from=2026-03-29T00:00:00.000Z to=2026-03-30T00:00:00.000Z" {
		t.Errorf("the security log has %+v", log)
	}
}

// TestOneAtATime: an export has its place until it was written or its receiver has gone,
// and another one waits.
func TestOneAtATime(t *testing.T) {
	b := newBench(t)
	wish := export.Wish{Period: b.period, Format: export.CSV}
	for _, end := range []func(*export.Export, context.CancelFunc){
		func(_ *export.Export, cancel context.CancelFunc) { cancel() },
		func(e *export.Export, _ context.CancelFunc) {
			if err := e.Write(t.Context(), full{}); !errors.Is(err, errFull) {
				t.Errorf("to a full disk: %v", err)
			}
		},
		func(e *export.Export, _ context.CancelFunc) {
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if err := e.Write(gone, io.Discard); !errors.Is(err, context.Canceled) {
				t.Errorf("to somebody who has gone: %v", err)
			}
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		e, err := b.service.Begin(ctx, b.site.Owner, wish)
		b.check(err)
		if _, err := b.service.Begin(t.Context(), b.site.Owner, wish); sconce.KindOf(err) != sconce.TooMany {
			t.Errorf("a second one: %v", err)
		}
		end(e, cancel)
		for b.service.Running() > 0 { // a cancelled context tells it a moment later
			if t.Context().Err() != nil {
				t.Fatal("its place is not free")
			}
		}
		cancel()
	}
}

var errFull = errors.New("no space")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestBadWishes are refused before anything is written down.
func TestBadWishes(t *testing.T) {
	b := newBench(t)
	for name, w := range map[string]export.Wish{
		"no time":      {Period: export.Period{From: begin, To: begin}, Format: export.CSV},
		"backwards":    {Period: export.Period{From: begin.Add(1), To: begin}, Format: export.CSV},
		"too long":     {Period: export.Period{From: begin, To: begin.Add(export.MaxPeriod + 1)}, Format: export.CSV},
		"no format":    {Period: b.period},
		"other format": {Period: b.period, Format: "xlsx"},
	} {
		if _, err := b.service.Begin(t.Context(), b.site.Owner, w); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := b.service.Running(); n != 0 {
		t.Errorf("%d are running", n)
	}
	for _, role := range project.Roles()[1:] {
		who := sconce.AccountID("somebody")
		b.check(b.store.Projects().SetMember(t.Context(), b.site.Owner, project.Member{Account: who, Role: role}, 10))
		scope, err := project.New(b.store.Projects(), time.Now).Enter(t.Context(), project.Caller{Account: who}, b.site.Project)
		b.check(err)
		_, err = b.service.Begin(t.Context(), scope, export.Wish{Period: b.period, Format: export.CSV})
		_, err2 := b.service.Measure(t.Context(), scope, b.period)
		if sconce.KindOf(err) != sconce.Forbidden || sconce.KindOf(err2) != sconce.Forbidden {
			t.Errorf("as %s: %v, %v", role, err, err2)
		}
	}
}

// TestEveryMethodAsks: to export takes the right to export and that to read, before anything
// is written down.
func TestEveryMethodAsks(t *testing.T) {
	b := newBench(t)
	for _, only := range []project.Action{project.ExportTelemetry, project.ReadTelemetry} {
		scope := b.site.Owner.Only(project.ActionsOf(only))
		_, err := b.service.Begin(t.Context(), scope, export.Wish{Period: b.period, Format: export.CSV})
		_, err2 := b.service.Measure(t.Context(), scope, b.period)
		if sconce.KindOf(err) != sconce.Forbidden || sconce.KindOf(err2) != sconce.Forbidden || b.service.Running() != 0 {
			t.Errorf("a program that may only %s: %v, %v", only, err, err2)
		}
	}
}
