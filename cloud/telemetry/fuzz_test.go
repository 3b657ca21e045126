package telemetry

import (
	"testing"

	"sconce/internal/corpus"
)

// FuzzCursor: a cursor that parses is one that a page gives, and cuts any samples.
func FuzzCursor(f *testing.F) {
	f.Add("1763900000000.3", 1)
	f.Add("-5.0", 100)
	corpus.Fuzz(f, func(t *testing.T, s string, limit int) {
		c, err := parseCursor(s)
		if err != nil {
			return
		}
		if c.String() != s {
			t.Fatalf("%q is %q", s, c)
		}
		limit = max(1, min(limit, 8))
		samples := []Sample{{At: c.at}, {At: c.at}, {At: c.at}, {At: c.at + 1}, {At: c.at + 2}}
		p := c.page(samples, limit)
		if len(p.Samples) > limit {
			t.Fatalf("%d samples, at most %d", len(p.Samples), limit)
		}
		if p.Next == "" {
			return
		}
		if _, err := parseCursor(p.Next); err != nil {
			t.Fatalf("the next page is at %q: %v", p.Next, err)
		}
	})
}
