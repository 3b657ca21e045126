package store

import (
	"context"
	"math"
	"time"

	"sconce"
	"sconce/cloud/project"
	"sconce/cloud/store/sitedb"
	"sconce/cloud/telemetry"
)

// Measured goes by the chunks that are not full, of which every series has one. The order
// is that of the addresses as signed numbers.
func (m measurements) Measured(ctx context.Context, s project.Scope, metric sconce.Metric, after *sconce.EUI64, limit int) ([]sconce.EUI64, error) {
	last := int64(math.MinInt64) // the address of no device
	if after != nil {
		last = int64(*after)
	}
	rows, err := m.in(s).reading.Measured(ctx, sitedb.MeasuredParams{ProjectID: string(s.Project()), Metric: int64(metric), After: last, Max: int64(limit)})
	return mapped(rows, func(d int64) sconce.EUI64 { return sconce.EUI64(d) }), doing("reading what is measured", err)
}

func (m measurements) PartFrom(ctx context.Context, s project.Scope, series telemetry.Series, from time.Time) (int64, bool, error) {
	rows, err := m.in(s).reading.PartFrom(ctx, sitedb.PartFromParams{
		ProjectID: string(s.Project()), Device: int64(series.Device), Metric: int64(series.Metric), Since: from.UnixMilli(),
	})
	if err != nil || len(rows) == 0 {
		return 0, false, doing("reading the extent of readings", err)
	}
	return rows[0], true, nil
}
