package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sconce"
	"sconce/cloud/export"
	"sconce/cloud/ingest"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/store/storetest"
	"sconce/cloud/telemetry"
)

// TestParquet has a reader of others (hyparquet) read an export in Parquet, each row of it.
func TestParquet(t *testing.T) {
	if _, err := os.Stat("parquet/node_modules/hyparquet"); err != nil {
		t.Fatal("the reader of Parquet is not here: run make internal/e2e/parquet/node_modules/.package-lock.json")
	}
	const rows = 70_000 // more than a row group
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	s := storetest.OpenSQLite(t)
	site := storetest.MakeSite(t, s, 0x00124b0000000001)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	device := lighting.Device{Position: "p", Network: site.Network, Name: "Ünder \"the\" 大 window", Device: 0x00124b0000001001, Kind: sconce.Luminaire, Made: begin}
	group, err := s.Lighting().CreateGroup(t.Context(), site.Owner, lighting.Group{ID: "g", Network: site.Network, Name: "Flur, 2. Stock", Made: begin})
	must(err)
	device.Groups = []sconce.GroupID{group.ID}
	must(s.Lighting().AddDevice(t.Context(), site.Owner, device, []byte("sealed")))
	fold := telemetry.NewFold(s.Results(), 0)
	from := fold.From(project.Assignment{Project: site.Project, Network: site.Network}, begin.AddDate(0, 0, 2))
	for i := range rows {
		sample := telemetry.Sample{At: begin.UnixMilli() + int64(i)*1000, Value: float64(i) / 10}
		must(from.Reading(t.Context(), telemetry.Series{Device: device.Device, Metric: sconce.ActivePower}, sample))
	}
	must(s.Results().Apply(t.Context(), 1, func(tx ingest.Tx) error { return fold.Store(tx) }))

	service := export.New(export.Parts{
		Projects: project.New(s.Projects(), time.Now), Lights: lighting.New(lighting.Parts{Store: s.Lighting(), Vault: s.Vault()}),
		Readings: telemetry.New(s.Telemetry(), nil), Log: s.SecurityLog(), Now: time.Now,
	})
	e, err := service.Begin(t.Context(), site.Owner, export.Wish{Period: export.Period{From: begin, To: begin.AddDate(0, 0, 2)}, Format: export.Parquet})
	must(err)
	var file bytes.Buffer
	must(e.Write(t.Context(), &file))

	var devices []struct {
		Device, Kind, Position, Network string
		Groups                          []string
		Added                           time.Time
	}
	readParquet(t, file.Bytes(), "devices.parquet", &devices)
	if want := "[{00124b0000001001 luminaire Ünder \"the\" 大 window First floor [Flur, 2. Stock] 2026-11-20 00:00:00 +0000 UTC}]"; fmt.Sprint(devices) != want {
		t.Errorf("devices %v, want %s", devices, want)
	}
	var readings []struct {
		Device string
		Time   time.Time
		Value  float64
	}
	readParquet(t, file.Bytes(), "readings/active_power.parquet", &readings)
	if len(readings) != rows {
		t.Fatalf("%d readings, want %d", len(readings), rows)
	}
	for i, r := range readings {
		if r.Device != "00124b0000001001" || !r.Time.Equal(begin.Add(time.Duration(i)*time.Second)) || r.Value != float64(i)/10 {
			t.Fatalf("reading %d is %+v", i, r)
		}
	}
}

// readParquet reads a file of an export into rows.
func readParquet(t *testing.T, export []byte, name string, rows any) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(export), int64(len(export)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	read := exec.CommandContext(t.Context(), "node", "read.mjs", path)
	read.Dir = "parquet"
	var said bytes.Buffer
	read.Stderr = &said
	out, err := read.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.Bytes())
	}
	if err := json.Unmarshal(out, rows); err != nil {
		t.Fatalf("%v: %.200s", err, out)
	}
}
