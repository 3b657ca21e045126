package project

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteMatrix writes the permission matrix for a terminal: a row for each action of
// people, a column for each role.
func WriteMatrix(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(t, strings.Join(cells, "\t")) } // its errors are Flush's
	head := []string{"ACTION"}
	for _, role := range Roles() {
		head = append(head, strings.ToUpper(role.String()))
	}
	line(append(head, "LETS SOMEBODY"))
	for _, r := range matrix {
		if r.who != gateway {
			line(r.cells("yes", "-"))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the matrix: %w", err)
	}
	return nil
}

// cells returns a row as text: its name, a mark for each role, and what it means.
func (r row) cells(yes, no string) []string {
	cells := []string{r.name}
	for _, role := range Roles() {
		mark := no
		if r.who&columnOf(role) != 0 {
			mark = yes
		}
		cells = append(cells, mark)
	}
	return append(cells, r.means)
}
