package export

import (
	"archive/zip"
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"sconce"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// block is how much is written at a time: a receiver that does not take so much within
// the time it is given has stalled.
const block = 32 << 10

// Write writes the export, and ends it. When the error is not nil the file is cut off.
func (e *Export) Write(ctx context.Context, w io.Writer) error {
	defer e.end()
	b := bufio.NewWriterSize(w, block)
	write := e.zip
	if e.wish.single() {
		write = func(ctx context.Context, w io.Writer) error {
			return e.series(ctx, newTable(w, CSV, "time", "value"), e.wish.Only)
		}
	}
	if err := write(ctx, b); err != nil {
		return fmt.Errorf("writing an export: %w", err)
	}
	return b.Flush()
}

// zip writes the file of everything.
func (e *Export) zip(ctx context.Context, w io.Writer) error {
	z := zip.NewWriter(w)
	file := func(name string, fill func(w io.Writer) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		method := zip.Deflate
		if strings.HasSuffix(name, "."+string(Parquet)) {
			method = zip.Store // it is compressed
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: e.begun.UTC()})
		if err != nil {
			return err
		}
		return fill(f)
	}
	err := file("README.txt", func(w io.Writer) error {
		_, err := io.WriteString(w, e.readme())
		return err
	})
	if err != nil {
		return err
	}
	networks, err := e.Projects.Networks(ctx, e.scope)
	if err != nil {
		return err
	}
	extension := "." + string(e.wish.Format)
	err = file("devices"+extension, func(w io.Writer) error { return e.devicesFile(ctx, newDevices(w, e.wish.Format), networks) })
	if err != nil {
		return err
	}
	for _, m := range sconce.Metrics() {
		err := file("readings/"+m.String()+extension, func(w io.Writer) error { return e.metric(ctx, newReadings(w, e.wish.Format), m) })
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// A device with the names of where it belongs.
type place struct {
	lighting.Device

	network string
	groups  []string
}

// devices is a file of devices.
type devices interface {
	device(d place) error
	finish() error
}

func newDevices(w io.Writer, form Format) devices {
	if form == Parquet {
		return parquetDevices{newParquetFile[parquetDevice](w)}
	}
	return deviceTable{newTable(w, form, "device", "kind", "position", "network", "groups", "added")}
}

type deviceTable struct{ *table }

func (t deviceTable) device(d place) error {
	return t.row(raw(d.Device.Device.String()), raw(d.Kind.String()), text(d.Name), text(d.network), list(d.groups), raw(moment(d.Made)))
}

// readings is a file of readings of one metric.
type readings interface {
	reading(d sconce.EUI64, s telemetry.Sample) error
	finish() error
}

func newReadings(w io.Writer, form Format) readings {
	if form == Parquet {
		return parquetReadings{newParquetFile[parquetReading](w)}
	}
	return readingTable{newTable(w, form, "device", "time", "value")}
}

type readingTable struct{ *table }

func (t readingTable) reading(d sconce.EUI64, s telemetry.Sample) error {
	return t.row(raw(d.String()), raw(moment(s.Time())), number(s.Value))
}

// devicesFile writes the devices with their positions and groups, network after network.
func (e *Export) devicesFile(ctx context.Context, file devices, networks []project.Network) error {
	for _, n := range networks {
		groups, err := e.Lights.Groups(ctx, e.scope, n.ID)
		if err != nil {
			return err
		}
		names := map[sconce.GroupID]string{}
		for _, g := range groups {
			names[g.ID] = g.Name
		}
		devices, err := e.Lights.Devices(ctx, e.scope, n.ID)
		if err != nil {
			return err
		}
		for _, d := range devices {
			in := place{Device: d, network: n.Name, groups: make([]string, len(d.Groups))}
			for i, g := range d.Groups {
				in.groups[i] = names[g]
			}
			if err := file.device(in); err != nil {
				return err
			}
		}
	}
	return file.finish()
}

// metric writes the readings of one metric, device after device.
func (e *Export) metric(ctx context.Context, file readings, m sconce.Metric) error {
	err := e.devices(ctx, e.scope, m, func(d sconce.EUI64) error {
		return e.each(ctx, telemetry.Series{Device: d, Metric: m}, func(s telemetry.Sample) error { return file.reading(d, s) })
	})
	if err != nil {
		return err
	}
	return file.finish()
}

// series writes the readings of one series.
func (e *Export) series(ctx context.Context, t *table, of telemetry.Series) error {
	err := e.each(ctx, of, func(s telemetry.Sample) error { return t.row(raw(moment(s.Time())), number(s.Value)) })
	if err != nil {
		return err
	}
	return t.finish()
}

// each calls fn for every reading of a series in the period, page after page.
func (e *Export) each(ctx context.Context, of telemetry.Series, fn func(telemetry.Sample) error) error {
	q := telemetry.Query{Series: of, From: e.wish.From, To: e.wish.To, Limit: page}
	for {
		p, err := e.Readings.Readings(ctx, e.scope, q)
		if err != nil {
			return err
		}
		for _, s := range p.Samples {
			if err := fn(s); err != nil {
				return err
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

func (e *Export) readme() string {
	var b strings.Builder
	fmt.Fprintf(&b, "What was measured in the project %q, from %s (included) to %s (excluded), as of %s.\n\n", e.project.Name, moment(e.wish.From), moment(e.wish.To), moment(e.begun))
	fmt.Fprintf(&b, "devices.%[1]s\n    The devices that are in the project now: address (EUI-64), kind, the position where each hangs, its\n    network, its groups, and when it was added.\n", e.wish.Format)
	for _, m := range sconce.Metrics() {
		unit := m.Unit()
		if unit == "" {
			unit = "a plain number"
		}
		fmt.Fprintf(&b, "readings/%s.%s\n    %s, in this unit: %s. Each reading as it was measured, by device and time; also of devices that are\n    gone.\n", m, e.wish.Format, m, unit)
	}
	b.WriteString("\nTimes are UTC, in the form of RFC 3339 (ISO 8601), by the clock of the gateway; a time zone is nowhere applied.\nReadings that came late have the time at which they were measured.\n")
	switch e.wish.Format {
	case CSV:
		b.WriteString(`
The CSV files are as RFC 4180 has it: in UTF-8, with a line of names first, commas, and CRLF at the end of lines.
Groups are separated by "; ". A name that begins with =, +, -, @, a tab or a line break has an apostrophe before it, so
that no spreadsheet takes it for a formula.
`)
	case JSON:
		b.WriteString("\nThe JSON files (RFC 8259, UTF-8) hold one array each, an object for each line. A value that is no number is null.\n")
	case Parquet:
		b.WriteString("\nThe Parquet files (Apache Parquet, Snappy) have typed columns: times are timestamps of milliseconds in UTC, groups a list.\nA value that is no number is null.\n")
	}
	b.WriteString("\nNothing in here says who uses the lights, who belongs to the project or who did what there.\n")
	return b.String()
}

// moment writes a time.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
