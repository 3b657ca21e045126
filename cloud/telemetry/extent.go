package telemetry

import (
	"context"
	"time"

	"sconce"
	"sconce/cloud/project"
)

// Extents reads which readings there are, without reading them.
type Extents interface {
	// Measured returns up to limit devices with readings of a metric, after the given one
	// in an order of its own; nil is before all.
	Measured(ctx context.Context, s project.Scope, m sconce.Metric, after *sconce.EUI64, limit int) ([]sconce.EUI64, error)
	// PartFrom returns the first chunk of a series that ends at or after a time; false when
	// there is none.
	PartFrom(ctx context.Context, s project.Scope, series Series, from time.Time) (part int64, ok bool, err error)
}

// Measured returns up to limit devices with readings of a metric, after the given one in an
// order that is the store's; nil is before all. Also those that are in the project no more
// are among them.
func (s *Service) Measured(ctx context.Context, scope project.Scope, m sconce.Metric, after *sconce.EUI64, limit int) ([]sconce.EUI64, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return nil, err
	}
	return s.store.Measured(ctx, scope, m, after, limit)
}

// Extent returns about how many readings of a series there are from one time, included, to
// another, excluded: chunks count as a whole, so that it takes three look-ups.
func (s *Service) Extent(ctx context.Context, scope project.Scope, series Series, from, to time.Time) (int64, error) {
	if err := scope.Require(project.ReadTelemetry); err != nil {
		return 0, err
	}
	open, err := s.store.OpenChunk(ctx, scope, series)
	if err != nil {
		return 0, err
	}
	parts := [2]int64{open.Part, open.Part}
	for i, at := range []time.Time{from, to} {
		part, ok, err := s.store.PartFrom(ctx, scope, series, at)
		if err != nil {
			return 0, err
		}
		if ok {
			parts[i] = part
		}
	}
	n := max(0, parts[1]-parts[0]) * ChunkSize
	if parts[1] < open.Part {
		return n + ChunkSize, nil // the last one reaches beyond the end
	}
	for _, sample := range open.Samples {
		if at := sample.Time(); !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n, nil
}
