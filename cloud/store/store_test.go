package store_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"sconce"
	"sconce/cloud/store"
	"sconce/cloud/store/storetest"
)

// TestOpenMakesTheFolder shows that the cloud and its operator's tools begin with nothing.
func TestOpenMakesTheFolder(t *testing.T) {
	for name, open := range map[string]func(context.Context, string) (*store.Store, error){"cloud": store.Open, "tool": store.OpenBeside} {
		s, err := open(t.Context(), filepath.Join(t.TempDir(), "new", "folder"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A folder that is not there yet is made, by the cloud and by a tool that comes
// before it.
func TestOpenMakesItsFolder(t *testing.T) {
	for name, open := range map[string]func(context.Context, string) (*store.Store, error){"cloud": store.Open, "tool": store.OpenBeside} {
		s, err := open(t.Context(), filepath.Join(t.TempDir(), "new", "cloud"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenIsExclusive(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	second, err := store.Open(t.Context(), dir)
	if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open = %v, %v; want a conflict that names the directory", second, err)
	}
}

func TestSQLite(t *testing.T) { storetest.Run(t, storetest.OpenSQLite) }

// TestRehearsed runs every transaction twice, of which the first is undone.
func TestRehearsed(t *testing.T) {
	storetest.Run(t, func(t testing.TB) *store.Store {
		s := storetest.OpenSQLite(t)
		s.Rehearse()
		return s
	})
}

func TestPostgres(t *testing.T) { storetest.Run(t, storetest.OpenPostgres) }
