package project

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"sconce"
)

var update = flag.Bool("update", false, "write docs/roles.md anew")

const referenceFile = "../../docs/roles.md"

// TestReference holds the reference in docs to the matrix.
func TestReference(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/roles.md does not say what the matrix says; run: go test ./cloud/project -run TestReference -update")
	}
}

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(`# Roles and what they may do

Written by ` + "`go test ./cloud/project -run TestReference -update`" + ` from the matrix of the package ` + "`cloud/project`" + `, which is the one that
decides; ` + "`sconce ctl roles`" + ` prints it. Not to be edited. What is not marked is denied.

`)
	head := []string{"action"}
	for _, c := range columns() {
		head = append(head, c.name)
	}
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(append(head, "lets somebody"))
	b.WriteString("|---|" + strings.Repeat(":-:|", len(columns())) + "---|\n")
	for _, r := range matrix {
		if r.who != gateway {
			cells := r.cells("x", "")
			cells[0] = "`" + cells[0] + "`"
			line(cells)
		}
	}
	b.WriteString(`
A *user* controls the lights of the groups that an owner granted, and no others. A program acts by a token, which names one project
and some of these actions; it may do what both its token and the person who made it may do at that moment. *Support* is an operator of
the installation whom an owner, or for an incident two operators, let in for at most a day. A gateway is no person:
it reports for its own network and receives what is meant for it, and nothing else.
`)
	return b.Bytes()
}

// TestMatrix: each action has one row and one name, and names are read as they are written.
func TestMatrix(t *testing.T) {
	names, actions := map[string]bool{}, Actions(0)
	for _, r := range matrix {
		if names[r.name] || actions.Has(r.action) || r.means == "" || r.who == 0 {
			t.Errorf("the row of %s is not the only one, or not whole", r.name)
		}
		names[r.name], actions = true, actions|ActionsOf(r.action)
		got, err := ParseActions(r.name)
		if r.who == gateway {
			if sconce.KindOf(err) != sconce.Invalid {
				t.Errorf("%s, of a gateway, is read as %s, %v", r.name, got, err)
			}
			continue
		}
		if err != nil || got != ActionsOf(r.action) || got.String() != r.name {
			t.Errorf("%s is read as %s, %v", r.name, got, err)
		}
	}
	if _, err := ParseActions("lights.control", "lights.contro"); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("half a name: %v", err)
	}
	if all, err := ParseActions(strings.Fields(RoleActions(sconce.Owner).String())...); err != nil || all != RoleActions(sconce.Owner) {
		t.Errorf("an owner's actions are read as %s, %v", all, err)
	}
	var b strings.Builder
	if err := WriteMatrix(&b); err != nil || strings.Count(b.String(), "\n") != len(names)-1 || strings.Contains(b.String(), "gateway.") {
		t.Errorf("printed, %v:\n%s", err, b.String())
	}
}
