package deletion_test

import (
	"testing"

	"sconce"
	"sconce/cloud/deletion"
	"sconce/cloud/identity"
	"sconce/cloud/project"
)

// TestEveryMethodAsks: whoever has no right to a project learns nothing of its end, and
// does nothing about it: there is no store to ask here.
func TestEveryMethodAsks(t *testing.T) {
	var s deletion.Service
	var none project.Scope
	_, get := s.Get(t.Context(), none)
	_, ask := s.Ask(t.Context(), none, deletion.Asker{}, "")
	for what, err := range map[string]error{"get": get, "ask": ask, "take back": s.TakeBack(t.Context(), none, identity.Account{})} {
		if sconce.KindOf(err) != sconce.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}
