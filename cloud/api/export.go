package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sconce"
	"sconce/cloud/export"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// exportBack is how far back an export goes that is asked for without a beginning.
const exportBack = 30 * 24 * time.Hour

// ExportSize is how large an export will be, about.
type ExportSize struct {
	Series   int   `json:"series" doc:"How many series of readings the project has: one for each device and metric."`
	Readings int64 `json:"readings" doc:"About how many readings there are in the period."`
	Bytes    int64 `json:"bytes" doc:"About how large the ZIP file will be."`
}

// ExportPeriod is the time whose readings are exported. It has to be exported: embedded in the input of a
// route it is not looked into otherwise.
type ExportPeriod struct {
	From time.Time `query:"from" doc:"The earliest time, included; without it, 30 days before the latest."`
	To   time.Time `query:"to" doc:"The latest time, excluded; without it, now."`
}

func (p ExportPeriod) period() export.Period {
	if p.To.IsZero() {
		p.To = time.Now()
	}
	if p.From.IsZero() {
		p.From = p.To.Add(-exportBack)
	}
	return export.Period{From: p.From.UTC(), To: p.To.UTC()}
}

func (a *API) exportRoutes() {
	within(a, route{
		id: "measure-export", method: http.MethodGet, path: "/export/size", status: http.StatusOK,
		summary: "How large an export of a period will be, about", tag: "export",
	}, func(ctx context.Context, scope project.Scope, in *ExportPeriod) (*struct{ Body ExportSize }, error) {
		s, err := a.Export.Measure(ctx, scope, in.period())
		return &struct{ Body ExportSize }{ExportSize(s)}, err
	})

	within(a, route{
		id: "export-readings", method: http.MethodGet, path: "/export", status: http.StatusOK, streams: []string{"application/zip"},
		summary: "Devices, and their readings of a period, as a ZIP file", tag: "export",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		ExportPeriod
		Format string `query:"format" enum:"csv,json,parquet" default:"csv" doc:"The form of the files in it."`
	},
	) (*huma.StreamResponse, error) {
		return a.export(ctx, scope, export.Wish{Period: in.period(), Format: export.Format(in.Format)})
	})

	within(a, route{
		id: "export-series", method: http.MethodGet, path: "/export/series", status: http.StatusOK, streams: []string{"text/csv"},
		summary: "The readings of one device and metric, of a period, as CSV", tag: "export",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		ExportPeriod
		Device text[sconce.EUI64]  `query:"device" required:"true" doc:"Address of the device."`
		Metric text[sconce.Metric] `query:"metric" required:"true" doc:"As in list-readings."`
	},
	) (*huma.StreamResponse, error) {
		only := telemetry.Series{Device: in.Device.value, Metric: in.Metric.value}
		return a.export(ctx, scope, export.Wish{Period: in.period(), Format: export.CSV, Only: only})
	})
}

func (a *API) export(ctx context.Context, scope project.Scope, w export.Wish) (*huma.StreamResponse, error) {
	ctx = lastingOf(ctx)
	e, err := a.Export.Begin(ctx, scope, w)
	if err != nil {
		return nil, err
	}
	return a.stream(ctx, e), nil
}
