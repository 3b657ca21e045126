// Package export gives the owner of a project what was measured there, as files: a ZIP
// file of CSV (RFC 4180), of JSON (RFC 8259) or of Apache Parquet, or one series as CSV, with times in UTC
// (RFC 3339) and units beside it.
//
// It says nothing of people: neither who belongs to the project nor who did what there;
// that is for packages project and audit, and what is known of one person is package
// privacy's. It reads page after page, so that its memory is bounded and no transaction
// stays open while somebody takes their time, and it knows nothing of connections: whoever
// it writes to ends a reader that has stalled.
package export

import (
	"context"
	"sync"
	"time"

	"sconce"
	"sconce/cloud/audit"
	"sconce/cloud/lighting"
	"sconce/cloud/project"
	"sconce/cloud/telemetry"
)

// The limits of exports.
const (
	// MaxRunning is how many exports are written at a time; of one project it is one.
	MaxRunning = 4
	// MaxPeriod is the longest period of an export.
	MaxPeriod = 10 * 366 * 24 * time.Hour

	page = 5000 // readings or series in memory
)

// Format is the form of the files.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSON    Format = "json"
	Parquet Format = "parquet"
)

// Projects is what is needed of package project.
type Projects interface {
	Get(ctx context.Context, scope project.Scope) (project.Project, error)
	Networks(ctx context.Context, scope project.Scope) ([]project.Network, error)
}

// Lights is what is needed of package lighting.
type Lights interface {
	Devices(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]lighting.Device, error)
	Groups(ctx context.Context, scope project.Scope, network sconce.NetworkID) ([]lighting.Group, error)
}

// Readings is what is needed of package telemetry.
type Readings interface {
	// Measured returns up to limit devices with readings of a metric, after the given one
	// in an order of its own; nil is before all.
	Measured(ctx context.Context, scope project.Scope, m sconce.Metric, after *sconce.EUI64, limit int) ([]sconce.EUI64, error)
	// Extent returns about how many readings of a series there are in a period.
	Extent(ctx context.Context, scope project.Scope, of telemetry.Series, from, to time.Time) (int64, error)
	// Readings returns a page of readings.
	Readings(ctx context.Context, scope project.Scope, q telemetry.Query) (telemetry.Page, error)
}

// Log is where it is written that somebody took an export.
type Log interface {
	Append(ctx context.Context, chain audit.Chain, e audit.Event) error
}

// Parts is what a [Service] is made of.
type Parts struct {
	Projects Projects
	Lights   Lights
	Readings Readings
	Log      Log
	Now      func() time.Time
}

// Service makes exports. It is safe for concurrent use.
type Service struct {
	Parts

	mu      sync.Mutex
	running map[sconce.ProjectID]bool
}

// New returns a Service.
func New(p Parts) *Service { return &Service{Parts: p, running: map[sconce.ProjectID]bool{}} }

// Period is from one time, included, to another, excluded.
type Period struct{ From, To time.Time }

func (p Period) check() error {
	if !p.From.Before(p.To) || p.To.Sub(p.From) > MaxPeriod {
		return sconce.FieldErrorf("from", "expected a period that begins before it ends, of at most %d days", int(MaxPeriod.Hours()/24))
	}
	return nil
}

// Wish is what is to be exported.
type Wish struct {
	Period

	Format Format
	Only   telemetry.Series // one series, as CSV; the zero value for everything
}

// Size is how large an export will be, about.
type Size struct {
	Series   int   // with readings in the project
	Readings int64 // in the period
	Bytes    int64 // of the ZIP file
}

// What a reading takes in a ZIP file, and what a device takes, measured.
const (
	bytesOfReading = 8
	bytesOfSeries  = 100
	bytesOfAll     = 4000
)

