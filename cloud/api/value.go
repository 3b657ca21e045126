package api

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

var problemReflected = reflect.TypeFor[Problem]()

// Time is a moment in JSON: RFC 3339 in UTC, with milliseconds.
type Time time.Time

const timeFormat = "2006-01-02T15:04:05.000Z"

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"`+timeFormat+`"`), nil
}

// Schema implements [huma.SchemaProvider].
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-01-02T15:04:05.678Z"}}
}

// OrNull is a value in JSON that may be null.
type OrNull[T any] struct{ value *T }

func some[T any](v T) OrNull[T] { return OrNull[T]{&v} }

// orNull returns null for nil.
func orNull[T any](v *T) OrNull[T] { return OrNull[T]{v} }

// momentOrNull returns null for the zero time.
func momentOrNull(t time.Time) OrNull[Time] {
	if t.IsZero() {
		return OrNull[Time]{}
	}
	return some(Time(t))
}

// MarshalJSON implements [json.Marshaler].
func (n OrNull[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.value) }

// Schema implements [huma.SchemaProvider].
func (OrNull[T]) Schema(r huma.Registry) *huma.Schema {
	of := r.Schema(reflect.TypeFor[T](), true, "")
	return &huma.Schema{OneOf: []*huma.Schema{of, {Type: "null"}}}
}
