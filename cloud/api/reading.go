package api

import (
	"context"
	"net/http"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// Readings is a page of the readings of one device and metric.
type Readings struct {
	Unit  string    `json:"unit" doc:"The unit of every value, empty for a plain number." example:"W"`
	Items []Reading `json:"items" nullable:"false"`
	Next  string    `json:"next_cursor,omitempty"`
}

// Reading is one measured value.
type Reading struct {
	At    Time    `json:"at"`
	Value float64 `json:"value"`
}

// readingsBack is how far back readings go that are asked for without a beginning.
const readingsBack = 24 * time.Hour

func (a *API) readingRoutes() {
	within(a, route{
		id: "list-readings", method: http.MethodGet, path: "/readings", status: http.StatusOK,
		summary: "Measured values of one device, oldest first", tag: "readings",
	}, func(ctx context.Context, scope project.Scope, in *struct {
		Device text[sconce.EUI64]  `query:"device" required:"true" doc:"Address of the device."`
		Metric text[sconce.Metric] `query:"metric" required:"true" doc:"One of active_power, link_quality, energy, illuminance, occupancy, temperature, battery, burn_hours, signal and output."`
		From   time.Time           `query:"from" doc:"The earliest time, included; without it, a day before the latest."`
		To     time.Time           `query:"to" doc:"The latest time, excluded; without it, now."`
		Page
	},
	) (*struct{ Body Readings }, error) {
		q := telemetry.Query{
			Series: telemetry.Series{Device: in.Device.value, Metric: in.Metric.value},
			From:   in.From, To: in.To, Limit: in.Limit, After: in.Cursor,
		}
		if q.To.IsZero() {
			q.To = time.Now()
		}
		if q.From.IsZero() {
			q.From = q.To.Add(-readingsBack)
		}
		p, err := a.Telemetry.Readings(ctx, scope, q)
		out := Readings{Unit: in.Metric.value.Unit(), Items: make([]Reading, len(p.Samples)), Next: p.Next}
		for i, s := range p.Samples {
			out.Items[i] = Reading{Time(s.Time()), s.Value}
		}
		return &struct{ Body Readings }{out}, err
	})
}
