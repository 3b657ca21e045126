package e2e

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to alter what the cloud wrote
)

// TestSecurityLogVerifies sets up a project over the API, proves the security log beside
// the running cloud, exports it, and then alters one byte: in the export, and in the
// database of the stopped cloud.
func TestSecurityLogVerifies(t *testing.T) {
	s := install(t, 2)
	s.startCloud()
	s.setUp()
	good := s.audit("verify")
	for _, log := range []string{string(s.project), "installation", "people"} {
		if !strings.Contains(good, log+": ") {
			t.Errorf("verify says nothing of %s:\n%s", log, good)
		}
	}
	head := regexp.MustCompile(string(s.project) + `: .* Head (\S+)`).FindStringSubmatch(good)
	if head == nil {
		t.Fatalf("no head in:\n%s", good)
	}
	export := []byte(s.audit("export", string(s.project)))
	for _, action := range []string{"project.made", "network.made", "gateway.claimed", "group.made", "device.added"} {
		if !bytes.Contains(export, []byte(action)) {
			t.Errorf("the log of a new project has no %s:\n%s", action, export)
		}
	}

	file := filepath.Join(t.TempDir(), "log.jsonl")
	verifyFile := func(b []byte, args ...string) (string, bool) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(s.programs.Sconce, append([]string{"ctl", "audit", "verify", file}, args...)...).CombinedOutput()
		return string(out), err == nil
	}
	if out, ok := verifyFile(export, "--expect", head[1]); !ok {
		t.Errorf("the export as it is: %s", out)
	}
	lines := bytes.SplitAfter(export, []byte("\n"))
	altered := bytes.Clone(export)
	altered[len(lines[0])+bytes.Index(lines[1], []byte(`"who":"`))+10] ^= 1
	if out, ok := verifyFile(altered); ok || !strings.Contains(out, "entry 2:") {
		t.Errorf("one byte of entry 2 altered: %s", out)
	}
	if out, ok := verifyFile(bytes.Join(lines[:len(lines)-3], nil), "--expect", head[1]); ok || !strings.Contains(out, "missing") {
		t.Errorf("the end cut off: %s", out)
	}

	if err := s.cloud.Stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(s.CloudConfig()), "cloud", "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"DROP TRIGGER security_log_stays",
		"UPDATE security_log SET target = target || 'x' WHERE number = 3 AND project_id = '" + string(s.project) + "'",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(s.programs.Sconce, "ctl", "--config", s.CloudConfig(), "audit", "verify").CombinedOutput()
	if err == nil || !strings.Contains(string(out), string(s.project)+": entry 3:") {
		t.Errorf("entry 3 altered in the database: %v: %s", err, out)
	}
}

// audit runs sconce ctl audit beside the running cloud.
func (s *system) audit(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(s.programs.Sconce, append([]string{"ctl", "--config", s.CloudConfig(), "audit"}, args...)...).Output()
	if err != nil {
		s.t.Fatalf("sconce ctl audit %v: %v: %s", args, err, out)
	}
	return string(out)
}
