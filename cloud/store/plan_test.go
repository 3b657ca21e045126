package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sconce/cloud/store"
)

// walks are the statements that go through a whole table, and why they may.
var walks = map[string]string{
	"CalendarsInUse":        "once at the beginning of a rebuild, which goes through the whole journal",
	"CountLetters":          "of the queue, which is bounded",
	"Unsealed":              "of one row",
	"UnsealedProfiles":      "empty after the first start",
	"UnsealedInvited":       "empty after the first start",
	"SecurityLogHead":       "takes the last row, from the end",
	"SecurityLogOf":         "of a person's export, which is seldom",
	"CommandsOf":            "of a person's export, which is seldom",
	"SupportGrantsOf":       "of a person's export, which is seldom",
	"OpenInvitations":       "of a job that runs by itself",
	"NextDeadline":          "takes the first of an index of what waits",
	"PrunePoison":           "of what could not be read, which is bounded",
	"Poisons":               "of what could not be read, which is bounded",
	"RegistryVersion":       "of one row",
	"GrowRegistryVersion":   "of one row",
	"IdentitiesOfKind":      "read when an identity was added or revoked",
	"SecurityLogs":          "of the proof of all chains, by an operator",
	"Operators":             "of a handful of people",
	"Presences":             "read once, when the program starts",
	"Placements":            "read once, when the program starts",
	"HomeAssistantProjects": "takes an index of these alone",
	"WatchedNetworks":       "read once a minute, one row for a gateway",
	"Bases":                 "of a handful of bases",
	"AnyGenerated":          "of a job that runs once a month, one row for a run of a gateway",
	"RemoveBaseRows":        "of a job that runs once a month",
}

var (
	slice = regexp.MustCompile(`sqlc\.slice\((\w+)\)`)
	embed = regexp.MustCompile(`sqlc\.embed\((\w+)\)`)
	scan  = regexp.MustCompile(`^SCAN (\w+)(.*)`)
)

// TestNoStatementWalks: what is asked of one project, one person or one thing finds its rows by
// an index, so that it costs the same among ten projects and among ten thousand. It looks at
// the plans, which do not depend on how busy the machine is.
func TestNoStatementWalks(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	unused, planned := map[string]bool{}, 0
	for name := range walks {
		unused[name] = true
	}
	for _, database := range []string{"identity", "site", "journal"} {
		db, err := sql.Open("sqlite", filepath.Join(dir, database+".db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, m := range statement.FindAllStringSubmatch(read(t, "queries/"+database+"/*.sql"), -1) {
			name, text := m[1], embed.ReplaceAllString(slice.ReplaceAllString(m[2], "@$1"), "$1.*")
			planned++
			for _, step := range plan(t, db, text) {
				walked := scan.FindStringSubmatch(step)
				switch {
				case walked == nil || strings.Contains(walked[2], "VIRTUAL TABLE"):
				case walks[name] != "":
					delete(unused, name)
				default:
					t.Errorf("%s of %s goes through a whole table (%s): give it an index, or say in walks why it may", name, database, step)
				}
			}
		}
	}
	for name := range unused {
		t.Errorf("%s walks no more; take it off the list", name)
	}
	if planned < 100 {
		t.Errorf("only %d statements", planned)
	}
}

// plan returns the steps of a statement in SQLite, with nothing bound to its parameters.
func plan(t *testing.T, db *sql.DB, text string) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, parameters(text)...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

var parameter = regexp.MustCompile(`@(\w+)`)

// parameters binds something to each parameter of a statement.
func parameters(text string) []any {
	seen := map[string]bool{}
	var all []any
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			all = append(all, sql.Named(m[1], 1))
		}
	}
	return all
}
