package guards

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestListIsCurrent: what each guard replaces is there, once.
func TestListIsCurrent(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range listed {
		text, err := os.ReadFile(filepath.Join(root, g.file))
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		if n := strings.Count(string(text), g.from); n != 1 || seen[g.name] || g.run == "" {
			t.Errorf("%s: what it replaces is %d times in %s; say anew where the check is, and which tests fail without it", g.name, n, g.file)
		}
		seen[g.name] = true
	}
	found, err := calls(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 35 {
		t.Errorf("only %d calls of Scope.Require were found", len(found))
	}
}