// Measure returns how large an export of everything in a period will be.
func (s *Service) Measure(ctx context.Context, scope project.Scope, p Period) (Size, error) {
	if err := s.may(scope); err != nil {
		return Size{}, err
	}
	if err := p.check(); err != nil {
		return Size{}, err
	}
	size := Size{Bytes: bytesOfAll}
	for _, m := range sconce.Metrics() {
		err := s.devices(ctx, scope, m, func(d sconce.EUI64) error {
			n, err := s.Readings.Extent(ctx, scope, telemetry.Series{Device: d, Metric: m}, p.From, p.To)
			size.Series, size.Readings = size.Series+1, size.Readings+n
			return err
		})
		if err != nil {
			return Size{}, err
		}
	}
	size.Bytes += bytesOfReading*size.Readings + bytesOfSeries*int64(size.Series)
	return size, nil
}

// may returns nil when a scope permits to export.
func (s *Service) may(scope project.Scope) error {
	if err := scope.Require(project.ExportTelemetry); err != nil {
		return err
	}
	return scope.Require(project.ReadTelemetry)
}

// devices calls fn for every device with readings of a metric.
func (s *Service) devices(ctx context.Context, scope project.Scope, m sconce.Metric, fn func(sconce.EUI64) error) error {
	var after *sconce.EUI64
	for {
		some, err := s.Readings.Measured(ctx, scope, m, after, page)
		if err != nil {
			return err
		}
		for _, d := range some {
			if err := fn(d); err != nil {
				return err
			}
		}
		if len(some) < page {
			return nil
		}
		after = &some[len(some)-1]
	}
}

// Export is one that was begun, and has to be written.
type Export struct {
	*Service

	scope   project.Scope
	wish    Wish
	project project.Project
	begun   time.Time
	end     func() // frees the place of the export, once
}

// Begin begins an export, and writes in the project's security log who takes it. It ends
// when it was written, or when ctx ends. While another one of the project is written, and
// while [MaxRunning] are, the error is a [sconce.TooMany].
func (s *Service) Begin(ctx context.Context, scope project.Scope, w Wish) (*Export, error) {
	if err := s.may(scope); err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	if w.Format != CSV && w.Format != JSON && w.Format != Parquet {
		return nil, sconce.FieldErrorf("format", "expected the format csv, json or parquet")
	}
	p, err := s.Projects.Get(ctx, scope)
	if err != nil {
		return nil, err
	}
	if err := s.enter(p.ID); err != nil {
		return nil, err
	}
	e := &Export{Service: s, scope: scope, wish: w, project: p, begun: s.Now(), end: sync.OnceFunc(func() { s.leave(p.ID) })}
	if err := s.Log.Append(ctx, audit.OfProject(p.ID), scope.Event(audit.TelemetryExported, w.target(), w.detail())); err != nil {
		e.end()
		return nil, err
	}
	context.AfterFunc(ctx, e.end)
	return e, nil
}

func (s *Service) enter(id sconce.ProjectID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running[id]:
		return sconce.Errorf(sconce.TooMany, "another export of this project is being written: wait until it has ended")
	case len(s.running) >= MaxRunning:
		return sconce.Errorf(sconce.TooMany, "%d exports are being written: try again in a few minutes", MaxRunning)
	}
	s.running[id] = true
	return nil
}

func (s *Service) leave(id sconce.ProjectID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

// Running returns how many exports are being written.
func (s *Service) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running)
}

func (w Wish) single() bool { return w.Only != telemetry.Series{} }

func (w Wish) target() string {
	if w.single() {
		return "device:" + w.Only.Device.String()
	}
	return ""
}

func (w Wish) detail() string {
	what := "format=" + string(w.Format)
	if w.single() {
		what = "metric=" + w.Only.Metric.String()
	}
	return what + " from=" + moment(w.From) + " to=" + moment(w.To)
}

// FileName returns what the file is to be called.
func (e *Export) FileName() string {
	day := e.begun.UTC().Format("2006-01-02")
	if e.wish.single() {
		return "sconce-" + e.wish.Only.Device.String() + "-" + e.wish.Only.Metric.String() + "-" + day + ".csv"
	}
	return "sconce-project-" + day + ".zip"
}

// MediaType returns the media type of the file.
func (e *Export) MediaType() string {
	if e.wish.single() {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/zip"
}
