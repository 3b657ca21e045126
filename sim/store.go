package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sconce"
)

// Store keeps the states of devices through power cuts of the building, and of
// the program. A [Building] calls it while it holds the air.
type Store interface {
	// Load returns what was saved last, and nil when nothing was.
	Load(e sconce.EUI64) ([]byte, error)
	// Save makes a state durable before it returns. It does not keep state.
	Save(e sconce.EUI64, state []byte) error
}

// MemoryStore is a [Store] that lasts as long as it is kept. Make it with make.
type MemoryStore map[sconce.EUI64][]byte

// Load implements [Store].
func (m MemoryStore) Load(e sconce.EUI64) ([]byte, error) { return m[e], nil }

// Save implements [Store].
func (m MemoryStore) Save(e sconce.EUI64, state []byte) error {
	m[e] = append([]byte(nil), state...)
	return nil
}

// DirStore is a [Store] of one file for each device, which only the owner may
// read: the states of devices hold network keys.
type DirStore struct{ root string }

// OpenDirStore uses a directory, which it makes when it is not there.
func OpenDirStore(dir string) (*DirStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("states of devices: %w", err)
	}
	return &DirStore{dir}, nil
}

func (s *DirStore) path(e sconce.EUI64) string { return filepath.Join(s.root, e.String()+".state") }

// Load implements [Store].
func (s *DirStore) Load(e sconce.EUI64) ([]byte, error) {
	b, err := os.ReadFile(s.path(e))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", e, err)
	}
	return b, nil
}

// Save implements [Store]. A state is never half written: the old one is there
// until the new one is whole.
func (s *DirStore) Save(e sconce.EUI64, state []byte) error {
	if err := s.replace(s.path(e), state); err != nil {
		return fmt.Errorf("state of %s: %w", e, err)
	}
	return nil
}

func (s *DirStore) replace(path string, b []byte) error {
	f, err := os.CreateTemp(s.root, ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there any more when all went well
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(s.root)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
