package privacy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/data.md anew")

const documentFile = "../../docs/data.md"

// TestFieldsKeepTheRules: what is personal is with the people, what is secret is closed.
func TestFieldsKeepTheRules(t *testing.T) {
	all, err := Fields()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if fault := f.Fault(); fault != "" {
			t.Errorf("%s %s (cloud/privacy/fields.txt)", f, fault)
		}
	}
	for _, f := range []Field{
		{Database: "site", Personal: true, Kept: UnderPerson},
		{Database: "identity", Personal: true, Kept: Clear},
		{Database: "identity", Secret: true, Kept: Clear},
	} {
		if f.Fault() == "" {
			t.Errorf("%+v breaks no rule", f)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const table = "table site.things | project | things\n"
	for text, want := range map[string]string{
		"name | plain | clear | it":                                                "below a table",
		"table things | project | things":                                          "DATABASE.NAME",
		"table site.things | later | things":                                       `no retention "later"`,
		table + "name | plain | clear":                                             "column | kind | kept",
		table + "name | plain | clear | ":                                          "column | kind | kept",
		table + "name | nice | clear | it":                                         `no kind "nice"`,
		table + "name | plain | somewhere | it":                                    `kept as "somewhere"`,
		table + "# a word\n\nname | plain | clear | it\nname | plain | clear | it": "line 5: site.things.name is there twice",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error with %q", text, err, want)
		}
	}
}

// TestDocument holds docs/data.md to the inventory.
func TestDocument(t *testing.T) {
	want := document(t)
	if *update {
		if err := os.WriteFile(documentFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/data.md does not say what cloud/privacy/fields.txt says; run: go test ./cloud/privacy -run TestDocument -update")
	}
}

func document(t *testing.T) []byte {
	all, err := Fields()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# What the cloud keeps, of whom, and for how long

Written by ` + "`go test ./cloud/privacy -run TestDocument -update`" + ` from cloud/privacy/fields.txt, which a test holds to the tables of
SQLite and PostgreSQL. Not to be edited.

What says something of a person (**personal**) is in the database ` + "`identity`" + ` alone; the databases ` + "`site` and `journal`" + ` name people by
identifiers that say nothing by themselves (opaque). How a value is kept: *clear*; *person*: sealed under a key that this one
person has, so that forgetting the key forgets the person; *vault*: sealed under the installation's keyset; *master*: sealed under the
master key, which is in another place; *digest*: as a digest that cannot be turned back; *emptied*: an earlier version had it in clear here. Seals are AES-256-GCM, bound to their
table, column and row.
`)
	table := ""
	for _, f := range all {
		if name := f.Database + "." + f.Table; name != table {
			table = name
			fmt.Fprintf(&b, "\n## %s\n\nHolds %s. Kept %s.\n\n| column | | kept | for |\n|---|---|---|---|\n", name, f.Rows, f.Retention.Words)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Column, kindText(f), f.Kept, f.Purpose)
	}
	return b.Bytes()
}

func kindText(f Field) string {
	var words []string
	if f.Personal {
		words = append(words, "**personal**")
	}
	if f.Secret {
		words = append(words, "secret")
	}
	if f.Opaque {
		words = append(words, "opaque")
	}
	return strings.Join(words, ", ")
}
