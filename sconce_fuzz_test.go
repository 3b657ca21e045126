package sconce

import (
	"encoding"
	"testing"

	"sconce/internal/corpus"
)

// FuzzText: what reads a text writes the same one.
func FuzzText(f *testing.F) {
	for _, s := range []string{"5ec0ce0000000001", "0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", "luminaire", "active_power", "owner", "sunrise"} {
		f.Add(s)
	}
	corpus.Fuzz(f, func(t *testing.T, s string) {
		if id, err := ParseID[ProjectID](s); err == nil && string(id) != s {
			t.Errorf("identifier %q from %q", id, s)
		}
		if e, err := ParseEUI64(s); err == nil {
			if again, err := ParseEUI64(e.String()); err != nil || again != e {
				t.Errorf("%q is %v, and that %v, %v", s, e, again, err)
			}
		}
		for _, v := range []interface {
			encoding.TextUnmarshaler
			encoding.TextMarshaler
		}{new(DeviceKind), new(Metric), new(Cause), new(Role)} {
			if v.UnmarshalText([]byte(s)) != nil {
				continue
			}
			if b, err := v.MarshalText(); err != nil || string(b) != s {
				t.Errorf("%T: %q from %q, %v", v, b, s, err)
			}
		}
	})
}
