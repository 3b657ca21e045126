package project

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteMatrix writes the permission matrix for a terminal: a row for each action of
// people, a column for each role and for each kind of support grant.
func WriteMatrix(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(t, strings.Join(cells, "\t")) } // its errors are Flush's
	head := []string{"ACTION"}
	for _, c := range columns() {
		head = append(head, strings.ToUpper(c.name))
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

// column is a column of the matrix as it is shown.
type column struct {
	name string
	who  holders
}

// columns returns those of people: their roles, and operators with a support grant.
func columns() []column {
	var all []column
	for _, role := range Roles() {
		all = append(all, column{role.String(), columnOf(role)})
	}
	return append(all, column{"support (read)", supportRead}, column{"support (write)", supportWrite})
}

// cells returns a row as text: its name, a mark for each column, and what it means.
func (r row) cells(yes, no string) []string {
	cells := []string{r.name}
	for _, c := range columns() {
		mark := no
		if r.who&c.who != 0 {
			mark = yes
		}
		cells = append(cells, mark)
	}
	return append(cells, r.means)
}
