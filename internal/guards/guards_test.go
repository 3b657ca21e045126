//go:build guards

package guards

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var only = flag.String("only", "", "regular expression of the names of the guards to take away")

// TestGuards takes each guard away, and fails when no test does.
func TestGuards(t *testing.T) {
	found, err := calls(root)
	if err != nil {
		t.Fatal(err)
	}
	chosen := regexp.MustCompile(*only)
	for _, g := range append(append([]guard{}, listed...), found...) {
		if !chosen.MatchString(g.name) {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			if out, failed := g.without(t); !failed {
				t.Errorf("no test fails without it: %s of %s", g.run, g.tests)
			} else if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") || strings.Contains(out, "no tests to run") && !strings.Contains(out, "--- FAIL") {
				t.Errorf("it cannot be taken away like this:\n%.2000s", out)
			} else {
				t.Logf("%s", strings.Join(regexp.MustCompile(`--- FAIL: \w+`).FindAllString(out, 3), ", "))
			}
		})
	}
}

// without runs the tests of a guard without it, and reports whether one failed.
func (g guard) without(t *testing.T) (out string, failed bool) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, g.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), g.from, g.to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tests := range strings.Fields(g.tests) { // the quickest first
		cmd := exec.Command("go", "test", "-vet=off", "-failfast", "-count=1", "-timeout=5m", "-overlay", list, "-run", g.run, tests)
		cmd.Dir = root
		b, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if out += string(b); err != nil {
			return out, true
		}
	}
	return out, false
}
