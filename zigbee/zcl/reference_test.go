package zcl

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/zcl.md anew")

const referenceFile = "../../docs/zcl.md"

// TestReference holds the reference in docs to the table.
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
		t.Error("docs/zcl.md does not say what the table says; run: go test ./zigbee/zcl -run TestReference -update")
	}
}

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(`# The clusters of Sconce

Written by ` + "`go test ./zigbee/zcl -run TestReference -update`" + ` from the table of the package ` + "`zigbee/zcl`" + `, which decodes frames and
drives our devices. Not to be edited. Clauses are of the Zigbee cluster library, revision 8 (07-5123-08).

Access: R read, W write, P reported, N the non-value may be written too, C an attribute of the client. Reporting is what the
table proposes: at least and at most so many seconds apart, and the change in units of the attribute.
`)
	for _, c := range Clusters() {
		referenceCluster(&b, c)
	}
	return b.Bytes()
}

func referenceCluster(b *bytes.Buffer, c ClusterInfo) {
	fmt.Fprintf(b, "\n## 0x%04x %s\n\nClause %s, cluster revision %d.", c.ID, c.Name, c.Clause, c.Revision)
	if c.Maker != 0 {
		fmt.Fprintf(b, " Its frames carry the manufacturer code 0x%04x.", c.Maker)
	}
	b.WriteString("\n")
	if len(c.Attributes) > 0 {
		b.WriteString("\n| attribute | name | type | access | range written | unit | reporting | clause |\n|---|---|---|---|---|---|---|---|\n")
	}
	for _, a := range c.Attributes {
		fmt.Fprintf(b, "| 0x%04x | %s | %s | %s | %s | %s | %s | %s |\n",
			a.ID, a.Name, a.Type, accessText(a.Access), rangeText(a), a.Unit, reportText(a), a.Clause)
	}
	if len(c.Commands) > 0 {
		b.WriteString("\n| command | name | from | fields | clause |\n|---|---|---|---|---|\n")
	}
	for _, m := range c.Commands {
		from := "client"
		if m.FromServer {
			from = "server"
		}
		fmt.Fprintf(b, "| 0x%02x | %s | %s | %s | %s |\n", m.Command, m.Name, from, fieldsText(CommandID{c.ID, m.FromServer, m.Command}), m.Clause)
	}
}

func accessText(a Access) string {
	s := "R"
	for _, bit := range []struct {
		bit Access
		as  string
	}{{Writable, "W"}, {Reportable, "P"}, {Nullable, "N"}, {OfClient, "C"}} {
		if a&bit.bit != 0 {
			s += bit.as
		}
	}
	return s
}

func rangeText(a AttributeInfo) string {
	switch {
	case a.Access&Writable == 0:
		return ""
	case a.Max == 0:
		return "all"
	}
	return fmt.Sprintf("%d to %d", a.Min, a.Max)
}

func reportText(a AttributeInfo) string {
	switch {
	case a.Report == nil:
		return ""
	case a.Report.Change == 0:
		return fmt.Sprintf("%d to %d s", a.Report.Min, a.Report.Max)
	}
	return fmt.Sprintf("%d to %d s, change %d", a.Report.Min, a.Report.Max, a.Report.Change)
}

// fieldsText names the fields of a command as its Go type does.
func fieldsText(id CommandID) string {
	i := slices.IndexFunc(commands, func(c struct {
		hex  string
		want Command
	},
	) bool {
		return c.want.ID() == id
	})
	var names []string
	for f := range reflect.TypeOf(commands[i].want).Fields() {
		if f.Name != "WithOnOff" && f.Name != "Enhanced" { // in the command's number
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// TestRanges: what the server and the decoder take for granted of the table.
func TestRanges(t *testing.T) {
	for i, c := range Clusters() {
		if i > 0 && Clusters()[i-1].ID >= c.ID {
			t.Errorf("%s is not in its place", c.Name)
		}
		if c.Maker != 0 && c.ID < 0xfc00 {
			t.Errorf("%s is a maker's, and 0x%04x is not", c.Name, c.ID)
		}
		for _, a := range c.Attributes {
			if size, ok := a.Type.size(); ok && a.Max > mask(size) || a.Min > 0 && a.Min > a.Max {
				t.Errorf("%s/%s: %s cannot be from %d to %d", c.Name, a.Name, a.Type, a.Min, a.Max)
			}
			if a.Access&Nullable != 0 && a.Access&Writable == 0 {
				t.Errorf("%s/%s: access %s contradicts itself", c.Name, a.Name, accessText(a.Access))
			}
			if a.Report != nil && a.Type.Analog() != (a.Report.Change > 0) {
				t.Errorf("%s/%s: a change of %d for a %s", c.Name, a.Name, a.Report.Change, a.Type)
			}
			if strings.HasPrefix(a.Type.String(), "type ") {
				t.Errorf("%s/%s: a type without a name", c.Name, a.Name)
			}
		}
	}
}
