package api

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Time) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }

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

// UnmarshalJSON implements [json.Unmarshaler].
func (n *OrNull[T]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &n.value) }

// Schema implements [huma.SchemaProvider].
func (OrNull[T]) Schema(r huma.Registry) *huma.Schema {
	of := r.Schema(reflect.TypeFor[T](), true, "")
	return &huma.Schema{OneOf: []*huma.Schema{of, {Type: "null"}}}
}

// text is a parameter of the path or the query in the text form of its type, which
// is that of T's UnmarshalText, whatever kind of number T is underneath.
type text[T any] struct{ value T }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *text[T]) UnmarshalText(b []byte) error {
	u, ok := any(&p.value).(encoding.TextUnmarshaler)
	if !ok {
		return fmt.Errorf("%T has no text form", p.value)
	}
	return u.UnmarshalText(b)
}

// secretText is a secret as typed, for the capability that reads it: it is not
// written out, and prints as [redacted].
type secretText string

// Format implements [fmt.Formatter] for every verb.
func (secretText) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (secretText) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText refuses.
func (secretText) MarshalText() ([]byte, error) { return nil, errors.New("encoding a secret: refused") }
