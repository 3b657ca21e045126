package oauth_test

import (
	"testing"

	"sconce"
	"sconce/cloud/oauth"
	"sconce/cloud/project"
)

// TestTheZeroScope: every method asks for the right before it touches the store, which is not there.
func TestTheZeroScope(t *testing.T) {
	s, ctx, none := &oauth.Service{}, t.Context(), project.Scope{}
	for name, call := range map[string]func() error{
		"Register": func() error { _, _, err := s.Register(ctx, none, oauth.NewClient{}); return err },
		"List":     func() error { _, err := s.List(ctx, none); return err },
		"Remove":   func() error { return s.Remove(ctx, none, "") },
		"GivenIn":  func() error { _, err := s.GivenIn(ctx, none); return err },
		"EndIn":    func() error { return s.EndIn(ctx, none, "") },
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(); sconce.KindOf(err) != sconce.Forbidden {
				t.Errorf("%v", err)
			}
		})
	}
}
