// Package privacy is what the cloud owes the people that it knows: to say of every column
// what it is for and how long it is kept, to keep nothing for longer, and to show,
// correct and forget what is known of a person.
//
// It follows the General Data Protection Regulation (EU 2016/679): articles 5 (1) (e), 15,
// 16, 17, 20 and 30. It does not decide who is asking: that is package identity's.
package privacy

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Kept is how a value is kept.
type Kept string

// The ways.
const (
	Clear       Kept = "clear"
	UnderPerson Kept = "person" // sealed under the key of a person
	UnderVault  Kept = "vault"  // sealed under the keyset of the vault
	UnderMaster Kept = "master" // sealed under the master key
	Digest      Kept = "digest"
	Emptied     Kept = "emptied" // in clear by an earlier version
)

// Field is a column of a table, as the inventory has it.
type Field struct {
	Database, Table, Column string
	Rows                    string // what a row of the table is
	Personal, Secret        bool
	Opaque                  bool // an identifier that says nothing by itself
	Kept                    Kept
	Retention               Rule
	Purpose                 string
}

// String returns database.table.column.
func (f Field) String() string { return f.Database + "." + f.Table + "." + f.Column }

//go:embed fields.txt
var inventory string

// Fields returns every column of every database, in the order of the inventory.
func Fields() ([]Field, error) { return parse(inventory) }

// parse reads the form that fields.txt explains.
func parse(text string) ([]Field, error) {
	var all []Field
	var of Field
	seen := map[string]bool{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		var err error
		name, isTable := strings.CutPrefix(parts[0], "table ")
		if isTable {
			of, err = parseTable(strings.TrimSpace(name), parts[1:])
		} else {
			var f Field
			if f, err = of.column(parts); err == nil && seen[f.String()] {
				err = fmt.Errorf("%s is there twice", f)
			}
			seen[f.String()] = true
			all = append(all, f)
		}
		if err != nil {
			return nil, fmt.Errorf("inventory of fields, line %d: %w", n, err)
		}
	}
	return all, nil
}

func parseTable(name string, parts []string) (Field, error) {
	database, table, ok := strings.Cut(name, ".")
	if !ok || len(parts) != 2 || parts[1] == "" {
		return Field{}, fmt.Errorf("expected: table DATABASE.NAME | RETENTION | what a row is")
	}
	rule, ok := ruleNamed(parts[0])
	if !ok {
		return Field{}, fmt.Errorf("there is no retention %q", parts[0])
	}
	return Field{Database: database, Table: table, Rows: parts[1], Retention: rule}, nil
}

func (f Field) column(parts []string) (Field, error) {
	if len(parts) != 4 || slices.Contains(parts, "") || f.Table == "" {
		return Field{}, fmt.Errorf("expected, below a table: column | kind | kept | what it is for")
	}
	f.Column, f.Kept, f.Purpose = parts[0], Kept(parts[2]), parts[3]
	switch parts[1] {
	case "personal":
		f.Personal = true
	case "secret":
		f.Secret = true
	case "personal secret":
		f.Personal, f.Secret = true, true
	case "opaque":
		f.Opaque = true
	case "plain":
	default:
		return Field{}, fmt.Errorf("%s: there is no kind %q", f, parts[1])
	}
	if !slices.Contains([]Kept{Clear, UnderPerson, UnderVault, UnderMaster, Digest, Emptied}, f.Kept) {
		return Field{}, fmt.Errorf("%s: nothing is kept as %q", f, f.Kept)
	}
	return f, nil
}

// Sealed reports whether nobody reads the value without a key.
func (f Field) Sealed() bool {
	return f.Kept == UnderPerson || f.Kept == UnderVault || f.Kept == UnderMaster
}

// Fault says which rule of the inventory the field breaks, or "".
func (f Field) Fault() string {
	switch {
	case f.Personal && f.Database != "identity":
		return "is personal, and only the identity database may hold what is"
	case f.Personal && !f.Sealed() && f.Kept != Digest && f.Kept != Emptied:
		return "is personal, and not sealed"
	case f.Secret && !f.Sealed() && f.Kept != Digest:
		return "is secret, and neither sealed nor a digest"
	}
	return ""
}
