package project

import (
	"slices"
	"strings"
	"testing"

	"sconce"
	"sconce/internal/corpus"
)

// FuzzParseActions: names of actions read the same in their canonical form, and give nothing
// that no person may do.
func FuzzParseActions(f *testing.F) {
	f.Add("lights.control readings.read")
	f.Add("gateway.report")
	f.Add("project.read  project.read")
	corpus.Fuzz(f, func(t *testing.T, text string) {
		names := strings.Split(text, " ")
		actions, err := ParseActions(names...)
		if err != nil {
			return
		}
		again, err := ParseActions(actions.Names()...)
		if err != nil || again != actions || again.String() != strings.Join(actions.Names(), " ") {
			t.Errorf("%q reads as %s, and that as %s, %v", text, actions, again, err)
		}
		if actions.And(RoleActions(sconce.Owner)) != actions {
			t.Errorf("%q gives more than an owner has: %s", text, actions)
		}
		for _, name := range names {
			if !slices.Contains(actions.Names(), name) {
				t.Errorf("%q reads as %s, without %q", text, actions, name)
			}
		}
	})
}
