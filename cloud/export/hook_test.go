package export

import (
	"io"

	"sconce"
	"sconce/cloud/telemetry"
)

// A File is a file of readings, for the tests.
type File struct{ readings }

// NewReadings returns one.
func NewReadings(w io.Writer, form Format) File { return File{newReadings(w, form)} }

// Reading writes a reading.
func (f File) Reading(d sconce.EUI64, s telemetry.Sample) error { return f.reading(d, s) }

// Finish writes the end.
func (f File) Finish() error { return f.finish() }
