// Package storetest is what tests of other packages need of the store.
package storetest

import (
	"testing"

	"sconce/cloud/store"
)

// Open returns a new, empty store that ends with the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
