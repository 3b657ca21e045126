package sealed

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sconce"
)

type place struct{ state, key string }

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	return place{filepath.Join(dir, "state"), filepath.Join(dir, "key")}
}

// written returns a place that holds the document.
func written(t *testing.T, document string) place {
	t.Helper()
	p := newPlace(t)
	f, _, err := Open(p.state, p.key, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Write([]byte(document)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFirstStartMakesBothFiles(t *testing.T) {
	p := newPlace(t)
	f, document, err := Open(p.state, p.key, []byte("first"))
	if err != nil || string(document) != "first" {
		t.Fatalf("opened %q, %v", document, err)
	}
	defer f.Close()
	for _, path := range []string{p.state, p.key} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", path, info.Mode(), err)
		}
	}
}

func TestWhatIsWrittenIsReadAgainAndUnreadableOnDisk(t *testing.T) {
	p := written(t, "the network key")
	f, document, err := Open(p.state, p.key, nil)
	if err != nil || string(document) != "the network key" {
		t.Fatalf("opened %q, %v", document, err)
	}
	defer f.Close()
	onDisk, _ := os.ReadFile(p.state)
	if bytes.Contains(onDisk, []byte("network")) {
		t.Error("the document is readable on disk")
	}
	if err := f.Write([]byte("the network key")); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(p.state); bytes.Equal(again, onDisk) {
		t.Error("the same document was sealed to the same bytes: the nonce is not random")
	}
}

// Whatever byte is changed, cut off or added, the document does not open, and
// nothing new is begun in its place.
func TestDamageIsRefusedAndNothingIsOverwritten(t *testing.T) {
	p := written(t, "document")
	good, _ := os.ReadFile(p.state)
	damaged := map[string][]byte{"empty": {}, "longer": append(bytes.Clone(good), 0)}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		damaged["byte "+hex.EncodeToString([]byte{byte(i)})] = flipped
		damaged["cut at "+hex.EncodeToString([]byte{byte(i)})] = good[:i]
	}
	for name, text := range damaged {
		if err := os.WriteFile(p.state, text, 0o600); err != nil {
			t.Fatal(err)
		}
		f, _, err := Open(p.state, p.key, []byte("first"))
		if err == nil {
			f.Close()
			t.Fatalf("%s: opened", name)
		}
		if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), "restore") {
			t.Fatalf("%s: error %q does not say what to do", name, err)
		}
		if after, _ := os.ReadFile(p.state); !bytes.Equal(after, text) {
			t.Fatalf("%s: the damaged state was overwritten", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	otherKey := make([]byte, keySize)
	rand.Read(otherKey)
	tests := []struct {
		name   string
		change func(p place) error
		want   string
	}{
		{"key missing", func(p place) error { return os.Remove(p.key) }, "put the key back"},
		{"state missing", func(p place) error { return os.Remove(p.state) }, "restore the state from a backup, or delete the key"},
		{"another key", func(p place) error {
			return os.WriteFile(p.key, []byte(hex.EncodeToString(otherKey)), 0o600)
		}, "belongs to another key"},
		{"short key", func(p place) error { return os.WriteFile(p.key, []byte("00"), 0o600) }, "expected 64 hexadecimal digits"},
		{"long key", func(p place) error {
			return os.WriteFile(p.key, bytes.Repeat([]byte("0"), 66), 0o600)
		}, "expected 64 hexadecimal digits"},
		{"empty key", func(p place) error { return os.WriteFile(p.key, nil, 0o600) }, "expected 64 hexadecimal digits"},
		{"open key", func(p place) error { return os.Chmod(p.key, 0o640) }, "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := written(t, "document")
			if err := tt.change(p); err != nil {
				t.Fatal(err)
			}
			f, _, err := Open(p.state, p.key, nil)
			if err == nil {
				f.Close()
				t.Fatal("opened")
			}
			if sconce.KindOf(err) != sconce.Conflict || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want one that says %q", err, tt.want)
			}
		})
	}
}

// A loss of power between writing the new document and putting it in place
// leaves the old one, and the next write works.
func TestKilledBetweenWriteAndRename(t *testing.T) {
	p := written(t, "old")
	f, _, err := Open(p.state, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.stage([]byte("new")); err != nil {
		t.Fatal(err)
	}
	f.Close() // as the end of the process does

	f, document, err := Open(p.state, p.key, nil)
	if err != nil || string(document) != "old" {
		t.Fatalf("opened %q, %v; want the old document", document, err)
	}
	defer f.Close()
	if err := f.Write([]byte("newer")); err != nil {
		t.Fatal(err)
	}
	if document, err := f.read(); err != nil || string(document) != "newer" {
		t.Errorf("read %q, %v", document, err)
	}
	if left, _ := filepath.Glob(p.state + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFailedWriteKeepsTheOldDocument(t *testing.T) {
	p := written(t, "old")
	f, _, err := Open(p.state, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Mkdir(p.state+".new", 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	if err := f.Write([]byte("new")); err == nil {
		t.Fatal("the write succeeded")
	}
	if err := f.Write(make([]byte, MaxSize+1)); err == nil {
		t.Fatal("a document that is too large was written")
	}
	if document, err := f.read(); err != nil || string(document) != "old" {
		t.Errorf("read %q, %v", document, err)
	}
}

func TestTwoProgramsCannotHoldTheSameState(t *testing.T) {
	p := written(t, "document")
	f, _, err := Open(p.state, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(p.state, p.key, nil); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("error %v", err)
	}
	f.Close()
	again, _, err := Open(p.state, p.key, nil)
	if err != nil {
		t.Fatalf("not opened after the first let go: %v", err)
	}
	again.Close()
}
