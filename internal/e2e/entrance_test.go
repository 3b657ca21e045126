package e2e

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"regexp"
	"testing"

	"sconce/app"
)

// entranceMost is how much a browser receives, compressed and without fonts, before somebody
// can sign in: three quarters of a second on a line of 1.5 Mbit/s. What weighs more is fetched
// when somebody comes to it.
const entranceMost = 128 << 10

// TestEntranceIsSmall weighs what the app's first page asks for.
func TestEntranceIsSmall(t *testing.T) {
	index, err := fs.ReadFile(app.Files(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(?:src|href)="/(assets/[^"]+\.(?:js|css))"`).FindAllSubmatch(index, -1)
	if len(parts) < 2 {
		t.Fatalf("the page asks for %d scripts and styles:\n%s", len(parts), index)
	}
	var packed bytes.Buffer
	for _, part := range parts {
		file, err := fs.ReadFile(app.Files(), string(part[1]))
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(file); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if packed.Len() > entranceMost {
		t.Errorf("the entrance weighs %d bytes, at most %d: let a screen come later (ui/Later.svelte)", packed.Len(), entranceMost)
	}
	t.Logf("the entrance weighs %d bytes", packed.Len())
}
