package store_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sconce/cloud/store/storetest"
)

// acrossProjects are the statements that are about no one project, and why.
var acrossProjects = map[string]string{
	"Memberships":           "the projects of one account",
	"CountMemberships":      "the projects of one account",
	"ClaimOfGateway":        "says which project a gateway is in",
	"InvitationByToken":     "says which project the token of a letter is of",
	"OAuthClient":           "says which project an app is of",
	"SupportedProjects":     "the projects that are open to one operator",
	"SupportGrantByID":      "says which project a support grant is of",
	"OpenSupportGrants":     "the support grants of one operator, and what is asked for",
	"DueDeletions":          "which projects are to be deleted",
	"ExpireCommands":        "ends what is overdue, in every project",
	"NextDeadline":          "of what may become overdue",
	"OpenInvitations":       "which are over, in every project",
	"SecurityLogOf":         "what is known of one person",
	"CommandsOf":            "what is known of one person",
	"SupportGrantsOf":       "what is known of one person",
	"SecurityLogs":          "which chains there are, for their proof",
	"ZonesToSettle":         "which projects have days that may be by another calendar than theirs",
	"CalendarsInUse":        "which days are to be made again after a rebuild",
	"WatchedNetworks":       "which networks are looked at for alerts",
	"RemoveBaseRows":        "bases are of all projects",
	"BaseRows":              "bases are of all projects",
	"HomeAssistantProjects": "which projects are told to Home Assistant",
	"DueAlertNotices":       "who is to be told now, in every project",
}

var (
	createTable = regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\)`)
	statement   = regexp.MustCompile(`(?s)-- name: (\w+) :\w+\n(.*?);`)
	mention     = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+AS\s+(\w+))?`)
)

// TestStatementsNameTheProject: whatever touches a table of projects says for each
// mention of it whose rows are meant, and takes that from its caller.
func TestStatementsNameTheProject(t *testing.T) {
	column := map[string]string{} // of the project, by table
	for _, m := range createTable.FindAllStringSubmatch(read(t, "migrations/site/sqlite/*.sql"), -1) {
		switch {
		case m[1] == "projects":
			column[m[1]] = "id"
		case strings.Contains(m[2], "\n  project_id"):
			column[m[1]] = "project_id"
		}
	}
	if len(column) < 10 {
		t.Fatalf("only %d tables of projects: %v", len(column), column)
	}
	unused := map[string]bool{}
	for name := range acrossProjects {
		unused[name] = true
	}
	for _, m := range statement.FindAllStringSubmatch(read(t, "queries/site/*.sql"), -1) {
		name, text := m[1], m[2]
		if acrossProjects[name] != "" {
			delete(unused, name)
			if strings.Contains(text, "@project_id") {
				t.Errorf("%s is about one project; take it off the list", name)
			}
			continue
		}
		if fault := forgets(text, column); fault != "" {
			t.Errorf("%s: %s", name, fault)
		}
	}
	for name := range unused {
		t.Errorf("%s is no statement", name)
	}
}

// TestStatementsAreOfBoth prepares every statement on PostgreSQL; on SQLite that is
// done when a store is opened.
func TestStatementsAreOfBoth(t *testing.T) {
	if err := storetest.OpenPostgres(t).Prepare(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEveryChangeIsATransaction: only such as [database.update] runs are run again
// when they did not fit in with others. The journal has one writer.
func TestEveryChangeIsATransaction(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || name == "database.go" {
			continue
		}
		if n := strings.Count(string(text), ".writing."); n > 1 || n == 1 && name != "journal.go" {
			t.Errorf("%s changes something outside of update", name)
		}
	}
}

// forgets says which project a statement forgets to name, or "".
func forgets(text string, column map[string]string) string {
	ofProjects := false
	for _, m := range mention.FindAllStringSubmatch(text, -1) {
		table, alias := m[1], m[2]
		c := column[table]
		if c == "" {
			continue
		}
		ofProjects = true
		named := `\b` + c + `\b`
		if alias != "" {
			named = `\b` + alias + `\.` + named
		} else {
			named = `(?:^|[^.\w])` + named
		}
		if !regexp.MustCompile(named).MatchString(text) {
			return "it does not say whose rows of " + table + " it means"
		}
	}
	if ofProjects && !strings.Contains(text, "@project_id") {
		return "it does not take @project_id"
	}
	return ""
}

// TestForgets shows that the rule can refuse.
func TestForgets(t *testing.T) {
	column := map[string]string{"groups": "project_id", "positions": "project_id", "projects": "id"}
	for text, ok := range map[string]bool{
		"SELECT name FROM groups WHERE project_id = @project_id AND id = @id":                                              true,
		"SELECT name FROM groups WHERE id = @id":                                                                           false,
		"SELECT project_id FROM groups WHERE id = @id":                                                                     false,
		"DELETE FROM groups WHERE id = @id":                                                                                false,
		"UPDATE groups SET name = @name WHERE id = @id":                                                                    false,
		"INSERT INTO groups (id, name) VALUES (@id, @name)":                                                                false,
		"SELECT g.id FROM groups AS g JOIN positions AS p ON p.id = g.id WHERE g.project_id = @project_id":                 false,
		"SELECT g.id FROM groups AS g JOIN positions AS p ON p.project_id = g.project_id WHERE g.project_id = @project_id": true,
		"SELECT name FROM projects WHERE id = @project_id":                                                                 true,
		"SELECT name FROM projects WHERE name = @name":                                                                     false,
		"SELECT version FROM registry_version":                                                                             true,
	} {
		if fault := forgets(text, column); (fault == "") != ok {
			t.Errorf("%s: %q", text, fault)
		}
	}
}

// read returns the texts of the files whose names match a pattern.
func read(t *testing.T, pattern string) string {
	t.Helper()
	var all strings.Builder
	files := os.DirFS(".")
	names, err := fs.Glob(files, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %q, %v", pattern, names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// TestWhatIsStoredOfEveryDeviceIsPrepared: what the projector runs through bound is among the
// statements that are bound to its transaction, and none beside; what is not is made ready anew
// at each of its thousands of runs, which takes as long as running it.
func TestWhatIsStoredOfEveryDeviceIsPrepared(t *testing.T) {
	run, bound := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`\.bound\.(\w+)\(`).FindAllStringSubmatch(read(t, "*.go"), -1) {
		run[strings.ToLower(m[1])] = true
	}
	for _, m := range regexp.MustCompile(`(\w+)Stmt:\s+bound\(q\.`).FindAllStringSubmatch(read(t, "sitedb/bound.go"), -1) {
		bound[strings.ToLower(m[1])] = true
	}
	if len(run) == 0 || !maps.Equal(run, bound) {
		t.Errorf("the projector runs %v, and %v are bound", slices.Sorted(maps.Keys(run)), slices.Sorted(maps.Keys(bound)))
	}
}
