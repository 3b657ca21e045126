package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce/cloud/store"
	"sconce/internal/postgres"
)

// TestPostgres moves a running installation from files to PostgreSQL: its lights, its
// project and who was signed in are there, and it goes on.
func TestPostgres(t *testing.T) {
	server, err := postgres.Get()
	if err != nil {
		t.Fatal(err)
	}
	s := boot(t, 2)
	if err := s.cloud.Stop(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(s.Dir, "cloud")
	urls := s.useDatabases(server, "e2e")
	ctl := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), s.programs.Sconce, append([]string{"ctl", "--config", s.CloudConfig(), "store"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	ctl("prepare", "--owner", "owner")
	if said := ctl("copy", "--from", data); !strings.Contains(said, "verified") || !strings.Contains(said, "All is there") {
		t.Errorf("the copy says %s", said)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}

	s.startCloud()
	command := func() {
		t.Helper()
		s.await(time.Minute, "a light to confirm a command", func() bool {
			c, err := s.client.Command(t.Context(), s.project, map[string]any{"device": s.Lights[0].EUI64, "level": 300})
			return err == nil && c.Status == "confirmed"
		})
	}
	command() // by who signed in before
	s.cloud.Kill()
	s.startCloud() // PostgreSQL lets go of what a dead one held
	command()

	// The server restarts, for all that the cloud can see: another may have had its databases.
	before := len(s.log("cloud").Bytes())
	if err := server.Run(t.Context(), postgres.Superuser, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'e2e_%'"); err != nil {
		t.Fatal(err)
	}
	s.await(30*time.Second, "the cloud to begin anew", func() bool {
		said := string(s.log("cloud").Bytes()[before:])
		return strings.Contains(said, "is lost") && strings.Contains(said, "the cloud is running")
	})
	command()
	for _, url := range urls {
		if strings.Contains(string(s.log("cloud").Bytes()), "secret-of-"+url) {
			t.Error("the log of the cloud has a password")
		}
	}
}

// moveToPostgres prepares databases and lets the cloud use them, empty but for what an
// installation begins with, in the place of its folder. The cloud must not be running.
func (s *system) moveToPostgres(server *postgres.Server, prefix string) {
	s.t.Helper()
	s.useDatabases(server, prefix)
	out, err := exec.CommandContext(s.t.Context(), s.programs.Sconce, "ctl", "--config", s.CloudConfig(), "store", "prepare", "--owner", "owner").CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	if err := s.Initialise(s.t.Context(), s.programs); err != nil {
		s.t.Fatal(err)
	}
	s.databases = &store.Addresses{}
	for name, to := range map[string]*store.Address{"identity": &s.databases.Identity, "site": &s.databases.Site, "journal": &s.databases.Journal} {
		if *to, err = store.ParseAddress(server.URL("worker", prefix+"_"+name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// openStore opens what the cloud keeps, which must not be running.
func (s *system) openStore() (*store.Store, error) {
	if s.databases != nil {
		return store.OpenPostgres(s.t.Context(), *s.databases)
	}
	return store.Open(s.t.Context(), filepath.Join(s.Dir, "cloud"))
}

// useDatabases makes databases and puts them into the configuration in the place of the
// folder. It returns their names without the prefix.
func (s *system) useDatabases(server *postgres.Server, prefix string) []string {
	s.t.Helper()
	for _, role := range []string{"owner", "worker"} { // which another test may have made
		statement := fmt.Sprintf("DO $$ BEGIN CREATE ROLE %s LOGIN; EXCEPTION WHEN duplicate_object THEN END $$", role)
		if err := server.Run(s.t.Context(), postgres.Superuser, statement); err != nil {
			s.t.Fatal(err)
		}
	}
	lines := "  postgres:\n"
	names := []string{"identity", "site", "journal"}
	for _, name := range names {
		if err := server.Run(s.t.Context(), postgres.Superuser, "CREATE DATABASE "+prefix+"_"+name+" OWNER owner"); err != nil {
			s.t.Fatal(err)
		}
		url := strings.Replace(server.URL("worker", prefix+"_"+name), "worker@", "worker:secret-of-"+name+"@", 1)
		lines += fmt.Sprintf("    %s: %s\n", name, url)
	}
	text, err := os.ReadFile(s.CloudConfig())
	if err != nil {
		s.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "  dir: cloud\n", lines, 1)
	if err := os.WriteFile(s.CloudConfig(), []byte(changed), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return names
}
