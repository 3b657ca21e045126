package api_test

import (
	"strings"
	"testing"
)

// TestExportPeriod: every export is of the period that was asked for.
func TestExportPeriod(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/export?", "/export?format=json&", "/export/size?", "/export/series?metric=active_power&device=" + b.own.device.String() + "&"} {
		if a := b.asOwner("GET", path+"from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z", nil); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
		if a := b.asOwner("GET", path+"from=2026-01-08T00:00:00Z&to=2026-01-01T00:00:00Z", nil); a.status != 422 || !strings.Contains(a.text, "begins before it ends") {
			t.Errorf("%s, backwards: %d %s", path, a.status, a.text)
		}
	}
}
