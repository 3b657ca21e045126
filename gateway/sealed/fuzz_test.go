package sealed

import (
	"os"
	"path/filepath"
	"testing"

	"sconce/internal/corpus"
)

// FuzzOpen: whatever lies where the state and its key should be, the file opens
// only with what was sealed under the key, and a refusal changes neither.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	first, _, err := Open(filepath.Join(dir, "state"), filepath.Join(dir, "key"), []byte("first"))
	if err != nil {
		f.Fatal(err)
	}
	first.Close()
	state, _ := os.ReadFile(filepath.Join(dir, "state"))
	key, _ := os.ReadFile(filepath.Join(dir, "key"))
	f.Add(state, key)
	f.Add(state, []byte("00"))
	f.Add([]byte(magic), key)
	f.Add([]byte{}, []byte{})
	corpus.Fuzz(f, func(t *testing.T, state, key []byte) {
		p := place{filepath.Join(dir, "fuzzed"), filepath.Join(dir, "fuzzed-key")}
		for path, b := range map[string][]byte{p.state: state, p.key: key} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		opened, document, err := Open(p.state, p.key, []byte("never"))
		if err != nil {
			if now, _ := os.ReadFile(p.state); string(now) != string(state) {
				t.Fatalf("refused with %v, and the state is another", err)
			}
			return
		}
		defer opened.Close()
		if string(document) != "first" {
			t.Fatalf("opened %q", document)
		}
	})
}
